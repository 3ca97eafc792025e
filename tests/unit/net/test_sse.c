/* Events in any line ending and any packet framing; writing that cannot be split into two events. */
#include "net/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_text(struct text got, const char *want) {
  if (got.len != strlen(want) || memcmp(got.at ? got.at : "", want, got.len) != 0)
    fail_msg("got \"%.*s\", want \"%s\"", TEXT_ARGS(got), want);
}

/* All events that are not comments, as "event|data|id;" text. The stream is fed `step` bytes at a time. */
static void read_stream(struct text stream, size_t step, struct buf *out) {
  struct buf held, joined;
  buf_init(&held, 1 << 20);
  buf_init(&joined, 1 << 20);
  size_t scan = 0, raw_bytes = 0;
  for (size_t at = 0; at < stream.len; at += step) {
    buf_add(&held, text_head(text_skip(stream, at), step));
    struct text rest = buf_text(&held);
    struct sse_event e;
    while (sse_next(&rest, &scan, &joined, &e)) {
      assert_memory_equal(e.raw.at, stream.at + raw_bytes, e.raw.len);
      raw_bytes += e.raw.len;
      if (e.is_comment)
        continue;
      buf_add_format(out, "%.*s|%.*s|%.*s;", TEXT_ARGS(e.event), TEXT_ARGS(e.data), TEXT_ARGS(e.id));
    }
    buf_consume(&held, held.len - rest.len);
  }
  assert_int_equal(raw_bytes + held.len, stream.len);
  buf_done(&held);
  buf_done(&joined);
}

static void check_stream(struct text stream, const char *want) {
  for (size_t step = 1; step <= stream.len; step++) {
    struct buf out;
    buf_init(&out, 1 << 20);
    read_stream(stream, step, &out);
    assert_text(buf_text(&out), want);
    buf_done(&out);
  }
}

static void test_events_read_the_same_in_any_packet_framing(void **state) {
  check_stream(TEXT("event: message_start\ndata: {\"a\":1}\n\nevent: ping\ndata: {}\n\n"),
               "message_start|{\"a\":1}|;ping|{}|;");
  check_stream(TEXT("event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n"), "a|1|;|2|;");
  check_stream(TEXT("event: a\rdata: 1\r\rdata: 2\r\r"), "a|1|;|2|;");
  check_stream(TEXT("data: 1\r\n\ndata: 2\n\r\ndata: 3\r\r\ndata: 4\n\r"), "|1|;|2|;|3|;|4|;");
}

static void test_lines_of_data_are_joined(void **state) {
  check_stream(TEXT("data: a\ndata: b\r\ndata\rdata:  c\n\n"), "|a\nb\n\n c|;");
}

static void test_comments_and_blank_lines_are_not_events(void **state) {
  check_stream(TEXT(": ping\n\n\n\r\n\r: x\r\ndata: 1\n: y\n\n:\n\n"), "|1|;");
}

static void test_fields_follow_the_standard(void **state) {
  check_stream(TEXT("id: 7\nevent:x\ndata:y\nretry: 5\nunknown: z\nnocolon\n\n"), "x|y|7;");
  check_stream(TEXT("id: a\0b\ndata: y\n\n"), "|y|;");
  check_stream(TEXT("event: only\n\n"), "only||;");
  check_stream(TEXT("event: one\nevent: two\ndata\n\n"), "two||;");
}

static void test_an_event_without_its_blank_line_is_not_taken(void **state) {
  check_stream(TEXT("data: 1\n\ndata: 2\n"), "|1|;");
}

static void test_one_line_of_data_is_not_copied(void **state) {
  struct text bytes = TEXT("data: abc\n\nrest"), whole = bytes;
  struct buf joined;
  buf_init(&joined, 16);
  struct sse_event e;
  size_t scan = 0;
  assert_true(sse_next(&bytes, &scan, &joined, &e));
  assert_ptr_equal(e.data.at, whole.at + 6);
  assert_text(bytes, "rest");
  assert_false(sse_next(&bytes, &scan, &joined, &e));
  buf_done(&joined);
}

static void test_a_growing_event_is_looked_at_once(void **state) {
  enum { SIZE = 1 << 20 };
  char *big = malloc(SIZE);
  assert_non_null(big);
  memset(big, 'x', SIZE);
  memcpy(big, "data:", 5);
  struct buf joined;
  buf_init(&joined, 16);
  struct sse_event e;
  size_t scan = 0, before = 0;
  for (size_t len = 1; len <= SIZE; len += 4096) {
    struct text bytes = {big, len};
    assert_false(sse_next(&bytes, &scan, &joined, &e));
    assert_true(scan >= before && scan == len);
    before = scan;
  }
  free(big);
  buf_done(&joined);
}

static void test_writing_and_reading_give_the_same_event(void **state) {
  struct buf out;
  buf_init(&out, 4096);
  sse_write(&out, TEXT("delta"), TEXT("one\ntwo\r\nthree\rfour\n"));
  sse_write(&out, TEXT_NONE, TEXT_NONE);
  assert_int_equal(buf_check(&out), ERR_OK);
  check_stream(buf_text(&out), "delta|one\ntwo\nthree\nfour\n|;||;");
  buf_done(&out);
}

static void test_a_line_end_in_the_event_name_fails_the_write(void **state) {
  struct text bad[] = {TEXT("a\nb"), TEXT("a\r"), TEXT("\r\n"), TEXT("a\0b")};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct buf out;
    buf_init(&out, 4096);
    sse_write(&out, bad[i], TEXT("x"));
    assert_int_equal(buf_check(&out), ERR_NO_ROOM);
    assert_int_equal(out.len, 0);
    buf_done(&out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_events_read_the_same_in_any_packet_framing),
      cmocka_unit_test(test_lines_of_data_are_joined),
      cmocka_unit_test(test_comments_and_blank_lines_are_not_events),
      cmocka_unit_test(test_fields_follow_the_standard),
      cmocka_unit_test(test_an_event_without_its_blank_line_is_not_taken),
      cmocka_unit_test(test_one_line_of_data_is_not_copied),
      cmocka_unit_test(test_a_growing_event_is_looked_at_once),
      cmocka_unit_test(test_writing_and_reading_give_the_same_event),
      cmocka_unit_test(test_a_line_end_in_the_event_name_fails_the_write),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
