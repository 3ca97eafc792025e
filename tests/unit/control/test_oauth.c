/* The pages of the issuer as whoever checks our tokens sees them. */
#include "../net/http_fixture.h"

#include "control/oauth.h"

struct fixture {
  struct oauth port; /* first */
  struct site site;
  struct oauth_site o;
  struct config_control control;
  enum err fails;
};

static enum err write_jwks(struct oauth *self, int64_t now_us, struct buf *out, struct fault *f) {
  const struct fixture *x = (const struct fixture *)self;
  if (x->fails)
    return fault_set(f, x->fails, NULL, "the store is away");
  buf_add(out, TEXT("{\"keys\":[]}"));
  return ERR_OK;
}

static void serve(struct site *site, struct http_request *rq) {
  struct fixture *x = site->data;
  oauth_serve(&x->o, &x->control, rq);
}

static char body[4096], type[128], kept[128], allow_origin[64], methods[64];

static int ask_with(struct fixture *x, const char *method_and_path, const char *more) {
  struct wire *c = wire_open(&x->site);
  char head[200];
  int n = snprintf(head, sizeof(head), "%s HTTP/1.1\r\nhost: a\r\n%s\r\n", method_and_path, more);
  wire_send(c, (struct text){head, (size_t)n});
  int status = wire_answer_to(c, strncmp(method_and_path, "HEAD", 4) == 0);
  snprintf(body, sizeof(body), "%.*s", TEXT_ARGS(text_head(wire_text(c), sizeof(body) - 1)));
  snprintf(type, sizeof(type), "%.*s", TEXT_ARGS(wire_header(c, "content-type")));
  snprintf(kept, sizeof(kept), "%.*s", TEXT_ARGS(wire_header(c, "cache-control")));
  snprintf(allow_origin, sizeof(allow_origin), "%.*s", TEXT_ARGS(wire_header(c, "access-control-allow-origin")));
  snprintf(methods, sizeof(methods), "%.*s", TEXT_ARGS(wire_header(c, "access-control-allow-methods")));
  wire_close(c);
  return status;
}

static int ask(struct fixture *x, const char *method_and_path) { return ask_with(x, method_and_path, ""); }

static void run(void (*test)(struct fixture *x)) {
  static struct fixture x;
  struct offload *pool = NULL;
  x = (struct fixture){.port = {.write_jwks = write_jwks, .issuer = TEXT("https://weir.example/")}};
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

static void keys(struct fixture *x) {
  CHECK_INT(ask(x, "GET /.well-known/jwks.json"), 200);
  CHECK_HAS(body, "{\"keys\":[]}");
  CHECK_HAS(type, "application/jwk-set+json");
  CHECK_HAS(kept, "max-age=300");
  CHECK_INT(ask(x, "HEAD /.well-known/jwks.json"), 200);
  CHECK_INT(ask(x, "POST /.well-known/jwks.json"), 405);
  x->fails = ERR_STORE;
  CHECK_INT(ask(x, "GET /.well-known/jwks.json"), 503);
  CHECK_HAS(body, "the store failed"); /* why is for the log alone */
  CHECK_HAS(type, "application/problem+json");
}

#define MAY "access-control-request-method: POST\r\n"

static void sites(struct fixture *x) {
  static struct text listed[] = {TEXT("https://admin.example")};
  CHECK_INT(ask_with(x, "OPTIONS /oauth/token", "origin: https://admin.example\r\n" MAY), 204);
  CHECK_TEXT(text_of(allow_origin), TEXT(""));
  x->control = (struct config_control){.cors_origins = listed, .cors_origin_count = 1};
  CHECK_INT(ask_with(x, "OPTIONS /oauth/token", "origin: https://admin.example\r\n" MAY), 204);
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  CHECK_TEXT(text_of(methods), TEXT("GET, POST, PUT, PATCH, DELETE"));
  CHECK_INT(ask_with(x, "OPTIONS /oauth/token", "origin: https://evil.example\r\n" MAY), 204);
  CHECK_TEXT(text_of(allow_origin), TEXT(""));
  CHECK_TEXT(text_of(methods), TEXT(""));
  CHECK_INT(ask_with(x, "GET /.well-known/jwks.json", "origin: https://admin.example\r\n"), 200);
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
  CHECK_INT(ask_with(x, "GET /oauth/token", "origin: https://admin.example\r\n"), 405);
  CHECK_TEXT(text_of(allow_origin), TEXT("https://admin.example"));
}
static void main_sites(void *arg) { run(sites); }
static void pages_of_listed_sites_may_ask_and_read(void **state) { run_fiber(main_sites, NULL); }

static void metadata(struct fixture *x) {
  CHECK_INT(ask(x, "GET /.well-known/oauth-authorization-server"), 200);
  CHECK_HAS(body, "\"issuer\":\"https://weir.example/\"");
  CHECK_HAS(body, "\"token_endpoint\":\"https://weir.example/oauth/token\"");
  CHECK_HAS(body, "\"jwks_uri\":\"https://weir.example/.well-known/jwks.json\"");
  CHECK_HAS(body, "\"grant_types_supported\":[\"client_credentials\"]");
  CHECK_HAS(body, "\"chat.use\"");
  CHECK_INT(ask(x, "GET /oauth/token"), 405);
  CHECK_INT(ask(x, "DELETE /.well-known/oauth-authorization-server"), 405);
}

static void main_metadata(void *arg) { run(metadata); }
static void it_says_what_it_can_do(void **state) { run_fiber(main_metadata, NULL); }

static void main_keys(void *arg) { run(keys); }
static void the_keys_are_shown_to_everybody(void **state) { run_fiber(main_keys, NULL); }

static void it_owns_its_own_paths_alone(void **state) {
  assert_true(oauth_owns(TEXT("/.well-known/jwks.json")));
  assert_false(oauth_owns(TEXT("/.well-known/jwks.json/")));
  assert_false(oauth_owns(TEXT("/.well-known/")));
  assert_true(oauth_owns(TEXT("/.well-known/oauth-authorization-server")));
  assert_true(oauth_owns(TEXT("/oauth/token")));
  assert_false(oauth_owns(TEXT("/oauth/")));
  assert_false(oauth_owns(TEXT("/v1/models")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_keys_are_shown_to_everybody),
      cmocka_unit_test(it_says_what_it_can_do),
      cmocka_unit_test(it_owns_its_own_paths_alone),
      cmocka_unit_test(pages_of_listed_sites_may_ask_and_read),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("oauth", tests, NULL, NULL);
}
