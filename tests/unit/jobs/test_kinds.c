/* The table of kinds: every row is complete and within what the store and the runner take. */
#include "jobs/kinds.h"

#include "jobs_test.h"

#include "base/recurrence.h"

static void every_row_is_complete(void **state) {
  assert_true(job_kind_count >= 1);
  for (size_t i = 0; i < job_kind_count; i++) {
    const struct job_kind *k = &job_kinds[i];
    struct store_job_new n = {.kind = text_of(k->name), .max_attempts = k->attempts};
    struct store *s = open_memory();
    int64_t id = 0;
    EXPECT_OK(s->ops->jobs->enqueue(s, &n, 1, &id, &test_fault)); /* a name the store takes */
    s->ops->close(s);
    assert_true(k->help[0] != '\0');
    assert_true(k->lease_ms >= 15000);
    assert_non_null(k->run);
    struct recurrence r;
    if (k->schedule)
      EXPECT_OK(recurrence_parse(text_of(k->schedule), &r, &test_fault));
    assert_ptr_equal(job_kind_find(text_of(k->name)), k); /* and no other has it */
  }
}

static void an_unknown_kind_is_not_found(void **state) {
  assert_null(job_kind_find(TEXT("purg")));
  assert_null(job_kind_find(TEXT("")));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_is_complete),
                                     cmocka_unit_test(an_unknown_kind_is_not_found)};
  return RUN_TESTS(tests);
}
