/* The job asks the port for all lists once, tells what came of it, and stops when it is told to. */
#include "jobs/kinds.h"

#include "jobs_test.h"

static enum err fails;
static unsigned asked;

static enum err fake_run(struct catalogue_refresh *r, const struct catalogue_watch *w, struct catalogue_refreshed *out,
                         struct fault *f) {
  enum err e = w->go_on(w->data, f);
  asked++;
  if (e || fails)
    return e ? e : fault_set(f, fails, NULL, "nobody answers");
  *out = (struct catalogue_refreshed){.vendors = 3, .failed = 1};
  return ERR_OK;
}
static struct catalogue_refresh fake = {fake_run};

static enum err refuse(struct job *j, unsigned permille, struct text note, struct fault *f) {
  return fault_set(f, ERR_CANCELLED, NULL, "enough");
}

static void what_was_fetched_is_the_result(void **state) {
  struct arena a;
  struct job_world world = {.catalogues = &fake};
  arena_init(&a);
  struct job j = {.kind = TEXT("catalogue"), .attempt = 1, .world = &world, .arena = &a};
  fails = ERR_OK;
  EXPECT_OK(job_catalogue(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"vendors\":3,\"failed\":1}"));
  arena_done(&a);
}

static void what_goes_wrong_is_its_error(void **state) {
  struct arena a;
  struct job_world world = {.catalogues = &fake}, without = {.catalogues = NULL};
  arena_init(&a);
  struct job j = {.kind = TEXT("catalogue"), .attempt = 1, .world = &world, .arena = &a};
  fails = ERR_NETWORK;
  EXPECT_ERR(job_catalogue(&j, &test_fault), ERR_NETWORK);
  EXPECT_MENTIONS("nobody answers");
  j.report = refuse;
  EXPECT_ERR(job_catalogue(&j, &test_fault), ERR_CANCELLED);
  unsigned before = asked;
  j.world = &without;
  EXPECT_ERR(job_catalogue(&j, &test_fault), ERR_UNSUPPORTED);
  assert_int_equal(asked, before);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_fetched_is_the_result),
                                     cmocka_unit_test(what_goes_wrong_is_its_error)};
  return RUN_TESTS(tests);
}
