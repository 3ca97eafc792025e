/* Events as text/event-stream or as WebSocket messages, and the handshake of the latter with its look at the page it
 * comes from: a browser sends cookies with a WebSocket from any page, and no rule of other sites stops the reading.
 * Called by live.c. */
#include "control/live_wire.h"

#include "base/json.h"
#include "control/sites.h"

#define OUT_MAX      (4 * 1024 * 1024)
#define READS_A_TURN 16

/* "https://host:port" of an address, without what follows. */
static struct text site_of(struct text url) {
  ptrdiff_t colon = text_find_char(url, ':');
  struct text rest = text_skip(url, colon < 0 ? url.len : (size_t)colon + 3), authority, path;
  if (!text_cut(rest, '/', &authority, &path))
    authority = rest;
  return text_head(url, (size_t)(authority.at - url.at) + authority.len);
}

/* A page of this site, by its address or as it is asked for now, or of one that is listed. */
static bool is_known_page(const struct api_call *c, struct text origin) {
  const struct config *config = c->config;
  struct text host = http_header_value(&c->rq->head.headers, TEXT("host"));
  static const struct text schemes[] = {TEXT("http://"), TEXT("https://")};
  if (config->public_url.len > 0 && text_equal_nocase(origin, site_of(config->public_url)))
    return true;
  for (size_t i = 0; i < 2; i++)
    if (text_starts(origin, schemes[i]) && text_equal_nocase(text_skip(origin, schemes[i].len), host))
      return true;
  return sites_know(&config->control, c->rq);
}

static enum err check_page(const struct api_call *c, struct fault *f) {
  const struct http_headers *h = &c->rq->head.headers;
  const struct http_header *origin = http_header_find(h, TEXT("origin"));
  if (origin && !is_known_page(c, origin->value))
    return fault_set(f, ERR_FORBIDDEN, "origin", "a page of this origin may not open a WebSocket here");
  if (!origin && c->caller->session_id > 0 && http_header_find(h, TEXT("cookie")))
    return fault_set(f, ERR_FORBIDDEN, "origin",
                     "with cookies a WebSocket is opened by a browser, which says from where");
  return ERR_OK;
}

enum err live_wire_check(const struct api_call *c, bool *out_is_websocket, struct fault *f) {
  const struct http_headers *h = &c->rq->head.headers;
  const struct http_header *key = http_header_find(h, TEXT("sec-websocket-key"));
  char accept[WEBSOCKET_ACCEPT_BYTES];
  bool wants = http_request_wants_upgrade(c->rq, TEXT("websocket"));
  if (!wants && key)
    return fault_set(f, ERR_BAD_REQUEST, "upgrade",
                     "a WebSocket begins with an HTTP/1.1 request that has `upgrade: websocket` and `connection: "
                     "upgrade`; over HTTP/2 use server-sent events");
  *out_is_websocket = wants;
  if (!wants)
    return ERR_OK;
  if (!text_equal(http_header_value(h, TEXT("sec-websocket-version")), TEXT("13"))) {
    fault_set(f, ERR_BAD_REQUEST, "sec-websocket-version", "the version of WebSocket spoken here is 13");
    f->status = 426;
    return f->err;
  }
  if (!key || !websocket_accept(key->value, accept))
    return fault_set(f, ERR_BAD_REQUEST, "sec-websocket-key", "sec-websocket-key must be sixteen bytes in base64");
  return check_page(c, f);
}

static enum err start_websocket(struct live_wire *w, const struct api_call *c) {
  struct text key = http_header_value(&c->rq->head.headers, TEXT("sec-websocket-key"));
  char accept[WEBSOCKET_ACCEPT_BYTES];
  if (!websocket_accept(key, accept))
    return ERR_BAD_REQUEST;
  struct http_header headers[] = {{TEXT("sec-websocket-accept"), {accept, sizeof(accept)}},
                                  {TEXT("x-request-id"), c->rq->id}};
  w->in = arena_alloc(c->arena, sizeof *w->in);
  websocket_reader_init(w->in);
  return http_upgrade(c->rq, TEXT("websocket"), headers, 2);
}

enum err live_wire_start(struct live_wire *w, const struct api_call *c, bool is_websocket) {
  struct http_header headers[4 + API_VISIT_HEADERS] = {{TEXT("content-type"), TEXT("text/event-stream")},
                                                       {TEXT("cache-control"), TEXT("no-store")},
                                                       {TEXT("x-accel-buffering"), TEXT("no")},
                                                       {TEXT("x-request-id"), c->rq->id}};
  size_t n = 4;
  *w = (struct live_wire){.rq = c->rq};
  buf_init(&w->out, OUT_MAX);
  if (is_websocket)
    return start_websocket(w, c);
  for (size_t i = 0; i < c->visit->header_count && i < API_VISIT_HEADERS; i++)
    headers[n++] = c->visit->headers[i];
  enum err e = http_respond_start(c->rq, 200, headers, n);
  buf_add(&w->out, TEXT("retry: 1000\n\n"));
  return e;
}

static void put_message(struct live_wire *w, const char *event, struct text id, struct text data) {
  struct json_writer j;
  struct buf b;
  buf_init(&b, OUT_MAX);
  json_writer_init(&j, &b);
  json_object(&j);
  json_field_str(&j, "event", event);
  if (id.len > 0)
    json_field_text(&j, "id", id);
  json_name(&j, "data");
  json_put_raw(&j, data);
  json_object_end(&j);
  websocket_put(&w->out, WEBSOCKET_TEXT, buf_text(&b));
  buf_done(&b);
}

void live_wire_put(struct live_wire *w, const char *event, struct text id, struct text data) {
  if (w->in) {
    put_message(w, event, id, data);
    return;
  }
  if (id.len > 0)
    buf_add_format(&w->out, "id: %.*s\n", TEXT_ARGS(id));
  buf_add_format(&w->out, "event: %s\ndata: ", event);
  buf_add(&w->out, data);
  buf_add(&w->out, TEXT("\n\n"));
}

void live_wire_beat(struct live_wire *w) {
  if (w->in)
    websocket_put(&w->out, WEBSOCKET_PING, TEXT_NONE);
  else
    buf_add(&w->out, TEXT(":\n\n"));
}

enum err live_wire_flush(struct live_wire *w) {
  struct text all = buf_text(&w->out);
  enum err e = buf_check(&w->out);
  if (!e && all.len > 0)
    e = http_respond_write(w->rq, &all, 1);
  buf_reset(&w->out);
  return e;
}

static void take_message(struct live_wire *w, const struct websocket_message *m) {
  if (m->opcode == WEBSOCKET_PING)
    websocket_put(&w->out, WEBSOCKET_PONG, m->data);
  if (m->opcode != WEBSOCKET_CLOSE)
    return;
  w->is_over = true;
  websocket_put_close(&w->out, m->code == WEBSOCKET_CODE_NONE ? WEBSOCKET_CODE_NORMAL : m->code, TEXT_NONE);
}

static enum err take_bytes(struct live_wire *w, struct text bytes) {
  while (bytes.len > 0 && !w->is_over) {
    struct websocket_message m = {0};
    size_t used = 0;
    bool done = false;
    enum err e = websocket_feed(w->in, bytes, &used, &done, &m);
    if (e) {
      websocket_put_close(&w->out, w->in->failed, TEXT_NONE);
      return e;
    }
    bytes = text_skip(bytes, used);
    if (done)
      take_message(w, &m);
  }
  return ERR_OK;
}

enum err live_wire_read(struct live_wire *w, bool *out_more) {
  char some[2048];
  *out_more = false;
  for (int i = 0; w->in && !w->is_over; i++) {
    size_t n = 0;
    *out_more = i == READS_A_TURN;
    if (*out_more)
      return ERR_OK;
    enum err e = http_upgraded_read(w->rq, some, sizeof(some), &n);
    if (e == ERR_AGAIN)
      return ERR_OK;
    if (e)
      return e;
    e = take_bytes(w, (struct text){some, n});
    enum err sent = live_wire_flush(w);
    if (e || sent)
      return e ? e : sent;
  }
  return ERR_OK;
}

void live_wire_end(struct live_wire *w, const char *reason, uint16_t code) {
  char data[64];
  if (w->in) {
    websocket_put_close(&w->out, code, text_of(reason));
  } else {
    snprintf(data, sizeof(data), "{\"reason\":\"%s\"}", reason);
    live_wire_put(w, "end", TEXT_NONE, text_of(data));
  }
  (void)!live_wire_flush(w); /* and if it cannot be sent, nobody is there */
}

void live_wire_done(struct live_wire *w) { buf_done(&w->out); }
