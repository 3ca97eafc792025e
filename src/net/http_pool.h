/* Idle keep-alive connections to upstreams, newest first, watched while they wait: one that says anything or ends is
 * closed. One timer for all of them. For http_client.c and http_reply.c only. */
#ifndef NET_HTTP_POOL_H
#define NET_HTTP_POOL_H

#include "net/http_client.h"

struct pooled {
  struct stream *stream;
  struct http_origin *origin;
  struct pooled *newer, *older;
  int64_t idle_since_us;
};

struct http_pool {
  struct loop *loop;
  struct loop_timer timer;
  struct http_origin *origins; /* linked by next */
  size_t idle, max_idle_per_origin;
  int64_t idle_timeout_us;
};

struct http_origin {
  struct http_pool *pool;
  struct http_origin *next;
  struct pooled *newest, *oldest;
  size_t idle;
  bool tls, is_confined;
  uint16_t port;
  struct text host; /* as in the URL, without brackets; owned */
  struct text name; /* value of the Host header; owned */
};

void http_pool_init(struct http_pool *pool, struct loop *loop, const struct http_client_options *o);
/* Closes what idles and frees the origins. */
void http_pool_done(struct http_pool *pool);
/* A new origin without connections, owned by the pool. */
struct http_origin *http_pool_add_origin(struct http_pool *pool, const struct url *u);
/* The connection used last that is still quiet, or NULL. The caller owns the stream. */
struct stream *http_pool_take(struct http_origin *o);
/* Takes s over: it idles, or is closed because something has arrived on it or the pool keeps none. */
void http_pool_put(struct http_origin *o, struct stream *s);

#endif
