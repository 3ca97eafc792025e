/* Blocks in Converse's shape. */
#include "wire/converse_blocks.h"

#include "converse_test.h"

#include "wire/seal.h"

static struct text written_by(struct arena *a, void (*put)(struct json_writer *w, const struct llm_block *b),
                              const struct llm_block *b) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, 1 << 16);
  json_writer_init(&w, &out);
  put(&w, b);
  struct text t = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return t;
}

static void put_reasoning(struct json_writer *w, const struct llm_block *b) { converse_put_reasoning(w, b, false); }
static void put_hidden(struct json_writer *w, const struct llm_block *b) { converse_put_reasoning(w, b, true); }

static void reasoning_goes_as_it_is_or_sealed(void **state) {
  struct llm_block own = {
      .kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC), .text = TEXT("t"), .signature = TEXT("s")};
  struct llm_block bare = {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_NONE), .text = TEXT("t")};
  struct llm_block foreign = {.kind = LLM_THINKING, .format = TEXT("x-v1"), .text = TEXT("t"), .signature = TEXT("s")};
  struct arena a;
  arena_init(&a);
  expect_json(written_by(&a, put_reasoning, &own),
              quoted(&a, "{'reasoningContent':{'reasoningText':{'text':'t','signature':'s'}}}").at);
  expect_json(written_by(&a, put_hidden, &own),
              quoted(&a, "{'reasoningContent':{'reasoningText':{'text':'','signature':'s'}}}").at);
  expect_json(written_by(&a, put_reasoning, &bare),
              quoted(&a, "{'reasoningContent':{'reasoningText':{'text':'t'}}}").at);
  struct text seal = seal_make(&foreign, &a);
  expect_json(written_by(&a, put_reasoning, &foreign),
              arena_format(&a, "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\",\"signature\":\"%.*s\"}}}",
                           TEXT_ARGS(seal))
                  .at);
  arena_done(&a);
}

static void only_what_a_signature_cannot_say_is_foreign(void **state) {
  const struct {
    struct llm_block block;
    bool foreign;
  } rows[] = {{{.format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = TEXT("s")}, false},
              {{.format = TEXT(LLM_FORMAT_NONE)}, false},
              {{.signature = TEXT_NONE}, false},
              {{.format = TEXT(LLM_FORMAT_NONE), .signature = TEXT("s")}, true},
              {{.format = TEXT(LLM_FORMAT_NONE), .id = TEXT("i")}, true},
              {{.format = TEXT(LLM_FORMAT_NONE), .details = TEXT("{}")}, true},
              {{.format = TEXT(LLM_FORMAT_RESPONSES)}, true}};
  for (size_t i = 0; i < COUNT_OF(rows); i++)
    assert_int_equal(converse_is_foreign(&rows[i].block), rows[i].foreign);
}

static void free_text_for_a_tool_stays_whole(void **state) {
  struct llm_block custom = {
      .kind = LLM_TOOL_USE, .id = TEXT("t"), .name = TEXT("f"), .input = TEXT("a \"b\""), .is_custom = true};
  struct llm_block empty = {.kind = LLM_TOOL_USE, .id = TEXT("t"), .name = TEXT("f")};
  struct arena a;
  arena_init(&a);
  expect_json(written_by(&a, converse_put_tool_use, &custom),
              "{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\",\"input\":{\"input\":\"a \\\"b\\\"\"}}}");
  expect_json(written_by(&a, converse_put_tool_use, &empty),
              "{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\",\"input\":{}}}");
  arena_done(&a);
}

static void citations_need_an_address(void **state) {
  struct arena a;
  struct llm_citation c;
  arena_init(&a);
  assert_true(converse_read_citation(
      raw_json(&a, "{'title':'t','sourceContent':[{'text':'a'},{'text':'b'}],'location':{'web':{'url':'u'}}}")->root,
      &a, &c));
  EXPECT_TEXT(c.cited_text, TEXT("ab"));
  EXPECT_TEXT(c.url, TEXT("u"));
  assert_true(
      converse_read_citation(raw_json(&a, "{'source':'s','location':{'searchResultLocation':{}}}")->root, NULL, &c));
  EXPECT_TEXT(c.url, TEXT("s"));
  assert_false(converse_read_citation(raw_json(&a, "{'title':'t','location':{'documentChar':{}}}")->root, &a, &c));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reasoning_goes_as_it_is_or_sealed),
      cmocka_unit_test(only_what_a_signature_cannot_say_is_foreign),
      cmocka_unit_test(free_text_for_a_tool_stays_whole),
      cmocka_unit_test(citations_need_an_address),
  };
  return RUN_TESTS(tests);
}
