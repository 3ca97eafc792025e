/* Plain chat completions answers, read and written. */
#include "chat_test.h"

static const struct llm_echo echo = {.model = {"asked", 5}, .now_s = 1234, .id = {"id1", 3}};

HELPER enum err read_answer(struct chat *c, const char *body, struct llm_answer *out) {
  return dialect_openai_chat.read_answer(parsed(&c->arena, json_of(&c->arena, body)), &c->arena, out, &c->f);
}

HELPER void reads_message(struct chat *c, const char *message, struct llm_answer *out) {
  const char *body =
      arena_format(&c->arena, "{'id':'i','model':'m','created':7,'choices':[{'message':%s,'finish_reason':'stop'}]}",
                   message)
          .at;
  enum err e = read_answer(c, body, out);
  if (e != ERR_OK)
    fail_msg("%s: %s", message, fault_text(&c->f));
}

HELPER struct text written(struct chat *c, const struct llm_answer *answer, const struct llm_echo *to) {
  struct buf out;
  buf_init(&out, 1 << 16);
  dialect_openai_chat.write_answer(answer, to, &out);
  assert_int_equal(buf_check(&out), ERR_OK);
  struct text t = arena_copy(&c->arena, buf_text(&out));
  buf_done(&out);
  return t;
}

/* What the dialect says itself comes out as it went in. */
static void what_is_read_is_written(void **state) {
  static const char *const bodies[] = {
      "{'id':'i','object':'chat.completion','created':7,'model':'m','choices':[{'index':0,'message':{'role':"
      "'assistant','content':'text','refusal':null},'logprobs':null,'finish_reason':'length'}],'usage':{"
      "'prompt_tokens':9,'completion_tokens':4,'total_tokens':13,'prompt_tokens_details':{'cached_tokens':2,"
      "'cache_write_tokens':1},'completion_tokens_details':{'reasoning_tokens':3}},'service_tier':'flex'}",
      "{'id':'i','object':'chat.completion','created':7,'model':'m','choices':[{'index':0,'message':{'role':"
      "'assistant','content':null,'refusal':null,'tool_calls':[{'id':'c1','type':'function','function':{'name':'f',"
      "'arguments':'{\\'a\\':1.50}'}},{'id':'c2','type':'custom','custom':{'name':'p','input':'x'}}]},'logprobs':null,"
      "'finish_reason':'tool_calls'}]}",
      "{'id':'i','object':'chat.completion','created':7,'model':'m','choices':[{'index':0,'message':{'role':"
      "'assistant','content':null,'refusal':'no'},'logprobs':null,'finish_reason':'stop'}]}",
      "{'id':'i','object':'chat.completion','created':7,'model':'m','choices':[{'index':0,'message':{'role':"
      "'assistant','content':'text','refusal':null,'reasoning':'ab','reasoning_content':'ab','reasoning_details':[{"
      "'type':'reasoning.text','text':'ab','signature':'s','format':'anthropic-claude-v1','index':0},{'type':"
      "'reasoning.encrypted','data':'d','format':'anthropic-claude-v1','index':1}],'annotations':[{'type':"
      "'url_citation','url_citation':{'url':'https://a','title':'b','start_index':1,'end_index':2}}]},'logprobs':null,"
      "'finish_reason':'stop','stop_reason':'END'}]}"};
  for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
    struct chat c;
    struct llm_answer answer;
    chat_open(&c);
    assert_int_equal(read_answer(&c, bodies[i], &answer), ERR_OK);
    assert_int_equal(answer.notes.count, 0);
    expect_json(written(&c, &answer, &echo), json_of(&c.arena, bodies[i]).at);
    chat_close(&c);
  }
}

static void what_the_provider_does_not_say_is_filled(void **state) {
  struct llm_block text = {.kind = LLM_TEXT, .text = TEXT("t")};
  const struct llm_answer answer = {.blocks = &text, .block_count = 1};
  struct chat c;
  chat_open(&c);
  expect_json(written(&c, &answer, &echo),
              json_of(&c.arena, "{'id':'chatcmpl-id1','object':'chat.completion','created':1234,'model':'asked',"
                                "'choices':[{'index':0,'message':{'role':'assistant','content':'t','refusal':null},"
                                "'logprobs':null,'finish_reason':'stop'}]}")
                  .at);
  chat_close(&c);
}

static void texts_are_joined_and_citations_moved(void **state) {
  struct llm_citation cited[] = {{.url = TEXT("https://a"), .title = TEXT("b")}};
  struct llm_block blocks[] = {{.kind = LLM_TEXT, .text = TEXT("\xc3\xa9\xc3\xa9")},
                               {.kind = LLM_TEXT, .text = TEXT("three"), .citations = cited, .citation_count = 1}};
  const struct llm_answer answer = {.blocks = blocks, .block_count = 2};
  struct chat c;
  chat_open(&c);
  yyjson_val *root = parsed(&c.arena, written(&c, &answer, &echo))->root;
  yyjson_val *message = json_get(yyjson_arr_get_first(json_get(root, "choices")), "message");
  EXPECT_TEXT(json_text(json_get(message, "content")), TEXT("\xc3\xa9\xc3\xa9three"));
  yyjson_val *citation = json_get(yyjson_arr_get_first(json_get(message, "annotations")), "url_citation");
  EXPECT_TEXT(json_number(json_get(citation, "start_index")), TEXT("2"));
  EXPECT_TEXT(json_number(json_get(citation, "end_index")), TEXT("7"));
  chat_close(&c);
}

static void omitted_reasoning_keeps_its_proof(void **state) {
  struct llm_block blocks[] = {
      {.kind = LLM_THINKING, .text = TEXT("secret"), .signature = TEXT("s"), .format = TEXT(LLM_FORMAT_ANTHROPIC)},
      {.kind = LLM_TEXT, .text = TEXT("t")}};
  const struct llm_answer answer = {.blocks = blocks, .block_count = 2};
  struct llm_echo omits = echo;
  struct chat c;
  chat_open(&c);
  omits.omit_thinking = true;
  struct text body = written(&c, &answer, &omits);
  assert_int_equal(text_find(body, TEXT("secret")), -1);
  assert_int_equal(text_find(body, TEXT("reasoning_content")), -1);
  assert_true(text_find(body, TEXT("\"signature\":\"s\"")) > 0);
  chat_close(&c);
}

static void servers_answer_in_their_own_ways(void **state) {
  const struct {
    const char *message;
    size_t blocks;
    enum llm_kind first;
  } cases[] = {
      {"{'content':null}", 0, LLM_TEXT},
      {"{'content':''}", 0, LLM_TEXT},
      {"{'content':[{'type':'text','text':'a'},{'type':'refusal','refusal':'b'}]}", 2, LLM_TEXT},
      {"{'reasoning_content':'a','content':'b'}", 2, LLM_THINKING},
      {"{'reasoning':'a','content':'b'}", 2, LLM_THINKING},
      {"{'content':null,'tool_calls':[{'function':{'name':'f','arguments':''}}]}", 1, LLM_TOOL_USE},
      {"{'content':null,'annotations':[{'type':'url_citation','url_citation':{'url':'https://a'}}]}", 1, LLM_TEXT}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    struct llm_answer answer;
    chat_open(&c);
    reads_message(&c, cases[i].message, &answer);
    if (answer.block_count != cases[i].blocks)
      fail_msg("%s gave %zu blocks", cases[i].message, answer.block_count);
    if (answer.block_count > 0)
      assert_int_equal(answer.blocks[0].kind, cases[i].first);
    chat_close(&c);
  }
}

static void stop_after_calls_means_calls(void **state) {
  struct chat c;
  struct llm_answer answer;
  chat_open(&c);
  reads_message(&c, "{'content':null,'tool_calls':[{'function':{'name':'f'}},{'function':{'name':'g'}}]}", &answer);
  assert_int_equal(answer.stop, LLM_STOP_TOOL_USE);
  EXPECT_TEXT(answer.blocks[0].input, TEXT("{}"));
  assert_true(text_starts(answer.blocks[0].id, TEXT("call_")));
  assert_false(text_equal(answer.blocks[0].id, answer.blocks[1].id));
  chat_close(&c);
}

static void half_a_call_is_noted_when_the_limit_was_reached(void **state) {
  struct chat c;
  struct llm_answer answer;
  chat_open(&c);
  assert_int_equal(read_answer(&c,
                               "{'choices':[{'message':{'tool_calls':[{'id':'c','function':{'name':'f','arguments':"
                               "'{\\'a\\':'}}]},'finish_reason':'length'}]}",
                               &answer),
                   ERR_OK);
  assert_int_equal(answer.stop, LLM_STOP_LENGTH);
  EXPECT_TEXT(answer.blocks[0].input, TEXT("{}"));
  assert_int_equal(answer.notes.count, 1);
  chat_close(&c);
}

static void what_cannot_be_understood_is_an_error(void **state) {
  static const char *const bad[] = {
      "{}",
      "{'choices':[]}",
      "{'choices':null}",
      "{'choices':[{}]}",
      "{'choices':[{'message':'x'}]}",
      "{'choices':[{'message':{'content':'a'}},{'message':{'content':'b'}}]}",
      "{'error':{'message':'no'}}",
      "{'error':{'message':'no','code':500},'choices':[{'message':{'content':'a'}}]}",
      "{'choices':[{'message':{'content':5}}]}",
      "{'choices':[{'message':{'content':[{'type':'image','x':1}]}}]}",
      "{'choices':[{'message':{'content':'a','audio':{'id':'x'}}}]}",
      "{'choices':[{'message':{'content':'a','images':[{}]}}]}",
      "{'choices':[{'message':{'content':'a','function_call':{'name':'f'}}}]}",
      "{'choices':[{'message':{'reasoning_details':[{'type':'new'}]}}]}",
      "{'choices':[{'message':{'tool_calls':[{'function':{}}]}}]}",
      "{'choices':[{'message':{'tool_calls':[{'function':{'name':'f','arguments':'{'}}]}}]}",
      "{'choices':[{'message':{'tool_calls':[{'function':{'name':'f','arguments':'[]'}}]}}]}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct chat c;
    struct llm_answer answer;
    chat_open(&c);
    if (read_answer(&c, bad[i], &answer) != ERR_UPSTREAM_PROTOCOL || c.f.text[0] == 0)
      fail_msg("%s passed", bad[i]);
    chat_close(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_read_is_written),
      cmocka_unit_test(what_the_provider_does_not_say_is_filled),
      cmocka_unit_test(texts_are_joined_and_citations_moved),
      cmocka_unit_test(omitted_reasoning_keeps_its_proof),
      cmocka_unit_test(servers_answer_in_their_own_ways),
      cmocka_unit_test(stop_after_calls_means_calls),
      cmocka_unit_test(half_a_call_is_noted_when_the_limit_was_reached),
      cmocka_unit_test(what_cannot_be_understood_is_an_error),
  };
  return RUN_TESTS(tests);
}
