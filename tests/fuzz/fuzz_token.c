/* Tokens, their claims and the key sets of issuers: whatever bytes come, nothing is read that is not there, and no
 * token verifies that no key has signed. The input: a set of keys, a zero byte, a token. */
#include "identity/claims.h"
#include "identity/jwks.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_claims(struct text payload, struct arena *a) {
  static const struct text audiences[] = {TEXT("weir")};
  const struct claims_rule rule = {
      .issuer = TEXT("i"), .audiences = audiences, .audience_count = 1, .user_claim = TEXT("email")};
  struct claims c;
  struct text issuer;
  struct fault f = {0};
  if (claims_read(payload, &rule, 1800000000000000, a, &c, &f) != ERR_OK)
    return;
  if (!claims_read_issuer(payload, a, &issuer) || !text_equal(issuer, rule.issuer) || c.subject.len == 0 ||
      c.expires_us <= 1800000000000000)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text input = {(const char *)data, size}, keys = input, token = input;
  struct fault f = {0};
  struct jwks *set = NULL;
  struct arena a;
  struct jws t;
  arena_init(&a);
  (void)text_cut(input, '\0', &keys, &token);
  bool has_set = jwks_read(keys, &set, &f) == ERR_OK;
  if (jws_read(token, &a, &t, &f) == ERR_OK) {
    if (!jws_has_form(token))
      abort();
    check_claims(t.payload, &a);
    const struct jws_key *key = has_set ? jwks_find(set, &t) : NULL;
    if (key && jws_verify(&t, key, &f) == ERR_OK && t.payload.len != 26) /* the corpus' one good token */
      abort();
  }
  check_claims(token, &a);
  jwks_unref(set);
  arena_done(&a);
  return 0;
}
