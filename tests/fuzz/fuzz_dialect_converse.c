/* The Converse dialect. The first byte says what the rest is: 'r' a request, 'a' a plain answer, else a stream (one
 * {"event","data"} a line). What is read as a request and can be written is read again and written the same; events
 * obey the grammar, which the collector checks; answers written are read again, frames are whole. */
#include "aws/eventstream.h"
#include "llm/collect.h"
#include "llm/tokens.h"
#include "wire/dialect.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits strict = {.raw_numbers = true}, lenient = {.lenient = true, .raw_numbers = true};

static void need(bool holds) {
  if (!holds)
    abort();
}

static bool read_request(struct text body, struct arena *a, struct buf *out) {
  struct json doc = {0};
  struct llm_request rq = {.arena = a, .model = TEXT("claude"), .default_max_tokens = 4096};
  struct llm_echo echo = {0};
  if (json_read(body, &strict, &doc, NULL) != ERR_OK)
    return false;
  bool good = dialect_converse.read_request(&doc, &rq, &echo, NULL) == ERR_OK;
  if (good)
    need(llm_tokens_estimate(&rq) > 0);
  good = good && dialect_converse.write_request(&rq, out, NULL) == ERR_OK;
  json_done(&doc);
  return good;
}

static void try_request(struct text body, struct arena *a) {
  struct buf out, again;
  buf_init(&out, 1 << 22);
  buf_init(&again, 1 << 22);
  if (read_request(body, a, &out))
    need(read_request(buf_text(&out), a, &again) && text_equal(buf_text(&out), buf_text(&again)));
  buf_done(&out);
  buf_done(&again);
}

static void try_answer(struct text body, struct arena *a) {
  struct json doc = {0}, written = {0};
  struct llm_answer answer, again;
  struct llm_echo echo = {.members = TEXT(" /stop_sequence /delta/stop_sequence")};
  struct buf out;
  if (json_read(body, &lenient, &doc, NULL) != ERR_OK)
    return;
  buf_init(&out, 1 << 22);
  if (dialect_converse.read_answer(&doc, a, &answer, NULL) == ERR_OK) {
    dialect_converse.write_answer(&answer, &echo, &out);
    need(!out.failed && json_read(buf_text(&out), &lenient, &written, NULL) == ERR_OK);
    need(dialect_converse.read_answer(&written, a, &again, NULL) == ERR_OK);
    need(again.block_count == answer.block_count && again.stop == answer.stop);
    json_done(&written);
  }
  buf_done(&out);
  json_done(&doc);
}

struct stream {
  struct llm_collect *collect;
  void *writer;
  struct llm_echo echo;
  struct buf frames;
};

static enum err take(void *ctx, const struct llm_event *e, struct fault *f) {
  struct stream *s = ctx;
  dialect_converse.write_event(s->writer, &s->echo, e, &s->frames);
  enum err err = llm_collect_take(s->collect, e, f);
  need(err != ERR_PROTOCOL);
  return err;
}

static void check_frames(const struct buf *frames) {
  struct text left = buf_text(frames);
  struct eventstream_message m;
  enum err e = ERR_OK;
  while (eventstream_next(&left, 1 << 22, &m, &e, NULL)) {
    struct json doc = {0};
    need(json_read(m.payload, &lenient, &doc, NULL) == ERR_OK);
    json_done(&doc);
  }
  need(e == ERR_OK && left.len == 0);
}

static enum err read_line(struct text line, void *reader, struct llm_sink *sink, struct llm_notes *notes,
                          struct arena *a) {
  struct json doc = {0};
  if (json_read(line, &lenient, &doc, NULL) != ERR_OK)
    return ERR_OK;
  yyjson_val *data = json_get(doc.root, "data");
  struct text name = json_text(json_get(doc.root, "event"));
  struct text payload = data ? json_value_text(data, a) : TEXT_NONE;
  enum err e = dialect_converse.read_event(reader, name, payload, sink, notes, NULL);
  json_done(&doc);
  return e;
}

static void try_stream(struct text lines, struct arena *a) {
  struct stream s = {.collect = llm_collect_new(a, 1 << 20), .writer = arena_zalloc(a, dialect_converse.writer_bytes)};
  struct llm_sink sink = {.take = take, .ctx = &s};
  struct llm_notes notes = {0};
  void *reader = arena_zalloc(a, dialect_converse.reader_bytes);
  struct text line;
  enum err e = ERR_OK;
  buf_init(&s.frames, 1 << 22);
  while (e == ERR_OK && text_cut(lines, '\n', &line, &lines))
    e = read_line(line, reader, &sink, &notes, a);
  if (e == ERR_OK)
    e = dialect_converse.read_event(reader, TEXT_NONE, TEXT_NONE, &sink, &notes, NULL);
  if (!s.frames.failed)
    check_frames(&s.frames);
  buf_done(&s.frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena a;
  if (size < 1)
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
