/* Bounded buffers: the maximum, the sticky failure, taking and consuming. */
#include "base/buf.h"

#include "expect.h"

static void writes_gather_in_order(void **state) {
  struct buf b;
  buf_init(&b, 1000);
  assert_null(b.at);
  buf_add(&b, TEXT("n="));
  buf_add_u64(&b, UINT64_MAX);
  buf_add_char(&b, ' ');
  buf_add_i64(&b, INT64_MIN);
  buf_add_char(&b, ' ');
  buf_add_u64(&b, 0);
  buf_add_format(&b, " %s%d", "x", 5);
  EXPECT_TEXT(buf_text(&b), TEXT("n=18446744073709551615 -9223372036854775808 0 x5"));
  assert_int_equal(buf_check(&b), ERR_OK);
  buf_done(&b);
}

static void the_maximum_may_be_reached_but_not_passed(void **state) {
  struct buf b;
  buf_init(&b, 300);
  for (int i = 0; i < 300; i++)
    buf_add_char(&b, 'a');
  assert_int_equal(buf_check(&b), ERR_OK);
  assert_int_equal(b.len, 300);
  buf_add_char(&b, 'b');
  assert_int_equal(buf_check(&b), ERR_NO_ROOM);
  buf_consume(&b, 10);
  buf_add(&b, TEXT("c"));
  assert_int_equal(b.len, 290);
  assert_int_equal(buf_check(&b), ERR_NO_ROOM);
  buf_reset(&b);
  buf_add(&b, TEXT("c"));
  EXPECT_TEXT(buf_text(&b), TEXT("c"));
  assert_int_equal(buf_check(&b), ERR_OK);
  buf_done(&b);
}

static void a_write_that_does_not_fit_is_dropped_whole(void **state) {
  struct buf b;
  buf_init(&b, 4);
  buf_add(&b, TEXT("abc"));
  buf_add(&b, TEXT("de"));
  EXPECT_TEXT(buf_text(&b), TEXT("abc"));
  assert_null(buf_reserve(&b, 1));
  buf_done(&b);
}

static void reserved_room_counts_once_committed(void **state) {
  struct buf b;
  buf_init(&b, 100000);
  char *room = buf_reserve(&b, 5000);
  memset(room, 'x', 5000);
  buf_commit(&b, 4999);
  assert_int_equal(b.len, 4999);
  buf_consume(&b, 4998);
  EXPECT_TEXT(buf_text(&b), TEXT("x"));
  buf_consume(&b, 50);
  assert_int_equal(b.len, 0);
  buf_done(&b);
}

static void a_long_format_is_not_cut(void **state) {
  struct buf b;
  buf_init(&b, 2000);
  buf_add_format(&b, "%01000d", 7);
  assert_int_equal(b.len, 1000);
  assert_int_equal(b.at[999], '7');
  buf_add_format(&b, "%01001d", 7);
  assert_int_equal(buf_check(&b), ERR_NO_ROOM);
  assert_int_equal(b.len, 1000);
  buf_done(&b);
}

static void taking_hands_the_memory_over(void **state) {
  struct buf b;
  buf_init(&b, 100);
  buf_add(&b, TEXT("mine"));
  struct text taken = buf_take(&b);
  assert_int_equal(b.len, 0);
  buf_add(&b, TEXT("next"));
  EXPECT_TEXT(taken, TEXT("mine"));
  EXPECT_TEXT(buf_text(&b), TEXT("next"));
  free((char *)(uintptr_t)taken.at);
  buf_done(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writes_gather_in_order),
      cmocka_unit_test(the_maximum_may_be_reached_but_not_passed),
      cmocka_unit_test(a_write_that_does_not_fit_is_dropped_whole),
      cmocka_unit_test(reserved_room_counts_once_committed),
      cmocka_unit_test(a_long_format_is_not_cut),
      cmocka_unit_test(taking_hands_the_memory_over),
  };
  return RUN_TESTS(tests);
}
