/* Settings written into Converse requests. */
#include "wire/converse_build.h"

#include "converse_test.h"

#define HI "'messages':[{'role':'user','content':[{'text':'hi'}]}]"

static struct llm_request plain(struct arena *a) { return ask_well(a, with_text(a, "")).rq; }

static void give_seed(struct llm_request *rq) { rq->seed = TEXT("1"); }
static void give_frequency(struct llm_request *rq) { rq->frequency_penalty = TEXT("1"); }
static void give_presence(struct llm_request *rq) { rq->presence_penalty = TEXT("1"); }
static void give_verbosity(struct llm_request *rq) { rq->verbosity = TEXT("low"); }
static void give_key(struct llm_request *rq) { rq->cache_key = TEXT("k"); }
static void give_retention(struct llm_request *rq) { rq->cache_retention = TEXT("24h"); }
static void give_store(struct llm_request *rq) { rq->store = LLM_YES; }
static void give_heat(struct llm_request *rq) { rq->temperature = TEXT("1.5"); }
static void give_json(struct llm_request *rq) { rq->output = LLM_OUTPUT_JSON; }
static void give_user(struct llm_request *rq) { rq->user_id = TEXT("{\"a\":1}"); }
static void give_tier(struct llm_request *rq) { rq->service_tier = TEXT("scale"); }
static void give_single(struct llm_request *rq) {
  rq->model = TEXT("openai.gpt-oss-120b-1:0");
  rq->parallel_tools = LLM_NO;
}
static void give_pair(struct llm_request *rq) {
  static struct llm_pair pair = {TEXT("k"), TEXT("\"")};
  rq->metadata = &pair;
  rq->metadata_count = 1;
}

static void what_has_no_counterpart_is_refused_under_the_callers_name(void **state) {
  const struct {
    void (*give)(struct llm_request *rq);
    const char *field;
  } rows[] = {{give_seed, "seed"},
              {give_frequency, "frequency_penalty"},
              {give_presence, "presence_penalty"},
              {give_verbosity, "verbosity"},
              {give_key, "prompt_cache_key"},
              {give_retention, "prompt_cache_retention"},
              {give_store, "store"},
              {give_heat, "inferenceConfig.temperature"},
              {give_json, "outputConfig.textFormat"},
              {give_user, "requestMetadata.user_id"},
              {give_pair, "requestMetadata"},
              {give_tier, "serviceTier.type"},
              {give_single, "toolConfig.toolChoice"}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    arena_init(&a);
    struct llm_request rq = plain(&a);
    rows[i].give(&rq);
    expect_refused(&a, &rq, ERR_UNSUPPORTED, rows[i].field);
    arena_done(&a);
  }
}

static void thinking_is_told_to_models_of_anthropic(void **state) {
  const struct {
    const char *model;
    enum llm_thinking thinking;
    const char *effort;
    const char *want;
  } rows[] = {
      {"claude-opus-5", LLM_THINKING_ADAPTIVE, "high",
       "{" HI ",'outputConfig':{'effort':'high'},'additionalModelRequestFields':{'thinking':{'type':'adaptive'}}}"},
      {"claude-opus-5", LLM_THINKING_NOT_GIVEN, "minimal", "{" HI ",'outputConfig':{'effort':'low'}}"},
      {"claude-opus-5", LLM_THINKING_OFF, "",
       "{" HI ",'additionalModelRequestFields':{'thinking':{'type':'disabled'}}}"},
      {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", LLM_THINKING_ADAPTIVE, "low",
       "{" HI ",'inferenceConfig':{'maxTokens':4096},'additionalModelRequestFields':{'thinking':{'type':'enabled',"
       "'budget_tokens':2048}}}"},
      {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", LLM_THINKING_ADAPTIVE, "xhigh",
       "{" HI ",'inferenceConfig':{'maxTokens':28672},'additionalModelRequestFields':{'thinking':{'type':'enabled',"
       "'budget_tokens':24576}}}"},
      {"openai.gpt-oss-120b-1:0", LLM_THINKING_ADAPTIVE, "high", "{" HI ",'outputConfig':{'effort':'high'}}"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    arena_init(&a);
    struct llm_request rq = plain(&a);
    rq.model = text_of(rows[i].model);
    rq.thinking = rows[i].thinking;
    rq.effort = text_of(rows[i].effort);
    expect_written(&a, &rq, rows[i].want);
    arena_done(&a);
  }
}

static void a_budget_without_room_is_refused(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = plain(&a);
  rq.thinking = LLM_THINKING_BUDGET;
  rq.thinking_budget = 2000;
  rq.max_tokens = 2000;
  expect_refused(&a, &rq, ERR_BAD_REQUEST, "inferenceConfig.maxTokens");
  rq.model = TEXT("amazon.nova-pro-v1:0");
  expect_refused(&a, &rq, ERR_UNSUPPORTED, "additionalModelRequestFields.thinking");
  arena_done(&a);
}

static void seventeen_pairs_are_too_many(void **state) {
  struct arena a;
  struct llm_pair pairs[17];
  arena_init(&a);
  struct llm_request rq = plain(&a);
  for (size_t i = 0; i < 17; i++)
    pairs[i] = (struct llm_pair){arena_format(&a, "k%zu", i), TEXT("v")};
  rq.metadata = pairs;
  rq.metadata_count = 17;
  expect_refused(&a, &rq, ERR_UNSUPPORTED, "requestMetadata");
  rq.metadata_count = 16;
  enum err err;
  struct fault f = {0};
  (void)written(&a, &rq, &err, &f);
  assert_int_equal(err, ERR_OK);
  arena_done(&a);
}

static void words_that_mean_nothing_are_not_written(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = plain(&a);
  rq.service_tier = TEXT("auto");
  rq.store = LLM_NO;
  rq.parallel_tools = LLM_YES;
  rq.wants_stream_usage = rq.wants_encrypted_reasoning = true;
  expect_written(&a, &rq, "{" HI "}");
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_has_no_counterpart_is_refused_under_the_callers_name),
      cmocka_unit_test(thinking_is_told_to_models_of_anthropic),
      cmocka_unit_test(a_budget_without_room_is_refused),
      cmocka_unit_test(seventeen_pairs_are_too_many),
      cmocka_unit_test(words_that_mean_nothing_are_not_written),
  };
  return RUN_TESTS(tests);
}
