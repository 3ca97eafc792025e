/* Randomness differs between calls and threads, and seeds the hash. */
#include "base/random.h"

#include "expect.h"

#include <pthread.h>

static void values_differ_between_calls(void **state) {
  uint64_t a[2] = {0}, b[2] = {0};
  random_bytes(a, sizeof a);
  random_bytes(b, sizeof b);
  random_bytes(NULL, 0);
  assert_memory_not_equal(a, b, sizeof a);
  assert_int_not_equal(random_u64(), random_u64());
}

static void the_quick_generator_repeats_nothing_soon(void **state) {
  uint64_t ones = 0;
  for (int i = 0; i < 10000; i++) {
    uint64_t n = random_fast();
    assert_int_not_equal(n, random_fast());
    ones += (uint64_t)__builtin_popcountll(n);
  }
  assert_in_range(ones, 10000 * 31, 10000 * 33);
}

static void *one_value(void *data) {
  *(uint64_t *)data = random_fast();
  return NULL;
}

static void threads_have_their_own_sequences(void **state) {
  uint64_t mine = 0, theirs = 0;
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, one_value, &theirs), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  (void)one_value(&mine);
  assert_int_not_equal(mine, theirs);
}

static void starting_seeds_the_hash_once(void **state) {
  text_hash_seed(1);
  uint64_t unseeded = text_hash(TEXT("key"));
  random_start();
  uint64_t seeded = text_hash(TEXT("key"));
  assert_int_not_equal(seeded, unseeded);
  random_start();
  assert_int_equal(text_hash(TEXT("key")), seeded);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_differ_between_calls),
      cmocka_unit_test(the_quick_generator_repeats_nothing_soon),
      cmocka_unit_test(threads_have_their_own_sequences),
      cmocka_unit_test(starting_seeds_the_hash_once),
  };
  return RUN_TESTS(tests);
}
