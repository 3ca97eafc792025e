/* The JSON reader: what it accepts, what it refuses and what it says about it. */
#include "base/json.h"

#include "base/random.h"
#include "expect.h"

static enum err read_text(struct text src, struct fault *f) {
  struct json j;
  enum err e = json_read(src, NULL, &j, f);
  if (e == ERR_OK)
    json_done(&j);
  return e;
}

static void valid_texts_are_accepted(void **state) {
  static const char *const good[] = {
      "{}",
      "[]",
      "0",
      "-0",
      "-1",
      "1.5e-3",
      "1E+2",
      "1e22",
      "true",
      "false",
      "null",
      "\"\"",
      " [ ] ",
      "\t\n\r{}\r\n",
      "[1,2,[3,{\"a\":null}]]",
      "{\"a\":{\"a\":{\"a\":1}}}",
      "[{\"a\":1},{\"a\":2}]",
      "{\"\":0}",
      "{\"a\":1,\"A\":2}",
      "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
      "\"\\u0000\"",
      "\"\\uD83D\\uDE00\"",
      "\"\\u00e9\"",
      "\"\xC3\xA9\"",
      "\"\xF0\x9F\x98\x80\"",
      "\"\xEF\xBF\xBF\"",
      "\"\x7F\"",
      "123456789012345678901234567890",
      "1.7976931348623157e308",
      "1e-400",
      "18446744073709551615",
      "-9223372036854775808",
      "{\"a\":\"b\",\"c\":\"b\"}",
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    struct fault f;
    if (read_text(text_of(good[i]), &f) != ERR_OK)
      fail_msg("refused %s: %s", good[i], fault_text(&f));
  }
}

static void invalid_texts_are_refused(void **state) {
  static const struct text bad[] = {
      {"", 0},
      {" ", 1},
      {"\0", 1},
      {"{}\0", 3},
      {"[\0]", 3},
      {"\"a\0b\"", 5},
      {"\xEF\xBB\xBF{}", 5},
#define BAD(s) {s, sizeof(s) - 1}
      BAD("{"),
      BAD("["),
      BAD("}"),
      BAD("]"),
      BAD("[1"),
      BAD("[1,"),
      BAD("[1,]"),
      BAD("[,1]"),
      BAD("[1 2]"),
      BAD("[1}"),
      BAD("{\"a\"}"),
      BAD("{\"a\":}"),
      BAD("{\"a\":1,}"),
      BAD("{a:1}"),
      BAD("{'a':1}"),
      BAD("{1:1}"),
      BAD("{\"a\" 1}"),
      BAD("{\"a\":1 \"b\":2}"),
      BAD("{}{}"),
      BAD("{} x"),
      BAD("[1]]"),
      BAD("// c\n1"),
      BAD("/* c */1"),
      BAD("01"),
      BAD("-"),
      BAD("-01"),
      BAD("+1"),
      BAD(".5"),
      BAD("1."),
      BAD("1.e1"),
      BAD("1e"),
      BAD("1e+"),
      BAD("0x1"),
      BAD("1_000"),
      BAD("1e999"),
      BAD("-1e999"),
      BAD("NaN"),
      BAD("Infinity"),
      BAD("-Infinity"),
      BAD("nul"),
      BAD("True"),
      BAD("truex"),
      BAD("undefined"),
      BAD("\""),
      BAD("\"a"),
      BAD("\"\\\""),
      BAD("\"\\x41\""),
      BAD("\"\\u12\""),
      BAD("\"\\u12G4\""),
      BAD("\"\n\""),
      BAD("\"\t\""),
      BAD("\"\x01\""),
      BAD("\"\x1F\""),
      BAD("'a'"),
      BAD("\"\\uD800\""),
      BAD("\"\\uDC00\""),
      BAD("\"\\uD800\\u0041\""),
      BAD("\"\\uDE00\\uD83D\""),
      BAD("\"\\uD800\\"),
      BAD("\"\x80\""),
      BAD("\"\xC0\x80\""),
      BAD("\"\xC3\""),
      BAD("\"\xED\xA0\x80\""),
      BAD("\"\xF4\x90\x80\x80\""),
      BAD("\"\xFF\""),
      BAD("\xC3\xA9"),
      BAD("\xFF\xFE[\0]\0"),
      BAD("[\v1]"),
      BAD("[\f1]"),
      BAD("[\xC2\xA0 1]"),
      BAD("{\"a\":1,\"a\":1}"),
      BAD("{\"a\":1,\"\\u0061\":1}"),
      BAD("[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]"),
      BAD("{\"\":1,\"\":2}"),
      BAD("{\"a\\u0000b\":1,\"a\\u0000b\":2}"),
#undef BAD
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct fault f = {0};
    if (read_text(bad[i], &f) != ERR_BAD_JSON)
      fail_msg("accepted case %zu: %.*s", i, TEXT_ARGS(bad[i]));
    assert_true(text_starts(text_of(f.text), TEXT("invalid JSON")));
    assert_int_equal(read_text(bad[i], NULL), ERR_BAD_JSON);
  }
}

static void refusals_name_the_place(void **state) {
  static const struct {
    const char *src, *text;
  } cases[] = {
      {"", "invalid JSON at byte 0: there is no value"},
      {"{\"model\":\"x\",}", "invalid JSON at byte 12: a comma, bracket or brace is out of place"},
      {"[1,2] x", "invalid JSON at byte 6: something follows the value"},
      {"[1,nul]", "invalid JSON at byte 3: expected true, false or null"},
      {"\xEF\xBB\xBF{}", "invalid JSON at byte 0: a byte order mark is not allowed"},
      {"{\"model\":1, \"model\":2}", "invalid JSON at byte 12: duplicate member \"model\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fault f = {0};
    assert_int_equal(read_text(text_of(cases[i].src), &f), ERR_BAD_JSON);
    EXPECT_TEXT(text_of(f.text), text_of(cases[i].text));
  }
  struct fault f;
  assert_int_equal(read_text(TEXT("{\"model\":1,\"model\":2}"), &f), ERR_BAD_JSON);
  assert_string_equal(f.field, "model");
}

static struct text nested(char *out, size_t levels) {
  memset(out, '[', levels);
  memset(out + levels, ']', levels);
  return (struct text){out, 2 * levels};
}

static void depth_is_counted_in_levels(void **state) {
  static char text[2000000];
  const struct json_limits five = {.max_depth = 5};
  struct json j;
  struct fault f;
  assert_int_equal(json_read(nested(text, 5), &five, &j, NULL), ERR_OK);
  json_done(&j);
  assert_int_equal(json_read(nested(text, 6), &five, &j, &f), ERR_BAD_JSON);
  EXPECT_TEXT(text_of(f.text), TEXT("invalid JSON: nested deeper than 5 levels"));
  assert_int_equal(json_read(TEXT("[[],[[]],{\"a\":[{}]},[[[]]],1,[]]"), &five, &j, NULL), ERR_OK);
  json_done(&j);
  assert_int_equal(read_text(nested(text, 128), NULL), ERR_OK);
  assert_int_equal(read_text(nested(text, 129), NULL), ERR_BAD_JSON);
  assert_int_equal(read_text(nested(text, 1000000), NULL), ERR_BAD_JSON);
}

/* {"k0":0,...}; the member `again` repeats the name of number 0 when above 0. */
static struct text many_members(struct buf *b, unsigned count, unsigned again) {
  buf_reset(b);
  for (unsigned i = 0; i < count; i++)
    buf_add_format(b, "%c\"k%u\":0", i == 0 ? '{' : ',', again > 0 && i == again ? 0 : i);
  buf_add_char(b, '}');
  assert_int_equal(buf_check(b), ERR_OK);
  return buf_text(b);
}

static void duplicates_are_found_in_objects_of_any_size(void **state) {
  struct buf b;
  buf_init(&b, 64 << 20);
  for (unsigned count = 2; count < 100; count++) {
    assert_int_equal(read_text(many_members(&b, count, 0), NULL), ERR_OK);
    assert_int_equal(read_text(many_members(&b, count, count - 1), NULL), ERR_BAD_JSON);
    assert_int_equal(read_text(many_members(&b, count, 1), NULL), ERR_BAD_JSON);
  }
  buf_done(&b);
}

static void a_million_members_take_no_quadratic_time(void **state) {
  struct buf b;
  struct fault f;
  buf_init(&b, 64 << 20);
  assert_int_equal(read_text(many_members(&b, 1000000, 0), NULL), ERR_OK);
  assert_int_equal(read_text(many_members(&b, 1000000, 999999), &f), ERR_BAD_JSON);
  assert_string_equal(f.field, "k0");
  buf_done(&b);
}

static void members_are_read_by_name_and_type(void **state) {
  struct json j;
  struct text t = TEXT("untouched");
  uint64_t n = 7;
  bool b = false;
  assert_int_equal(json_read(TEXT("{\"model\":\"a\\n\",\"max\":10,\"neg\":-1,\"real\":1.0,\"stream\":true,\"o\":{}}"),
                             NULL, &j, NULL),
                   ERR_OK);
  assert_true(json_get_text(j.root, "model", &t));
  EXPECT_TEXT(t, TEXT("a\n"));
  assert_false(json_get_text(j.root, "max", &t));
  EXPECT_TEXT(t, TEXT("a\n"));
  assert_true(json_get_u64(j.root, "max", &n));
  assert_int_equal(n, 10);
  assert_false(json_get_u64(j.root, "neg", &n));
  assert_false(json_get_u64(j.root, "real", &n));
  assert_false(json_get_u64(j.root, "absent", &n));
  assert_int_equal(n, 10);
  assert_true(json_get_bool(j.root, "stream", &b));
  assert_true(b);
  assert_false(json_get_bool(j.root, "max", &b));
  assert_non_null(json_get(j.root, "o"));
  assert_null(json_get(j.root, "x"));
  assert_null(json_get(NULL, "x"));
  EXPECT_TEXT(json_text(json_get(j.root, "max")), TEXT(""));
  json_done(&j);
}

static void the_source_is_left_alone_and_a_failure_leaves_the_output(void **state) {
  char src[] = "{\"a\\u0041\":\"\\n\\t\"}";
  struct json j = {.copy = src};
  assert_int_equal(json_read(TEXT("{"), NULL, &j, NULL), ERR_BAD_JSON);
  assert_ptr_equal(j.copy, src);
  assert_int_equal(json_read(text_of(src), NULL, &j, NULL), ERR_OK);
  assert_string_equal(src, "{\"a\\u0041\":\"\\n\\t\"}");
  json_done(&j);
}

static int start(void **state) {
  random_start();
  return 0;
}

static void a_lenient_reader_takes_what_strictness_refuses(void **state) {
  static const char *const odd[] = {"{\"a\":1,\"a\":2}", "{\"a\":1e999}", "{\"a\":123456789012345678901234567890}"};
  const struct json_limits lenient = {.lenient = true};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    struct json j;
    struct fault f = {0};
    assert_int_equal(json_read(text_of(odd[i]), &lenient, &j, &f), ERR_OK);
    assert_non_null(json_get(j.root, "a"));
    json_done(&j);
  }
  struct json j;
  assert_int_equal(json_read(TEXT("{\"a\":1"), &lenient, &j, NULL), ERR_BAD_JSON);
}

static void raw_numbers_keep_their_digits(void **state) {
  const struct json_limits raw = {.raw_numbers = true};
  struct text src = TEXT("{\"a\":[1.10,1e400,-0,123456789012345678901234567890,17],\"b\":\"x\\/\\u00e9\", \"c\" : {}}");
  struct json j;
  struct arena a;
  arena_init(&a);
  assert_int_equal(json_read(src, &raw, &j, NULL), ERR_OK);
  yyjson_val *list = json_get(j.root, "a");
  EXPECT_TEXT(json_number(yyjson_arr_get(list, 1)), TEXT("1e400"));
  EXPECT_TEXT(json_number(json_get(j.root, "b")), TEXT_NONE);
  uint64_t n = 0;
  assert_true(json_number_u64(yyjson_arr_get(list, 4), &n));
  assert_int_equal(n, 17);
  assert_false(json_number_u64(yyjson_arr_get(list, 0), &n));
  assert_false(json_number_u64(yyjson_arr_get(list, 3), &n));
  EXPECT_TEXT(json_value_text(j.root, &a),
              TEXT("{\"a\":[1.10,1e400,-0,123456789012345678901234567890,17],\"b\":\"x/\u00e9\",\"c\":{}}"));
  json_done(&j);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(valid_texts_are_accepted, start),
      cmocka_unit_test(a_lenient_reader_takes_what_strictness_refuses),
      cmocka_unit_test(invalid_texts_are_refused),
      cmocka_unit_test(raw_numbers_keep_their_digits),
      cmocka_unit_test(refusals_name_the_place),
      cmocka_unit_test(depth_is_counted_in_levels),
      cmocka_unit_test(duplicates_are_found_in_objects_of_any_size),
      cmocka_unit_test(a_million_members_take_no_quadratic_time),
      cmocka_unit_test(members_are_read_by_name_and_type),
      cmocka_unit_test(the_source_is_left_alone_and_a_failure_leaves_the_output),
  };
  return RUN_TESTS(tests);
}
