/* Timers of one loop, earliest first: a binary heap whose timers know their place in it. Not locked; no clock in here.
 */
#ifndef FIBER_TIMER_H
#define FIBER_TIMER_H

#include "fiber/loop.h"

struct timer_entry {
  int64_t at_us; /* beside the pointer, so that comparing touches the heap's own memory only */
  struct loop_timer *timer;
};
/* Zero-initialised is empty. */
struct timer_heap {
  struct timer_entry *entries;
  size_t count, cap;
};

void timer_heap_done(struct timer_heap *h);
/* Adds t, or moves it when it is in h already. */
void timer_heap_put(struct timer_heap *h, struct loop_timer *t, int64_t at_us);
/* No-op when t is not running. */
void timer_heap_remove(struct timer_heap *h, struct loop_timer *t);
/* Takes out the earliest timer if it is due at now_us, else NULL. Timers of the same microsecond come in any order. */
struct loop_timer *timer_heap_take_due(struct timer_heap *h, int64_t now_us);
/* When the earliest is due; INT64_MAX when there is none. */
int64_t timer_heap_next_us(const struct timer_heap *h);

#endif
