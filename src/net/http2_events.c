/* What nghttp2 tells of the frames it has read and sent, and the settings it works with: the callbacks of a session.
 * They mark what happened in the session and its streams and start nothing, because nghttp2 must not be called from
 * within itself. Made for http2.c, which lets nghttp2 run; requests and answers are http2_body.c's and
 * http2_stream.c's. */
#include "net/http2.h"

#include <nghttp2/nghttp2.h>

#define HPACK_TABLE_BYTES 4096
/* A smaller frame of a larger write was cut by the client's window. Who opens it byte by byte pays for that himself. */
#define WHOLE_BYTES 256

static struct http_server *server_of(const struct http2_session *h) { return h->c->server; }

static int64_t now_of(const struct http2_session *h) { return loop_now_us(h->c->server->loop); }

static size_t max_streams(const struct http2_session *h) {
  size_t n = server_of(h)->options.max_streams;
  return n ? n : HTTP2_STREAMS_DEFAULT;
}

static struct http2_stream *find(struct http2_session *h, int32_t id) {
  return nghttp2_session_get_stream_user_data(h->ng, id);
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *session) {
  /* One after the other would let a long answer hold up all others. */
  static const nghttp2_extpri in_turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
  struct http2_session *h = session;
  int32_t id = frame->hd.stream_id;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
    return 0;
  if (h->live >= 2 * max_streams(h)) { /* reset by the client, and their fibers are still at it */
    http2_must(nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM));
    return 0;
  }
  http2_must(nghttp2_session_set_stream_user_data(ng, id, http2_stream_new(h, id)));
  http2_must(nghttp2_session_change_extpri_stream_priority(ng, id, &in_turns, 1));
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
  if (s->head.bytes <= server_of(h)->options.head.max_head_bytes + HTTP2_HEAD_SLACK_BYTES)
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
    http2_session_heard_of_drain(h);
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
    return 0;
  struct http2_stream *s = find(h, frame->hd.stream_id);
  if (!s)
    return 0;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    http2_stream_take_head(s, ends);
    start_later(h, s);
  } else if (ends) {
    http2_body_end(s);
  }
  return 0;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                         void *session) {
  (void)flags;
  struct http2_stream *s = find(session, id);
  if (s)
    http2_body_take(s, (struct text){(const char *)data, len});
  else
    http2_must(nghttp2_session_consume_connection(ng, len));
  return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *session) {
  (void)ng, (void)code;
  struct http2_stream *s = find(session, id);
  if (!s)
    return 0;
  http2_stream_closed(s);
  http2_stream_free_unused(s);
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
  struct http2_stream *s = find(h, frame->hd.stream_id);
  if (!s || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
    return 0;
  s->has_end_sent = true;
  if (!s->x.body_done) /* RFC 9113 section 8.1: the rest of the request is not wanted */
    http2_must(nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR));
  return 0;
}

static int on_frame_not_send(nghttp2_session *ng, const nghttp2_frame *frame, int why, void *session) {
  (void)why;
  if (frame->hd.type == NGHTTP2_HEADERS && find(session, frame->hd.stream_id))
    http2_must(nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR));
  return 0;
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *frame_header, size_t len,
                        nghttp2_data_source *source, void *session) {
  (void)ng, (void)source;
  struct http2_session *h = session;
  struct http2_stream *s = find(h, frame->hd.stream_id);
  if (!s)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (len == s->pending || len >= WHOLE_BYTES)
    http2_budget_earn(&h->budget);
  http2_stream_make_data(s, frame_header, len, &h->out);
  return h->out.len >= HTTP2_OUT_HIGH_BYTES ? NGHTTP2_ERR_PAUSE : 0;
}

static nghttp2_session_callbacks *callbacks_new(void) {
  nghttp2_session_callbacks *c = NULL;
  http2_must(nghttp2_session_callbacks_new(&c));
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
  http2_must(nghttp2_option_new(&o));
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
  http2_must(nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0])));
  http2_must(nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, HTTP2_CONNECTION_WINDOW_BYTES));
}

struct nghttp2_session *http2_events_open(struct http2_session *h) {
  nghttp2_session_callbacks *callbacks = callbacks_new();
  nghttp2_option *option = option_new();
  http2_must(nghttp2_session_server_new2(&h->ng, callbacks, h, option));
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  greet(h);
  return h->ng;
}
