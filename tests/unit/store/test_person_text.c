/* A person's name in texts and JSON: found where persons stand, left alone where something else is called so. */
#include "store/person_text.h"

#include "expect.h"

static const struct person_name ann = {TEXT("ann"), TEXT("erased-1")};

static void expect_json(const char *json, const char *want) {
  struct buf out;
  buf_init(&out, 4096);
  bool found = person_json_replace(text_of(json), &ann, &out);
  assert_int_equal(found, want != NULL);
  assert_int_equal(person_json_has(text_of(json), ann.name), found);
  EXPECT_TEXT(buf_text(&out), text_of(want));
  buf_done(&out);
}

static void a_name_is_found_alone_or_behind_where_it_comes_from(void **state) {
  struct arena a;
  arena_init(&a);
  assert_true(person_text_is(TEXT("ann"), ann.name));
  assert_true(person_text_is(TEXT("local:ann"), ann.name));
  assert_false(person_text_is(TEXT("anna"), ann.name));
  assert_false(person_text_is(TEXT("joann"), ann.name));
  assert_false(person_text_is(TEXT(""), TEXT("")));
  EXPECT_TEXT(person_text_replace(TEXT("local:ann"), &ann, &a), TEXT("local:erased-1"));
  EXPECT_TEXT(person_text_replace(TEXT("ann"), &ann, &a), TEXT("erased-1"));
  EXPECT_TEXT(person_text_replace(TEXT("bob"), &ann, &a), TEXT("bob"));
  arena_done(&a);
}

static void what_belongs_to_the_person_goes_with_the_name(void **state) {
  expect_json(
      "{\"name\":\"ann-laptop\",\"prefix\":\"weir_ab\",\"user\":\"ann\",\"rpm\":5,\"big\":12345678901234567890}",
      "{\"name\":\"erased-1\",\"prefix\":\"erased-1\",\"user\":\"erased-1\",\"rpm\":5,"
      "\"big\":12345678901234567890}");
  expect_json("{\"assignment\":{\"key\":\"ann-laptop\",\"policy\":\"p\"},\"position\":1,\"user\":\"ann\"}",
              "{\"assignment\":{\"key\":\"erased-1\",\"policy\":\"p\"},\"position\":1,\"user\":\"erased-1\"}");
  expect_json("[{\"x\":{\"actor\":\"local:ann\"}},null,true,\"\\u00e9\"]",
              "[{\"x\":{\"actor\":\"local:erased-1\"}},null,true,\"\xc3\xa9\"]");
}

static void what_is_only_called_as_the_person_stays(void **state) {
  expect_json("{\"models\":[\"ann\"],\"name\":\"ann\",\"user\":\"bob\",\"ann\":1}", NULL);
  expect_json("null", NULL);
  expect_json("not json", NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_is_found_alone_or_behind_where_it_comes_from),
      cmocka_unit_test(what_belongs_to_the_person_goes_with_the_name),
      cmocka_unit_test(what_is_only_called_as_the_person_stays),
  };
  return RUN_TESTS(tests);
}
