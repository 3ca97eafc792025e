/* What the simulator remembers of requests, and that it forgets the oldest. */
#include "sim/stats.h"

#include "sim_test.h"

static struct stats stats;
static struct buf out;
static struct http1_head head;
static const struct http_header header = {TEXT("x-api-key"), TEXT("se\"cret")};

static int fresh(void **state) {
  stats_init(&stats, 2);
  buf_init(&out, 1 << 22);
  head = (struct http1_head){.method = TEXT("POST"), .target = TEXT("/v1/messages?x=1")};
  head.headers.at = (struct http_header *)(uintptr_t)&header;
  head.headers.count = 1;
  return 0;
}
static int done(void **state) {
  stats_done(&stats);
  buf_done(&out);
  return 0;
}

static struct text shown(void) {
  buf_reset(&out);
  stats_write(&out, &stats, 3, 1);
  expect_json(buf_text(&out));
  return buf_text(&out);
}

static void a_request_is_shown_with_headers_digest_and_body(void **state) {
  uint64_t n = stats_record(&stats, "/v1/messages", &head, TEXT("req_1"), TEXT("abc"));
  stats_outcome(&stats, n, 200, "answered");
  struct text t = shown();
  EXPECT_INSIDE(t, TEXT("\"paths\":{\"POST /v1/messages\":1}"));
  EXPECT_INSIDE(t, TEXT("\"target\":\"/v1/messages?x=1\",\"headers\":[[\"x-api-key\",\"se\\\"cret\"]],\"body_bytes\":3,"
                        "\"body_sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"body_"
                        "is_whole\":true,\"body\":\"abc\","
                        "\"status\":200,\"outcome\":\"answered\"}"));
  EXPECT_INSIDE(t, TEXT("\"connections\":3,\"active\":1"));
}

static void only_the_last_requests_are_kept(void **state) {
  uint64_t first = stats_record(&stats, "/a", &head, TEXT("req_1"), TEXT_NONE);
  (void)stats_record(&stats, "/a", &head, TEXT("req_2"), TEXT_NONE);
  (void)stats_record(&stats, "/b", &head, TEXT("req_3"), TEXT_NONE);
  stats_outcome(&stats, first, 599, "lost");
  struct text t = shown();
  assert_true(text_find(t, TEXT("req_1")) < 0 && text_find(t, TEXT("\"lost\"")) < 0);
  assert_true(text_find(t, TEXT("req_2")) < text_find(t, TEXT("req_3")));
  EXPECT_INSIDE(t, TEXT("\"requests\":3"));
}

static void a_large_body_is_kept_in_part(void **state) {
  char *body = test_calloc(1, STATS_BODY_BYTES + 1);
  memset(body, 'x', STATS_BODY_BYTES + 1);
  (void)stats_record(&stats, "/a", &head, TEXT("req_1"), (struct text){body, STATS_BODY_BYTES + 1});
  EXPECT_INSIDE(shown(), TEXT("\"body_bytes\":65537"));
  EXPECT_INSIDE(shown(), TEXT("\"body_is_whole\":false"));
  test_free(body);
}

static void the_number_of_paths_is_bounded(void **state) {
  char path[20];
  for (int i = 0; i < STATS_PATHS_MAX + 10; i++) {
    snprintf(path, sizeof(path), "/%d", i);
    (void)stats_record(&stats, path, &head, TEXT("r"), TEXT_NONE);
  }
  assert_int_equal(stats.path_count, STATS_PATHS_MAX);
  assert_int_equal(stats.requests, STATS_PATHS_MAX + 10);
}

static void a_reset_forgets_everything(void **state) {
  uint64_t n = stats_record(&stats, "/a", &head, TEXT("req_1"), TEXT("abc"));
  stats.cancelled = 5;
  stats_reset(&stats);
  stats_outcome(&stats, n, 200, "answered");
  struct text t = shown();
  EXPECT_INSIDE(t, TEXT("\"requests\":0,\"cancelled\":0"));
  EXPECT_INSIDE(t, TEXT("\"recent\":[]"));
  assert_int_equal(stats.ring_size, 2);
}

static void nothing_is_kept_when_nothing_shall_be(void **state) {
  stats_done(&stats);
  stats_init(&stats, 0);
  stats_outcome(&stats, stats_record(&stats, "/a", &head, TEXT("req_1"), TEXT("abc")), 200, "answered");
  EXPECT_INSIDE(shown(), TEXT("\"requests\":1"));
  EXPECT_INSIDE(shown(), TEXT("\"recent\":[]"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_request_is_shown_with_headers_digest_and_body),
      CASE(only_the_last_requests_are_kept),
      CASE(a_large_body_is_kept_in_part),
      CASE(the_number_of_paths_is_bounded),
      CASE(a_reset_forgets_everything),
      CASE(nothing_is_kept_when_nothing_shall_be),
  };
  return RUN_TESTS(tests);
}
