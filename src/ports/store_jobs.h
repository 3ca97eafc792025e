/* The port of the store's jobs: work for the background that outlives the process which asked for it. Part of
 * ports/store.h (`s->ops->jobs->claim(s, ...)`); every function blocks. A job runs under a lease: whoever claimed it
 * renews the lease, and loses the job when it lapses. All that a worker says about a job carries the number of its
 * attempt, so that one who lost the job cannot change it any more. A job that can begin now (queued, tried again by
 * hand, given back, made by a schedule) is told of by an event "job" (ports/store_events.h) in the same transaction.
 * Times are microseconds of the database's clock
 * (`now`), which the caller passes in: replicas need no clocks that agree. Errors as in ports/store.h. */
#ifndef PORTS_STORE_JOBS_H
#define PORTS_STORE_JOBS_H

#include "base/arena.h"

#define STORE_JOB_JSON_MAX    65536 /* bytes of args, and of a result */
#define STORE_JOB_ERROR_MAX   1024  /* longer reasons are cut */
#define STORE_JOB_NOTE_MAX    256   /* longer notes are cut */
#define STORE_JOB_NAME_MAX    64    /* of a kind */
#define STORE_JOB_KEY_MAX     200   /* of a unique_key */
#define STORE_JOBS_LIVE_MAX   100000
#define STORE_JOB_CLAIMS_MAX  1000 /* max_attempts */

#define STORE_JOB_OF_SCHEDULE "schedule:" /* the unique_key of a job that a schedule has made begins so */

struct store;

struct store_job {
  int64_t id;
  struct text kind, args; /* args, result: JSON */
  struct text state;      /* "queued" "running", or ended: "done" "failed" "dead" "cancelled" */
  int64_t run_at_us;      /* not before */
  int64_t lease_until_us; /* 0 unless running */
  int64_t attempts;       /* claims so far; of a running job, which one this is */
  int64_t max_attempts;   /* after so many it is dead */
  struct text leased_by;  /* who claimed it last, "" when nobody has */
  bool cancel_asked;      /* and it has not ended yet, or ended so */
  int64_t progress;       /* 0 to 1000 */
  struct text note;       /* what it is at, "" */
  struct text result;     /* "null" until it is done */
  struct text error;      /* of the last attempt that failed, "" */
  struct text unique_key; /* "" for none */
  int64_t created_us;
  int64_t started_us, ended_us; /* of the last attempt; 0 when not yet */
};

struct store_job_new {
  struct text kind, args; /* args "": {} */
  struct text unique_key; /* at most one queued or running job has it; "" for none */
  int64_t run_at_us;      /* 0: at once */
  int64_t max_attempts;   /* 1 to STORE_JOB_CLAIMS_MAX */
};

struct store_job_claim {
  struct text kinds; /* those the worker knows, each with a space on either side */
  struct text worker;
  int64_t now_us, lease_until_us;
};

/* How an attempt ends without success. */
struct store_job_release {
  struct text state;  /* "queued": to be tried again; "failed" "dead" "cancelled" */
  int64_t run_at_us;  /* when again */
  struct text error;  /* "" leaves the one that is there */
  bool is_given_back; /* the worker has to stop: the attempt does not count */
};

struct store_job_count {
  struct text kind, state; /* "queued" "running" "dead" */
  int64_t count;
  int64_t oldest_due_us; /* of the queued ones; 0 for the others */
};

#define STORE_SCHEDULES_MAX 256

/* When a kind is next made by the clock. */
struct store_schedule {
  struct text kind, cron; /* cron: the notation and its zone, compared as a text */
  int64_t next_us;
  int64_t last_us, last_job; /* 0 when not yet */
};

struct store_jobs_ops {
  /* The database's clock. */
  enum err (*now)(struct store *s, int64_t *out_us, struct fault *f);
  /* ERR_STORE_CONFLICT: a queued or running job has the unique_key. ERR_LIMIT: STORE_JOBS_LIVE_MAX jobs wait or run
   * already, or something of it is too large. ERR_BAD_REQUEST: args are not JSON, or the kind is not a name. */
  enum err (*enqueue)(struct store *s, const struct store_job_new *j, int64_t now_us, int64_t *out_id, struct fault *f);
  /* The job that has been due longest: queued, or running under a lease that has lapsed with attempts left. It is
   * running under a new lease then, and the attempt is counted. No two workers get the same. ERR_NOT_FOUND: none. */
  enum err (*claim)(struct store *s, const struct store_job_claim *c, struct arena *a, struct store_job *out,
                    struct fault *f);
  /* Extends the lease and notes the progress. ERR_CANCELLED: somebody asked to cancel it (the lease is extended all the
   * same). ERR_STORE_CONFLICT: it is not this attempt's any more. */
  enum err (*renew)(struct store *s, int64_t id, int64_t attempt, int64_t lease_until_us, int64_t progress,
                    struct text note, struct fault *f);
  /* Done. ERR_STORE_CONFLICT as in renew. ERR_LIMIT, ERR_BAD_REQUEST: the result is too large, or not JSON. result "":
   * null. Doing it twice is the same as once; so is release. */
  enum err (*finish)(struct store *s, int64_t id, int64_t attempt, struct text result, int64_t now_us, struct fault *f);
  /* Ends the attempt. One to be tried again that was asked to be cancelled becomes "cancelled". ERR_STORE_CONFLICT as
   * in renew. */
  enum err (*release)(struct store *s, int64_t id, int64_t attempt, const struct store_job_release *r, int64_t now_us,
                      struct fault *f);
  /* Ends jobs whose lease has lapsed in their last attempt ("dead") or after they were asked to stop ("cancelled");
   * gives back those, at most max. */
  enum err (*bury)(struct store *s, int64_t now_us, size_t max, struct arena *a, struct store_job **out,
                   size_t *out_count, struct fault *f);
  /* A queued one is cancelled, a running one is asked to stop (*out_running). ERR_NOT_FOUND; ERR_STORE_CONFLICT: it has
   * ended already. */
  enum err (*cancel)(struct store *s, int64_t id, int64_t now_us, bool *out_running, struct fault *f);
  /* Queues an ended job again, with as many further attempts. ERR_NOT_FOUND; ERR_STORE_CONFLICT: it has not failed, or
   * another job has its unique_key now. */
  enum err (*retry)(struct store *s, int64_t id, int64_t more_attempts, int64_t now_us, struct fault *f);
  enum err (*get)(struct store *s, int64_t id, struct arena *a, struct store_job *out,
                  struct fault *f); /* ERR_NOT_FOUND */
  /* Newest first, ids below before_id (0: from the end), at most max; of that kind and state, "" for any. */
  enum err (*list)(struct store *s, int64_t before_id, struct text kind, struct text state, size_t max, struct arena *a,
                   struct store_job **out, size_t *out_count, struct fault *f);
  /* By kind and state, of those that are queued, running or dead. */
  enum err (*counts)(struct store *s, struct arena *a, struct store_job_count **out, size_t *out_count,
                     struct fault *f);
  /* Deletes jobs that ended before before_us, the oldest first, at most max. */
  enum err (*purge)(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f);

  /* Gives the kind this schedule. next_us counts only when there was none, or another text. */
  enum err (*schedule_put)(struct store *s, struct text kind, struct text cron, int64_t next_us, struct fault *f);
  enum err (*schedule_drop)(struct store *s, struct text kind, struct fault *f); /* none is fine */
  enum err (*schedule_list)(struct store *s, struct arena *a, struct store_schedule **out, size_t *out_count,
                            struct fault *f); /* by kind */
  /* If the schedule still is as it was seen: moves it on to next_us and makes its job, in one transaction. *out_job 0:
   * another program was first, or the job it made before still waits or runs. ERR_LIMIT as enqueue; nothing moves then.
   */
  enum err (*schedule_fire)(struct store *s, const struct store_schedule *seen, int64_t max_attempts, int64_t next_us,
                            int64_t now_us, int64_t *out_job, struct fault *f);
};

#endif
