/* A set of names. */
#include "wire/converse_names.h"

#include "converse_test.h"

static void what_was_added_is_there_and_nothing_else(void **state) {
  struct arena a;
  struct converse_names names;
  arena_init(&a);
  converse_names_init(&names, 1000, &a);
  for (int i = 0; i < 1000; i++)
    assert_true(converse_names_add(&names, arena_format(&a, "name-%d", i)));
  for (int i = 0; i < 1000; i++) {
    assert_true(converse_names_has(&names, arena_format(&a, "name-%d", i)));
    assert_false(converse_names_add(&names, arena_format(&a, "name-%d", i)));
    assert_false(converse_names_has(&names, arena_format(&a, "other-%d", i)));
  }
  arena_done(&a);
}

static void an_empty_set_has_nothing(void **state) {
  struct arena a;
  struct converse_names names;
  arena_init(&a);
  converse_names_init(&names, 0, &a);
  assert_false(converse_names_has(&names, TEXT("x")));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_added_is_there_and_nothing_else),
      cmocka_unit_test(an_empty_set_has_nothing),
  };
  return RUN_TESTS(tests);
}
