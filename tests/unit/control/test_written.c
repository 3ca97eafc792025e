/* How far the database had come travels with who has changed something, as a header and as a cookie. */
#include "api_fixture.h"

static int64_t caught_up, place = 4711;

static int64_t written(struct store *s) {
  (void)s;
  return place;
}
static void catch_up(struct store *s, int64_t to) {
  (void)s;
  caught_up = to;
}

static int asked_with(struct fixture *x, const char *headers) {
  caught_up = 0;
  CHECK_INT(ask(x, "GET /api/v1/keys", headers, ""), 200);
  return (int)caught_up;
}

static void check_places(struct fixture *x) {
  const struct store_ops *given = x->api.store->ops;
  struct store_ops with = *given;
  with.written = written;
  with.catch_up = catch_up;
  CHECK_INT(send_json(x, "POST /api/v1/teams", "", "{\"name\":\"before\"}"), 201);
  CHECK_TEXT(text_of(seen_written), TEXT(""));
  x->api.store->ops = &with;
  CHECK_INT(send_json(x, "POST /api/v1/teams", "", "{\"name\":\"after\"}"), 201);
  CHECK_TEXT(text_of(seen_written), TEXT("4711"));
  CHECK_TEXT(text_of(set_cookie), TEXT("x-weir-written=4711; Path=/api; Max-Age=3600; HttpOnly; SameSite=Strict"));
  CHECK_INT(get(x, "/api/v1/teams"), 200);
  CHECK_TEXT(text_of(seen_written), TEXT(""));
  CHECK_INT(asked_with(x, ""), 0);
  CHECK_INT(asked_with(x, "x-weir-written: 12\r\n"), 12);
  CHECK_INT(asked_with(x, "cookie: a=1; x-weir-written=13; b=2\r\n"), 13);
  CHECK_INT(asked_with(x, "x-weir-written: 14\r\ncookie: x-weir-written=13\r\n"), 14);
  CHECK_INT(asked_with(x, "x-weir-written: -5\r\n"), 0);
  CHECK_INT(asked_with(x, "x-weir-written: 99999999999999999999\r\ncookie: x-weir-written\r\n"), 0);
  x->api.store->ops = given;
}

static void check_places_run(void *arg) { run(check_places); }
static void a_change_says_how_far_and_a_call_may_ask_for_it(void **state) { run_fiber(check_places_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_change_says_how_far_and_a_call_may_ask_for_it)};
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
