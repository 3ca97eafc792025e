/* The control API: pages, filters, errors, addresses. */
#include "api_fixture.h"

static void add_keys(struct store *s, int count) {
  for (int i = 1; i <= count; i++) {
    char name[16];
    int64_t id;
    snprintf(name, sizeof(name), "key %d", i);
    struct store_key k = {.name = text_of(name),
                          .prefix = TEXT("weir_abc"),
                          .models = TEXT("a\nb*"),
                          .budget_nano = 2500000000,
                          .budget_period = TEXT("week"),
                          .created_us = INT64_C(1801353600000000)};
    memset(k.hash, i, sizeof(k.hash));
    CHECK_ERR(s->ops->key_create(s, &k, TEST_ACTOR, &id, NULL), ERR_OK);
  }
}

static void add_requests(struct store *s) {
  struct ledger_row rows[3];
  for (int i = 0; i < 3; i++)
    rows[i] = (struct ledger_row){.id = 100 + i,
                                  .reserved_us = 1000000 * i,
                                  .settled_us = 5000000,
                                  .request_id = TEXT("req_1"),
                                  .attempt = 1,
                                  .key_id = 1,
                                  .key_name = TEXT("key 1"),
                                  .user = i == 1 ? TEXT("a b") : TEXT("c"),
                                  .model = TEXT("m"),
                                  .provider_metadata = i == 2 ? TEXT("{\"speed\":\"fast\"}") : TEXT(""),
                                  .outcome = i == 2 ? TEXT("error") : TEXT("ok"),
                                  .usage = {.input = 7, .known = true},
                                  .cost = {.total = 21, .known = true},
                                  .first_token_us = -1};
  CHECK_ERR(s->ops->ledger_append(s, rows, 3, TEXT("j"), 1, NULL), ERR_OK);
}

static void check_keys(struct fixture *x) {
  char target[256];
  add_keys(x->api.store, 5);
  CHECK_INT(get(x, "/api/v1/keys?limit=2"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":1,\"name\":\"key 1\",\"prefix\":\"weir_abc\",\"user\":null,");
  CHECK_HAS(body, "\"models\":[\"a\",\"b*\"],\"rpm\":null,");
  CHECK_HAS(body, "\"budget_usd\":\"2.50\",\"budget_period\":\"week\",\"created\":\"2027-01-31T00:00:00Z\"");
  snprintf(target, sizeof(target), "/api/v1/keys?cursor=%s&limit=2", next_of());
  CHECK_INT(get(x, target), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":3,");
  snprintf(target, sizeof(target), "/api/v1/keys?limit=2&cursor=%s", next_of());
  CHECK_INT(get(x, target), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":5,");
  CHECK_HAS(body, "}],\"next\":null}");
  CHECK_INT(get(x, "/api/v1/keys/4"), 200);
  CHECK_HAS(body, "{\"id\":4,\"name\":\"key 4\"");
  CHECK_TEXT(text_of(etag), TEXT("\"1\""));
  for (const char *const *bad =
           (const char *const[]){"6", "0", "-1", "x", "4x", "%34%00", "99999999999999999999", NULL};
       *bad; bad++) {
    snprintf(target, sizeof(target), "/api/v1/keys/%s", *bad);
    CHECK_INT(get(x, target), 404);
    CHECK_HAS(body, "\"type\":\"urn:weir:problem:not-found\"");
  }
}

static void check_keys_run(void *arg) { run(check_keys); }
static void keys_come_in_pages(void **state) { run_fiber(check_keys_run, NULL); }

static void check_requests(struct fixture *x) {
  char target[256];
  add_requests(x->api.store);
  CHECK_INT(get(x, "/api/v1/requests?limit=1"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":\"102\",\"request_id\":\"req_1\"");
  CHECK_HAS(body, "\"outcome\":\"error\"");
  CHECK_HAS(body, "\"provider_metadata\":{\"speed\":\"fast\"}");
  CHECK_HAS(body, "\"tokens\":{\"input\":7,");
  CHECK_HAS(body, "\"cost_usd\":{\"total\":\"0.000000021\"");
  CHECK_HAS(body, "\"settled\":\"1970-01-01T00:00:05Z\"");
  snprintf(target, sizeof(target), "/api/v1/requests?limit=2&cursor=%s", next_of());
  CHECK_INT(get(x, target), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":\"101\"");
  CHECK_HAS(body, "\"provider_metadata\":null");
  CHECK_HAS(body, "\"next\":null");
  CHECK_INT(get(x, "/api/v1/requests?user=a+b"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":\"101\"");
  CHECK_INT(get(x, "/api/v1/requests?outcome=failed&since=1970-01-01T00:00:05Z"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":\"102\"");
  CHECK_INT(get(x, "/api/v1/requests?until=1970-01-01T00:00:05Z"), 200);
  CHECK_TEXT(text_of(body), TEXT("{\"data\":[],\"next\":null}"));
}

static void check_requests_run(void *arg) { run(check_requests); }
static void requests_are_found_by_what_they_are(void **state) { run_fiber(check_requests_run, NULL); }

static void check_usage(struct fixture *x) {
  struct store *s = x->api.store;
  const struct usage_roll_up_ask all = {.zone = TEXT("UTC"), .max = 100};
  size_t minutes = 0;
  add_requests(s);
  CHECK_ERR(s->ops->usage->roll_up(s, &all, &minutes, NULL), ERR_OK);
  CHECK_INT(get(x, "/api/v1/usage"), 200);
  CHECK_HAS(body, "{\"data\":[{\"start\":null,\"end\":null,\"key_id\":null,\"key_name\":null,");
  CHECK_HAS(body, "\"attempts\":3,\"input_tokens\":21,");
  CHECK_HAS(body, "\"cost_usd\":\"0.000000063\",");
  CHECK_INT(strstr(body, "\"next\"") != NULL, 0);
  CHECK_INT(get(x, "/api/v1/usage?by=user&by=outcome&every=day"), 200);
  CHECK_HAS(body, "\"end\":\"1970-01-02T00:00:00Z\"");
  CHECK_HAS(body, "\"user\":\"a b\",\"workspace\":null,\"provider\":null,\"model\":null,\"outcome\":\"ok\"");
  CHECK_HAS(body, "\"outcome\":\"error\"");
  CHECK_INT(get(x, "/api/v1/usage?user=a+b&by=key"), 200);
  CHECK_HAS(body, "\"key_id\":1,\"key_name\":\"key 1\"");
  CHECK_HAS(body, "\"attempts\":1,");
  CHECK_INT(get(x, "/api/v1/usage?by=colour&every=year&limit=1"), 422);
  CHECK_HAS(body, "{\"parameter\":\"by\",\"detail\":\"must be one of key|user|workspace|provider|model|outcome\"}");
  CHECK_HAS(body, "{\"parameter\":\"every\",");
  CHECK_HAS(body, "{\"parameter\":\"limit\",\"detail\":\"is not known here\"}");
}

static void check_usage_run(void *arg) { run(check_usage); }
static void usage_is_summed_as_asked(void **state) { run_fiber(check_usage_run, NULL); }

static void check_replicas(struct fixture *x) {
  struct store *s = x->api.store;
  unsigned seat;
  for (uint64_t boot = 1; boot <= 3; boot++) {
    const struct store_replica r = {.boot = boot, .name = TEXT("host"), .version = TEXT("1")};
    CHECK_ERR(s->ops->replicas->claim(s, &r, 0, &seat, NULL), ERR_OK);
  }
  CHECK_INT(get(x, "/api/v1/replicas?limit=2"), 200);
  CHECK_HAS(body, "{\"data\":[{\"boot\":\"0000000000000001\",\"name\":\"host\",\"version\":\"1\",\"seat\":0,");
  char target[256];
  snprintf(target, sizeof(target), "/api/v1/replicas?limit=2&cursor=%s", next_of());
  CHECK_INT(get(x, target), 200);
  CHECK_HAS(body, "{\"data\":[{\"boot\":\"0000000000000003\"");
  CHECK_HAS(body, "\"next\":null");
}

static void check_replicas_run(void *arg) { run(check_replicas); }
static void replicas_are_listed(void **state) { run_fiber(check_replicas_run, NULL); }

static void check_jobs(struct fixture *x) {
  struct store *s = x->api.store;
  char target[256];
  int64_t id = 0;
  bool running;
  for (int i = 0; i < 3; i++) {
    const struct store_job_new n = {.kind = i ? TEXT("rollup") : TEXT("purge"), .args = TEXT("{}"), .max_attempts = 2};
    CHECK_ERR(s->ops->jobs->enqueue(s, &n, INT64_C(1801353600000000), &id, NULL), ERR_OK);
  }
  CHECK_ERR(s->ops->jobs->cancel(s, id, INT64_C(1801353600000000), &running, NULL), ERR_OK);
  CHECK_INT(get(x, "/api/v1/jobs?limit=2"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":3,\"kind\":\"rollup\",\"state\":\"cancelled\",\"args\":\"{}\",\"result\":null,");
  snprintf(target, sizeof(target), "/api/v1/jobs?limit=2&cursor=%s", next_of());
  CHECK_INT(get(x, target), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":1,\"kind\":\"purge\"");
  CHECK_HAS(body, "\"next\":null");
  CHECK_INT(get(x, "/api/v1/jobs?state=queued&kind=rollup"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":2,");
  CHECK_HAS(body, "\"next\":null");
  CHECK_INT(get(x, "/api/v1/jobs/3"), 200);
  CHECK_HAS(body, "\"created\":\"2027-01-31T00:00:00Z\"");
  CHECK_INT(get(x, "/api/v1/jobs/4"), 404);
  CHECK_INT(get(x, "/api/v1/jobs?state=asleep"), 422);
}

static void check_jobs_run(void *arg) { run(check_jobs); }
static void jobs_are_listed_by_kind_and_state(void **state) { run_fiber(check_jobs_run, NULL); }

static void check_audit(struct fixture *x) {
  char target[256];
  add_keys(x->api.store, 3);
  CHECK_INT(get(x, "/api/v1/audit?limit=2"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":3,\"at\":\"");
  CHECK_HAS(body, "\"actor\":\"local:tester\",\"origin\":\"cli\",\"action\":\"key.create\",\"subject\":\"key:3\","
                  "\"organisation\":null,\"before\":null,");
  snprintf(target, sizeof(target), "/api/v1/audit?limit=2&cursor=%s", next_of());
  CHECK_INT(get(x, target), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":1,");
  CHECK_INT(get(x, "/api/v1/audit?subject=key:2&action=key.create&actor=local:tester"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":2,");
  CHECK_INT(get(x, "/api/v1/audit?action=key.block"), 200);
  CHECK_TEXT(text_of(body), TEXT("{\"data\":[],\"next\":null}"));
}

static void check_audit_run(void *arg) { run(check_audit); }
static void changes_are_listed_with_who_made_them(void **state) { run_fiber(check_audit_run, NULL); }

static void check_declared(struct fixture *x) {
  CHECK_INT(get(x, "/api/v1/providers?limit=1"), 200);
  CHECK_HAS(body,
            "{\"data\":[{\"id\":null,\"source\":\"file\",\"name\":\"a\",\"version\":null,\"position\":1,\"config\":"
            "{\"name\":\"a\",\"kind\":\"anthropic\",\"credentials\":[{\"name\":\"main\"},{\"name\":\"b\"}]},"
            "\"in_force\":true,\"shadowed\":false,\"problem\":null,\"created\":null,\"changed\":null}],\"next\":\"");
  CHECK_INT(strstr(body, "sk-hush") != NULL, 0);
  CHECK_INT(get(x, "/api/v1/providers/%62"), 200);
  CHECK_HAS(body, "\"name\":\"b\"");
  CHECK_INT(get(x, "/api/v1/providers/none"), 404);
  CHECK_INT(get(x, "/api/v1/models"), 200);
  CHECK_HAS(body,
            "{\"name\":\"m-*\",\"strategy\":\"weighted\",\"targets\":[{\"provider\":\"a\",\"model\":\"x-*\",\"weight\":"
            "3}]}");
  CHECK_INT(get(x, "/api/v1/policies"), 200);
  CHECK_HAS(body, "{\"name\":\"p\",\"only\":[\"a\"],\"first\":[\"anthropic\"]}");
  CHECK_INT(get(x, "/api/v1/prices"), 200);
  CHECK_HAS(body, "\"name\":\"a *\"");
  CHECK_HAS(body, "{\"provider\":\"a\",\"model\":\"*\",\"input\":\"3\",\"output\":\"15.5\"}");
  CHECK_INT(strstr(body, "\"price_version\":null") != NULL, 0);
}

static void check_declared_run(void *arg) { run(check_declared); }
static void what_is_declared_is_shown_without_its_secrets(void **state) { run_fiber(check_declared_run, NULL); }

static void check_errors(struct fixture *x) {
  CHECK_INT(get(x, "/api/v1/keys?limit=0&cursor=abc&x=1"), 422);
  CHECK_TEXT(text_of(type), TEXT("application/problem+json"));
  CHECK_HAS(body, "\"status\":422,\"detail\":\"3 parts of the request are not valid: see `errors`\"");
  CHECK_HAS(body, "{\"parameter\":\"limit\",\"detail\":\"must be 1 to 200\"}");
  CHECK_HAS(body, "{\"parameter\":\"cursor\",\"detail\":\"is none that a list has given\"}");
  CHECK_HAS(body, "{\"parameter\":\"x\",\"detail\":\"is not known here\"}");
  for (const char *const *bad = (const char *const[]){"MTow", "MTowOjA", "MTowOi0x", "MTo6", "%00", NULL}; *bad;
       bad++) {
    char target[128];
    snprintf(target, sizeof(target), "/api/v1/keys?cursor=%s", *bad);
    CHECK_INT(get(x, target), 422);
  }
  CHECK_INT(ask(x, "DELETE /api/v1/keys", "", ""), 405);
  CHECK_TEXT(text_of(allow), TEXT("GET, HEAD, POST"));
  CHECK_HAS(body, "urn:weir:problem:method-not-allowed");
  CHECK_INT(ask(x, "GET /api/v1/keys", "content-type: application/json\r\n", "{}"), 400);
  CHECK_HAS(body, "takes no body");
  for (const char *const *bad =
           (const char *const[]){"/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/keys/", "/api/v1/keys/1/2",
                                 "/api/v1//keys", "/api/v2/keys", "/api/v1/Keys", "/api/v1/keys%2f1", NULL};
       *bad; bad++) {
    if (get(x, *bad) != 404)
      CHECK_TEXT(text_of(*bad), TEXT("404"));
  }
  x->api.store->ops->close(x->api.store); /* and another in its place, that has nothing */
  CHECK_ERR(store_open_memory(&x->api.store, NULL), ERR_OK);
  CHECK_INT(get(x, "/api/openapi.json"), 200);
  CHECK_HAS(body, "{\"openapi\":\"3.1.0\"");
}

static void check_errors_run(void *arg) { run(check_errors); }
static void what_is_wrong_is_told_as_problem_details(void **state) { run_fiber(check_errors_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_come_in_pages),
      cmocka_unit_test(requests_are_found_by_what_they_are),
      cmocka_unit_test(usage_is_summed_as_asked),
      cmocka_unit_test(replicas_are_listed),
      cmocka_unit_test(jobs_are_listed_by_kind_and_state),
      cmocka_unit_test(changes_are_listed_with_who_made_them),
      cmocka_unit_test(what_is_declared_is_shown_without_its_secrets),
      cmocka_unit_test(what_is_wrong_is_told_as_problem_details),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
