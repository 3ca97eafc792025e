/* What a kind says about its job reaches whoever listens, within bounds. */
#include "jobs/job.h"

#include "jobs_test.h"

static unsigned heard;
static struct text heard_note;

static enum err hear(struct job *j, unsigned permille, struct text note, struct fault *f) {
  heard = permille;
  heard_note = note;
  return permille == 999 ? fault_set(f, ERR_CANCELLED, NULL, "stop") : ERR_OK;
}

static void progress_is_heard_and_answered(void **state) {
  struct job j = {.report = hear};
  EXPECT_OK(job_progress(&j, 5000, TEXT("reading"), &test_fault));
  assert_int_equal(heard, 1000);
  EXPECT_TEXT(heard_note, TEXT("reading"));
  EXPECT_ERR(job_progress(&j, 999, TEXT(""), &test_fault), ERR_CANCELLED);
}

static void without_a_runner_nothing_stops_a_job(void **state) {
  struct job j = {0};
  EXPECT_OK(job_progress(&j, 999, TEXT(""), &test_fault));
}

static void a_result_is_copied(void **state) {
  struct arena a;
  char text[] = "{\"n\":1}";
  arena_init(&a);
  struct job j = {.arena = &a};
  job_result(&j, text_of(text));
  text[5] = '2';
  EXPECT_TEXT(j.result, TEXT("{\"n\":1}"));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(progress_is_heard_and_answered),
      cmocka_unit_test(without_a_runner_nothing_stops_a_job),
      cmocka_unit_test(a_result_is_copied),
  };
  return RUN_TESTS(tests);
}
