/* The property every edit must hold: parsing the edited text gives the document one gets by changing the parsed
 * original, and no byte outside the replaced values is touched. The document is changed here with yyjson, apart from
 * the code under test. */
#ifndef TESTS_UNIT_WIRE_EDIT_TEST_H
#define TESTS_UNIT_WIRE_EDIT_TEST_H

#include "wire_test.h"

static inline void put_member(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, yyjson_mut_val *value) {
  (void)yyjson_mut_obj_remove_key(object, name);
  assert_true(yyjson_mut_obj_add_val(doc, object, name, value));
}

static inline yyjson_mut_doc *expected_document(struct text body, struct text model, bool asks_for_usage) {
  yyjson_doc *parsed = yyjson_read(body.at, body.len, 0);
  yyjson_mut_doc *doc = yyjson_doc_mut_copy(parsed, NULL);
  yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
  yyjson_doc_free(parsed);
  if (model.len > 0)
    put_member(doc, root, "model", yyjson_mut_strncpy(doc, model.at, model.len));
  if (asks_for_usage) {
    yyjson_mut_val *options = yyjson_mut_obj_get(root, "stream_options");
    if (!yyjson_mut_is_obj(options)) {
      options = yyjson_mut_obj(doc);
      put_member(doc, root, "stream_options", options);
    }
    put_member(doc, options, "include_usage", yyjson_mut_true(doc));
  }
  return doc;
}

static inline void expect_same_document(struct text got, struct text body, struct text model, bool asks_for_usage) {
  yyjson_mut_doc *want = expected_document(body, model, asks_for_usage);
  yyjson_doc *parsed = yyjson_read(got.at, got.len, 0);
  yyjson_mut_doc *doc = parsed ? yyjson_doc_mut_copy(parsed, NULL) : NULL;
  bool same = doc && yyjson_mut_equals(yyjson_mut_doc_get_root(doc), yyjson_mut_doc_get_root(want));
  yyjson_doc_free(parsed);
  yyjson_mut_doc_free(doc);
  yyjson_mut_doc_free(want);
  if (!same)
    fail_msg("edited to %.*s", TEXT_ARGS(got));
}

static inline void expect_only_values_replaced(const struct json_edits *edits, const struct wire_request *rq,
                                               struct text body) {
  for (size_t i = 0; i < edits->count; i++) {
    const char *at = body.at + edits->edit[i].at;
    size_t n = edits->edit[i].remove;
    bool is_value = (at == rq->model_place.at && n == rq->model_place.len) ||
                    (at == rq->include_usage.at && n == rq->include_usage.len) ||
                    (at == rq->stream_options.at && n == rq->stream_options.len);
    if (n > 0 && !is_value)
      fail_msg("removes \"%.*s\"", (int)n, at);
  }
}

/* Checks one body with one model; returns what the dialect says it injected. */
static inline bool check_edit(const struct wire *wire, struct text body, struct text model, bool asks_for_usage) {
  struct arena a;
  struct wire_request rq = {0};
  struct json_edits edits = {0};
  struct fault f = {0};
  bool injected = false;
  arena_init(&a);
  if (read_body(&a, wire, body, &rq, &f))
    fail_msg("%.*s refused: %s", TEXT_ARGS(body), fault_text(&f));
  assert_int_equal(wire->edit_request(&rq, body, model, &a, &edits, &injected), ERR_OK);
  expect_same_document(edited(&a, &edits, body), body, model, asks_for_usage);
  expect_only_values_replaced(&edits, &rq, body);
  if (!asks_for_usage && (text_is_empty(model) || text_equal(model, rq.model)))
    assert_int_equal(edits.count, 0);
  arena_done(&a);
  return injected;
}

static const struct text edit_models[] = {{"", 0},
                                          {"claude-sonnet-4-5", 17},
                                          {"gpt-4.1", 7},
                                          {"other/model:free", 16},
                                          {"with \"quotes\" and \\", 19},
                                          {"\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x8c\x8a", 10}};
#define EDIT_MODEL_COUNT (sizeof(edit_models) / sizeof(edit_models[0]))

#endif
