/* One answer as every dialect means it: whole, or as events. Events obey one grammar whatever the provider sent:
 *   START (BLOCK_START DELTA* BLOCK_END)* STOP END
 * with block indexes 0, 1, 2, ... and one block open at a time; PING anywhere; ERROR instead of what would follow. */
#ifndef LLM_ANSWER_H
#define LLM_ANSWER_H

#include "llm/facts.h"
#include "llm/request.h"
#include "llm/usage.h"

enum llm_stop {
  LLM_STOP_END,
  LLM_STOP_LENGTH,
  LLM_STOP_SEQUENCE,
  LLM_STOP_TOOL_USE,
  LLM_STOP_REFUSAL,        /* the model declined */
  LLM_STOP_CONTENT_FILTER, /* something beside the model intervened (guardrail, filter) */
  LLM_STOP_CONTEXT_FULL,
  LLM_STOP_PAUSE /* Anthropic's pause_turn */
};

enum llm_event_kind {
  LLM_EVENT_START,       /* id, model, created_s; usage when known by now */
  LLM_EVENT_BLOCK_START, /* index, block: kind, id, name, is_custom, format; REDACTED_THINKING: signature whole */
  LLM_EVENT_TEXT,        /* index, text: more of TEXT, THINKING, REFUSAL */
  LLM_EVENT_INPUT,       /* index, text: a fragment of a tool's input */
  LLM_EVENT_SIGNATURE,   /* index, text: a THINKING's signature, whole (clients of Anthropic take the last one they are
                            sent); block: as for BLOCK_END, so that nobody must remember it */
  LLM_EVENT_CITATION,    /* index, citation */
  LLM_EVENT_BLOCK_END,   /* index; block: what is only known at the end of a THINKING: id, format, details */
  LLM_EVENT_STOP,        /* stop, stop_sequence, usage (final), service_tier */
  LLM_EVENT_END,
  LLM_EVENT_PING,
  LLM_EVENT_ERROR /* fault */
};

/* Texts are valid during the call that hands the event over. */
struct llm_event {
  enum llm_event_kind kind;
  uint32_t index;
  struct text id, model;
  int64_t created_s; /* 0: not known */
  const struct llm_block *block;
  struct text text;
  const struct llm_citation *citation;
  enum llm_stop stop;
  struct text stop_sequence; /* LLM_STOP_SEQUENCE: which, when known */
  struct usage usage;        /* usage.known tells whether */
  int64_t cost_nano;         /* STOP: what the provider itself says the call costs; 0: nothing */
  struct text service_tier;
  const struct fault *fault;
};

struct llm_sink {
  /* Anything but ERR_OK ends the reading and is returned by it. */
  enum err (*take)(void *ctx, const struct llm_event *e, struct fault *f);
  void *ctx;
};

/* Members of a provider's answer that the caller's dialect has no place for: literals such as "choices[].logprobs".
 * They are shown in x-weir-not-carried and in the access line, each once. */
#define LLM_NOTES_MAX 16
struct llm_notes {
  const char *at[LLM_NOTES_MAX];
  size_t count;
  struct llm_facts facts; /* of a stream; without an arena none are kept */
};
void llm_note(struct llm_notes *n, const char *what);

/* A whole answer. Texts live in the arena or in the parsed body. */
struct llm_answer {
  struct text id, model;
  int64_t created_s; /* 0: not known */
  struct llm_block *blocks;
  size_t block_count;
  enum llm_stop stop;
  struct text stop_sequence;
  struct usage usage;
  int64_t cost_nano; /* what the provider itself says the call costs; 0: nothing */
  struct text service_tier;
  struct llm_notes notes;
};

#endif
