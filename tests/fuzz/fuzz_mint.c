/* Tokens of ours: whatever text comes, nothing is read that is not there, and none is taken but the corpus' good one.
 * The key is that of RFC 8037 appendix A. The input: a token. */
#include "identity/mint.h"

#include "ports/store_vault.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ISSUER "https://weir.example"
#define NOW    INT64_C(1801353600000000)

static const uint8_t public_key[STORE_PUBLIC_KEY_BYTES] = {
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};

static enum err list(struct store *s, struct arena *a, struct store_signing_key **out, size_t *out_count,
                     struct fault *f) {
  struct store_signing_key *k = ARENA_NEW(a, struct store_signing_key);
  k->id = 1;
  k->kid = TEXT("one");
  memcpy(k->public_key, public_key, sizeof public_key);
  *out = k;
  *out_count = 1;
  return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct store_vault_ops vault = {.signing_list = list};
  static const struct store_ops ops = {.vault = &vault};
  struct store store = {&ops};
  struct text token = {(const char *)data, size};
  struct mint *m = mint_new(&store, NULL, TEXT(ISSUER));
  struct mint_claims c;
  struct fault f = {0};
  struct arena a;
  arena_init(&a);
  bool ours = mint_is_ours(m, token);
  bool good = mint_check(m, token, NOW, &a, &c, &f) == ERR_OK;
  if (good && (!ours || !text_equal(c.subject, TEXT("service:3")) || c.org_id != 2 || c.expires_us <= NOW))
    abort();
  arena_done(&a);
  mint_free(m);
  return 0;
}
