/* Fibers: functions that can wait without holding a thread. A fiber runs on one loop for life; it never migrates.
 * Rules: no lock is held across a wait; thread scratch does not survive a wait; every wait has a deadline and can be
 * cancelled; a cancelled wait returns ERR_CANCELLED and the function unwinds. All functions here are called on the
 * loop's own thread except where a contract says otherwise. */
#ifndef FIBER_FIBER_H
#define FIBER_FIBER_H

#include "base/err.h"
#include "fiber/loop.h"

#include <stddef.h>
#include <stdint.h>

struct fiber;

#define FIBER_STACK_BYTES (64 * 1024)
#define FIBER_NO_DEADLINE INT64_MAX

/* Starts fn(arg) on a stack from the loop's pool. It runs at once until its first wait when called outside a fiber
 * (from the loop); from inside a fiber, or before loop_run, it is queued for this turn of the loop. ERR_LIMIT when the
 * loop's fiber limit is reached (see loop_new) or the system maps no more stacks (vm.max_map_count allows about 32,000
 * a process unless it is raised). out may be NULL; it is written before fn runs. The handle is valid until fn returns.
 * The fiber starts with an empty log context. */
enum err fiber_start(struct loop *loop, void (*fn)(void *arg), void *arg, struct fiber **out) MUST_CHECK;
/* The running fiber, or NULL when the loop itself runs. */
struct fiber *fiber_self(void);
struct loop *fiber_loop(const struct fiber *f);

/* Waits until fiber_wake, fiber_cancel or the deadline (loop_now_us scale). ERR_OK, ERR_CANCELLED or ERR_TIMEOUT.
 * A wake that came since the last park makes it return ERR_OK at once; a pending cancel makes it return ERR_CANCELLED
 * at once; a deadline that has passed, ERR_TIMEOUT. When several came in one turn a cancel goes before a wake and a
 * wake before the deadline. */
enum err fiber_park(int64_t deadline_us) MUST_CHECK;
/* Makes f runnable in this turn of its loop (idempotent). Only from f's own loop thread; from other threads use
 * mailbox_post. */
void fiber_wake(struct fiber *f);
/* Cancels: the current or next wait returns ERR_CANCELLED, and so does every later one until fiber_clear_cancel.
 * Idempotent. */
void fiber_cancel(struct fiber *f);
bool fiber_is_cancelled(const struct fiber *f);
/* Lets clean-up code of the running fiber wait again. */
void fiber_clear_cancel(void);
/* Gives other ready fibers and the loop's events a turn. ERR_OK or ERR_CANCELLED. */
enum err fiber_yield(void) MUST_CHECK;
/* At least this long, whatever wakes come meanwhile; 0 or less only yields. ERR_OK or ERR_CANCELLED. */
enum err fiber_sleep(int64_t duration_us) MUST_CHECK;

/* Gives the pages below the running fiber's present depth back to the system: for a fiber that has done its deep work
 * and will now wait for long, such as a stream. One system call. */
void fiber_trim_stack(void);

/* Largest stack use seen by any fiber of the process so far, in bytes; measured when a stack returns to its pool
 * if fiber_measure_stacks(true) was called, else 0. */
size_t fiber_stack_high_water(void);
void fiber_measure_stacks(bool on);

#endif
