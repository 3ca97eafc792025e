/* A person's export as a file: JSON lines packed with zstd (RFC 8878, with its checksum). Each line is {"table":T,
 * "row":{...}} as ports/store_persons.h has them; the last one is {"manifest":{"user","exported_us","lines","tables":
 * {T:count},"archives_elsewhere"}}, so that a file without it is not whole. */
#ifndef STORE_PERSON_FILE_H
#define STORE_PERSON_FILE_H

#include "ports/store_persons.h"

/* As export_to of the port. Blocks. */
enum err person_file_write(struct store *s, const struct person_ask *ask, const char *path,
                           struct person_export_file *out, struct fault *f) MUST_CHECK;

#endif
