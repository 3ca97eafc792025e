/* The chat completions dialect: the first byte says whether the rest is a request, a plain answer or a stream's events
 * (one a line). What is read as a request and can be written is read again; events obey the grammar, which the
 * collector checks; what a writer makes of them is JSON. */
#include "llm/collect.h"
#include "wire/dialect.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dialect *const dialect = &dialect_openai_chat;
static const struct json_limits strict = {.raw_numbers = true}, lenient = {.lenient = true, .raw_numbers = true};

static void need(bool holds) {
  if (!holds)
    abort();
}

struct stream {
  struct llm_collect *collect;
  void *writer;
  struct llm_echo echo;
  struct buf out;
};

static enum err take(void *ctx, const struct llm_event *e, struct fault *f) {
  struct stream *s = ctx;
  dialect->write_event(s->writer, &s->echo, e, &s->out);
  enum err err = llm_collect_take(s->collect, e, f);
  need(err != ERR_PROTOCOL);
  return err;
}

static bool read_request(struct text body, struct arena *a, enum llm_accent accent, struct buf *out) {
  struct json doc = {0};
  struct llm_request rq = {.arena = a, .accent = accent, .default_max_tokens = 4096};
  struct llm_echo echo = {0};
  if (json_read(body, &strict, &doc, NULL) != ERR_OK)
    return false;
  bool good =
      dialect->read_request(&doc, &rq, &echo, NULL) == ERR_OK && dialect->write_request(&rq, out, NULL) == ERR_OK;
  json_done(&doc);
  return good;
}

static void try_request(struct text body, struct arena *a) {
  for (int accent = LLM_ACCENT_NONE; accent <= LLM_ACCENT_OPENROUTER; accent++) {
    struct buf out, again;
    buf_init(&out, 1 << 20);
    buf_init(&again, 1 << 20);
    if (read_request(body, a, (enum llm_accent)accent, &out))
      need(read_request(buf_text(&out), a, (enum llm_accent)accent, &again));
    buf_done(&out);
    buf_done(&again);
  }
}

static void try_answer(struct text body, struct arena *a) {
  struct json doc = {0}, written = {0};
  struct llm_answer answer;
  struct llm_echo echo = {.model = TEXT("m"), .id = TEXT("i")};
  struct buf out;
  if (json_read(body, &lenient, &doc, NULL) != ERR_OK)
    return;
  buf_init(&out, 1 << 22);
  if (dialect->read_answer(&doc, a, &answer, NULL) == ERR_OK) {
    dialect->write_answer(&answer, &echo, &out);
    need(out.failed || json_read(buf_text(&out), &strict, &written, NULL) == ERR_OK);
    if (!out.failed)
      json_done(&written);
  }
  buf_done(&out);
  json_done(&doc);
}

static void check_written(const struct buf *out) {
  struct text rest = buf_text(out), line;
  while (!out->failed && text_cut(rest, '\n', &line, &rest)) {
    struct json doc = {0};
    struct text data = text_skip(line, sizeof("data: ") - 1);
    if (text_is_empty(line) || text_equal(data, TEXT("[DONE]")))
      continue;
    need(json_read(data, &strict, &doc, NULL) == ERR_OK);
    json_done(&doc);
  }
}

static void try_stream(struct text lines, struct arena *a) {
  struct stream s = {.collect = llm_collect_new(a, 1 << 20), .writer = arena_zalloc(a, dialect->writer_bytes)};
  struct llm_sink sink = {.take = take, .ctx = &s};
  struct llm_notes notes = {0};
  void *reader = arena_zalloc(a, dialect->reader_bytes);
  struct text line;
  enum err e = ERR_OK;
  buf_init(&s.out, 1 << 22);
  while (e == ERR_OK && text_cut(lines, '\n', &line, &lines))
    e = dialect->read_event(reader, TEXT_NONE, line, &sink, &notes, NULL);
  if (e == ERR_OK)
    (void)dialect->read_event(reader, TEXT_NONE, TEXT_NONE, &sink, &notes, NULL);
  check_written(&s.out);
  buf_done(&s.out);
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
