/* The pages of signing in as a browser sees them: what is checked before anybody works on a password, what is answered,
 * and which cookies come with it. What is decided behind the port is tested in identity. */
#include "../net/http_fixture.h"

#include "control/auth.h"

struct fixture {
  struct signin port; /* first */
  struct site site;
  struct auth_site s;
  struct config config;
  struct gateway_snapshot snapshot;
  struct gateway_worker worker;
  enum err fails;
  unsigned calls;
  char email[128], password[128], csrf[64], cookie[128], address[64];
};

static void keep(char *out, size_t cap, struct text t) { snprintf(out, cap, "%.*s", TEXT_ARGS(text_head(t, cap - 1))); }

static enum err done(struct fixture *x, const struct signin_visit *v, struct signin_result *out, struct fault *f) {
  x->calls++;
  keep(x->csrf, sizeof(x->csrf), v->csrf);
  keep(x->cookie, sizeof(x->cookie), v->cookie);
  keep(x->address, sizeof(x->address), v->address);
  if (x->fails) {
    fault_set(f, x->fails, x->fails == ERR_BAD_REQUEST ? "password" : NULL, "said so");
    f->retry_after_s = x->fails == ERR_RATE_LIMITED ? 7 : 0;
    return x->fails;
  }
  *out = (struct signin_result){.user_id = 12,
                                .session_id = 3,
                                .email = TEXT("a@x.org"),
                                .name = TEXT("A"),
                                .csrf = TEXT("proof"),
                                .access_expires_us = 1801353600000000,
                                .session_expires_us = 1801353600000000,
                                .cookies = {TEXT("one=1; HttpOnly"), TEXT("two=2")},
                                .cookie_count = 2};
  return ERR_OK;
}

static enum err needs_setup(struct signin *self, bool *out, struct fault *f) {
  *out = true;
  return ERR_OK;
}

static enum err login(struct signin *self, const struct signin_visit *v, struct text email, struct text password,
                      struct text code, struct signin_result *out, struct fault *f) {
  struct fixture *x = (struct fixture *)self;
  keep(x->email, sizeof(x->email), email);
  keep(x->password, sizeof(x->password), password);
  if (text_equal(code, TEXT("none"))) {
    *out = (struct signin_result){.needs_code = true};
    return ERR_OK;
  }
  return done(x, v, out, f);
}

static enum err setup(struct signin *self, const struct signin_visit *v, struct text token, struct text email,
                      struct text name, struct text password, struct signin_result *out, struct fault *f) {
  return done((struct fixture *)self, v, out, f);
}

static enum err go_on(struct signin *self, const struct signin_visit *v, struct signin_result *out, struct fault *f) {
  return done((struct fixture *)self, v, out, f);
}

static enum err take_link(struct signin *self, const struct signin_visit *v, struct text token, struct text name,
                          struct text password, struct signin_result *out, struct fault *f) {
  return done((struct fixture *)self, v, out, f);
}

static void serve(struct site *site, struct http_request *rq) {
  struct fixture *x = site->data;
  auth_serve(&x->s, &x->worker, rq);
}

static char body[8192], cookie[256], kept[64], retry[16], allow[32];

static int ask(struct fixture *x, const char *line, const char *headers, const char *sent, size_t len) {
  struct wire *c = wire_open(&x->site);
  struct buf b;
  buf_init(&b, 4 << 20);
  buf_add_format(&b, "%s HTTP/1.1\r\nhost: a\r\n%scontent-length: %zu\r\n\r\n", line, headers, len);
  buf_add(&b, (struct text){sent, len});
  wire_send(c, buf_text(&b));
  int status = wire_answer_to(c, false);
  keep(body, sizeof(body), wire_text(c));
  keep(cookie, sizeof(cookie), wire_header(c, "set-cookie"));
  keep(kept, sizeof(kept), wire_header(c, "cache-control"));
  keep(retry, sizeof(retry), wire_header(c, "retry-after"));
  keep(allow, sizeof(allow), wire_header(c, "allow"));
  wire_close(c);
  buf_done(&b);
  return status;
}

#define JSON "content-type: application/json\r\n"
static int post(struct fixture *x, const char *path, const char *headers, const char *sent) {
  char line[128];
  snprintf(line, sizeof(line), "POST %s", path);
  return ask(x, line, headers, sent, strlen(sent));
}

static void run(void (*test)(struct fixture *x)) {
  static struct fixture x;
  x = (struct fixture){.port = {.needs_setup = needs_setup,
                                .setup = setup,
                                .login = login,
                                .refresh = go_on,
                                .logout = go_on,
                                .accept = take_link}};
  x.s.signin = &x.port;
  x.snapshot.config = &x.config;
  x.worker.snapshot = &x.snapshot;
  CHECK_ERR(offload_new(1, 8, &x.s.offload), ERR_OK);
  x.site = site_options();
  x.site.serve = serve;
  x.site.data = &x;
  site_open(&x.site);
  test(&x);
  site_close(&x.site);
  settle();
  offload_free(x.s.offload);
}

#define LOGIN "{\"email\":\"A@x.org\",\"password\":\"correct horse battery\"}"

static void signing_in(struct fixture *x) {
  CHECK_INT(post(x, "/auth/login", JSON "cookie: a=b\r\nx-weir-csrf: c\r\n", LOGIN), 200);
  CHECK_HAS(x->email, "A@x.org");
  CHECK_HAS(x->password, "correct horse battery");
  CHECK_HAS(x->cookie, "a=b");
  CHECK_HAS(x->csrf, "c");
  CHECK_HAS(x->address, "127.0.0.1");
  CHECK_HAS(cookie, "one=1; HttpOnly");
  CHECK_HAS(kept, "no-store");
  CHECK_HAS(body, "\"needs_code\":false,\"user_id\":12,\"session_id\":3,\"email\":\"a@x.org\"");
  CHECK_HAS(body, "\"csrf\":\"proof\"");
  CHECK_INT(post(x, "/auth/login", JSON, "{\"email\":\"a@x.org\",\"password\":\"x\",\"code\":\"none\"}"), 200);
  CHECK_HAS(body, "\"needs_code\":true,\"user_id\":null");
  CHECK_INT(strlen(cookie), 0);
  CHECK_INT(ask(x, "GET /auth/door", "", "", 0), 200);
  CHECK_HAS(body, "{\"needs_setup\":true}");
  CHECK_INT(post(x, "/auth/logout", "", ""), 204);
  CHECK_INT(post(x, "/auth/refresh", "", ""), 200);
  CHECK_INT(post(x, "/auth/setup", JSON, "{\"token\":\"t\",\"email\":\"a@x\",\"password\":\"p\"}"), 200);
  CHECK_INT(post(x, "/auth/accept", JSON, "{\"token\":\"t\",\"password\":\"p\"}"), 200);
}

static void bad_requests(struct fixture *x) {
  static char huge[1 << 20];
  static const char nul[] = "{\"email\":\"a\",\"password\":\"x\0y\"}";
  CHECK_INT(post(x, "/auth/login", "", LOGIN), 415);
  CHECK_INT(post(x, "/auth/login", "content-type: text/plain\r\n", LOGIN), 415);
  CHECK_INT(post(x, "/auth/login", "content-type: application/x-www-form-urlencoded\r\n", "email=a&password=b"), 415);
  CHECK_INT(post(x, "/auth/login", JSON, "{}"), 422);
  CHECK_HAS(body, "/email");
  CHECK_HAS(body, "/password");
  CHECK_INT(post(x, "/auth/login", JSON, "{\"email\":\"a\",\"password\":\"b\",\"role\":\"owner\"}"), 422);
  CHECK_HAS(body, "/role");
  CHECK_INT(post(x, "/auth/login", JSON, "{\"email\":[\"a\"],\"password\":{}}"), 422);
  CHECK_INT(post(x, "/auth/login", JSON, "{\"email\":\"a\",\"email\":\"b\",\"password\":\"c\"}"), 400);
  CHECK_INT(post(x, "/auth/login", JSON, "{\"email\":\"a\",\"password\":\"\xff\xfe\"}"), 400);
  CHECK_INT(ask(x, "POST /auth/login", JSON, nul, sizeof(nul) - 1), 400);
  CHECK_INT(post(x, "/auth/login", JSON, "not JSON"), 400);
  memset(huge, 'x', sizeof(huge));
  memcpy(huge, "{\"email\":\"a\",\"password\":\"", 25);
  memcpy(huge + sizeof(huge) - 2, "\"}", 2);
  CHECK_INT(ask(x, "POST /auth/login", JSON, huge, sizeof(huge)), 413);
  CHECK_INT(x->calls, 0); /* nobody has worked for any of them */
}

static void wrong_doors(struct fixture *x) {
  CHECK_INT(ask(x, "GET /auth/login", "", "", 0), 405);
  CHECK_HAS(allow, "POST");
  CHECK_INT(ask(x, "DELETE /auth/logout", "", "", 0), 405);
  CHECK_INT(post(x, "/auth/nowhere", "", ""), 404);
  CHECK_INT(post(x, "/auth/login/", JSON, LOGIN), 404);
  CHECK_INT(post(x, "/auth/LOGIN", JSON, LOGIN), 404);
  CHECK_INT(post(x, "/auth/login", JSON "sec-fetch-site: cross-site\r\n", LOGIN), 403);
  CHECK_INT(post(x, "/auth/login", JSON "sec-fetch-site: same-site\r\n", LOGIN), 403);
  CHECK_INT(post(x, "/auth/logout", "sec-fetch-site: cross-site\r\n", ""), 403);
  CHECK_INT(x->calls, 0);
  CHECK_INT(post(x, "/auth/login", JSON "sec-fetch-site: same-origin\r\n", LOGIN), 200);
  CHECK_INT(post(x, "/auth/refresh", "cookie: a=1\r\ncookie: a=2\r\n", ""), 200);
  CHECK_INT(strlen(x->cookie), 0); /* of two lines nobody can say which */
}

static void addresses(struct fixture *x) {
  static struct text networks[] = {TEXT("10.0.0.0/8")};
  x->config.control.allow_ips = networks;
  x->config.control.allow_ip_count = 1;
  CHECK_INT(post(x, "/auth/login", JSON, LOGIN), 403);
  CHECK_INT(x->calls, 0);
  networks[0] = TEXT("127.0.0.0/8");
  CHECK_INT(post(x, "/auth/login", JSON, LOGIN), 200);
}

static void refusals(struct fixture *x) {
  x->fails = ERR_UNAUTHENTICATED;
  CHECK_INT(post(x, "/auth/login", JSON, LOGIN), 401);
  CHECK_HAS(body, "said so");
  CHECK_INT(strlen(cookie), 0);
  x->fails = ERR_RATE_LIMITED;
  CHECK_INT(post(x, "/auth/login", JSON, LOGIN), 429);
  CHECK_HAS(retry, "7");
  x->fails = ERR_UNAVAILABLE;
  CHECK_INT(post(x, "/auth/login", JSON, LOGIN), 503);
  CHECK_HAS(retry, "2");
  x->fails = ERR_BAD_REQUEST; /* of a password that is to be */
  CHECK_INT(post(x, "/auth/accept", JSON, "{\"token\":\"t\",\"password\":\"p\"}"), 422);
  CHECK_HAS(body, "\"pointer\":\"/password\"");
  x->fails = ERR_STORE;
  CHECK_INT(post(x, "/auth/login", JSON, LOGIN), 503);
  CHECK_INT(strstr(body, "said so") != NULL, 0); /* what is wrong inside is for the log */
}

static void main_signing_in(void *arg) { run(signing_in); }
static void main_bad_requests(void *arg) { run(bad_requests); }
static void main_wrong_doors(void *arg) { run(wrong_doors); }
static void main_addresses(void *arg) { run(addresses); }
static void main_refusals(void *arg) { run(refusals); }

static void who_signs_in_gets_cookies_and_a_proof(void **state) { run_fiber(main_signing_in, NULL); }
static void what_is_not_valid_reaches_nobody(void **state) { run_fiber(main_bad_requests, NULL); }
static void other_sites_methods_and_paths_are_refused(void **state) { run_fiber(main_wrong_doors, NULL); }
static void who_may_not_reach_the_api_may_not_sign_in(void **state) { run_fiber(main_addresses, NULL); }
static void refusals_say_what_may_be_said(void **state) { run_fiber(main_refusals, NULL); }

static void it_owns_its_own_paths_alone(void **state) {
  assert_true(auth_owns(TEXT("/auth")));
  assert_true(auth_owns(TEXT("/auth/login")));
  assert_false(auth_owns(TEXT("/authority")));
  assert_false(auth_owns(TEXT("/api/v1/me")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_signs_in_gets_cookies_and_a_proof),     cmocka_unit_test(what_is_not_valid_reaches_nobody),
      cmocka_unit_test(other_sites_methods_and_paths_are_refused), cmocka_unit_test(refusals_say_what_may_be_said),
      cmocka_unit_test(who_may_not_reach_the_api_may_not_sign_in), cmocka_unit_test(it_owns_its_own_paths_alone),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
