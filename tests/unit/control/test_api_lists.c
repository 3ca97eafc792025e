/* Orders and filters of lists through the control API: every page once, a cursor for the list it was given by and no
 * other, and what is not on offer refused. */
#include "api_fixture.h"

#include "ports/store_people.h"

static int64_t make(struct fixture *x, enum people_kind kind, const char *name, const char *text) {
  struct store *s = x->api.store;
  struct people_row r = {.org_id = 1,
                         .name = text_of(name),
                         .text = text_of(text),
                         .timezone = TEXT("UTC"),
                         .week_start = TEXT("monday"),
                         .created_us = 5};
  int64_t id = 0;
  CHECK_ERR(s->ops->people->create(s, kind, &r, TEST_ACTOR, &id, NULL), ERR_OK);
  return id;
}

/* The names of an answer, with a blank behind each, appended. */
static void add_names(char *out, size_t cap) {
  for (const char *at = body; (at = strstr(at, "\"name\":\"")) != NULL;) {
    at += 8;
    size_t n = strlen(out);
    snprintf(out + n, cap - n, "%.*s ", (int)strcspn(at, "\""), at);
  }
}

/* All pages of two. query: behind the path, or "". */
static void expect_names(struct fixture *x, const char *path, const char *query, const char *want) {
  char target[1200], names[1024] = "";
  snprintf(target, sizeof(target), "/api/v1/%s?%s&limit=2", path, query);
  do {
    char line[1300];
    snprintf(line, sizeof(line), "GET %s", target);
    CHECK_INT(ask(x, line, "", ""), 200);
    add_names(names, sizeof(names));
    snprintf(target, sizeof(target), "/api/v1/%s?limit=2&cursor=%s&%s", path, next_of(), query);
  } while (next_of()[0]);
  if (strcmp(names, want) != 0)
    fail_msg("%s?%s: got \"%s\", wanted \"%s\"", path, query, names, want);
}

static void check_orders(struct fixture *x) {
  static const struct {
    const char *path;
    enum people_kind kind;
  } lists[] = {{"teams", PEOPLE_TEAM},
               {"workspaces", PEOPLE_WORKSPACE},
               {"users", PEOPLE_USER},
               {"service-accounts", PEOPLE_SERVICE}};
  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
    make(x, lists[i].kind, "ccc", "1@example.org");
    make(x, lists[i].kind, "B:b", "2@example.org"); /* a sign that a cursor has between its parts */
    make(x, lists[i].kind, "a\xc3\xa4", "3@example.org");
    expect_names(x, lists[i].path, "sort=name", "a\xc3\xa4 B:b ccc ");
    expect_names(x, lists[i].path, "sort=-name", "ccc B:b a\xc3\xa4 ");
    expect_names(x, lists[i].path, "sort=created", "ccc B:b a\xc3\xa4 ");
    expect_names(x, lists[i].path, "sort=-created", "a\xc3\xa4 B:b ccc ");
  }
  expect_names(x, "organisations", "sort=-name", "default ");
  CHECK_INT(get(x, "/api/v1/users?sort=password"), 422);
  CHECK_HAS(body, "\"parameter\":\"sort\"");
}

static void check_orders_run(void *arg) { run(check_orders); }
static void lists_of_people_come_in_the_order_that_is_asked_for(void **state) { run_fiber(check_orders_run, NULL); }

/* Whose role is in some workspaces sees those, in order. */
static void check_own(struct fixture *x) {
  struct caller_workspace in[3] = {{.name = TEXT("bb")}, {.name = TEXT("Aa")}, {.name = TEXT("cc")}};
  for (size_t i = 0; i < 3; i++) {
    in[i].id = make(x, PEOPLE_WORKSPACE, in[i].name.at, "");
    in[i].permissions = PERMISSION_BIT(PERMISSION_WORKSPACES_READ);
  }
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = 7,
                              .org_id = 1,
                              .actor = TEXT("user:7"),
                              .email = TEXT("a@x.org"),
                              .workspaces = in,
                              .workspace_count = 3};
  expect_names(x, "workspaces", "sort=name", "Aa bb cc ");
  expect_names(x, "workspaces", "sort=-created", "cc Aa bb ");
}

static void check_own_run(void *arg) { run(check_own); }
static void ones_own_workspaces_are_sorted_too(void **state) { run_fiber(check_own_run, NULL); }

static void check_filters(struct fixture *x) {
  struct store *s = x->api.store;
  int64_t ann = make(x, PEOPLE_USER, "ann", "ann@x.org"), bob = make(x, PEOPLE_USER, "bob", "bob@x.org");
  int64_t team = make(x, PEOPLE_TEAM, "t", ""), lab = make(x, PEOPLE_WORKSPACE, "lab", ""), id;
  const struct people_grant g = {.to = GRANT_TO_USER, .to_id = ann, .role = TEXT("viewer")};
  const struct people_grant there = {.to = GRANT_TO_USER, .to_id = bob, .workspace_id = lab, .role = TEXT("member")};
  CHECK_ERR(s->ops->people->grant(s, &g, TEST_ACTOR, &id, NULL), ERR_OK);
  CHECK_ERR(s->ops->people->grant(s, &there, TEST_ACTOR, &id, NULL), ERR_OK);
  CHECK_ERR(s->ops->people->team_put(s, 1, team, bob, true, TEST_ACTOR, NULL), ERR_OK);
  CHECK_ERR(s->ops->people->team_put(s, 1, team, ann, true, TEST_ACTOR, NULL), ERR_OK);
  CHECK_INT(send_json(x, "PATCH /api/v1/users/2", "", "{\"disabled\":true}"), 200);
  expect_names(x, "users", "disabled=true", "bob ");
  expect_names(x, "users", "disabled=false", "ann ");
  expect_names(x, "users", "role=viewer&sort=-name", "ann ");
  expect_names(x, "users", "role=owner", "");
  expect_names(x, "teams/1/members", "sort=-name", "bob ann ");
  expect_names(x, "teams/1/members", "search=ANN", "ann ");
  CHECK_INT(get(x, "/api/v1/grants?role=member"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":2,");
  CHECK_INT(get(x, "/api/v1/grants?workspace=1"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":2,");
  CHECK_INT(get(x, "/api/v1/grants?workspace=9"), 200);
  CHECK_HAS(body, "{\"data\":[]");
  CHECK_INT(get(x, "/api/v1/teams?disabled=true"), 422);
}

static void check_filters_run(void *arg) { run(check_filters); }
static void people_and_grants_are_picked_by_what_they_are(void **state) { run_fiber(check_filters_run, NULL); }

static void check_entries(struct fixture *x) {
  CHECK_INT(send_json(x, "POST /api/v1/providers", "",
                      "{\"config\":{\"name\":\"local\",\"kind\":\"openai\",\"base_url\":\"http://127.0.0.1:9/v1\"}}"),
            201);
  static const char *const finds[] = {"source=store&problem=false", "search=LOC"}; /* its config has the name, too */
  for (size_t i = 0; i < 2; i++)
    expect_names(x, "providers", finds[i], "local local ");
  expect_names(x, "providers", "problem=true", "");
  CHECK_INT(get(x, "/api/v1/providers?source=file"), 200);
  CHECK_INT(strstr(body, "\"source\":\"store\"") != NULL, 0);
  CHECK_INT(get(x, "/api/v1/providers?source=sea"), 422);
}

static void check_entries_run(void *arg) { run(check_entries); }
static void entries_are_picked_by_name_source_and_trouble(void **state) { run_fiber(check_entries_run, NULL); }

/* A place in one list is none in another, nor in the same one otherwise sorted or filtered. */
static void check_cursors(struct fixture *x) {
  char target[1200], cursor[1024];
  for (int i = 0; i < 4; i++)
    make(x, PEOPLE_TEAM, (const char *const[]){"a", "b", "c", "d"}[i], "dogs");
  CHECK_INT(get(x, "/api/v1/teams?sort=name&search=dogs&limit=1"), 200);
  snprintf(cursor, sizeof(cursor), "%s", next_of());
  static const struct {
    const char *query;
    int status;
  } rows[] = {{"sort=name&search=dogs&limit=2", 200},
              {"search=dogs&sort=name", 200},
              {"sort=-name&search=dogs", 422},
              {"search=dogs", 422},
              {"sort=name", 422},
              {"sort=name&search=cats", 422}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    snprintf(target, sizeof(target), "GET /api/v1/teams?%s&cursor=%s", rows[i].query, cursor);
    int status = ask(x, target, "", "");
    if (status != rows[i].status)
      fail_msg("%s: %d, wanted %d: %s", rows[i].query, status, rows[i].status, body);
    if (status == 422)
      CHECK_HAS(body, "{\"parameter\":\"cursor\",\"detail\":\"is of a list with another order or other filters\"}");
  }
}

static void check_cursors_run(void *arg) { run(check_cursors); }
static void a_cursor_is_good_for_its_own_list_alone(void **state) { run_fiber(check_cursors_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists_of_people_come_in_the_order_that_is_asked_for),
      cmocka_unit_test(ones_own_workspaces_are_sorted_too),
      cmocka_unit_test(people_and_grants_are_picked_by_what_they_are),
      cmocka_unit_test(entries_are_picked_by_name_source_and_trouble),
      cmocka_unit_test(a_cursor_is_good_for_its_own_list_alone),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("api_lists", tests, NULL, NULL);
}
