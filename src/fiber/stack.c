/* The memory fibers run on: mmap'ed stacks above a guard page, pooled. It also measures how deep stacks were used: a
 * stack is painted when taken and searched for the first changed word when given back, which costs far more than a
 * fiber and is for tests. It does not switch stacks (switch.h) and does not know fibers. Called by fiber.c. */
#include "fiber/stack.h"

#include "fiber/fiber.h"
#include "fiber/instrument.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAINT      0xA5A5A5A5A5A5A5A5u
#define PAINT_BYTE 0xA5

static atomic_bool measuring;
static atomic_size_t high_water;

void fiber_measure_stacks(bool on) { atomic_store_explicit(&measuring, on, memory_order_relaxed); }

size_t fiber_stack_high_water(void) { return atomic_load_explicit(&high_water, memory_order_relaxed); }

static size_t guard_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static struct stack *map_stack(void) {
  size_t guard = guard_bytes();
  char *base = mmap(NULL, guard + FIBER_STACK_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    return NULL;
  }
  if (mprotect(base, guard, PROT_NONE) != 0) {
    munmap(base, guard + FIBER_STACK_BYTES);
    return NULL;
  }
  char *low = base + guard;
  struct stack *s = (struct stack *)(void *)(low + FIBER_STACK_BYTES - sizeof *s);
  *s = (struct stack){.low = low, .valgrind_id = instrument_stack_mapped(low, FIBER_STACK_BYTES)};
  return s;
}

static void unmap_stack(struct stack *s) {
  size_t guard = guard_bytes();
  char *low = s->low;
  instrument_stack_clean(low, FIBER_STACK_BYTES);
  instrument_stack_unmapped(low, FIBER_STACK_BYTES, s->valgrind_id);
  munmap(low - guard, guard + FIBER_STACK_BYTES);
}

struct stack *stack_take(struct stack_pool *pool) {
  struct stack *s = pool->free;
  if (s != NULL) {
    pool->free = s->next;
    pool->kept--;
  } else {
    s = map_stack();
    if (s == NULL) {
      return NULL;
    }
  }
  s->next = NULL;
  s->painted = atomic_load_explicit(&measuring, memory_order_relaxed);
  if (s->painted) {
    memset(s->low, PAINT_BYTE, (size_t)((char *)s - s->low));
  }
  return s;
}

static void measure(const struct stack *s) {
  const uint64_t *word = (const uint64_t *)(const void *)s->low;
  const uint64_t *end = (const uint64_t *)(const void *)s;
  while (word < end && *word == PAINT) {
    word++;
  }
  size_t used = (size_t)(s->low + FIBER_STACK_BYTES - (const char *)word);
  size_t seen = atomic_load_explicit(&high_water, memory_order_relaxed);
  while (used > seen && !atomic_compare_exchange_weak(&high_water, &seen, used)) {
  }
}

void stack_give(struct stack_pool *pool, struct stack *s) {
  instrument_stack_clean(s->low, (size_t)((char *)s - s->low));
  if (s->painted) {
    measure(s);
  }
  if (pool->kept >= STACK_POOL_MAX) {
    unmap_stack(s);
    return;
  }
  s->next = pool->free;
  pool->free = s;
  pool->kept++;
}

void stack_pool_done(struct stack_pool *pool) {
  while (pool->free != NULL) {
    struct stack *s = pool->free;
    pool->free = s->next;
    unmap_stack(s);
  }
  pool->kept = 0;
}
