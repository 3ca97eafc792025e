/* Roles, grants and teams through the control API: nobody gives, takes or touches more than they may do themselves, and
 * the last owner stays. */
#include "api_fixture.h"
#include "ports/store_people.h"

static struct caller user_with(uint64_t permissions) {
  return (struct caller){.kind = CALLER_USER,
                         .id = 77,
                         .org_id = 1,
                         .actor = TEXT("user:77"),
                         .origin = TEXT("::1"),
                         .email = TEXT("me@example.org"),
                         .permissions = permissions};
}

static struct caller with_role(enum builtin_role role) { return user_with(builtin_role_permissions(role)); }

static int make(struct fixture *x, const char *path, const char *json) {
  char line[96];
  snprintf(line, sizeof(line), "POST /api/v1/%s", path);
  return send_json(x, line, "", json);
}

static int give(struct fixture *x, const char *to, int to_id, const char *role) {
  char json[160];
  snprintf(json, sizeof(json), "{\"to\":\"%s\",\"to_id\":%d,\"role\":\"%s\"}", to, to_id, role);
  return make(x, "grants", json);
}

static void check_roles(struct fixture *x) {
  int seen = 0;
  char target[192] = "/api/v1/roles?limit=2";
  CHECK_INT(make(x, "roles", "{\"name\":\"keeper\",\"permissions\":[\"keys.write\",\"keys.read\",\"keys.read\"]}"),
            201);
  CHECK_TEXT(text_of(location), TEXT("/api/v1/roles/1"));
  CHECK_HAS(body,
            "\"role\":\"role:1\",\"id\":1,\"version\":1,\"organisation\":1,\"name\":\"keeper\",\"built_in\":false,"
            "\"permissions\":[\"keys.read\",\"keys.write\"],");
  CHECK_INT(make(x, "roles", "{\"name\":\"second\",\"permissions\":[]}"), 201);
  CHECK_INT(make(x, "roles", "{\"name\":\"third\",\"permissions\":[\"chat.use\"]}"), 201);
  CHECK_INT(make(x, "roles", "{\"name\":\"keeper\",\"permissions\":[]}"), 409);
  CHECK_INT(make(x, "roles", "{\"name\":\"owner\",\"permissions\":[]}"), 422);
  CHECK_INT(make(x, "roles", "{\"name\":\"role:7\",\"permissions\":[]}"), 422);
  CHECK_INT(make(x, "roles", "{\"name\":\"Owner \",\"permissions\":[]}"), 422);
  do {
    CHECK_INT(get(x, target), 200);
    for (const char *at = body; (at = strstr(at, "\"role\":")); at++)
      seen++;
    snprintf(target, sizeof(target), "/api/v1/roles?limit=2&cursor=%s", next_of());
  } while (next_of()[0]);
  CHECK_INT(seen, ROLE_BUILTIN_COUNT + 3);
  CHECK_INT(get(x, "/api/v1/roles?limit=5"), 200);
  CHECK_INT(next_of()[0] != '\0', 1);
  CHECK_INT(get(x, "/api/v1/roles?limit=8"), 200);
  CHECK_INT(next_of()[0] != '\0', 0);
  CHECK_INT(get(x, "/api/v1/roles/viewer"), 200);
  CHECK_HAS(body, "\"role\":\"viewer\",\"id\":null,\"version\":null,\"organisation\":null,\"name\":\"viewer\","
                  "\"built_in\":true,");
  CHECK_INT(send_json(x, "PATCH /api/v1/roles/viewer", "", "{\"permissions\":[]}"), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/roles/viewer", "", ""), 403);
  CHECK_INT(get(x, "/api/v1/roles/emperor"), 404);
  CHECK_INT(send_json(x, "PATCH /api/v1/roles/1", "if-match: \"1\"\r\n", "{\"permissions\":[\"audit.read\"]}"), 200);
  CHECK_HAS(body, "\"name\":\"keeper\",\"built_in\":false,\"permissions\":[\"audit.read\"]");
  CHECK_INT(send_json(x, "PATCH /api/v1/roles/1", "if-match: \"1\"\r\n", "{\"name\":\"x\"}"), 412);
  CHECK_INT(ask(x, "DELETE /api/v1/roles/1", "if-match: \"2\"\r\n", ""), 204);
  CHECK_INT(get(x, "/api/v1/roles/1"), 404);
  CHECK_INT(get(x, "/api/v1/permissions"), 200);
  CHECK_HAS(body, "{\"name\":\"keys.write\",\"help\":");
}

static void check_roles_run(void *arg) { run(check_roles); }
static void roles_are_built_in_and_made(void **state) { run_fiber(check_roles_run, NULL); }

/* Somebody who may write roles, but has little else. */
static void check_wide_roles(struct fixture *x) {
  CHECK_INT(make(x, "roles", "{\"name\":\"big\",\"permissions\":[\"keys.write\",\"usage.own\"]}"), 201);
  CHECK_INT(make(x, "roles", "{\"name\":\"small\",\"permissions\":[\"usage.own\"]}"), 201);
  x->caller = user_with(PERMISSION_BIT(PERMISSION_ROLES_WRITE) | PERMISSION_BIT(PERMISSION_USAGE_OWN));
  CHECK_INT(make(x, "roles", "{\"name\":\"mine\",\"permissions\":[\"usage.own\",\"keys.write\",\"audit.read\"]}"), 403);
  CHECK_HAS(body, "keys.write, audit.read");
  CHECK_INT(make(x, "roles", "{\"name\":\"mine\",\"permissions\":[\"usage.own\"]}"), 201);
  CHECK_INT(send_json(x, "PATCH /api/v1/roles/2", "", "{\"permissions\":[\"keys.write\"]}"), 403);
  CHECK_INT(send_json(x, "PATCH /api/v1/roles/1", "", "{\"permissions\":[\"usage.own\"]}"), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/roles/1", "", ""), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/roles/2", "", ""), 204);
}

static void check_wide_roles_run(void *arg) { run(check_wide_roles); }
static void a_role_is_never_wider_than_who_writes_it(void **state) { run_fiber(check_wide_roles_run, NULL); }

static void check_grants(struct fixture *x) {
  CHECK_INT(make(x, "users", "{\"email\":\"ann@example.org\"}"), 201);
  CHECK_INT(make(x, "service-accounts", "{\"name\":\"bot\"}"), 201);
  CHECK_INT(make(x, "workspaces", "{\"name\":\"lab\"}"), 201);
  CHECK_INT(give(x, "user", 1, "owner"), 201);
  x->caller = with_role(ROLE_ADMIN);
  CHECK_INT(give(x, "service_account", 1, "owner"), 403);
  CHECK_HAS(body, "roles.write, organisation.write");
  CHECK_INT(give(x, "service_account", 1, "admin"), 201);
  CHECK_HAS(body, "\"id\":2,\"organisation\":1,\"to\":\"service_account\",\"to_id\":1,\"role\":\"admin\","
                  "\"workspace\":null,");
  CHECK_TEXT(text_of(location), TEXT("/api/v1/grants/2"));
  CHECK_INT(give(x, "service_account", 1, "admin"), 201);
  CHECK_HAS(body, "\"id\":2,"); /* it was there */
  CHECK_INT(give(x, "service_account", 9, "admin"), 404);
  CHECK_INT(give(x, "user", 1, "emperor"), 404);
  CHECK_INT(give(x, "user", 1, "role:9"), 404);
  CHECK_INT(make(x, "grants", "{\"to\":\"user\",\"to_id\":1,\"role\":\"member\",\"workspace\":9}"), 404);
  CHECK_INT(make(x, "grants", "{\"to\":\"user\",\"to_id\":1,\"role\":\"member\",\"workspace\":1}"), 201);
  CHECK_INT(ask(x, "DELETE /api/v1/grants/1", "", ""), 403); /* an owner's is not an admin's to take */
  CHECK_INT(get(x, "/api/v1/grants?to=service_account&to_id=1"), 200);
  CHECK_HAS(body, "\"id\":2,");
  CHECK_INT(strstr(body, "\"id\":1,") != NULL, 0);
  CHECK_INT(get(x, "/api/v1/grants?to=user"), 422);
  CHECK_INT(get(x, "/api/v1/grants?to_id=1"), 422);
  CHECK_INT(get(x, "/api/v1/grants?limit=1"), 200);
  CHECK_INT(next_of()[0] != '\0', 1);
  CHECK_INT(ask(x, "DELETE /api/v1/grants/2", "if-match: \"1\"\r\n", ""), 204);
  CHECK_INT(get(x, "/api/v1/grants/2"), 404);
  CHECK_INT(get(x, "/api/v1/audit?action=grant.delete"), 200);
  CHECK_HAS(body, "\"actor\":\"user:77\"");
}

static void check_grants_run(void *arg) { run(check_grants); }
static void a_role_is_given_by_who_has_all_of_it(void **state) { run_fiber(check_grants_run, NULL); }

static void check_in_workspace(struct fixture *x) {
  static struct caller_workspace in_lab = {.id = 1, .name = TEXT("lab")};
  in_lab.permissions = builtin_role_permissions(ROLE_ADMIN);
  CHECK_INT(make(x, "workspaces", "{\"name\":\"lab\"}"), 201);
  CHECK_INT(make(x, "workspaces", "{\"name\":\"den\"}"), 201);
  CHECK_INT(make(x, "users", "{\"email\":\"ann@example.org\"}"), 201);
  x->caller = user_with(0);
  x->caller.workspaces = &in_lab;
  x->caller.workspace_count = 1;
  CHECK_INT(make(x, "grants", "{\"to\":\"user\",\"to_id\":1,\"role\":\"member\",\"workspace\":1}"), 201);
  CHECK_INT(make(x, "grants", "{\"to\":\"user\",\"to_id\":1,\"role\":\"owner\",\"workspace\":1}"), 403);
  CHECK_INT(make(x, "grants", "{\"to\":\"user\",\"to_id\":1,\"role\":\"member\",\"workspace\":2}"), 403);
  CHECK_INT(make(x, "grants", "{\"to\":\"user\",\"to_id\":1,\"role\":\"member\"}"), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/grants/1", "", ""), 204);
}

static void check_in_workspace_run(void *arg) { run(check_in_workspace); }
static void who_gives_roles_in_a_workspace_gives_none_elsewhere(void **state) {
  run_fiber(check_in_workspace_run, NULL);
}

/* The ways around a grant: to become somebody who may more, or to end them. */
static void check_escalation(struct fixture *x) {
  CHECK_INT(make(x, "users", "{\"email\":\"boss@example.org\"}"), 201);
  CHECK_INT(make(x, "users", "{\"email\":\"me@example.org\"}"), 201);
  CHECK_INT(make(x, "teams", "{\"name\":\"chiefs\"}"), 201);
  CHECK_INT(make(x, "service-accounts", "{\"name\":\"root\"}"), 201);
  CHECK_INT(make(x, "roles", "{\"name\":\"high\",\"permissions\":[\"organisation.write\"]}"), 201);
  CHECK_INT(give(x, "user", 1, "owner"), 201);
  CHECK_INT(give(x, "team", 1, "role:1"), 201);
  CHECK_INT(give(x, "service_account", 1, "owner"), 201);
  x->caller = with_role(ROLE_ADMIN);
  CHECK_INT(send_json(x, "PATCH /api/v1/users/1", "", "{\"email\":\"mine@example.org\"}"), 403);
  CHECK_INT(send_json(x, "PATCH /api/v1/users/1", "", "{\"disabled\":true}"), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/users/1", "", ""), 403);
  CHECK_INT(ask(x, "PUT /api/v1/teams/1/members/2", "", ""), 403);
  CHECK_HAS(body, "organisation.write");
  CHECK_INT(ask(x, "DELETE /api/v1/teams/1", "", ""), 403);
  CHECK_INT(send_json(x, "PATCH /api/v1/service-accounts/1", "", "{\"disabled\":true}"), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/service-accounts/1", "", ""), 403);
  CHECK_INT(send_json(x, "PATCH /api/v1/users/2", "", "{\"name\":\"Me\"}"), 200);
  x->caller = with_role(ROLE_OWNER);
  CHECK_INT(ask(x, "PUT /api/v1/teams/1/members/2", "", ""), 204);
  CHECK_INT(get(x, "/api/v1/teams/1/members"), 200);
  CHECK_HAS(body, "me@example.org");
  CHECK_INT(get(x, "/api/v1/users?team=1"), 200);
  CHECK_HAS(body, "me@example.org");
  CHECK_INT(strstr(body, "boss@") != NULL, 0);
  x->caller = with_role(ROLE_ADMIN);
  CHECK_INT(send_json(x, "PATCH /api/v1/users/2", "", "{\"name\":\"Me\"}"), 403); /* by the team they may more now */
  CHECK_INT(ask(x, "DELETE /api/v1/teams/1/members/2", "", ""), 403);
}

static void check_escalation_run(void *arg) { run(check_escalation); }
static void nobody_becomes_or_ends_who_may_more(void **state) { run_fiber(check_escalation_run, NULL); }

static void check_last_owner(struct fixture *x) {
  struct store *s = x->api.store;
  CHECK_INT(make(x, "users", "{\"email\":\"boss@example.org\"}"), 201);
  CHECK_ERR(s->ops->people->seen(s, PEOPLE_USER, 1, 5, NULL), ERR_OK);
  CHECK_INT(give(x, "user", 1, "owner"), 201);
  x->caller = with_role(ROLE_OWNER);
  CHECK_INT(send_json(x, "PATCH /api/v1/users/1", "", "{\"disabled\":true}"), 409);
  CHECK_HAS(body, "owner");
  CHECK_INT(ask(x, "DELETE /api/v1/users/1", "", ""), 409);
  CHECK_INT(ask(x, "DELETE /api/v1/grants/1", "", ""), 409);
  x->caller = api_owner; /* not over the socket either */
  CHECK_INT(ask(x, "DELETE /api/v1/grants/1", "", ""), 409);
}

static void check_last_owner_run(void *arg) { run(check_last_owner); }
static void the_last_owner_stays(void **state) { run_fiber(check_last_owner_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(roles_are_built_in_and_made),
      cmocka_unit_test(a_role_is_never_wider_than_who_writes_it),
      cmocka_unit_test(a_role_is_given_by_who_has_all_of_it),
      cmocka_unit_test(who_gives_roles_in_a_workspace_gives_none_elsewhere),
      cmocka_unit_test(nobody_becomes_or_ends_who_may_more),
      cmocka_unit_test(the_last_owner_stays),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("api_grants", tests, NULL, NULL);
}
