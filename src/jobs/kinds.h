/* The kinds of jobs of this program. To add one: jobs/job_NAME.c with its function, declared here, and a row in
 * kinds.c. */
#ifndef JOBS_KINDS_H
#define JOBS_KINDS_H

#include "jobs/job.h"

/* All of them, in the order in which they are listed. */
extern const struct job_kind job_kinds[];
extern const size_t job_kind_count;

/* NULL when this program has no such kind. */
const struct job_kind *job_kind_find(struct text name);

/* The rows' functions: each blocks and returns what job.h says. */
enum err job_archive(struct job *j, struct fault *f);
enum err job_backup(struct job *j, struct fault *f);
struct text job_backup_schedule(const struct config *c); /* of the kind's row; "" where none can be made */
enum err job_catalogue(struct job *j, struct fault *f);
enum err job_erase_person(struct job *j, struct fault *f);
enum err job_export_person(struct job *j, struct fault *f);
enum err job_keys(struct job *j, struct fault *f);
enum err job_mail(struct job *j, struct fault *f);
enum err job_purge(struct job *j, struct fault *f);
enum err job_recheck(struct job *j, struct fault *f);
enum err job_rollup(struct job *j, struct fault *f);

#endif
