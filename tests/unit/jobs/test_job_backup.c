/* The job asks the port for one backup, tells what came of it, and stops when it is told to. */
#include "jobs/kinds.h"

#include "jobs_test.h"

#include "base/calendar.h"
#include "base/recurrence.h"

static enum err fails;
static unsigned asked;
static int64_t newest_us;

static enum err fake_make(struct backups *b, const struct backups_watch *w, struct backups_made *out, struct fault *f) {
  enum err e = w->go_on(w->data, f);
  asked++;
  if (e || fails)
    return e ? e : fault_set(f, fails, NULL, "the disk is full");
  *out = (struct backups_made){.path = "/b/weir-1.backup", .database_bytes = 9, .stored_bytes = 5, .kept = 3};
  return ERR_OK;
}
static enum err fake_newest(struct backups *b, int64_t *out_us, struct fault *f) {
  *out_us = newest_us;
  return ERR_OK;
}
static struct backups fake = {fake_make, fake_newest};

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

/* How often the port is asked for one by a job of the schedule, or one of somebody's. */
static unsigned asked_by(struct store *s, bool is_scheduled) {
  struct job_world world = test_world(s);
  struct arena a;
  unsigned before = asked;
  arena_init(&a);
  world.backups = &fake;
  struct job j = {.kind = TEXT("backup"), .attempt = 1, .is_scheduled = is_scheduled, .world = &world, .arena = &a};
  fails = ERR_OK;
  EXPECT_OK(job_backup(&j, &test_fault));
  assert_true(j.result.len > 0);
  arena_done(&a);
  return asked - before;
}

static void one_since_the_scheduled_moment_is_enough_for_the_schedule(void **state) {
  struct store *s = open_memory();
  int64_t now_us = 0, moment_us = 0;
  struct recurrence r;
  calendar_set_zone(TEXT("UTC"));
  test_configure("backup: { schedule: \"00:00, 12:00\" }\n");
  EXPECT_OK(recurrence_parse(test_config->backup.schedule, &r, &test_fault));
  EXPECT_OK(s->ops->jobs->now(s, &now_us, &test_fault));
  assert_true(recurrence_latest(&r, now_us, &cron_zone_local, &moment_us));
  newest_us = 0;
  assert_int_equal(asked_by(s, true), 1);
  newest_us = moment_us - 1;
  assert_int_equal(asked_by(s, true), 1);
  newest_us = moment_us;
  assert_int_equal(asked_by(s, true), 0);
  assert_int_equal(asked_by(s, false), 1); /* who asks for one gets one */
  test_configure("jobs: [ { kind: backup, schedule: \"* * * * *\" } ]\n");
  newest_us = now_us - 60000000;
  assert_int_equal(asked_by(s, true), 1);
  config_unref(test_config);
  test_config = NULL;
  s->ops->close(s);
}

static void its_schedule_is_the_configuration_s_where_the_store_is_a_file(void **state) {
  test_configure("backup: { schedule: \"03:30\" }\n");
  EXPECT_TEXT(job_backup_schedule(test_config), TEXT("03:30"));
  test_configure("store: \"postgres://u@h/d\"\nbackup: { schedule: \"03:30\" }\n");
  EXPECT_TEXT(job_backup_schedule(test_config), TEXT(""));
  config_unref(test_config);
  test_config = NULL;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_made_is_the_result),
                                     cmocka_unit_test(what_goes_wrong_is_its_error),
                                     cmocka_unit_test(one_since_the_scheduled_moment_is_enough_for_the_schedule),
                                     cmocka_unit_test(its_schedule_is_the_configuration_s_where_the_store_is_a_file)};
  return RUN_TESTS(tests);
}
