/* Answers and their frames in tests of the Bedrock dialects. */
#ifndef TESTS_UNIT_BEDROCK_TEST_H
#define TESTS_UNIT_BEDROCK_TEST_H

#include "aws/eventstream.h"
#include "sim/bedrock.h"

#include "sim_test.h"

static struct arena arena;
static struct buf out;
static struct sim_ask ask;
static struct sim_answer answer;

static inline int fresh(void **state) {
  arena_init(&arena);
  buf_init(&out, 1 << 20);
  ask = (struct sim_ask){.model = TEXT("m"), .said = TEXT("hello"), .digest = {1, 40}};
  return 0;
}
static inline int done(void **state) {
  arena_done(&arena);
  buf_done(&out);
  return 0;
}

/* All frames of a stream as "type payload\n", payloads without padding. */
static inline struct text test_stream(const struct sim_dialect *dialect) {
  struct sim_cursor cursor = {0};
  struct buf shown;
  buf_init(&shown, 1 << 20);
  answer_plan(&ask, 1, NULL, &arena, &answer);
  buf_reset(&out);
  while (dialect->write_event(&out, &answer, &cursor)) {
  }
  struct text left = buf_text(&out);
  struct eventstream_message m;
  enum err e;
  while (eventstream_next(&left, 1 << 20, &m, &e, NULL)) {
    EXPECT_TEXT(m.message_type, TEXT("event"));
    expect_json(m.payload);
    ptrdiff_t padding = text_find(m.payload, TEXT(",\"p\":\""));
    assert_true(padding > 0);
    buf_add_format(&shown, "%.*s %.*s}\n", TEXT_ARGS(m.event_type), (int)padding, m.payload.at);
  }
  assert_int_equal(left.len, 0);
  struct text all = arena_copy(&arena, buf_text(&shown));
  buf_done(&shown);
  return all;
}

#endif
