/* What the two files of the runner share. All members of a slot and of the runner that change are under the lock, but
 * for the job itself, which is its thread's. Not for other rooms. */
#ifndef JOBS_RUNNER_PRIVATE_H
#define JOBS_RUNNER_PRIVATE_H

#include "jobs/outcome.h"
#include "jobs/runner.h"

#include <pthread.h>

#define RUNNER_OUTCOMES (OUTCOME_CANCELLED + 1)

/* One thread and the job it runs. Times are of the monotonic clock. */
struct slot {
  struct runner *runner;
  pthread_t thread;
  bool is_started, is_busy;
  struct job job;
  const struct job_kind *kind;
  int64_t id, attempt;
  enum job_stop stop;
  unsigned permille;
  char note[STORE_JOB_NOTE_MAX + 1];
  int64_t renew_at_us, told_at_us, lease_end_us;
};

struct runner {
  struct runner_options options;
  char name[128];
  struct text kinds; /* as a claim wants them */
  pthread_mutex_t lock;
  pthread_cond_t work, care; /* for the threads that run jobs, and for the keeper */
  struct slot slots[RUNNER_THREADS_MAX];
  unsigned slot_count;
  pthread_t keeper;
  bool keeper_is_started, is_ending, keeper_ends;
  uint64_t calls; /* how often there was a call for work */
  bool is_failing;
  uint64_t scheduled_generation; /* of the configuration whose schedules are in the store; the keeper's alone */
  int64_t gauged_at_us;          /* the keeper's alone */
  struct runner_gauge *gauges;   /* kind_count */
  uint64_t *ended;               /* kind_count * RUNNER_OUTCOMES */
};

int64_t runner_clock_us(void);
/* Says once that the store fails, and once that it is back. */
void runner_note_store(struct runner *r, enum err e, const struct fault *f);
void runner_count_end(struct runner *r, const struct job_kind *k, enum outcome o);
/* runner_keep.c: the thread beside; arg is the runner. */
void *runner_keep(void *arg);

#endif
