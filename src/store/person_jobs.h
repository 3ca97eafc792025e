/* Jobs that name a person in what they were asked, and the counts of an erasure as JSON. Not for other rooms. */
#ifndef STORE_PERSON_JOBS_H
#define STORE_PERSON_JOBS_H

#include "ports/store_persons.h"
#include "store/driver.h"
#include "store/person_text.h"

/* In the open transaction: puts the pseudonym in place of the name in what jobs were asked and said, and removes from
 * the folder (NULL: none) the exports that such jobs have made. *out_jobs, *out_exports: how many. */
enum err person_jobs_redact_on(struct driver_link *l, const struct person_name *who, const char *export_folder,
                               uint64_t *out_jobs, uint64_t *out_exports, struct fault *f) MUST_CHECK;
/* Appends the counts, without the pseudonym: what the audit log keeps. */
void person_erased_write(const struct person_erased *done, struct buf *out);
void person_exported_write(const struct person_exported *done, struct buf *out);

#endif
