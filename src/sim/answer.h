/* What was asked and what is answered, in no dialect: the dialects read requests into a struct sim_ask, answer_plan
 * decides the content, and the dialects write it out, whole or event by event. Pure and deterministic: the same ask and
 * counter give the same bytes. */
#ifndef SIM_ANSWER_H
#define SIM_ANSWER_H

#include "base/arena.h"
#include "base/buf.h"
#include "sim/behaviour.h"
#include "sim/digest.h"
#include "sim/prompt_cache.h"

#define SIM_ATTACHMENTS_MAX 8
#define SIM_BLOCKS_MAX      5
#define SIM_STOPS_MAX       8
#define SIM_QUOTE_BYTES     400 /* of what the user said, and of a tool's result */

struct sim_attachment {
  const char *kind; /* "image", "document" */
  struct text media_type;
  size_t bytes; /* decoded; 0 for one given by address */
};

struct sim_tool {
  struct text name;
  yyjson_val *schema; /* may be NULL */
  bool is_custom;     /* takes text, not JSON */
};

/* Slices of the request's body and of its parsed document. */
struct sim_ask {
  struct behaviour behaviour;
  struct text model;
  bool stream;
  bool include_usage;      /* OpenAI: stream_options.include_usage */
  bool is_modern;          /* Anthropic: a version later than 2023-06-01 */
  uint64_t max_tokens;     /* 0: not given */
  struct text said;        /* the last text of the last user message */
  struct text tool_result; /* of the last message */
  bool has_tool_result;
  struct sim_attachment attachment[SIM_ATTACHMENTS_MAX];
  size_t attachment_count; /* of the whole request; only the first SIM_ATTACHMENTS_MAX are described */
  struct sim_tool tool[2]; /* the first two, or the one that is forced */
  size_t tool_count;
  bool tools_forced, tools_refused, one_tool_only;
  bool thinks, omit_thinking;
  bool wants_json;                 /* an answer that is JSON and fits json_schema */
  yyjson_val *json_schema;         /* may be NULL */
  struct text stop[SIM_STOPS_MAX]; /* where to stop; only the first SIM_STOPS_MAX are looked for */
  size_t stop_count;
  /* Responses: include has reasoning.encrypted_content; store; include_obfuscation is false; members of the request
   * that the answer repeats, closed by a brace, in the arena. */
  bool wants_sealed, is_kept, is_plain_stream;
  struct text echo;
  struct digest digest; /* of the prompt */
  struct prompt_breakpoint breakpoint[PROMPT_CACHE_BREAKPOINTS_MAX];
  size_t breakpoint_count;
};

enum sim_block_kind { SIM_BLOCK_TEXT, SIM_BLOCK_THINKING, SIM_BLOCK_REDACTED, SIM_BLOCK_TOOL };
struct sim_block {
  enum sim_block_kind kind;
  struct text text;      /* text, thinking, the sealed data of redacted thinking, or the JSON of a tool's input */
  uint32_t words;        /* not 0: instead of text, so many "word 17 " */
  struct text signature; /* thinking */
  struct text id, name;  /* every block has an id; a name tools only */
  bool is_custom;        /* tool: the input is plain text */
};

enum sim_stop {
  SIM_STOP_END,
  SIM_STOP_LENGTH,
  SIM_STOP_TOOLS,
  SIM_STOP_SEQUENCE,
  SIM_STOP_REFUSAL, /* the text block says why */
  SIM_STOP_FILTER
};

struct sim_usage {
  uint64_t input, output; /* input without the cache classes */
  uint64_t cache_read, write_5m, write_1h;
  uint64_t reasoning; /* part of output */
};

struct sim_answer {
  struct text model;
  uint64_t seed;  /* of ids */
  struct text id; /* the dialect's prefix is put before it when written */
  struct sim_block block[SIM_BLOCKS_MAX];
  size_t block_count;
  enum sim_stop stop;
  struct text stop_sequence; /* SIM_STOP_SEQUENCE */
  struct sim_usage usage;
  bool no_usage, include_usage, is_modern, wants_sealed, is_kept, is_plain_stream;
  struct text echo;     /* as it was asked */
  struct digest prompt; /* and what it was made of */
};

/* Decides the answer. Everything in *out lives in the arena (also the model's name), so the body may be dropped. cache
 * may be NULL. */
void answer_plan(const struct sim_ask *ask, uint64_t counter, struct prompt_cache *cache, struct arena *a,
                 struct sim_answer *out);

/* Where a writer of events stands. Zero-initialise. */
struct sim_cursor {
  size_t step; /* the dialect's own */
  size_t block;
  size_t offset;   /* bytes or words of the block that were given out */
  bool has_any;    /* something of the block was given out */
  size_t sequence; /* of the events, in dialects that number them */
};
/* The next few bytes of the cursor's block, cut between characters; empty at its end. words go into scratch (32 bytes).
 */
struct text answer_piece(const struct sim_answer *answer, struct sim_cursor *cursor, char *scratch);
/* The whole block's text, JSON-escaped, without quotes. */
void answer_write_escaped(struct buf *out, const struct sim_block *block);

#endif
