/* A person's export as a file: JSON lines packed with zstd (RFC 8878, with its checksum). Each line is {"table":T,
 * "row":{...}} as ports/store_persons.h has them; the last one is {"manifest":{"user","exported_us","lines","tables":
 * {T:count}}}, so that a file without it is not whole. */
#ifndef STORE_PERSON_FILE_H
#define STORE_PERSON_FILE_H

#include "ports/store_persons.h"

/* Writes path, mode 0600, under another name until it is whole and on the disk. Blocks. ERR_STORE_CONFLICT: path is
 * there already. ERR_STORE, ERR_STORE_FULL: it cannot be written. On failure nothing is left of it. */
enum err person_file_write(struct store *s, struct text user, const struct audit_actor *by, const char *path,
                           const struct person_listener *listener, struct person_exported *out,
                           struct fault *f) MUST_CHECK;

#endif
