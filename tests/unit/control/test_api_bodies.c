/* Attacks made from the table of routes by the body of a request: SQL in every text, members of the answer, other
 * media, JSON that is deep, huge, doubled or broken. A route that is added is attacked here without a line of its own.
 */
#include "api_attack.h"

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

static size_t count_of(const char *text, const char *part) {
  size_t n = 0;
  for (; (text = strstr(text, part)) != NULL; text++)
    n++;
  return n;
}

static void check_bad(struct fixture *x, const struct api_route *r, bool is_of_type) {
  const char *json = rows_bad_body(r->body, is_of_type);
  size_t count = 1;
  char missed[160] = "{\"pointer\":\"/no~1b~0dy\",";
  int status = try_body(x, rows_line(r, -1, ""), json);
  bool all = strstr(body, missed) && rows_all_named(r->body, "", is_of_type, body, &count, missed);
  if (status != 422 || !all)
    complain(rows_line(r, -1, ""), json, status, missed);
  CHECK_INT(count_of(body, "\"pointer\":"), count);
}

static void check_missing(struct fixture *x, const struct api_route *r) {
  int status = try_body(x, rows_line(r, -1, ""), "{}");
  for (size_t i = 0; i < r->body->count; i++) {
    char missing[160];
    snprintf(missing, sizeof(missing), "{\"pointer\":\"/%s\",\"detail\":\"is missing\"}", r->body->fields[i].name);
    if ((r->body->fields[i].flags & SHAPE_REQUIRED) && (status != 422 || !strstr(body, missing)))
      complain(rows_line(r, -1, ""), "{}", status, missing);
  }
}

static void check_all_bad(struct fixture *x) {
  size_t bodies = 0;
  open_store(x);
  make_all(x);
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    if (!r->body)
      continue;
    uint64_t before = sum_all();
    check_bad(x, r, false);
    check_bad(x, r, true);
    check_unchanged(r, before);
    check_missing(x, r);
    bodies++;
  }
  CHECK_INT(bodies >= 20, 1);
  close_store(x);
}

static void check_all_bad_run(void *arg) { attack(check_all_bad, ""); }
static void whatever_is_bad_in_a_body_is_named_at_once(void **state) { run_fiber(check_all_bad_run, NULL); }

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
      cmocka_unit_test(sql_in_a_body_is_a_text_and_nothing_else),
      cmocka_unit_test(members_of_the_answer_are_not_taken_in_a_request),
      cmocka_unit_test(whatever_is_bad_in_a_body_is_named_at_once),
      cmocka_unit_test(a_body_of_another_kind_is_refused_everywhere),
      cmocka_unit_test(json_that_is_broken_deep_huge_or_doubled_changes_nothing),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
