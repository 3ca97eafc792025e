/* Single values of the configuration through the control API: shown with where they come from, changed, refused before
 * anything is stored, and put back. */
#include "api_fixture.h"

#include "ports/store_entities.h"

/* What a reload does. */
static void take_up(struct fixture *x) {
  static struct config_errors errors;
  struct store_entity *rows = NULL;
  struct config_entry entries[16] = {0};
  struct config *c = NULL;
  size_t count = 0;
  struct arena a;
  arena_init(&a);
  CHECK_ERR(x->api.store->ops->entities->list(x->api.store, &a, &rows, &count, NULL), ERR_OK);
  for (size_t i = 0; i < count; i++) {
    CHECK_INT(config_kind_find(rows[i].kind, &entries[i].kind), true);
    entries[i].id = rows[i].id;
    entries[i].version = rows[i].version;
    entries[i].body = rows[i].body;
  }
  CHECK_ERR(fixture_join(NULL, entries, count, &c, &errors), ERR_OK);
  config_unref((struct config *)x->snapshot.config);
  x->snapshot.config = c;
  arena_done(&a);
}

static int64_t stored(struct fixture *x) {
  struct store_entity *rows = NULL;
  size_t count = 0;
  int64_t versions = 0;
  struct arena a;
  arena_init(&a);
  CHECK_ERR(x->api.store->ops->entities->list(x->api.store, &a, &rows, &count, NULL), ERR_OK);
  for (size_t i = 0; i < count; i++)
    versions += rows[i].version;
  arena_done(&a);
  return versions;
}

static int put(struct fixture *x, const char *key, const char *more, const char *value) {
  char line[128], json[256];
  snprintf(line, sizeof(line), "PUT /api/v1/settings/%s", key);
  snprintf(json, sizeof(json), "{\"value\":%s}", value);
  return send_json(x, line, more, json);
}

static void check_life(struct fixture *x) {
  CHECK_INT(get(x, "/api/v1/settings/breaker.failures"), 200);
  CHECK_HAS(body,
            "{\"key\":\"breaker.failures\",\"value\":3,\"default\":3,\"source\":\"default\",\"changeable\":true,"
            "\"why\":null,\"stored\":null,\"version\":null,\"in_force\":false,\"problem\":null,\"type\":"
            "\"integer\",\"allowed\":\"1 to 1000000\",\"minimum\":1,\"maximum\":1000000,\"description\":\"so many "
            "failures open the breaker of a target\",\"changed\":null}");
  CHECK_TEXT(text_of(etag), TEXT(""));
  CHECK_INT(put(x, "breaker.failures", "", "9"), 200);
  CHECK_TEXT(text_of(etag), TEXT("\"1\""));
  CHECK_HAS(body, "\"value\":9,\"default\":3,\"source\":\"store\"");
  CHECK_HAS(body, "\"stored\":9,\"version\":1,\"in_force\":false,");
  take_up(x);
  CHECK_INT(x->snapshot.config->breaker.failures, 9);
  CHECK_INT(get(x, "/api/v1/settings/breaker.failures"), 200);
  CHECK_HAS(body, "\"value\":9,\"default\":3,\"source\":\"store\",\"changeable\":true");
  CHECK_HAS(body, "\"in_force\":true");
  CHECK_INT(ask(x, "GET /api/v1/settings/breaker.failures", "if-none-match: \"1\"\r\n", ""), 304);
  CHECK_INT(put(x, "breaker.failures", "", "8"), 200);
  CHECK_HAS(body, "\"stored\":8,\"version\":2,");
  CHECK_INT(put(x, "breaker.open", "", "\"90s\""), 200);
  CHECK_INT(get(x, "/api/v1/audit?action=setting.update"), 200);
  CHECK_HAS(body, "\"before\":\"{\\\"setting\\\":{\\\"key\\\":\\\"breaker.failures\\\",\\\"value\\\":9}");
  CHECK_HAS(body, "\"after\":\"{\\\"setting\\\":{\\\"key\\\":\\\"breaker.failures\\\",\\\"value\\\":8}");
  CHECK_INT(ask(x, "DELETE /api/v1/settings/breaker.failures", "", ""), 204);
  take_up(x);
  CHECK_INT(x->snapshot.config->breaker.failures, 3);
  CHECK_INT(x->snapshot.config->breaker.open_ms, 90000);
  CHECK_INT(ask(x, "DELETE /api/v1/settings/breaker.failures", "", ""), 404);
  CHECK_HAS(body, "the default is in force");
}

static void check_life_run(void *arg) { run(check_life); }
static void a_setting_is_given_changed_and_put_back(void **state) { run_fiber(check_life_run, NULL); }

static void expect_invalid(struct fixture *x, const char *key, const char *value, const char *detail) {
  int64_t before = stored(x);
  char error[300];
  snprintf(error, sizeof(error), "\"pointer\":\"/value\",\"detail\":\"%s", detail);
  CHECK_INT(put(x, key, "", value), 422);
  CHECK_HAS(body, error);
  CHECK_INT(stored(x), before);
}

static void check_refused(struct fixture *x) {
  expect_invalid(x, "breaker.failures", "0", "must be a whole number from 1 to 1000000");
  expect_invalid(x, "breaker.failures", "1.5", "must be a whole number");
  expect_invalid(x, "breaker.failures", "\"9\"", "must be a whole number");
  expect_invalid(x, "breaker.failures", "null", "must be a text, a number, true or false, or a list");
  expect_invalid(x, "breaker.failures", "{}", "must be a text, a number, true or false, or a list");
  expect_invalid(x, "breaker.open", "5", "must be a text such as");
  expect_invalid(x, "breaker.open", "\"25h\"", "must be a duration");
  expect_invalid(x, "affinity.enabled", "\"true\"", "must be true or false");
  expect_invalid(x, "telemetry.log_level", "\"loud\"", "must be one of");
  expect_invalid(x, "telemetry.log_level", "[\"info\"]", "must be a text");
  CHECK_INT(send_json(x, "PUT /api/v1/settings/breaker.open", "", "{}"), 422);
  CHECK_HAS(body, "{\"pointer\":\"/value\",\"detail\":\"is missing\"}");
  CHECK_INT(send_json(x, "PUT /api/v1/settings/breaker.open", "", "{\"value\":\"1s\",\"key\":\"retry.base\"}"), 422);
  CHECK_HAS(body, "{\"pointer\":\"/key\",\"detail\":\"is not known here\"}");
  CHECK_INT(put(x, "breaker.none", "", "1"), 404);
  CHECK_INT(put(x, "breaker", "", "1"), 404);
  CHECK_INT(put(x, "smtp.password", "", "\"hush\""), 404);
  CHECK_INT(get(x, "/api/v1/settings/server_key"), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/settings/breaker.none", "", ""), 404);
  CHECK_INT(send_json(x, "POST /api/v1/settings", "", "{\"value\":1}"), 405);
  CHECK_INT(stored(x), 0);
}

static void check_refused_run(void *arg) { run(check_refused); }
static void what_would_not_load_is_refused_with_its_reason(void **state) { run_fiber(check_refused_run, NULL); }

static void check_clash(struct fixture *x) {
  expect_invalid(x, "retry.max", "\"10ms\"", "`retry.base` must not be longer than `max`");
  CHECK_INT(put(x, "retry.base", "", "\"2s\""), 200);
  expect_invalid(x, "retry.max", "\"1s\"", "does not go with `retry.base`, which then must not be longer than `max`");
  CHECK_INT(put(x, "retry.max", "", "\"1h\""), 200);
  CHECK_INT(put(x, "retry.base", "", "\"30m\""), 200);
  CHECK_INT(ask(x, "DELETE /api/v1/settings/retry.max", "", ""), 409);
  CHECK_HAS(body, "the setting \\\"retry.base\\\" needs it");
  CHECK_INT(ask(x, "DELETE /api/v1/settings/retry.base", "", ""), 204);
  CHECK_INT(ask(x, "DELETE /api/v1/settings/retry.max", "", ""), 204);
  CHECK_INT(stored(x), 0);
}

static void check_clash_run(void *arg) { run(check_clash); }
static void two_that_do_not_go_together_are_not_taken(void **state) { run_fiber(check_clash_run, NULL); }

static void check_file(struct fixture *x) {
  CHECK_INT(put(x, "queue.size", "", "5"), 409);
  CHECK_HAS(body, "the configuration file gives queue.size: it is changed there");
  CHECK_INT(ask(x, "DELETE /api/v1/settings/queue.size", "", ""), 409);
  CHECK_INT(put(x, "data_dir", "", "\"/\""), 409);
  CHECK_HAS(body, "takes effect only after a restart");
  CHECK_INT(put(x, "backup.dir", "", "\"/\""), 409);
  CHECK_HAS(body, "is given by the configuration file alone");
  CHECK_INT(put(x, "control.allow_ips", "", "[\"0.0.0.0/0\"]"), 409);
  CHECK_INT(ask(x, "DELETE /api/v1/settings/trusted_proxies", "", ""), 409);
  CHECK_INT(get(x, "/api/v1/settings/queue.size"), 200);
  CHECK_HAS(body, "\"value\":7,\"default\":64,\"source\":\"file\",\"changeable\":false,\"why\":\"file\"");
  CHECK_INT(get(x, "/api/v1/settings/control.allow_ips"), 200);
  CHECK_HAS(body, "\"value\":[],\"default\":[],\"source\":\"default\",\"changeable\":false,\"why\":\"file_only\"");
  CHECK_INT(get(x, "/api/v1/settings/workers"), 200);
  CHECK_HAS(body,
            "\"value\":\"auto\",\"default\":\"auto\",\"source\":\"default\",\"changeable\":false,\"why\":\"restart\"");
  CHECK_INT(stored(x), 0);
  /* What the file comes to give later, and what comes to clash with it. */
  CHECK_INT(put(x, "breaker.failures", "", "9"), 200);
  CHECK_INT(put(x, "retry.max", "", "\"1s\""), 200);
  snprintf(fixture_yaml, sizeof(fixture_yaml), "%sbreaker: {failures: 4}\nretry: {base: 3s}\n", api_yaml);
  take_up(x);
  CHECK_INT(get(x, "/api/v1/settings/breaker.failures"), 200);
  CHECK_HAS(body, "\"value\":4,\"default\":3,\"source\":\"file\",\"changeable\":false,\"why\":\"file\",\"stored\":9,"
                  "\"version\":1,\"in_force\":false,\"problem\":null");
  CHECK_INT(get(x, "/api/v1/settings/retry.max"), 200);
  CHECK_HAS(body, "\"value\":\"5s\",\"default\":\"5s\",\"source\":\"default\",\"changeable\":true");
  CHECK_HAS(body, "\"problem\":\"`retry.base` must not be longer than `max`\"");
  CHECK_INT(put(x, "breaker.failures", "", "5"), 409);
  CHECK_INT(ask(x, "DELETE /api/v1/settings/breaker.failures", "", ""), 204);
  CHECK_INT(put(x, "retry.max", "", "\"4s\""), 200);
  take_up(x);
  CHECK_INT(x->snapshot.config->retry.max_ms, 4000);
}

static void check_file_run(void *arg) { api_run(check_file, "queue: {size: 7}\n", serve); }
static void what_is_the_file_s_stays_the_file_s(void **state) { run_fiber(check_file_run, NULL); }

static void check_versions(struct fixture *x) {
  CHECK_INT(put(x, "queue.size", "if-match: \"1\"\r\n", "5"), 412);
  CHECK_INT(put(x, "queue.size", "if-match: *\r\n", "5"), 200);
  CHECK_INT(put(x, "queue.size", "if-match: \"2\"\r\n", "6"), 412);
  CHECK_HAS(body, "it is at version 1");
  CHECK_INT(put(x, "queue.size", "if-match: \"7\", \"1\"\r\n", "6"), 200);
  CHECK_INT(ask(x, "DELETE /api/v1/settings/queue.size", "if-match: \"1\"\r\n", ""), 412);
  CHECK_INT(ask(x, "DELETE /api/v1/settings/queue.size", "if-match: \"2\"\r\n", ""), 204);
}

static void check_versions_run(void *arg) { run(check_versions); }
static void a_change_may_name_the_version_it_is_made_from(void **state) { run_fiber(check_versions_run, NULL); }

static int entries_of_body(void) {
  int n = 0;
  for (const char *at = body; (at = strstr(at, "{\"key\":")) != NULL; at++)
    n++;
  return n;
}

static void check_list(struct fixture *x) {
  int pages = 0, all = 0;
  char target[256] = "/api/v1/settings?limit=30";
  CHECK_INT(put(x, "queue.size", "", "5"), 200);
  take_up(x);
  for (;; pages++) {
    CHECK_INT(get(x, target), 200);
    all += entries_of_body();
    if (next_of()[0] == '\0')
      break;
    snprintf(target, sizeof(target), "/api/v1/settings?limit=30&cursor=%s", next_of());
  }
  CHECK_INT(pages >= 2, 1);
  CHECK_INT(get(x, "/api/v1/settings?limit=200"), 200);
  CHECK_INT(entries_of_body(), all);
  CHECK_INT(strstr(body, "hush") == NULL, 1);
  CHECK_INT(get(x, "/api/v1/settings?section=queue"), 200);
  CHECK_INT(entries_of_body(), 2);
  CHECK_INT(get(x, "/api/v1/settings?section=signin.password"), 200);
  CHECK_INT(entries_of_body(), 3);
  CHECK_INT(get(x, "/api/v1/settings?section=que"), 200);
  CHECK_INT(entries_of_body(), 0);
  CHECK_INT(get(x, "/api/v1/settings?source=store"), 200);
  CHECK_INT(entries_of_body(), 1);
  CHECK_HAS(body, "\"key\":\"queue.size\",\"value\":5");
  CHECK_INT(get(x, "/api/v1/settings?section=breaker&sort=-key"), 200);
  CHECK_INT(strstr(body, "breaker.window") < strstr(body, "breaker.failures"), 1);
  CHECK_INT(get(x, "/api/v1/settings?section=breaker&sort=key"), 200);
  CHECK_INT(strstr(body, "breaker.window") > strstr(body, "breaker.failures"), 1);
  CHECK_INT(get(x, "/api/v1/settings?changeable=false&section=breaker"), 200);
  CHECK_INT(entries_of_body(), 0);
  CHECK_INT(get(x, "/api/v1/settings?changeable=true&limit=200"), 200);
  CHECK_INT(strstr(body, "\"changeable\":false") == NULL && entries_of_body() >= 40, 1);
}

static void check_list_run(void *arg) { run(check_list); }
static void they_are_listed_in_pages_and_by_filters(void **state) { run_fiber(check_list_run, NULL); }

/* As another version would leave it. */
static void check_unknown(struct fixture *x) {
  const struct store_entity of_later = {.kind = TEXT("setting"),
                                        .name = TEXT("breaker.mood"),
                                        .body = TEXT("{\"key\":\"breaker.mood\",\"value\":[\"good\"]}"),
                                        .created_us = 1};
  int64_t id = 0;
  CHECK_ERR(x->api.store->ops->entities->create(x->api.store, &of_later, TEST_ACTOR, &id, NULL), ERR_OK);
  take_up(x);
  CHECK_INT(get(x, "/api/v1/settings?section=breaker"), 200);
  CHECK_HAS(body,
            "{\"key\":\"breaker.mood\",\"value\":null,\"default\":null,\"source\":\"default\",\"changeable\":false,"
            "\"why\":\"unknown\",\"stored\":[\"good\"],\"version\":1,\"in_force\":false,\"problem\":\"is of a key "
            "that this version does not have\"");
  CHECK_INT(put(x, "breaker.mood", "", "[\"bad\"]"), 404);
  CHECK_INT(put(x, "breaker.failures", "", "4"), 200);
  CHECK_INT(ask(x, "DELETE /api/v1/settings/breaker.mood", "", ""), 204);
  CHECK_INT(get(x, "/api/v1/settings/breaker.mood"), 404);
}

static void check_unknown_run(void *arg) { run(check_unknown); }
static void one_of_another_version_is_shown_and_can_be_removed(void **state) { run_fiber(check_unknown_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_setting_is_given_changed_and_put_back),
      cmocka_unit_test(what_would_not_load_is_refused_with_its_reason),
      cmocka_unit_test(two_that_do_not_go_together_are_not_taken),
      cmocka_unit_test(what_is_the_file_s_stays_the_file_s),
      cmocka_unit_test(a_change_may_name_the_version_it_is_made_from),
      cmocka_unit_test(they_are_listed_in_pages_and_by_filters),
      cmocka_unit_test(one_of_another_version_is_shown_and_can_be_removed),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
