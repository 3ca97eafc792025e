/* Places of members in the source text, and edits that leave every other byte alone. */
#include "base/json.h"

#include "expect.h"

static void expect_place(const char *src, const char *name, const char *want) {
  struct json j;
  struct text got = TEXT_NONE;
  assert_int_equal(json_read(text_of(src), NULL, &j, NULL), ERR_OK);
  bool found = json_place(&j, j.root, name, &got);
  json_done(&j);
  assert_int_equal(found, want != NULL);
  if (want != NULL)
    EXPECT_TEXT(got, text_of(want));
}

static void the_place_is_the_bytes_of_the_value(void **state) {
  expect_place("{\"model\":\"x\"}", "model", "\"x\"");
  expect_place(" { \"a\" : 1 , \"model\"\n:\t\"x\" } ", "model", "\"x\"");
  expect_place("{\"n\":-1.5e3}", "n", "-1.5e3");
  expect_place("{\"n\":1,\"m\":2}", "n", "1");
  expect_place("{\"n\":true }", "n", "true");
  expect_place("{\"n\":null\n}", "n", "null");
  expect_place("{\"s\":\"a\\\"}{[\\\\\"}", "s", "\"a\\\"}{[\\\\\"");
  expect_place("{\"o\":{\"x\":\"}\\\"]\",\"y\":[1,{}]},\"z\":1}", "o", "{\"x\":\"}\\\"]\",\"y\":[1,{}]}");
  expect_place("{\"o\":[[],\"]\"] ,\"z\":1}", "o", "[[],\"]\"]");
  expect_place("{\"o\":{}}", "o", "{}");
  expect_place("{\"a\":{\"model\":1}}", "model", NULL);
  expect_place("{}", "model", NULL);
  expect_place("[\"model\"]", "model", NULL);
}

static void names_with_escapes_are_found(void **state) {
  expect_place("{\"mo\\u0064el\":\"x\"}", "model", "\"x\"");
  expect_place("{\"a\\\"b\\\\\":7}", "a\"b\\", "7");
  expect_place("{\"first\\n\\t\\u00e9\":\"\\u00e9\",\"second\":[\"\\\\\"]}", "second", "[\"\\\\\"]");
}

static void nested_objects_have_places_too(void **state) {
  struct json j;
  struct text got;
  assert_int_equal(json_read(TEXT("{\"t\":\"\\n\",\"o\":{\"a\":\"\\u0041\", \"b\" : [2]}}"), NULL, &j, NULL), ERR_OK);
  assert_true(json_place(&j, json_get(j.root, "o"), "b", &got));
  EXPECT_TEXT(got, TEXT("[2]"));
  assert_true(got.at > j.src.at && got.at < j.src.at + j.src.len);
  assert_false(json_place(&j, json_get(j.root, "absent"), "b", &got));
  json_done(&j);
}

static void a_member_may_be_inserted_behind_the_brace(void **state) {
  struct json j;
  assert_int_equal(json_read(TEXT(" \n{\"a\":1}"), NULL, &j, NULL), ERR_OK);
  assert_int_equal(json_insert_at(&j), 3);
  json_done(&j);
}

static void expect_member(const char *src, const char *name, bool with_comma, const char *want) {
  struct json j;
  struct text got = TEXT_NONE;
  assert_int_equal(json_read(text_of(src), NULL, &j, NULL), ERR_OK);
  bool found = json_place_member(&j, j.root, name, with_comma, &got);
  json_done(&j);
  assert_int_equal(found, want != NULL);
  if (want != NULL)
    EXPECT_TEXT(got, text_of(want));
}

static void the_place_of_a_member_holds_name_and_value(void **state) {
  expect_member("{\"model\" : \"x\" ,\"a\":1}", "model", false, "\"model\" : \"x\"");
  expect_member("{\"a\":1, \"mo\\u0064el\":{\"b\":[]} }", "model", false, "\"mo\\u0064el\":{\"b\":[]}");
  expect_member("{\"a\":1}", "model", false, NULL);
}

static void a_member_takes_one_comma_along(void **state) {
  expect_member("{\"a\":1 ,\n \"b\":2, \"c\":3}", "b", true, ",\n \"b\":2");
  expect_member("{\"a\":1 ,\n \"b\":2, \"c\":3}", "a", true, "\"a\":1 ,");
  expect_member("{\"a\":1 ,\n \"b\":2, \"c\":3 }", "c", true, ", \"c\":3");
  expect_member("{ \"a\" :1 }", "a", true, "\"a\" :1");
}

static void expect_edited(const struct json_edits *e, struct text src, const char *want) {
  struct text pieces[2 * JSON_EDITS_MAX + 1];
  struct buf b;
  buf_init(&b, 1000);
  size_t count = json_edits_pieces(e, src, pieces);
  for (size_t i = 0; i < count; i++) {
    assert_true(pieces[i].len > 0);
    buf_add(&b, pieces[i]);
  }
  EXPECT_TEXT(buf_text(&b), text_of(want));
  assert_int_equal(json_edits_length(e, src), b.len);
  buf_done(&b);
}

static void edits_are_applied_in_order_of_place(void **state) {
  struct json_edits e = {0};
  expect_edited(&e, TEXT("0123456789"), "0123456789");
  assert_int_equal(json_edits_add(&e, 8, 1, TEXT("EIGHT")), ERR_OK);
  assert_int_equal(json_edits_add(&e, 0, 2, TEXT("")), ERR_OK);
  assert_int_equal(json_edits_add(&e, 4, 0, TEXT("|")), ERR_OK);
  assert_int_equal(json_edits_add(&e, 4, 0, TEXT("!")), ERR_OK);
  assert_int_equal(json_edits_add(&e, 10, 0, TEXT(".")), ERR_OK);
  expect_edited(&e, TEXT("0123456789"), "23|!4567EIGHT9.");
}

static void insertions_may_touch_a_replaced_range(void **state) {
  struct json_edits e = {0};
  assert_int_equal(json_edits_add(&e, 2, 3, TEXT("X")), ERR_OK);
  assert_int_equal(json_edits_add(&e, 2, 0, TEXT("<")), ERR_OK);
  assert_int_equal(json_edits_add(&e, 5, 0, TEXT(">")), ERR_OK);
  expect_edited(&e, TEXT("0123456"), "01<X>56");
  assert_int_equal(json_edits_add(&e, 3, 0, TEXT("?")), ERR_BAD_REQUEST);
}

static void overlaps_and_too_many_edits_are_refused(void **state) {
  struct json_edits e = {0};
  assert_int_equal(json_edits_add(&e, 4, 4, TEXT("")), ERR_OK);
  assert_int_equal(json_edits_add(&e, 7, 1, TEXT("")), ERR_BAD_REQUEST);
  assert_int_equal(json_edits_add(&e, 0, 5, TEXT("")), ERR_BAD_REQUEST);
  assert_int_equal(json_edits_add(&e, 5, 1, TEXT("")), ERR_BAD_REQUEST);
  assert_int_equal(json_edits_add(&e, SIZE_MAX, 2, TEXT("")), ERR_BAD_REQUEST);
  assert_int_equal(e.count, 1);
  for (size_t i = 1; i < JSON_EDITS_MAX; i++)
    assert_int_equal(json_edits_add(&e, 8 + i, 1, TEXT("")), ERR_OK);
  assert_int_equal(json_edits_add(&e, 100, 1, TEXT("")), ERR_LIMIT);
}

static void edits_beyond_the_end_change_nothing_but_add(void **state) {
  struct json_edits e = {0};
  assert_int_equal(json_edits_add(&e, 50, 5, TEXT("+")), ERR_OK);
  expect_edited(&e, TEXT("abc"), "abc+");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_place_is_the_bytes_of_the_value),
      cmocka_unit_test(names_with_escapes_are_found),
      cmocka_unit_test(nested_objects_have_places_too),
      cmocka_unit_test(a_member_may_be_inserted_behind_the_brace),
      cmocka_unit_test(the_place_of_a_member_holds_name_and_value),
      cmocka_unit_test(a_member_takes_one_comma_along),
      cmocka_unit_test(edits_are_applied_in_order_of_place),
      cmocka_unit_test(insertions_may_touch_a_replaced_range),
      cmocka_unit_test(overlaps_and_too_many_edits_are_refused),
      cmocka_unit_test(edits_beyond_the_end_change_nothing_but_add),
  };
  return RUN_TESTS(tests);
}
