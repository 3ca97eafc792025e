/* Bounded growing buffers. Growth doubles up to the maximum given at birth; a write that would pass it is dropped whole
 * and the failure stays until buf_reset, so that writers need one check at the end. It does no I/O and never shrinks.
 * Called by every writer of bytes. */
#include "base/buf.h"

#include <stdarg.h>

#define FIRST_CAP 128u

void buf_init(struct buf *b, size_t max_bytes) { *b = (struct buf){.max = max_bytes}; }

void buf_done(struct buf *b) {
  free(b->at);
  *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b) {
  b->len = 0;
  b->failed = false;
}

static void grow(struct buf *b, size_t wanted) {
  size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap;
  while (cap < wanted)
    cap = cap > b->max / 2 ? b->max : cap * 2;
  if (cap > b->max)
    cap = b->max;
  char *at = realloc(b->at, cap);
  if (at == NULL)
    abort();
  b->at = at;
  b->cap = cap;
}

char *buf_grow(struct buf *b, size_t n) {
  if (b->failed || n > b->max - b->len) {
    b->failed = true;
    return NULL;
  }
  if (n > b->cap - b->len || b->at == NULL)
    grow(b, b->len + n);
  return b->at + b->len;
}

void buf_commit(struct buf *b, size_t n) {
  if (n > b->cap - b->len)
    abort();
  b->len += n;
}

void buf_add(struct buf *b, struct text t) {
  char *room = t.len == 0 ? NULL : buf_reserve(b, t.len);
  if (room == NULL)
    return;
  memcpy(room, t.at, t.len);
  b->len += t.len;
}

static void add_number(struct buf *b, uint64_t n, bool negative) {
  char digits[24];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  if (negative)
    digits[--at] = '-';
  buf_add(b, (struct text){digits + at, sizeof digits - at});
}

void buf_add_u64(struct buf *b, uint64_t n) { add_number(b, n, false); }

void buf_add_i64(struct buf *b, int64_t n) { add_number(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, n < 0); }

void buf_add_format(struct buf *b, const char *fmt, ...) {
  char small[256];
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(small, sizeof small, fmt, args);
  va_end(args);
  if (n < 0) {
    b->failed = true;
    return;
  }
  if ((size_t)n < sizeof small) {
    buf_add(b, (struct text){small, (size_t)n});
    return;
  }
  char *large = malloc((size_t)n + 1);
  if (large == NULL)
    abort();
  va_start(args, fmt);
  (void)vsnprintf(large, (size_t)n + 1, fmt, args);
  va_end(args);
  buf_add(b, (struct text){large, (size_t)n});
  free(large);
}

void buf_consume(struct buf *b, size_t n) {
  if (n >= b->len) {
    b->len = 0;
    return;
  }
  memmove(b->at, b->at + n, b->len - n);
  b->len -= n;
}

enum err buf_check(const struct buf *b) { return b->failed ? ERR_NO_ROOM : ERR_OK; }

struct text buf_text(const struct buf *b) {
  return (struct text){b->at, b->len};
}

struct text buf_take(struct buf *b) {
  struct text taken = buf_text(b);
  *b = (struct buf){.max = b->max};
  return taken;
}
