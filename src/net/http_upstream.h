/* What http_client.c and http_reply.c share: the client and one exchange with an upstream. */
#ifndef NET_HTTP_UPSTREAM_H
#define NET_HTTP_UPSTREAM_H

#include "base/map.h"
#include "net/http_pool.h"

struct http_client {
  struct http_client_options options;
  struct http_pool pool;
  struct map *origins; /* "https host:port" -> http_origin */
  size_t busy;
};

struct http_reply {
  struct http_client *client;
  struct http_origin *origin;
  struct stream *stream;
  struct http1 *parser;
  struct http1_head head;
  struct http_timeouts timeouts;
  char *unread; /* came with the head */
  size_t unread_at, unread_len;
  enum err failed;  /* the body broke off; what every later read says too */
  bool was_reused;  /* the connection had served before */
  bool has_answer;  /* at least one byte of the answer has arrived */
  bool is_doubtful; /* the connection must not be used again */
  bool body_done;
};

/* http_reply.c: closes the connection for good and forgets what was read of it. */
void reply_drop_connection(struct http_reply *r, bool reset);
/* now + duration, but not beyond the total deadline */
int64_t reply_deadline(const struct http_reply *r, int64_t duration_us);
/* ERR_UPSTREAM_TIMEOUT that says which limit was passed: the total one, or `what` after duration_us. */
enum err reply_timed_out(const struct http_reply *r, const char *what, int64_t duration_us, struct fault *f) MUST_CHECK;

#endif
