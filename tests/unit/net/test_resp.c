/* Replies of Redis, whole and in pieces, and commands. */
#include "net/resp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LIMITS ((struct resp_limits){.bytes = 200, .values = 20})

/* A value as one line, so that tests can say what they expect. */
static void show(const struct resp_value *v, struct buf *out) {
  switch (v->kind) {
  case RESP_NULL: buf_add(out, TEXT("null")); return;
  case RESP_TEXT: buf_add_format(out, "'%.*s'", TEXT_ARGS(v->text)); return;
  case RESP_ERROR: buf_add_format(out, "!%.*s", TEXT_ARGS(v->text)); return;
  case RESP_INTEGER: buf_add_i64(out, v->integer); return;
  default: break;
  }
  buf_add(out, v->kind == RESP_PUSH ? TEXT(">[") : TEXT("["));
  for (size_t i = 0; i < v->count; i++) {
    buf_add(out, i > 0 ? TEXT(" ") : TEXT(""));
    show(&v->items[i], out);
  }
  buf_add(out, TEXT("]"));
}

/* Everything that comes out when bytes go in `step` at a time: values and, at the end, why it ended. */
static void read_all(struct text bytes, size_t step, const struct resp_limits *limits, struct buf *out) {
  struct resp_reader r;
  enum err e = ERR_AGAIN;
  resp_reader_init(&r, limits);
  for (size_t at = 0; at < bytes.len && e == ERR_AGAIN; at += step) {
    const struct resp_value *v = NULL;
    struct fault f = {0};
    resp_reader_feed(&r, text_head(text_skip(bytes, at), step));
    while ((e = resp_reader_next(&r, &v, &f)) == ERR_OK) {
      show(v, out);
      buf_add(out, TEXT("; "));
    }
    if (e != ERR_AGAIN) {
      buf_add(out, text_of(f.text));
      assert_int_equal(resp_reader_next(&r, &v, &f), e);
    }
  }
  resp_reader_done(&r);
}

static void expect_all(struct text bytes, const struct resp_limits *limits, const char *expected) {
  struct buf out;
  buf_init(&out, 65536);
  for (size_t step = 1; step <= bytes.len; step++) {
    buf_reset(&out);
    read_all(bytes, step, limits, &out);
    buf_add_char(&out, 0);
    if (strcmp(out.at, expected) != 0)
      fail_msg("in pieces of %zu: \"%s\", expected \"%s\"", step, out.at, expected);
  }
  buf_done(&out);
}
#define EXPECT(bytes, expected) expect_all(TEXT(bytes), &LIMITS, expected)

static void replies_of_version_2_are_read(void **state) {
  EXPECT("+OK\r\n", "'OK'; ");
  EXPECT("-ERR no\r\n:-7\r\n:+8\r\n", "!ERR no; -7; 8; ");
  EXPECT("$5\r\na\r\nbc\r\n$0\r\n\r\n$-1\r\n*-1\r\n", "'a\r\nbc'; ''; null; null; ");
  EXPECT("*3\r\n$1\r\na\r\n:2\r\n*2\r\n+x\r\n*0\r\n+next\r\n", "['a' 2 ['x' []]]; 'next'; ");
}

static void replies_of_version_3_are_read(void **state) {
  EXPECT("_\r\n#t\r\n#f\r\n,1.5\r\n(12345678901234567890\r\n", "null; 1; 0; '1.5'; '12345678901234567890'; ");
  EXPECT("!7\r\nERR bad\r\n=7\r\ntxt:abc\r\n", "!ERR bad; 'abc'; ");
  EXPECT("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n~1\r\n:5\r\n", "['a' 1 'b' [null]]; [5]; ");
  EXPECT(">3\r\n+message\r\n+c\r\n$2\r\nhi\r\n:1\r\n", ">['message' 'c' 'hi']; 1; ");
}

static void what_is_not_resp_is_refused(void **state) {
  static const char *const wrong[] = {"HTTP/1.1 400 Bad Request\r\n",
                                      "\r\n",
                                      "$x\r\n",
                                      "$-2\r\n",
                                      "$3\r\nabcd\r\n",
                                      ":\r\n",
                                      ":1 \r\n",
                                      "*-2\r\n",
                                      "%-1\r\n",
                                      "~-1\r\n",
                                      "#x\r\n",
                                      "_x\r\n",
                                      ",\r\n",
                                      "=3\r\nabc\r\n",
                                      "=4\r\nabcd\r\n",
                                      "$?\r\n",
                                      "|1\r\n",
                                      "*1\r\n>1\r\n",
                                      ":99999999999999999999\r\n",
                                      "$+1\r\n"};
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    struct buf out;
    buf_init(&out, 65536);
    read_all(text_of(wrong[i]), 1000, &LIMITS, &out);
    if (text_find(buf_text(&out), TEXT("this is not an answer of Redis")) < 0)
      fail_msg("\"%s\" gave \"%.*s\"", wrong[i], TEXT_ARGS(buf_text(&out)));
    buf_done(&out);
  }
}

static void a_reply_may_be_as_long_as_the_limit_and_no_longer(void **state) {
  static const struct resp_limits limits = {.bytes = 12, .values = 20};
  expect_all(TEXT("$5\r\nabcdef\r\n"), &limits,
             "this is not an answer of Redis: a text has another length than it says");
  expect_all(TEXT("$6\r\nabcdef\r\n:1\r\n"), &limits, "'abcdef'; 1; ");
  expect_all(TEXT("$7\r\nabcdefg\r\n"), &limits, "an answer of Redis is too long");
  expect_all(TEXT("+123456789\r\n+"), &limits, "'123456789'; ");
  expect_all(TEXT("+1234567890\r\n"), &limits, "an answer of Redis is too long");
  expect_all(TEXT("+12345678901234567890"), &limits, "an answer of Redis is too long");
  expect_all(TEXT("*3\r\n:1\r\n:2\r\n"), &limits, ""); /* waits: 12 bytes so far */
  expect_all(TEXT("*3\r\n:1\r\n:2\r\n:3\r\n"), &limits, "an answer of Redis is too long");
  expect_all(TEXT("$9223372036854775807\r\n"), &limits, "an answer of Redis is too long");
}

static void a_reply_may_hold_so_many_values_and_nest_so_deeply(void **state) {
  static const struct resp_limits limits = {.bytes = 1000, .values = 4};
  expect_all(TEXT("*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n*1\r\n:1\r\n"), &limits, "[1 2 3 4]; [1]; ");
  expect_all(TEXT("*5\r\n"), &limits, "an answer of Redis holds too many values");
  expect_all(TEXT("%3\r\n"), &limits, "an answer of Redis holds too many values");
  expect_all(TEXT("*2\r\n*2\r\n*1\r\n"), &limits, "an answer of Redis holds too many values");
  expect_all(TEXT("*9223372036854775807\r\n"), &limits, "an answer of Redis holds too many values");
  expect_all(TEXT("%9223372036854775807\r\n"), &limits, "an answer of Redis holds too many values");
  EXPECT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "[[[[[[[[1]]]]]]]]; ");
  EXPECT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "an answer of Redis nests too deeply");
  EXPECT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n", "[[[[[[[[[]]]]]]]]]; ");
}

static void a_command_may_hold_any_bytes(void **state) {
  const struct text arguments[] = {TEXT("SET"), TEXT("k\0\r\n"), TEXT("")};
  struct buf out;
  buf_init(&out, 1000);
  resp_write(&out, arguments, 3);
  assert_true(text_equal(buf_text(&out), TEXT("*3\r\n$3\r\nSET\r\n$4\r\nk\0\r\n\r\n$0\r\n\r\n")));
  expect_all(buf_text(&out), &LIMITS, "['SET' 'k' '']; "); /* printed up to its zero */
  buf_done(&out);
}

static void shapes_are_recognised(void **state) {
  const struct resp_value text = {.kind = RESP_TEXT, .text = TEXT("a")}, list = {.kind = RESP_LIST, .count = 2};
  assert_true(resp_is_text(&text, TEXT("a")) && !resp_is_text(&text, TEXT("b")) && !resp_is_text(&list, TEXT("a")));
  assert_true(resp_is_list(&list, 2) && !resp_is_list(&list, 3) && !resp_is_list(&text, 2));
  assert_false(resp_is_text(NULL, TEXT("a")) || resp_is_list(NULL, 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replies_of_version_2_are_read),
      cmocka_unit_test(replies_of_version_3_are_read),
      cmocka_unit_test(what_is_not_resp_is_refused),
      cmocka_unit_test(a_reply_may_be_as_long_as_the_limit_and_no_longer),
      cmocka_unit_test(a_reply_may_hold_so_many_values_and_nest_so_deeply),
      cmocka_unit_test(a_command_may_hold_any_bytes),
      cmocka_unit_test(shapes_are_recognised),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
