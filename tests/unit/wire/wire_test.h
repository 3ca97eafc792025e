/* Helpers of the wire tests: fixtures, and a plain splitter of event streams (the real reader lives in net, which wire
 * may not use). */
#ifndef TESTS_UNIT_WIRE_TEST_H
#define TESTS_UNIT_WIRE_TEST_H

#include "../base/expect.h"

#include "wire/wire.h"

/* The whole file in the arena. */
static inline struct text fixture(struct arena *a, const char *name) {
  struct text path = arena_format(a, "%s/%s", TEST_FIXTURES, name);
  FILE *file = fopen(path.at, "rb");
  if (!file)
    fail_msg("cannot open %s", path.at);
  char *at = arena_alloc(a, 1 << 16);
  size_t len = fread(at, 1, 1 << 16, file);
  (void)fclose(file);
  assert_true(len < 1 << 16);
  return (struct text){at, len};
}

/* Of the faults of all taps, to the end of the program. */
static inline struct arena *tap_arena(void) {
  static struct arena all;
  return &all;
}

struct tapped {
  struct wire_tap tap;
  size_t events, dropped;
  enum err err; /* of the first event that was refused; the rest is not fed */
  struct fault fault;
};

/* What the error event said; an empty fault when there was none. */
static inline const struct fault *fault_of(const struct tapped *t) {
  static const struct fault none;
  return t->tap.fault ? t->tap.fault : &none;
}

static inline void feed_event(struct tapped *t, struct text event, struct text data) {
  enum wire_verdict verdict = WIRE_PASS;
  t->err = t->tap.wire->tap_event(&t->tap, event, data, &verdict, &t->fault);
  t->events++;
  t->dropped += verdict == WIRE_DROP;
}

/* Feeds every whole event of the stream text. */
static inline struct tapped tap_stream(struct arena *a, const struct wire *wire, struct text stream, bool drop) {
  struct tapped t = {.tap = {.wire = wire, .arena = tap_arena(), .drop_usage_event = drop}};
  struct text line, event = TEXT_NONE;
  struct buf data;
  buf_init(&data, 1 << 20);
  while (t.err == ERR_OK && text_cut(stream, '\n', &line, &stream)) {
    if (text_ends(line, TEXT("\r")))
      line = text_head(line, line.len - 1);
    if (text_starts(line, TEXT("event:"))) {
      event = text_trim(text_skip(line, 6));
    } else if (text_starts(line, TEXT("data:"))) {
      if (data.len > 0)
        buf_add_char(&data, '\n');
      buf_add(&data, text_skip(line, text_starts(line, TEXT("data: ")) ? 6 : 5));
    } else if (text_is_empty(line) && data.len > 0) {
      feed_event(&t, event, arena_copy(a, buf_text(&data)));
      buf_reset(&data);
      event = TEXT_NONE;
    }
  }
  buf_done(&data);
  return t;
}

static inline struct tapped tap_file(struct arena *a, const struct wire *wire, const char *name, bool drop) {
  return tap_stream(a, wire, fixture(a, name), drop);
}

static inline struct tapped tap_body(const struct wire *wire, struct text body) {
  struct tapped t = {.tap = {.wire = wire}};
  t.err = wire->tap_plain(&t.tap, body, &t.fault);
  return t;
}

static inline void expect_usage(const struct usage *got, struct usage want) {
  assert_int_equal(got->input, want.input);
  assert_int_equal(got->output, want.output);
  assert_int_equal(got->cache_write_5m, want.cache_write_5m);
  assert_int_equal(got->cache_write_1h, want.cache_write_1h);
  assert_int_equal(got->cache_read, want.cache_read);
  assert_int_equal(got->reasoning, want.reasoning);
  assert_int_equal(got->known, want.known);
  assert_int_equal(got->estimated, want.estimated);
}

/* A body read as a request of the dialect; the document is closed with the arena. */
static inline void close_json(void *doc) { json_done(doc); }

static inline enum err read_body(struct arena *a, const struct wire *wire, struct text body, struct wire_request *out,
                                 struct fault *f) {
  struct json *doc = ARENA_NEW(a, struct json);
  enum err e = json_read(body, NULL, doc, f);
  if (e)
    return e;
  arena_defer(a, close_json, doc);
  return wire->read_request(doc, a, out, f);
}

static inline struct text edited(struct arena *a, const struct json_edits *edits, struct text body) {
  struct text pieces[2 * JSON_EDITS_MAX + 1];
  size_t count = json_edits_pieces(edits, body, pieces), len = 0;
  char *at = arena_alloc(a, json_edits_length(edits, body) + 1);
  for (size_t i = 0; i < count; i++) {
    memcpy(at + len, pieces[i].at, pieces[i].len);
    len += pieces[i].len;
  }
  return (struct text){at, len};
}

/* Asserts that a writer's output is this JSON, whatever the order of members. */
static inline void expect_json(struct text got, const char *want) {
  yyjson_doc *a = yyjson_read(got.at, got.len, 0), *b = yyjson_read(want, strlen(want), 0);
  bool same = a && b && yyjson_equals(yyjson_doc_get_root(a), yyjson_doc_get_root(b));
  yyjson_doc_free(a);
  yyjson_doc_free(b);
  if (!same)
    fail_msg("got %.*s, expected %s", TEXT_ARGS(got), want);
}

#endif
