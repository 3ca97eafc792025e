/* What an origin looks like: byte by byte, nothing is normalised. Called by check_control.c and by the control API,
 * where keys get theirs. */
#include "config/origin.h"

static bool is_host_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '[' || c == ']' || c == ':';
}

bool origin_is_one(struct text t) {
  bool is_safe = text_starts(t, TEXT("https://"));
  struct text rest = text_skip(t, is_safe ? 8 : 7), host = rest, port = TEXT_NONE;
  uint64_t number = 0;
  if (t.len > ORIGIN_MAX_BYTES || (!is_safe && !text_starts(t, TEXT("http://"))) || rest.len == 0)
    return false;
  for (size_t i = 0; i < rest.len; i++) {
    if (!is_host_byte(rest.at[i]))
      return false;
  }
  ptrdiff_t bracket = text_find_char(rest, ']');
  if (bracket >= 0) {
    host = text_head(rest, (size_t)bracket + 1);
    rest = text_skip(rest, (size_t)bracket + 1);
    if (rest.len == 0)
      return host.at[0] == '[' && host.len > 2;
    if (host.at[0] != '[' || rest.at[0] != ':')
      return false;
    port = text_skip(rest, 1);
  } else if (!text_cut(rest, ':', &host, &port)) {
    return rest.at[0] != '.';
  }
  return host.len > 0 && text_to_u64(port, &number) && number > 0 && number < 65536 && number != (is_safe ? 443U : 80U);
}
