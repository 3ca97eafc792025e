/* That keys have expired is noted once, by whoever runs the job first. */
#include "jobs/kinds.h"

#include "kind_test.h"
#include "ports/store_audit.h"
#include "support/actor.h"

static void expired_keys_are_noted_once(void **state) {
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  const struct audit_filter all = {.action = TEXT("key.expire"), .max = 10};
  struct audit_row *rows = NULL;
  size_t count = 0;
  int64_t id;
  for (int i = 0; i < 3; i++) {
    struct store_key k = {
        .name = arena_format(&arena, "k%d", i), .models = TEXT("*"), .expires_us = i == 2 ? 0 : 1 + i};
    memset(k.hash, i, sizeof k.hash);
    EXPECT_OK(store->ops->key_create(store, &k, TEST_ACTOR, &id, &test_fault));
  }
  test_configure("");
  EXPECT_OK(job_keys(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"expired\":2,\"forgotten\":0}"));
  EXPECT_OK(job_keys(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"expired\":0,\"forgotten\":0}"));
  EXPECT_OK(store->ops->audit->list(store, &all, &arena, &rows, &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_TEXT(rows[0].actor, TEXT("job:keys"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(expired_keys_are_noted_once, begin, end),
  };
  return RUN_TESTS(tests);
}
