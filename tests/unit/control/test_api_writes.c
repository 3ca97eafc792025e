/* What every change through the control API goes by: versions and conditions, repeated requests, members that nobody
 * offered, permissions, methods. On keys, which stand for all. */
#include "api_fixture.h"

static int make_key(struct fixture *x, const char *name, const char *more) {
  char json[256];
  snprintf(json, sizeof(json), "{\"name\":\"%s\"}", name);
  return send_json(x, "POST /api/v1/keys", more, json);
}

static void check_versions(struct fixture *x) {
  CHECK_INT(make_key(x, "one", ""), 201);
  CHECK_TEXT(text_of(location), TEXT("/api/v1/keys/1"));
  CHECK_TEXT(text_of(etag), TEXT("\"1\""));
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "if-match: \"1\"\r\n", "{\"rpm\":5}"), 200);
  CHECK_TEXT(text_of(etag), TEXT("\"2\""));
  for (const char *const *bad =
           (const char *const[]){"\"1\"", "\"3\"", "W/\"2\"", "2", "\"x\"", "\"-2\"", "\"\"", NULL};
       *bad; bad++) {
    char header[64];
    snprintf(header, sizeof(header), "if-match: %s\r\n", *bad);
    CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", header, "{\"rpm\":6}"), 412);
    CHECK_HAS(body, "urn:weir:problem:stale");
    CHECK_INT(ask(x, "DELETE /api/v1/keys/1", header, ""), 412);
    CHECK_INT(ask(x, "POST /api/v1/keys/1/rotate", header, ""), 412);
  }
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "if-match: \"1\", W/\"2\", \"7\", *\r\n", "{\"rpm\":6}"), 412);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "if-match: ,\r\n", "{\"rpm\":6}"), 400);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "if-match:\r\n", "{\"rpm\":6}"), 400);
  CHECK_HAS(body, "If-Match is empty");
  CHECK_INT(ask(x, "DELETE /api/v1/keys/1", "if-match: \"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"\r\n", ""),
            400);
  CHECK_HAS(body, "If-Match may name 8 entity tags at most");
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "if-match: \"1\", \"7\" ,\"2\"\r\n", "{\"rpm\":6}"), 200);
  CHECK_TEXT(text_of(etag), TEXT("\"3\""));
  /* Several lines are one list. */
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "if-match: \"3\"\r\nif-match: *\r\n", "{\"rpm\":6}"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "if-match: \"9\"\r\nIf-Match: \"3\"\r\n", "{\"rpm\":6}"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "if-match: \"9\"\r\nif-match: \"8\"\r\n", "{\"rpm\":7}"), 412);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "if-match: *\r\nif-match: \"9\"\r\n", "{\"rpm\":7}"), 412);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"rpm\":6}"), 200); /* which it is: nothing changes */
  CHECK_TEXT(text_of(etag), TEXT("\"3\""));
  CHECK_INT(ask(x, "GET /api/v1/keys/1", "if-none-match: \"2\", W/\"3\"\r\n", ""), 304);
  CHECK_INT((int)strlen(body), 0);
  CHECK_INT(ask(x, "GET /api/v1/keys/1", "if-none-match: \"2\"\r\nif-none-match: \"3\"\r\n", ""), 304);
  CHECK_INT(ask(x, "GET /api/v1/keys/1", "if-none-match: \"2\"\r\n", ""), 200);
  CHECK_INT(ask(x, "DELETE /api/v1/keys/1", "if-match: \"3\"\r\n", ""), 204);
  CHECK_INT((int)strlen(body), 0);
  CHECK_INT(get(x, "/api/v1/keys/1"), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/keys/1", "if-match: *\r\n", ""), 404);
}

static void check_versions_run(void *arg) { run(check_versions); }
static void a_change_is_made_from_the_version_it_names(void **state) { run_fiber(check_versions_run, NULL); }

/* What is not changed here has an entity tag of its words, which no change is made from. */
static void check_fixed(struct fixture *x) {
  for (const char *const *path = (const char *const[]){"/api/v1/roles/owner", "/api/v1/providers/a", NULL}; *path;
       path++) {
    char line[64], known[128];
    CHECK_INT(get(x, *path), 200);
    CHECK_HAS(etag, "W/\"");
    snprintf(line, sizeof(line), "GET %s", *path);
    snprintf(known, sizeof(known), "if-none-match: \"1\", %s\r\n", etag);
    CHECK_INT(ask(x, line, known, ""), 304);
    CHECK_INT(ask(x, line, "if-none-match: W/\"AAAAAAAAAAAAAAAAAAAAAA\"\r\n", ""), 200);
  }
}

static void check_fixed_run(void *arg) { run(check_fixed); }
static void what_is_not_changed_here_is_known_by_its_words(void **state) { run_fiber(check_fixed_run, NULL); }

static void check_size(struct fixture *x) {
  static char json[API_BODY_BYTES + 100];
  snprintf(json, sizeof(json), "{\"name\":\"%0*d\"}", API_BODY_BYTES, 1);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", json), 413);
  CHECK_HAS(body, "{\"type\":\"urn:weir:problem:too-large\",\"title\":\"Content Too Large\",\"status\":413,");
}

static void check_size_run(void *arg) { run(check_size); }
static void a_body_that_is_too_long_is_a_problem_of_its_own(void **state) { run_fiber(check_size_run, NULL); }

static void check_twice(struct fixture *x) {
  static const char *const twice[] = {
      "accept-version: 1\r\nAccept-Version: 2\r\n", "accept-version: 1\r\naccept-version: 1\r\n",
      "idempotency-key: a\r\nidempotency-key: b\r\n", "content-type: application/json\r\n"};
  for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
    CHECK_INT(make_key(x, "twice", twice[i]), 400);
    CHECK_HAS(body, "is there more than once");
  }
  CHECK_INT(get(x, "/api/v1/keys"), 200);
  CHECK_HAS(body, "{\"data\":[]");
}

static void check_twice_run(void *arg) { run(check_twice); }
static void a_header_that_counts_once_is_there_once(void **state) { run_fiber(check_twice_run, NULL); }

static void check_repeats(struct fixture *x) {
  static char first[65536];
  CHECK_INT(make_key(x, "one", "idempotency-key: abc\r\n"), 201);
  CHECK_TEXT(text_of(replayed), TEXT(""));
  memcpy(first, body, sizeof(first));
  CHECK_INT(make_key(x, "one", "idempotency-key: abc\r\n"), 201);
  CHECK_TEXT(text_of(body), text_of(first)); /* the secret too */
  CHECK_TEXT(text_of(replayed), TEXT("true"));
  CHECK_TEXT(text_of(location), TEXT("/api/v1/keys/1"));
  CHECK_TEXT(text_of(etag), TEXT("\"1\""));
  CHECK_INT(make_key(x, "two", "idempotency-key: abc\r\n"), 422);
  CHECK_HAS(body, "used for another request");
  CHECK_INT(ask(x, "POST /api/v1/keys/1/rotate", "idempotency-key: abc\r\n", ""), 422);
  x->caller.actor = TEXT("local:1"); /* somebody else's key is another */
  CHECK_INT(make_key(x, "two", "idempotency-key: abc\r\n"), 201);
  CHECK_TEXT(text_of(replayed), TEXT(""));
  CHECK_INT(get(x, "/api/v1/keys"), 200);
  CHECK_HAS(body, "\"id\":2,");
  CHECK_INT(strstr(body, "\"id\":3,") != NULL, 0);
}

static void check_repeats_run(void *arg) { run(check_repeats); }
static void a_repeated_request_gets_its_answer_and_is_not_done_again(void **state) {
  run_fiber(check_repeats_run, NULL);
}

static void check_repeated_errors(struct fixture *x) {
  static char long_key[300], header[340];
  struct store_answer_key k = {.caller = x->caller.actor, .now_us = INT64_C(4000000000000000)};
  struct store_answer known;
  struct arena a;
  CHECK_INT(make_key(x, "one", ""), 201);
  CHECK_INT(make_key(x, "one", "idempotency-key: k\r\n"), 409);
  CHECK_INT(ask(x, "DELETE /api/v1/keys/1", "", ""), 204);
  CHECK_INT(make_key(x, "one", "idempotency-key: k\r\n"), 201); /* nothing had been changed */
  memset(long_key, 'k', sizeof(long_key) - 1);
  snprintf(header, sizeof(header), "idempotency-key: %s\r\n", long_key);
  CHECK_INT(make_key(x, "two", header), 400);
  CHECK_INT(make_key(x, "two", "idempotency-key: a b\r\n"), 400);
  CHECK_INT(make_key(x, "two", "idempotency-key:\r\n"), 400);
  /* One that is being worked on: as if another request had come first. */
  arena_init(&a);
  struct text word = TEXT("local:0 busy");
  x->api.keysmith->sum(x->api.keysmith, word, k.key_hash);
  x->api.keysmith->sum(x->api.keysmith, TEXT("POST\n/api/v1/keys\n\n{\"name\":\"two\"}"), k.body_sum);
  CHECK_ERR(x->api.store->ops->answers->take(x->api.store, &k, &a, &known, NULL), ERR_OK);
  CHECK_INT(known.state, STORE_ANSWER_NEW);
  CHECK_INT(make_key(x, "two", "idempotency-key: busy\r\n"), 409);
  CHECK_HAS(body, "being worked on");
  arena_done(&a);
}

static void check_repeated_errors_run(void *arg) { run(check_repeated_errors); }
static void an_error_may_be_tried_again_under_the_same_key(void **state) { run_fiber(check_repeated_errors_run, NULL); }

static void check_members(struct fixture *x) {
  CHECK_INT(make_key(x, "one", ""), 201);
  for (const char *const *bad = (const char *const[]){"id", "version", "prefix", "hash", "org_id", "created",
                                                      "last_used", "secret", "__proto__", "constructor", "Name", NULL};
       *bad; bad++) {
    char json[128], at[64];
    snprintf(json, sizeof(json), "{\"name\":\"two\",\"%s\":1}", *bad);
    snprintf(at, sizeof(at), "{\"pointer\":\"/%s\",\"detail\":\"is not known here\"}", *bad);
    CHECK_INT(send_json(x, "POST /api/v1/keys", "", json), 422);
    CHECK_HAS(body, at);
    CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", json), 422);
    CHECK_HAS(body, at);
  }
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"rpm\":0,\"expires\":\"now\",\"models\":[1]}"), 422);
  CHECK_HAS(body, "{\"pointer\":\"/name\",\"detail\":\"is missing\"}");
  CHECK_HAS(body, "{\"pointer\":\"/rpm\"");
  CHECK_HAS(body, "{\"pointer\":\"/expires\"");
  CHECK_HAS(body, "{\"pointer\":\"/models/0\"");
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"a\",\"name\":\"b\"}"), 400);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "[]"), 422);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":"), 400);
  CHECK_INT(ask(x, "POST /api/v1/keys", "content-type: text/plain\r\n", "{\"name\":\"two\"}"), 415);
  CHECK_INT(get(x, "/api/v1/keys/1"), 200);
  CHECK_HAS(body, "\"name\":\"one\"");
}

static void check_members_run(void *arg) { run(check_members); }
static void nothing_is_taken_that_is_not_on_offer(void **state) { run_fiber(check_members_run, NULL); }

static void check_rights(struct fixture *x) {
  CHECK_INT(make_key(x, "one", ""), 201);
  x->caller =
      (struct caller){.kind = CALLER_USER, .id = 7, .org_id = 1, .actor = TEXT("user:7"), .origin = TEXT("::1")};
  CHECK_INT(get(x, "/api/v1/keys"), 403);
  CHECK_HAS(body, "\"detail\":\"this needs the permission keys.read\"");
  CHECK_INT(make_key(x, "two", ""), 403);
  CHECK_HAS(body, "keys.write");
  x->caller.permissions = PERMISSION_BIT(PERMISSION_KEYS_READ);
  CHECK_INT(get(x, "/api/v1/keys/1"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{}"), 403);
  x->caller.permissions = PERMISSION_BIT(PERMISSION_SYSTEM_READ);
  CHECK_INT(get(x, "/api/v1/jobs"), 200);
  x->caller.org_id = 2; /* the installation is not another organisation's */
  CHECK_INT(get(x, "/api/v1/jobs"), 404);
  CHECK_INT(get(x, "/api/v1/audit"), 403);
}

static void check_rights_run(void *arg) { run(check_rights); }
static void who_may_not_is_told_which_permission_is_lacking(void **state) { run_fiber(check_rights_run, NULL); }

static void check_methods(struct fixture *x) {
  CHECK_INT(make_key(x, "one", ""), 201);
  CHECK_INT(ask(x, "HEAD /api/v1/keys/1", "", ""), 200);
  CHECK_INT((int)strlen(body), 0);
  CHECK_TEXT(text_of(etag), TEXT("\"1\""));
  CHECK_INT(ask(x, "OPTIONS /api/v1/keys/1", "", ""), 204);
  CHECK_TEXT(text_of(allow), TEXT("GET, HEAD, PATCH, DELETE"));
  CHECK_INT(ask(x, "OPTIONS /api/v1/nothing", "", ""), 404);
  for (const char *const *bad = (const char *const[]){"PUT", "PROPFIND", NULL}; *bad; bad++) {
    char line[64];
    snprintf(line, sizeof(line), "%s /api/v1/keys/1", *bad);
    CHECK_INT(ask(x, line, "", ""), 405);
    CHECK_TEXT(text_of(allow), TEXT("GET, HEAD, PATCH, DELETE"));
  }
  for (const char *const *bad = (const char *const[]){"get", "Patch", "TRACE", "DELETE2", NULL}; *bad; bad++) {
    char line[64];
    snprintf(line, sizeof(line), "%s /api/v1/keys/1", *bad);
    int status = ask(x, line, "", "");
    CHECK_INT(status == 400 || status == 405, 1);
  }
  CHECK_INT(ask(x, "GET /api/v1/keys", "x-http-method-override: DELETE\r\n", ""), 200);
  CHECK_INT(ask(x, "GET /api/v1/keys", "accept-version: 1\r\n", ""), 200);
  CHECK_INT(ask(x, "GET /api/v1/keys", "accept-version: 2\r\n", ""), 406);
  CHECK_HAS(body, "the version of this API is 1");
}

static void check_methods_run(void *arg) { run(check_methods); }
static void methods_are_what_the_table_says(void **state) { run_fiber(check_methods_run, NULL); }

static void check_rate(struct fixture *x) {
  x->api.rates = rates_new();
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = 7,
                              .org_id = 1,
                              .actor = TEXT("user:7"),
                              .origin = TEXT("::1"),
                              .permissions = PERMISSION_ALL};
  int refused = 0;
  for (int i = 0; i < 650 && !refused; i++)
    refused = get(x, "/api/v1/keys/9") == 429;
  CHECK_INT(refused, 1);
  CHECK_TEXT(text_of(retry_after), TEXT("1"));
  CHECK_HAS(body, "urn:weir:problem:rate-limited");
  x->caller.actor = TEXT("user:8");
  CHECK_INT(get(x, "/api/v1/keys/9"), 404);
  rates_free(x->api.rates);
}

static void check_rate_run(void *arg) { run(check_rate); }
static void a_caller_who_asks_too_often_is_told_when_to_come_again(void **state) { run_fiber(check_rate_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_change_is_made_from_the_version_it_names),
      cmocka_unit_test(what_is_not_changed_here_is_known_by_its_words),
      cmocka_unit_test(a_body_that_is_too_long_is_a_problem_of_its_own),
      cmocka_unit_test(a_header_that_counts_once_is_there_once),
      cmocka_unit_test(a_repeated_request_gets_its_answer_and_is_not_done_again),
      cmocka_unit_test(an_error_may_be_tried_again_under_the_same_key),
      cmocka_unit_test(nothing_is_taken_that_is_not_on_offer),
      cmocka_unit_test(who_may_not_is_told_which_permission_is_lacking),
      cmocka_unit_test(methods_are_what_the_table_says),
      cmocka_unit_test(a_caller_who_asks_too_often_is_told_when_to_come_again),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
