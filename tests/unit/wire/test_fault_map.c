/* Upstream statuses as faults. */
#include "wire/fault_map.h"

#include "wire_test.h"

static void the_status_decides_the_error(void **state) {
  const struct {
    int status;
    bool usage;
    enum err want;
  } cases[] = {
      {429, false, ERR_UPSTREAM_RATE},    {429, true, ERR_UPSTREAM_USAGE},    {402, true, ERR_UPSTREAM_USAGE},
      {504, false, ERR_UPSTREAM_TIMEOUT}, {408, false, ERR_UPSTREAM_TIMEOUT}, {500, false, ERR_UPSTREAM_SERVER},
      {529, false, ERR_UPSTREAM_SERVER},  {400, false, ERR_UPSTREAM_STATUS},  {401, false, ERR_UPSTREAM_STATUS}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct fault f = {.field = "old"};
    fault_map_upstream(cases[i].status, cases[i].usage, TEXT("why"), &f);
    assert_int_equal(f.err, cases[i].want);
    assert_int_equal(f.status, cases[i].status);
    assert_string_equal(f.text, "why");
    assert_string_equal(f.field, "");
  }
}

static void an_empty_message_reads_as_the_rows_text_and_a_long_one_is_cut(void **state) {
  char many[2000];
  struct fault f = {0};
  fault_map_upstream(500, false, TEXT_NONE, &f);
  assert_string_equal(fault_text(&f), err_text(ERR_UPSTREAM_SERVER));
  for (size_t i = 0; i < sizeof(many); i += 2)
    memcpy(many + i, "\xc3\xa9", 2);
  fault_map_upstream(500, false, (struct text){many, sizeof(many)}, &f);
  assert_true(text_is_utf8(text_of(f.text)));
  assert_in_range(strlen(f.text), sizeof(f.text) - 4, sizeof(f.text) - 1);
}

static void only_a_foreign_status_overrides_the_type_of_the_row(void **state) {
  assert_false(fault_map_by_status(&(struct fault){.err = ERR_BAD_REQUEST}));
  assert_false(fault_map_by_status(&(struct fault){.err = ERR_BAD_REQUEST, .status = 400}));
  assert_true(fault_map_by_status(&(struct fault){.err = ERR_UPSTREAM_SERVER, .status = 529}));
  assert_true(fault_map_by_status(&(struct fault){.err = ERR_UPSTREAM_STATUS, .status = 404}));
}

static void an_upstreams_own_names_are_kept_while_they_fit(void **state) {
  char many[200];
  struct fault f = {0};
  memset(many, 'x', sizeof(many));
  fault_map_name(&f, TEXT_NONE);
  assert_string_equal(f.names, "");
  fault_map_name(&f, TEXT("rate_limit_error"));
  fault_map_name(&f, TEXT("two words"));
  fault_map_name(&f, (struct text){"a\0b", 3});
  fault_map_name(&f, (struct text){many, sizeof(many)});
  fault_map_name(&f, TEXT("tokens"));
  assert_string_equal(f.names, "rate_limit_error tokens");
  fault_map_name(&f, (struct text){many, sizeof(f.names) - 24});
  assert_string_equal(f.names, "rate_limit_error tokens");
  fault_map_name(&f, (struct text){many, sizeof(f.names) - 25});
  assert_int_equal(strlen(f.names), sizeof(f.names) - 1);
  fault_map_upstream(500, false, TEXT("m"), &f);
  assert_string_equal(f.names, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_status_decides_the_error),
      cmocka_unit_test(an_empty_message_reads_as_the_rows_text_and_a_long_one_is_cut),
      cmocka_unit_test(only_a_foreign_status_overrides_the_type_of_the_row),
      cmocka_unit_test(an_upstreams_own_names_are_kept_while_they_fit),
  };
  return RUN_TESTS(tests);
}
