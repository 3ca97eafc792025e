/* The Responses dialect. The first byte says what the rest is: 'r' a request, 'a' a plain answer, else a stream, one
 * event's data a line. A request that can be written is read again and written the same; answers that can be read are
 * written and read again with as many blocks; events obey the grammar, which the collector checks, and what the writer
 * makes of a whole stream says the same to the reader. */
#include "llm/collect.h"
#include "wire/dialect.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits strict = {.raw_numbers = true}, lenient = {.lenient = true, .raw_numbers = true};
static const struct dialect *const dialect = &dialect_openai_responses;
static const struct llm_echo echo = {.model = {"m", 1}, .id = {"i", 1}};

static void need(bool holds) {
  if (!holds)
    abort();
}

static bool rewrite(struct text body, struct arena *a, struct buf *out) {
  struct json doc = {0};
  struct llm_request rq = {.arena = a, .default_max_tokens = 4096};
  struct llm_echo said = {0};
  if (json_read(body, &strict, &doc, NULL) != ERR_OK)
    return false;
  bool good =
      dialect->read_request(&doc, &rq, &said, NULL) == ERR_OK && dialect->write_request(&rq, out, NULL) == ERR_OK;
  json_done(&doc);
  return good;
}

static void try_request(struct text body, struct arena *a) {
  struct buf once, twice;
  buf_init(&once, 1 << 22);
  buf_init(&twice, 1 << 23);
  if (rewrite(body, a, &once)) {
    need(rewrite(buf_text(&once), a, &twice));
    need(text_equal(buf_text(&once), buf_text(&twice)));
  }
  buf_done(&once);
  buf_done(&twice);
}

static void try_answer(struct text body, struct arena *a) {
  struct json doc = {0}, written = {0};
  struct llm_answer answer, again;
  struct buf out;
  if (json_read(body, &lenient, &doc, NULL) != ERR_OK)
    return;
  buf_init(&out, 1 << 22);
  if (dialect->read_answer(&doc, a, &answer, NULL) == ERR_OK) {
    dialect->write_answer(&answer, &echo, &out);
    need(!out.failed && json_read(buf_text(&out), &lenient, &written, NULL) == ERR_OK);
    need(dialect->read_answer(&written, a, &again, NULL) == ERR_OK);
    need(again.block_count == answer.block_count);
    json_done(&written);
  }
  buf_done(&out);
  json_done(&doc);
}

struct stream {
  struct llm_collect *collect;
  void *writer; /* NULL: only collected */
  struct buf sse;
};

static enum err take(void *ctx, const struct llm_event *e, struct fault *f) {
  struct stream *s = ctx;
  if (s->writer)
    dialect->write_event(s->writer, &echo, e, &s->sse);
  enum err err = llm_collect_take(s->collect, e, f);
  need(err != ERR_PROTOCOL);
  return err;
}

static enum err read_lines(struct text lines, struct text prefix, struct stream *s, struct arena *a) {
  void *reader = arena_zalloc(a, dialect->reader_bytes);
  struct llm_sink sink = {take, s};
  struct llm_notes notes = {0};
  enum err e = ERR_OK;
  while (e == ERR_OK && lines.len > 0) {
    struct text line = lines, rest = TEXT_NONE;
    (void)text_cut(lines, '\n', &line, &rest);
    lines = rest;
    if (text_starts(line, prefix))
      e = dialect->read_event(reader, TEXT_NONE, text_skip(line, prefix.len), &sink, &notes, NULL);
  }
  return e ? e : dialect->read_event(reader, TEXT_NONE, TEXT_NONE, &sink, &notes, NULL);
}

static void check_same(struct llm_collect *one, struct llm_collect *other) {
  struct llm_answer a, b;
  llm_collect_answer(one, &a);
  llm_collect_answer(other, &b);
  need(a.block_count == b.block_count);
  for (size_t i = 0; i < a.block_count; i++)
    need(text_equal(a.blocks[i].text, b.blocks[i].text));
}

static void try_stream(struct text lines, struct arena *a) {
  struct stream s = {.collect = llm_collect_new(a, 1 << 20), .writer = arena_zalloc(a, dialect->writer_bytes)};
  struct stream again = {.collect = llm_collect_new(a, 1 << 22)};
  const struct fault cut = {.err = ERR_UPSTREAM_CUT};
  buf_init(&s.sse, 1 << 24);
  bool is_whole = read_lines(lines, TEXT_NONE, &s, a) == ERR_OK && llm_collect_is_whole(s.collect);
  if (!is_whole)
    dialect->write_failure(s.writer, &echo, &cut, TEXT("req_1"), &s.sse);
  enum err e = read_lines(buf_text(&s.sse), TEXT("data: "), &again, a);
  need(is_whole == (e == ERR_OK && llm_collect_is_whole(again.collect)));
  if (is_whole)
    check_same(s.collect, again.collect);
  dialect->writer_done(s.writer);
  buf_done(&s.sse);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena a;
  if (size == 0)
    return 0;
  struct text rest = {(const char *)data + 1, size - 1};
  arena_init(&a);
  if (data[0] == 'r')
    try_request(rest, &a);
  else if (data[0] == 'a')
    try_answer(rest, &a);
  else
    try_stream(rest, &a);
  arena_done(&a);
  return 0;
}
