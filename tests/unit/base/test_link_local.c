/* Which addresses a host that was named over the network must not lead to. */
#include "base/link_local.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>

static bool has(const char *address) {
  struct in_addr v4;
  struct in6_addr v6;
  if (inet_pton(AF_INET, address, &v4) == 1)
    return link_local_has_v4(ntohl(v4.s_addr));
  if (inet_pton(AF_INET6, address, &v6) != 1)
    fail_msg("%s is no address", address);
  return link_local_has_v6(v6.s6_addr);
}

static void addresses_of_the_link_and_of_metadata_are_known_however_they_are_written(void **state) {
  static const char *const in[] = {"169.254.0.0",
                                   "169.254.169.254",
                                   "169.254.255.255",
                                   "100.100.100.200",
                                   "168.63.129.16",
                                   "192.0.0.192",
                                   "fe80::1",
                                   "febf::1",
                                   "fd00:ec2::254",
                                   "fd20:ce::254",
                                   "::ffff:169.254.1.1",
                                   "::169.254.1.1",
                                   "64:ff9b::169.254.1.1",
                                   "2002:a9fe:a9fe::",
                                   "2002:a9fe:1::7",
                                   "::ffff:100.100.100.200"};
  for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
    if (!has(in[i]))
      fail_msg("%s is let through", in[i]);
}

static void their_neighbours_are_not_among_them(void **state) {
  static const char *const out[] = {"169.253.255.255",
                                    "169.255.0.0",
                                    "127.0.0.1",
                                    "10.0.0.1",
                                    "100.100.100.201",
                                    "0.0.0.0",
                                    "::",
                                    "::1",
                                    "fe7f::1",
                                    "fec0::1",
                                    "fd00:ec1::254",
                                    "fd00::1",
                                    "2001:db8::a9fe:a9fe",
                                    "64:ff9c::169.254.1.1",
                                    "2002:a9fd::",
                                    "::ffff:127.0.0.1"};
  for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
    if (has(out[i]))
      fail_msg("%s is refused", out[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_of_the_link_and_of_metadata_are_known_however_they_are_written),
      cmocka_unit_test(their_neighbours_are_not_among_them),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
