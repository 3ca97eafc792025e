/* Tokens of ours. Keys are read from the store and kept for a minute, or until somebody says that they have changed;
 * the private half of the one that signs is opened once. The first key is made by the first token, so that an
 * installation that signs nothing has nothing sealed. Called by the adapters of sign-in and OAuth2, and by the job
 * `keys` through ports/oauth.h. */
#include "identity/mint.h"

#include "base/json.h"
#include "base/random.h"
#include "identity/claims.h"
#include "identity/jws.h"
#include "identity/jws_sign.h"
#include "ports/store_audit.h"
#include "ports/store_vault.h"

#include <pthread.h>
#include <stdlib.h>

#define SECOND_US  INT64_C(1000000)
#define FRESH_US   (60 * SECOND_US)
#define LOOK_US    SECOND_US /* between two looks for a key that is not known */
#define JTI_BYTES  16
#define JSON_BYTES 4096
#define JSON_DEPTH 8

static const struct audit_actor by = {TEXT("system:mint"), TEXT("mint")};

/* The keys as they were read once; replaced, never changed. */
struct key_set {
  struct arena arena;
  struct store_signing_key *at;
  size_t count;
};

struct mint {
  struct store *store;
  struct vault *vault;
  struct secret *issuer;
  pthread_mutex_t looking; /* held by who looks for a key that is not known; who waits for it finds what was read */
  pthread_mutex_t lock;    /* over what follows; not held while the store or the vault is asked */
  struct key_set *keys;    /* NULL: to be read */
  int64_t read_us, looked_us;
  struct secret *seed; /* of the key seed_id */
  int64_t seed_id;
};

static void key_set_free(struct key_set *k) {
  if (!k)
    return;
  arena_done(&k->arena);
  free(k);
}

struct text mint_issuer(const struct mint *m) {
  return secret_reveal(m->issuer);
}

static enum err read_keys(struct mint *m, int64_t now_us, struct fault *f) {
  struct key_set *fresh = calloc(1, sizeof *fresh);
  if (!fresh)
    abort();
  arena_init(&fresh->arena);
  enum err e = m->store->ops->vault->signing_list(m->store, &fresh->arena, &fresh->at, &fresh->count, f);
  if (e) {
    key_set_free(fresh);
    return e;
  }
  pthread_mutex_lock(&m->lock);
  struct key_set *old = m->keys;
  m->keys = fresh;
  m->read_us = now_us;
  pthread_mutex_unlock(&m->lock);
  key_set_free(old);
  return ERR_OK;
}

static bool is_fresh(struct mint *m, int64_t now_us) {
  pthread_mutex_lock(&m->lock);
  bool fresh = m->keys && now_us >= m->read_us && now_us - m->read_us < FRESH_US;
  pthread_mutex_unlock(&m->lock);
  return fresh;
}

static enum err need_keys(struct mint *m, int64_t now_us, struct fault *f) {
  return is_fresh(m, now_us) ? ERR_OK : read_keys(m, now_us, f);
}

/* Which one signs: the latest whose time has come; where none's has (a clock that went back), the first. */
static const struct store_signing_key *signer(const struct key_set *k, int64_t now_us) {
  const struct store_signing_key *best = NULL;
  for (size_t i = 0; k && i < k->count; i++) {
    const struct store_signing_key *one = &k->at[i];
    bool due = one->signs_us <= now_us, best_due = best && best->signs_us <= now_us;
    if (!best || (due && (!best_due || one->signs_us >= best->signs_us)))
      best = one;
  }
  return best;
}

static struct vault_place place_of(const struct store_signing_key *k) {
  return (struct vault_place){"weir_signing_keys", "sealed", 0, k->id, k->version};
}

/* A key with the next id, which signs from signs_us on. Somebody else may make it first, which is as good. */
static enum err make_key(struct mint *m, int64_t id, int64_t now_us, int64_t signs_us, struct fault *f) {
  struct store_signing_key k = {.id = id, .version = 1, .created_us = now_us, .signs_us = signs_us};
  uint8_t seed[JWS_SEED_BYTES];
  char kid[JWS_THUMBPRINT_BYTES];
  struct buf sealed;
  jws_make_key(seed, k.public_key);
  jws_thumbprint(k.public_key, kid);
  k.kid = (struct text){kid, sizeof kid};
  buf_init(&sealed, VAULT_SEALED_MAX);
  struct vault_place place = place_of(&k);
  enum err e = m->vault->seal(m->vault, &place, (struct text){(const char *)seed, sizeof seed}, &sealed, f);
  secret_wipe(seed, sizeof seed);
  k.sealed = buf_text(&sealed);
  if (!e)
    e = m->store->ops->vault->signing_add(m->store, &k, &by, f);
  buf_done(&sealed);
  return !e || e == ERR_STORE_CONFLICT ? read_keys(m, now_us, f) : e;
}

static bool has_keys(struct mint *m) {
  pthread_mutex_lock(&m->lock);
  bool has = m->keys && m->keys->count > 0;
  pthread_mutex_unlock(&m->lock);
  return has;
}

/* What is needed of the key that signs now, copied, so that the set may be replaced meanwhile. */
struct signing {
  struct arena arena;
  struct store_signing_key key;
  uint8_t seed[JWS_SEED_BYTES];
};

static bool take_signer(struct mint *m, int64_t now_us, struct signing *out) {
  pthread_mutex_lock(&m->lock);
  const struct store_signing_key *k = signer(m->keys, now_us);
  bool open = k && m->seed && m->seed_id == k->id;
  if (k) {
    out->key = *k;
    out->key.kid = arena_copy(&out->arena, k->kid);
    out->key.sealed = arena_copy(&out->arena, k->sealed);
  }
  if (open)
    memcpy(out->seed, secret_reveal(m->seed).at, sizeof out->seed);
  pthread_mutex_unlock(&m->lock);
  return open;
}

static enum err open_signer(struct mint *m, struct signing *s, struct fault *f) {
  struct vault_place place = place_of(&s->key);
  struct secret *seed = NULL;
  enum err e = m->vault->open(m->vault, &place, s->key.sealed, &seed, f);
  if (e)
    return e;
  uint8_t public_key[JWS_PUBLIC_BYTES] = {0};
  if (secret_reveal(seed).len == JWS_SEED_BYTES)
    jws_public_of((const uint8_t *)secret_reveal(seed).at, public_key);
  if (memcmp(public_key, s->key.public_key, sizeof public_key) != 0) {
    secret_free(seed);
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "the two halves of signing key %lld do not belong together",
                     (long long)s->key.id);
  }
  memcpy(s->seed, secret_reveal(seed).at, sizeof s->seed);
  pthread_mutex_lock(&m->lock);
  secret_free(m->seed);
  m->seed = seed;
  m->seed_id = s->key.id;
  pthread_mutex_unlock(&m->lock);
  return ERR_OK;
}

static enum err find_signer(struct mint *m, int64_t now_us, struct signing *out, struct fault *f) {
  enum err e = need_keys(m, now_us, f);
  if (!e && !has_keys(m))
    e = make_key(m, 1, now_us, now_us, f);
  if (!e && !has_keys(m))
    e = fault_set(f, ERR_UNAVAILABLE, NULL, "there is no key to sign tokens with");
  if (e || take_signer(m, now_us, out))
    return e;
  return open_signer(m, out, f);
}

static void write_claims(const struct mint *m, const struct mint_claims *c, int64_t now_us, struct buf *out) {
  uint8_t random[JTI_BYTES];
  char jti[(JTI_BYTES * 4 + 2) / 3];
  struct json_writer w;
  random_bytes(random, sizeof random);
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "iss", mint_issuer(m));
  json_field_text(&w, "aud", mint_issuer(m));
  json_field_text(&w, "sub", c->subject);
  json_field_text(&w, "client_id", c->subject);
  json_field_i64(&w, "iat", now_us / SECOND_US);
  json_field_i64(&w, "nbf", now_us / SECOND_US);
  json_field_i64(&w, "exp", c->expires_us / SECOND_US);
  json_field_text(&w, "jti", (struct text){jti, text_base64url(random, sizeof random, jti)});
  json_field_i64(&w, "org", c->org_id);
  if (c->session_id)
    json_field_i64(&w, "sid", c->session_id);
  if (c->scope.len > 0)
    json_field_text(&w, "scope", c->scope);
  json_object_end(&w);
}

static enum err write_token(const struct mint *m, const struct signing *s, const struct mint_claims *c, int64_t now_us,
                            struct buf *out, struct fault *f) {
  struct buf claims;
  char header[128];
  buf_init(&claims, JSON_BYTES);
  snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%.*s\"}", TEXT_ARGS(s->key.kid));
  write_claims(m, c, now_us, &claims);
  enum err e = buf_check(&claims);
  if (!e) {
    jws_sign(s->seed, text_of(header), buf_text(&claims), out);
    e = buf_check(out);
  }
  buf_done(&claims);
  return e ? fault_set(f, ERR_LIMIT, NULL, "the token would be too long") : ERR_OK;
}

enum err mint_sign(struct mint *m, const struct mint_claims *c, int64_t now_us, struct buf *out, struct fault *f) {
  struct signing s = {0};
  if (c->expires_us - now_us > MINT_LIFE_MAX_US)
    return fault_set(f, ERR_LIMIT, NULL, "a token lives for a day at most");
  arena_init(&s.arena);
  enum err e = find_signer(m, now_us, &s, f);
  if (!e)
    e = write_token(m, &s, c, now_us, out, f);
  arena_done(&s.arena);
  secret_wipe(s.seed, sizeof s.seed);
  return e;
}

bool mint_is_ours(const struct mint *m, struct text token) {
  struct text issuer;
  struct arena a;
  struct jws t;
  arena_init(&a);
  bool ours = jws_has_form(token) && jws_read(token, &a, &t, NULL) == ERR_OK &&
              claims_read_issuer(t.payload, &a, &issuer) && text_equal(issuer, mint_issuer(m));
  arena_done(&a);
  return ours;
}

static bool copy_key(struct mint *m, struct text kid, uint8_t out[JWS_PUBLIC_BYTES]) {
  bool found = false;
  pthread_mutex_lock(&m->lock);
  for (size_t i = 0; m->keys && i < m->keys->count && !found; i++) {
    found = text_equal(m->keys->at[i].kid, kid);
    if (found)
      memcpy(out, m->keys->at[i].public_key, JWS_PUBLIC_BYTES);
  }
  pthread_mutex_unlock(&m->lock);
  return found;
}

/* Strangers make up ids of keys for nothing: the store is asked for them once a second, whatever comes. */
static bool may_look(struct mint *m, int64_t now_us) {
  pthread_mutex_lock(&m->lock);
  bool may = !m->keys || now_us < m->looked_us || now_us - m->looked_us >= LOOK_US;
  if (may)
    m->looked_us = now_us;
  pthread_mutex_unlock(&m->lock);
  return may;
}

static enum err find_key(struct mint *m, struct text kid, int64_t now_us, uint8_t out[JWS_PUBLIC_BYTES],
                         struct fault *f) {
  if (copy_key(m, kid, out))
    return ERR_OK;
  pthread_mutex_lock(&m->looking);
  enum err e = !copy_key(m, kid, out) && may_look(m, now_us) ? read_keys(m, now_us, f) : ERR_OK;
  pthread_mutex_unlock(&m->looking);
  if (e)
    return e;
  return copy_key(m, kid, out) ? ERR_OK : fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token's key is not one of ours");
}

static bool read_id(yyjson_val *root, const char *name, int64_t *out) {
  yyjson_val *v = json_get(root, name);
  uint64_t n = 0;
  if (v && (!json_get_u64(root, name, &n) || n > INT64_MAX))
    return false;
  *out = (int64_t)n;
  return true;
}

/* The claims that are ours alone. */
static bool read_more(struct text payload, struct arena *a, struct mint_claims *out) {
  const struct json_limits limits = {.max_depth = JSON_DEPTH};
  struct json j;
  if (json_read(payload, &limits, &j, NULL) != ERR_OK)
    return false;
  yyjson_val *scope = json_get(j.root, "scope");
  bool good = read_id(j.root, "org", &out->org_id) && read_id(j.root, "sid", &out->session_id) &&
              (!scope || yyjson_is_str(scope));
  if (good)
    out->scope = arena_copy(a, json_text(scope));
  json_done(&j);
  return good;
}

static enum err read_claims(const struct mint *m, const struct jws *t, int64_t now_us, struct arena *a,
                            struct mint_claims *out, struct fault *f) {
  const struct text audience = mint_issuer(m);
  const struct claims_rule rule = {
      .issuer = audience, .audiences = &audience, .audience_count = 1, .leeway_s = MINT_LEEWAY_S};
  struct mint_claims ours = {0};
  struct claims c;
  enum err e = claims_read(t->payload, &rule, now_us, a, &c, f);
  if (e)
    return e;
  if (!read_more(t->payload, a, &ours))
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token's claims are not those of ours");
  ours.subject = c.subject;
  ours.expires_us = c.expires_us - MINT_LEEWAY_S * SECOND_US;
  *out = ours;
  return ERR_OK;
}

enum err mint_check(struct mint *m, struct text token, int64_t now_us, struct arena *a, struct mint_claims *out,
                    struct fault *f) {
  uint8_t public_key[JWS_PUBLIC_BYTES];
  struct jws t;
  enum err e = jws_read(token, a, &t, f);
  if (e)
    return e;
  if (t.algorithm != JWS_EDDSA || t.key_id.len == 0)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token is not signed as ours are");
  e = find_key(m, t.key_id, now_us, public_key, f);
  if (e)
    return e;
  if (!jws_is_signed(public_key, t.input, t.signature))
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token has a signature that our key did not make");
  return read_claims(m, &t, now_us, a, out, f);
}

enum err mint_write_jwks(struct mint *m, int64_t now_us, struct buf *out, struct fault *f) {
  struct json_writer w;
  enum err e = need_keys(m, now_us, f);
  if (e)
    return e;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "keys");
  json_array(&w);
  pthread_mutex_lock(&m->lock);
  for (size_t i = 0; m->keys && i < m->keys->count; i++)
    jws_write_public(&w, m->keys->at[i].public_key, m->keys->at[i].kid);
  pthread_mutex_unlock(&m->lock);
  json_array_end(&w);
  json_object_end(&w);
  return buf_check(out) == ERR_OK ? ERR_OK : fault_set(f, ERR_LIMIT, NULL, "there are too many keys to be shown");
}

/* A key is done with when one after it has signed for longer than any token of the former may live. */
static enum err remove_old(struct mint *m, const struct key_set *k, int64_t now_us, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < k->count && !e; i++) {
    int64_t end_us = INT64_MAX;
    for (size_t n = 0; n < k->count; n++) {
      if (k->at[n].id > k->at[i].id && k->at[n].signs_us < end_us)
        end_us = k->at[n].signs_us;
    }
    if (end_us <= now_us - MINT_LIFE_MAX_US - 2 * MINT_LEEWAY_S * SECOND_US)
      e = m->store->ops->vault->signing_remove(m->store, k->at[i].id, &by, f);
    e = e == ERR_NOT_FOUND ? ERR_OK : e;
  }
  return e;
}

enum err mint_rotate(struct mint *m, int64_t now_us, struct fault *f) {
  struct key_set k = {0};
  arena_init(&k.arena);
  enum err e = m->store->ops->vault->signing_list(m->store, &k.arena, &k.at, &k.count, f);
  const struct store_signing_key *newest = !e && k.count > 0 ? &k.at[k.count - 1] : NULL;
  if (newest && now_us - newest->signs_us >= MINT_KEY_AGE_US)
    e = make_key(m, newest->id + 1, now_us, now_us + MINT_PUBLISH_US, f);
  if (newest && !e)
    e = remove_old(m, &k, now_us, f);
  arena_done(&k.arena);
  if (!e)
    mint_forget(m);
  return e;
}

void mint_forget(struct mint *m) {
  pthread_mutex_lock(&m->lock);
  struct key_set *old = m->keys;
  m->keys = NULL;
  m->looked_us = 0;
  pthread_mutex_unlock(&m->lock);
  key_set_free(old);
}

struct mint *mint_new(struct store *store, struct vault *vault, struct text issuer) {
  struct mint *m = calloc(1, sizeof *m);
  if (!m)
    abort();
  m->store = store;
  m->vault = vault;
  m->issuer = secret_new(issuer);
  pthread_mutex_init(&m->looking, NULL);
  pthread_mutex_init(&m->lock, NULL);
  return m;
}

void mint_free(struct mint *m) {
  if (!m)
    return;
  key_set_free(m->keys);
  secret_free(m->seed);
  secret_free(m->issuer);
  pthread_mutex_destroy(&m->looking);
  pthread_mutex_destroy(&m->lock);
  free(m);
}
