/* What a browser shows beside a password: what was written here is read, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "identity/badge.h"

#include <string.h>

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))
#define NOW              INT64_C(1801353600000000)
#define S                INT64_C(1000000)

static struct arena arena;
static struct secret *key, *other;

static int open_arena(void **state) {
  arena_init(&arena);
  key = secret_new(TEXT("thirty-two bytes of the server.."));
  other = secret_new(TEXT("thirty-two bytes of another one."));
  return 0;
}

static int close_arena(void **state) {
  secret_free(key);
  secret_free(other);
  arena_done(&arena);
  return 0;
}

static struct text device_badge(void) {
  struct badge_device d = {7, NOW, {1, 2, 3, 255}};
  return badge_write_device(key, &d, &arena);
}

static void a_device_is_read_as_it_was_written(void **state) {
  struct badge_device d = {0};
  struct text badge = device_badge();
  assert_true(badge_read_device(key, badge, NOW + S, &d));
  assert_int_equal(d.user_id, 7);
  assert_int_equal(d.issued_us, NOW);
  assert_memory_equal(d.id, ((uint8_t[BADGE_DEVICE_BYTES]){1, 2, 3, 255}), BADGE_DEVICE_BYTES);
  for (size_t i = 0; i < badge.len; i++)
    assert_true(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.", badge.at[i]) != NULL);
}

static void a_device_lasts_a_year(void **state) {
  struct badge_device d;
  assert_true(badge_read_device(key, device_badge(), NOW + BADGE_DEVICE_LIFE_US, &d));
  assert_false(badge_read_device(key, device_badge(), NOW + BADGE_DEVICE_LIFE_US + 1, &d));
}

/* Each byte of it changed, and each beginning of it. */
static void what_was_not_written_here_is_none(void **state) {
  struct badge_device d;
  struct text badge = device_badge();
  assert_false(badge_read_device(other, badge, NOW, &d));
  for (size_t i = 0; i < badge.len; i++) {
    struct text copy = arena_copy(&arena, badge);
    ((char *)copy.at)[i] = copy.at[i] == '1' ? '2' : '1';
    assert_false(badge_read_device(key, copy, NOW, &d));
    assert_false(badge_read_device(key, text_head(badge, i), NOW, &d));
  }
  char *huge = arena_zalloc(&arena, 70000);
  assert_false(badge_read_device(key, (struct text){huge, 70000}, NOW, &d));
  assert_false(badge_read_device(key, arena_format(&arena, "%.*s1", TEXT_ARGS(badge)), NOW, &d));
}

static void a_turn_is_of_its_scope_and_its_time(void **state) {
  const uint8_t scope[SIGNIN_SCOPE_BYTES] = {1}, elsewhere[SIGNIN_SCOPE_BYTES] = {2};
  struct text badge = badge_write_turn(key, scope, NOW, NOW + 10 * S, &arena);
  int64_t issued = 0;
  assert_false(badge_read_turn(key, scope, badge, NOW + 10 * S - 1, &issued));
  assert_true(badge_read_turn(key, scope, badge, NOW + 10 * S, &issued));
  assert_int_equal(issued, NOW);
  assert_true(badge_read_turn(key, scope, badge, NOW + 10 * S + BADGE_TURN_LIFE_US, &issued));
  assert_false(badge_read_turn(key, scope, badge, NOW + 10 * S + BADGE_TURN_LIFE_US + 1, &issued));
  assert_false(badge_read_turn(key, elsewhere, badge, NOW + 10 * S, &issued));
  assert_false(badge_read_turn(other, scope, badge, NOW + 10 * S, &issued));
}

static void neither_stands_for_the_other(void **state) {
  const uint8_t scope[SIGNIN_SCOPE_BYTES] = {0};
  struct badge_device d;
  int64_t issued;
  assert_false(badge_read_device(key, badge_write_turn(key, scope, NOW, NOW, &arena), NOW, &d));
  assert_false(badge_read_turn(key, scope, device_badge(), NOW, &issued));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_device_is_read_as_it_was_written, open_arena, close_arena),
      cmocka_unit_test_setup_teardown(a_device_lasts_a_year, open_arena, close_arena),
      cmocka_unit_test_setup_teardown(what_was_not_written_here_is_none, open_arena, close_arena),
      cmocka_unit_test_setup_teardown(a_turn_is_of_its_scope_and_its_time, open_arena, close_arena),
      cmocka_unit_test_setup_teardown(neither_stands_for_the_other, open_arena, close_arena),
  };
  return RUN_TESTS(tests);
}
