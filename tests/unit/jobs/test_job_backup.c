/* The job asks the port for one backup, tells what came of it, and stops when it is told to. */
#include "jobs/kinds.h"

#include "jobs_test.h"

static enum err fails;
static unsigned asked;

static enum err fake_make(struct backups *b, const struct backups_watch *w, struct backups_made *out, struct fault *f) {
  enum err e = w->go_on(w->data, f);
  asked++;
  if (e || fails)
    return e ? e : fault_set(f, fails, NULL, "the disk is full");
  *out = (struct backups_made){.path = "/b/weir-1.backup", .database_bytes = 9, .stored_bytes = 5, .kept = 3};
  return ERR_OK;
}
static struct backups fake = {fake_make};

static enum err refuse(struct job *j, unsigned permille, struct text note, struct fault *f) {
  return fault_set(f, ERR_CANCELLED, NULL, "enough");
}

static void what_was_made_is_the_result(void **state) {
  struct arena a;
  struct job_world world = {.backups = &fake};
  arena_init(&a);
  struct job j = {.kind = TEXT("backup"), .attempt = 1, .world = &world, .arena = &a};
  fails = ERR_OK;
  EXPECT_OK(job_backup(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"path\":\"/b/weir-1.backup\",\"database_bytes\":9,\"stored_bytes\":5,\"kept\":3,"
                             "\"removed\":0}"));
  arena_done(&a);
}

static void what_goes_wrong_is_its_error(void **state) {
  struct arena a;
  struct job_world world = {.backups = &fake}, without = {.backups = NULL};
  arena_init(&a);
  struct job j = {.kind = TEXT("backup"), .attempt = 1, .world = &world, .arena = &a};
  fails = ERR_STORE_FULL;
  EXPECT_ERR(job_backup(&j, &test_fault), ERR_STORE_FULL);
  EXPECT_MENTIONS("the disk is full");
  j.report = refuse;
  EXPECT_ERR(job_backup(&j, &test_fault), ERR_CANCELLED);
  unsigned before = asked;
  j.world = &without;
  EXPECT_ERR(job_backup(&j, &test_fault), ERR_UNSUPPORTED);
  assert_int_equal(asked, before);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_made_is_the_result),
                                     cmocka_unit_test(what_goes_wrong_is_its_error)};
  return RUN_TESTS(tests);
}
