/* The lock on a data_dir, and what may be done to a journal while nobody serves there: carrying it over or setting it
 * aside. It decides neither. Called by ledger_open, `weir backup` and `weir restore`. */
#include "ledger/hold.h"

#include "ledger/lives.h"
#include "ledger/replay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct hold {
  struct journal_place place;
  int fd;
};

enum err hold_lock(const char *data_dir, int *out_fd, struct fault *f) {
  char pid[24] = "", path[1100];
  int n = snprintf(path, sizeof path, "%s/lock", data_dir);
  if (n < 0 || (size_t)n >= sizeof path)
    return fault_set(f, ERR_STORE, "data_dir", "the path is longer than %zu bytes", sizeof path);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return fault_set(f, ERR_STORE, NULL, "cannot open %s: %s", path, strerror(errno));
  if (flock(fd, LOCK_EX | LOCK_NB)) {
    ssize_t got = pread(fd, pid, sizeof pid - 1, 0);
    struct text holder = text_head(text_of(pid), strcspn(pid, "\n"));
    close(fd);
    return fault_set(f, ERR_STORE_BUSY, "data_dir",
                     "%s is in use by another weir%s%.*s; stop it or choose another data_dir", data_dir,
                     got > 0 ? " with process id " : "", TEXT_ARGS(holder));
  }
  hold_name(fd);
  *out_fd = fd;
  return ERR_OK;
}

void hold_name(int fd) {
  char pid[24];
  if (fd < 0)
    return;
  int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
  if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)n, 0) != n) {
    /* Only the name of the holder in another process's message is lost. */
  }
}

static bool has_journal(const struct hold *h) { return access(h->place.dir, F_OK) == 0; }

static enum err none_lives(const struct hold *h, const char *data_dir, struct fault *f) {
  struct lives l = {0};
  size_t living = 0;
  if (!has_journal(h))
    return ERR_OK;
  enum err e = lives_look(&h->place, &l, f);
  if (e)
    return e;
  for (size_t i = 0; i < l.count; i++)
    living += !l.at[i].ended;
  lives_done(&h->place, &l, false);
  return living == 0 ? ERR_OK
                     : fault_set(f, ERR_STORE_BUSY, "data_dir",
                                 "%s is in use: %zu weir that an upgrade has replaced still finish their calls",
                                 data_dir, living);
}

enum err hold_take(const char *data_dir, struct hold **out, struct fault *f) {
  struct hold *h = calloc(1, sizeof *h);
  if (!h)
    abort();
  h->fd = h->place.dir_fd = -1;
  h->place.sys = &journal_sys_real;
  int n = snprintf(h->place.dir, sizeof h->place.dir, "%s/journal", data_dir);
  enum err e = ERR_OK;
  if (n < 0 || (size_t)n >= sizeof h->place.dir)
    e = fault_set(f, ERR_STORE, "data_dir", "the path is longer than %zu bytes", sizeof h->place.dir);
  if (!e)
    e = hold_lock(data_dir, &h->fd, f);
  if (!e)
    e = none_lives(h, data_dir, f);
  if (e) {
    hold_release(h);
    return e;
  }
  *out = h;
  return ERR_OK;
}

void hold_release(struct hold *h) {
  if (!h)
    return;
  if (h->fd >= 0)
    close(h->fd);
  free(h);
}

enum err hold_segments(const char *data_dir, size_t *out, struct fault *f) {
  char path[1100];
  uint64_t boot, number;
  unsigned stream;
  size_t count = 0;
  int n = snprintf(path, sizeof path, "%s/journal", data_dir);
  if (n < 0 || (size_t)n >= sizeof path)
    return fault_set(f, ERR_STORE, "data_dir", "the path is longer than %zu bytes", sizeof path);
  DIR *dir = opendir(path);
  if (!dir && errno != ENOENT)
    return fault_set(f, ERR_STORE, NULL, "cannot read the journal directory %s: %s", path, strerror(errno));
  for (struct dirent *entry; dir && (entry = readdir(dir));)
    count += segment_name_parse(entry->d_name, &boot, &stream, &number);
  if (dir)
    closedir(dir);
  *out = count;
  return ERR_OK;
}

enum err hold_carry(struct hold *h, struct store *store, uint64_t *out_settled, uint64_t *out_recovered,
                    struct fault *f) {
  struct replay_result r = {0};
  enum err e = has_journal(h) ? replay_run(&h->place, store, &r, f) : ERR_OK;
  if (e)
    return e;
  *out_settled = r.settled;
  *out_recovered = r.recovered;
  return ERR_OK;
}

enum err hold_set_aside(struct hold *h, const char *path, struct fault *f) {
  if (!has_journal(h))
    return ERR_OK;
  if (access(path, F_OK) == 0)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s exists already", path);
  return rename(h->place.dir, path) == 0
             ? ERR_OK
             : fault_set(f, ERR_STORE, NULL, "cannot rename %s to %s: %s", h->place.dir, path, strerror(errno));
}
