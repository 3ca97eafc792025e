/* Simulated embeddings: one vector an input, equal for equal inputs, the same numbers in both formats. */
#include "sim/openai.h"

#include "sim_test.h"

static void write(struct arena *a, const char *quoted, struct buf *out) {
  struct json doc = test_json(a, quoted);
  struct sim_embed_ask ask;
  struct fault f = {0};
  if (sim_openai_read_embed(&doc, TEXT_NONE, &ask, &f) != ERR_OK)
    fail_msg("%s", f.text);
  buf_reset(out);
  sim_openai_write_embed(out, &ask);
  expect_json(buf_text(out));
  json_done(&doc);
}

static void equal_inputs_have_equal_vectors_of_length_one(void **state) {
  struct arena a;
  struct buf out;
  arena_init(&a);
  buf_init(&out, 1 << 20);
  write(&a, "{'model':'m','input':['x','y','x'],'dimensions':4}", &out);
  struct json doc;
  assert_int_equal(json_read(buf_text(&out), NULL, &doc, NULL), ERR_OK);
  yyjson_val *data = json_get(doc.root, "data"), *first = json_get(yyjson_arr_get(data, 0), "embedding");
  assert_int_equal(yyjson_arr_size(data), 3);
  assert_true(yyjson_equals(first, json_get(yyjson_arr_get(data, 2), "embedding")));
  assert_false(yyjson_equals(first, json_get(yyjson_arr_get(data, 1), "embedding")));
  double square = 0;
  for (size_t i = 0; i < 4; i++)
    square += yyjson_get_num(yyjson_arr_get(first, i)) * yyjson_get_num(yyjson_arr_get(first, i));
  assert_true(square > 0.9999 && square < 1.0001);
  json_done(&doc);
  buf_done(&out);
  arena_done(&a);
}

static void base64_holds_four_bytes_a_value(void **state) {
  struct arena a;
  struct buf out;
  size_t bytes = 0;
  struct json doc;
  arena_init(&a);
  buf_init(&out, 1 << 20);
  write(&a, "{'model':'m','input':[1,2],'dimensions':5,'encoding_format':'base64'}", &out);
  assert_int_equal(json_read(buf_text(&out), NULL, &doc, NULL), ERR_OK);
  yyjson_val *data = json_get(doc.root, "data");
  assert_int_equal(yyjson_arr_size(data), 1);
  assert_true(digest_base64_length(json_text(json_get(yyjson_arr_get(data, 0), "embedding")), &bytes));
  assert_int_equal(bytes, 20);
  json_done(&doc);
  buf_done(&out);
  arena_done(&a);
}

static void models_are_listed(void **state) {
  struct buf out;
  buf_init(&out, 1 << 16);
  sim_openai_write_models(&out);
  expect_json(buf_text(&out));
  EXPECT_INSIDE(buf_text(&out), TEXT("{\"id\":\"sim-tools\",\"object\":\"model\""));
  buf_reset(&out);
  sim_openai_write_model(&out, TEXT("any \"name\""));
  expect_json(buf_text(&out));
  buf_done(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_inputs_have_equal_vectors_of_length_one),
      cmocka_unit_test(base64_holds_four_bytes_a_value),
      cmocka_unit_test(models_are_listed),
  };
  return RUN_TESTS(tests);
}
