/* Networks and addresses as 128 bits, IPv4 in its mapped form. Called where a list of networks decides who may come in:
 * allow-lists of keys and of the control API, trusted proxies. */
#include "base/cidr.h"

#include <arpa/inet.h>

#define MAPPED_BITS 96

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct cidr *c) { return memcmp(c->bytes, mapped, sizeof(mapped)) == 0; }

bool cidr_read_address(struct text t, struct cidr *out) {
  char plain[INET6_ADDRSTRLEN + 1];
  struct cidr c = {.bits = 128};
  if (t.len == 0 || t.len >= sizeof(plain) || text_find_char(t, '\0') >= 0)
    return false;
  memcpy(plain, t.at, t.len);
  plain[t.len] = '\0';
  if (inet_pton(AF_INET, plain, c.bytes + sizeof(mapped)) == 1)
    memcpy(c.bytes, mapped, sizeof(mapped));
  else if (inet_pton(AF_INET6, plain, c.bytes) != 1)
    return false;
  *out = c;
  return true;
}

static bool bit(const struct cidr *c, unsigned n) { return (c->bytes[n / 8] >> (7 - n % 8) & 1) != 0; }

bool cidr_read(struct text t, struct cidr *out) {
  struct text host = t, length = TEXT_NONE;
  struct cidr c;
  uint64_t bits = 0;
  bool has_length = text_cut(t, '/', &host, &length);
  if (!cidr_read_address(host, &c))
    return false;
  bool is_v4 = text_find_char(host, ':') < 0;
  if (has_length && (length.len == 0 || length.len > 3 || !text_to_u64(length, &bits) || bits > (is_v4 ? 32U : 128U)))
    return false;
  if (has_length)
    c.bits = (unsigned)bits + (is_v4 ? MAPPED_BITS : 0);
  for (unsigned n = c.bits; n < 128; n++) {
    if (bit(&c, n))
      return false;
  }
  *out = c;
  return true;
}

/* "::/0" is every IPv6 network: an IPv4 address is in it only when it was written as one. */
bool cidr_has(const struct cidr *network, const struct cidr *address) {
  if (is_mapped(address) && network->bits < MAPPED_BITS)
    return false;
  for (unsigned n = 0; n < network->bits; n++) {
    if (bit(network, n) != bit(address, n))
      return false;
  }
  return true;
}

bool cidr_any_has(const struct text *networks, size_t count, struct text address) {
  struct cidr who, network;
  if (!cidr_read_address(address, &who))
    return false;
  for (size_t i = 0; i < count; i++) {
    if (cidr_read(networks[i], &network) && cidr_has(&network, &who))
      return true;
  }
  return false;
}

bool cidr_lines_have(struct text lines, struct text address) {
  struct text one;
  while (lines.len > 0) {
    if (!text_cut(lines, '\n', &one, &lines)) {
      one = lines;
      lines = TEXT_NONE;
    }
    if (cidr_any_has(&one, 1, address))
      return true;
  }
  return false;
}
