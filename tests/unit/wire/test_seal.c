/* Sealed reasoning comes back as it was given out, and a damaged seal is refused by its place. */
#include "wire/seal.h"

#include "../base/expect.h"
#include "base/random.h"

static void what_is_sealed_comes_back(void **state) {
  struct arena a;
  struct fault f = {0};
  arena_init(&a);
  const struct llm_place place = {"messages[#]", {0}};
  const struct llm_block in = {.kind = LLM_THINKING,
                               .format = TEXT(LLM_FORMAT_RESPONSES),
                               .id = TEXT("rs_1"),
                               .signature = TEXT("gAAAA+/=\"quoted\" \xc3\xa9"),
                               .details = TEXT("{\"summary\":[1.50]}")};
  struct text sealed = seal_make(&in, &a);
  assert_true(seal_is(sealed));
  assert_true(text_is_visible_ascii(sealed));
  struct llm_block out = {0};
  assert_int_equal(seal_open(sealed, &place, &a, &out, &f), ERR_OK);
  EXPECT_TEXT(out.format, in.format);
  EXPECT_TEXT(out.id, in.id);
  EXPECT_TEXT(out.signature, in.signature);
  EXPECT_TEXT(out.details, in.details);
  const struct llm_block bare = {.kind = LLM_THINKING};
  assert_int_equal(seal_open(seal_make(&bare, &a), &place, &a, &out, &f), ERR_OK);
  EXPECT_TEXT(out.format, TEXT(LLM_FORMAT_NONE));
  EXPECT_TEXT(out.signature, TEXT_NONE);
  arena_done(&a);
}

static void redacted_reasoning_is_redacted_again(void **state) {
  struct arena a;
  arena_init(&a);
  const struct llm_place place = {"input[#]", {0}};
  const enum llm_kind kinds[] = {LLM_THINKING, LLM_REDACTED_THINKING};
  for (size_t i = 0; i < 2; i++) {
    const struct llm_block in = {.kind = kinds[i], .format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = TEXT("data")};
    struct llm_block out = {.kind = LLM_THINKING};
    assert_int_equal(seal_open(seal_make(&in, &a), &place, &a, &out, NULL), ERR_OK);
    assert_int_equal(out.kind, kinds[i]);
  }
  arena_done(&a);
}

static void a_damaged_seal_is_refused_by_its_place(void **state) {
  static const char *const bad[] = {"weir1.", "weir1.*", "weir1.e30", "weir1.W10", "weir1.eyJmIjoxfQ", "other"};
  struct arena a;
  arena_init(&a);
  const struct llm_place place = {"messages[#].content[#].signature", {3, 1}};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct llm_block out = {0};
    struct fault f = {0};
    assert_int_equal(seal_open(text_of(bad[i]), &place, &a, &out, &f), ERR_BAD_REQUEST);
    assert_string_equal(f.field, "messages[3].content[1].signature");
  }
  arena_done(&a);
}

static int start(void **state) {
  random_start();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(what_is_sealed_comes_back, start),
      cmocka_unit_test(redacted_reasoning_is_redacted_again),
      cmocka_unit_test(a_damaged_seal_is_refused_by_its_place),
  };
  return RUN_TESTS(tests);
}
