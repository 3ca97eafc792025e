/* The streams of a connection: how many there may be, how they share it, and which floods of frames end it. */
#include "http2_wire.h"

static void wait_for_test(struct site *site, struct http_request *rq) {
  const bool *go = site->data;
  while (!*go && site->last == ERR_OK)
    site->last = fiber_sleep(MS_US);
  if (site->last == ERR_CANCELLED) {
    site->was_cancelled = true;
    fiber_clear_cancel();
  }
  (void)!http_respond(rq, 200, NULL, 0, TEXT("late"));
}

static void check_many(void *arg) {
  bool go = false;
  struct site site = site_options();
  site.options.max_streams = 50;
  site.serve = wait_for_test;
  site.data = &go;
  site_open(&site);
  struct h2 *h = h2_open(&site);
  h2_settle(h); /* until the client has heard of the limit */
  for (int i = 0; i < 200; i++)
    (void)h2_get(h, "/");
  for (int i = 0; i < 5; i++)
    h2_settle(h);
  CHECK_INT(http_server_active(site.srv), 50); /* the client keeps to it */
  go = true;
  for (size_t i = 0; i < h->count; i++)
    CHECK_INT(h2_answer(h, &h->replies[i]), 200);
  CHECK_INT(site.served, 200);
  h2_close(h);
  site_close(&site);
}
static void test_streams_are_served_together_up_to_the_limit(void **state) { run_fiber(check_many, NULL); }

static void check_too_many(void *arg) {
  bool go = false;
  struct site site = site_options();
  site.options.max_streams = 10;
  site.serve = wait_for_test;
  site.data = &go;
  site_open(&site);
  struct buf out;
  raw_hello(&out);
  for (uint32_t i = 0; i < 400; i++) /* all at once, whatever the server says */
    raw_get(&out, 2 * i + 1);
  CHECK_INT(raw_talk(&site, &out) >= 0, 1);
  CHECK_INT(site.served <= 10, 1);
  buf_done(&out);
  site_close(&site);
}
static void test_more_streams_than_that_are_refused(void **state) { run_fiber(check_too_many, NULL); }

static void check_no_fibers(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct h2 *h = h2_open(&site);
  h2_settle(h);
  bool go = false;
  site.serve = wait_for_test;
  site.data = &go;
  struct h2_reply *one = h2_get(h, "/"), *other = h2_get(h, "/"); /* two fibers: the test's, and one more */
  h2_settle(h);
  CHECK_INT(h2_answer(h, other), 0);
  CHECK_INT(other->code, NGHTTP2_REFUSED_STREAM);
  go = true;
  CHECK_INT(h2_answer(h, one), 200);
  CHECK_INT(site.served, 1);
  h2_close(h);
  site_close(&site);
  loop_stop(loop_current());
}
static void test_without_a_fiber_left_a_stream_is_refused(void **state) {
  struct loop *loop = NULL;
  struct loop_limits limits = {.max_fibers = 2};
  check_failures = 0;
  assert_int_equal(loop_new(&limits, &loop), ERR_OK);
  assert_int_equal(fiber_start(loop, check_no_fibers, NULL, NULL), ERR_OK);
  loop_run(loop);
  loop_free(loop);
  assert_int_equal(check_failures, 0);
}

static void respond_much(struct site *site, struct http_request *rq) {
  static char body[32 << 20]; /* more than the socket takes at once */
  bool is_large = text_equal(rq->path, TEXT("/large"));
  site->last = http_respond(rq, 200, NULL, 0, (struct text){body, is_large ? sizeof(body) : 40000});
}

static void check_turns(void *arg) {
  const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 64 << 20};
  struct site site = site_options();
  site.serve = respond_much;
  site_open(&site);
  struct h2 *h = h2_open_with(connect_to(&site.at), &window, 1);
  CHECK_INT(nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, 64 << 20), 0);
  struct h2_reply *large = h2_get(h, "/large"), *small = h2_get(h, "/small");
  CHECK_INT(h2_answer(h, small), 200);
  CHECK_INT(large->closed, 0); /* the small answer did not wait for the large one */
  CHECK_INT(h2_answer(h, large), 200);
  CHECK_INT(large->body.len, 32 << 20);
  h2_close(h);
  site_close(&site);
}
static void test_answers_take_turns(void **state) { run_fiber(check_turns, NULL); }

static void check_one_packet(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct h2 *h = h2_open(&site);
  h2_settle(h);
  size_t before = h->reads;
  struct buf all;
  buf_init(&all, 1 << 20);
  for (int i = 0; i < 100; i++)
    (void)h2_get(h, "/");
  for (const uint8_t *bytes = NULL;;) {
    ssize_t n = nghttp2_session_mem_send(h->ng, &bytes);
    if (n <= 0)
      break;
    buf_add(&all, (struct text){(const char *)bytes, (size_t)n});
  }
  struct iovec piece = {all.at, all.len};
  CHECK_ERR(stream_write(h->s, &piece, 1, after(SECOND_US)), ERR_OK);
  for (size_t i = 0; i < h->count; i++)
    CHECK_INT(h2_answer(h, &h->replies[i]), 200);
  CHECK_INT(h->reads - before <= 2, 1);
  buf_done(&all);
  h2_close(h);
  site_close(&site);
}
static void test_answers_to_one_packet_leave_in_one(void **state) { run_fiber(check_one_packet, NULL); }

static void flood_resets(struct buf *out) {
  for (uint32_t i = 0; i < 1000; i++) {
    raw_get(out, 2 * i + 1);
    raw_u32(out, NGHTTP2_RST_STREAM, 2 * i + 1, NGHTTP2_CANCEL);
  }
}
/* The server resets, because the client makes it: a window that overflows is an error of its stream. */
static void flood_mistakes(struct buf *out) {
  for (uint32_t i = 0; i < 900; i++) {
    raw_get(out, 2 * i + 1);
    raw_u32(out, NGHTTP2_WINDOW_UPDATE, 2 * i + 1, 0x7fffffff);
  }
}
static void flood_malformed(struct buf *out) {
  for (uint32_t i = 0; i < 1000; i++)
    raw_frame(out, 3, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 2 * i + 1, RAW_GET);
}
static void flood_continuations(struct buf *out) {
  raw_frame(out, RAW_LEN(RAW_GET), NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, RAW_GET);
  for (int i = 0; i < 10000; i++)
    raw_frame(out, 1, NGHTTP2_CONTINUATION, 0, 1, "\x84");
}
static void flood_pings(struct buf *out) {
  for (int i = 0; i < 10000; i++)
    raw_frame(out, 8, NGHTTP2_PING, 0, 0, "12345678");
}
static void flood_settings(struct buf *out) {
  for (int i = 0; i < 10000; i++)
    raw_frame(out, 6, NGHTTP2_SETTINGS, 0, 0, "\0\3\0\0\0\1");
}
static void flood_empty_data(struct buf *out) {
  raw_frame(out, RAW_LEN(RAW_POST), NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, RAW_POST);
  for (int i = 0; i < 10000; i++)
    raw_frame(out, 0, NGHTTP2_DATA, 0, 1, "");
}
static void flood_padding(struct buf *out) {
  raw_frame(out, RAW_LEN(RAW_POST), NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, RAW_POST);
  for (int i = 0; i < 10000; i++)
    raw_frame(out, 3, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\2\0\0");
}
static void flood_empty_heads(struct buf *out) {
  for (uint32_t i = 0; i < 1000; i++)
    raw_frame(out, 0, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 2 * i + 1, "");
}
static void flood_windows(struct buf *out) {
  for (int i = 0; i < 10000; i++)
    raw_u32(out, NGHTTP2_WINDOW_UPDATE, 0, 1);
}
static void flood_priorities(struct buf *out) {
  for (int i = 0; i < 10000; i++)
    raw_frame(out, 5, NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\1");
}
static void flood_unknown(struct buf *out) {
  for (int i = 0; i < 10000; i++)
    raw_frame(out, 5, 0xbe, 0, 1, "12345");
}
/* One large field in the table, then a byte for each time it is meant: little to send, much to read. */
static void flood_table(struct buf *out) {
  static char value[4000];
  struct buf block;
  buf_init(&block, 1 << 16);
  memset(value, 'v', sizeof(value));
  buf_add(&block, TEXT(RAW_GET));
  buf_add(&block, TEXT("\x40\x01x\x7f\xa1\x1e")); /* x: 4000 bytes, to be remembered */
  buf_add(&block, (struct text){value, sizeof(value)});
  for (int i = 0; i < 12000; i++)
    buf_add(&block, TEXT("\xbe"));
  raw_frame(out, block.len, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block.at);
  buf_done(&block);
}

static const struct {
  const char *name;
  void (*write)(struct buf *out);
} floods[] = {
    {"resets", flood_resets},         {"mistakes", flood_mistakes},     {"malformed heads", flood_malformed},
    {"pings", flood_pings},           {"settings", flood_settings},     {"continuations", flood_continuations},
    {"empty data", flood_empty_data}, {"padding", flood_padding},       {"empty heads", flood_empty_heads},
    {"windows", flood_windows},       {"priorities", flood_priorities}, {"unknown frames", flood_unknown},
    {"a table bomb", flood_table},
};

static void check_floods(void *arg) {
  struct site site = site_options();
  site_open(&site);
  for (size_t i = 0; i < COUNT_OF(floods); i++) {
    struct buf out;
    raw_hello(&out);
    floods[i].write(&out);
    int64_t code = raw_talk(&site, &out);
    if (code != NGHTTP2_ENHANCE_YOUR_CALM) {
      (void)fprintf(stderr, "%s: goaway %lld\n", floods[i].name, (long long)code);
      check_failures++;
    }
    settle();
    CHECK_INT(http_server_active(site.srv), 0);
    buf_done(&out);
  }
  struct h2 *h = h2_open(&site);
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  h2_close(h);
  site_close(&site);
}
static void test_floods_end_with_enhance_your_calm(void **state) { run_fiber(check_floods, NULL); }

/* Asks for much and takes it byte by byte: a frame for each, and each wants a window update. */
static void check_dribble(void *arg) {
  const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1};
  struct site site = site_options();
  site.serve = respond_much;
  site_open(&site);
  struct h2 *h = h2_open_with(connect_to(&site.at), &window, 1);
  struct h2_reply *r = h2_get(h, "/");
  h->hold_windows = true;
  h2_until_head(h, r);
  for (int i = 0; i < 3000 && !h->has_goaway && h->end == ERR_OK; i++) {
    CHECK_INT(nghttp2_submit_window_update(h->ng, NGHTTP2_FLAG_NONE, r->id, 1), 0);
    (void)h2_turn(h, SECOND_US);
  }
  CHECK_INT(h->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
  CHECK_INT(r->body.len > 900 && r->body.len < 2000, 1);
  h2_close(h);
  site_close(&site);
}
static void test_a_window_opened_byte_by_byte_is_a_flood(void **state) { run_fiber(check_dribble, NULL); }

/* Small events of a stream, each answered with two window updates, are no flood. */
static void respond_events(struct site *site, struct http_request *rq) {
  struct text event = TEXT("data: x\n\n");
  CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
  for (int i = 0; i < 3000 && site->last == ERR_OK; i++) {
    site->last = http_respond_write(rq, &event, 1);
    CHECK_ERR(fiber_yield(), ERR_OK);
  }
  (void)!http_respond_end(rq);
}

static void check_events(void *arg) {
  struct site site = site_options();
  site.serve = respond_events;
  site_open(&site);
  struct h2 *h = h2_open(&site);
  struct h2_reply *r = h2_get(h, "/");
  h->hold_windows = true;
  for (size_t updates = 0; !r->closed && h2_turn(h, SECOND_US);) {
    for (; updates < r->data_frames && !r->closed; updates++) {
      CHECK_INT(nghttp2_submit_window_update(h->ng, NGHTTP2_FLAG_NONE, r->id, 9), 0);
      CHECK_INT(nghttp2_submit_window_update(h->ng, NGHTTP2_FLAG_NONE, 0, 9), 0);
    }
  }
  CHECK_INT(r->ended, 1);
  CHECK_INT(r->body.len, 3000 * 9);
  CHECK_INT(h->has_goaway, 0);
  h2_close(h);
  site_close(&site);
}
static void test_window_updates_for_every_event_are_no_flood(void **state) { run_fiber(check_events, NULL); }

static void wait_stubbornly(struct site *site, struct http_request *rq) {
  const bool *go = site->data;
  (void)rq;
  while (!*go)
    (void)!fiber_sleep(MS_US);
}

/* Handlers that take their time after a reset: the client cannot have ever more of them. */
static void check_stubborn(void *arg) {
  bool go = false;
  struct site site = site_options();
  site.options.max_streams = 20;
  site.serve = wait_stubbornly;
  site.data = &go;
  site_open(&site);
  struct h2 *h = h2_open(&site);
  h2_settle(h);
  for (int i = 0; i < 100; i++) {
    struct h2_reply *r = h2_get(h, "/");
    h2_settle(h);
    if (!r->closed)
      CHECK_INT(nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL), 0);
    h2_settle(h);
  }
  CHECK_INT(http_server_active(site.srv), 40);
  CHECK_INT(h->replies[99].code, NGHTTP2_REFUSED_STREAM);
  CHECK_INT(h->has_goaway, 0);
  go = true;
  while (http_server_active(site.srv) > 0)
    CHECK_ERR(fiber_sleep(MS_US), ERR_OK);
  site.serve = site_echo;
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  h2_close(h);
  site_close(&site);
}
static void test_reset_streams_count_until_their_handlers_end(void **state) { run_fiber(check_stubborn, NULL); }

static void check_broken(void *arg) {
  struct site site = site_options();
  site_open(&site);
  for (int i = 0; i < 4; i++) {
    struct buf out;
    raw_hello(&out);
    if (i == 0)
      raw_frame(&out, 3, NGHTTP2_SETTINGS, 0, 0, "abc"); /* not a multiple of 6 */
    if (i == 1)
      raw_frame(&out, 0, NGHTTP2_DATA, 0, 1, ""); /* for no stream */
    if (i == 2)
      raw_frame(&out, 5, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xff\xff\xff\xff\xff"); /* bad index */
    if (i == 3)
      raw_get(&out, 2); /* even: not a client's */
    CHECK_INT(raw_talk(&site, &out) > 0, 1);
    buf_done(&out);
  }
  settle();
  CHECK_INT(site.served, 0);
  site_close(&site);
}
static void test_errors_of_the_connection_end_it(void **state) { run_fiber(check_broken, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_streams_are_served_together_up_to_the_limit),
      cmocka_unit_test(test_more_streams_than_that_are_refused),
      cmocka_unit_test(test_without_a_fiber_left_a_stream_is_refused),
      cmocka_unit_test(test_answers_take_turns),
      cmocka_unit_test(test_answers_to_one_packet_leave_in_one),
      cmocka_unit_test(test_floods_end_with_enhance_your_calm),
      cmocka_unit_test(test_a_window_opened_byte_by_byte_is_a_flood),
      cmocka_unit_test(test_window_updates_for_every_event_are_no_flood),
      cmocka_unit_test(test_reset_streams_count_until_their_handlers_end),
      cmocka_unit_test(test_errors_of_the_connection_end_it),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
