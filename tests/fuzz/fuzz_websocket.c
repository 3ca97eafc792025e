/* Frames of a WebSocket: whole and split give the same messages and the same end, and no message is longer than
 * allowed. */
#include "net/websocket.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds)
    abort();
}

static void read_all(struct text bytes, size_t step, struct buf *out) {
  static struct websocket_reader r;
  websocket_reader_init(&r);
  while (bytes.len > 0 && r.failed == 0) {
    struct text some = text_head(bytes, step);
    bytes = text_skip(bytes, some.len);
    while (some.len > 0) {
      struct websocket_message m;
      size_t used = 0;
      bool done = false;
      if (websocket_feed(&r, some, &used, &done, &m) != ERR_OK)
        break;
      must(used > 0 && used <= some.len);
      some = text_skip(some, used);
      if (!done)
        continue;
      must(m.data.len <= (m.opcode >= WEBSOCKET_CLOSE ? WEBSOCKET_CONTROL_MAX : WEBSOCKET_MESSAGE_MAX));
      buf_add_format(out, "%d %u %zu:", (int)m.opcode, m.code, m.data.len);
      buf_add(out, m.data);
    }
  }
  buf_add_format(out, "!%u", r.failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text bytes = {(const char *)data, size};
  struct buf whole, split;
  char accept[WEBSOCKET_ACCEPT_BYTES];
  (void)!websocket_accept(bytes, accept);
  buf_init(&whole, 100 * size + 1000);
  buf_init(&split, 100 * size + 1000);
  read_all(bytes, size, &whole);
  read_all(bytes, 1, &split);
  must(text_equal(buf_text(&whole), buf_text(&split)));
  buf_done(&whole);
  buf_done(&split);
  return 0;
}
