/* Slices of bytes that somebody else owns, and the pure helpers that read them. Nothing here allocates,
 * nothing expects a terminating zero. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct text {
  const char *at; /* may be NULL when len is 0 */
  size_t len;
};

/* A string literal as a slice. */
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})
#define TEXT_NONE     ((struct text){NULL, 0})
/* For printf's "%.*s". */
#define TEXT_ARGS(t) (int)(t).len, (t).at ? (t).at : ""

struct text text_of(const char *zero_terminated); /* NULL reads as empty */
bool text_is_empty(struct text t);
bool text_equal(struct text a, struct text b);
bool text_equal_nocase_bytes(const char *a, const char *b, size_t len); /* ASCII only, both of the same length */
/* ASCII only. Inline because most comparisons end at the length. */
static inline bool text_equal_nocase(struct text a, struct text b) {
  return a.len == b.len && text_equal_nocase_bytes(a.at, b.at, a.len);
}
bool text_starts(struct text t, struct text prefix);
bool text_ends(struct text t, struct text suffix);
struct text text_skip(struct text t, size_t n); /* without the first n bytes; n beyond the end gives empty */
struct text text_head(struct text t, size_t n); /* the first n bytes at most */
struct text text_trim(struct text t);           /* without leading and trailing space and tab */
/* Offset of the first occurrence, or -1. */
ptrdiff_t text_find(struct text t, struct text needle);
ptrdiff_t text_find_char(struct text t, char c);
/* Whether it stands anywhere in t, whatever the case of ASCII letters; "" does. */
bool text_has_nocase(struct text t, struct text part);
/* Cuts at the first c: *out_first is what stands before, *out_rest what follows. False (and outputs untouched)
 * when c does not occur. */
bool text_cut(struct text t, char c, struct text *out_first, struct text *out_rest);
/* The next element of a comma-separated list (RFC 9110 section 5.6.1), trimmed; empty elements are skipped.
 * Moves *list on; false at the end. */
bool text_next_in_list(struct text *list, struct text *out_element);

/* Globs as in model lists: '*' stands for any run of bytes (also none), everything else for itself.
 * out_star may be NULL; otherwise it receives what the first '*' stood for (empty without one).
 * Linear time in len(t) * stars, never exponential. */
bool text_glob(struct text pattern, struct text t, struct text *out_star);

/* Whole decimal numbers: digits only, no sign (u64) or one leading '-' (i64), no space, no overflow. */
bool text_to_u64(struct text t, uint64_t *out);
bool text_to_i64(struct text t, int64_t *out);
/* A decimal such as "3.75" scaled by 10^scale into an integer; more fraction digits than scale are refused. */
bool text_to_scaled(struct text t, int scale, int64_t *out);
/* "250ms", "5s", "2m", "1h", "30d", or plain digits for seconds -> milliseconds. */
bool text_to_duration_ms(struct text t, int64_t *out);

bool text_is_utf8(struct text t); /* strict: no surrogates, no overlong forms */
/* Bytes of the UTF-8 character at the start of t, 1 to 4; 0 when t is empty or does not start with a valid one. */
size_t text_utf8_step(struct text t);
bool text_is_visible_ascii(struct text t); /* 0x21..0x7e only; empty is true */
/* Levenshtein distance, at most limit + 1; for "did you mean". Both sides are cut to 64 bytes. */
size_t text_distance(struct text a, struct text b, size_t limit);

/* 64-bit hash for tables, seeded per process by random_start() so that keys chosen by strangers do not collide.
 * Not stable between processes and not for secrets. text_hash_seed is for random_start and tests. */
uint64_t text_hash(struct text t);
void text_hash_seed(uint64_t seed);

/* Encodings; out must hold the size named, no zero is added; returns the bytes written. */
size_t text_hex(const void *bytes, size_t n, char *out /* 2n */);
size_t text_base64url(const void *bytes, size_t n, char *out /* (n*4+2)/3 */); /* no padding, RFC 4648 section 5 */
size_t text_base64(const void *bytes, size_t n, char *out /* (n+2)/3*4 */);    /* with padding, RFC 4648 section 4 */
/* Strict: whole padded groups (base64) or none (base64url), no white space, no stray bits in the last group. out may be
 * NULL to check only; it holds t.len / 4 * 3 + 3 bytes. False leaves *out_n alone. */
bool text_base64_decode(struct text t, void *out, size_t *out_n);
bool text_base64url_decode(struct text t, void *out, size_t *out_n);

#endif
