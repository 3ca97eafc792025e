/* What the files of the HTTP server share: a connection, the request it is serving, the server. For http_server.c,
 * http_serve.c, http_request.c, http_respond.c, http_upgrade.c, http_admission.c, http_disconnect.c, and for HTTP/2
 * http2*.c, only.
 *
 * A connection is in one state at a time; only CONNECTION_BUSY has a fiber of its own. Bytes that were read too early
 * (pipelined requests, the beginning of a body) are in `unread`, bounded by the limit for heads or one scratch full. */
#ifndef NET_HTTP_CONNECTION_H
#define NET_HTTP_CONNECTION_H

#include "net/http_server.h"

enum connection_state {
  CONNECTION_IDLE,     /* no fiber, no buffer: waits for a byte or the timer */
  CONNECTION_BUSY,     /* its fiber reads or serves */
  CONNECTION_HTTP2,    /* no fiber but those of its streams; http2.c moves the bytes on the loop */
  CONNECTION_REFUSING, /* too many connections or fibers: a 503 leaves as soon as the socket can be written */
  CONNECTION_LINGERING /* answered and finished; what the client still sends is thrown away so that it can read the
                          answer, much of which the system may still hold: it is closed, not reset */
};

struct http_exchange;
struct http2_session;
struct http2_stream;

struct http_connection {
  struct stream *stream; /* NULL: its end has come, and what was served is still unwinding */
  struct http_server *server;
  struct http_connection *previous, *next;
  struct http2_session *http2;    /* of CONNECTION_HTTP2 */
  struct http_exchange *exchange; /* while a request of HTTP/1.1 is read or served */
  struct fiber *fiber;            /* while busy */
  struct loop_timer timer;        /* end of idling or lingering; left alone while busy */
  char *unread;
  size_t unread_len;
  int64_t hung_up_us;    /* HTTP/1.1: loop time at which the client's end was seen; 0: not yet */
  uint32_t linger_bytes; /* still to be thrown away at most */
  uint8_t state;         /* enum connection_state */
  bool has_spoken;       /* its first bytes were looked at: it is HTTP/1.1, or HTTP/2 with http2 set */
  bool secured;          /* the TLS handshake is behind us */
  bool ended;            /* the client will send nothing more, and all it sent has been read */
  bool has_place;        /* is one of the server's max_connections */
  char peer[56];
};

/* One request from its head to the end of its answer. Lives in its own arena. */
struct http_exchange {
  struct http_request rq; /* first: http_request's internal points back here */
  struct http_connection *c;
  struct fiber *fiber;        /* that runs the handler */
  struct http2_stream *http2; /* NULL: HTTP/1.1, and the members below that are only its are in use */
  struct http1 *parser;       /* until the body has been read */
  char *body;                 /* read by http_request_body */
  size_t body_len;
  size_t body_charge;      /* of options.memory */
  struct buf head;         /* of a streamed answer, until its first write */
  struct fiber *writer;    /* waits for room in the socket; HTTP/1.1 */
  struct fiber *reader;    /* of an upgraded connection: waits for anything to happen to the socket */
  struct loop_timer grace; /* its end cancels the fiber of a client that has gone */
  int64_t grace_us;        /* http_request_cancel_after */
  int64_t gone_us;         /* loop time at which the client left; 0: it has not */
  bool body_done;          /* nothing of the request is left to be read */
  bool body_taken;         /* http_request_body has been called */
  bool cancel_when_gone;   /* http_request_cancel_on_disconnect */
  bool counted;            /* is one of the server's max_requests */
  bool is_head;            /* answers have no body */
  bool started, finished;
  bool chunked;    /* the streamed answer */
  bool no_body;    /* of the answer, whatever is written */
  bool upgraded;   /* http_upgrade: what is written are bytes of another protocol */
  bool will_close; /* the answer says so, or its end is the connection's end */
  bool broken;     /* the answer cannot be completed */
};

struct http_server {
  struct loop *loop;
  struct http_server_options options;
  struct http_connection *connections; /* newest first */
  size_t count, active;
  size_t open;     /* of count, those that still have a socket */
  size_t requests; /* of active, those that max_requests limits */
  bool draining, closing;
  bool patient;          /* while draining */
  int64_t date_until_us; /* loop time */
  char date[32];         /* IMF-fixdate, RFC 9110 section 5.6.7 */
};

/* What an ordinary request needs of its arena; a large one grows. */
#define REQUEST_ARENA_BYTES     4064
#define RESPONSE_PIECES_MAX     64
#define RESPONSE_HEAD_MAX_BYTES (256 * 1024)
/* A body may pause for body_timeout_us between two reads, but over its whole length it must keep to this rate. */
#define BODY_MIN_BYTES_PER_SECOND 256
/* Room for a body grows by its own size, and at least by this. */
#define BODY_GROWTH_MIN_BYTES (16 * 1024)

/* http_server.c */
void connection_park(struct http_connection *c);   /* becomes idle; its fiber ends next */
void connection_linger(struct http_connection *c); /* becomes lingering; its fiber ends next */
void connection_close(struct http_connection *c,
                      bool reset);                     /* frees c, and the server when it was waiting for the last */
void connection_throw_away(struct http_connection *c); /* what a lingering one has to read; may free c */
/* Its socket and its place among max_connections; the rest stays for those who still unwind. */
void connection_drop_stream(struct http_connection *c, bool reset);
void connection_keep_unread(struct http_connection *c, struct text bytes); /* appends a copy */
void connection_drop_unread(struct http_connection *c, size_t n);          /* the first n bytes */
const char *http_server_date(struct http_server *srv);
void http_server_make_id(char out[28]);

/* http_serve.c: what a busy connection's fiber runs */
void connection_run(void *connection);
/* Whose request it is, its memory and a new id; *x was zero. */
void http_serve_begin(struct http_exchange *x, struct http_connection *c, struct arena *arena);
/* Calls the handler, and answers for it if it does not. */
void exchange_call_handler(struct http_exchange *x);
enum err exchange_check_expect(const struct http1_head *head, struct fault *f) MUST_CHECK;

/* http_request.c */
enum err exchange_body_too_large(struct fault *f, size_t max_bytes) MUST_CHECK;
/* The body is going to hold so many bytes in all. ERR_OVERLOADED: it must not. */
enum err exchange_charge_body(struct http_exchange *x, size_t bytes, struct fault *f) MUST_CHECK;
/* ERR_OVERLOADED when the length its head announces does not fit. */
enum err exchange_check_announced(const struct http_exchange *x, struct fault *f) MUST_CHECK;
void exchange_free_body(struct http_exchange *x);

/* http_admission.c */
bool http_admission_take(struct http_exchange *x); /* false: one too many, to be answered by the next */
void http_admission_refuse(struct http_exchange *x);
void http_admission_give(struct http_exchange *x); /* is no longer served */

/* http_disconnect.c */
void http_disconnect_init(struct http_exchange *x);
void http_disconnect_on_event(struct http_exchange *x); /* on the loop: the socket has news while x is served */
/* The client has gone, or cannot be reached any more. HTTP/1.1: drops the socket. */
void http_disconnect_note(struct http_exchange *x);
void http_disconnect_forget(struct http_exchange *x); /* nothing will be cancelled on its account */

/* http_respond.c */
bool http_respond_may_send(const struct http_header *h); /* neither ours nor insane */
/* The handler's mistake: ERR_INTERNAL. None once its client has gone: ERR_NETWORK. */
enum err exchange_give_up(struct http_exchange *x);
/* Writes a whole error answer. HTTP/1.1: closes the connection when will_close says so or it cannot be kept. */
enum err exchange_refuse(struct http_exchange *x, const struct fault *f, struct text target) MUST_CHECK;
/* The bytes of such an answer, for a connection without a fiber. */
void http_refusal_write(struct http_server *srv, const struct fault *f, struct text target, struct text id,
                        struct buf *out);
/* Only its body; out must be empty and may stay so. */
void http_refusal_write_body(struct http_server *srv, const struct fault *f, struct text target, struct text id,
                             struct buf *out);
/* The header beside it (see refusal_header in http_server.h). */
struct http_header http_refusal_header(const struct http_server *srv, const struct fault *f, struct text target);
#define REFUSAL_BODY_MAX_BYTES (8 * 1024)

#endif
