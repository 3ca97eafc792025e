/* The schema of entries follows the key table: every member that may stand in one, no secret, and what must be there
 * only where the whole entry is given. */
#include "config/stored.h"

#include "config/stored_body.h"
#include "expect.h"

static struct text schema_of(enum config_kind k, bool whole, struct buf *out) {
  struct json_writer w;
  buf_init(out, 1 << 20);
  json_writer_init(&w, out);
  config_write_schema(k, whole, &w);
  assert_int_equal(buf_check(out), ERR_OK);
  return buf_text(out);
}

static bool is_secret_part(const struct key *row) {
  return row->section != NULL && keys_find(row->section, TEXT("api_key")) != NULL;
}

static void every_member_of_every_kind_is_described_and_no_secret_is(void **state) {
  for (enum config_kind k = 0; k < CONFIG_KIND_LISTS; k++) {
    const struct key_section *s = stored_row(k)->section;
    struct json j;
    struct fault f = {0};
    struct buf out;
    assert_int_equal(json_read(schema_of(k, true, &out), &(struct json_limits){0}, &j, &f), ERR_OK);
    yyjson_val *members = json_get(j.root, "properties");
    for (size_t i = 0; i < s->count; i++) {
      bool is_there = json_get(members, s->keys[i].name) != NULL;
      if (is_there == is_secret_part(&s->keys[i]))
        fail_msg("%s.%s", config_kind_name(k), s->keys[i].name);
    }
    assert_true(json_get(j.root, "required") != NULL);
    json_done(&j);
    buf_done(&out);
  }
}

static void a_change_need_have_nothing(void **state) {
  struct buf out;
  struct json j;
  struct fault f = {0};
  assert_int_equal(json_read(schema_of(CONFIG_KIND_PRICE, false, &out), &(struct json_limits){0}, &j, &f), ERR_OK);
  assert_null(json_get(j.root, "required"));
  json_done(&j);
  buf_done(&out);
}

static void types_and_bounds_are_those_of_the_rows(void **state) {
  struct buf out;
  struct text t = schema_of(CONFIG_KIND_MODEL, true, &out);
  static const char *const parts[] = {
      "\"required\":[\"name\",\"targets\"]",
      "\"strategy\":{\"type\":\"string\",\"enum\":[\"ordered\",",
      "\"weight\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000,",
      "\"billable\":{\"type\":\"boolean\",",
      "\"targets\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":256,\"items\":{\"type\":\"object\",",
      "\"delay\":{\"type\":\"string\",\"pattern\":"};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (text_find(t, text_of(parts[i])) < 0)
      fail_msg("%s is not in %.*s", parts[i], TEXT_ARGS(t));
  buf_done(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_member_of_every_kind_is_described_and_no_secret_is),
      cmocka_unit_test(a_change_need_have_nothing),
      cmocka_unit_test(types_and_bounds_are_those_of_the_rows),
  };
  return RUN_TESTS(tests);
}
