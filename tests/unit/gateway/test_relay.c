/* Streams from the provider to the client: byte for byte however the bytes were cut into packets, and an honest end
 * whatever happens. */
#include "gateway_ask.h"

#include <dirent.h>

#define STREAM_ASK "{\"model\":\"one\",\"max_tokens\":10,\"stream\":true,\"messages\":[]}"
/* A head whose body ends with the connection, so that its end can be anywhere. */
#define UNTIL_CLOSE "HTTP/1.1 200 OK\r\n" STREAM_TYPE "\r\n"

struct heard {
  int status;
  struct text body;
  const char *outcome;
  struct usage usage;
};

static struct text read_fixture(struct world *w, const char *name) {
  struct text path = arena_format(&w->arena, "%s/%s", TEST_FIXTURES, name);
  FILE *file = fopen(path.at, "rb");
  char *at = arena_alloc(&w->arena, 65536);
  size_t len = file ? fread(at, 1, 65536, file) : 0;
  CHECK_INT(file != NULL && len > 0, 1);
  if (file)
    (void)fclose(file);
  return (struct text){at, len};
}

/* Errors of ours carry the request's id, which differs from run to run. */
static struct text without_ids(struct world *w, struct text body) {
  struct text copy = arena_copy(&w->arena, body);
  char *at = (char *)(uintptr_t)copy.at;
  struct text id = w->seen.last.request_id;
  for (ptrdiff_t i = text_find(copy, id); id.len && i >= 0; i = text_find(copy, id))
    memset(at + i, '#', id.len);
  return copy;
}

static struct heard hear(struct world *w, bool anthropic, const char *body) {
  struct heard h = {.status = anthropic ? ask_messages(w, body) : ask_chat(w, body)};
  world_rest(w);
  h.body = without_ids(w, wire_text(w->c));
  h.outcome = w->seen.last.outcome;
  h.usage = w->seen.last.usage;
  return h;
}

static bool same_usage(const struct usage *a, const struct usage *b) {
  return a->input == b->input && a->output == b->output && a->cache_write_5m == b->cache_write_5m &&
         a->cache_write_1h == b->cache_write_1h && a->cache_read == b->cache_read && a->reasoning == b->reasoning &&
         a->known == b->known && a->estimated == b->estimated;
}

static bool same(const struct heard *a, const struct heard *b) {
  return a->status == b->status && text_equal(a->body, b->body) && strcmp(a->outcome, b->outcome) == 0 &&
         same_usage(&a->usage, &b->usage);
}

#define ASK_WITH_USAGE "{\"model\":\"one\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"

static void torture(struct world *w, const char *name, bool anthropic) {
  struct text path = arena_format(&w->arena, "%s/stream/%s", anthropic ? "anthropic" : "openai", name);
  struct text stream = read_fixture(w, path.at), head = TEXT(UNTIL_CLOSE);
  struct upstream *up = &w->up[0];
  up->answer = arena_format(&w->arena, UNTIL_CLOSE "%.*s", TEXT_ARGS(stream));
  up->then = CALL_CLOSE;
  up->split = up->piece = 0;
  struct heard whole = hear(w, anthropic, ASK_WITH_USAGE);
  if (strcmp(whole.outcome, "ok") == 0)
    CHECK_TEXT(whole.body, stream);
  up->piece = 1;
  struct heard bytewise = hear(w, anthropic, ASK_WITH_USAGE);
  if (!CHECK_INT(same(&whole, &bytewise), 1))
    (void)fprintf(stderr, "%s byte by byte: %s\n%.*s\n", name, bytewise.outcome, TEXT_ARGS(bytewise.body));
  up->piece = 0;
  size_t step = stream.len < 900 ? 1 : 7;
  for (size_t cut = head.len + 1; cut < head.len + stream.len; cut += step) {
    up->split = cut;
    struct heard h = hear(w, anthropic, ASK_WITH_USAGE);
    if (!CHECK_INT(same(&whole, &h), 1)) {
      (void)fprintf(stderr, "%s split at %zu: %s\n%.*s\n", name, cut - head.len, h.outcome, TEXT_ARGS(h.body));
      return;
    }
  }
}

static void torture_all(struct world *w, bool anthropic) {
  struct text dir = arena_format(&w->arena, "%s/%s/stream", TEST_FIXTURES, anthropic ? "anthropic" : "openai");
  DIR *d = opendir(dir.at);
  size_t count = 0;
  CHECK_INT(d != NULL, 1);
  for (struct dirent *entry; d && (entry = readdir(d));) {
    if (!text_ends(text_of(entry->d_name), TEXT(".sse")))
      continue;
    torture(w, entry->d_name, anthropic);
    count++;
  }
  if (d)
    closedir(d);
  CHECK_INT(count >= 10, 1);
}
static void torture_anthropic(struct world *w) { torture_all(w, true); }
static void torture_openai(struct world *w) { torture_all(w, false); }
static void test_anthropic_streams_do_not_depend_on_packets(void **state) { run_world(torture_anthropic, NULL); }
static void test_openai_streams_do_not_depend_on_packets(void **state) { run_world(torture_openai, NULL); }

static void plain_exact(struct world *w) {
  static const char *const odd = "{ \"type\" : \"message\", \"content\":[ ],\n \"x\":1.50, \"u\":\"\\u00e9\", "
                                 "\"usage\":{\"input_tokens\":1,\"output_tokens\":2} } \n";
  w->up[0].answer = http_answer(w, 200, JSON_TYPE "x-odd: 1\r\n", text_of(odd));
  for (size_t piece = 0; piece < 2; piece++) {
    w->up[0].piece = piece;
    CHECK_INT(ask_messages(w, ASK_BODY), 200);
    CHECK_TEXT(wire_text(w->c), text_of(odd));
    CHECK_INT(w->seen.last.response_bytes, strlen(odd));
    CHECK_INT(w->seen.last.usage.output, 2);
  }
}
static void test_a_plain_answer_is_passed_byte_for_byte(void **state) { run_world(plain_exact, NULL); }

static void usage_dropped(struct world *w) {
  struct text stream = read_fixture(w, "openai/stream/usage.sse");
  w->up[0].answer = http_answer(w, 200, STREAM_TYPE, stream);
  struct heard asked = hear(w, false, ASK_WITH_USAGE);
  CHECK_TEXT(asked.body, stream);
  CHECK_INT(text_find(upstream_body(&w->up[0]), TEXT("include_usage")) >= 0, 1);
  struct heard silent = hear(w, false, "{\"model\":\"one\",\"stream\":true}");
  CHECK_INT(text_find(upstream_body(&w->up[0]), TEXT("\"include_usage\":true")) >= 0, 1);
  CHECK_INT(same_usage(&silent.usage, &asked.usage), 1);
  CHECK_INT(silent.usage.known, 1);
  CHECK_INT(text_find(silent.body, TEXT("\"usage\":{")), -1);
  CHECK_INT(text_ends(silent.body, TEXT("data: [DONE]\n\n")), 1);
  /* What is left is the stream without that one event. */
  size_t kept = 0;
  while (kept < silent.body.len && silent.body.at[kept] == stream.at[kept])
    kept++;
  struct text tail = text_skip(silent.body, kept);
  CHECK_INT(text_ends(stream, tail), 1);
}
static void test_usage_that_only_weir_asked_for_is_taken_out(void **state) { run_world(usage_dropped, NULL); }

static void play_gated(struct upstream *up, struct stream *s) {
  static const struct text parts[] = {
      TEXT(UNTIL_CLOSE "event: message_start\ndata: {\"type\":\"message_start\"}\n"),
      TEXT("\n"),
      TEXT("event: message_stop\ndata: {\"type\":\"message_stop\"}"),
      TEXT("\n\n"),
  };
  for (unsigned i = 0; i < COUNT_OF(parts); i++)
    if (gate_wait(up, i) != ERR_OK || say(up, s, parts[i]) != ERR_OK)
      return;
}

static void held(struct world *w) {
  w->up[0].play = play_gated;
  w->up[0].then = CALL_CLOSE;
  struct wire *c = w->c = wire_open(&w->site);
  wire_send(c, request_of(w, MESSAGES, X_API_KEY, TEXT(STREAM_ASK)));
  for (int i = 0; i < 200 && w->up[0].said == 0; i++)
    turns(1);
  turns(20);
  size_t n = 0;
  char byte;
  CHECK_ERR(stream_read(c->s, &byte, 1, loop_now_us(loop_current()) + 1, &n), ERR_TIMEOUT);
  gate_open(&w->up[0]);
  CHECK_INT(wire_fill(c), 1);
  CHECK_INT(text_find((struct text){c->held, c->held_len}, TEXT("message_start\"}\n\n")) >= 0, 1);
  size_t before = c->held_len;
  gate_open(&w->up[0]);
  turns(20);
  CHECK_ERR(stream_read(c->s, &byte, 1, loop_now_us(loop_current()) + 1, &n), ERR_TIMEOUT);
  CHECK_INT(c->held_len, before);
  gate_open(&w->up[0]);
  CHECK_INT(wire_answer(c), 200);
  CHECK_INT(text_ends(wire_text(c), TEXT("message_stop\"}\n\n")), 1);
}
static void test_an_event_leaves_when_it_is_complete_and_not_before(void **state) { run_world(held, NULL); }

static size_t count_of(struct text body, struct text part) {
  size_t n = 0;
  for (ptrdiff_t at = text_find(body, part); at >= 0; at = text_find(body, part)) {
    n++;
    body = text_skip(body, (size_t)at + part.len);
  }
  return n;
}

/* Whether what came before the error event is a run of whole events of the stream. */
static void check_cut(struct world *w, struct text stream, size_t cut, bool anthropic) {
  struct heard h = hear(w, anthropic, ASK_WITH_USAGE);
  struct text mark = anthropic ? TEXT("event: error\n") : TEXT("data: {\"error\"");
  ptrdiff_t at = text_find(h.body, mark);
  bool fine = CHECK_INT(h.status, 200) && CHECK_TEXT(text_of(h.outcome), TEXT("cut")) && CHECK_INT(at >= 0, 1) &&
              CHECK_INT(count_of(h.body, mark), 1) && CHECK_INT(text_ends(h.body, TEXT("\n\n")), 1) &&
              CHECK_TEXT(text_head(h.body, (size_t)at), text_head(stream, (size_t)at)) &&
              CHECK_INT(at == 0 || text_ends(text_head(stream, (size_t)at), TEXT("\n\n")), 1) &&
              CHECK_INT(text_find(h.body, TEXT("[DONE]")), -1) &&
              CHECK_TEXT(w->seen.last.error, cut % 2 ? TEXT("UPSTREAM_CUT") : TEXT("UPSTREAM_NETWORK"));
  if (!fine)
    (void)fprintf(stderr, "cut at %zu\n%.*s\n", cut, TEXT_ARGS(h.body));
}

static void cut_everywhere(struct world *w, const char *name, bool anthropic, struct text terminal) {
  struct text stream = read_fixture(w, name);
  size_t first = (size_t)text_find(stream, TEXT("\n\n")) + 2;
  size_t last = (size_t)text_find(stream, terminal);
  w->up[0].then = CALL_CLOSE;
  for (size_t cut = first; cut < last; cut++) {
    bool boundary = text_ends(text_head(stream, cut), TEXT("\n\n"));
    if (!boundary && cut % 5)
      continue;
    w->up[0].answer = arena_format(&w->arena, "HTTP/1.1 200 X\r\n%scontent-length: 99999\r\n\r\n%.*s", STREAM_TYPE,
                                   (int)cut, stream.at);
    w->up[0].then = cut % 2 ? CALL_CLOSE : CALL_RESET;
    if (cut % 2)
      w->up[0].answer = arena_format(&w->arena, UNTIL_CLOSE "%.*s", (int)cut, stream.at);
    else
      w->up[0].split = w->up[0].answer.len;
    check_cut(w, stream, cut, anthropic);
  }
}
static void without_done(struct world *w) {
  struct text stream = read_fixture(w, "openai/stream/no_done.sse");
  w->up[0].then = CALL_CLOSE;
  w->up[0].answer = arena_format(&w->arena, UNTIL_CLOSE "%.*s", TEXT_ARGS(stream));
  struct heard h = hear(w, false, ASK_WITH_USAGE);
  CHECK_TEXT(text_of(h.outcome), TEXT("ok"));
  CHECK_TEXT(h.body, stream);
}
static void test_a_server_that_never_says_done_is_not_taken_for_cut(void **state) { run_world(without_done, NULL); }

static void cut_anthropic(struct world *w) {
  cut_everywhere(w, "anthropic/stream/text.sse", true, TEXT("event: message_stop"));
}
static void cut_openai(struct world *w) { cut_everywhere(w, "openai/stream/usage.sse", false, TEXT("data: [DONE]")); }
static void test_a_cut_anthropic_stream_ends_in_one_error_event(void **state) { run_world(cut_anthropic, NULL); }
static void test_a_cut_openai_stream_ends_in_one_error_event(void **state) { run_world(cut_openai, NULL); }

static void error_midway(struct world *w) {
  struct text stream = read_fixture(w, "anthropic/stream/error_midway.sse");
  w->up[0].then = CALL_CLOSE;
  w->up[0].answer = arena_format(&w->arena, UNTIL_CLOSE "%.*s", TEXT_ARGS(stream));
  CHECK_INT(ask_messages(w, STREAM_ASK), 200);
  CHECK_TEXT(wire_text(w->c), stream);
  CHECK_OUTCOME(w, "error");
  stream = read_fixture(w, "openai/stream/error_midway.sse");
  w->up[0].answer = arena_format(&w->arena, UNTIL_CLOSE "%.*s", TEXT_ARGS(stream));
  CHECK_INT(ask_chat(w, STREAM_ASK), 200);
  CHECK_TEXT(wire_text(w->c), stream);
  CHECK_OUTCOME(w, "error");
  CHECK_TEXT(newest_row(w, 0).outcome, TEXT("error"));
  CHECK_INT(text_is_empty(newest_row(w, 0).error), 0);
}
static void test_the_providers_error_event_passes_and_is_the_only_one(void **state) { run_world(error_midway, NULL); }

static void bad_event(struct world *w) {
  static const struct text good = TEXT("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n"
                                       "event: ping\ndata: {\"type\":\"ping\"}\n\n");
  struct text stream = arena_format(&w->arena, "%.*sevent: message_delta\ndata: {\"usage\n\n", TEXT_ARGS(good));
  w->up[0].answer = http_answer(w, 200, STREAM_TYPE, stream);
  size_t head = w->up[0].answer.len - stream.len, first = (size_t)text_find(stream, TEXT("\n\n")) + 2;
  const size_t splits[] = {first, first + 3, good.len, good.len + 20};
  CHECK_INT(ask_messages(w, STREAM_ASK), 502); /* all in one read: nothing has been sent yet */
  for (size_t i = 0; i < COUNT_OF(splits); i++) {
    w->up[0].split = head + splits[i];
    CHECK_INT(ask_messages(w, STREAM_ASK), 200);
    world_rest(w);
    CHECK_TEXT(text_head(wire_text(w->c), good.len), good);
    CHECK_INT(text_starts(text_skip(wire_text(w->c), good.len), TEXT("event: error\n")), 1);
    CHECK_OUTCOME(w, "cut");
    CHECK_TEXT(w->seen.last.error, TEXT("UPSTREAM_PROTOCOL"));
  }
}
static void test_an_event_that_is_no_json_ends_the_stream_after_the_good_ones(void **state) {
  run_world(bad_event, NULL);
}

static void play_endless(struct upstream *up, struct stream *s) {
  enum err e =
      say(up, s, TEXT(UNTIL_CLOSE "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n"));
  char event[2048];
  memset(event, 'x', sizeof(event));
  memcpy(event, "event: ping\ndata: ", 18);
  memcpy(event + sizeof(event) - 2, "\n\n", 2);
  while (e == ERR_OK && up->gate == 0)
    e = say(up, s, (struct text){event, sizeof(event)});
}

/* Turns until the number no longer moves. */
static void until_still(const size_t *moving) {
  size_t last;
  do {
    last = *moving;
    turns(50);
  } while (*moving != last);
}

static void slow_reader(struct world *w) {
  w->up[0].play = play_endless;
  w->up[0].then = CALL_CLOSE;
  w->c = wire_open(&w->site);
  wire_send(w->c, request_of(w, MESSAGES, X_API_KEY, TEXT(STREAM_ASK)));
  until_still(&w->up[0].said);
  size_t stuck = w->up[0].said;
  CHECK_INT(stuck > 0, 1);
  /* What sockets hold, and nothing that grows: the same a while later. */
  turns(500);
  CHECK_INT(w->up[0].said, stuck);
  CHECK_INT(stuck < 64 << 20, 1);
  wire_close(w->c);
  w->c = NULL;
  gate_open(&w->up[0]);
  world_rest(w);
  CHECK_OUTCOME(w, "cancelled");
  CHECK_INT(w->seen.count, 1);
}
static void test_a_client_that_does_not_read_stops_the_reading_of_the_provider(void **state) {
  run_world(slow_reader, NULL);
}

static void small_events(struct world *w) {
  struct text stream = read_fixture(w, "anthropic/stream/text.sse");
  w->up[0].then = CALL_CLOSE;
  w->up[0].answer = arena_format(&w->arena, UNTIL_CLOSE "%.*s", TEXT_ARGS(stream));
  for (size_t piece = 0; piece < 120; piece += 50) {
    w->up[0].piece = piece;
    CHECK_INT(ask_messages(w, STREAM_ASK), 200);
    CHECK_TEXT(wire_text(w->c), stream);
    CHECK_OUTCOME(w, "ok");
  }
  struct buf big;
  buf_init(&big, 1 << 20);
  buf_add(&big, TEXT(UNTIL_CLOSE "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n"));
  size_t good = big.len - strlen(UNTIL_CLOSE);
  buf_add(&big, TEXT("event: ping\ndata: "));
  for (int i = 0; i < 3000; i++)
    buf_add_char(&big, 'x');
  w->up[0].answer = buf_text(&big);
  w->up[0].piece = 0;
  CHECK_INT(ask_messages(w, STREAM_ASK), 502);
  for (size_t piece = 500; piece < 1001; piece += 500) {
    w->up[0].piece = piece;
    CHECK_INT(ask_messages(w, STREAM_ASK), 200);
    CHECK_INT(text_starts(text_skip(wire_text(w->c), good), TEXT("event: error\n")), 1);
    CHECK_OUTCOME(w, "cut");
    CHECK_HAS(arena_copy(&w->arena, w->seen.last.detail).at, "2048");
  }
  buf_done(&big);
}
static void test_an_event_has_the_configured_limit(void **state) {
  run_world(small_events, "limits: {event_bytes: 2048, response_bytes: 2048}\n");
}

static void raw(struct world *w) {
  struct text body = TEXT("{\"id\":\"file_1\"}\nnot json at all");
  w->up[0].answer = http_answer(w, 201, "content-type: application/x-jsonl\r\n", body);
  CHECK_INT(ask(w, "POST /v1/files?beta=true",
                X_API_KEY "anthropic-version: 1\r\ncontent-type: multipart/form-data\r\n", TEXT("--x--")),
            201);
  CHECK_TEXT(wire_text(w->c), body);
  CHECK_HEADER(w, "content-type", "application/x-jsonl");
  CHECK_TEXT(upstream_body(&w->up[0]), TEXT("--x--"));
  CHECK_TEXT(sent_header(w, 0, "content-type"), TEXT("multipart/form-data"));
  CHECK_OUTCOME(w, "ok");
  w->up[0].answer = TEXT("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
  w->up[0].then = CALL_CLOSE;
  CHECK_INT(ask(w, "GET /v1/files/f/content", X_API_KEY "anthropic-version: 1\r\n", TEXT_NONE), 0);
  world_rest(w);
  CHECK_OUTCOME(w, "cut");
}
static void test_raw_paths_pass_bytes_and_a_cut_one_is_reset(void **state) { run_world(raw, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_plain_answer_is_passed_byte_for_byte),
      cmocka_unit_test(test_usage_that_only_weir_asked_for_is_taken_out),
      cmocka_unit_test(test_an_event_leaves_when_it_is_complete_and_not_before),
      cmocka_unit_test(test_anthropic_streams_do_not_depend_on_packets),
      cmocka_unit_test(test_openai_streams_do_not_depend_on_packets),
      cmocka_unit_test(test_a_server_that_never_says_done_is_not_taken_for_cut),
      cmocka_unit_test(test_a_cut_anthropic_stream_ends_in_one_error_event),
      cmocka_unit_test(test_a_cut_openai_stream_ends_in_one_error_event),
      cmocka_unit_test(test_the_providers_error_event_passes_and_is_the_only_one),
      cmocka_unit_test(test_an_event_that_is_no_json_ends_the_stream_after_the_good_ones),
      cmocka_unit_test(test_a_client_that_does_not_read_stops_the_reading_of_the_provider),
      cmocka_unit_test(test_an_event_has_the_configured_limit),
      cmocka_unit_test(test_raw_paths_pass_bytes_and_a_cut_one_is_reset),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
