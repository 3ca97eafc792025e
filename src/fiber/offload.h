/* Blocking work on its own threads: SQLite, DNS, file sync. The calling fiber waits; the code reads like a call. */
#ifndef FIBER_OFFLOAD_H
#define FIBER_OFFLOAD_H

#include "base/err.h"

#include <stddef.h>

struct offload;

/* A pool of threads with a bounded queue. ERR_SYSTEM when threads cannot be started. */
enum err offload_new(size_t threads, size_t max_queued, struct offload **out) MUST_CHECK;
/* Finishes what is queued, joins the threads. No fiber may be waiting. */
void offload_free(struct offload *pool);
/* Runs fn(arg) on a pool thread while the calling fiber waits; returns fn's result. ERR_LIMIT when the queue is full.
 * Not cancellable (arg lives on the caller's stack): a cancel is remembered and seen by the next wait.
 * Outside a fiber it simply runs fn(arg) here. */
enum err offload_call(struct offload *pool, enum err (*fn)(void *arg), void *arg) MUST_CHECK;

#endif
