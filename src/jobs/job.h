/* What a kind of job is written against: the job in hand, what it may use, and the row that makes it known. A kind is
 * one file jobs/job_NAME.c and one row in jobs/kinds.c. Its function blocks, on a thread of the runner; it has no
 * fiber. It must be safe to run twice: a process may die between its last effect and the note that it is done. */
#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include "config/config.h"
#include "ports/backups.h"
#include "ports/catalogue_refresh.h"
#include "ports/oauth.h"
#include "ports/signin.h"
#include "ports/store.h"

/* What the composition root gives; the same for all jobs of the process. */
struct job_world {
  struct store *store;
  struct config *(*config)(void *ctx); /* the snapshot in force, with a reference: config_unref it */
  void *ctx;
  const char *data_dir;                 /* NULL: the store is in memory */
  struct backups *backups;              /* NULL (tests): none are made */
  struct catalogue_refresh *catalogues; /* NULL (tests): none are fetched */
  struct oauth *oauth;                  /* NULL (tests): no token is signed */
  struct signin *signin;                /* NULL (tests): nobody is written to */
};

/* A job while it runs. Everything lives as long as the call of `run`. */
struct job {
  int64_t id;
  struct text kind, args; /* args: a JSON text, at most STORE_JOB_JSON_MAX bytes */
  unsigned attempt;       /* 1, 2, ...: the claim under which it runs */
  bool is_scheduled;      /* made by its kind's schedule, not asked for by anybody */
  const struct job_world *world;
  struct arena *arena;
  struct text result; /* set by job_result */
  /* The runner's ear; NULL (in a test of a kind) hears nothing. */
  enum err (*report)(struct job *j, unsigned permille, struct text note, struct fault *f);
};

/* Says how far it has come, and asks whether it may go on: to be called at least every second or so, for as long as the
 * process ends, or somebody cancels, the job is waited for. Writes to the store at most once a second; the lease is
 * renewed beside it in any case. note: a few words, cut at STORE_JOB_NOTE_MAX. ERR_CANCELLED: somebody cancelled the
 * job, the process ends, or the lease is lost. Then tidy up and return that: nothing more may be changed. */
enum err job_progress(struct job *j, unsigned permille, struct text note, struct fault *f) MUST_CHECK;
/* What is kept as the job's result when it returns ERR_OK: one JSON value of at most STORE_JOB_JSON_MAX bytes, copied.
 */
void job_result(struct job *j, struct text json);

/* What run returns decides what follows:
 *   ERR_OK         done
 *   ERR_CANCELLED  when job_progress said so: cancelled, or given back without losing an attempt
 *   ERR_BAD_REQUEST ERR_BAD_JSON ERR_NOT_FOUND ERR_UNSUPPORTED ERR_FORBIDDEN ERR_CONFIG
 *                  failed: another attempt would end the same way
 *   any other      tried again later (10 s, 20 s, 40 s ... an hour), up to `attempts` times; then dead
 * f says why; that is kept, so it must hold no secret. */
struct job_kind {
  const char *name;  /* a-z, 0-9, _ */
  const char *help;  /* half a line */
  unsigned attempts; /* 1 or more */
  int64_t lease_ms;  /* after this without a sign of life another worker takes it; at least 15000 */
  enum err (*run)(struct job *j, struct fault *f);
  /* When it is made by itself (base/recurrence.h), unless `jobs` of the configuration says otherwise; NULL: never. */
  const char *schedule;
  struct text (*configured)(const struct config *c); /* where it stands in the configuration instead; NULL: nowhere */
  /* A schedule that is new to the store begins with its last moment instead of its next: what passed before anybody
   * looked is made up for. The kind itself knows then whether there is something to do. */
  bool makes_up;
};

#endif
