/* The table itself: each row is complete and its default and range are accepted by its own reader. */
#include "config/keys.h"

#include "config/values.h"
#include "expect.h"

static void for_each_row(const struct key_section *s, void (*fn)(const struct key_section *s, const struct key *row)) {
  for (size_t i = 0; i < s->count; i++) {
    fn(s, &s->keys[i]);
    if (s->keys[i].section != NULL)
      for_each_row(s->keys[i].section, fn);
  }
}

static bool is_scalar(const struct key *row) {
  return row->type != KEY_SECTION && row->type != KEY_SECTIONS && row->type != KEY_OVERLAY && row->type != KEY_TEXTS &&
         row->type != KEY_PAIRS && row->type != KEY_ADDRESSES && row->type != KEY_ABSENT;
}

static enum err read_as(const struct key *row, const char *text, void *at) {
  struct arena a;
  const struct node n = {.kind = NODE_SCALAR, .text = text_of(text)};
  struct key moved = *row;
  moved.offset = 0;
  moved.count_offset = sizeof(uint64_t);
  arena_init(&a);
  enum err e = value_read(&moved, &n, &a, at, NULL);
  arena_done(&a);
  return e;
}

static void check_complete(const struct key_section *s, const struct key *row) {
  if (row->help == NULL || row->help[0] == '\0' || strlen(s->title) > 60)
    fail_msg("%s.%s has no help", s->title, row->name);
  assert_ptr_equal(keys_find(s, text_of(row->name)), row);
  assert_int_equal(row->type == KEY_SECTION || row->type == KEY_SECTIONS || row->type == KEY_OVERLAY,
                   row->section != NULL);
  if (row->type == KEY_CHOICE || row->type == KEY_ADDRESS)
    assert_non_null(row->choices);
  if (s->size > 0 && row->type != KEY_ABSENT)
    assert_in_range(row->offset, 0, s->size - 1);
}

static void check_default(const struct key_section *s, const struct key *row) {
  uint64_t room[8];
  if (is_scalar(row) && row->initial != NULL && read_as(row, row->initial, room) != ERR_OK)
    fail_msg("%s.%s refuses its default %s", s->title, row->name, row->initial);
}

static bool is_number(const struct key *row) {
  return row->type == KEY_SIZE || row->type == KEY_COUNT || row->type == KEY_DURATION || row->type == KEY_WORKERS ||
         row->type == KEY_MONEY;
}

static void check_range(const struct key_section *s, const struct key *row) {
  const char *unit = row->type == KEY_DURATION ? "ms" : "";
  const struct {
    int64_t n;
    enum err want;
  } cases[] = {{row->min, ERR_OK}, {row->max, ERR_OK}, {row->min - 1, ERR_CONFIG}, {row->max + 1, ERR_CONFIG}};
  if (!is_number(row))
    return;
  assert_true(row->min <= row->max);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[40];
    uint64_t room = 0;
    (void)snprintf(text, sizeof text, "%lld%s", (long long)cases[i].n, unit);
    if (read_as(row, text, &room) != cases[i].want)
      fail_msg("%s.%s: %s should give %s", s->title, row->name, text, err_name(cases[i].want));
    if (cases[i].want == ERR_OK && row->type != KEY_MONEY)
      assert_int_equal(room, cases[i].n);
  }
  uint64_t untouched = 77;
  assert_int_equal(read_as(row, "many", &untouched), ERR_CONFIG);
  assert_int_equal(read_as(row, "", &untouched), ERR_CONFIG);
  assert_int_equal(untouched, 77);
}

static void check_choices(const struct key_section *s, const struct key *row) {
  struct text rest = text_of(row->choices), choice;
  bool available;
  if (row->choices == NULL || row->type == KEY_TEXTS || row->type == KEY_ADDRESSES)
    return;
  for (int i = 0; keys_next_choice(&rest, &choice, &available); i++) {
    char text[64];
    uint64_t room[2] = {0};
    (void)snprintf(text, sizeof text, "%.*s", TEXT_ARGS(choice));
    assert_int_equal(read_as(row, text, room), available ? ERR_OK : ERR_CONFIG);
    if (available && (row->type == KEY_CHOICE || row->type == KEY_ADDRESS))
      assert_int_equal(room[0], i);
  }
}

static void every_row_is_complete(void **state) { for_each_row(&keys_root, check_complete); }

static void every_default_is_accepted(void **state) { for_each_row(&keys_root, check_default); }

static void every_range_is_kept_at_both_ends(void **state) { for_each_row(&keys_root, check_range); }

static void every_choice_is_read_or_known_to_be_missing(void **state) { for_each_row(&keys_root, check_choices); }

static void refuse_wrong_kind(const struct key_section *s, const struct key *row) {
  static struct config_errors errors;
  struct config *c = NULL;
  char yaml[128];
  if (s != &keys_root || row->type == KEY_ABSENT)
    return;
  bool wants_scalar = is_scalar(row);
  (void)snprintf(yaml, sizeof yaml, "%s: %s\n", row->name, wants_scalar ? "[1, 2]" : "nonsense");
  if (row->type == KEY_TEXTS)
    (void)snprintf(yaml, sizeof yaml, "%s: {a: b}\n", row->name);
  assert_int_equal(config_load_text(text_of(yaml), "f", test_lookup, &c, &errors), ERR_CONFIG);
  assert_non_null(strstr(errors.at[0].text, row->name));
  assert_non_null(strstr(errors.at[0].text, "must be"));
  assert_int_equal(errors.at[0].line, 1);
  assert_int_equal(errors.at[0].column, strlen(row->name) + 3);
}

static void every_top_level_key_refuses_the_wrong_kind(void **state) { for_each_row(&keys_root, refuse_wrong_kind); }

static void refuse_absent(const struct key_section *s, const struct key *row) {
  static struct config_errors errors;
  struct config *c = NULL;
  char yaml[128];
  if (s != &keys_root || row->type != KEY_ABSENT)
    return;
  static const char *const on[] = {"x", "true", "[1]", "{a: 1}"}, *const off[] = {"\"\"", "false", "[]", "{}", "null"};
  for (size_t i = 0; i < 4; i++) {
    (void)snprintf(yaml, sizeof yaml, "%s: %s\n", row->name, on[i]);
    assert_int_equal(config_load_text(text_of(yaml), "f", test_lookup, &c, &errors), ERR_CONFIG);
    assert_non_null(strstr(errors.at[0].text, "is not available in this version"));
  }
  for (size_t i = 0; i < 5; i++) {
    (void)snprintf(yaml, sizeof yaml, "%s: %s\n", row->name, off[i]);
    config_unref(load(yaml));
  }
}

static void what_this_version_cannot_do_is_refused_unless_off(void **state) {
  for_each_row(&keys_root, refuse_absent);
  expect_refused("cache: {enabled: true}\n", "weir.yaml:1:18: `cache.enabled` is not available in this version");
  expect_refused("telemetry: {otlp_endpoint: http://x}\n",
                 "weir.yaml:1:28: `telemetry.otlp_endpoint` is not available in this version");
}

static void the_nearest_name_is_offered_only_when_it_is_near(void **state) {
  assert_string_equal(keys_nearest(&keys_root, TEXT("provders"))->name, "providers");
  assert_string_equal(keys_nearest(&keys_root, TEXT("Listen"))->name, "listen");
  assert_string_equal(keys_nearest(&keys_root, TEXT("time_zone"))->name, "timezone");
  assert_null(keys_nearest(&keys_root, TEXT("xyzzyplugh")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_is_complete),
      cmocka_unit_test(every_default_is_accepted),
      cmocka_unit_test(every_range_is_kept_at_both_ends),
      cmocka_unit_test(every_choice_is_read_or_known_to_be_missing),
      cmocka_unit_test(every_top_level_key_refuses_the_wrong_kind),
      cmocka_unit_test(what_this_version_cannot_do_is_refused_unless_off),
      cmocka_unit_test(the_nearest_name_is_offered_only_when_it_is_near),
  };
  return RUN_TESTS(tests);
}
