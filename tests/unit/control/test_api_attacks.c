/* Attacks made from the table of routes by the head of a request: SQL in every value of a path and in parameters, what
 * a request says of its host, address and method, methods and paths spelled otherwise. A route that is added is
 * attacked here without a line of its own; bodies are test_api_bodies.c's. */
#include "api_attack.h"

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
    CHECK_TEXT(text_of(doorman.method), text_head(text_of(line), strcspn(line, " ")));
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_found_by_a_value_that_is_no_id),
      cmocka_unit_test(a_parameter_that_is_not_on_offer_is_refused_everywhere),
      cmocka_unit_test(what_a_request_says_of_itself_moves_nothing),
      cmocka_unit_test(no_route_is_reached_from_other_networks),
      cmocka_unit_test(a_path_spelled_otherwise_is_another),
      cmocka_unit_test(a_method_spelled_otherwise_is_none),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
