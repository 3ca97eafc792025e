/* Events written as a stream of chat completions chunks. */
#include "chat_test.h"

struct sent {
  struct arena arena;
  struct llm_echo echo;
  struct openai_chat_writer writer;
  struct buf out;
  struct fault f;
};

static void sent_open(struct sent *s) {
  *s = (struct sent){.echo = {.model = TEXT("asked"), .id = TEXT("id1"), .now_s = 99}};
  arena_init(&s->arena);
  buf_init(&s->out, 1 << 16);
}

static void sent_close(struct sent *s) {
  buf_done(&s->out);
  arena_done(&s->arena);
}

static enum err write(void *ctx, const struct llm_event *e, struct fault *f) {
  struct sent *s = ctx;
  dialect_openai_chat.write_event(&s->writer, &s->echo, e, &s->out);
  return ERR_OK;
}

static void play(struct sent *s, const struct llm_answer *answer) {
  struct llm_sink sink = {.take = write, .ctx = s};
  assert_int_equal(llm_answer_play(answer, &sink, &s->f), ERR_OK);
  assert_int_equal(buf_check(&s->out), ERR_OK);
}

/* The n-th event's data; empty behind the last. */
static struct text data_of(const struct sent *s, size_t n) {
  struct text rest = buf_text(&s->out), line;
  while (text_cut(rest, '\n', &line, &rest)) {
    assert_true(text_starts(line, TEXT("data: ")) && text_starts(rest, TEXT("\n")));
    rest = text_skip(rest, 1);
    if (n-- == 0)
      return text_skip(line, 6);
  }
  return TEXT_NONE;
}

HELPER void expect_delta(struct sent *s, size_t n, const char *delta) {
  struct text data = data_of(s, n);
  yyjson_val *root = parsed(&s->arena, data)->root;
  yyjson_val *choice = yyjson_arr_get_first(json_get(root, "choices"));
  expect_json(json_value_text(json_get(choice, "delta"), &s->arena), json_of(&s->arena, delta).at);
  assert_true(yyjson_is_null(json_get(choice, "finish_reason")));
}

static void a_whole_stream_has_one_shape(void **state) {
  struct sent s;
  struct llm_block text = {.kind = LLM_TEXT, .text = TEXT("a")};
  sent_open(&s);
  s.echo.include_usage = true;
  play(&s, &(struct llm_answer){.id = TEXT("i"),
                                .model = TEXT("m"),
                                .created_s = 7,
                                .blocks = &text,
                                .block_count = 1,
                                .stop = LLM_STOP_LENGTH,
                                .service_tier = TEXT("flex"),
                                .usage = {.input = 1, .output = 2, .known = true}});
#define HEAD "'id':'i','object':'chat.completion.chunk','created':7,'model':'m',"
  expect_json(data_of(&s, 0),
              json_of(&s.arena, "{" HEAD "'choices':[{'index':0,'delta':{'role':'assistant','content':''},"
                                "'logprobs':null,'finish_reason':null}],'usage':null}")
                  .at);
  expect_json(data_of(&s, 1),
              json_of(&s.arena, "{" HEAD "'choices':[{'index':0,'delta':{'content':'a'},'logprobs':null,"
                                "'finish_reason':null}],'usage':null}")
                  .at);
  expect_json(data_of(&s, 2), json_of(&s.arena, "{" HEAD "'choices':[{'index':0,'delta':{},'logprobs':null,"
                                                "'finish_reason':'length'}],'service_tier':'flex','usage':null}")
                                  .at);
  expect_json(data_of(&s, 3),
              json_of(&s.arena, "{" HEAD "'choices':[],'usage':{'prompt_tokens':1,'completion_tokens':2,"
                                "'total_tokens':3,'prompt_tokens_details':{'cached_tokens':0,"
                                "'cache_write_tokens':0},'completion_tokens_details':{"
                                "'reasoning_tokens':0}}}")
                  .at);
  EXPECT_TEXT(data_of(&s, 4), TEXT("[DONE]"));
  assert_true(text_is_empty(data_of(&s, 5)));
  sent_close(&s);
}

static void usage_comes_only_when_asked_for(void **state) {
  struct sent s;
  sent_open(&s);
  play(&s, &(struct llm_answer){.usage = {.input = 1, .output = 2, .known = true}});
  assert_int_equal(text_find(buf_text(&s.out), TEXT("usage")), -1);
  expect_json(data_of(&s, 0),
              json_of(&s.arena, "{'id':'chatcmpl-id1','object':'chat.completion.chunk','created':99,'model':'asked',"
                                "'choices':[{'index':0,'delta':{'role':'assistant','content':''},'logprobs':null,"
                                "'finish_reason':null}]}")
                  .at);
  sent_close(&s);
}

static void names_too_long_to_be_repeated_become_ours(void **state) {
  struct sent s;
  char *word = malloc(300);
  memset(word, 'x', 300);
  sent_open(&s);
  play(&s, &(struct llm_answer){.id = {word, 300}, .model = {word, 300}});
  yyjson_val *root = parsed(&s.arena, data_of(&s, 1))->root;
  EXPECT_TEXT(json_text(json_get(root, "id")), TEXT("chatcmpl-id1"));
  EXPECT_TEXT(json_text(json_get(root, "model")), TEXT("asked"));
  sent_close(&s);
  free(word);
}

static void calls_have_indexes_and_always_arguments(void **state) {
  struct llm_block blocks[] = {
      {.kind = LLM_TOOL_USE, .id = TEXT("c"), .name = TEXT("f"), .input = TEXT("{\"a\":1}")},
      {.kind = LLM_TOOL_USE, .id = TEXT("d"), .name = TEXT("g")},
      {.kind = LLM_TOOL_USE, .id = TEXT("e"), .name = TEXT("p"), .is_custom = true, .input = TEXT("x")},
      {.kind = LLM_TOOL_USE, .id = TEXT("h"), .name = TEXT("p"), .is_custom = true}};
  struct sent s;
  sent_open(&s);
  play(&s, &(struct llm_answer){.blocks = blocks, .block_count = 4, .stop = LLM_STOP_TOOL_USE});
  expect_delta(&s, 1, "{'tool_calls':[{'index':0,'id':'c','type':'function','function':{'name':'f','arguments':''}}]}");
  expect_delta(&s, 2, "{'tool_calls':[{'index':0,'function':{'arguments':'{\\'a\\':1}'}}]}");
  expect_delta(&s, 3, "{'tool_calls':[{'index':1,'id':'d','type':'function','function':{'name':'g','arguments':''}}]}");
  expect_delta(&s, 4, "{'tool_calls':[{'index':1,'function':{'arguments':'{}'}}]}");
  expect_delta(&s, 5, "{'tool_calls':[{'index':2,'id':'e','type':'custom','custom':{'name':'p','input':''}}]}");
  expect_delta(&s, 6, "{'tool_calls':[{'index':2,'custom':{'input':'x'}}]}");
  expect_delta(&s, 7, "{'tool_calls':[{'index':3,'id':'h','type':'custom','custom':{'name':'p','input':''}}]}");
  assert_true(text_find(data_of(&s, 8), TEXT("\"finish_reason\":\"tool_calls\"")) > 0);
  sent_close(&s);
}

static void reasoning_is_told_in_details_and_as_text(void **state) {
  struct llm_block blocks[] = {
      {.kind = LLM_THINKING, .text = TEXT("a"), .signature = TEXT("s"), .format = TEXT(LLM_FORMAT_ANTHROPIC)},
      {.kind = LLM_REDACTED_THINKING, .signature = TEXT("d"), .format = TEXT(LLM_FORMAT_ANTHROPIC)},
      {.kind = LLM_THINKING,
       .text = TEXT("b"),
       .signature = TEXT("e"),
       .id = TEXT("rs_1"),
       .format = TEXT(LLM_FORMAT_RESPONSES),
       .details = TEXT("[1]")}};
  struct sent s;
  sent_open(&s);
  play(&s, &(struct llm_answer){.blocks = blocks, .block_count = 3});
  expect_delta(&s, 1,
               "{'reasoning_content':'a','reasoning':'a','reasoning_details':[{'type':'reasoning.text',"
               "'text':'a','format':'anthropic-claude-v1','index':0}]}");
  expect_delta(&s, 2,
               "{'reasoning_details':[{'type':'reasoning.text','text':'','signature':'s',"
               "'format':'anthropic-claude-v1','index':0}]}");
  expect_delta(&s, 3,
               "{'reasoning_details':[{'type':'reasoning.encrypted','data':'d',"
               "'format':'anthropic-claude-v1','index':1}]}");
  expect_delta(&s, 4,
               "{'reasoning_content':'b','reasoning':'b','reasoning_details':[{'type':'reasoning.summary',"
               "'summary':'b','format':'openai-responses-v1','id':'rs_1','index':2}]}");
  expect_delta(&s, 5,
               "{'reasoning_details':[{'type':'reasoning.encrypted','data':'e','format':'openai-responses-v1',"
               "'id':'rs_1','index':2,'details':[1]}]}");
  assert_true(text_find(data_of(&s, 6), TEXT("\"finish_reason\":\"stop\"")) > 0);
  sent_close(&s);
}

static void what_is_known_late_of_a_thought_is_told_at_its_end(void **state) {
  const struct llm_block begin = {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_RESPONSES)};
  struct llm_block end = begin;
  struct sent s;
  sent_open(&s);
  end.id = TEXT("rs_9");
  (void)write(&s, &(struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = &begin}, NULL);
  (void)write(&s, &(struct llm_event){.kind = LLM_EVENT_BLOCK_END, .block = &begin}, NULL);
  assert_int_equal(s.out.len, 0);
  (void)write(&s, &(struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = &begin}, NULL);
  (void)write(&s, &(struct llm_event){.kind = LLM_EVENT_BLOCK_END, .block = &end}, NULL);
  expect_delta(&s, 0,
               "{'reasoning_details':[{'type':'reasoning.summary','summary':'','format':'openai-responses-v1',"
               "'id':'rs_9','index':1}]}");
  sent_close(&s);
}

static void omitted_reasoning_keeps_its_proof(void **state) {
  struct llm_block block = {
      .kind = LLM_THINKING, .text = TEXT("secret"), .signature = TEXT("s"), .format = TEXT(LLM_FORMAT_ANTHROPIC)};
  struct sent s;
  sent_open(&s);
  s.echo.omit_thinking = true;
  play(&s, &(struct llm_answer){.blocks = &block, .block_count = 1});
  assert_int_equal(text_find(buf_text(&s.out), TEXT("secret")), -1);
  expect_delta(&s, 1,
               "{'reasoning_details':[{'type':'reasoning.text','text':'','signature':'s',"
               "'format':'anthropic-claude-v1','index':0}]}");
  sent_close(&s);
}

static void refusals_and_citations_have_their_members(void **state) {
  struct llm_citation cited = {.url = TEXT("u"), .title = TEXT("t"), .start = 1, .end = 2};
  struct llm_block blocks[] = {{.kind = LLM_TEXT, .text = TEXT("ab")},
                               {.kind = LLM_TEXT, .text = TEXT("cd"), .citations = &cited, .citation_count = 1},
                               {.kind = LLM_REFUSAL, .text = TEXT("no")}};
  struct sent s;
  sent_open(&s);
  play(&s,
       &(struct llm_answer){.blocks = blocks, .block_count = 3, .stop = LLM_STOP_REFUSAL, .stop_sequence = TEXT("x")});
  expect_delta(&s, 3,
               "{'annotations':[{'type':'url_citation','url_citation':{'url':'u','title':'t','start_index':3,"
               "'end_index':4}}]}");
  expect_delta(&s, 4, "{'refusal':'no'}");
  assert_true(text_find(data_of(&s, 5), TEXT("\"finish_reason\":\"stop\"")) > 0);
  assert_int_equal(text_find(data_of(&s, 5), TEXT("stop_reason")), -1);
  sent_close(&s);
}

static void failures_are_told_as_the_vendor_does(void **state) {
  struct sent s;
  struct fault f = {0};
  sent_open(&s);
  (void)fault_set(&f, ERR_UPSTREAM_CUT, NULL, "it broke");
  (void)write(&s, &(struct llm_event){.kind = LLM_EVENT_PING}, NULL);
  assert_int_equal(s.out.len, 0);
  (void)write(&s, &(struct llm_event){.kind = LLM_EVENT_ERROR, .fault = &f}, NULL);
  struct text event = arena_copy(&s.arena, buf_text(&s.out));
  buf_reset(&s.out);
  dialect_openai_chat.write_failure(&s.writer, &s.echo, &f, TEXT("req_1"), &s.out);
  EXPECT_TEXT(buf_text(&s.out), event);
  expect_json(data_of(&s, 0),
              json_of(&s.arena, "{'error':{'message':'it broke','type':'server_error','param':null,'code':null}}").at);
  sent_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_stream_has_one_shape),
      cmocka_unit_test(usage_comes_only_when_asked_for),
      cmocka_unit_test(names_too_long_to_be_repeated_become_ours),
      cmocka_unit_test(calls_have_indexes_and_always_arguments),
      cmocka_unit_test(reasoning_is_told_in_details_and_as_text),
      cmocka_unit_test(what_is_known_late_of_a_thought_is_told_at_its_end),
      cmocka_unit_test(omitted_reasoning_keeps_its_proof),
      cmocka_unit_test(refusals_and_citations_have_their_members),
      cmocka_unit_test(failures_are_told_as_the_vendor_does),
  };
  return RUN_TESTS(tests);
}
