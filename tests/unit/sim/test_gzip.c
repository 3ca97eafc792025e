/* What is compressed can be unpacked at once after every flush. */
#include "sim/gzip.h"

#include "net/inflate.h"
#include "sim_test.h"

static void every_flush_can_be_unpacked(void **state) {
  struct gzip *z = gzip_new();
  struct inflate *reader = inflate_new(TEXT("gzip"));
  struct buf packed, plain;
  buf_init(&packed, 1 << 20);
  buf_init(&plain, 1 << 20);
  gzip_feed(z, TEXT("first event\n"), false, &packed);
  assert_int_equal(inflate_feed(reader, buf_text(&packed), &plain), ERR_OK);
  EXPECT_TEXT(buf_text(&plain), TEXT("first event\n"));
  buf_reset(&packed);
  gzip_feed(z, TEXT("second"), false, &packed);
  gzip_feed(z, TEXT_NONE, true, &packed);
  assert_int_equal(inflate_feed(reader, buf_text(&packed), &plain), ERR_OK);
  EXPECT_TEXT(buf_text(&plain), TEXT("first event\nsecond"));
  assert_int_equal(inflate_end(reader), ERR_OK);
  buf_done(&packed);
  buf_done(&plain);
  inflate_free(reader);
  gzip_free(z);
}

static void an_output_without_room_fails_and_does_not_hang(void **state) {
  struct gzip *z = gzip_new();
  struct buf packed;
  buf_init(&packed, 10);
  gzip_feed(z, TEXT("does not fit"), true, &packed);
  assert_int_equal(buf_check(&packed), ERR_NO_ROOM);
  buf_done(&packed);
  gzip_free(z);
  gzip_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_flush_can_be_unpacked),
      cmocka_unit_test(an_output_without_room_fails_and_does_not_hang),
  };
  return RUN_TESTS(tests);
}
