/* Converse as a wire: what intake reads, and the table. */
#include "wire/converse.h"

#include "converse_test.h"

static void intake_reads_the_limit_and_nothing_of_the_path(void **state) {
  struct arena a;
  struct wire_request rq;
  struct fault f = {0};
  arena_init(&a);
  struct text body = quoted(&a, with_text(&a, "'inferenceConfig':{'maxTokens':321}"));
  assert_int_equal(read_body(&a, &wire_bedrock_converse, body, &rq, &f), ERR_OK);
  assert_int_equal(rq.max_output_tokens, 321);
  assert_int_equal(rq.answers, 1);
  assert_false(rq.stream);
  assert_true(text_is_empty(rq.model));
  assert_true(rq.input_tokens_bound >= body.len / 2);
  assert_int_equal(read_body(&a, &wire_bedrock_converse, TEXT("{\"messages\":7}"), &rq, &f), ERR_OK);
  assert_int_equal(rq.max_output_tokens, 0);
  arena_done(&a);
}

static void intake_refuses_what_the_path_says(void **state) {
  const struct {
    const char *body, *field;
  } rows[] = {{"[]", ""},
              {"{'modelId':'m'}", "modelId"},
              {"{'model':'m'}", "model"},
              {"{'stream':true}", "stream"},
              {"{'inferenceConfig':{'maxTokens':0}}", "inferenceConfig.maxTokens"},
              {"{'inferenceConfig':{'maxTokens':-1}}", "inferenceConfig.maxTokens"},
              {"{'inferenceConfig':{'maxTokens':'9'}}", "inferenceConfig.maxTokens"},
              {"{'inferenceConfig':{'maxTokens':1.5}}", "inferenceConfig.maxTokens"}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    struct wire_request rq;
    struct fault f = {0};
    arena_init(&a);
    assert_int_equal(read_body(&a, &wire_bedrock_converse, quoted(&a, rows[i].body), &rq, &f), ERR_BAD_REQUEST);
    assert_string_equal(f.field, rows[i].field);
    arena_done(&a);
  }
}

static void a_pass_through_edits_nothing(void **state) {
  struct arena a;
  struct wire_request rq;
  struct json_edits edits;
  bool injected = true;
  struct fault f = {0};
  arena_init(&a);
  struct text body = quoted(&a, with_text(&a, ""));
  assert_int_equal(read_body(&a, &wire_bedrock_converse, body, &rq, &f), ERR_OK);
  assert_int_equal(wire_bedrock_converse.edit_request(&rq, body, TEXT("other"), &a, &edits, &injected), ERR_OK);
  assert_int_equal(edits.count, 0);
  assert_false(injected);
  arena_done(&a);
}

static void the_table_says_what_the_gateway_needs(void **state) {
  assert_ptr_equal(wire_find(TEXT("bedrock_converse")), &wire_bedrock_converse);
  assert_ptr_equal(wire_get(WIRE_BEDROCK_CONVERSE), &wire_bedrock_converse);
  assert_int_equal(wire_bedrock_converse.framing, WIRE_EVENTSTREAM);
  assert_true(wire_bedrock_converse.model_in_path);
  assert_ptr_equal(wire_bedrock_converse.dialect, &dialect_converse);
  assert_string_equal(dialect_converse.name, "converse");
  assert_string_equal(wire_bedrock_converse.error_type(&(struct fault){.err = ERR_RATE_LIMITED}),
                      "ThrottlingException");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(intake_reads_the_limit_and_nothing_of_the_path),
      cmocka_unit_test(intake_refuses_what_the_path_says),
      cmocka_unit_test(a_pass_through_edits_nothing),
      cmocka_unit_test(the_table_says_what_the_gateway_needs),
  };
  return RUN_TESTS(tests);
}
