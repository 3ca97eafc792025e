/* A folder of backups that are made again and again: names that sort by time, and only the newest ones kept. Other
 * files in the folder are left alone. Called by the job `backup`. */
#ifndef STORE_BACKUP_SHELF_H
#define STORE_BACKUP_SHELF_H

#include "store/backup.h"

#define BACKUP_SHELF_MAX 10000 /* backups in one folder */

struct backup_shelf {
  const char *dir;      /* made (0700) when it is not there; its parent must be */
  const char *database; /* what is backed up */
  struct text key;      /* as in backup_request */
  struct backup_secrets secrets;
  size_t keep; /* at least 1 */
  struct backup_stop stop;
  uint32_t kdf_passes; /* as in backup_request */
  uint64_t kdf_memory;
};

struct backup_shelved {
  char path[BACKUP_PATH_MAX];
  struct backup_made made;
  size_t kept, removed; /* backups there are now, and older ones that went */
};

/* Makes DIR/weir-20261130T033000Z.backup of now_us and then removes the oldest ones until `keep` are left. Nothing is
 * removed before the new one is whole and has been read back (backup_make), so the last good one never is. What killed
 * processes have left half is removed first; what is being written is not. What does not begin as a backup is neither
 * counted nor removed. Errors as backup_make; ERR_LIMIT: more than BACKUP_SHELF_MAX backups, or a name that is too
 * long. */
enum err backup_shelf_add(const struct backup_shelf *s, int64_t now_us, struct backup_shelved *out,
                          struct fault *f) MUST_CHECK;
/* When the newest backup there was made, by its own head; 0 when there is none, or no folder. */
enum err backup_shelf_newest(const char *dir, int64_t *out_made_us, struct fault *f) MUST_CHECK;

#endif
