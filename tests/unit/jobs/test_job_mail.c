/* A mail goes to whom the job names, and what it says of it decides whether it is tried again. */
#include "jobs/kinds.h"

#include "kind_test.h"

static struct {
  unsigned asked;
  char kind[32];
  int64_t user_id;
  enum err answer;
} desk;

static enum err deliver(struct signin *self, struct text kind, int64_t user_id, int64_t now_us, struct fault *f) {
  desk.asked++;
  snprintf(desk.kind, sizeof(desk.kind), "%.*s", TEXT_ARGS(kind));
  desk.user_id = user_id;
  assert_true(now_us > 0);
  return desk.answer;
}

static enum err run(const char *args, bool with_desk) {
  struct signin fake = {.mail_deliver = deliver};
  struct job_world world = test_world(store);
  world.signin = with_desk ? &fake : NULL;
  struct job j = job_of(&world);
  j.args = text_of(args);
  return job_mail(&j, &test_fault);
}

static void a_mail_goes_to_whom_the_job_names(void **state) {
  memset(&desk, 0, sizeof(desk));
  EXPECT_OK(run("{\"kind\":\"magic\",\"user_id\":12}", true));
  assert_int_equal(desk.asked, 1);
  assert_string_equal(desk.kind, "magic");
  assert_int_equal(desk.user_id, 12);
  EXPECT_OK(run("{\"kind\":\"reset\",\"user_id\":0}", true));
  desk.answer = ERR_NETWORK;
  EXPECT_ERR(run("{\"kind\":\"magic\",\"user_id\":12}", true), ERR_NETWORK);
}

static void a_job_that_says_too_little_is_refused(void **state) {
  static const char *const bad[] = {"{}",
                                    "{\"kind\":\"magic\"}",
                                    "{\"user_id\":1}",
                                    "{\"kind\":1,\"user_id\":1}",
                                    "{\"kind\":\"magic\",\"user_id\":-1}",
                                    "{\"kind\":\"magic\",\"user_id\":\"1\"}"};
  memset(&desk, 0, sizeof(desk));
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    EXPECT_ERR(run(bad[i], true), ERR_BAD_REQUEST);
  EXPECT_ERR(run("{\"kind\":\"magic\",\"user_id\":1}", false), ERR_CONFIG);
  assert_int_equal(desk.asked, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_mail_goes_to_whom_the_job_names, begin, end),
      cmocka_unit_test_setup_teardown(a_job_that_says_too_little_is_refused, begin, end),
  };
  return RUN_TESTS(tests);
}
