/* Streams of Converse written. */
#include "wire/converse.h"

#include "converse_stream_test.h"

struct writing {
  const struct llm_echo *echo;
  char state[64];
  struct buf out;
};

static enum err write_event(void *ctx, const struct llm_event *e, struct fault *f) {
  struct writing *w = ctx;
  (void)f;
  dialect_converse.write_event(w->state, w->echo, e, &w->out);
  return ERR_OK;
}

static struct text written_lines(struct arena *a, const struct llm_answer *answer, const struct llm_echo *echo) {
  struct writing w = {.echo = echo};
  struct llm_sink sink = {write_event, &w};
  struct fault f = {0};
  buf_init(&w.out, 1 << 20);
  assert_int_equal(llm_answer_play(answer, &sink, &f), ERR_OK);
  struct text lines = lines_of(a, buf_text(&w.out));
  buf_done(&w.out);
  return lines;
}

static void what_is_written_reads_as_the_same_answer(void **state) {
  const struct llm_echo echo = {.members = TEXT(" /stop_sequence")};
  for (size_t i = 0; i < COUNT_OF(both_forms); i++) {
    struct arena a;
    arena_init(&a);
    struct llm_answer answer = read_plain_fixture(&a, both_forms[i]);
    struct played p = play_lines(&a, written_lines(&a, &answer, &echo), false);
    print_message("# %s\n", both_forms[i]);
    if (p.err)
      fail_msg("%s: %s", both_forms[i], fault_text(&p.fault));
    assert_true(p.is_whole);
    expect_same_answer(&a, &p.answer, &answer);
    arena_done(&a);
  }
}

static void fragments_stay_fragments(void **state) {
  const struct llm_block block = {.kind = LLM_TOOL_USE, .id = TEXT("t"), .name = TEXT("f")};
  const struct llm_event events[] = {{.kind = LLM_EVENT_START},
                                     {.kind = LLM_EVENT_BLOCK_START, .block = &block},
                                     {.kind = LLM_EVENT_INPUT, .text = TEXT("{\"a")},
                                     {.kind = LLM_EVENT_PING},
                                     {.kind = LLM_EVENT_INPUT, .text = TEXT("\":1}")},
                                     {.kind = LLM_EVENT_BLOCK_END}};
  const struct llm_echo echo = {0};
  struct writing w = {.echo = &echo};
  struct arena a;
  arena_init(&a);
  buf_init(&w.out, 4096);
  for (size_t i = 0; i < COUNT_OF(events); i++)
    (void)write_event(&w, &events[i], NULL);
  EXPECT_TEXT(
      lines_of(&a, buf_text(&w.out)),
      quoted(&a, "{'event':'messageStart','data':{'role':'assistant'}}\n"
                 "{'event':'contentBlockStart','data':{'contentBlockIndex':0,'start':{'toolUse':{'toolUseId':'t','name'"
                 ":'f'}}}}\n"
                 "{'event':'contentBlockDelta','data':{'contentBlockIndex':0,'delta':{'toolUse':{'input':'{\\'a'}}}}\n"
                 "{'event':'contentBlockDelta','data':{'contentBlockIndex':0,'delta':{'toolUse':{'input':'\\':1}'}}}}\n"
                 "{'event':'contentBlockStop','data':{'contentBlockIndex':0}}\n"));
  buf_done(&w.out);
  arena_done(&a);
}

static void thinking_that_is_not_to_be_read_keeps_its_signature(void **state) {
  const struct llm_echo echo = {.omit_thinking = true};
  struct arena a;
  arena_init(&a);
  struct llm_answer answer = read_plain_fixture(&a, "thinking");
  struct played p = play_lines(&a, written_lines(&a, &answer, &echo), false);
  EXPECT_TEXT(p.answer.blocks[0].text, TEXT_NONE);
  EXPECT_TEXT(p.answer.blocks[0].signature, answer.blocks[0].signature);
  EXPECT_TEXT(p.answer.blocks[1].text, TEXT("391"));
  arena_done(&a);
}

/* A client's own copy of an answer as it would send it back, read. */
static const struct llm_block *sent_back(struct arena *a, const struct llm_answer *answer) {
  static const struct llm_names names = {0};
  struct llm_request *rq = ARENA_NEW(a, struct llm_request), *back = ARENA_NEW(a, struct llm_request);
  struct llm_message m = {.role = LLM_ASSISTANT, .blocks = answer->blocks, .count = answer->block_count};
  struct llm_echo echo = {0};
  struct fault f = {0};
  enum err err;
  *rq = (struct llm_request){.arena = a, .model = TEXT("claude"), .names = &names, .messages = &m, .message_count = 1};
  struct text body = written(a, rq, &err, &f);
  assert_int_equal(err, ERR_OK);
  back->arena = a;
  assert_int_equal(dialect_converse.read_request(raw_json(a, body.at), back, &echo, &f), ERR_OK);
  return back->messages[0].blocks;
}

static void foreign_reasoning_comes_back_as_it_was(void **state) {
  static struct llm_block blocks[] = {
      {.kind = LLM_THINKING,
       .format = TEXT(LLM_FORMAT_RESPONSES),
       .id = TEXT("rs_1"),
       .text = TEXT("sum"),
       .signature = TEXT("enc")},
      {.kind = LLM_THINKING, .format = TEXT("google-gemini-v1"), .text = TEXT("t"), .details = TEXT("{\"x\":1}")},
      {.kind = LLM_REDACTED_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = TEXT("no base64!")},
      {.kind = LLM_REDACTED_THINKING, .format = TEXT("other"), .signature = TEXT("AAAA")}};
  const struct llm_answer answer = {.blocks = blocks, .block_count = COUNT_OF(blocks)};
  const struct llm_echo echo = {0};
  struct arena a;
  arena_init(&a);
  struct played p = play_lines(&a, written_lines(&a, &answer, &echo), false);
  assert_int_equal(p.err, ERR_OK);
  const struct llm_block *got = sent_back(&a, &p.answer);
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    assert_int_equal(got[i].kind, blocks[i].kind);
    EXPECT_TEXT(got[i].format, blocks[i].format);
    EXPECT_TEXT(got[i].id, blocks[i].id);
    EXPECT_TEXT(got[i].signature, blocks[i].signature);
    EXPECT_TEXT(got[i].details, blocks[i].details);
    EXPECT_TEXT(got[i].text, blocks[i].text);
  }
  arena_done(&a);
}

static void a_failure_is_an_exception_frame(void **state) {
  const struct fault fault = {.err = ERR_UPSTREAM_RATE, .text = "slow \"down\""};
  const struct llm_event e = {.kind = LLM_EVENT_ERROR, .fault = &fault};
  const struct llm_echo echo = {0};
  struct writing w = {.echo = &echo};
  struct arena a;
  arena_init(&a);
  buf_init(&w.out, 4096);
  (void)write_event(&w, &e, NULL);
  dialect_converse.write_failure(w.state, &echo, &fault, TEXT("req_1"), &w.out);
  struct text one = quoted(&a, "{'exception':'throttlingException','data':{'message':'slow \\'down\\''}}\n");
  const struct text both[] = {one, one};
  EXPECT_TEXT(lines_of(&a, buf_text(&w.out)), arena_join(&a, both, 2));
  buf_done(&w.out);
  arena_done(&a);
}

static void without_counts_the_estimate_is_told(void **state) {
  const struct llm_answer answer = {0};
  const struct llm_echo echo = {.input_tokens = 77};
  struct arena a;
  arena_init(&a);
  struct played p = play_lines(&a, written_lines(&a, &answer, &echo), false);
  assert_int_equal(p.answer.usage.input, 77);
  arena_done(&a);
}

static void a_full_buffer_stays_failed(void **state) {
  struct arena a;
  const struct llm_echo echo = {0};
  struct writing w = {.echo = &echo};
  arena_init(&a);
  buf_init(&w.out, 20);
  (void)write_event(&w, &(struct llm_event){.kind = LLM_EVENT_START}, NULL);
  assert_int_equal(buf_check(&w.out), ERR_NO_ROOM);
  buf_done(&w.out);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_reads_as_the_same_answer),
      cmocka_unit_test(fragments_stay_fragments),
      cmocka_unit_test(thinking_that_is_not_to_be_read_keeps_its_signature),
      cmocka_unit_test(foreign_reasoning_comes_back_as_it_was),
      cmocka_unit_test(a_failure_is_an_exception_frame),
      cmocka_unit_test(without_counts_the_estimate_is_told),
      cmocka_unit_test(a_full_buffer_stays_failed),
  };
  return RUN_TESTS(tests);
}
