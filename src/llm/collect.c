/* A stream's events put together, and a whole answer played as events. The grammar is checked strictly, because every
 * reader of wire/ promises it and every writer relies on it. Used by the tests of the dialects. */
#include "llm/collect.h"

#include <string.h>

#define BLOCKS_MAX 4096

struct part {
  struct text *pieces;
  size_t count, cap, bytes;
};

struct llm_collect {
  struct arena *arena;
  size_t left_bytes;
  struct llm_answer answer;
  struct llm_block *blocks;
  size_t block_cap, citation_cap;
  struct part text, input, signature;
  bool started, open, stopped, ended;
};

struct llm_collect *llm_collect_new(struct arena *a, size_t max_bytes) {
  struct llm_collect *c = ARENA_NEW(a, struct llm_collect);
  c->arena = a;
  c->left_bytes = max_bytes;
  return c;
}

bool llm_collect_is_whole(const struct llm_collect *c) { return c->ended; }

static enum err out_of_place(const char *what, struct fault *f) {
  return fault_set(f, ERR_PROTOCOL, NULL, "%s out of its place in the stream", what);
}

static enum err keep(struct llm_collect *c, struct text t, struct text *out, struct fault *f) {
  if (t.len > c->left_bytes)
    return fault_set(f, ERR_LIMIT, NULL, "the answer is too long to be put together");
  c->left_bytes -= t.len;
  *out = arena_copy(c->arena, t);
  return ERR_OK;
}

/* An array in the arena with room for one more; doubled, so that n pieces cost O(n). */
static void *room_for(struct arena *a, void *items, size_t count, size_t *cap, size_t item_bytes) {
  if (count < *cap)
    return items;
  size_t wanted = *cap ? *cap * 2 : 8;
  char *grown = arena_zalloc(a, wanted * item_bytes);
  if (count > 0)
    memcpy(grown, items, count * item_bytes);
  *cap = wanted;
  return grown;
}

static enum err part_add(struct llm_collect *c, struct part *p, struct text t, struct fault *f) {
  p->pieces = room_for(c->arena, p->pieces, p->count, &p->cap, sizeof(*p->pieces));
  enum err e = keep(c, t, &p->pieces[p->count], f);
  if (e == ERR_OK)
    p->bytes += p->pieces[p->count++].len;
  return e;
}

static struct text part_take(struct llm_collect *c, struct part *p) {
  struct text whole = arena_join(c->arena, p->pieces, p->count);
  p->count = p->bytes = 0;
  return whole;
}

static struct llm_block *current(struct llm_collect *c) { return &c->blocks[c->answer.block_count - 1]; }

static enum err take_start(struct llm_collect *c, const struct llm_event *e, struct fault *f) {
  if (c->started)
    return out_of_place("a second start", f);
  c->started = true;
  c->answer.created_s = e->created_s;
  c->answer.usage = e->usage;
  enum err err = keep(c, e->id, &c->answer.id, f);
  return err == ERR_OK ? keep(c, e->model, &c->answer.model, f) : err;
}

static enum err take_block_start(struct llm_collect *c, const struct llm_event *e, struct fault *f) {
  if (!c->started || c->open || c->stopped || e->index != c->answer.block_count || !e->block)
    return out_of_place("the start of a block", f);
  if (c->answer.block_count == BLOCKS_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the answer has too many blocks");
  c->blocks = room_for(c->arena, c->blocks, c->answer.block_count, &c->block_cap, sizeof(*c->blocks));
  struct llm_block *b = &c->blocks[c->answer.block_count++];
  *b = (struct llm_block){.kind = e->block->kind, .is_custom = e->block->is_custom};
  c->open = true;
  c->citation_cap = 0;
  enum err err = keep(c, e->block->id, &b->id, f);
  if (err == ERR_OK)
    err = keep(c, e->block->name, &b->name, f);
  if (err == ERR_OK)
    err = keep(c, e->block->format, &b->format, f);
  if (err == ERR_OK)
    err = keep(c, e->block->signature, &b->signature, f);
  return err;
}

static enum err take_citation(struct llm_collect *c, const struct llm_event *e, struct fault *f) {
  struct llm_block *b = current(c);
  b->citations = room_for(c->arena, b->citations, b->citation_count, &c->citation_cap, sizeof(*b->citations));
  struct llm_citation *to = &b->citations[b->citation_count];
  *to = *e->citation;
  enum err err = keep(c, e->citation->url, &to->url, f);
  if (err == ERR_OK)
    err = keep(c, e->citation->title, &to->title, f);
  if (err == ERR_OK)
    err = keep(c, e->citation->cited_text, &to->cited_text, f);
  if (err == ERR_OK)
    b->citation_count++;
  return err;
}

static enum err take_delta(struct llm_collect *c, const struct llm_event *e, struct fault *f) {
  if (!c->open || e->index + 1 != c->answer.block_count)
    return out_of_place("a piece of a block", f);
  enum llm_kind kind = current(c)->kind;
  bool fits = e->kind == LLM_EVENT_INPUT       ? kind == LLM_TOOL_USE
              : e->kind == LLM_EVENT_SIGNATURE ? kind == LLM_THINKING
              : e->kind == LLM_EVENT_CITATION  ? kind == LLM_TEXT && e->citation
                                               : kind == LLM_TEXT || kind == LLM_THINKING || kind == LLM_REFUSAL;
  if (!fits)
    return out_of_place("a piece of another kind of block", f);
  if (e->kind == LLM_EVENT_CITATION)
    return take_citation(c, e, f);
  struct part *p = e->kind == LLM_EVENT_INPUT ? &c->input : e->kind == LLM_EVENT_SIGNATURE ? &c->signature : &c->text;
  return part_add(c, p, e->text, f);
}

static enum err take_block_end(struct llm_collect *c, const struct llm_event *e, struct fault *f) {
  if (!c->open || e->index + 1 != c->answer.block_count)
    return out_of_place("the end of a block", f);
  struct llm_block *b = current(c);
  b->text = part_take(c, &c->text);
  b->input = part_take(c, &c->input);
  if (b->kind == LLM_THINKING)
    b->signature = part_take(c, &c->signature);
  c->open = false;
  if (!e->block || b->kind != LLM_THINKING)
    return ERR_OK;
  enum err err = ERR_OK;
  if (!text_is_empty(e->block->id))
    err = keep(c, e->block->id, &b->id, f);
  if (err == ERR_OK && !text_is_empty(e->block->format))
    err = keep(c, e->block->format, &b->format, f);
  if (err == ERR_OK && !text_is_empty(e->block->details))
    err = keep(c, e->block->details, &b->details, f);
  return err;
}

static enum err take_stop(struct llm_collect *c, const struct llm_event *e, struct fault *f) {
  if (!c->started || c->open || c->stopped)
    return out_of_place("the stop reason", f);
  c->stopped = true;
  c->answer.stop = e->stop;
  if (e->usage.known)
    c->answer.usage = e->usage;
  enum err err = keep(c, e->stop_sequence, &c->answer.stop_sequence, f);
  return err == ERR_OK ? keep(c, e->service_tier, &c->answer.service_tier, f) : err;
}

enum err llm_collect_take(void *collect, const struct llm_event *e, struct fault *f) {
  struct llm_collect *c = collect;
  if (e->kind == LLM_EVENT_PING)
    return ERR_OK;
  if (c->ended)
    return out_of_place("something behind the end", f);
  switch (e->kind) {
  case LLM_EVENT_START: return take_start(c, e, f);
  case LLM_EVENT_BLOCK_START: return take_block_start(c, e, f);
  case LLM_EVENT_TEXT:
  case LLM_EVENT_INPUT:
  case LLM_EVENT_SIGNATURE:
  case LLM_EVENT_CITATION: return take_delta(c, e, f);
  case LLM_EVENT_BLOCK_END: return take_block_end(c, e, f);
  case LLM_EVENT_STOP: return take_stop(c, e, f);
  case LLM_EVENT_END: c->ended = c->stopped; return c->stopped ? ERR_OK : out_of_place("the end", f);
  case LLM_EVENT_PING: return ERR_OK;
  case LLM_EVENT_ERROR:
    if (f && e->fault)
      *f = *e->fault;
    return e->fault ? e->fault->err : ERR_UPSTREAM_SERVER;
  }
  return out_of_place("an unknown event", f);
}

void llm_collect_answer(struct llm_collect *c, struct llm_answer *out) {
  *out = c->answer;
  out->blocks = c->blocks;
}

static enum err play_piece(struct llm_sink *sink, enum llm_event_kind kind, uint32_t index, struct text t,
                           struct fault *f) {
  if (text_is_empty(t))
    return ERR_OK;
  return sink->take(sink->ctx, &(struct llm_event){.kind = kind, .index = index, .text = t}, f);
}

static enum err play_block(struct llm_sink *sink, const struct llm_block *b, uint32_t index, struct fault *f) {
  struct llm_block head = *b;
  head.text = head.input = TEXT_NONE;
  if (b->kind == LLM_THINKING)
    head.signature = TEXT_NONE;
  struct llm_event e = {.kind = LLM_EVENT_BLOCK_START, .index = index, .block = &head};
  enum err err = sink->take(sink->ctx, &e, f);
  if (err == ERR_OK)
    err = play_piece(sink, LLM_EVENT_TEXT, index, b->text, f);
  if (err == ERR_OK)
    err = play_piece(sink, LLM_EVENT_INPUT, index, b->input, f);
  if (err == ERR_OK && b->kind == LLM_THINKING && !text_is_empty(b->signature)) {
    e = (struct llm_event){.kind = LLM_EVENT_SIGNATURE, .index = index, .block = b, .text = b->signature};
    err = sink->take(sink->ctx, &e, f);
  }
  for (size_t i = 0; err == ERR_OK && i < b->citation_count; i++) {
    e = (struct llm_event){.kind = LLM_EVENT_CITATION, .index = index, .citation = &b->citations[i]};
    err = sink->take(sink->ctx, &e, f);
  }
  if (err != ERR_OK)
    return err;
  return sink->take(sink->ctx, &(struct llm_event){.kind = LLM_EVENT_BLOCK_END, .index = index, .block = b}, f);
}

enum err llm_answer_play(const struct llm_answer *answer, struct llm_sink *sink, struct fault *f) {
  struct llm_event e = {.kind = LLM_EVENT_START,
                        .id = answer->id,
                        .model = answer->model,
                        .created_s = answer->created_s,
                        .usage = answer->usage};
  enum err err = sink->take(sink->ctx, &e, f);
  for (size_t i = 0; err == ERR_OK && i < answer->block_count; i++)
    err = play_block(sink, &answer->blocks[i], (uint32_t)i, f);
  if (err != ERR_OK)
    return err;
  e = (struct llm_event){.kind = LLM_EVENT_STOP,
                         .stop = answer->stop,
                         .stop_sequence = answer->stop_sequence,
                         .usage = answer->usage,
                         .service_tier = answer->service_tier};
  err = sink->take(sink->ctx, &e, f);
  return err == ERR_OK ? sink->take(sink->ctx, &(struct llm_event){.kind = LLM_EVENT_END}, f) : err;
}
