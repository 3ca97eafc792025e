/* The environment, web identity through STS and the shared files: found, not set up, or set up and failing. */
#include "aws/places.h"

#include "aws_server.h"

static struct server sts;
static char form[4096];
static struct server_answer sts_answer;

static const char good[] =
    "<R><Credentials><AccessKeyId>STS-ID</AccessKeyId><SecretAccessKey>S</SecretAccessKey>"
    "<SessionToken>T</SessionToken><Expiration>2014-10-24T23:00:23Z</Expiration></Credentials></R>";

static void answer(const struct server_call *c, struct server_answer *out) {
  snprintf(form, sizeof(form), "%.*s %.*s %.*s", TEXT_ARGS(c->method), TEXT_ARGS(c->path), TEXT_ARGS(c->body));
  *out = sts_answer;
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
  sts_answer = (struct server_answer){.status = 200, .body = good};
  form[0] = '\0';
}

static void expect(struct here *h, place_fn *place, enum err expected, const char *text) {
  h->f = (struct fault){0};
  server_before(&sts);
  enum err e = place(&h->s, &h->c, &h->f);
  server_after(&sts);
  if (e != expected || !strstr(h->f.text, text))
    fail_msg("%s: \"%s\", expected %s and \"%s\"", err_name(e), h->f.text, err_name(expected), text);
}

static void test_keys_in_the_environment(void **state) {
  struct here h;
  begin(&h);
  expect(&h, place_bearer, ERR_NOT_FOUND, "AWS_BEARER_TOKEN_BEDROCK is not set");
  expect(&h, place_environment, ERR_NOT_FOUND, "AWS_ACCESS_KEY_ID is not set");
  environment_set("AWS_ACCESS_KEY_ID", TEXT("ID"));
  expect(&h, place_environment, ERR_NOT_FOUND, "AWS_SECRET_ACCESS_KEY is not set");
  environment_set("AWS_SECRET_ACCESS_KEY", TEXT("S "));
  environment_set("AWS_BEARER_TOKEN_BEDROCK", TEXT("B"));
  expect(&h, place_environment, ERR_OK, "");
  assert_text(h.c.access_key_id, TEXT("ID"));
  assert_text(h.c.secret_access_key, TEXT("S"));
  assert_text(h.c.session_token, TEXT_NONE);
  environment_set("AWS_SESSION_TOKEN", TEXT("T"));
  expect(&h, place_environment, ERR_OK, "");
  assert_text(h.c.session_token, TEXT("T"));
  expect(&h, place_bearer, ERR_OK, "");
  assert_text(h.c.bearer, TEXT("B"));
  arena_done(&h.a);
  begin(&h);
  environment_set("AWS_BEARER_TOKEN_BEDROCK", TEXT("two words"));
  expect(&h, place_bearer, ERR_PROTOCOL, "a character");
  arena_done(&h.a);
}

static void set_web_identity(struct here *h, const char *token) {
  environment_set("AWS_WEB_IDENTITY_TOKEN_FILE", file_write("token", token, &h->a));
  environment_set("AWS_ROLE_ARN", TEXT("arn:aws:iam::1:role/r"));
  environment_set("AWS_ENDPOINT_URL_STS", server_url(&sts, "/sts", &h->a));
}

static void test_a_web_identity_is_shown_to_sts(void **state) {
  struct here h;
  begin(&h);
  expect(&h, place_web_identity, ERR_NOT_FOUND, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
  environment_set("AWS_WEB_IDENTITY_TOKEN_FILE", TEXT("/x"));
  expect(&h, place_web_identity, ERR_NOT_FOUND, "AWS_ROLE_ARN is not set");
  arena_done(&h.a);
  begin(&h);
  set_web_identity(&h, "\n a.b+c\n");
  expect(&h, place_web_identity, ERR_OK, "");
  assert_text(h.c.access_key_id, TEXT("STS-ID"));
  assert_text(h.c.session_token, TEXT("T"));
  assert_int_equal(h.c.expires_s, 1414191623);
  assert_string_equal(form,
                      "POST /sts Action=%41%73%73%75%6D%65%52%6F%6C%65%57%69%74%68%57%65%62%49%64%65%6E%74%69%74%79"
                      "&Version=%32%30%31%31%2D%30%36%2D%31%35"
                      "&RoleArn=%61%72%6E%3A%61%77%73%3A%69%61%6D%3A%3A%31%3A%72%6F%6C%65%2F%72"
                      "&RoleSessionName=%77%65%69%72&WebIdentityToken=%61%2E%62%2B%63");
  environment_set("AWS_ROLE_SESSION_NAME", TEXT("me"));
  expect(&h, place_web_identity, ERR_OK, "");
  assert_non_null(strstr(form, "RoleSessionName=%6D%65&"));
  arena_done(&h.a);
}

static void test_a_web_identity_that_is_set_up_and_fails(void **state) {
  struct here h;
  begin(&h);
  set_web_identity(&h, "the-token");
  sts_answer = (struct server_answer){
      .status = 400, .body = "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>"};
  expect(&h, place_web_identity, ERR_FORBIDDEN, "STS answered 400 ExpiredTokenException");
  sts_answer = (struct server_answer){.status = 200, .body = "<html>"};
  expect(&h, place_web_identity, ERR_PROTOCOL, "holds no credentials");
  sts_answer.hangs_up = true;
  expect(&h, place_web_identity, ERR_NETWORK, "STS cannot be asked");
  assert_null(strstr(h.f.text, "the-token"));
  file_remove("token");
  expect(&h, place_web_identity, ERR_SYSTEM, "there is no file");
  arena_done(&h.a);
}

static void set_files(struct here *h, const char *credentials, const char *config) {
  environment_set("AWS_SHARED_CREDENTIALS_FILE", file_write("credentials", credentials, &h->a));
  environment_set("AWS_CONFIG_FILE", file_write("config", config, &h->a));
}

static void test_a_profile_with_keys(void **state) {
  struct here h;
  begin(&h);
  expect(&h, place_profile, ERR_NOT_FOUND, "no profile default");
  set_files(
      &h, "[default]\naws_access_key_id=D\naws_secret_access_key=S\n[w]\naws_access_key_id=W\naws_secret_access_key=S",
      "[profile w]\naws_session_token=T");
  expect(&h, place_profile, ERR_OK, "");
  assert_text(h.c.access_key_id, TEXT("D"));
  environment_set("AWS_PROFILE", TEXT("w"));
  expect(&h, place_profile, ERR_OK, "");
  assert_text(h.c.access_key_id, TEXT("W"));
  assert_text(h.c.session_token, TEXT("T"));
  h.s.profile = TEXT("default");
  expect(&h, place_profile, ERR_OK, "");
  assert_text(h.c.access_key_id, TEXT("D"));
  h.s.profile = TEXT("gone");
  expect(&h, place_profile, ERR_SYSTEM, "no profile gone");
  arena_done(&h.a);
}

static void test_the_usual_files_are_below_home(void **state) {
  struct here h;
  char path[128];
  begin(&h);
  snprintf(path, sizeof(path), "%s/.aws", folder);
  environment_set("HOME", text_of(folder));
  expect(&h, place_profile, ERR_NOT_FOUND, "no profile default");
  assert_int_equal(mkdir(path, 0700), 0);
  (void)file_write(".aws/credentials", "[default]\naws_access_key_id=HOME\naws_secret_access_key=S", &h.a);
  expect(&h, place_profile, ERR_OK, "");
  assert_text(h.c.access_key_id, TEXT("HOME"));
  file_remove(".aws/credentials");
  rmdir(path);
  arena_done(&h.a);
}

static void test_a_profile_with_a_web_identity(void **state) {
  struct here h;
  char config[512];
  begin(&h);
  struct text token = file_write("token", "abc", &h.a);
  snprintf(config, sizeof(config),
           "[default]\nrole_arn=arn\nrole_session_name=n\nregion=eu-west-1\nweb_identity_token_file=%s\n", token.at);
  set_files(&h, "", config);
  environment_set("AWS_ENDPOINT_URL_STS", server_url(&sts, "/", &h.a));
  expect(&h, place_profile, ERR_OK, "");
  assert_text(h.c.access_key_id, TEXT("STS-ID"));
  assert_non_null(strstr(form, "RoleSessionName=%6E&"));
  arena_done(&h.a);
}

static void test_other_ways_of_a_profile_are_refused_by_name(void **state) {
  static const struct {
    const char *config, *name;
  } cases[] = {
      {"[default]\nrole_arn=r\nsource_profile=base\naws_access_key_id=I\naws_secret_access_key=S", "source_profile"},
      {"[default]\nrole_arn=r\ncredential_source=Ec2InstanceMetadata", "credential_source"},
      {"[default]\ncredential_process=/bin/x", "credential_process"},
      {"[default]\nsso_session=s", "sso_session"},
      {"[default]\nsso_start_url=https://x", "sso_start_url"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct here h;
    begin(&h);
    set_files(&h, "", cases[i].config);
    expect(&h, place_profile, ERR_UNSUPPORTED, cases[i].name);
    arena_done(&h.a);
  }
}

static void test_a_profile_without_credentials(void **state) {
  struct here h;
  begin(&h);
  set_files(&h, "", "[default]\nregion=us-east-1\n[profile w]\nrole_arn=r");
  expect(&h, place_profile, ERR_NOT_FOUND, "profile default: it holds no aws_access_key_id");
  h.s.profile = TEXT("w");
  expect(&h, place_profile, ERR_SYSTEM, "profile w: it holds no aws_access_key_id");
  arena_done(&h.a);
  begin(&h);
  set_files(&h, "[default]\naws_access_key_id=I", "");
  expect(&h, place_profile, ERR_PROTOCOL, "lack the access key id or its secret");
  environment_clear();
  environment_set("AWS_CONFIG_FILE", text_of(folder));
  expect(&h, place_profile, ERR_SYSTEM, "cannot be read");
  arena_done(&h.a);
}

static void test_a_file_beyond_the_limit_is_refused(void **state) {
  struct here h;
  struct text out;
  begin(&h);
  char *large = malloc(PLACES_FILE_MAX_BYTES + 2);
  assert_non_null(large);
  memset(large, 'x', PLACES_FILE_MAX_BYTES + 1);
  large[PLACES_FILE_MAX_BYTES + 1] = '\0';
  struct text path = file_write("token", large, &h.a);
  assert_int_equal(place_read_token(path, &h.a, &out, &h.f), ERR_LIMIT);
  large[PLACES_FILE_MAX_BYTES] = '\0';
  path = file_write("token", large, &h.a);
  assert_int_equal(place_read_token(path, &h.a, &out, &h.f), ERR_OK);
  assert_int_equal(out.len, PLACES_FILE_MAX_BYTES);
  free(large);
  arena_done(&h.a);
}

static int start(void **state) {
  assert_non_null(mkdtemp(folder));
  server_start(&sts, answer);
  return 0;
}

static int stop(void **state) {
  server_stop(&sts);
  file_remove("token");
  file_remove("credentials");
  file_remove("config");
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_keys_in_the_environment),
      cmocka_unit_test(test_a_web_identity_is_shown_to_sts),
      cmocka_unit_test(test_a_web_identity_that_is_set_up_and_fails),
      cmocka_unit_test(test_a_profile_with_keys),
      cmocka_unit_test(test_the_usual_files_are_below_home),
      cmocka_unit_test(test_a_profile_with_a_web_identity),
      cmocka_unit_test(test_other_ways_of_a_profile_are_refused_by_name),
      cmocka_unit_test(test_a_profile_without_credentials),
      cmocka_unit_test(test_a_file_beyond_the_limit_is_refused),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("places", tests, start, stop);
}
