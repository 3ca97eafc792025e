/* Converse requests read: the whole, roles, and what exists only at Bedrock. */
#include "wire/converse.h"

#include "converse_test.h"

#include "llm/tokens.h"

static void a_request_is_read_whole(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q =
      ask_well(&a, "{'system':[{'text':'be brief'},{'cachePoint':{'type':'default'}}],'messages':["
                   "{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'text':'yo'}]},"
                   "{'role':'system','content':[{'text':'later'}]},{'role':'user','content':[{'text':'end'}]}]}");
  const enum llm_role roles[] = {LLM_SYSTEM, LLM_USER, LLM_ASSISTANT, LLM_SYSTEM, LLM_USER};
  assert_int_equal(q.rq.message_count, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(q.rq.messages[i].role, roles[i]);
    assert_int_equal(q.rq.messages[i].count, 1);
  }
  EXPECT_TEXT(q.rq.messages[0].blocks[0].text, TEXT("be brief"));
  assert_int_equal(q.rq.messages[0].blocks[0].cache, LLM_CACHE_DEFAULT);
  assert_true(q.echo.include_usage);
  assert_false(q.echo.omit_thinking);
  assert_non_null(q.rq.names);
  arena_done(&a);
}

static void wrong_types_are_named(void **state) {
  const struct trouble rows[] = {
      {"[]", ""},
      {"{}", "messages"},
      {"{'messages':{}}", "messages"},
      {"{'messages':[]}", "messages"},
      {"{'messages':[7]}", "messages[0]"},
      {"{'messages':[{'content':[]}]}", "messages[0].role"},
      {"{'messages':[{'role':'tool','content':[]}]}", "messages[0].role"},
      {"{'messages':[{'role':'user'}]}", "messages[0].content"},
      {"{'messages':[{'role':'user','content':'hi'}]}", "messages[0].content"},
      {"{'messages':[{'role':'user','content':[{'text':7}]}]}", "messages[0].content[0].text"},
      {"{'system':'be brief','messages':[{'role':'user','content':[{'text':'hi'}]}]}", "system"},
      {"{'system':[{'cachePoint':{'type':'default'}}],'messages':[{'role':'user','content':[]}]}",
       "system[0].cachePoint"},
      {"{'system':[{'image':{}}],'messages':[{'role':'user','content':[]}]}", "system[0].image"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_BAD_REQUEST);
}

static void what_only_bedrock_has_is_refused_by_name(void **state) {
  struct arena a;
  arena_init(&a);
  const struct trouble rows[] = {
      {with_text(&a, "'guardrailConfig':{'guardrailIdentifier':'g','guardrailVersion':'1'}"), "guardrailConfig"},
      {with_text(&a, "'promptVariables':{'x':{'text':'y'}}"), "promptVariables"},
      {with_text(&a, "'additionalModelResponseFieldPaths':['/other']"), "additionalModelResponseFieldPaths"},
      {with_text(&a, "'performanceConfig':{'latency':'optimized'}"), "performanceConfig.latency"},
      {with_text(&a, "'modelId':'m'"), "modelId"},
      {with_text(&a, "'surprise':1"), "surprise"},
      {"{'system':[{'guardContent':{}}],'messages':[{'role':'user','content':[]}]}", "system[0].guardContent"},
      {"{'messages':[{'role':'user','content':[],'name':'x'}]}", "messages[0].name"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_UNSUPPORTED);
  arena_done(&a);
}

static void what_means_nothing_is_accepted(void **state) {
  struct arena a;
  arena_init(&a);
  (void)ask_well(&a,
                 with_text(&a, "'performanceConfig':{'latency':'standard'},'guardrailConfig':null,'promptVariables':{},"
                               "'additionalModelResponseFieldPaths':[],'system':[],'toolConfig':null"));
  arena_done(&a);
}

static void what_the_operator_allows_is_left_out_and_noted(void **state) {
  const struct text leave[] = {TEXT("guardrailConfig"), TEXT("video"), TEXT("anthropic_beta")};
  struct arena a;
  arena_init(&a);
  struct asked q =
      ask_leaving(&a,
                  "{'messages':[{'role':'user','content':[{'text':'hi'},{'video':{}},{'cachePoint':{'type':"
                  "'default'}}]}],'guardrailConfig':{'x':1},'additionalModelRequestFields':{'anthropic_beta':['b']}}",
                  leave, 3);
  assert_int_equal(q.err, ERR_OK);
  assert_int_equal(q.rq.left_out_count, 3);
  EXPECT_TEXT(q.rq.left_out[0], TEXT("messages[0].content[1].video"));
  assert_int_equal(q.rq.messages[0].count, 1);
  assert_int_equal(q.rq.messages[0].blocks[0].cache, LLM_CACHE_DEFAULT);
  arena_done(&a);
}

static void what_is_read_is_written_again(void **state) {
  expect_round_trip(
      "{'system':[{'text':'be "
      "brief'},{'cachePoint':{'type':'default','ttl':'1h'}}],'messages':[{'role':'user','content':["
      "{'text':'hi'},{'cachePoint':{'type':'default'}},{'image':{'format':'png','source':{'bytes':'AAAA'}}},"
      "{'document':{'format':'pdf','name':'a "
      "[1]','source':{'bytes':'AAAA'},'context':'c','citations':{'enabled':true}}},"
      "{'document':{'format':'txt','name':'b','source':{'text':'plain'}}},"
      "{'image':{'format':'gif','source':{'s3Location':{'uri':'s3://b/k','bucketOwner':'1'}}}},"
      "{'searchResult':{'source':'https://e.org','title':'t','content':[{'text':'x'}],'citations':{'enabled':true}}},"
      "{'audio':{'format':'wav','source':{'bytes':'AAAA'}}}]},"
      "{'role':'assistant','content':[{'reasoningContent':{'reasoningText':{'text':'hm','signature':'sig'}}},"
      "{'reasoningContent':{'redactedContent':'AAAA'}},{'citationsContent':{'content':[{'text':'said'}],'citations':[{'"
      "title':"
      "'t','sourceContent':[{'text':'quote'}],'location':{'web':{'url':'https://e.org'}}}]}},"
      "{'toolUse':{'toolUseId':'t1','name':'f','input':{'n':1.50}}}]},"
      "{'role':'user','content':[{'toolResult':{'toolUseId':'t1','content':[{'text':'r'},{'image':{'format':'jpeg','"
      "source':{"
      "'bytes':'AAAA'}}}],'status':'error'}},{'cachePoint':{'type':'default','ttl':'5m'}}]}],"
      "'inferenceConfig':{'maxTokens':9000,'temperature':0.50,'topP':0.9,'stopSequences':['a','b']},"
      "'toolConfig':{'tools':[{'toolSpec':{'name':'f','description':'d','inputSchema':{'json':{'type':'object'}},'"
      "strict':true"
      "}},{'cachePoint':{'type':'default'}}],'toolChoice':{'tool':{'name':'f'}}},"
      "'additionalModelRequestFields':{'top_k':5,'thinking':{'type':'enabled','budget_tokens':2000,'display':'"
      "summarized'}},"
      "'additionalModelResponseFieldPaths':['/stop_sequence','/delta/stop_sequence'],"
      "'requestMetadata':{'user_id':'u','team':'x'},'serviceTier':{'type':'priority'},"
      "'outputConfig':{'effort':'high','textFormat':{'type':'json_schema','structure':{'jsonSchema':{'schema':'{}','"
      "name':"
      "'n','description':'d'}}}}}");
}

static void requests_are_not_counted_too_low(void **state) {
  const char *const names[] = {"chat", "tools", "image", "image_small"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    struct arena a;
    uint64_t gpt = 0, claude = 0;
    arena_init(&a);
    struct json doc = {0}, body = {0};
    struct fault f = {0};
    struct llm_echo echo = {0};
    struct llm_request rq = {.arena = &a};
    const struct json_limits raw = {.raw_numbers = true};
    assert_int_equal(json_read(fixture(&a, arena_format(&a, "tokens/request_%s.json", names[i]).at), NULL, &doc, &f),
                     0);
    struct text request = json_value_text(json_get(doc.root, "request"), &a);
    assert_int_equal(json_read(request, &raw, &body, &f), ERR_OK);
    assert_int_equal(dialect_converse.read_request(&body, &rq, &echo, &f), ERR_OK);
    assert_true(json_get_u64(doc.root, "o200k", &gpt) && json_get_u64(doc.root, "claude", &claude));
    double truth = (double)(gpt > claude ? gpt : claude), estimate = (double)llm_tokens_estimate(&rq);
    if (estimate < 0.9 * truth || estimate > 1.7 * truth)
      fail_msg("%s: estimate %.0f, true count %.0f", names[i], estimate, truth);
    json_done(&body);
    json_done(&doc);
    arena_done(&a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_is_read_whole),
      cmocka_unit_test(wrong_types_are_named),
      cmocka_unit_test(what_only_bedrock_has_is_refused_by_name),
      cmocka_unit_test(what_means_nothing_is_accepted),
      cmocka_unit_test(what_the_operator_allows_is_left_out_and_noted),
      cmocka_unit_test(what_is_read_is_written_again),
      cmocka_unit_test(requests_are_not_counted_too_low),
  };
  return RUN_TESTS(tests);
}
