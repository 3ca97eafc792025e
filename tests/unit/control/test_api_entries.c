/* Providers, models, policies, prices and assignments made, changed and removed through the control API, and what is
 * refused before it is stored. */
#include "api_fixture.h"

#include "ports/store_entities.h"

#define LOCAL "{\"name\":\"local\",\"kind\":\"openai\",\"base_url\":\"http://127.0.0.1:9/v1\"}"

static int make(struct fixture *x, const char *list, const char *config) {
  static char line[64], json[4096];
  snprintf(line, sizeof(line), "POST /api/v1/%s", list);
  snprintf(json, sizeof(json), "{\"config\":%s}", config);
  return send_json(x, line, "", json);
}

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

static size_t stored(struct fixture *x) {
  struct store_entity *rows = NULL;
  size_t count = 0;
  struct arena a;
  arena_init(&a);
  CHECK_ERR(x->api.store->ops->entities->list(x->api.store, &a, &rows, &count, NULL), ERR_OK);
  arena_done(&a);
  return count;
}

static void check_life(struct fixture *x) {
  CHECK_INT(make(x, "providers", LOCAL), 201);
  CHECK_TEXT(text_of(location), TEXT("/api/v1/providers/1"));
  CHECK_TEXT(text_of(etag), TEXT("\"1\""));
  CHECK_HAS(body, "{\"id\":1,\"source\":\"store\",\"name\":\"local\",\"version\":1,\"position\":1,\"config\":" LOCAL
                  ",\"in_force\":false,\"shadowed\":false,\"problem\":null,");
  CHECK_INT(make(x, "models", "{\"name\":\"s\",\"targets\":[{\"provider\":\"local\",\"model\":\"y\"}]}"), 201);
  CHECK_INT(make(x, "policies", "{\"name\":\"q\",\"first\":[\"local\"]}"), 201);
  CHECK_INT(make(x, "prices", "{\"provider\":\"local\",\"model\":\"*\",\"input\":0.0000001,\"output\":2.50}"), 201);
  CHECK_HAS(body, "\"input\":0.0000001,\"output\":2.50");
  CHECK_INT(make(x, "assignments", "{\"workspace\":\"w\",\"policy\":\"q\"}"), 201);
  CHECK_HAS(body, "\"name\":\"workspace w\"");
  take_up(x);
  CHECK_INT(x->snapshot.config->model_count, 2);
  CHECK_INT(get(x, "/api/v1/providers"), 200);
  CHECK_HAS(body, "\"source\":\"file\",\"name\":\"b\"");
  CHECK_HAS(body, "\"config\":" LOCAL ",\"in_force\":true");
  CHECK_INT(get(x, "/api/v1/prices/4"), 200);
  CHECK_INT(strstr(body, "\"price_version\":null") != NULL, 0);
  CHECK_INT(get(x, "/api/v1/models/s"), 200);
  CHECK_INT(get(x, "/api/v1/models/1"), 404); /* a provider's */
  CHECK_INT(ask(x, "GET /api/v1/models/2", "if-none-match: \"1\"\r\n", ""), 304);
  CHECK_INT(get(x, "/api/v1/audit?action=provider.create"), 200);
  CHECK_HAS(body, "\"subject\":\"provider:1\"");
}

static void check_life_run(void *arg) { run(check_life); }
static void entries_are_made_and_shown_beside_the_file_s(void **state) { run_fiber(check_life_run, NULL); }

static void expect_invalid(struct fixture *x, const char *list, const char *config, const char *error) {
  size_t before = stored(x);
  CHECK_INT(make(x, list, config), 422);
  CHECK_HAS(body, error);
  CHECK_INT(stored(x), before);
}

static void check_refused(struct fixture *x) {
  expect_invalid(x, "models", "{\"name\":\"s\",\"targets\":[{\"provider\":\"nobody\",\"model\":\"y\"}]}",
                 "{\"pointer\":\"/config/targets/0/provider\",\"detail\":\"names the provider `nobody`, which is not "
                 "declared\"}");
  expect_invalid(x, "models", "{\"targets\":5,\"x\":1}", "{\"pointer\":\"/config/name\",\"detail\":\"is missing\"}");
  CHECK_HAS(body, "{\"pointer\":\"/config\",\"detail\":\"unknown key `x`\"}");
  expect_invalid(x, "providers",
                 "{\"name\":\"c\",\"kind\":\"openai\",\"credentials\":[{\"name\":\"k\",\"api_key\":\"s\"}]}",
                 "under /api/v1/credentials");
  expect_invalid(x, "providers", "{\"name\":\"c\",\"kind\":\"openai\",\"base_url\":\"http://169.254.169.254/\"}",
                 "{\"pointer\":\"/config/base_url\",\"detail\":\"must not lead to link-local");
  expect_invalid(x, "prices", "{\"provider\":\"a\",\"model\":\"m\",\"input\":-1,\"output\":1}", "/config/input");
  expect_invalid(x, "assignments", "{\"user\":\"u\",\"policy\":\"none\"}", "/config/policy");
  expect_invalid(x, "assignments", "{\"policy\":\"p\"}", "must give exactly one of");
  expect_invalid(x, "limits", "{\"user\":\"u\",\"workspace\":\"w\",\"rpm\":1}", "must give exactly one of");
  expect_invalid(x, "limits", "{\"user\":\"u\"}", "must give one of `rpm`, `tpm` and `concurrency` at least");
  expect_invalid(x, "limits", "{\"user\":\"u\",\"rpm\":1000000001}", "{\"pointer\":\"/config/rpm\"");
  CHECK_INT(make(x, "providers", "5"), 422);
  CHECK_HAS(body, "{\"pointer\":\"/config\",\"detail\":\"must be an object\"}");
  CHECK_INT(send_json(x, "POST /api/v1/models", "", "{\"name\":\"s\"}"), 422);
  CHECK_INT(stored(x), 0);
}

static void check_refused_run(void *arg) { run(check_refused); }
static void what_would_not_load_is_refused_with_its_member(void **state) { run_fiber(check_refused_run, NULL); }

static void check_names(struct fixture *x) {
  CHECK_INT(make(x, "providers", "{\"name\":\"a\",\"kind\":\"openai\"}"), 409);
  CHECK_HAS(body, "the configuration file declares a provider of this name");
  CHECK_INT(make(x, "prices", "{\"provider\":\"a\",\"model\":\"*\",\"input\":1,\"output\":1}"), 409);
  CHECK_INT(make(x, "providers", LOCAL), 201);
  CHECK_INT(make(x, "providers", LOCAL), 409);
  CHECK_HAS(body, "there is a provider of this name already");
  CHECK_INT(stored(x), 1);
  CHECK_INT(send_json(x, "PATCH /api/v1/providers/1", "", "{\"config\":{\"name\":\"b\"}}"), 409);
  CHECK_INT(send_json(x, "PATCH /api/v1/providers/a", "", "{\"config\":{\"kind\":\"openai\"}}"), 409);
  CHECK_HAS(body, "the configuration file declares this provider");
  CHECK_INT(ask(x, "DELETE /api/v1/providers/a", "", ""), 409);
  CHECK_INT(ask(x, "DELETE /api/v1/providers/none", "", ""), 404);
}

static void check_names_run(void *arg) { run(check_names); }
static void what_the_file_declares_is_not_made_or_changed_here(void **state) { run_fiber(check_names_run, NULL); }

static void check_limits(struct fixture *x) {
  CHECK_INT(make(x, "limits", "{\"workspace\":\"lab\",\"rpm\":10}"), 201);
  CHECK_HAS(body, "\"name\":\"workspace lab\"");
  CHECK_INT(make(x, "limits", "{\"workspace\":\"lab\",\"tpm\":10}"), 409);
  CHECK_INT(make(x, "limits", "{\"user\":\"*\",\"concurrency\":2}"), 201);
  take_up(x);
  CHECK_INT(x->snapshot.config->rates.count, 2);
  CHECK_INT(send_json(x, "PATCH /api/v1/limits/1", "if-match: \"1\"\r\n", "{\"config\":{\"rpm\":20,\"tpm\":30}}"), 200);
  CHECK_HAS(body, "\"config\":{\"workspace\":\"lab\",\"rpm\":20,\"tpm\":30}");
  CHECK_INT(send_json(x, "PATCH /api/v1/limits/1", "", "{\"config\":{\"rpm\":null,\"tpm\":null}}"), 422);
  take_up(x);
  CHECK_INT(get(x, "/api/v1/limits"), 200);
  CHECK_HAS(body, "\"in_force\":true");
  CHECK_INT(get(x, "/api/v1/limits/1"), 200);
  CHECK_INT(get(x, "/api/v1/assignments/1"), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/limits/1", "", ""), 204);
  CHECK_INT(stored(x), 1);
  CHECK_INT(get(x, "/api/v1/audit?action=limit.delete"), 200);
  CHECK_HAS(body, "\"subject\":\"limit:1\"");
}

static void check_limits_run(void *arg) { run(check_limits); }
static void limits_are_made_changed_and_removed(void **state) { run_fiber(check_limits_run, NULL); }

static void check_change(struct fixture *x) {
  CHECK_INT(
      make(x, "models", "{\"name\":\"s\",\"display_name\":\"S\",\"targets\":[{\"provider\":\"a\",\"model\":\"y\"}]}"),
      201);
  CHECK_INT(send_json(x, "PATCH /api/v1/models/1", "if-match: \"2\"\r\n", "{\"position\":5}"), 412);
  CHECK_INT(send_json(x, "PATCH /api/v1/models/1", "if-match: \"1\"\r\n",
                      "{\"config\":{\"display_name\":null,\"strategy\":\"cost\"},\"position\":5}"),
            200);
  CHECK_TEXT(text_of(etag), TEXT("\"2\""));
  CHECK_HAS(body, "\"position\":5,\"config\":{\"name\":\"s\",\"targets\":[{\"provider\":\"a\",\"model\":\"y\"}],"
                  "\"strategy\":\"cost\"}");
  CHECK_INT(send_json(x, "PATCH /api/v1/models/1", "", "{\"config\":{\"strategy\":\"luck\"}}"), 422);
  CHECK_HAS(body, "/config/strategy");
  CHECK_INT(send_json(x, "PATCH /api/v1/models/1", "", "{\"config\":{\"targets\":null}}"), 422);
  CHECK_INT(get(x, "/api/v1/models/1"), 200);
  CHECK_HAS(body, "\"version\":2,");
  CHECK_INT(make(x, "models", "{\"name\":\"t\",\"targets\":[{\"provider\":\"a\",\"model\":\"y\"}]}"), 201);
  CHECK_HAS(body, "\"position\":6,");
  CHECK_INT(send_json(x, "PATCH /api/v1/models/2", "", "{\"position\":1}"), 200);
  CHECK_INT(get(x, "/api/v1/models"), 200);
  CHECK_INT(strstr(body, "\"name\":\"t\"") < strstr(body, "\"name\":\"s\""), true);
  CHECK_INT(ask(x, "DELETE /api/v1/models/1", "if-match: \"1\"\r\n", ""), 412);
  CHECK_INT(ask(x, "DELETE /api/v1/models/1", "if-match: \"2\"\r\n", ""), 204);
  CHECK_INT(ask(x, "DELETE /api/v1/models/1", "", ""), 404);
}

static void check_change_run(void *arg) { run(check_change); }
static void a_change_is_of_the_members_that_are_given(void **state) { run_fiber(check_change_run, NULL); }

static void check_use(struct fixture *x) {
  CHECK_INT(make(x, "providers", LOCAL), 201);
  CHECK_INT(make(x, "models", "{\"name\":\"s\",\"targets\":[{\"provider\":\"local\",\"model\":\"y\"}]}"), 201);
  CHECK_INT(ask(x, "DELETE /api/v1/providers/1", "", ""), 409);
  CHECK_HAS(body, "the model \\\"s\\\" needs it: its `targets[0].provider` names the provider `local`");
  CHECK_INT(send_json(x, "PATCH /api/v1/providers/1", "", "{\"config\":{\"name\":\"other\"}}"), 409);
  CHECK_INT(stored(x), 2);
  CHECK_INT(ask(x, "DELETE /api/v1/models/2", "", ""), 204);
  CHECK_INT(ask(x, "DELETE /api/v1/providers/1", "", ""), 204);
  CHECK_INT(stored(x), 0);
}

static void check_use_run(void *arg) { run(check_use); }
static void what_is_in_use_stays(void **state) { run_fiber(check_use_run, NULL); }

static void check_keys(struct fixture *x) {
  CHECK_INT(make(x, "policies", "{\"name\":\"q\",\"only\":[\"a\"]}"), 201);
  take_up(x);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"bound\",\"policy\":\"q\"}"), 201);
  CHECK_INT(send_json(x, "PATCH /api/v1/policies/1", "", "{\"config\":{\"name\":\"r\"}}"), 409);
  CHECK_HAS(body, "the policy is in use: 1 key is under it");
  CHECK_INT(ask(x, "DELETE /api/v1/policies/1", "", ""), 409);
  CHECK_INT(send_json(x, "PATCH /api/v1/policies/1", "", "{\"config\":{\"only\":[]}}"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"policy\":null}"), 200);
  CHECK_INT(ask(x, "DELETE /api/v1/policies/1", "", ""), 204);
  /* This replica has not heard of it yet. */
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"policy\":\"q\"}"), 409);
  CHECK_HAS(body, "there is no policy of this name any more");
  /* By another name it would be out of what is assigned to it. */
  CHECK_INT(make(x, "assignments", "{\"key\":\"bound\",\"policy\":\"p\"}"), 201);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"name\":\"free\"}"), 409);
  take_up(x);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"name\":\"free\"}"), 409);
  CHECK_HAS(body, "a policy is assigned to the key by this name");
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"rpm\":5}"), 200);
  CHECK_INT(ask(x, "DELETE /api/v1/keys/1", "", ""), 204); /* what must end does */
}

static void check_keys_run(void *arg) { run(check_keys); }
static void a_policy_with_keys_and_an_assigned_key_keep_their_names(void **state) { run_fiber(check_keys_run, NULL); }

static void check_problem(struct fixture *x) {
  CHECK_INT(make(x, "providers", LOCAL), 201);
  CHECK_INT(make(x, "models", "{\"name\":\"s\",\"targets\":[{\"provider\":\"b\",\"model\":\"y\"}]}"), 201);
  /* Somebody takes `b` out of the file, and declares `local`. */
  snprintf(fixture_yaml, sizeof(fixture_yaml), "providers: [{name: local, kind: anthropic}]\n");
  take_up(x);
  CHECK_INT(get(x, "/api/v1/models/2"), 200);
  CHECK_HAS(body,
            "\"in_force\":false,\"shadowed\":false,\"problem\":\"`targets[0].provider` names the provider `b`, which");
  CHECK_INT(get(x, "/api/v1/providers/1"), 200);
  CHECK_HAS(body, "\"in_force\":false,\"shadowed\":true,\"problem\":null");
  CHECK_INT(ask(x, "DELETE /api/v1/providers/1", "", ""), 204);
  CHECK_INT(send_json(x, "PATCH /api/v1/models/2", "",
                      "{\"config\":{\"targets\":[{\"provider\":\"local\",\"model\":\"y\"}]}}"),
            200);
  snprintf(fixture_yaml, sizeof(fixture_yaml), "providers: [\n");
  CHECK_INT(ask(x, "DELETE /api/v1/models/2", "", ""), 409);
  CHECK_HAS(body, "while the configuration file is not valid");
}

static void check_problem_run(void *arg) { run(check_problem); }
static void what_the_file_has_made_useless_is_shown_with_why(void **state) { run_fiber(check_problem_run, NULL); }

static void become_router(struct fixture *x, uint64_t more) {
  static struct caller_workspace lab = {5, TEXT("lab"), PERMISSION_ALL};
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = 9,
                              .org_id = 1,
                              .actor = TEXT("user:9"),
                              .origin = TEXT("127.0.0.1"),
                              .permissions = more | PERMISSION_BIT(PERMISSION_ROUTING_WRITE),
                              .workspaces = &lab,
                              .workspace_count = 1};
}

#define EXPECT_UNPROVEN(asked)                                                                                         \
  do {                                                                                                                 \
    CHECK_INT((asked), 403);                                                                                           \
    CHECK_HAS(body, "needs the permission credentials.write in the organisation");                                     \
  } while (0)
#define PATCH_ONE(config) send_json(x, "PATCH /api/v1/providers/1", "", "{\"config\":" config "}")

static void check_destination(struct fixture *x) {
  CHECK_INT(make(x, "providers", LOCAL), 201);
  CHECK_INT(make(x, "providers", "{\"name\":\"spare\",\"kind\":\"openai\"}"), 201);
  take_up(x);
  CHECK_INT(send_json(x, "POST /api/v1/credentials", "",
                      "{\"provider\":\"local\",\"name\":\"k\",\"secret\":\"sk-0123456789abcdef\"}"),
            201);
  become_router(x, 0); /* that one may give credentials in a workspace says nothing about the others */
  EXPECT_UNPROVEN(PATCH_ONE("{\"base_url\":\"http://127.0.0.1:7/v1\"}"));
  EXPECT_UNPROVEN(PATCH_ONE("{\"base_url\":null}"));
  EXPECT_UNPROVEN(PATCH_ONE("{\"kind\":\"anthropic\"}"));
  EXPECT_UNPROVEN(PATCH_ONE("{\"api_version\":\"2024-10-21\",\"base_url\":\"http://127.0.0.1:9/openai\"}"));
  CHECK_INT(PATCH_ONE("{\"on_disconnect\":\"drain\",\"base_url\":\"http://127.0.0.1:9/v1\"}"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/providers/1", "", "{\"position\":4}"), 200);
  /* And in its place, or in another's. */
  CHECK_INT(ask(x, "DELETE /api/v1/providers/1", "", ""), 204);
  EXPECT_UNPROVEN(make(x, "providers", "{\"name\":\"local\",\"kind\":\"openai\"}"));
  EXPECT_UNPROVEN(send_json(x, "PATCH /api/v1/providers/2", "", "{\"config\":{\"name\":\"local\"}}"));
  CHECK_INT(send_json(x, "PATCH /api/v1/providers/2", "", "{\"config\":{\"base_url\":\"http://127.0.0.1:7/v1\"}}"),
            200);
  become_router(x, PERMISSION_BIT(PERMISSION_CREDENTIALS_WRITE));
  CHECK_INT(send_json(x, "PATCH /api/v1/providers/2", "", "{\"config\":{\"name\":\"local\"}}"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/providers/2", "", "{\"config\":{\"base_url\":null}}"), 200);
}

static void check_destination_run(void *arg) { run(check_destination); }
static void where_stored_credentials_are_sent_is_for_who_may_give_them(void **state) {
  run_fiber(check_destination_run, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entries_are_made_and_shown_beside_the_file_s),
      cmocka_unit_test(limits_are_made_changed_and_removed),
      cmocka_unit_test(what_would_not_load_is_refused_with_its_member),
      cmocka_unit_test(what_the_file_declares_is_not_made_or_changed_here),
      cmocka_unit_test(a_change_is_of_the_members_that_are_given),
      cmocka_unit_test(what_is_in_use_stays),
      cmocka_unit_test(a_policy_with_keys_and_an_assigned_key_keep_their_names),
      cmocka_unit_test(what_the_file_has_made_useless_is_shown_with_why),
      cmocka_unit_test(where_stored_credentials_are_sent_is_for_who_may_give_them),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
