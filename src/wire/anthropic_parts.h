/* What plain answers and streams of the Anthropic dialect have in common: usage, stop reasons, citations, blocks. Pure.
 * https://docs.anthropic.com/en/api/messages */
#ifndef WIRE_ANTHROPIC_PARTS_H
#define WIRE_ANTHROPIC_PARTS_H

#include "wire/dialect.h"
#include "wire/member.h"

/* Parses an answer or an event with raw numbers. ERR_UPSTREAM_PROTOCOL unless it is an object. */
enum err anthropic_parts_parse(struct text data, struct json *out, struct fault *f) MUST_CHECK;

/* Unknown words are LLM_STOP_END and noted. */
enum llm_stop anthropic_parts_stop(struct text word, struct llm_notes *notes);
const char *anthropic_parts_stop_word(enum llm_stop stop);
/* stop_reason, stop_sequence and stop_details. */
void anthropic_parts_write_stop(struct json_writer *w, enum llm_stop stop, struct text sequence);

/* What the provider's usage object says replaces what *usage holds; *steps is what of it belongs to context compaction.
 * tier (may be NULL): the service tier in OpenAI's words, a literal, untouched when absent. */
void anthropic_parts_usage(yyjson_val *object, struct usage *usage, struct usage *steps, struct text *tier,
                           struct llm_notes *notes);
/* What is said of an answer whose provider counted nothing: clients reckon with these members. */
struct usage anthropic_parts_estimate(const struct llm_echo *echo, uint64_t output_bytes);
/* The member usage of a message. */
void anthropic_parts_write_usage(struct json_writer *w, const struct usage *u, struct text tier);
/* The member usage of a message_delta. */
void anthropic_parts_write_delta_usage(struct json_writer *w, const struct usage *u);

/* Members of an object that somebody may have to hear about: note is NULL for what is understood. */
struct anthropic_member {
  const char *name, *note;
};
/* Notes every member that is not null: by its row, as `other` without one. */
void anthropic_parts_note(yyjson_val *object, const struct anthropic_member *rows, size_t count, const char *other,
                          struct llm_notes *notes);

/* A block's kind and its members but for nested ones (input, citations). ERR_UPSTREAM_PROTOCOL names a kind that is not
 * known or a member of the wrong type. Texts are the document's. */
enum err anthropic_parts_block(yyjson_val *object, struct llm_block *out, struct llm_notes *notes,
                               struct fault *f) MUST_CHECK;
/* False: it has no address and is noted. */
bool anthropic_parts_citation(yyjson_val *object, struct llm_citation *out, struct llm_notes *notes);
void anthropic_parts_write_citation(struct json_writer *w, const struct llm_citation *c);
/* A whole block. With is_head as it opens in a stream: without text, input and signature. */
void anthropic_parts_write_block(struct json_writer *w, const struct llm_block *b, const struct llm_echo *echo,
                                 bool is_head);
/* A signature or redacted data as a JSON string: the vendor's own, or anybody else's sealed. */
void anthropic_parts_put_signature(struct json_writer *w, const struct llm_block *b);

#endif
