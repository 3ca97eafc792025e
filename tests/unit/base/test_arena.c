/* Arenas: alignment, growth, clean-ups. */
#include "base/arena.h"

#include "expect.h"

static void allocations_are_aligned_and_apart(void **state) {
  struct arena a;
  arena_init(&a);
  unsigned char *seen[200];
  for (size_t i = 0; i < 200; i++) {
    seen[i] = arena_alloc(&a, i);
    assert_int_equal((uintptr_t)seen[i] % 16, 0);
    memset(seen[i], (int)i, i);
  }
  for (size_t i = 0; i < 200; i++)
    for (size_t k = 0; k < i; k++)
      assert_int_equal(seen[i][k], i);
  arena_done(&a);
}

static void the_first_block_is_small_and_blocks_grow(void **state) {
  struct arena a;
  arena_init(&a);
  assert_int_equal(a.used_bytes, 0);
  (void)arena_alloc(&a, 100);
  assert_int_equal(a.used_bytes, 1024);
  for (int i = 0; i < 10000; i++)
    (void)arena_alloc(&a, 100);
  assert_int_equal(a.block_bytes, 65536);
  arena_done(&a);
  assert_int_equal(a.used_bytes, 0);
}

static void a_large_request_gets_its_own_block(void **state) {
  struct arena a;
  arena_init(&a);
  char *small = arena_alloc(&a, 10);
  char *large = arena_alloc(&a, 1000000);
  memset(large, 1, 1000000);
  char *next = arena_alloc(&a, 10);
  assert_in_range(next - small, 16, 64);
  assert_in_range(a.used_bytes, 1000000 + 1024, 1000000 + 1200);
  arena_done(&a);
  arena_init(&a);
  (void)arena_alloc(&a, 5000);
  (void)arena_alloc(&a, 10);
  assert_in_range(a.used_bytes, 6000, 6200);
  arena_done(&a);
}

static void copies_and_formats_end_in_a_zero(void **state) {
  struct arena a;
  arena_init(&a);
  struct text copy = arena_copy(&a, (struct text){"hello world", 5});
  assert_string_equal(copy.at, "hello");
  EXPECT_TEXT(arena_copy(&a, TEXT_NONE), TEXT(""));
  struct text formatted = arena_format(&a, "%s-%d", "model", 7);
  assert_string_equal(formatted.at, "model-7");
  assert_int_equal(formatted.len, 7);
  unsigned char *zeroes = arena_zalloc(&a, 300);
  for (size_t i = 0; i < 300; i++)
    assert_int_equal(zeroes[i], 0);
  arena_done(&a);
}

static void joined_parts_follow_each_other(void **state) {
  struct arena a;
  arena_init(&a);
  const struct text parts[] = {TEXT("/v1"), TEXT_NONE, TEXT("/x"), TEXT("?q")};
  struct text t = arena_join(&a, parts, 4);
  assert_int_equal(t.len, 7);
  assert_string_equal(t.at, "/v1/x?q");
  assert_int_equal(arena_join(&a, NULL, 0).len, 0);
  arena_done(&a);
}

static void a_reserved_first_block_serves_many_small_requests(void **state) {
  struct arena a;
  arena_init(&a);
  arena_reserve(&a, 3000);
  size_t reserved = a.used_bytes;
  assert_in_range(reserved, 3000, 3100);
  for (int i = 0; i < 5; i++)
    memset(arena_alloc(&a, 500), i, 500);
  assert_int_equal(a.used_bytes, reserved);
  arena_reserve(&a, 100000);
  assert_int_equal(a.used_bytes, reserved);
  arena_done(&a);
}

struct order {
  int next, at[3];
};
struct step {
  struct order *order;
  int name;
};

static void note(void *data) {
  struct step *s = data;
  s->order->at[s->order->next++] = s->name;
}

static void cleanups_run_newest_first_and_once(void **state) {
  struct arena a;
  struct order order = {0};
  struct step steps[3] = {{&order, 1}, {&order, 2}, {&order, 3}};
  arena_init(&a);
  for (int i = 0; i < 3; i++)
    arena_defer(&a, note, &steps[i]);
  arena_done(&a);
  arena_done(&a);
  assert_int_equal(order.next, 3);
  assert_int_equal(order.at[0], 3);
  assert_int_equal(order.at[1], 2);
  assert_int_equal(order.at[2], 1);
}

/* Two thirds of a block are asked for while a third of the old one is free: the third stays in use. */
static void the_block_with_the_most_room_stays_in_use(void **state) {
  struct arena a;
  arena_init(&a);
  arena_reserve(&a, 3000);
  size_t reserved = a.used_bytes;
  char *first = arena_alloc(&a, 1900);
  (void)arena_alloc(&a, 1500);
  assert_in_range(a.used_bytes - reserved, 1500, 1600);
  size_t before = a.used_bytes;
  char *third = arena_alloc(&a, 900);
  assert_true(third > first && third < first + 3000);
  assert_int_equal(a.used_bytes, before);
  (void)arena_alloc(&a, 900); /* leaves more in a new block than is left in the old one */
  assert_in_range(a.used_bytes - before, 2048, 4096);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allocations_are_aligned_and_apart),
      cmocka_unit_test(the_first_block_is_small_and_blocks_grow),
      cmocka_unit_test(a_large_request_gets_its_own_block),
      cmocka_unit_test(copies_and_formats_end_in_a_zero),
      cmocka_unit_test(cleanups_run_newest_first_and_once),
      cmocka_unit_test(a_reserved_first_block_serves_many_small_requests),
      cmocka_unit_test(joined_parts_follow_each_other),
      cmocka_unit_test(the_block_with_the_most_room_stays_in_use),
  };
  return RUN_TESTS(tests);
}
