/* Server side of a connection. HTTP/1.1 (RFC 9112): keep-alive, pipelining (answers in order), 100-continue, time and
 * size limits, strict syntax (http1.h). An idle keep-alive connection holds neither fiber nor buffer: it waits as a
 * watch; the first byte starts a fiber that reads the head and calls `serve`. Malformed, oversized or slow requests are
 * answered here through `refuse` and the connection closed.
 *
 * HTTP/2 (RFC 9113), agreed by ALPN, or in clear when a connection begins with its preface (no Upgrade): each stream is
 * a request with a fiber and an arena of its own, seen through the same functions below; the connection itself has
 * none. Heads are judged as strictly (http2_head.h), client floods end with GOAWAY ENHANCE_YOUR_CALM (http2_budget.h).
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/buf.h"
#include "net/http1.h"
#include "net/http_memory.h"
#include "net/stream.h"
#include "net/tls.h"

#include <stdatomic.h>

struct addr;
struct http_server;
struct http_request;

struct http_server_options {
  struct http1_limits head;
  int64_t head_timeout_us;           /* from first byte of a head to its end */
  int64_t idle_timeout_us;           /* keep-alive without a request */
  int64_t body_timeout_us;           /* between two reads of a body */
  int64_t write_timeout_us;          /* a client that takes nothing for so long is dropped */
  size_t max_connections;            /* one more is answered 503 and closed; counts those that have a socket */
  atomic_size_t *shared_connections; /* counts those of all servers that share it, and max_connections is for all of
                                        them; must outlive the server. NULL: this server's own count */
  size_t max_streams;                /* of one HTTP/2 connection at a time; 0: 128 */
  size_t max_requests;               /* being served; 0: no limit. One more is answered 503 (ERR_OVERLOADED, retry-after
                                        1) before its body is read. In HTTP/1.1 its connection stays usable when the
                                        body, if there is one, came with the head */
  atomic_size_t *shared_requests;    /* as shared_connections, for max_requests */
  struct http_memory *memory;        /* charged for bodies of requests; must outlive the server. NULL: nobody counts */
  struct tls_context *tls;           /* NULL: plain; the server takes its own ref */
  /* Answers a request; runs in a fiber, the connection's or the stream's; may wait. Returning without an answer is a
   * 500. The arena of rq dies after it returns. */
  void (*serve)(void *ctx, struct http_request *rq);
  /* Is this path served whatever max_requests says, and not counted (health checks)? NULL: none is. */
  bool (*is_exempt)(void *ctx, struct text path);
  /* Writes the body of an error that happened before serve could run. content type is application/json, unless
   * refusal_header says another. target may be empty or incomplete. Must not wait: it is also called on the loop. */
  void (*refuse)(void *ctx, const struct fault *f, struct text target, struct text request_id, struct buf *out_body);
  /* A header that goes with such a body beside those that they all have, or `content-type` in the place of theirs; with
   * an empty name: none. NULL: never. */
  struct http_header (*refusal_header)(void *ctx, const struct fault *f, struct text target);
  void *ctx;
};

struct http_request {
  struct http1_head head;
  struct text path, query; /* of the target, undecoded; absolute-form is accepted only when its authority equals Host;
                              path starts with '/' */
  struct arena *arena;     /* dies when serve returns */
  struct text id;          /* "req_" + 24 characters, ours */
  struct text peer;        /* "127.0.0.1:5555" or "unix" */
  int64_t received_us;     /* loop time at which the head was complete */
  void *internal;
};

enum err http_server_new(struct loop *loop, const struct http_server_options *o, struct http_server **out) MUST_CHECK;
/* A new connection, from listener_start's callback. Takes s over. */
void http_server_accept(struct http_server *srv, struct stream *s, const struct addr *peer);
/* Drain: idle connections close now, busy ones after their answer (`connection: close`; HTTP/2: GOAWAY, and the end
 * when the open streams are done). A request that crosses the close of an idle connection is lost to its client.
 * patient: none is lost, where somebody else takes the new connections and there is time. Those that are idle, or have
 * not said anything yet, stay for one more request, with `connection: close` on the answer of the last that had been
 * sent by then, or until their idle time is over; HTTP/2 is told to open no more streams, and what it had opened before
 * it heard of that is served (RFC 9113 section 6.8). Can be followed by a drain that is not patient, not the other way
 * round. */
void http_server_drain(struct http_server *srv, bool patient);
size_t http_server_connections(const struct http_server *srv); /* also those whose client left what is being served */
size_t http_server_active(const struct http_server *srv);      /* requests being served */
/* Another max_requests, from the next request on; what is being served goes on. On the server's loop. */
void http_server_limit_requests(struct http_server *srv, size_t max);
/* Resets whatever is left, but for answers that are complete and only to be read: every request fiber is cancelled.
 * Frees once the last has ended (srv must not be used afterwards). */
void http_server_close(struct http_server *srv);

/* The whole body (in HTTP/2 the windows are opened only as it is read), heap memory owned by rq until
 * http_request_drop_body or the end. Sends 100-continue when asked for. ERR_TOO_LARGE beyond max_bytes (f says the
 * limit) without reading on, ERR_REQUEST_TIMEOUT, ERR_PROTOCOL, ERR_NETWORK, ERR_CANCELLED. Memory grows with what has
 * arrived, not with what was announced, and is charged to options.memory: ERR_OVERLOADED (f says to retry) when that
 * has no room; for a body whose announced length has none, before any of it is read. */
enum err http_request_body(struct http_request *rq, size_t max_bytes, struct text *out, struct fault *f) MUST_CHECK;
void http_request_drop_body(struct http_request *rq);

/* Answers. One of: http_respond, or http_respond_start + http_respond_write* + http_respond_end. `date`,
 * `content-length`, `transfer-encoding` and `connection` are ours; headers given must be sane (insane ones are
 * skipped). Each waits as the client reads (in HTTP/2 also for the windows of flow control); a client that left gives
 * ERR_CANCELLED or ERR_NETWORK. An unread request body closes the connection after the answer. The body of http_respond
 * stays where it is while this waits (so not in stream_scratch). */
enum err http_respond(struct http_request *rq, int status, const struct http_header *headers, size_t count,
                      struct text body) MUST_CHECK;
/* Chunked (or until-close for HTTP/1.0). The head leaves together with the first write. */
enum err http_respond_start(struct http_request *rq, int status, const struct http_header *headers,
                            size_t count) MUST_CHECK;
/* One chunk out of all pieces, one writev. Pieces may live in stream_scratch: what the client does not take at once is
 * copied before waiting. At most 64 pieces. */
enum err http_respond_write(struct http_request *rq, const struct text *pieces, size_t count) MUST_CHECK;
enum err http_respond_end(struct http_request *rq) MUST_CHECK;
/* The answer cannot be completed: the connection is reset without a last chunk (HTTP/2: the stream, INTERNAL_ERROR), so
 * nobody takes it for a clean end. */
void http_respond_abort(struct http_request *rq);
bool http_respond_has_started(const struct http_request *rq);

/* Another protocol on the connection of an HTTP/1.1 request (RFC 9110 section 7.8). Whether the client offers this one;
 * never in HTTP/2, and not with a body. */
bool http_request_wants_upgrade(const struct http_request *rq, struct text protocol);
/* Answers 101 with these headers, `connection` and `upgrade`. From then on http_respond_write writes bytes as they are,
 * and http_respond_end ends the connection once the client has read them. Waits. */
enum err http_upgrade(struct http_request *rq, struct text protocol, const struct http_header *headers,
                      size_t count) MUST_CHECK;
/* What the client has sent, without waiting: ERR_AGAIN, ERR_END, ERR_NETWORK, ERR_TLS. */
enum err http_upgraded_read(struct http_request *rq, void *into, size_t cap, size_t *out_n) MUST_CHECK;
/* For answers that are never complete: parks the serving fiber as fiber_park does; with an upgraded connection it wakes
 * also when the client has sent something or left. */
enum err http_request_park(struct http_request *rq, int64_t deadline_us) MUST_CHECK;

/* Clients that go away. Gone is who has closed (EOF counts), reset the connection or the stream, or not taken a byte of
 * the answer for write_timeout_us; in HTTP/1.1 it is noticed once the body has been read, and a further request sent
 * ahead of an EOF says that the client still listens. Writes to a gone client fail at once with ERR_NETWORK.
 *
 * While on: the serving fiber is cancelled when the client goes away. The socket is closed then, whatever the fiber
 * still does. Off again: nothing is cancelled any more, and what was cancelled stays so. */
void http_request_cancel_on_disconnect(struct http_request *rq, bool on);
/* Not before the client has been gone for grace_us (0, the default: at once; INT64_MAX: never). Also while it is gone:
 * a shorter grace counts from when it left. Does not turn the cancelling on. http_server_close knows no grace. */
void http_request_cancel_after(struct http_request *rq, int64_t grace_us);
/* At most one small read, and none while the client has not hung up or is known to be gone. */
bool http_request_client_is_gone(const struct http_request *rq);
/* Loop time at which it left, as far as it was seen; -1: it is there. */
int64_t http_request_gone_us(const struct http_request *rq);

#endif
