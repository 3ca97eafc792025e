/* Shapes: everything wrong is told at once, what is right comes back as it was, and nothing unknown gets in. */
#include "control/shape.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

struct inner {
  uint64_t given;
  int64_t depth;
};
static const struct shape_field inner_fields[] = {
    {"depth", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(inner, depth), .min = 0, .max = 3},
};
static const struct shape inner_shape = {"Inner", "", sizeof(struct inner), SHAPE_FIELDS(inner_fields)};

struct thing {
  uint64_t given;
  struct text name, period;
  int64_t count, at_us, budget_nano;
  bool on;
  struct text *models;
  size_t model_count;
  struct inner inner;
  struct inner *list;
  size_t list_count;
};
enum { NAME, PERIOD, COUNT, AT, BUDGET, ON, MODELS, INNER };
static const struct shape_field thing_fields[] = {
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(thing, name), .min = 1, .max = 4},
    {"period", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(thing, period), .choices = "day|week"},
    {"count", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(thing, count), .min = -5, .max = 100},
    {"at", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(thing, at_us)},
    {"budget", SHAPE_USD, SHAPE_NULLABLE, SHAPE_AT(thing, budget_nano), .max = INT64_C(1000000000000)},
    {"on", SHAPE_BOOL, 0, SHAPE_AT(thing, on)},
    {"models", SHAPE_TEXTS, SHAPE_NULLABLE, SHAPE_ARRAY(thing, models, model_count), .max = 2},
    {"inner", SHAPE_OBJECT, 0, SHAPE_AT(thing, inner), .of = &inner_shape},
};
static const struct shape thing_shape = {"Thing", "", sizeof(struct thing), SHAPE_FIELDS(thing_fields)};

static struct arena arena;
static struct shape_errors errors;

static struct thing read(const char *json) {
  struct thing t;
  struct json j;
  arena_init(&arena);
  errors.count = 0;
  assert_int_equal(json_read(text_of(json), NULL, &j, NULL), ERR_OK);
  shape_read(&thing_shape, j.root, &arena, &t, &errors);
  json_done(&j);
  return t;
}

static struct thing read_query(const char *query) {
  struct thing t;
  arena_init(&arena);
  errors.count = 0;
  shape_read_query(&thing_shape, text_of(query), &arena, &t, &errors);
  return t;
}

/* "place: text" lines */
static void expect_errors(const char *wanted) {
  static char said[8192];
  size_t used = 0;
  said[0] = '\0';
  for (size_t i = 0; i < errors.count; i++)
    used += (size_t)snprintf(said + used, sizeof(said) - used, "%s: %s\n", errors.at[i].place, errors.at[i].text);
  assert_string_equal(said, wanted);
  arena_done(&arena);
}

static void a_whole_object_is_read(void **state) {
  struct thing t =
      read("{\"name\":\"\xC3\xA4xyz\",\"period\":\"week\",\"count\":-5,\"at\":\"2027-01-31T01:00:00+01:00\","
           "\"budget\":\"12.000000001\",\"on\":true,\"models\":[\"a\",\"b*\"],\"inner\":{\"depth\":3}}");
  assert_true(text_equal(t.name, TEXT("\xC3\xA4xyz")) && text_equal(t.period, TEXT("week")));
  assert_int_equal(t.count, -5);
  assert_int_equal(t.at_us, INT64_C(1801353600000000));
  assert_int_equal(t.budget_nano, INT64_C(12000000001));
  assert_true(t.on && t.model_count == 2 && text_equal(t.models[1], TEXT("b*")));
  assert_int_equal(t.inner.depth, 3);
  assert_int_equal(t.given, 0xff);
  expect_errors("");
}

static void what_was_given_is_told_from_what_was_not(void **state) {
  struct thing t = read("{\"name\":\"a\",\"count\":null,\"models\":[]}");
  assert_true(shape_has(&t, NAME) && shape_has(&t, COUNT) && shape_has(&t, MODELS));
  assert_false(shape_has(&t, PERIOD) || shape_has(&t, ON) || shape_has(&t, BUDGET) || shape_has(&t, INNER));
  assert_int_equal(t.model_count, 0);
  expect_errors("");
}

static void everything_wrong_is_told_at_once(void **state) {
  (void)read("{\"name\":\"abcde\",\"period\":\"year\",\"count\":101,\"at\":\"soon\",\"budget\":1.5,\"on\":\"yes\","
             "\"models\":[\"a\",7],\"inner\":{\"x\":1},\"admin\":true,\"a/b~\":0}");
  expect_errors("/name: must have 1 to 4 characters\n"
                "/period: must be one of day|week\n"
                "/count: must be -5 to 100\n"
                "/at: must be a time such as 2027-01-31T00:00:00Z\n"
                "/budget: must be an amount, as a text such as \"12.50\"\n"
                "/on: must be true or false\n"
                "/models/1: must be a text\n"
                "/inner/x: is not known here\n"
                "/inner/depth: is missing\n"
                "/admin: is not known here\n"
                "/a~1b~0: is not known here\n");
  (void)read("{}");
  expect_errors("/name: is missing\n");
  (void)read("[1]");
  expect_errors(": must be an object\n");
}

static void numbers_keep_to_their_range_and_kind(void **state) {
  static const char *const bad[] = {"1.0", "1e2", "18446744073709551615", "\"1\"", "true", "[1]", "{}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    char json[80];
    snprintf(json, sizeof(json), "{\"name\":\"a\",\"count\":%s}", bad[i]);
    (void)read(json);
    expect_errors("/count: must be a whole number\n");
  }
  static const char *const amounts[] = {"\"1.0000000001\"", "\"-1\"", "\"1e3\"", "\"\"", "\"1001\""};
  for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
    char json[80];
    snprintf(json, sizeof(json), "{\"name\":\"a\",\"budget\":%s}", amounts[i]);
    (void)read(json);
    assert_int_equal(errors.count, 1);
    arena_done(&arena);
  }
}

static void lists_and_texts_have_limits(void **state) {
  (void)read("{\"name\":\"a\\u0000\",\"models\":[\"a\",\"b\",\"c\"]}");
  expect_errors("/name: must not hold control characters\n/models: must have at most 2 entries\n");
  static const char *const misleading[] = {"\\u202e", "\\u2066", "\\u0085", "\\u2028", "\\u007f"};
  for (size_t i = 0; i < sizeof(misleading) / sizeof(misleading[0]); i++) {
    char json[80];
    snprintf(json, sizeof(json), "{\"name\":\"a%s\"}", misleading[i]);
    (void)read(json);
    expect_errors("/name: must not hold control characters\n");
  }
  (void)read("{\"name\":\" \\t \"}");
  expect_errors("/name: must not be blank\n");
  (void)read("{\"name\":\"\u00e9\u05d0\u200f\"}"); /* letters of every script, and their marks */
  expect_errors("");
  (void)read("{\"name\":\"\",\"models\":[\"\"]}");
  expect_errors("/name: must have 1 to 4 characters\n/models/0: must have 1 to 256 characters\n");
}

static void no_more_errors_are_kept_than_fit(void **state) {
  char json[2048] = "{";
  for (int i = 0; i < 60; i++)
    snprintf(json + strlen(json), sizeof(json) - strlen(json), "\"x%d\":1,", i);
  snprintf(json + strlen(json), sizeof(json) - strlen(json), "\"name\":\"a\"}");
  (void)read(json);
  assert_int_equal(errors.count, SHAPE_ERRORS_MAX);
  assert_int_equal(errors.more, 60 - SHAPE_ERRORS_MAX); /* whose number is told */
  assert_true(shape_is_refused(&errors, "/x0"));
  assert_false(shape_is_refused(&errors, "/x59"));
  arena_done(&arena);
}

static void queries_are_read_by_the_same_shapes(void **state) {
  struct thing t =
      read_query("name=a+b&period=day&count=7&at=2027-01-31T00%3A00%3A00Z&budget=0.5&on=true&models=x&models=y");
  assert_true(text_equal(t.name, TEXT("a b")) && text_equal(t.period, TEXT("day")) && t.on);
  assert_int_equal(t.count, 7);
  assert_int_equal(t.budget_nano, 500000000);
  assert_int_equal(t.model_count, 2);
  expect_errors("");
  (void)read_query("name=%zz&name=a&name=b&count=x&on=1&models=1&models=2&models=3&what=1&");
  expect_errors("query: is not well encoded\n"
                "name: is given twice\n"
                "count: must be a whole number\n"
                "on: must be true or false\n"
                "models: must have at most 2 entries\n"
                "what: is not known here\n");
}

static void answers_have_every_member(void **state) {
  static const struct shape_field fields[] = {
      {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(thing, name)},
      {"period", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(thing, period)},
      {"count", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(thing, count)},
      {"at", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(thing, at_us)},
      {"budget", SHAPE_USD, 0, SHAPE_AT(thing, budget_nano)},
      {"on", SHAPE_BOOL, 0, SHAPE_AT(thing, on)},
      {"models", SHAPE_TEXTS, 0, SHAPE_ARRAY(thing, models, model_count)},
      {"inner", SHAPE_OBJECT, 0, SHAPE_AT(thing, inner), .of = &inner_shape},
      {"list", SHAPE_LIST, 0, SHAPE_ARRAY(thing, list, list_count), .of = &inner_shape},
  };
  static const struct shape s = {"Answer", "", sizeof(struct thing), SHAPE_FIELDS(fields)};
  struct text models[] = {TEXT("a\""), TEXT("b")};
  struct inner list[] = {{0, 1}, {0, 2}};
  struct thing t = {
      .name = TEXT("n"), .budget_nano = 1, .models = models, .model_count = 2, .list = list, .list_count = 2};
  struct json_writer w;
  struct buf b;
  buf_init(&b, 4096);
  json_writer_init(&w, &b);
  shape_write(&s, &t, &w);
  buf_add_char(&b, '\0');
  assert_string_equal(b.at,
                      "{\"name\":\"n\",\"period\":null,\"count\":null,\"at\":null,\"budget\":\"0.000000001\",\"on\":"
                      "false,\"models\":[\"a\\\"\",\"b\"],\"inner\":{\"depth\":0},\"list\":[{\"depth\":1},{"
                      "\"depth\":2}]}");
  buf_done(&b);
}

static void times_and_money_are_written_exactly(void **state) {
  static const struct {
    int64_t us;
    const char *text;
  } times[] = {{1, "1970-01-01T00:00:00.000001Z"},
               {INT64_C(1801353600000000), "2027-01-31T00:00:00Z"},
               {-1, "1969-12-31T23:59:59.999999Z"}};
  static const struct {
    int64_t nano;
    const char *text;
  } amounts[] = {{0, "0.00"},
                 {1, "0.000000001"},
                 {-INT64_C(1500000000), "-1.50"},
                 {INT64_MAX, "9223372036.854775807"},
                 {INT64_C(12340000000), "12.34"}};
  char text[SHAPE_TIME_BYTES];
  for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
    assert_true(text_equal((struct text){text, shape_format_time(times[i].us, text)}, text_of(times[i].text)));
  for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++)
    assert_true(text_equal((struct text){text, shape_format_usd(amounts[i].nano, text)}, text_of(amounts[i].text)));
}

struct held {
  uint64_t given;
  struct text value;
};

/* What it was sent as, and null for nothing. */
static void values_of_any_plain_kind_are_kept_as_they_are(void **state) {
  static const struct shape_field fields[] = {{"value", SHAPE_VALUE, SHAPE_REQUIRED, SHAPE_AT(held, value)}};
  static const struct shape shape = {"Held", "", sizeof(struct held), SHAPE_FIELDS(fields)};
  static const char *const good[] = {"5", "-1.5", "\"a \\\"b\"", "true", "[\"a\",\"b\"]", "[]"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    char json[64];
    struct held h;
    struct json j;
    struct json_writer w;
    struct buf out;
    arena_init(&arena);
    errors.count = 0;
    snprintf(json, sizeof(json), "{\"value\":%s}", good[i]);
    assert_int_equal(json_read(text_of(json), NULL, &j, NULL), ERR_OK);
    shape_read(&shape, j.root, &arena, &h, &errors);
    json_done(&j);
    assert_int_equal(errors.count, 0);
    buf_init(&out, 1000);
    json_writer_init(&w, &out);
    shape_write(&shape, &h, &w);
    assert_true(text_equal(buf_text(&out), text_of(json)));
    buf_reset(&out);
    json_writer_init(&w, &out);
    shape_write(&shape, &(struct held){0}, &w);
    assert_true(text_equal(buf_text(&out), TEXT("{\"value\":null}")));
    buf_done(&out);
    arena_done(&arena);
  }
  static const char *const bad[] = {"{\"value\":null}", "{\"value\":{}}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct held h;
    struct json j;
    arena_init(&arena);
    errors.count = 0;
    assert_int_equal(json_read(text_of(bad[i]), NULL, &j, NULL), ERR_OK);
    shape_read(&shape, j.root, &arena, &h, &errors);
    json_done(&j);
    expect_errors("/value: must be a text, a number, true or false, or a list\n");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_object_is_read),
      cmocka_unit_test(what_was_given_is_told_from_what_was_not),
      cmocka_unit_test(everything_wrong_is_told_at_once),
      cmocka_unit_test(numbers_keep_to_their_range_and_kind),
      cmocka_unit_test(lists_and_texts_have_limits),
      cmocka_unit_test(no_more_errors_are_kept_than_fit),
      cmocka_unit_test(queries_are_read_by_the_same_shapes),
      cmocka_unit_test(answers_have_every_member),
      cmocka_unit_test(times_and_money_are_written_exactly),
      cmocka_unit_test(values_of_any_plain_kind_are_kept_as_they_are),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
