/* Chunks of InvokeModelWithResponseStream: what is written is read again, and what is broken is refused. */
#include "wire/invoke_chunk.h"

#include "../base/expect.h"

#include "aws/eventstream.h"

static void every_length_comes_back_as_it_was(void **state) {
  char event[70];
  struct buf out, scratch;
  buf_init(&out, 4096);
  buf_init(&scratch, 4096);
  memset(event, 0xf0, sizeof(event));
  for (size_t n = 1; n < sizeof(event); n++) {
    struct eventstream_message m;
    struct fault f = {0};
    struct text inner;
    enum err e = ERR_OK;
    event[n - 1] = (char)n;
    buf_reset(&out);
    buf_add(&out, TEXT("before"));
    struct invoke_chunk c = invoke_chunk_begin(&out);
    buf_add(&out, (struct text){event, n});
    invoke_chunk_end(&out, c);
    struct text left = text_skip(buf_text(&out), 6);
    assert_true(eventstream_next(&left, 4096, &m, &e, &f));
    assert_int_equal(left.len, 0);
    EXPECT_TEXT(m.event_type, TEXT("chunk"));
    EXPECT_TEXT(m.message_type, TEXT("event"));
    assert_int_equal(invoke_chunk_read(m.payload, &scratch, &inner, &f), ERR_OK);
    EXPECT_TEXT(inner, ((struct text){event, n}));
  }
  buf_done(&scratch);
  buf_done(&out);
}

static void expect_read(const char *payload, const char *want) {
  struct buf scratch;
  struct text inner = TEXT_NONE;
  struct fault f = {0};
  buf_init(&scratch, 64);
  enum err e = invoke_chunk_read(text_of(payload), &scratch, &inner, &f);
  if (want) {
    assert_int_equal(e, ERR_OK);
    EXPECT_TEXT(inner, text_of(want));
  } else if (e != ERR_UPSTREAM_PROTOCOL) {
    fail_msg("%s: got %s", payload, err_name(e));
  }
  buf_done(&scratch);
}

static void payloads_are_read_however_they_are_written(void **state) {
  expect_read("{\"bytes\":\"e30=\",\"p\":\"abcdef\"}", "{}");
  expect_read("{ \"p\" : \"abc\", \"bytes\" : \"e30=\" }", "{}");
  expect_read("{\"bytes\":\"\\u00653\\u0030=\"}", "{}");
}

static void broken_payloads_are_refused(void **state) {
  expect_read("", NULL);
  expect_read("[]", NULL);
  expect_read("{}", NULL);
  expect_read("{\"bytes\":7}", NULL);
  expect_read("{\"bytes\":\"\"}", NULL);
  expect_read("{\"bytes\":\"e30\"}", NULL);
  expect_read("{\"bytes\":\"e30=", NULL);
  expect_read("{\"bytes\":\"e3 0=\"}", NULL);
  expect_read(
      "{\"bytes\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", NULL);
}

static void a_full_buffer_fails_and_writes_no_further(void **state) {
  struct buf out;
  buf_init(&out, 100);
  struct invoke_chunk c = invoke_chunk_begin(&out);
  buf_add(&out, TEXT("a long event that finds no room in there"));
  invoke_chunk_end(&out, c);
  assert_int_equal(buf_check(&out), ERR_NO_ROOM);
  buf_done(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_length_comes_back_as_it_was),
      cmocka_unit_test(payloads_are_read_however_they_are_written),
      cmocka_unit_test(broken_payloads_are_refused),
      cmocka_unit_test(a_full_buffer_fails_and_writes_no_further),
  };
  return RUN_TESTS(tests);
}
