/* Scalars: what each type takes, and that secrets are never quoted. */
#include "config/values.h"

#include "expect.h"

static const struct key *row_of(enum key_type type) {
  static struct key row;
  row = (struct key){.name = "k", .type = type, .min = 1, .max = 40};
  return &row;
}

static enum err read_one(const struct key *row, const char *text, struct arena *a, void *at, struct fault *f) {
  const struct node n = {.kind = NODE_SCALAR, .text = text_of(text)};
  return value_read(row, &n, a, at, f);
}

static void text_is_copied_and_bounded(void **state) {
  struct arena a;
  struct fault f;
  struct text out = TEXT_NONE;
  char word[] = "word";
  arena_init(&a);
  assert_int_equal(read_one(row_of(KEY_TEXT), word, &a, &out, &f), ERR_OK);
  word[0] = 'x';
  EXPECT_TEXT(out, TEXT("word"));
  assert_int_equal(read_one(row_of(KEY_TEXT), "", &a, &out, &f), ERR_CONFIG);
  assert_string_equal(f.text, "must not be empty");
  assert_int_equal(read_one(row_of(KEY_TEXT), "12345678901234567890123456789012345678901", &a, &out, &f), ERR_CONFIG);
  assert_string_equal(f.text, "must have at most 40 bytes");
  assert_int_equal(read_one(row_of(KEY_TEXT), "a\nb", &a, &out, &f), ERR_CONFIG);
  assert_int_equal(read_one(row_of(KEY_TEXT), "\xC3\xA9", &a, &out, &f), ERR_OK);
  EXPECT_TEXT(out, TEXT("\xC3\xA9"));
  arena_done(&a);
}

static void names_are_letters_digits_and_few_signs(void **state) {
  static const char *const bad[] = {
      "", "a b", "a/b", "\xC3\xA9", "a:b", "a234567890123456789012345678901234567890123456789012345678901234x"};
  struct arena a;
  struct text out = TEXT_NONE;
  arena_init(&a);
  assert_int_equal(read_one(row_of(KEY_NAME), "Az09._-", &a, &out, NULL), ERR_OK);
  EXPECT_TEXT(out, TEXT("Az09._-"));
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(read_one(row_of(KEY_NAME), bad[i], &a, &out, NULL), ERR_CONFIG);
  arena_done(&a);
}

static void secrets_are_visible_ascii_and_not_quoted(void **state) {
  static const char *const bad[] = {"hush hush", "hush\n", "hush\xC3\xA9", "",
                                    "hush5678901234567890123456789012345678901"};
  struct arena a;
  struct fault f;
  struct secret *out = NULL;
  arena_init(&a);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(read_one(row_of(KEY_SECRET), bad[i], &a, &out, &f), ERR_CONFIG);
    assert_null(strstr(f.text, "hush"));
    assert_null(out);
  }
  assert_int_equal(read_one(row_of(KEY_SECRET), "hush", &a, &out, &f), ERR_OK);
  EXPECT_TEXT(secret_reveal(out), TEXT("hush"));
  const struct node empty = {.kind = NODE_SCALAR, .expanded = true};
  assert_int_equal(value_read(row_of(KEY_SECRET), &empty, &a, &out, &f), ERR_CONFIG);
  assert_string_equal(f.text, "is empty: the environment variable it names is set but has no value");
  arena_done(&a);
}

static void booleans_are_true_or_false(void **state) {
  struct arena a;
  bool out = false;
  arena_init(&a);
  assert_int_equal(read_one(row_of(KEY_BOOL), "true", &a, &out, NULL), ERR_OK);
  assert_true(out);
  assert_int_equal(read_one(row_of(KEY_BOOL), "yes", &a, &out, NULL), ERR_CONFIG);
  assert_int_equal(read_one(row_of(KEY_BOOL), "false", &a, &out, NULL), ERR_OK);
  assert_false(out);
  arena_done(&a);
}

static void money_is_exact(void **state) {
  struct arena a;
  int64_t out = -1;
  arena_init(&a);
  assert_int_equal(read_one(row_of(KEY_MONEY), "3.75", &a, &out, NULL), ERR_OK);
  assert_int_equal(out, 3750000000);
  assert_int_equal(read_one(row_of(KEY_MONEY), "0.000000001", &a, &out, NULL), ERR_OK);
  assert_int_equal(out, 1);
  assert_int_equal(read_one(row_of(KEY_MONEY), "0.0000000001", &a, &out, NULL), ERR_CONFIG);
  assert_int_equal(read_one(row_of(KEY_MONEY), "-1", &a, &out, NULL), ERR_CONFIG);
  assert_int_equal(read_one(row_of(KEY_MONEY), "40.01", &a, &out, NULL), ERR_CONFIG);
  assert_int_equal(out, 1);
  arena_done(&a);
}

static void times_are_those_of_rfc_3339(void **state) {
  static const struct {
    const char *text;
    int64_t us;
  } good[] = {{"1970-01-01T00:00:01Z", 1000000},
              {"2027-01-31T00:00:00Z", 1801353600000000},
              {"2027-01-31t09:00:00.5+09:00", 1801353600500000},
              {"2027-01-30T19:30:00.1234567-04:30", 1801353600123456},
              {"2028-02-29T00:00:00z", 1835395200000000}};
  static const char *const bad[] = {"",
                                    "2027-01-31",
                                    "2027-01-31T00:00:00",
                                    "2027-02-29T00:00:00Z",
                                    "2027-13-01T00:00:00Z",
                                    "2027-00-01T00:00:00Z",
                                    "2027-01-00T00:00:00Z",
                                    "2027-01-01T24:00:00Z",
                                    "2027-01-01T00:60:00Z",
                                    "2027-01-01 00:00:00Z",
                                    "2027-01-01T00:00:00.Z",
                                    "2027-01-01T00:00:00Zx",
                                    "2027-01-01T00:00:00+9:00",
                                    "2027-01-01T00:00:00+09:60",
                                    "27-01-01T00:00:00Z",
                                    "2027-1-1T00:00:00Z"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    int64_t us = -1;
    if (!value_time(text_of(good[i].text), &us))
      fail_msg("refused %s", good[i].text);
    assert_int_equal(us, good[i].us);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t us = 77;
    if (value_time(text_of(bad[i]), &us))
      fail_msg("accepted %s", bad[i]);
    assert_int_equal(us, 77);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_is_copied_and_bounded),
      cmocka_unit_test(names_are_letters_digits_and_few_signs),
      cmocka_unit_test(secrets_are_visible_ascii_and_not_quoted),
      cmocka_unit_test(booleans_are_true_or_false),
      cmocka_unit_test(money_is_exact),
      cmocka_unit_test(times_are_those_of_rfc_3339),
  };
  return RUN_TESTS(tests);
}
