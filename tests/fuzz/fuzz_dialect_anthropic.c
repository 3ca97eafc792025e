/* Anthropic's dialect in both envelopes. The first byte says what the rest is: 'r' a request, 'b' one of Bedrock's, 'a'
 * a plain answer, else a stream (one event a line, as data or, with '{"bytes"' in front, as a chunk). What is read as a
 * request and can be written is read again; envelopes exchanged leave JSON; events obey the grammar, which the
 * collector checks; what the writers make of them is read again. */
#include "aws/eventstream.h"
#include "llm/collect.h"
#include "wire/dialect.h"
#include "wire/reframe.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits strict = {.raw_numbers = true}, lenient = {.lenient = true, .raw_numbers = true};

static void need(bool holds) {
  if (!holds)
    abort();
}

/* *out_same_id: two ids of calls are spelled the same at this vendor's, which a second reading refuses. */
static bool read_request(const struct dialect *d, struct text body, struct arena *a, struct buf *out,
                         bool *out_same_id) {
  struct json doc = {0};
  struct llm_request rq = {.arena = a, .default_max_tokens = 4096};
  struct llm_echo echo = {0};
  struct fault f = {0};
  *out_same_id = false;
  if (json_read(body, &strict, &doc, NULL) != ERR_OK)
    return false;
  bool good = d->read_request(&doc, &rq, &echo, &f) == ERR_OK;
  *out_same_id = !good && text_ends(text_of(f.field), TEXT(".id"));
  good = good && d->write_request(&rq, out, NULL) == ERR_OK;
  json_done(&doc);
  return good;
}

static void try_translation(const struct dialect *d, struct text body, struct arena *a) {
  struct buf out, again;
  bool same_id;
  buf_init(&out, 1 << 22);
  buf_init(&again, 1 << 22);
  if (read_request(d, body, a, &out, &same_id))
    need(read_request(d, buf_text(&out), a, &again, &same_id) || same_id);
  buf_done(&out);
  buf_done(&again);
}

static void try_envelope(struct text body, bool to_invoke, struct arena *a) {
  struct json doc = {0}, left = {0};
  struct json_edits edits;
  struct text beta, version, pieces[2 * JSON_EDITS_MAX + 1];
  if (json_read(body, NULL, &doc, NULL) != ERR_OK)
    return;
  if (yyjson_is_obj(doc.root) && reframe_request(&doc, body, to_invoke, TEXT("m\"x"), true, TEXT("b-1, b-2"), TEXT_NONE,
                                                 a, &edits, &beta, &version, NULL) == ERR_OK) {
    struct text edited = arena_join(a, pieces, json_edits_pieces(&edits, body, pieces));
    need(json_read(edited, NULL, &left, NULL) == ERR_OK);
    need(!to_invoke == (json_get(left.root, "model") != NULL));
    need(to_invoke == (json_get(left.root, "anthropic_version") != NULL));
    json_done(&left);
  }
  json_done(&doc);
}

static void try_answer(struct text body, struct arena *a) {
  struct json doc = {0}, written = {0};
  struct llm_answer answer, again;
  struct llm_echo echo = {.model = TEXT("m"), .id = TEXT("i")};
  struct buf out;
  if (json_read(body, &lenient, &doc, NULL) != ERR_OK)
    return;
  buf_init(&out, 1 << 22);
  if (dialect_anthropic.read_answer(&doc, a, &answer, NULL) == ERR_OK) {
    dialect_anthropic.write_answer(&answer, &echo, &out);
    need(!out.failed && json_read(buf_text(&out), &lenient, &written, NULL) == ERR_OK);
    need(dialect_anthropic.read_answer(&written, a, &again, NULL) == ERR_OK);
    need(again.block_count == answer.block_count);
    json_done(&written);
  }
  buf_done(&out);
  json_done(&doc);
}

struct stream {
  struct llm_collect *collect;
  void *writer, *chunk_writer;
  struct llm_echo echo;
  struct buf sse, frames;
};

static enum err take(void *ctx, const struct llm_event *e, struct fault *f) {
  struct stream *s = ctx;
  dialect_anthropic.write_event(s->writer, &s->echo, e, &s->sse);
  dialect_invoke.write_event(s->chunk_writer, &s->echo, e, &s->frames);
  enum err err = llm_collect_take(s->collect, e, f);
  need(err != ERR_PROTOCOL);
  return err;
}

/* Each frame said as an event is what was written as an event. */
static void check_written(struct stream *s) {
  struct text left = buf_text(&s->frames);
  struct eventstream_message m;
  struct buf again;
  enum err e = ERR_OK;
  if (s->sse.failed || s->frames.failed)
    return;
  buf_init(&again, 1 << 23);
  while (eventstream_next(&left, 1 << 22, &m, &e, NULL))
    if (text_is_empty(m.exception_type))
      need(reframe_event_to_sse(m.event_type, m.payload, &again, NULL) == ERR_OK);
  need(e == ERR_OK && left.len == 0);
  need(text_starts(buf_text(&s->sse), buf_text(&again))); /* errors stand last and are shaped differently */
  buf_done(&again);
}

static void try_stream(struct text lines, struct arena *a) {
  struct stream s = {.collect = llm_collect_new(a, 1 << 20),
                     .writer = arena_zalloc(a, dialect_anthropic.writer_bytes),
                     .chunk_writer = arena_zalloc(a, dialect_invoke.writer_bytes)};
  struct llm_sink sink = {.take = take, .ctx = &s};
  struct llm_notes notes = {0};
  void *reader = arena_zalloc(a, dialect_anthropic.reader_bytes);
  struct text line;
  enum err e = ERR_OK;
  buf_init(&s.sse, 1 << 22);
  buf_init(&s.frames, 1 << 22);
  while (e == ERR_OK && text_cut(lines, '\n', &line, &lines)) {
    bool is_chunk = text_starts(line, TEXT("{\"bytes\""));
    e = is_chunk ? dialect_invoke.read_event(reader, TEXT("chunk"), line, &sink, &notes, NULL)
                 : dialect_anthropic.read_event(reader, TEXT_NONE, line, &sink, &notes, NULL);
  }
  check_written(&s);
  buf_done(&s.sse);
  buf_done(&s.frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena a;
  if (size < 1)
    return 0;
  struct text rest = {(const char *)data + 1, size - 1};
  arena_init(&a);
  if (data[0] == 'r' || data[0] == 'b') {
    try_translation(data[0] == 'r' ? &dialect_anthropic : &dialect_invoke, rest, &a);
    try_envelope(rest, data[0] == 'r', &a);
  } else if (data[0] == 'a') {
    try_answer(rest, &a);
  } else {
    try_stream(rest, &a);
  }
  arena_done(&a);
  return 0;
}
