/* Following requests over a real connection: as server-sent events and over a WebSocket, who may, what is sent again,
 * what is dropped, and every way it ends. */
#include "api_fixture.h"

#include "net/websocket.h"

#define LIVE "/api/v1/requests/live"

static enum err again_says;
static struct caller again_caller;
static int asked_again;

static enum err again(const struct api_visit *v, struct arena *a, struct caller *out, struct fault *f) {
  asked_again++;
  *out = again_caller;
  return again_says;
}

static void serve_live(struct site *site, struct http_request *rq) {
  struct fixture *x = site->data;
  const struct api_visit visit = {.caller = &x->caller, .again = again};
  api_serve(&x->api, &x->worker, &visit, rq);
}

static void (*test)(struct fixture *x);

static void run_live(struct fixture *x) {
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = 3,
                              .org_id = 1,
                              .session_id = 5,
                              .actor = TEXT("user:3"),
                              .email = TEXT("ann@example.org"),
                              .permissions = PERMISSION_ALL};
  again_caller = x->caller;
  again_says = ERR_OK;
  asked_again = 0;
  x->api.feed = feed_new(x->api.store);
  CHECK_ERR(feed_start(x->api.feed, NULL), ERR_OK);
  test(x);
  feed_end(x->api.feed);
  for (int i = 0; i < 5000 && http_server_active(x->site.srv) > 0; i++)
    CHECK_ERR(fiber_sleep(1000), ERR_OK);
  CHECK_INT(http_server_active(x->site.srv), 0);
  feed_free(x->api.feed);
  x->api.feed = NULL;
}

static void run_fixture(void *arg) {
  api_run(run_live, "control: { cors_origins: \"https://admin.example\" }\npublic_url: \"https://weir.example/\"\n",
          serve_live);
}

static void in_world(void (*fn)(struct fixture *x)) {
  test = fn;
  run_fiber(run_fixture, NULL);
}

static struct ledger_row row_of(int64_t id, const char *user) {
  return (struct ledger_row){.id = id,
                             .settled_us = loop_wall_us(),
                             .attempt = 1,
                             .user = text_of(user),
                             .provider = TEXT("a"),
                             .model = TEXT("m"),
                             .outcome = TEXT("ok"),
                             .first_token_us = -1};
}

static struct ledger_row tell(struct fixture *x, int64_t id, const char *user) {
  struct ledger_row r = row_of(id, user);
  feed_stored(x->api.feed, &r, 1);
  return r;
}

static struct wire *ask_live(struct fixture *x, const char *query, const char *more) {
  struct wire *c = wire_open(&x->site);
  char head[1024];
  int n = snprintf(head, sizeof(head), "GET " LIVE "%s HTTP/1.1\r\nhost: a:1\r\n%s\r\n", query, more);
  wire_send(c, (struct text){head, (size_t)n});
  return c;
}

/* Reads until it is there; what was read stays in c->held. */
static bool comes(struct wire *c, struct text part) {
  while (!memmem(c->held, c->held_len, part.at, part.len)) {
    if (!wire_fill(c))
      return false;
  }
  return true;
}
#define COMES(c, part)     CHECK_INT(comes(c, text_of(part)), true)
#define HAS(c, part)       CHECK_INT(memmem((c)->held, (c)->held_len, (part), strlen(part)) != NULL, true)
#define HAS_NOT(c, part)   CHECK_INT(memmem((c)->held, (c)->held_len, (part), strlen(part)) != NULL, false)
#define COMES_RAW(c, part) CHECK_INT(comes(c, (struct text){(part), sizeof(part) - 1}), true)

static void events(struct fixture *x) {
  struct wire *c = ask_live(x, "?user=ann@example.org", "");
  COMES(c, "retry: 1000\n\n");
  HAS(c, "HTTP/1.1 200 OK\r\n");
  HAS(c, "content-type: text/event-stream\r\n");
  HAS(c, "cache-control: no-store\r\n");
  tell(x, 7, "somebody");
  struct ledger_row r = tell(x, 8, "ann@example.org");
  char id[64];
  snprintf(id, sizeof(id), "\r\nid: %lld.8.%u\nevent: request\ndata: {\"id\":\"8\",", (long long)r.settled_us,
           feed_process(x->api.feed));
  COMES(c, id);
  COMES(c, "}\n\n");
  HAS(c, "\"tokens\":{\"input\":0,");
  HAS(c, "\"model\":\"m\"");
  HAS_NOT(c, "somebody");
  wire_close(c);
}

static void a_row_comes_as_an_event_with_its_place(void **state) { in_world(events); }

static void own(struct fixture *x) {
  x->caller.permissions = (uint64_t)1 << PERMISSION_USAGE_OWN;
  again_caller = x->caller;
  CHECK_INT(get(x, LIVE "?user=somebody"), 403);
  CHECK_INT(get(x, LIVE "?workspace=lab&user=somebody"), 403);
  struct wire *c = ask_live(x, "", "");
  COMES(c, "retry");
  tell(x, 7, "somebody");
  tell(x, 8, "ann@example.org");
  COMES(c, "\"id\":\"8\"");
  HAS_NOT(c, "somebody");
  wire_close(c);
  x->caller.permissions = 0;
  CHECK_INT(get(x, LIVE), 403);
  CHECK_HAS(body, "usage.read");
}

static void who_may_see_their_own_sees_their_own(void **state) { in_world(own); }

static void back(struct fixture *x) {
  struct store *s = x->api.store;
  struct ledger_row rows[4];
  char more[96], query[96];
  for (int i = 0; i < 4; i++)
    rows[i] = row_of(11 + i, i == 2 ? "somebody" : "ann@example.org");
  CHECK_ERR(s->ops->ledger_append(s, rows, 4, TEXT("j"), 1, NULL), ERR_OK);
  snprintf(more, sizeof(more), "last-event-id: %lld.11.7\r\n", (long long)rows[0].settled_us);
  struct wire *c = ask_live(x, "?user=ann@example.org", more);
  COMES(c, "\"id\":\"14\"");
  HAS(c, "\"id\":\"12\"");
  HAS_NOT(c, "\"id\":\"11\"");
  HAS_NOT(c, "somebody");
  HAS_NOT(c, "event: gap");
  /* What the writer tells of a row that was sent from the log is known. */
  feed_stored(x->api.feed, &rows[3], 1);
  struct ledger_row last = tell(x, 15, "ann@example.org");
  COMES(c, "\"id\":\"15\"");
  const char *first = memmem(c->held, c->held_len, "\"id\":\"14\"", 9);
  CHECK_INT(first && memmem(first + 1, (size_t)(c->held + c->held_len - first - 1), "\"id\":\"14\"", 9) != NULL, false);
  /* From memory, while somebody is there. */
  tell(x, 16, "ann@example.org");
  COMES(c, "\"id\":\"16\"");
  snprintf(query, sizeof(query), "?after=%lld.15.%u", (long long)last.settled_us, feed_process(x->api.feed));
  struct wire *d = ask_live(x, query, more);
  COMES(d, "\"id\":\"16\"");
  HAS_NOT(d, "\"id\":\"12\"");
  wire_close(d);
  wire_close(c);
  CHECK_INT(get(x, LIVE "?after=x"), 422);
  CHECK_INT(get(x, LIVE "?after=1.1.0"), 422);
  CHECK_INT(get(x, LIVE "?after=1.1"), 422);
  CHECK_INT(get(x, LIVE "?after=1.99999999999999999999.1"), 422);
  CHECK_INT(ask(x, "GET " LIVE, "last-event-id: 5\r\n", ""), 422);
}

static void who_comes_back_gets_what_was_missed(void **state) { in_world(back); }

static void gap(struct fixture *x) {
  static struct ledger_row rows[1200];
  struct store *s = x->api.store;
  for (int i = 0; i < 1200; i++)
    rows[i] = row_of(100 + i, "u");
  CHECK_ERR(s->ops->ledger_append(s, rows, 1200, TEXT("j"), 1, NULL), ERR_OK);
  char query[96];
  snprintf(query, sizeof(query), "?after=%lld.100.7", (long long)rows[0].settled_us);
  struct wire *c = ask_live(x, query, "");
  COMES(c, "event: gap\n");
  COMES(c, "\"id\":\"300\""); /* the first of the newest thousand */
  HAS_NOT(c, "\"id\":\"299\"");
  wire_close(c);
}

static void more_than_is_sent_again_is_a_gap(void **state) { in_world(gap); }

#define UPGRADE   "connection: upgrade\r\nupgrade: websocket\r\n"
#define KEY       "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define WEBSOCKET UPGRADE KEY "sec-websocket-version: 13\r\n"

static int handshake(struct fixture *x, const char *more) {
  struct wire *c = ask_live(x, "", more);
  COMES(c, "\r\n\r\n");
  int status = (int)strtol(c->held + 9, NULL, 10);
  wire_close(c);
  return status;
}

static void pages(struct fixture *x) {
  static const struct {
    const char *more;
    int status;
  } rows[] = {{WEBSOCKET, 101},
              {WEBSOCKET "origin: https://weir.example\r\n", 101},
              {WEBSOCKET "origin: https://admin.example\r\n", 101},
              {WEBSOCKET "origin: http://a:1\r\n", 101},
              {WEBSOCKET "cookie: a=b\r\norigin: https://a:1\r\n", 101},
              {WEBSOCKET "cookie: a=b\r\n", 403},
              {WEBSOCKET "origin: https://evil.example\r\n", 403},
              {WEBSOCKET "origin: https://weir.example.evil\r\n", 403},
              {WEBSOCKET "origin: https://weir.example/\r\n", 403},
              {WEBSOCKET "origin: http://weir.example\r\n", 403},
              {WEBSOCKET "origin: http://a\r\n", 403},
              {WEBSOCKET "origin: null\r\n", 403},
              {WEBSOCKET "origin:\r\n", 403},
              {UPGRADE KEY, 426},
              {UPGRADE KEY "sec-websocket-version: 8\r\n", 426},
              {UPGRADE "sec-websocket-version: 13\r\n", 400},
              {UPGRADE "sec-websocket-version: 13\r\nsec-websocket-key: short\r\n", 400},
              {KEY "sec-websocket-version: 13\r\n", 400}};
  for (size_t i = 0; i < COUNT_OF(rows); i++)
    if (!check_int_at(handshake(x, rows[i].more), rows[i].status, rows[i].more, __LINE__))
      return;
}

static void a_websocket_is_opened_by_pages_that_are_known(void **state) { in_world(pages); }

static void websocket(struct fixture *x) {
  struct wire *c = ask_live(x, "", WEBSOCKET);
  COMES(c, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
  COMES(c, "\r\n\r\n");
  struct ledger_row r = tell(x, 8, "u");
  char message[96];
  snprintf(message, sizeof(message), "{\"event\":\"request\",\"id\":\"%lld.8.%u\",\"data\":{\"id\":\"8\",",
           (long long)r.settled_us, feed_process(x->api.feed));
  COMES(c, message);
  COMES(c, "\"provider_metadata\":null}}");
  wire_send(c, (struct text){"\x89\x82\0\0\0\0hi", 8});
  COMES_RAW(c, "\x8a\x02hi");
  wire_send(c, (struct text){"\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x0f\xa0", 16});
  COMES_RAW(c, "\x88\x02\x0f\xa0");
  c->held_len = 0;
  CHECK_ERR(wire_end(c), ERR_END);
  wire_close(c);
  c = ask_live(x, "", WEBSOCKET);
  COMES(c, "\r\n\r\n");
  wire_send(c, TEXT("\x81\x02hi"));
  COMES_RAW(c, "\x88\x02\x03\xea"); /* not masked: 1002 */
  wire_close(c);
}

static void a_websocket_has_messages_pings_and_closes(void **state) { in_world(websocket); }

static void goes_on(struct fixture *x) {
  struct wire *c = ask_live(x, "?outcome=ok&provider=a", "");
  COMES(c, "retry");
  for (int64_t id = 7; id < 11; id++) {
    char part[32];
    snprintf(part, sizeof(part), "\"id\":\"%lld\"", (long long)id);
    tell(x, id, "u");
    COMES(c, part);
    for (int seen = asked_again, i = 0; i < 20000 && asked_again < seen + 2; i++)
      CHECK_ERR(fiber_sleep(1000), ERR_OK);
  }
  wire_close(c);
}

static void asking_again_changes_nothing_for_who_still_may(void **state) { in_world(goes_on); }

static void rights(struct fixture *x) {
  struct wire *sse = ask_live(x, "", ""), *ws = ask_live(x, "", WEBSOCKET);
  COMES(sse, "retry");
  COMES(ws, "\r\n\r\n");
  again_caller.permissions = (uint64_t)1 << PERMISSION_USAGE_OWN;
  for (int seen = asked_again, i = 0; i < 20000 && asked_again < seen + 4; i++)
    CHECK_ERR(fiber_sleep(1000), ERR_OK);
  tell(x, 7, "somebody");
  tell(x, 8, "ann@example.org");
  COMES(sse, "\"id\":\"8\"");
  HAS_NOT(sse, "somebody");
  again_says = ERR_UNAUTHENTICATED;
  COMES(sse, "event: end\ndata: {\"reason\":\"access\"}\n\n");
  COMES(sse, "\r\n0\r\n\r\n");
  COMES_RAW(ws, "\x88\x08\x03\xf0"
                "access");
  wire_close(sse);
  wire_close(ws);
  again_says = ERR_STORE;
  sse = ask_live(x, "", "");
  COMES(sse, "event: end\ndata: {\"reason\":\"unavailable\"}\n\n");
  wire_close(sse);
}

static void rights_that_go_narrow_it_and_end_it(void **state) { in_world(rights); }

static void drain(struct fixture *x) {
  struct wire *sse = ask_live(x, "", ""), *ws = ask_live(x, "", WEBSOCKET);
  COMES(sse, "retry");
  COMES(ws, "\r\n\r\n");
  feed_end(x->api.feed);
  COMES(sse, "event: end\ndata: {\"reason\":\"drain\"}\n\n");
  COMES(sse, "\r\n0\r\n\r\n");
  COMES_RAW(ws, "\x88\x07\x03\xe9"
                "drain");
  ws->held_len = 0;
  CHECK_ERR(wire_end(ws), ERR_END);
  wire_close(sse);
  wire_close(ws);
  CHECK_INT(get(x, LIVE), 503);
  CHECK_TEXT(text_of(retry_after), TEXT("1"));
}

static void a_drain_ends_it_in_order(void **state) { in_world(drain); }

/* Lines of the stream: how many rows came, and how many are said to have been dropped. */
static void count_lines(struct wire *c, uint64_t *rows, uint64_t *dropped) {
  size_t at = 0;
  for (char *end; (end = memchr(c->held + at, '\n', c->held_len - at)) != NULL; at = (size_t)(end - c->held) + 1) {
    struct text line = {c->held + at, (size_t)(end - c->held) - at};
    uint64_t n = 0;
    if (text_equal(line, TEXT("event: request")))
      ++*rows;
    if (text_starts(line, TEXT("data: {\"count\":")) && text_to_u64((struct text){line.at + 15, line.len - 16}, &n))
      *dropped += n;
  }
  wire_drop(c, at);
}

static void slow(struct fixture *x) {
  static struct ledger_row rows[100];
  static char name[240];
  uint64_t came = 0, dropped = 0, said = 0;
  struct wire *c = ask_live(x, "", "");
  COMES(c, "retry");
  memset(name, 'n', sizeof(name) - 1);
  /* More than the system holds for a connection. */
  for (int round = 0; round < 150; round++) {
    for (int i = 0; i < 100; i++) {
      rows[i] = row_of(1 + round * 100 + i, name);
      rows[i].key_name = rows[i].workspace = rows[i].model = rows[i].error = text_of(name);
    }
    feed_stored(x->api.feed, rows, 100);
    said += 100;
    CHECK_ERR(fiber_sleep(500), ERR_OK);
  }
  while (came + dropped < said && wire_fill(c))
    count_lines(c, &came, &dropped);
  CHECK_INT(came + dropped, said);
  CHECK_INT(dropped > 0, 1);
  wire_close(c);
}

static void who_does_not_read_loses_the_oldest_and_is_told_how_many(void **state) { in_world(slow); }

static void beats(struct fixture *x) {
  struct wire *sse = ask_live(x, "", ""), *ws = ask_live(x, "", WEBSOCKET);
  COMES(sse, "retry");
  COMES(ws, "\r\n\r\n");
  ws->held_len = 0;
  loop_pretend_time(loop_current(), true);
  for (int i = 0; i < 32; i++)
    CHECK_ERR(fiber_sleep(SECOND_US / 2), ERR_OK);
  loop_pretend_time(loop_current(), false);
  COMES(sse, "\r\n:\n\n\r\n");
  COMES_RAW(ws, "\x89\0");
  wire_close(sse);
  wire_close(ws);
}

static void a_quiet_stream_beats(void **state) { in_world(beats); }

static void heads(struct fixture *x) {
  CHECK_INT(ask(x, "HEAD " LIVE, "", ""), 200);
  CHECK_TEXT(text_of(type), TEXT("text/event-stream"));
  CHECK_INT(get(x, LIVE "?nobody=1"), 422);
  CHECK_INT(ask(x, "POST " LIVE, "", ""), 405);
  struct feed *feed = x->api.feed;
  x->api.feed = NULL;
  CHECK_INT(get(x, LIVE), 503);
  x->api.feed = feed;
}

static void a_head_and_what_cannot_be_are_answered_at_once(void **state) { in_world(heads); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_row_comes_as_an_event_with_its_place),
      cmocka_unit_test(who_may_see_their_own_sees_their_own),
      cmocka_unit_test(who_comes_back_gets_what_was_missed),
      cmocka_unit_test(more_than_is_sent_again_is_a_gap),
      cmocka_unit_test(a_websocket_is_opened_by_pages_that_are_known),
      cmocka_unit_test(a_websocket_has_messages_pings_and_closes),
      cmocka_unit_test(asking_again_changes_nothing_for_who_still_may),
      cmocka_unit_test(rights_that_go_narrow_it_and_end_it),
      cmocka_unit_test(a_drain_ends_it_in_order),
      cmocka_unit_test(who_does_not_read_loses_the_oldest_and_is_told_how_many),
      cmocka_unit_test(a_quiet_stream_beats),
      cmocka_unit_test(a_head_and_what_cannot_be_are_answered_at_once),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
