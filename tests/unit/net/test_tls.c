#include "net/tls.h"

#include "net/tls_stream.h"
#include "tls_fixture.h"

static SSL *ssl_of(struct stream *s) { return ((struct tls_stream *)s)->ssl; }

struct attempt {
  const struct tls_world *world;
  const char *host;
  const char *says; /* NULL: accepted */
};

static void try_connect(void *arg) {
  const struct attempt *a = arg;
  struct tls_pair p;
  tls_pair_connect(&p, a->world, a->host, 0);
  CHECK_ERR(p.client.result, a->says == NULL ? ERR_OK : ERR_TLS);
  CHECK_HAS(p.client.f.text, a->says == NULL ? "" : a->says);
  if (a->says == NULL && p.client.out != NULL && p.server.out != NULL) {
    char got[4];
    CHECK_ERR(p.server.result, ERR_OK);
    CHECK_ERR(send_text(p.client.out, "ping"), ERR_OK);
    CHECK_ERR(read_exactly(p.server.out, got, 4), ERR_OK);
    CHECK_ERR(send_text(p.server.out, "pong"), ERR_OK);
    CHECK_ERR(read_exactly(p.client.out, got, 4), ERR_OK);
    CHECK_TEXT(((struct text){got, 4}), TEXT("pong"));
  }
  tls_pair_close(&p);
}

static void attempt_with(const struct identity_options *leaf, bool is_self_signed, const char *host, const char *says) {
  struct tls_world w = tls_world_new(leaf, is_self_signed);
  struct attempt a = {&w, host, says};
  run_fiber(try_connect, &a);
  tls_world_free(&w);
}

static const struct identity_options good = {.names = "DNS:example.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1"};

static void a_good_certificate_is_accepted(void **state) { attempt_with(&good, false, "example.test", NULL); }
static void an_rsa_certificate_is_accepted(void **state) {
  struct identity_options rsa = good;
  rsa.rsa = true;
  attempt_with(&rsa, false, "example.test", NULL);
}
static void a_fully_qualified_name_loses_its_dot(void **state) { attempt_with(&good, false, "example.test.", NULL); }
static void a_wildcard_covers_one_label(void **state) {
  attempt_with(&good, false, "a.wild.test", NULL);
  attempt_with(&good, false, "a.b.wild.test", "is for another host name");
}
static void an_ip_host_needs_its_address_in_the_certificate(void **state) {
  attempt_with(&good, false, "127.0.0.1", NULL);
  attempt_with(&good, false, "::1", NULL);
  attempt_with(&good, false, "127.0.0.2", "is for another IP address");
  static const struct identity_options as_name = {.names = "DNS:127.0.0.1"};
  attempt_with(&as_name, false, "127.0.0.1", "is for another IP address");
}
static void another_name_is_refused(void **state) {
  attempt_with(&good, false, "other.test", "TLS handshake with other.test: its certificate is for another host name");
}
static void an_expired_certificate_is_refused(void **state) {
  static const struct identity_options expired = {.names = "DNS:example.test", .from_s = -7200, .to_s = -3600};
  attempt_with(&expired, false, "example.test", "its certificate has expired");
}
static void a_future_certificate_is_refused(void **state) {
  static const struct identity_options future = {.names = "DNS:example.test", .from_s = 3600, .to_s = 7200};
  attempt_with(&future, false, "example.test", "its certificate is not valid yet");
}
static void a_self_signed_certificate_is_refused(void **state) {
  attempt_with(&good, true, "example.test", "its certificate is self-signed");
}
static void an_unknown_authority_is_refused(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  const struct identity_options ca = {.is_ca = true};
  struct identity other = identity_new("Other CA", NULL, &ca);
  write_cert("other.pem", other.cert);
  tls_context_unref(w.client);
  assert_int_equal(tls_client_context_new(tls_path("other.pem"), &w.client, NULL), ERR_OK);
  struct attempt a = {&w, "example.test", "its certificate is signed by an unknown authority"};
  run_fiber(try_connect, &a);
  identity_free(&other);
  tls_world_free(&w);
}

/* --- what is agreed on --- */
static void agreement(void *arg) {
  struct tls_pair p;
  const unsigned char *alpn = NULL;
  unsigned alpn_len = 0;
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(p.client.result, ERR_OK);
  SSL_get0_alpn_selected(ssl_of(p.server.out), &alpn, &alpn_len);
  CHECK_TEXT(((struct text){(const char *)alpn, alpn_len}), TEXT("http/1.1"));
  CHECK_TEXT(text_of(SSL_get_servername(ssl_of(p.server.out), TLSEXT_NAMETYPE_host_name)), TEXT("example.test"));
  CHECK_INT(SSL_version(ssl_of(p.client.out)), TLS1_3_VERSION);
  tls_pair_close(&p);
  tls_pair_connect(&p, arg, "127.0.0.1", 0);
  CHECK_ERR(p.client.result, ERR_OK);
  CHECK_INT(SSL_get_servername(ssl_of(p.server.out), TLSEXT_NAMETYPE_host_name) == NULL, 1);
  tls_pair_close(&p);
}
static void http11_is_agreed_on_and_names_but_not_addresses_are_sent(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  run_fiber(agreement, &w);
  tls_world_free(&w);
}

/* --- resuming --- */
static void resume(void *arg) {
  const struct tls_world *w = arg;
  for (int round = 0; round < 3; round++) {
    struct tls_pair p;
    char got[1];
    tls_pair_connect(&p, w, "example.test", 0);
    CHECK_ERR(p.client.result, ERR_OK);
    CHECK_INT(SSL_session_reused(ssl_of(p.client.out)), round > 0);
    CHECK_INT(SSL_session_reused(ssl_of(p.server.out)), round > 0);
    CHECK_ERR(send_text(p.server.out, "x"), ERR_OK);
    CHECK_ERR(read_exactly(p.client.out, got, 1), ERR_OK); /* and with it the ticket */
    tls_pair_close(&p);
  }
  struct tls_pair other;
  tls_pair_connect(&other, w, "a.wild.test", 0);
  CHECK_ERR(other.client.result, ERR_OK);
  CHECK_INT(SSL_session_reused(ssl_of(other.client.out)), 0);
  tls_pair_close(&other);
}
static void the_next_connection_to_a_host_resumes_and_one_to_another_host_does_not(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  run_fiber(resume, &w);
  tls_world_free(&w);
}
static void tls12_resumes_too(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  assert_int_equal(SSL_CTX_set_max_proto_version(w.server->ssl, TLS1_2_VERSION), 1);
  run_fiber(resume, &w);
  tls_world_free(&w);
}

/* --- what is refused --- */
static void speak_old(void *arg) {
  struct tls_pair p;
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(p.server.result, ERR_TLS);
  CHECK_HAS(p.server.f.text, "no common TLS version");
  CHECK_ERR(p.client.result, ERR_TLS);
  CHECK_HAS(p.client.f.text, "no common TLS version");
}
static void tls11_is_refused_and_the_reason_said_on_both_sides(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  SSL_CTX_set_security_level(w.client->ssl, 0);
  assert_int_equal(SSL_CTX_set_min_proto_version(w.client->ssl, TLS1_1_VERSION), 1);
  assert_int_equal(SSL_CTX_set_max_proto_version(w.client->ssl, TLS1_1_VERSION), 1);
  assert_int_equal(SSL_CTX_set_cipher_list(w.client->ssl, "ALL:@SECLEVEL=0"), 1);
  run_fiber(speak_old, &w);
  tls_world_free(&w);
}

static void speak_cbc(void *arg) {
  struct tls_pair p;
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(p.server.result, ERR_TLS);
  CHECK_HAS(p.server.f.text, "no common cipher suite");
  CHECK_ERR(p.client.result, ERR_TLS);
}
static void suites_without_aead_are_refused(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  assert_int_equal(SSL_CTX_set_max_proto_version(w.client->ssl, TLS1_2_VERSION), 1);
  assert_int_equal(SSL_CTX_set_cipher_list(w.client->ssl, "ECDHE-ECDSA-AES128-SHA256:AES128-GCM-SHA256"), 1);
  run_fiber(speak_cbc, &w);
  tls_world_free(&w);
}

static void offer_something_else(void *arg) {
  struct tls_pair p;
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(p.server.result, ERR_TLS);
  CHECK_ERR(p.client.result, ERR_TLS);
  CHECK_HAS(p.client.f.text, "application protocol");
}
static void a_client_that_speaks_neither_http_is_refused(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  assert_int_equal(SSL_CTX_set_alpn_protos(w.client->ssl, (const unsigned char *)"\x02h3", 3), 0);
  run_fiber(offer_something_else, &w);
  tls_world_free(&w);
}

struct offer {
  struct tls_world *w;
  const char *protocols; /* RFC 7301: each with its length before it */
  unsigned len;
  bool is_http2;
};
static void make_offer(void *arg) {
  const struct offer *o = arg;
  struct tls_pair p;
  if (o->len > 0)
    CHECK_INT(SSL_CTX_set_alpn_protos(o->w->client->ssl, (const unsigned char *)o->protocols, o->len), 0);
  tls_pair_connect(&p, o->w, "example.test", 0);
  CHECK_ERR(p.server.result, ERR_OK);
  CHECK_INT(tls_speaks_http2(p.server.out), o->is_http2);
  tls_pair_close(&p);
}
static void http2_is_agreed_on_when_it_is_offered(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  const struct offer offers[] = {{&w, "", 0, false}, /* what clients of this program offer */
                                 {&w, "\x02h2\x08http/1.1", 12, true},
                                 {&w, "\x08http/1.1\x02h2", 12, true},
                                 {&w, "\x02h2", 3, true},
                                 {&w, "\x03h2c\x08http/1.1", 13, false}};
  for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
    run_fiber(make_offer, (void *)(uintptr_t)&offers[i]);
  tls_world_free(&w);
}

static void plain_text(void *arg) {
  const struct tls_world *w = arg;
  struct pair to_server = stream_pair(0), to_client = stream_pair(0);
  struct tls_side server = {.context = w->server, .plain = to_server.b};
  CHECK_ERR(send_text(to_server.a, "GET / HTTP/1.1\r\nhost: x\r\n\r\n"), ERR_OK);
  accept_side(&server);
  CHECK_ERR(server.result, ERR_TLS);
  CHECK_HAS(server.f.text, "does not speak TLS");
  struct stream *s = NULL;
  struct fault f = {0};
  CHECK_ERR(send_text(to_client.a, "HTTP/1.1 400 Bad Request\r\n\r\n"), ERR_OK);
  CHECK_ERR(tls_connect(w->client, to_client.b, TEXT("example.test"), after(SECOND_US), &s, &f), ERR_TLS);
  CHECK_TEXT(text_of(f.text), TEXT("TLS handshake with example.test: the peer does not speak TLS on this port"));
  stream_close(to_server.a, false);
  stream_close(to_client.a, false);
}
static void a_peer_without_tls_is_named_as_such(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  run_fiber(plain_text, &w);
  tls_world_free(&w);
}

/* --- handshakes that do not come to an end --- */
static void silent_peer(void *arg) {
  const struct tls_world *w = arg;
  struct pair p = stream_pair(0), cut = stream_pair(0);
  struct stream *s = NULL;
  struct fault f = {0};
  CHECK_ERR(tls_connect(w->client, p.a, TEXT("example.test"), after(5000), &s, &f), ERR_TIMEOUT);
  CHECK_TEXT(text_of(f.text), TEXT("TLS handshake with example.test: timed out"));
  stream_close(cut.b, false);
  CHECK_ERR(tls_connect(w->client, cut.a, TEXT("example.test"), after(SECOND_US), &s, &f), ERR_NETWORK);
  CHECK_HAS(f.text, "TLS handshake with example.test: the ");
  CHECK_INT(s == NULL, 1);
  stream_close(p.b, false);
}
static void a_silent_peer_times_out_and_a_vanished_one_is_a_network_error(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  run_fiber(silent_peer, &w);
  tls_world_free(&w);
}

static void cancel_it(void *arg) {
  const struct tls_world *w = arg;
  struct pair p = stream_pair(0);
  struct tls_side server = {.context = w->server, .plain = p.b};
  struct fiber *f = start(accept_side, &server);
  CHECK_ERR(fiber_yield(), ERR_OK);
  fiber_cancel(f);
  CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(server.is_done, 1);
  CHECK_ERR(server.result, ERR_CANCELLED);
  CHECK_ERR(next_read(p.a), ERR_END);
  stream_close(p.a, false);
}
static void a_cancelled_handshake_closes_the_socket(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  run_fiber(cancel_it, &w);
  tls_world_free(&w);
}

static void bad_hosts(void *arg) {
  const struct tls_world *w = arg;
  static char long_name[300];
  memset(long_name, 'a', sizeof(long_name));
  const struct text hosts[] = {TEXT(""), TEXT("."), TEXT("a\0b"), {long_name, sizeof(long_name)}};
  for (size_t i = 0; i < 4; i++) {
    struct pair p = stream_pair(0);
    struct stream *s = NULL;
    struct fault f = {0};
    CHECK_ERR(tls_connect(w->client, p.a, hosts[i], after(SECOND_US), &s, &f), ERR_TLS);
    CHECK_HAS(f.text, "cannot be checked");
    CHECK_ERR(next_read(p.b), ERR_END);
    stream_close(p.b, false);
  }
}
static void a_host_that_cannot_be_checked_is_refused(void **state) {
  struct tls_world w = tls_world_new(&good, false);
  run_fiber(bad_hosts, &w);
  tls_world_free(&w);
}

static void measured(void *arg) {
  struct tls_pair p;
  tls_pair_connect(&p, arg, "example.test", 0);
  CHECK_ERR(p.client.result, ERR_OK);
  tls_pair_close(&p);
}
/* OpenSSL is the deepest caller on a fiber's stack: half of it must stay free. */
static void a_handshake_fits_into_half_a_fibers_stack(void **state) {
  struct identity_options rsa = good;
  rsa.rsa = true;
  fiber_measure_stacks(true);
  for (int i = 0; i < 2; i++) {
    struct tls_world w = tls_world_new(i == 0 ? &good : &rsa, false);
    run_fiber(measured, &w);
    tls_world_free(&w);
  }
  fiber_measure_stacks(false);
  assert_in_range(fiber_stack_high_water(), 1, FIBER_STACK_BYTES / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_good_certificate_is_accepted),
      cmocka_unit_test(an_rsa_certificate_is_accepted),
      cmocka_unit_test(a_fully_qualified_name_loses_its_dot),
      cmocka_unit_test(a_wildcard_covers_one_label),
      cmocka_unit_test(an_ip_host_needs_its_address_in_the_certificate),
      cmocka_unit_test(another_name_is_refused),
      cmocka_unit_test(an_expired_certificate_is_refused),
      cmocka_unit_test(a_future_certificate_is_refused),
      cmocka_unit_test(a_self_signed_certificate_is_refused),
      cmocka_unit_test(an_unknown_authority_is_refused),
      cmocka_unit_test(http11_is_agreed_on_and_names_but_not_addresses_are_sent),
      cmocka_unit_test(the_next_connection_to_a_host_resumes_and_one_to_another_host_does_not),
      cmocka_unit_test(tls12_resumes_too),
      cmocka_unit_test(tls11_is_refused_and_the_reason_said_on_both_sides),
      cmocka_unit_test(suites_without_aead_are_refused),
      cmocka_unit_test(a_client_that_speaks_neither_http_is_refused),
      cmocka_unit_test(http2_is_agreed_on_when_it_is_offered),
      cmocka_unit_test(a_peer_without_tls_is_named_as_such),
      cmocka_unit_test(a_silent_peer_times_out_and_a_vanished_one_is_a_network_error),
      cmocka_unit_test(a_cancelled_handshake_closes_the_socket),
      cmocka_unit_test(a_handshake_fits_into_half_a_fibers_stack),
      cmocka_unit_test(a_host_that_cannot_be_checked_is_refused),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
