/* The token endpoint as a client sees it: both ways of showing a secret, and every refusal in the words of RFC 6749. */
#include "../net/http_fixture.h"

#include "control/oauth.h"

struct fixture {
  struct oauth port; /* first */
  struct site site;
  struct oauth_site o;
  struct config_control control;
};

/* One client, "svc_3" with "se:cret+%", whose scope is "chat.use". */
static enum err token(struct oauth *self, const struct oauth_ask *ask, int64_t now_us, struct buf *out,
                      int64_t *out_expires_in_s, struct fault *f) {
  if (text_equal(ask->client_id, TEXT("svc_9")))
    return fault_set(f, ERR_STORE, NULL, "away");
  if (!text_equal(ask->client_id, TEXT("svc_3")) || !text_equal(ask->client_secret, TEXT("se:cret+%")))
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "no");
  if (ask->scope.len > 0 && !text_equal(ask->scope, TEXT("chat.use")))
    return fault_set(f, ERR_FORBIDDEN, NULL, "no");
  buf_add(out, TEXT("a.b.c"));
  *out_expires_in_s = 3600;
  return ERR_OK;
}

static void serve(struct site *site, struct http_request *rq) {
  struct fixture *x = site->data;
  oauth_serve(&x->o, &x->control, rq);
}

static char body[4096], header[256], allow_origin[64];

static int ask(struct fixture *x, const char *more, const char *sent) {
  struct wire *c = wire_open(&x->site);
  char head[1024];
  int n = snprintf(head, sizeof(head), "POST /oauth/token HTTP/1.1\r\nhost: a\r\n%scontent-length: %zu\r\n\r\n%s", more,
                   strlen(sent), sent);
  wire_send(c, (struct text){head, (size_t)n});
  int status = wire_answer(c);
  snprintf(body, sizeof(body), "%.*s", TEXT_ARGS(text_head(wire_text(c), sizeof(body) - 1)));
  snprintf(header, sizeof(header), "%.*s", TEXT_ARGS(wire_header(c, "www-authenticate")));
  snprintf(allow_origin, sizeof(allow_origin), "%.*s", TEXT_ARGS(wire_header(c, "access-control-allow-origin")));
  CHECK_TEXT(wire_header(c, "cache-control"), TEXT("no-store"));
  wire_close(c);
  return status;
}

static void run(void (*test)(struct fixture *x)) {
  static struct fixture x;
  struct offload *pool = NULL;
  x = (struct fixture){.port = {.token = token}};
  CHECK_ERR(offload_new(1, 8, &pool), ERR_OK);
  oauth_site_init(&x.o, &x.port, pool);
  x.site = site_options();
  x.site.serve = serve;
  x.site.data = &x;
  site_open(&x.site);
  test(&x);
  site_close(&x.site);
  settle();
  offload_free(pool);
}

#define FORM   "content-type: application/x-www-form-urlencoded\r\n"
#define SECRET "client_secret=se%3Acret%2B%25"
#define GRANT  "grant_type=client_credentials"
/* svc_3:se%3Acret%2B%25 */
#define BASIC "authorization: Basic c3ZjXzM6c2UlM0FjcmV0JTJCJTI1\r\n"

static void given(struct fixture *x) {
  CHECK_INT(ask(x, FORM, GRANT "&client_id=svc_3&" SECRET), 200);
  CHECK_HAS(body, "\"access_token\":\"a.b.c\"");
  CHECK_HAS(body, "\"token_type\":\"Bearer\"");
  CHECK_HAS(body, "\"expires_in\":3600");
  CHECK_INT(ask(x, FORM BASIC, GRANT), 200);
  CHECK_INT(ask(x, "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n" BASIC,
                GRANT "&scope=chat.use&client_id=svc_3&unknown=1&unknown=2"),
            200);
  CHECK_HAS(body, "\"scope\":\"chat.use\"");
}

static void refused(struct fixture *x) {
  static const struct {
    const char *head, *sent, *error;
    int status;
  } cases[] = {
      {FORM, GRANT "&client_id=svc_3&client_secret=wrong", "invalid_client", 401},
      {FORM, GRANT "&client_id=svc_4&" SECRET, "invalid_client", 401},
      {FORM, GRANT, "invalid_client", 401},
      {FORM, GRANT "&client_id=svc_3", "invalid_client", 401},
      {FORM "authorization: Bearer x\r\n", GRANT, "invalid_client", 401},
      {FORM "authorization: Basic !!\r\n", GRANT, "invalid_client", 401},
      {FORM BASIC, GRANT "&client_id=svc_3&" SECRET, "invalid_request", 400},
      {FORM BASIC, GRANT "&client_id=svc_4", "invalid_request", 400},
      {FORM BASIC, GRANT "&client_secret=", "invalid_request", 400},
      {FORM BASIC, GRANT "&" GRANT, "invalid_request", 400},
      {FORM, GRANT "&client_id=svc_3&client_id=svc_3&" SECRET, "invalid_request", 400},
      {FORM BASIC, "", "invalid_request", 400},
      {FORM BASIC, "grant_type=%zz", "invalid_request", 400},
      {BASIC, GRANT, "invalid_request", 400},
      {"content-type: application/json\r\n" BASIC, "{\"grant_type\":\"client_credentials\"}", "invalid_request", 400},
      {FORM BASIC, "grant_type=password&username=a&password=b", "unsupported_grant_type", 400},
      {FORM BASIC, "grant_type=Client_credentials", "unsupported_grant_type", 400},
      {FORM BASIC, GRANT "&scope=keys.write", "invalid_scope", 400},
      {FORM, GRANT "&client_id=svc_9&" SECRET, "temporarily_unavailable", 503},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char wanted[64];
    int status = ask(x, cases[i].head, cases[i].sent);
    snprintf(wanted, sizeof(wanted), "\"error\":\"%s\"", cases[i].error);
    if (status != cases[i].status || !strstr(body, wanted) || (status == 401) != (header[0] != '\0'))
      fail_msg("%zu: %d %s", i, status, body);
    if (strstr(body, "svc_") || strstr(body, ":cret"))
      fail_msg("%zu says what was sent: %s", i, body);
  }
}

static void limited(struct fixture *x) {
  int64_t now_us = 60000000 * 7;
  for (int i = 0; i < OAUTH_PER_MINUTE; i++)
    assert_true(oauth_may_ask(&x->o, TEXT("10.0.0.1:1"), now_us));
  assert_false(oauth_may_ask(&x->o, TEXT("10.0.0.1:2"), now_us));
  assert_true(oauth_may_ask(&x->o, TEXT("10.0.0.1:2"), now_us + 60000000));
  for (int i = 0; i < OAUTH_PER_MINUTE + 1; i++)
    (void)ask(x, FORM, "");
  CHECK_INT(ask(x, FORM, GRANT "&client_id=svc_3&" SECRET), 429);
}

static void main_given(void *arg) { run(given); }
static void sites(struct fixture *x) {
  static struct text listed[] = {TEXT("https://admin.example")};
  x->control = (struct config_control){.cors_origins = listed, .cors_origin_count = 1};
  CHECK_INT(ask(x, FORM BASIC "origin: https://admin.example\r\n", GRANT), 200);
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  CHECK_INT(ask(x, FORM "origin: https://admin.example\r\n", "grant_type=code"), 400);
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  CHECK_INT(ask(x, FORM BASIC "origin: https://evil.example\r\n", GRANT), 200);
  CHECK_TEXT(text_of(allow_origin), TEXT(""));
}
static void main_sites(void *arg) { run(sites); }
static void pages_of_listed_sites_alone_may_read_a_token(void **state) { run_fiber(main_sites, NULL); }
static void main_refused(void *arg) { run(refused); }
static void main_limited(void *arg) { run(limited); }
static void a_token_is_given_for_a_secret_in_either_place(void **state) { run_fiber(main_given, NULL); }
static void each_refusal_has_its_word_and_repeats_nothing(void **state) { run_fiber(main_refused, NULL); }
static void an_address_asks_so_often_a_minute(void **state) { run_fiber(main_limited, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_token_is_given_for_a_secret_in_either_place),
      cmocka_unit_test(each_refusal_has_its_word_and_repeats_nothing),
      cmocka_unit_test(an_address_asks_so_often_a_minute),
      cmocka_unit_test(pages_of_listed_sites_alone_may_read_a_token),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("oauth_token", tests, NULL, NULL);
}
