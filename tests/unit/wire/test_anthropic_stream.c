/* Streams of the Anthropic dialect, read and written. Whole streams of the fixtures run through the matrix of answers;
 * here is what only this dialect has. */
#include "wire/anthropic_stream.h"

#include "anthropic_test.h"

#define START  "message_start", "{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":3}}}"
#define OPEN   "content_block_start", "{\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"
#define DELTA  "content_block_delta", "{\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}"
#define CLOSE  "content_block_stop", "{\"index\":0}"
#define STOP   "message_delta", "{\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}}"
#define FINISH "message_stop", "{\"type\":\"message_stop\"}"

struct reading {
  struct arena a;
  struct anthropic_stream_reader reader;
  struct llm_collect *collect;
  struct llm_notes notes;
  struct fault fault;
  enum err err; /* of the first event that was refused */
};

static void begin(struct reading *r) {
  *r = (struct reading){0};
  arena_init(&r->a);
  r->collect = llm_collect_new(&r->a, 1 << 20);
}

static void feed(struct reading *r, const char *event, const char *data) {
  struct llm_sink sink = {llm_collect_take, r->collect};
  if (r->err == ERR_OK)
    r->err = anthropic_stream_read(&r->reader, text_of(event), text_of(data), &sink, &r->notes, &r->fault);
}

static void feed_all(struct reading *r, const char *const *pairs, size_t count) {
  for (size_t i = 0; i < count; i += 2)
    feed(r, pairs[i], pairs[i + 1]);
}
#define FEED(r, ...)                                                                                                   \
  do {                                                                                                                 \
    const char *const pairs[] = {__VA_ARGS__};                                                                         \
    feed_all((r), pairs, sizeof(pairs) / sizeof(pairs[0]));                                                            \
  } while (0)

static void events_out_of_order_break_the_protocol(void **state) {
  static const char *const streams[][10] = {
      {OPEN},
      {DELTA},
      {STOP},
      {FINISH},
      {START, START},
      {START, DELTA},
      {START, CLOSE},
      {START, OPEN, OPEN},
      {START, OPEN, FINISH},
      {START, OPEN, CLOSE, DELTA},
      {START, OPEN, "content_block_stop", "{\"index\":1}"},
      {START, OPEN, "content_block_delta", "{\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"x\"}}"},
      {START, OPEN, "content_block_delta", "{\"index\":0,\"delta\":{\"type\":\"hologram_delta\"}}"},
      {START, OPEN, "content_block_delta", "{\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":7}}"},
      {START, OPEN, "content_block_delta", "{\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}"},
      {START, OPEN, "content_block_delta", "not json"},
      {START, "content_block_start", "{\"index\":0,\"content_block\":{\"type\":\"server_tool_use\"}}"},
      {START, "content_block_start", "{\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"},
      {START, OPEN, "content_block_progress", "{}"},
      {"message_start", "{\"message\":7}"},
  };
  for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
    struct reading r;
    begin(&r);
    for (size_t k = 0; k < 10 && streams[i][k]; k += 2)
      feed(&r, streams[i][k], streams[i][k + 1]);
    if (r.err != ERR_UPSTREAM_PROTOCOL)
      fail_msg("stream %zu: got %s (%s)", i, err_name(r.err), r.fault.text);
    arena_done(&r.a);
  }
}

static void only_message_stop_makes_an_answer_whole(void **state) {
  struct reading r;
  struct llm_answer answer;
  begin(&r);
  FEED(&r, START, OPEN, DELTA, CLOSE, STOP, "", "");
  assert_int_equal(r.err, ERR_OK);
  assert_false(llm_collect_is_whole(r.collect));
  FEED(&r, FINISH, "", "", "anything", "after it");
  assert_int_equal(r.err, ERR_OK);
  assert_true(llm_collect_is_whole(r.collect));
  llm_collect_answer(r.collect, &answer);
  assert_int_equal(answer.usage.input, 3);
  assert_int_equal(answer.usage.output, 5);
  arena_done(&r.a);
}

static void new_events_are_noted_and_pings_pass(void **state) {
  struct reading r;
  begin(&r);
  FEED(&r, START, "ping", "not read", "message_progress", "{}", OPEN, "", "{\"type\":\"ping\"}", DELTA, CLOSE, STOP,
       FINISH);
  assert_int_equal(r.err, ERR_OK);
  assert_int_equal(r.notes.count, 1);
  arena_done(&r.a);
}

static void an_error_keeps_its_type_and_words(void **state) {
  struct reading r;
  begin(&r);
  FEED(&r, START, "error", "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow down\"}}");
  assert_int_equal(r.err, ERR_UPSTREAM_RATE);
  assert_string_equal(r.fault.text, "slow down");
  arena_done(&r.a);
}

static void a_long_stop_sequence_is_cut_at_a_character(void **state) {
  struct reading r;
  struct llm_answer answer;
  char data[1100] = "{\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"a";
  size_t len = strlen(data);
  for (int i = 0; i < 200; i++, len += 2)
    memcpy(data + len, "\xc3\xa9", 2);
  memcpy(data + len, "\"}}", 4);
  begin(&r);
  FEED(&r, START, "message_delta", data, FINISH);
  assert_int_equal(r.err, ERR_OK);
  llm_collect_answer(r.collect, &answer);
  assert_int_equal(answer.stop_sequence.len, 255);
  assert_true(text_is_utf8(answer.stop_sequence));
  arena_done(&r.a);
}

/* Writing. */

struct writing {
  struct arena a;
  struct anthropic_stream_writer writer;
  struct buf out;
};

static const struct llm_echo echo = {.model = {"asked", 5}, .id = {"abc", 3}, .input_tokens = 77};

static void write_event(struct writing *w, struct llm_event e) {
  anthropic_stream_write(&w->writer, &echo, &e, &w->out);
}

static void expect_out(struct writing *w, const char *want) {
  EXPECT_TEXT(buf_text(&w->out), text_of(want));
  buf_reset(&w->out);
}

static void open_writing(struct writing *w) {
  *w = (struct writing){0};
  buf_init(&w->out, 1 << 16);
}

static void the_start_has_an_estimate_until_the_provider_counts(void **state) {
  struct writing w;
  open_writing(&w);
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_START});
  expect_out(&w, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_abc\",\"type\":"
                 "\"message\",\"role\":\"assistant\",\"model\":\"asked\",\"content\":[],\"stop_reason\":null,"
                 "\"stop_sequence\":null,\"stop_details\":null,\"usage\":{\"input_tokens\":77,"
                 "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1,"
                 "\"output_tokens_details\":null,\"server_tool_use\":null,\"cache_creation\":{"
                 "\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"service_tier\":null,"
                 "\"inference_geo\":null,\"speed\":null},\"container\":null,\"diagnostics\":null}}\n\n");
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_START, .id = TEXT("x"), .usage = {.input = 5, .known = true}});
  assert_true(text_find(buf_text(&w.out), TEXT("\"input_tokens\":5,")) > 0);
  assert_true(text_find(buf_text(&w.out), TEXT("\"id\":\"x\"")) > 0);
  buf_done(&w.out);
}

static void the_end_tells_the_true_counts(void **state) {
  struct writing w;
  open_writing(&w);
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_STOP,
                                     .stop = LLM_STOP_TOOL_USE,
                                     .usage = {.input = 1,
                                               .output = 9,
                                               .cache_write_5m = 2,
                                               .cache_write_1h = 3,
                                               .cache_read = 4,
                                               .reasoning = 6,
                                               .known = true}});
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_END});
  expect_out(&w, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\","
                 "\"stop_sequence\":null,\"stop_details\":null,\"container\":null},\"usage\":{\"input_tokens\":1,"
                 "\"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":4,\"output_tokens\":9,"
                 "\"output_tokens_details\":{\"thinking_tokens\":6},\"server_tool_use\":null}}\n\n"
                 "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
  buf_done(&w.out);
}

static void a_provider_that_counts_nothing_is_estimated(void **state) {
  const struct llm_block words = {.kind = LLM_TEXT};
  struct writing w;
  open_writing(&w);
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = &words});
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_TEXT, .text = TEXT("nine byte")});
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_BLOCK_END});
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = &words, .index = 1});
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_TEXT, .text = TEXT("six by"), .index = 1});
  buf_reset(&w.out);
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_STOP});
  assert_true(text_find(buf_text(&w.out), TEXT("\"input_tokens\":77,")) > 0);
  assert_true(text_find(buf_text(&w.out), TEXT("\"output_tokens\":5,")) > 0);
  buf_done(&w.out);
}

/* The vendor's client takes the last signature_delta it gets for the signature. */
static void reasoning_has_exactly_one_signature(void **state) {
  const struct {
    struct llm_block start, end;
    struct text signature;
    const char *want;
  } cases[] = {
      {{.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC)}, {0}, TEXT("sig"), "\"signature\":\"sig\""},
      {{.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC)}, {0}, TEXT_NONE, NULL},
      {{.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_NONE)},
       {0},
       TEXT_NONE, /* {"f":"unknown"} */
       "\"signature\":\"weir1.eyJmIjoidW5rbm93biJ9\""},
      {{.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_RESPONSES)},
       {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_RESPONSES), .id = TEXT("rs_1")},
       TEXT("enc"), /* {"f":"openai-responses-v1","i":"rs_1","s":"enc"} */
       "\"signature\":\"weir1.eyJmIjoib3BlbmFpLXJlc3BvbnNlcy12MSIsImkiOiJyc18xIiwicyI6ImVuYyJ9\""},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct writing w;
    open_writing(&w);
    const struct llm_block *end = cases[i].end.kind ? &cases[i].end : NULL;
    write_event(&w, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = &cases[i].start});
    write_event(&w, (struct llm_event){.kind = LLM_EVENT_TEXT, .text = TEXT("t")});
    if (cases[i].signature.len > 0)
      write_event(&w, (struct llm_event){.kind = LLM_EVENT_SIGNATURE, .text = cases[i].signature, .block = end});
    write_event(&w, (struct llm_event){.kind = LLM_EVENT_BLOCK_END, .block = end});
    struct text all = buf_text(&w.out);
    ptrdiff_t first = text_find(all, TEXT("signature_delta"));
    assert_int_equal(first >= 0, cases[i].want != NULL);
    if (cases[i].want) {
      assert_true(text_find(text_skip(all, (size_t)first + 1), TEXT("signature_delta")) < 0);
      if (text_find(all, text_of(cases[i].want)) < 0)
        fail_msg("%.*s does not hold %s", TEXT_ARGS(all), cases[i].want);
    }
    buf_done(&w.out);
  }
}

static void free_text_of_a_tool_streams_as_one_string_of_an_object(void **state) {
  const struct llm_block tool = {.kind = LLM_TOOL_USE, .id = TEXT("i"), .name = TEXT("n"), .is_custom = true};
  struct writing w;
  struct text data, line, rest;
  struct buf joined;
  open_writing(&w);
  buf_init(&joined, 1000);
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = &tool});
  buf_reset(&w.out);
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_INPUT, .text = TEXT("a\"b")});
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_INPUT, .text = TEXT("\n")});
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_BLOCK_END});
  rest = buf_text(&w.out);
  while (text_cut(rest, '\n', &line, &rest)) {
    struct json doc;
    if (!text_starts(line, TEXT("data: ")))
      continue;
    assert_int_equal(json_read(text_skip(line, 6), NULL, &doc, NULL), ERR_OK);
    if (json_get_text(json_get(doc.root, "delta"), "partial_json", &data))
      buf_add(&joined, data);
    json_done(&doc);
  }
  EXPECT_TEXT(buf_text(&joined), TEXT("{\"input\":\"a\\\"b\\n\"}"));
  buf_done(&joined);
  buf_done(&w.out);
}

static void a_failure_is_an_error_event(void **state) {
  struct writing w;
  const struct fault fault = {.err = ERR_UPSTREAM_CUT, .text = "gone"};
  open_writing(&w);
  write_event(&w, (struct llm_event){.kind = LLM_EVENT_ERROR, .fault = &fault});
  expect_out(&w,
             "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"gone\"}}\n\n");
  anthropic_stream_fail(&w.writer, &echo, &fault, TEXT("req_1"), &w.out);
  expect_out(&w, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"gone\"},"
                 "\"request_id\":\"req_1\"}\n\n");
  buf_done(&w.out);
}

static void a_stream_costs_little_memory(void **state) {
  assert_true(dialect_anthropic.reader_bytes <= 512);
  assert_true(dialect_anthropic.writer_bytes <= 128);
  assert_null(dialect_anthropic.writer_done);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_out_of_order_break_the_protocol),
      cmocka_unit_test(only_message_stop_makes_an_answer_whole),
      cmocka_unit_test(new_events_are_noted_and_pings_pass),
      cmocka_unit_test(an_error_keeps_its_type_and_words),
      cmocka_unit_test(a_long_stop_sequence_is_cut_at_a_character),
      cmocka_unit_test(the_start_has_an_estimate_until_the_provider_counts),
      cmocka_unit_test(the_end_tells_the_true_counts),
      cmocka_unit_test(a_provider_that_counts_nothing_is_estimated),
      cmocka_unit_test(reasoning_has_exactly_one_signature),
      cmocka_unit_test(free_text_of_a_tool_streams_as_one_string_of_an_object),
      cmocka_unit_test(a_failure_is_an_error_event),
      cmocka_unit_test(a_stream_costs_little_memory),
  };
  return RUN_TESTS(tests);
}
