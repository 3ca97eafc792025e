/* Sealed secrets: whatever bytes the store gives, nothing is read that is not there, and nothing opens but the corpus'
 * good one, whose secret is "hush". */
#include "identity/sealed.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct vault_place place = {"weir_signing_keys", "sealed", 0, 1, 1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t raw[SEALED_KEY_BYTES] = {1, 9, 4, 2}, other[SEALED_KEY_BYTES] = {5, 9, 4, 2};
  struct text sealed = {(const char *)data, size}, id;
  struct sealed_key key, next;
  struct secret *s = NULL;
  struct fault f = {0};
  struct buf again;
  sealed_key_init(&key, raw);
  sealed_key_init(&next, other);
  buf_init(&again, VAULT_SEALED_MAX);
  bool has_id = sealed_read_key_id(sealed, &id, &f) == ERR_OK;
  bool opens = sealed_open(&key, &place, sealed, &s, &f) == ERR_OK;
  if (opens && (!has_id || !text_equal(secret_reveal(s), TEXT("hush"))))
    abort();
  secret_free(s);
  s = NULL;
  bool moves = sealed_rewrap(&key, &next, &place, sealed, &again, &f) == ERR_OK;
  if (opens && !moves)
    abort();
  if (moves && (sealed_open(&next, &place, buf_text(&again), &s, &f) == ERR_OK) != opens)
    abort();
  secret_free(s);
  buf_done(&again);
  return 0;
}
