/* Reasoning as chat completions servers and OpenRouter spell it: entries of reasoning_details, and plain text beside
 * them. Pure. https://openrouter.ai/docs/guides/best-practices/reasoning-tokens */
#ifndef WIRE_OPENAI_REASONING_H
#define WIRE_OPENAI_REASONING_H

#include "base/json.h"
#include "llm/answer.h"

enum openai_detail_kind { OPENAI_DETAIL_TEXT, OPENAI_DETAIL_SUMMARY, OPENAI_DETAIL_ENCRYPTED };

/* One entry. An entry is a whole thought or a piece of one: pieces have the same index. */
struct openai_detail {
  enum openai_detail_kind kind;
  struct text text;              /* TEXT, SUMMARY */
  struct text signature;         /* TEXT: proves the text; ENCRYPTED: the data */
  struct text format, id, index; /* empty when not given; index as digits */
  yyjson_val *details;           /* our own member for what another vendor wants back; may be NULL */
};

/* Reads an entry. NULL when it could be read, else what is wrong, and *out_member is where. index may be an ordinary or
 * a raw number; digits of an ordinary one are written to digits. */
#define OPENAI_DETAIL_DIGITS 24
const char *openai_detail_read(yyjson_val *entry, char digits[OPENAI_DETAIL_DIGITS], struct openai_detail *out,
                               const char **out_member);
/* Is there anything in it to carry? */
bool openai_detail_is_empty(const struct openai_detail *d);
/* Does next go on with the thought that began with first and so far has a signature or not? */
bool openai_detail_joins(const struct openai_detail *first, bool has_signature, const struct openai_detail *next);
/* The format, where the entry does not say: who else signs or encrypts. Never empty. */
struct text openai_detail_format(const struct openai_detail *d);
/* Is the thought one block of encrypted data, that is REDACTED_THINKING and not THINKING? */
bool openai_detail_is_redacted(const struct openai_detail *d);

/* All reasoning of a whole message as blocks, at most array size + 2, appended at blocks[*count]. Plain text that only
 * repeats the details is not doubled. Returns what is wrong, or NULL; then *out_entry and *out_member say where. */
const char *openai_reasoning_read(yyjson_val *details, struct text content, struct text reasoning, struct arena *a,
                                  struct llm_block *blocks, size_t *count, size_t *out_entry, const char **out_member);
size_t openai_reasoning_most(yyjson_val *details); /* blocks it may need */

/* The entries for a THINKING or REDACTED_THINKING block, or for a piece of one: text and signature are what is told
 * now, the rest is taken from b. Reasoning of Responses becomes a summary and encrypted data. */
void openai_reasoning_put(struct json_writer *w, const struct llm_block *b, uint32_t index, struct text text,
                          struct text signature);

#endif
