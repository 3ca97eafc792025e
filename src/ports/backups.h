/* The port of backups that are made by themselves: what the job `backup` asks for. Where they go, how many are kept and
 * under which passphrase stands in the configuration; the adapter (app/backups.c) knows the store's file. */
#ifndef PORTS_BACKUPS_H
#define PORTS_BACKUPS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define BACKUPS_PATH_MAX 1024

struct backups_made {
  char path[BACKUPS_PATH_MAX];
  uint64_t database_bytes, stored_bytes;
  size_t kept, removed; /* backups there are now, and older ones that went */
};

/* Asked between two steps, many times a second: an error from it ends the work, which leaves nothing, and is returned.
 */
struct backups_watch {
  enum err (*go_on)(void *data, struct fault *f);
  void *data;
};

struct backups {
  /* Makes one of what is stored now, reads it back, and only then removes the oldest ones. Blocks; one at a time.
   * ERR_UNSUPPORTED: the store is no file. ERR_CONFIG: the passphrase cannot be had. Others as of the disk. */
  enum err (*make)(struct backups *b, const struct backups_watch *w, struct backups_made *out, struct fault *f);
  /* When the newest one that is kept was made, microseconds since 1970; 0: there is none. Blocks. */
  enum err (*newest)(struct backups *b, int64_t *out_us, struct fault *f);
};

#endif
