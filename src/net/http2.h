/* HTTP/2 (RFC 9113) on a connection of the HTTP server, and what its files share: http2.c moves bytes between the
 * socket and nghttp2 and starts a fiber for each stream, http2_events.c hears of the frames, http2_body.c and
 * http2_stream.c are the request and the answer of one stream. For files of net/http only; http_server.h is the
 * contract for everybody else.
 *
 * A session has no fiber: the loop's events drive its reads, and whoever has something to send also writes, as far as
 * the socket takes it. nghttp2 is only a state machine in memory; its callbacks run inside http2_session_* calls, mark
 * what happened and wake fibers, and start none.
 *
 * A stream is shared by nghttp2 (until `closed`) and its fiber (until `fiber` is NULL); the later of the two frees it.
 * The connection stays until its last stream is gone, also without a socket. */
#ifndef NET_HTTP2_H
#define NET_HTTP2_H

#include "net/http2_budget.h"
#include "net/http2_head.h"
#include "net/http_connection.h"

struct nghttp2_session;

#define HTTP2_STREAMS_DEFAULT    128
#define HTTP2_FRAME_HEADER_BYTES 9
#define HTTP2_OUT_HIGH_BYTES     (64 * 1024) /* made and not sent: then the socket goes first */
/* Header lists and blocks are read on up to so much beyond their limit, so that the request can be answered with 431.
 */
#define HTTP2_HEAD_SLACK_BYTES (256 * 1024)
/* What a client may send before its stream, or its connection, is read by a handler: the memory it can hold here. */
#define HTTP2_STREAM_WINDOW_BYTES     (256 * 1024)
#define HTTP2_CONNECTION_WINDOW_BYTES (1024 * 1024)

struct http2_session {
  struct nghttp2_session *ng;
  struct http_connection *c;
  struct http2_stream *streams;         /* newest first */
  struct http2_stream *starting, *last; /* heads complete, fibers not started; oldest first */
  size_t live;                          /* of streams */
  size_t open;                          /* of live, those that nghttp2 knows */
  struct buf out;                       /* made by nghttp2, not taken by the socket; no memory while empty */
  struct http2_budget budget;
  int64_t idle_since_us;    /* while open is 0 */
  int64_t blocked_since_us; /* since the socket took the last byte, while out is not empty; else 0 */
  int64_t leave_by_us;      /* while leaving */
  int64_t final_by_us;      /* while draining: when no more streams are accepted */
  unsigned pins;            /* calls on the stack that need the session; while there are, small writes wait */
  bool has_more;            /* was not read to its end this turn */
  bool draining, final;     /* told the client to leave; told it the last stream */
  bool leaving;             /* the last GOAWAY is on its way; nothing is read any more */
  bool dead;                /* no socket any more */
};

struct http2_stream {
  struct http_exchange x; /* x.rq.internal is its address, and so this one's */
  struct http2_session *h;
  struct http2_stream *previous, *next, *next_starting;
  int32_t id;
  struct arena arena; /* the request's; gone when its fiber ends */
  struct http2_head head;
  /* The body as it comes in. */
  size_t body_cap, body_max; /* body_max: while reading */
  size_t unconsumed;         /* bytes of it that still weigh on the windows */
  int64_t last_data_us;
  /* What of the answer's body is still to be made into frames. The pieces are the waiting fiber's. */
  struct iovec *pieces;
  size_t piece_at, pending; /* in the first piece; bytes in all */
  int64_t progress_us;
  bool ending;       /* nothing follows what is pending */
  bool has_end_sent; /* END_STREAM has left nghttp2 */
  bool reading;      /* http_request_body waits */
  bool waiting;      /* the fiber is parked here */
  bool discard;      /* nobody will read the body */
  bool body_failed;
  bool body_refused;   /* for want of memory */
  bool asked_for_body; /* 100-continue */
  bool queued;         /* in the session's list of those that start */
  bool closed;         /* nghttp2 knows it no more */
};

/* Sessions, http2.c. */

/* Makes c, whose first bytes (maybe none) were read already, a connection of HTTP/2. Called by its fiber, which ends
 * next; c may be gone when this returns. */
void http2_session_start(struct http_connection *c, struct text bytes);
/* On the loop: the socket has news, or c's timer fired. May free the session and c. */
void http2_session_on_event(struct http2_session *h);
void http2_session_on_timer(struct http2_session *h);
/* Open streams may finish; the client is asked to open none. Once more when the server is no longer patient. May free
 * both. */
void http2_session_drain(struct http2_session *h);
/* The client has answered: it has heard of the drain. */
void http2_session_heard_of_drain(struct http2_session *h);
/* The client has had time to hear of it: what it opens from now on is not looked at. */
void http2_session_finish_drain(struct http2_session *h);
/* Every stream's fiber is cancelled; the connection ends with the last. May free both. */
void http2_session_close(struct http2_session *h);
/* Sends what there is to send as far as the socket takes it, and ends what has to end. Frees the session only when it
 * has no stream left, so a stream's fiber may go on. Never waits. */
void http2_session_flush(struct http2_session *h);
/* The stream's fiber has ended: frees it unless nghttp2 still has it. */
void http2_session_release(struct http2_stream *s);
/* Of an nghttp2 function that can fail only for want of memory, or when the stream or session is over: aborts for want
 * of memory. */
void http2_must(int result);

/* Callbacks, http2_events.c. */

/* The server side of nghttp2 that reports to h; our settings wait to be sent. */
struct nghttp2_session *http2_events_open(struct http2_session *h);

/* Bodies of requests, http2_body.c. */

/* More of it came, or its end. */
void http2_body_take(struct http2_stream *s, struct text data);
void http2_body_end(struct http2_stream *s);
/* What was not read no longer weighs on the connection's window. */
void http2_body_give_back(struct http2_stream *s);
/* http_request_body. */
enum err http2_body_read(struct http2_stream *s, size_t max_bytes, struct text *out, struct fault *f) MUST_CHECK;

/* Streams, http2_stream.c. */

struct http2_stream *http2_stream_new(struct http2_session *h, int32_t id);
/* Frees s once nghttp2 and its fiber are done with it. */
void http2_stream_free_unused(struct http2_stream *s);
/* All of s->head is there. */
void http2_stream_take_head(struct http2_stream *s, bool ends_stream);
/* It is over, at nghttp2 or with the connection. Before the answer was complete, and not by us: its client has gone. */
void http2_stream_closed(struct http2_stream *s);
/* Appends one DATA frame: its header and the next len bytes that are pending. */
void http2_stream_make_data(struct http2_stream *s, const void *frame_header, size_t len, struct buf *out);
/* What its fiber runs. */
void http2_stream_run(void *stream);
/* Parks the running fiber, which is the stream's, until http2_stream_wake, a cancel or the deadline. */
enum err http2_stream_wait(struct http2_stream *s, int64_t deadline_us) MUST_CHECK;
void http2_stream_wake(const struct http2_stream *s); /* no-op while it does not wait there */

/* http_respond. */
enum err http2_stream_respond(struct http2_stream *s, int status, const struct http_header *headers, size_t count,
                              struct text body) MUST_CHECK;
/* http_respond_start. */
enum err http2_stream_start(struct http2_stream *s, int status, const struct http_header *headers,
                            size_t count) MUST_CHECK;
/* http_respond_write. */
enum err http2_stream_write(struct http2_stream *s, const struct text *pieces, size_t count) MUST_CHECK;
/* http_respond_end. */
enum err http2_stream_end(struct http2_stream *s) MUST_CHECK;
/* http_respond_abort. */
void http2_stream_abort(struct http2_stream *s);
/* exchange_refuse. */
enum err http2_stream_refuse(struct http2_stream *s, const struct fault *f, struct text target) MUST_CHECK;

#endif
