/* TLS records over a socket.
 *
 * OpenSSL reads from the socket straight into its record buffer and gives that back when it is empty; what it writes is
 * collected in memory of the thread and leaves in one syscall. Only what the socket does not take is copied to the
 * stream, so an idle connection holds no buffer. Called through stream.c; the handshake is in tls.c. */
#include "net/tls_stream.h"

#include "net/stream_plain.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_BYTES     16384 /* the most plaintext a record takes, RFC 8446 section 5.1 */
#define RECORD_ROOM      (RECORD_BYTES + 512)
#define SEALED_BYTES     (4 * RECORD_ROOM)
#define UNSENT_MAX_BYTES (512 * 1024)

/* Of the thread; empty between calls of this file. */
struct tls_scratch {
  size_t used;
  char sealed[SEALED_BYTES];
  char plain[RECORD_BYTES];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t scratch_key;
static _Thread_local struct tls_scratch *scratch;
static BIO_METHOD *socket_method;

static struct tls_scratch *thread_scratch(void) {
  if (scratch != NULL)
    return scratch;
  scratch = malloc(sizeof(*scratch));
  if (scratch == NULL || pthread_setspecific(scratch_key, scratch) != 0)
    abort();
  scratch->used = 0;
  return scratch;
}

static int bio_read(BIO *bio, char *into, int cap) {
  struct tls_stream *t = BIO_get_data(bio);
  size_t n = 0;
  BIO_clear_retry_flags(bio);
  if (cap <= 0 || t->socket_failed != ERR_OK)
    return 0;
  enum err e = socket_try_read(&t->base.watch, into, (size_t)cap, &n);
  if (e == ERR_OK)
    return (int)n;
  if (e == ERR_AGAIN) {
    BIO_set_retry_read(bio);
    return -1;
  }
  t->socket_failed = e;
  return 0;
}

/* Never asks for a retry: the bytes go to the thread's memory, or behind what the stream has not sent yet. */
static int bio_write(BIO *bio, const char *from, int len) {
  struct tls_stream *t = BIO_get_data(bio);
  struct tls_scratch *out = thread_scratch();
  size_t n = len > 0 ? (size_t)len : 0;
  BIO_clear_retry_flags(bio);
  if (t->unsent.len == 0 && n <= sizeof(out->sealed) - out->used) {
    memcpy(out->sealed + out->used, from, n);
    out->used += n;
    return len;
  }
  buf_add(&t->unsent, (struct text){out->sealed, out->used});
  out->used = 0;
  buf_add(&t->unsent, (struct text){from, n});
  return buf_check(&t->unsent) == ERR_OK ? len : -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  const struct tls_stream *t = BIO_get_data(bio);
  (void)number, (void)pointer;
  if (command == BIO_CTRL_FLUSH)
    return 1;
  return command == BIO_CTRL_EOF && t->socket_failed == ERR_END;
}

static void start_once(void) {
  socket_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir socket");
  if (socket_method == NULL || pthread_key_create(&scratch_key, free) != 0 ||
      BIO_meth_set_read(socket_method, bio_read) != 1 || BIO_meth_set_write(socket_method, bio_write) != 1 ||
      BIO_meth_set_ctrl(socket_method, bio_ctrl) != 1)
    abort();
}

enum err tls_stream_flush(struct tls_stream *t) {
  struct tls_scratch *out = thread_scratch();
  bool from_thread = out->used > 0;
  struct iovec piece = {out->sealed, out->used};
  size_t n = 0;
  if (!from_thread)
    piece = (struct iovec){t->unsent.at, t->unsent.len};
  out->used = 0;
  if (piece.iov_len == 0)
    return ERR_OK;
  enum err e = socket_try_write(&t->base.watch, &piece, 1, &n);
  if (e != ERR_OK && e != ERR_AGAIN)
    return e;
  if (from_thread)
    buf_add(&t->unsent, (struct text){out->sealed + n, piece.iov_len - n});
  else
    buf_consume(&t->unsent, n);
  if (t->unsent.len > 0)
    return ERR_AGAIN;
  buf_done(&t->unsent);
  buf_init(&t->unsent, UNSENT_MAX_BYTES);
  return ERR_OK;
}

static enum err read_error(struct tls_stream *t, int result) {
  switch (SSL_get_error(t->ssl, result)) {
  case SSL_ERROR_WANT_READ:
  case SSL_ERROR_WANT_WRITE: return ERR_AGAIN;
  case SSL_ERROR_ZERO_RETURN: return ERR_END;
  default: /* a FIN without close_notify is a cut, RFC 8446 section 6.1 */
    return t->socket_failed != ERR_OK ? ERR_NETWORK : ERR_TLS;
  }
}

static enum err tls_try_read(struct stream *s, void *into, size_t cap, size_t *out_n) {
  struct tls_stream *t = (struct tls_stream *)s;
  size_t total = 0;
  enum err e = ERR_OK;
  if (t->has_ended)
    return t->end;
  if (!t->may_hold_input && !s->watch.readable)
    return ERR_AGAIN;
  do {
    size_t n = 0;
    ERR_clear_error();
    int result = SSL_read_ex(t->ssl, (char *)into + total, cap - total, &n);
    if (result == 1)
      total += n;
    else
      e = read_error(t, result);
    t->may_hold_input = e == ERR_OK && SSL_has_pending(t->ssl);
  } while (t->may_hold_input && total < cap);
  ERR_clear_error();
  if (!t->may_hold_input)
    (void)SSL_free_buffers(t->ssl); /* a session ticket read leaves a record buffer behind */
  (void)!tls_stream_flush(t);       /* a key update answered; if the socket is full it leaves with the next write */
  if (e != ERR_OK && e != ERR_AGAIN) {
    t->has_ended = true;
    t->end = e;
  }
  if (total == 0)
    return e;
  *out_n = total;
  return ERR_OK;
}

/* Where the pieces of a write stand. */
struct cursor {
  const struct iovec *iov;
  int count;
  size_t at; /* inside the first piece */
};

/* The plaintext of the next record: a slice of the piece where it is long or the last, else small pieces put together.
 */
static struct text next_record(struct cursor *c, char *gathered) {
  size_t len = 0;
  while (c->count > 0 && len < RECORD_BYTES) {
    size_t left = c->iov->iov_len - c->at, n = left < RECORD_BYTES - len ? left : RECORD_BYTES - len;
    const char *from = (const char *)c->iov->iov_base + c->at;
    bool stands_alone = len == 0 && (left >= RECORD_BYTES || c->count == 1);
    if (n > 0 && !stands_alone)
      memcpy(gathered + len, from, n);
    c->at += n;
    len += n;
    if (c->at == c->iov->iov_len) {
      c->iov++;
      c->count--;
      c->at = 0;
    }
    if (stands_alone)
      return (struct text){from, len};
  }
  return (struct text){gathered, len};
}

/* Records of at most one scratch full. *out_n plaintext bytes are in them. */
static enum err seal(struct tls_stream *t, struct cursor c, size_t *out_n) {
  struct tls_scratch *out = thread_scratch();
  size_t total = 0;
  while (c.count > 0 && out->used + RECORD_ROOM <= sizeof(out->sealed)) {
    struct text plain = next_record(&c, out->plain);
    size_t n = 0;
    if (plain.len == 0)
      break;
    ERR_clear_error();
    if (SSL_write_ex(t->ssl, plain.at, plain.len, &n) != 1 || n != plain.len) {
      ERR_clear_error();
      out->used = 0;
      return t->socket_failed != ERR_OK ? ERR_NETWORK : ERR_TLS;
    }
    total += n;
  }
  *out_n = total;
  return ERR_OK;
}

static enum err tls_try_write(struct stream *s, const struct iovec *iov, int count, size_t *out_n) {
  struct tls_stream *t = (struct tls_stream *)s;
  size_t n = t->sealed;
  if (!s->watch.writable)
    return ERR_AGAIN;
  enum err e = tls_stream_flush(t);
  if (e != ERR_OK)
    return e;
  if (n == 0) {
    e = seal(t, (struct cursor){iov, count, 0}, &n);
    if (e != ERR_OK)
      return e;
    t->sealed = n;
    e = tls_stream_flush(t);
    if (e != ERR_OK)
      return e;
  }
  size_t asked = iovec_total(iov, count);
  *out_n = n < asked ? n : asked;
  t->sealed = n - *out_n;
  return ERR_OK;
}

static enum err tls_wait_readable(struct stream *s, int64_t deadline_us) {
  const struct tls_stream *t = (struct tls_stream *)s;
  if (t->may_hold_input || t->has_ended)
    return ERR_OK;
  return loop_wait_readable(&s->watch, deadline_us);
}

static enum err tls_wait_writable(struct stream *s, int64_t deadline_us) {
  return loop_wait_writable(&s->watch, deadline_us);
}

static void tls_shut(struct stream *s) {
  struct tls_stream *t = (struct tls_stream *)s;
  if (!SSL_is_init_finished(t->ssl) || (t->has_ended && t->end != ERR_END))
    return;
  ERR_clear_error();
  (void)SSL_shutdown(t->ssl);
  ERR_clear_error();
  (void)!tls_stream_flush(t);
}

static void tls_destroy(struct stream *s) {
  struct tls_stream *t = (struct tls_stream *)s;
  SSL_free(t->ssl);
  buf_done(&t->unsent);
  tls_context_unref(t->context);
  free(t->host);
  free(t);
}

static const struct stream_ops tls_ops = {
    .name = "tls",
    .try_read = tls_try_read,
    .try_write = tls_try_write,
    .wait_readable = tls_wait_readable,
    .wait_writable = tls_wait_writable,
    .shut = tls_shut,
    .destroy = tls_destroy,
};

static SSL *ssl_new(struct tls_stream *t) {
  (void)pthread_once(&once, start_once);
  SSL *ssl = SSL_new(t->context->ssl);
  BIO *bio = BIO_new(socket_method);
  if (ssl == NULL || bio == NULL)
    abort(); /* only memory can fail here */
  BIO_set_data(bio, t);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, t);
  return ssl;
}

enum err tls_stream_new(struct tls_context *c, struct stream *plain, struct tls_stream **out) {
  struct tls_stream *t = calloc(1, sizeof(*t));
  if (t == NULL)
    abort();
  struct stream old = *plain;
  int fd = stream_plain_release(plain);
  enum err e = loop_watch_add(old.watch.loop, &t->base.watch, fd, false);
  t->base.ops = &tls_ops;
  t->base.owner = old.owner;
  t->base.watch.on_event = old.watch.on_event;
  t->context = tls_context_ref(c);
  t->ssl = ssl_new(t);
  buf_init(&t->unsent, UNSENT_MAX_BYTES);
  if (e != ERR_OK) {
    tls_destroy(&t->base);
    (void)close(fd);
    return e;
  }
  *out = t;
  return ERR_OK;
}

int tls_stream_keep_session(SSL *ssl, SSL_SESSION *session) {
  const struct tls_stream *t = SSL_get_app_data(ssl);
  if (t->host == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
    return 0;
  tls_sessions_put(t->context->sessions, text_of(t->host), session);
  return 1;
}
