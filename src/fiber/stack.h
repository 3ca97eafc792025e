/* Stacks for fibers: mapped memory above a guard page, kept for reuse newest first (its pages are still warm). One pool
 * a loop, not locked. */
#ifndef FIBER_STACK_H
#define FIBER_STACK_H

#include <stdbool.h>
#include <stddef.h>

/* Stacks kept for reuse in one pool; more are given back to the system. */
#define STACK_POOL_MAX 1024

/* Stands at the top end of the memory it describes, so that a stack that is hardly used has touched one page. */
struct stack {
  struct stack *next; /* in the pool */
  char *low;          /* usable: [low, (char *)this) */
  unsigned valgrind_id;
  bool painted;
};

struct stack_pool {
  struct stack *free;
  size_t kept;
};

/* NULL when the system refuses another mapping (vm.max_map_count; a stack needs two). */
struct stack *stack_take(struct stack_pool *pool);
/* Nobody runs on s any more. */
void stack_give(struct stack_pool *pool, struct stack *s);
/* Unmaps what is kept; the pool may be used again. */
void stack_pool_done(struct stack_pool *pool);

#endif
