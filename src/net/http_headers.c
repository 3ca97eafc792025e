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
  static const char *const by_nature[] = {
      "connection", "proxy-connection",   "keep-alive",         "te", "trailer", "transfer-encoding",
      "upgrade",    "proxy-authenticate", "proxy-authorization"};
  for (size_t i = 0; i < sizeof(by_nature) / sizeof(by_nature[0]); i++)
    if (text_equal_nocase(name, text_of(by_nature[i])))
      return true;
  return http_header_lists(h, TEXT("connection"), name);
}

bool http_is_token_byte(unsigned char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
    return true;
  switch (c) {
  case '!':
  case '#':
  case '$':
  case '%':
  case '&':
  case '\'':
  case '*':
  case '+':
  case '-':
  case '.':
  case '^':
  case '_':
  case '`':
  case '|':
  case '~': return true;
  default: return false;
  }
}

bool http_is_token(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (!http_is_token_byte((unsigned char)t.at[i]))
      return false;
  return t.len > 0;
}

bool http_header_is_sane(struct text name, struct text value) {
  for (size_t i = 0; i < value.len; i++) {
    unsigned char c = (unsigned char)value.at[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f)
      return false;
  }
  return http_is_token(name);
}
