/* Compressed bodies: the first byte picks the coding, the second where the input is cut. The cut must not change the
 * outcome, and the output stays bounded. */
#include "net/inflate.h"

#include <stdlib.h>

#define MAX_BYTES (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err unpack(struct text coding, struct text in, size_t cut, struct buf *out) {
  struct inflate *z = inflate_new(coding);
  enum err e = inflate_feed(z, text_head(in, cut), out);
  if (e == ERR_OK)
    e = inflate_feed(z, text_skip(in, cut), out);
  if (e == ERR_OK)
    e = inflate_end(z);
  inflate_free(z);
  return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct buf whole, cut;
  if (size < 2)
    return 0;
  struct text in = {(const char *)data + 2, size - 2}, coding = data[0] % 2 == 0 ? TEXT("gzip") : TEXT("deflate");
  buf_init(&whole, MAX_BYTES);
  buf_init(&cut, MAX_BYTES);
  enum err e = unpack(coding, in, in.len, &whole);
  if (unpack(coding, in, data[1], &cut) != e || whole.len > MAX_BYTES)
    abort();
  if (e == ERR_OK && !text_equal(buf_text(&whole), buf_text(&cut)))
    abort();
  buf_done(&whole);
  buf_done(&cut);
  return 0;
}
