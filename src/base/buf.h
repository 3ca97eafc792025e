/* A growing byte buffer with a maximum given at birth and a sticky failure: write freely, check once.
 * Heap-backed; one owner; not locked. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/text.h"

struct buf {
  char *at;
  size_t len, cap, max;
  bool failed; /* a write would have passed max; everything after it is dropped */
};

/* No memory is taken until the first write. max_bytes must be above 0. */
void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);  /* frees; the struct may be initialised again */
void buf_reset(struct buf *b); /* empty and not failed, keeps its memory */

void buf_add(struct buf *b, struct text t);
void buf_add_u64(struct buf *b, uint64_t n);
void buf_add_i64(struct buf *b, int64_t n);
void buf_add_format(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for n more bytes to be written by the caller and then counted with buf_commit; NULL (and failed) past max. */
char *buf_grow(struct buf *b, size_t n); /* the same where the memory does not suffice */
static inline char *buf_reserve(struct buf *b, size_t n) {
  return !b->failed && n < b->cap - b->len ? b->at + b->len : buf_grow(b, n);
}
void buf_commit(struct buf *b, size_t n);
static inline void buf_add_char(struct buf *b, char c) {
  char *room = buf_reserve(b, 1);
  if (room) {
    *room = c;
    b->len++;
  }
}
/* Drops the first n bytes (moves the rest down). */
void buf_consume(struct buf *b, size_t n);
/* ERR_NO_ROOM when a write was dropped, else ERR_OK. */
enum err buf_check(const struct buf *b) MUST_CHECK;
struct text buf_text(const struct buf *b); /* valid until the next write */
/* Hands the memory over; the buffer is empty afterwards. The caller frees *out with free(). */
struct text buf_take(struct buf *b);

#endif
