/* Tests made from the table of routes: every route as every built-in role, held in the organisation whose things they
 * are, in another one, in their workspace alone or in another workspace alone; members that nobody offers in every
 * body; SQL in every text of every filter; addresses and methods spelled otherwise. A route that is added is tested
 * here without a line of its own. */
#include "api_fixture.h"
#include "api_rows.h"

#include "ports/permission.h"
#include "ports/store_credentials.h"
#include "ports/store_people.h"

#define MARK "first-only" /* in everything that is the first organisation's */

/* Where a role is held. */
enum where { WHERE_ORGANISATION, WHERE_WORKSPACE, WHERE_OTHER_WORKSPACE, WHERE_COUNT };
static const char *const where_names[] = {"the organisation", "the workspace", "another workspace"};

struct cell {
  struct fixture *x;
  const struct api_route *route;
  int role; /* of enum builtin_role; ROLE_BUILTIN_COUNT: none */
  int64_t org_id;
  enum where where;
};

/* Of the first organisation; everything is in the first of them. */
static struct caller_workspace workspaces[] = {{.name = TEXT(MARK)}, {.name = TEXT("elsewhere")}};

static int64_t attempts_of(struct text kind) { return 1; }

static uint64_t permissions_of(int role) {
  return role < ROLE_BUILTIN_COUNT ? builtin_role_permissions((enum builtin_role)role) : 0;
}

static void become(const struct cell *c) {
  static struct caller_workspace only;
  c->x->caller = (struct caller){.kind = CALLER_USER,
                                 .id = 40 + c->role,
                                 .org_id = c->org_id,
                                 .actor = TEXT("user:40"),
                                 .origin = TEXT("127.0.0.1"),
                                 .email = TEXT("somebody@example.org")};
  if (c->where == WHERE_ORGANISATION) {
    c->x->caller.permissions = permissions_of(c->role);
    return;
  }
  /* Those of the other organisation have one of their own, with another number and name. */
  only = c->org_id == 1 ? workspaces[c->where - WHERE_WORKSPACE] : (struct caller_workspace){999, TEXT("theirs"), 0};
  only.permissions = permissions_of(c->role);
  c->x->caller.workspaces = &only;
  c->x->caller.workspace_count = 1;
}

static void make_workspaces(struct fixture *x) {
  for (size_t i = 0; i < 2; i++) {
    const struct people_row row = {.org_id = 1, .name = workspaces[i].name, .created_us = 1};
    CHECK_ERR(
        x->api.store->ops->people->create(x->api.store, PEOPLE_WORKSPACE, &row, TEST_ACTOR, &workspaces[i].id, NULL),
        ERR_OK);
  }
}

static int64_t make_key(struct fixture *x) {
  static unsigned made;
  struct store *s = x->api.store;
  char name[64];
  int64_t id = 0;
  snprintf(name, sizeof(name), MARK " %u", ++made);
  struct store_key k = {.name = text_of(name),
                        .prefix = TEXT("weir_" MARK),
                        .user = TEXT(MARK),
                        .workspace = TEXT(MARK),
                        .models = TEXT("*"),
                        .created_us = 1};
  memcpy(k.hash, &made, sizeof(made));
  CHECK_ERR(s->ops->key_create(s, &k, TEST_ACTOR, &id, NULL), ERR_OK);
  return id;
}

static int64_t make_job(struct fixture *x) {
  struct store *s = x->api.store;
  const struct store_job_new n = {.kind = TEXT("mark"), .args = TEXT("{\"mark\":\"" MARK "\"}"), .max_attempts = 1};
  int64_t id = 0;
  CHECK_ERR(s->ops->jobs->enqueue(s, &n, 1000000, &id, NULL), ERR_OK);
  return id;
}

static void make_call(struct fixture *x) {
  struct store *s = x->api.store;
  struct ledger_row r = {.id = 7,
                         .settled_us = 5000000,
                         .user = TEXT(MARK),
                         .workspace = TEXT(MARK),
                         .model = TEXT(MARK),
                         .outcome = TEXT("ok"),
                         .first_token_us = -1};
  const struct usage_roll_up_ask all = {.zone = TEXT("UTC"), .max = 100};
  size_t minutes = 0;
  CHECK_ERR(s->ops->ledger_append(s, &r, 1, TEXT("j"), 1, NULL), ERR_OK);
  CHECK_ERR(s->ops->usage->roll_up(s, &all, &minutes, NULL), ERR_OK);
}

static int64_t make_credential(struct fixture *x) {
  static unsigned made;
  struct store *s = x->api.store;
  char name[32];
  snprintf(name, sizeof(name), "c%u", ++made);
  struct store_credential row = {.provider = TEXT("a"),
                                 .name = text_of(name),
                                 .workspace = TEXT(MARK),
                                 .kind = TEXT("api_key"),
                                 .sealed = TEXT("sealed"),
                                 .sealed_version = 1,
                                 .weight = 1,
                                 .created_us = 1};
  CHECK_ERR(s->ops->credentials->number(s, &row.id, NULL), ERR_OK);
  CHECK_ERR(s->ops->credentials->add(s, &row, TEST_ACTOR, NULL), ERR_OK);
  return row.id;
}

/* One of what the path is about, of the first organisation. What has no maker here is number 1, there or not. */
static int64_t make_one(struct fixture *x, const char *path) {
  if (strncmp(path, "/api/v1/keys/", 13) == 0)
    return make_key(x);
  if (strncmp(path, "/api/v1/jobs/", 13) == 0)
    return make_job(x);
  if (strncmp(path, "/api/v1/credentials/", 20) == 0)
    return make_credential(x);
  if (strncmp(path, "/api/v1/workspaces/", 19) == 0)
    return workspaces[0].id;
  return 1;
}

static bool is_of_one(const struct api_route *r) { return strchr(r->path, '{') != NULL; }
static bool is_of_kept(const struct api_route *r) { return strncmp(r->path, "/api/v1/keys/{id}", 17) == 0; }

/* "METHOD /path" with ids in the place of names. A stream has no end, so of one only the head is asked for. */
static void fill_line(struct fixture *x, const struct api_route *r, char *out, size_t cap) {
  int64_t id = is_of_one(r) ? make_one(x, r->path) : 0;
  size_t n = (size_t)snprintf(out, cap, "%s ", r->kind == API_STREAM ? "HEAD" : r->method);
  for (const char *at = r->path; *at && n + 24 < cap; at++) {
    if (*at != '{') {
      out[n++] = *at;
      continue;
    }
    bool is_name = strncmp(at, "{name}", 6) == 0;
    n += (size_t)snprintf(out + n, cap - n, is_name ? "a" : "%lld", (long long)id);
    at += strcspn(at, "}");
  }
  out[n] = '\0';
}

static int call_route(struct fixture *x, const struct api_route *r, const char *extra) {
  char line[256];
  fill_line(x, r, line, sizeof(line));
  char more[64];
  snprintf(more, sizeof(more), "\"%s\":1", extra ? extra : "");
  int status = r->body ? send_json(x, line, "", rows_body(r->body, NULL, extra ? more : NULL)) : ask(x, line, "", "");
  if (r->kind != API_STREAM || status == 200)
    return status;
  return get(x, r->path); /* which has the words of the refusal */
}

static void complain(const struct cell *c, int status, const char *wanted) {
  char said[600];
  snprintf(said, sizeof(said), "%s %s as %s in %s of organisation %lld: %d, wanted %s; %.200s", c->route->method,
           c->route->path, c->role < ROLE_BUILTIN_COUNT ? builtin_role_name((enum builtin_role)c->role) : "nobody",
           where_names[c->where], (long long)c->org_id, status, wanted, body);
  CHECK_TEXT(text_of(said), TEXT(""));
}

static bool has(const struct cell *c, enum permission p) {
  return p == API_ANYBODY || (permissions_of(c->role) & PERMISSION_BIT(p)) != 0;
}

/* Whether it is a list whose entries are asked for by workspace. */
static bool is_by_workspace(const struct api_route *r) { return r->query && rows_field(r->query, "workspace") != NULL; }

/* A caller of another organisation finds nothing of the first's, whatever their role there. */
static void check_other(const struct cell *c, int status) {
  if (c->route->is_shared && status != 404)
    complain(c, status, "404");
  else if (is_of_kept(c->route) && status != 404 && status != 403)
    complain(c, status, "404");
  if (strstr(body, MARK) != NULL)
    complain(c, status, "nothing of the first organisation");
}

/* A role in a workspace opens what the table says it may, and of that what is in the workspace. */
static void check_within(const struct cell *c, int status) {
  bool in_full = has(c, c->route->permission), is_there = c->where == WHERE_WORKSPACE && c->org_id == 1;
  char target[128];
  if (is_of_one(c->route) && strncmp(c->route->path, "/api/v1/roles", 13) != 0 && c->route->permission != API_ANYBODY &&
      strncmp(c->route->path, "/api/v1/grants", 14) != 0) {
    if (is_there && in_full && (status == 403 || status == 404))
      complain(c, status, "anything but 403 or 404");
    if ((!is_there || !in_full) && status != 403 && status != 404)
      complain(c, status, "403 or 404: it is in another workspace");
  }
  if (!is_there && strstr(body, MARK) != NULL)
    complain(c, status, "nothing of the other workspace");
  if (!is_by_workspace(c->route) || c->route->kind == API_STREAM)
    return;
  snprintf(target, sizeof(target), "%s?workspace=" MARK "%s", c->route->path,
           rows_field(c->route->query, "by") ? "&by=workspace" : "");
  status = get(c->x, target);
  bool is_seen = status == 200 && strstr(body, "\"" MARK "\"") != NULL;
  if (is_seen != (is_there && in_full))
    complain(c, status, is_there && in_full ? "what is in the workspace" : "nothing of the workspace");
}

static bool is_refused(const struct cell *c, int status) {
  return status == 403 && strstr(body, permission_name(c->route->permission));
}

static void check_status(const struct cell *c, int status) {
  bool in_full = has(c, c->route->permission), as_own = has(c, c->route->own);
  bool is_narrow = c->where != WHERE_ORGANISATION && c->route->permission != API_ANYBODY;
  if ((!in_full && !as_own) || (is_narrow && !c->route->is_within)) {
    if (!is_refused(c, status))
      complain(c, status, "403 with the name of the permission");
    return;
  }
  if (is_narrow) {
    check_within(c, status);
    return;
  }
  if (in_full && status == 403 && c->org_id == 1)
    complain(c, status, "anything but 403");
  if (!in_full && is_of_kept(c->route) && status != 404)
    complain(c, status, "404: it is another's");
}

static void check_cell(const struct cell *c) {
  become(c);
  int status = call_route(c->x, c->route, NULL);
  if (status == 0 || status == 401 || status >= 500)
    complain(c, status, "an answer");
  if (c->org_id == 1 || !c->route->is_shared)
    check_status(c, status);
  if (c->org_id != 1)
    check_other(c, status);
}

static void check_cells(struct fixture *x) {
  x->api.job_attempts = attempts_of;
  make_workspaces(x);
  make_call(x);
  (void)make_key(x);
  (void)make_job(x);
  (void)make_credential(x);
  for (size_t i = 0; i < api_route_count; i++) {
    for (int role = 0; role <= ROLE_BUILTIN_COUNT; role++) {
      for (enum where where = 0; where < WHERE_COUNT; where++) {
        check_cell(&(struct cell){x, &api_routes[i], role, 1, where});
        check_cell(&(struct cell){x, &api_routes[i], role, 2, where});
      }
    }
  }
}

static void check_cells_run(void *arg) { run(check_cells); }
static void every_route_as_every_role_wherever_it_is_held(void **state) { run_fiber(check_cells_run, NULL); }

static int call_if(struct fixture *x, const struct api_route *r, const char *condition) {
  char line[256];
  fill_line(x, r, line, sizeof(line));
  return r->body ? send_json(x, line, condition, rows_body(r->body, NULL, NULL)) : ask(x, line, condition, "");
}

/* No change is made under a condition that is not met, and whether one can be met is in the document. */
static void check_conditions(struct fixture *x) {
  x->api.job_attempts = attempts_of;
  make_workspaces(x);
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    const struct cell c = {x, r, ROLE_OWNER, 0, WHERE_ORGANISATION};
    bool has_versions = api_has_versions(r->path);
    if (strcmp(r->method, "GET") == 0) {
      int status = r->kind == API_ONE ? call_route(x, r, NULL) : 0;
      if (status == 200 && etag[0] != '\0' && !has_versions)
        complain(&c, status, "no entity tag");
      continue;
    }
    int status = call_if(x, r, "if-match: \"999999\"\r\n");
    if (status != 412 && (!has_versions || status != 404))
      complain(&c, status, has_versions ? "412 or 404" : "412");
    status = call_if(x, r, "if-match:\r\n");
    if (status != 400)
      complain(&c, status, "400: the condition is empty");
    status = strcmp(r->method, "PUT") == 0 && !has_versions ? call_if(x, r, "if-match: *\r\n") : 412;
    if (status != 412)
      complain(&c, status, "412: what is put may not be there");
  }
}

static void check_conditions_run(void *arg) { run(check_conditions); }
static void no_change_is_made_under_a_condition_that_is_not_met(void **state) { run_fiber(check_conditions_run, NULL); }

static void check_members(struct fixture *x) {
  static const char *const members[] = {"id",        "org_id",     "organisation_id", "version",     "hash",
                                        "prefix",    "secret",     "password_hash",   "permissions", "is_admin",
                                        "admin",     "owner",      "created",         "created_us",  "last_used",
                                        "__proto__", "constructor"};
  x->api.job_attempts = attempts_of;
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    for (size_t m = 0; r->body && m < sizeof(members) / sizeof(members[0]); m++) {
      char pointer[64];
      snprintf(pointer, sizeof(pointer), "{\"pointer\":\"/%s\",\"detail\":\"is not known here\"}", members[m]);
      if (rows_field(r->body, members[m]))
        continue;
      int status = call_route(x, r, members[m]);
      if (status != 422 || !strstr(body, pointer))
        complain(&(struct cell){x, r, ROLE_OWNER, 0}, status, pointer);
    }
    char line[256];
    fill_line(x, r, line, sizeof(line));
    if (!r->body && send_json(x, line, "", "{\"id\":1}") != 400)
      complain(&(struct cell){x, r, ROLE_OWNER, 0}, 0, "400: it takes no body");
  }
}

static void check_members_run(void *arg) { run(check_members); }
static void no_route_takes_a_member_that_it_does_not_offer(void **state) { run_fiber(check_members_run, NULL); }

static void check_filters(struct fixture *x) {
  static const char *const injections[] = {"%27+OR+1%3D1+--",
                                           "%27%3B+DROP+TABLE+weir_keys%3B--",
                                           "x%27+UNION+SELECT+1%2C2%2C3--",
                                           "%22+OR+%22%22%3D%22",
                                           "%5C%27+OR+1%3D1",
                                           "1%29+OR+%281%3D1",
                                           "%25",
                                           "_",
                                           "%3F1",
                                           "%241"};
  x->api.job_attempts = attempts_of;
  make_call(x);
  (void)make_key(x);
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    char filled[256];
    if (r->query)
      fill_line(x, r, filled, sizeof(filled));
    for (size_t n = 0; r->query && n < r->query->count; n++) {
      for (size_t k = 0; k < sizeof(injections) / sizeof(injections[0]); k++) {
        char target[400], line[500];
        const struct shape_field *f = &r->query->fields[n];
        snprintf(target, sizeof(target), "%s?%s=%s", strchr(filled, ' ') + 1, f->name, injections[k]);
        snprintf(line, sizeof(line), "%s %s", r->kind == API_STREAM ? "HEAD" : "GET", target);
        int status = ask(x, line, "", "");
        bool finds_nothing = status == 200 && strstr(body, MARK) == NULL;
        bool is_of_nothing = status == 404 && is_of_one(r); /* there is none of it in this store */
        if (status != 422 && !finds_nothing && !is_of_nothing)
          complain(&(struct cell){x, r, ROLE_OWNER, 0}, status, target);
      }
    }
  }
  CHECK_INT(get(x, "/api/v1/keys"), 200);
  CHECK_HAS(body, MARK);
  CHECK_INT(get(x, "/api/v1/requests"), 200);
  CHECK_HAS(body, MARK);
}

static void check_filters_run(void *arg) { run(check_filters); }
static void sql_in_a_filter_is_a_text_that_matches_nothing(void **state) { run_fiber(check_filters_run, NULL); }

static void check_spelling(struct fixture *x) {
  static const char *const spelled[] = {
      "/api/v1/key%73",   "/api/%76%31/keys",       "/api//v1/keys",       "/api/v1//keys",          "/api/v1/keys/",
      "/api/v1/keys//1",  "/api/v1/keys;a=b",       "/api/v1;x/keys",      "/api/v1/KEYS",           "/API/v1/keys",
      "/api/v1/keys%2f1", "/api/v1/./keys",         "/api/v1/x/../keys",   "/api/v1/%2e%2e/v1/keys", "/api/v1/keys/1/",
      "/api/v1/keys/01x", "/api/v1/keys/1%00",      "/api/v1/keys/%31%2f", "/api/v1/keys\\1",        "/api/v1/keys/+1 ",
      "/api/v1/keys%20",  "/api/v1/keys%3flimit=1", "/api/v1/keys.json",   "/api/v1/.keys",          "/api/V1/keys",
  };
  (void)make_key(x);
  for (size_t i = 0; i < sizeof(spelled) / sizeof(spelled[0]); i++) {
    for (const char *const *method = (const char *const[]){"GET", "POST", "DELETE", "PATCH", NULL}; *method; method++) {
      char line[256];
      snprintf(line, sizeof(line), "%s %s", *method, spelled[i]);
      int status = ask(x, line, "", "");
      if (status != 404 && status != 400 && status != 405)
        CHECK_TEXT(text_of(line), TEXT("404, 400 or 405"));
      CHECK_INT(strstr(body, MARK) != NULL, 0);
    }
  }
  /* What a value in a path decodes to is the value, once. */
  CHECK_INT(get(x, "/api/v1/keys/%31"), 200);
  CHECK_INT(get(x, "/api/v1/keys/%2531"), 404);
}

static void check_spelling_run(void *arg) { run(check_spelling); }
static void an_address_spelled_otherwise_is_another(void **state) { run_fiber(check_spelling_run, NULL); }

static void check_hosts(struct fixture *x) {
  static const char lies[] =
      "x-forwarded-host: evil.example\r\nx-forwarded-proto: gopher\r\nx-original-url: /api/v1/jobs\r\n"
      "x-rewrite-url: /api/v1/jobs\r\nx-http-method: DELETE\r\nx-forwarded-prefix: /evil\r\n"
      "forwarded: host=evil.example\r\n";
  CHECK_INT(send_json(x, "POST /api/v1/keys", lies, "{\"name\":\"one\"}"), 201);
  CHECK_TEXT(text_of(location), TEXT("/api/v1/keys/1"));
  CHECK_INT(strstr(body, "evil") != NULL, 0);
  CHECK_INT(ask(x, "GET /api/v1/keys/1", lies, ""), 200);
  CHECK_HAS(body, "\"name\":\"one\"");
}

static void check_hosts_run(void *arg) { run(check_hosts); }
static void what_a_request_says_of_its_host_moves_nothing(void **state) { run_fiber(check_hosts_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_route_as_every_role_wherever_it_is_held),
      cmocka_unit_test(no_change_is_made_under_a_condition_that_is_not_met),
      cmocka_unit_test(no_route_takes_a_member_that_it_does_not_offer),
      cmocka_unit_test(sql_in_a_filter_is_a_text_that_matches_nothing),
      cmocka_unit_test(an_address_spelled_otherwise_is_another),
      cmocka_unit_test(what_a_request_says_of_its_host_moves_nothing),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
