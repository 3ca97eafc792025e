/* Descriptors in a loop's epoll set: adding, removing, handing out events, waiting for readiness. Each is registered
 * once, edge-triggered, for both directions; readiness is remembered in the watch. It does not read or write
 * (net/stream does) and does not call epoll_wait (loop.c does).
 *
 * An event carries a slot number and the slot's generation. Removing a watch moves the generation on, so an event that
 * was fetched before finds nobody, whatever has become of the watch, its memory or the descriptor's number meanwhile.
 */
#include "fiber/loop_private.h"

#include <assert.h>

#define NO_SLOT UINT32_MAX

static uint64_t slot_data(const struct watch_table *t, uint32_t slot) {
  return ((uint64_t)t->slots[slot].generation << 32) | slot;
}

static void grow(struct watch_table *t) {
  uint32_t cap = t->cap == 0 ? 64 : t->cap * 2;
  struct watch_slot *slots = realloc(t->slots, cap * sizeof *slots);
  if (slots == NULL) {
    abort();
  }
  t->slots = slots;
  t->cap = cap;
}

static uint32_t take_slot(struct watch_table *t, struct loop_watch *w) {
  uint32_t slot = t->first_free;
  if (slot != NO_SLOT) {
    t->first_free = t->slots[slot].next_free;
  } else {
    if (t->count == t->cap) {
      grow(t);
    }
    slot = t->count++;
    t->slots[slot].generation = 0;
  }
  t->slots[slot].watch = w;
  t->used++;
  return slot;
}

static void give_slot(struct watch_table *t, uint32_t slot) {
  struct watch_slot *s = &t->slots[slot];
  s->watch = NULL;
  s->generation++;
  s->next_free = t->first_free;
  t->first_free = slot;
  t->used--;
}

struct loop_watch *watch_table_find(const struct watch_table *t, uint64_t data) {
  uint32_t slot = (uint32_t)data;
  if (slot >= t->count || t->slots[slot].generation != (uint32_t)(data >> 32)) {
    return NULL;
  }
  return t->slots[slot].watch;
}

void watch_table_done(struct watch_table *t) {
  free(t->slots);
  *t = (struct watch_table){.first_free = NO_SLOT};
}

enum err loop_watch_add(struct loop *loop, struct loop_watch *w, int fd, bool exclusive) {
  uint32_t slot = take_slot(&loop->watches, w);
  /* Edge-triggered for shared listeners too: one that pauses (no descriptors left) must not spin. No connection is lost
   * to a thread that is busy: the kernel then tells the others as well. */
  struct epoll_event event = {.events = exclusive ? EPOLLIN | EPOLLET | EPOLLEXCLUSIVE
                                                  : EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                              .data.u64 = slot_data(&loop->watches, slot)};
  if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
    give_slot(&loop->watches, slot);
    return ERR_SYSTEM;
  }
  w->fd = fd;
  w->readable = w->writable = w->hung_up = false;
  w->reader = w->writer = NULL;
  w->loop = loop;
  w->slot = slot;
  w->generation = loop->watches.slots[slot].generation;
  return ERR_OK;
}

/* A fiber that waits on a watch that goes away is cancelled; it must not look at the watch again. */
static void abandon(struct fiber *f) {
  if (f != NULL) {
    f->watch = NULL;
    fiber_cancel(f);
  }
}

void loop_watch_remove(struct loop_watch *w) {
  struct loop *loop = w->loop;
  if (loop == NULL) {
    return;
  }
  epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
  give_slot(&loop->watches, w->slot);
  abandon(w->reader);
  abandon(w->writer);
  w->reader = w->writer = NULL;
  w->loop = NULL;
}

void watch_deliver(struct loop_watch *w, uint32_t events) {
  bool failed = (events & (EPOLLHUP | EPOLLERR)) != 0;
  bool gone = failed || (events & EPOLLRDHUP) != 0;
  if ((events & EPOLLIN) != 0 || gone) {
    w->readable = true;
  }
  if ((events & EPOLLOUT) != 0 || failed) {
    w->writable = true;
  }
  if (w->reader != NULL && w->readable) {
    fiber_wake(w->reader);
  }
  if (w->writer != NULL && w->writable) {
    fiber_wake(w->writer);
  }
  if (gone) {
    w->hung_up = true;
  }
  if (w->reader == NULL && w->writer == NULL && w->on_event != NULL) {
    w->on_event(w);
  }
}

/* Readiness may have been used up again by the time the fiber runs, hence the loop. */
static enum err wait_for(struct loop_watch *w, const bool *flag, struct fiber **place, int64_t deadline_us) {
  struct fiber *f = fiber_self();
  assert(f != NULL && f->loop == w->loop && *place == NULL);
  if (f->cancelled) {
    return ERR_CANCELLED;
  }
  while (!*flag) {
    *place = f;
    f->watch = w;
    enum err e = fiber_park(deadline_us);
    if (f->watch == NULL) {
      return ERR_CANCELLED;
    }
    f->watch = NULL;
    *place = NULL;
    if (e != ERR_OK) {
      return e;
    }
  }
  return ERR_OK;
}

enum err loop_wait_readable(struct loop_watch *w, int64_t deadline_us) {
  return wait_for(w, &w->readable, &w->reader, deadline_us);
}

enum err loop_wait_writable(struct loop_watch *w, int64_t deadline_us) {
  return wait_for(w, &w->writable, &w->writer, deadline_us);
}
