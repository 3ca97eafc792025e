/* People through the control API: every route by every built-in role, on things of one's own organisation and of
 * another; then what the rows are made of, and who sees which. */
#include "api_fixture.h"

#include "ports/store_people.h"
#include "ports/store_signin.h"

static struct caller user_with(uint64_t permissions) {
  return (struct caller){.kind = CALLER_USER,
                         .id = 77,
                         .org_id = 1,
                         .actor = TEXT("user:77"),
                         .origin = TEXT("::1"),
                         .email = TEXT("me@example.org"),
                         .permissions = permissions};
}

static int64_t make(struct fixture *x, enum people_kind kind, int64_t org_id, const char *name, const char *text) {
  struct store *s = x->api.store;
  struct people_row r = {.org_id = org_id,
                         .name = text_of(name),
                         .text = text_of(text),
                         .timezone = TEXT("UTC"),
                         .week_start = TEXT("monday"),
                         .created_us = 5};
  int64_t id = 0;
  CHECK_ERR(s->ops->people->create(s, kind, &r, TEST_ACTOR, &id, NULL), ERR_OK);
  return id;
}

static int64_t give(struct fixture *x, enum grant_to to, int64_t to_id, int64_t workspace_id, const char *role) {
  struct store *s = x->api.store;
  struct people_grant g = {.to = to, .to_id = to_id, .workspace_id = workspace_id, .role = text_of(role)};
  int64_t id = 0;
  CHECK_ERR(s->ops->people->grant(s, &g, TEST_ACTOR, &id, NULL), ERR_OK);
  return id;
}

/* One of everything in the first organisation, with number 1, and in another, with number 2. */
static void fill(struct fixture *x) {
  CHECK_INT((int)make(x, PEOPLE_ORGANISATION, 0, "foreign-org", ""), 2);
  for (int64_t org = 1; org <= 2; org++) {
    const char *const names[] = {"", "own", "foreign"}, *const emails[] = {"", "own@a.org", "foreign@b.org"};
    CHECK_INT(make(x, PEOPLE_WORKSPACE, org, names[org], "") == org, 1);
    CHECK_INT(make(x, PEOPLE_TEAM, org, names[org], "") == org, 1);
    CHECK_INT(make(x, PEOPLE_USER, org, names[org], emails[org]) == org, 1);
    CHECK_INT(make(x, PEOPLE_SERVICE, org, names[org], "") == org, 1);
    CHECK_INT(make(x, PEOPLE_ROLE, org, names[org], "usage.own") == org, 1);
    CHECK_INT(give(x, GRANT_TO_USER, org, 0, "viewer") == org, 1);
  }
}

static bool is_of_people(const struct api_route *r) {
  return strcmp(r->tag, "People") == 0 || strcmp(r->tag, "Roles") == 0;
}

/* The route with every {name} filled in. */
static void write_line(const struct api_route *r, char number, char out[160]) {
  size_t n = (size_t)snprintf(out, 16, "%s ", r->method);
  for (const char *c = r->path; *c; c++) {
    if (*c == '{') {
      out[n++] = number;
      c += strcspn(c, "}");
    } else {
      out[n++] = *c;
    }
  }
  out[n] = '\0';
}

static int expected(const struct api_route *r, uint64_t permissions, bool is_foreign) {
  bool is_member = strstr(r->path, "/members/") != NULL, is_org = strstr(r->path, "/organisations/") != NULL;
  if (!(permissions & PERMISSION_BIT(r->permission)))
    return 403;
  if (is_foreign)
    return 404;
  if (strcmp(r->method, "POST") == 0)
    return 422; /* nothing of what is needed was given */
  if (strcmp(r->method, "DELETE") == 0)
    return is_org ? 404 : is_member ? 204 : 412; /* a version that is not there */
  return strcmp(r->method, "PUT") == 0 ? 204 : 200;
}

static void check_route(struct fixture *x, const struct api_route *r, uint64_t permissions, bool is_foreign) {
  char line[160];
  bool sends = strcmp(r->method, "POST") == 0 || strcmp(r->method, "PATCH") == 0;
  write_line(r, is_foreign ? '2' : '1', line);
  const char *condition = api_has_versions(r->path) ? "if-match: \"999\"\r\n" : "";
  int status = strcmp(r->method, "DELETE") == 0 ? ask(x, line, condition, "")
               : sends                          ? send_json(x, line, "", "{}")
                                                : ask(x, line, "", "");
  if (status != expected(r, permissions, is_foreign))
    fail_msg("%s of %s's with %llx: %d, expected %d: %.300s", line, is_foreign ? "another" : "one",
             (unsigned long long)permissions, status, expected(r, permissions, is_foreign), body);
  if (strstr(body, "foreign"))
    fail_msg("%s shows something of another organisation: %.300s", line, body);
}

static void check_all(struct fixture *x) {
  size_t seen = 0;
  fill(x);
  for (enum builtin_role role = 0; role < ROLE_BUILTIN_COUNT; role++) {
    uint64_t permissions = builtin_role_permissions(role);
    x->caller = user_with(permissions);
    for (size_t i = 0; i < api_route_count; i++) {
      if (!is_of_people(&api_routes[i]))
        continue;
      check_route(x, &api_routes[i], permissions, false);
      if (strchr(api_routes[i].path, '{'))
        check_route(x, &api_routes[i], permissions, true);
      seen++;
    }
  }
  CHECK_INT(seen > (size_t)ROLE_BUILTIN_COUNT * 30, 1);
}

static void check_all_run(void *arg) { run(check_all); }
static void every_route_is_open_to_who_may_and_never_across_organisations(void **state) {
  run_fiber(check_all_run, NULL);
}

static void check_users(struct fixture *x) {
  CHECK_INT(send_json(x, "POST /api/v1/users", "", "{\"email\":\"Ann@Example.org\",\"name\":\"Ann\"}"), 201);
  CHECK_TEXT(text_of(location), TEXT("/api/v1/users/1"));
  CHECK_TEXT(text_of(etag), TEXT("\"1\""));
  CHECK_HAS(body, "\"organisation\":1,\"email\":\"ann@example.org\",\"name\":\"Ann\",\"disabled\":false,"
                  "\"invited\":true,");
  CHECK_INT(send_json(x, "POST /api/v1/users", "", "{\"email\":\"ANN@example.org\"}"), 409);
  for (const char *const *bad = (const char *const[]){"ann", "@example.org", "ann@", "a@b@c", "a b@example.org",
                                                      "a,b@c", "a:b@c", "<a>@b.c", "a\u00a0@b.c", NULL};
       *bad; bad++) {
    char json[96];
    snprintf(json, sizeof(json), "{\"email\":\"%s\"}", *bad);
    CHECK_INT(send_json(x, "POST /api/v1/users", "", json), 422);
    CHECK_HAS(body, "\"pointer\":\"/email\"");
  }
  CHECK_INT(send_json(x, "PATCH /api/v1/users/1", "if-match: \"1\"\r\n", "{\"disabled\":true}"), 200);
  CHECK_HAS(body, "\"name\":\"Ann\",\"disabled\":true");
  CHECK_TEXT(text_of(etag), TEXT("\"2\""));
  CHECK_INT(send_json(x, "PATCH /api/v1/users/1", "if-match: \"1\"\r\n", "{\"disabled\":false}"), 412);
  CHECK_INT(ask(x, "GET /api/v1/users/1", "if-none-match: \"2\"\r\n", ""), 304);
  CHECK_INT(send_json(x, "PATCH /api/v1/users/1", "", "{\"name\":null,\"email\":\"b@example.org\"}"), 200);
  CHECK_HAS(body, "\"email\":\"b@example.org\",\"name\":null,\"disabled\":true");
  CHECK_INT(get(x, "/api/v1/audit?subject=user:1"), 200);
  CHECK_HAS(body, "\"action\":\"user.create\"");
  CHECK_HAS(body, "\"actor\":\"local:0\",\"origin\":\"socket\"");
  CHECK_INT(ask(x, "DELETE /api/v1/users/1", "", ""), 204);
  CHECK_INT(get(x, "/api/v1/users/1"), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/users/1", "", ""), 404);
}

/* Who stands in the configuration is as it says. */
static void check_declared_users(struct fixture *x) {
  CHECK_INT(send_json(x, "POST /api/v1/users", "", "{\"email\":\"Declared@Example.org\"}"), 201);
  CHECK_INT(send_json(x, "POST /api/v1/users", "", "{\"email\":\"other@example.org\"}"), 201);
  CHECK_INT(get(x, "/api/v1/users/1"), 200);
  CHECK_HAS(body, "\"declared\":true");
  CHECK_INT(send_json(x, "PATCH /api/v1/users/1", "", "{\"disabled\":true}"), 409);
  CHECK_HAS(body, "declared by the configuration");
  CHECK_INT(ask(x, "DELETE /api/v1/users/1", "", ""), 409);
  CHECK_INT(get(x, "/api/v1/users/2"), 200);
  CHECK_HAS(body, "\"declared\":false");
  CHECK_INT(send_json(x, "PATCH /api/v1/users/2", "", "{\"disabled\":true}"), 200);
  CHECK_INT(ask(x, "DELETE /api/v1/users/2", "", ""), 204);
}
static void check_declared_users_run(void *arg) { run(check_declared_users); }
static void a_declared_user_is_seen_and_not_changed(void **state) { run_fiber(check_declared_users_run, NULL); }

static void check_users_run(void *arg) { run(check_users); }
static void a_user_is_made_changed_and_removed(void **state) { run_fiber(check_users_run, NULL); }

static void check_unasked(struct fixture *x) {
  fill(x);
  static const char *const cases[][2] = {
      {"PATCH /api/v1/users/1", "{\"id\":5}"},
      {"PATCH /api/v1/users/1", "{\"invited\":false}"},
      {"PATCH /api/v1/users/1", "{\"organisation\":2}"},
      {"PATCH /api/v1/users/1", "{\"version\":9}"},
      {"PATCH /api/v1/workspaces/1", "{\"name\":\"other\"}"},
      {"PATCH /api/v1/teams/1", "{\"organisation\":2}"},
      {"PATCH /api/v1/roles/1", "{\"built_in\":true}"},
      {"PATCH /api/v1/service-accounts/1", "{\"created\":\"2020-01-01T00:00:00Z\"}"},
      {"PATCH /api/v1/organisations/1", "{\"id\":2}"},
      {"POST /api/v1/grants", "{\"to\":\"user\",\"to_id\":1,\"role\":\"viewer\",\"organisation\":2}"},
      {"POST /api/v1/users", "{\"email\":\"a@b.c\",\"external\":\"x\"}"},
      {"POST /api/v1/roles", "{\"name\":\"r\",\"permissions\":[\"keys.teleport\"]}"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    if (send_json(x, cases[i][0], "", cases[i][1]) != 422)
      fail_msg("%s %s: %s", cases[i][0], cases[i][1], body);
}

static void check_unasked_run(void *arg) { run(check_unasked); }
static void what_is_not_offered_is_refused(void **state) { run_fiber(check_unasked_run, NULL); }

static void check_organisations(struct fixture *x) {
  CHECK_INT(send_json(x, "POST /api/v1/organisations", "", "{\"name\":\"acme\",\"timezone\":\"Mars/Olympus\"}"), 422);
  CHECK_HAS(body, "\"pointer\":\"/timezone\"");
  CHECK_INT(send_json(x, "PATCH /api/v1/organisations/1", "", "{\"timezone\":\"Nope/Zone\",\"name\":\"\"}"), 422);
  CHECK_HAS(body, "\"pointer\":\"/timezone\"");
  CHECK_HAS(body, "\"pointer\":\"/name\"");
  CHECK_INT(send_json(x, "POST /api/v1/organisations", "", "{\"name\":\"acme\",\"week_start\":\"sunday\"}"), 201);
  CHECK_HAS(body, "\"id\":2,\"version\":1,\"name\":\"acme\",\"description\":null,\"timezone\":\"UTC\",\"week_start\":"
                  "\"sunday\"");
  CHECK_INT(send_json(x, "POST /api/v1/teams", "", "{\"name\":\"ops\",\"organisation\":2}"), 201);
  CHECK_INT(send_json(x, "POST /api/v1/teams", "", "{\"name\":\"ops\",\"organisation\":9}"), 404);
  CHECK_INT(send_json(x, "POST /api/v1/teams", "", "{\"name\":\"ops\"}"), 201);
  CHECK_HAS(body, "\"organisation\":1,");
  CHECK_INT(get(x, "/api/v1/teams"), 200);
  CHECK_HAS(body, "\"organisation\":1,");
  CHECK_HAS(body, "\"organisation\":2,");
  CHECK_INT(ask(x, "DELETE /api/v1/organisations/2", "", ""), 409);
  x->caller = user_with(PERMISSION_ALL);
  CHECK_INT(get(x, "/api/v1/organisations"), 200);
  CHECK_INT(strstr(body, "acme") != NULL, 0);
  CHECK_HAS(body, "\"name\":\"default\"");
  CHECK_INT(send_json(x, "POST /api/v1/organisations", "", "{\"name\":\"mine\"}"), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/organisations/1", "", ""), 404);
  CHECK_INT(send_json(x, "PATCH /api/v1/organisations/1", "", "{\"name\":\"home\"}"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/organisations/1", "", "{\"name\":\"acme\"}"), 409);
  CHECK_INT(send_json(x, "POST /api/v1/users", "", "{\"email\":\"a@b.c\",\"organisation\":2}"), 404);
  CHECK_INT(send_json(x, "POST /api/v1/users", "", "{\"email\":\"a@b.c\",\"organisation\":1}"), 201);
}

static void check_organisations_run(void *arg) { run(check_organisations); }
static void an_organisation_is_the_operators_to_make_and_ones_own_to_change(void **state) {
  run_fiber(check_organisations_run, NULL);
}

static void check_places(struct fixture *x) {
  CHECK_INT((int)make(x, PEOPLE_WORKSPACE, 1, "lab", ""), 1);
  make(x, PEOPLE_WORKSPACE, 1, "den", "");
  static const struct caller_workspace in_lab = {.id = 1,
                                                 .name = TEXT("lab"),
                                                 .permissions = PERMISSION_BIT(PERMISSION_WORKSPACES_READ) |
                                                                PERMISSION_BIT(PERMISSION_WORKSPACES_WRITE) |
                                                                PERMISSION_BIT(PERMISSION_USERS_READ)};
  x->caller = user_with(0);
  x->caller.workspaces = &in_lab;
  x->caller.workspace_count = 1;
  CHECK_INT(get(x, "/api/v1/workspaces"), 200);
  CHECK_HAS(body, "\"name\":\"lab\"");
  CHECK_INT(strstr(body, "den") != NULL, 0);
  CHECK_INT(get(x, "/api/v1/workspaces/1"), 200);
  CHECK_INT(get(x, "/api/v1/workspaces/2"), 403);
  CHECK_INT(send_json(x, "PATCH /api/v1/workspaces/1", "", "{\"description\":\"where we try\"}"), 200);
  CHECK_HAS(body, "\"name\":\"lab\",\"description\":\"where we try\"");
  CHECK_INT(send_json(x, "PATCH /api/v1/workspaces/2", "", "{\"description\":\"x\"}"), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/workspaces/1", "", ""), 403);
  CHECK_INT(send_json(x, "POST /api/v1/workspaces", "", "{\"name\":\"new\"}"), 403);
  CHECK_INT(get(x, "/api/v1/users"), 403); /* users are of the whole organisation */
  CHECK_HAS(body, "users.read");
}

static void check_places_run(void *arg) { run(check_places); }
static void a_role_in_one_workspace_reaches_no_further(void **state) { run_fiber(check_places_run, NULL); }

static void check_lists(struct fixture *x) {
  for (int i = 0; i < 5; i++) {
    char name[32];
    snprintf(name, sizeof(name), "Team %d", i);
    make(x, PEOPLE_TEAM, 1, name, i == 3 ? "ABOUT cats" : "dogs");
  }
  int seen = 0;
  char target[192] = "/api/v1/teams?limit=2";
  do {
    CHECK_INT(get(x, target), 200);
    for (const char *at = body; (at = strstr(at, "\"id\":")); at++)
      seen++;
    snprintf(target, sizeof(target), "/api/v1/teams?limit=2&cursor=%s", next_of());
  } while (next_of()[0]);
  CHECK_INT(seen, 5);
  CHECK_INT(get(x, "/api/v1/teams?search=about+CATS"), 200);
  CHECK_HAS(body, "\"name\":\"Team 3\"");
  CHECK_INT(strstr(body, "Team 2") != NULL, 0);
  CHECK_INT(get(x, "/api/v1/teams?search=%25"), 200); /* a sign like any other */
  CHECK_TEXT(text_of(body), TEXT("{\"data\":[],\"next\":null}"));
  CHECK_INT(get(x, "/api/v1/teams?search='%20OR%201=1--"), 200);
  CHECK_TEXT(text_of(body), TEXT("{\"data\":[],\"next\":null}"));
  CHECK_INT(get(x, "/api/v1/teams?team=1"), 422);
}

static void check_lists_run(void *arg) { run(check_lists); }
static void lists_come_in_pages_and_are_searched(void **state) { run_fiber(check_lists_run, NULL); }

/* How many entries of the log there are with the text. */
static int entries_with(struct fixture *x, const char *part) {
  int n = 0;
  CHECK_INT(get(x, "/api/v1/audit?limit=200"), 200);
  for (const char *at = body; (at = strstr(at, part)) != NULL; at++)
    n++;
  return n;
}

static void check_trail(struct fixture *x) {
  struct store *s = x->api.store;
  struct signin_session session = {.org_id = 2, .created_us = 1, .expires_us = INT64_C(4000000000000000)};
  int64_t id = 0;
  CHECK_INT(send_json(x, "POST /api/v1/organisations", "", "{\"name\":\"acme\"}"), 201);
  CHECK_INT(send_json(x, "POST /api/v1/teams", "", "{\"name\":\"first\"}"), 201);
  CHECK_INT(send_json(x, "POST /api/v1/teams", "", "{\"name\":\"second\",\"organisation\":2}"), 201);
  CHECK_INT(send_json(x, "POST /api/v1/users", "", "{\"email\":\"a@acme.org\",\"organisation\":2}"), 201);
  CHECK_INT(send_json(x, "PATCH /api/v1/users/1", "", "{\"name\":\"A\"}"), 200);
  CHECK_INT(ask(x, "PUT /api/v1/teams/2/members/1", "", ""), 204);
  CHECK_INT(send_json(x, "POST /api/v1/grants", "", "{\"to\":\"user\",\"to_id\":1,\"role\":\"viewer\"}"), 201);
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"first key\"}"), 201);
  session.user_id = 1;
  CHECK_ERR(s->ops->signin->session_add(s, &session, TEST_ACTOR, &id, NULL), ERR_OK);
  CHECK_ERR(s->ops->signin->session_end(s, 0, id, "logout", 2, TEST_ACTOR, NULL), ERR_OK);
  CHECK_INT(entries_with(x, "\"action\":"), 10);
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = 1,
                              .org_id = 2,
                              .actor = TEXT("user:1"),
                              .origin = TEXT("::1"),
                              .permissions = PERMISSION_BIT(PERMISSION_AUDIT_READ)};
  CHECK_INT(entries_with(x, "\"action\":"), 8);
  CHECK_INT(entries_with(x, "\"organisation\":2,"), 8);
  for (const char *const *action =
           (const char *const[]){"organisation.create", "team.create", "user.create", "user.update", "team.join",
                                 "grant.create", "session.begin", "session.end", NULL};
       *action; action++)
    CHECK_INT(entries_with(x, *action), 1);
  CHECK_INT(entries_with(x, "first") + entries_with(x, "key."), 0);
  CHECK_INT(get(x, "/api/v1/audit?subject=team:1"), 200);
  CHECK_TEXT(text_of(body), TEXT("{\"data\":[],\"next\":null}"));
  x->caller.org_id = 1;
  CHECK_INT(entries_with(x, "\"action\":"), 2);
  x->caller.permissions = 0;
  CHECK_INT(get(x, "/api/v1/audit"), 403);
}

static void check_trail_run(void *arg) { run(check_trail); }
static void an_auditor_reads_what_is_of_their_organisation(void **state) { run_fiber(check_trail_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_auditor_reads_what_is_of_their_organisation),
      cmocka_unit_test(every_route_is_open_to_who_may_and_never_across_organisations),
      cmocka_unit_test(a_user_is_made_changed_and_removed),
      cmocka_unit_test(a_declared_user_is_seen_and_not_changed),
      cmocka_unit_test(what_is_not_offered_is_refused),
      cmocka_unit_test(an_organisation_is_the_operators_to_make_and_ones_own_to_change),
      cmocka_unit_test(a_role_in_one_workspace_reaches_no_further),
      cmocka_unit_test(lists_come_in_pages_and_are_searched),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("api_people", tests, NULL, NULL);
}
