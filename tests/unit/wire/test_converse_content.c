/* Content blocks of Converse requests. */
#include "wire/converse_content.h"

#include "converse_test.h"

#include "wire/seal.h"

#define CALL                                                                                                           \
  "{'messages':[{'role':'assistant','content':[{'toolUse':{'toolUseId':'t1','name':'f','input':{}}}]},{'role':'user'," \
  "'content':["

static void marks_belong_to_what_stands_before_them(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q =
      ask_well(&a, with_block(&a, "{'text':'a'},{'cachePoint':{'type':'default'}},{'text':'b'},{'text':'c'},"
                                  "{'cachePoint':{'type':'default','ttl':'5m'}}"));
  const struct llm_message *m = &q.rq.messages[0];
  assert_int_equal(m->count, 3);
  assert_int_equal(m->blocks[0].cache, LLM_CACHE_DEFAULT);
  assert_int_equal(m->blocks[1].cache, LLM_CACHE_NONE);
  assert_int_equal(m->blocks[2].cache, LLM_CACHE_5M);
  assert_int_equal(m->blocks[1].place.at[1], 2);
  arena_done(&a);
}

static void calls_and_results_belong_together(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q =
      ask_well(&a, CALL "{'toolResult':{'toolUseId':'t1','content':[{'json':{'n': 1.50}},{'text':'x'},"
                        "{'searchResult':{'source':'s','title':'t','content':[]}}],'status':'error'}}]}]}");
  const struct llm_block *call = &q.rq.messages[0].blocks[0], *result = &q.rq.messages[1].blocks[0];
  assert_int_equal(call->kind, LLM_TOOL_USE);
  EXPECT_TEXT(call->input, TEXT("{}"));
  assert_int_equal(result->kind, LLM_TOOL_RESULT);
  assert_true(result->is_error);
  assert_int_equal(result->content_count, 3);
  EXPECT_TEXT(result->content[0].text, TEXT("{\"n\":1.50}"));
  assert_int_equal(result->content[2].kind, LLM_SEARCH_RESULT);
  arena_done(&a);
}

static void reasoning_is_read_with_its_proof(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q =
      ask_well(&a, "{'messages':[{'role':'assistant','content':[{'reasoningContent':{'reasoningText':{'text':'t',"
                   "'signature':'s'}}},{'reasoningContent':{'redactedContent':'QUJD'}},"
                   "{'reasoningContent':{'reasoningText':{'text':'bare'}}}]}]}");
  const struct llm_block *b = q.rq.messages[0].blocks;
  assert_int_equal(b[0].kind, LLM_THINKING);
  EXPECT_TEXT(b[0].signature, TEXT("s"));
  EXPECT_TEXT(b[0].format, TEXT(LLM_FORMAT_ANTHROPIC));
  assert_int_equal(b[1].kind, LLM_REDACTED_THINKING);
  EXPECT_TEXT(b[1].signature, TEXT("QUJD"));
  EXPECT_TEXT(b[2].format, TEXT(LLM_FORMAT_NONE));
  arena_done(&a);
}

static void sealed_reasoning_is_opened(void **state) {
  const struct llm_block foreign = {
      .kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_RESPONSES), .id = TEXT("rs_1"), .signature = TEXT("encrypted")};
  struct arena a;
  char coded[512];
  arena_init(&a);
  struct text seal = seal_make(&foreign, &a);
  struct text redacted = {coded, text_base64(seal.at, seal.len, coded)};
  struct asked q =
      ask_well(&a, arena_format(&a,
                                "{'messages':[{'role':'assistant','content':[{'reasoningContent':{'reasoningText':"
                                "{'text':'','signature':'%.*s'}}},{'reasoningContent':{'redactedContent':'%.*s'}}]}]}",
                                TEXT_ARGS(seal), TEXT_ARGS(redacted))
                       .at);
  for (size_t i = 0; i < 2; i++) {
    const struct llm_block *b = &q.rq.messages[0].blocks[i];
    EXPECT_TEXT(b->format, TEXT(LLM_FORMAT_RESPONSES));
    EXPECT_TEXT(b->id, TEXT("rs_1"));
    EXPECT_TEXT(b->signature, TEXT("encrypted"));
  }
  arena_done(&a);
}

static void citations_with_an_address_are_read(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q = ask_well(
      &a, with_block(&a, "{'citationsContent':{'content':[{'text':'a'},{'text':'b'}],'citations':[{'title':'t',"
                         "'sourceContent':[{'text':'q1'},{'text':'q2'}],'location':{'web':{'url':'https://e.org',"
                         "'domain':'e.org'}}},{'source':'https://f.org'}]}}"));
  const struct llm_block *b = &q.rq.messages[0].blocks[0];
  EXPECT_TEXT(b->text, TEXT("ab"));
  assert_int_equal(b->citation_count, 2);
  EXPECT_TEXT(b->citations[0].url, TEXT("https://e.org"));
  EXPECT_TEXT(b->citations[0].cited_text, TEXT("q1q2"));
  EXPECT_TEXT(b->citations[1].url, TEXT("https://f.org"));
  arena_done(&a);
}

static void wrong_blocks_are_named(void **state) {
  struct arena a;
  arena_init(&a);
  const struct trouble rows[] = {
      {with_block(&a, "7"), "messages[0].content[0]"},
      {with_block(&a, "{}"), "messages[0].content[0]"},
      {with_block(&a, "{'text':'a','image':{}}"), "messages[0].content[0]"},
      {with_block(&a, "{'cachePoint':{'type':'default'}}"), "messages[0].content[0].cachePoint"},
      {with_block(&a, "{'text':'a'},{'cachePoint':{'type':'x'}}"), "messages[0].content[1].cachePoint.type"},
      {with_block(&a, "{'text':'a'},{'cachePoint':{'type':'default','ttl':'2h'}}"),
       "messages[0].content[1].cachePoint.ttl"},
      {with_block(&a, "{'text':'a'},{'cachePoint':{'type':'default'}},{'cachePoint':{'type':'default'}}"),
       "messages[0].content[2].cachePoint"},
      {with_block(&a, "{'toolUse':{'toolUseId':'t','name':'f','input':{}}}"), "messages[0].content[0].toolUse"},
      {with_block(&a, "{'json':{}}"), "messages[0].content[0].json"},
      {with_block(&a, "{'reasoningContent':{'reasoningText':{'text':'t'}}}"),
       "messages[0].content[0].reasoningContent"},
      {with_block(&a, "{'toolResult':{'toolUseId':'t1','content':[]}}"), "messages[0].content[0].toolResult.toolUseId"},
      {CALL "{'toolResult':{'toolUseId':'t2','content':[]}}]}]}", "messages[1].content[0].toolResult.toolUseId"},
      {CALL "{'toolResult':{'toolUseId':'t1'}}]}]}", "messages[1].content[0].toolResult.content"},
      {CALL "{'toolResult':{'toolUseId':'t1','content':[{'text':1}]}}]}]}",
       "messages[1].content[0].toolResult.content[0].text"},
      {CALL "{'toolResult':{'toolUseId':'t1','content':[{'toolUse':{}}]}}]}]}",
       "messages[1].content[0].toolResult.content[0].toolUse"},
      {CALL "{'toolResult':{'toolUseId':'t1','content':[],'status':'fine'}}]}]}",
       "messages[1].content[0].toolResult.status"},
      {"{'messages':[{'role':'assistant','content':[{'toolUse':{'toolUseId':'t','name':'f','input':'{}'}}]}]}",
       "messages[0].content[0].toolUse.input"},
      {"{'messages':[{'role':'assistant','content':[{'toolUse':{'toolUseId':'t','name':'f'}}]}]}",
       "messages[0].content[0].toolUse.input"},
      {"{'messages':[{'role':'assistant','content':[{'toolResult':{'toolUseId':'t','content':[]}}]}]}",
       "messages[0].content[0].toolResult"},
      {"{'messages':[{'role':'assistant','content':[{'reasoningContent':{'reasoningText':{}}}]}]}",
       "messages[0].content[0].reasoningContent.reasoningText.text"},
      {"{'messages':[{'role':'assistant','content':[{'reasoningContent':{'redactedContent':'?'}}]}]}",
       "messages[0].content[0].reasoningContent.redactedContent"},
      {"{'messages':[{'role':'assistant','content':[{'reasoningContent':{'reasoningText':{'text':'','signature':'weir1."
       "!'}}}]}]}",
       "messages[0].content[0]"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_BAD_REQUEST);
  arena_done(&a);
}

static void blocks_of_bedrock_alone_are_refused(void **state) {
  struct arena a;
  arena_init(&a);
  const struct trouble rows[] = {
      {with_block(&a, "{'video':{}}"), "messages[0].content[0].video"},
      {with_block(&a, "{'guardContent':{'text':{'text':'x'}}}"), "messages[0].content[0].guardContent"},
      {with_block(&a, "{'toolAddition':{}}"), "messages[0].content[0].toolAddition"},
      {with_block(&a, "{'toolRemoval':{}}"), "messages[0].content[0].toolRemoval"},
      {with_block(&a, "{'hologram':{}}"), "messages[0].content[0].hologram"},
      {with_block(&a, "{'citationsContent':{'content':[],'citations':[{'title':'t'}]}}"),
       "messages[0].content[0].citationsContent.citations"},
      {with_block(&a, "{'citationsContent':{'content':[],'citations':[{'location':{'documentChar':{}}}]}}"),
       "messages[0].content[0].citationsContent.citations.location.documentChar"},
      {CALL "{'toolResult':{'toolUseId':'t1','content':[{'video':{}}]}}]}]}",
       "messages[1].content[0].toolResult.content[0].video"},
      {CALL "{'toolResult':{'toolUseId':'t1','content':[],'type':'x'}}]}]}", "messages[1].content[0].toolResult.type"},
      {"{'messages':[{'role':'assistant','content':[{'toolUse':{'toolUseId':'t','name':'f','input':{},'type':"
       "'server_tool_use'}}]}]}",
       "messages[0].content[0].toolUse.type"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_UNSUPPORTED);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(marks_belong_to_what_stands_before_them), cmocka_unit_test(calls_and_results_belong_together),
      cmocka_unit_test(reasoning_is_read_with_its_proof),        cmocka_unit_test(sealed_reasoning_is_opened),
      cmocka_unit_test(citations_with_an_address_are_read),      cmocka_unit_test(wrong_blocks_are_named),
      cmocka_unit_test(blocks_of_bedrock_alone_are_refused),
  };
  return RUN_TESTS(tests);
}
