/* What each dialect reports about a call, streamed and plain, passed on and translated. */
#include "wire/facts.h"

#include "wire_test.h"

#include "wire/dialect.h"

#define ANTHROPIC_USAGE                                                                                                \
  "\"usage\":{\"input_tokens\":3,\"output_tokens\":1,\"service_tier\":\"priority\",\"inference_geo\":\"eu\","          \
  "\"speed\":null,\"server_tool_use\":{\"web_search_requests\":2,\"web_fetch_requests\":0}}"
#define ANTHROPIC_FACTS                                                                                                \
  "{\"service_tier\":\"priority\",\"inference_geo\":\"eu\",\"server_tool_use\":{\"web_search_requests\":2}}"
#define OPENAI_HEAD "\"id\":\"gen-1\",\"model\":\"m\",\"created\":1,"
#define BROKER      OPENAI_HEAD "\"provider\":\"Groq\",\"service_tier\":null,\"system_fingerprint\":\"fp_1\","
#define BROKER_FACTS                                                                                                   \
  "{\"system_fingerprint\":\"fp_1\",\"provider\":\"Groq\",\"generation_id\":\"gen-1\",\"native_finish_reason\":"       \
  "\"stop\"}"
#define CONVERSE_META                                                                                                  \
  "\"usage\":{\"inputTokens\":1,\"outputTokens\":1,\"totalTokens\":2},\"metrics\":{\"latencyMs\":321},"                \
  "\"performanceConfig\":{\"latency\":\"optimized\"},\"serviceTier\":{\"type\":\"flex\"}"
#define CONVERSE_FACTS "{\"service_tier\":\"flex\",\"performance\":\"optimized\",\"latency_ms\":321}"

static const struct plain {
  const struct wire *wire;
  const char *body, *facts;
} plain[] = {
    {&wire_anthropic,
     "{\"type\":\"message\",\"id\":\"m\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[{\"type\":\"text\","
     "\"text\":"
     "\"a\"}],\"stop_reason\":\"end_turn\"," ANTHROPIC_USAGE "}",
     ANTHROPIC_FACTS},
    {&wire_openai_chat,
     "{" BROKER "\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"native_finish_reason\":\"stop\",\"message\":"
     "{\"role\":\"assistant\",\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}",
     BROKER_FACTS},
    {&wire_openai_chat,
     "{" OPENAI_HEAD "\"service_tier\":\"default\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":"
     "{\"role\":\"assistant\",\"content\":\"a\"}}]}",
     "{\"service_tier\":\"default\"}"},
    {&wire_openai_chat,
     "{" OPENAI_HEAD "\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\","
     "\"content\":\"a\"}}]}",
     ""},
    {&wire_openai_responses,
     "{\"id\":\"r\",\"object\":\"response\",\"model\":\"m\",\"status\":\"completed\",\"service_tier\":\"flex\","
     "\"output\":"
     "[{\"type\":\"message\",\"id\":\"x\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":"
     "\"output_text\",\"text\":\"a\",\"annotations\":[]}]}]}",
     "{\"service_tier\":\"flex\"}"},
    {&wire_bedrock_converse,
     "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"a\"}]}},\"stopReason\":\"end_"
     "turn\"," CONVERSE_META "}",
     CONVERSE_FACTS},
};

static const struct streamed {
  const struct wire *wire;
  const char *events[8][2];
  const char *facts;
} streamed[] = {
    {&wire_anthropic,
     {{"message_start",
       "{\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"id\":\"m\",\"role\":\"assistant\","
       "\"model\":\"c\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":3,"
       "\"output_tokens\":1,\"service_tier\":\"standard\"}}}"},
      {"message_delta", "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}," ANTHROPIC_USAGE "}"},
      {"message_stop", "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{\"invocationLatency\":80,"
                       "\"firstByteLatency\":20}}"}},
     "{\"service_tier\":\"priority\",\"inference_geo\":\"eu\",\"server_tool_use\":{\"web_search_requests\":2},"
     "\"latency_ms\":80,\"first_byte_ms\":20}"},
    {&wire_openai_chat,
     {{"", "{" BROKER "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"}}]}"},
      {"", "{" BROKER "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}"},
      {"", "{" BROKER "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\",\"native_finish_reason\":"
           "\"stop\"}]}"},
      {"", "[DONE]"}},
     BROKER_FACTS},
    {&wire_openai_responses,
     {{"response.created",
       "{\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"model\":\"m\","
       "\"status\":\"in_progress\",\"service_tier\":\"auto\",\"output\":[]}}"},
      {"response.completed",
       "{\"type\":\"response.completed\",\"sequence_number\":1,\"response\":{\"id\":\"r\",\"model\":"
       "\"m\",\"status\":\"completed\",\"service_tier\":\"priority\",\"output\":[]}}"}},
     "{\"service_tier\":\"priority\"}"},
    {&wire_bedrock_converse,
     {{"messageStart", "{\"role\":\"assistant\"}"},
      {"contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}"},
      {"contentBlockStop", "{\"contentBlockIndex\":0}"},
      {"messageStop", "{\"stopReason\":\"end_turn\"}"},
      {"metadata", "{" CONVERSE_META "}"}},
     CONVERSE_FACTS},
};

/* Members may stand in another order than they were written down here. */
static void expect_facts(struct text got, const char *want) {
  struct json a, b;
  if (!want[0] || !got.len) {
    EXPECT_TEXT(got, text_of(want));
    return;
  }
  assert_int_equal(json_read(got, NULL, &a, NULL), ERR_OK);
  assert_int_equal(json_read(text_of(want), NULL, &b, NULL), ERR_OK);
  if (!yyjson_equals(a.root, b.root))
    fail_msg("%.*s instead of %s", TEXT_ARGS(got), want);
  json_done(&a);
  json_done(&b);
}

static void plain_answers_report_them(void **state) {
  for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct wire_tap tap = {.wire = plain[i].wire, .arena = &a, .facts = {.arena = &a}};
    struct fault f = {0};
    assert_int_equal(tap.wire->tap_plain(&tap, text_of(plain[i].body), &f), ERR_OK);
    expect_facts(llm_facts_object(&tap.facts), plain[i].facts);
    arena_done(&a);
  }
}

/* Numbers are read with their own digits there. */
static void a_translated_answer_reports_the_same(void **state) {
  const struct json_limits limits = {.lenient = true, .raw_numbers = true};
  for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
    struct arena a;
    struct json doc;
    arena_init(&a);
    struct llm_facts facts = {.arena = &a};
    assert_int_equal(json_read(text_of(plain[i].body), &limits, &doc, NULL), ERR_OK);
    plain[i].wire->facts(doc.root, &facts);
    expect_facts(llm_facts_object(&facts), plain[i].facts);
    json_done(&doc);
    arena_done(&a);
  }
}

static void streams_report_them(void **state) {
  for (size_t i = 0; i < sizeof(streamed) / sizeof(streamed[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct wire_tap tap = {.wire = streamed[i].wire, .arena = &a, .facts = {.arena = &a}};
    struct fault f = {0};
    enum wire_verdict verdict;
    for (size_t n = 0; n < 8 && streamed[i].events[n][1]; n++)
      assert_int_equal(
          tap.wire->tap_event(&tap, text_of(streamed[i].events[n][0]), text_of(streamed[i].events[n][1]), &verdict, &f),
          ERR_OK);
    expect_facts(llm_facts_object(&tap.facts), streamed[i].facts);
    arena_done(&a);
  }
}

static enum err swallow(void *ctx, const struct llm_event *e, struct fault *f) { return ERR_OK; }

static void a_translated_stream_reports_the_same(void **state) {
  struct llm_sink sink = {.take = swallow};
  for (size_t i = 0; i < sizeof(streamed) / sizeof(streamed[0]); i++) {
    const struct dialect *d = streamed[i].wire->dialect;
    struct arena a;
    arena_init(&a);
    struct llm_notes notes = {.facts = {.arena = &a}};
    struct fault f = {0};
    void *reader = calloc(1, d->reader_bytes);
    assert_non_null(reader);
    for (size_t n = 0; n < 8 && streamed[i].events[n][1]; n++) {
      enum err e = d->read_event(reader, text_of(streamed[i].events[n][0]), text_of(streamed[i].events[n][1]), &sink,
                                 &notes, &f);
      if (e != ERR_OK)
        fail_msg("%s event %zu: %s", streamed[i].wire->name, n, fault_text(&f));
    }
    expect_facts(llm_facts_object(&notes.facts), streamed[i].facts);
    free(reader);
    arena_done(&a);
  }
}

static void without_a_place_nothing_is_kept(void **state) {
  struct arena a;
  arena_init(&a);
  struct wire_tap tap = {.wire = plain[0].wire, .arena = &a};
  struct fault f = {0};
  assert_int_equal(tap.wire->tap_plain(&tap, text_of(plain[0].body), &f), ERR_OK);
  assert_null(tap.facts.room);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_answers_report_them),
      cmocka_unit_test(a_translated_answer_reports_the_same),
      cmocka_unit_test(streams_report_them),
      cmocka_unit_test(a_translated_stream_reports_the_same),
      cmocka_unit_test(without_a_place_nothing_is_kept),
  };
  return RUN_TESTS(tests);
}
