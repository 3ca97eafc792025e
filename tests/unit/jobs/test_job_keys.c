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

static int64_t rotated_us;
static enum err fails;
static enum err rotate(struct oauth *self, int64_t now_us, struct fault *f) {
  rotated_us = now_us;
  return fails;
}

static void keys_that_sign_tokens_are_renewed_by_the_store_s_clock(void **state) {
  struct oauth fake = {.rotate = rotate};
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  world.oauth = &fake;
  test_configure("");
  int64_t before_us = now();
  EXPECT_OK(job_keys(&j, &test_fault));
  assert_in_range(rotated_us, before_us, now());
  fails = ERR_UNAVAILABLE;
  EXPECT_ERR(job_keys(&j, &test_fault), ERR_UNAVAILABLE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(expired_keys_are_noted_once, begin, end),
      cmocka_unit_test_setup_teardown(keys_that_sign_tokens_are_renewed_by_the_store_s_clock, begin, end),
  };
  return RUN_TESTS(tests);
}
