/* Virtual keys: their form, their hash, and the process's map to principals, named by a fingerprint so that
 * no key and no stored hash lies in it. Declared keys are a second, small
 * map that is replaced whole at a reload and asked first. The map's lock is never held across the store call; while one
 * fiber asks the store about a stale entry the others go on with what is known. */
#include "identity/apikey.h"

#include "base/map.h"
#include "base/random.h"
#include "fiber/loop.h"
#include "identity/principal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_MAX_ENTRIES  65536
#define FLUSH_MAX        128
#define GENERATED_PREFIX "weir_"
/* With the store away, a key that was good keeps working for so long. */
#define STALE_MAX_US INT64_C(300000000)

struct entry {
  const struct principal *principal; /* NULL: the store does not know the key */
  int64_t checked_us, confirmed_us;
  int64_t used_us; /* wall clock of the last use not yet written; 0: none */
};

struct apikey_identity {
  struct identity port; /* first */
  struct store *store;
  struct offload *pool;
  const struct secret *server_secret;
  pthread_mutex_t lock;
  struct map *declared; /* fingerprint -> const struct principal * */
  struct map *entries;  /* fingerprint -> struct entry * */
};

void apikey_generate(char out[APIKEY_TEXT_BYTES]) {
  uint8_t raw[32];
  random_bytes(raw, sizeof(raw));
  memcpy(out, GENERATED_PREFIX, 5);
  text_base64url(raw, sizeof(raw), out + 5);
  secret_wipe(raw, sizeof(raw));
}

enum err apikey_check_form(struct text key, struct fault *f) {
  if (key.len < APIKEY_MIN_BYTES || key.len > APIKEY_MAX_BYTES || !text_is_visible_ascii(key)) {
    return fault_set(f, ERR_UNAUTHENTICATED, NULL,
                     "the API key is malformed: a key is %d to %d visible ASCII characters", APIKEY_MIN_BYTES,
                     APIKEY_MAX_BYTES);
  }
  return ERR_OK;
}

static enum err secret_read(int fd, const char *path, struct secret **out, struct fault *f) {
  uint8_t raw[SECRET_HMAC_BYTES + 1];
  struct stat st;
  if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0) {
    return fault_set(f, ERR_CONFIG, NULL, "%s must be readable by its owner only (chmod 600)", path);
  }
  ssize_t n = read(fd, raw, sizeof(raw));
  if (n != SECRET_HMAC_BYTES) {
    return fault_set(
        f, ERR_CONFIG, NULL,
        "%s does not hold a server secret of %d bytes; restore it from a backup: without it no existing key works",
        path, SECRET_HMAC_BYTES);
  }
  *out = secret_new((struct text){(const char *)raw, SECRET_HMAC_BYTES});
  secret_wipe(raw, sizeof(raw));
  return ERR_OK;
}

/* Written to a temporary name, synced and linked, so that neither a crash nor a second process starting now leaves half
 * a secret. */
static enum err secret_create(const char *path, struct fault *f) {
  char temporary[1100];
  uint8_t raw[SECRET_HMAC_BYTES];
  snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return fault_set(f, ERR_CONFIG, NULL, "cannot create %s: %s", temporary, strerror(errno));
  random_bytes(raw, sizeof(raw));
  bool written = write(fd, raw, sizeof(raw)) == (ssize_t)sizeof(raw) && fsync(fd) == 0;
  secret_wipe(raw, sizeof(raw));
  close(fd);
  bool linked = written && (link(temporary, path) == 0 || errno == EEXIST);
  int why = errno;
  unlink(temporary);
  if (!linked)
    return fault_set(f, ERR_CONFIG, NULL, "cannot write %s: %s", path, strerror(why));
  return ERR_OK;
}

enum err apikey_load_secret(const char *data_dir, struct secret **out, struct fault *f) {
  if (!data_dir) {
    uint8_t raw[SECRET_HMAC_BYTES];
    random_bytes(raw, sizeof(raw));
    *out = secret_new((struct text){(const char *)raw, sizeof(raw)});
    secret_wipe(raw, sizeof(raw));
    return ERR_OK;
  }
  char path[1024];
  if (snprintf(path, sizeof(path), "%s/server.key", data_dir) >= (int)sizeof(path)) {
    return fault_set(f, ERR_CONFIG, "data_dir", "the path is too long");
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    enum err e = secret_create(path, f);
    if (e != ERR_OK)
      return e;
    fd = open(path, O_RDONLY | O_CLOEXEC);
  }
  if (fd < 0)
    return fault_set(f, ERR_CONFIG, NULL, "cannot read %s: %s", path, strerror(errno));
  enum err e = secret_read(fd, path, out, f);
  close(fd);
  return e;
}

struct lookup {
  struct store *store;
  uint8_t hash[SECRET_HMAC_BYTES];
  struct arena arena;
  struct store_key key;
  struct fault fault;
};

static enum err lookup_run(void *arg) {
  struct lookup *l = arg;
  return l->store->ops->key_find(l->store, l->hash, &l->arena, &l->key, &l->fault);
}

/* Asks the store, waiting; *out is NULL when it knows no such key. */
static enum err ask_store(struct apikey_identity *i, struct text key, const struct principal **out, struct fault *f) {
  struct lookup l = {.store = i->store};
  secret_hmac(i->server_secret, key, l.hash);
  arena_init(&l.arena);
  enum err e = i->pool ? offload_call(i->pool, lookup_run, &l) : lookup_run(&l);
  if (e == ERR_OK)
    *out = principal_from_stored(&l.key);
  if (e == ERR_NOT_FOUND) {
    *out = NULL;
    e = ERR_OK;
  } else if (e != ERR_OK) {
    fault_set(f, e, NULL, "the key store cannot be asked: %s", fault_text(&l.fault));
  }
  arena_done(&l.arena);
  return e;
}

static void entry_free(struct entry *e) {
  if (e)
    principal_unref(e->principal);
  free(e);
}

/* Takes the principal over. When the map is full of strangers' keys it starts afresh: only a cache is lost. */
static void remember(struct apikey_identity *i, struct text name, const struct principal *p, int64_t now_us) {
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
  e->checked_us = e->confirmed_us = now_us;
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

/* What the process knows without asking: a reference in *out when good. A stale entry counts as known for everybody but
 * the caller who finds it stale first. */
static enum known look(struct apikey_identity *i, struct text name, int64_t now_us, const struct principal **out) {
  const struct principal *p = map_get(i->declared, name);
  if (p) {
    *out = principal_ref(p);
    return KNOWN_GOOD;
  }
  struct entry *e = map_get(i->entries, name);
  if (!e)
    return KNOWN_NOT;
  if (now_us - e->checked_us > APIKEY_TRUST_US || now_us < e->checked_us) {
    e->checked_us = now_us;
    return KNOWN_NOT;
  }
  if (!e->principal)
    return KNOWN_BAD;
  e->used_us = now_us;
  *out = principal_ref(e->principal);
  return KNOWN_GOOD;
}

/* The store cannot be asked: a key confirmed not long ago still counts. */
static bool look_stale(struct apikey_identity *i, struct text name, int64_t now_us, const struct principal **out) {
  struct entry *e = map_get(i->entries, name);
  if (!e || !e->principal || now_us - e->confirmed_us > STALE_MAX_US)
    return false;
  e->used_us = now_us;
  *out = principal_ref(e->principal);
  return true;
}

static enum err resolve(struct apikey_identity *i, struct text key, int64_t now_us, const struct principal **out,
                        struct fault *f) {
  uint8_t fingerprint[SECRET_FINGERPRINT_BYTES];
  secret_fingerprint(key, fingerprint);
  struct text name = {(const char *)fingerprint, sizeof(fingerprint)};
  pthread_mutex_lock(&i->lock);
  enum known known = look(i, name, now_us, out);
  pthread_mutex_unlock(&i->lock);
  if (known == KNOWN_GOOD)
    return ERR_OK;
  if (known == KNOWN_NOT) {
    const struct principal *fresh = NULL;
    struct fault away = {0};
    enum err e = ask_store(i, key, &fresh, &away);
    pthread_mutex_lock(&i->lock);
    bool stale = e != ERR_OK && look_stale(i, name, now_us, out);
    if (e == ERR_OK) {
      if (map_count(i->entries) >= MAP_MAX_ENTRIES)
        forget_all(i);
      if (fresh)
        *out = principal_ref(fresh);
      remember(i, name, fresh, now_us);
    }
    pthread_mutex_unlock(&i->lock);
    if (stale)
      return ERR_OK;
    if (e != ERR_OK) {
      if (f)
        *f = away;
      return e;
    }
    if (fresh)
      return ERR_OK;
  }
  return fault_set(f, ERR_UNAUTHENTICATED, NULL, "this API key is not known");
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
  i->port = (struct identity){find, is_ours, principal_unref};
  i->store = store;
  i->pool = pool;
  i->server_secret = server_secret;
  pthread_mutex_init(&i->lock, NULL);
  i->declared = map_new(MAP_MAX_ENTRIES);
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
  forget_all(i);
  map_free(i->entries);
  pthread_mutex_destroy(&i->lock);
  free(i);
}

struct identity *apikey_identity_port(struct apikey_identity *i) {
  return &i->port;
}

void apikey_identity_declare(struct apikey_identity *i, const struct apikey_declared *keys, size_t count) {
  struct map *fresh = map_new(MAP_MAX_ENTRIES);
  for (size_t n = 0; n < count && n < MAP_MAX_ENTRIES; n++) {
    uint8_t fingerprint[SECRET_FINGERPRINT_BYTES];
    secret_fingerprint(keys[n].value, fingerprint);
    struct text name = {(const char *)fingerprint, sizeof(fingerprint)};
    const struct principal *p = map_get(fresh, name) ? NULL : principal_from_declared(&keys[n]);
    if (p && map_set(fresh, name, (void *)(uintptr_t)p, NULL) != ERR_OK)
      principal_unref(p);
  }
  pthread_mutex_lock(&i->lock);
  struct map *old = i->declared;
  i->declared = fresh;
  pthread_mutex_unlock(&i->lock);
  declared_free(old);
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
