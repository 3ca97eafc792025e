/* Virtual keys: their form, their hash, and the process's map to principals, named by a fingerprint so that
 * no key and no stored hash lies in it. Declared keys are a second, small
 * map that is replaced whole at a reload and asked first. The map's lock is never held across the store call; while one
 * fiber asks the store about a stale entry the others go on with what is known. */
#include "identity/apikey.h"

#include "base/random.h"
#include "fiber/loop.h"
#include "identity/inner.h"
#include "identity/principal.h"

#include <stdlib.h>

#define MAP_MAX_ENTRIES  65536
#define PAIR_MARK        "\x01" /* before a pair's id in a fingerprint: no key begins with it */
#define FLUSH_MAX        128
#define GENERATED_PREFIX "weir_"
/* With the store away, a key that was good keeps working for so long. */
#define STALE_MAX_US INT64_C(300000000)
/* For a key that is served all the same, a store that did not answer is asked again after so long. */
#define AWAY_US INT64_C(500000)

struct entry {
  const struct principal *principal; /* NULL: the store does not know the key */
  int64_t checked_us, confirmed_us;
  bool is_forgotten;                     /* not to be gone by until the store has been asked again */
  int64_t used_us;                       /* wall clock of the last use not yet written; 0: none */
  char secret[APIKEY_PAIR_SECRET_BYTES]; /* of an entry for a pair's id */
};

void apikey_generate(char out[APIKEY_TEXT_BYTES]) {
  uint8_t raw[32];
  random_bytes(raw, sizeof(raw));
  memcpy(out, GENERATED_PREFIX, 5);
  text_base64url(raw, sizeof(raw), out + 5);
  secret_wipe(raw, sizeof(raw));
}

void apikey_pair(const struct secret *server_secret, const uint8_t hash[STORE_HASH_BYTES],
                 char id[APIKEY_PAIR_ID_BYTES], char secret[APIKEY_PAIR_SECRET_BYTES]) {
  static const char digits[] = "0123456789ABCDEF", purpose[] = "aws-secret";
  const size_t prefix = sizeof(APIKEY_PAIR_PREFIX) - 1;
  char message[sizeof(purpose) - 1 + STORE_HASH_BYTES];
  uint8_t derived[SECRET_HMAC_BYTES];
  memcpy(id, APIKEY_PAIR_PREFIX, prefix);
  for (size_t i = 0; i < STORE_ACCESS_BYTES; i++) {
    id[prefix + 2 * i] = digits[hash[i] >> 4];
    id[prefix + 2 * i + 1] = digits[hash[i] & 15];
  }
  memcpy(message, purpose, sizeof(purpose) - 1);
  memcpy(message + sizeof(purpose) - 1, hash, STORE_HASH_BYTES);
  secret_hmac(server_secret, (struct text){message, sizeof(message)}, derived);
  text_base64url(derived, sizeof(derived), secret);
  secret_wipe(derived, sizeof(derived));
}

enum err apikey_check_form(struct text key, struct fault *f) {
  if (key.len < APIKEY_MIN_BYTES || key.len > APIKEY_MAX_BYTES || !text_is_visible_ascii(key)) {
    return fault_set(f, ERR_UNAUTHENTICATED, NULL,
                     "the API key is malformed: a key is %d to %d visible ASCII characters", APIKEY_MIN_BYTES,
                     APIKEY_MAX_BYTES);
  }
  return ERR_OK;
}

struct lookup {
  struct apikey_identity *identity;
  uint8_t hash[SECRET_HMAC_BYTES]; /* its beginning only, for a pair's id */
  bool is_pair_id, is_probe, was_spared;
  struct arena arena;
  struct store_key key;
  struct fault fault;
};

static enum err lookup_run(void *arg) {
  struct lookup *l = arg;
  struct store *store = l->identity->store;
  pthread_mutex_lock(&l->identity->lock);
  l->was_spared = l->identity->is_away && !l->is_probe; /* it may have waited in the pool's queue meanwhile */
  pthread_mutex_unlock(&l->identity->lock);
  if (l->was_spared)
    return fault_set(&l->fault, ERR_STORE, NULL, "the store did not answer just now");
  return l->is_pair_id ? store->ops->key_find_by_access_id(store, l->hash, &l->arena, &l->key, &l->fault)
                       : store->ops->key_find(store, l->hash, &l->arena, &l->key, &l->fault);
}

static bool outlives_store(const struct entry *e, int64_t now_us) {
  return e->principal && !e->is_forgotten && now_us - e->confirmed_us <= STALE_MAX_US;
}

/* Whether this caller is to ask. While the store is away one at a time does: from time to time for a key that is served
 * all the same, at once for one of which nobody can tell. */
static bool may_ask(struct apikey_identity *i, struct text name, int64_t now_us, bool *out_is_probe) {
  pthread_mutex_lock(&i->lock);
  const struct entry *e = map_get(i->entries, name);
  bool just_failed = now_us - i->away_us < AWAY_US && i->away_us - now_us < AWAY_US;
  bool may = !i->is_away || (!i->is_probing && !(just_failed && e && outlives_store(e, now_us)));
  *out_is_probe = i->is_away && may;
  i->is_probing |= *out_is_probe;
  pthread_mutex_unlock(&i->lock);
  return may;
}

static bool is_the_stores(enum err e) {
  return e == ERR_STORE || e == ERR_STORE_BUSY || e == ERR_STORE_FULL || e == ERR_STORE_CORRUPT;
}

static void note_answer(const struct lookup *l, enum err e, int64_t now_us) {
  struct apikey_identity *i = l->identity;
  pthread_mutex_lock(&i->lock);
  if (l->is_probe)
    i->is_probing = false;
  if (e == ERR_OK || e == ERR_NOT_FOUND)
    i->is_away = false;
  if (is_the_stores(e) && !l->was_spared) {
    i->is_away = true;
    i->away_us = now_us;
  }
  pthread_mutex_unlock(&i->lock);
}

/* Asks the store, waiting; the principal is NULL when it knows no such key. */
static enum err ask_store(struct apikey_identity *i, struct apikey_question q, struct text name, int64_t now_us,
                          struct apikey_answer *out, struct fault *f) {
  struct lookup l = {.identity = i, .is_pair_id = q.is_pair_id};
  char id[APIKEY_PAIR_ID_BYTES];
  int64_t began_us = loop_clock_us();
  if (!may_ask(i, name, now_us, &l.is_probe))
    return fault_set(f, ERR_STORE, NULL, "the key store cannot be asked: it did not answer just now");
  if (q.is_pair_id)
    (void)signed_read_pair_id(q.text, l.hash);
  else
    secret_hmac(i->server_secret, q.text, l.hash);
  arena_init(&l.arena);
  enum err e = i->pool ? offload_call(i->pool, lookup_run, &l) : lookup_run(&l);
  note_answer(&l, e, now_us + loop_clock_us() - began_us);
  if (e == ERR_OK) {
    out->principal = principal_from_stored(&l.key);
    apikey_pair(i->server_secret, l.key.hash, id, out->secret);
  } else if (e == ERR_NOT_FOUND) {
    out->principal = NULL;
    e = ERR_OK;
  } else {
    fault_set(f, e, NULL, "the key store cannot be asked: %s", fault_text(&l.fault));
  }
  arena_done(&l.arena);
  return e;
}

static void entry_free(struct entry *e) {
  if (e) {
    principal_unref(e->principal);
    secret_wipe(e->secret, sizeof(e->secret));
  }
  free(e);
}

/* Takes the principal over. When the map is full of strangers' keys it starts afresh: only a cache is lost. */
static void remember(struct apikey_identity *i, struct text name, const struct apikey_answer *fresh, bool is_pair_id,
                     int64_t now_us) {
  const struct principal *p = fresh->principal;
  struct entry *e = map_get(i->entries, name);
  if (!e) {
    e = calloc(1, sizeof(*e));
    if (!e)
      abort();
    if (map_set(i->entries, name, e, NULL) != ERR_OK) {
      entry_free(e);
      principal_unref(p);
      return;
    }
  }
  principal_unref(e->principal);
  e->principal = p;
  if (p)
    e->used_us = now_us;
  if (p && is_pair_id)
    memcpy(e->secret, fresh->secret, sizeof(e->secret));
  e->checked_us = e->confirmed_us = now_us;
  e->is_forgotten = false;
}

static void forget_all(struct apikey_identity *i) {
  size_t cursor = 0;
  struct text key;
  void *value;
  while (map_next(i->entries, &cursor, &key, &value))
    entry_free(value);
  map_free(i->entries);
  i->entries = map_new(MAP_MAX_ENTRIES);
}

enum known { KNOWN_GOOD, KNOWN_BAD, KNOWN_NOT };

static void take(struct entry *e, int64_t now_us, struct apikey_answer *out) {
  e->used_us = now_us;
  out->principal = principal_ref(e->principal);
  memcpy(out->secret, e->secret, sizeof(out->secret));
}

/* What the process knows without asking: a reference in *out when good. A stale entry of a good key counts as known for
 * everybody but the caller who finds it stale first; that there is no such key is not said on stale grounds. */
static enum known look(struct apikey_identity *i, struct text name, int64_t now_us, struct apikey_answer *out) {
  const struct principal *p = map_get(i->declared, name);
  if (p) {
    out->principal = principal_ref(p);
    return KNOWN_GOOD;
  }
  struct entry *e = map_get(i->entries, name);
  if (!e || e->is_forgotten)
    return KNOWN_NOT;
  int64_t trusted_us = e->principal ? e->checked_us : e->confirmed_us;
  if (now_us - trusted_us > APIKEY_TRUST_US || now_us < trusted_us) {
    e->checked_us = now_us;
    return KNOWN_NOT;
  }
  if (!e->principal)
    return KNOWN_BAD;
  take(e, now_us, out);
  return KNOWN_GOOD;
}

/* The store cannot be asked: a key confirmed not long ago still counts. */
static bool look_stale(struct apikey_identity *i, struct text name, int64_t now_us, struct apikey_answer *out) {
  struct entry *e = map_get(i->entries, name);
  if (!e || !outlives_store(e, now_us))
    return false;
  take(e, now_us, out);
  return true;
}

bool apikey_identity_can_serve(struct apikey_identity *i, int64_t now_us) {
  size_t cursor = 0;
  struct text key;
  void *value;
  pthread_mutex_lock(&i->lock);
  bool can = map_count(i->declared) > 0;
  while (!can && map_next(i->entries, &cursor, &key, &value))
    can = outlives_store(value, now_us);
  pthread_mutex_unlock(&i->lock);
  return can;
}

static void fingerprint_of(struct apikey_question q, uint8_t out[SECRET_FINGERPRINT_BYTES]) {
  char marked[1 + APIKEY_PAIR_ID_BYTES] = PAIR_MARK;
  if (!q.is_pair_id) {
    secret_fingerprint(q.text, out);
    return;
  }
  memcpy(marked + 1, q.text.at, APIKEY_PAIR_ID_BYTES);
  secret_fingerprint((struct text){marked, sizeof(marked)}, out);
}

/* The store's answer, which the map remembers; with the store away, what it said not long ago. */
static enum err resolve_in_store(struct apikey_identity *i, struct apikey_question q, struct text name, int64_t now_us,
                                 struct apikey_answer *out, struct fault *f) {
  struct apikey_answer fresh = {0};
  struct fault away = {0};
  pthread_mutex_lock(&i->lock);
  uint64_t forgotten = i->forgotten;
  pthread_mutex_unlock(&i->lock);
  enum err e = ask_store(i, q, name, now_us, &fresh, &away);
  pthread_mutex_lock(&i->lock);
  bool stale = e != ERR_OK && look_stale(i, name, now_us, out);
  if (e == ERR_OK) {
    if (map_count(i->entries) >= MAP_MAX_ENTRIES)
      forget_all(i);
    *out = fresh;
    if (fresh.principal)
      out->principal = principal_ref(fresh.principal);
    if (i->forgotten == forgotten)
      remember(i, name, &fresh, q.is_pair_id, now_us);
    else
      principal_unref(fresh.principal);
  }
  pthread_mutex_unlock(&i->lock);
  secret_wipe(fresh.secret, sizeof(fresh.secret));
  if (e != ERR_OK && !stale) {
    if (f)
      *f = away;
    return e;
  }
  return ERR_OK;
}

enum err apikey_resolve(struct apikey_identity *i, struct apikey_question q, int64_t now_us, struct apikey_answer *out,
                        struct fault *f) {
  uint8_t fingerprint[SECRET_FINGERPRINT_BYTES];
  struct apikey_answer answer = {0};
  enum err e = ERR_OK;
  fingerprint_of(q, fingerprint);
  struct text name = {(const char *)fingerprint, sizeof(fingerprint)};
  pthread_mutex_lock(&i->lock);
  enum known known = look(i, name, now_us, &answer);
  pthread_mutex_unlock(&i->lock);
  if (known == KNOWN_NOT)
    e = resolve_in_store(i, q, name, now_us, &answer, f);
  if (e != ERR_OK)
    return e;
  if (!answer.principal)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "this API key is not known");
  *out = answer;
  return ERR_OK;
}

static enum err resolve(struct apikey_identity *i, struct text key, int64_t now_us, const struct principal **out,
                        struct fault *f) {
  struct apikey_answer answer;
  enum err e = apikey_resolve(i, (struct apikey_question){.text = key}, now_us, &answer, f);
  if (e == ERR_OK)
    *out = answer.principal;
  return e;
}

static enum err find(struct identity *self, struct text key, int64_t now_us, const struct principal **out,
                     struct fault *f) {
  struct apikey_identity *i = (struct apikey_identity *)self;
  const struct principal *p = NULL;
  enum err e = apikey_check_form(key, f);
  if (e == ERR_OK)
    e = resolve(i, key, now_us, &p, f);
  if (e != ERR_OK)
    return e;
  e = principal_check(p, now_us, f);
  if (e != ERR_OK) {
    principal_unref(p);
    return e;
  }
  *out = p;
  return ERR_OK;
}

static bool is_ours(struct identity *self, struct text key) {
  struct apikey_identity *i = (struct apikey_identity *)self;
  const struct principal *p = NULL;
  /* Also one that is forgotten, or that the store cannot be asked about now. */
  if (text_starts(key, TEXT(GENERATED_PREFIX)))
    return true;
  if (apikey_check_form(key, NULL) != ERR_OK)
    return false;
  if (resolve(i, key, loop_wall_us(), &p, NULL) != ERR_OK)
    return false;
  principal_unref(p);
  return true;
}

struct apikey_identity *apikey_identity_new(struct store *store, struct offload *pool,
                                            const struct secret *server_secret) {
  struct apikey_identity *i = calloc(1, sizeof(*i));
  if (!i)
    abort();
  i->port = (struct identity){find, is_ours, principal_unref, signed_find};
  i->store = store;
  i->pool = pool;
  i->server_secret = server_secret;
  pthread_mutex_init(&i->lock, NULL);
  i->declared = map_new(MAP_MAX_ENTRIES);
  i->pairs = signed_pairs_new(NULL, 0);
  i->entries = map_new(MAP_MAX_ENTRIES);
  return i;
}

static void declared_free(struct map *declared) {
  size_t cursor = 0;
  struct text key;
  void *value;
  while (map_next(declared, &cursor, &key, &value))
    principal_unref(value);
  map_free(declared);
}

void apikey_identity_free(struct apikey_identity *i) {
  if (!i)
    return;
  declared_free(i->declared);
  signed_pairs_free(i->pairs);
  forget_all(i);
  map_free(i->entries);
  pthread_mutex_destroy(&i->lock);
  free(i);
}

struct identity *apikey_identity_port(struct apikey_identity *i) {
  return &i->port;
}

void apikey_identity_declare(struct apikey_identity *i, const struct apikey_declared *keys, size_t count) {
  struct map *fresh = map_new(MAP_MAX_ENTRIES), *fresh_pairs = signed_pairs_new(keys, count);
  for (size_t n = 0; n < count && n < MAP_MAX_ENTRIES; n++) {
    uint8_t fingerprint[SECRET_FINGERPRINT_BYTES];
    secret_fingerprint(keys[n].value, fingerprint);
    struct text name = {(const char *)fingerprint, sizeof(fingerprint)};
    const struct principal *p = map_get(fresh, name) ? NULL : principal_from_declared(&keys[n]);
    if (p && map_set(fresh, name, (void *)(uintptr_t)p, NULL) != ERR_OK)
      principal_unref(p);
  }
  pthread_mutex_lock(&i->lock);
  struct map *old = i->declared, *old_pairs = i->pairs;
  i->declared = fresh;
  i->pairs = fresh_pairs;
  pthread_mutex_unlock(&i->lock);
  declared_free(old);
  signed_pairs_free(old_pairs);
}

/* An entry of no principal may be of any key. Entries stay, for the uses noted in them, but nobody goes by them any
 * more, not even when the store cannot be asked. */
void apikey_identity_forget(struct apikey_identity *i, int64_t key_id) {
  size_t cursor = 0;
  struct text key;
  void *value;
  pthread_mutex_lock(&i->lock);
  i->forgotten++;
  while (map_next(i->entries, &cursor, &key, &value)) {
    struct entry *e = value;
    if (key_id == 0 || !e->principal || e->principal->id == key_id)
      e->is_forgotten = true;
  }
  pthread_mutex_unlock(&i->lock);
}

/* Takes uses out of the map, at most FLUSH_MAX. */
static size_t take_uses(struct apikey_identity *i, int64_t *ids, int64_t *used) {
  size_t count = 0, cursor = 0;
  struct text key;
  void *value;
  pthread_mutex_lock(&i->lock);
  while (count < FLUSH_MAX && map_next(i->entries, &cursor, &key, &value)) {
    struct entry *e = value;
    if (!e->principal || e->used_us == 0)
      continue;
    ids[count] = e->principal->id;
    used[count++] = e->used_us;
    e->used_us = 0;
  }
  pthread_mutex_unlock(&i->lock);
  return count;
}

/* The store did not take them: they wait for the next time, unless a later use waits already. */
static void put_back_uses(struct apikey_identity *i, const int64_t *ids, const int64_t *used, size_t count) {
  size_t cursor = 0;
  struct text key;
  void *value;
  pthread_mutex_lock(&i->lock);
  while (map_next(i->entries, &cursor, &key, &value)) {
    struct entry *e = value;
    for (size_t n = 0; n < count && e->principal && e->used_us == 0; n++) {
      if (ids[n] == e->principal->id)
        e->used_us = used[n];
    }
  }
  pthread_mutex_unlock(&i->lock);
}

enum err apikey_identity_flush(struct apikey_identity *i, struct fault *f) {
  int64_t ids[FLUSH_MAX], used[FLUSH_MAX];
  enum err e = ERR_OK;
  size_t count = FLUSH_MAX;
  for (size_t round = 0; count == FLUSH_MAX && e == ERR_OK && round < MAP_MAX_ENTRIES / FLUSH_MAX; round++) {
    count = take_uses(i, ids, used);
    if (count > 0)
      e = i->store->ops->key_touch(i->store, ids, used, count, f);
  }
  if (e != ERR_OK)
    put_back_uses(i, ids, used, count);
  return e;
}
