/* The JSON writer: commas, escapes, and that the reader reads what it wrote. */
#include "base/json.h"

#include "expect.h"

static void commas_are_set_by_the_writer(void **state) {
  struct buf b;
  struct json_writer w;
  buf_init(&b, 1000);
  json_writer_init(&w, &b);
  json_object(&w);
  json_field_text(&w, "t", TEXT("x"));
  json_field_str(&w, "s", NULL);
  json_field_u64(&w, "u", UINT64_MAX);
  json_field_i64(&w, "i", -5);
  json_field_bool(&w, "b", true);
  json_name(&w, "list");
  json_array(&w);
  json_put_u64(&w, 1);
  json_array(&w);
  json_array_end(&w);
  json_object(&w);
  json_object_end(&w);
  json_put_bool(&w, false);
  json_put_null(&w);
  json_array_end(&w);
  json_name(&w, "raw");
  json_put_raw(&w, TEXT("{\"z\":0}"));
  json_object_end(&w);
  EXPECT_TEXT(buf_text(&b), TEXT("{\"t\":\"x\",\"s\":null,\"u\":18446744073709551615,\"i\":-5,\"b\":true,"
                                 "\"list\":[1,[],{},false,null],\"raw\":{\"z\":0}}"));
  buf_done(&b);
}

static void strings_are_escaped_and_repaired(void **state) {
  static const struct {
    struct text in;
    const char *want;
  } cases[] = {
      {{"a\"\\/\b\f\n\r\t", 9}, "a\\\"\\\\/\\b\\f\\n\\r\\t"},
      {{"\0\x01\x1F\x7F", 4}, "\\u0000\\u0001\\u001f\x7F"},
      {{"\xC3\xA9\xF0\x9F\x98\x80", 6}, "\xC3\xA9\xF0\x9F\x98\x80"},
      {{"a\xFFz\xC3", 4}, "a\xEF\xBF\xBDz\xEF\xBF\xBD"},
      {{"\xED\xA0\x80", 3}, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {{NULL, 0}, ""},
  };
  struct buf b;
  buf_init(&b, 1000);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    buf_reset(&b);
    json_escape(&b, cases[i].in);
    EXPECT_TEXT(buf_text(&b), text_of(cases[i].want));
  }
  buf_done(&b);
}

static void any_bytes_are_written_so_that_the_reader_accepts_them(void **state) {
  struct buf b;
  struct json_writer w;
  buf_init(&b, 10000);
  for (int byte = 0; byte < 256; byte++) {
    char in[3] = {(char)byte, 'x', (char)(255 - byte)};
    struct json j;
    buf_reset(&b);
    json_writer_init(&w, &b);
    json_put_text(&w, (struct text){in, 3});
    assert_int_equal(json_read(buf_text(&b), NULL, &j, NULL), ERR_OK);
    json_done(&j);
  }
  buf_done(&b);
}

static void too_deep_nesting_fails_the_buffer(void **state) {
  struct buf b;
  struct json_writer w;
  buf_init(&b, 1000);
  json_writer_init(&w, &b);
  for (int i = 0; i < 60; i++)
    json_array(&w);
  for (int i = 0; i < 60; i++)
    json_array_end(&w);
  assert_int_equal(buf_check(&b), ERR_OK);
  assert_int_equal(b.len, 120);
  buf_reset(&b);
  json_writer_init(&w, &b);
  for (int i = 0; i < 100; i++)
    json_array(&w);
  assert_int_equal(buf_check(&b), ERR_NO_ROOM);
  buf_done(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(commas_are_set_by_the_writer),
      cmocka_unit_test(strings_are_escaped_and_repaired),
      cmocka_unit_test(any_bytes_are_written_so_that_the_reader_accepts_them),
      cmocka_unit_test(too_deep_nesting_fails_the_buffer),
  };
  return RUN_TESTS(tests);
}
