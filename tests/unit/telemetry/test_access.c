/* The access line: valid JSON whatever the client sent, and always there. */
#include "telemetry/access.h"

#include "base/json.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct telemetry_exchange record(void) {
  struct telemetry_exchange e = {.request_id = TEXT("req_1"),
                                 .method = TEXT("POST"),
                                 .path = TEXT("/v1/messages"),
                                 .peer = TEXT("127.0.0.1:5"),
                                 .key_name = TEXT("team"),
                                 .wire = TEXT("anthropic"),
                                 .operation = TEXT("messages"),
                                 .model = TEXT("m"),
                                 .provider = TEXT("p"),
                                 .outcome = "ok",
                                 .status = 200,
                                 .upstream_status = 200,
                                 .attempts = 1,
                                 .usage = {.input = 100, .output = 20, .known = true},
                                 .cost = {.total = 600000, .known = true},
                                 .first_token_us = 7,
                                 .duration_us = 9,
                                 .overhead_us = 3};
  for (size_t i = 0; i < TELEMETRY_STAGES; i++)
    e.stage_us[i] = (int64_t)i;
  e.stage_us[TELEMETRY_RELAY] = -1;
  return e;
}

struct line {
  struct buf text;
  struct json doc;
};

static struct line written(const struct telemetry_exchange *e) {
  struct line l = {0};
  struct fault f = {0};
  buf_init(&l.text, 1 << 20);
  access_write_line(&l.text, INT64_C(1795219200123456), e);
  if (json_read(buf_text(&l.text), NULL, &l.doc, &f) != ERR_OK)
    fail_msg("%s: %.*s", f.text, TEXT_ARGS(buf_text(&l.text)));
  assert_int_equal(text_find_char(buf_text(&l.text), '\n'), -1);
  return l;
}

static void done(struct line *l) {
  json_done(&l->doc);
  buf_done(&l->text);
}

static void expect(const struct line *l, const char *name, const char *value) {
  struct text got = json_text(json_get(l->doc.root, name));
  if (!text_equal(got, text_of(value)))
    fail_msg("%s is \"%.*s\", expected \"%s\"", name, TEXT_ARGS(got), value);
}

static void test_a_line_says_what_happened(void **state) {
  struct telemetry_exchange e = record();
  struct line l = written(&e);
  expect(&l, "ts", "2026-11-21T00:00:00.123Z");
  expect(&l, "event", "request");
  expect(&l, "request_id", "req_1");
  expect(&l, "key", "team");
  expect(&l, "model", "m");
  expect(&l, "outcome", "ok");
  assert_int_equal(yyjson_get_int(json_get(l.doc.root, "status")), 200);
  assert_int_equal(yyjson_get_int(json_get(l.doc.root, "input_tokens")), 100);
  assert_int_equal(yyjson_get_int(json_get(l.doc.root, "cost_nano_usd")), 600000);
  assert_int_equal(yyjson_get_int(json_get(l.doc.root, "choose_us")), TELEMETRY_CHOOSE);
  assert_null(json_get(l.doc.root, "relay_us"));
  assert_null(json_get(l.doc.root, "error"));
  assert_null(json_get(l.doc.root, "user"));
  assert_null(json_get(l.doc.root, "tokens_estimated"));
  done(&l);
}

static void test_unknown_cost_is_null_and_estimates_are_marked(void **state) {
  struct telemetry_exchange e = record();
  e.cost.known = false;
  e.usage.estimated = true;
  e.first_token_us = -1;
  struct line l = written(&e);
  assert_true(yyjson_is_null(json_get(l.doc.root, "cost_nano_usd")));
  assert_true(yyjson_is_true(json_get(l.doc.root, "tokens_estimated")));
  assert_null(json_get(l.doc.root, "first_token_us"));
  done(&l);
}

/* Every text as long and as ugly as it can be. */
static struct telemetry_exchange ugly(char *text, size_t len) {
  struct telemetry_exchange e = record();
  struct text t = {text, len};
  e.request_id = e.upstream_request_id = e.method = e.path = e.peer = e.user_agent = e.key_name = e.user = t;
  e.wire = e.operation = e.model = e.provider = e.upstream_model = e.error = e.detail = t;
  e.outcome = "refused";
  e.usage = (struct usage){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, true, true};
  e.cost.total = INT64_MAX;
  e.request_bytes = e.response_bytes = UINT64_MAX;
  e.duration_us = e.overhead_us = e.first_token_us = INT64_MAX;
  for (size_t i = 0; i < TELEMETRY_STAGES; i++)
    e.stage_us[i] = INT64_MAX;
  return e;
}

static void test_no_text_can_break_a_line(void **state) {
  static const char bytes[] = {'"', '\\', '\n', 0, 1, 31, 127, (char)0x80, (char)0xff, (char)0xe2};
  char text[2000];
  for (size_t i = 0; i < sizeof(bytes); i++) {
    memset(text, bytes[i], sizeof(text));
    struct telemetry_exchange e = ugly(text, sizeof(text));
    struct line l = written(&e);
    done(&l);
  }
}

static void test_no_text_can_make_a_line_go_missing(void **state) {
  char path[] = "/tmp/weir-access-XXXXXX", text[2000];
  int fd = mkstemp(path);
  struct metrics *m = metrics_new(1);
  struct access_telemetry a;
  assert_true(fd >= 0);
  log_start(fd, LOG_LEVEL_INFO);
  access_init(&a, m);
  memset(text, 1, sizeof(text));
  struct telemetry_exchange e = ugly(text, sizeof(text));
  a.port.exchange_done(&a.port, 0, &e);
  e = record();
  a.port.exchange_done(&a.port, 0, &e);
  assert_true(log_flush());
  off_t len = lseek(fd, 0, SEEK_END);
  char *all = test_malloc((size_t)len);
  assert_int_equal(pread(fd, all, (size_t)len, 0), len);
  size_t lines = 0;
  for (off_t i = 0; i < len; i++)
    lines += all[i] == '\n';
  assert_int_equal(lines, 2);
  test_free(all);
  log_start(STDERR_FILENO, LOG_LEVEL_INFO);
  close(fd);
  unlink(path);
  metrics_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_line_says_what_happened),
      cmocka_unit_test(test_unknown_cost_is_null_and_estimates_are_marked),
      cmocka_unit_test(test_no_text_can_break_a_line),
      cmocka_unit_test(test_no_text_can_make_a_line_go_missing),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
