/* Listening sockets: binding them with errors a person can act on, and accepting.
 *
 * Called by app.c, once a worker. TCP_NODELAY is set on the listening socket and inherited by what it accepts (Linux),
 * so a connection costs accept4 and its registration. No TLS and no HTTP here. */
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTEN_BACKLOG  4096
#define LISTEN_PAUSE_US (100 * 1000)
#define LISTEN_BATCH    64 /* connections at a stretch, half a millisecond */

struct listener {
  struct loop_watch watch;
  struct loop_timer pause; /* no descriptors were left, or the turn is for others */
  struct loop *loop;
  int fd;
  void (*on_accept)(void *ctx, struct stream *s, const struct addr *peer);
  void *ctx;
  int reserve_fd; /* given up for a moment when descriptors run out */
  bool is_accepting, is_stopping, is_released, is_exclusive;
  struct addr bound;
  struct stat file; /* of a unix socket, as it was at the start; st_ino 0: none */
};

static const char *errno_text(int number, char *out, size_t cap) { return strerror_r(number, out, cap); }

static enum err bind_fault(const struct addr *a, int number, struct fault *f) {
  char name[ADDR_TEXT_MAX], why[96];
  addr_format(a, name, sizeof(name));
  switch (number) {
  case EADDRINUSE: return fault_set(f, ERR_SYSTEM, NULL, "address %s is already in use", name);
  case EACCES:
    if (!addr_is_unix(a) && addr_port(a) < 1024)
      return fault_set(f, ERR_SYSTEM, NULL,
                       "permission denied to listen on %s: ports below 1024 need CAP_NET_BIND_SERVICE", name);
    return fault_set(f, ERR_SYSTEM, NULL, "permission denied to listen on %s", name);
  case EADDRNOTAVAIL: return fault_set(f, ERR_SYSTEM, NULL, "this machine has no address %s", name);
  default: return fault_set(f, ERR_SYSTEM, NULL, "cannot listen on %s: %s", name, errno_text(number, why, sizeof(why)));
  }
}

static bool set_flag(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* A socket with the options of a; -1 with errno. */
static int open_socket(const struct addr *a, bool reuse_port) {
  int fd = socket(a->as.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || addr_is_unix(a))
    return fd;
  bool ok = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  ok = ok && (!reuse_port || set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1));
  if (ok && a->as.any.sa_family == AF_INET6)
    ok = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !IN6_IS_ADDR_UNSPECIFIED(&a->as.v6.sin6_addr));
  if (ok)
    return fd;
  int saved = errno;
  (void)close(fd);
  errno = saved;
  return -1;
}

static int open_bound(const struct addr *a, bool reuse_port) {
  int fd = open_socket(a, reuse_port);
  if (fd < 0 || bind(fd, &a->as.any, a->len) == 0)
    return fd;
  int saved = errno;
  (void)close(fd);
  errno = saved;
  return -1;
}

/* "All interfaces" means IPv4 alone on a machine without IPv6. */
static int open_bound_any(const struct addr *a, bool reuse_port) {
  int fd = open_bound(a, reuse_port);
  bool lacks_v6 = errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
  if (fd >= 0 || !lacks_v6 || a->as.any.sa_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&a->as.v6.sin6_addr))
    return fd;
  struct addr v4 = {.len = sizeof(v4.as.v4)};
  v4.as.v4.sin_family = AF_INET;
  v4.as.v4.sin_port = a->as.v6.sin6_port;
  return open_bound(&v4, reuse_port);
}

/* Does anybody answer on the unix socket? errno of the connect, 0 when it succeeded. */
static int unix_knock(const struct addr *a) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return errno;
  int result = connect(fd, &a->as.any, a->len) == 0 ? 0 : errno;
  (void)close(fd);
  return result;
}

/* Removes a socket file that a dead process left; anything else stays and is the caller's fault to report. */
static enum err unix_clear(const struct addr *a, struct fault *f) {
  struct stat st;
  if (lstat(a->as.un.sun_path, &st) != 0)
    return errno == ENOENT ? ERR_OK : bind_fault(a, errno, f);
  if (!S_ISSOCK(st.st_mode))
    return fault_set(f, ERR_SYSTEM, NULL, "%s exists and is not a socket", a->as.un.sun_path);
  int answer = unix_knock(a);
  if (answer == EACCES || answer == EPERM)
    return bind_fault(a, answer, f);
  if (answer != ECONNREFUSED && answer != ENOENT)
    return bind_fault(a, EADDRINUSE, f);
  if (answer == ECONNREFUSED && unlink(a->as.un.sun_path) != 0 && errno != ENOENT)
    return bind_fault(a, errno, f);
  return ERR_OK;
}

enum err listen_reserve(const struct addr *a, bool reuse_port, int *out_fd, struct fault *f) {
  if (addr_is_unix(a)) {
    enum err e = unix_clear(a, f);
    if (e != ERR_OK)
      return e;
  }
  int fd = open_bound_any(a, reuse_port);
  if (fd < 0)
    return bind_fault(a, errno, f);
  *out_fd = fd;
  return ERR_OK;
}

enum err listen_begin(int fd, const struct addr *a, struct fault *f) {
  return listen(fd, LISTEN_BACKLOG) == 0 ? ERR_OK : bind_fault(a, errno, f);
}

enum err listen_bind(const struct addr *a, bool reuse_port, int *out_fd, struct fault *f) {
  int fd = -1;
  enum err e = listen_reserve(a, reuse_port, &fd, f);
  if (e == ERR_OK)
    e = listen_begin(fd, a, f);
  if (e == ERR_OK)
    *out_fd = fd;
  else if (fd >= 0)
    (void)close(fd);
  return e;
}

enum err listen_probe(const struct addr *a, struct fault *f) {
  if (addr_is_unix(a)) {
    int answer = unix_knock(a);
    return answer == 0 || answer == EAGAIN ? bind_fault(a, EADDRINUSE, f) : ERR_OK;
  }
  int fd = open_bound_any(a, false);
  if (fd < 0)
    return bind_fault(a, errno, f);
  (void)close(fd);
  return ERR_OK;
}

enum err listen_addr(int fd, struct addr *out) {
  struct addr a = {.len = sizeof(a.as)};
  if (getsockname(fd, &a.as.any, &a.len) != 0)
    return ERR_SYSTEM;
  *out = a;
  return ERR_OK;
}

static bool read_option(int fd, int option, int *out) {
  socklen_t len = sizeof(*out);
  return getsockopt(fd, SOL_SOCKET, option, out, &len) == 0;
}

/* NULL: it is one that can be listened on. */
static const char *why_not_listening(int fd, const struct addr *a) {
  int type = 0, listens = 0;
  bool is_known = a->as.any.sa_family == AF_INET || a->as.any.sa_family == AF_INET6 || addr_is_unix(a);
  if (!read_option(fd, SO_TYPE, &type) || type != SOCK_STREAM || !is_known)
    return "is not a stream socket of TCP or unix";
  return read_option(fd, SO_ACCEPTCONN, &listens) && listens ? NULL : "does not listen";
}

static bool set_up(int fd, const struct addr *a) {
  int status = fcntl(fd, F_GETFL), flags = fcntl(fd, F_GETFD);
  return status >= 0 && flags >= 0 && fcntl(fd, F_SETFL, status | O_NONBLOCK) == 0 &&
         fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0 && (addr_is_unix(a) || set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1));
}

enum err listen_adopt(int fd, struct addr *out, struct fault *f) {
  struct addr a = {.len = sizeof(a.as)};
  char why[96];
  if (getsockname(fd, &a.as.any, &a.len) != 0)
    return fault_set(f, ERR_SYSTEM, NULL, "descriptor %d is %s", fd,
                     errno == EBADF      ? "not open"
                     : errno == ENOTSOCK ? "not a socket"
                                         : "of no use");
  const char *unfit = why_not_listening(fd, &a);
  if (unfit != NULL)
    return fault_set(f, ERR_SYSTEM, NULL, "descriptor %d %s", fd, unfit);
  if (!set_up(fd, &a))
    return fault_set(f, ERR_SYSTEM, NULL, "descriptor %d cannot be set up: %s", fd,
                     errno_text(errno, why, sizeof(why)));
  *out = a;
  return ERR_OK;
}

static int accept_one(int fd, struct addr *out_peer) {
  *out_peer = (struct addr){.len = sizeof(out_peer->as)};
  int conn = accept4(fd, &out_peer->as.any, &out_peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (conn >= 0)
    addr_unmap(out_peer);
  return conn;
}

/* No descriptor is left: one waiting connection is closed with the help of the reserve, so that its client is told, and
 * the rest of the queue waits for the pause to end. */
static void shed_one(struct listener *l) {
  struct addr peer;
  if (l->reserve_fd >= 0)
    (void)close(l->reserve_fd);
  int conn = accept_one(l->fd, &peer);
  if (conn >= 0)
    (void)close(conn);
  l->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Errors that belong to the connection taken off the queue and not to the listener (accept(2), "Error handling"). */
static bool is_about_one_connection(int number) {
  switch (number) {
  case ECONNABORTED:
  case EINTR:
  case EPERM:
  case EPROTO:
  case ENETDOWN:
  case ENETUNREACH:
  case EHOSTDOWN:
  case EHOSTUNREACH:
  case ENOPROTOOPT:
  case ENONET: return true;
  default: return false;
  }
}

static void take_over(struct listener *l, int conn, const struct addr *peer) {
  struct stream *s = NULL;
  if (stream_plain_new(l->loop, conn, &s) == ERR_OK)
    l->on_accept(l->ctx, s, peer);
}

static void listener_free(struct listener *l) {
  (void)close(l->fd);
  if (l->reserve_fd >= 0)
    (void)close(l->reserve_fd);
  free(l);
}

/* Only this listener was woken for them, maybe, and its descriptor is watched no more. */
static void accept_leftovers(struct listener *l) {
  struct addr peer;
  int conn = 0;
  for (unsigned left = LISTEN_BACKLOG; left > 0 && (conn >= 0 || is_about_one_connection(errno)); left--) {
    conn = accept_one(l->fd, &peer);
    if (conn >= 0)
      take_over(l, conn, &peer);
  }
}

static void listener_end(struct listener *l) {
  if (l->is_released && l->is_exclusive)
    accept_leftovers(l);
  listener_free(l);
}

/* False: the queue is empty, or there is no taking from it now. */
static bool accept_next(struct listener *l) {
  struct addr peer;
  int conn = accept_one(l->fd, &peer);
  if (conn >= 0) {
    take_over(l, conn, &peer);
    return true;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    l->watch.readable = false;
    return false;
  }
  if (is_about_one_connection(errno))
    return true;
  if (errno == EMFILE || errno == ENFILE)
    shed_one(l);
  loop_timer_start(l->loop, &l->pause, loop_now_us(l->loop) + LISTEN_PAUSE_US);
  return false;
}

/* Takes the whole queue, as an edge-triggered descriptor demands, but a long one over several turns of the loop:
 * streams must not wait for thousands of newcomers. */
static void accept_some(struct listener *l) {
  unsigned left = LISTEN_BATCH;
  l->is_accepting = true;
  while (left > 0 && !l->is_stopping && accept_next(l))
    left--;
  l->is_accepting = false;
  if (l->is_stopping)
    listener_end(l);
  else if (left == 0)
    loop_timer_start(l->loop, &l->pause, loop_now_us(l->loop));
}

static void on_listener_event(struct loop_watch *w) {
  struct listener *l = (struct listener *)((char *)w - offsetof(struct listener, watch));
  if (!loop_timer_is_running(&l->pause))
    accept_some(l);
}

static void on_pause_over(struct loop_timer *t) {
  accept_some((struct listener *)((char *)t - offsetof(struct listener, pause)));
}

static void remember_file(struct listener *l, int fd) {
  if (listen_addr(fd, &l->bound) != ERR_OK || !addr_is_unix(&l->bound) || l->bound.as.un.sun_path[0] == '\0' ||
      lstat(l->bound.as.un.sun_path, &l->file) != 0)
    l->file.st_ino = 0;
}

/* Only the file this listener started on: a successor may have put its own there. */
static void remove_file(const struct listener *l) {
  struct stat now;
  if (l->file.st_ino != 0 && lstat(l->bound.as.un.sun_path, &now) == 0 && now.st_ino == l->file.st_ino &&
      now.st_dev == l->file.st_dev)
    (void)unlink(l->bound.as.un.sun_path);
}

enum err listener_start(struct loop *loop, int fd, bool exclusive,
                        void (*on_accept)(void *ctx, struct stream *s, const struct addr *peer), void *ctx,
                        struct listener **out) {
  struct listener *l = calloc(1, sizeof(*l));
  if (l == NULL)
    abort();
  l->loop = loop;
  l->fd = fd;
  l->is_exclusive = exclusive;
  l->on_accept = on_accept;
  l->ctx = ctx;
  l->pause = (struct loop_timer)LOOP_TIMER_INIT(on_pause_over);
  l->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  remember_file(l, fd);
  enum err e = loop_watch_add(loop, &l->watch, fd, exclusive);
  if (e != ERR_OK) {
    listener_free(l);
    return e;
  }
  l->watch.on_event = on_listener_event;
  *out = l;
  return ERR_OK;
}

/* Inside on_accept the loop that called it goes on from here. */
static void leave(struct listener *l) {
  loop_timer_stop(l->loop, &l->pause);
  loop_watch_remove(&l->watch);
  l->is_stopping = true;
  if (!l->is_accepting)
    listener_end(l);
}

void listener_stop(struct listener *l) {
  if (l == NULL)
    return;
  remove_file(l);
  leave(l);
}

void listener_release(struct listener *l) {
  if (l == NULL)
    return;
  l->is_released = true;
  leave(l);
}
