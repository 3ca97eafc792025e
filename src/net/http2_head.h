/* The head of an HTTP/2 request (RFC 9113 section 8.3) made into what http1.h gives for the same request in HTTP/1.1,
 * with the same checks, so that nobody above needs to know the version and nothing can be smuggled when it is written
 * as HTTP/1.1 again. Pure; does not depend on which of these checks nghttp2 makes, too. */
#ifndef NET_HTTP2_HEAD_H
#define NET_HTTP2_HEAD_H

#include "net/http1.h"

struct http2_crumb {
  struct text value;
  struct http2_crumb *next;
};

struct http2_head {
  struct arena *arena;
  const struct http1_limits *limits;
  struct http1_head head;
  struct text scheme, authority;
  struct http2_crumb *crumbs, *last_crumb;
  size_t cookie_bytes;
  size_t bytes; /* header list size, RFC 9113 section 6.5.2: 32 more for each field; counted beyond the limit, too */
  size_t cap;
  unsigned pseudo_seen; /* bits */
  struct fault fault;   /* the first thing wrong */
};

/* limits must outlive h; everything else is copied into the arena. */
void http2_head_init(struct http2_head *h, struct arena *arena, const struct http1_limits *limits);
/* The next field, in the order sent. What is wrong with it is told by http2_head_finish. */
void http2_head_add(struct http2_head *h, struct text name, struct text value);
/* All fields are there. ends_stream: no body follows. :authority becomes the header `host`, crumbs of cookies are
 * joined (section 8.2.3), target is :path. ERR_PROTOCOL with f naming the field: pseudo fields missing, twice, unknown
 * or behind others; names that are not lower-case tokens; control bytes, or blanks at the ends of values; fields of a
 * connection (section 8.2.2); te other than trailers; host other than :authority; unknown methods and schemes; what
 * http_target.h refuses; content-length twice, malformed, or above 0 without a body. ERR_HEADERS_TOO_LARGE. */
enum err http2_head_finish(struct http2_head *h, bool ends_stream, struct http1_head *out, struct fault *f) MUST_CHECK;

#endif
