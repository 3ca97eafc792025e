/* The files of the ledger's archive: a zstd frame with its own sum over lines of JSON (ledger_json.h), one row each,
 * oldest settlement first, readable with `zstdcat`. A name stands for a whole file, synced, or for none. Everything
 * blocks. */
#ifndef STORE_ARCHIVE_FILE_H
#define STORE_ARCHIVE_FILE_H

#include "ports/store.h"

#define ARCHIVE_NAME_MAX   128
#define ARCHIVE_DIGEST_MAX 72 /* 64 hexadecimal digits */

struct archive_made {
  char name[ARCHIVE_NAME_MAX];
  char digest[ARCHIVE_DIGEST_MAX];
  uint64_t bytes;
};

/* Writes rows (at least one, by settlement and id) into the folder, which is made when it is not there. The name
 * follows from the first and the last row; a file of that name is replaced. ERR_STORE_FULL, ERR_STORE. */
enum err archive_file_write(const char *folder, const struct ledger_row *rows, size_t count, struct archive_made *out,
                            struct fault *f) MUST_CHECK;
/* Reads a whole file: its digest must be the one given, its content sound and `lines` lines. ERR_NOT_FOUND,
 * ERR_STORE_CORRUPT, ERR_STORE. */
enum err archive_file_check(const char *folder, struct text name, struct text digest, uint64_t lines,
                            struct fault *f) MUST_CHECK;
/* Removes from the folder what an archive that was never entered has left: files of such names that is_known does not
 * know. No folder is fine. */
enum err archive_file_sweep(const char *folder, bool (*is_known)(void *data, struct text name), void *data,
                            struct fault *f) MUST_CHECK;

#endif
