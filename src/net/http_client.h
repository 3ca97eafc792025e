/* HTTP/1.1 client with a keep-alive pool a worker. Requests are built from parts, never relayed. Responses are framed
 * as strictly as requests; a connection with any doubt (bytes after the answer, close-delimited body, early answer,
 * parse error) is not used again. 1xx answers are skipped, at most 8. */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "net/dial.h"
#include "net/http1.h"

struct http_client; /* one a worker */
struct http_origin; /* scheme, host, port of an upstream, with its pool; owned by the client, lives as long as it */
struct http_reply;

struct http_client_options {
  struct dns *dns;            /* shared */
  struct tls_context *tls;    /* for https origins; may be NULL when there are none */
  size_t max_idle_per_origin; /* connections kept; older ones are closed */
  int64_t idle_timeout_us;
  struct http1_limits head;
};
enum err http_client_new(struct loop *loop, const struct http_client_options *o, struct http_client **out) MUST_CHECK;
void http_client_free(struct http_client *c); /* no reply may be open */
/* Finds or makes the origin of a URL (path ignored). One that is confined is connected to with dial_confined, and
 * shares no connection with one that is not. At most 1024 origins: ERR_LIMIT. */
enum err http_client_origin(struct http_client *c, const struct url *u, bool is_confined,
                            struct http_origin **out) MUST_CHECK;
struct text http_origin_name(const struct http_origin *o); /* what its Host header says; lives as long as the client */
size_t http_client_idle(const struct http_client *c);      /* connections in the pools */
size_t http_client_busy(const struct http_client *c);      /* replies open */

struct http_timeouts {
  int64_t connect_us, first_byte_us, between_bytes_us;
  int64_t total_deadline_us; /* absolute loop time */
};
struct http_client_request {
  struct text method, target;
  /* host, content-length, connection are ours; insane headers are an ERR_BAD_REQUEST. Read before any wait. */
  const struct http_header *headers;
  size_t header_count;
  const struct text *body; /* pieces, sent as one body with content-length; not in stream_scratch, which sending uses */
  size_t body_pieces;
  struct http_timeouts timeouts;
  bool fresh; /* not on a kept connection */
};
/* Connects or reuses, sends, waits for the head of the answer. A kept connection that
 * turns out to be closed is replaced unseen when nothing of the request had left; else, within 250 ms, it is
 * ERR_UPSTREAM_STALE: the caller may send again with `fresh`, and has to account for both. Faults:
 * ERR_UPSTREAM_NETWORK, ERR_UPSTREAM_ADDRESS (the origin is confined and its name leads where it must not),
 * ERR_UPSTREAM_TIMEOUT (f says connect or first byte), ERR_UPSTREAM_PROTOCOL, ERR_CANCELLED.
 * Waits. The reply and its head live in arena until http_reply_close. An early answer while the body is still being
 * sent is returned; the connection is then not reused. */
enum err http_client_send(struct http_client *c, struct http_origin *o, const struct http_client_request *rq,
                          struct arena *arena, struct http_reply **out, struct fault *f) MUST_CHECK;
const struct http1_head *http_reply_head(const struct http_reply *r);
bool http_reply_was_reused(const struct http_reply *r);
/* Body bytes without waiting: ERR_AGAIN when none is there yet, ERR_END after the last byte of a properly framed body,
 * ERR_UPSTREAM_PROTOCOL / ERR_UPSTREAM_NETWORK when it ended early. */
enum err http_reply_try_read(struct http_reply *r, char *into, size_t cap, size_t *out_n, struct fault *f) MUST_CHECK;
/* Until http_reply_try_read may have news: between_bytes and total deadlines. ERR_UPSTREAM_TIMEOUT, ERR_CANCELLED.
 * Holds no buffer. */
enum err http_reply_wait(struct http_reply *r, struct fault *f) MUST_CHECK;
/* The whole body into out (bounded by its max: ERR_UPSTREAM_PROTOCOL with the limit in f). */
enum err http_reply_read_all(struct http_reply *r, struct buf *out, struct fault *f) MUST_CHECK;
/* Back to the pool when the body was read to its end and nothing is doubtful, else closed. Must be called exactly once;
 * NULL is fine. */
void http_reply_close(struct http_reply *r);

#endif
