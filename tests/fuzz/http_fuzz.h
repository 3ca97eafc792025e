/* For fuzz_http_request.c and fuzz_http_response.c: one message, fed whole and then byte by byte, must read the same.
 */
#ifndef TESTS_HTTP_FUZZ_H
#define TESTS_HTTP_FUZZ_H

#include "net/http1.h"

struct http_reading {
  struct arena arena;
  struct http1 *parser;
  struct http1_head head;
  struct buf body;
  enum err err;
  bool head_done, done;
  size_t used;
};

static inline void http_reading_head(struct http_reading *r, struct text part, size_t *out_used) {
  r->err = http1_head_feed(r->parser, part, out_used, &r->head_done, &r->head, NULL);
}

static inline void http_reading_body(struct http_reading *r, struct text part, size_t *out_used) {
  size_t body = 0;
  char *copy = malloc(part.len);
  if (!copy)
    abort();
  memcpy(copy, part.at, part.len);
  r->err = http1_body_feed(r->parser, copy, part.len, out_used, &body, &r->done, NULL);
  if (!r->err)
    buf_add(&r->body, (struct text){copy, body});
  free(copy);
}

static inline void http_read(struct http_reading *r, enum http1_kind kind, struct text bytes, size_t step) {
  static const struct http1_limits limits = {.max_head_bytes = 2048, .max_headers = 16};
  *r = (struct http_reading){.parser = http1_new(kind, &limits)};
  arena_init(&r->arena);
  buf_init(&r->body, 1 << 20);
  http1_begin(r->parser, &r->arena, false);
  while (bytes.len && !r->err && !r->done) {
    size_t used = 0;
    (r->head_done ? http_reading_body : http_reading_head)(r, text_head(bytes, step), &used);
    r->used += r->err ? 0 : used;
    bytes = text_skip(bytes, used);
    if (!r->err && r->head_done && !r->head.has_body)
      r->done = true;
  }
}

static inline void http_reading_done(struct http_reading *r) {
  http1_free(r->parser);
  buf_done(&r->body);
  arena_done(&r->arena);
}

static inline void http_must(bool holds) {
  if (!holds)
    abort();
}

static inline void http_compare(const struct http_reading *a, const struct http_reading *b) {
  http_must(a->err == b->err && a->head_done == b->head_done && a->done == b->done);
  if (a->err || !a->head_done)
    return;
  http_must(a->used == b->used && text_equal(buf_text(&a->body), buf_text(&b->body)));
  http_must(text_equal(a->head.target, b->head.target) && a->head.status == b->head.status);
  http_must(a->head.headers.count == b->head.headers.count && a->head.length == b->head.length);
  for (size_t i = 0; i < a->head.headers.count; i++) {
    http_must(text_equal(a->head.headers.at[i].name, b->head.headers.at[i].name));
    http_must(text_equal(a->head.headers.at[i].value, b->head.headers.at[i].value));
    http_must(http_header_is_sane(a->head.headers.at[i].name, a->head.headers.at[i].value));
  }
  http_must(!(a->head.chunked && a->head.has_length));
}

static inline void http_fuzz(enum http1_kind kind, struct text bytes) {
  struct http_reading whole, split;
  http_read(&whole, kind, bytes, bytes.len);
  http_read(&split, kind, bytes, 1);
  http_compare(&whole, &split);
  http_reading_done(&whole);
  http_reading_done(&split);
}

#endif
