/* What all byte streams share: waiting reads and writes built on the non-blocking ones, hang-up, the end, the scratch
 * memory of a thread.
 *
 * Called by the HTTP server and client. It does not know sockets or TLS: stream_plain.c and tls_stream.c do. */
#include "net/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum err stream_try_read(struct stream *s, void *into, size_t cap, size_t *out_n) {
  size_t n = 0;
  enum err e = s->ops->try_read(s, into, cap, &n);
  if (e != ERR_OK)
    return e;
  s->bytes_in += n;
  *out_n = n;
  return ERR_OK;
}

enum err stream_wait_readable(struct stream *s, int64_t deadline_us) { return s->ops->wait_readable(s, deadline_us); }

enum err stream_read(struct stream *s, void *into, size_t cap, int64_t deadline_us, size_t *out_n) {
  for (;;) {
    enum err e = stream_try_read(s, into, cap, out_n);
    if (e != ERR_AGAIN)
      return e;
    e = s->ops->wait_readable(s, deadline_us);
    if (e != ERR_OK)
      return e;
  }
}

enum err stream_try_write(struct stream *s, const struct iovec *iov, int count, size_t *out_n) {
  size_t n = 0;
  enum err e = s->ops->try_write(s, iov, count, &n);
  if (e != ERR_OK)
    return e;
  s->bytes_out += n;
  *out_n = n;
  return ERR_OK;
}

/* Drops n bytes from the front, and with them every piece that became (or was) empty. */
static void advance(struct iovec **iov, int *count, size_t n) {
  while (*count > 0 && n >= (*iov)->iov_len) {
    n -= (*iov)->iov_len;
    (*iov)++;
    (*count)--;
  }
  if (*count > 0) {
    (*iov)->iov_base = (char *)(*iov)->iov_base + n;
    (*iov)->iov_len -= n;
  }
}

enum err stream_write(struct stream *s, struct iovec *iov, int count, int64_t deadline_us) {
  advance(&iov, &count, 0);
  while (count > 0) {
    size_t n = 0;
    enum err e = stream_try_write(s, iov, count, &n);
    if (e == ERR_AGAIN)
      e = s->ops->wait_writable(s, deadline_us);
    if (e != ERR_OK)
      return e;
    advance(&iov, &count, n);
  }
  return ERR_OK;
}

enum err stream_wait_writable(struct stream *s, int64_t deadline_us) { return s->ops->wait_writable(s, deadline_us); }

bool stream_is_hung_up(const struct stream *s) { return s->watch.hung_up; }

void stream_finish(struct stream *s) {
  s->ops->shut(s);
  (void)shutdown(s->watch.fd, SHUT_WR);
}

void stream_close(struct stream *s, bool reset) {
  if (s == NULL)
    return;
  int fd = s->watch.fd;
  if (reset) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  } else {
    s->ops->shut(s);
  }
  loop_watch_remove(&s->watch);
  s->ops->destroy(s);
  (void)close(fd);
}

static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static pthread_key_t scratch_key;
static _Thread_local char *scratch;

static void scratch_start(void) {
  if (pthread_key_create(&scratch_key, free) != 0)
    abort();
}

/* From the heap and not a thread-local array, which would take its 64 KiB from the stack of every thread of the
 * process. */
char *stream_scratch(void) {
  if (scratch != NULL)
    return scratch;
  (void)pthread_once(&scratch_once, scratch_start);
  scratch = malloc(STREAM_SCRATCH_BYTES);
  if (scratch == NULL || pthread_setspecific(scratch_key, scratch) != 0)
    abort();
  return scratch;
}
