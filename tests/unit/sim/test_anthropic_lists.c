/* Counts, pages of models, batches and files of the Anthropic dialect. */
#include "sim/anthropic.h"

#include "sim/models.h"
#include "sim_test.h"

static struct buf out;
static struct fault fault;

static int fresh(void **state) {
  buf_init(&out, 1 << 20);
  fault = (struct fault){0};
  return 0;
}
static int done(void **state) {
  buf_done(&out);
  return 0;
}

static void page(const char *query, size_t count, bool more, const char *first) {
  struct json doc;
  buf_reset(&out);
  if (sim_anthropic_write_models(&out, text_of(query), &fault) != ERR_OK)
    fail_msg("%s: %s", query, fault.text);
  assert_int_equal(json_read(buf_text(&out), NULL, &doc, NULL), ERR_OK);
  assert_int_equal(yyjson_arr_size(json_get(doc.root, "data")), count);
  assert_int_equal(yyjson_is_true(json_get(doc.root, "has_more")), more);
  EXPECT_TEXT(json_text(json_get(doc.root, "first_id")), text_of(first));
  json_done(&doc);
}

static void models_come_in_pages(void **state) {
  page("", SIM_MODELS_COUNT, false, sim_models[0]);
  page("limit=2", 2, true, sim_models[0]);
  page("limit=2&after_id=sim-tools", 2, true, sim_models[2]);
  page("before_id=sim-thinking&limit=1", 1, true, sim_models[1]);
  page("after_id=sim-error-after-5", 0, false, NULL);
}

static void bad_pages_are_refused(void **state) {
  const char *bad[] = {"limit=0", "limit=1001", "limit=x", "after_id=nobody", "before_id=nobody"};
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(sim_anthropic_write_models(&out, text_of(bad[i]), &fault), ERR_BAD_REQUEST);
}

static void counts_and_models_are_json(void **state) {
  struct sim_ask ask = {.digest = {1, 41}};
  sim_anthropic_write_count(&out, &ask);
  EXPECT_TEXT(buf_text(&out), TEXT("{\"input_tokens\":11}"));
  buf_reset(&out);
  sim_anthropic_write_model(&out, TEXT("a\"b"));
  expect_json(buf_text(&out));
}

static void batches_need_ids_and_params(void **state) {
  struct arena a;
  size_t n = 0;
  arena_init(&a);
  const char *bad[] = {"{}", "{'requests':[]}", "{'requests':[{'params':{}}]}", "{'requests':[{'custom_id':'a'}]}"};
  for (size_t i = 0; i < 4; i++) {
    struct json doc = test_json(&a, bad[i]);
    assert_int_equal(sim_anthropic_read_batch(&doc, &n, &fault), ERR_BAD_REQUEST);
    json_done(&doc);
  }
  struct json doc = test_json(&a, "{'requests':[{'custom_id':'a','params':{}},{'custom_id':'b','params':{}}]}");
  assert_int_equal(sim_anthropic_read_batch(&doc, &n, &fault), ERR_OK);
  assert_int_equal(n, 2);
  json_done(&doc);
  arena_done(&a);
}

static void batches_and_files_are_written(void **state) {
  sim_anthropic_write_batch(&out, TEXT("msgbatch_1"), 3, false);
  expect_json(buf_text(&out));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"processing_status\":\"in_progress\",\"request_counts\":{\"processing\":3,"));
  buf_reset(&out);
  sim_anthropic_write_file(&out, TEXT("file_1"), 12);
  expect_json(buf_text(&out));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"size_bytes\":12"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(models_come_in_pages),        CASE(bad_pages_are_refused),         CASE(counts_and_models_are_json),
      CASE(batches_need_ids_and_params), CASE(batches_and_files_are_written),
  };
  return RUN_TESTS(tests);
}
