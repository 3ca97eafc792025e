/* Members of requests: places, unions, lists. */
#include "wire/converse_member.h"

#include "converse_test.h"

static void places_are_named_from_the_outside_in(void **state) {
  const struct llm_place place = {"messages[#].content[#]", {3, 4}};
  const struct spot image = {&place, NULL, "image"}, source = {&place, &image, "source"};
  struct fault f = {0};
  struct reading r = {.fault = &f};
  assert_int_equal(converse_bad_member(&r, &source, "bytes", "is wrong"), ERR_BAD_REQUEST);
  assert_string_equal(f.field, "messages[3].content[4].image.source.bytes");
  assert_string_equal(f.text, "messages[3].content[4].image.source.bytes: is wrong");
}

static void names_too_long_are_cut(void **state) {
  char name[300];
  const struct llm_place place = {"x"};
  const struct spot s = {&place, NULL, NULL};
  struct fault f = {0};
  struct reading r = {.fault = &f};
  memset(name, 'n', sizeof(name) - 1);
  name[sizeof(name) - 1] = '\0';
  assert_int_equal(converse_bad_member(&r, &s, name, "why"), ERR_BAD_REQUEST);
  assert_true(strlen(f.field) < LLM_PLACE_BYTES);
}

static void null_is_absent(void **state) {
  static const char *const names[] = {"a", "b"};
  const struct llm_place place = {"x"};
  const struct spot s = {&place, NULL, NULL};
  struct arena a;
  struct fault f = {0};
  yyjson_val *out[2], *value = NULL;
  size_t which;
  arena_init(&a);
  struct llm_request rq = {.arena = &a};
  struct reading r = {&rq, &a, &f};
  assert_int_equal(converse_members(&r, raw_json(&a, "{'b':1,'a':null,'z':null}")->root, &s, names, 2, out), ERR_OK);
  assert_null(out[0]);
  assert_non_null(out[1]);
  assert_int_equal(converse_union(&r, raw_json(&a, "{'a':null,'b':2}")->root, &s, names, 2, &which, &value), ERR_OK);
  assert_int_equal(which, 1);
  assert_int_equal(converse_union(&r, raw_json(&a, "{'a':null}")->root, &s, names, 2, &which, &value), ERR_BAD_REQUEST);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(places_are_named_from_the_outside_in),
      cmocka_unit_test(names_too_long_are_cut),
      cmocka_unit_test(null_is_absent),
  };
  return RUN_TESTS(tests);
}
