/* One event loop a thread: edge-triggered epoll, each descriptor registered once, timers in a heap, ready fibers, a
 * mailbox. A loop belongs to the thread that runs it; only loop_stop and mailbox_post may be called from elsewhere. */
#ifndef FIBER_LOOP_H
#define FIBER_LOOP_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct loop;
struct fiber;

struct loop_limits {
  size_t max_fibers; /* 0 means 65536 */
};

/* ERR_SYSTEM when epoll or eventfd cannot be had. */
enum err loop_new(const struct loop_limits *limits, struct loop **out) MUST_CHECK;
/* All fibers must have ended and all watches be removed. Messages that came after loop_run returned are not run. NULL
 * is fine. */
void loop_free(struct loop *loop);
/* Runs until loop_stop has been called and no fiber is left, or no work can ever come: no fiber, watch, timer or
 * message. Binds the loop to the calling thread. May be called again after it returned. */
void loop_run(struct loop *loop);
/* Asks the loop to end once its fibers have ended. Any thread, also a signal-safe context. */
void loop_stop(struct loop *loop);
/* The loop of the calling thread while inside loop_run; else NULL. */
struct loop *loop_current(void);

/* Monotonic microseconds, read once a turn of the loop (cheap). loop_clock_us reads the clock now (vdso). */
int64_t loop_now_us(const struct loop *loop);
int64_t loop_clock_us(void);
/* Wall clock, microseconds since 1970 (UTC). */
int64_t loop_wall_us(void);

/* For tests only: hours of timers within milliseconds, and deadlines that race with nothing. While it is on, both
 * clocks stand still, for every thread of the process, and start from the real time of that moment. When the loop would
 * sleep (no fiber is ready, no timer due, no message there, and epoll has no event for a real millisecond), they step
 * to its next timer at once. Without a timer it waits as usual, and so it does while a fiber is inside offload_call: a
 * thread at work is not overtaken. Other threads' messages and loop_stop wake it as ever; threads that answer over a
 * socket are not waited for, and other loops' timers depend on this one's steps. Code that turns until the clock has
 * moved hangs. One loop at a time. Off: both clocks are the real ones again and so go back; timers keep their times.
 * loop_free turns it off. On the loop's thread, or while it does not run. */
void loop_pretend_time(struct loop *loop, bool on);
/* Both clocks move on by us >= 0 while pretended time is on; timers due then fire in the loop's next turn. On the
 * loop's thread, while it does not run, or in a function that one of its fibers has offloaded (a call that takes long).
 */
void loop_pretend_pass(struct loop *loop, int64_t us);

/* Embedded in the owner of a descriptor (a stream, a listener). Registered once for IN, OUT, RDHUP, edge-triggered;
 * readiness is remembered in the flags, so nobody toggles interest. The owner clears `readable`/`writable` itself when
 * a call said EAGAIN (or a short read proved the socket empty). */
struct loop_watch {
  int fd;
  bool readable, writable, hung_up; /* hung_up: the peer closed or the socket failed (EPOLLRDHUP, HUP, ERR) */
  struct fiber *reader, *writer;    /* parked in loop_wait_*, or NULL */
  /* Called on the loop (outside any fiber) when an event arrives and no fiber waits, neither reader nor writer: an idle
   * keep-alive connection, a listener. May free the watch. NULL: flags only. The first event of a new socket says
   * writable: look at the flags. */
  void (*on_event)(struct loop_watch *w);
  struct loop *loop;
  uint64_t generation; /* internal: late events of a removed watch are dropped */
  uint32_t slot;       /* internal */
};
/* fd must be non-blocking. The watch must stay where it is until loop_watch_remove. exclusive: EPOLLEXCLUSIVE, read
 * side only (listeners shared by workers), edge-triggered too: accept until EAGAIN, or come back on your own. Flags,
 * reader and writer are reset; on_event is kept. ERR_SYSTEM (errno says why): fd cannot be watched. */
enum err loop_watch_add(struct loop *loop, struct loop_watch *w, int fd, bool exclusive) MUST_CHECK;
/* Forgets the watch (does not close fd: do that afterwards). No-op on a zeroed or removed watch. Events of this turn
 * that were already fetched are dropped. A parked reader or writer is woken with ERR_CANCELLED semantics: there must be
 * none. */
void loop_watch_remove(struct loop_watch *w);
/* Parks the running fiber until the flag is true. ERR_OK, ERR_TIMEOUT, ERR_CANCELLED. One reader and one writer a watch
 * at a time. */
enum err loop_wait_readable(struct loop_watch *w, int64_t deadline_us) MUST_CHECK;
enum err loop_wait_writable(struct loop_watch *w, int64_t deadline_us) MUST_CHECK;

/* Embedded in the owner. fire runs on the loop, outside any fiber; it may start the timer again or free its owner. What
 * is started by it fires in a later turn. */
struct loop_timer {
  int64_t at_us;
  void (*fire)(struct loop_timer *t);
  size_t heap_index; /* internal; SIZE_MAX: not running */
};
#define LOOP_TIMER_INIT(fn)                                                                                            \
  { 0, (fn), SIZE_MAX }
/* Starts or moves the timer. */
void loop_timer_start(struct loop *loop, struct loop_timer *t, int64_t at_us);
void loop_timer_stop(struct loop *loop, struct loop_timer *t); /* no-op when it is not running */
bool loop_timer_is_running(const struct loop_timer *t);

/* Runs fn(data) at the end of every turn before the loop sleeps (batched writes such as log_flush). At most 8 hooks. */
enum err loop_before_sleep(struct loop *loop, void (*fn)(void *data), void *data) MUST_CHECK;

/* Numbers for metrics: fibers alive, fds watched, turns. */
struct loop_stats {
  size_t fibers, watches, timers;
  uint64_t turns;
};
struct loop_stats loop_stats(const struct loop *loop);

#endif
