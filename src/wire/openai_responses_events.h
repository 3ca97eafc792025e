/* Reads the events of a Responses stream. Pure. */
#ifndef WIRE_OPENAI_RESPONSES_EVENTS_H
#define WIRE_OPENAI_RESPONSES_EVENTS_H

#include "wire/dialect.h"

/* What is noted of answers, plain and streamed. */
#define RESPONSES_NOTE_ANNOTATIONS "output[].content[].annotations"
#define RESPONSES_NOTE_LOGPROBS    "output[].content[].logprobs"
#define RESPONSES_NOTE_PHASE       "output[].phase"
#define RESPONSES_NOTE_REASON      "incomplete_details.reason"
#define RESPONSES_NOTE_EVENT       "stream events of an unknown type"

enum responses_words { RESPONSES_NO_WORDS, RESPONSES_SUMMARY, RESPONSES_REASONING_TEXT };

/* Zeroed at the start; owns nothing. */
struct responses_reader {
  bool started, over;
  bool has_item;  /* an item is open: output_index */
  bool is_open;   /* a block is open: index, kind */
  bool has_parts; /* the open item, a message, has had a block */
  bool has_said;  /* the open block has had a piece; of reasoning, the current part of its words */
  bool needs_gap; /* an empty line is due before the next words of a reasoning */
  bool has_call, has_refusal;
  enum responses_words words; /* which of a reasoning's two texts is being told: the one that came first */
  enum llm_kind kind;
  bool is_custom;
  uint32_t index; /* of the open block, or of the next one */
  uint64_t output_index;
};

/* See struct dialect. */
enum err responses_read_event(void *reader, struct text event, struct text data, struct llm_sink *sink,
                              struct llm_notes *notes, struct fault *f) MUST_CHECK;

/* Shared with plain answers. False for annotations without an address. */
bool responses_read_citation(yyjson_val *annotation, struct llm_citation *out);
enum llm_stop responses_read_stop(yyjson_val *response, bool has_call, bool has_refusal, struct llm_notes *notes);

#endif
