/* Counting, and an export that a Prometheus scraper can read line by line. */
#include "telemetry/metrics.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

static struct telemetry_exchange record(void) {
  return (struct telemetry_exchange){.outcome = "ok",
                                     .status = 200,
                                     .attempts = 2,
                                     .request_bytes = 10,
                                     .response_bytes = 20,
                                     .usage = {1, 2, 3, 4, 5, 6, true, false},
                                     .cost = {.total = 700, .known = true},
                                     .first_token_us = 5,
                                     .duration_us = 70000000,
                                     .overhead_us = 1};
}

/* The value of the sample whose name and labels are `series`. */
static uint64_t value_of(struct text all, const char *series) {
  struct text line, rest = all;
  uint64_t value = UINT64_MAX;
  size_t len = strlen(series);
  while (text_cut(rest, '\n', &line, &rest)) {
    if (text_starts(line, text_of(series)) && line.len > len && line.at[len] == ' ')
      assert_true(text_to_u64(text_skip(line, len + 1), &value));
  }
  if (value == UINT64_MAX)
    fail_msg("no sample %s in\n%.*s", series, TEXT_ARGS(all));
  return value;
}

static void test_every_number_is_counted(void **state) {
  struct metrics *m = metrics_new(3);
  struct telemetry_exchange e = record();
  struct buf out;
  buf_init(&out, 1 << 20);
  metrics_count(m, 0, &e);
  metrics_count(m, 2, &e);
  e.outcome = "cut";
  metrics_count(m, 1, &e);
  e.outcome = "cancelled";
  e.status = 0;
  metrics_count(m, 1, &e);
  e.outcome = "refused";
  e.status = 429;
  metrics_count(m, 1, &e);
  e.outcome = "error";
  e.status = 502;
  e.cost.known = false;
  metrics_count(m, 1, &e);
  metrics_write(m, &out);
  struct text t = buf_text(&out);
  assert_int_equal(value_of(t, "weir_requests_total{outcome=\"ok\"}"), 2);
  assert_int_equal(value_of(t, "weir_requests_total{outcome=\"cut\"}"), 1);
  assert_int_equal(value_of(t, "weir_requests_total{outcome=\"cancelled\"}"), 1);
  assert_int_equal(value_of(t, "weir_requests_total{outcome=\"refused\"}"), 1);
  assert_int_equal(value_of(t, "weir_requests_total{outcome=\"error\"}"), 1);
  assert_int_equal(value_of(t, "weir_responses_total{class=\"2xx\"}"), 3);
  assert_int_equal(value_of(t, "weir_responses_total{class=\"4xx\"}"), 1);
  assert_int_equal(value_of(t, "weir_responses_total{class=\"5xx\"}"), 1);
  assert_int_equal(value_of(t, "weir_attempts_total"), 12);
  assert_int_equal(value_of(t, "weir_tokens_total{class=\"input\"}"), 6);
  assert_int_equal(value_of(t, "weir_tokens_total{class=\"output\"}"), 12);
  assert_int_equal(value_of(t, "weir_tokens_total{class=\"cache_write_5m\"}"), 18);
  assert_int_equal(value_of(t, "weir_tokens_total{class=\"cache_write_1h\"}"), 24);
  assert_int_equal(value_of(t, "weir_tokens_total{class=\"cache_read\"}"), 30);
  assert_int_equal(value_of(t, "weir_cost_nano_usd_total"), 3500);
  assert_int_equal(value_of(t, "weir_unpriced_requests_total"), 1);
  assert_int_equal(value_of(t, "weir_request_bytes_total"), 60);
  assert_int_equal(value_of(t, "weir_response_bytes_total"), 120);
  assert_int_equal(value_of(t, "weir_overhead_microseconds_bucket{le=\"1\"}"), 6);
  assert_int_equal(value_of(t, "weir_first_token_microseconds_bucket{le=\"4\"}"), 0);
  assert_int_equal(value_of(t, "weir_first_token_microseconds_bucket{le=\"16\"}"), 6);
  assert_int_equal(value_of(t, "weir_duration_microseconds_bucket{le=\"16777216\"}"), 0);
  assert_int_equal(value_of(t, "weir_duration_microseconds_bucket{le=\"+Inf\"}"), 6);
  assert_int_equal(value_of(t, "weir_duration_microseconds_count"), 6);
  assert_int_equal(value_of(t, "weir_duration_microseconds_sum"), 6 * 70000000);
  buf_done(&out);
  metrics_free(m);
}

static void test_unknown_times_are_not_observed(void **state) {
  struct metrics *m = metrics_new(1);
  struct telemetry_exchange e = record();
  struct buf out;
  buf_init(&out, 1 << 20);
  e.first_token_us = -1;
  metrics_count(m, 0, &e);
  metrics_write(m, &out);
  assert_int_equal(value_of(buf_text(&out), "weir_first_token_microseconds_count"), 0);
  buf_done(&out);
  metrics_free(m);
}

static bool is_name(struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    if (!((c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
      return false;
  }
  return t.len > 0;
}

/* One label={"value"} at most, as all of ours have. */
static bool is_sample(struct text line, struct text family) {
  struct text series, value, name, labels;
  uint64_t number;
  if (!text_cut(line, ' ', &series, &value) || !text_to_u64(value, &number))
    return false;
  name = series;
  if (text_cut(series, '{', &name, &labels)) {
    struct text label, content;
    if (!text_cut(labels, '=', &label, &content) || !is_name(label) || content.len < 3 || content.at[0] != '"' ||
        !text_ends(content, TEXT("\"}")))
      return false;
  }
  return is_name(name) && text_starts(name, family);
}

static void test_the_export_is_in_the_text_format(void **state) {
  struct metrics *m = metrics_new(2);
  struct text line, rest, family = TEXT_NONE;
  static char seen[64][64];
  size_t families = 0;
  struct buf out;
  buf_init(&out, 1 << 20);
  metrics_write(m, &out);
  metrics_write_one(&out, "weir_connections", "gauge", "Open connections.", 7);
  rest = buf_text(&out);
  assert_true(text_ends(rest, TEXT("\n")));
  while (text_cut(rest, '\n', &line, &rest)) {
    if (text_starts(line, TEXT("# HELP "))) {
      struct text after;
      assert_true(text_cut(text_skip(line, 7), ' ', &family, &after));
      assert_true(is_name(family) && after.len > 0);
      for (size_t i = 0; i < families; i++)
        assert_false(text_equal(family, text_of(seen[i]))); /* each once, so that its samples stand together */
      snprintf(seen[families++], 64, "%.*s", TEXT_ARGS(family));
    } else if (text_starts(line, TEXT("# TYPE "))) {
      assert_true(text_starts(text_skip(line, 7), family));
    } else if (!is_sample(line, family)) {
      fail_msg("not a sample of %.*s: %.*s", TEXT_ARGS(family), TEXT_ARGS(line));
    }
  }
  assert_true(families >= 12);
  assert_int_equal(value_of(buf_text(&out), "weir_connections"), 7);
  buf_done(&out);
  metrics_free(m);
}

static void *count(void *arg) {
  struct telemetry_exchange e = record();
  for (int i = 0; i < 20000; i++)
    metrics_count(arg, 1, &e);
  return NULL;
}

static void test_a_scrape_reads_while_a_worker_counts(void **state) {
  struct metrics *m = metrics_new(2);
  struct buf out;
  pthread_t thread;
  uint64_t last = 0;
  buf_init(&out, 1 << 20);
  assert_int_equal(pthread_create(&thread, NULL, count, m), 0);
  for (int i = 0; i < 50; i++) {
    buf_reset(&out);
    metrics_write(m, &out);
    uint64_t now = value_of(buf_text(&out), "weir_attempts_total");
    assert_true(now >= last);
    last = now;
  }
  pthread_join(thread, NULL);
  buf_reset(&out);
  metrics_write(m, &out);
  assert_int_equal(value_of(buf_text(&out), "weir_attempts_total"), 40000);
  buf_done(&out);
  metrics_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_number_is_counted),
      cmocka_unit_test(test_unknown_times_are_not_observed),
      cmocka_unit_test(test_the_export_is_in_the_text_format),
      cmocka_unit_test(test_a_scrape_reads_while_a_worker_counts),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
