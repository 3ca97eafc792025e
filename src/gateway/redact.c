/* Covering credentials in what a provider said, and keys in paths. Used by judge.c on the bodies of errors and on
 * quoted messages, the only provider text that is shown outside of answers; by route.c and exchange.c on paths that are
 * quoted or logged. */
#include "gateway/redact.h"

#define SHORTEST_BYTES 8

void redact(char *at, size_t len, struct text secret) {
  if (secret.len < SHORTEST_BYTES)
    return;
  struct text left = {at, len};
  ptrdiff_t found;
  /* house: allow secret-comparison -- a search takes what it takes; guesses would have to come back in errors */
  while ((found = text_find(left, secret)) >= 0) {
    size_t from = (size_t)(left.at - at) + (size_t)found;
    memset(at + from, '*', secret.len);
    left = text_skip(left, (size_t)found + secret.len);
  }
}

struct text redact_path(struct text path, char *room) {
  struct text left = path;
  ptrdiff_t found = text_find(left, TEXT("/ak/"));
  if (found < 0)
    return path;
  memcpy(room, path.at, path.len);
  while (found >= 0) {
    left = text_skip(left, (size_t)found + 4);
    ptrdiff_t slash = text_find_char(left, '/');
    size_t len = slash < 0 ? left.len : (size_t)slash;
    memset(room + (path.len - left.len), '*', len);
    left = text_skip(left, len);
    found = text_find(left, TEXT("/ak/"));
  }
  return (struct text){room, path.len};
}
