/* Runs jobs: a few threads that claim what is due in the store and one beside them that renews leases, ends what was
 * lost and looks for new work. Several processes may do so on one store. Made by app.c; everything else about a job
 * goes through the store. */
#ifndef JOBS_RUNNER_H
#define JOBS_RUNNER_H

#include "jobs/kinds.h"

struct runner;

struct runner_options {
  struct job_world world;       /* copied; what it points to outlives the runner */
  const struct job_kind *kinds; /* NULL: job_kinds */
  size_t kind_count;
  unsigned threads;       /* jobs at one time, at most RUNNER_THREADS_MAX; 0: 2 */
  int64_t poll_ms;        /* how often to look for work nobody told of; 0: 1000 */
  int64_t claim_lease_ms; /* the first lease, before the kind's own; 0: 60000 */
  const char *name;       /* NULL: HOST/PID */
};

#define RUNNER_THREADS_MAX 16

struct runner *runner_new(const struct runner_options *o);
/* Starts the threads. ERR_SYSTEM. */
enum err runner_start(struct runner *r, struct fault *f) MUST_CHECK;
/* Any thread: look for work now. NULL is fine. */
void runner_wake(struct runner *r);
/* Any thread: no new job is begun, and those that run are told to stop and will be given back. Does not wait. NULL is
 * fine. */
void runner_end(struct runner *r);
/* The same, and waits until the threads have ended, which takes as long as the jobs need to notice. NULL is fine. */
void runner_stop(struct runner *r);
void runner_free(struct runner *r); /* stops; NULL is fine */

/* Since the start of this process, by kind and way of ending (jobs/outcome.h). Any thread. */
struct runner_count {
  const char *kind, *outcome;
  uint64_t count;
};
size_t runner_counts(struct runner *r, struct runner_count *out, size_t max);
/* What there is in the store, of all processes, as it was a few seconds ago; by kind. Any thread. */
struct runner_gauge {
  const char *kind;
  int64_t queued, running, dead;
  int64_t waited_us; /* for how long the one due longest has been due; 0: none is */
};
size_t runner_gauges(struct runner *r, struct runner_gauge *out, size_t max);
/* Jobs that run here now. Any thread. */
unsigned runner_running(struct runner *r);

#endif
