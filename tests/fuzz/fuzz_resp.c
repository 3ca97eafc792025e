/* Replies of Redis: whole and split must agree, and every text must lie where it can be read. */
#include "net/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds)
    abort();
}

static void note(const struct resp_value *v, struct buf *out) {
  buf_add_format(out, "%d %lld %zu ", (int)v->kind, (long long)v->integer, v->count);
  buf_add(out, v->text);
  for (size_t i = 0; i < v->count; i++)
    note(&v->items[i], out);
}

static enum err read_all(struct text bytes, size_t step, struct buf *out) {
  static const struct resp_limits limits = {.bytes = 4096, .values = 64};
  struct resp_reader r;
  enum err e = ERR_AGAIN;
  resp_reader_init(&r, &limits);
  for (size_t at = 0; at < bytes.len && e == ERR_AGAIN; at += step) {
    const struct resp_value *v = NULL;
    resp_reader_feed(&r, text_head(text_skip(bytes, at), step));
    while ((e = resp_reader_next(&r, &v, NULL)) == ERR_OK)
      note(v, out);
  }
  resp_reader_done(&r);
  return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text bytes = {(const char *)data, size};
  struct buf whole, split;
  buf_init(&whole, 1 << 22);
  buf_init(&split, 1 << 22);
  enum err a = read_all(bytes, 60000, &whole), b = read_all(bytes, 1, &split);
  must(a == b);
  must(text_equal(buf_text(&whole), buf_text(&split)));
  buf_done(&whole);
  buf_done(&split);
  return 0;
}
