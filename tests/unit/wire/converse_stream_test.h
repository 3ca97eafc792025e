/* Streams of the Converse tests: fixtures and frames played into a collector, and what was collected compared. */
#ifndef TESTS_UNIT_WIRE_CONVERSE_STREAM_TEST_H
#define TESTS_UNIT_WIRE_CONVERSE_STREAM_TEST_H

#include "converse_test.h"

struct played {
  enum err err;
  struct fault fault;
  struct llm_notes notes;
  bool is_whole;
  struct llm_answer answer;
};

/* Lines of {"event" or "exception", "data"}; ends: the end of the stream is told, too. */
static inline struct played play_lines(struct arena *a, struct text lines, bool ends) {
  struct played p = {0};
  struct llm_collect *collect = llm_collect_new(a, 1 << 20);
  struct llm_sink sink = {llm_collect_take, collect};
  void *reader = arena_zalloc(a, dialect_converse.reader_bytes);
  struct text line;
  while (p.err == ERR_OK && text_cut(lines, '\n', &line, &lines)) {
    struct json *doc = ARENA_NEW(a, struct json);
    const struct json_limits raw = {.raw_numbers = true};
    if (json_read(line, &raw, doc, NULL))
      fail_msg("no JSON: %.*s", TEXT_ARGS(line));
    arena_defer(a, close_json, doc);
    struct text name = json_text(json_get(doc->root, "event"));
    if (text_is_empty(name))
      name = json_text(json_get(doc->root, "exception"));
    p.err = dialect_converse.read_event(reader, name, json_value_text(json_get(doc->root, "data"), a), &sink, &p.notes,
                                        &p.fault);
  }
  if (p.err == ERR_OK && ends)
    p.err = dialect_converse.read_event(reader, TEXT_NONE, TEXT_NONE, &sink, &p.notes, &p.fault);
  p.is_whole = llm_collect_is_whole(collect);
  llm_collect_answer(collect, &p.answer);
  return p;
}

static inline struct played play_fixture(struct arena *a, const char *name, bool ends) {
  return play_lines(a, fixture(a, arena_format(a, "answers/converse/%s.events", name).at), ends);
}

/* Frames as lines. */
static inline struct text lines_of(struct arena *a, struct text frames) {
  struct buf out;
  enum err err = ERR_OK;
  struct fault f = {0};
  struct eventstream_message m;
  buf_init(&out, 1 << 20);
  while (eventstream_next(&frames, 1 << 20, &m, &err, &f)) {
    bool is_exception = text_equal(m.message_type, TEXT("exception"));
    buf_add_format(&out, "{\"%s\":\"%.*s\",\"data\":%.*s}\n", is_exception ? "exception" : "event",
                   TEXT_ARGS(is_exception ? m.exception_type : m.event_type), TEXT_ARGS(m.payload));
  }
  assert_int_equal(err, ERR_OK);
  assert_int_equal(frames.len, 0);
  struct text lines = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return lines;
}

static inline struct llm_answer read_plain(struct arena *a, struct text body) {
  const struct json_limits limits = {.raw_numbers = true, .lenient = true};
  struct json *doc = ARENA_NEW(a, struct json);
  struct llm_answer answer = {0};
  struct fault f = {0};
  assert_int_equal(json_read(body, &limits, doc, &f), ERR_OK);
  arena_defer(a, close_json, doc);
  if (dialect_converse.read_answer(doc, a, &answer, &f))
    fail_msg("%.*s: %s", TEXT_ARGS(body), fault_text(&f));
  return answer;
}

static inline struct llm_answer read_plain_fixture(struct arena *a, const char *name) {
  return read_plain(a, fixture(a, arena_format(a, "answers/converse/%s.json", name).at));
}

static inline void expect_same_json(struct text got, struct text want) { expect_json(got, want.at); }

static inline void expect_same_block(struct arena *a, const struct llm_block *got, const struct llm_block *want) {
  assert_int_equal(got->kind, want->kind);
  EXPECT_TEXT(got->text, want->text);
  EXPECT_TEXT(got->id, want->id);
  EXPECT_TEXT(got->name, want->name);
  if (want->kind == LLM_TOOL_USE)
    expect_same_json(got->input, arena_copy(a, want->input));
  EXPECT_TEXT(got->signature, want->signature);
  EXPECT_TEXT(got->format, want->format);
  assert_int_equal(got->citation_count, want->citation_count);
  for (size_t i = 0; i < got->citation_count; i++) {
    EXPECT_TEXT(got->citations[i].url, want->citations[i].url);
    EXPECT_TEXT(got->citations[i].title, want->citations[i].title);
    EXPECT_TEXT(got->citations[i].cited_text, want->citations[i].cited_text);
  }
}

static inline void expect_same_answer(struct arena *a, const struct llm_answer *got, const struct llm_answer *want) {
  assert_int_equal(got->block_count, want->block_count);
  for (size_t i = 0; i < got->block_count; i++)
    expect_same_block(a, &got->blocks[i], &want->blocks[i]);
  assert_int_equal(got->stop, want->stop);
  EXPECT_TEXT(got->stop_sequence, want->stop_sequence);
  EXPECT_TEXT(got->service_tier, want->service_tier);
  expect_usage(&got->usage, want->usage);
}

static const char *const both_forms[] = {
    "text",           "unicode",
    "tools",          "tools_parallel",
    "tools_no_input", "thinking",
    "thinking_tools", "thinking_omitted",
    "citations",      "thinking_unsigned",
    "length",         "redacted_thinking",
    "stop_sequence",  "content_filter",
    "guardrail",      "context_full",
    "unknown_stop",   "cache_usage",
    "service_tier",   "empty",
    "empty_text",     "citations_document",
};

#endif
