/* What the jobs about one person share: what they are asked for, who asked, where the process has files, and how their
 * progress is told. For job_export_person.c and job_erase_person.c. */
#ifndef JOBS_PERSON_JOB_H
#define JOBS_PERSON_JOB_H

#include "jobs/job.h"
#include "ports/store_persons.h"

struct person_job {
  struct person_ask ask; /* what it points to lives as long as the job */
  struct audit_actor by;
  struct person_listener listener;
};

/* From the args {"user":U,"actor":A,"origin":O}; without an actor the job itself is the one ("job:KIND"). Whoever makes
 * a job for somebody else says who that is. out must stay where it is. ERR_BAD_REQUEST: other members, or none. */
enum err person_job_read(struct job *j, struct person_job *out, struct fault *f) MUST_CHECK;

#endif
