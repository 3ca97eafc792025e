/* The object of facts: whole in any order of reports, never torn, never past its bound, and free where there is none.
 */
#include "llm/facts.h"

#include "../base/expect.h"
#include "base/json.h"

static void nothing_reported_is_nothing_kept(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_facts f = {.arena = &a}, unwanted = {0};
  EXPECT_TEXT(llm_facts_object(&f), TEXT(""));
  llm_facts_text(&f, LLM_FACT_SPEED, TEXT(""));
  assert_null(f.room);
  llm_facts_number(&unwanted, LLM_FACT_LATENCY_MS, 7);
  assert_null(unwanted.room);
  EXPECT_TEXT(llm_facts_object(&unwanted), TEXT(""));
  arena_done(&a);
}

static void the_last_report_of_a_fact_counts(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_facts f = {.arena = &a};
  llm_facts_text(&f, LLM_FACT_SERVICE_TIER, TEXT("standard"));
  EXPECT_TEXT(llm_facts_object(&f), TEXT("{\"service_tier\":\"standard\"}"));
  llm_facts_number(&f, LLM_FACT_LATENCY_MS, 1234);
  llm_facts_json(&f, LLM_FACT_SERVER_TOOL_USE, TEXT("{\"web_search_requests\":2}"));
  EXPECT_TEXT(llm_facts_object(&f), TEXT("{\"service_tier\":\"standard\",\"latency_ms\":1234,"
                                         "\"server_tool_use\":{\"web_search_requests\":2}}"));
  llm_facts_text(&f, LLM_FACT_SERVICE_TIER, TEXT("priority"));
  llm_facts_number(&f, LLM_FACT_LATENCY_MS, 5);
  EXPECT_TEXT(llm_facts_object(&f), TEXT("{\"server_tool_use\":{\"web_search_requests\":2},"
                                         "\"service_tier\":\"priority\",\"latency_ms\":5}"));
  arena_done(&a);
}

static void what_json_would_have_to_escape_is_left_out(void **state) {
  static const char *const bad[] = {"a\"b", "a\\b", "a\nb", "\xff\xfe", "\x7f"};
  struct arena a;
  arena_init(&a);
  struct llm_facts f = {.arena = &a};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    llm_facts_text(&f, LLM_FACT_PROVIDER, text_of(bad[i]));
  EXPECT_TEXT(llm_facts_object(&f), TEXT(""));
  llm_facts_text(&f, LLM_FACT_PROVIDER, TEXT("Z\xc3\xbcrich AI"));
  EXPECT_TEXT(llm_facts_object(&f), TEXT("{\"provider\":\"Z\xc3\xbcrich AI\"}"));
  arena_done(&a);
}

/* Everything with the longest texts is more than there is room for. */
static void what_does_not_fit_is_left_out_whole(void **state) {
  static char longest[200];
  struct arena a;
  struct json doc;
  memset(longest, 'x', sizeof longest);
  arena_init(&a);
  struct llm_facts f = {.arena = &a};
  for (int round = 0; round < 3; round++)
    for (int which = 0; which < LLM_FACT_COUNT; which++) {
      llm_facts_text(&f, (enum llm_fact)which, (struct text){longest, 128 - (size_t)round});
      struct text object = llm_facts_object(&f);
      assert_true(object.len <= LLM_FACTS_MAX_BYTES);
      assert_int_equal(json_read(object, NULL, &doc, NULL), ERR_OK);
      assert_true(yyjson_is_obj(doc.root) && yyjson_obj_size(doc.root) <= 3);
      json_done(&doc);
    }
  llm_facts_number(&f, LLM_FACT_LATENCY_MS, 1); /* a smaller one may still */
  assert_true(text_find(llm_facts_object(&f), TEXT("\"latency_ms\":1")) > 0);
  llm_facts_text(&f, LLM_FACT_SPEED, (struct text){longest, 129});
  assert_true(text_find(llm_facts_object(&f), TEXT("\"speed\"")) < 0);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_reported_is_nothing_kept),
      cmocka_unit_test(the_last_report_of_a_fact_counts),
      cmocka_unit_test(what_json_would_have_to_escape_is_left_out),
      cmocka_unit_test(what_does_not_fit_is_left_out_whole),
  };
  return RUN_TESTS(tests);
}
