/* What plain answers and streams of chat completions say alike. Pure. */
#ifndef WIRE_OPENAI_CHAT_WORDS_H
#define WIRE_OPENAI_CHAT_WORDS_H

#include "wire/openai_chat.h"

/* False for a word that is not known; *out is then LLM_STOP_END. */
bool openai_chat_read_finish(struct text reason, enum llm_stop *out);
/* The reason as it is meant: some servers say "stop" after calls, and a refusal ends with it too. */
enum llm_stop openai_chat_stop(enum llm_stop said, bool has_calls, bool said_refusal);
const char *openai_chat_finish_name(enum llm_stop stop, bool said_refusal);

/* A url_citation. False when the annotation is of another kind. */
bool openai_chat_read_citation(yyjson_val *annotation, struct llm_citation *out);
/* block_start and block_end: where its text stands in all content; the place when the citation knows none itself. */
void openai_chat_write_citation(struct json_writer *w, const struct llm_citation *c, uint64_t block_start,
                                uint64_t block_end);
uint64_t openai_chat_characters(struct text t); /* Unicode code points */

void openai_chat_write_usage(struct json_writer *w, const struct usage *u); /* with its name */
void openai_chat_write_id(struct json_writer *w, struct text id, const struct llm_echo *echo);

/* The id of a call, or one made of the answer (a hash of its id) and the call's place in it. */
#define OPENAI_CHAT_CALL_ID_BYTES 40
struct text openai_chat_call_id(yyjson_val *call, uint64_t answer, uint32_t index, char out[OPENAI_CHAT_CALL_ID_BYTES]);

uint64_t openai_chat_count(yyjson_val *object, const char *name); /* 0 when it is no whole number */
bool openai_chat_is_something(yyjson_val *v);                     /* neither absent nor null nor empty */
/* Members beside the content: notes those that are known. choice may be NULL. */
void openai_chat_note(struct llm_notes *notes, yyjson_val *root, yyjson_val *choice);
/* ERR_UPSTREAM_PROTOCOL for content under a name that is not known; name is "message" or "delta". */
enum err openai_chat_check_content(yyjson_val *message, const char *name, struct llm_notes *notes,
                                   struct fault *f) MUST_CHECK;
enum err openai_chat_not_understood(const char *where, const char *why, struct fault *f);

#endif
