/* Segment files: made ready ahead of use, so that appending a record needs no system call and cannot fail for want of
 * room. Preallocation is what makes a store into the mapping safe on a full disk. Called by the journal and the keeper.
 */
#include "ledger/segment.h"

#include "base/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static const char segment_magic[8] = {'W', 'E', 'I', 'R', 'J', 'R', 'N', 'L'};
_Static_assert(sizeof(struct segment_head) == SEGMENT_HEAD_BYTES, "a segment's head is part of the file format");

static int sys_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

static int sys_allocate(int fd, off_t bytes) { return posix_fallocate(fd, 0, bytes); }

static void *sys_map(size_t bytes, int fd) {
  return mmap(NULL, bytes, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
}

static int sys_sync(int fd) { return fdatasync(fd); }

static int64_t sys_now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

const struct journal_sys journal_sys_real = {
    .open = sys_open, .allocate = sys_allocate, .map = sys_map, .sync = sys_sync, .now_us = sys_now_us};

void segment_name(char *out, size_t out_bytes, uint64_t boot, unsigned stream, uint64_t number) {
  snprintf(out, out_bytes, "%016llx-%03u-%08llu" SEGMENT_SUFFIX, (unsigned long long)boot, stream,
           (unsigned long long)number);
}

bool segment_name_parse(const char *name, uint64_t *out_boot, unsigned *out_stream, uint64_t *out_number) {
  char again[64], *end;
  unsigned long long boot = strtoull(name, &end, 16);
  unsigned long stream = *end == '-' ? strtoul(end + 1, &end, 10) : 0;
  unsigned long long number = *end == '-' ? strtoull(end + 1, &end, 10) : 0;
  /* Only a name this program would write is one of its own: that settles signs, case, zeros and what follows. */
  segment_name(again, sizeof again, boot, (unsigned)stream, number);
  if (strcmp(again, name) != 0)
    return false;
  *out_boot = boot;
  *out_stream = (unsigned)stream;
  *out_number = number;
  return true;
}

static uint32_t head_crc(const struct segment_head *h) { return crc32c(0, h, offsetof(struct segment_head, crc)); }

bool segment_head_read(const char *at, size_t bytes, struct segment_head *out) {
  struct segment_head h;
  if (bytes < sizeof h)
    return false;
  memcpy(&h, at, sizeof h);
  if (memcmp(h.magic, segment_magic, sizeof h.magic) != 0 || h.crc != head_crc(&h))
    return false;
  *out = h;
  return true;
}

static void segment_path(const struct journal_place *p, const struct segment *s, char *out, size_t out_bytes) {
  char name[64];
  segment_name(name, sizeof name, p->boot, s->stream, s->number);
  snprintf(out, out_bytes, "%s/%s", p->dir, name);
}

static struct segment *segment_new(const struct journal_place *p, unsigned stream, uint64_t number) {
  struct segment *s = calloc(1, sizeof *s);
  if (!s)
    abort();
  s->fd = -1;
  s->bytes = p->segment_bytes;
  s->stream = stream;
  s->number = number;
  s->used = SEGMENT_HEAD_BYTES;
  return s;
}

struct segment *segment_create_memory(const struct journal_place *p, unsigned stream, uint64_t number) {
  struct segment *s = segment_new(p, stream, number);
  void *base = p->sys->map(s->bytes, -1);
  if (base == MAP_FAILED)
    abort();
  s->base = base;
  return s;
}

static enum err refuse(int problem, const char *doing, const char *name, struct fault *f) {
  bool full = problem == ENOSPC || problem == EDQUOT || problem == EFBIG;
  return fault_set(f, full ? ERR_STORE_FULL : ERR_STORE, NULL, "the journal cannot %s %s: %s", doing, name,
                   strerror(problem));
}

/* Allocates, maps and makes the new name durable; on failure the caller frees the segment and its file. */
static enum err segment_fill(const struct journal_place *p, struct segment *s, const char *name, struct fault *f) {
  int problem = p->sys->allocate(s->fd, (off_t)s->bytes);
  if (problem)
    return refuse(problem, "take room for", name, f);
  void *base = p->sys->map(s->bytes, s->fd);
  if (base == MAP_FAILED)
    return refuse(errno, "map", name, f);
  s->base = base;
  struct segment_head h = {.format = SEGMENT_FORMAT,
                           .stream = s->stream,
                           .number = s->number,
                           .boot = p->boot,
                           .created_us = p->sys->now_us(),
                           .home = p->home};
  memcpy(h.magic, segment_magic, sizeof h.magic);
  memcpy(h.kind, p->kind, sizeof h.kind);
  h.crc = head_crc(&h);
  memcpy(s->base, &h, sizeof h);
  if (p->sys->sync(s->fd) || p->sys->sync(p->dir_fd))
    return refuse(errno, "make durable", name, f);
  s->synced = SEGMENT_HEAD_BYTES;
  return ERR_OK;
}

enum err segment_create(const struct journal_place *p, unsigned stream, uint64_t number, struct segment **out,
                        struct fault *f) {
  char path[sizeof p->dir + 64];
  struct segment *s = segment_new(p, stream, number);
  enum err e = ERR_OK;
  if (p->dir[0]) {
    segment_path(p, s, path, sizeof path);
    const char *name = path + strlen(p->dir) + 1; /* a fault may be told to anybody: no path */
    s->fd = p->sys->open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    e = s->fd < 0 ? refuse(errno, "create", name, f) : segment_fill(p, s, name, f);
  } else {
    void *base = p->sys->map(s->bytes, -1);
    if (base == MAP_FAILED)
      e = fault_set(f, ERR_STORE_FULL, NULL, "the journal cannot take %zu bytes of memory", s->bytes);
    else
      s->base = base;
  }
  if (e) {
    segment_free(p, s, s->fd >= 0);
    return e;
  }
  *out = s;
  return ERR_OK;
}

void segment_free(const struct journal_place *p, struct segment *s, bool remove_file) {
  char path[sizeof p->dir + 64];
  if (!s)
    return;
  if (s->base)
    munmap(s->base, s->bytes);
  if (s->fd >= 0) {
    close(s->fd);
    segment_path(p, s, path, sizeof path);
    if (remove_file)
      unlink(path);
  }
  free(s);
}

/* What stands in the mapping, into the same file: the pages are marked as changed once more. Published bytes stay as
 * they are, but for marks that a replay does without. */
static bool write_again(struct segment *s, size_t bytes) {
  for (size_t at = 0; at < bytes;) {
    ssize_t n = pwrite(s->fd, s->base + at, bytes - at, (off_t)at);
    if (n <= 0)
      return false;
    at += (size_t)n;
  }
  return true;
}

bool segment_sync(const struct journal_place *p, struct segment *s) {
  size_t used = atomic_load_explicit(&s->used, memory_order_acquire);
  if (s->fd < 0 || s->synced == used)
    return true;
  if ((s->refused && !write_again(s, used)) || p->sys->sync(s->fd)) {
    s->refused = true;
    return false;
  }
  s->refused = false;
  s->synced = used;
  return true;
}
