/* Log lines: one valid object each, with the context of the thread; access lines in batches. */
#include "base/log.h"

#include "base/json.h"
#include "expect.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static int ends[2];
static char line[200000];

static int open_pipe(void **state) {
  if (pipe(ends) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
    return -1;
  (void)fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
  log_start(ends[1], LOG_LEVEL_INFO);
  *log_context() = (struct log_context){0};
  return 0;
}

static int close_pipe(void **state) {
  log_start(STDERR_FILENO, LOG_LEVEL_INFO);
  (void)close(ends[0]);
  (void)close(ends[1]);
  return 0;
}

static struct text written(void) {
  ssize_t n = read(ends[0], line, sizeof line);
  return n > 0 ? (struct text){line, (size_t)n} : TEXT_NONE;
}

static void a_line_is_one_object_with_time_level_and_event_first(void **state) {
  struct json j;
  struct text ts;
  LOG_INFO("config_loaded", log_str("path", "a\"b"), log_u64("models", 3), log_i64("delta", -4), log_bool("ok", true));
  struct text got = written();
  assert_true(text_ends(got, TEXT("\n")));
  assert_int_equal(text_find_char(got, '\n'), got.len - 1);
  assert_int_equal(json_read(got, NULL, &j, NULL), ERR_OK);
  assert_true(json_get_text(j.root, "ts", &ts));
  assert_true(text_glob(TEXT("20*-*-*T*:*:*.*Z"), ts, NULL));
  assert_int_equal(ts.len, sizeof "2026-01-02T03:04:05.678Z" - 1);
  ptrdiff_t rest = text_find(got, TEXT(",\"level\""));
  EXPECT_TEXT(text_skip(got, (size_t)rest), TEXT(",\"level\":\"info\",\"event\":\"config_loaded\",\"path\":\"a\\\"b\","
                                                 "\"models\":3,\"delta\":-4,\"ok\":true}\n"));
  json_done(&j);
}

static void the_context_is_in_every_line_until_cleared(void **state) {
  *log_context() = (struct log_context){.request_id = TEXT("req_1"), .stage = "relay"};
  LOG_WARN("slow");
  assert_true(text_find(written(), TEXT("\"event\":\"slow\",\"request_id\":\"req_1\",\"stage\":\"relay\"}")) > 0);
  log_line(LOG_LEVEL_ERROR, "plain", NULL, 0);
  assert_true(text_find(written(), TEXT("\"level\":\"error\",\"event\":\"plain\",\"request_id\":\"req_1\"")) > 0);
  *log_context() = (struct log_context){0};
  LOG_WARN("slow");
  assert_int_equal(text_find(written(), TEXT("request_id")), -1);
}

static void lines_below_the_level_are_dropped(void **state) {
  enum log_level level = LOG_LEVEL_INFO;
  LOG_DEBUG("hidden");
  assert_int_equal(written().len, 0);
  assert_true(log_level_parse(TEXT("debug"), &level));
  log_set_level(level);
  assert_true(log_is_on(LOG_LEVEL_DEBUG));
  LOG_DEBUG("shown");
  assert_true(written().len > 0);
  assert_false(log_level_parse(TEXT("loud"), &level));
  assert_int_equal(level, LOG_LEVEL_DEBUG);
  log_set_level(LOG_LEVEL_ERROR);
  LOG_WARN("hidden");
  assert_int_equal(written().len, 0);
}

static void an_enormous_field_is_cut_and_an_enormous_line_replaced(void **state) {
  static char huge[100000];
  struct json j;
  memset(huge, 1, sizeof huge);
  struct log_field fields[8];
  for (size_t i = 0; i < 8; i++)
    fields[i] = log_text("f", (struct text){huge, sizeof huge});
  log_line(LOG_LEVEL_INFO, "one", fields, 1);
  struct text got = written();
  assert_in_range(got.len, 4096 * 6, 4096 * 6 + 200);
  assert_int_equal(json_read(got, NULL, &j, NULL), ERR_OK);
  json_done(&j);
  log_line(LOG_LEVEL_INFO, "many", fields, 8);
  got = written();
  assert_true(text_find(got, TEXT("\"event\":\"many\",\"fields_dropped\":8}\n")) > 0);
}

static void access_lines_wait_for_a_flush(void **state) {
  assert_false(log_flush());
  log_access(TEXT("{\"a\":1}"));
  log_access(TEXT("{\"a\":2}"));
  assert_int_equal(log_pending(), 16);
  assert_int_equal(written().len, 0);
  assert_true(log_flush());
  EXPECT_TEXT(written(), TEXT("{\"a\":1}\n{\"a\":2}\n"));
  assert_int_equal(log_pending(), 0);
  assert_false(log_flush());
}

static void a_half_full_batch_is_written_at_once(void **state) {
  static char access_line[40000];
  memset(access_line, 'x', sizeof access_line);
  for (int i = 0; i < 32; i++)
    log_access((struct text){access_line, 1023});
  assert_int_equal(log_pending(), 32768);
  assert_int_equal(written().len, 0);
  log_access((struct text){access_line, 40000});
  assert_int_equal(log_pending(), 0);
  assert_int_equal(written().len, 32768 + 40001);
  static char longer[70000];
  memset(longer, 'y', sizeof longer);
  log_access(TEXT("first"));
  log_access((struct text){longer, sizeof longer});
  struct text got = written();
  assert_int_equal(got.len, 6 + 70001);
  assert_true(text_starts(got, TEXT("first\nyyy")));
}

static void *log_and_end(void *data) {
  *log_context() = (struct log_context){.stage = "other"};
  log_access(TEXT("from the thread"));
  return NULL;
}

static void a_thread_that_ends_writes_its_batch(void **state) {
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, log_and_end, NULL), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  EXPECT_TEXT(written(), TEXT("from the thread\n"));
  assert_null(log_context()->stage);
}

static void a_reader_that_stands_still_does_not_stop_the_writer(void **state) {
  static char access_line[30000];
  memset(access_line, 'x', sizeof access_line);
  assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
  for (int i = 0; i < 50; i++)
    log_access((struct text){access_line, sizeof access_line});
  assert_in_range(log_pending(), 0, 32768);
  (void)log_flush();
  while (written().len > 0)
    continue;
  LOG_INFO("alive");
  assert_true(text_find(written(), TEXT("alive")) > 0);
}

int main(void) {
#define ON_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)
  const struct CMUnitTest tests[] = {
      ON_PIPE(a_line_is_one_object_with_time_level_and_event_first),
      ON_PIPE(the_context_is_in_every_line_until_cleared),
      ON_PIPE(lines_below_the_level_are_dropped),
      ON_PIPE(an_enormous_field_is_cut_and_an_enormous_line_replaced),
      ON_PIPE(access_lines_wait_for_a_flush),
      ON_PIPE(a_half_full_batch_is_written_at_once),
      ON_PIPE(a_thread_that_ends_writes_its_batch),
      ON_PIPE(a_reader_that_stands_still_does_not_stop_the_writer),
  };
  return RUN_TESTS(tests);
}
