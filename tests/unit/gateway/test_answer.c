/* Compressed answers, plain and streamed; what is no event within a stream. */
#include "gateway_ask.h"

#include <zlib.h>

#define EVENTS                                                                                                         \
  "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":100,"              \
  "\"output_tokens\":1}}}\n\n"                                                                                         \
  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"               \
  "\"text_delta\",\"text\":\"hello\"}}\n\n"                                                                            \
  "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":20}}\n\n"         \
  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

/* bits: 15 + 16 gzip, 15 zlib, -15 raw deflate. */
static struct text packed(struct world *w, struct text plain, int bits) {
  z_stream z = {0};
  size_t cap = plain.len + 1024;
  unsigned char *out = arena_alloc(&w->arena, cap);
  CHECK_INT(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  z.next_in = (unsigned char *)(uintptr_t)plain.at;
  z.avail_in = (unsigned)plain.len;
  z.next_out = out;
  z.avail_out = (unsigned)cap;
  CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
  CHECK_INT(deflateEnd(&z), Z_OK);
  return (struct text){(char *)out, z.total_out};
}

/* Like http_answer, for bodies with any bytes in them. */
static struct text packed_answer(struct world *w, const char *headers, struct text body) {
  struct text head = arena_format(&w->arena, "HTTP/1.1 200 X\r\ncontent-length: %zu\r\n%s\r\n", body.len, headers);
  char *at = arena_alloc(&w->arena, head.len + body.len);
  memcpy(at, head.at, head.len);
  memcpy(at + head.len, body.at, body.len);
  return (struct text){at, head.len + body.len};
}

static const struct {
  const char *header;
  int bits;
} codings[] = {{"content-encoding: gzip\r\n", 31},
               {"content-encoding: X-GZIP\r\n", 31},
               {"content-encoding: deflate\r\n", 15},
               {"content-encoding: deflate\r\n", -15}};

static void plain(struct world *w) {
  for (size_t i = 0; i < COUNT_OF(codings); i++) {
    struct text body = packed(w, TEXT(MESSAGE), codings[i].bits);
    w->up[0].answer = packed_answer(w, codings[i].header, body);
    for (w->up[0].piece = 0; w->up[0].piece < 2; w->up[0].piece++) {
      CHECK_INT(ask_messages(w, ASK_BODY), 200);
      CHECK_TEXT(wire_text(w->c), TEXT(MESSAGE));
      CHECK_HEADER(w, "content-encoding", "");
      CHECK_HEADER(w, "content-length", arena_format(&w->arena, "%zu", strlen(MESSAGE)).at);
      CHECK_INT(w->seen.last.usage.output, 20);
    }
  }
}
static void test_compressed_answers_are_unpacked(void **state) { run_world(plain, NULL); }

static void streams(struct world *w) {
  for (size_t i = 0; i < COUNT_OF(codings); i++) {
    struct text headers = arena_format(&w->arena, STREAM_TYPE "%s", codings[i].header);
    w->up[0].answer = packed_answer(w, headers.at, packed(w, TEXT(EVENTS), codings[i].bits));
    for (w->up[0].piece = 0; w->up[0].piece < 2; w->up[0].piece++) {
      CHECK_INT(ask_messages(w, ASK_STREAM), 200);
      CHECK_TEXT(wire_text(w->c), TEXT(EVENTS));
      CHECK_HEADER(w, "content-encoding", "");
      CHECK_OUTCOME(w, "ok");
      CHECK_INT(w->seen.last.usage.output, 20);
    }
  }
}
static void test_compressed_streams_are_unpacked(void **state) { run_world(streams, NULL); }

static void errors(struct world *w) {
  struct text body = packed(w, TEXT(INVALID), 31);
  struct text whole = packed_answer(w, "content-encoding: gzip\r\n", body);
  ((char *)(uintptr_t)whole.at)[9] = '4'; /* 400 */
  w->up[0].answer = whole;
  CHECK_INT(ask_messages(w, ASK_BODY), 400);
  CHECK_TEXT(wire_text(w->c), TEXT(INVALID));
}
static void test_a_compressed_error_is_unpacked_too(void **state) { run_world(errors, NULL); }

static void damaged(struct world *w) {
  struct text body = packed(w, TEXT(MESSAGE), 31);
  w->up[0].answer = packed_answer(w, "content-encoding: br\r\n", body);
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  CHECK_HAS(answer_member(w, "error.message").at, "\"br\"");
  w->up[0].answer = packed_answer(w, "content-encoding: gzip, gzip\r\n", body);
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  w->up[0].answer = packed_answer(w, "content-encoding: gzip\r\n", TEXT(MESSAGE));
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  w->up[0].answer = packed_answer(w, "content-encoding: gzip\r\n", text_head(body, body.len - 9));
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  CHECK_HAS(answer_member(w, "error.message").at, "incomplete");
  CHECK_TEXT(w->seen.last.error, TEXT("UPSTREAM_PROTOCOL"));
}
static void test_unknown_damaged_and_incomplete_codings_are_502(void **state) { run_world(damaged, NULL); }

static void bomb(struct world *w) {
  size_t len = 64 << 20;
  char *zeros = calloc(1, len);
  if (!zeros)
    abort();
  memset(zeros, ' ', len);
  w->up[0].answer = packed_answer(w, "content-encoding: gzip\r\n", packed(w, (struct text){zeros, len}, 31));
  free(zeros);
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  w->up[0].answer = TEXT("HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n");
}
static void test_a_compressed_bomb_is_refused(void **state) { run_world(bomb, "limits: {response_bytes: 65536}\n"); }

#define CHUNKS                                                                                                         \
  "event: ping\n\nid: 3\n\nretry: 100\n\n"                                                                             \
  "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n"         \
  "event: ping\ndata\n\ndata:\n\n"                                                                                     \
  "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"                           \
  "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":20}}\n\ndata: [DONE]\n\n"

static void without_data(struct world *w) {
  w->up[0].answer = http_answer(w, 200, STREAM_TYPE, TEXT(CHUNKS));
  for (w->up[0].piece = 0; w->up[0].piece < 2; w->up[0].piece++) {
    CHECK_INT(ask_chat(w, "{\"model\":\"team/gpt\",\"stream\":true,\"messages\":[]}"), 200);
    CHECK_TEXT(wire_text(w->c), TEXT(CHUNKS));
    CHECK_OUTCOME(w, "ok");
    CHECK_INT(w->seen.last.usage.output, 20);
  }
}
static void test_events_without_data_are_none(void **state) { run_world(without_data, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_compressed_answers_are_unpacked),
      cmocka_unit_test(test_compressed_streams_are_unpacked),
      cmocka_unit_test(test_a_compressed_error_is_unpacked_too),
      cmocka_unit_test(test_unknown_damaged_and_incomplete_codings_are_502),
      cmocka_unit_test(test_a_compressed_bomb_is_refused),
      cmocka_unit_test(test_events_without_data_are_none),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
