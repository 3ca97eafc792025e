/* What is in force, when it is renewed, and how many fetches that takes. Time is an argument, so nothing waits. */
#include "aws/source.h"

#include "aws_server.h"

#define NOW    INT64_C(1700000000)
#define LIFE_S 3600

static struct server server; /* a container's credential address */
static char body[256];
static int status = 200;
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER; /* held by a test: answers wait */

static void serve(int number, int64_t expires_s) {
  time_t when = (time_t)expires_s;
  struct tm utc;
  char at[32];
  gmtime_r(&when, &utc);
  strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &utc);
  snprintf(body, sizeof(body), "{\"AccessKeyId\":\"ID%d\",\"SecretAccessKey\":\"S\",\"Expiration\":\"%s\"}", number,
           at);
  status = 200;
}

static void answer(const struct server_call *c, struct server_answer *out) {
  pthread_mutex_lock(&door);
  *out = (struct server_answer){.status = status, .body = body};
  pthread_mutex_unlock(&door);
}

static struct aws_source *container(void) {
  struct arena a = {0};
  struct aws_source_options o = {.kind = AWS_SOURCE_CONTAINER, .lookup = environment_lookup};
  o.container_address = server_url(&server, "", &a);
  environment_clear();
  environment_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", TEXT("/c"));
  atomic_store(&server.calls, 0);
  struct aws_source *s = aws_source_new(&o);
  arena_done(&a);
  return s;
}

/* What get says: the number of the credentials in force, 0 for none, negative when they should be renewed. */
static int got(struct aws_source *s, int64_t now_s) {
  struct arena a = {0};
  struct aws_credentials c;
  bool stale = false;
  uint64_t number = 0;
  enum err e = aws_source_get(s, now_s, &a, &c, &stale);
  assert_true(e == ERR_OK || e == ERR_AGAIN);
  if (e == ERR_OK)
    assert_true(text_to_u64(text_skip(c.access_key_id, 2), &number));
  arena_done(&a);
  return stale ? -(int)number : (int)number;
}

static void test_fixed_credentials_are_always_there(void **state) {
  struct arena a = {0};
  struct aws_credentials c;
  bool stale = true;
  char secret[] = "s";
  struct aws_source_options o = {.kind = AWS_SOURCE_STATIC,
                                 .fixed = {.access_key_id = TEXT("i"), .secret_access_key = text_of(secret)}};
  struct aws_source *s = aws_source_new(&o);
  secret[0] = 'x';
  assert_int_equal(aws_source_get(s, NOW, &a, &c, &stale), ERR_OK);
  assert_text(c.access_key_id, TEXT("i"));
  assert_text(c.secret_access_key, TEXT("s"));
  assert_false(stale);
  assert_int_equal(aws_source_fetch(s, NOW, NULL), ERR_OK);
  aws_source_free(s);
  aws_source_free(NULL);
  arena_done(&a);
}

static void test_credentials_are_fetched_once_and_renewed_before_they_expire(void **state) {
  struct aws_source *s = container();
  struct fault f = {0};
  serve(1, NOW + LIFE_S);
  assert_int_equal(got(s, NOW), 0);
  assert_int_equal(aws_source_fetch(s, NOW, &f), ERR_OK);
  assert_int_equal(got(s, NOW), 1);
  assert_int_equal(aws_source_fetch(s, NOW, &f), ERR_OK);
  assert_int_equal(atomic_load(&server.calls), 1);
  assert_int_equal(got(s, NOW + LIFE_S - AWS_SOURCE_RENEW_S - 1), 1);
  assert_int_equal(got(s, NOW + LIFE_S - AWS_SOURCE_RENEW_S), -1);
  assert_int_equal(got(s, NOW + LIFE_S - AWS_SOURCE_RENEW_S), 1); /* one caller renews */
  serve(2, NOW + 2 * LIFE_S);
  assert_int_equal(aws_source_fetch(s, NOW + LIFE_S - AWS_SOURCE_RENEW_S, &f), ERR_OK);
  assert_int_equal(got(s, NOW + LIFE_S), 2);
  assert_int_equal(atomic_load(&server.calls), 2);
  aws_source_free(s);
}

static void test_a_short_life_is_renewed_at_its_half(void **state) {
  struct aws_source *s = container();
  serve(1, NOW + 60);
  assert_int_equal(aws_source_fetch(s, NOW, NULL), ERR_OK);
  assert_int_equal(got(s, NOW + 29), 1);
  assert_int_equal(got(s, NOW + 30), -1);
  assert_int_equal(got(s, NOW + 60), 0);
  aws_source_free(s);
}

static void test_after_a_failure_the_old_ones_stay_until_they_expire(void **state) {
  struct aws_source *s = container();
  int64_t due = NOW + LIFE_S - AWS_SOURCE_RENEW_S;
  struct fault f = {0};
  serve(1, NOW + LIFE_S);
  assert_int_equal(aws_source_fetch(s, NOW, NULL), ERR_OK);
  assert_int_equal(got(s, due), -1);
  status = 500;
  assert_int_equal(aws_source_fetch(s, due, &f), ERR_UNAVAILABLE);
  assert_non_null(strstr(f.text, "container: the address answered 500"));
  assert_int_equal(got(s, due), 1);
  assert_int_equal(got(s, due + AWS_SOURCE_RETRY_S - 1), 1);
  assert_int_equal(got(s, due + AWS_SOURCE_RETRY_S), -1);
  assert_int_equal(aws_source_fetch(s, NOW + LIFE_S, &f), ERR_UNAVAILABLE);
  assert_int_equal(got(s, NOW + LIFE_S), 0);
  assert_int_equal(atomic_load(&server.calls), 3);
  /* A failure is remembered for a moment, so that requests do not queue up behind one fetch after another. */
  f = (struct fault){0};
  assert_int_equal(aws_source_fetch(s, NOW + LIFE_S + 1, &f), ERR_UNAVAILABLE);
  assert_non_null(strstr(f.text, "answered 500"));
  assert_int_equal(atomic_load(&server.calls), 3);
  serve(2, NOW + 2 * LIFE_S);
  assert_int_equal(aws_source_fetch(s, NOW + LIFE_S + AWS_SOURCE_RETRY_S, &f), ERR_OK);
  assert_int_equal(got(s, NOW + LIFE_S + AWS_SOURCE_RETRY_S), 2);
  aws_source_free(s);
}

static void test_credentials_that_come_expired_are_none(void **state) {
  struct aws_source *s = container();
  struct fault f = {0};
  serve(1, NOW);
  assert_int_equal(aws_source_fetch(s, NOW, &f), ERR_UNAVAILABLE);
  assert_non_null(strstr(f.text, "expired already"));
  assert_int_equal(got(s, NOW), 0);
  aws_source_free(s);
}

static void *fetch_once(void *arg) { return aws_source_fetch(arg, NOW, NULL) == ERR_OK ? arg : NULL; }

static void test_callers_that_come_together_share_one_fetch(void **state) {
  struct aws_source *s = container();
  pthread_t threads[8];
  serve(1, NOW + LIFE_S);
  pthread_mutex_lock(&door);
  for (size_t i = 0; i < 8; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, fetch_once, s), 0);
  assert_int_equal(got(s, NOW), 0);
  pthread_mutex_unlock(&door);
  for (size_t i = 0; i < 8; i++) {
    void *result = NULL;
    pthread_join(threads[i], &result);
    assert_ptr_equal(result, s);
  }
  assert_int_equal(atomic_load(&server.calls), 1);
  assert_int_equal(got(s, NOW), 1);
  aws_source_free(s);
}

/* A file may be written again at any time, without saying so. */
static void test_a_file_is_read_again(void **state) {
  struct arena a = {0};
  struct aws_source_options o = {.kind = AWS_SOURCE_PROFILE, .lookup = environment_lookup};
  environment_clear();
  environment_set("AWS_SHARED_CREDENTIALS_FILE",
                  file_write("credentials", "[default]\naws_access_key_id=ID1\naws_secret_access_key=S", &a));
  struct aws_source *s = aws_source_new(&o);
  assert_int_equal(aws_source_fetch(s, NOW, NULL), ERR_OK);
  (void)file_write("credentials", "[default]\naws_access_key_id=ID2\naws_secret_access_key=S", &a);
  assert_int_equal(got(s, NOW + AWS_SOURCE_RENEW_S - 1), 1);
  assert_int_equal(got(s, NOW + AWS_SOURCE_RENEW_S), -1);
  assert_int_equal(aws_source_fetch(s, NOW + AWS_SOURCE_RENEW_S, NULL), ERR_OK);
  assert_int_equal(got(s, NOW + AWS_SOURCE_RENEW_S), 2);
  file_remove("credentials");
  assert_int_equal(got(s, NOW + 2 * AWS_SOURCE_RENEW_S), -2);
  assert_int_equal(aws_source_fetch(s, NOW + 2 * AWS_SOURCE_RENEW_S, NULL), ERR_UNAVAILABLE);
  assert_int_equal(got(s, NOW + 100 * AWS_SOURCE_RENEW_S), -2);
  aws_source_free(s);
  arena_done(&a);
}

/* The id that the whole chain finds, or what it says. */
static void chain(char *out, size_t cap) {
  struct aws_source_options o = {.kind = AWS_SOURCE_ENVIRONMENT, .lookup = environment_lookup};
  struct arena a = {0};
  struct fault f = {0};
  struct aws_credentials c;
  bool stale;
  o.container_address = server_url(&server, "", &a);
  struct aws_source *s = aws_source_new(&o);
  if (aws_source_fetch(s, NOW, &f)) {
    snprintf(out, cap, "%s", f.text);
  } else {
    assert_int_equal(aws_source_get(s, NOW, &a, &c, &stale), ERR_OK);
    snprintf(out, cap, "%.*s%.*s", TEXT_ARGS(c.bearer), TEXT_ARGS(c.access_key_id));
  }
  aws_source_free(s);
  arena_done(&a);
}

static void test_the_first_place_that_is_set_up_decides(void **state) {
  struct arena a = {0};
  char found[512];
  serve(7, NOW + LIFE_S);
  environment_clear();
  environment_set("AWS_EC2_METADATA_DISABLED", TEXT("true"));
  chain(found, sizeof(found));
  assert_string_equal(found,
                      "there are no AWS credentials: environment: AWS_BEARER_TOKEN_BEDROCK is not set; environment: "
                      "AWS_ACCESS_KEY_ID is not set; web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; shared "
                      "files: the shared files have no profile default; container: "
                      "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set; instance: AWS_EC2_METADATA_DISABLED is true");
  environment_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", TEXT("/c"));
  chain(found, sizeof(found));
  assert_string_equal(found, "ID7");
  environment_set("AWS_SHARED_CREDENTIALS_FILE",
                  file_write("credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=S", &a));
  chain(found, sizeof(found));
  assert_string_equal(found, "FILE");
  /* Set up and failing: what stands behind is somebody else's. */
  environment_set("AWS_WEB_IDENTITY_TOKEN_FILE", TEXT("/nowhere"));
  environment_set("AWS_ROLE_ARN", TEXT("arn"));
  chain(found, sizeof(found));
  assert_string_equal(found, "there are no AWS credentials: web identity: there is no file /nowhere");
  environment_set("AWS_ACCESS_KEY_ID", TEXT("KEYS"));
  environment_set("AWS_SECRET_ACCESS_KEY", TEXT("S"));
  chain(found, sizeof(found));
  assert_string_equal(found, "KEYS");
  environment_set("AWS_BEARER_TOKEN_BEDROCK", TEXT("BEARER"));
  chain(found, sizeof(found));
  assert_string_equal(found, "BEARER");
  file_remove("credentials");
  arena_done(&a);
}

static void test_a_kind_looks_in_its_own_place_only(void **state) {
  static const struct {
    enum aws_source_kind kind;
    const char *says;
  } cases[] = {
      {AWS_SOURCE_PROFILE, "there are no AWS credentials: shared files: the shared files have no profile default"},
      {AWS_SOURCE_WEB_IDENTITY, "there are no AWS credentials: web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set"},
      {AWS_SOURCE_CONTAINER, "there are no AWS credentials: container: AWS_CONTAINER_CREDENTIALS_FULL_URI is not set"},
      {AWS_SOURCE_INSTANCE, "there are no AWS credentials: instance: AWS_EC2_METADATA_DISABLED is true"}};
  environment_clear();
  environment_set("AWS_EC2_METADATA_DISABLED", TEXT("true"));
  environment_set("AWS_ACCESS_KEY_ID", TEXT("KEYS"));
  environment_set("AWS_SECRET_ACCESS_KEY", TEXT("S"));
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct aws_source_options o = {.kind = cases[i].kind, .lookup = environment_lookup};
    struct fault f = {0};
    struct aws_source *s = aws_source_new(&o);
    assert_int_equal(aws_source_fetch(s, NOW, &f), ERR_UNAVAILABLE);
    assert_string_equal(f.text, cases[i].says);
    aws_source_free(s);
  }
}

static int start(void **state) {
  assert_non_null(mkdtemp(folder));
  server_start(&server, answer);
  return 0;
}

static int stop(void **state) {
  server_stop(&server);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fixed_credentials_are_always_there),
      cmocka_unit_test(test_credentials_are_fetched_once_and_renewed_before_they_expire),
      cmocka_unit_test(test_a_short_life_is_renewed_at_its_half),
      cmocka_unit_test(test_after_a_failure_the_old_ones_stay_until_they_expire),
      cmocka_unit_test(test_credentials_that_come_expired_are_none),
      cmocka_unit_test(test_callers_that_come_together_share_one_fetch),
      cmocka_unit_test(test_a_file_is_read_again),
      cmocka_unit_test(test_the_first_place_that_is_set_up_decides),
      cmocka_unit_test(test_a_kind_looks_in_its_own_place_only),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("source", tests, start, stop);
}
