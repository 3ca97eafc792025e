/* The way into the control API over the network: addresses, pages of other sites, callers; and the page that shows it.
 */
#include "api_fixture.h"

#include "control/front.h"

struct doorman {
  struct access port; /* first */
  enum err says;
  struct access_claim seen; /* copies, of the last call */
  char authorization[64], cookie[64], csrf[64], address[64];
  int asked;
};

static void copy_text(char *to, size_t cap, struct text from) {
  snprintf(to, cap, "%.*s", TEXT_ARGS(text_head(from, cap - 1)));
}

static enum err find(struct access *self, const struct access_claim *claim, int64_t now_us, struct arena *a,
                     struct caller *out, struct fault *f) {
  struct doorman *d = (struct doorman *)self;
  d->asked++;
  copy_text(d->authorization, sizeof(d->authorization), claim->authorization);
  copy_text(d->cookie, sizeof(d->cookie), claim->cookie);
  copy_text(d->csrf, sizeof(d->csrf), claim->csrf);
  copy_text(d->address, sizeof(d->address), claim->address);
  if (d->says != ERR_OK)
    return fault_set(f, d->says, NULL, "no");
  *out = (struct caller){.kind = CALLER_USER,
                         .id = 3,
                         .org_id = 1,
                         .actor = TEXT("user:3"),
                         .origin = claim->address,
                         .permissions = PERMISSION_ALL};
  return ERR_OK;
}

static struct doorman doorman;
static struct front front;
static char allow_origin[64], credentials[8], policy[256], authenticate[64], vary[32], methods[64];

static void serve_front(struct site *site, struct http_request *rq) {
  struct fixture *x = site->data;
  front_serve(&front, &x->worker, rq);
}

static int visit(struct fixture *x, const char *line, const char *more) {
  struct wire *c = wire_open(&x->site);
  char head[2048];
  int n = snprintf(head, sizeof(head), "%s HTTP/1.1\r\nhost: a\r\n%s\r\n", line, more);
  wire_send(c, (struct text){head, (size_t)n});
  int status = wire_answer_to(c, strncmp(line, "HEAD ", 5) == 0);
  snprintf(body, sizeof(body), "%.*s", TEXT_ARGS(text_head(wire_text(c), sizeof(body) - 1)));
  keep_header(c, "content-type", type, sizeof(type));
  keep_header(c, "access-control-allow-origin", allow_origin, sizeof(allow_origin));
  keep_header(c, "access-control-allow-credentials", credentials, sizeof(credentials));
  keep_header(c, "access-control-allow-methods", methods, sizeof(methods));
  keep_header(c, "content-security-policy", policy, sizeof(policy));
  keep_header(c, "www-authenticate", authenticate, sizeof(authenticate));
  keep_header(c, "vary", vary, sizeof(vary));
  wire_close(c);
  return status;
}

static void run_front(void (*test)(struct fixture *x), const char *yaml) {
  doorman = (struct doorman){.port = {find}};
  api_run(test, yaml, serve_front);
}

static void prepare(struct fixture *x) { front = (struct front){&x->api, &doorman.port}; }

static void check_callers(struct fixture *x) {
  prepare(x);
  CHECK_INT(visit(x, "GET /api/v1/keys", "authorization: Bearer t\r\ncookie: a=b\r\nx-weir-csrf: c\r\n"), 200);
  CHECK_TEXT(text_of(doorman.authorization), TEXT("Bearer t"));
  CHECK_TEXT(text_of(doorman.cookie), TEXT("a=b"));
  CHECK_TEXT(text_of(doorman.csrf), TEXT("c"));
  CHECK_TEXT(text_of(doorman.address), TEXT("127.0.0.1"));
  CHECK_INT(visit(x, "GET /api/v1/keys", "authorization: Bearer t\r\nAuthorization: Bearer u\r\n"), 400);
  CHECK_INT(visit(x, "GET /api/v1/keys", "cookie: a=b\r\ncookie: c=d\r\n"), 400);
  doorman.says = ERR_UNAUTHENTICATED;
  CHECK_INT(visit(x, "GET /api/v1/keys", ""), 401);
  CHECK_TEXT(text_of(authenticate), TEXT("Bearer realm=\"weir\""));
  CHECK_TEXT(text_of(type), TEXT("application/problem+json"));
  CHECK_INT(visit(x, "GET /api/v1/nothing", ""), 401);
  CHECK_INT(visit(x, "DELETE /api/docs", ""), 401);
  doorman.says = ERR_FORBIDDEN;
  CHECK_INT(visit(x, "GET /api/v1/keys", ""), 403);
  doorman.says = ERR_STORE;
  CHECK_INT(visit(x, "GET /api/v1/keys", ""), 503);
}

static void check_callers_run(void *arg) { run_front(check_callers, ""); }
static void nobody_comes_in_whom_access_does_not_know(void **state) { run_fiber(check_callers_run, NULL); }

static void check_addresses(struct fixture *x) {
  prepare(x);
  CHECK_INT(visit(x, "GET /api/v1/keys", ""), 403);
  CHECK_INT(visit(x, "GET /api/docs", ""), 403);
  CHECK_INT(visit(x, "GET /api/openapi.json", ""), 403);
  for (const char *const *lie =
           (const char *const[]){"x-forwarded-for: 10.0.0.1\r\n", "forwarded: for=10.0.0.1\r\n",
                                 "x-real-ip: 10.0.0.1\r\n", "x-client-ip: 10.0.0.1\r\n",
                                 "cf-connecting-ip: 10.0.0.1\r\n", "x-forwarded-host: 10.0.0.1\r\n", NULL};
       *lie; lie++)
    CHECK_INT(visit(x, "GET /api/v1/keys", *lie), 403);
  CHECK_INT(doorman.asked, 0);
}

static void check_addresses_run(void *arg) { run_front(check_addresses, "control: { allow_ips: 10.0.0.0/8 }\n"); }
static void who_is_not_in_the_list_of_networks_is_refused_whatever_they_say(void **state) {
  run_fiber(check_addresses_run, NULL);
}

static void check_proxied(struct fixture *x) {
  prepare(x);
  CHECK_INT(visit(x, "GET /api/v1/keys", "x-forwarded-for: 6.6.6.6, 10.0.0.1\r\n"), 200);
  CHECK_TEXT(text_of(doorman.address), TEXT("10.0.0.1"));
  CHECK_INT(visit(x, "GET /api/v1/keys", "x-forwarded-for: 10.0.0.1, 6.6.6.6\r\n"), 403);
}

static void check_proxied_run(void *arg) {
  run_front(check_proxied, "control: { allow_ips: 10.0.0.0/8 }\ntrusted_proxies: 127.0.0.1\n");
}
static void behind_a_trusted_proxy_the_client_s_address_counts(void **state) { run_fiber(check_proxied_run, NULL); }

#define ADMIN "origin: https://admin.example\r\n"

static void check_sites(struct fixture *x) {
  prepare(x);
  CHECK_INT(visit(x, "GET /api/v1/keys", ADMIN), 200);
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  CHECK_TEXT(text_of(credentials), TEXT("true"));
  CHECK_TEXT(text_of(vary), TEXT("origin"));
  for (const char *const *other = (const char *const[]){"origin: https://evil.example\r\n", "origin: null\r\n",
                                                        "origin: *\r\n", "origin: https://admin.example.evil\r\n",
                                                        "origin: http://admin.example\r\n", "", NULL};
       *other; other++) {
    CHECK_INT(visit(x, "GET /api/v1/keys", *other), 200);
    CHECK_TEXT(text_of(allow_origin), TEXT(""));
    CHECK_TEXT(text_of(credentials), TEXT(""));
    CHECK_TEXT(text_of(vary), TEXT("origin"));
  }
  doorman.says = ERR_UNAUTHENTICATED;
  CHECK_INT(visit(x, "GET /api/v1/keys", ADMIN), 401); /* which the page may read */
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  int asked = doorman.asked;
  CHECK_INT(visit(x, "OPTIONS /api/v1/keys", ADMIN "access-control-request-method: POST\r\n"), 204);
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  CHECK_TEXT(text_of(methods), TEXT("GET, POST, PUT, PATCH, DELETE"));
  CHECK_INT(visit(x, "OPTIONS /api/v1/keys", "origin: https://evil.example\r\naccess-control-request-method: POST\r\n"),
            204);
  CHECK_TEXT(text_of(allow_origin), TEXT(""));
  CHECK_TEXT(text_of(methods), TEXT(""));
  CHECK_INT(doorman.asked, asked);
}

static void check_sites_run(void *arg) {
  run_front(check_sites, "control: { cors_origins: \"https://admin.example\" }\n");
}
static void only_pages_of_listed_sites_may_read_answers(void **state) { run_fiber(check_sites_run, NULL); }

static void check_docs(struct fixture *x) {
  prepare(x);
  doorman.says = ERR_UNAUTHENTICATED;
  CHECK_INT(visit(x, "GET /api/docs", ""), 200);
  CHECK_TEXT(text_of(type), TEXT("text/html; charset=utf-8"));
  CHECK_HAS(policy, "default-src 'none'; script-src 'self'");
  CHECK_INT(strstr(policy, "unsafe") != NULL, 0);
  CHECK_INT(strstr(body, "http://") != NULL || strstr(body, "https://") != NULL, 0); /* nothing from elsewhere */
  CHECK_INT(strstr(body, "onclick") != NULL || strstr(body, "<style") != NULL, 0);
  CHECK_INT(visit(x, "GET /api/docs.js", ""), 200);
  CHECK_TEXT(text_of(type), TEXT("text/javascript; charset=utf-8"));
  CHECK_INT(strstr(body, "innerHTML") != NULL || strstr(body, "eval(") != NULL, 0);
  CHECK_INT(visit(x, "GET /api/docs.css", ""), 200);
  CHECK_INT(visit(x, "HEAD /api/docs", ""), 200);
  CHECK_INT(visit(x, "GET /signin", ""), 200);
  CHECK_INT(visit(x, "GET /setup?token=abc", ""), 200);
  CHECK_INT(visit(x, "GET /accept?token=abc", ""), 200);
  CHECK_INT(visit(x, "GET /api/door.js", ""), 200);
  CHECK_INT(visit(x, "GET /api/openapi.json", ""), 200);
  CHECK_TEXT(text_of(allow_origin), TEXT(""));
  CHECK_HAS(body, "\"openapi\":\"3.1.0\"");
  CHECK_INT(visit(x, "GET /api/docs/", ""), 401);
  CHECK_INT(visit(x, "GET /api/docs.map", ""), 401);
}

static void check_docs_run(void *arg) { run_front(check_docs, ""); }
static void the_page_about_the_api_loads_nothing_from_elsewhere(void **state) { run_fiber(check_docs_run, NULL); }

static void paths_below_api_are_its_own(void **state) {
  assert_true(front_owns(TEXT("/api")));
  assert_true(front_owns(TEXT("/api/v1/keys")));
  assert_false(front_owns(TEXT("/apis")));
  assert_false(front_owns(TEXT("//api/v1/keys")));
  assert_false(front_owns(TEXT("/API/v1/keys")));
  assert_false(front_owns(TEXT("/v1/messages")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nobody_comes_in_whom_access_does_not_know),
      cmocka_unit_test(who_is_not_in_the_list_of_networks_is_refused_whatever_they_say),
      cmocka_unit_test(behind_a_trusted_proxy_the_client_s_address_counts),
      cmocka_unit_test(only_pages_of_listed_sites_may_read_answers),
      cmocka_unit_test(the_page_about_the_api_loads_nothing_from_elsewhere),
      cmocka_unit_test(paths_below_api_are_its_own),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
