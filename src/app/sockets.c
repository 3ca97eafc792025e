/* Which sockets there are and who accepts on them. A TCP address has one socket a worker (SO_REUSEPORT), a unix path
 * one that all share. After an upgrade that changed the number of workers a worker may have several of one address: a
 * socket nobody accepts on would keep its part of the clients waiting. Called by app.c, upgrade.c and takeover.c. */
#include "app/sockets.h"

#include "net/listen.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int option_of(int fd, int level, int name) {
  int value = 0;
  socklen_t len = sizeof(value);
  return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

static bool is_file(const struct addr *a) { return addr_is_unix(a) && a->as.un.sun_path[0] != '\0'; }

/* fd is closed when this fails. */
static enum err add(struct sockets *s, int fd, const struct addr *asked, bool external, int address, struct fault *f) {
  struct listening l = {.fd = fd, .asked = *asked, .external = external, .listening = address < 0, .address = address};
  if (s->count == SOCKETS_MAX || listen_addr(fd, &l.bound) != ERR_OK) {
    (void)close(fd);
    return fault_set(f, ERR_LIMIT, "listen", "more than %d listening sockets", SOCKETS_MAX);
  }
  l.reuse_port = !addr_is_unix(&l.bound) && option_of(fd, SOL_SOCKET, SO_REUSEPORT) > 0;
  if (is_file(&l.bound) && lstat(l.bound.as.un.sun_path, &l.file) != 0)
    l.file.st_ino = 0;
  s->at = reallocarray(s->at, s->count + 1, sizeof(*s->at));
  if (!s->at)
    abort();
  s->at[s->count++] = l;
  return ERR_OK;
}

enum err sockets_offer(struct sockets *s, int fd, const struct addr *asked, bool external, struct fault *f) {
  struct addr bound;
  enum err e = listen_adopt(fd, &bound, f);
  if (e == ERR_OK)
    return add(s, fd, asked, external, -1, f);
  (void)close(fd);
  return e;
}

/* The offered sockets of one address; with port 0 in the list twice, each gets those of one port. */
static size_t claim(struct sockets *s, const struct addr *asked, int address, struct addr *out_bound) {
  size_t count = 0;
  for (size_t i = 0; i < s->count; i++) {
    struct listening *l = &s->at[i];
    if (l->address >= 0 || !addr_equal(&l->asked, asked) || (count > 0 && !addr_equal(&l->bound, out_bound)))
      continue;
    l->address = address;
    *out_bound = l->bound;
    count++;
  }
  return count;
}

static bool may_have_more(const struct sockets *s, int address) {
  for (size_t i = 0; i < s->count; i++) {
    if (s->at[i].address == address && !s->at[i].reuse_port)
      return false;
  }
  return true;
}

static enum err bind_more(struct sockets *s, const struct addr *asked, int address, size_t count, struct addr *bound,
                          struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < count && e == ERR_OK; i++) {
    int fd = -1;
    e = listen_reserve(bound, !addr_is_unix(bound), &fd, f);
    if (e == ERR_OK)
      e = add(s, fd, asked, false, address, f);
    if (e == ERR_OK)
      *bound = s->at[s->count - 1].bound;
  }
  return e;
}

static enum err open_one(struct sockets *s, const struct addr *asked, int address, unsigned workers, struct fault *f) {
  struct addr bound = *asked;
  size_t have = claim(s, asked, address, &bound), want = addr_is_unix(asked) ? 1 : workers;
  enum err e = ERR_OK;
  if (have == 0)
    e = listen_probe(&bound, f);
  else if (!may_have_more(s, address))
    want = have;
  if (e == ERR_OK && want > have)
    e = bind_more(s, asked, address, want - have, &bound, f);
  if (e == ERR_OK)
    s->bound[address] = bound;
  return e;
}

enum err sockets_open(struct sockets *s, const struct text *listen, size_t count, unsigned workers, struct fault *f) {
  if (count > SOCKETS_ADDRESSES_MAX)
    return fault_set(f, ERR_CONFIG, "listen", "at most %d addresses", SOCKETS_ADDRESSES_MAX);
  for (size_t i = 0; i < count; i++) {
    struct addr asked;
    enum err e = addr_parse(listen[i], &asked, f);
    if (e == ERR_OK)
      e = open_one(s, &asked, (int)i, workers, f);
    if (e != ERR_OK)
      return e;
    s->addresses++;
  }
  return ERR_OK;
}

enum err sockets_listen(struct sockets *s, struct fault *f) {
  for (size_t i = 0; i < s->count; i++) {
    struct listening *l = &s->at[i];
    enum err e = l->listening ? ERR_OK : listen_begin(l->fd, &l->bound, f);
    if (e != ERR_OK)
      return e;
    l->listening = true;
  }
  return ERR_OK;
}

static void drop(struct listening *l, bool remove) {
  struct stat now;
  (void)close(l->fd);
  if (remove && !l->external && l->file.st_ino != 0 && lstat(l->bound.as.un.sun_path, &now) == 0 &&
      now.st_ino == l->file.st_ino && now.st_dev == l->file.st_dev)
    (void)unlink(l->bound.as.un.sun_path);
}

size_t sockets_drop_unused(struct sockets *s) {
  size_t kept = 0, count = s->count;
  for (size_t i = 0; i < count; i++) {
    if (s->at[i].address >= 0)
      s->at[kept++] = s->at[i];
    else
      drop(&s->at[i], true);
  }
  s->count = kept;
  return count - kept;
}

static size_t count_of(const struct sockets *s, int address) {
  size_t count = 0;
  for (size_t i = 0; i < s->count; i++)
    count += s->at[i].address == address;
  return count;
}

enum err sockets_deal(const struct sockets *s, unsigned worker, unsigned workers, struct worker_socket **out,
                      size_t *out_count) {
  struct worker_socket *mine = calloc(s->count + 1, sizeof(*mine));
  unsigned seen[SOCKETS_ADDRESSES_MAX] = {0};
  size_t count = 0;
  if (!mine)
    abort();
  for (size_t i = 0; i < s->count; i++) {
    const struct listening *l = &s->at[i];
    if (l->address < 0)
      continue;
    bool shared = workers > 1 && count_of(s, l->address) < workers;
    if (!shared && seen[l->address]++ % workers != worker)
      continue;
    int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
      while (count > 0)
        (void)close(mine[--count].fd);
      free(mine);
      return ERR_SYSTEM;
    }
    mine[count++] = (struct worker_socket){fd, shared};
  }
  *out = mine;
  *out_count = count;
  return ERR_OK;
}

void sockets_close(struct sockets *s, bool remove) {
  for (size_t i = 0; i < s->count; i++)
    drop(&s->at[i], remove);
  free(s->at);
  s->at = NULL;
  s->count = 0;
}
