/* How many requests may be served at once, over all servers that share the count, and the answer of one too many: made
 * before a handler, a buffer or a read is spent on it. Called by http_serve.c for both versions of HTTP; connections
 * are counted in http_server.c. */
#include "net/http2.h"

static bool is_limited(const struct http_exchange *x) {
  const struct http_server_options *o = &x->c->server->options;
  return o->max_requests > 0 && !(o->is_exempt && o->is_exempt(o->ctx, x->rq.head.path));
}

bool http_admission_take(struct http_exchange *x) {
  struct http_server *srv = x->c->server;
  atomic_size_t *all = srv->options.shared_requests;
  if (!is_limited(x))
    return true;
  size_t before = all ? atomic_fetch_add_explicit(all, 1, memory_order_relaxed) : srv->requests;
  if (before >= srv->options.max_requests) {
    if (all)
      atomic_fetch_sub_explicit(all, 1, memory_order_relaxed);
    return false;
  }
  srv->requests++;
  x->counted = true;
  return true;
}

void http_admission_give(struct http_exchange *x) {
  struct http_server *srv = x->c->server;
  if (!x->counted)
    return;
  x->counted = false;
  srv->requests--;
  if (srv->options.shared_requests)
    atomic_fetch_sub_explicit(srv->options.shared_requests, 1, memory_order_relaxed);
}

/* A body that came with the head, whole, is passed over, so that the next request can be read. One that is held back
 * for a 100 has not come, and may never. */
static void skip_body(struct http_exchange *x) {
  struct http_connection *c = x->c;
  size_t used = 0, body = 0;
  bool done = false;
  if (x->body_done || x->http2 || c->unread_len == 0)
    return;
  if (http1_body_feed(x->parser, c->unread, c->unread_len, &used, &body, &done, NULL) != ERR_OK || !done)
    return;
  connection_drop_unread(c, used);
  x->body_done = true;
}

void http_admission_refuse(struct http_exchange *x) {
  struct fault f = {0};
  (void)!fault_set(&f, ERR_OVERLOADED, NULL, "too many requests are being served, try again later");
  f.status = 503;
  f.retry_after_s = 1;
  skip_body(x);
  (void)!exchange_refuse(x, &f, x->rq.head.target);
}
