/* The schedules of a runner: what the configuration says goes into the store, and what is due there becomes a job.
 * Called by runner_keep.c with every look around. */
#ifndef JOBS_SCHEDULES_H
#define JOBS_SCHEDULES_H

#include "base/recurrence.h"
#include "jobs/kinds.h"

#define SCHEDULE_TEXT_MAX (RECURRENCE_TEXT_MAX + 66)

/* What a schedule is in the store: its notation and its zone ("20 3 * * * UTC"). Empty for a kind that has none: not of
 * its own, not in c, or switched off there. What `jobs` says goes before what the kind has of its own. */
void schedules_text(const struct config *c, const struct job_kind *k, char out[SCHEDULE_TEXT_MAX]);
/* The next moment after after_us of such a text, in the process's zone. False when there is none. */
bool schedules_next(const char *text, int64_t after_us, int64_t *out_us);
/* The last moment at or before at_us. */
bool schedules_latest(const char *text, int64_t at_us, int64_t *out_us);

/* Puts every kind's schedule into the store. One whose text has not changed keeps its next moment, so that what was
 * missed while nobody ran is made up for, once; one that is new, or has another text now, begins with its next moment,
 * or with its last one when the kind makes up for that. */
enum err schedules_sync(const struct job_world *w, const struct job_kind *kinds, size_t count,
                        struct fault *f) MUST_CHECK;
/* Makes the jobs that are due by the database's clock. Only of these kinds and of schedules that say what c says: one
 * that another program has put there otherwise is that program's. *out_made: jobs made by this call. */
enum err schedules_fire(const struct job_world *w, const struct job_kind *kinds, size_t count, size_t *out_made,
                        struct fault *f) MUST_CHECK;

#endif
