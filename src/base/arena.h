/* Memory that dies together: one arena per exchange. Allocation never fails (true out-of-memory aborts); nothing is
 * freed singly. Clean-ups registered with arena_defer run in reverse order when the arena ends.
 * An arena belongs to one fiber at a time and is not locked. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/text.h"

struct arena_block;
struct arena_cleanup;

struct arena {
  char *next, *end;           /* free room in the newest block */
  struct arena_block *blocks; /* newest first */
  struct arena_cleanup *cleanups;
  size_t block_bytes; /* size of the newest shared block; large requests do not count */
  size_t used_bytes;  /* sum of all blocks, for limits and tests */
};

void arena_init(struct arena *a);
/* Runs the clean-ups newest first, then frees everything. Safe on a zeroed arena. */
void arena_done(struct arena *a);

/* Makes the first block at least n bytes large, for an owner who knows what it will need. No-op once there is a block.
 */
void arena_reserve(struct arena *a, size_t n);

/* 16-byte aligned, not cleared. n == 0 gives a valid pointer. The first block is small (1 KiB), later ones grow. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc, alloc_size(2), returns_nonnull));
void *arena_zalloc(struct arena *a, size_t n) __attribute__((malloc, alloc_size(2), returns_nonnull)); /* cleared */
/* A copy that ends in a zero byte beyond its length. */
struct text arena_copy(struct arena *a, struct text t);
/* The parts one behind the other, with a zero byte beyond the end. */
struct text arena_join(struct arena *a, const struct text *parts, size_t count);
struct text arena_format(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))

/* fn(data) runs in arena_done, last registered first. fn must not wait and must not use the arena. */
void arena_defer(struct arena *a, void (*fn)(void *data), void *data);

#endif
