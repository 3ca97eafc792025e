#include "net/tls_stream.h"

#include "tls_fixture.h"

#include <sys/ioctl.h>

static const struct identity_options leaf = {.names = "DNS:example.test"};

static struct tls_stream *inside(struct stream *s) { return (struct tls_stream *)s; }

/* OpenSSL's blocks of the size of a record that are alive, counted through its allocator. */
static int record_buffers;
#define RECORD_BUFFER_BYTES 16384

static void *counted_malloc(size_t n, const char *file, int line) {
  (void)file, (void)line;
  max_align_t *block = malloc(sizeof(*block) + n);
  if (block == NULL)
    return NULL;
  memcpy(block, &n, sizeof(n));
  record_buffers += n >= RECORD_BUFFER_BYTES;
  return block + 1;
}
static void counted_free(void *at, const char *file, int line) {
  (void)file, (void)line;
  if (at == NULL)
    return;
  size_t n = 0;
  memcpy(&n, (max_align_t *)at - 1, sizeof(n));
  record_buffers -= n >= RECORD_BUFFER_BYTES;
  free((max_align_t *)at - 1);
}
static void *counted_realloc(void *at, size_t n, const char *file, int line) {
  size_t old = 0;
  if (at != NULL)
    memcpy(&old, (max_align_t *)at - 1, sizeof(old));
  void *moved = counted_malloc(n, file, line);
  if (moved != NULL && at != NULL)
    memcpy(moved, at, old < n ? old : n);
  counted_free(at, file, line);
  return moved;
}

static void with_world(void (*fn)(void *arg), int max_version) {
  struct tls_world w = tls_world_new(&leaf, false);
  if (max_version != 0)
    assert_int_equal(SSL_CTX_set_max_proto_version(w.server->ssl, max_version), 1);
  run_fiber(fn, &w);
  tls_world_free(&w);
}

/* --- bytes --- */
struct sender {
  struct stream *s;
  size_t bytes, step;
  enum err result;
};
static void send_pattern(void *arg) {
  struct sender *t = arg;
  char *data = malloc(t->bytes);
  for (size_t i = 0; i < t->bytes; i++)
    data[i] = pattern(i);
  for (size_t at = 0; at < t->bytes && t->result == ERR_OK; at += t->step) {
    size_t n = t->bytes - at < t->step ? t->bytes - at : t->step, cut = n / 3;
    struct iovec pieces[3] = {{data + at, cut}, {data + at + cut, 0}, {data + at + cut, n - cut}};
    t->result = stream_write(t->s, pieces, 3, after(30 * SECOND_US));
  }
  free(data);
}
static void check_pattern(struct stream *s, size_t bytes, size_t step) {
  char *into = malloc(step);
  size_t have = 0, wrong = 0, n = 0;
  while (have < bytes && stream_read(s, into, step, after(30 * SECOND_US), &n) == ERR_OK) {
    for (size_t i = 0; i < n; i++)
      wrong += into[i] != pattern(have + i);
    have += n;
  }
  free(into);
  CHECK_INT(have, bytes);
  CHECK_INT(wrong, 0);
}

static void transfer(const struct tls_world *w, int buffer_bytes, size_t bytes, size_t write_step, size_t read_step) {
  struct tls_pair p;
  tls_pair_connect(&p, w, "example.test", buffer_bytes);
  struct sender up = {p.client.out, bytes, write_step, ERR_OK}, down = {p.server.out, bytes, write_step, ERR_OK};
  start(send_pattern, &up);
  start(send_pattern, &down);
  check_pattern(p.server.out, bytes, read_step);
  check_pattern(p.client.out, bytes, read_step);
  CHECK_ERR(up.result, ERR_OK);
  CHECK_ERR(down.result, ERR_OK);
  CHECK_INT(p.client.out->bytes_out, bytes);
  CHECK_INT(p.client.out->bytes_in, bytes);
  tls_pair_close(&p);
}
static void megabyte(void *arg) {
  transfer(arg, 4096, 1024 * 1024, 300000, 5000);
  transfer(arg, 0, 1024 * 1024, 1024 * 1024, 65536);
}
static void ones(void *arg) { transfer(arg, 0, 400, 1, 1); }
static void a_megabyte_passes_both_ways_through_tiny_socket_buffers(void **state) { with_world(megabyte, 0); }
static void a_megabyte_passes_in_tls12(void **state) { with_world(megabyte, TLS1_2_VERSION); }
static void one_byte_reads_and_writes_carry_every_byte(void **state) { with_world(ones, 0); }

static void one_record(void *arg) {
  struct tls_pair p;
  char got[16];
  size_t n = 0;
  struct iovec pieces[3] = {{(void *)(uintptr_t) "head", 4}, {NULL, 0}, {(void *)(uintptr_t) "body", 4}};
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(stream_write(p.client.out, pieces, 3, after(SECOND_US)), ERR_OK);
  CHECK_ERR(stream_read(p.server.out, got, sizeof(got), after(SECOND_US), &n), ERR_OK);
  CHECK_TEXT(((struct text){got, n}), TEXT("headbody"));
  CHECK_ERR(stream_try_read(p.server.out, got, sizeof(got), &n), ERR_AGAIN);
  tls_pair_close(&p);
}
static void small_pieces_leave_in_one_record(void **state) { with_world(one_record, 0); }

static void held_input(void *arg) {
  struct tls_pair p;
  char got[4];
  size_t n = 0;
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(send_text(p.client.out, "abcd"), ERR_OK);
  CHECK_ERR(send_text(p.client.out, "efgh"), ERR_OK);
  CHECK_ERR(stream_wait_readable(p.server.out, after(SECOND_US)), ERR_OK);
  int there = 0;
  for (int i = 0; i < 20000 && there < 2 * (4 + 22); i++) { /* two records of four bytes each in TLS 1.3 */
    CHECK_INT(ioctl(p.server.out->watch.fd, FIONREAD, &there), 0);
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  }
  CHECK_ERR(stream_read(p.server.out, got, 2, after(SECOND_US), &n), ERR_OK);
  CHECK_INT(p.server.out->watch.readable, 0);
  CHECK_ERR(stream_wait_readable(p.server.out, after(5000)), ERR_OK); /* OpenSSL has more, the socket has not */
  CHECK_ERR(read_exactly(p.server.out, got, 4), ERR_OK);
  CHECK_TEXT(((struct text){got, 4}), TEXT("cdef"));
  CHECK_ERR(read_exactly(p.server.out, got, 2), ERR_OK);
  CHECK_ERR(stream_try_read(p.server.out, got, 1, &n), ERR_AGAIN);
  CHECK_ERR(stream_wait_readable(p.server.out, after(5000)), ERR_TIMEOUT);
  tls_pair_close(&p);
}
static void bytes_inside_openssl_are_news_without_the_socket(void **state) { with_world(held_input, 0); }

/* --- writes the socket does not take --- */
static void full_socket(void *arg) {
  struct tls_pair p;
  static char lots[1024 * 1024];
  struct iovec piece = {lots, sizeof(lots)};
  size_t n = 0, taken = 0, reported = 0;
  enum err e = ERR_OK;
  for (size_t i = 0; i < sizeof(lots); i++)
    lots[i] = pattern(i);
  tls_pair_connect(&p, arg, "example.test", 4096);
  while (e == ERR_OK) {
    piece = (struct iovec){lots + taken, sizeof(lots) - taken};
    e = stream_try_write(p.client.out, &piece, 1, &n);
    taken += e == ERR_OK ? n : 0;
  }
  CHECK_ERR(e, ERR_AGAIN);
  CHECK_INT(inside(p.client.out)->sealed > 0, 1);
  CHECK_INT(inside(p.client.out)->unsent.len > 0, 1);
  CHECK_INT(inside(p.client.out)->unsent.len <= 70000, 1);
  size_t sealed = inside(p.client.out)->sealed;
  char *got = malloc(taken + sealed);
  for (size_t have = 0;
       have < taken + sealed;) { /* the reader drains while the writer comes back with one byte at a time */
    piece = (struct iovec){lots + taken + reported, 1};
    if (reported < sealed && stream_try_write(p.client.out, &piece, 1, &n) == ERR_OK)
      reported += n;
    if (stream_try_read(p.server.out, got + have, taken + sealed - have, &n) == ERR_OK)
      have += n;
    CHECK_ERR(fiber_yield(), ERR_OK);
  }
  while (reported < sealed && stream_try_write(p.client.out, &piece, 1, &n) == ERR_OK)
    reported += n;
  CHECK_INT(reported, sealed);
  CHECK_INT(memcmp(got, lots, taken + sealed), 0);
  CHECK_INT(inside(p.client.out)->unsent.at == NULL, 1);
  free(got);
  tls_pair_close(&p);
}
static void sealed_bytes_are_sent_once_and_reported_when_they_have_left(void **state) { with_world(full_socket, 0); }

/* --- ends --- */
static void polite(void *arg) {
  struct tls_pair p;
  char got[3];
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(send_text(p.server.out, "bye"), ERR_OK);
  stream_close(p.server.out, false);
  CHECK_ERR(read_exactly(p.client.out, got, 3), ERR_OK);
  CHECK_ERR(next_read(p.client.out), ERR_END);
  CHECK_ERR(next_read(p.client.out), ERR_END);
  stream_close(p.client.out, false);
}
static void close_notify_is_a_clean_end(void **state) { with_world(polite, 0); }

static void truncated(void *arg) {
  struct tls_pair p;
  char got[3];
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(send_text(p.server.out, "cut"), ERR_OK);
  CHECK_INT(shutdown(p.server.out->watch.fd, SHUT_WR), 0);
  CHECK_ERR(read_exactly(p.client.out, got, 3), ERR_OK);
  CHECK_ERR(next_read(p.client.out), ERR_NETWORK);
  CHECK_ERR(next_read(p.client.out), ERR_NETWORK);
  tls_pair_close(&p);
}
static void a_fin_without_close_notify_is_a_cut_and_not_an_end(void **state) { with_world(truncated, 0); }
static void a_cut_is_found_in_tls12(void **state) { with_world(truncated, TLS1_2_VERSION); }

static void reset(void *arg) {
  struct tls_pair p;
  tls_pair_connect(&p, arg, "example.test", 0);
  stream_close(p.server.out, true);
  CHECK_ERR(next_read(p.client.out), ERR_NETWORK);
  CHECK_INT(stream_is_hung_up(p.client.out), 1);
  stream_close(p.client.out, false);
}
static void a_reset_is_a_network_error(void **state) { with_world(reset, 0); }

static void half_closed(void *arg) {
  struct tls_pair p;
  char got[2];
  tls_pair_connect(&p, arg, "example.test", 0);
  stream_finish(p.client.out);
  CHECK_ERR(next_read(p.server.out), ERR_END);
  CHECK_ERR(send_text(p.server.out, "ok"), ERR_OK);
  CHECK_ERR(read_exactly(p.client.out, got, 2), ERR_OK);
  tls_pair_close(&p);
}
static void after_finish_the_peer_can_still_answer(void **state) { with_world(half_closed, 0); }

static void damaged(void *arg) {
  struct tls_pair p;
  const char bad[] = "\x17\x03\x03\x00\x20 thirty-two bytes nobody sealed..";
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_INT(send(p.server.out->watch.fd, bad, sizeof(bad) - 1, MSG_NOSIGNAL), sizeof(bad) - 1);
  CHECK_ERR(next_read(p.client.out), ERR_TLS);
  CHECK_ERR(next_read(p.client.out), ERR_TLS);
  tls_pair_close(&p);
}
static void a_damaged_record_is_a_tls_error(void **state) { with_world(damaged, 0); }

/* --- what the protocol does on the side --- */
static void key_update(void *arg) {
  struct tls_pair p;
  char got[5];
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_INT(SSL_key_update(inside(p.client.out)->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
  for (int i = 0; i < 3; i++) {
    CHECK_ERR(send_text(p.client.out, "after"), ERR_OK);
    CHECK_ERR(read_exactly(p.server.out, got, 5), ERR_OK);
    CHECK_ERR(send_text(p.server.out, "reply"), ERR_OK);
    CHECK_ERR(read_exactly(p.client.out, got, 5), ERR_OK);
    CHECK_TEXT(((struct text){got, 5}), TEXT("reply"));
  }
  CHECK_INT(SSL_get_key_update_type(inside(p.client.out)->ssl), SSL_KEY_UPDATE_NONE);
  tls_pair_close(&p);
}
static void a_key_update_is_answered(void **state) { with_world(key_update, TLS1_3_VERSION); }

/* The server asks for a second handshake: answered with the no_renegotiation warning, and the connection goes on. */
static void renegotiation(void *arg) {
  struct tls_pair p;
  char got[2];
  size_t n = 0;
  tls_pair_connect(&p, arg, "example.test", 0);
  SSL *server = inside(p.server.out)->ssl, *client = inside(p.client.out)->ssl;
  SSL_clear_options(server, SSL_OP_NO_RENEGOTIATION);
  CHECK_INT(SSL_renegotiate(server), 1);
  (void)SSL_do_handshake(server);
  CHECK_ERR(tls_stream_flush(inside(p.server.out)), ERR_OK);
  CHECK_ERR(stream_wait_readable(p.client.out, after(SECOND_US)), ERR_OK);
  CHECK_ERR(stream_try_read(p.client.out, got, 1, &n), ERR_AGAIN);
  CHECK_INT(SSL_is_init_finished(client), 1);
  CHECK_INT(SSL_total_renegotiations(client), 0);
  CHECK_ERR(send_text(p.client.out, "ok"), ERR_OK);
  stream_close(p.client.out, true);
  stream_close(p.server.out, true);
}
static void renegotiation_is_refused(void **state) { with_world(renegotiation, TLS1_2_VERSION); }

/* --- the watch moves with the socket --- */
static void on_event(struct loop_watch *w) { (void)w; }
static void moved(void *arg) {
  const struct tls_world *w = arg;
  struct pair p = stream_pair(0);
  struct tls_stream *t = NULL;
  int owner = 0;
  p.a->owner = &owner;
  p.a->watch.on_event = on_event;
  CHECK_ERR(tls_stream_new(w->client, p.a, &t), ERR_OK);
  CHECK_INT(t->base.owner == &owner, 1);
  CHECK_INT(t->base.watch.on_event == on_event, 1);
  stream_close(&t->base, false);
  stream_close(p.b, false);
}
static void what_the_owner_set_moves_to_the_tls_stream(void **state) { with_world(moved, 0); }

static void idle(void *arg) {
  int before = record_buffers;
  struct tls_pair p;
  char got[4];
  size_t n = 0;
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(send_text(p.client.out, "ping"), ERR_OK);
  CHECK_ERR(read_exactly(p.server.out, got, 4), ERR_OK);
  CHECK_ERR(stream_try_read(p.server.out, got, 4, &n), ERR_AGAIN);
  CHECK_INT(inside(p.server.out)->unsent.cap, 0);
  CHECK_INT(inside(p.client.out)->unsent.cap, 0);
  CHECK_INT(SSL_has_pending(inside(p.server.out)->ssl), 0);
  CHECK_ERR(send_text(p.server.out, "pong"), ERR_OK);
  CHECK_ERR(read_exactly(p.client.out, got, 4), ERR_OK);
  CHECK_ERR(stream_try_read(p.client.out, got, 4, &n), ERR_AGAIN);
  CHECK_INT(record_buffers, before);
  tls_pair_close(&p);
}
static void an_idle_stream_holds_no_buffer(void **state) { with_world(idle, 0); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_megabyte_passes_both_ways_through_tiny_socket_buffers),
      cmocka_unit_test(a_megabyte_passes_in_tls12),
      cmocka_unit_test(one_byte_reads_and_writes_carry_every_byte),
      cmocka_unit_test(small_pieces_leave_in_one_record),
      cmocka_unit_test(bytes_inside_openssl_are_news_without_the_socket),
      cmocka_unit_test(sealed_bytes_are_sent_once_and_reported_when_they_have_left),
      cmocka_unit_test(close_notify_is_a_clean_end),
      cmocka_unit_test(a_fin_without_close_notify_is_a_cut_and_not_an_end),
      cmocka_unit_test(a_cut_is_found_in_tls12),
      cmocka_unit_test(a_reset_is_a_network_error),
      cmocka_unit_test(after_finish_the_peer_can_still_answer),
      cmocka_unit_test(a_damaged_record_is_a_tls_error),
      cmocka_unit_test(a_key_update_is_answered),
      cmocka_unit_test(renegotiation_is_refused),
      cmocka_unit_test(what_the_owner_set_moves_to_the_tls_stream),
      cmocka_unit_test(an_idle_stream_holds_no_buffer),
  };
  assert_int_equal(CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free), 1);
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
