/* What travels and what stays, in both directions. */
#include "gateway_ask.h"

#define VERSION "anthropic-version: 2023-06-01\r\n"

static void upstream(struct world *w) {
  static const struct {
    const char *name, *value, *sent; /* sent NULL: stays here */
  } cases[] = {
      {"user-agent", "sdk/1", "sdk/1"},
      {"accept", "application/json", "application/json"},
      {"anthropic-version", "2023-06-01", "2023-06-01"},
      {"anthropic-beta", "a,b", "a,b"},
      {"x-stainless-lang", "js", "js"},
      {"openai-organization", "org", "org"},
      {"x-unknown", "kept as it is", "kept as it is"},
      {"te", "trailers", NULL},
      {"x-named-by-connection", "1", NULL},
      {"keep-alive", "timeout=5", NULL},
      {"proxy-authorization", "Basic eA==", NULL},
      {"proxy-connection", "keep-alive", NULL},
      {"upgrade", "h2c", NULL},
      {"cookie", "a=b", NULL},
      {"api-key", "own", NULL},
      {"x-goog-api-key", "own", NULL},
      {"forwarded", "for=1.2.3.4", NULL},
      {"x-forwarded-for", "1.2.3.4", NULL},
      {"x-forwarded-host", "h", NULL},
      {"x-forwarded-proto", "https", NULL},
      {"x-real-ip", "1.2.3.4", NULL},
      {"via", "1.1 x", NULL},
      {"origin", "https://a", NULL},
      {"referer", "https://a", NULL},
      {"X-Weir-Cache", "no-store", NULL},
      {"expect", "100-continue", NULL},
  };
  struct buf lines;
  buf_init(&lines, 65536);
  buf_add(&lines, TEXT(X_API_KEY "accept-encoding: gzip, br\r\nConnection: keep-alive, X-Named-By-Connection\r\n"));
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    if (strcmp(cases[i].name, "expect") != 0)
      buf_add_format(&lines, "%s: %s\r\n", cases[i].name, cases[i].value);
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask(w, MESSAGES, arena_copy(&w->arena, buf_text(&lines)).at, TEXT(ASK_BODY)), 200);
  buf_done(&lines);
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    if (!CHECK_TEXT(sent_header(w, 0, cases[i].name), text_of(cases[i].sent)))
      (void)fprintf(stderr, "%s\n", cases[i].name);
  CHECK_TEXT(sent_header(w, 0, "accept-encoding"), TEXT("identity"));
  struct text host = arena_format(&w->arena, "127.0.0.1:%u", (unsigned)addr_port(&w->up[0].at));
  CHECK_TEXT(sent_header(w, 0, "host"), host);
  CHECK_TEXT(sent_header(w, 0, "content-length"), arena_format(&w->arena, "%zu", strlen(ASK_BODY)));
  CHECK_HAS(w->up[0].request, "POST /base/v1/messages HTTP/1.1\r\n");
}
static void test_upstream_gets_the_clients_headers_but_not_its_own_affairs(void **state) { run_world(upstream, NULL); }

static void client(struct world *w) {
  static const struct {
    const char *name, *value, *sent;
  } cases[] = {
      {"content-type", "application/json; charset=utf-8", "application/json; charset=utf-8"},
      {"retry-after", "3", "3"},
      {"anthropic-ratelimit-tokens-remaining", "9", "9"},
      {"x-ratelimit-remaining-requests", "8", "8"},
      {"x-should-retry", "true", "true"},
      {"anthropic-organization-id", "o", "o"},
      {"openai-processing-ms", "12", "12"},
      {"x-unknown", "1", "1"},
      {"cf-ray", "1", "1"},
      {"set-cookie", "a=b", NULL},
      {"alt-svc", "h3", NULL},
      {"Strict-Transport-Security", "max-age=1", NULL},
      {"content-security-policy", "x", NULL},
      {"nel", "{}", NULL},
      {"report-to", "x", NULL},
      {"Access-Control-Allow-Origin", "*", NULL},
      {"www-authenticate", "Basic", NULL},
      {"keep-alive", "timeout=1", NULL},
      {"x-named", "1", NULL},
      {"X-Weir-Secret", "fake", NULL},
      {"x-api-key", "leak", NULL},
      {"trailer", "x", NULL},
  };
  struct buf lines;
  buf_init(&lines, 65536);
  buf_add(&lines, TEXT("Connection: keep-alive, X-Named\r\nDate: yesterday\r\nServer-Timing: theirs\r\nX-Weir-Model: "
                       "fake\r\nX-Weir-Provider: fake\r\n"));
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    buf_add_format(&lines, "%s: %s\r\n", cases[i].name, cases[i].value);
  w->up[0].answer = http_answer(w, 200, arena_copy(&w->arena, buf_text(&lines)).at, TEXT(MESSAGE));
  buf_done(&lines);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    if (!CHECK_TEXT(wire_header(w->c, cases[i].name), text_of(cases[i].sent)))
      (void)fprintf(stderr, "%s\n", cases[i].name);
  CHECK_HEADER(w, "x-weir-model", "one");
  CHECK_HEADER(w, "x-weir-provider", "a");
  CHECK_HEADER(w, "x-weir-attempts", "1");
  CHECK_HEADER(w, "x-weir-cache", "bypass");
  CHECK_INT(text_starts(wire_header(w->c, "server-timing"), TEXT("weir;dur=")), 1);
  CHECK_INT(text_equal(wire_header(w->c, "date"), TEXT("yesterday")), 0);
  CHECK_HEADER(w, "content-length", arena_format(&w->arena, "%zu", strlen(MESSAGE)).at);
}
static void test_the_client_gets_the_providers_headers_but_not_its_policies(void **state) { run_world(client, NULL); }

static size_t times(struct world *w, const char *name) {
  size_t n = 0;
  for (size_t i = 0; i < w->c->head.headers.count; i++)
    n += text_equal_nocase(w->c->head.headers.at[i].name, text_of(name));
  return n;
}

static void ids(struct world *w) {
  w->up[0].answer = http_answer(w, 200, "Request-Id: req_theirs\r\nx-request-id: other\r\n", TEXT(MESSAGE));
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_HEADER(w, "request-id", "req_theirs");
  CHECK_TEXT(wire_header(w->c, "x-weir-request-id"), w->seen.last.request_id);
  CHECK_TEXT(wire_header(w->c, "x-request-id"), w->seen.last.request_id);
  CHECK_INT(times(w, "request-id"), 1);
  CHECK_INT(times(w, "x-request-id"), 1);
  CHECK_TEXT(w->seen.last.upstream_request_id, TEXT("req_theirs"));
  CHECK_TEXT(newest_row(w, 0).upstream_request_id, TEXT("req_theirs"));
  w->up[0].answer = http_answer(w, 200, "X-Request-Id: theirs\r\n", TEXT(COMPLETION));
  CHECK_INT(ask_chat(w, ASK_BODY), 200);
  CHECK_HEADER(w, "x-request-id", "theirs");
  CHECK_INT(times(w, "x-request-id"), 1);
  CHECK_TEXT(wire_header(w->c, "x-weir-request-id"), w->seen.last.request_id);
  CHECK_TEXT(w->seen.last.upstream_request_id, TEXT("theirs"));
  w->up[0].answer = http_answer(w, 200, "", TEXT(MESSAGE));
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_TEXT(wire_header(w->c, "request-id"), w->seen.last.request_id);
}
static void test_request_ids_of_both_sides_are_told_apart(void **state) { run_world(ids, NULL); }

static void should_retry(struct world *w) {
  static const int statuses[] = {401, 403};
  for (size_t i = 0; i < COUNT_OF(statuses); i++) {
    w->up[0].answer = json_answer(w, statuses[i], INVALID);
    CHECK_INT(ask_messages(w, ASK_BODY), statuses[i]);
    CHECK_HEADER(w, "x-should-retry", "false");
  }
  w->up[0].answer = http_answer(w, 401, JSON_TYPE "x-should-retry: true\r\n", TEXT(INVALID));
  CHECK_INT(ask_messages(w, ASK_BODY), 401);
  CHECK_HEADER(w, "x-should-retry", "true");
  w->up[0].answer = json_answer(w, 400, INVALID);
  CHECK_INT(ask_messages(w, ASK_BODY), 400);
  CHECK_HEADER(w, "x-should-retry", "");
}
static void test_clients_are_told_not_to_retry_a_wrong_provider_key(void **state) { run_world(should_retry, NULL); }

static void version(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 200);
  CHECK_TEXT(sent_header(w, 0, "anthropic-version"), TEXT("2023-06-01"));
  CHECK_INT(ask(w, MESSAGES, X_API_KEY "anthropic-version: 2099-01-01\r\n", TEXT(ASK_BODY)), 200);
  CHECK_TEXT(sent_header(w, 0, "anthropic-version"), TEXT("2099-01-01"));
}
static void test_anthropic_always_gets_a_version(void **state) { run_world(version, NULL); }

static void many(struct world *w) {
  struct buf lines;
  buf_init(&lines, 65536);
  buf_add(&lines, TEXT(X_API_KEY));
  for (int i = 0; i < 80; i++)
    buf_add_format(&lines, "x-many-%d: %d\r\n", i, i);
  const char *all = arena_copy(&w->arena, buf_text(&lines)).at;
  w->up[0].answer = http_answer(w, 200, all, TEXT(MESSAGE));
  CHECK_INT(ask(w, MESSAGES, all, TEXT(ASK_BODY)), 200);
  buf_done(&lines);
  CHECK_TEXT(sent_header(w, 0, "x-many-79"), TEXT("79"));
  CHECK_TEXT(sent_header(w, 0, "x-api-key"), TEXT("vendor-secret-a"));
  CHECK_HAS(w->up[0].request, "x-many-0: 0\r\n");
}
static void test_as_many_headers_as_may_come_also_go(void **state) { run_world(many, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_upstream_gets_the_clients_headers_but_not_its_own_affairs),
      cmocka_unit_test(test_the_client_gets_the_providers_headers_but_not_its_policies),
      cmocka_unit_test(test_request_ids_of_both_sides_are_told_apart),
      cmocka_unit_test(test_clients_are_told_not_to_retry_a_wrong_provider_key),
      cmocka_unit_test(test_anthropic_always_gets_a_version),
      cmocka_unit_test(test_as_many_headers_as_may_come_also_go),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
