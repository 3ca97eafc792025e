/* The grammar of events: what was played is what is collected, and what breaks the order is refused. */
#include "llm/collect.h"

#include "../base/expect.h"

static struct llm_citation citation = {.url = TEXT("https://example.com/"), .title = TEXT("t"), .start = 1, .end = 4};

static struct llm_block blocks[] = {
    {.kind = LLM_THINKING,
     .text = TEXT("hm"),
     .signature = TEXT("sig"),
     .format = TEXT(LLM_FORMAT_ANTHROPIC),
     .details = TEXT("{\"x\":1}")},
    {.kind = LLM_REDACTED_THINKING, .signature = TEXT("secret"), .format = TEXT(LLM_FORMAT_ANTHROPIC)},
    {.kind = LLM_TEXT, .text = TEXT("hello"), .citations = &citation, .citation_count = 1},
    {.kind = LLM_TOOL_USE, .id = TEXT("call_1"), .name = TEXT("look"), .input = TEXT("{\"a\":1.50}")},
    {.kind = LLM_TEXT},
};

static void what_is_played_is_what_is_collected(void **state) {
  struct arena a;
  struct fault f = {0};
  arena_init(&a);
  const struct llm_answer in = {.id = TEXT("m1"),
                                .model = TEXT("m"),
                                .created_s = 5,
                                .blocks = blocks,
                                .block_count = sizeof(blocks) / sizeof(blocks[0]),
                                .stop = LLM_STOP_TOOL_USE,
                                .usage = {.input = 7, .output = 9, .known = true}};
  struct llm_collect *c = llm_collect_new(&a, 4096);
  struct llm_sink sink = {llm_collect_take, c};
  assert_int_equal(llm_answer_play(&in, &sink, &f), ERR_OK);
  assert_true(llm_collect_is_whole(c));
  struct llm_answer out;
  llm_collect_answer(c, &out);
  EXPECT_TEXT(out.id, in.id);
  EXPECT_TEXT(out.model, in.model);
  assert_int_equal(out.created_s, 5);
  assert_int_equal(out.stop, LLM_STOP_TOOL_USE);
  assert_int_equal(out.usage.output, 9);
  assert_int_equal(out.block_count, in.block_count);
  for (size_t i = 0; i < in.block_count; i++) {
    assert_int_equal(out.blocks[i].kind, blocks[i].kind);
    EXPECT_TEXT(out.blocks[i].text, blocks[i].text);
    EXPECT_TEXT(out.blocks[i].signature, blocks[i].signature);
    EXPECT_TEXT(out.blocks[i].format, blocks[i].format);
    EXPECT_TEXT(out.blocks[i].details, blocks[i].details);
    EXPECT_TEXT(out.blocks[i].id, blocks[i].id);
    EXPECT_TEXT(out.blocks[i].input, blocks[i].input);
  }
  assert_int_equal(out.blocks[2].citation_count, 1);
  EXPECT_TEXT(out.blocks[2].citations[0].url, citation.url);
  assert_int_equal(out.blocks[2].citations[0].end, 4);
  arena_done(&a);
}

static void what_breaks_the_grammar_is_refused(void **state) {
  static const struct llm_block text = {.kind = LLM_TEXT};
  static const struct llm_event start = {.kind = LLM_EVENT_START},
                                open = {.kind = LLM_EVENT_BLOCK_START, .block = &text},
                                open1 = {.kind = LLM_EVENT_BLOCK_START, .index = 1, .block = &text},
                                piece = {.kind = LLM_EVENT_TEXT, .text = TEXT("x")},
                                input = {.kind = LLM_EVENT_INPUT, .text = TEXT("{}")},
                                close = {.kind = LLM_EVENT_BLOCK_END}, stop = {.kind = LLM_EVENT_STOP},
                                end = {.kind = LLM_EVENT_END}, ping = {.kind = LLM_EVENT_PING};
  const struct llm_event *const orders[][6] = {
      {&open},
      {&start, &start},
      {&start, &piece},
      {&start, &open1},
      {&start, &open, &open1},
      {&start, &open, &input},
      {&start, &open, &stop},
      {&start, &open, &close, &close},
      {&start, &open, &close, &piece},
      {&start, &end},
      {&start, &stop, &stop},
      {&start, &stop, &open},
      {&ping, &start, &stop, &end, &stop},
  };
  for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct llm_collect *c = llm_collect_new(&a, 100);
    enum err e = ERR_OK;
    for (size_t k = 0; k < 6 && orders[i][k] && e == ERR_OK; k++) {
      struct fault f = {0};
      e = llm_collect_take(c, orders[i][k], &f);
      if (orders[i][k + 1 < 6 ? k + 1 : k] == NULL || k == 5)
        assert_int_equal(e, ERR_PROTOCOL);
    }
    if (e != ERR_PROTOCOL)
      fail_msg("order %zu was taken", i);
    arena_done(&a);
  }
}

static void what_is_too_long_is_refused_and_an_error_comes_out(void **state) {
  struct arena a;
  struct fault f = {0};
  arena_init(&a);
  struct llm_collect *c = llm_collect_new(&a, 4);
  assert_int_equal(llm_collect_take(c, &(struct llm_event){.kind = LLM_EVENT_START, .id = TEXT("12345")}, &f),
                   ERR_LIMIT);
  const struct fault broken = {.err = ERR_UPSTREAM_SERVER, .text = "broken"};
  assert_int_equal(llm_collect_take(c, &(struct llm_event){.kind = LLM_EVENT_ERROR, .fault = &broken}, &f),
                   ERR_UPSTREAM_SERVER);
  assert_string_equal(f.text, "broken");
  assert_false(llm_collect_is_whole(c));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_played_is_what_is_collected),
      cmocka_unit_test(what_breaks_the_grammar_is_refused),
      cmocka_unit_test(what_is_too_long_is_refused_and_an_error_comes_out),
  };
  return RUN_TESTS(tests);
}
