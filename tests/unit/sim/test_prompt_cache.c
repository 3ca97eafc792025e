/* What is written to and read from the simulated prompt cache. */
#include "sim/prompt_cache.h"

#include "sim_test.h"

static struct prompt_cache cache;

static int forget(void **state) {
  cache = (struct prompt_cache){0};
  return 0;
}

static void a_prefix_is_written_once_and_then_read(void **state) {
  const struct prompt_breakpoint p[] = {{11, 100, false}};
  struct prompt_cache_usage first = prompt_cache_use(&cache, p, 1), second = prompt_cache_use(&cache, p, 1);
  assert_int_equal(first.write_5m, 100);
  assert_int_equal(first.read, 0);
  assert_int_equal(second.write_5m, 0);
  assert_int_equal(second.read, 100);
}

static void a_longer_prompt_reads_the_known_part_and_writes_the_rest_by_class(void **state) {
  const struct prompt_breakpoint p[] = {{11, 100, true}, {22, 150, false}, {33, 400, false}};
  struct prompt_cache_usage u = prompt_cache_use(&cache, p, 1);
  assert_int_equal(u.write_1h, 100);
  u = prompt_cache_use(&cache, p, 3);
  assert_int_equal(u.read, 100);
  assert_int_equal(u.write_5m, 300);
  assert_int_equal(u.write_1h, 0);
}

static void the_oldest_prefix_is_forgotten(void **state) {
  struct prompt_breakpoint p = {0, 10, false};
  for (uint64_t i = 1; i <= PROMPT_CACHE_MAX + 1; i++) {
    p.hash = i;
    assert_int_equal(prompt_cache_use(&cache, &p, 1).write_5m, 10);
  }
  p.hash = 2;
  assert_int_equal(prompt_cache_use(&cache, &p, 1).read, 10);
  p.hash = 1;
  assert_int_equal(prompt_cache_use(&cache, &p, 1).read, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_prefix_is_written_once_and_then_read, forget),
      cmocka_unit_test_setup(a_longer_prompt_reads_the_known_part_and_writes_the_rest_by_class, forget),
      cmocka_unit_test_setup(the_oldest_prefix_is_forgotten, forget),
  };
  return RUN_TESTS(tests);
}
