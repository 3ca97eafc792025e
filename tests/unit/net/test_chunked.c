/* The chunked coding on its own: limits in exact numbers, and decoding in place. */
#include "net/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static enum err feed(struct chunked *c, const char *text, size_t *used, char *body, size_t *body_len, bool *done) {
  static char copy[16384];
  size_t len = strlen(text);
  assert_true(len <= sizeof(copy));
  memcpy(copy, text, len);
  enum err e = chunked_feed(c, copy, len, used, body_len, done, NULL);
  if (!e)
    memcpy(body, copy, *body_len);
  return e;
}

static void test_data_is_moved_to_the_front(void **state) {
  struct chunked c = {0};
  size_t used = 0, len = 0;
  bool done = false;
  char body[64];
  assert_int_equal(feed(&c, "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\nGET", &used, body, &len, &done), ERR_OK);
  assert_int_equal(len, 11);
  assert_memory_equal(body, "hello world", 11);
  assert_true(done);
  assert_int_equal(used, 31);
}

static enum err feed_line(const char *before, char fill, size_t count, const char *after) {
  static char text[16384];
  size_t b = strlen(before), used = 0, len = 0;
  memcpy(text, before, b);
  memset(text + b, fill, count);
  memcpy(text + b + count, after, strlen(after) + 1);
  struct chunked c = {0};
  bool done = false;
  char body[64];
  enum err e = feed(&c, text, &used, body, &len, &done);
  if (!e)
    assert_true(done);
  return e;
}

static void test_extensions_have_a_limit(void **state) {
  assert_int_equal(feed_line("0;", 'x', CHUNKED_MAX_EXTENSION_BYTES, "\r\n\r\n"), ERR_OK);
  assert_int_equal(feed_line("0;", 'x', CHUNKED_MAX_EXTENSION_BYTES + 1, "\r\n\r\n"), ERR_PROTOCOL);
}

static void test_extensions_of_all_chunks_share_the_limit(void **state) {
  struct chunked c = {0};
  size_t used = 0, len = 0, chunks = 0;
  bool done = false;
  char body[64];
  while (feed(&c, "1;abcdefghijklmno\r\nx\r\n", &used, body, &len, &done) == ERR_OK)
    chunks++;
  assert_int_equal(chunks, CHUNKED_MAX_EXTENSION_BYTES / 15);
}

static void test_trailers_have_a_limit(void **state) {
  assert_int_equal(feed_line("0\r\nA:", 'x', 8000, "\r\n\r\n"), ERR_OK);
  assert_int_equal(feed_line("0\r\nA:", 'x', CHUNKED_MAX_TRAILER_BYTES, "\r\n\r\n"), ERR_PROTOCOL);
}

static void test_the_largest_size_is_63_bits(void **state) {
  struct chunked c = {0};
  size_t used = 0, len = 0;
  bool done = true;
  char body[64];
  assert_int_equal(feed(&c, "7fffffffffffffff\r\nab", &used, body, &len, &done), ERR_OK);
  assert_int_equal(len, 2);
  assert_false(done);
  struct chunked d = {0};
  assert_int_equal(feed(&d, "8000000000000000\r\n", &used, body, &len, &done), ERR_PROTOCOL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_data_is_moved_to_the_front),
      cmocka_unit_test(test_extensions_have_a_limit),
      cmocka_unit_test(test_extensions_of_all_chunks_share_the_limit),
      cmocka_unit_test(test_trailers_have_a_limit),
      cmocka_unit_test(test_the_largest_size_is_63_bits),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
