/* The timer heap of a loop. It orders timers and nothing else: it reads no clock and fires nothing (loop.c does).
 * A place in the heap is found by moving a hole up or down, so each entry on the way is written once. */
#include "fiber/timer.h"

static void set_entry(struct timer_heap *h, size_t at, struct timer_entry e) {
  h->entries[at] = e;
  e.timer->heap_index = at;
}

static void move_up(struct timer_heap *h, size_t hole, struct timer_entry e) {
  while (hole > 0) {
    size_t parent = (hole - 1) / 2;
    if (h->entries[parent].at_us <= e.at_us) {
      break;
    }
    set_entry(h, hole, h->entries[parent]);
    hole = parent;
  }
  set_entry(h, hole, e);
}

static void move_down(struct timer_heap *h, size_t hole, struct timer_entry e) {
  for (;;) {
    size_t child = 2 * hole + 1;
    if (child >= h->count) {
      break;
    }
    if (child + 1 < h->count && h->entries[child + 1].at_us < h->entries[child].at_us) {
      child++;
    }
    if (h->entries[child].at_us >= e.at_us) {
      break;
    }
    set_entry(h, hole, h->entries[child]);
    hole = child;
  }
  set_entry(h, hole, e);
}

/* Puts e where the hole is, or wherever the order wants it from there. */
static void settle(struct timer_heap *h, size_t hole, struct timer_entry e) {
  if (hole > 0 && h->entries[(hole - 1) / 2].at_us > e.at_us) {
    move_up(h, hole, e);
  } else {
    move_down(h, hole, e);
  }
}

static void grow(struct timer_heap *h) {
  size_t cap = h->cap == 0 ? 64 : h->cap * 2;
  struct timer_entry *entries = realloc(h->entries, cap * sizeof *entries);
  if (entries == NULL) {
    abort();
  }
  h->entries = entries;
  h->cap = cap;
}

void timer_heap_done(struct timer_heap *h) {
  free(h->entries);
  *h = (struct timer_heap){0};
}

void timer_heap_put(struct timer_heap *h, struct loop_timer *t, int64_t at_us) {
  struct timer_entry e = {at_us, t};
  t->at_us = at_us;
  if (loop_timer_is_running(t)) {
    settle(h, t->heap_index, e);
    return;
  }
  if (h->count == h->cap) {
    grow(h);
  }
  move_up(h, h->count++, e);
}

void timer_heap_remove(struct timer_heap *h, struct loop_timer *t) {
  if (!loop_timer_is_running(t)) {
    return;
  }
  size_t hole = t->heap_index;
  t->heap_index = SIZE_MAX;
  struct timer_entry last = h->entries[--h->count];
  if (last.timer != t) {
    settle(h, hole, last);
  }
}

struct loop_timer *timer_heap_take_due(struct timer_heap *h, int64_t now_us) {
  if (h->count == 0 || h->entries[0].at_us > now_us) {
    return NULL;
  }
  struct loop_timer *t = h->entries[0].timer;
  timer_heap_remove(h, t);
  return t;
}

int64_t timer_heap_next_us(const struct timer_heap *h) { return h->count == 0 ? INT64_MAX : h->entries[0].at_us; }

bool loop_timer_is_running(const struct loop_timer *t) { return t->heap_index != SIZE_MAX; }
