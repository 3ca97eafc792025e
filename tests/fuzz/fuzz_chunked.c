/* Chunked bodies: whole and split must agree, and llhttp (strict) must read the same body out of everything accepted.
 */
#include "base/buf.h"
#include "net/chunked.h"

#include <llhttp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds)
    abort();
}

static enum err decode(struct text bytes, size_t step, struct buf *body, size_t *out_used, bool *out_done) {
  struct chunked c = {0};
  enum err e = ERR_OK;
  for (size_t at = 0; at < bytes.len && !e && !*out_done;) {
    struct text part = text_head(text_skip(bytes, at), step);
    char *copy = malloc(part.len);
    size_t used = 0, n = 0;
    must(copy != NULL);
    memcpy(copy, part.at, part.len);
    e = chunked_feed(&c, copy, part.len, &used, &n, out_done, NULL);
    if (!e)
      buf_add(body, (struct text){copy, n});
    free(copy);
    at += used;
    *out_used = at;
  }
  return e;
}

static int on_body(llhttp_t *l, const char *at, size_t len) {
  buf_add(l->data, (struct text){at, len});
  return 0;
}

static int on_complete(llhttp_t *l) {
  (void)l;
  return HPE_PAUSED;
}

static void ask_llhttp(struct text bytes, const struct buf *expected) {
  static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  static const llhttp_settings_t settings = {.on_body = on_body, .on_message_complete = on_complete};
  struct buf body;
  llhttp_t l;
  buf_init(&body, 1 << 20);
  llhttp_init(&l, HTTP_REQUEST, &settings);
  l.data = &body;
  must(llhttp_execute(&l, head, sizeof(head) - 1) == HPE_OK);
  must(llhttp_execute(&l, bytes.at, bytes.len) == HPE_PAUSED);
  must(text_equal(buf_text(&body), buf_text(expected)));
  buf_done(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text bytes = {(const char *)data, size};
  struct buf whole, split;
  size_t used_whole = 0, used_split = 0;
  bool done_whole = false, done_split = false;
  buf_init(&whole, 1 << 20);
  buf_init(&split, 1 << 20);
  enum err a = decode(bytes, size, &whole, &used_whole, &done_whole);
  enum err b = decode(bytes, 1, &split, &used_split, &done_split);
  must(a == b && done_whole == done_split);
  if (!a)
    must(used_whole == used_split && text_equal(buf_text(&whole), buf_text(&split)));
  if (!a && done_whole)
    ask_llhttp(text_head(bytes, used_whole), &whole);
  buf_done(&whole);
  buf_done(&split);
  return 0;
}
