/* The small part of a job that its kind calls: progress and result. What becomes of them is the runner's matter.
 * Called by every jobs/job_NAME.c. */
#include "jobs/job.h"

enum err job_progress(struct job *j, unsigned permille, struct text note, struct fault *f) {
  return j->report ? j->report(j, permille > 1000 ? 1000 : permille, note, f) : ERR_OK;
}

void job_result(struct job *j, struct text json) { j->result = arena_copy(j->arena, json); }
