#include "net/inflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { GZIP = MAX_WBITS + 16, ZLIB = MAX_WBITS, RAW = -MAX_WBITS };

static const char sentence[] =
    "{\"usage\":{\"input_tokens\":12,\"output_tokens\":34,\"cache_read_input_tokens\":0}} and again input_tokens";

/* Caller frees. */
static struct text packed(const void *data, size_t len, int window_bits) {
  z_stream z = {0};
  assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  size_t cap = deflateBound(&z, len) + 32;
  char *out = malloc(cap);
  z.next_in = (Bytef *)(uintptr_t)data;
  z.avail_in = (uInt)len;
  z.next_out = (Bytef *)out;
  z.avail_out = (uInt)cap;
  assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
  size_t n = cap - z.avail_out;
  deflateEnd(&z);
  return (struct text){out, n};
}

struct result {
  enum err fed, ended;
  size_t len;
  bool is_same;
};

/* Feeds head and then the rest, exactly-sized heap copies so that a read past the end is seen. */
static struct result unpack(struct text coding, struct text bytes, size_t cut, size_t max, struct text expected) {
  struct inflate *z = inflate_new(coding);
  struct buf out;
  struct result r = {ERR_OK, ERR_OK, 0, false};
  buf_init(&out, max);
  struct text parts[2] = {text_head(bytes, cut), text_skip(bytes, cut)};
  for (size_t i = 0; i < 2 && r.fed == ERR_OK; i++) {
    char *copy = malloc(parts[i].len > 0 ? parts[i].len : 1);
    memcpy(copy, parts[i].len > 0 ? parts[i].at : "", parts[i].len);
    r.fed = inflate_feed(z, (struct text){copy, parts[i].len}, &out);
    free(copy);
  }
  r.ended = inflate_end(z);
  r.len = out.len;
  r.is_same = text_equal(buf_text(&out), expected);
  buf_done(&out);
  inflate_free(z);
  return r;
}

static void every_coding_unpacks_split_at_every_byte(void **state) {
  static const struct {
    const char *coding;
    int window_bits;
  } cases[] = {{"gzip", GZIP}, {"X-GZip", GZIP}, {"deflate", ZLIB}, {"Deflate", RAW}};
  struct text plain = TEXT(sentence);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct text bytes = packed(plain.at, plain.len, cases[i].window_bits);
    for (size_t cut = 0; cut <= bytes.len; cut++) {
      struct result r = unpack(text_of(cases[i].coding), bytes, cut, 4096, plain);
      if (r.fed != ERR_OK || r.ended != ERR_OK || !r.is_same)
        fail_msg("%s cut at %zu: %s, %s, %zu bytes", cases[i].coding, cut, err_name(r.fed), err_name(r.ended), r.len);
    }
    free((char *)(uintptr_t)bytes.at);
  }
}

static void bytes_come_out_as_soon_as_they_can(void **state) {
  struct text bytes = packed(sentence, sizeof(sentence) - 1, GZIP);
  struct inflate *z = inflate_new(TEXT("gzip"));
  struct buf out;
  buf_init(&out, 4096);
  for (size_t i = 0; i < bytes.len; i++)
    assert_int_equal(inflate_feed(z, (struct text){bytes.at + i, 1}, &out), ERR_OK);
  assert_true(text_equal(buf_text(&out), TEXT(sentence)));
  assert_int_equal(inflate_end(z), ERR_OK);
  buf_done(&out);
  inflate_free(z);
  free((char *)(uintptr_t)bytes.at);
}

static void a_bomb_is_stopped_at_the_buffers_maximum(void **state) {
  size_t size = 8 * 1024 * 1024;
  char *zeros = calloc(1, size);
  struct text bytes = packed(zeros, size, GZIP);
  struct result r = unpack(TEXT("gzip"), bytes, 100, 100000, TEXT_NONE);
  assert_int_equal(r.fed, ERR_LIMIT);
  assert_int_equal(r.ended, ERR_LIMIT);
  assert_int_equal(r.len, 100000);
  struct result exact = unpack(TEXT("gzip"), bytes, 100, size, (struct text){zeros, size});
  assert_int_equal(exact.fed, ERR_OK);
  assert_true(exact.is_same);
  struct result short_of_one = unpack(TEXT("gzip"), bytes, 100, size - 1, TEXT_NONE);
  assert_int_equal(short_of_one.fed, ERR_LIMIT);
  free((char *)(uintptr_t)bytes.at);
  free(zeros);
}

static void a_cut_stream_is_not_complete_wherever_it_is_cut(void **state) {
  static const int kinds[] = {GZIP, ZLIB, RAW};
  for (size_t k = 0; k < 3; k++) {
    struct text coding = kinds[k] == GZIP ? TEXT("gzip") : TEXT("deflate");
    struct text bytes = packed(sentence, sizeof(sentence) - 1, kinds[k]);
    for (size_t len = 0; len < bytes.len; len++) {
      struct result r = unpack(coding, text_head(bytes, len), len, 4096, TEXT_NONE);
      assert_int_equal(r.fed, ERR_OK);
      assert_int_equal(r.ended, ERR_UPSTREAM_PROTOCOL);
    }
    free((char *)(uintptr_t)bytes.at);
  }
}

static void bytes_after_the_end_are_an_error(void **state) {
  static const int kinds[] = {GZIP, ZLIB, RAW};
  for (size_t k = 0; k < 3; k++) {
    struct text coding = kinds[k] == GZIP ? TEXT("gzip") : TEXT("deflate");
    struct text bytes = packed(sentence, sizeof(sentence) - 1, kinds[k]);
    char *longer = malloc(bytes.len + 3);
    memcpy(longer, bytes.at, bytes.len);
    memcpy(longer + bytes.len, "abc", 3);
    for (size_t cut = bytes.len - 1; cut <= bytes.len + 3; cut++) {
      struct result r = unpack(coding, (struct text){longer, bytes.len + 3}, cut, 4096, TEXT_NONE);
      assert_int_equal(r.fed, ERR_UPSTREAM_PROTOCOL);
      assert_int_equal(r.ended, ERR_UPSTREAM_PROTOCOL);
    }
    free(longer);
    free((char *)(uintptr_t)bytes.at);
  }
}

static void a_gzip_body_may_have_several_members(void **state) {
  struct text bytes = packed("one ", 4, GZIP), second = packed("two", 3, GZIP);
  size_t len = bytes.len + second.len;
  char *both = malloc(len);
  memcpy(both, bytes.at, bytes.len);
  memcpy(both + bytes.len, second.at, second.len);
  for (size_t cut = 0; cut <= len; cut++) {
    struct result r = unpack(TEXT("gzip"), (struct text){both, len}, cut, 4096, TEXT("one two"));
    assert_int_equal(r.fed, ERR_OK);
    assert_int_equal(r.ended, ERR_OK);
    assert_true(r.is_same);
  }
  free(both);
  free((char *)(uintptr_t)bytes.at);
  free((char *)(uintptr_t)second.at);
}

static void damage_is_found(void **state) {
  struct text bytes = packed(sentence, sizeof(sentence) - 1, GZIP);
  char *bad = malloc(bytes.len);
  memcpy(bad, bytes.at, bytes.len);
  bad[bytes.len - 6] ^= 1; /* of the checksum */
  struct result r = unpack(TEXT("gzip"), (struct text){bad, bytes.len}, 5, 4096, TEXT_NONE);
  assert_int_equal(r.fed, ERR_UPSTREAM_PROTOCOL);
  r = unpack(TEXT("gzip"), TEXT("plain text, not gzip"), 3, 4096, TEXT_NONE);
  assert_int_equal(r.fed, ERR_UPSTREAM_PROTOCOL);
  free(bad);
  free((char *)(uintptr_t)bytes.at);
}

static void other_codings_are_not_known(void **state) {
  assert_null(inflate_new(TEXT("br")));
  assert_null(inflate_new(TEXT("")));
  assert_null(inflate_new(TEXT("gzip, deflate")));
  inflate_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_coding_unpacks_split_at_every_byte),
      cmocka_unit_test(bytes_come_out_as_soon_as_they_can),
      cmocka_unit_test(a_bomb_is_stopped_at_the_buffers_maximum),
      cmocka_unit_test(a_cut_stream_is_not_complete_wherever_it_is_cut),
      cmocka_unit_test(bytes_after_the_end_are_an_error),
      cmocka_unit_test(a_gzip_body_may_have_several_members),
      cmocka_unit_test(damage_is_found),
      cmocka_unit_test(other_codings_are_not_known),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
