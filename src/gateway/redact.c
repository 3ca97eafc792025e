/* Covering credentials in what a provider said. Used by judge.c on the bodies of errors and on quoted messages, the
 * only provider text that is shown outside of answers. */
#include "gateway/redact.h"

#define SHORTEST_BYTES 8

void redact(char *at, size_t len, struct text secret) {
  if (secret.len < SHORTEST_BYTES)
    return;
  struct text left = {at, len};
  ptrdiff_t found;
  while ((found = text_find(left, secret)) >= 0) {
    size_t from = (size_t)(left.at - at) + (size_t)found;
    memset(at + from, '*', secret.len);
    left = text_skip(left, (size_t)found + secret.len);
  }
}
