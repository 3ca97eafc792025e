/* Writes the events of a Responses stream. Unlike other dialects this one says every text twice more at its end, so the
 * writer keeps the answer: at most RESPONSES_KEPT_MAX bytes of each of its buffers, then the stream fails. Pure. */
#ifndef WIRE_OPENAI_RESPONSES_STREAM_H
#define WIRE_OPENAI_RESPONSES_STREAM_H

#include "wire/openai_responses_output.h"

#define RESPONSES_KEPT_MAX ((size_t)32 * 1024 * 1024) /* as limits.response_bytes when nothing is set */

enum responses_item { RESPONSES_NO_ITEM, RESPONSES_MESSAGE, RESPONSES_CALL, RESPONSES_CUSTOM, RESPONSES_REASONING };

/* Zeroed at the start; freed by responses_writer_done. */
struct responses_writer {
  uint64_t sequence;
  uint32_t items; /* output_index of the open item, or of the next one */
  uint32_t parts, annotations;
  uint64_t characters; /* of the open text */
  enum responses_item open;
  enum llm_kind kind; /* of the open block */
  bool started, over, is_broken, has_refusal, has_summary, has_signature, is_quiet /* only items are made, no events */;
  enum llm_stop stop;
  struct usage usage;
  struct buf head;      /* of the response object */
  struct buf output;    /* items that are done, as JSON with commas */
  struct buf item;      /* the open item's members that do not change, as JSON without braces */
  struct buf item_id;   /* quoted */
  struct buf content;   /* parts of the open message that are done */
  struct buf text;      /* of the open block, escaped */
  struct buf citations; /* of the open block */
  struct buf encrypted; /* of the open reasoning, quoted; empty when there is none */
  struct buf tier;
};

/* What is kept (openai_responses_kept.c). A new item, with the block's id, name and call; nothing in it yet. */
void responses_begin_item(struct responses_writer *w, enum responses_item item, const struct llm_block *b,
                          const struct llm_echo *echo);
/* The item as JSON: with all that is kept of it, or empty as at its beginning. */
void responses_put_item(struct responses_writer *w, const char *status, bool is_done, struct buf *out);
/* The same for the open part of a message. */
void responses_put_part(struct responses_writer *w, struct json_writer *j, bool is_done);
void responses_put_quoted(struct json_writer *w, const char *name, struct text escaped);
/* Where a citation's place is not known it belongs to the text so far. */
void responses_put_citation(struct json_writer *j, const struct llm_citation *c, uint64_t text_end);
/* What a reasoning item's encrypted_content will be: reasoning of another vendor is sealed, so that it can be told from
 * OpenAI's when it comes back. */
void responses_keep_encrypted(struct responses_writer *w, const struct llm_block *b, struct text signature);

/* See struct dialect. */
void responses_write_event(void *writer, const struct llm_echo *echo, const struct llm_event *e, struct buf *out);
/* See struct dialect. */
void responses_write_failure(void *writer, const struct llm_echo *echo, const struct fault *fault,
                             struct text request_id, struct buf *out);
/* See struct dialect. */
void responses_writer_done(void *writer);

#endif
