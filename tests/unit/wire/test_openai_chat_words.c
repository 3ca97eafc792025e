/* What plain answers and streams of chat completions say alike. */
#include "wire/openai_chat_words.h"

#include "chat_test.h"

static void finish_reasons_map_both_ways(void **state) {
  const struct {
    enum llm_stop stop;
    bool refusal;
    const char *name;
    enum llm_stop back;
  } cases[] = {{LLM_STOP_END, false, "stop", LLM_STOP_END},
               {LLM_STOP_LENGTH, false, "length", LLM_STOP_LENGTH},
               {LLM_STOP_SEQUENCE, false, "stop", LLM_STOP_END},
               {LLM_STOP_TOOL_USE, false, "tool_calls", LLM_STOP_TOOL_USE},
               {LLM_STOP_REFUSAL, false, "content_filter", LLM_STOP_CONTENT_FILTER},
               {LLM_STOP_REFUSAL, true, "stop", LLM_STOP_END},
               {LLM_STOP_CONTENT_FILTER, false, "content_filter", LLM_STOP_CONTENT_FILTER},
               {LLM_STOP_CONTEXT_FULL, false, "length", LLM_STOP_LENGTH},
               {LLM_STOP_PAUSE, false, "stop", LLM_STOP_END}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    enum llm_stop back;
    const char *name = openai_chat_finish_name(cases[i].stop, cases[i].refusal);
    assert_string_equal(name, cases[i].name);
    assert_true(openai_chat_read_finish(text_of(name), &back));
    assert_int_equal(back, cases[i].back);
  }
  enum llm_stop stop = LLM_STOP_LENGTH;
  assert_false(openai_chat_read_finish(TEXT("because"), &stop));
  assert_int_equal(stop, LLM_STOP_END);
}

static void the_end_is_told_by_what_was_said(void **state) {
  assert_int_equal(openai_chat_stop(LLM_STOP_END, true, true), LLM_STOP_TOOL_USE);
  assert_int_equal(openai_chat_stop(LLM_STOP_END, false, true), LLM_STOP_REFUSAL);
  assert_int_equal(openai_chat_stop(LLM_STOP_END, false, false), LLM_STOP_END);
  assert_int_equal(openai_chat_stop(LLM_STOP_LENGTH, true, true), LLM_STOP_LENGTH);
}

static void characters_are_code_points(void **state) {
  assert_int_equal(openai_chat_characters(TEXT("")), 0);
  assert_int_equal(openai_chat_characters(TEXT("a\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x99\x82")), 4);
}

static void calls_without_an_id_get_one_of_their_own(void **state) {
  struct arena a;
  char one[OPENAI_CHAT_CALL_ID_BYTES], other[OPENAI_CHAT_CALL_ID_BYTES];
  arena_init(&a);
  yyjson_val *named = parsed(&a, TEXT("{\"id\":\"c\"}"))->root, *bare = parsed(&a, TEXT("{\"id\":null}"))->root;
  EXPECT_TEXT(openai_chat_call_id(named, 1, 0, one), TEXT("c"));
  struct text first = openai_chat_call_id(bare, UINT64_MAX, UINT32_MAX, one);
  EXPECT_TEXT(first, TEXT("call_ffffffffffffffff_4294967295"));
  assert_false(text_equal(openai_chat_call_id(bare, 7, 0, one), openai_chat_call_id(bare, 7, 1, other)));
  assert_false(text_equal(openai_chat_call_id(bare, 7, 0, one), openai_chat_call_id(bare, 8, 0, other)));
  arena_done(&a);
}

static void content_under_an_unknown_name_is_an_error(void **state) {
  const struct {
    const char *message;
    enum err want;
    size_t notes;
  } cases[] = {{"{'role':'assistant','content':'x','refusal':null,'tool_calls':[],'audio':null}", ERR_OK, 0},
               {"{'content':'x','function_call':null,'images':[],'zork':''}", ERR_OK, 0},
               {"{'content':'x','thinking_tokens':5,'cached':true}", ERR_OK, 1},
               {"{'content':'x','images':[1]}", ERR_UPSTREAM_PROTOCOL, 0},
               {"{'audio':{'id':'a'}}", ERR_UPSTREAM_PROTOCOL, 0},
               {"'text'", ERR_UPSTREAM_PROTOCOL, 0},
               {"null", ERR_OK, 0},
               {"{'thought':'hm'}", ERR_UPSTREAM_PROTOCOL, 0}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    struct llm_notes notes = {0};
    struct fault f = {0};
    arena_init(&a);
    enum err e = openai_chat_check_content(parsed(&a, json_of(&a, cases[i].message))->root, "message", &notes, &f);
    if (e != cases[i].want || notes.count != cases[i].notes)
      fail_msg("%s gave %s and %zu notes", cases[i].message, err_name(e), notes.count);
    arena_done(&a);
  }
}

static void members_beside_the_content_are_noted_once(void **state) {
  struct arena a;
  struct llm_notes notes = {0};
  arena_init(&a);
  yyjson_val *root =
      parsed(&a,
             json_of(&a, "{'provider':'p','system_fingerprint':null,'usage':{'cost':1},'choices':[{'logprobs':{}}]}"))
          ->root;
  for (int i = 0; i < 3; i++)
    openai_chat_note(&notes, root, yyjson_arr_get_first(json_get(root, "choices")));
  assert_int_equal(notes.count, 3);
  assert_string_equal(notes.at[0], "provider");
  assert_string_equal(notes.at[1], "choices[].logprobs");
  assert_string_equal(notes.at[2], "usage.cost");
  openai_chat_note(&notes, root, NULL);
  assert_int_equal(notes.count, 3);
  arena_done(&a);
}

static void citations_stand_in_the_whole_text(void **state) {
  struct arena a;
  struct buf out;
  struct json_writer w;
  struct llm_citation c;
  arena_init(&a);
  buf_init(&out, 4096);
  json_writer_init(&w, &out);
  json_array(&w);
  openai_chat_write_citation(&w, &(struct llm_citation){.url = TEXT("u"), .start = 2, .end = 5}, 10, 30);
  openai_chat_write_citation(&w, &(struct llm_citation){.url = TEXT("u"), .title = TEXT("t"), .cited_text = TEXT("q")},
                             10, 30);
  json_array_end(&w);
  expect_json(buf_text(&out),
              json_of(&a, "[{'type':'url_citation','url_citation':{'url':'u','title':'','start_index':12,"
                          "'end_index':15}},{'type':'url_citation','url_citation':{'url':'u','title':'t',"
                          "'start_index':10,'end_index':30,'content':'q'}}]")
                  .at);
  yyjson_val *list = parsed(&a, buf_text(&out))->root;
  assert_true(openai_chat_read_citation(yyjson_arr_get(list, 1), &c));
  EXPECT_TEXT(c.cited_text, TEXT("q"));
  assert_int_equal(c.end, 30);
  assert_false(openai_chat_read_citation(parsed(&a, TEXT("{\"type\":\"file\"}"))->root, &c));
  assert_false(
      openai_chat_read_citation(parsed(&a, TEXT("{\"type\":\"url_citation\",\"url_citation\":{}}"))->root, &c));
  buf_done(&out);
  arena_done(&a);
}

static void usage_counts_the_cache_as_prompt(void **state) {
  const struct usage u = {.input = 10,
                          .output = 20,
                          .cache_write_5m = 3,
                          .cache_write_1h = 4,
                          .cache_read = 5,
                          .reasoning = 6,
                          .known = true};
  struct arena a;
  struct buf out;
  struct json_writer w;
  arena_init(&a);
  buf_init(&out, 4096);
  json_writer_init(&w, &out);
  json_object(&w);
  openai_chat_write_usage(&w, &u);
  json_object_end(&w);
  expect_json(buf_text(&out), json_of(&a, "{'usage':{'prompt_tokens':22,'completion_tokens':20,'total_tokens':42,"
                                          "'prompt_tokens_details':{'cached_tokens':5,'cache_write_tokens':7},"
                                          "'completion_tokens_details':{'reasoning_tokens':6}}}")
                                  .at);
  buf_done(&out);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finish_reasons_map_both_ways),
      cmocka_unit_test(the_end_is_told_by_what_was_said),
      cmocka_unit_test(characters_are_code_points),
      cmocka_unit_test(calls_without_an_id_get_one_of_their_own),
      cmocka_unit_test(content_under_an_unknown_name_is_an_error),
      cmocka_unit_test(members_beside_the_content_are_noted_once),
      cmocka_unit_test(citations_stand_in_the_whole_text),
      cmocka_unit_test(usage_counts_the_cache_as_prompt),
  };
  return RUN_TESTS(tests);
}
