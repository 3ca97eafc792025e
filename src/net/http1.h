/* HTTP/1.1 message syntax (RFC 9112), shared by server and client: heads on strict llhttp behind checks of our own,
 * bodies by chunked.h. Any ambiguity is an error: both Content-Length and Transfer-Encoding, Content-Length twice,
 * signed, listed or empty, bare LF or CR, obs-fold, space before the colon, NUL or control bytes in a field, empty
 * field name, transfer codings other than chunked, doubtful targets and hosts (http_target.h), chunk extensions above
 * 256 bytes in all, signs or blanks in chunk sizes. Trailers are parsed and discarded. Pure: bytes in, events out; the
 * result does not depend on how the bytes were cut into packets. */
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include "base/arena.h"
#include "base/buf.h"
#include "net/http_headers.h"

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };
struct http1_limits {
  size_t max_head_bytes; /* start line and headers together */
  size_t max_headers;    /* at most HTTP_MAX_HEADERS */
};
struct http1_head {
  struct text method, target; /* requests */
  struct text path, query;    /* of the target, undecoded; see http_target.h */
  int status;                 /* responses */
  int minor_version;          /* 0 or 1; anything else is refused */
  struct http_headers headers;
  bool keep_alive, has_body, chunked, expects_continue;
  bool has_length;
  uint64_t length; /* Content-Length when has_length */
};

struct http1; /* parser of a sequence of messages of one connection */

/* Memory from the heap (about 150 bytes, more only while a head arrives in parts); free with http1_free. */
struct http1 *http1_new(enum http1_kind kind, const struct http1_limits *limits);
void http1_free(struct http1 *p);
/* Gets ready for the next message, whatever state the last one was left in; head slices will live in arena.
 * is_answer_to_head: a response without a body whatever its headers say. */
void http1_begin(struct http1 *p, struct arena *arena, bool is_answer_to_head);
/* Feeds bytes of the head. *out_used of them were consumed; *out_done when the head is complete (*head is then valid,
 * everything copied into the arena). Bytes behind the head are left to the caller. One empty line before a request is
 * skipped (RFC 9112 section 2.2). ERR_PROTOCOL (f names what), ERR_HEADERS_TOO_LARGE, ERR_UNSUPPORTED for a version
 * other than 1.0/1.1. */
enum err http1_head_feed(struct http1 *p, struct text bytes, size_t *out_used, bool *out_done, struct http1_head *head,
                         struct fault *f) MUST_CHECK;
/* Feeds bytes of the body; body data found is moved to the front of `bytes` itself: *out_body bytes of it. *out_used
 * consumed, *out_done when the message is complete. ERR_PROTOCOL. */
enum err http1_body_feed(struct http1 *p, char *bytes, size_t len, size_t *out_used, size_t *out_body, bool *out_done,
                         struct fault *f) MUST_CHECK;
/* The connection ended: ERR_OK when that ends the message properly (response without framing), else ERR_PROTOCOL. */
enum err http1_end(struct http1 *p, struct fault *f) MUST_CHECK;
/* Is this a request method that heads may have? CONNECT is one by name, and refused all the same. */
bool http1_is_method(struct text method);
/* Has a byte of the head been fed since http1_begin? */
bool http1_has_begun(const struct http1 *p);
/* The target of a request head that was refused or has not arrived whole, as far as it can be told, for error messages
 * only; at most 256 visible ASCII characters, in the arena; empty when there is none. */
struct text http1_guess_target(struct http1 *p);

#endif
