/* A sealed secret, byte by byte, and the master key it is sealed under. Each secret has a data key of its own; the data
 * key is wrapped under the master key, so that another master key needs no secret to be opened. Both layers are
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) and authenticate the place the secret belongs to:
 *
 *   1   format: 1
 *   8   which master key
 *   24  nonce of the data key, 48 the data key wrapped
 *   24  nonce of the secret, then the secret, and 16 behind it
 *
 * Nothing here waits. The bytes come from the store; whatever they are, nothing is read that is not there. */
#ifndef IDENTITY_SEALED_H
#define IDENTITY_SEALED_H

#include "ports/vault.h"

#define SEALED_KEY_BYTES    32
#define SEALED_KEY_ID_BYTES 8
#define SEALED_EXTRA_BYTES  121 /* how much longer than the secret */

/* A master key, ready for use. Wipe it. */
struct sealed_key {
  uint8_t id[SEALED_KEY_ID_BYTES];
  uint8_t wrapping[SEALED_KEY_BYTES]; /* derived, as everything that others see of a master key */
  char check[2 * SECRET_HMAC_BYTES];  /* by which processes know that they have the same */
};

void sealed_key_init(struct sealed_key *k, const uint8_t raw[SEALED_KEY_BYTES]);
/* Appends. ERR_LIMIT: plain is longer than VAULT_PLAIN_MAX, or a name of the place than 255 bytes. */
enum err sealed_write(const struct sealed_key *k, const struct vault_place *p, struct text plain, struct buf *out,
                      struct fault *f) MUST_CHECK;
/* The id of the master key it is under, a slice. ERR_STORE_CORRUPT: it is no sealed secret of a format known here. */
enum err sealed_read_key_id(struct text sealed, struct text *out, struct fault *f) MUST_CHECK;
/* ERR_STORE_CORRUPT: not under this key, not of this place, or changed. */
enum err sealed_open(const struct sealed_key *k, const struct vault_place *p, struct text sealed, struct secret **out,
                     struct fault *f) MUST_CHECK;
/* Appends the same secret under another master key. The secret itself is neither opened nor moved. Errors of
 * sealed_open, but that a change in the secret is not noticed. */
enum err sealed_rewrap(const struct sealed_key *from, const struct sealed_key *to, const struct vault_place *p,
                       struct text sealed, struct buf *out, struct fault *f) MUST_CHECK;

#endif
