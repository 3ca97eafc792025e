/* Arenas: a chain of blocks, the newest with free room. The first block is 1 KiB because a stream that stays open for
 * minutes keeps its arena; later blocks are half of what is there, 2 to 64 KiB, so that at most a third is unused; what
 * does not fit a block, or would leave less room in a new one than there is in the old, gets one of its own. Under
 * AddressSanitizer unused room is poisoned and allocations are kept apart. It never frees a single allocation. Called
 * by whatever lives as long as one exchange or one snapshot. */
#include "base/arena.h"

#include <stdarg.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, n)   ASAN_POISON_MEMORY_REGION((at), (n))
#define UNPOISON(at, n) ASAN_UNPOISON_MEMORY_REGION((at), (n))
#define GAP             16u
#else
#define POISON(at, n)   ((void)(at), (void)(n))
#define UNPOISON(at, n) ((void)(at), (void)(n))
#define GAP             0u
#endif

#define ALIGN         16u
#define FIRST_BLOCK   1024u
#define SECOND_BLOCK  2048u
#define LARGEST_BLOCK 65536u

struct arena_block {
  struct arena_block *older;
  size_t size; /* of the whole block, this header included */
};
_Static_assert(sizeof(struct arena_block) % ALIGN == 0, "the room behind the header must stay aligned");

struct arena_cleanup {
  struct arena_cleanup *older;
  void (*fn)(void *data);
  void *data;
};

void arena_init(struct arena *a) { *a = (struct arena){0}; }

void arena_done(struct arena *a) {
  for (struct arena_cleanup *c = a->cleanups; c != NULL; c = c->older)
    c->fn(c->data);
  for (struct arena_block *b = a->blocks, *older; b != NULL; b = older) {
    older = b->older;
    UNPOISON(b, b->size);
    free(b);
  }
  *a = (struct arena){0};
}

static struct arena_block *block_new(struct arena *a, size_t size) {
  struct arena_block *b = malloc(size);
  if (b == NULL)
    abort();
  b->size = size;
  a->used_bytes += size;
  POISON(b + 1, size - sizeof *b);
  return b;
}

/* A block for one large allocation goes behind the newest, whose room stays in use. */
static void *alloc_own_block(struct arena *a, size_t room) {
  struct arena_block *b = block_new(a, sizeof *b + room);
  if (a->blocks == NULL) {
    b->older = NULL;
    a->blocks = b;
    a->next = a->end = (char *)b + b->size;
  } else {
    b->older = a->blocks->older;
    a->blocks->older = b;
  }
  return b + 1;
}

static size_t next_block_size(const struct arena *a) {
  if (a->block_bytes == 0)
    return FIRST_BLOCK;
  size_t half = a->used_bytes / 2 & ~(size_t)1023;
  return half < SECOND_BLOCK ? SECOND_BLOCK : half > LARGEST_BLOCK ? LARGEST_BLOCK : half;
}

static void *alloc_slow(struct arena *a, size_t room) {
  size_t size = next_block_size(a), shared = size - sizeof(struct arena_block);
  if (room > shared || (size_t)(a->end - a->next) > shared - room)
    return alloc_own_block(a, room);
  struct arena_block *b = block_new(a, size);
  b->older = a->blocks;
  a->blocks = b;
  a->block_bytes = size;
  a->next = (char *)(b + 1) + room;
  a->end = (char *)b + size;
  return b + 1;
}

void arena_reserve(struct arena *a, size_t n) {
  size_t size = (n + sizeof(struct arena_block) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  if (a->blocks != NULL)
    return;
  struct arena_block *b = block_new(a, size);
  b->older = NULL;
  a->blocks = b;
  a->block_bytes = size;
  a->next = (char *)(b + 1);
  a->end = (char *)b + size;
}

void *arena_alloc(struct arena *a, size_t n) {
  if (n > SIZE_MAX / 2)
    abort();
  size_t room = (n + GAP + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  void *at;
  if (room <= (size_t)(a->end - a->next) && a->next != NULL) {
    at = a->next;
    a->next += room;
  } else {
    at = alloc_slow(a, room);
  }
  UNPOISON(at, n);
  return at;
}

void *arena_zalloc(struct arena *a, size_t n) {
  void *at = arena_alloc(a, n);
  memset(at, 0, n);
  return at;
}

struct text arena_copy(struct arena *a, struct text t) {
  char *at = arena_alloc(a, t.len + 1);
  if (t.len > 0)
    memcpy(at, t.at, t.len);
  at[t.len] = '\0';
  return (struct text){at, t.len};
}

struct text arena_join(struct arena *a, const struct text *parts, size_t count) {
  size_t len = 0;
  for (size_t i = 0; i < count; i++)
    len += parts[i].len;
  char *at = arena_alloc(a, len + 1);
  for (size_t i = 0, n = 0; i < count; n += parts[i++].len)
    if (parts[i].len > 0)
      memcpy(at + n, parts[i].at, parts[i].len);
  at[len] = '\0';
  return (struct text){at, len};
}

struct text arena_format(struct arena *a, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  if (n < 0)
    return arena_copy(a, TEXT_NONE);
  char *at = arena_alloc(a, (size_t)n + 1);
  va_start(args, fmt);
  (void)vsnprintf(at, (size_t)n + 1, fmt, args);
  va_end(args);
  return (struct text){at, (size_t)n};
}

void arena_defer(struct arena *a, void (*fn)(void *data), void *data) {
  struct arena_cleanup *c = arena_alloc(a, sizeof *c);
  *c = (struct arena_cleanup){.older = a->cleanups, .fn = fn, .data = data};
  a->cleanups = c;
}
