/* Containers and instances: servers on the loopback stand for their metadata addresses. */
#include "aws/places.h"

#include "aws_server.h"

static struct server server;
static char seen[1024]; /* method, path and what was shown, of every call */
static enum { WELL, NO_TOKEN, NO_ROLE, BAD_ANSWER, SILENT } mood;

static const char credentials[] =
    "{\"Code\":\"Success\",\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"S\",\"Token\":\"T\","
    "\"Expiration\":\"2017-05-17T15:09:54Z\"}";

static void answer(const struct server_call *c, struct server_answer *out) {
  size_t used = strlen(seen);
  snprintf(seen + used, sizeof(seen) - used, "%.*s %.*s %.*s%.*s%.*s\n", TEXT_ARGS(c->method), TEXT_ARGS(c->path),
           TEXT_ARGS(server_header(c, TEXT("authorization"))),
           TEXT_ARGS(server_header(c, TEXT("x-aws-ec2-metadata-token"))),
           TEXT_ARGS(server_header(c, TEXT("x-aws-ec2-metadata-token-ttl-seconds"))));
  out->status = 200;
  out->body = credentials;
  if (text_equal(c->path, TEXT("/latest/api/token")))
    *out = (struct server_answer){.status = mood == NO_TOKEN ? 403 : 200, .body = "IMDS-TOKEN"};
  else if (text_ends(c->path, TEXT("/security-credentials/")))
    *out = (struct server_answer){.status = 200, .body = mood == NO_ROLE ? "" : "my-role\nother"};
  else if (mood == BAD_ANSWER)
    *out = (struct server_answer){.status = 200, .body = "{\"Code\":\"Failed\"}"};
  out->hangs_up = mood == SILENT;
}

struct here {
  struct arena a;
  struct place_search s;
  struct aws_credentials c;
  struct fault f;
};

static void begin(struct here *h) {
  environment_clear();
  *h = (struct here){.s = {.lookup = environment_lookup}};
  h->s.a = &h->a;
  h->s.container_address = server_url(&server, "", &h->a);
  mood = WELL;
  seen[0] = '\0';
}

static void expect(struct here *h, place_fn *place, enum err expected, const char *text) {
  h->f = (struct fault){0};
  server_before(&server);
  enum err e = place(&h->s, &h->c, &h->f);
  server_after(&server);
  if (e != expected || !strstr(h->f.text, text))
    fail_msg("%s: \"%s\", expected %s and \"%s\"", err_name(e), h->f.text, err_name(expected), text);
}

static void expect_found(struct here *h, place_fn *place) {
  expect(h, place, ERR_OK, "");
  assert_text(h->c.access_key_id, TEXT("ID"));
  assert_text(h->c.secret_access_key, TEXT("S"));
  assert_text(h->c.session_token, TEXT("T"));
  assert_int_equal(h->c.expires_s, 1495033794);
}

static void test_an_instance_wants_a_token_first(void **state) {
  struct here h;
  begin(&h);
  environment_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server_url(&server, "/", &h.a));
  expect_found(&h, place_instance);
  assert_string_equal(seen, "PUT /latest/api/token 21600\n"
                            "GET /latest/meta-data/iam/security-credentials/ IMDS-TOKEN\n"
                            "GET /latest/meta-data/iam/security-credentials/my-role IMDS-TOKEN\n");
  arena_done(&h.a);
}

static void test_instances_that_give_nothing(void **state) {
  struct here h;
  begin(&h);
  environment_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server_url(&server, "", &h.a));
  mood = NO_TOKEN;
  expect(&h, place_instance, ERR_FORBIDDEN, "answered 403");
  mood = NO_ROLE;
  expect(&h, place_instance, ERR_PROTOCOL, "has no role");
  mood = BAD_ANSWER;
  expect(&h, place_instance, ERR_PROTOCOL, "says Failed");
  mood = SILENT;
  expect(&h, place_instance, ERR_NOT_FOUND, "cannot be asked");
  environment_set("AWS_EC2_METADATA_DISABLED", TEXT("TRUE"));
  seen[0] = '\0';
  expect(&h, place_instance, ERR_NOT_FOUND, "AWS_EC2_METADATA_DISABLED is true");
  assert_string_equal(seen, "");
  arena_done(&h.a);
}

static void test_a_container_with_a_relative_uri(void **state) {
  struct here h;
  begin(&h);
  expect(&h, place_container, ERR_NOT_FOUND, "is not set");
  environment_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", TEXT("/v2/credentials/1"));
  expect_found(&h, place_container);
  assert_string_equal(seen, "GET /v2/credentials/1 \n");
  arena_done(&h.a);
  begin(&h);
  environment_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", TEXT("@evil.example/"));
  expect(&h, place_container, ERR_BAD_REQUEST, "its address must be");
  arena_done(&h.a);
}

static void test_a_container_with_a_full_uri_and_a_token(void **state) {
  struct here h;
  begin(&h);
  environment_set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server_url(&server, "/full?x=1", &h.a));
  environment_set("AWS_CONTAINER_AUTHORIZATION_TOKEN", TEXT("Basic abc"));
  expect_found(&h, place_container);
  assert_string_equal(seen, "GET /full?x=1 Basic abc\n");
  environment_set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file_write("token", "from the file\n", &h.a));
  seen[0] = '\0';
  expect_found(&h, place_container);
  assert_string_equal(seen, "GET /full?x=1 from the file\n");
  (void)file_write("token", "changed", &h.a);
  seen[0] = '\0';
  expect_found(&h, place_container);
  assert_string_equal(seen, "GET /full?x=1 changed\n");
  file_remove("token");
  expect(&h, place_container, ERR_SYSTEM, "there is no file");
  arena_done(&h.a);
}

static void test_a_token_is_not_shown_to_strangers(void **state) {
  static const char *const addresses[] = {"http://example.com/",           "http://169.254.169.254/",
                                          "http://127.0.0.1@example.com/", "http://127.0.0.1:80@example.com/",
                                          "http://127.0.0.1.example.com/", "ftp://127.0.0.1/",
                                          "http://localhost.example.com/", "http://127.0.0.1\\@example.com/",
                                          "http://127.0.0.1?@example.com", "file:///etc/hostname"};
  for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
    struct here h;
    begin(&h);
    environment_set("AWS_CONTAINER_CREDENTIALS_FULL_URI", text_of(addresses[i]));
    enum err e = place_container(&h.s, &h.c, &h.f);
    if (e != ERR_BAD_REQUEST)
      fail_msg("%s: %s \"%s\"", addresses[i], err_name(e), h.f.text);
    arena_done(&h.a);
  }
}

static int start(void **state) {
  assert_non_null(mkdtemp(folder));
  server_start(&server, answer);
  return 0;
}

static int stop(void **state) {
  server_stop(&server);
  file_remove("token");
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_an_instance_wants_a_token_first),
      cmocka_unit_test(test_instances_that_give_nothing),
      cmocka_unit_test(test_a_container_with_a_relative_uri),
      cmocka_unit_test(test_a_container_with_a_full_uri_and_a_token),
      cmocka_unit_test(test_a_token_is_not_shown_to_strangers),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("metadata", tests, start, stop);
}
