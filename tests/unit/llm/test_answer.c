/* Notes are kept once each and never beyond their room. */
#include "llm/answer.h"

#include "../base/expect.h"

static void a_note_is_kept_once(void **state) {
  struct llm_notes n = {0};
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                      "j", "k", "l", "m", "n", "o", "p", "q", "r"};
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
      llm_note(&n, names[i]);
  assert_int_equal(n.count, LLM_NOTES_MAX);
  assert_string_equal(n.at[0], "a");
  assert_string_equal(n.at[LLM_NOTES_MAX - 1], "p");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_note_is_kept_once)};
  return RUN_TESTS(tests);
}
