/* Answers by Idempotency-Key: one does the work, the others get what it got, and what is lost is done again. */
#include "contract.h"

#include "ports/store_answers.h"

#define S INT64_C(1000000)

static struct arena arena;

static struct store_answer_key key_of(const char *caller, uint8_t key, uint8_t sum, int64_t now_us) {
  struct store_answer_key k = {.caller = text_of(caller), .now_us = now_us};
  memset(k.key_hash, key, sizeof k.key_hash);
  memset(k.body_sum, sum, sizeof k.body_sum);
  return k;
}

static enum store_answer_state take(struct store *s, struct store_answer_key k) {
  struct store_answer a = {.state = STORE_ANSWER_OTHER};
  EXPECT_OK(s->ops->answers->take(s, &k, &arena, &a, &test_fault));
  return a.state;
}

static void the_first_does_it_and_the_others_get_its_answer(void **state) {
  struct store *s = contract_store(state);
  struct store_answer_key k = key_of("user:1", 1, 1, 1000 * S), later = key_of("user:1", 1, 1, 1001 * S);
  struct store_answer a;
  assert_int_equal(take(s, k), STORE_ANSWER_NEW);
  assert_int_equal(take(s, later), STORE_ANSWER_RUNNING);
  EXPECT_OK(s->ops->answers->put(s, &k, 201, TEXT("sealed\0bytes"), &test_fault));
  EXPECT_OK(s->ops->answers->take(s, &later, &arena, &a, &test_fault));
  assert_int_equal(a.state, STORE_ANSWER_KNOWN);
  assert_int_equal(a.status, 201);
  EXPECT_TEXT(a.answer, TEXT("sealed\0bytes"));
}

static void another_request_under_the_same_key_is_told_apart(void **state) {
  struct store *s = contract_store(state);
  struct store_answer_key k = key_of("user:1", 1, 1, 1000 * S);
  assert_int_equal(take(s, k), STORE_ANSWER_NEW);
  assert_int_equal(take(s, key_of("user:1", 1, 2, 1001 * S)), STORE_ANSWER_OTHER);
  EXPECT_OK(s->ops->answers->put(s, &k, 200, TEXT("x"), &test_fault));
  assert_int_equal(take(s, key_of("user:1", 1, 2, 1002 * S)), STORE_ANSWER_OTHER);
  assert_int_equal(take(s, key_of("user:2", 1, 2, 1002 * S)), STORE_ANSWER_NEW);
  assert_int_equal(take(s, key_of("user:1", 2, 2, 1002 * S)), STORE_ANSWER_NEW);
}

static void what_was_dropped_may_be_done_again(void **state) {
  struct store *s = contract_store(state);
  struct store_answer_key k = key_of("user:1", 1, 1, 1000 * S);
  assert_int_equal(take(s, k), STORE_ANSWER_NEW);
  EXPECT_OK(s->ops->answers->drop(s, &k, &test_fault));
  assert_int_equal(take(s, key_of("user:1", 1, 9, 1001 * S)), STORE_ANSWER_NEW);
}

static void what_was_lost_with_its_process_is_taken_over(void **state) {
  struct store *s = contract_store(state);
  struct store_answer_key k = key_of("user:1", 1, 1, 1000 * S);
  struct store_answer_key next = key_of("user:1", 1, 1, 1001 * S + STORE_ANSWER_PATIENCE_US);
  struct store_answer a;
  assert_int_equal(take(s, k), STORE_ANSWER_NEW);
  assert_int_equal(take(s, key_of("user:1", 1, 1, k.now_us + STORE_ANSWER_PATIENCE_US)), STORE_ANSWER_RUNNING);
  assert_int_equal(take(s, next), STORE_ANSWER_NEW);
  EXPECT_OK(s->ops->answers->put(s, &k, 500, TEXT("late"), &test_fault)); /* is not its any more */
  EXPECT_OK(s->ops->answers->drop(s, &k, &test_fault));
  EXPECT_OK(s->ops->answers->put(s, &next, 200, TEXT("good"), &test_fault));
  EXPECT_OK(s->ops->answers->put(s, &next, 201, TEXT("again"), &test_fault));
  EXPECT_OK(s->ops->answers->take(s, &next, &arena, &a, &test_fault));
  assert_int_equal(a.status, 200);
  EXPECT_TEXT(a.answer, TEXT("good"));
}

static void an_answer_is_known_for_a_day(void **state) {
  struct store *s = contract_store(state);
  struct store_answer_key k = key_of("user:1", 1, 1, 1000 * S);
  assert_int_equal(take(s, k), STORE_ANSWER_NEW);
  EXPECT_OK(s->ops->answers->put(s, &k, 200, TEXT("x"), &test_fault));
  assert_int_equal(take(s, key_of("user:1", 1, 1, k.now_us + STORE_ANSWER_KEPT_US)), STORE_ANSWER_KNOWN);
  assert_int_equal(take(s, key_of("user:1", 1, 1, k.now_us + STORE_ANSWER_KEPT_US + 1)), STORE_ANSWER_NEW);
}

static void old_ones_go_the_oldest_first(void **state) {
  struct store *s = contract_store(state);
  int64_t deleted = 0;
  for (uint8_t i = 1; i <= 5; i++)
    assert_int_equal(take(s, key_of("user:1", i, 1, i * S)), STORE_ANSWER_NEW);
  EXPECT_OK(s->ops->answers->purge(s, 4 * S, 2, &deleted, &test_fault));
  assert_int_equal(deleted, 2);
  assert_int_equal(take(s, key_of("user:1", 3, 1, 5 * S)), STORE_ANSWER_RUNNING);
  EXPECT_OK(s->ops->answers->purge(s, 4 * S, 10, &deleted, &test_fault));
  assert_int_equal(deleted, 1);
  assert_int_equal(take(s, key_of("user:1", 4, 1, 5 * S)), STORE_ANSWER_RUNNING);
}

static void one_that_is_too_long_is_not_kept(void **state) {
  struct store *s = contract_store(state);
  struct store_answer_key k = key_of("user:1", 1, 1, 1000 * S);
  static char large[STORE_ANSWER_BYTES_MAX + 1];
  assert_int_equal(take(s, k), STORE_ANSWER_NEW);
  EXPECT_ERR(s->ops->answers->put(s, &k, 200, (struct text){large, sizeof large}, &test_fault), ERR_LIMIT);
  EXPECT_OK(s->ops->answers->put(s, &k, 200, (struct text){large, sizeof large - 1}, &test_fault));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(the_first_does_it_and_the_others_get_its_answer),
      CONTRACT(another_request_under_the_same_key_is_told_apart),
      CONTRACT(what_was_dropped_may_be_done_again),
      CONTRACT(what_was_lost_with_its_process_is_taken_over),
      CONTRACT(an_answer_is_known_for_a_day),
      CONTRACT(old_ones_go_the_oldest_first),
      CONTRACT(one_that_is_too_long_is_not_kept),
  };
  arena_init(&arena);
  int failed = RUN_CONTRACT(tests);
  arena_done(&arena);
  return failed;
}
