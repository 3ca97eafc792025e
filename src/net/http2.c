/* The session of an HTTP/2 connection: feeds nghttp2 what the client sends, after counting it against the budgets,
 * keeps what nghttp2 wants to send until the socket takes it, opens and frees streams, and decides when and how the
 * connection ends. It does not know what a request or an answer is: that is http2_stream.c's. Called by http_serve.c
 * once, when a connection turns out to be HTTP/2, then by http_server.c for the socket's events, and by the streams'
 * fibers. */
#include "net/http2.h"

#include <nghttp2/nghttp2.h>

#define OUT_HIGH_BYTES (64 * 1024) /* then the socket goes first */
#define OUT_MAX_BYTES  (1024 * 1024)
#define READS_A_TURN   8
#define LEAVE_US       (2 * 1000 * 1000)
#define FINAL_US       (1000 * 1000) /* for streams opened before the client has heard of the drain */
/* Of header lists and blocks: up to here they are read on, so that the request can be answered with 431. */
#define HEAD_SLACK_BYTES  (256 * 1024)
#define HPACK_TABLE_BYTES 4096

static struct http_server *server_of(const struct http2_session *h) { return h->c->server; }

static int64_t now_of(const struct http2_session *h) { return loop_now_us(h->c->server->loop); }

static size_t max_streams(const struct http2_session *h) {
  size_t n = server_of(h)->options.max_streams;
  return n ? n : HTTP2_STREAMS_DEFAULT;
}

/* Only memory can fail where this is asked. */
static void must(int result) {
  if (result == NGHTTP2_ERR_NOMEM)
    abort();
}

static struct http2_stream *find(struct http2_session *h, int32_t id) {
  return nghttp2_session_get_stream_user_data(h->ng, id);
}

static struct http2_stream *stream_new(struct http2_session *h, int32_t id) {
  struct http2_stream *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  arena_init(&s->arena);
  arena_reserve(&s->arena, REQUEST_ARENA_BYTES);
  http2_head_init(&s->head, &s->arena, &server_of(h)->options.head);
  char *request_id = arena_alloc(&s->arena, 28);
  http_server_make_id(request_id);
  s->h = h;
  s->id = id;
  s->x.c = h->c;
  s->x.http2 = s;
  s->x.rq.arena = &s->arena;
  s->x.rq.id = (struct text){request_id, 28};
  s->x.rq.peer = text_of(h->c->peer);
  s->x.rq.internal = &s->x;
  s->next = h->streams;
  if (s->next)
    s->next->previous = s;
  h->streams = s;
  h->live++;
  return s;
}

static void free_when_unused(struct http2_stream *s) {
  struct http2_session *h = s->h;
  if (!s->closed || s->x.fiber || s->queued)
    return;
  if (s->previous)
    s->previous->next = s->next;
  else
    h->streams = s->next;
  if (s->next)
    s->next->previous = s->previous;
  if (--h->live == 0)
    h->idle_since_us = now_of(h);
  http_request_drop_body(&s->x.rq);
  arena_done(&s->arena);
  free(s);
}

/* Nobody will hear of the streams any more. Those with a fiber stay until it has ended. */
static void orphan(struct http2_session *h) {
  for (struct http2_stream *s = h->streams, *next; s; s = next) {
    next = s->next;
    (void)nghttp2_session_set_stream_user_data(h->ng, s->id, NULL);
    if (!s->closed)
      http2_stream_closed(s);
    free_when_unused(s);
  }
}

static void kill(struct http2_session *h, bool reset) {
  if (h->dead)
    return;
  h->dead = true;
  orphan(h);
  loop_timer_stop(server_of(h)->loop, &h->c->timer);
  stream_close(h->c->stream, reset);
  h->c->stream = NULL;
}

/* The last GOAWAY; what is open ends with it. */
static void leave(struct http2_session *h, uint32_t code) {
  if (h->leaving || h->dead)
    return;
  h->leaving = true;
  h->leave_by_us = now_of(h) + LEAVE_US;
  if (code != NGHTTP2_NO_ERROR || !h->final)
    must(nghttp2_session_terminate_session(h->ng, code));
  orphan(h);
}

static void finish_drain(struct http2_session *h) {
  if (h->final)
    return;
  h->final = true;
  must(nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->ng), NGHTTP2_NO_ERROR,
                             NULL, 0));
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *session) {
  /* One after the other would let a long answer hold up all others. */
  static const nghttp2_extpri in_turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
  struct http2_session *h = session;
  int32_t id = frame->hd.stream_id;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
    return 0;
  if (h->live >= 2 * max_streams(h)) { /* reset by the client, and their fibers are still at it */
    must(nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM));
    return 0;
  }
  must(nghttp2_session_set_stream_user_data(ng, id, stream_new(h, id)));
  must(nghttp2_session_change_extpri_stream_priority(ng, id, &in_turns, 1));
  return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *session) {
  (void)ng, (void)flags;
  struct http2_session *h = session;
  struct http2_stream *s = find(h, frame->hd.stream_id);
  if (!s)
    return 0;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
    http2_head_add(&s->head, (struct text){(const char *)name, name_len},
                   (struct text){(const char *)value, value_len});
  else
    s->head.bytes += name_len + value_len; /* trailers are read and thrown away */
  if (s->head.bytes <= server_of(h)->options.head.max_head_bytes + HEAD_SLACK_BYTES)
    return 0;
  h->budget.passed = "bytes of a header list";
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                             const uint8_t *value, size_t value_len, uint8_t flags, void *session) {
  (void)ng, (void)frame, (void)name, (void)name_len, (void)value, (void)value_len, (void)flags, (void)session;
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void start_later(struct http2_session *h, struct http2_stream *s) {
  s->queued = true;
  if (h->starting)
    h->last->next_starting = s;
  else
    h->starting = s;
  h->last = s;
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *session) {
  (void)ng;
  struct http2_session *h = session;
  bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) && h->draining)
    finish_drain(h);
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
    return 0;
  struct http2_stream *s = find(h, frame->hd.stream_id);
  if (!s)
    return 0;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    http2_stream_take_head(s, ends);
    start_later(h, s);
  } else if (ends) {
    http2_stream_end_of_body(s);
  }
  return 0;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                         void *session) {
  (void)flags;
  struct http2_stream *s = find(session, id);
  if (s)
    http2_stream_take_data(s, (struct text){(const char *)data, len});
  else
    must(nghttp2_session_consume_connection(ng, len));
  return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *session) {
  (void)ng, (void)code;
  struct http2_stream *s = find(session, id);
  if (!s)
    return 0;
  http2_stream_closed(s);
  free_when_unused(s);
  return 0;
}

/* The client's mistakes cost as much as its resets. */
static bool is_clients_fault(uint32_t code) {
  return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR || code == NGHTTP2_STREAM_CLOSED ||
         code == NGHTTP2_FRAME_SIZE_ERROR || code == NGHTTP2_REFUSED_STREAM;
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *session) {
  struct http2_session *h = session;
  if (frame->hd.type == NGHTTP2_RST_STREAM && is_clients_fault(frame->rst_stream.error_code))
    http2_budget_charge(&h->budget, HTTP2_BUDGET_RESETS, now_of(h));
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
    return 0;
  if (frame->hd.type == NGHTTP2_DATA)
    http2_budget_earn(&h->budget);
  struct http2_stream *s = find(h, frame->hd.stream_id);
  if (!s || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
    return 0;
  s->has_end_sent = true;
  if (!s->x.body_done) /* RFC 9113 section 8.1: the rest of the request is not wanted */
    must(nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR));
  return 0;
}

static int on_frame_not_send(nghttp2_session *ng, const nghttp2_frame *frame, int why, void *session) {
  (void)why;
  if (frame->hd.type == NGHTTP2_HEADERS && find(session, frame->hd.stream_id))
    must(nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR));
  return 0;
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *frame_header, size_t len,
                        nghttp2_data_source *source, void *session) {
  (void)ng, (void)source;
  struct http2_session *h = session;
  struct http2_stream *s = find(h, frame->hd.stream_id);
  if (!s)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  http2_stream_make_data(s, frame_header, len, &h->out);
  return h->out.len >= OUT_HIGH_BYTES ? NGHTTP2_ERR_PAUSE : 0;
}

static nghttp2_session_callbacks *callbacks_new(void) {
  nghttp2_session_callbacks *c = NULL;
  must(nghttp2_session_callbacks_new(&c));
  nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(c, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(c, on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_frame_not_send);
  nghttp2_session_callbacks_set_send_data_callback(c, on_send_data);
  return c;
}

static nghttp2_option *option_new(void) {
  nghttp2_option *o = NULL;
  must(nghttp2_option_new(&o));
  nghttp2_option_set_no_auto_window_update(o, 1);
  nghttp2_option_set_no_closed_streams(o, 1);
  nghttp2_option_set_max_send_header_block_length(o, 2 * RESPONSE_HEAD_MAX_BYTES);
  nghttp2_option_set_max_deflate_dynamic_table_size(o, HPACK_TABLE_BYTES);
  return o;
}

static void greet(struct http2_session *h) {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)max_streams(h)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW_BYTES},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)server_of(h)->options.head.max_head_bytes},
      {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, HPACK_TABLE_BYTES},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  must(nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0])));
  must(nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, HTTP2_CONNECTION_WINDOW_BYTES));
}

static struct http2_session *session_new(struct http_connection *c) {
  struct http2_session *h = calloc(1, sizeof(*h));
  nghttp2_session_callbacks *callbacks = callbacks_new();
  nghttp2_option *option = option_new();
  if (!h)
    abort();
  h->c = c;
  must(nghttp2_session_server_new2(&h->ng, callbacks, h, option));
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  buf_init(&h->out, OUT_MAX_BYTES);
  http2_budget_init(&h->budget, 2 * c->server->options.head.max_head_bytes + HEAD_SLACK_BYTES, now_of(h));
  h->idle_since_us = now_of(h);
  greet(h);
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
  while (h->out.len < OUT_HIGH_BYTES) {
    const uint8_t *bytes = NULL;
    ssize_t n = nghttp2_session_mem_send(h->ng, &bytes);
    must((int)n);
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
    if (h->dead || h->out.len == 0 || (h->pins > 0 && h->out.len < OUT_HIGH_BYTES))
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
  if (h->live == 0)
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
  } else if (h->final && h->live == 0) {
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
  must((int)n);
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
      free_when_unused(s);
    else if (fiber_start(server_of(h)->loop, http2_stream_run, s, &s->x.fiber) != ERR_OK)
      must(nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_REFUSED_STREAM));
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
  else if (h->live == 0 && now_us >= h->idle_since_us + o->idle_timeout_us)
    leave(h, NGHTTP2_NO_ERROR);
  else if (h->draining && now_us >= h->final_by_us)
    finish_drain(h);
  if (h->has_more)
    read_some(h);
  unpin(h);
}

void http2_session_drain(struct http2_session *h) {
  if (h->draining || h->leaving || h->dead)
    return;
  h->draining = true;
  h->final_by_us = now_of(h) + FINAL_US;
  if (h->live == 0) {
    leave(h, NGHTTP2_NO_ERROR);
  } else {
    must(nghttp2_submit_shutdown_notice(h->ng));
    must(nghttp2_submit_ping(h->ng, NGHTTP2_FLAG_NONE, NULL)); /* its answer says that the notice was read */
  }
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
  free_when_unused(s);
  http2_session_flush(h);
}
