/* The lines of an archive's file, read back: for an export of a person, and for writing the file anew without a name.
 * A file is only believed when its bytes have the digest that was entered for it. Everything blocks. */
#ifndef STORE_ARCHIVE_LINES_H
#define STORE_ARCHIVE_LINES_H

#include "base/buf.h"
#include "store/archive_file.h"

/* Takes one line, without its end. An error from it ends the reading and is returned. */
struct archive_ear {
  enum err (*line)(void *ctx, struct text line, struct fault *f);
  void *ctx;
};
/* Every line of the file in its order. Lines may have been given before the damage is found. ERR_NOT_FOUND: it is not
 * there. ERR_STORE_CORRUPT: not the digest, or no sound content. ERR_STORE. */
enum err archive_lines_read(const char *folder, struct text name, struct text digest, const struct archive_ear *ear,
                            struct fault *f) MUST_CHECK;

/* Appends what is to stand in a line's place, without an end, to out; false, and nothing appended: the line stays. */
struct archive_edit {
  bool (*line)(void *ctx, struct text line, struct buf *out);
  void *ctx;
};
/* Writes the file's lines into a new one beside it, synced, under a name of its own ("ledger-1-2-3-4.jsonl.zst", then
 * "ledger-1-2-3-4.r1.jsonl.zst", ".r2" ...). The old one stays. *out_changed: lines that differ. Errors as above, and
 * ERR_STORE_FULL; on failure nothing is left of the new one. */
enum err archive_lines_rewrite(const char *folder, struct text name, struct text digest,
                               const struct archive_edit *edit, struct archive_made *out, uint64_t *out_changed,
                               struct fault *f) MUST_CHECK;
/* Removes a file that was replaced; one that is not there is fine. */
enum err archive_lines_remove(const char *folder, struct text name, struct fault *f) MUST_CHECK;

#endif
