/* Packing an archive's file: a zstd frame with its sum, and the digest of the packed bytes. Which name the file gets in
 * the end is the caller's matter. Everything blocks. */
#ifndef STORE_ARCHIVE_WRITER_H
#define STORE_ARCHIVE_WRITER_H

#include "store/archive_file.h"

struct archive_writer;

/* Makes the file anew, mode 0600. ERR_STORE, ERR_STORE_FULL. The path must live until it is closed. */
enum err archive_writer_open(const char *path, struct archive_writer **out, struct fault *f) MUST_CHECK;
/* Some lines, each with its end. */
enum err archive_writer_put(struct archive_writer *w, struct text lines, struct fault *f) MUST_CHECK;
/* Ends the file and syncs it, when e is ERR_OK: then digest and bytes of *out are set and nothing else. Frees in any
 * case; returns e, or what went wrong now. */
enum err archive_writer_close(struct archive_writer *w, enum err e, struct archive_made *out,
                              struct fault *f) MUST_CHECK;

#endif
