/* The pages of signing in as a browser sees them: what is checked before anybody works on a password, what is answered,
 * and which cookies come with it. What is decided behind the port is tested in identity. */
#include "../net/http_fixture.h"

#include "api_rows.h"
#include "control/auth.h"

struct fixture {
  struct signin port; /* first */
  struct site site;
  struct auth_site s;
  struct config config;
  struct gateway_snapshot snapshot;
  struct gateway_worker worker;
  enum err fails;
  struct oidc oidc;
  enum err provider_fails;
  const char *words, *way;
  unsigned calls, backs;
  char name[64], return_to[64], code[64], said[128];
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
    if (x->fails == ERR_RATE_LIMITED)
      *v->turn = TEXT("turn=1; HttpOnly");
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

static struct fixture *of(struct oidc *self) {
  return (struct fixture *)((char *)self - offsetof(struct fixture, oidc));
}

static void names(struct oidc *self, struct arena *a, struct text **out, size_t *out_count) {
  static struct text list[] = {TEXT("corp"), TEXT("other")};
  *out = list;
  *out_count = 2;
}

static enum err begin(struct oidc *self, const struct signin_visit *v, struct text name, struct text return_to,
                      struct text *out_url, struct text *out_cookie, struct fault *f) {
  struct fixture *x = of(self);
  keep(x->name, sizeof(x->name), name);
  keep(x->return_to, sizeof(x->return_to), return_to);
  if (x->provider_fails)
    return fault_set(f, x->provider_fails, NULL, "%s", x->words);
  *out_url = TEXT("https://idp.example/authorize?a=b");
  *out_cookie = TEXT("attempt=1; HttpOnly");
  return ERR_OK;
}

static enum err finish(struct oidc *self, const struct signin_visit *v, struct text name,
                       const struct oidc_answer *answer, struct signin_result *out, struct text *out_return_to,
                       struct fault *f) {
  struct fixture *x = of(self);
  x->backs++;
  keep(x->name, sizeof(x->name), name);
  keep(x->code, sizeof(x->code), answer->code);
  keep(x->said, sizeof(x->said), answer->error_description);
  if (x->provider_fails)
    return fault_set(f, x->provider_fails, NULL, "%s", x->words);
  *out_return_to = TEXT("/here");
  return done(x, v, out, f);
}

static enum err leave(struct signin *self, const struct signin_visit *v, struct signin_result *out, struct fault *f) {
  struct fixture *x = (struct fixture *)self;
  enum err e = done(x, v, out, f);
  out->way = text_of(x->way ? x->way : "password");
  return e;
}

static enum err end(struct oidc *self, const struct signin_visit *v, struct text name, struct text email,
                    struct text *out_url, struct fault *f) {
  struct fixture *x = of(self);
  keep(x->name, sizeof(x->name), name);
  keep(x->email, sizeof(x->email), email);
  if (x->provider_fails)
    return fault_set(f, x->provider_fails, NULL, "%s", x->words);
  *out_url = TEXT("https://idp.example/end?a=b");
  return ERR_OK;
}

static struct text forget(struct oidc *self, struct arena *a) { return TEXT("attempt=; Max-Age=0"); }

static void serve(struct site *site, struct http_request *rq) {
  struct fixture *x = site->data;
  auth_serve(&x->s, &x->worker, rq);
}

static char body[8192], cookie[256], kept[64], retry[16], allow[32], location[128], policy[256], type[64],
    allow_origin[64], credentials[16];

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
  keep(location, sizeof(location), wire_header(c, "location"));
  keep(policy, sizeof(policy), wire_header(c, "content-security-policy"));
  keep(type, sizeof(type), wire_header(c, "content-type"));
  keep(allow_origin, sizeof(allow_origin), wire_header(c, "access-control-allow-origin"));
  keep(credentials, sizeof(credentials), wire_header(c, "access-control-allow-credentials"));
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
                                .logout = leave,
                                .accept = take_link}};
  x.oidc = (struct oidc){names, begin, finish, forget, end};
  x.s.signin = &x.port;
  x.snapshot.config = &x.config;
  x.worker.snapshot = &x.snapshot;
  CHECK_ERR(offload_new(1, 8, &x.s.offload), ERR_OK);
  x.s.oidc_offload = x.s.offload;
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
  CHECK_HAS(body, "{\"needs_setup\":true,\"providers\":[]}");
  CHECK_INT(post(x, "/auth/logout", "", ""), 204);
  CHECK_INT(post(x, "/auth/refresh", "", ""), 200);
  CHECK_INT(post(x, "/auth/setup", JSON, "{\"token\":\"t\",\"email\":\"a@x\",\"password\":\"twelve of them\"}"), 200);
  CHECK_INT(post(x, "/auth/accept", JSON, "{\"token\":\"t\",\"password\":\"twelve of them\"}"), 200);
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

static void expect_named(struct fixture *x, const struct api_route *r, bool is_of_type) {
  char missed[160] = "";
  size_t count = 0;
  CHECK_INT(post(x, r->path, JSON, rows_bad_body(r->body, is_of_type)), 422);
  if (!rows_all_named(r->body, "", is_of_type, body, &count, missed))
    fail_msg("%s: %s is not in %s", r->path, missed, body);
}

static void everything_bad(struct fixture *x) {
  size_t bodies = 0;
  for (size_t i = 0; i < auth_route_count; i++) {
    if (!auth_routes[i].body)
      continue;
    expect_named(x, &auth_routes[i], false);
    expect_named(x, &auth_routes[i], true);
    bodies++;
  }
  CHECK_INT(bodies, 5);
  CHECK_INT(post(x, "/auth/setup", JSON, "{\"email\":\"a\",\"password\":\"eleven chrs\"}"), 422);
  CHECK_HAS(body, "\"pointer\":\"/token\"");
  CHECK_HAS(body, "\"pointer\":\"/email\"");
  CHECK_HAS(body, "{\"pointer\":\"/password\",\"detail\":\"must have 12 to 1024 characters\"}");
  CHECK_INT(x->calls, 0);
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
  CHECK_HAS(cookie, "turn=1");
  x->fails = ERR_UNAVAILABLE;
  CHECK_INT(post(x, "/auth/login", JSON, LOGIN), 503);
  CHECK_HAS(retry, "2");
  x->fails = ERR_BAD_REQUEST; /* of a password that is to be */
  CHECK_INT(post(x, "/auth/accept", JSON, "{\"token\":\"t\",\"password\":\"twelve of them\"}"), 422);
  CHECK_HAS(body, "\"pointer\":\"/password\"");
  x->fails = ERR_STORE;
  CHECK_INT(post(x, "/auth/login", JSON, LOGIN), 503);
  CHECK_INT(strstr(body, "said so") != NULL, 0); /* what is wrong inside is for the log */
}

static int get(struct fixture *x, const char *path, const char *headers) {
  char line[256];
  snprintf(line, sizeof(line), "GET %s", path);
  return ask(x, line, headers, "", 0);
}

static void providers(struct fixture *x) {
  CHECK_INT(get(x, "/auth/oidc/corp", ""), 404); /* there are none */
  x->s.oidc = &x->oidc;
  CHECK_INT(get(x, "/auth/door", ""), 200);
  CHECK_HAS(body, "\"providers\":[\"corp\",\"other\"]");
  CHECK_INT(get(x, "/auth/oidc/corp?return_to=%2Fa%3Fb", "sec-fetch-site: cross-site\r\n"), 303);
  CHECK_HAS(location, "https://idp.example/authorize?a=b");
  CHECK_HAS(cookie, "attempt=1; HttpOnly");
  CHECK_HAS(kept, "no-store");
  CHECK_HAS(x->name, "corp");
  CHECK_HAS(x->return_to, "/a?b");
  /* Whatever else a provider says is for somebody else. */
  CHECK_INT(get(x, "/auth/oidc/corp/callback?code=a%2Bb&state=s&session_state=x&return_to=/evil", ""), 303);
  CHECK_HAS(location, "/here");
  CHECK_HAS(x->code, "a+b");
  CHECK_HAS(cookie, "attempt=; Max-Age=0");
  CHECK_INT(x->backs, 1);
  CHECK_INT(get(x, "/auth/oidc/corp/callback?code=a&code=b&state=s", ""), 400);
  CHECK_INT(get(x, "/auth/oidc/corp/callback?code=%zz", ""), 400);
  CHECK_INT(get(x, "/auth/oidc/corp/callback?code=%00", ""), 400);
  CHECK_INT(x->backs, 1);
  CHECK_INT(post(x, "/auth/oidc/corp", JSON, "{}"), 405);
  CHECK_HAS(allow, "GET");
  CHECK_INT(get(x, "/auth/oidc/", ""), 404);
  CHECK_INT(get(x, "/auth/oidc/a/b", ""), 404);
  CHECK_INT(get(x, "/auth/oidc/a/b/callback", ""), 404);
  CHECK_INT(get(x, "/auth/oidc//callback", ""), 404);
}

static void refused_at_a_provider(struct fixture *x) {
  x->s.oidc = &x->oidc;
  x->provider_fails = ERR_FORBIDDEN;
  x->words = "<script>\"&' no";
  CHECK_INT(get(x, "/auth/oidc/corp/callback?error=access_denied&error_description=no", ""), 403);
  CHECK_HAS(type, "application/problem+json");
  CHECK_HAS(cookie, "attempt=; Max-Age=0");
  CHECK_HAS(x->said, "no");
  CHECK_INT(get(x, "/auth/oidc/corp/callback?error=access_denied", "accept: text/html,*/*\r\n"), 403);
  CHECK_HAS(type, "text/html");
  CHECK_HAS(policy, "default-src 'none'");
  CHECK_HAS(cookie, "attempt=; Max-Age=0");
  CHECK_HAS(body, "<p>&#60;script&#62;&#34;&#38;&#39; no</p>");
  x->provider_fails = ERR_UNAVAILABLE;
  CHECK_INT(get(x, "/auth/oidc/corp", "accept: text/html\r\n"), 503);
  CHECK_HAS(retry, "2");
  x->provider_fails = ERR_STORE;
  CHECK_INT(get(x, "/auth/oidc/corp", "accept: text/html\r\n"), 503);
  CHECK_INT(strstr(body, "script") != NULL, 0); /* what is wrong inside is for the log */
}

static void leaving(struct fixture *x) {
  CHECK_INT(post(x, "/auth/logout", JSON, ""), 204);
  CHECK_INT(strlen(body), 0);
  x->way = "oidc:corp";
  CHECK_INT(post(x, "/auth/logout", JSON, ""), 204); /* there are no providers */
  x->s.oidc = &x->oidc;
  CHECK_INT(post(x, "/auth/logout", JSON, ""), 200);
  CHECK_TEXT(text_of(body), TEXT("{\"end_session_url\":\"https://idp.example/end?a=b\"}"));
  CHECK_HAS(type, "application/json");
  CHECK_HAS(kept, "no-store");
  CHECK_HAS(cookie, "one=1; HttpOnly");
  CHECK_TEXT(text_of(x->name), TEXT("corp"));
  CHECK_TEXT(text_of(x->email), TEXT("a@x.org"));
  x->provider_fails = ERR_UNAVAILABLE;
  x->words = "away";
  CHECK_INT(post(x, "/auth/logout", JSON, ""), 204); /* it is over here all the same */
  x->fails = ERR_FORBIDDEN;
  CHECK_INT(post(x, "/auth/logout", JSON, ""), 403);
}
static void main_leaving(void *arg) { run(leaving); }
static void who_came_by_a_provider_hears_where_to_leave_it(void **state) { run_fiber(main_leaving, NULL); }

#define PAGE "origin: https://admin.example\r\nsec-fetch-site: same-site\r\n"
#define EVIL "origin: https://evil.example\r\nsec-fetch-site: cross-site\r\n"
#define MAY  "access-control-request-method: POST\r\n"

static void sites(struct fixture *x) {
  static struct text listed[] = {TEXT("https://admin.example")};
  CHECK_INT(post(x, "/auth/login", JSON PAGE, LOGIN), 403);
  CHECK_INT(ask(x, "OPTIONS /auth/login", PAGE MAY, "", 0), 204);
  CHECK_TEXT(text_of(allow_origin), TEXT(""));
  x->config.control.cors_origins = listed;
  x->config.control.cors_origin_count = 1;
  CHECK_INT(ask(x, "OPTIONS /auth/login", PAGE MAY, "", 0), 204);
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  CHECK_TEXT(text_of(credentials), TEXT("true"));
  CHECK_INT(post(x, "/auth/login", JSON PAGE, LOGIN), 200);
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  CHECK_INT(post(x, "/auth/login", JSON PAGE, "{}"), 422); /* which the page may read */
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  CHECK_INT(ask(x, "OPTIONS /auth/login", EVIL MAY, "", 0), 204);
  CHECK_TEXT(text_of(allow_origin), TEXT(""));
  CHECK_TEXT(text_of(credentials), TEXT(""));
  CHECK_INT(post(x, "/auth/login", JSON EVIL, LOGIN), 403);
  CHECK_TEXT(text_of(allow_origin), TEXT(""));
  CHECK_INT(ask(x, "OPTIONS /auth/login", PAGE, "", 0), 405); /* no preflight */
  static struct text networks[] = {TEXT("10.0.0.0/8")};
  x->config.control.allow_ips = networks;
  x->config.control.allow_ip_count = 1;
  CHECK_INT(ask(x, "OPTIONS /auth/login", PAGE MAY, "", 0), 403);
}
static void main_sites(void *arg) { run(sites); }
static void pages_of_listed_sites_alone_may_sign_in(void **state) { run_fiber(main_sites, NULL); }

static void too_many_at_a_provider(struct fixture *x) {
  static struct text proxies[] = {TEXT("127.0.0.1")};
  int wait_s = 0;
  x->s.oidc = &x->oidc;
  x->s.rates = rates_new();
  x->config.trusted_proxies = proxies;
  x->config.trusted_proxy_count = 1;
  CHECK_INT(get(x, "/auth/oidc/corp", "x-forwarded-for: 2001:db8::1\r\n"), 303);
  /* The bucket of its network is empty for the next fifty seconds. */
  char room[RATES_ADDRESS_BYTES];
  struct text network = rates_address(TEXT("2001:db8::7"), room);
  CHECK_INT(rates_take(x->s.rates, network, 1, loop_wall_us() + 50 * SECOND_US, &wait_s), 1);
  CHECK_INT(get(x, "/auth/oidc/corp/callback?code=a&state=s", "x-forwarded-for: 2001:db8::2\r\n"), 429);
  int64_t after_s = 0;
  CHECK_INT(text_to_i64(text_of(retry), &after_s) && after_s > 20 && after_s <= 60, 1);
  CHECK_INT(strlen(cookie), 0); /* the attempt may go on */
  CHECK_INT(x->backs, 0);
  CHECK_INT(get(x, "/auth/oidc/nobody", "x-forwarded-for: 2001:db8::3\r\naccept: text/html\r\n"), 429);
  CHECK_HAS(body, "too many attempts");
  CHECK_INT(text_to_i64(text_of(retry), &after_s) && after_s > 20, 1);
  CHECK_INT(get(x, "/auth/oidc/corp/callback?code=a&state=s", "x-forwarded-for: 2001:db8:0:1::2\r\n"), 303);
  CHECK_INT(get(x, "/auth/door", "x-forwarded-for: 2001:db8::2\r\n"), 200);
  rates_free(x->s.rates);
  x->s.rates = NULL;
}
static void main_too_many_at_a_provider(void *arg) { run(too_many_at_a_provider); }
static void who_comes_too_often_waits_and_nobody_else(void **state) { run_fiber(main_too_many_at_a_provider, NULL); }

static void main_providers(void *arg) { run(providers); }
static void main_refused_at_a_provider(void *arg) { run(refused_at_a_provider); }
static void a_browser_goes_to_a_provider_and_comes_back(void **state) { run_fiber(main_providers, NULL); }
static void what_a_provider_refuses_is_said_calmly(void **state) { run_fiber(main_refused_at_a_provider, NULL); }

static void main_signing_in(void *arg) { run(signing_in); }
static void main_bad_requests(void *arg) { run(bad_requests); }
static void main_everything_bad(void *arg) { run(everything_bad); }
static void main_wrong_doors(void *arg) { run(wrong_doors); }
static void main_addresses(void *arg) { run(addresses); }
static void main_refusals(void *arg) { run(refusals); }

static void who_signs_in_gets_cookies_and_a_proof(void **state) { run_fiber(main_signing_in, NULL); }
static void what_is_not_valid_reaches_nobody(void **state) { run_fiber(main_bad_requests, NULL); }
static void whatever_is_bad_in_a_body_is_named_at_once(void **state) { run_fiber(main_everything_bad, NULL); }
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
      cmocka_unit_test(who_signs_in_gets_cookies_and_a_proof),
      cmocka_unit_test(what_is_not_valid_reaches_nobody),
      cmocka_unit_test(whatever_is_bad_in_a_body_is_named_at_once),
      cmocka_unit_test(other_sites_methods_and_paths_are_refused),
      cmocka_unit_test(refusals_say_what_may_be_said),
      cmocka_unit_test(a_browser_goes_to_a_provider_and_comes_back),
      cmocka_unit_test(what_a_provider_refuses_is_said_calmly),
      cmocka_unit_test(who_comes_too_often_waits_and_nobody_else),
      cmocka_unit_test(who_came_by_a_provider_hears_where_to_leave_it),
      cmocka_unit_test(pages_of_listed_sites_alone_may_sign_in),
      cmocka_unit_test(who_may_not_reach_the_api_may_not_sign_in),
      cmocka_unit_test(it_owns_its_own_paths_alone),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
