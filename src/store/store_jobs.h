/* Jobs inside the store: adding one in the transaction of the change that calls for it, and what store_jobs.c shares
 * with store_jobs_read.c. Other rooms use ports/store_jobs.h. Everything blocks. */
#ifndef STORE_STORE_JOBS_H
#define STORE_STORE_JOBS_H

#include "store/driver.h"

/* As the port's enqueue, in the transaction that is open on the link (for writing). A conflict leaves the transaction
 * as it was: the caller may go on. When the job is due now an event "job" is added, which locks as event_add_on says:
 * best called last, and before other events. */
enum err store_job_add_on(struct driver_link *l, const struct store_job_new *j, int64_t now_us, int64_t *out_id,
                          struct fault *f) MUST_CHECK;
/* The same for several, with one event for all of them. The first that cannot be added ends it, with its error; then
 * the caller has to roll back, unless count is 1. */
enum err store_jobs_add_on(struct driver_link *l, const struct store_job_new *jobs, size_t count, int64_t now_us,
                           int64_t *out_ids, struct fault *f) MUST_CHECK;

/* The current row of a statement that yields whole jobs. */
void store_job_read(struct driver_link *l, struct arena *a, struct store_job *out);
/* Steps through the current statement and resets it; its jobs grow in the arena. */
enum err store_jobs_collect(struct driver_link *l, const char *doing, struct arena *a, struct store_job **out,
                            size_t *out_count, struct fault *f) MUST_CHECK;

/* The port's functions of store_jobs_read.c. */
enum err store_jobs_get(struct store *s, int64_t id, struct arena *a, struct store_job *out, struct fault *f);
enum err store_jobs_list(struct store *s, int64_t before_id, struct text kind, struct text state, size_t max,
                         struct arena *a, struct store_job **out, size_t *out_count, struct fault *f);
enum err store_jobs_counts(struct store *s, struct arena *a, struct store_job_count **out, size_t *out_count,
                           struct fault *f);
enum err store_jobs_bury(struct store *s, int64_t now_us, size_t max, struct arena *a, struct store_job **out,
                         size_t *out_count, struct fault *f);
enum err store_jobs_purge(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f);

/* And of store_schedules.c. */
enum err store_schedule_put(struct store *s, struct text kind, struct text cron, int64_t next_us, struct fault *f);
enum err store_schedule_drop(struct store *s, struct text kind, struct fault *f);
enum err store_schedule_list(struct store *s, struct arena *a, struct store_schedule **out, size_t *out_count,
                             struct fault *f);
enum err store_schedule_fire(struct store *s, const struct store_schedule *seen, int64_t max_attempts, int64_t next_us,
                             int64_t now_us, int64_t *out_job, struct fault *f);

#endif
