/* The event loop: one turn is hooks, epoll_wait, events, messages, timers, ready fibers, in this order. So data that
 * arrives together with a deadline wins over the deadline. It does not know what a descriptor is for (watch.c) nor how
 * a fiber is suspended (fiber.c). Each worker thread runs one; tests run them too, and may have one pretend its time:
 * then a sleep with nothing else to wait for is a step of the clock. */
#include "fiber/loop.h"

#include "fiber/loop_private.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_FIBERS_DEFAULT 65536
/* Fibers that wake each other must not keep the loop from its events. */
#define RESUMES_PER_TURN 1024
#define SLEEP_MAX_MS     (60 * 60 * 1000)
/* Real time for which a loop with pretended time waits for events before a step. Bytes on the loopback arrive within
 * the write as a rule, but a busy kernel may hand them over to a thread of its own. */
#define PRETEND_SETTLE_MS 1

_Thread_local struct loop *loop_here;

/* Pretended time, of the process. clock_us 0: off, and then the rest means nothing. */
static struct {
  _Atomic int64_t clock_us, wall_ahead_us; /* wall clock minus monotonic clock */
  _Atomic(struct loop *) loop;
} pretended;

static int64_t read_us(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t loop_clock_us(void) {
  int64_t us = atomic_load_explicit(&pretended.clock_us, memory_order_relaxed);
  return __builtin_expect(us != 0, 0) ? us : read_us(CLOCK_MONOTONIC);
}

int64_t loop_wall_us(void) {
  int64_t us = atomic_load_explicit(&pretended.clock_us, memory_order_acquire);
  return us != 0 ? us + atomic_load(&pretended.wall_ahead_us) : read_us(CLOCK_REALTIME);
}

static bool is_pretending(const struct loop *loop) {
  return atomic_load_explicit(&pretended.loop, memory_order_relaxed) == loop;
}

void loop_pretend_time(struct loop *loop, bool on) {
  if (on == is_pretending(loop)) {
    return;
  }
  assert(!on || atomic_load(&pretended.loop) == NULL);
  int64_t now_us = 0;
  if (on) {
    now_us = read_us(CLOCK_MONOTONIC);
    atomic_store(&pretended.wall_ahead_us, read_us(CLOCK_REALTIME) - now_us);
  }
  atomic_store(&pretended.clock_us, now_us);
  atomic_store(&pretended.loop, on ? loop : NULL);
  loop->now_us = loop_clock_us();
}

void loop_pretend_pass(struct loop *loop, int64_t us) {
  assert(is_pretending(loop) && us >= 0);
  atomic_fetch_add(&pretended.clock_us, us);
}

int64_t loop_now_us(const struct loop *loop) { return loop->now_us; }

static enum err open_descriptors(struct loop *loop) {
  loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  /* Edge-triggered, so that it never has to be read: every write is a new edge. */
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = WATCH_DATA_MAILBOX};
  if (loop->epoll_fd < 0 || loop->event_fd < 0 ||
      epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &event) != 0) {
    return ERR_SYSTEM;
  }
  return ERR_OK;
}

static void close_descriptors(struct loop *loop) {
  if (loop->event_fd >= 0) {
    close(loop->event_fd);
  }
  if (loop->epoll_fd >= 0) {
    close(loop->epoll_fd);
  }
}

enum err loop_new(const struct loop_limits *limits, struct loop **out) {
  struct loop *loop = aligned_alloc(_Alignof(struct loop), sizeof *loop);
  if (loop == NULL) {
    abort();
  }
  memset(loop, 0, sizeof *loop);
  watch_table_done(&loop->watches);
  loop->max_fibers = limits != NULL && limits->max_fibers != 0 ? limits->max_fibers : MAX_FIBERS_DEFAULT;
  loop->now_us = loop_clock_us();
  enum err e = open_descriptors(loop);
  if (e != ERR_OK) {
    close_descriptors(loop);
    free(loop);
    return e;
  }
  *out = loop;
  return ERR_OK;
}

void loop_free(struct loop *loop) {
  if (loop == NULL) {
    return;
  }
  assert(loop->fibers == 0 && loop->watches.used == 0);
  while (atomic_load(&loop->visitors) != 0) {
    sched_yield();
  }
  loop_pretend_time(loop, false);
  close_descriptors(loop);
  timer_heap_done(&loop->timers);
  watch_table_done(&loop->watches);
  stack_pool_done(&loop->stacks);
  free(loop);
}

struct loop *loop_current(void) {
  return loop_here;
}

void loop_stop(struct loop *loop) {
  int saved = errno;
  atomic_fetch_add(&loop->visitors, 1);
  atomic_store(&loop->stopping, true);
  ssize_t ignored = write(loop->event_fd, &(uint64_t){1}, sizeof(uint64_t));
  (void)ignored;
  atomic_fetch_sub(&loop->visitors, 1);
  errno = saved;
}

void loop_timer_start(struct loop *loop, struct loop_timer *t, int64_t at_us) {
  if (loop->firing && at_us <= loop->now_us) {
    at_us = loop->now_us + 1;
  }
  timer_heap_put(&loop->timers, t, at_us);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *t) { timer_heap_remove(&loop->timers, t); }

enum err loop_before_sleep(struct loop *loop, void (*fn)(void *data), void *data) {
  if (loop->hook_count == LOOP_HOOKS_MAX) {
    return ERR_LIMIT;
  }
  loop->hooks[loop->hook_count++] = (struct loop_hook){fn, data};
  return ERR_OK;
}

struct loop_stats loop_stats(const struct loop *loop) {
  return (struct loop_stats){
      .fibers = loop->fibers, .watches = loop->watches.used, .timers = loop->timers.count, .turns = loop->turns};
}

static bool is_finished(struct loop *loop) {
  if (loop->fibers > 0 || !mailbox_is_empty(loop)) {
    return false;
  }
  return atomic_load(&loop->stopping) || (loop->watches.used == 0 && loop->timers.count == 0);
}

/* Milliseconds until the next timer, rounded up so that it is due when epoll_wait returns; -1: until something happens.
 */
static int sleep_ms(const struct loop *loop) {
  if (loop->ready.head != NULL) {
    return 0;
  }
  int64_t next_us = timer_heap_next_us(&loop->timers);
  if (next_us == INT64_MAX) {
    return -1;
  }
  /* One put off for a turn is not worth a sleep; but where time is pretended, only a sleep moves it on. */
  if (next_us <= loop->now_us + (is_pretending(loop) ? 0 : 1)) {
    return 0;
  }
  int64_t ms = (next_us - loop->now_us - 1) / 1000 + 1;
  return ms > SLEEP_MAX_MS ? SLEEP_MAX_MS : (int)ms;
}

static int wait_for_events(struct loop *loop, int timeout_ms) {
  if (timeout_ms != 0) {
    atomic_store(&loop->asleep, true);
    if (!mailbox_is_empty(loop)) {
      timeout_ms = 0;
    }
  }
  int count = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS_PER_TURN, timeout_ms);
  atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
  if (count < 0) {
    assert(errno == EINTR);
    return 0;
  }
  return count;
}

/* As fetch_events when it would sleep: the clock steps to the next timer when nothing else can happen before. */
static int pretend_to_sleep(struct loop *loop) {
  int64_t next_us = timer_heap_next_us(&loop->timers);
  if (next_us == INT64_MAX || loop->calls_offloaded > 0) {
    return wait_for_events(loop, -1);
  }
  int count = wait_for_events(loop, PRETEND_SETTLE_MS);
  if (count == 0 && mailbox_is_empty(loop)) {
    int64_t step_us = next_us - loop_clock_us();
    loop_pretend_pass(loop, step_us > 0 ? step_us : 0);
  }
  return count;
}

static int fetch_events(struct loop *loop) {
  int timeout_ms = sleep_ms(loop);
  return timeout_ms != 0 && is_pretending(loop) ? pretend_to_sleep(loop) : wait_for_events(loop, timeout_ms);
}

static void deliver_events(struct loop *loop, int count) {
  for (int i = 0; i < count; i++) {
    struct loop_watch *w = watch_table_find(&loop->watches, loop->events[i].data.u64);
    if (w != NULL) {
      watch_deliver(w, loop->events[i].events);
    }
  }
}

/* One that is started meanwhile comes in a later turn, a microsecond from now. */
static void fire_timers(struct loop *loop) {
  struct loop_timer *t;
  loop->firing = true;
  while ((t = timer_heap_take_due(&loop->timers, loop->now_us)) != NULL) {
    t->fire(t);
  }
  loop->firing = false;
}

static void run_ready(struct loop *loop) {
  for (int i = 0; i < RESUMES_PER_TURN; i++) {
    struct fiber *f = fiber_queue_pop(&loop->ready);
    if (f == NULL) {
      break;
    }
    fiber_resume(f);
  }
  struct fiber *f;
  while ((f = fiber_queue_pop(&loop->yielded)) != NULL) {
    fiber_queue_push(&loop->ready, f);
  }
}

static void run_hooks(struct loop *loop) {
  for (size_t i = 0; i < loop->hook_count; i++) {
    loop->hooks[i].fn(loop->hooks[i].data);
  }
}

void loop_run(struct loop *loop) {
  assert(loop_here == NULL);
  loop_here = loop;
  loop->log = log_context();
  instrument_init_thread(&loop->instrument);
  for (run_hooks(loop); !is_finished(loop); run_hooks(loop)) {
    int count = fetch_events(loop);
    loop->now_us = loop_clock_us();
    loop->turns++;
    deliver_events(loop, count);
    mailbox_drain(loop);
    fire_timers(loop);
    run_ready(loop);
  }
  atomic_store(&loop->stopping, false);
  loop_here = NULL;
}
