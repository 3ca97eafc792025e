/* Virtual keys through the control API: made and shown once, changed, rotated, blocked, deleted; one's own and others'.
 */
#include "api_fixture.h"
#include "ports/store_people.h"

static const struct caller member = {.kind = CALLER_USER,
                                     .id = 7,
                                     .org_id = 1,
                                     .actor = TEXT("user:7"),
                                     .origin = TEXT("::1"),
                                     .email = TEXT("ann@example.org"),
                                     .permissions = PERMISSION_BIT(PERMISSION_KEYS_OWN)};

/* The value of a member of the answer, as a text. */
static struct text value_of(const char *name) {
  static char out[128];
  char pattern[64];
  snprintf(pattern, sizeof(pattern), "\"%s\":\"", name);
  const char *at = strstr(body, pattern);
  at = at ? at + strlen(pattern) : "";
  snprintf(out, sizeof(out), "%.*s", (int)strcspn(at, "\""), at);
  return text_of(out);
}

/* Whether the store finds this key, and as which. */
static int64_t id_of_key(struct fixture *x, struct text key, int64_t *out_until_us) {
  uint8_t hash[SECRET_HMAC_BYTES];
  struct store_key k = {0};
  struct arena a;
  arena_init(&a);
  secret_hmac(x->secret, key, hash);
  enum err e = x->api.store->ops->key_find(x->api.store, hash, &a, &k, NULL);
  *out_until_us = k.old_until_us;
  arena_done(&a);
  return e == ERR_OK ? k.id : 0;
}

static void check_create(struct fixture *x) {
  int64_t until_us = 0;
  CHECK_INT(
      send_json(x, "POST /api/v1/keys", "",
                "{\"name\":\"ci\",\"user\":\"bob\",\"workspace\":\"w\",\"policy\":\"p\",\"models\":[\"a\",\"b*\"],"
                "\"rpm\":1,\"tpm\":2,\"concurrency\":3,\"budget_usd\":\"1.5\",\"budget_period\":\"day\","
                "\"expires\":\"2099-01-01T00:00:00Z\",\"routes\":[\"anthropic\",\"/openai\"],"
                "\"allow_ips\":[\"10.0.0.0/8\",\"::1\"],\"cors_origins\":[\"https://a.example\"]}"),
      201);
  CHECK_HAS(body, "{\"key\":{\"id\":1,\"name\":\"ci\",\"prefix\":\"weir_");
  CHECK_HAS(body,
            "\"user\":\"bob\",\"workspace\":\"w\",\"policy\":\"p\",\"models\":[\"a\",\"b*\"],\"rpm\":1,\"tpm\":2,");
  CHECK_HAS(body, "\"budget_usd\":\"1.50\",\"budget_period\":\"day\"");
  CHECK_HAS(body,
            "\"routes\":[\"anthropic\",\"/openai\"],\"allow_ips\":[\"10.0.0.0/8\",\"::1\"],\"cors_origins\":[\"https://"
            "a.example\"]");
  CHECK_INT(id_of_key(x, value_of("secret"), &until_us), 1);
  CHECK_INT(get(x, "/api/v1/keys/1"), 200);
  CHECK_INT(strstr(body, "secret") != NULL, 0);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"ci\"}"), 409);
  CHECK_HAS(body, "a key named");
  CHECK_INT(get(x, "/api/v1/audit?action=key.create"), 200);
  CHECK_HAS(body, "\"actor\":\"local:0\",\"origin\":\"socket\"");
  CHECK_INT(send_json(x, "POST /api/v1/keys", "",
                      "{\"name\":\"x\",\"policy\":\"none\",\"expires\":\"2020-01-01T00:00:00Z\",\"budget_usd\":\"1\","
                      "\"allow_ips\":[\"10.0.0.1/8\"],\"cors_origins\":[\"https://a.example/\"],\"routes\":[\"all\"]}"),
            422);
  CHECK_HAS(body, "\"pointer\":\"/routes/0\"");
  CHECK_HAS(body, "\"pointer\":\"/policy\""); /* and what no shape says, at once with it */
  CHECK_HAS(body, "\"pointer\":\"/expires\"");
  CHECK_HAS(body, "\"pointer\":\"/allow_ips/0\"");
  CHECK_INT(send_json(x, "POST /api/v1/keys", "",
                      "{\"name\":\"x\",\"policy\":\"none\",\"expires\":\"2020-01-01T00:00:00Z\",\"budget_usd\":\"1\","
                      "\"allow_ips\":[\"10.0.0.1/8\"],\"cors_origins\":[\"https://a.example/\"]}"),
            422);
  for (const char *const *place =
           (const char *const[]){"policy", "expires", "budget_period", "allow_ips/0", "cors_origins/0", NULL};
       *place; place++) {
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "\"pointer\":\"/%s\"", *place);
    CHECK_HAS(body, pointer);
  }
}

static void check_create_run(void *arg) { run(check_create); }
static void a_key_is_made_and_shown_once(void **state) { run_fiber(check_create_run, NULL); }

static void check_change(struct fixture *x) {
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"ci\",\"rpm\":1,\"user\":\"bob\",\"models\":[\"a\"]}"),
            201);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"tpm\":9}"), 200);
  CHECK_HAS(body, "\"user\":\"bob\"");
  CHECK_HAS(body, "\"models\":[\"a\"],\"rpm\":1,\"tpm\":9,");
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"rpm\":null,\"user\":null,\"models\":null,\"name\":\"other\"}"),
            200);
  CHECK_HAS(body, "\"name\":\"other\"");
  CHECK_HAS(body, "\"user\":null,");
  CHECK_HAS(body, "\"models\":[\"*\"],\"rpm\":null,\"tpm\":9,");
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"name\":null}"), 422);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"budget_usd\":\"2\"}"), 422);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"budget_usd\":\"2\",\"budget_period\":\"week\"}"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"budget_period\":null}"), 422);
  CHECK_INT(ask(x, "POST /api/v1/keys/1/block", "", ""), 200);
  CHECK_HAS(body, "\"blocked\":true");
  CHECK_INT(get(x, "/api/v1/keys?blocked=true"), 200);
  CHECK_HAS(body, "\"id\":1,");
  CHECK_INT(get(x, "/api/v1/keys?blocked=false"), 200);
  CHECK_TEXT(text_of(body), TEXT("{\"data\":[],\"next\":null}"));
  CHECK_INT(ask(x, "POST /api/v1/keys/1/unblock", "", ""), 200);
  CHECK_HAS(body, "\"blocked\":false");
  CHECK_INT(get(x, "/api/v1/audit?subject=key:1"), 200);
  for (const char *const *action = (const char *const[]){"key.update", "key.block", "key.unblock", NULL}; *action;
       action++)
    CHECK_HAS(body, *action);
}

static void check_change_run(void *arg) { run(check_change); }
static void a_change_takes_what_is_given_and_leaves_the_rest(void **state) { run_fiber(check_change_run, NULL); }

static void check_rotation(struct fixture *x) {
  char first[64], second[64];
  int64_t until_us = 0;
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"ci\"}"), 201);
  snprintf(first, sizeof(first), "%.*s", TEXT_ARGS(value_of("secret")));
  CHECK_INT(send_json(x, "POST /api/v1/keys/1/rotate", "", "{\"overlap_s\":60}"), 200);
  snprintf(second, sizeof(second), "%.*s", TEXT_ARGS(value_of("secret")));
  CHECK_INT(strcmp(first, second) != 0, 1);
  CHECK_INT(id_of_key(x, text_of(second), &until_us), 1);
  CHECK_INT(until_us == 0, 1);
  CHECK_INT(id_of_key(x, text_of(first), &until_us), 1);
  int64_t left_us = until_us - loop_wall_us();
  CHECK_INT(left_us > 0 && left_us <= 60000000, 1);
  CHECK_INT(send_json(x, "POST /api/v1/keys/1/rotate", "", "{\"overlap_s\":7776001}"), 422);
  CHECK_INT(ask(x, "POST /api/v1/keys/1/rotate", "", ""), 200); /* without a body: as it comes */
  CHECK_INT(id_of_key(x, text_of(first), &until_us), 1);
  CHECK_INT(until_us <= loop_wall_us(), 1); /* the oldest ends at once */
  CHECK_INT(ask(x, "POST /api/v1/keys/2/rotate", "", ""), 404);
}

static void check_rotation_run(void *arg) { run(check_rotation); }
static void a_rotated_key_overlaps_for_as_long_as_asked(void **state) { run_fiber(check_rotation_run, NULL); }

static void check_own(struct fixture *x) {
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"another's\",\"user\":\"bob\"}"), 201);
  x->caller = member;
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"mine\",\"rpm\":5}"), 201);
  CHECK_HAS(body, "\"user\":\"ann@example.org\"");
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"bob's\",\"user\":\"bob\"}"), 403);
  CHECK_HAS(body, "keys.write");
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"free\",\"policy\":\"p\"}"), 403);
  CHECK_INT(get(x, "/api/v1/keys"), 200);
  CHECK_INT(strstr(body, "another's") != NULL, 0);
  CHECK_HAS(body, "\"name\":\"mine\"");
  CHECK_INT(get(x, "/api/v1/keys?user=bob"), 403);
  for (const char *const *line = (const char *const[]){"GET /api/v1/keys/1", "DELETE /api/v1/keys/1",
                                                       "POST /api/v1/keys/1/rotate", "POST /api/v1/keys/1/block", NULL};
       *line; line++)
    CHECK_INT(ask(x, *line, "", ""), 404);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"name\":\"x\"}"), 404);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/2", "", "{\"name\":\"mine still\"}"), 200);
  for (const char *const *more =
           (const char *const[]){"{\"rpm\":null}", "{\"user\":\"bob\"}", "{\"models\":[\"*\"]}", "{\"expires\":null}",
                                 "{\"budget_usd\":null}", "{\"policy\":null}", "{\"workspace\":\"w\"}",
                                 "{\"routes\":[]}", "{\"allow_ips\":[]}", "{\"blocked\":false}", NULL};
       *more; more++)
    CHECK_INT(send_json(x, "PATCH /api/v1/keys/2", "", *more), 403);
  CHECK_INT(ask(x, "POST /api/v1/keys/2/rotate", "", ""), 200);
  CHECK_INT(ask(x, "POST /api/v1/keys/2/block", "", ""), 200);
  CHECK_INT(ask(x, "POST /api/v1/keys/2/unblock", "", ""), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/keys/2", "", ""), 204);
}

static void check_own_run(void *arg) { run(check_own); }
static void of_ones_own_keys_one_may_take_away_and_not_add(void **state) { run_fiber(check_own_run, NULL); }

static int64_t made_user(struct fixture *x, const char *email) {
  struct store *s = x->api.store;
  const struct people_row r = {.org_id = 1, .name = TEXT("n"), .text = text_of(email), .created_us = 5};
  int64_t id = 0;
  CHECK_ERR(s->ops->people->create(s, PEOPLE_USER, &r, &(struct audit_actor){TEXT("test"), TEXT("test")}, &id, NULL),
            ERR_OK);
  return id;
}

static struct caller member_of(int64_t id, struct text email) {
  struct caller c = member;
  c.id = id;
  c.email = email;
  return c;
}

/* An address that was somebody's before is no way to their keys, and another address takes none away. */
static void check_owners(struct fixture *x) {
  struct caller ann = member_of(made_user(x, "ann@example.com"), TEXT("ann@example.com"));
  x->caller = ann;
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"mine\"}"), 201);
  x->caller = api_owner;
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"given\",\"user\":\"Ann@example.com\"}"), 201);
  CHECK_HAS(body, "\"user\":\"ann@example.com\"");
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"later\"}"), 201);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/3", "", "{\"user\":\"ann@example.com\"}"), 200);
  char line[64];
  snprintf(line, sizeof(line), "PATCH /api/v1/users/%lld", (long long)ann.id);
  CHECK_INT(send_json(x, line, "", "{\"email\":\"ann@example.org\"}"), 200);
  CHECK_INT(get(x, "/api/v1/keys?user=ann@example.org"), 200);
  CHECK_HAS(body, "\"name\":\"later\"");
  struct caller eve = member_of(made_user(x, "ann@example.com"), TEXT("ann@example.com"));
  ann.email = TEXT("ann@example.org");
  x->caller = ann;
  CHECK_INT(get(x, "/api/v1/keys"), 200);
  for (const char *const *name = (const char *const[]){"\"mine\"", "\"given\"", "\"later\"", NULL}; *name; name++)
    CHECK_HAS(body, *name);
  CHECK_INT(ask(x, "POST /api/v1/keys/1/rotate", "", ""), 200);
  x->caller = eve;
  CHECK_INT(get(x, "/api/v1/keys"), 200);
  CHECK_TEXT(text_of(body), TEXT("{\"data\":[],\"next\":null}"));
  CHECK_INT(get(x, "/api/v1/keys?user=ann@example.com"), 200);
  CHECK_TEXT(text_of(body), TEXT("{\"data\":[],\"next\":null}"));
  CHECK_INT(ask(x, "POST /api/v1/keys/1/rotate", "", ""), 404);
  /* Whom an external issuer vouches for is no user here, whatever the address. */
  x->caller = member_of(0, TEXT("ann@example.org"));
  x->caller.kind = CALLER_SERVICE;
  CHECK_INT(get(x, "/api/v1/keys/1"), 404);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"foreign\"}"), 201);
  CHECK_INT(get(x, "/api/v1/keys"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":4,\"name\":\"foreign\"");
}

static void check_owners_run(void *arg) { run(check_owners); }
static void a_key_stays_its_owners_under_another_address(void **state) { run_fiber(check_owners_run, NULL); }

/* What was called under an address before it was somebody's is not theirs to see. */
static void check_calls(struct fixture *x) {
  struct store *s = x->api.store;
  const int64_t since_us = INT64_C(1790000000000000);
  const struct ledger_row rows[] = {
      {.id = 1, .settled_us = since_us - 1, .attempt = 1, .user = TEXT("ann@example.com"), .outcome = TEXT("ok")},
      {.id = 2,
       .settled_us = since_us + 60000000,
       .attempt = 1,
       .user = TEXT("ann@example.com"),
       .outcome = TEXT("ok")}};
  const struct usage_roll_up_ask roll_up = {.zone = TEXT("UTC"), .max = 100};
  size_t minutes = 0;
  CHECK_ERR(s->ops->ledger_append(s, rows, 2, TEXT(""), 0, NULL), ERR_OK);
  CHECK_ERR(s->ops->usage->roll_up(s, &roll_up, &minutes, NULL), ERR_OK);
  CHECK_INT(get(x, "/api/v1/requests?user=ann@example.com"), 200);
  CHECK_HAS(body, "\"id\":\"1\"");
  x->caller = member_of(3, TEXT("ann@example.com"));
  x->caller.permissions = PERMISSION_BIT(PERMISSION_USAGE_OWN);
  x->caller.since_us = since_us;
  CHECK_INT(get(x, "/api/v1/requests"), 200);
  CHECK_HAS(body, "\"id\":\"2\"");
  CHECK_INT(strstr(body, "\"id\":\"1\"") != NULL, 0);
  for (const char *const *every =
           (const char *const[]){"", "?every=day", "?every=minute", "?since=2020-01-01T00:00:00Z", NULL};
       *every; every++) {
    char target[96];
    snprintf(target, sizeof(target), "/api/v1/usage%s", *every);
    CHECK_INT(get(x, target), 200);
    CHECK_HAS(body, "\"requests\":1,");
    CHECK_INT(strstr(body, "\"requests\":2,") != NULL, 0);
  }
}

static void check_calls_run(void *arg) { run(check_calls); }
static void calls_of_before_an_address_was_theirs_are_not_shown(void **state) { run_fiber(check_calls_run, NULL); }

static void check_places(struct fixture *x) {
  static const struct caller_workspace lab = {
      4, TEXT("lab"), PERMISSION_BIT(PERMISSION_KEYS_READ) | PERMISSION_BIT(PERMISSION_KEYS_WRITE)};
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"a\",\"workspace\":\"lab\"}"), 201);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"b\",\"workspace\":\"shop\"}"), 201);
  x->caller = member;
  x->caller.permissions = 0;
  x->caller.workspaces = &lab;
  x->caller.workspace_count = 1;
  CHECK_INT(get(x, "/api/v1/keys"), 403);
  CHECK_INT(get(x, "/api/v1/keys?workspace=shop"), 403);
  CHECK_INT(get(x, "/api/v1/keys?workspace=lab"), 200);
  CHECK_HAS(body, "\"name\":\"a\"");
  CHECK_INT(get(x, "/api/v1/keys/2"), 404);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"rpm\":3}"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"workspace\":\"shop\"}"), 403); /* nor may it go there */
  CHECK_INT(send_json(x, "PATCH /api/v1/keys/1", "", "{\"workspace\":null}"), 403);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"c\"}"), 403);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"c\",\"workspace\":\"lab\"}"), 201);
}

static void check_places_run(void *arg) { run(check_places); }
static void rights_in_one_workspace_end_at_its_border(void **state) { run_fiber(check_places_run, NULL); }

static void check_filters(struct fixture *x) {
  for (int i = 0; i < 5; i++) {
    char json[128];
    snprintf(json, sizeof(json), "{\"name\":\"%s %d\",\"user\":\"u%d\"}", i % 2 ? "Night" : "day", i, i % 2);
    CHECK_INT(send_json(x, "POST /api/v1/keys", "", json), 201);
  }
  CHECK_INT(get(x, "/api/v1/keys?sort=-created&limit=2"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":5,");
  char target[256];
  snprintf(target, sizeof(target), "/api/v1/keys?sort=-created&limit=2&cursor=%s", next_of());
  CHECK_INT(get(x, target), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":3,");
  CHECK_INT(get(x, "/api/v1/keys?search=NIGHT&limit=1"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":2,");
  CHECK_INT(get(x, "/api/v1/keys?user=u1&sort=-created"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":4,");
  CHECK_INT(get(x, "/api/v1/keys?sort=name"), 422);
}

static void check_filters_run(void *arg) { run(check_filters); }
static void keys_are_found_by_what_they_are(void **state) { run_fiber(check_filters_run, NULL); }

/* What is wrong in its form and what is wrong as things are, each once and with its place; in a list, its place there.
 */
static void check_all_at_once(struct fixture *x) {
  struct store *s = x->api.store;
  const struct people_row other = {.name = TEXT("other"), .timezone = TEXT("UTC"), .week_start = TEXT("monday")};
  const struct people_row there = {.org_id = 2, .name = TEXT("theirs")};
  int64_t id;
  CHECK_ERR(s->ops->people->create(s, PEOPLE_ORGANISATION, &other, TEST_ACTOR, &id, NULL), ERR_OK);
  CHECK_ERR(s->ops->people->create(s, PEOPLE_WORKSPACE, &there, TEST_ACTOR, &id, NULL), ERR_OK);
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = 7,
                              .org_id = 1,
                              .actor = TEXT("user:7"),
                              .email = TEXT("a@x.org"),
                              .permissions = PERMISSION_ALL};
  CHECK_INT(
      send_json(x, "POST /api/v1/keys", "",
                "{\"name\":\"\",\"rpm\":0,\"user\":5,\"budget_usd\":\"-1\",\"workspace\":\"theirs\",\"policy\":"
                "\"none\",\"expires\":\"2020-01-01T00:00:00Z\",\"allow_ips\":[\"10.0.0.0/8\",7,\"\",\"10.0.0.1/8\"],"
                "\"cors_origins\":[\"*\",\"https://a.example/\"],\"made_up\":1}"),
      422);
  static const char *const places[] = {"name",        "rpm",         "user",           "budget_usd",
                                       "workspace",   "policy",      "expires",        "allow_ips/1",
                                       "allow_ips/2", "allow_ips/3", "cors_origins/1", "made_up"};
  for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "\"pointer\":\"/%s\"", places[i]);
    const char *at = strstr(body, pointer);
    if (!at || strstr(at + 1, pointer))
      fail_msg("%s is told %s: %s", pointer, at ? "twice" : "not at all", body);
  }
  CHECK_INT(strstr(body, "allow_ips/0") != NULL, 0);
  CHECK_HAS(body, "\"detail\":\"12 parts of the request are not valid: see `errors`\"");
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"a\",\"workspace\":\"theirs\",\"policy\":\"none\"}"),
            422);
  CHECK_HAS(body, "\"pointer\":\"/workspace\",\"detail\":\"is none of this organisation\"");
  char many[2048] = "{\"name\":\"a\"";
  for (int i = 0; i < 40; i++)
    snprintf(many + strlen(many), sizeof(many) - strlen(many), ",\"x%d\":1", i);
  snprintf(many + strlen(many), sizeof(many) - strlen(many), "}");
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", many), 422);
  CHECK_HAS(body, "40 parts of the request are not valid: `errors` names the first 32 and leaves out 8 more");
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"a\",\"workspace\":\"theirs\",\"policy\":\"none\"}"),
            422);
  CHECK_HAS(body, "\"pointer\":\"/policy\"");
}

static void check_all_at_once_run(void *arg) { run(check_all_at_once); }
static void everything_that_is_wrong_is_told_at_once(void **state) { run_fiber(check_all_at_once_run, NULL); }

static void see_names(struct fixture *x, const char *target, const char *names) {
  char all[512] = "";
  size_t n = 0;
  CHECK_INT(get(x, target), 200);
  for (const char *at = body; (at = strstr(at, "\"name\":\"")) != NULL; at += 8)
    n += (size_t)snprintf(all + n, sizeof(all) - n, "%.*s ", (int)strcspn(at + 8, "\""), at + 8);
  CHECK_TEXT(text_of(all), text_of(names));
}

static void check_declared(struct fixture *x) {
  char target[256];
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"stored-1\",\"workspace\":\"lab\"}"), 201);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"stored-2\"}"), 201);
  see_names(x, "/api/v1/keys", "ci dev old stored-1 stored-2 ");
  CHECK_INT(strstr(body, "hush") != NULL, 0);
  CHECK_HAS(body,
            "\"name\":\"ci\",\"prefix\":\"\",\"user\":\"ann\",\"workspace\":\"lab\",\"policy\":null,\"models\":["
            "\"*\"],\"rpm\":5,\"tpm\":null,\"concurrency\":null,\"budget_usd\":\"2.00\",\"budget_period\":"
            "\"month\",\"created\":null,\"expires\":null,\"last_used\":null,\"source\":\"file\",\"blocked\":false");
  see_names(x, "/api/v1/keys?sort=-created", "ci dev old stored-2 stored-1 ");
  see_names(x, "/api/v1/keys?source=file", "ci dev old ");
  see_names(x, "/api/v1/keys?source=store", "stored-1 stored-2 ");
  see_names(x, "/api/v1/keys?workspace=lab", "ci stored-1 ");
  see_names(x, "/api/v1/keys?blocked=true", "old ");
  see_names(x, "/api/v1/keys?search=D", "dev old stored-1 stored-2 ");
  see_names(x, "/api/v1/keys?user=ann", "ci ");
  see_names(x, "/api/v1/keys?limit=2", "ci dev ");
  snprintf(target, sizeof(target), "/api/v1/keys?limit=2&cursor=%s", next_of());
  see_names(x, target, "old stored-1 ");
  snprintf(target, sizeof(target), "/api/v1/keys?limit=2&cursor=%s", next_of());
  see_names(x, target, "stored-2 ");
  CHECK_TEXT(text_of(next_of()), TEXT(""));
  see_names(x, "/api/v1/keys?limit=3", "ci dev old ");
  snprintf(target, sizeof(target), "/api/v1/keys?limit=3&cursor=%s", next_of());
  see_names(x, target, "stored-1 stored-2 ");
  see_names(x, "/api/v1/keys?limit=3&source=file", "ci dev old ");
  CHECK_TEXT(text_of(next_of()), TEXT(""));
  x->caller = member;
  see_names(x, "/api/v1/keys", "");
  x->caller.permissions = PERMISSION_BIT(PERMISSION_KEYS_READ);
  see_names(x, "/api/v1/keys", "ci dev old stored-1 stored-2 ");
  x->caller.org_id = 2;
  see_names(x, "/api/v1/keys", "");
}

static void check_declared_run(void *arg) {
  api_run(check_declared,
          "keys:\n"
          "  - {name: ci, value: wk-hush-0123456789abcdef, user: ann, workspace: lab, rpm: 5, budget: {usd: 2, period: "
          "month}}\n"
          "  - {name: dev, value: wk-hush-0123456789abcdeg}\n"
          "  - {name: old, value: wk-hush-0123456789abcdeh, blocked: true}\n",
          serve);
}
static void those_of_the_file_are_seen_and_come_first(void **state) { run_fiber(check_declared_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(those_of_the_file_are_seen_and_come_first),
      cmocka_unit_test(everything_that_is_wrong_is_told_at_once),
      cmocka_unit_test(a_key_is_made_and_shown_once),
      cmocka_unit_test(a_change_takes_what_is_given_and_leaves_the_rest),
      cmocka_unit_test(a_rotated_key_overlaps_for_as_long_as_asked),
      cmocka_unit_test(of_ones_own_keys_one_may_take_away_and_not_add),
      cmocka_unit_test(a_key_stays_its_owners_under_another_address),
      cmocka_unit_test(calls_of_before_an_address_was_theirs_are_not_shown),
      cmocka_unit_test(rights_in_one_workspace_end_at_its_border),
      cmocka_unit_test(keys_are_found_by_what_they_are),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
