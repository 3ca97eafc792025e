/* The table of dialects. What each of them does stands in its own files; a new dialect is one row here.
 * Called by intake (path to wire) and config (names). */
#include "wire/wire.h"

static const struct wire *const wires[WIRE_COUNT] = {
    [WIRE_ANTHROPIC] = &wire_anthropic,
    [WIRE_OPENAI_CHAT] = &wire_openai_chat,
    [WIRE_OPENAI_EMBEDDINGS] = &wire_openai_embeddings,
    [WIRE_BEDROCK_INVOKE] = &wire_bedrock_invoke,
    [WIRE_OPENAI_RESPONSES] = &wire_openai_responses,
    [WIRE_BEDROCK_CONVERSE] = &wire_bedrock_converse,
};

const struct wire *wire_get(enum wire_id id) { return (unsigned)id < WIRE_COUNT ? wires[id] : NULL; }

struct fault *wire_tap_fail(struct wire_tap *t) {
  t->failed = true;
  t->finished = t->may_end = false;
  if (!t->fault)
    t->fault = ARENA_NEW(t->arena, struct fault);
  return t->fault;
}

const struct wire *wire_find(struct text name) {
  for (size_t i = 0; i < WIRE_COUNT; i++)
    if (wires[i] && text_equal(name, text_of(wires[i]->name)))
      return wires[i];
  return NULL;
}
