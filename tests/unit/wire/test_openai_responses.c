/* The Responses dialect as a wire: what intake reads, what a pass-through edits, how errors look. */
#include "responses_test.h"

static const struct wire *const wire = &wire_openai_responses;

static void the_head_of_a_request_is_read(void **state) {
  struct arena a;
  arena_init(&a);
  struct wire_request rq = {0};
  struct fault f = {0};
  assert_int_equal(read_body(&a, wire,
                             TEXT("{\"input\":\"hi\",\"model\":\"gpt-5.2\",\"stream\":true,\"max_output_tokens\":77}"),
                             &rq, &f),
                   ERR_OK);
  EXPECT_TEXT(rq.model, TEXT("gpt-5.2"));
  assert_true(rq.stream);
  assert_int_equal(rq.max_output_tokens, 77);
  assert_int_equal(rq.answers, 1);
  assert_int_equal(
      read_body(&a, wire, TEXT("{\"model\":\"m\",\"stream\":null,\"max_output_tokens\":null,\"zork\":1}"), &rq, &f),
      ERR_OK);
  assert_false(rq.stream);
  assert_int_equal(rq.max_output_tokens, 0);
  arena_done(&a);
}

static void bad_heads_are_refused_by_their_member(void **state) {
  const struct {
    const char *json, *member;
  } cases[] = {{"{}", "model"},
               {"{\"model\":7}", "model"},
               {"{\"model\":\"m\",\"stream\":1}", "stream"},
               {"{\"model\":\"m\",\"max_output_tokens\":0}", "max_output_tokens"},
               {"{\"model\":\"m\",\"max_output_tokens\":\"9\"}", "max_output_tokens"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    struct wire_request rq = {0};
    struct fault f = {0};
    arena_init(&a);
    assert_int_equal(read_body(&a, wire, text_of(cases[i].json), &rq, &f), ERR_BAD_REQUEST);
    assert_string_equal(f.field, cases[i].member);
    arena_done(&a);
  }
}

static void a_pass_through_changes_the_model_only(void **state) {
  struct arena a;
  struct wire_request rq = {0};
  struct json_edits edits = {0};
  bool injected = true;
  arena_init(&a);
  struct text body = TEXT("{ \"input\": \"model\", \"model\" : \"alias\",\"stream\":true , \"temperature\": 1.50 }");
  assert_int_equal(read_body(&a, wire, body, &rq, NULL), ERR_OK);
  assert_int_equal(wire->edit_request(&rq, body, TEXT("gpt-5.2"), &a, &edits, &injected), ERR_OK);
  assert_false(injected);
  EXPECT_TEXT(edited(&a, &edits, body),
              TEXT("{ \"input\": \"model\", \"model\" : \"gpt-5.2\",\"stream\":true , \"temperature\": 1.50 }"));
  assert_int_equal(wire->edit_request(&rq, body, TEXT_NONE, &a, &edits, &injected), ERR_OK);
  EXPECT_TEXT(edited(&a, &edits, body), body);
  arena_done(&a);
}

static void a_broken_stream_is_told_by_one_typed_event(void **state) {
  struct fault f = {.err = ERR_UPSTREAM_CUT, .field = "", .text = "it \"ended\""};
  struct buf b;
  buf_init(&b, 4096);
  wire->write_stream_error(&b, &f, TEXT("req_1"));
  assert_true(text_starts(buf_text(&b), TEXT("event: error\ndata: ")));
  assert_true(text_ends(buf_text(&b), TEXT("}\n\n")));
  struct text json = text_skip(buf_text(&b), sizeof("event: error\ndata: ") - 1);
  expect_json(text_trim(text_head(json, json.len - 2)),
              "{\"type\":\"error\",\"sequence_number\":0,\"code\":\"server_error\",\"message\":\"it \\\"ended\\\"\","
              "\"param\":null}");
  buf_done(&b);
}

static void the_tables_name_each_other(void **state) {
  assert_ptr_equal(wire->dialect, &dialect_openai_responses);
  assert_ptr_equal(wire_get(WIRE_OPENAI_RESPONSES), wire);
  assert_ptr_equal(wire_find(TEXT("openai_responses")), wire);
  assert_non_null(dialect_openai_responses.writer_done);
  if (dialect_openai_responses.reader_bytes > 256 || dialect_openai_responses.writer_bytes > 1024)
    fail_msg("a stream's state takes %zu and %zu bytes", dialect_openai_responses.reader_bytes,
             dialect_openai_responses.writer_bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_head_of_a_request_is_read),
      cmocka_unit_test(bad_heads_are_refused_by_their_member),
      cmocka_unit_test(a_pass_through_changes_the_model_only),
      cmocka_unit_test(a_broken_stream_is_told_by_one_typed_event),
      cmocka_unit_test(the_tables_name_each_other),
  };
  return RUN_TESTS(tests);
}
