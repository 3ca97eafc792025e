/* Values that must never be printed: provider keys, the server's hashing secret. Wiped when freed, compared in constant
 * time. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/text.h"

#define SECRET_HMAC_BYTES 32

struct secret; /* heap, wiped and freed by secret_free */

/* Once per process before anything else here; aborts when libsodium cannot start. Idempotent. */
void secret_start(void);
/* Copies t. Never fails. */
struct secret *secret_new(struct text t);
void secret_free(struct secret *s); /* NULL is fine */
/* The bytes, for the one place that sends them; do not log, do not keep. */
struct text secret_reveal(const struct secret *s);
bool secret_is_empty(const struct secret *s);    /* NULL is empty */
bool secret_equal(struct text a, struct text b); /* constant time for equal lengths */
/* HMAC-SHA-256 (RFC 2104) of message under s. */
void secret_hmac(const struct secret *s, struct text message, uint8_t out[SECRET_HMAC_BYTES]);
/* A short name for message in this process: SipHash-2-4 with 128 bits under a key made at the start. Two messages never
 * share one by chance or design, nobody outside can make or check one, and it costs a tenth of secret_hmac: for
 * look-ups in memory, never to be kept. */
#define SECRET_FINGERPRINT_BYTES 16
void secret_fingerprint(struct text message, uint8_t out[SECRET_FINGERPRINT_BYTES]);
/* A key of SECRET_HMAC_BYTES written as hexadecimal (64 digits) or base64 of either alphabet. False: it is not one, and
 * out is not to be used. */
bool secret_read_key(struct text t, uint8_t out[SECRET_HMAC_BYTES]) MUST_CHECK;
void secret_wipe(void *at, size_t n);

#endif
