/* Event-stream frames: whole and split give the same messages, and what is read adds up to the stream. The CRCs are
 * put right first, so that headers are reached at all. */
#include "aws/eventstream.h"

#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds)
    abort();
}

static void put_crc(char *at, size_t n) {
  uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)at, n);
  for (int i = 0; i < 4; i++)
    at[n + (size_t)i] = (char)(crc >> (24 - 8 * i));
}

static void mend(char *at, size_t left) {
  while (left >= 12) {
    const unsigned char *b = (const unsigned char *)at;
    size_t total = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    put_crc(at, 8);
    if (total < EVENTSTREAM_OVERHEAD || total > left)
      return;
    put_crc(at, total - 4);
    at += total;
    left -= total;
  }
}

static void read_messages(struct text stream, size_t step, struct buf *out) {
  size_t from = 0;
  enum err e = ERR_OK;
  for (size_t to = step; from < stream.len && e == ERR_OK; to += step) {
    struct text left = text_skip(text_head(stream, to), from);
    struct eventstream_message m;
    while (eventstream_next(&left, 1 << 16, &m, &e, NULL)) {
      must(m.raw.at == stream.at + from && m.payload.len <= m.raw.len);
      from += m.raw.len;
      buf_add_format(out, "%.*s;%.*s;%zu|", TEXT_ARGS(m.message_type), TEXT_ARGS(m.event_type), m.payload.len);
    }
    if (to >= stream.len)
      break;
  }
  buf_add_format(out, "%s at %zu", err_name(e), from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct buf bytes, whole, split;
  buf_init(&bytes, size + 1);
  buf_init(&whole, 100 * size + 1000);
  buf_init(&split, 100 * size + 1000);
  buf_add(&bytes, (struct text){(const char *)data, size});
  if (size > 0)
    mend(bytes.at, bytes.len);
  read_messages(buf_text(&bytes), size + 1, &whole);
  read_messages(buf_text(&bytes), 1, &split);
  must(text_equal(buf_text(&whole), buf_text(&split)));
  buf_done(&bytes);
  buf_done(&whole);
  buf_done(&split);
  return 0;
}
