/* Texts cut into the parts that tokenizers treat alike. */
#include "llm/tokens_text.h"

#include "../base/expect.h"

static void expect_parts(const char *text, const struct token_parts *want) {
  struct token_parts got = {0};
  token_parts_add(&got, text_of(text));
  for (int i = 0; i < PART_COUNT; i++)
    if (got.n[i] != want->n[i])
      fail_msg("\"%s\": part %d is %llu, expected %llu", text, i, (unsigned long long)got.n[i],
               (unsigned long long)want->n[i]);
}

static void words_end_where_capitals_begin(void **state) {
  expect_parts("one two", &(struct token_parts){.n = {[PART_WORD] = 2}});
  expect_parts("getHttpName", &(struct token_parts){.n = {[PART_WORD] = 3, [PART_CONSONANT] = 1}});
  expect_parts("XMLHttp", &(struct token_parts){
                              .n = {[PART_WORD] = 1, [PART_CAPITALS] = 1, [PART_CAPITAL] = 1, [PART_CONSONANT] = 1}});
  expect_parts("international",
               &(struct token_parts){.n = {[PART_WORD] = 1, [PART_LONG_LETTER] = 7, [PART_COMPOUND] = 1}});
  expect_parts("zqxvw", &(struct token_parts){.n = {[PART_WORD] = 1, [PART_CONSONANT] = 2}});
}

static void numbers_are_groups_of_three(void **state) {
  expect_parts("1", &(struct token_parts){.n = {[PART_NUMBER] = 1}});
  expect_parts("1234", &(struct token_parts){.n = {[PART_NUMBER] = 1, [PART_THREE_DIGITS] = 1}});
  expect_parts("123456 7", &(struct token_parts){.n = {[PART_NUMBER] = 2, [PART_THREE_DIGITS] = 1}});
}

static void white_space_costs_little(void **state) {
  expect_parts("a\n\n  b", &(struct token_parts){.n = {[PART_WORD] = 2, [PART_LINE] = 1, [PART_INDENT] = 1}});
  expect_parts("a  b", &(struct token_parts){.n = {[PART_WORD] = 2, [PART_INDENT] = 1}});
  expect_parts("                                ",
               &(struct token_parts){.n = {[PART_INDENT] = 1, [PART_LONG_SPACE] = 2}});
}

static void signs_that_repeat_cost_less(void **state) {
  expect_parts("==", &(struct token_parts){.n = {[PART_SIGNS] = 1, [PART_SAME_SIGN] = 1}});
  expect_parts("=>{", &(struct token_parts){.n = {[PART_SIGNS] = 1, [PART_SIGN] = 2}});
  expect_parts("--------", &(struct token_parts){.n = {[PART_SIGNS] = 1, [PART_SAME_SIGN] = 2}});
}

static void every_script_has_its_part(void **state) {
  expect_parts("안녕", &(struct token_parts){.n = {[PART_HANGUL] = 2}});
  expect_parts("你好", &(struct token_parts){.n = {[PART_HAN] = 2}});
  expect_parts("こ、", &(struct token_parts){.n = {[PART_KANA] = 1, [PART_WIDE_SIGN] = 1}});
  expect_parts("мир", &(struct token_parts){.n = {[PART_CYRILLIC] = 3}});
  expect_parts("سلام", &(struct token_parts){.n = {[PART_ARABIC] = 4}});
  expect_parts("😀", &(struct token_parts){.n = {[PART_PICTURE] = 1}});
  expect_parts("→", &(struct token_parts){.n = {[PART_SYMBOL] = 1}});
  expect_parts("ệ", &(struct token_parts){.n = {[PART_VIETNAMESE] = 1}});
}

static void marks_make_a_text_a_foreign_one(void **state) {
  expect_parts("Hafen über", &(struct token_parts){.n = {[PART_WORD] = 2, [PART_LATIN] = 1, [PART_FOREIGN] = 1}});
  expect_parts("Hafen ruber", &(struct token_parts){.n = {[PART_WORD] = 2}});
}

static void bytes_that_are_no_characters_count_one_by_one(void **state) {
  expect_parts("\xff\x80", &(struct token_parts){.n = {[PART_OTHER] = 2}});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_end_where_capitals_begin),
      cmocka_unit_test(numbers_are_groups_of_three),
      cmocka_unit_test(white_space_costs_little),
      cmocka_unit_test(signs_that_repeat_cost_less),
      cmocka_unit_test(every_script_has_its_part),
      cmocka_unit_test(marks_make_a_text_a_foreign_one),
      cmocka_unit_test(bytes_that_are_no_characters_count_one_by_one),
  };
  return RUN_TESTS(tests);
}
