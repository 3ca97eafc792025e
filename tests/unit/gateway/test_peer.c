/* Whom an address list sees: the peer, or behind trusted proxies whom the last of them has seen. */
#include "gateway/peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static const struct text proxies[] = {TEXT("10.0.0.0/8"), TEXT("::1"), TEXT("unix")};

static void expect(const char *peer, const char *first, const char *second, size_t trusted, const char *want) {
  struct http_header at[] = {{TEXT("X-Forwarded-For"), text_of(first)},
                             {TEXT("forwarded"), TEXT("for=6.6.6.6")},
                             {TEXT("x-real-ip"), TEXT("6.6.6.6")},
                             {TEXT("x-forwarded-for"), text_of(second)}};
  struct http_request rq = {.peer = text_of(peer), .head = {.headers = {at, 4, false}}};
  struct config c = {.trusted_proxies = (struct text *)(uintptr_t)proxies, .trusted_proxy_count = trusted};
  struct text got = peer_address(&rq, &c);
  if (!text_equal(got, text_of(want)))
    fail_msg("%s, \"%s\", \"%s\": got %.*s, expected %s", peer, first, second, TEXT_ARGS(got), want);
}

static void a_stranger_is_believed_nothing(void **state) {
  expect("1.2.3.4:5555", "10.0.0.1", "127.0.0.1", 3, "1.2.3.4");
  expect("[2001:db8::1]:80", "10.0.0.1", "", 3, "2001:db8::1");
  expect("10.0.0.1:80", "6.6.6.6", "", 0, "10.0.0.1");
  expect("unix", "6.6.6.6", "", 0, "unix");
}

static void behind_a_trusted_proxy_the_last_it_has_seen_counts(void **state) {
  expect("10.0.0.1:80", "", "1.2.3.4", 3, "1.2.3.4");
  expect("[::1]:80", "", "6.6.6.6, 1.2.3.4", 3, "1.2.3.4");
  expect("unix", "", "6.6.6.6,1.2.3.4:5555", 3, "1.2.3.4");
  expect("10.0.0.1:80", "", "6.6.6.6, [2001:db8::7]:443", 3, "2001:db8::7");
  expect("10.0.0.1:80", "6.6.6.6", "1.2.3.4, 10.9.9.9", 3, "1.2.3.4");
  expect("10.0.0.1:80", "6.6.6.6, 1.2.3.4", "10.9.9.9", 3, "1.2.3.4");
}

static void what_a_proxy_says_that_is_no_address_matches_no_network(void **state) {
  expect("10.0.0.1:80", "6.6.6.6", "unknown", 3, "unknown");
  expect("10.0.0.1:80", "6.6.6.6", "[", 3, "");
  expect("10.0.0.1:80", "", "6.6.6.6,", 3, "");
}

static void a_proxy_that_tells_of_nobody_is_the_peer(void **state) {
  expect("10.0.0.1:80", "", "", 3, "10.0.0.1");
  expect("10.0.0.1:80", "10.1.1.1", "10.2.2.2", 3, "10.1.1.1");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stranger_is_believed_nothing),
      cmocka_unit_test(behind_a_trusted_proxy_the_last_it_has_seen_counts),
      cmocka_unit_test(what_a_proxy_says_that_is_no_address_matches_no_network),
      cmocka_unit_test(a_proxy_that_tells_of_nobody_is_the_peer),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
