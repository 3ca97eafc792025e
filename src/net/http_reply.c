/* The answer of an upstream after its head: the body as the caller takes it, and what becomes of the connection.
 * Bytes go from the socket into the caller's memory and are taken out of their chunks there; a reply that waits holds
 * none. */
#include "net/http_upstream.h"

const struct http1_head *http_reply_head(const struct http_reply *r) { return &r->head; }

bool http_reply_was_reused(const struct http_reply *r) { return r->was_reused; }

int64_t reply_deadline(const struct http_reply *r, int64_t duration_us) {
  int64_t now_us = loop_now_us(r->client->pool.loop), total_us = r->timeouts.total_deadline_us;
  return duration_us < total_us - now_us ? now_us + duration_us : total_us;
}

enum err reply_timed_out(const struct http_reply *r, const char *what, int64_t duration_us, struct fault *f) {
  if (loop_now_us(r->client->pool.loop) >= r->timeouts.total_deadline_us)
    return fault_set(f, ERR_UPSTREAM_TIMEOUT, NULL, "the provider did not finish within the total time allowed");
  return fault_set(f, ERR_UPSTREAM_TIMEOUT, NULL, "%s took longer than %lld ms", what, (long long)duration_us / 1000);
}

void reply_drop_connection(struct http_reply *r, bool reset) {
  stream_close(r->stream, reset);
  r->stream = NULL;
  free(r->unread);
  r->unread = NULL;
  r->unread_at = r->unread_len = 0;
}

static enum err fail(struct http_reply *r, enum err e) {
  r->failed = e;
  return e;
}

/* The connection said ERR_END or broke; only a body without framing may end so. */
static enum err end_of_connection(struct http_reply *r, enum err why, struct fault *f) {
  r->is_doubtful = true;
  if (why == ERR_END && http1_end(r->parser, NULL) == ERR_OK) {
    r->body_done = true;
    return ERR_END;
  }
  return fail(r,
              fault_set(f, ERR_UPSTREAM_NETWORK, NULL, "the provider's connection ended in the middle of its answer"));
}

static enum err take_in(struct http_reply *r, char *bytes, size_t n, size_t *out_body, struct fault *f) {
  size_t used = 0;
  struct fault why = {0};
  if (http1_body_feed(r->parser, bytes, n, &used, out_body, &r->body_done, &why) != ERR_OK) {
    r->is_doubtful = true;
    return fail(r,
                fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is malformed: %s", fault_text(&why)));
  }
  if (r->body_done && (used < n || r->unread_at < r->unread_len))
    r->is_doubtful = true;
  return ERR_OK;
}

static size_t take_unread(struct http_reply *r, char *into, size_t cap) {
  size_t n = r->unread_len - r->unread_at;
  if (n > cap)
    n = cap;
  memcpy(into, r->unread + r->unread_at, n);
  r->unread_at += n;
  if (r->unread_at == r->unread_len) {
    free(r->unread);
    r->unread = NULL;
    r->unread_at = r->unread_len = 0;
  }
  return n;
}

enum err http_reply_try_read(struct http_reply *r, char *into, size_t cap, size_t *out_n, struct fault *f) {
  size_t body = 0;
  while (body == 0) {
    if (r->failed)
      return fault_set(f, r->failed, NULL, "the provider's answer had broken off before");
    if (r->body_done)
      return ERR_END;
    size_t n = 0;
    enum err e = ERR_OK;
    if (r->unread)
      n = take_unread(r, into, cap);
    else
      e = stream_try_read(r->stream, into, cap, &n);
    if (e == ERR_AGAIN)
      return e;
    e = e ? end_of_connection(r, e, f) : take_in(r, into, n, &body, f);
    if (e)
      return e;
  }
  *out_n = body;
  return ERR_OK;
}

enum err http_reply_wait(struct http_reply *r, struct fault *f) {
  if (r->unread || r->body_done || r->failed)
    return ERR_OK;
  enum err e = stream_wait_readable(r->stream, reply_deadline(r, r->timeouts.between_bytes_us));
  if (e == ERR_TIMEOUT)
    return reply_timed_out(r, "waiting for more of the provider's answer", r->timeouts.between_bytes_us, f);
  return e == ERR_OK ? e : fault_set(f, e, NULL, "%s", err_text(e));
}

static enum err too_long(const struct buf *out, struct fault *f) {
  return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is larger than %zu bytes", out->max);
}

enum err http_reply_read_all(struct http_reply *r, struct buf *out, struct fault *f) {
  if (r->head.has_body && r->head.has_length && r->head.length > out->max - out->len)
    return too_long(out, f);
  for (;;) {
    size_t n = 0;
    enum err e = http_reply_try_read(r, stream_scratch(), STREAM_SCRATCH_BYTES, &n, f);
    if (e == ERR_END)
      return ERR_OK;
    if (!e)
      buf_add(out, (struct text){stream_scratch(), n});
    else if (e == ERR_AGAIN)
      e = http_reply_wait(r, f);
    if (!e && buf_check(out) != ERR_OK)
      return too_long(out, f);
    if (e)
      return e;
  }
}

void http_reply_close(struct http_reply *r) {
  if (!r)
    return;
  bool is_clean = r->body_done && !r->failed && !r->is_doubtful && r->head.keep_alive && !r->unread;
  if (is_clean)
    http_pool_put(r->origin, r->stream);
  else
    reply_drop_connection(r, !r->body_done);
  http1_free(r->parser);
  r->parser = NULL;
  r->stream = NULL;
  r->client->busy--;
}
