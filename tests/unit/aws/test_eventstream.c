/* Frames: known ones read and written, every damage refused, any packet framing read alike. */
#include "aws/eventstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <zlib.h>

#include <cmocka.h>

#define MAX_BYTES 65536

static void assert_text(struct text got, struct text want) {
  if (!text_equal(got, want))
    fail_msg("got \"%.*s\", want \"%.*s\"", TEXT_ARGS(got), TEXT_ARGS(want));
}

/* The vectors of the format's published test suite. */
static const char empty_frame[] = "\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff";
static const char payload_frame[] = "\x00\x00\x00\x1d\x00\x00\x00\x00\xfd\x52\x8c\x5a"
                                    "{'foo':'bar'}"
                                    "\xc3\x65\x39\x36";

static struct text write_frame(struct buf *b, const char *kind, const char *type, const char *payload) {
  size_t at = eventstream_begin(b, text_of(kind), text_of(type));
  buf_add(b, text_of(payload));
  eventstream_end(b, at);
  return text_skip(buf_text(b), at);
}

static void put_u32(char *at, size_t n) {
  for (int i = 0; i < 4; i++)
    at[i] = (char)(n >> (24 - 8 * i));
}

/* A frame with these bytes as headers, right in all else. */
static struct text frame_of(struct buf *b, struct text headers, struct text payload) {
  size_t total = EVENTSTREAM_OVERHEAD + headers.len + payload.len;
  buf_reset(b);
  char *at = buf_reserve(b, total);
  assert_non_null(at);
  put_u32(at, total);
  put_u32(at + 4, headers.len);
  put_u32(at + 8, crc32(0, (const Bytef *)at, 8));
  if (headers.len)
    memcpy(at + 12, headers.at, headers.len);
  if (payload.len)
    memcpy(at + 12 + headers.len, payload.at, payload.len);
  put_u32(at + total - 4, crc32(0, (const Bytef *)at, (uInt)(total - 4)));
  buf_commit(b, total);
  return buf_text(b);
}

static void assert_refused(struct text bytes, size_t max_bytes, const char *why) {
  struct eventstream_message m = {.payload = TEXT("untouched")};
  struct text left = bytes;
  struct fault f = {0};
  enum err e = ERR_OK;
  assert_false(eventstream_next(&left, max_bytes, &m, &e, &f));
  assert_int_equal(e, ERR_PROTOCOL);
  assert_ptr_equal(left.at, bytes.at);
  assert_text(m.payload, TEXT("untouched"));
  if (text_find(text_of(f.text), text_of(why)) < 0)
    fail_msg("\"%s\" does not say \"%s\"", f.text, why);
}

static void assert_next(struct text *left, struct eventstream_message *m) {
  struct fault f = {0};
  enum err e = ERR_INTERNAL;
  if (!eventstream_next(left, MAX_BYTES, m, &e, &f))
    fail_msg("no message: %s %s", err_name(e), f.text);
  assert_int_equal(e, ERR_OK);
}

static void test_published_frames_are_read(void **state) {
  struct text left = {empty_frame, sizeof(empty_frame) - 1};
  struct eventstream_message m;
  assert_next(&left, &m);
  assert_int_equal(left.len, 0);
  assert_int_equal(m.raw.len, 16);
  assert_text(m.payload, TEXT_NONE);
  assert_text(m.message_type, TEXT_NONE);
  left = (struct text){payload_frame, sizeof(payload_frame) - 1};
  assert_next(&left, &m);
  assert_text(m.payload, TEXT("{'foo':'bar'}"));
}

static void test_what_is_written_is_read_again(void **state) {
  struct buf b;
  buf_init(&b, MAX_BYTES);
  write_frame(&b, "event", "chunk", "{\"bytes\":\"aGk=\"}");
  write_frame(&b, "exception", "throttlingException", "{\"message\":\"slow\"}");
  write_frame(&b, "error", "internal", "");
  struct text left = buf_text(&b);
  struct eventstream_message m;
  assert_next(&left, &m);
  assert_text(m.message_type, TEXT("event"));
  assert_text(m.event_type, TEXT("chunk"));
  assert_text(m.exception_type, TEXT_NONE);
  assert_text(m.content_type, TEXT("application/json"));
  assert_text(m.payload, TEXT("{\"bytes\":\"aGk=\"}"));
  assert_next(&left, &m);
  assert_text(m.message_type, TEXT("exception"));
  assert_text(m.exception_type, TEXT("throttlingException"));
  assert_text(m.event_type, TEXT_NONE);
  assert_next(&left, &m);
  assert_text(m.error_code, TEXT("internal"));
  assert_text(m.payload, TEXT_NONE);
  assert_int_equal(left.len, 0);
  buf_done(&b);
}

static void test_every_flipped_bit_is_refused(void **state) {
  struct buf b;
  buf_init(&b, MAX_BYTES);
  struct text whole = write_frame(&b, "event", "contentBlockDelta", "{\"delta\":{\"text\":\"x\"}}");
  for (size_t i = 0; i < whole.len * 8; i++) {
    b.at[i / 8] = (char)(b.at[i / 8] ^ (1 << i % 8));
    assert_refused(whole, MAX_BYTES, "CRC");
    b.at[i / 8] = (char)(b.at[i / 8] ^ (1 << i % 8));
  }
  struct eventstream_message m;
  assert_next(&whole, &m);
  buf_done(&b);
}

static void test_every_changed_byte_is_refused(void **state) {
  struct buf b;
  buf_init(&b, MAX_BYTES);
  struct text whole = write_frame(&b, "event", "messageStop", "{\"stopReason\":\"end_turn\"}");
  for (size_t i = 0; i < whole.len; i++) {
    for (int change = 1; change < 256; change++) {
      b.at[i] = (char)(b.at[i] ^ change);
      assert_refused(whole, MAX_BYTES, "CRC");
      b.at[i] = (char)(b.at[i] ^ change);
    }
  }
  buf_done(&b);
}

static void test_a_wrong_prelude_is_not_waited_for(void **state) {
  for (size_t i = 0; i < 12; i++) {
    char prelude[12];
    memcpy(prelude, payload_frame, sizeof(prelude));
    prelude[i] = (char)(prelude[i] ^ 0x40);
    assert_refused((struct text){prelude, sizeof(prelude)}, MAX_BYTES, "CRC of a prelude");
  }
}

static void test_an_incomplete_frame_waits(void **state) {
  struct buf b;
  buf_init(&b, MAX_BYTES);
  struct text whole = write_frame(&b, "event", "metadata", "{}");
  for (size_t n = 0; n < whole.len; n++) {
    struct text left = text_head(whole, n);
    struct eventstream_message m = {.payload = TEXT("untouched")};
    enum err e = ERR_INTERNAL;
    assert_false(eventstream_next(&left, MAX_BYTES, &m, &e, NULL));
    assert_int_equal(e, ERR_OK);
    assert_int_equal(left.len, n);
    assert_text(m.payload, TEXT("untouched"));
  }
  buf_done(&b);
}

static void test_a_stream_reads_the_same_in_any_packet_framing(void **state) {
  struct buf b, got;
  buf_init(&b, MAX_BYTES);
  buf_init(&got, MAX_BYTES);
  write_frame(&b, "event", "a", "1");
  write_frame(&b, "event", "b", "");
  write_frame(&b, "exception", "c", "333");
  for (size_t step = 1; step <= b.len; step++) {
    buf_reset(&got);
    size_t from = 0;
    for (size_t to = step; from < b.len; to += step) {
      struct text left = text_skip(text_head(buf_text(&b), to), from);
      struct eventstream_message m;
      enum err e;
      while (eventstream_next(&left, MAX_BYTES, &m, &e, NULL)) {
        from += m.raw.len;
        buf_add_format(&got, "%.*s%.*s=%.*s;", TEXT_ARGS(m.event_type), TEXT_ARGS(m.exception_type),
                       TEXT_ARGS(m.payload));
      }
      assert_int_equal(e, ERR_OK);
    }
    assert_text(buf_text(&got), TEXT("a=1;b=;c=333;"));
  }
  buf_done(&b);
  buf_done(&got);
}

static void test_headers_of_all_types_are_skipped_exactly(void **state) {
  static const char headers[] = "\x01"
                                "a\x00"
                                "\x01"
                                "b\x01"
                                "\x01"
                                "c\x02."
                                "\x01"
                                "d\x03.."
                                "\x01"
                                "e\x04...."
                                "\x01"
                                "f\x05........"
                                "\x01"
                                "g\x06\x00\x03..."
                                "\x01"
                                "h\x08........"
                                "\x01"
                                "i\x09................"
                                "\x0b"
                                ":event-type\x07\x00\x02ok";
  struct buf b;
  buf_init(&b, MAX_BYTES);
  struct text left = frame_of(&b, (struct text){headers, sizeof(headers) - 1}, TEXT("p"));
  struct eventstream_message m;
  assert_next(&left, &m);
  assert_text(m.event_type, TEXT("ok"));
  assert_text(m.payload, TEXT("p"));
  buf_done(&b);
}

static void test_malformed_headers_are_refused(void **state) {
  struct buf b;
  buf_init(&b, MAX_BYTES);
  const struct {
    struct text headers;
    const char *why;
  } bad[] = {
      {TEXT("\x00\x00"), "malformed"},
      {TEXT("\x05"
            "abc"),
       "malformed"},
      {TEXT("\x03"
            "abc"),
       "malformed"},
      {TEXT("\x01"
            "a\x0a"),
       "unknown type 10"},
      {TEXT("\x01"
            "a\xff"),
       "unknown type 255"},
      {TEXT("\x01"
            "a\x05......."),
       "longer than its room"},
      {TEXT("\x01"
            "a\x07\x00"),
       "longer than its room"},
      {TEXT("\x01"
            "a\x07\x00\x05"
            "abcd"),
       "longer than its room"},
      {TEXT("\x01"
            "a\x00\x01"
            "a\x01"),
       "repeated"},
      {TEXT("\x0b:event-type\x00"), ":event-type of the event stream is not a string"},
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_refused(frame_of(&b, bad[i].headers, TEXT("{}")), MAX_BYTES, bad[i].why);
  buf_done(&b);
}

static void test_more_headers_than_allowed_are_refused(void **state) {
  struct buf b, headers;
  buf_init(&b, MAX_BYTES);
  buf_init(&headers, MAX_BYTES);
  for (char c = 'a'; c < 'a' + EVENTSTREAM_NAMES_MAX; c++)
    buf_add_format(&headers, "\x01%c\x01", c);
  struct text left = frame_of(&b, buf_text(&headers), TEXT_NONE);
  struct eventstream_message m;
  assert_next(&left, &m);
  buf_add(&headers, TEXT("\x01z\x01"));
  assert_refused(frame_of(&b, buf_text(&headers), TEXT_NONE), MAX_BYTES, "more than 16 headers");
  buf_done(&b);
  buf_done(&headers);
}

static struct text prelude_of(char at[static 12], size_t total, size_t headers) {
  put_u32(at, total);
  put_u32(at + 4, headers);
  put_u32(at + 8, crc32(0, (const Bytef *)at, 8));
  return (struct text){at, 12};
}

static void test_lengths_that_cannot_be_are_refused(void **state) {
  char at[12];
  assert_refused(prelude_of(at, 0, 0), MAX_BYTES, "contradict");
  assert_refused(prelude_of(at, 15, 0), MAX_BYTES, "contradict");
  assert_refused(prelude_of(at, 20, 5), MAX_BYTES, "contradict");
  assert_refused(prelude_of(at, 20, UINT32_MAX), MAX_BYTES, "contradict");
  assert_refused(prelude_of(at, UINT32_MAX, EVENTSTREAM_HEADERS_MAX + 1), SIZE_MAX, "bytes of headers");
}

static void test_more_than_the_callers_maximum_is_refused(void **state) {
  struct text left = {payload_frame, sizeof(payload_frame) - 1};
  struct eventstream_message m;
  enum err e;
  assert_refused(left, left.len - 1, "29 bytes, more than 28");
  assert_true(eventstream_next(&left, left.len, &m, &e, NULL));
}

static void test_a_full_buffer_and_a_long_name_fail_softly(void **state) {
  struct buf b;
  for (size_t max = 1; max < 90; max++) {
    buf_init(&b, max);
    write_frame(&b, "event", "chunk", "{\"a\":1}");
    assert_int_equal(buf_check(&b), ERR_NO_ROOM);
    buf_done(&b);
  }
  static char name[UINT16_MAX + 1];
  buf_init(&b, 4 * MAX_BYTES);
  eventstream_end(&b, eventstream_begin(&b, TEXT("event"), (struct text){name, sizeof(name)}));
  assert_int_equal(buf_check(&b), ERR_NO_ROOM);
  buf_done(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_frames_are_read),
      cmocka_unit_test(test_what_is_written_is_read_again),
      cmocka_unit_test(test_every_flipped_bit_is_refused),
      cmocka_unit_test(test_every_changed_byte_is_refused),
      cmocka_unit_test(test_a_wrong_prelude_is_not_waited_for),
      cmocka_unit_test(test_an_incomplete_frame_waits),
      cmocka_unit_test(test_a_stream_reads_the_same_in_any_packet_framing),
      cmocka_unit_test(test_headers_of_all_types_are_skipped_exactly),
      cmocka_unit_test(test_malformed_headers_are_refused),
      cmocka_unit_test(test_more_headers_than_allowed_are_refused),
      cmocka_unit_test(test_lengths_that_cannot_be_are_refused),
      cmocka_unit_test(test_more_than_the_callers_maximum_is_refused),
      cmocka_unit_test(test_a_full_buffer_and_a_long_name_fail_softly),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
