/* GET /api/v1/requests/live: who may follow what, from where on, and for how long. What is asked for is narrowed to
 * what the caller may see, and whether they still may is asked again and again while it goes on. Rows come from feed.h,
 * those that were missed from the request log. A row of routes.c. */
#include "control/live_wire.h"
#include "control/problem.h"
#include "control/views.h"

#include "ports/store_usage.h"

#define AGAIN_US   INT64_C(500000)
#define BEAT_US    INT64_C(15000000)
#define MISSED_MAX 1000
#define TAKE_MAX   64
#define ID_BYTES   64

struct filter {
  uint64_t given;
  int64_t key_id;
  struct text user, workspace, provider, model, outcome, after;
};
static const struct shape_field filter_fields[] = {
    {"key_id", SHAPE_INTEGER, 0, SHAPE_AT(filter, key_id), .min = INT64_MIN, .max = INT64_MAX,
     .help = "of this key; ids of declared keys are negative"},
    {"user", SHAPE_TEXT, 0, SHAPE_AT(filter, user), .min = 1, .max = 128, .help = "of exactly this user"},
    {"workspace", SHAPE_TEXT, 0, SHAPE_AT(filter, workspace), .min = 1, .max = 128, .help = "of exactly this one"},
    {"provider", SHAPE_TEXT, 0, SHAPE_AT(filter, provider), .min = 1, .max = 64, .help = "that went to it"},
    {"model", SHAPE_TEXT, 0, SHAPE_AT(filter, model), .min = 1, .max = 256, .help = "as the client named it"},
    {"outcome", SHAPE_TEXT, 0, SHAPE_AT(filter, outcome), .min = 1, .max = 32,
     .help = "exactly this, or `failed` for every one but `ok`"},
    {"after", SHAPE_TEXT, 0, SHAPE_AT(filter, after), .min = 1, .max = 60,
     .help =
         "the id of the last event that came: goes on behind it; like the header Last-Event-ID, before which it goes"},
};
const struct shape live_filter = {"LiveFilter", "Which requests, and from where on.", sizeof(struct filter),
                                  SHAPE_FIELDS(filter_fields)};

struct live {
  struct api_call *call;
  struct live_wire wire;
  struct feed_reader *reader;
  int64_t *sent; /* ids of rows that were sent from the log, and may come from the feed as well */
  size_t sent_count;
  int64_t checked_us, beat_us; /* loop time */
  const char *reason;          /* why it ends */
  uint16_t code;
};

/* What is asked for, as far as that caller may see it. */
static enum err want(const struct api_call *c, struct feed_filter *out, struct fault *f) {
  const struct filter *q = c->query;
  *out = (struct feed_filter){.org_id = c->org_id,
                              .key_id = q->key_id,
                              .user = q->user,
                              .workspace = q->workspace,
                              .provider = q->provider,
                              .model = q->model,
                              .outcome = q->outcome};
  struct api_own own = {&out->user, &out->since_us, false};
  return api_narrow(c, PERMISSION_USAGE_READ, PERMISSION_USAGE_OWN, out->workspace, &own, f);
}

static enum err read_place(struct api_call *c, struct feed_place *out, struct fault *f) {
  const struct filter *q = c->query;
  struct text given = q->after, settled, id, rest;
  int64_t process = 0;
  if (given.len == 0)
    given = http_header_value(&c->rq->head.headers, TEXT("last-event-id"));
  if (given.len == 0)
    return ERR_OK;
  bool is_place = text_cut(given, '.', &settled, &rest) && text_cut(rest, '.', &id, &rest) &&
                  text_to_i64(settled, &out->settled_us) && text_to_i64(id, &out->id) && text_to_i64(rest, &process);
  out->process = (uint32_t)process;
  if (is_place && out->settled_us > 0 && out->id > 0 && process > 0 && process <= UINT32_MAX)
    return ERR_OK;
  shape_refuse(c->errors, q->after.len > 0 ? "after" : "last-event-id", "must be the id of an event");
  *out = (struct feed_place){0};
  return fault_set(f, ERR_BAD_REQUEST, NULL, "this is no place to go on from");
}

static struct text write_id(struct feed_place p, char out[ID_BYTES]) {
  int n = snprintf(out, ID_BYTES, "%lld.%lld.%u", (long long)p.settled_us, (long long)p.id, p.process);
  return (struct text){out, (size_t)n};
}

/* Rows of the log behind a place, and a little before it: rows are stored somewhat out of order, and of those that are
 * as old as it some may have been sent and some not. */
struct missed {
  const struct api_call *call;
  const struct feed_filter *filter;
  struct feed_place after;
  struct arena arena;
  struct ledger_row *rows;
  size_t count;
  struct fault *fault;
};

static enum err read_missed(void *arg) {
  struct missed *m = arg;
  struct store *s = m->call->api->store;
  const struct feed_filter *w = m->filter;
  int64_t from_us = m->after.settled_us - FEED_OVERLAP_US;
  const struct usage_log_ask ask = {.since_us = from_us > w->since_us ? from_us : w->since_us,
                                    .org_id = w->org_id,
                                    .key_id = w->key_id,
                                    .user = w->user,
                                    .workspace = w->workspace,
                                    .provider = w->provider,
                                    .model = w->model,
                                    .outcome = w->outcome,
                                    .max = MISSED_MAX + 1};
  return s->ops->usage->log(s, &ask, &m->arena, &m->rows, &m->count, m->fault);
}

static void put_row(struct live *l, int64_t settled_us, int64_t id, struct text json) {
  char text[ID_BYTES];
  const struct feed_place p = {settled_us, id, feed_process(l->call->api->feed)};
  live_wire_put(&l->wire, "request", write_id(p, text), json);
}

static void put_missed(struct live *l, struct missed *m) {
  if (m->count > MISSED_MAX) {
    m->count = MISSED_MAX;
    live_wire_put(&l->wire, "gap", TEXT_NONE, TEXT("{\"reason\":\"more was missed than is sent again\"}"));
  }
  l->sent = arena_alloc(l->call->arena, (m->count + 1) * sizeof *l->sent);
  for (size_t n = m->count; n > 0; n--) {
    const struct ledger_row *r = &m->rows[n - 1];
    struct buf json;
    if (r->id == m->after.id)
      continue;
    buf_init(&json, 65536);
    request_write(r, &json);
    put_row(l, r->settled_us, r->id, buf_text(&json));
    buf_done(&json);
    l->sent[l->sent_count++] = r->id;
  }
}

static bool was_sent(const struct live *l, int64_t id) {
  for (size_t n = 0; n < l->sent_count; n++) {
    if (l->sent[n] == id)
      return true;
  }
  return false;
}

static void end(struct live *l, const char *reason, uint16_t code) {
  l->reason = reason;
  l->code = code;
}

/* Who may see less now sees less from here on; who may see nothing any more is done. */
static void ask_again(struct live *l, int64_t now_us) {
  const struct api_visit *v = l->call->visit;
  struct api_call call = *l->call;
  struct feed_filter filter;
  struct caller caller = {0};
  struct fault f = {0};
  struct arena a;
  if (!v->again || now_us - l->checked_us < AGAIN_US)
    return;
  arena_init(&a);
  enum err e = v->again(v, &a, &caller, &f);
  call.caller = &caller;
  call.org_id = caller.org_id;
  if (!e)
    e = want(&call, &filter, &f);
  if (!e)
    feed_filter_set(l->reader, &filter);
  else if (e == ERR_UNAUTHENTICATED || e == ERR_FORBIDDEN)
    end(l, "access", WEBSOCKET_CODE_POLICY);
  else
    end(l, "unavailable", 1013);
  arena_done(&a);
  l->checked_us = loop_now_us(loop_current());
}

static void put_news(struct live *l) {
  struct feed_item *items[TAKE_MAX];
  uint64_t dropped = 0;
  size_t n = feed_take(l->reader, items, TAKE_MAX, &dropped);
  if (dropped > 0) {
    char data[48];
    snprintf(data, sizeof(data), "{\"count\":%llu}", (unsigned long long)dropped);
    live_wire_put(&l->wire, "dropped", TEXT_NONE, text_of(data));
  }
  for (size_t i = 0; i < n; i++) {
    if (!was_sent(l, feed_item_id(items[i])))
      put_row(l, feed_item_settled_us(items[i]), feed_item_id(items[i]), feed_item_json(items[i]));
    feed_item_unref(items[i]);
  }
}

static enum err wait(struct live *l) {
  int64_t beat_us = l->beat_us + BEAT_US, again_us = loop_now_us(loop_current()) + AGAIN_US;
  enum err e = http_request_park(l->call->rq, beat_us < again_us ? beat_us : again_us);
  return e == ERR_TIMEOUT ? ERR_OK : e;
}

static enum err turn(struct live *l) {
  int64_t now_us = loop_now_us(loop_current());
  bool more = false;
  enum err e = live_wire_read(&l->wire, &more);
  if (e || l->wire.is_over)
    return e;
  if (feed_has_ended(l->call->api->feed))
    end(l, "drain", WEBSOCKET_CODE_GOING_AWAY);
  else
    ask_again(l, now_us);
  if (l->reason)
    return ERR_OK;
  put_news(l);
  if (l->wire.out.len == 0 && now_us - l->beat_us >= BEAT_US)
    live_wire_beat(&l->wire);
  if (l->wire.out.len == 0)
    return more ? fiber_yield() : wait(l);
  l->beat_us = now_us;
  return live_wire_flush(&l->wire);
}

/* Until one of the two ends has had enough. */
static void follow(struct live *l) {
  struct http_request *rq = l->call->rq;
  enum err e = ERR_OK;
  http_request_cancel_on_disconnect(rq, true);
  fiber_trim_stack();
  while (e == ERR_OK && !l->reason && !l->wire.is_over)
    e = turn(l);
  if (l->reason)
    live_wire_end(&l->wire, l->reason, l->code);
  if ((e == ERR_OK || e == ERR_PROTOCOL) && http_respond_end(rq) == ERR_OK)
    return;
  http_respond_abort(rq);
}

static void serve(struct live *l, bool is_websocket, struct missed *m) {
  l->call->stream_status = is_websocket ? 101 : 200;
  l->checked_us = l->beat_us = loop_now_us(loop_current());
  enum err e = live_wire_start(&l->wire, l->call, is_websocket);
  if (!e && m->after.id > 0)
    put_missed(l, m);
  arena_done(&m->arena);
  arena_init(&m->arena);
  if (!e)
    e = live_wire_flush(&l->wire);
  if (!e)
    follow(l);
  else
    http_respond_abort(l->call->rq);
  live_wire_done(&l->wire);
}

/* Opens before it looks what was missed, so that nothing falls between the two. */
static enum err open_and_serve(struct live *l, const struct feed_filter *filter, struct feed_place after,
                               bool is_websocket, struct fault *f) {
  struct missed m = {.call = l->call, .filter = filter, .after = after, .fault = f};
  bool known = false;
  enum err e = feed_open(l->call->api->feed, filter, after, &l->reader, &known, f);
  if (e)
    return e;
  arena_init(&m.arena);
  if (known)
    m.after.id = 0;
  else if (after.id > 0)
    e = offload_call(l->call->api->offload, read_missed, &m);
  if (!e)
    serve(l, is_websocket, &m);
  arena_done(&m.arena);
  feed_close(l->reader);
  return e;
}

static enum err answer_head(struct api_call *c) {
  struct http_header headers[] = {{TEXT("content-type"), TEXT("text/event-stream")},
                                  {TEXT("cache-control"), TEXT("no-store")},
                                  {TEXT("x-request-id"), c->rq->id}};
  c->stream_status = 200;
  (void)!http_respond(c->rq, 200, headers, 3, TEXT_NONE);
  return ERR_OK;
}

enum err requests_live(struct api_call *c, struct fault *f) {
  struct live *l = ARENA_NEW(c->arena, struct live);
  struct feed_filter filter;
  struct feed_place after = {0};
  bool is_websocket = false;
  *l = (struct live){.call = c};
  enum err e = want(c, &filter, f);
  if (!e)
    e = read_place(c, &after, f);
  if (!e)
    e = live_wire_check(c, &is_websocket, f);
  if (!e && text_equal(c->rq->head.method, TEXT("HEAD")))
    return answer_head(c);
  if (!e && !c->api->feed)
    e = fault_set(f, ERR_UNAVAILABLE, NULL, "there is no live feed here");
  return e ? e : open_and_serve(l, &filter, after, is_websocket, f);
}
