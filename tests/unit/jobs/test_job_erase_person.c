/* The job that forgets a person: it reaches the archive and the exports of this process, it says who asked, it can be
 * stopped between any two steps and begun again, and when it is done the name is not in the job either. */
#include "jobs/kinds.h"

#include "jobs/person_job.h"
#include "person_test.h"

#define ANN TEXT("{\"user\":\"ann\",\"actor\":\"local:root\",\"origin\":\"cli\"}")

static void who_asked_is_named_and_all_is_counted(void **state) {
  struct job j = person_job_of("erase_person", ANN);
  EXPECT_OK(job_erase_person(&j, &test_fault));
  assert_true(text_starts(j.result, TEXT("{\"pseudonym\":\"erased-")));
  assert_true(text_find(j.result, TEXT("\"keys\":1,\"ledger_rows\":1,\"usage_rows\":")) > 0);
  assert_true(text_find(j.result, TEXT("\"archived_rows\":1,\"archive_files\":1,\"archives_elsewhere\":0,\"jobs\":1")) >
              0);
  struct audit_row entry = newest_entry();
  EXPECT_TEXT(entry.action, TEXT("person.erase"));
  EXPECT_TEXT(entry.actor, TEXT("local:root"));
  EXPECT_TEXT(entry.origin, TEXT("cli"));
  assert_true(text_find(args_in_store(j.id), TEXT("ann")) < 0);
}

/* The process died after the last effect: the job is claimed again, with what the erasure has left of its arguments. */
static void one_that_is_done_already_says_so(void **state) {
  struct job j = person_job_of("erase_person", ANN);
  EXPECT_OK(job_erase_person(&j, &test_fault));
  j.args = args_in_store(j.id);
  EXPECT_OK(job_erase_person(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"already\":true}"));
}

static int steps_left;

static enum err stop(struct job *j, unsigned permille, struct text note, struct fault *f) {
  return --steps_left < 0 ? fault_set(f, ERR_CANCELLED, NULL, "stopped at %.*s", TEXT_ARGS(note)) : ERR_OK;
}

static void stopped_at_every_step_it_goes_on_where_it_was(void **state) {
  struct job j = person_job_of("erase_person", ANN);
  enum err e = ERR_CANCELLED;
  int rounds = 0;
  j.report = stop;
  for (; e == ERR_CANCELLED; rounds++) {
    steps_left = rounds;
    e = job_erase_person(&j, &test_fault);
    if (e)
      EXPECT_TEXT(args_in_store(j.id), ANN); /* so that it can be done again */
  }
  EXPECT_OK(e);
  assert_true(rounds > 4);
  assert_true(text_find(args_in_store(j.id), TEXT("ann")) < 0);
}

static void exports_of_theirs_go_with_them(void **state) {
  struct job theirs = person_job_of("export_person", TEXT("{\"user\":\"ann\"}"));
  struct job other = person_job_of("export_person", TEXT("{\"user\":\"bob\"}"));
  struct job j = person_job_of("erase_person", ANN);
  EXPECT_OK(job_export_person(&theirs, &test_fault));
  EXPECT_OK(job_export_person(&other, &test_fault));
  EXPECT_OK(job_erase_person(&j, &test_fault));
  assert_true(text_find(j.result, TEXT("\"jobs\":2,\"exports\":1}")) > 0);
  const char *gone = arena_format(&arena, "exports/" PERSON_EXPORT_NAME, (long long)theirs.id, 1LL).at;
  const char *kept = arena_format(&arena, "exports/" PERSON_EXPORT_NAME, (long long)other.id, 1LL).at;
  assert_int_not_equal(access(in_data_dir(gone), F_OK), 0);
  assert_int_equal(access(in_data_dir(kept), F_OK), 0);
}

static void what_is_asked_wrongly_is_refused(void **state) {
  static const char *const wrong[] = {"{}", "[]", "{\"user\":7}", "{\"user\":\"\"}",
                                      "{\"user\":\"ann\",\"days\":\"7\"}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct job j = person_job_of("erase_person", text_of(wrong[i]));
    EXPECT_ERR(job_erase_person(&j, &test_fault), ERR_BAD_REQUEST);
  }
}

static void without_an_actor_the_job_is_the_one_who_did_it(void **state) {
  struct job j = person_job_of("erase_person", TEXT("{\"user\":\"ann\"}"));
  EXPECT_OK(job_erase_person(&j, &test_fault));
  EXPECT_TEXT(newest_entry().actor, TEXT("job:erase_person"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_PERSON(who_asked_is_named_and_all_is_counted),
      TEST_PERSON(one_that_is_done_already_says_so),
      TEST_PERSON(stopped_at_every_step_it_goes_on_where_it_was),
      TEST_PERSON(exports_of_theirs_go_with_them),
      TEST_PERSON(what_is_asked_wrongly_is_refused),
      TEST_PERSON(without_an_actor_the_job_is_the_one_who_did_it),
  };
  return RUN_TESTS(tests);
}
