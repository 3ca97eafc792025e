/* The folder with exports of persons that jobs have made: old ones go, and those of somebody who is erased. Files of
 * other names are left alone. Everything blocks. */
#ifndef STORE_PERSON_SHELF_H
#define STORE_PERSON_SHELF_H

#include "ports/store_persons.h"

/* As purge_exports of the port. */
enum err person_shelf_purge(struct store *s, const char *folder, int64_t before_us, int64_t *out_removed,
                            struct fault *f) MUST_CHECK;
/* What a job has written, in whatever attempt, finished or not. No folder is fine. ERR_STORE. */
enum err person_shelf_remove(const char *folder, int64_t job, uint64_t *out_removed, struct fault *f) MUST_CHECK;

#endif
