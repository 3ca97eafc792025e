/* Entries of reasoning_details and plain reasoning, read and written. */
#include "wire/openai_reasoning.h"

#include "chat_test.h"

struct read {
  struct arena arena;
  struct llm_block *blocks;
  size_t count, entry;
  const char *wrong, *member;
};

static void read_details(struct read *r, const char *details, const char *content, const char *reasoning) {
  *r = (struct read){0};
  arena_init(&r->arena);
  yyjson_val *list = parsed(&r->arena, json_of(&r->arena, details))->root;
  r->blocks = arena_alloc(&r->arena, openai_reasoning_most(list) * sizeof(*r->blocks));
  r->wrong = openai_reasoning_read(list, text_of(content), text_of(reasoning), &r->arena, r->blocks, &r->count,
                                   &r->entry, &r->member);
}

static void expect_block(const struct llm_block *b, enum llm_kind kind, const char *text, const char *signature,
                         const char *format) {
  assert_int_equal(b->kind, kind);
  EXPECT_TEXT(b->text, text_of(text));
  EXPECT_TEXT(b->signature, text_of(signature));
  EXPECT_TEXT(b->format, text_of(format));
}

static void each_kind_of_entry_is_a_block(void **state) {
  struct read r;
  read_details(&r,
               "[{'type':'reasoning.text','text':'a','signature':'s','format':'anthropic-claude-v1','index':0},"
               "{'type':'reasoning.encrypted','data':'d','format':'anthropic-claude-v1','index':1},"
               "{'type':'reasoning.summary','summary':'b','format':'openai-responses-v1','id':'rs_1','index':2},"
               "{'type':'reasoning.encrypted','data':'e','format':'openai-responses-v1','id':'rs_2','index':3},"
               "{'type':'reasoning.encrypted','data':'g','format':'google-gemini-v1','id':'call_1','index':4}]",
               NULL, NULL);
  assert_null(r.wrong);
  assert_int_equal(r.count, 5);
  expect_block(&r.blocks[0], LLM_THINKING, "a", "s", LLM_FORMAT_ANTHROPIC);
  expect_block(&r.blocks[1], LLM_REDACTED_THINKING, "", "d", LLM_FORMAT_ANTHROPIC);
  expect_block(&r.blocks[2], LLM_THINKING, "b", "", LLM_FORMAT_RESPONSES);
  expect_block(&r.blocks[3], LLM_THINKING, "", "e", LLM_FORMAT_RESPONSES);
  expect_block(&r.blocks[4], LLM_REDACTED_THINKING, "", "g", "google-gemini-v1");
  EXPECT_TEXT(r.blocks[4].id, TEXT("call_1"));
  arena_done(&r.arena);
}

static void pieces_of_one_thought_are_joined(void **state) {
  struct read r;
  read_details(
      &r,
      "[{'type':'reasoning.text','text':'a','index':0},{'type':'reasoning.text','text':'b','index':0},"
      "{'type':'reasoning.text','signature':'s','index':0},{'type':'reasoning.text','text':'c','index':0},"
      "{'type':'reasoning.text','text':'d','index':1},"
      "{'type':'reasoning.summary','summary':'e','index':2},{'type':'reasoning.summary','summary':'f','index':2},"
      "{'type':'reasoning.encrypted','data':'x','format':'openai-responses-v1','id':'rs_1','index':2}]",
      NULL, NULL);
  assert_null(r.wrong);
  assert_int_equal(r.count, 4);
  expect_block(&r.blocks[0], LLM_THINKING, "ab", "s", LLM_FORMAT_ANTHROPIC);
  expect_block(&r.blocks[1], LLM_THINKING, "c", "", LLM_FORMAT_NONE);
  expect_block(&r.blocks[2], LLM_THINKING, "d", "", LLM_FORMAT_NONE);
  expect_block(&r.blocks[3], LLM_THINKING, "ef", "x", LLM_FORMAT_RESPONSES);
  EXPECT_TEXT(r.blocks[3].id, TEXT("rs_1"));
  arena_done(&r.arena);
}

static void plain_text_that_repeats_the_details_is_not_doubled(void **state) {
  struct read r;
  const char *details = "[{'type':'reasoning.text','text':'one two','signature':'s','index':0},"
                        "{'type':'reasoning.text','text':'three','signature':'t','index':1}]";
  read_details(&r, details, "one two\n\nthree", "one twothree");
  assert_int_equal(r.count, 2);
  arena_done(&r.arena);
  read_details(&r, details, "something else", "something else");
  assert_int_equal(r.count, 3);
  expect_block(&r.blocks[2], LLM_THINKING, "something else", "", LLM_FORMAT_NONE);
  arena_done(&r.arena);
  read_details(&r, "[]", "one", "two");
  assert_int_equal(r.count, 2);
  arena_done(&r.arena);
  read_details(&r, "[]", "same", "same");
  assert_int_equal(r.count, 1);
  expect_block(&r.blocks[0], LLM_THINKING, "same", "", LLM_FORMAT_NONE);
  arena_done(&r.arena);
}

static void entries_with_nothing_in_them_are_no_blocks(void **state) {
  struct read r;
  read_details(&r,
               "[{'type':'reasoning.text','text':'','signature':null,'format':'anthropic-claude-v1','index':0},"
               "{'type':'reasoning.text'}]",
               "", NULL);
  assert_null(r.wrong);
  assert_int_equal(r.count, 0);
  arena_done(&r.arena);
}

static void entries_that_are_not_understood_are_named(void **state) {
  const struct {
    const char *details;
    size_t entry;
    const char *member;
  } cases[] = {{"[1]", 0, "type"},
               {"[{'type':'reasoning.text'},{'type':'reasoning.other'}]", 1, "type"},
               {"[{'type':'reasoning.text','text':1}]", 0, "text"},
               {"[{'type':'reasoning.text','signature':{}}]", 0, "signature"},
               {"[{'type':'reasoning.text','data':'x'}]", 0, "data"},
               {"[{'type':'reasoning.summary','text':'x'}]", 0, "text"},
               {"[{'type':'reasoning.encrypted','index':'0'}]", 0, "index"},
               {"[{'type':'reasoning.encrypted','zork':0}]", 0, "zork"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct read r;
    read_details(&r, cases[i].details, NULL, NULL);
    if (!r.wrong || r.entry != cases[i].entry || strcmp(r.member, cases[i].member) != 0)
      fail_msg("%s: %s, entry %zu, member %s", cases[i].details, r.wrong ? r.wrong : "passed", r.entry, r.member);
    arena_done(&r.arena);
  }
}

static struct text written(struct arena *a, const struct llm_block *b, struct text signature) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, 4096);
  json_writer_init(&w, &out);
  json_array(&w);
  openai_reasoning_put(&w, b, 7, b->text, signature);
  json_array_end(&w);
  struct text t = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return t;
}

static void what_is_written_reads_as_it_was(void **state) {
  static const struct llm_block blocks[] = {
      {.kind = LLM_THINKING, .text = TEXT("a"), .signature = TEXT("s"), .format = TEXT(LLM_FORMAT_ANTHROPIC)},
      {.kind = LLM_THINKING, .text = TEXT(""), .signature = TEXT("s"), .format = TEXT(LLM_FORMAT_ANTHROPIC)},
      {.kind = LLM_THINKING, .text = TEXT("a"), .format = TEXT(LLM_FORMAT_NONE)},
      {.kind = LLM_THINKING,
       .text = TEXT("a"),
       .signature = TEXT("e"),
       .id = TEXT("rs_1"),
       .format = TEXT(LLM_FORMAT_RESPONSES),
       .details = TEXT("{\"n\":1.50}")},
      {.kind = LLM_THINKING, .text = TEXT(""), .signature = TEXT("e"), .format = TEXT(LLM_FORMAT_RESPONSES)},
      {.kind = LLM_THINKING, .text = TEXT(""), .id = TEXT("rs_1"), .format = TEXT(LLM_FORMAT_RESPONSES)},
      {.kind = LLM_THINKING, .text = TEXT("a"), .id = TEXT("rs_1"), .format = TEXT("azure-openai-responses-v1")},
      {.kind = LLM_REDACTED_THINKING, .signature = TEXT("d"), .format = TEXT(LLM_FORMAT_ANTHROPIC)},
      {.kind = LLM_REDACTED_THINKING, .signature = TEXT("d"), .id = TEXT("x"), .format = TEXT("google-gemini-v1")}};
  for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
    const struct llm_block *want = &blocks[i];
    struct arena a;
    size_t count = 0, entry;
    const char *member;
    arena_init(&a);
    struct llm_block *got = arena_alloc(&a, 4 * sizeof(*got));
    struct text json = written(&a, want, want->signature);
    assert_null(openai_reasoning_read(parsed(&a, json)->root, TEXT_NONE, TEXT_NONE, &a, got, &count, &entry, &member));
    if (count != 1)
      fail_msg("%.*s gave %zu blocks", TEXT_ARGS(json), count);
    assert_int_equal(got[0].kind, want->kind);
    EXPECT_TEXT(got[0].text, want->text);
    EXPECT_TEXT(got[0].signature, want->signature);
    EXPECT_TEXT(got[0].format, want->format);
    EXPECT_TEXT(got[0].id, want->id);
    EXPECT_TEXT(got[0].details, want->details);
    arena_done(&a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_kind_of_entry_is_a_block),
      cmocka_unit_test(pieces_of_one_thought_are_joined),
      cmocka_unit_test(plain_text_that_repeats_the_details_is_not_doubled),
      cmocka_unit_test(entries_with_nothing_in_them_are_no_blocks),
      cmocka_unit_test(entries_that_are_not_understood_are_named),
      cmocka_unit_test(what_is_written_reads_as_it_was),
  };
  return RUN_TESTS(tests);
}
