/* What is refused before anybody is asked who calls: paths, methods, bodies. Every refusal comes in the caller's wire
 * with the request's id. */
#include "gateway_ask.h"

struct refusal {
  const char *line, *headers, *body;
  int status;
  const char *type, *says;
};

static void check_refusal(struct world *w, const struct refusal *r, int line) {
  int status = ask(w, r->line, r->headers, text_of(r->body));
  if (status != r->status)
    (void)fprintf(stderr, "case at line %d:\n", line);
  CHECK_INT(status, r->status);
  CHECK_MEMBER(w, "error.type", r->type);
  CHECK_HAS(answer_member(w, "error.message").at, r->says);
  CHECK_TEXT(wire_header(w->c, "x-weir-request-id"), w->seen.last.request_id);
  CHECK_HEADER(w, "content-type", "application/json");
  CHECK_OUTCOME(w, "refused");
  CHECK_INT(w->seen.last.status, r->status);
  CHECK_INT(w->seen.last.attempts, 0);
  CHECK_INT(w->up[0].requests, 0);
}
#define REFUSED(...) check_refusal(w, &(struct refusal){__VA_ARGS__}, __LINE__)
#define INVALID_TYPE "invalid_request_error"

static void bad_bodies(struct world *w) {
  const char *h = X_API_KEY JSON_TYPE;
  REFUSED(MESSAGES, h, "", 400, INVALID_TYPE, "");
  REFUSED(MESSAGES, h, "{\"model\":", 400, INVALID_TYPE, "");
  REFUSED(MESSAGES, h, "[1]", 400, INVALID_TYPE, "object");
  REFUSED(MESSAGES, h, "{\"model\":\"one\",\"model\":\"two\"}", 400, INVALID_TYPE, "model");
  REFUSED(MESSAGES, h, "{\"model\":\"one\",\"a\":{\"b\":1,\"b\":2}}", 400, INVALID_TYPE, "b");
  REFUSED(MESSAGES, h, "{\"model\":\"one\",\"a\":\"\\ud800\"}", 400, INVALID_TYPE, "");
  REFUSED(MESSAGES, h, "{}", 400, INVALID_TYPE, "model");
  REFUSED(MESSAGES, h, "{\"model\":7}", 400, INVALID_TYPE, "model");
  REFUSED(MESSAGES, h, "{\"model\":\"\"}", 400, INVALID_TYPE, "model");
  REFUSED(MESSAGES, h, "{\"model\":\"one\",\"stream\":\"yes\"}", 400, INVALID_TYPE, "stream");
  REFUSED(MESSAGES, h, "{\"model\":\"one\",\"max_tokens\":-1}", 400, INVALID_TYPE, "max_tokens");
  REFUSED(MESSAGES, h, "{\"model\":\"one\",\"max_tokens\":1.5}", 400, INVALID_TYPE, "max_tokens");
  REFUSED(CHAT, h, "{\"model\":\"one\",\"max_completion_tokens\":\"5\"}", 400, INVALID_TYPE, "max_completion_tokens");
}
static void test_bad_bodies_are_refused(void **state) { run_world(bad_bodies, NULL); }

static void depth(struct world *w) {
  REFUSED(MESSAGES, X_API_KEY, "{\"model\":\"one\",\"a\":[[[[[[[[1]]]]]]]]}", 400, INVALID_TYPE, "8");
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, "{\"model\":\"one\",\"a\":[[[[[1]]]]]}"), 200);
}
static void test_nesting_has_the_configured_limit(void **state) { run_world(depth, "limits: {json_depth: 8}\n"); }

static void media(struct world *w) {
  REFUSED(MESSAGES, X_API_KEY "content-type: text/plain\r\n", ASK_BODY, 415, INVALID_TYPE, "text/plain");
  REFUSED(MESSAGES, X_API_KEY "content-encoding: gzip\r\n", ASK_BODY, 415, INVALID_TYPE, "gzip");
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 200);
  CHECK_INT(ask(w, MESSAGES, X_API_KEY "content-type: APPLICATION/json ; charset=utf-8\r\n", TEXT(ASK_BODY)), 200);
  CHECK_INT(ask(w, MESSAGES, X_API_KEY "content-encoding: identity\r\n", TEXT(ASK_BODY)), 200);
}
static void test_only_plain_json_is_taken(void **state) { run_world(media, NULL); }

static void too_large(struct world *w) {
  char *body = arena_zalloc(&w->arena, 1100);
  memset(body, ' ', 1026);
  memcpy(body, ASK_BODY, strlen(ASK_BODY));
  body[1025] = 0;
  REFUSED(MESSAGES, X_API_KEY JSON_TYPE, body, 413, "request_too_large", "1024");
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  body[1024] = 0;
  CHECK_INT(ask_messages(w, body), 200);
  CHECK_TEXT(upstream_body(&w->up[0]), text_of(body));
}
static void test_a_body_may_be_as_large_as_its_limit(void **state) {
  run_world(too_large, "limits: {body_bytes: 1024}\n");
}

static void routes(struct world *w) {
  REFUSED("POST /v1/nothing", X_API_KEY, "{}", 404, INVALID_TYPE, "/v1/nothing");
  CHECK_MEMBER(w, "type", "");
  REFUSED("POST /v1/nothing", X_API_KEY "anthropic-version: 2023-06-01\r\n", "{}", 404, "not_found_error", "");
  CHECK_MEMBER(w, "type", "error");
  REFUSED("POST /anthropic/v1/nothing", X_API_KEY, "{}", 404, "not_found_error", "");
  REFUSED("GET /v1/messages", X_API_KEY, "", 405, INVALID_TYPE, "POST");
  CHECK_MEMBER(w, "type", "error");
  REFUSED("DELETE /v1/chat/completions", X_API_KEY, "", 405, INVALID_TYPE, "POST");
  CHECK_MEMBER(w, "type", "");
  CHECK_TEXT(w->seen.last.wire, TEXT("openai_chat"));
}
static void test_unknown_paths_and_methods_are_refused_in_the_right_wire(void **state) { run_world(routes, NULL); }

static void traversal(struct world *w) {
  static const char *const paths[] = {"/v1/files/../messages",   "/v1/files/..",         "/v1/files/.hidden",
                                      "/v1/files/%2e%2e/secret", "/v1/files/a%2f..%2fb", "/v1/files/a\\..\\b",
                                      "/v1/files/a;b",           "/v1/files/./x",        "/v1/files/a..b",
                                      "/anthropic/v1/files/..",  "/openai/v1/files/a/.."};
  for (size_t i = 0; i < COUNT_OF(paths); i++) {
    struct text line = arena_format(&w->arena, "GET %s", paths[i]);
    int status = ask(w, line.at, X_API_KEY "anthropic-version: 2023-06-01\r\n", TEXT_NONE);
    if (status != 400 && status != 404)
      (void)fprintf(stderr, "%s\n", paths[i]);
    CHECK_INT(status == 404 || status == 400, 1);
    CHECK_INT(w->up[0].requests, 0);
  }
  w->up[0].answer = json_answer(w, 200, "{}");
  CHECK_INT(ask(w, "GET /v1/files/file_01-a.b?limit=1", X_API_KEY "anthropic-version: x\r\n", TEXT_NONE), 200);
  CHECK_HAS(w->up[0].request, "GET /base/v1/files/file_01-a.b?limit=1 HTTP/1.1\r\n");
}
static void test_raw_paths_cannot_climb(void **state) { run_world(traversal, NULL); }

static void chunked(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->c = wire_open(&w->site);
  struct text head = TEXT(MESSAGES " HTTP/1.1\r\nHost: a\r\n" X_API_KEY "transfer-encoding: chunked\r\n\r\n");
  wire_send(w->c, head);
  struct text body = TEXT(ASK_BODY);
  for (size_t i = 0; i < body.len; i++) {
    wire_send(w->c, arena_format(&w->arena, "1\r\n%c\r\n", body.at[i]));
    turns(1);
  }
  wire_send(w->c, TEXT("0\r\n\r\n"));
  CHECK_INT(wire_answer(w->c), 200);
  CHECK_TEXT(upstream_body(&w->up[0]), body);
  CHECK_TEXT(sent_header(w, 0, "transfer-encoding"), TEXT_NONE);
}
static void test_a_chunked_body_arrives_whole(void **state) { run_world(chunked, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bad_bodies_are_refused),
      cmocka_unit_test(test_nesting_has_the_configured_limit),
      cmocka_unit_test(test_only_plain_json_is_taken),
      cmocka_unit_test(test_a_body_may_be_as_large_as_its_limit),
      cmocka_unit_test(test_unknown_paths_and_methods_are_refused_in_the_right_wire),
      cmocka_unit_test(test_raw_paths_cannot_climb),
      cmocka_unit_test(test_a_chunked_body_arrives_whole),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
