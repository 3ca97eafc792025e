/* Renaming and syncing for backups and restores: a name stands for a whole file or for none. Nothing here looks into a
 * file. Called by backup.c and restore.c. */
#include "store/backup_files.h"

#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

enum err backup_refused(const char *doing, const char *path, struct fault *f) {
  int why = errno;
  return fault_set(f, why == ENOSPC || why == EDQUOT ? ERR_STORE_FULL : ERR_STORE, NULL, "cannot %s %s: %s", doing,
                   path, strerror(why));
}

/* A file system that cannot promise to replace nothing gets the plain call. */
static int rename_to(const char *from, const char *to, bool replace) {
  if (replace)
    return rename(from, to);
  int done = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
  return done == 0 || (errno != EINVAL && errno != ENOSYS) ? done : rename(from, to);
}

enum err backup_publish(const char *from, const char *to, bool replace, struct fault *f) {
  if (rename_to(from, to, replace) == 0)
    return backup_sync_folder(to, f);
  if (errno == EEXIST)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s has appeared meanwhile; nothing was replaced", to);
  return backup_refused("make", to, f);
}

enum err backup_sync_folder(const char *path, struct fault *f) {
  char copy[BACKUP_PATH_MAX + 64];
  snprintf(copy, sizeof copy, "%s", path);
  const char *folder = dirname(copy);
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool synced = fd >= 0 && fsync(fd) == 0;
  enum err e = synced ? ERR_OK : backup_refused("sync", folder, f);
  if (fd >= 0)
    close(fd);
  return e;
}
