/* The session of an HTTP/2 connection: feeds nghttp2 what the client sends, after counting it against the budgets,
 * keeps what nghttp2 wants to send until the socket takes it, starts the streams' fibers, and decides when and how the
 * connection ends. It does not know what a request or an answer is. Called by http_serve.c once, when a connection
 * turns out to be HTTP/2, then by http_server.c for the socket's events, and by the streams' fibers. */
#include "net/http2.h"

#include <nghttp2/nghttp2.h>

#define OUT_MAX_BYTES          (1024 * 1024)
#define READS_A_TURN           8
#define LEAVE_US               (2 * 1000 * 1000)
#define FINAL_US               (1000 * 1000) /* for streams opened before the client has heard of the drain */
#define HEARD_US               (100 * 1000)  /* for those it had still to send when it heard of it */
#define HTTP2_HEAD_SLACK_BYTES (256 * 1024)

static struct http_server *server_of(const struct http2_session *h) { return h->c->server; }

static int64_t now_of(const struct http2_session *h) { return loop_now_us(h->c->server->loop); }

/* Nobody will hear of the streams any more. Those with a fiber stay until it has ended. */
static void orphan(struct http2_session *h) {
  for (struct http2_stream *s = h->streams, *next; s; s = next) {
    next = s->next;
    (void)nghttp2_session_set_stream_user_data(h->ng, s->id, NULL);
    if (!s->closed)
      http2_stream_closed(s);
    http2_stream_free_unused(s);
  }
}

static void kill(struct http2_session *h, bool reset) {
  if (h->dead)
    return;
  h->dead = true;
  orphan(h);
  loop_timer_stop(server_of(h)->loop, &h->c->timer);
  connection_drop_stream(h->c, reset);
}

/* The last GOAWAY; what is open ends with it. */
static void leave(struct http2_session *h, uint32_t code) {
  if (h->leaving || h->dead)
    return;
  h->leaving = true;
  h->leave_by_us = now_of(h) + LEAVE_US;
  if (code != NGHTTP2_NO_ERROR || !h->final)
    http2_must(nghttp2_session_terminate_session(h->ng, code));
  orphan(h);
}

void http2_must(int result) {
  if (result == NGHTTP2_ERR_NOMEM)
    abort();
}

void http2_session_finish_drain(struct http2_session *h) {
  if (h->final)
    return;
  h->final = true;
  http2_must(nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->ng),
                                   NGHTTP2_NO_ERROR, NULL, 0));
}

/* An answer overtakes the requests that were waiting to be sent when the notice came: a patient server gives them time
 * to arrive. */
void http2_session_heard_of_drain(struct http2_session *h) {
  int64_t by_us = now_of(h) + HEARD_US;
  if (!server_of(h)->patient)
    http2_session_finish_drain(h);
  else if (by_us < h->final_by_us)
    h->final_by_us = by_us;
}

static struct http2_session *session_new(struct http_connection *c) {
  struct http2_session *h = calloc(1, sizeof(*h));
  if (!h)
    abort();
  h->c = c;
  h->ng = http2_events_open(h);
  buf_init(&h->out, OUT_MAX_BYTES);
  http2_budget_init(&h->budget, 2 * c->server->options.head.max_head_bytes + HTTP2_HEAD_SLACK_BYTES, now_of(h));
  h->idle_since_us = now_of(h);
  return h;
}

static struct http_connection *session_free(struct http2_session *h) {
  struct http_connection *c = h->c;
  nghttp2_session_del(h->ng);
  buf_done(&h->out);
  c->http2 = NULL;
  free(h);
  return c;
}

/* Frames into out, until it is the socket's turn. */
static void make_frames(struct http2_session *h) {
  while (h->out.len < HTTP2_OUT_HIGH_BYTES) {
    const uint8_t *bytes = NULL;
    ssize_t n = nghttp2_session_mem_send(h->ng, &bytes);
    http2_must((int)n);
    if (n > 0)
      buf_add(&h->out, (struct text){(const char *)bytes, (size_t)n});
    if (n < 0 || buf_check(&h->out) != ERR_OK)
      kill(h, true);
    if (n <= 0 || h->dead)
      return;
  }
}

static void forget_out(struct http2_session *h) {
  buf_done(&h->out);
  buf_init(&h->out, OUT_MAX_BYTES);
  h->blocked_since_us = 0;
}

static void write_out(struct http2_session *h) {
  while (!h->dead) {
    make_frames(h);
    if (h->dead || h->out.len == 0 || (h->pins > 0 && h->out.len < HTTP2_OUT_HIGH_BYTES))
      break;
    struct iovec piece = {h->out.at, h->out.len};
    size_t n = 0;
    enum err e = stream_try_write(h->c->stream, &piece, 1, &n);
    if (e && e != ERR_AGAIN)
      kill(h, true);
    if (e && h->blocked_since_us == 0)
      h->blocked_since_us = now_of(h);
    if (e)
      break;
    buf_consume(&h->out, n);
    h->blocked_since_us = now_of(h);
  }
  if (h->out.len == 0)
    forget_out(h);
}

static void arm(struct http2_session *h) {
  const struct http_server_options *o = &server_of(h)->options;
  int64_t times[6], next = INT64_MAX, begun_us = http2_budget_begun_us(&h->budget);
  size_t count = 0;
  if (h->leaving)
    times[count++] = h->leave_by_us;
  if (h->blocked_since_us > 0)
    times[count++] = h->blocked_since_us + o->write_timeout_us;
  if (begun_us >= 0)
    times[count++] = begun_us + o->head_timeout_us;
  if (h->open == 0)
    times[count++] = h->idle_since_us + o->idle_timeout_us;
  if (h->draining && !h->final)
    times[count++] = h->final_by_us;
  if (h->has_more)
    times[count++] = now_of(h);
  for (size_t i = 0; i < count; i++)
    next = times[i] < next ? times[i] : next;
  /* One that is too early finds nothing to do and looks again: cheaper than moving it for every request. */
  if (count > 0 && (!loop_timer_is_running(&h->c->timer) || h->c->timer.at_us > next))
    loop_timer_start(server_of(h)->loop, &h->c->timer, next);
}

static bool has_fibers(const struct http2_session *h) {
  for (const struct http2_stream *s = h->streams; s; s = s->next)
    if (s->x.fiber)
      return true;
  return false;
}

/* Is it time to end? */
static void decide(struct http2_session *h) {
  bool is_over = !nghttp2_session_want_read(h->ng) && !nghttp2_session_want_write(h->ng);
  if (h->budget.passed) {
    leave(h, NGHTTP2_ENHANCE_YOUR_CALM);
  } else if (is_over && !h->leaving) { /* the client broke the protocol, and nghttp2 has told it */
    h->final = true;
    leave(h, NGHTTP2_NO_ERROR);
  } else if (h->final && h->open == 0) {
    leave(h, NGHTTP2_NO_ERROR);
  }
  if (server_of(h)->closing && !has_fibers(h)) {
    leave(h, NGHTTP2_NO_ERROR);
    write_out(h);
    kill(h, h->out.len > 0);
  }
}

/* After everything that may have changed something, when nobody above on the stack needs the session. */
static void settle(struct http2_session *h) {
  if (!h->dead)
    decide(h);
  if (h->leaving)
    write_out(h);
  if (h->leaving && !h->dead && h->live > 0 && h->out.len == 0 && stream_is_hung_up(h->c->stream))
    kill(h, false); /* fibers go on for streams that are gone */
  if (h->dead) {
    if (h->live == 0)
      connection_close(session_free(h), true);
    return;
  }
  if (h->leaving && h->live == 0 && h->out.len == 0) {
    struct http_connection *c = session_free(h);
    connection_linger(c);
    connection_throw_away(c);
    return;
  }
  arm(h);
}

void http2_session_flush(struct http2_session *h) {
  write_out(h);
  if (h->pins == 0)
    settle(h);
}

static void unpin(struct http2_session *h) {
  h->pins--;
  http2_session_flush(h);
}

static void take_in(struct http2_session *h, struct text bytes) {
  if (http2_budget_feed(&h->budget, bytes, now_of(h)) != ERR_OK) {
    leave(h, NGHTTP2_ENHANCE_YOUR_CALM);
    return;
  }
  ssize_t n = nghttp2_session_mem_recv(h->ng, (const uint8_t *)bytes.at, bytes.len);
  http2_must((int)n);
  if (n < 0)
    leave(h, h->budget.passed || n == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
}

/* Their first steps, up to the first wait, unless a fiber is running: then they come later. */
static void start_streams(struct http2_session *h) {
  while (h->starting) {
    struct http2_stream *s = h->starting;
    h->starting = s->next_starting;
    s->queued = false;
    if (s->closed)
      http2_stream_free_unused(s);
    else if (fiber_start(server_of(h)->loop, http2_stream_run, s, &s->x.fiber) != ERR_OK)
      http2_must(nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_REFUSED_STREAM));
  }
}

static void read_some(struct http2_session *h) {
  h->has_more = false;
  for (unsigned reads = 0; !h->dead && !h->leaving; reads++) {
    size_t n = 0;
    if (reads == READS_A_TURN) {
      h->has_more = true;
      return;
    }
    enum err e = stream_try_read(h->c->stream, stream_scratch(), STREAM_SCRATCH_BYTES, &n);
    if (e == ERR_AGAIN)
      return;
    if (e)
      kill(h, e != ERR_END);
    else
      take_in(h, (struct text){stream_scratch(), n});
    start_streams(h);
  }
}

void http2_session_start(struct http_connection *c, struct text bytes) {
  if (c->server->closing) {
    connection_close(c, true);
    return;
  }
  struct http2_session *h = session_new(c);
  c->http2 = h;
  c->state = CONNECTION_HTTP2;
  c->fiber = NULL;
  h->pins++;
  take_in(h, bytes);
  start_streams(h);
  if (c->unread_len > 0)
    connection_drop_unread(c, c->unread_len);
  if (c->server->draining)
    http2_session_drain(h);
  read_some(h);
  unpin(h);
}

void http2_session_on_event(struct http2_session *h) {
  if (h->dead)
    return;
  h->pins++;
  read_some(h);
  unpin(h);
}

void http2_session_on_timer(struct http2_session *h) {
  const struct http_server_options *o = &server_of(h)->options;
  int64_t now_us = now_of(h), begun_us = http2_budget_begun_us(&h->budget);
  h->pins++;
  if ((h->leaving && now_us >= h->leave_by_us) ||
      (h->blocked_since_us > 0 && now_us >= h->blocked_since_us + o->write_timeout_us))
    kill(h, true);
  else if (begun_us >= 0 && now_us >= begun_us + o->head_timeout_us)
    leave(h, NGHTTP2_ENHANCE_YOUR_CALM);
  else if (h->open == 0 && now_us >= h->idle_since_us + o->idle_timeout_us)
    leave(h, NGHTTP2_NO_ERROR);
  else if (h->draining && now_us >= h->final_by_us)
    http2_session_finish_drain(h);
  if (h->has_more)
    read_some(h);
  unpin(h);
}

/* The answer to the ping says that the notice was read, and that all streams opened before are here. */
static void give_notice(struct http2_session *h) {
  http2_must(nghttp2_submit_shutdown_notice(h->ng));
  http2_must(nghttp2_submit_ping(h->ng, NGHTTP2_FLAG_NONE, NULL));
  h->draining = true;
  h->final_by_us = INT64_MAX;
}

void http2_session_drain(struct http2_session *h) {
  bool patient = server_of(h)->patient;
  int64_t final_by_us = now_of(h) + (patient ? server_of(h)->options.idle_timeout_us : FINAL_US);
  if (h->leaving || h->dead)
    return;
  if (h->open == 0 && !patient)
    leave(h, NGHTTP2_NO_ERROR);
  else if (!h->draining)
    give_notice(h);
  if (final_by_us < h->final_by_us)
    h->final_by_us = final_by_us;
  http2_session_flush(h);
}

void http2_session_close(struct http2_session *h) {
  for (struct http2_stream *s = h->streams; s; s = s->next)
    if (s->x.fiber)
      fiber_cancel(s->x.fiber);
  if (!has_fibers(h))
    kill(h, true);
  http2_session_flush(h);
}

void http2_session_release(struct http2_stream *s) {
  struct http2_session *h = s->h;
  s->x.fiber = NULL;
  http2_stream_free_unused(s);
  http2_session_flush(h);
}
