/* What a process does by itself with the files it has in its data_dir, because no job of another replica can: it
 * removes old exports of persons, and takes persons that another replica has erased out of its files of the ledger's
 * archive. At the start, every hour, and when an erasure is told of (news.c). */
#ifndef APP_LOCAL_FILES_H
#define APP_LOCAL_FILES_H

#include "config/config.h"
#include "ports/store.h"

struct local_files_options {
  struct store *store;
  struct config *(*config)(void *ctx); /* the snapshot in force, with a reference */
  void *ctx;
  const char *data_dir;
};

struct local_files;

/* What o points to outlives it. */
struct local_files *local_files_new(const struct local_files_options *o);
/* Begins in a thread of its own. ERR_SYSTEM. */
enum err local_files_start(struct local_files *l, struct fault *f) MUST_CHECK;
/* Any thread: look now. NULL is fine. */
void local_files_wake(struct local_files *l);
/* Stops at the next file, and waits for that. NULL is fine. */
void local_files_free(struct local_files *l);

/* One round, in the caller's thread. Blocks. *out_exports removed, *out_archives written anew. Erasures that were
 * completed before it began are done with in these files, and noted in archive/erased-until by the number of their
 * entry in the audit log, so that the next round reads no file. */
enum err local_files_tidy(struct local_files *l, int64_t *out_exports, uint64_t *out_archives,
                          struct fault *f) MUST_CHECK;

#endif
