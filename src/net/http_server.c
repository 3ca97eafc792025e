/* The HTTP server's connections while no fiber runs for them: accepting, idling, refusing with 503, lingering,
 * draining. A byte on an idle connection starts a fiber in http_serve.c; requests are http_request.c's, answers
 * http_respond.c's. The gateway's app makes one server a worker and hands it the connections of its listener. */
#include "net/http_server.h"

#include "base/random.h"
#include "net/addr.h"
#include "net/http2.h"

/* Connections above max_connections that may be around for as long as it takes to tell them 503. */
#define REFUSING_MAX      64
#define REFUSAL_MAX_BYTES (16 * 1024)
#define LINGER_US         (2 * 1000 * 1000)
#define LINGER_BYTES      (1024 * 1024)

enum err http_server_new(struct loop *loop, const struct http_server_options *o, struct http_server **out) {
  struct http_server *srv = calloc(1, sizeof(*srv));
  if (!srv)
    abort();
  srv->loop = loop;
  srv->options = *o;
  if (o->tls)
    srv->options.tls = tls_context_ref(o->tls);
  *out = srv;
  return ERR_OK;
}

static void free_when_empty(struct http_server *srv) {
  if (!srv->closing || srv->count > 0)
    return;
  tls_context_unref(srv->options.tls);
  free(srv);
}

size_t http_server_connections(const struct http_server *srv) { return srv->count; }

/* How many there were before this one. */
static size_t place_take(struct http_server *srv) {
  size_t own = srv->open++;
  atomic_size_t *all = srv->options.shared_connections;
  return all ? atomic_fetch_add_explicit(all, 1, memory_order_relaxed) : own;
}

static void place_give(struct http_server *srv) {
  srv->open--;
  if (srv->options.shared_connections)
    atomic_fetch_sub_explicit(srv->options.shared_connections, 1, memory_order_relaxed);
}

size_t http_server_active(const struct http_server *srv) { return srv->active; }

void http_server_limit_requests(struct http_server *srv, size_t max) { srv->options.max_requests = max; }

void http_server_make_id(char out[28]) {
  static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  memcpy(out, "req_", 4);
  for (size_t i = 4; i < 28;) {
    uint64_t r = random_fast();
    for (size_t k = 0; k < 8; k++, r /= 62)
      out[i++] = alphabet[r % 62];
  }
}

const char *http_server_date(struct http_server *srv) {
  int64_t now_us = loop_now_us(srv->loop);
  if (now_us < srv->date_until_us)
    return srv->date;
  static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int64_t wall_us = loop_wall_us();
  time_t seconds = (time_t)(wall_us / 1000000);
  struct tm t;
  if (!gmtime_r(&seconds, &t))
    abort();
  (void)snprintf(srv->date, sizeof(srv->date), "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * t.tm_wday,
                 (unsigned)t.tm_mday % 100U, months + 3 * t.tm_mon, (unsigned)(t.tm_year + 1900) % 10000U,
                 (unsigned)t.tm_hour % 100U, (unsigned)t.tm_min % 100U, (unsigned)t.tm_sec % 100U);
  srv->date_until_us = now_us + 1000000 - wall_us % 1000000;
  return srv->date;
}

void connection_keep_unread(struct http_connection *c, struct text bytes) {
  if (bytes.len == 0)
    return;
  c->unread = realloc(c->unread, c->unread_len + bytes.len);
  if (!c->unread)
    abort();
  memcpy(c->unread + c->unread_len, bytes.at, bytes.len);
  c->unread_len += bytes.len;
}

void connection_drop_unread(struct http_connection *c, size_t n) {
  c->unread_len -= n;
  if (c->unread_len > 0) {
    memmove(c->unread, c->unread + n, c->unread_len);
    return;
  }
  free(c->unread);
  c->unread = NULL;
}

void connection_drop_stream(struct http_connection *c, bool reset) {
  stream_close(c->stream, reset);
  c->stream = NULL;
  if (c->has_place)
    place_give(c->server);
  c->has_place = false;
}

void connection_close(struct http_connection *c, bool reset) {
  struct http_server *srv = c->server;
  loop_timer_stop(srv->loop, &c->timer);
  connection_drop_stream(c, reset);
  free(c->unread);
  if (c->previous)
    c->previous->next = c->next;
  else
    srv->connections = c->next;
  if (c->next)
    c->next->previous = c->previous;
  srv->count--;
  free(c);
  free_when_empty(srv);
}

void connection_park(struct http_connection *c) {
  c->state = CONNECTION_IDLE;
  c->fiber = NULL;
  loop_timer_start(c->server->loop, &c->timer, loop_now_us(c->server->loop) + c->server->options.idle_timeout_us);
}

void connection_linger(struct http_connection *c) {
  stream_finish(c->stream);
  c->state = CONNECTION_LINGERING;
  c->fiber = NULL;
  c->linger_bytes = LINGER_BYTES;
  loop_timer_start(c->server->loop, &c->timer, loop_now_us(c->server->loop) + LINGER_US);
}

void connection_throw_away(struct http_connection *c) {
  for (;;) {
    size_t n = 0;
    enum err e = stream_try_read(c->stream, stream_scratch(), STREAM_SCRATCH_BYTES, &n);
    if (e == ERR_AGAIN)
      return;
    bool too_much = !e && n > c->linger_bytes;
    if (e || too_much) {
      connection_close(c, too_much);
      return;
    }
    c->linger_bytes -= (uint32_t)n;
  }
}

/* Small enough for a fresh socket's buffer: what it does not take at once is not worth waiting for. */
static void write_refusal(struct http_connection *c) {
  struct fault f = {0};
  (void)!fault_set(&f, ERR_UNAVAILABLE, NULL, "too many connections, try again later");
  f.retry_after_s = 1;
  char id[28];
  struct buf out;
  buf_init(&out, REFUSAL_MAX_BYTES);
  http_server_make_id(id);
  http_refusal_write(c->server, &f, TEXT_NONE, (struct text){id, sizeof(id)}, &out);
  struct iovec piece = {out.at, out.len};
  size_t n = 0;
  enum err e = out.len ? stream_try_write(c->stream, &piece, 1, &n) : ERR_NO_ROOM;
  buf_done(&out);
  if (e) {
    connection_close(c, true);
    return;
  }
  connection_linger(c);
  connection_throw_away(c);
}

static void refuse(struct http_connection *c) {
  if (c->server->options.tls && !c->secured) {
    connection_close(c, true);
    return;
  }
  c->state = CONNECTION_REFUSING;
  if (c->stream->watch.writable)
    write_refusal(c);
}

static void wake_up(struct http_connection *c) {
  if (!c->stream->watch.readable)
    return;
  c->state = CONNECTION_BUSY;
  if (fiber_start(c->server->loop, connection_run, c, NULL) != ERR_OK)
    refuse(c);
}

static void on_event(struct loop_watch *w) {
  struct stream *s = (struct stream *)(void *)((char *)w - offsetof(struct stream, watch));
  struct http_connection *c = s->owner;
  switch ((enum connection_state)c->state) {
  case CONNECTION_IDLE: wake_up(c); break;
  case CONNECTION_HTTP2: http2_session_on_event(c->http2); break;
  case CONNECTION_REFUSING: refuse(c); break;
  case CONNECTION_LINGERING: connection_throw_away(c); break;
  case CONNECTION_BUSY:
    if (w->hung_up && c->hung_up_us == 0)
      c->hung_up_us = loop_now_us(c->server->loop);
    if (c->exchange)
      http_disconnect_on_event(c->exchange);
    break;
  }
}

static void on_timer(struct loop_timer *t) {
  struct http_connection *c = (struct http_connection *)(void *)((char *)t - offsetof(struct http_connection, timer));
  if (c->state == CONNECTION_HTTP2)
    http2_session_on_timer(c->http2);
  else if (c->state != CONNECTION_BUSY)
    connection_close(c, c->state == CONNECTION_REFUSING);
}

static void name_peer(struct http_connection *c, const struct addr *peer) {
  char name[ADDR_TEXT_MAX] = "unix";
  if (peer && !addr_is_unix(peer))
    (void)addr_format(peer, name, sizeof(name));
  (void)snprintf(c->peer, sizeof(c->peer), "%.55s", name);
}

void http_server_accept(struct http_server *srv, struct stream *s, const struct addr *peer) {
  size_t before = place_take(srv);
  bool full = before >= srv->options.max_connections;
  if (srv->closing || (full && before - srv->options.max_connections >= REFUSING_MAX)) {
    place_give(srv);
    stream_close(s, true);
    return;
  }
  struct http_connection *c = calloc(1, sizeof(*c));
  if (!c)
    abort();
  c->stream = s;
  c->has_place = true;
  c->server = srv;
  c->timer = (struct loop_timer)LOOP_TIMER_INIT(on_timer);
  c->next = srv->connections;
  if (c->next)
    c->next->previous = c;
  srv->connections = c;
  srv->count++;
  name_peer(c, peer);
  s->owner = c;
  s->watch.on_event = on_event;
  connection_park(c);
  if (full)
    refuse(c);
}

void http_server_drain(struct http_server *srv, bool patient) {
  srv->patient = patient && (srv->patient || !srv->draining);
  srv->draining = true;
  for (struct http_connection *c = srv->connections, *next; c; c = next) {
    next = c->next;
    if (c->state == CONNECTION_IDLE && !srv->patient)
      connection_close(c, false);
    else if (c->state == CONNECTION_HTTP2)
      http2_session_drain(c->http2);
  }
}

/* The last connection_close frees srv, so nothing of it is looked at after the loop when that may have happened. */
void http_server_close(struct http_server *srv) {
  srv->draining = true;
  for (struct http_connection *c = srv->connections, *next; c; c = next) {
    next = c->next;
    if (c->state == CONNECTION_BUSY)
      fiber_cancel(c->fiber);
    else if (c->state == CONNECTION_HTTP2)
      http2_session_close(c->http2);
    else
      connection_close(c, c->state != CONNECTION_LINGERING);
  }
  srv->closing = true;
  free_when_empty(srv);
}
