/* Tokens to principals: is it a token of one of ours, is it remembered, else the signature, then the claims. A snapshot
 * of the issuers is held by reference while a call waits for keys, so that a reload need not wait for it. */
#include "identity/token.h"

#include "base/map.h"
#include "identity/principal.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

#define REMEMBERED_MAX 65536
#define NAME_MAX_BYTES 512

struct known_issuer {
  struct token_issuer t; /* texts in the snapshot's arena */
  struct issuer *keys;
};

struct issuers {
  atomic_int refs;
  struct arena arena;
  struct known_issuer *at;
  size_t count;
};

struct remembered {
  const struct principal *principal;
};

struct token_identity {
  struct identity port; /* first */
  struct identity *keys;
  struct offload *pool;
  pthread_mutex_t lock;
  struct issuers *issuers;
  struct map *remembered;     /* SHA-256 of a token -> struct remembered * */
  atomic_size_t issuer_count; /* so that without issuers nothing is locked */
};

static void issuers_unref(struct issuers *s) {
  if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < s->count; i++)
    issuer_unref(s->at[i].keys);
  arena_done(&s->arena);
  free(s);
}

static struct issuers *issuers_of(struct token_identity *t) {
  pthread_mutex_lock(&t->lock);
  struct issuers *s = t->issuers;
  atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
  pthread_mutex_unlock(&t->lock);
  return s;
}

static const struct text *copy_list(struct arena *a, const struct text *list, size_t count) {
  struct text *copy = arena_alloc(a, (count ? count : 1) * sizeof(*copy));
  for (size_t i = 0; i < count; i++)
    copy[i] = arena_copy(a, list[i]);
  return copy;
}

static void copy_issuer(struct arena *a, const struct token_issuer *from, struct token_issuer *to) {
  *to = *from;
  to->name = arena_copy(a, from->name);
  to->rule.issuer = arena_copy(a, from->keys.issuer);
  to->rule.audiences = copy_list(a, from->rule.audiences, from->rule.audience_count);
  to->rule.scopes = copy_list(a, from->rule.scopes, from->rule.scope_count);
  to->rule.user_claim = arena_copy(a, from->rule.user_claim);
  to->limits.models = copy_list(a, from->limits.models, from->limits.model_count);
  to->limits.workspace = arena_copy(a, from->limits.workspace);
  to->limits.policy = arena_copy(a, from->limits.policy);
  to->role = arena_copy(a, from->role);
}

/* With the keys of those in old that are the same. */
static struct issuers *issuers_new(const struct token_issuer *list, size_t count, const struct issuers *old) {
  struct issuers *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  atomic_init(&s->refs, 1);
  arena_init(&s->arena);
  s->at = arena_zalloc(&s->arena, (count + 1) * sizeof(*s->at));
  s->count = count;
  for (size_t i = 0; i < count; i++) {
    copy_issuer(&s->arena, &list[i], &s->at[i].t);
    for (size_t k = 0; old && k < old->count && !s->at[i].keys; k++) {
      if (issuer_is(old->at[k].keys, &list[i].keys))
        s->at[i].keys = issuer_ref(old->at[k].keys);
    }
    if (!s->at[i].keys)
      s->at[i].keys = issuer_new(&list[i].keys);
  }
  return s;
}

static void forget_all(struct map *remembered) {
  size_t cursor = 0;
  struct text hash;
  void *value;
  while (map_next(remembered, &cursor, &hash, &value)) {
    struct remembered *r = value;
    principal_unref(r->principal);
    free(r);
  }
  map_free(remembered);
}

void token_identity_declare(struct token_identity *t, const struct token_issuer *issuers, size_t count) {
  struct map *fresh = map_new(REMEMBERED_MAX);
  pthread_mutex_lock(&t->lock);
  struct issuers *old = t->issuers;
  struct map *old_remembered = t->remembered;
  t->issuers = issuers_new(issuers, count, old);
  t->remembered = fresh;
  atomic_store(&t->issuer_count, count);
  pthread_mutex_unlock(&t->lock);
  issuers_unref(old);
  forget_all(old_remembered);
}

static bool recall(struct token_identity *t, struct text hash, int64_t now_us, const struct principal **out) {
  pthread_mutex_lock(&t->lock);
  const struct remembered *r = map_get(t->remembered, hash);
  bool is_good = r && now_us < r->principal->expires_us;
  if (is_good)
    *out = principal_ref(r->principal);
  pthread_mutex_unlock(&t->lock);
  return is_good;
}

/* Only if the issuers it was found right by are still in force. When the map is full it starts afresh: only a cache is
 * lost. */
static void remember(struct token_identity *t, const struct issuers *by, struct text hash, const struct principal *p) {
  struct remembered *r = calloc(1, sizeof(*r));
  struct map *full = NULL;
  void *old = NULL;
  if (!r)
    abort();
  r->principal = principal_ref(p);
  pthread_mutex_lock(&t->lock);
  if (map_count(t->remembered) >= REMEMBERED_MAX) {
    full = t->remembered;
    t->remembered = map_new(REMEMBERED_MAX);
  }
  bool kept = t->issuers == by && map_set(t->remembered, hash, r, &old) == ERR_OK;
  pthread_mutex_unlock(&t->lock);
  if (full)
    forget_all(full);
  r = kept ? old : r;
  if (r)
    principal_unref(r->principal);
  free(r);
}

static const struct principal *principal_of(const struct known_issuer *i, const struct claims *c) {
  char name[NAME_MAX_BYTES];
  struct apikey_declared d = i->t.limits;
  snprintf(name, sizeof(name), "jwt:%.*s/%.*s", TEXT_ARGS(i->t.name), TEXT_ARGS(c->subject));
  d.name = text_of(name);
  d.user = c->user;
  d.expires_us = c->expires_us;
  return principal_from_declared(&d);
}

static enum err check(const struct known_issuer *i, struct offload *pool, const struct jws *jws, int64_t now_us,
                      struct arena *a, struct claims *out, struct fault *f) {
  struct jwks *set = NULL;
  const struct jws_key *key = NULL;
  if (!(i->t.algorithms & 1U << jws->algorithm))
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token is signed with %.*s, which is not allowed for its issuer",
                     TEXT_ARGS(jws_algorithm_name(jws->algorithm)));
  enum err e = issuer_find_key(i->keys, pool, jws, &set, &key, f);
  if (e != ERR_OK)
    return e;
  e = jws_verify(jws, key, f);
  jwks_unref(set);
  return e == ERR_OK ? claims_read(jws->payload, &i->t.rule, now_us, a, out, f) : e;
}

static const struct known_issuer *issuer_named(const struct issuers *s, struct text name) {
  for (size_t i = 0; i < s->count; i++) {
    if (text_equal(s->at[i].t.rule.issuer, name))
      return &s->at[i];
  }
  return NULL;
}

/* The issuer by a token's own word; NULL when it is no token, or not one of ours. */
static const struct known_issuer *issuer_of(const struct issuers *s, struct text token, struct arena *a) {
  struct text rest, payload, name;
  size_t len = 0;
  if (!text_cut(token, '.', &payload, &rest) || !text_cut(rest, '.', &payload, &rest))
    return NULL;
  char *bytes = arena_alloc(a, payload.len / 4 * 3 + 3);
  if (!text_base64url_decode(payload, bytes, &len) || !claims_read_issuer((struct text){bytes, len}, a, &name))
    return NULL;
  return issuer_named(s, name);
}

static enum err find_fresh(struct token_identity *t, struct text token, struct text hash, int64_t now_us,
                           bool *out_is_token, const struct principal **out, struct fault *f) {
  struct issuers *s = issuers_of(t);
  struct claims c = {0};
  struct jws jws;
  struct arena a;
  arena_init(&a);
  const struct known_issuer *i = issuer_of(s, token, &a);
  *out_is_token = i != NULL;
  enum err e = i ? jws_read(token, &a, &jws, f) : ERR_UNAUTHENTICATED;
  if (e == ERR_OK)
    e = check(i, t->pool, &jws, now_us, &a, &c, f);
  if (e == ERR_OK) {
    *out = principal_of(i, &c);
    remember(t, s, hash, *out);
  }
  arena_done(&a);
  issuers_unref(s);
  return e;
}

static enum err bearer_of(const struct known_issuer *i, struct offload *pool, struct text token, int64_t now_us,
                          struct arena *a, struct token_bearer *out, struct fault *f) {
  struct claims c = {0};
  struct jws jws;
  if (!i)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "this is no token of an issuer that is known here");
  enum err e = jws_read(token, a, &jws, f);
  if (e == ERR_OK)
    e = check(i, pool, &jws, now_us, a, &c, f);
  if (e == ERR_OK && i->t.role.len == 0)
    e = fault_set(f, ERR_FORBIDDEN, NULL, "tokens of this issuer are for calling models: it has no role here");
  if (e == ERR_OK)
    *out = (struct token_bearer){arena_copy(a, i->t.name), c.subject, c.user, arena_copy(a, i->t.role)};
  return e;
}

enum err token_identity_read(struct token_identity *t, struct text token, int64_t now_us, struct arena *a,
                             struct token_bearer *out, struct fault *f) {
  struct issuers *s = issuers_of(t);
  enum err e = bearer_of(jws_has_form(token) ? issuer_of(s, token, a) : NULL, t->pool, token, now_us, a, out, f);
  issuers_unref(s);
  return e;
}

static bool may_be_token(struct token_identity *t, struct text key) {
  return atomic_load_explicit(&t->issuer_count, memory_order_relaxed) > 0 && jws_has_form(key);
}

static enum err find(struct identity *self, struct text key, int64_t now_us, const struct principal **out,
                     struct fault *f) {
  struct token_identity *t = (struct token_identity *)self;
  unsigned char raw[crypto_hash_sha256_BYTES];
  const struct principal *p = NULL;
  bool is_token = true;
  enum err e = ERR_OK;
  if (!may_be_token(t, key))
    return t->keys->find(t->keys, key, now_us, out, f);
  crypto_hash_sha256(raw, (const unsigned char *)key.at, key.len);
  struct text hash = {(const char *)raw, sizeof(raw)};
  if (!recall(t, hash, now_us, &p))
    e = find_fresh(t, key, hash, now_us, &is_token, &p, f);
  if (!is_token)
    return t->keys->find(t->keys, key, now_us, out, f);
  if (e == ERR_OK)
    *out = p;
  return e;
}

static bool is_ours(struct identity *self, struct text key) {
  struct token_identity *t = (struct token_identity *)self;
  bool ours = false;
  if (may_be_token(t, key)) {
    struct issuers *s = issuers_of(t);
    struct arena a;
    arena_init(&a);
    ours = issuer_of(s, key, &a) != NULL;
    arena_done(&a);
    issuers_unref(s);
  }
  return ours || t->keys->is_ours(t->keys, key);
}

static enum err find_signed(struct identity *self, const struct sigv4_request *rq, struct text authorization,
                            int64_t now_us, const struct principal **out, struct fault *f) {
  struct token_identity *t = (struct token_identity *)self;
  return t->keys->find_signed(t->keys, rq, authorization, now_us, out, f);
}

struct token_identity *token_identity_new(struct identity *keys, struct offload *pool) {
  struct token_identity *t = calloc(1, sizeof(*t));
  if (!t)
    abort();
  t->port = (struct identity){find, is_ours, principal_unref, find_signed};
  t->keys = keys;
  t->pool = pool;
  pthread_mutex_init(&t->lock, NULL);
  t->issuers = issuers_new(NULL, 0, NULL);
  t->remembered = map_new(REMEMBERED_MAX);
  return t;
}

void token_identity_free(struct token_identity *t) {
  if (!t)
    return;
  issuers_unref(t->issuers);
  forget_all(t->remembered);
  pthread_mutex_destroy(&t->lock);
  free(t);
}

struct identity *token_identity_port(struct token_identity *t) {
  return &t->port;
}
