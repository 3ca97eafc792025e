/* What the files of this room know of each other's insides. Included nowhere else. */
#ifndef FIBER_LOOP_PRIVATE_H
#define FIBER_LOOP_PRIVATE_H

#include "base/log.h"
#include "fiber/fiber.h"
#include "fiber/instrument.h"
#include "fiber/loop.h"
#include "fiber/mailbox.h"
#include "fiber/stack.h"
#include "fiber/switch.h"
#include "fiber/timer.h"

#include <stdatomic.h>
#include <sys/epoll.h>

#define LOOP_EVENTS_PER_TURN 256
#define LOOP_HOOKS_MAX       8

/* Lives at the top of its own stack. */
struct fiber {
  struct switch_context context;
  struct loop *loop;
  struct fiber *next; /* in the ready or the yielded queue */
  bool parked;        /* suspended and in no queue: whoever clears this queues the fiber, so it is queued once */
  bool woken, cancelled, ended;
  int64_t deadline_us;      /* of the newest park */
  struct loop_timer timer;  /* due at deadline_us or earlier, see fiber_park */
  struct loop_watch *watch; /* waited for in loop_wait_*; NULL once the watch is removed */
  struct log_context log;   /* while another fiber or the loop runs */
  void (*fn)(void *arg);
  void *arg;
  struct stack *stack;
  struct instrument instrument;
};

/* First in, first out. */
struct fiber_queue {
  struct fiber *head, *tail;
};

struct watch_slot {
  struct loop_watch *watch; /* NULL: free */
  uint32_t generation;      /* counts the watches this slot has had */
  uint32_t next_free;
};
struct watch_table {
  struct watch_slot *slots;
  uint32_t count, cap, first_free; /* first_free: UINT32_MAX when none */
  size_t used;
};

struct loop_hook {
  void (*fn)(void *data);
  void *data;
};

struct loop {
  int64_t now_us;
  bool firing; /* timers */
  struct fiber *running;
  struct fiber_queue ready, yielded;
  struct switch_context context; /* the thread's own stack, while a fiber runs */
  struct log_context *log;       /* of the thread */
  struct instrument instrument;
  struct timer_heap timers;
  struct watch_table watches;
  struct stack_pool stacks;
  size_t fibers, max_fibers;
  size_t calls_offloaded; /* fibers inside offload_call */
  uint64_t turns;
  int epoll_fd, event_fd;
  struct loop_hook hooks[LOOP_HOOKS_MAX];
  size_t hook_count;
  /* Touched by other threads: */
  _Alignas(64) _Atomic(struct mailbox_message *) mail; /* newest first */
  atomic_bool asleep; /* the loop may be inside epoll_wait: a poster must write event_fd */
  atomic_bool stopping;
  atomic_uint visitors; /* threads inside mailbox_post or loop_stop; loop_free waits for them */
  _Alignas(64) struct epoll_event events[LOOP_EVENTS_PER_TURN];
};

/* The loop this thread runs, or NULL. */
extern _Thread_local struct loop *loop_here;

void fiber_queue_push(struct fiber_queue *q, struct fiber *f);
/* NULL when empty. */
struct fiber *fiber_queue_pop(struct fiber_queue *q);
/* Runs f until it waits or ends. On the loop's stack only. */
void fiber_resume(struct fiber *f);
/* Suspends the running fiber until fiber_unpark; may return for no reason. Neither a cancel nor a deadline ends it by
 * itself. */
void fiber_suspend(void);
/* Queues f if it is parked, without leaving a mark for its next park. */
void fiber_unpark(struct fiber *f);

/* The watch an epoll event is for, or NULL when it was removed meanwhile. data: epoll_event.data.u64. */
struct loop_watch *watch_table_find(const struct watch_table *t, uint64_t data);
void watch_table_done(struct watch_table *t);
/* Notes the readiness and wakes who waits for it. May free w. */
void watch_deliver(struct loop_watch *w, uint32_t events);
/* epoll_event.data.u64 of the loop's own event_fd. */
#define WATCH_DATA_MAILBOX UINT64_MAX

/* Runs the messages that have arrived. */
void mailbox_drain(struct loop *loop);
bool mailbox_is_empty(struct loop *loop);

#endif
