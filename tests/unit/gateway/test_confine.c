/* Where a key may be used: on which wire or mount, from which network, by pages of which site. */
#include "gateway_ask.h"

#define BY_PATH "POST /ak/" KEY "/v1/messages"
#define ORIGIN  "origin: https://app.example\r\n"

static struct text answered(struct world *w, const char *name) { return wire_header(w->c, name); }

static void routes(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->identity.one.routes = TEXT("openai_chat\nanthropic");
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 200);
  CHECK_INT(ask(w, "POST /anthropic/v1/messages", X_API_KEY, TEXT(ASK_BODY)), 200);
  w->identity.one.routes = TEXT("openai_chat\n/openai");
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 403);
  CHECK_HAS(answer_member(w, "error.message").at, "may not be used on this route");
  CHECK_OUTCOME(w, "refused");
  CHECK_INT(ask(w, BY_PATH, "", TEXT(ASK_BODY)), 404);
  CHECK_INT(text_find(wire_text(w->c), TEXT("route")), -1);
  CHECK_INT(ask(w, "GET /v1/models", X_API_KEY "anthropic-version: 2023-06-01\r\n", TEXT_NONE), 200);
  w->identity.one.routes = TEXT("/anthropic");
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 403);
  CHECK_INT(ask(w, "POST /anthropic/v1/messages", X_API_KEY, TEXT(ASK_BODY)), 200);
}
static void test_a_key_with_routes_is_refused_on_others(void **state) { run_world(routes, NULL); }

static void networks(struct world *w) {
  static const char forwarded[] = X_API_KEY "x-forwarded-for: 10.1.1.1\r\nforwarded: for=10.1.1.1\r\n";
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->identity.one.allow_ips = TEXT("10.0.0.0/8\n127.0.0.0/8");
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 200);
  w->identity.one.allow_ips = TEXT("10.0.0.0/8");
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 403);
  CHECK_HAS(answer_member(w, "error.message").at, "may not be used from this address");
  CHECK_INT(ask(w, MESSAGES, forwarded, TEXT(ASK_BODY)), 403); /* which anybody could write */
  CHECK_INT(ask(w, BY_PATH, "", TEXT(ASK_BODY)), 404);
  CHECK_INT(w->up[0].requests, 1);
}
static void test_a_key_with_networks_is_refused_from_others(void **state) { run_world(networks, NULL); }

static void origins(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask(w, MESSAGES, X_API_KEY ORIGIN, TEXT(ASK_BODY)), 200);
  CHECK_TEXT(answered(w, "access-control-allow-origin"), TEXT_NONE);
  w->identity.one.cors_origins = TEXT("https://other.example\nhttps://app.example");
  CHECK_INT(ask(w, MESSAGES, X_API_KEY ORIGIN, TEXT(ASK_BODY)), 200);
  CHECK_TEXT(answered(w, "access-control-allow-origin"), TEXT("https://app.example"));
  CHECK_TEXT(answered(w, "vary"), TEXT("origin"));
  CHECK_TEXT(answered(w, "access-control-allow-credentials"), TEXT_NONE);
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 200); /* no browser */
  CHECK_TEXT(answered(w, "access-control-allow-origin"), TEXT_NONE);
  CHECK_INT(ask(w, MESSAGES, X_API_KEY ORIGIN, TEXT("{}")), 400); /* errors can be read too */
  CHECK_TEXT(answered(w, "access-control-allow-origin"), TEXT("https://app.example"));
  w->identity.one.cors_origins = TEXT("https://other.example");
  CHECK_INT(ask(w, MESSAGES, X_API_KEY ORIGIN, TEXT(ASK_BODY)), 403);
  CHECK_TEXT(answered(w, "access-control-allow-origin"), TEXT_NONE);
  CHECK_INT(ask(w, MESSAGES, X_API_KEY "origin: null\r\n", TEXT(ASK_BODY)), 403);
  w->identity.one.cors_origins = TEXT("*");
  CHECK_INT(ask(w, MESSAGES, X_API_KEY ORIGIN, TEXT(ASK_BODY)), 200);
  CHECK_TEXT(answered(w, "access-control-allow-origin"), TEXT("https://app.example"));
}
static void test_only_pages_of_named_sites_may_use_a_key(void **state) { run_world(origins, NULL); }

static void preflights(struct world *w) {
  CHECK_INT(ask(w, "OPTIONS /v1/messages",
                ORIGIN
                "access-control-request-method: POST\r\naccess-control-request-headers: x-api-key, x-stainless-os\r\n",
                TEXT_NONE),
            204);
  CHECK_TEXT(answered(w, "access-control-allow-origin"), TEXT("https://app.example"));
  CHECK_TEXT(answered(w, "access-control-allow-headers"), TEXT("x-api-key, x-stainless-os"));
  CHECK_TEXT(answered(w, "access-control-allow-credentials"), TEXT_NONE);
  CHECK_INT(ask(w, "OPTIONS /v1/messages", ORIGIN, TEXT_NONE), 405);
  CHECK_INT(ask(w, "POST /v1/messages", ORIGIN "access-control-request-method: POST\r\n", TEXT(ASK_BODY)), 401);
}
static void test_a_browser_may_ask_whether_it_may(void **state) { run_world(preflights, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_key_with_routes_is_refused_on_others),
      cmocka_unit_test(test_a_key_with_networks_is_refused_from_others),
      cmocka_unit_test(test_only_pages_of_named_sites_may_use_a_key),
      cmocka_unit_test(test_a_browser_may_ask_whether_it_may),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
