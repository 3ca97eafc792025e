/* Networks written as "10.0.0.0/8", "2001:db8::/32" or a single address, and whether an address is in one (RFC 4632,
 * RFC 4291). IPv4-mapped IPv6 addresses are the IPv4 addresses they mean. Pure. */
#ifndef BASE_CIDR_H
#define BASE_CIDR_H

#include "base/text.h"

#include <stdint.h>

#define CIDR_TEXT_MAX 49 /* longest there is, without a zero */

struct cidr {
  uint8_t bytes[16]; /* of an IPv6 address; IPv4 as mapped */
  unsigned bits;     /* of them that count, 0 to 128 */
};

/* False: it is none. Bits behind the prefix must be 0, so that nobody is misunderstood. */
bool cidr_read(struct text t, struct cidr *out);
/* An address alone, without port or brackets. */
bool cidr_read_address(struct text t, struct cidr *out);
bool cidr_has(const struct cidr *network, const struct cidr *address);
/* Whether one of the networks has it; entries that are none, and an address that is none, match nothing. */
bool cidr_any_has(const struct text *networks, size_t count, struct text address);
/* The same of entries separated by '\n'. */
bool cidr_lines_have(struct text lines, struct text address);

#endif
