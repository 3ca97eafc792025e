/* What a client may send for nothing: each flood has an end, ordinary traffic has none. */
#include "net/http2_budget.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND          ((int64_t)1000000)

static void frame(struct buf *out, size_t len, unsigned type, unsigned flags) {
  static const char zeros[70000];
  const char header[9] = {(char)(len >> 16), (char)(len >> 8), (char)len, (char)type, (char)flags, 0, 0, 0, 1};
  buf_add(out, (struct text){header, sizeof(header)});
  buf_add(out, (struct text){zeros, len});
}

struct client {
  struct http2_budget budget;
  struct buf bytes;
};

static struct client client_new(void) {
  struct client c;
  http2_budget_init(&c.budget, 40000, 0);
  buf_init(&c.bytes, 64 << 20);
  assert_int_equal(http2_budget_feed(&c.budget, TEXT(HTTP2_PREFACE), 0), ERR_OK);
  return c;
}

static enum err feed(struct client *c, int64_t now_us) {
  enum err e = http2_budget_feed(&c->budget, buf_text(&c->bytes), now_us);
  buf_reset(&c->bytes);
  return e;
}

struct flood {
  const char *name;
  unsigned type, flags;
  size_t len, burst, per_second;
};

static const struct flood floods[] = {
    {"resets", 3, 0, 4, 300, 30},
    {"pings", 6, 0, 8, 200, 50},
    {"answers to pings", 6, 1, 8, 200, 50},
    {"settings", 4, 0, 6, 30, 1},
    {"empty data", 0, 0, 0, 100, 10},
    {"padded empty data", 0, 8, 256, 100, 10},
    {"empty heads", 1, 4, 0, 100, 10},
    {"padded empty heads", 1, 12, 200, 100, 10},
    {"window updates", 8, 0, 4, 1000, 200},
    {"priorities", 2, 0, 5, 300, 50},
    {"an unknown type", 0xfe, 0, 100, 300, 50},
    {"goaways", 7, 0, 8, 300, 50},
};

static void test_each_flood_ends_at_its_burst(void **state) {
  for (size_t i = 0; i < COUNT_OF(floods); i++) {
    const struct flood *f = &floods[i];
    struct client c = client_new();
    for (size_t n = 0; n < f->burst; n++)
      frame(&c.bytes, f->len, f->type, f->flags);
    if (feed(&c, 0) != ERR_OK)
      fail_msg("%s: %zu are too many", f->name, f->burst);
    frame(&c.bytes, f->len, f->type, f->flags);
    if (feed(&c, 0) != ERR_LIMIT || !c.budget.passed)
      fail_msg("%s: %zu are not too many", f->name, f->burst + 1);
    assert_int_equal(feed(&c, 3600 * SECOND), ERR_LIMIT); /* and stays so */
    buf_done(&c.bytes);
  }
}

static void test_a_steady_rate_never_ends(void **state) {
  for (size_t i = 0; i < COUNT_OF(floods); i++) {
    const struct flood *f = &floods[i];
    struct client c = client_new();
    for (int64_t s = 1; s <= 600; s++) {
      for (size_t n = 0; n < f->per_second; n++)
        frame(&c.bytes, f->len, f->type, f->flags);
      if (feed(&c, s * SECOND) != ERR_OK)
        fail_msg("%s: %zu a second end after %d s", f->name, f->per_second, (int)s);
    }
    buf_done(&c.bytes);
  }
}

static void test_twice_the_rate_ends(void **state) {
  for (size_t i = 0; i < COUNT_OF(floods); i++) {
    const struct flood *f = &floods[i];
    struct client c = client_new();
    enum err e = ERR_OK;
    int64_t s = 0;
    while (e == ERR_OK && s < 600) {
      s++;
      for (size_t n = 0; n < 2 * f->per_second; n++)
        frame(&c.bytes, f->len, f->type, f->flags);
      e = feed(&c, s * SECOND);
    }
    if (e != ERR_LIMIT)
      fail_msg("%s: %zu a second go on for ever", f->name, 2 * f->per_second);
    buf_done(&c.bytes);
  }
}

static void ordinary(struct buf *out) {
  frame(out, 30, 4, 0);
  frame(out, 0, 4, 1);
  for (int i = 0; i < 3000; i++) {
    frame(out, 20000, 1, 0);
    frame(out, 15000, 9, 0);
    frame(out, 2000, 9, 4);
    frame(out, 16384, 0, 0);
    frame(out, 0, 0, 1);
    if (out->len > (8 << 20))
      return;
  }
}

static void test_requests_have_no_budget(void **state) {
  struct client c = client_new();
  ordinary(&c.bytes);
  assert_int_equal(feed(&c, 0), ERR_OK);
  buf_done(&c.bytes);
}

static void test_the_verdict_does_not_depend_on_the_cut(void **state) {
  for (size_t i = 0; i < COUNT_OF(floods); i++) {
    struct client c = client_new();
    struct buf all;
    size_t at = 0;
    buf_init(&all, 1 << 20);
    for (size_t n = 0; n <= floods[i].burst; n++)
      frame(&all, floods[i].len, floods[i].type, floods[i].flags);
    while (at < all.len && http2_budget_feed(&c.budget, (struct text){all.at + at, 1}, 0) == ERR_OK)
      at++;
    assert_int_equal(at, all.len - floods[i].len - 1); /* the last frame's header */
    buf_done(&all);
    buf_done(&c.bytes);
  }
}

static void test_a_block_has_few_pieces(void **state) {
  for (int tries = 0; tries < 2; tries++) { /* the count begins anew with each block */
    struct client c = client_new();
    for (int block = 0; block <= tries; block++) {
      frame(&c.bytes, 10, 1, 0);
      for (int i = 0; i < 8; i++)
        frame(&c.bytes, i < 4 ? 1 : 0, 9, i == 7 ? 4 : 0);
    }
    assert_int_equal(feed(&c, 0), ERR_OK);
    frame(&c.bytes, 10, 1, 0);
    for (int i = 0; i < 9; i++)
      frame(&c.bytes, 0, 9, 0);
    assert_int_equal(feed(&c, 0), ERR_LIMIT);
    assert_string_equal(c.budget.passed, "continuations");
    buf_done(&c.bytes);
  }
}

static void test_a_block_has_few_bytes(void **state) {
  struct client c = client_new();
  frame(&c.bytes, 20000, 1, 0);
  frame(&c.bytes, 20000, 9, 4);
  frame(&c.bytes, 20000, 1, 0);
  assert_int_equal(feed(&c, 0), ERR_OK);
  frame(&c.bytes, 20001, 9, 4);
  assert_int_equal(feed(&c, 0), ERR_LIMIT);
  buf_done(&c.bytes);
}

static void test_data_sent_pays_for_window_updates(void **state) {
  struct client c = client_new();
  for (int i = 0; i < 1000; i++)
    http2_budget_earn(&c.budget);
  for (int i = 0; i < 4000; i++)
    frame(&c.bytes, 4, 8, 0);
  assert_int_equal(feed(&c, 0), ERR_OK);
  frame(&c.bytes, 4, 8, 0);
  assert_int_equal(feed(&c, 0), ERR_LIMIT);
  buf_done(&c.bytes);
}

static void test_a_charge_counts_like_a_frame(void **state) {
  struct client c = client_new();
  for (int i = 0; i < 300; i++)
    http2_budget_charge(&c.budget, HTTP2_BUDGET_RESETS, 0);
  assert_null(c.budget.passed);
  http2_budget_charge(&c.budget, HTTP2_BUDGET_RESETS, 0);
  assert_string_equal(c.budget.passed, "stream resets");
  buf_done(&c.bytes);
}

/* Feeds one more byte and says since when something is owed. */
static int64_t step(struct client *c, size_t *at, int64_t now_us) {
  assert_int_equal(http2_budget_feed(&c->budget, (struct text){c->bytes.at + (*at)++, 1}, now_us), ERR_OK);
  return http2_budget_begun_us(&c->budget);
}

static void test_what_is_owed_is_told(void **state) {
  struct http2_budget fresh;
  http2_budget_init(&fresh, 1000, 7);
  assert_int_equal(http2_budget_begun_us(&fresh), 7);
  struct client c = client_new();
  size_t at = 0;
  assert_int_equal(http2_budget_begun_us(&c.budget), -1);
  frame(&c.bytes, 2, 1, 0);
  frame(&c.bytes, 1, 9, 4);
  frame(&c.bytes, 2, 0, 0);
  frame(&c.bytes, 8, 6, 0);
  for (int i = 0; i < 20; i++)
    assert_int_equal(step(&c, &at, 100 + i), 100); /* to the block's last byte but one */
  assert_int_equal(step(&c, &at, 200), -1);
  for (int i = 0; i < 8; i++)
    assert_int_equal(step(&c, &at, 300 + i), 300);
  for (int i = 0; i < 3; i++)
    assert_int_equal(step(&c, &at, 400), -1); /* data has other limits */
  for (int i = 0; i < 16; i++)
    assert_int_equal(step(&c, &at, 500 + i), 500);
  assert_int_equal(step(&c, &at, 600), -1);
  assert_int_equal(at, c.bytes.len);
  buf_done(&c.bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_flood_ends_at_its_burst),
      cmocka_unit_test(test_a_steady_rate_never_ends),
      cmocka_unit_test(test_twice_the_rate_ends),
      cmocka_unit_test(test_requests_have_no_budget),
      cmocka_unit_test(test_the_verdict_does_not_depend_on_the_cut),
      cmocka_unit_test(test_a_block_has_few_pieces),
      cmocka_unit_test(test_a_block_has_few_bytes),
      cmocka_unit_test(test_data_sent_pays_for_window_updates),
      cmocka_unit_test(test_a_charge_counts_like_a_frame),
      cmocka_unit_test(test_what_is_owed_is_told),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
