/* What follows when an attempt of a job has ended: done, tried again and when, given back, failed, dead, cancelled.
 * Pure: time and random numbers come in. For runner.c. */
#ifndef JOBS_OUTCOME_H
#define JOBS_OUTCOME_H

#include "ports/store_jobs.h"

/* Why a running job is to stop; the first reason stays. */
enum job_stop {
  JOB_STOP_NOT,
  JOB_STOP_CANCEL, /* somebody asked */
  JOB_STOP_LOST,   /* the lease is another's, or nobody knows whose */
  JOB_STOP_END     /* the process ends */
};

enum outcome { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_GIVE_BACK, OUTCOME_FAILED, OUTCOME_DEAD, OUTCOME_CANCELLED };

/* From what the kind returned and whether it had been told to stop. attempt of max_attempts. One that was told to stop
 * and finished all the same is done. */
enum outcome outcome_of(enum err e, enum job_stop stop, int64_t attempt, int64_t max_attempts);
/* "done" "retry" "given_back" ...: for log and metrics. */
const char *outcome_name(enum outcome o);
/* What the store is told of one that is not done. error must live as long as *out. */
void outcome_release(enum outcome o, int64_t attempt, int64_t now_us, uint64_t random, struct text error,
                     struct store_job_release *out);
/* 10 s, doubled with every attempt up to an hour, and up to a quarter more or less. */
int64_t outcome_backoff_us(int64_t attempt, uint64_t random);

#endif
