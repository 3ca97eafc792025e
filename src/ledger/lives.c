/* The lock files of the processes that journal into one directory. A lock goes with its descriptor, so the kernel lets
 * go of it whatever ends the process; asking is trying to take it. Called by the ledger and by the replay. */
#include "ledger/lives.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define LIVES_FILES_MAX 4096

struct file_name {
  char text[sizeof((struct journal_place *)0)->dir + 32];
};

static struct file_name name_of(const struct journal_place *p, uint64_t boot, unsigned seat) {
  struct file_name n;
  snprintf(n.text, sizeof n.text, "%s/%016llx-%02u.lock", p->dir, (unsigned long long)boot, seat);
  return n;
}

/* Only a name this program would write. */
static bool parse_name(const char *name, uint64_t *out_boot, unsigned *out_seat) {
  char again[64], *end;
  unsigned long long boot = strtoull(name, &end, 16);
  unsigned long seat = *end == '-' ? strtoul(end + 1, NULL, 10) : LIVES_SEATS_MAX;
  snprintf(again, sizeof again, "%016llx-%02lu.lock", boot, seat);
  if (seat >= LIVES_SEATS_MAX || strcmp(again, name) != 0)
    return false;
  *out_boot = boot;
  *out_seat = (unsigned)seat;
  return true;
}

static enum err add(const struct journal_place *p, struct lives *l, uint64_t boot, unsigned seat, struct fault *f) {
  struct life life = {.boot = boot, .seat = seat, .fd = -1};
  int fd = open(name_of(p, boot, seat).text, O_RDWR | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return ERR_OK; /* it has left meanwhile */
  if (l->count == LIVES_FILES_MAX) {
    if (fd >= 0)
      close(fd);
    return fault_set(f, ERR_STORE, NULL, "%s holds more than %d lock files", p->dir, LIVES_FILES_MAX);
  }
  /* One that cannot be asked is taken to live: its journal waits. */
  life.ended = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (life.ended)
    life.fd = fd;
  else if (fd >= 0)
    close(fd);
  if (l->count == l->cap) {
    l->cap = l->cap ? l->cap * 2 : 16;
    l->at = reallocarray(l->at, l->cap, sizeof *l->at);
    if (!l->at)
      abort();
  }
  l->at[l->count++] = life;
  return ERR_OK;
}

enum err lives_look(const struct journal_place *p, struct lives *out, struct fault *f) {
  struct lives l = {0};
  DIR *dir = opendir(p->dir);
  if (!dir)
    return fault_set(f, ERR_STORE, NULL, "cannot read the journal directory %s: %s", p->dir, strerror(errno));
  enum err e = ERR_OK;
  uint64_t boot;
  unsigned seat;
  for (struct dirent *entry; !e && (entry = readdir(dir));)
    if (parse_name(entry->d_name, &boot, &seat))
      e = add(p, &l, boot, seat, f);
  closedir(dir);
  if (e) {
    lives_done(p, &l, false);
    return e;
  }
  *out = l;
  return ERR_OK;
}

void lives_done(const struct journal_place *p, struct lives *l, bool remove) {
  for (size_t i = 0; i < l->count; i++) {
    if (!l->at[i].ended)
      continue;
    if (remove)
      unlink(name_of(p, l->at[i].boot, l->at[i].seat).text);
    close(l->at[i].fd);
  }
  free(l->at);
  *l = (struct lives){0};
}

bool lives_has(const struct lives *l, uint64_t boot) {
  for (size_t i = 0; i < l->count; i++)
    if (l->at[i].boot == boot)
      return !l->at[i].ended;
  return false;
}

static bool free_seat(const struct lives *l, unsigned *out) {
  bool taken[LIVES_SEATS_MAX] = {false};
  for (size_t i = 0; i < l->count; i++)
    taken[l->at[i].seat] |= !l->at[i].ended;
  for (unsigned seat = 0; seat < LIVES_SEATS_MAX; seat++) {
    if (taken[seat])
      continue;
    *out = seat;
    return true;
  }
  return false;
}

enum err lives_join(const struct journal_place *p, unsigned *out_seat, int *out_fd, struct fault *f) {
  struct lives l = {0};
  unsigned seat = 0;
  enum err e = lives_look(p, &l, f);
  if (e)
    return e;
  bool any = free_seat(&l, &seat);
  lives_done(p, &l, false);
  if (!any)
    return fault_set(f, ERR_LIMIT, NULL, "%d processes journal into %s already", LIVES_SEATS_MAX, p->dir);
  struct file_name name = name_of(p, p->boot, seat);
  int fd = open(name.text, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) {
    int problem = errno;
    if (fd >= 0)
      close(fd);
    return fault_set(f, problem == ENOSPC || problem == EDQUOT ? ERR_STORE_FULL : ERR_STORE, NULL,
                     "the journal cannot make %s: %s", name.text, strerror(problem));
  }
  *out_seat = seat;
  *out_fd = fd;
  return ERR_OK;
}

void lives_leave(const struct journal_place *p, unsigned seat, int fd) {
  if (fd < 0)
    return;
  unlink(name_of(p, p->boot, seat).text);
  close(fd);
}
