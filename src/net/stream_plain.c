/* Plain socket streams.
 *
 * The socket is registered once, edge-triggered; `readable` and `writable` of its watch say whether a syscall can do
 * anything, so a request costs one read and one write. Called through stream.c; tls_stream.c uses the socket functions
 * below its own records. */
#include "net/stream_plain.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum err socket_try_read(struct loop_watch *w, void *into, size_t cap, size_t *out_n) {
  if (!w->readable)
    return ERR_AGAIN;
  ssize_t n;
  do
    n = recv(w->fd, into, cap, 0);
  while (n < 0 && errno == EINTR);
  if (n == 0)
    return ERR_END;
  if (n < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK)
      return ERR_NETWORK;
    w->readable = false;
    return ERR_AGAIN;
  }
  if ((size_t)n < cap && !w->hung_up)
    w->readable = false;
  *out_n = (size_t)n;
  return ERR_OK;
}

enum err socket_try_write(struct loop_watch *w, const struct iovec *iov, int count, size_t *out_n) {
  if (!w->writable)
    return ERR_AGAIN;
  struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
  ssize_t n;
  do
    n = sendmsg(w->fd, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK)
      return ERR_NETWORK;
    w->writable = false;
    return ERR_AGAIN;
  }
  if ((size_t)n < iovec_total(iov, count))
    w->writable = false;
  *out_n = (size_t)n;
  return ERR_OK;
}

size_t iovec_total(const struct iovec *iov, int count) {
  size_t total = 0;
  for (int i = 0; i < count; i++)
    total += iov[i].iov_len;
  return total;
}

static enum err plain_try_read(struct stream *s, void *into, size_t cap, size_t *out_n) {
  return socket_try_read(&s->watch, into, cap, out_n);
}

static enum err plain_try_write(struct stream *s, const struct iovec *iov, int count, size_t *out_n) {
  return socket_try_write(&s->watch, iov, count, out_n);
}

static enum err plain_wait_readable(struct stream *s, int64_t deadline_us) {
  return loop_wait_readable(&s->watch, deadline_us);
}

static enum err plain_wait_writable(struct stream *s, int64_t deadline_us) {
  return loop_wait_writable(&s->watch, deadline_us);
}

static void plain_shut(struct stream *s) { (void)s; /* the FIN of close is the whole of a polite end */ }

static void plain_destroy(struct stream *s) { free(s); }

static const struct stream_ops plain_ops = {
    .name = "plain",
    .try_read = plain_try_read,
    .try_write = plain_try_write,
    .wait_readable = plain_wait_readable,
    .wait_writable = plain_wait_writable,
    .shut = plain_shut,
    .destroy = plain_destroy,
};

enum err stream_plain_new(struct loop *loop, int fd, struct stream **out) {
  struct stream *s = calloc(1, sizeof(*s));
  if (s == NULL)
    abort();
  s->ops = &plain_ops;
  enum err e = loop_watch_add(loop, &s->watch, fd, false);
  if (e != ERR_OK) {
    free(s);
    (void)close(fd);
    return e;
  }
  *out = s;
  return ERR_OK;
}

int stream_plain_release(struct stream *s) {
  int fd = s->watch.fd;
  loop_watch_remove(&s->watch);
  free(s);
  return fd;
}
