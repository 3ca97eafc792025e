/* The events of a Responses stream, read: as OpenAI sends them (the matrix has whole streams), and as servers do that
 * leave some of them out. */
#include "responses_test.h"

#include "wire/openai_responses_events.h"

#define CREATED                                                                                                        \
  "{\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt\",\"created_at\":1763700000,"        \
  "\"output\":[]}}"
#define COMPLETED                                                                                                      \
  "{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"service_tier\":\"default\",\"output\":[{" \
  "}],"                                                                                                                \
  "\"usage\":{\"input_tokens\":9,\"output_tokens\":4,\"input_tokens_details\":{\"cached_tokens\":5}}}}"
#define DELTA(t)         "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"" t "\"}"
#define ADDED(i, item)   "{\"type\":\"response.output_item.added\",\"output_index\":" i ",\"item\":" item "}"
#define DONE(i, item)    "{\"type\":\"response.output_item.done\",\"output_index\":" i ",\"item\":" item "}"
#define MESSAGE(content) "{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[" content "]}"
#define CALL(arguments)                                                                                                \
  "{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"n\",\"arguments\":\"" arguments "\"}"

static void expect_whole(struct heard *h) {
  if (h->err)
    fail_msg("%s: %s", err_name(h->err), h->f.text);
  assert_true(llm_collect_is_whole(h->collect));
}

static void done(struct heard *h) { arena_done(&h->a); }

static void a_stream_gives_head_texts_and_end(void **state) {
  static const char *const events[] = {CREATED,
                                       "{\"type\":\"response.in_progress\",\"response\":{\"id\":\"resp_1\"}}",
                                       ADDED("0", MESSAGE("")),
                                       "{\"type\":\"response.content_part.added\",\"output_index\":0,\"content_index\":"
                                       "0,\"part\":{\"type\":\"output_text\"}}",
                                       DELTA("a\\n"),
                                       "{\"type\":\"keepalive\"}",
                                       DELTA("b"),
                                       "{\"type\":\"response.output_text.done\",\"output_index\":0,\"text\":\"a\\nb\"}",
                                       "{\"type\":\"response.content_part.done\",\"output_index\":0,\"part\":{\"type\":"
                                       "\"output_text\",\"text\":\"a\\nb\"}}",
                                       DONE("0", MESSAGE("{\"type\":\"output_text\",\"text\":\"a\\nb\"}")),
                                       COMPLETED,
                                       "[DONE]"};
  struct heard h;
  HEAR(&h, events);
  expect_whole(&h);
  EXPECT_TEXT(h.answer.id, TEXT("resp_1"));
  assert_int_equal(h.answer.created_s, 1763700000);
  assert_int_equal(h.answer.block_count, 1);
  EXPECT_TEXT(h.answer.blocks[0].text, TEXT("a\nb"));
  assert_int_equal(h.answer.stop, LLM_STOP_END);
  assert_int_equal(h.answer.usage.input, 4);
  assert_int_equal(h.answer.usage.cache_read, 5);
  EXPECT_TEXT(h.answer.service_tier, TEXT("default"));
  assert_int_equal(h.notes.count, 0);
  done(&h);
}

static void what_servers_leave_out_is_found_where_it_ends(void **state) {
  static const char *const without_parts[] = {CREATED, ADDED("0", MESSAGE("")), DELTA("ab"), COMPLETED};
  static const char *const whole_item[] = {CREATED, DONE("0", MESSAGE("{\"type\":\"output_text\",\"text\":\"ab\"}")),
                                           COMPLETED};
  static const char *const whole_text[] = {CREATED, "{\"type\":\"response.output_text.done\",\"text\":\"ab\"}",
                                           COMPLETED};
  static const char *const no_start[] = {DELTA("ab"), COMPLETED};
  const struct {
    const char *const *events;
    size_t count;
  } cases[] = {{without_parts, 4}, {whole_item, 3}, {whole_text, 3}, {no_start, 2}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct heard h;
    hear(&h, cases[i].events, cases[i].count);
    expect_whole(&h);
    assert_int_equal(h.answer.block_count, 1);
    EXPECT_TEXT(h.answer.blocks[0].text, TEXT("ab"));
    done(&h);
  }
}

static void arguments_come_in_pieces_or_whole(void **state) {
  static const char *const pieces[] = {
      CREATED,
      ADDED("0", CALL("")),
      "{\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"{}\"}",
      "{\"type\":\"response.function_call_arguments.done\",\"output_index\":0,\"arguments\":\"{}\"}",
      DONE("0", CALL("{}")),
      COMPLETED};
  static const char *const at_done[] = {CREATED, ADDED("0", CALL("")),
                                        "{\"type\":\"response.function_call_arguments.done\",\"arguments\":\"{}\"}",
                                        DONE("0", CALL("{}")), COMPLETED};
  static const char *const in_item[] = {CREATED, DONE("0", CALL("{}")), COMPLETED};
  const struct {
    const char *const *events;
    size_t count;
  } cases[] = {{pieces, 6}, {at_done, 5}, {in_item, 3}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct heard h;
    hear(&h, cases[i].events, cases[i].count);
    expect_whole(&h);
    assert_int_equal(h.answer.block_count, 1);
    EXPECT_TEXT(h.answer.blocks[0].id, TEXT("c1"));
    EXPECT_TEXT(h.answer.blocks[0].input, TEXT("{}"));
    assert_int_equal(h.answer.stop, LLM_STOP_TOOL_USE);
    done(&h);
  }
}

static void an_item_that_is_not_ended_ends_with_the_next(void **state) {
  static const char *const events[] = {
      CREATED,
      ADDED("0", MESSAGE("")),
      DELTA("a"),
      ADDED("1", "{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"n\",\"input\":\"\"}"),
      "{\"type\":\"response.custom_tool_call_input.delta\",\"output_index\":1,\"delta\":\"x\"}",
      COMPLETED};
  struct heard h;
  HEAR(&h, events);
  expect_whole(&h);
  assert_int_equal(h.answer.block_count, 2);
  assert_true(h.answer.blocks[1].is_custom);
  EXPECT_TEXT(h.answer.blocks[1].input, TEXT("x"));
  done(&h);
}

static void reasoning_in_parts_keeps_its_parts(void **state) {
  static const char *const events[] = {
      CREATED,
      ADDED("0", "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]}"),
      "{\"type\":\"response.reasoning_summary_part.added\",\"output_index\":0,\"summary_index\":0}",
      "{\"type\":\"response.reasoning_summary_text.delta\",\"output_index\":0,\"summary_index\":0,\"delta\":\"a\"}",
      "{\"type\":\"response.reasoning_summary_text.done\",\"output_index\":0,\"summary_index\":0,\"text\":\"a\"}",
      "{\"type\":\"response.reasoning_summary_part.done\",\"output_index\":0,\"summary_index\":0}",
      "{\"type\":\"response.reasoning_summary_part.added\",\"output_index\":0,\"summary_index\":1}",
      "{\"type\":\"response.reasoning_summary_text.done\",\"output_index\":0,\"summary_index\":1,\"text\":\"b\"}",
      "{\"type\":\"response.reasoning_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"words\"}",
      DONE("0",
           "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"a\"},{\"type\":"
           "\"summary_text\",\"text\":\"b\"}],\"encrypted_content\":\"enc\"}"),
      ADDED("1", MESSAGE("")),
      "{\"type\":\"response.refusal.delta\",\"output_index\":1,\"delta\":\"no\"}",
      COMPLETED};
  struct heard h;
  HEAR(&h, events);
  expect_whole(&h);
  const struct llm_block *b = h.answer.blocks;
  assert_int_equal(h.answer.block_count, 2);
  EXPECT_TEXT(b[0].text, TEXT("a\n\nb"));
  EXPECT_TEXT(b[0].id, TEXT("rs_1"));
  EXPECT_TEXT(b[0].signature, TEXT("enc"));
  EXPECT_TEXT(b[0].format, TEXT(LLM_FORMAT_RESPONSES));
  EXPECT_TEXT(
      b[0].details,
      TEXT("{\"summary\":[{\"type\":\"summary_text\",\"text\":\"a\"},{\"type\":\"summary_text\",\"text\":\"b\"}]}"));
  assert_int_equal(b[1].kind, LLM_REFUSAL);
  assert_int_equal(h.answer.stop, LLM_STOP_REFUSAL);
  done(&h);
}

static void what_only_informs_is_noted(void **state) {
  static const char *const events[] = {
      CREATED,
      ADDED("0", MESSAGE("")),
      DELTA("a"),
      "{\"type\":\"response.output_text.annotation.added\",\"output_index\":0,\"annotation\":{\"type\":\"file_path\"}}",
      "{\"type\":\"response.output_text.annotation.added\",\"output_index\":0,\"annotation\":{\"type\":\"url_"
      "citation\",\"url\":"
      "\"u\",\"title\":\"t\",\"start_index\":0,\"end_index\":1}}",
      "{\"type\":\"response.mood\",\"mood\":\"good\"}",
      COMPLETED};
  struct heard h;
  HEAR(&h, events);
  expect_whole(&h);
  assert_int_equal(h.notes.count, 2);
  assert_int_equal(h.answer.blocks[0].citation_count, 1);
  EXPECT_TEXT(h.answer.blocks[0].citations[0].url, TEXT("u"));
  done(&h);
}

static void what_cannot_be_understood_breaks_the_protocol(void **state) {
  static const char *const bad[] = {
      "{not json",
      ADDED("0", "{\"type\":\"web_search_call\",\"id\":\"ws\"}"),
      ADDED("0", "{}"),
      ADDED("0", "{\"type\":\"function_call\",\"name\":\"n\"}"),
      DONE("0", "{\"type\":\"reasoning\",\"summary\":7}"),
      "{\"type\":\"response.content_part.added\",\"part\":{\"type\":\"output_audio\"}}",
      "{\"type\":\"response.output_text.delta\"}",
      "{\"type\":\"response.audio.delta\",\"delta\":\"x\"}",
      "{\"type\":\"response.function_call_arguments.delta\",\"delta\":\"x\"}",
      "{\"type\":\"response.reasoning_summary_text.delta\",\"delta\":\"x\"}",
      "{\"type\":\"response.output_text.annotation.added\",\"annotation\":{\"type\":\"url_citation\",\"url\":\"u\"}}",
      COMPLETED /* its output was not streamed */,
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    const char *const events[] = {CREATED, bad[i]};
    struct heard h;
    HEAR(&h, events);
    if (h.err != ERR_UPSTREAM_PROTOCOL)
      fail_msg("%s gave %s", bad[i], err_name(h.err));
    assert_true(h.f.text[0] != 0);
    done(&h);
  }
}

static void pieces_of_two_items_are_not_mixed(void **state) {
  static const char *const events[] = {CREATED, ADDED("0", MESSAGE("")), DELTA("a"),
                                       "{\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\"b\"}"};
  struct heard h;
  HEAR(&h, events);
  assert_int_equal(h.err, ERR_UPSTREAM_PROTOCOL);
  done(&h);
}

static void failures_end_the_stream_with_their_fault(void **state) {
  const struct {
    const char *event;
    enum err want;
    const char *text;
  } cases[] = {
      {"{\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\",\"param\":null}", ERR_UPSTREAM_RATE,
       "slow"},
      {"{\"type\":\"error\",\"error\":{\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\",\"message\":"
       "\"empty\"}}",
       ERR_UPSTREAM_USAGE, "empty"},
      {"{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"oops\"}}}",
       ERR_UPSTREAM_SERVER, "oops"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const char *const events[] = {CREATED, DELTA("a"), cases[i].event};
    struct heard h;
    HEAR(&h, events);
    assert_int_equal(h.err, cases[i].want);
    assert_string_equal(h.f.text, cases[i].text);
    assert_false(llm_collect_is_whole(h.collect));
    done(&h);
  }
}

static void a_stream_that_just_ends_is_not_whole(void **state) {
  static const char *const events[] = {CREATED, DELTA("a")};
  struct heard h;
  HEAR(&h, events);
  assert_int_equal(h.err, ERR_OK);
  assert_false(llm_collect_is_whole(h.collect));
  done(&h);
}

static enum err keep_cost(void *ctx, const struct llm_event *e, struct fault *f) {
  if (e->kind == LLM_EVENT_STOP)
    *(int64_t *)ctx = e->cost_nano;
  return ERR_OK;
}

static void what_the_provider_bills_comes_with_the_end(void **state) {
  struct responses_reader reader = {0};
  struct llm_notes notes = {0};
  int64_t cost = 0;
  struct llm_sink sink = {keep_cost, &cost};
  struct text end = TEXT("{\"type\":\"response.completed\",\"response\":{\"output\":[],\"usage\":{\"cost\":2e-3}}}");
  assert_int_equal(responses_read_event(&reader, TEXT_NONE, end, &sink, &notes, NULL), ERR_OK);
  assert_int_equal(cost, 2000000);
}

#define INCOMPLETE                                                                                                     \
  "{\"type\":\"response.incomplete\",\"response\":{\"incomplete_details\":{\"reason\":\"max_output_tokens\"},"         \
  "\"output\":[{}]}}"

static void incomplete_answers_say_why(void **state) {
  static const char *const events[] = {CREATED, DELTA("a"), INCOMPLETE};
  struct heard h;
  HEAR(&h, events);
  expect_whole(&h);
  assert_int_equal(h.answer.stop, LLM_STOP_LENGTH);
  done(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stream_gives_head_texts_and_end),
      cmocka_unit_test(what_servers_leave_out_is_found_where_it_ends),
      cmocka_unit_test(arguments_come_in_pieces_or_whole),
      cmocka_unit_test(an_item_that_is_not_ended_ends_with_the_next),
      cmocka_unit_test(reasoning_in_parts_keeps_its_parts),
      cmocka_unit_test(what_only_informs_is_noted),
      cmocka_unit_test(what_cannot_be_understood_breaks_the_protocol),
      cmocka_unit_test(pieces_of_two_items_are_not_mixed),
      cmocka_unit_test(failures_end_the_stream_with_their_fault),
      cmocka_unit_test(a_stream_that_just_ends_is_not_whole),
      cmocka_unit_test(what_the_provider_bills_comes_with_the_end),
      cmocka_unit_test(incomplete_answers_say_why),
  };
  return RUN_TESTS(tests);
}
