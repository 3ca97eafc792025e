/* Rotation of backups. The names carry the time, the files say what they are; nothing is trusted that is not both.
 * Called by the job `backup`, and by the metrics for the age of the newest. */
#include "store/backup_shelf.h"

#include "base/arena.h"
#include "store/backup_files.h"
#include "store/backup_seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES (sizeof "weir-20261130T033000Z.backup" - 1)
#define PATH_BYTES (BACKUP_PATH_MAX + 300)

/* "weir-20261130T033000Z.backup" and what may follow it. */
static bool is_name(const char *name) {
  static const char form[] = "weir-ddddddddTddddddZ.backup";
  for (size_t i = 0; i < NAME_BYTES; i++)
    if (form[i] == 'd' ? name[i] < '0' || name[i] > '9' : name[i] != form[i])
      return false;
  return true;
}

static void path_of(const char *dir, const char *name, char out[PATH_BYTES]) {
  snprintf(out, PATH_BYTES, "%.*s/%.255s", BACKUP_PATH_MAX, dir, name);
}

/* False for what is no backup, or cannot be read. */
static bool head_of(const char *path, struct backup_head *out) {
  uint8_t bytes[BACKUP_HEAD_BYTES];
  size_t got = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  enum err e = fd < 0 ? ERR_STORE : backup_read_some(fd, bytes, sizeof bytes, &got, NULL);
  if (fd >= 0)
    close(fd);
  return !e && got == sizeof bytes && backup_head_read(bytes, out, NULL) == ERR_OK;
}

struct names {
  char (*at)[NAME_BYTES + 1]; /* newest first; in an arena */
  size_t count;
};

static int newest_first(const void *a, const void *b) { return memcmp(b, a, NAME_BYTES); }

/* What somebody is writing is locked (backup.c). */
static void remove_leftover(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0)
    unlink(path);
  close(fd);
}

/* The copy of the database has no lock of its own: it is as alive as the file beside it. */
static void remove_copy(const char *path) {
  char partial[PATH_BYTES];
  snprintf(partial, sizeof partial, "%.*s", (int)(strlen(path) - strlen("-db")), path);
  if (access(partial, F_OK) != 0)
    unlink(path);
}

/* Partial files go before copies, so that a copy is found without its partial file. */
static enum err each_leftover(const char *dir, const char *ending, void (*remove_it)(const char *path),
                              struct fault *f) {
  char path[PATH_BYTES];
  DIR *d = opendir(dir);
  if (!d)
    return backup_refused("read", dir, f);
  for (struct dirent *entry; (entry = readdir(d));)
    if (strlen(entry->d_name) > NAME_BYTES && is_name(entry->d_name) &&
        strcmp(entry->d_name + NAME_BYTES, ending) == 0) {
      path_of(dir, entry->d_name, path);
      remove_it(path);
    }
  closedir(d);
  return ERR_OK;
}

static enum err names_read(const char *dir, struct arena *a, struct names *out, struct fault *f) {
  struct names n = {arena_alloc(a, BACKUP_SHELF_MAX * sizeof *n.at), 0};
  struct backup_head head;
  char path[PATH_BYTES];
  enum err e = ERR_OK;
  DIR *d = opendir(dir);
  if (!d)
    return backup_refused("read", dir, f);
  for (struct dirent *entry; !e && (entry = readdir(d));) {
    path_of(dir, entry->d_name, path);
    if (strlen(entry->d_name) != NAME_BYTES || !is_name(entry->d_name) || !head_of(path, &head))
      continue;
    if (n.count == BACKUP_SHELF_MAX)
      e = fault_set(f, ERR_LIMIT, NULL, "there are more than %d backups in %s", BACKUP_SHELF_MAX, dir);
    else
      memcpy(n.at[n.count++], entry->d_name, NAME_BYTES + 1);
  }
  closedir(d);
  if (e)
    return e;
  qsort(n.at, n.count, sizeof *n.at, newest_first);
  *out = n;
  return ERR_OK;
}

/* A backup that cannot be removed is no reason to call the new one failed; the next time it is tried again. */
static enum err rotate(const struct backup_shelf *s, struct backup_shelved *made, struct fault *f) {
  struct arena a;
  struct names n = {NULL, 0};
  char path[PATH_BYTES];
  arena_init(&a);
  enum err e = names_read(s->dir, &a, &n, f);
  for (size_t i = s->keep; i < n.count; i++) {
    path_of(s->dir, n.at[i], path);
    made->removed += unlink(path) == 0;
  }
  made->kept = n.count - made->removed;
  arena_done(&a);
  return e;
}

static enum err shelf_prepare(const struct backup_shelf *s, struct fault *f) {
  if (mkdir(s->dir, 0700) != 0 && errno != EEXIST)
    return backup_refused("create", s->dir, f);
  enum err e = each_leftover(s->dir, ".partial", remove_leftover, f);
  return e ? e : each_leftover(s->dir, ".partial-db", remove_copy, f);
}

enum err backup_shelf_add(const struct backup_shelf *s, int64_t now_us, struct backup_shelved *out, struct fault *f) {
  struct backup_shelved made = {.path = ""};
  struct tm utc;
  time_t seconds = (time_t)(now_us / 1000000);
  char stamp[32] = "";
  gmtime_r(&seconds, &utc);
  strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
  int n = snprintf(made.path, sizeof made.path, "%s/weir-%s.backup", s->dir, stamp);
  if (n < 0 || (size_t)n >= sizeof made.path)
    return fault_set(f, ERR_LIMIT, NULL, "the name of the backup is longer than %d bytes", BACKUP_PATH_MAX - 1);
  const struct backup_request r = {.database = s->database,
                                   .key = s->key,
                                   .path = made.path,
                                   .out = -1,
                                   .secrets = s->secrets,
                                   .stop = s->stop,
                                   .kdf_passes = s->kdf_passes,
                                   .kdf_memory = s->kdf_memory};
  enum err e = shelf_prepare(s, f);
  if (!e)
    e = backup_make(&r, &made.made, f);
  if (!e)
    e = rotate(s, &made, f);
  if (!e)
    *out = made;
  return e;
}

enum err backup_shelf_newest(const char *dir, int64_t *out_made_us, struct fault *f) {
  struct arena a;
  struct names n = {NULL, 0};
  struct backup_head head = {.made_us = 0};
  char path[PATH_BYTES];
  if (access(dir, F_OK) != 0 && errno == ENOENT) {
    *out_made_us = 0;
    return ERR_OK;
  }
  arena_init(&a);
  enum err e = names_read(dir, &a, &n, f);
  if (!e && n.count > 0) {
    path_of(dir, n.at[0], path);
    if (!head_of(path, &head))
      head.made_us = 0;
  }
  arena_done(&a);
  if (!e)
    *out_made_us = head.made_us;
  return e;
}
