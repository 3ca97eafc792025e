/* Attacks made from the table of routes, over a real connection, the way in of the network (front.h) and a database in
 * a file that is looked at from outside: SQL in every value of a path and every text of a body, what a request says of
 * its host, address and method, methods and paths spelled otherwise, members of the answer in the request, other media,
 * JSON that is deep, huge, doubled or broken. A route that is added is attacked here without a line of its own. */
#include "api_fixture.h"
#include "api_rows.h"

#include "control/front.h"

#include <sqlite3.h>

struct doorman {
  struct access port; /* first */
  enum err says;
  char method[32]; /* as it saw it last */
  int asked;
};

static struct doorman doorman;
static struct front front;

/* The operator, from the address that the request came from. */
static enum err find(struct access *self, const struct access_claim *claim, int64_t now_us, struct arena *a,
                     struct caller *out, struct fault *f) {
  struct doorman *d = (struct doorman *)self;
  d->asked++;
  snprintf(d->method, sizeof(d->method), "%.*s", TEXT_ARGS(text_head(claim->method, 31)));
  if (d->says != ERR_OK)
    return fault_set(f, d->says, NULL, "no");
  *out = api_owner;
  out->origin = claim->address;
  return ERR_OK;
}

/* As worker.c does. */
static void serve_front(struct site *site, struct http_request *rq) {
  struct fixture *x = site->data;
  if (front_owns(rq->path))
    front_serve(&front, &x->worker, rq);
  else
    CHECK_ERR(http_respond(rq, 404, NULL, 0, TEXT_NONE), ERR_OK);
}

static int64_t attempts_of(struct text kind) { return 1; }

static sqlite3 *spy;
static char folder[64], file[96];

static void open_store(struct fixture *x) {
  snprintf(folder, sizeof(folder), "%s", "/tmp/weir-attacks-XXXXXX");
  assert_non_null(mkdtemp(folder));
  snprintf(file, sizeof(file), "%s/weir.db", folder);
  x->api.store->ops->close(x->api.store);
  CHECK_ERR(store_open_sqlite(file, &x->api.store, NULL), ERR_OK);
  CHECK_INT(sqlite3_open_v2(file, &spy, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  x->api.job_attempts = attempts_of;
  front = (struct front){&x->api, &doorman.port};
}

static void close_store(struct fixture *x) {
  sqlite3_close(spy);
  x->api.store->ops->close(x->api.store);
  for (const char *const *end = (const char *const[]){"", "-wal", "-shm", NULL}; *end; end++) {
    char path[128];
    snprintf(path, sizeof(path), "%s%s", file, *end);
    unlink(path);
  }
  CHECK_INT(rmdir(folder), 0);
  CHECK_ERR(store_open_memory(&x->api.store, NULL), ERR_OK); /* for the fixture to close */
}

static void attack(void (*test)(struct fixture *x), const char *yaml) {
  doorman = (struct doorman){.port = {find}};
  api_run(test, yaml, serve_front);
}

/* FNV-1a over everything that the statement gives. */
static uint64_t sum_rows(const char *sql) {
  uint64_t sum = UINT64_C(14695981039346656037);
  sqlite3_stmt *rows = NULL;
  if (sqlite3_prepare_v2(spy, sql, -1, &rows, NULL) != SQLITE_OK)
    return 0; /* it has no such column */
  while (sqlite3_step(rows) == SQLITE_ROW) {
    for (int c = 0; c < sqlite3_column_count(rows); c++) {
      const unsigned char *at = sqlite3_column_blob(rows, c);
      for (int i = 0, n = sqlite3_column_bytes(rows, c); i < n; i++)
        sum = (sum ^ at[i]) * UINT64_C(1099511628211);
      sum = (sum ^ (unsigned)(256 + sqlite3_column_type(rows, c))) * UINT64_C(1099511628211);
    }
  }
  sqlite3_finalize(rows);
  return sum;
}

static uint64_t sum_schema(void) { return sum_rows("SELECT type, name, sql FROM sqlite_master ORDER BY name"); }

/* Of every table: its rows that `where` chooses. */
static uint64_t sum_tables(const char *where) {
  uint64_t sum = sum_schema();
  sqlite3_stmt *tables = NULL;
  CHECK_INT(
      sqlite3_prepare_v2(spy, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", -1, &tables, NULL),
      SQLITE_OK);
  while (sqlite3_step(tables) == SQLITE_ROW) {
    char sql[256];
    snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\" %s", (const char *)sqlite3_column_text(tables, 0), where);
    sum = sum * 31 + sum_rows(sql);
  }
  sqlite3_finalize(tables);
  return sum;
}
static uint64_t sum_all(void) { return sum_tables(""); }

static void complain(const char *line, const char *sent, int status, const char *wanted) {
  char said[900];
  snprintf(said, sizeof(said), "%.200s with %.200s: %d, wanted %s; %.300s", line, sent, status, wanted, body);
  CHECK_TEXT(text_of(said), TEXT(""));
}

/* Whatever is answered is JSON, and no failure of ours. */
static void check_answer(const char *line, const char *sent, int status) {
  struct json j;
  if (status == 0 || status >= 500)
    complain(line, sent, status, "an answer");
  if (body[0] == '\0' || strncmp(body, "the request target", 18) == 0) /* it did not come as far as the API */
    return;
  if (json_read(text_of(body), NULL, &j, NULL) != ERR_OK)
    complain(line, sent, status, "JSON");
  else
    json_done(&j);
}

static int try_line(struct fixture *x, const char *line, const char *more) {
  int status = ask(x, line, more, "");
  check_answer(line, more, status);
  return status;
}

static int try_body(struct fixture *x, const char *line, const char *json) {
  int status = send_json(x, line, "", json);
  check_answer(line, json, status);
  return status;
}

/* Two of everything that can be made; all attacks are on the first. */
static void make_all(struct fixture *x) {
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    for (int n = 0; r->status == 201 && n < 2; n++)
      (void)try_body(x, rows_line(r, -1, ""), rows_body(r->body, NULL, NULL));
  }
  CHECK_INT(get(x, "/api/v1/keys/2"), 200);
  CHECK_INT(get(x, "/api/v1/users/2"), 200);
}

static void check_unchanged(const struct api_route *r, uint64_t before) {
  if (sum_all() != before)
    complain(rows_line(r, -1, ""), "", 0, "a database as it was");
}

/* In the place of "1": SQL, other spellings of numbers, ends of texts and of segments. */
static const char *const path_values[] = {"%27%20OR%201%3D1%20--",
                                          "1%27%3B%20DROP%20TABLE%20weir_keys%3B--",
                                          "1%20OR%201%3D1",
                                          "1%3B--",
                                          "1)%20OR%20(1%3D1",
                                          "1%20UNION%20SELECT%20hash%20FROM%20weir_keys",
                                          "%22%20OR%20%22%22%3D%22",
                                          "%25",
                                          "_",
                                          "%3F1",
                                          "$1",
                                          "1%00",
                                          "%00",
                                          "%C0%B1",
                                          "%D9%A1",
                                          "%EF%BC%91",
                                          "1%20",
                                          "%201",
                                          "%0A1",
                                          "1%0D%0Ax-evil:1",
                                          "-1",
                                          "0",
                                          "1e0",
                                          "0x1",
                                          "1.0",
                                          "1,2",
                                          "18446744073709551617",
                                          "9223372036854775808",
                                          "1%2F..%2F2",
                                          "..%2F1",
                                          "%2E%2E",
                                          "1%2Fx",
                                          "1%",
                                          "%zz1",
                                          "1\\",
                                          "1;a=b",
                                          "null",
                                          "[1]",
                                          "{id}"};

static void check_path_values(struct fixture *x) {
  open_store(x);
  make_all(x);
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    uint64_t before = sum_all();
    for (int nth = 0; nth < rows_values(r); nth++) {
      for (size_t k = 0; k < COUNT_OF(path_values); k++) {
        const char *line = rows_line(r, nth, path_values[k]);
        int status = r->body ? try_body(x, line, rows_body(r->body, NULL, NULL)) : try_line(x, line, "");
        if (status != 404 && status != 400 && !(r->body && status == 422))
          complain(line, "", status, "404");
      }
    }
    check_unchanged(r, before);
  }
  close_store(x);
}

static void check_path_values_run(void *arg) { attack(check_path_values, ""); }
static void nothing_is_found_by_a_value_that_is_no_id(void **state) { run_fiber(check_path_values_run, NULL); }

static void check_parameters(struct fixture *x) {
  static const char *const parameters[] = {"limit=1%27%20OR%201%3D1--",
                                           "limit=1%3BDROP%20TABLE%20weir_keys",
                                           "limit=-1",
                                           "limit=18446744073709551617",
                                           "cursor=%27%20OR%201%3D1--",
                                           "cursor=MTonIE9SIDE9MS0tOjE",
                                           "limit=1&limit=2",
                                           "id%20%3D%201%20OR%201=1",
                                           "_method=DELETE",
                                           "%00=1",
                                           "%C0%AF=1",
                                           "sort=name%3BDROP%20TABLE%20weir_keys",
                                           "org_id=2",
                                           "%zz"};
  open_store(x);
  make_all(x);
  uint64_t before = sum_all();
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    for (size_t k = 0; k < COUNT_OF(parameters); k++) {
      char line[1200];
      snprintf(line, sizeof(line), "%s?%s", rows_line(r, -1, ""), parameters[k]);
      int status = r->body ? try_body(x, line, rows_body(r->body, NULL, NULL)) : try_line(x, line, "");
      if (status != 422 && status != 400)
        complain(line, "", status, "422");
    }
  }
  CHECK_INT(sum_all() == before, 1);
  close_store(x);
}

static void check_parameters_run(void *arg) { attack(check_parameters, ""); }
static void a_parameter_that_is_not_on_offer_is_refused_everywhere(void **state) {
  run_fiber(check_parameters_run, NULL);
}

/* As they stand in JSON. */
static const char *const texts[] = {"' OR 1=1 --",
                                    "x'; DROP TABLE weir_keys; --",
                                    "x'); DELETE FROM weir_users; --",
                                    "' UNION SELECT hash FROM weir_keys --",
                                    "\\\" OR \\\"\\\"=\\\"",
                                    "\\\\' OR 1=1 --",
                                    "' || (SELECT hash FROM weir_keys) || '",
                                    "1) OR (1=1",
                                    "?1",
                                    "$1",
                                    "%",
                                    "%s%n",
                                    "{{7*7}}",
                                    "../../etc/passwd",
                                    "<script>alert(1)</script>",
                                    "\\u202e\\ud83d\\ude00"};

static bool is_text(const struct shape_field *f) {
  return (f->type == SHAPE_TEXT && !f->choices) || f->type == SHAPE_TEXTS;
}

static int taken;

/* What is taken is kept as it was sent. */
static void check_text(struct fixture *x, const struct api_route *r, const struct shape_field *f, const char *text) {
  char member[256];
  const char *line = rows_line(r, -1, "");
  snprintf(member, sizeof(member), f->type == SHAPE_TEXTS ? "\"%s\":[\"%s\"]" : "\"%s\":\"%s\"", f->name, text);
  const char *json = rows_body(r->body, f->name, member);
  int status = try_body(x, line, json);
  taken += status == 200 || status == 201;
  bool is_plain = strchr(text, '\\') == NULL && strchr(text, '/') == NULL;
  if ((status == 200 || status == 201) && is_plain && rows_field(r->answer, f->name) && !strstr(body, text))
    complain(line, json, status, "the text as it was sent");
}

static void check_texts(struct fixture *x) {
  struct audit_verdict v;
  struct arena a;
  open_store(x);
  make_all(x);
  uint64_t schema = sum_schema(), second = sum_tables("WHERE id = 2");
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    for (size_t n = 0; r->body && n < r->body->count; n++) {
      for (size_t k = 0; is_text(&r->body->fields[n]) && k < COUNT_OF(texts); k++)
        check_text(x, r, &r->body->fields[n], texts[k]);
    }
    if (sum_schema() != schema || sum_tables("WHERE id = 2") != second)
      complain(rows_line(r, -1, ""), "", 0, "what it is not about as it was");
  }
  CHECK_INT(taken >= 50, 1); /* so that something came as far as the database */
  arena_init(&a);
  CHECK_ERR(x->api.store->ops->audit->verify(x->api.store, NULL, &a, &v, NULL), ERR_OK);
  CHECK_INT(v.bad_id, 0);
  arena_done(&a);
  close_store(x);
}

static void check_texts_run(void *arg) { attack(check_texts, ""); }
static void sql_in_a_body_is_a_text_and_nothing_else(void **state) { run_fiber(check_texts_run, NULL); }

#define LIES                                                                                                           \
  "x-forwarded-for: 6.6.6.6\r\nforwarded: for=6.6.6.6;host=evil.example\r\nx-real-ip: 6.6.6.6\r\n"                     \
  "x-forwarded-host: evil.example\r\nx-forwarded-proto: gopher\r\nx-forwarded-prefix: /evil\r\n"                       \
  "x-original-url: /api/v1/permissions\r\nx-rewrite-url: /api/v1/permissions\r\n"                                      \
  "x-http-method-override: DELETE\r\nx-http-method: DELETE\r\nx-method-override: DELETE\r\n"

/* The same answer with the lies as without; its first 64 KB, but for the id of the request. */
static void check_read(struct fixture *x, const struct api_route *r) {
  static char plain[65536];
  int first = try_line(x, rows_line(r, -1, ""), "");
  snprintf(plain, sizeof(plain), "%.65000s", body);
  int status = try_line(x, rows_line(r, -1, ""), LIES);
  if (status != first || (status == 200 && strncmp(plain, body, 65000) != 0))
    complain(rows_line(r, -1, ""), LIES, status, plain);
}

static void check_lies(struct fixture *x) {
  open_store(x);
  make_all(x);
  uint64_t before = sum_all();
  for (size_t i = 0; i < api_route_count; i++) {
    if (strcmp(api_routes[i].method, "GET") == 0)
      check_read(x, &api_routes[i]);
  }
  CHECK_INT(sum_all() == before, 1);
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    const char *line = rows_line(r, -1, "");
    int status = r->body ? send_json(x, line, LIES, rows_body(r->body, NULL, NULL)) : ask(x, line, LIES, "");
    check_answer(line, LIES, status);
    CHECK_TEXT(text_of(doorman.method), text_of(r->method));
    CHECK_INT(strstr(body, "evil") != NULL, 0);
    CHECK_INT(strstr(location, "evil") != NULL, 0);
  }
  CHECK_INT(sum_rows("SELECT id FROM weir_audit WHERE origin <> '127.0.0.1'") ==
                sum_rows("SELECT id FROM weir_audit WHERE id < 0"),
            1);
  close_store(x);
}

static void check_lies_run(void *arg) { attack(check_lies, ""); }
static void what_a_request_says_of_itself_moves_nothing(void **state) { run_fiber(check_lies_run, NULL); }

static void check_networks(struct fixture *x) {
  open_store(x);
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    const char *line = rows_line(r, -1, "");
    int status = ask(x, line, "x-forwarded-for: 10.0.0.1\r\nx-real-ip: 10.0.0.1\r\nforwarded: for=10.0.0.1\r\n", "");
    if (status != 403)
      complain(line, "", status, "403");
  }
  CHECK_INT(doorman.asked, 0);
  close_store(x);
}

static void check_networks_run(void *arg) { attack(check_networks, "control: { allow_ips: 10.0.0.0/8 }\n"); }
static void no_route_is_reached_from_other_networks(void **state) { run_fiber(check_networks_run, NULL); }

/* The last segment and what is before it. */
static void cut_path(const char *path, char *before, size_t cap, const char **last) {
  *last = strrchr(path, '/') + 1;
  snprintf(before, cap, "%.*s", (int)(*last - 1 - path), path);
}

#define SPELLINGS 22
static void spell(const char *path, int how, char *out, size_t cap) {
  char before[512];
  const char *last;
  cut_path(path, before, sizeof(before), &last);
  static const char *const joints[] = {"//",  "/./",    "/x/../", "%2f",        "%2F", "\\",
                                       "%5c", "%c0%af", "/%2e/",  "/x/%2e%2e/", ";a/", "/;/"};
  static const char *const ends[] = {"/", "/.", ";a=b", "%00", "%20", "%2e", ".json", "%3f"};
  if (how < 12)
    snprintf(out, cap, "%s%s%s", before, joints[how], last);
  else if (how < 20)
    snprintf(out, cap, "%s%s", path, ends[how - 12]);
  else if (how == 20)
    snprintf(out, cap, "/%s", path);
  else
    snprintf(out, cap, "/api/v1/%%%02x%s", path[8], path + 9); /* a letter of the resource's name */
}

static void check_spellings(struct fixture *x) {
  open_store(x);
  make_all(x);
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    uint64_t before = sum_all();
    for (int how = 0; how < 2 * SPELLINGS; how++) {
      char line[1200], path[1024];
      spell(strchr(rows_line(r, -1, ""), '/'), how % SPELLINGS, path, sizeof(path));
      snprintf(line, sizeof(line), "%s %s", r->method, path);
      doorman.says = how < SPELLINGS ? ERR_OK : ERR_UNAUTHENTICATED;
      int status = r->body ? try_body(x, line, rows_body(r->body, NULL, NULL)) : try_line(x, line, "");
      if (status != 404 && status != 400 && status != 405 && status != 401)
        complain(line, "", status, "404, 400 or 405");
    }
    doorman.says = ERR_OK;
    check_unchanged(r, before);
  }
  close_store(x);
}

static void check_spellings_run(void *arg) { attack(check_spellings, ""); }
static void a_path_spelled_otherwise_is_another(void **state) { run_fiber(check_spellings_run, NULL); }

static void check_methods(struct fixture *x) {
  static const char *const methods[] = {"get",   "Get",  "GETT", "DELETE2", "delete",   "CONNECT",  "TRACE",
                                        "TRACK", "LINK", "LOCK", "QUERY",   "PROPFIND", "M-SEARCH", "SUBSCRIBE"};
  open_store(x);
  make_all(x);
  uint64_t before = sum_all();
  for (size_t i = 0; i < api_route_count; i++) {
    for (size_t k = 0; k < COUNT_OF(methods); k++) {
      char line[1200];
      snprintf(line, sizeof(line), "%s %s", methods[k], strchr(rows_line(&api_routes[i], -1, ""), '/'));
      int status = ask(x, line, "", "");
      if (status != 400 && status != 405 && status != 501)
        complain(line, "", status, "400 or 405");
    }
    doorman.says = ERR_UNAUTHENTICATED;
    CHECK_INT(ask(x, rows_line(&api_routes[i], -1, ""), "", ""), 401);
    doorman.says = ERR_OK;
  }
  CHECK_INT(sum_all() == before, 1);
  close_store(x);
}

static void check_methods_run(void *arg) { attack(check_methods, ""); }
static void a_method_spelled_otherwise_is_none(void **state) { run_fiber(check_methods_run, NULL); }

/* But for those that either of two other shapes has. */
static void name_members(const struct shape *s, const struct shape *offered, const struct shape *other, struct buf *out,
                         int *count) {
  for (size_t i = 0; s && i < s->count && *count < SHAPE_ERRORS_MAX - 6; i++) {
    if (!rows_field(offered, s->fields[i].name) && !rows_field(other, s->fields[i].name)) {
      buf_add_format(out, "%s\"%s\":1", *count ? "," : "", s->fields[i].name);
      (*count)++;
    }
  }
}

static void check_pointers(const struct api_route *r, const struct shape *s, const char *json, int status) {
  for (size_t i = 0; s && i < s->count; i++) {
    char pointer[128], member[96];
    snprintf(member, sizeof(member), "\"%s\":1", s->fields[i].name);
    snprintf(pointer, sizeof(pointer), "{\"pointer\":\"/%s\",\"detail\":\"is not known here\"}", s->fields[i].name);
    if (strstr(json, member) && !rows_field(r->body, s->fields[i].name) && !strstr(body, pointer))
      complain(rows_line(r, -1, ""), json, status, pointer);
  }
}

static void check_mass(struct fixture *x) {
  open_store(x);
  make_all(x);
  uint64_t before = sum_all();
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    static const struct shape_field secrets[] = {{.name = "org_id"},     {.name = "is_owner"}, {.name = "created_us"},
                                                 {.name = "__proto__"},  {.name = "hash"},     {.name = "version"},
                                                 {.name = "permission"}, {.name = "declared"}};
    static const struct shape inner = {.name = "Secrets", SHAPE_FIELDS(secrets)};
    static char more[4096];
    struct buf b;
    int count = 0;
    if (!r->body)
      continue;
    buf_init(&b, sizeof(more) - 1);
    name_members(&inner, r->body, r->answer, &b, &count);
    name_members(r->answer, r->body, NULL, &b, &count);
    snprintf(more, sizeof(more), "%.*s", TEXT_ARGS(buf_text(&b)));
    buf_done(&b);
    const char *json = rows_body(r->body, NULL, more);
    int status = try_body(x, rows_line(r, -1, ""), json);
    if (status != 422)
      complain(rows_line(r, -1, ""), json, status, "422");
    check_pointers(r, r->answer, json, status);
    check_pointers(r, &inner, json, status);
  }
  CHECK_INT(sum_all() == before, 1);
  close_store(x);
}

static void check_mass_run(void *arg) { attack(check_mass, ""); }
static void members_of_the_answer_are_not_taken_in_a_request(void **state) { run_fiber(check_mass_run, NULL); }

static void check_media(struct fixture *x) {
  static const char *const media[] = {"text/plain",
                                      "application/x-www-form-urlencoded",
                                      "multipart/form-data; boundary=x",
                                      "application/json-patch+json",
                                      "application/merge-patch+json",
                                      "application/jsonp",
                                      "text/json",
                                      "application/json, text/plain",
                                      "application/xml",
                                      ""};
  open_store(x);
  make_all(x);
  uint64_t before = sum_all();
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    for (size_t k = 0; r->body && k < COUNT_OF(media); k++) {
      char header[128];
      snprintf(header, sizeof(header), media[k][0] ? "content-type: %s\r\n" : "%s", media[k]);
      int status = ask(x, rows_line(r, -1, ""), header, rows_body(r->body, NULL, NULL));
      if (status != 415)
        complain(rows_line(r, -1, ""), header, status, "415");
    }
    if (!r->body && send_json(x, rows_line(r, -1, ""), "", "{\"id\":1}") != 400)
      complain(rows_line(r, -1, ""), "a body", 0, "400");
  }
  CHECK_INT(sum_all() == before, 1);
  close_store(x);
}

static void check_media_run(void *arg) { attack(check_media, ""); }
static void a_body_of_another_kind_is_refused_everywhere(void **state) { run_fiber(check_media_run, NULL); }

/* Bodies that are no JSON at all, no object, or name something twice. */
static void check_broken(struct fixture *x, const struct api_route *r) {
  static char deep[20001], huge[API_BODY_BYTES + 2];
  const struct shape_field *f = &r->body->fields[0];
  char twice[256], nested[256], nul[256], spoiled[256];
  memset(deep, '[', sizeof(deep) - 1);
  memset(huge, ' ', sizeof(huge) - 1);
  huge[0] = '{';
  snprintf(twice, sizeof(twice), "{\"%s\":\"a\",\"%s\":\"b\"}", f->name, f->name);
  snprintf(nested, sizeof(nested), "{\"%s\":{\"a\":1,\"\\u0061\":2}}", f->name);
  snprintf(nul, sizeof(nul), "{\"%s\":\"a\\u0000b\"}", f->name);
  snprintf(spoiled, sizeof(spoiled), "{\"%s\":\"\xc0\xaf\"}", f->name);
  const char *const bodies[] = {deep,
                                huge,
                                twice,
                                nested,
                                nul,
                                spoiled,
                                "{",
                                "{}{}",
                                "{} x",
                                "\xef\xbb\xbf{}",
                                "{\"a\":NaN}",
                                "{\"a\":1e999}",
                                "{/**/}",
                                "{'a':1}",
                                "{\"a\":01}",
                                "{\"a\":1,}",
                                "[]",
                                "null",
                                "\"text\"",
                                "1",
                                "true",
                                "[{}]",
                                "{\"\\ud800\":1}",
                                "{\"\":1}"};
  for (size_t k = 0; k < COUNT_OF(bodies); k++) {
    int status = try_body(x, rows_line(r, -1, ""), bodies[k]);
    if (status != 400 && status != 422 && status != 413)
      complain(rows_line(r, -1, ""), bodies[k], status, "400, 413 or 422");
  }
}

/* Names that have to be cut for the answer, in the middle of a character too. */
static void check_names(struct fixture *x, const struct api_route *r) {
  for (int shift = 0; shift < 3; shift++) {
    char json[1024];
    int n = snprintf(json, sizeof(json), "{\"%.*s", shift, "aaa");
    for (int i = 0; i < 90; i++)
      n += snprintf(json + n, sizeof(json) - (size_t)n, "\xe2\x82\xac");
    snprintf(json + n, sizeof(json) - (size_t)n, "\":1}");
    int status = try_body(x, rows_line(r, -1, ""), json);
    if (status != 422)
      complain(rows_line(r, -1, ""), json, status, "422");
  }
}

static void check_json(struct fixture *x) {
  open_store(x);
  make_all(x);
  uint64_t before = sum_all();
  for (size_t i = 0; i < api_route_count; i++) {
    if (api_routes[i].body) {
      check_broken(x, &api_routes[i]);
      check_names(x, &api_routes[i]);
    }
  }
  CHECK_INT(sum_all() == before, 1);
  close_store(x);
}

static void check_json_run(void *arg) { attack(check_json, ""); }
static void json_that_is_broken_deep_huge_or_doubled_changes_nothing(void **state) { run_fiber(check_json_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_found_by_a_value_that_is_no_id),
      cmocka_unit_test(a_parameter_that_is_not_on_offer_is_refused_everywhere),
      cmocka_unit_test(sql_in_a_body_is_a_text_and_nothing_else),
      cmocka_unit_test(what_a_request_says_of_itself_moves_nothing),
      cmocka_unit_test(no_route_is_reached_from_other_networks),
      cmocka_unit_test(a_path_spelled_otherwise_is_another),
      cmocka_unit_test(a_method_spelled_otherwise_is_none),
      cmocka_unit_test(members_of_the_answer_are_not_taken_in_a_request),
      cmocka_unit_test(a_body_of_another_kind_is_refused_everywhere),
      cmocka_unit_test(json_that_is_broken_deep_huge_or_doubled_changes_nothing),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
