#include "net/dial.h"

#include "fake_resolver.h"
#include "net/listen.h"
#include "tls_fixture.h"

#include <netinet/tcp.h>

static struct offload *pool;
static struct dns *dns;

static int set_up(void **state) {
  (void)state;
  assert_int_equal(offload_new(1, 64, &pool), ERR_OK);
  dns = dns_new(pool);
  atomic_store(&resolver_is_held, false);
  resolver_script = "";
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  offload_free(pool);
  dns_free(dns);
  return 0;
}

/* The lowest free descriptor: equal before and after means that nothing leaked. */
static int lowest_fd(void) {
  int fd = dup(0);
  close(fd);
  return fd;
}

static void simple(void *arg) {
  (void)arg;
  struct addr a;
  struct stream *s = NULL;
  struct fault f = {0};
  int l = listen_loopback(&a), value = 0;
  socklen_t len = sizeof(value);
  resolver_script = "host.test 127.0.0.1";
  CHECK_ERR(dial(NULL, NULL, TEXT("127.0.0.1"), addr_port(&a), after(SECOND_US), &s, &f), ERR_OK);
  CHECK_INT(getsockopt(s->watch.fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
  CHECK_INT(value != 0, 1);
  CHECK_INT(fcntl(s->watch.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  int conn = accept4(l, NULL, NULL, SOCK_CLOEXEC);
  CHECK_ERR(send_text(s, "hi"), ERR_OK);
  char got[2];
  CHECK_INT(recv(conn, got, 2, MSG_WAITALL), 2);
  stream_close(s, false);
  close(conn);
  CHECK_ERR(dial(dns, NULL, TEXT("host.test"), addr_port(&a), after(SECOND_US), &s, &f), ERR_OK);
  stream_close(s, false);
  close(l);
}
static void a_host_is_connected_to_by_address_and_by_name(void **state) { run_fiber(simple, NULL); }

static void refused(void *arg) {
  (void)arg;
  struct addr a;
  struct stream *s = NULL;
  struct fault f = {0};
  char expected[128];
  close(listen_loopback(&a));
  int before = lowest_fd();
  (void)snprintf(expected, sizeof(expected), "connect 127.0.0.1:%u: connection refused", addr_port(&a));
  CHECK_ERR(dial(dns, NULL, TEXT("127.0.0.1"), addr_port(&a), after(SECOND_US), &s, &f), ERR_NETWORK);
  CHECK_TEXT(text_of(f.text), text_of(expected));
  CHECK_ERR(dial(dns, NULL, TEXT("missing.test"), 80, after(SECOND_US), &s, &f), ERR_DNS);
  CHECK_TEXT(text_of(f.text), TEXT("look up missing.test: there is no such host"));
  CHECK_INT(s == NULL, 1);
  CHECK_INT(lowest_fd(), before);
}
static void a_failure_names_the_step_and_the_address(void **state) { run_fiber(refused, NULL); }

static void next_address(void *arg) {
  (void)arg;
  struct addr a;
  struct stream *s = NULL;
  struct fault f = {0};
  int l = listen_loopback(&a);
  resolver_script = "host.test 127.0.0.2 127.0.0.3 127.0.0.1"; /* nobody listens on the first two */
  int64_t began_us = loop_clock_us();
  CHECK_ERR(dial(dns, NULL, TEXT("host.test"), addr_port(&a), after(5 * SECOND_US), &s, &f), ERR_OK);
  CHECK_INT(loop_clock_us() - began_us < 500000, 1); /* refusals are not waited out */
  stream_close(s, false);
  close(l);
}
static void after_a_refusal_the_next_address_is_tried_at_once(void **state) { run_fiber(next_address, NULL); }

/* A listener whose queue is full: on Linux further SYNs are dropped, so a connect to it neither succeeds nor fails. */
struct black_hole {
  int listener, fillers[8];
};
static void black_hole_open(struct black_hole *h, const char *ip, uint16_t port, struct addr *out) {
  *out = (struct addr){.len = 0};
  CHECK_INT(addr_from_ip(text_of(ip), port, out), 1);
  h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_INT(bind(h->listener, &out->as.any, out->len), 0);
  CHECK_INT(listen(h->listener, 0), 0);
  CHECK_INT(getsockname(h->listener, &out->as.any, &out->len), 0);
  for (size_t i = 0; i < 8; i++) {
    h->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)!connect(h->fillers[i], &out->as.any, out->len);
  }
}
static void black_hole_close(struct black_hole *h) {
  close(h->listener);
  for (size_t i = 0; i < 8; i++)
    close(h->fillers[i]);
}

static void silent_address(void *arg) {
  (void)arg;
  struct addr a, hole_addr;
  struct black_hole hole;
  struct stream *s = NULL;
  struct fault f = {0};
  int l = listen_loopback(&a);
  black_hole_open(&hole, "127.0.0.2", addr_port(&a), &hole_addr);
  resolver_script = "host.test 127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.5 127.0.0.1"; /* silent, three that refuse */
  int before = lowest_fd();
  int64_t began_us = loop_clock_us();
  CHECK_ERR(dial(dns, NULL, TEXT("host.test"), addr_port(&a), after(10 * SECOND_US), &s, &f), ERR_OK);
  int64_t took_us = loop_clock_us() - began_us;
  CHECK_INT(took_us >= 250000, 1);
  CHECK_INT(took_us < 1000000, 1); /* one wait for the silent one and none for the others */
  CHECK_INT(s->watch.fd <= before + 1, 1);
  stream_close(s, false);
  CHECK_INT(lowest_fd(), before); /* the loser of the race is closed, too */
  black_hole_close(&hole);
  close(l);
}
static void a_silent_address_is_overtaken_by_the_next(void **state) { run_fiber(silent_address, NULL); }

struct dialling {
  uint16_t port;
  enum err result;
  bool is_done;
};
static void dial_hole(void *arg) {
  struct dialling *d = arg;
  struct stream *s = NULL;
  d->result = dial(dns, NULL, TEXT("host.test"), d->port, after(10 * SECOND_US), &s, NULL);
  d->is_done = true;
}

static void timeouts(void *arg) {
  (void)arg;
  struct addr hole_addr;
  struct black_hole hole;
  struct stream *s = NULL;
  struct fault f = {0};
  char expected[128];
  black_hole_open(&hole, "127.0.0.2", 0, &hole_addr);
  resolver_script = "host.test 127.0.0.2 127.0.0.2";
  int before = lowest_fd();
  (void)snprintf(expected, sizeof(expected), "connect host.test:%u: timed out", addr_port(&hole_addr));
  CHECK_ERR(dial(dns, NULL, TEXT("host.test"), addr_port(&hole_addr), after(20000), &s, &f), ERR_TIMEOUT);
  CHECK_TEXT(text_of(f.text), text_of(expected));
  struct dialling d = {.port = addr_port(&hole_addr)};
  struct fiber *fiber = start(dial_hole, &d);
  for (int i = 0; i < 20000 && loop_stats(loop_current()).watches == 0; i++)
    CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(d.is_done, 0);
  fiber_cancel(fiber);
  CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(d.is_done, 1);
  CHECK_ERR(d.result, ERR_CANCELLED);
  CHECK_INT(lowest_fd(), before);
  CHECK_INT(loop_stats(loop_current()).watches, 0);
  black_hole_close(&hole);
}
static void a_deadline_or_a_cancel_closes_every_attempt(void **state) { run_fiber(timeouts, NULL); }

struct tls_server {
  struct tls_side side;
  struct listener *listener;
};
static void on_accept(void *ctx, struct stream *s, const struct addr *peer) {
  struct tls_server *srv = ctx;
  (void)peer;
  srv->side.plain = s;
  start(accept_side, &srv->side);
}

static void over_tls(void *arg) {
  const struct tls_world *w = arg;
  static const char *const hosts[] = {"example.test", "wrong.test"};
  resolver_script = "example.test 127.0.0.1;wrong.test 127.0.0.1";
  for (int i = 0; i < 2; i++) {
    struct addr a;
    struct stream *s = NULL;
    struct fault f = {0};
    struct tls_server srv = {.side.context = w->server};
    CHECK_INT(addr_from_ip(TEXT("127.0.0.1"), 0, &a), 1);
    int fd = -1;
    CHECK_ERR(listen_bind(&a, false, &fd, &f), ERR_OK);
    CHECK_ERR(listen_addr(fd, &a), ERR_OK);
    CHECK_ERR(listener_start(loop_current(), fd, false, on_accept, &srv, &srv.listener), ERR_OK);
    CHECK_ERR(dial(dns, w->client, text_of(hosts[i]), addr_port(&a), after(5 * SECOND_US), &s, &f),
              i == 0 ? ERR_OK : ERR_TLS);
    CHECK_HAS(f.text, i == 0 ? "" : "TLS handshake with wrong.test: its certificate is for another host name");
    for (int n = 0; n < 20000 && !srv.side.is_done; n++)
      CHECK_ERR(fiber_sleep(100), ERR_OK);
    stream_close(s, false);
    stream_close(srv.side.out, false);
    listener_stop(srv.listener);
  }
}
static void with_tls_the_handshake_belongs_to_the_dial(void **state) {
  static const struct identity_options leaf = {.names = "DNS:example.test"};
  struct tls_world w = tls_world_new(&leaf, false);
  run_fiber(over_tls, &w);
  tls_world_free(&w);
}

static void confined(void *arg) {
  static const char *const bad[] = {"169.254.169.254",        "127.0.0.1 169.254.169.254", "fe80::1 127.0.0.1",
                                    "::ffff:169.254.169.254", "64:ff9b::169.254.169.254",  "fd00:ec2::254",
                                    "100.100.100.200"};
  (void)arg;
  struct addr a;
  struct stream *s = NULL;
  struct fault f = {0};
  char script[128];
  int l = listen_loopback(&a), before = lowest_fd();
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    char name[16];
    (void)snprintf(name, sizeof(name), "host%zu.test", i); /* what was looked up is remembered */
    (void)snprintf(script, sizeof(script), "%s %s", name, bad[i]);
    resolver_script = script;
    if (!CHECK_ERR(dial_confined(dns, NULL, text_of(name), addr_port(&a), after(SECOND_US), &s, &f), ERR_FORBIDDEN))
      (void)fprintf(stderr, "%s\n", bad[i]);
    CHECK_HAS(f.text, "leads to link-local addresses or a cloud's metadata");
  }
  CHECK_ERR(dial_confined(dns, NULL, TEXT("169.254.169.254"), 80, after(SECOND_US), &s, &f), ERR_FORBIDDEN);
  CHECK_INT(s == NULL, 1);
  CHECK_INT(lowest_fd(), before);
  resolver_script = "good.test 127.0.0.1";
  CHECK_ERR(dial_confined(dns, NULL, TEXT("good.test"), addr_port(&a), after(SECOND_US), &s, &f), ERR_OK);
  stream_close(s, false);
  close(l);
}
static void a_confined_name_leads_nowhere_near_the_link_or_metadata(void **state) { run_fiber(confined, NULL); }

#define DIAL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      DIAL_TEST(a_host_is_connected_to_by_address_and_by_name),
      DIAL_TEST(a_failure_names_the_step_and_the_address),
      DIAL_TEST(after_a_refusal_the_next_address_is_tried_at_once),
      DIAL_TEST(a_silent_address_is_overtaken_by_the_next),
      DIAL_TEST(a_deadline_or_a_cancel_closes_every_attempt),
      DIAL_TEST(with_tls_the_handshake_belongs_to_the_dial),
      DIAL_TEST(a_confined_name_leads_nowhere_near_the_link_or_metadata),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
