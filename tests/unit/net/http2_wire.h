/* For tests of HTTP/2: a client on nghttp2 over a real socket for the server of http_fixture.h, and one that sends
 * frames as they are written in the test. Everything runs in the fiber of run_fiber (net_fixture.h). */
#ifndef HTTP2_WIRE_H
#define HTTP2_WIRE_H

#include "http_fixture.h"

#include "net/http2_budget.h"

#include <nghttp2/nghttp2.h>

#define H2_REPLIES 512

struct h2_reply {
  int32_t id;
  int status;         /* 0 until its head came */
  unsigned continues; /* 100 */
  struct buf headers; /* "name: value\n" each */
  struct buf body;
  size_t data_frames;
  bool ended; /* END_STREAM came */
  bool closed;
  uint32_t code; /* of the reset, once closed */
  /* What it asked. */
  struct text upload;
  size_t uploaded;
  bool upload_open; /* nothing more until this is cleared; then the end */
};

struct h2 {
  struct stream *s;
  nghttp2_session *ng;
  struct h2_reply replies[H2_REPLIES];
  size_t count;
  bool has_goaway;
  uint32_t goaway_code;
  int32_t goaway_first, goaway_last; /* the last stream of the first of them, and of the last */
  size_t reads;
  unsigned settings_acks;
  enum err end;      /* how the connection ended, ERR_OK so far */
  size_t step;       /* send so many bytes at a time, 0: all */
  bool hold_windows; /* do not give back what was read */
};

static inline struct h2_reply *h2_find(struct h2 *h, int32_t id) {
  for (size_t i = 0; i < h->count; i++)
    if (h->replies[i].id == id)
      return &h->replies[i];
  return NULL;
}

static inline int h2_on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                               const uint8_t *value, size_t value_len, uint8_t flags, void *data) {
  (void)ng, (void)flags;
  struct h2_reply *r = h2_find(data, frame->hd.stream_id);
  struct text n = {(const char *)name, name_len}, v = {(const char *)value, value_len};
  uint64_t status = 0;
  if (r == NULL)
    return 0;
  if (!text_equal(n, TEXT(":status"))) {
    buf_add_format(&r->headers, "%.*s: %.*s\n", TEXT_ARGS(n), TEXT_ARGS(v));
    return 0;
  }
  CHECK_INT(text_to_u64(v, &status), 1);
  if (status == 100)
    r->continues++;
  else
    r->status = (int)status;
  return 0;
}

static inline int h2_on_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len,
                              void *data) {
  (void)flags;
  struct h2 *h = data;
  struct h2_reply *r = h2_find(h, id);
  if (r != NULL)
    buf_add(&r->body, (struct text){(const char *)bytes, len});
  if (!h->hold_windows)
    CHECK_INT(nghttp2_session_consume(ng, id, len), 0);
  return 0;
}

static inline int h2_on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *data) {
  (void)ng;
  struct h2 *h = data;
  struct h2_reply *r = h2_find(h, frame->hd.stream_id);
  if (frame->hd.type == NGHTTP2_GOAWAY) {
    if (!h->has_goaway)
      h->goaway_first = frame->goaway.last_stream_id;
    h->has_goaway = true;
    h->goaway_code = frame->goaway.error_code;
    h->goaway_last = frame->goaway.last_stream_id;
  }
  if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK))
    h->settings_acks++;
  if (r != NULL && frame->hd.type == NGHTTP2_DATA)
    r->data_frames++;
  if (r != NULL && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
    r->ended = true;
  return 0;
}

static inline int h2_on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *data) {
  (void)ng;
  struct h2_reply *r = h2_find(data, id);
  if (r != NULL) {
    r->closed = true;
    r->code = code;
  }
  return 0;
}

static bool h2_without_pongs; /* for those made from here on */

static inline struct h2 *h2_of(struct stream *s) {
  struct h2 *h = calloc(1, sizeof(*h));
  nghttp2_session_callbacks *c = NULL;
  nghttp2_option *o = NULL;
  if (h == NULL || nghttp2_session_callbacks_new(&c) != 0 || nghttp2_option_new(&o) != 0)
    abort();
  nghttp2_session_callbacks_set_on_header_callback(c, h2_on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, h2_on_chunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(c, h2_on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(c, h2_on_close);
  nghttp2_option_set_no_auto_window_update(o, 1);
  nghttp2_option_set_no_auto_ping_ack(o, h2_without_pongs);
  nghttp2_option_set_no_http_messaging(o, 1); /* it is the server that must judge */
  h->s = s;
  int on = 1;
  CHECK_INT(setsockopt(s->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
  if (nghttp2_session_client_new2(&h->ng, c, h, o) != 0)
    abort();
  nghttp2_session_callbacks_del(c);
  nghttp2_option_del(o);
  return h;
}

static inline struct h2 *h2_open_with(struct stream *s, const nghttp2_settings_entry *settings, size_t count) {
  struct h2 *h = h2_of(s);
  CHECK_INT(nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, settings, count), 0);
  return h;
}

static inline struct h2 *h2_open(const struct site *site) { return h2_open_with(connect_to(&site->at), NULL, 0); }

static inline void h2_close(struct h2 *h) {
  for (size_t i = 0; i < h->count; i++) {
    buf_done(&h->replies[i].headers);
    buf_done(&h->replies[i].body);
  }
  nghttp2_session_del(h->ng);
  stream_close(h->s, false);
  free(h);
}

static inline void h2_send(struct h2 *h) {
  for (;;) {
    const uint8_t *bytes = NULL;
    ssize_t n = nghttp2_session_mem_send(h->ng, &bytes);
    CHECK_INT(n >= 0, 1);
    if (n <= 0 || h->end != ERR_OK)
      return;
    for (size_t at = 0, step = h->step > 0 ? h->step : (size_t)n; at < (size_t)n; at += step) {
      struct iovec piece = {(void *)(uintptr_t)(bytes + at), (size_t)n - at < step ? (size_t)n - at : step};
      if (stream_write(h->s, &piece, 1, after(5 * SECOND_US)) != ERR_OK)
        return; /* what the server has to say about it is read */
      if (h->step > 0)
        CHECK_ERR(fiber_yield(), ERR_OK);
    }
  }
}

/* Sends what is ready and reads what is there, waiting at most so long for something. False once the connection has
 * ended or nothing came. */
static inline bool h2_turn(struct h2 *h, int64_t wait_us) {
  static char bytes[65536];
  size_t n = 0;
  h2_send(h);
  if (h->end != ERR_OK)
    return false;
  enum err e = stream_read(h->s, bytes, sizeof(bytes), after(wait_us), &n);
  if (e == ERR_TIMEOUT)
    return false;
  if (e != ERR_OK) {
    h->end = e;
    return false;
  }
  h->reads++;
  CHECK_INT(nghttp2_session_mem_recv(h->ng, (const uint8_t *)bytes, n), n);
  h2_send(h);
  return true;
}

struct h2_header {
  const char *name, *value;
};
#define H2_HEADERS_MAX 1100

static inline ssize_t h2_upload(nghttp2_session *ng, int32_t id, uint8_t *into, size_t cap, uint32_t *flags,
                                nghttp2_data_source *source, void *data) {
  (void)ng, (void)source;
  struct h2_reply *r = h2_find(data, id);
  if (r == NULL)
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  size_t left = r->upload.len - r->uploaded, n = left < cap ? left : cap;
  if (n == 0 && r->upload_open)
    return NGHTTP2_ERR_DEFERRED;
  if (n > 0)
    memcpy(into, r->upload.at + r->uploaded, n);
  r->uploaded += n;
  if (r->uploaded == r->upload.len && !r->upload_open)
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)n;
}

/* Exactly these fields. upload: the body; open: it does not end yet. */
static inline struct h2_reply *h2_ask(struct h2 *h, const struct h2_header *fields, size_t count, struct text upload,
                                      bool open) {
  static nghttp2_nv nva[H2_HEADERS_MAX];
  const nghttp2_data_provider body = {.read_callback = h2_upload};
  for (size_t i = 0; i < count; i++)
    nva[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)fields[i].name, (uint8_t *)(uintptr_t)fields[i].value,
                          strlen(fields[i].name), strlen(fields[i].value), NGHTTP2_NV_FLAG_NO_COPY_NAME};
  struct h2_reply *r = &h->replies[h->count];
  *r = (struct h2_reply){.upload = upload, .upload_open = open};
  buf_init(&r->headers, 1 << 20);
  buf_init(&r->body, 64 << 20);
  r->id = nghttp2_submit_request(h->ng, NULL, nva, count, upload.len > 0 || open ? &body : NULL, NULL);
  CHECK_INT(r->id > 0, 1);
  h->count++;
  return r;
}

static inline struct h2_reply *h2_get(struct h2 *h, const char *path) {
  const struct h2_header fields[] = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
  return h2_ask(h, fields, 4, TEXT_NONE, false);
}

static inline struct h2_reply *h2_post(struct h2 *h, const char *path, struct text body, bool open) {
  const struct h2_header fields[] = {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
  return h2_ask(h, fields, 4, body, open);
}

/* Until the stream is over, or the connection. Its status, 0 without an answer. */
static inline int h2_answer(struct h2 *h, struct h2_reply *r) {
  while (!r->closed && h2_turn(h, 5 * SECOND_US))
    continue;
  return r->status;
}

static inline void h2_until_head(struct h2 *h, struct h2_reply *r) {
  while (r->status == 0 && !r->closed && h2_turn(h, 5 * SECOND_US))
    continue;
}

/* Until the server has closed. */
static inline enum err h2_end(struct h2 *h) {
  while (h2_turn(h, 5 * SECOND_US))
    continue;
  return h->end;
}

/* Lets both sides do what they can without a clock. */
static inline void h2_settle(struct h2 *h) {
  for (int i = 0; i < 5; i++) {
    (void)h2_turn(h, 0);
    settle();
  }
}

static inline bool h2_has_header(const struct h2_reply *r, const char *line) {
  return text_find(buf_text(&r->headers), text_of(line)) >= 0;
}

/* Frames by hand. */

struct raw {
  struct buf out;
};

static inline void raw_frame(struct buf *out, size_t len, uint8_t type, uint8_t flags, uint32_t id,
                             const void *payload) {
  const uint8_t header[9] = {(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,       type,       flags,
                             (uint8_t)(id >> 24),  (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
  buf_add(out, (struct text){(const char *)header, sizeof(header)});
  buf_add(out, (struct text){payload, len});
}

static inline void raw_hello(struct buf *out) {
  buf_init(out, 16 << 20);
  buf_add(out, TEXT(HTTP2_PREFACE));
  raw_frame(out, 0, NGHTTP2_SETTINGS, 0, 0, "");
}

/* GET / of host a, as RFC 7541 writes it with and without its static table. */
#define RAW_GET                                                                                                        \
  "\x82\x86\x84\x41\x01"                                                                                               \
  "a"
#define RAW_POST                                                                                                       \
  "\x83\x86\x84\x41\x01"                                                                                               \
  "a"
#define RAW_LEN(hex) (sizeof(hex) - 1)

static inline void raw_get(struct buf *out, uint32_t id) {
  raw_frame(out, RAW_LEN(RAW_GET), NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id, RAW_GET);
}

static inline void raw_u32(struct buf *out, uint8_t type, uint32_t id, uint32_t value) {
  const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
  raw_frame(out, 4, type, 0, id, bytes);
}

/* Sends all and reads to the end of the connection. The code of its last GOAWAY, -1 without one. */
static inline int64_t raw_talk(const struct site *site, const struct buf *out) {
  struct stream *s = connect_to(&site->at);
  struct buf in;
  int64_t code = -1;
  struct iovec piece = {out->at, out->len};
  buf_init(&in, 16 << 20);
  (void)!stream_write(s, &piece, 1, after(5 * SECOND_US)); /* it may be refused midway */
  for (;;) {
    char *room = buf_reserve(&in, 65536);
    size_t n = 0;
    if (stream_read(s, room, 65536, after(5 * SECOND_US), &n) != ERR_OK)
      break;
    buf_commit(&in, n);
  }
  for (struct text left = buf_text(&in); left.len >= 9;) {
    const uint8_t *b = (const uint8_t *)left.at;
    size_t len = (size_t)b[0] << 16 | (size_t)b[1] << 8 | b[2];
    if (b[3] == NGHTTP2_GOAWAY && left.len >= 9 + 8)
      code = (int64_t)((uint32_t)b[13] << 24 | (uint32_t)b[14] << 16 | (uint32_t)b[15] << 8 | b[16]);
    left = text_skip(left, 9 + len);
  }
  buf_done(&in);
  stream_close(s, false);
  return code;
}

#endif
