/* Refusals name the whole place, and the operator's list is compared with its last name. */
#include "llm/request.h"

#include "../base/expect.h"

static void a_place_is_written_with_its_numbers_and_its_member(void **state) {
  char out[LLM_PLACE_BYTES];
  const struct llm_place p = {"messages[#].content[#]", {12, 0}};
  llm_place_text(&p, "cache_control", out);
  assert_string_equal(out, "messages[12].content[0].cache_control");
  llm_place_text(&p, "", out);
  assert_string_equal(out, "messages[12].content[0]");
  llm_place_text(&p, "[3]", out);
  assert_string_equal(out, "messages[12].content[0][3]");
  llm_place_text(NULL, "temperature", out);
  assert_string_equal(out, "temperature");
  const struct llm_place deep = {
      "a_rather_long_name_that_fills_the_room_that_there_is[#].and_another_long_name[#].x[#]",
      {4294967295u, 4294967295u, 1}};
  llm_place_text(&deep, "and_a_member_behind_it", out);
  assert_int_equal(strlen(out), LLM_PLACE_BYTES - 1);
}

static void what_cannot_be_carried_is_refused_unless_the_operator_allows_it(void **state) {
  const struct text allowed[] = {TEXT("cache_control")};
  struct arena a;
  struct fault f = {0};
  arena_init(&a);
  struct llm_request rq = {.arena = &a};
  const struct llm_place p = {"tools[#]", {2}};
  assert_int_equal(llm_refuse(&rq, &p, "cache_control", "there is no such mark", &f), ERR_UNSUPPORTED);
  assert_string_equal(f.field, "tools[2].cache_control");
  assert_string_equal(f.text, "tools[2].cache_control: there is no such mark");
  assert_int_equal(rq.left_out_count, 0);
  rq.leave_out = allowed;
  rq.leave_out_count = 1;
  assert_int_equal(llm_refuse(&rq, &p, "cache_control", "there is no such mark", &f), ERR_OK);
  assert_int_equal(rq.left_out_count, 1);
  EXPECT_TEXT(rq.left_out[0], TEXT("tools[2].cache_control"));
  assert_int_equal(llm_refuse(&rq, &p, "defer_loading", "x", &f), ERR_UNSUPPORTED);
  const struct llm_place inside = {"metadata.cache_control[#]", {0}};
  assert_int_equal(llm_refuse(&rq, &inside, "", "x", &f), ERR_OK);
  for (int i = 0; i < 2 * LLM_LEFT_OUT_MAX; i++)
    assert_int_equal(llm_refuse(&rq, &p, "cache_control", "x", &f), ERR_OK);
  assert_int_equal(rq.left_out_count, LLM_LEFT_OUT_MAX);
  arena_done(&a);
}

static void a_bad_value_is_named(void **state) {
  struct fault f = {0};
  const struct llm_place p = {"messages[#]", {1}};
  assert_int_equal(llm_bad(&p, "role", "must be a string", &f), ERR_BAD_REQUEST);
  assert_string_equal(f.field, "messages[1].role");
  assert_string_equal(f.text, "messages[1].role: must be a string");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_place_is_written_with_its_numbers_and_its_member),
      cmocka_unit_test(what_cannot_be_carried_is_refused_unless_the_operator_allows_it),
      cmocka_unit_test(a_bad_value_is_named),
  };
  return RUN_TESTS(tests);
}
