/* Callers that do not send their key but sign with it, as AWS's SDKs do. Which secret belongs to the id they show is
 * found here; whether the signature is right is aws/sigv4.h's. An id that nobody has is checked against a secret that
 * nobody knows, so that neither words nor time tell it from a wrong signature. Reached through ports/identity.h. */
#include "aws/sigv4.h"
#include "identity/inner.h"
#include "identity/principal.h"

#include <stdlib.h>

#define PREFIX_BYTES (sizeof(APIKEY_PAIR_PREFIX) - 1)
#define SERVICE      "bedrock"
#define PAIRS_MAX    65536

struct declared_pair {
  const struct principal *principal;
  struct secret *secret;
};

static bool nibble(char c, uint8_t *out) {
  bool is_digit = c >= '0' && c <= '9', is_letter = c >= 'A' && c <= 'F';
  *out = (uint8_t)(is_digit ? c - '0' : is_letter ? c - 'A' + 10 : 0);
  return is_digit || is_letter;
}

bool signed_read_pair_id(struct text id, uint8_t out[STORE_ACCESS_BYTES]) {
  bool is = id.len == APIKEY_PAIR_ID_BYTES && text_starts(id, TEXT(APIKEY_PAIR_PREFIX));
  for (size_t i = 0; is && i < STORE_ACCESS_BYTES; i++) {
    const char *at = id.at + PREFIX_BYTES + 2 * i;
    uint8_t high, low;
    is = nibble(at[0], &high) && nibble(at[1], &low);
    if (is)
      out[i] = (uint8_t)(high << 4 | low);
  }
  return is;
}

static void pair_free(struct declared_pair *p) {
  principal_unref(p->principal);
  secret_free(p->secret);
  free(p);
}

struct map *signed_pairs_new(const struct apikey_declared *keys, size_t count) {
  struct map *pairs = map_new(PAIRS_MAX);
  for (size_t n = 0; n < count; n++) {
    const struct apikey_declared *k = &keys[n];
    if (text_is_empty(k->access_key_id) || map_get(pairs, k->access_key_id))
      continue;
    struct declared_pair *p = calloc(1, sizeof(*p));
    if (!p)
      abort();
    p->principal = principal_from_declared(k);
    p->secret = secret_new(text_is_empty(k->secret_access_key) ? k->value : k->secret_access_key);
    if (map_set(pairs, k->access_key_id, p, NULL) != ERR_OK)
      pair_free(p);
  }
  return pairs;
}

void signed_pairs_free(struct map *pairs) {
  size_t cursor = 0;
  struct text id;
  void *value;
  while (pairs && map_next(pairs, &cursor, &id, &value))
    pair_free(value);
  map_free(pairs);
}

struct signer {
  const struct principal *principal; /* a reference; NULL: nobody */
  struct text secret;                /* in the arena */
};

static bool find_declared(struct apikey_identity *i, struct text id, struct arena *a, struct signer *out) {
  pthread_mutex_lock(&i->lock);
  const struct declared_pair *p = map_get(i->pairs, id);
  if (p) {
    out->principal = principal_ref(p->principal);
    out->secret = arena_copy(a, secret_reveal(p->secret));
  }
  pthread_mutex_unlock(&i->lock);
  return p != NULL;
}

static enum err find_pair(struct apikey_identity *i, struct text id, int64_t now_us, struct arena *a,
                          struct signer *out, struct fault *f) {
  struct apikey_answer answer;
  enum err e = apikey_resolve(i, (struct apikey_question){id, true}, now_us, &answer, f);
  if (e != ERR_OK)
    return e;
  out->principal = answer.principal;
  out->secret = arena_copy(a, (struct text){answer.secret, sizeof(answer.secret)});
  secret_wipe(answer.secret, sizeof(answer.secret));
  return ERR_OK;
}

/* A key that is its own id and secret. */
static enum err find_key(struct apikey_identity *i, struct text id, int64_t now_us, struct arena *a, struct signer *out,
                         struct fault *f) {
  struct apikey_answer answer;
  enum err e = apikey_check_form(id, f);
  if (e == ERR_OK)
    e = apikey_resolve(i, (struct apikey_question){.text = id}, now_us, &answer, f);
  if (e != ERR_OK)
    return e;
  out->principal = answer.principal;
  out->secret = arena_copy(a, id);
  return ERR_OK;
}

static void be_nobody(const struct apikey_identity *i, struct text id, struct arena *a, struct signer *out) {
  uint8_t hash[SECRET_HMAC_BYTES];
  char unused[APIKEY_PAIR_ID_BYTES], secret[APIKEY_PAIR_SECRET_BYTES];
  secret_hmac(i->server_secret, id, hash);
  apikey_pair(i->server_secret, hash, unused, secret);
  out->principal = NULL;
  out->secret = arena_copy(a, (struct text){secret, sizeof(secret)});
}

static enum err find_signer(struct apikey_identity *i, struct text id, int64_t now_us, struct arena *a,
                            struct signer *out, struct fault *f) {
  uint8_t unused[STORE_ACCESS_BYTES];
  enum err e = ERR_UNAUTHENTICATED;
  if (find_declared(i, id, a, out))
    return ERR_OK;
  if (signed_read_pair_id(id, unused))
    e = find_pair(i, id, now_us, a, out, f);
  if (e == ERR_UNAUTHENTICATED)
    e = find_key(i, id, now_us, a, out, f);
  if (e != ERR_UNAUTHENTICATED)
    return e;
  be_nobody(i, id, a, out);
  return ERR_OK;
}

static enum err check(const struct signer *s, const struct sigv4_request *rq, const struct sigv4_claim *claim,
                      int64_t now_us, struct arena *a, struct fault *f) {
  enum err e = sigv4_check(rq, claim, s->secret, now_us / 1000000, a, f);
  if (e != ERR_OK)
    return e;
  if (!s->principal)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "this API key is not known");
  return principal_check(s->principal, now_us, f);
}

enum err signed_find(struct identity *self, const struct sigv4_request *rq, struct text authorization, int64_t now_us,
                     const struct principal **out, struct fault *f) {
  struct apikey_identity *i = (struct apikey_identity *)self;
  struct sigv4_claim claim;
  struct signer signer = {0};
  struct fault why = {0};
  struct arena a;
  enum err e = sigv4_read_claim(authorization, &claim, f);
  if (e == ERR_OK && !text_equal(claim.service, TEXT(SERVICE)))
    e = fault_set(f, ERR_UNAUTHENTICATED, "authorization", "the AWS signature must be for the service " SERVICE);
  if (e != ERR_OK)
    return e;
  arena_init(&a);
  e = find_signer(i, claim.access_key_id, now_us, &a, &signer, &why);
  if (e == ERR_OK) {
    why = (struct fault){0};
    e = check(&signer, rq, &claim, now_us, &a, &why);
  }
  secret_wipe((char *)(uintptr_t)signer.secret.at, signer.secret.len);
  arena_done(&a);
  if (e == ERR_OK) {
    *out = signer.principal;
    return ERR_OK;
  }
  principal_unref(signer.principal);
  if (f)
    *f = why;
  return e;
}
