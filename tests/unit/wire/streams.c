/* Framing, feeding and describing streams for test_matrix_answers.c. Every event's bytes are handed over in memory of
 * their own that is gone afterwards, so that a reader that keeps a slice is found. */
#include "streams.h"

#include "aws/eventstream.h"
#include "net/sse.h"
#include "wire/seal.h"

#include <stdlib.h>
#include <string.h>

const struct llm_echo stream_echo = {.model = {"client-model", 12},
                                     .include_usage = true,
                                     .input_tokens = 7,
                                     .now_s = 1760000000,
                                     .id = {"fixture01", 9}};

static void trace(struct stream_in *s, const struct llm_event *e) {
  const struct llm_block *b = e->block;
  buf_add_format(&s->trace, "%d %u \"%.*s\"", (int)e->kind, e->index, TEXT_ARGS(e->text));
  if (b)
    buf_add_format(&s->trace, " block %d id=%.*s name=%.*s format=%.*s sig=%.*s details=%.*s", (int)b->kind,
                   TEXT_ARGS(b->id), TEXT_ARGS(b->name), TEXT_ARGS(b->format), TEXT_ARGS(b->signature),
                   TEXT_ARGS(b->details));
  if (e->citation)
    buf_add_format(&s->trace, " cites %.*s", TEXT_ARGS(e->citation->url));
  if (e->kind == LLM_EVENT_START || e->kind == LLM_EVENT_STOP)
    buf_add_format(&s->trace, " id=%.*s model=%.*s stop=%d %.*s usage=%llu,%llu", TEXT_ARGS(e->id), TEXT_ARGS(e->model),
                   (int)e->stop, TEXT_ARGS(e->stop_sequence), (unsigned long long)e->usage.input,
                   (unsigned long long)e->usage.output);
  buf_add_char(&s->trace, '\n');
}

static enum err take(void *ctx, const struct llm_event *e, struct fault *f) {
  struct stream_in *s = ctx;
  trace(s, e);
  enum err err = llm_collect_take(s->collect, e, f);
  for (size_t i = 0; err == ERR_OK && i < s->client_count; i++) {
    struct stream_out *o = &s->clients[i];
    o->side->dialect->write_event(o->writer, &stream_echo, e, &o->bytes);
  }
  return err;
}

static struct text own_copy(struct text t) {
  char *at = malloc(t.len + 1);
  if (t.len)
    memcpy(at, t.at, t.len);
  at[t.len] = 'x';
  return (struct text){at, t.len};
}

static void one_event(struct stream_in *s, struct text event, struct text data) {
  struct llm_sink sink = {take, s};
  struct text own_event = own_copy(event), own_data = own_copy(data);
  s->err = s->side->dialect->read_event(s->reader, own_event, own_data, &sink, &s->notes, &s->fault);
  free((void *)(uintptr_t)own_event.at);
  free((void *)(uintptr_t)own_data.at);
}

static bool feed_sse(struct stream_in *s, struct text *left) {
  struct sse_event e;
  if (!sse_next(left, &s->scan, &s->joined, &e))
    return false;
  if (!e.is_comment)
    one_event(s, e.event, e.data);
  return true;
}

static bool feed_frame(struct stream_in *s, struct text *left) {
  struct eventstream_message m;
  enum err err = ERR_OK;
  if (!eventstream_next(left, STREAM_MAX_BYTES, &m, &err, &s->fault)) {
    s->err = err;
    return false;
  }
  one_event(s, text_equal(m.message_type, TEXT("event")) ? m.event_type : m.exception_type, m.payload);
  return true;
}

void stream_feed(struct stream_in *s, struct text piece) {
  buf_add(&s->bytes, piece);
  struct text left = buf_text(&s->bytes);
  while (s->err == ERR_OK && (s->side->is_eventstream ? feed_frame(s, &left) : feed_sse(s, &left)))
    continue;
  buf_consume(&s->bytes, s->bytes.len - left.len);
}

void stream_end(struct stream_in *s) {
  if (s->err == ERR_OK && s->bytes.len > 0)
    s->err = fault_set(&s->fault, ERR_UPSTREAM_CUT, NULL, "half an event at the end");
  if (s->err == ERR_OK)
    one_event(s, TEXT_NONE, TEXT_NONE);
}

void stream_open(struct arena *a, struct stream_in *s, const struct matrix_side *side) {
  *s = (struct stream_in){.side = side, .collect = llm_collect_new(a, STREAM_MAX_BYTES)};
  s->reader = arena_zalloc(a, side->dialect->reader_bytes);
  buf_init(&s->bytes, STREAM_MAX_BYTES);
  buf_init(&s->joined, STREAM_MAX_BYTES);
  buf_init(&s->trace, STREAM_MAX_BYTES);
}

void stream_close(struct stream_in *s) {
  buf_done(&s->bytes);
  buf_done(&s->joined);
  buf_done(&s->trace);
}

void stream_out_open(struct arena *a, struct stream_out *o, const struct matrix_side *side) {
  *o = (struct stream_out){.side = side, .writer = arena_zalloc(a, side->dialect->writer_bytes)};
  buf_init(&o->bytes, STREAM_MAX_BYTES);
}

void stream_out_close(struct stream_out *o) {
  if (o->side && o->side->dialect->writer_done)
    o->side->dialect->writer_done(o->writer);
  buf_done(&o->bytes);
}

static void add_frame(struct arena *a, struct buf *out, yyjson_val *line) {
  struct text name = json_text(json_get(line, "event")), type = TEXT("event");
  if (text_is_empty(name)) {
    name = json_text(json_get(line, "exception"));
    type = TEXT("exception");
  }
  size_t begun = eventstream_begin(out, type, name);
  buf_add(out, json_value_text(json_get(line, "data"), a));
  eventstream_end(out, begun);
}

struct text stream_bytes(struct arena *a, const struct matrix_side *side, struct text path) {
  struct text content = matrix_read_file(a, path), line;
  if (!side->is_eventstream)
    return content;
  struct buf out;
  buf_init(&out, STREAM_MAX_BYTES);
  while (text_cut(content, '\n', &line, &content))
    if (!text_is_empty(text_trim(line)))
      add_frame(a, &out, matrix_parse(a, line, path)->root);
  struct text frames = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return frames;
}

static const char *const kinds[] = {[LLM_TEXT] = "text",         [LLM_IMAGE] = "image",
                                    [LLM_DOCUMENT] = "document", [LLM_AUDIO] = "audio",
                                    [LLM_TOOL_USE] = "tool_use", [LLM_TOOL_RESULT] = "tool_result",
                                    [LLM_THINKING] = "thinking", [LLM_REDACTED_THINKING] = "redacted_thinking",
                                    [LLM_REFUSAL] = "refusal",   [LLM_SEARCH_RESULT] = "search_result"};
static const char *const stops[] = {[LLM_STOP_END] = "end",
                                    [LLM_STOP_LENGTH] = "length",
                                    [LLM_STOP_SEQUENCE] = "stop sequence",
                                    [LLM_STOP_TOOL_USE] = "tool use",
                                    [LLM_STOP_REFUSAL] = "refusal",
                                    [LLM_STOP_CONTENT_FILTER] = "content filter",
                                    [LLM_STOP_CONTEXT_FULL] = "context full",
                                    [LLM_STOP_PAUSE] = "pause"};

/* A client cannot open a seal; what it holds counts as what stands there. */
static struct llm_block unsealed(struct arena *a, const struct llm_block *b) {
  struct llm_block open = *b;
  const struct llm_place nowhere = {.form = "signature"};
  if (seal_is(b->signature) && seal_open(b->signature, &nowhere, a, &open, NULL) != ERR_OK)
    fail_msg("a damaged seal: %.*s", TEXT_ARGS(b->signature));
  return open;
}

static void field(struct json_writer *w, const char *name, struct text t) {
  if (!text_is_empty(t))
    json_field_text(w, name, t);
}

/* Inputs as values where they are JSON, so that white space does not count. */
static void input_field(struct json_writer *w, struct text input, bool is_custom) {
  json_name(w, "input");
  yyjson_doc *doc = is_custom ? NULL : yyjson_read(input.at, input.len, YYJSON_READ_NUMBER_AS_RAW);
  if (doc)
    json_put_raw(w, input);
  else
    json_put_text(w, input);
  yyjson_doc_free(doc);
}

static void thinking_fields(struct arena *a, struct json_writer *w, const struct llm_block *b) {
  struct llm_block open = unsealed(a, b);
  field(w, "id", open.id);
  field(w, "signature", open.signature);
  field(w, "format", text_equal(open.format, TEXT(LLM_FORMAT_NONE)) ? TEXT_NONE : open.format);
  if (!text_is_empty(open.details)) {
    json_name(w, "details");
    json_put_raw(w, open.details);
  }
}

static void citation_fields(struct json_writer *w, const struct llm_block *b) {
  json_name(w, "citations");
  json_array(w);
  for (size_t i = 0; i < b->citation_count; i++) {
    const struct llm_citation *c = &b->citations[i];
    json_object(w);
    field(w, "url", c->url);
    field(w, "title", c->title);
    field(w, "cited_text", c->cited_text);
    if (c->end) {
      json_field_u64(w, "start", c->start);
      json_field_u64(w, "end", c->end);
    }
    json_object_end(w);
  }
  json_array_end(w);
}

static bool is_thinking(const struct llm_block *b) {
  return b->kind == LLM_THINKING || b->kind == LLM_REDACTED_THINKING;
}

static void put_block(struct arena *a, struct json_writer *w, const struct llm_block *b) {
  json_object(w);
  json_field_str(w, "kind", kinds[b->kind]);
  field(w, "text", b->text);
  if (is_thinking(b))
    thinking_fields(a, w, b);
  if (b->kind == LLM_TOOL_USE) {
    field(w, "id", b->id);
    field(w, "name", b->name);
    json_field_bool(w, "is_custom", b->is_custom);
    input_field(w, b->input, b->is_custom);
  }
  if (b->citation_count)
    citation_fields(w, b);
  json_object_end(w);
}

static void put_usage(struct json_writer *w, const struct usage *u) {
  json_name(w, "usage");
  json_object(w);
  json_field_u64(w, "input", u->input);
  json_field_u64(w, "output", u->output);
  json_field_u64(w, "cache_write_5m", u->cache_write_5m);
  json_field_u64(w, "cache_write_1h", u->cache_write_1h);
  json_field_u64(w, "cache_read", u->cache_read);
  json_field_u64(w, "reasoning", u->reasoning);
  json_field_bool(w, "known", u->known);
  json_object_end(w);
}

static struct text taken(struct arena *a, struct buf *out) {
  assert_int_equal(buf_check(out), ERR_OK);
  struct text t = arena_copy(a, buf_text(out));
  buf_done(out);
  return t;
}

struct text answer_json(struct arena *a, const struct llm_answer *answer) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, STREAM_MAX_BYTES);
  json_writer_init(&w, &out);
  json_object(&w);
  field(&w, "id", answer->id);
  field(&w, "model", answer->model);
  json_field_str(&w, "stop", stops[answer->stop]);
  field(&w, "stop_sequence", answer->stop_sequence);
  field(&w, "service_tier", answer->service_tier);
  put_usage(&w, &answer->usage);
  json_name(&w, "blocks");
  json_array(&w);
  for (size_t i = 0; i < answer->block_count; i++)
    put_block(a, &w, &answer->blocks[i]);
  json_array_end(&w);
  json_object_end(&w);
  return taken(a, &out);
}

static void joined_text(struct json_writer *w, const char *name, const struct llm_block *blocks, size_t count,
                        bool (*belongs)(const struct llm_block *b)) {
  struct buf all;
  buf_init(&all, STREAM_MAX_BYTES);
  for (size_t i = 0; i < count; i++)
    if (belongs(&blocks[i]))
      buf_add(&all, blocks[i].text);
  json_field_text(w, name, buf_text(&all));
  buf_done(&all);
}

static bool is_text(const struct llm_block *b) { return b->kind == LLM_TEXT || b->kind == LLM_REFUSAL; }
static bool is_call(const struct llm_block *b) { return b->kind == LLM_TOOL_USE; }

/* Signature, format and details of everything that has a proof, in order. */
static void proofs(struct arena *a, struct json_writer *w, const struct llm_block *blocks, size_t count) {
  json_name(w, "proofs");
  json_array(w);
  for (size_t i = 0; i < count; i++) {
    if (!is_thinking(&blocks[i]) || text_is_empty(unsealed(a, &blocks[i]).signature))
      continue;
    json_object(w);
    thinking_fields(a, w, &blocks[i]);
    json_object_end(w);
  }
  json_array_end(w);
}

struct text content_json(struct arena *a, const struct llm_block *blocks, size_t count) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, STREAM_MAX_BYTES);
  json_writer_init(&w, &out);
  json_object(&w);
  joined_text(&w, "text", blocks, count, is_text);
  joined_text(&w, "thinking", blocks, count, is_thinking);
  proofs(a, &w, blocks, count);
  json_name(&w, "calls");
  json_array(&w);
  for (size_t i = 0; i < count; i++)
    if (is_call(&blocks[i]))
      put_block(a, &w, &blocks[i]);
  json_array_end(&w);
  json_object_end(&w);
  return taken(a, &out);
}
