/* Attempts are counted for all scopes or for none, never twice for one look, and forgotten when their time is over. */
#include "contract.h"

#include "ports/store_signin.h"

static const uint8_t scopes[2][SIGNIN_SCOPE_BYTES] = {{1}, {2}};

static const struct store_signin_ops *of(struct store *s) { return s->ops->signin; }

static void what_was_counted_is_there(void **state) {
  struct store *s = contract_store(state);
  struct signin_attempts seen[2], next[2] = {{1, 100, 0}, {5, 100, 7}};
  EXPECT_OK(of(s)->attempts_get(s, scopes, 2, seen, &test_fault));
  assert_int_equal(seen[0].failures + seen[0].last_us + seen[1].known_us, 0);
  EXPECT_OK(of(s)->attempts_put(s, scopes, 2, seen, next, &test_fault));
  EXPECT_OK(of(s)->attempts_get(s, scopes, 2, seen, &test_fault));
  assert_int_equal(seen[0].failures, 1);
  assert_int_equal(seen[1].failures, 5);
  assert_int_equal(seen[1].last_us, 100);
  assert_int_equal(seen[1].known_us, 7);
}

static void of_two_who_looked_at_the_same_count_one_is_told(void **state) {
  struct store *s = contract_store(state);
  struct signin_attempts seen[2] = {{0, 0, 0}, {0, 0, 0}}, next[2] = {{1, 100, 0}, {1, 100, 0}}, got[2];
  EXPECT_OK(of(s)->attempts_put(s, scopes, 2, seen, next, &test_fault));
  EXPECT_ERR(of(s)->attempts_put(s, scopes, 2, seen, next, &test_fault), ERR_STORE_STALE);
  seen[0] = next[0]; /* and the second scope is not as it was seen: nothing of the first is counted either */
  seen[1] = (struct signin_attempts){9, 9, 9};
  next[0].failures = 2;
  EXPECT_ERR(of(s)->attempts_put(s, scopes, 2, seen, next, &test_fault), ERR_STORE_STALE);
  EXPECT_OK(of(s)->attempts_get(s, scopes, 2, got, &test_fault));
  assert_int_equal(got[0].failures, 1);
  assert_int_equal(got[1].failures, 1);
}

static void too_many_scopes_are_refused(void **state) {
  struct store *s = contract_store(state);
  static const uint8_t many[SIGNIN_SCOPES_MAX + 1][SIGNIN_SCOPE_BYTES];
  struct signin_attempts seen[SIGNIN_SCOPES_MAX + 1] = {{0, 0, 0}};
  EXPECT_ERR(of(s)->attempts_get(s, many, SIGNIN_SCOPES_MAX + 1, seen, &test_fault), ERR_LIMIT);
  EXPECT_ERR(of(s)->attempts_put(s, many, SIGNIN_SCOPES_MAX + 1, seen, seen, &test_fault), ERR_LIMIT);
}

static void what_has_had_its_time_is_purged(void **state) {
  struct store *s = contract_store(state);
  struct signin_attempts none[2] = {{0, 0, 0}, {0, 0, 0}}, next[2] = {{1, 100, 0}, {1, 900, 0}}, got[2];
  struct signin_link link = {.kind = TEXT("reset"), .user_id = 7, .hash = {1}, .created_us = 10, .expires_us = 100};
  struct signin_session n = {.user_id = 7, .org_id = 1, .expires_us = 100, .way = TEXT("link")}, gone;
  struct arena a;
  int64_t id = 0, deleted = 0;
  arena_init(&a);
  EXPECT_OK(of(s)->attempts_put(s, scopes, 2, none, next, &test_fault));
  EXPECT_OK(of(s)->link_add(s, &link, 0, &test_fault));
  EXPECT_OK(of(s)->session_add(s, &n, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(of(s)->purge(s, 100, 10, &deleted, &test_fault));
  assert_int_equal(deleted, 0);
  EXPECT_OK(of(s)->purge(s, 101, 10, &deleted, &test_fault));
  assert_int_equal(deleted, 3);
  EXPECT_OK(of(s)->attempts_get(s, scopes, 2, got, &test_fault));
  assert_int_equal(got[0].failures, 0);
  assert_int_equal(got[1].failures, 1);
  EXPECT_ERR(of(s)->session_get(s, id, &a, &gone, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(what_was_counted_is_there),
      CONTRACT(of_two_who_looked_at_the_same_count_one_is_told),
      CONTRACT(too_many_scopes_are_refused),
      CONTRACT(what_has_had_its_time_is_purged),
  };
  return RUN_CONTRACT(tests);
}
