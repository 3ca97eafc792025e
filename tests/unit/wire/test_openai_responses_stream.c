/* The events of a Responses stream, written: their order, their numbers, and that every text comes whole at its end. */
#include "responses_test.h"

#include "wire/openai_responses_stream.h"

static const struct llm_echo echo = {.model = {"alias", 5}, .now_s = 1700000000, .id = {"abc", 3}};

struct written {
  struct responses_writer w;
  struct buf out;
};

static void begin(struct written *x) {
  *x = (struct written){0};
  buf_init(&x->out, (size_t)256 << 20);
}

static void done(struct written *x) {
  responses_writer_done(&x->w);
  buf_done(&x->out);
}

static void put(struct written *x, struct llm_event e) { responses_write_event(&x->w, &echo, &e, &x->out); }

/* The types of all events, in order and with a space between them; each numbered one higher than the one before and
 * named as its data says. */
static struct text types_of(struct arena *a, struct text stream, uint64_t *out_count) {
  struct buf types;
  buf_init(&types, 1 << 20);
  uint64_t next = 0;
  while (stream.len > 0) {
    ptrdiff_t end = text_find(stream, TEXT("\n\n"));
    assert_true(end > 0);
    struct text event = text_head(stream, (size_t)end), name, data;
    stream = text_skip(stream, (size_t)end + 2);
    assert_true(text_cut(event, '\n', &name, &data));
    struct json doc = {0};
    uint64_t number;
    assert_int_equal(json_read(text_skip(data, 6), NULL, &doc, NULL), ERR_OK);
    EXPECT_TEXT(text_skip(name, 7), json_text(json_get(doc.root, "type")));
    assert_true(json_get_u64(doc.root, "sequence_number", &number));
    assert_int_equal(number, next++);
    buf_add(&types, text_skip(name, text_starts(name, TEXT("event: response.")) ? 16 : 7));
    buf_add_char(&types, ' ');
    json_done(&doc);
  }
  struct text all = arena_copy(a, buf_text(&types));
  buf_done(&types);
  *out_count = next;
  return all;
}

static void expect_types(struct written *x, const char *want) {
  struct arena a;
  uint64_t count;
  arena_init(&a);
  EXPECT_TEXT(types_of(&a, buf_text(&x->out), &count), text_of(want));
  arena_done(&a);
}

static bool says(const struct written *x, const char *what) { return text_find(buf_text(&x->out), text_of(what)) >= 0; }

static void expect_said(const struct written *x, const char *what) {
  if (!says(x, what))
    fail_msg("nothing says %s in %.*s", what, TEXT_ARGS(buf_text(&x->out)));
}

static void start(struct written *x) {
  put(x, (struct llm_event){.kind = LLM_EVENT_START, .id = TEXT("msg_1"), .model = TEXT("claude")});
}

static void block(struct written *x, enum llm_kind kind) {
  const struct llm_block b = {.kind = kind};
  put(x, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = &b});
}

static void call(struct written *x, const char *id, const char *name, bool is_custom) {
  const struct llm_block b = {.kind = LLM_TOOL_USE, .id = text_of(id), .name = text_of(name), .is_custom = is_custom};
  put(x, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = &b});
}

static void thought(struct written *x, const struct llm_block *b) {
  put(x, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = b});
}

static void say(struct written *x, const char *t) {
  put(x, (struct llm_event){.kind = LLM_EVENT_TEXT, .text = text_of(t)});
}

static void input(struct written *x, const char *t) {
  put(x, (struct llm_event){.kind = LLM_EVENT_INPUT, .text = text_of(t)});
}

static void end_block(struct written *x) { put(x, (struct llm_event){.kind = LLM_EVENT_BLOCK_END}); }

static void stop(struct written *x, enum llm_stop why) {
  put(x, (struct llm_event){.kind = LLM_EVENT_STOP, .stop = why, .usage = {.input = 3, .output = 4, .known = true}});
  put(x, (struct llm_event){.kind = LLM_EVENT_END});
}

static void texts_are_parts_of_one_message(void **state) {
  struct written x;
  begin(&x);
  start(&x);
  block(&x, LLM_TEXT);
  say(&x, "Hell");
  put(&x, (struct llm_event){.kind = LLM_EVENT_PING});
  say(&x, "o \"\n");
  end_block(&x);
  block(&x, LLM_REFUSAL);
  say(&x, "no");
  end_block(&x);
  stop(&x, LLM_STOP_REFUSAL);
  expect_types(&x, "created in_progress output_item.added content_part.added output_text.delta output_text.delta "
                   "output_text.done content_part.done content_part.added refusal.delta refusal.done content_part.done "
                   "output_item.done completed ");
  expect_said(&x, "\"delta\":\"o \\\"\\n\",\"logprobs\":[]");
  expect_said(&x, "\"output_index\":0,\"content_index\":0,\"text\":\"Hello \\\"\\n\"");
  expect_said(&x, "\"item_id\":\"msg_abc_0\",\"output_index\":0,\"content_index\":1,\"refusal\":\"no\"");
  expect_said(&x, "\"status\":\"completed\",\"id\":\"msg_1\"");
  expect_said(&x, "\"total_tokens\":7");
  done(&x);
}

static void calls_come_in_fragments_and_whole(void **state) {
  struct written x;
  begin(&x);
  start(&x);
  block(&x, LLM_TEXT);
  say(&x, "a");
  end_block(&x);
  call(&x, "toolu_1", "n", false);
  input(&x, "{\"x\"");
  input(&x, ":1}");
  end_block(&x);
  call(&x, "toolu_2", "now", false);
  end_block(&x);
  call(&x, "c", "sql", true);
  input(&x, "SELECT");
  end_block(&x);
  stop(&x, LLM_STOP_TOOL_USE);
  expect_types(&x, "created in_progress output_item.added content_part.added output_text.delta output_text.done "
                   "content_part.done output_item.done output_item.added function_call_arguments.delta "
                   "function_call_arguments.delta function_call_arguments.done output_item.done output_item.added "
                   "function_call_arguments.delta function_call_arguments.done output_item.done output_item.added "
                   "custom_tool_call_input.delta custom_tool_call_input.done output_item.done completed ");
  expect_said(&x, "\"item_id\":\"fc_abc_1\",\"output_index\":1,\"delta\":\":1}\"");
  expect_said(&x, "\"arguments\":\"{\\\"x\\\":1}\"");
  expect_said(&x, "\"item_id\":\"fc_abc_2\",\"output_index\":2,\"arguments\":\"{}\"");
  expect_said(&x, "\"id\":\"ctc_abc_3\",\"call_id\":\"c\",\"name\":\"sql\",\"input\":\"SELECT\"");
  done(&x);
}

static void reasoning_is_a_summary_and_what_is_to_come_back(void **state) {
  struct written x;
  const struct llm_block end = {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC)};
  begin(&x);
  start(&x);
  thought(&x, &(struct llm_block){.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC)});
  say(&x, "why");
  put(&x, (struct llm_event){.kind = LLM_EVENT_SIGNATURE, .text = TEXT("sig"), .block = &end});
  put(&x, (struct llm_event){.kind = LLM_EVENT_BLOCK_END, .block = &end});
  thought(&x, &(struct llm_block){
                  .kind = LLM_REDACTED_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = TEXT("data")});
  end_block(&x);
  thought(&x, &(struct llm_block){.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_RESPONSES), .id = TEXT("rs_own")});
  end_block(&x);
  stop(&x, LLM_STOP_END);
  expect_types(&x, "created in_progress output_item.added reasoning_summary_part.added reasoning_summary_text.delta "
                   "reasoning_summary_text.done reasoning_summary_part.done output_item.done output_item.added "
                   "output_item.done output_item.added output_item.done completed ");
  expect_said(
      &x,
      "\"id\":\"rs_abc_0\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"why\"}],\"encrypted_content\":\"weir1.");
  expect_said(&x, "\"id\":\"rs_abc_1\",\"summary\":[],\"encrypted_content\":\"weir1.");
  expect_said(&x, "\"id\":\"rs_own\",\"summary\":[]}");
  done(&x);
}

/* What the client got is read back by the same dialect as what the provider said. */
static void sealed_reasoning_comes_back_as_it_was(void **state) {
  const struct llm_block thought = {
      .kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC), .text = TEXT("why"), .signature = TEXT("sig")};
  const struct llm_block redacted = {
      .kind = LLM_REDACTED_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = TEXT("data")};
  const struct llm_block unsigned_one = {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_NONE), .text = TEXT("hm")};
  struct llm_block blocks[] = {thought, redacted, unsigned_one};
  const struct llm_answer answer = {.blocks = blocks, .block_count = 3};
  struct buf out;
  struct json doc = {0};
  struct arena a;
  arena_init(&a);
  buf_init(&out, 1 << 16);
  responses_write_answer(&answer, &echo, &out);
  assert_int_equal(json_read(buf_text(&out), NULL, &doc, NULL), ERR_OK);
  struct text items = json_value_text(json_get(doc.root, "output"), &a);
  struct asked x;
  ask_well(&x, arena_format(&a, "{\"model\":\"m\",\"input\":%.*s}", TEXT_ARGS(items)).at);
  assert_int_equal(x.rq.messages[0].count, 3);
  for (size_t i = 0; i < 3; i++) {
    const struct llm_block *b = &x.rq.messages[0].blocks[i];
    assert_int_equal(b->kind, blocks[i].kind);
    EXPECT_TEXT(b->text, blocks[i].text);
    EXPECT_TEXT(b->format, blocks[i].format);
    EXPECT_TEXT(b->signature, blocks[i].signature);
  }
  asked_done(&x);
  json_done(&doc);
  buf_done(&out);
  arena_done(&a);
}

static void citations_are_annotations(void **state) {
  const struct llm_citation known = {.url = TEXT("u1"), .title = TEXT("t"), .start = 1, .end = 2},
                            unknown = {.url = TEXT("u2")};
  struct written x;
  begin(&x);
  start(&x);
  block(&x, LLM_TEXT);
  say(&x, "\xc3\xa4"
          "bc");
  put(&x, (struct llm_event){.kind = LLM_EVENT_CITATION, .citation = &known});
  put(&x, (struct llm_event){.kind = LLM_EVENT_CITATION, .citation = &unknown});
  end_block(&x);
  stop(&x, LLM_STOP_END);
  expect_said(&x, "\"annotation_index\":1,\"annotation\":{\"type\":\"url_citation\",\"url\":\"u2\",\"title\":\"\","
                  "\"start_index\":0,\"end_index\":3}");
  expect_said(&x, "\"annotations\":[{\"type\":\"url_citation\",\"url\":\"u1\",\"title\":\"t\",\"start_index\":1,\"end_"
                  "index\":2},{");
  done(&x);
}

static void an_answer_that_was_cut_is_incomplete(void **state) {
  struct written x;
  begin(&x);
  start(&x);
  block(&x, LLM_TEXT);
  say(&x, "half");
  end_block(&x);
  stop(&x, LLM_STOP_LENGTH);
  expect_types(&x, "created in_progress output_item.added content_part.added output_text.delta output_text.done "
                   "content_part.done output_item.done incomplete ");
  expect_said(&x, "\"item\":{\"status\":\"incomplete\"");
  expect_said(&x, "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}");
  done(&x);
}

static void reasoning_nobody_wants_to_read_is_left_empty(void **state) {
  const struct llm_echo quiet = {.id = {"abc", 3}, .omit_thinking = true};
  const struct llm_block thought = {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC)};
  const struct llm_event events[] = {
      {.kind = LLM_EVENT_START},
      {.kind = LLM_EVENT_BLOCK_START, .block = &thought},
      {.kind = LLM_EVENT_TEXT, .text = TEXT("secret")},
      {.kind = LLM_EVENT_SIGNATURE, .text = TEXT("sig"), .block = &thought},
      {.kind = LLM_EVENT_BLOCK_END, .block = &thought},
      {.kind = LLM_EVENT_STOP},
      {.kind = LLM_EVENT_END},
  };
  struct written x;
  begin(&x);
  for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
    responses_write_event(&x.w, &quiet, &events[i], &x.out);
  assert_false(says(&x, "secret"));
  expect_said(&x, "\"summary\":[],\"encrypted_content\":\"weir1.");
  done(&x);
}

static void a_failure_is_an_error_and_the_last_event(void **state) {
  const struct fault f = {.err = ERR_UPSTREAM_CUT, .text = "cut"};
  struct written x;
  begin(&x);
  start(&x);
  block(&x, LLM_TEXT);
  say(&x, "half");
  responses_write_failure(&x.w, &echo, &f, TEXT("req_1"), &x.out);
  stop(&x, LLM_STOP_END);
  responses_write_failure(&x.w, &echo, &f, TEXT("req_1"), &x.out);
  expect_types(&x, "created in_progress output_item.added content_part.added output_text.delta error failed ");
  expect_said(&x, "\"error\":{\"code\":\"server_error\",\"message\":\"cut\"}");
  done(&x);
  begin(&x);
  responses_write_failure(&x.w, &echo, &f, TEXT("req_1"), &x.out);
  expect_types(&x, "error ");
  done(&x);
}

static void an_answer_too_long_to_keep_fails(void **state) {
  static const char piece[1 << 20];
  struct written x;
  begin(&x);
  start(&x);
  block(&x, LLM_TEXT);
  for (size_t i = 0; i < RESPONSES_KEPT_MAX / (sizeof(piece) * 6) + 2; i++) { /* a zero byte is written as \u0000 */
    buf_reset(&x.out);
    put(&x, (struct llm_event){.kind = LLM_EVENT_TEXT, .text = {piece, sizeof(piece)}});
    if (says(&x, "event: error"))
      break;
  }
  expect_said(&x, "event: response.failed");
  stop(&x, LLM_STOP_END);
  assert_false(says(&x, "response.completed"));
  done(&x);
}

static void nothing_is_held_by_a_writer_that_never_wrote(void **state) {
  struct responses_writer w = {0};
  responses_writer_done(&w);
  assert_null(w.text.at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_parts_of_one_message),
      cmocka_unit_test(calls_come_in_fragments_and_whole),
      cmocka_unit_test(reasoning_is_a_summary_and_what_is_to_come_back),
      cmocka_unit_test(sealed_reasoning_comes_back_as_it_was),
      cmocka_unit_test(citations_are_annotations),
      cmocka_unit_test(an_answer_that_was_cut_is_incomplete),
      cmocka_unit_test(reasoning_nobody_wants_to_read_is_left_empty),
      cmocka_unit_test(a_failure_is_an_error_and_the_last_event),
      cmocka_unit_test(an_answer_too_long_to_keep_fails),
      cmocka_unit_test(nothing_is_held_by_a_writer_that_never_wrote),
  };
  return RUN_TESTS(tests);
}
