/* Small HTTP requests on libcurl against a server on the loopback, and how each failure is told. */
#include "aws/fetch.h"

#include "aws_server.h"

static struct server server;
static char seen[2048];

static void answer(const struct server_call *c, struct server_answer *out) {
  snprintf(seen, sizeof(seen), "%.*s %.*s|%.*s|%.*s", TEXT_ARGS(c->method), TEXT_ARGS(c->path), TEXT_ARGS(c->body),
           TEXT_ARGS(server_header(c, TEXT("x-one"))));
  out->status = 200;
  out->body = "hello";
  if (text_equal(c->path, TEXT("/redirect")))
    *out = (struct server_answer){.status = 302, .body = "away"};
  if (text_equal(c->path, TEXT("/hang-up")))
    out->hangs_up = true;
}

static struct fetch_request request(const char *method, const char *path, struct arena *a) {
  return (struct fetch_request){
      .method = method, .url = server_url(&server, path, a), .connect_ms = 2000, .total_ms = 5000, .max_bytes = 5};
}

static void test_a_request_goes_out_and_its_answer_comes_back(void **state) {
  struct arena a = {0};
  struct fetch_reply reply;
  struct fault f = {0};
  struct fetch_request rq = request("PUT", "/a?b=c", &a);
  rq.headers[rq.header_count++] = (struct fetch_header){TEXT("X-One"), TEXT("value: 1")};
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_OK);
  assert_int_equal(reply.status, 200);
  assert_text(reply.body, TEXT("hello"));
  assert_string_equal(seen, "PUT /a?b=c||value: 1");
  rq = request("POST", "/p", &a);
  rq.body = TEXT("x=1&y=2");
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_OK);
  assert_string_equal(seen, "POST /p|x=1&y=2|");
  arena_done(&a);
}

static void test_a_redirect_is_an_answer(void **state) {
  struct arena a = {0};
  struct fetch_reply reply;
  struct fault f = {0};
  struct fetch_request rq = request("GET", "/redirect", &a);
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_OK);
  assert_int_equal(reply.status, 302);
  arena_done(&a);
}

static void test_an_answer_beyond_the_limit_is_refused(void **state) {
  struct arena a = {0};
  struct fetch_reply reply;
  struct fault f = {0};
  struct fetch_request rq = request("GET", "/", &a);
  rq.max_bytes = 4;
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_LIMIT);
  assert_non_null(strstr(f.text, "more than 4 bytes"));
  arena_done(&a);
}

static void test_failures_of_the_network_are_told_apart(void **state) {
  struct arena a = {0};
  struct fetch_reply reply;
  struct fault f = {0};
  struct fetch_request rq = request("GET", "/hang-up", &a);
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_NETWORK);
  assert_true(f.text[0] != '\0');
  rq.url = TEXT("ftp://127.0.0.1/");
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_BAD_REQUEST);
  rq.url = TEXT("file:///etc/hostname");
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_BAD_REQUEST);
  rq.url = TEXT("http://127.0.0.1/\r\nX: y");
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_BAD_REQUEST);
  arena_done(&a);
}

/* A listener that never accepts: the connection stands, no answer comes. */
static void test_silence_ends_after_the_time_given(void **state) {
  struct arena a = {0};
  struct fetch_reply reply;
  struct fault f = {0};
  struct server silent;
  server_start(&silent, answer);
  assert_int_equal(write(silent.stop[1], "x", 1), 1);
  pthread_join(silent.thread, NULL);
  struct fetch_request rq = request("GET", "/", &a);
  rq.url = server_url(&silent, "/", &a);
  rq.total_ms = 50;
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_TIMEOUT);
  close(silent.listener);
  close(silent.stop[0]);
  close(silent.stop[1]);
  arena_done(&a);
}

static void test_a_header_cannot_be_smuggled(void **state) {
  struct arena a = {0};
  struct fetch_reply reply;
  struct fault f = {0};
  struct fetch_request rq = request("GET", "/", &a);
  rq.headers[rq.header_count++] = (struct fetch_header){TEXT("Authorization"), TEXT("secret\r\nX-One: 1")};
  assert_int_equal(fetch_run(&rq, &a, &reply, &f), ERR_BAD_REQUEST);
  assert_null(strstr(f.text, "secret"));
  arena_done(&a);
}

static void test_the_environments_proxies_are_not_used(void **state) {
  struct arena a = {0};
  struct fetch_reply reply;
  struct fault f = {0};
  struct fetch_request rq = request("GET", "/", &a);
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  enum err e = fetch_run(&rq, &a, &reply, &f);
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
  assert_int_equal(e, ERR_OK);
  arena_done(&a);
}

static int start(void **state) {
  server_start(&server, answer);
  return 0;
}

static int stop(void **state) {
  server_stop(&server);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_request_goes_out_and_its_answer_comes_back),
      cmocka_unit_test(test_a_redirect_is_an_answer),
      cmocka_unit_test(test_an_answer_beyond_the_limit_is_refused),
      cmocka_unit_test(test_failures_of_the_network_are_told_apart),
      cmocka_unit_test(test_silence_ends_after_the_time_given),
      cmocka_unit_test(test_a_header_cannot_be_smuggled),
      cmocka_unit_test(test_the_environments_proxies_are_not_used),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("fetch", tests, start, stop);
}
