/* Deterministic numbers and names: hashes that are the same in every process, ids and signatures made of them, and the
 * simulator's idea of how many tokens something is. Nothing here is secret or secure. Pure. */
#ifndef SIM_DIGEST_H
#define SIM_DIGEST_H

#include "base/arena.h"

#include <yyjson.h>

/* A running hash over values, and how many bytes of content they held. Zero-initialise. */
struct digest {
  uint64_t hash;
  uint64_t bytes;
};
void digest_text(struct digest *d, struct text t);
void digest_u64(struct digest *d, uint64_t n);
/* Names, strings and numbers of a JSON value in their order, leaving out members called cache_control and
 * prompt_cache_breakpoint (they mark a prompt, they are not part of it) and counting the data of base64 sources, or
 * members called bytes, as one byte in 64. Depth is the reader's limit. */
void digest_json(struct digest *d, yyjson_val *value);
/* Four bytes a token, at least 1. */
uint64_t digest_tokens(uint64_t bytes);

/* prefix followed by n (at most 40) letters and digits made of seed. */
struct text digest_id(struct arena *a, const char *prefix, size_t n, uint64_t seed);
/* The signature the simulator gives to a piece of thinking and expects back: 128 characters of base64. */
struct text digest_signature(struct arena *a, struct text thinking);

/* Text in a form that only the simulator can have made: base64 of the text and a hash over it. */
struct text digest_seal(struct arena *a, struct text plain);
/* What was sealed, in the arena; false when sealed is not the simulator's. */
bool digest_unseal(struct arena *a, struct text sealed, struct text *out_plain);

/* Standard base64 (RFC 4648 section 4) with padding: false when t is not that; *out_bytes is the decoded length. */
bool digest_base64_length(struct text t, size_t *out_bytes);
/* What standard base64 with padding stands for, in the arena; false when t is not that. */
bool digest_base64_decode(struct arena *a, struct text t, struct text *out);
/* Standard base64 of n bytes, padded, appended to out (room for (n + 2) / 3 * 4); returns what was written. */
size_t digest_base64(const void *bytes, size_t n, char *out);

#endif
