/* The chunked transfer coding (RFC 9112 section 7.1), taken apart in place and strictly: sizes of 1 to 16 hexadecimal
 * digits without signs or blanks, every line ended by CRLF, extensions well formed and at most
 * CHUNKED_MAX_EXTENSION_BYTES in a whole message, trailers checked and discarded. Pure. */
#ifndef NET_CHUNKED_H
#define NET_CHUNKED_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define CHUNKED_MAX_EXTENSION_BYTES 256
#define CHUNKED_MAX_TRAILER_BYTES   8192

/* Zero-initialised: at the start of a body. */
struct chunked {
  uint64_t left; /* of the chunk's data, or its size while the digits are read */
  uint32_t extension_bytes, trailer_bytes;
  uint8_t digits, state;
};

/* Feeds bytes. Body data found is moved to the front of `bytes`: *out_body bytes of it. *out_used were consumed;
 * *out_done at the end of the message, and what follows is left alone. ERR_PROTOCOL; the decoder must then not be used
 * again. */
enum err chunked_feed(struct chunked *c, char *bytes, size_t len, size_t *out_used, size_t *out_body, bool *out_done,
                      struct fault *f) MUST_CHECK;

#endif
