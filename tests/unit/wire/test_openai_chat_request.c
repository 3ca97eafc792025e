/* The settings of a chat completions request. */
#include "chat_test.h"

#define MESSAGES "'messages':[{'role':'user','content':'hi'}]"

static void every_setting_is_read(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads(&c, "{'model':'m',"
                 "'stream':true,'stream_options':{'include_usage':true,'include_obfuscation':false},"
                 "'max_tokens':9,'max_completion_tokens':9,'temperature':0.70,'top_p':1e-1,'top_k':40,"
                 "'frequency_penalty':-0.5,'presence_penalty':0.25,'seed':12345678901234567890,'stop':['a','b'],"
                 "'verbosity':'low','metadata':{'a':'b'},'user':'u','service_tier':'flex','store':true,"
                 "'prompt_cache_key':'k','prompt_cache_retention':'24h',"
                 "'prompt_cache_options':{'mode':'explicit','ttl':'12h'},"
                 "'parallel_tool_calls':false," MESSAGES "}");
  const struct llm_request *rq = &c.rq;
  EXPECT_TEXT(rq->model, TEXT("m"));
  assert_true(rq->stream && rq->wants_stream_usage && c.echo.include_usage && rq->cache_explicit);
  assert_int_equal(rq->max_tokens, 9);
  assert_string_equal(rq->names->max_tokens, "max_completion_tokens");
  EXPECT_TEXT(rq->temperature, TEXT("0.70"));
  EXPECT_TEXT(rq->top_p, TEXT("1e-1"));
  EXPECT_TEXT(rq->top_k, TEXT("40"));
  EXPECT_TEXT(rq->frequency_penalty, TEXT("-0.5"));
  EXPECT_TEXT(rq->presence_penalty, TEXT("0.25"));
  EXPECT_TEXT(rq->seed, TEXT("12345678901234567890"));
  assert_int_equal(rq->stop_count, 2);
  EXPECT_TEXT(rq->stop[1], TEXT("b"));
  EXPECT_TEXT(rq->verbosity, TEXT("low"));
  assert_int_equal(rq->metadata_count, 1);
  EXPECT_TEXT(rq->metadata[0].value, TEXT("b"));
  EXPECT_TEXT(rq->user_id, TEXT("u"));
  EXPECT_TEXT(rq->service_tier, TEXT("flex"));
  assert_int_equal(rq->store, LLM_YES);
  EXPECT_TEXT(rq->cache_key, TEXT("k"));
  EXPECT_TEXT(rq->cache_retention, TEXT("24h"));
  EXPECT_TEXT(rq->cache_options_ttl, TEXT("12h"));
  assert_int_equal(rq->parallel_tools, LLM_NO);
  EXPECT_TEXT(c.echo.model, TEXT("m"));
  chat_close(&c);
}

static void the_echo_does_not_lean_on_the_body(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads(&c, "{'model':'m'," MESSAGES "}");
  assert_true(c.echo.model.at != c.rq.model.at);
  assert_false(c.echo.include_usage || c.echo.omit_thinking);
  chat_close(&c);
}

static void defaults_and_null_change_nothing(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads(&c, "{'model':'m','n':1,'logprobs':false,'top_logprobs':0,'logit_bias':{},'modalities':['text'],"
                 "'frequency_penalty':0,'presence_penalty':-0.0e3,'service_tier':'auto','stop':null,'tools':null,"
                 "'audio':null,'functions':null,'reasoning_effort':null,'response_format':null,'zork':null,"
                 "'prompt_cache_retention':'in_memory','prompt_cache_options':{'mode':'implicit','ttl':'30m'}," MESSAGES
                 "}");
  assert_true(text_is_empty(c.rq.frequency_penalty) && text_is_empty(c.rq.presence_penalty));
  assert_true(text_is_empty(c.rq.service_tier) && text_is_empty(c.rq.cache_retention));
  assert_true(text_is_empty(c.rq.cache_options_ttl) && !c.rq.cache_explicit);
  assert_int_equal(c.rq.thinking, LLM_THINKING_NOT_GIVEN);
  chat_close(&c);
}

static void how_to_reason_is_said_in_several_ways(void **state) {
  const struct {
    const char *member;
    enum llm_thinking thinking;
    uint64_t budget;
    const char *effort;
    bool omitted;
    const char *name;
  } cases[] = {{"'reasoning_effort':'high'", LLM_THINKING_ADAPTIVE, 0, "high", false, "reasoning_effort"},
               {"'reasoning_effort':'none'", LLM_THINKING_OFF, 0, "", false, "reasoning_effort"},
               {"'reasoning':{'effort':'max'}", LLM_THINKING_ADAPTIVE, 0, "max", false, "reasoning.effort"},
               {"'reasoning':{'effort':'none','exclude':true}", LLM_THINKING_OFF, 0, "", true, "reasoning.effort"},
               {"'reasoning':{'max_tokens':2000}", LLM_THINKING_BUDGET, 2000, "", false, "reasoning.max_tokens"},
               {"'reasoning':{'enabled':true}", LLM_THINKING_ADAPTIVE, 0, "", false, "reasoning.enabled"},
               {"'reasoning':{'enabled':false}", LLM_THINKING_OFF, 0, "", false, "reasoning.enabled"},
               {"'reasoning':{'effort':'low'},'reasoning_effort':'high'", LLM_THINKING_ADAPTIVE, 0, "low", false,
                "reasoning.effort"},
               {"'reasoning_effort':'high','reasoning':{'max_tokens':3000}", LLM_THINKING_BUDGET, 3000, "", false,
                "reasoning.max_tokens"},
               {"'reasoning_effort':'high','reasoning':{'exclude':true}", LLM_THINKING_ADAPTIVE, 0, "high", true,
                "reasoning_effort"},
               {"'include_reasoning':false", LLM_THINKING_NOT_GIVEN, 0, "", true, "reasoning_effort"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    chat_open(&c);
    chat_reads(&c, arena_format(&c.arena, "{'model':'m',%s," MESSAGES "}", cases[i].member).at);
    if (c.rq.thinking != cases[i].thinking || c.rq.thinking_budget != cases[i].budget)
      fail_msg("%s: %d %llu", cases[i].member, (int)c.rq.thinking, (unsigned long long)c.rq.thinking_budget);
    EXPECT_TEXT(c.rq.effort, text_of(cases[i].effort));
    assert_int_equal(c.echo.omit_thinking, cases[i].omitted);
    assert_int_equal(c.rq.display, cases[i].omitted ? LLM_DISPLAY_OMITTED : LLM_DISPLAY_NOT_GIVEN);
    assert_string_equal(c.rq.names->thinking, cases[i].name);
    chat_close(&c);
  }
}

static void formats_of_the_answer_are_read(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads(&c, "{'model':'m','response_format':{'type':'json_object'}," MESSAGES "}");
  assert_int_equal(c.rq.output, LLM_OUTPUT_JSON);
  chat_reads(&c, "{'model':'m','response_format':{'type':'json_schema','json_schema':{'name':'n','description':'d',"
                 "'schema':{'a':1.0},'strict':true}}," MESSAGES "}");
  assert_int_equal(c.rq.output, LLM_OUTPUT_SCHEMA);
  EXPECT_TEXT(c.rq.output_name, TEXT("n"));
  EXPECT_TEXT(c.rq.output_description, TEXT("d"));
  EXPECT_TEXT(c.rq.output_schema, TEXT("{\"a\":1.0}"));
  assert_int_equal(c.rq.output_strict, LLM_YES);
  chat_close(&c);
}

static void one_user_has_two_names(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads(&c, "{'model':'m','safety_identifier':'u','user':'u'," MESSAGES "}");
  EXPECT_TEXT(c.rq.user_id, TEXT("u"));
  assert_string_equal(c.rq.names->user_id, "safety_identifier");
  chat_close(&c);
  chat_fails("{'model':'m','safety_identifier':'u','user':'v'," MESSAGES "}", ERR_UNSUPPORTED, "user");
}

static void two_limits_are_not_one(void **state) {
  chat_fails("{'model':'m','max_tokens':5,'max_completion_tokens':9," MESSAGES "}", ERR_UNSUPPORTED, "max_tokens");
  struct chat c;
  chat_open(&c);
  chat_reads(&c, "{'model':'m','max_tokens':5," MESSAGES "}");
  assert_int_equal(c.rq.max_tokens, 5);
  assert_string_equal(c.rq.names->max_tokens, "max_tokens");
  chat_close(&c);
}

static void wrong_types_are_named(void **state) {
  const struct {
    const char *member, *place;
  } cases[] = {
      {"'stream':1", "stream"},
      {"'stream_options':[]", "stream_options"},
      {"'stream_options':{'include_usage':1}", "stream_options.include_usage"},
      {"'max_tokens':0", "max_tokens"},
      {"'max_completion_tokens':'5'", "max_completion_tokens"},
      {"'temperature':'hot'", "temperature"},
      {"'top_p':true", "top_p"},
      {"'seed':'1'", "seed"},
      {"'stop':1", "stop"},
      {"'stop':['a',1]", "stop"},
      {"'stop':''", "stop"},
      {"'reasoning_effort':'most'", "reasoning_effort"},
      {"'reasoning_effort':1", "reasoning_effort"},
      {"'reasoning':'high'", "reasoning"},
      {"'reasoning':{'effort':'low','max_tokens':5}", "reasoning"},
      {"'reasoning':{'effort':'most'}", "reasoning.effort"},
      {"'reasoning':{'max_tokens':0}", "reasoning.max_tokens"},
      {"'verbosity':1", "verbosity"},
      {"'response_format':'json'", "response_format"},
      {"'response_format':{'type':'json_schema'}", "response_format.json_schema.schema"},
      {"'response_format':{'type':'json_schema','json_schema':{'schema':'x'}}", "response_format.json_schema.schema"},
      {"'metadata':[]", "metadata"},
      {"'metadata':{'a':1}", "metadata.a"},
      {"'user':5", "user"},
      {"'n':0", "n"},
      {"'logprobs':1", "logprobs"},
      {"'top_logprobs':'x'", "top_logprobs"},
      {"'logit_bias':[]", "logit_bias"},
      {"'modalities':'text'", "modalities"},
      {"'frequency_penalty':'x'", "frequency_penalty"},
      {"'service_tier':''", "service_tier"},
      {"'store':'yes'", "store"},
      {"'prompt_cache_key':1", "prompt_cache_key"},
      {"'prompt_cache_options':{'mode':'maybe'}", "prompt_cache_options.mode"},
      {"'prompt_cache_options':{'ttl':'1h'}", "prompt_cache_options.ttl"},
      {"'usage':{'include':'x'}", "usage.include"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    chat_open(&c);
    chat_fails(arena_format(&c.arena, "{'model':'m',%s," MESSAGES "}", cases[i].member).at, ERR_BAD_REQUEST,
               cases[i].place);
    chat_close(&c);
  }
  chat_fails("{'model':''," MESSAGES "}", ERR_BAD_REQUEST, "model");
  chat_fails("{" MESSAGES "}", ERR_BAD_REQUEST, "model");
  chat_fails("[]", ERR_BAD_REQUEST, "");
}

static void what_has_no_counterpart_is_refused_by_name(void **state) {
  const struct {
    const char *member, *place;
  } cases[] = {{"'n':2", "n"},
               {"'logprobs':true", "logprobs"},
               {"'top_logprobs':2", "top_logprobs"},
               {"'logit_bias':{'1':2}", "logit_bias"},
               {"'modalities':['audio']", "modalities"},
               {"'audio':{}", "audio"},
               {"'moderation':{}", "moderation"},
               {"'prediction':{}", "prediction"},
               {"'web_search_options':{}", "web_search_options"},
               {"'functions':[]", "functions"},
               {"'function_call':'auto'", "function_call"},
               {"'response_format':{'type':'grammar'}", "response_format.type"},
               {"'provider':{}", "provider"},
               {"'cache_control':{}", "cache_control"},
               {"'stream_options':{'zork':1}", "stream_options.zork"},
               {"'reasoning':{'zork':1}", "reasoning.zork"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    chat_open(&c);
    chat_fails(arena_format(&c.arena, "{'model':'m',%s," MESSAGES "}", cases[i].member).at, ERR_UNSUPPORTED,
               cases[i].place);
    chat_close(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_setting_is_read),
      cmocka_unit_test(the_echo_does_not_lean_on_the_body),
      cmocka_unit_test(defaults_and_null_change_nothing),
      cmocka_unit_test(how_to_reason_is_said_in_several_ways),
      cmocka_unit_test(formats_of_the_answer_are_read),
      cmocka_unit_test(one_user_has_two_names),
      cmocka_unit_test(two_limits_are_not_one),
      cmocka_unit_test(wrong_types_are_named),
      cmocka_unit_test(what_has_no_counterpart_is_refused_by_name),
  };
  return RUN_TESTS(tests);
}
