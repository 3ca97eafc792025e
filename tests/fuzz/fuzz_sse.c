/* Event streams: whole and split give the same events, and the raw bytes add up to the stream. */
#include "net/sse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds)
    abort();
}

static void add_field(struct buf *out, struct text t) {
  buf_add_u64(out, t.len);
  buf_add_char(out, ':');
  buf_add(out, t);
}

/* All events but comments, in a form that can be compared. */
static void read_events(struct text stream, size_t step, struct buf *out) {
  struct buf held, joined;
  size_t scan = 0, raw = 0;
  buf_init(&held, stream.len + 1);
  buf_init(&joined, stream.len + 1);
  for (size_t at = 0; at < stream.len; at += step) {
    buf_add(&held, text_head(text_skip(stream, at), step));
    struct text rest = buf_text(&held);
    struct sse_event e;
    while (sse_next(&rest, &scan, &joined, &e)) {
      must(raw + e.raw.len <= stream.len && memcmp(stream.at + raw, e.raw.at, e.raw.len) == 0);
      raw += e.raw.len;
      if (e.is_comment)
        continue;
      add_field(out, e.event);
      add_field(out, e.data);
      add_field(out, e.id);
    }
    buf_consume(&held, held.len - rest.len);
  }
  must(raw + held.len == stream.len);
  buf_done(&held);
  buf_done(&joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text stream = {(const char *)data, size};
  struct buf whole, split;
  buf_init(&whole, 100 * size + 1000);
  buf_init(&split, 100 * size + 1000);
  read_events(stream, size, &whole);
  read_events(stream, 1, &split);
  must(text_equal(buf_text(&whole), buf_text(&split)));
  buf_done(&whole);
  buf_done(&split);
  return 0;
}
