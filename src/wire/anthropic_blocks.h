/* The content blocks of requests in the Anthropic dialect, read into llm/request.h. Every member of every kind of block
 * that the vendor's types know is treated; other kinds are refused by their type. Pure.
 * https://docs.anthropic.com/en/api/messages */
#ifndef WIRE_ANTHROPIC_BLOCKS_H
#define WIRE_ANTHROPIC_BLOCKS_H

#include "base/map.h"
#include "wire/rules.h"

#define ANTHROPIC_MEDIA_MAX_BYTES ((size_t)20 * 1024 * 1024) /* of one image or document, decoded */

/* The state of one reading (struct rules, dialect). */
struct anthropic_reading {
  bool is_invoke;    /* Bedrock's envelope: model and stream stand in the path */
  struct map *calls; /* ids of tool calls seen so far */
  yyjson_val *system, *messages;
  enum llm_cache cache; /* of the whole request */
};

/* Where content stands: form names the member itself ("messages[#].content"), element_form one of its blocks, whose
 * number goes to at[depth]. */
struct anthropic_spot {
  const char *form, *element_form;
  uint32_t at[3];
  size_t depth;
};

/* Who may say what. */
enum anthropic_where {
  ANTHROPIC_IN_USER = 1,
  ANTHROPIC_IN_ASSISTANT = 2,
  ANTHROPIC_IN_SYSTEM = 4,
  ANTHROPIC_IN_RESULT = 8,
  ANTHROPIC_IN_SEARCH = 16
};

/* A string (one text block) or an array of blocks. */
enum err anthropic_blocks_read(struct rules *r, yyjson_val *content, const struct anthropic_spot *spot,
                               enum anthropic_where where, struct llm_block **out, size_t *out_count) MUST_CHECK;
/* A row for rules.h: cache_control into an enum llm_cache. */
enum err anthropic_blocks_cache(struct rules *r, const struct rule_member *m, void *to);

#endif
