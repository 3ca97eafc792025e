/* Removing exports from their folder. Which are old enough, or whose, is decided elsewhere. Called through
 * ports/store_persons.h by the job `purge` and app/local_files.c, and by person_jobs.c. */
#include "store/person_shelf.h"

#include "store/backup_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "person-"

/* The names of PERSON_EXPORT_NAME, with what is added to one while it is written. */
static bool is_export(struct text name) {
  return text_starts(name, TEXT(PREFIX)) &&
         (text_ends(name, TEXT(".jsonl.zst")) || text_ends(name, TEXT(".jsonl.zst.part")));
}

/* Removes what `is_wanted` says of, and counts. */
static enum err sweep(const char *folder, bool (*is_wanted)(int dir, const char *name, void *data), void *data,
                      uint64_t *out_removed, struct fault *f) {
  DIR *d = opendir(folder);
  uint64_t removed = 0;
  enum err e = ERR_OK;
  if (!d && errno != ENOENT)
    return backup_refused("read", folder, f);
  for (struct dirent *entry; d && !e && (entry = readdir(d));) {
    if (!is_export(text_of(entry->d_name)) || !is_wanted(dirfd(d), entry->d_name, data))
      continue;
    if (unlinkat(dirfd(d), entry->d_name, 0) == 0)
      removed++;
    else if (errno != ENOENT)
      e = backup_refused("remove", entry->d_name, f);
  }
  if (d)
    closedir(d);
  if (!e)
    *out_removed = removed;
  return e;
}

static bool is_old(int dir, const char *name, void *data) {
  struct stat st;
  return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
         (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000 < *(const int64_t *)data;
}

enum err person_shelf_purge(struct store *s, const char *folder, int64_t before_us, int64_t *out_removed,
                            struct fault *f) {
  uint64_t removed = 0;
  enum err e = sweep(folder, is_old, &before_us, &removed, f);
  if (!e)
    *out_removed = (int64_t)removed;
  return e;
}

static bool is_of_job(int dir, const char *name, void *data) { return text_starts(text_of(name), text_of(data)); }

enum err person_shelf_remove(const char *folder, int64_t job, uint64_t *out_removed, struct fault *f) {
  char prefix[64];
  snprintf(prefix, sizeof prefix, PREFIX "%lld-", (long long)job);
  return sweep(folder, is_of_job, prefix, out_removed, f);
}
