/* The document against the table it comes from: every route, every shape, and no reference into the void. */
#include "control/openapi.h"

#include "control/api.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static struct buf document;
static struct json j;

static int open_document(void **state) {
  struct fault f = {0};
  buf_init(&document, 1 << 22);
  openapi_write(&document);
  assert_int_equal(buf_check(&document), ERR_OK);
  if (json_read(buf_text(&document), NULL, &j, &f) != ERR_OK)
    fail_msg("not JSON: %s", f.text);
  return 0;
}

static int close_document(void **state) {
  json_done(&j);
  buf_done(&document);
  return 0;
}

static yyjson_val *at(yyjson_val *from, const char *a, const char *b) { return json_get(json_get(from, a), b); }

static yyjson_val *operation_of(const struct api_route *r) {
  char method[16];
  size_t n = strlen(r->method);
  for (size_t k = 0; k <= n; k++)
    method[k] = r->method[k] ? (char)(r->method[k] | 0x20) : '\0';
  return json_get(at(j.root, "paths", r->path), method);
}

static void every_route_is_there_with_its_permission(void **state) {
  size_t operations = 0;
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    struct text said;
    yyjson_val *operation = operation_of(r);
    if (!operation)
      fail_msg("%s %s is not in the document", r->method, r->path);
    assert_true(json_get_text(operation, "operationId", &said) && text_equal(said, text_of(r->id)));
    if (r->permission != API_ANYBODY)
      assert_true(json_get_text(operation, "x-weir-permission", &said) &&
                  text_equal(said, text_of(permission_name(r->permission))));
    operations++;
  }
  assert_int_equal(operations, api_route_count);
}

static bool takes_header(yyjson_val *operation, struct text wanted) {
  yyjson_val *parameter;
  size_t i, most;
  struct text name;
  yyjson_arr_foreach (json_get(operation, "parameters"), i, most, parameter)
    if (json_get_text(parameter, "name", &name) && text_equal(name, wanted))
      return true;
  return false;
}

static void conditions_are_promised_where_there_are_versions(void **state) {
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    yyjson_val *operation = operation_of(r), *responses = json_get(operation, "responses");
    bool is_get = strcmp(r->method, "GET") == 0, has_versions = api_has_versions(r->path);
    char status[8];
    snprintf(status, sizeof(status), "%d", r->status);
    assert_int_equal(takes_header(operation, TEXT("If-Match")), !is_get && has_versions);
    assert_int_equal(json_get(responses, "412") != NULL, !is_get && has_versions);
    assert_int_equal(takes_header(operation, TEXT("If-None-Match")), is_get && has_versions);
    assert_int_equal(json_get(responses, "304") != NULL, is_get && has_versions);
    if (is_get)
      assert_int_equal(json_get(at(responses, status, "headers"), "ETag") != NULL, has_versions);
  }
}

static void no_two_operations_share_an_id_or_an_address(void **state) {
  for (size_t i = 0; i < api_route_count; i++) {
    for (size_t k = 0; k < i; k++) {
      assert_string_not_equal(api_routes[i].id, api_routes[k].id);
      if (strcmp(api_routes[i].path, api_routes[k].path) == 0)
        assert_string_not_equal(api_routes[i].method, api_routes[k].method);
    }
  }
}

static void check_refs(yyjson_val *v) {
  struct text ref;
  yyjson_val *name, *value;
  size_t i, most;
  if (json_get_text(v, "$ref", &ref)) {
    char schema[128];
    assert_true(text_starts(ref, TEXT("#/components/schemas/")));
    snprintf(schema, sizeof(schema), "%.*s", TEXT_ARGS(text_skip(ref, 21)));
    if (!json_get(at(j.root, "components", "schemas"), schema))
      fail_msg("there is no schema %s", schema);
  }
  yyjson_obj_foreach (v, i, most, name, value)
    check_refs(value);
  yyjson_arr_foreach (v, i, most, value)
    check_refs(value);
}

static void every_reference_leads_somewhere(void **state) { check_refs(j.root); }

static void check_shape(const struct shape *s) {
  assert_true(s->count <= 64);
  assert_true(s->help[0] != '\0');
  for (size_t i = 0; i < s->count; i++) {
    const struct shape_field *f = &s->fields[i];
    if (!f->help || f->offset < sizeof(uint64_t) || f->offset >= s->size)
      fail_msg("%s.%s lacks its help or its place", s->name, f->name);
    for (size_t k = 0; k < i; k++)
      assert_string_not_equal(f->name, s->fields[k].name);
    if (f->of)
      check_shape(f->of);
  }
}

/* A shape whose struct does not begin with the bits, or whose names repeat, would be read wrongly. */
static void every_shape_is_sound(void **state) {
  for (size_t i = 0; i < api_route_count; i++) {
    const struct shape *shapes[] = {api_routes[i].query, api_routes[i].body, api_routes[i].answer};
    for (size_t k = 0; k < 3; k++) {
      if (shapes[k])
        check_shape(shapes[k]);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_route_is_there_with_its_permission),
      cmocka_unit_test(conditions_are_promised_where_there_are_versions),
      cmocka_unit_test(no_two_operations_share_an_id_or_an_address),
      cmocka_unit_test(every_reference_leads_somewhere),
      cmocka_unit_test(every_shape_is_sound),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, open_document, close_document);
}
