/* What the files about persons share. Not for other rooms; they use ports/store_persons.h. */
#ifndef STORE_STORE_PERSONS_H
#define STORE_STORE_PERSONS_H

#include "ports/store_persons.h"
#include "store/driver.h"

/* ERR_BAD_REQUEST: empty, too long, not UTF-8, or the pseudonym of somebody. */
enum err person_check_name(struct text user, struct fault *f) MUST_CHECK;
/* As in the port (store_person_export.c, person_archives.c). */
enum err store_person_export(struct store *s, const struct person_ask *ask, const struct person_sink *sink,
                             struct person_exported *out, struct fault *f) MUST_CHECK;
enum err store_person_veil_archives(struct store *s, const struct person_ask *ask, uint64_t *out_files,
                                    struct fault *f) MUST_CHECK;

#endif
