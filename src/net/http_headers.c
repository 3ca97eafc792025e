/* Looks at header fields that were already taken apart. Parsing them is http1.c's work, writing them the server's and
 * the client's. Lookups are linear: a message has at most HTTP_MAX_HEADERS fields, and most comparisons end at the
 * length. */
#include "net/http_headers.h"

const struct http_header *http_header_find(const struct http_headers *h, struct text name) {
  for (size_t i = 0; i < h->count; i++)
    if (text_equal_nocase(h->at[i].name, name))
      return &h->at[i];
  return NULL;
}

struct text http_header_value(const struct http_headers *h, struct text name) {
  const struct http_header *found = http_header_find(h, name);
  return found ? found->value : TEXT_NONE;
}

bool http_header_lists(const struct http_headers *h, struct text name, struct text element) {
  for (size_t i = 0; i < h->count; i++) {
    if (!text_equal_nocase(h->at[i].name, name))
      continue;
    struct text list = h->at[i].value, one;
    while (text_next_in_list(&list, &one))
      if (text_equal_nocase(one, element))
        return true;
  }
  return false;
}

bool http_header_is_hop_by_hop(const struct http_headers *h, struct text name) {
  static const struct text by_nature[] = {TEXT("connection"),
                                          TEXT("proxy-connection"),
                                          TEXT("keep-alive"),
                                          TEXT("te"),
                                          TEXT("trailer"),
                                          TEXT("transfer-encoding"),
                                          TEXT("upgrade"),
                                          TEXT("proxy-authenticate"),
                                          TEXT("proxy-authorization")};
  for (size_t i = 0; i < sizeof(by_nature) / sizeof(by_nature[0]); i++)
    if (name.len == by_nature[i].len && text_equal_nocase(name, by_nature[i]))
      return true;
  return !h->connection_is_plain && http_header_lists(h, TEXT("connection"), name);
}

/* RFC 9110 section 5.6.2: 1 for every byte of a token. */
static const bool token_byte[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1,  ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
    ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,  ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1,
    ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1,  ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1,
    ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1,  ['^'] = 1, ['_'] = 1, ['`'] = 1, ['a'] = 1,
    ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1,  ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,
    ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1,  ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1, ['|'] = 1,  ['~'] = 1,
};

bool http_is_token_byte(unsigned char c) { return token_byte[c]; }

bool http_is_token(struct text t) {
  bool good = t.len > 0;
  for (size_t i = 0; i < t.len; i++)
    good &= token_byte[(unsigned char)t.at[i]];
  return good;
}

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define HIGH_BITS (EACH_BYTE << 7)

/* Eight bytes at a time: a byte below 0x20 borrows in the first subtraction, 0x7f becomes zero in the second. */
size_t http_plain_bytes(struct text t) {
  size_t n = 0;
  for (; n + 8 <= t.len; n += 8) {
    uint64_t v;
    memcpy(&v, t.at + n, 8);
    uint64_t del = v ^ (EACH_BYTE * 0x7f);
    if ((((v - EACH_BYTE * 0x20) & ~v) | ((del - EACH_BYTE) & ~del)) & HIGH_BITS)
      break;
  }
  while (n < t.len && (unsigned char)t.at[n] >= 0x20 && t.at[n] != 0x7f)
    n++;
  return n;
}

bool http_header_is_sane(struct text name, struct text value) {
  for (size_t at = http_plain_bytes(value); at < value.len; at += 1 + http_plain_bytes(text_skip(value, at + 1)))
    if (value.at[at] != '\t')
      return false;
  return http_is_token(name);
}
