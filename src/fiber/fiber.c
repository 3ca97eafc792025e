/* Fibers: starting, suspending, waking and cancelling them. A fiber always switches to its loop and the loop to a
 * fiber, never fiber to fiber. It does not know descriptors (watch.c) or decide the order of a turn (loop.c). Called
 * from everywhere in a request's path.
 *
 * A parked fiber is in no queue. Wake, cancel and the deadline all do the same: queue it. What park returns is decided
 * when the fiber runs again, by what has happened until then: a cancel goes before a wake, a wake before the deadline.
 */
#include "fiber/fiber.h"

#include "fiber/loop_private.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

/* Frames of the calls that lead to a wait, and the red zone. */
#define TRIM_MARGIN_BYTES 512

void fiber_queue_push(struct fiber_queue *q, struct fiber *f) {
  f->next = NULL;
  if (q->head == NULL) {
    q->head = f;
  } else {
    q->tail->next = f;
  }
  q->tail = f;
}

struct fiber *fiber_queue_pop(struct fiber_queue *q) {
  struct fiber *f = q->head;
  if (f != NULL) {
    q->head = f->next;
  }
  return f;
}

static void deadline_came(struct loop_timer *t) {
  struct fiber *f = (struct fiber *)(void *)((char *)t - offsetof(struct fiber, timer));
  if (!f->parked || f->deadline_us == FIBER_NO_DEADLINE) {
    return;
  }
  if (f->deadline_us > f->loop->now_us) {
    loop_timer_start(f->loop, t, f->deadline_us);
  } else {
    fiber_unpark(f);
  }
}

/* Switches from the running fiber to the loop. */
static void switch_to_loop(struct fiber *f, bool for_good) {
  struct loop *loop = f->loop;
  instrument_leave(&f->instrument, &loop->instrument, for_good);
  switch_to(&f->context, &loop->context);
  instrument_arrive(&f->instrument, &loop->instrument);
}

static void fiber_main(void *arg) {
  struct fiber *f = arg;
  instrument_arrive(&f->instrument, &f->loop->instrument);
  f->fn(f->arg);
  f->ended = true;
  switch_to_loop(f, true);
  abort();
}

static void bury(struct fiber *f) {
  struct loop *loop = f->loop;
  loop_timer_stop(loop, &f->timer);
  instrument_done(&f->instrument);
  loop->fibers--;
  stack_give(&loop->stacks, f->stack);
}

void fiber_resume(struct fiber *f) {
  struct loop *loop = f->loop;
  struct log_context loops_own = *loop->log;
  *loop->log = f->log;
  loop->running = f;
  instrument_leave(&loop->instrument, &f->instrument, false);
  switch_to(&loop->context, &f->context);
  /* The bounds a fiber learns are the loop's and stay what they are; what comes back here is not needed. */
  struct instrument ignored;
  instrument_arrive(&loop->instrument, &ignored);
  loop->running = NULL;
  f->log = *loop->log;
  *loop->log = loops_own;
  if (f->ended) {
    bury(f);
  }
}

/* The struct goes to the top of the stack, aligned to a cache line; the fiber's frames start below it. */
static struct fiber *place_fiber(struct stack *s) {
  uintptr_t at = ((uintptr_t)s - sizeof(struct fiber)) & ~(uintptr_t)63;
  return (struct fiber *)at;
}

enum err fiber_start(struct loop *loop, void (*fn)(void *arg), void *arg, struct fiber **out) {
  assert(loop_here == NULL || loop_here == loop);
  struct stack *stack = loop->fibers < loop->max_fibers ? stack_take(&loop->stacks) : NULL;
  if (stack == NULL) {
    return ERR_LIMIT;
  }
  struct fiber *f = place_fiber(stack);
  *f = (struct fiber){.loop = loop,
                      .deadline_us = FIBER_NO_DEADLINE,
                      .timer = LOOP_TIMER_INIT(deadline_came),
                      .fn = fn,
                      .arg = arg,
                      .stack = stack};
  instrument_init(&f->instrument, stack->low, (size_t)((char *)f - stack->low));
  switch_make(&f->context, f, fiber_main, f);
  loop->fibers++;
  if (out != NULL) {
    *out = f;
  }
  if (loop_here == NULL || loop->running != NULL) {
    fiber_queue_push(&loop->ready, f);
  } else {
    fiber_resume(f);
  }
  return ERR_OK;
}

struct fiber *fiber_self(void) {
  return loop_here == NULL ? NULL : loop_here->running;
}

/* For functions that make sense inside a fiber only. */
static struct fiber *running_fiber(void) {
  assert(loop_here != NULL && loop_here->running != NULL);
  return loop_here->running;
}

struct loop *fiber_loop(const struct fiber *f) {
  return f->loop;
}

void fiber_suspend(void) {
  struct fiber *f = running_fiber();
  f->parked = true;
  switch_to_loop(f, false);
}

void fiber_unpark(struct fiber *f) {
  if (f->parked) {
    f->parked = false;
    fiber_queue_push(&f->loop->ready, f);
  }
}

/* A timer that runs already and is due earlier stays where it is: when it fires it finds that the deadline has moved
 * and starts again. So a fiber that waits a hundred times within one deadline touches the heap once. */
static void set_deadline(struct fiber *f, int64_t deadline_us) {
  f->deadline_us = deadline_us;
  if (deadline_us != FIBER_NO_DEADLINE && (!loop_timer_is_running(&f->timer) || f->timer.at_us > deadline_us)) {
    loop_timer_start(f->loop, &f->timer, deadline_us);
  }
}

enum err fiber_park(int64_t deadline_us) {
  struct fiber *f = running_fiber();
  if (!f->woken && !f->cancelled && deadline_us > f->loop->now_us) {
    set_deadline(f, deadline_us);
    fiber_suspend();
  }
  bool woken = f->woken;
  f->woken = false;
  if (f->cancelled) {
    return ERR_CANCELLED;
  }
  return woken ? ERR_OK : ERR_TIMEOUT;
}

void fiber_wake(struct fiber *f) {
  assert(loop_here == NULL || loop_here == f->loop);
  f->woken = true;
  fiber_unpark(f);
}

void fiber_cancel(struct fiber *f) {
  assert(loop_here == NULL || loop_here == f->loop);
  f->cancelled = true;
  fiber_unpark(f);
}

bool fiber_is_cancelled(const struct fiber *f) { return f->cancelled; }

void fiber_clear_cancel(void) { running_fiber()->cancelled = false; }

enum err fiber_yield(void) {
  struct fiber *f = running_fiber();
  if (!f->cancelled) {
    fiber_queue_push(&f->loop->yielded, f);
    switch_to_loop(f, false);
  }
  return f->cancelled ? ERR_CANCELLED : ERR_OK;
}

enum err fiber_sleep(int64_t duration_us) {
  if (duration_us <= 0) {
    return fiber_yield();
  }
  int64_t now_us = loop_clock_us();
  int64_t deadline_us = duration_us > INT64_MAX - now_us ? FIBER_NO_DEADLINE : now_us + duration_us;
  enum err e;
  do {
    e = fiber_park(deadline_us);
  } while (e == ERR_OK);
  return e == ERR_TIMEOUT ? ERR_OK : e;
}

void fiber_trim_stack(void) {
  struct fiber *f = fiber_self();
  if (f == NULL || f->stack->painted) {
    return;
  }
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t here = (uintptr_t)__builtin_frame_address(0), low = (uintptr_t)f->stack->low;
  uintptr_t end = (here - TRIM_MARGIN_BYTES) & ~(page - 1);
  if (end > low) {
    (void)madvise(f->stack->low, end - low, MADV_DONTNEED);
  }
}
