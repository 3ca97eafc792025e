/* One request as every dialect means it. A dialect reads its own body into this and writes another's body from it, so
 * that what has no place here or no counterpart there is refused by name and never dropped in silence.
 *
 * Lossless where it holds anything: numbers, schemas and tool inputs are kept as the exact JSON text they arrived as
 * ("raw"), texts as they read after unescaping. Everything lives in the arena or in the parsed body and dies with them.
 */
#ifndef LLM_REQUEST_H
#define LLM_REQUEST_H

#include "base/arena.h"

/* Where something stood in the caller's request: every '#' of form is the next number, so a refusal can say
 * "messages[3].content[0].cache_control". form is a literal. */
struct llm_place {
  const char *form;
  uint32_t at[3];
};
#define LLM_PLACE_BYTES 96
/* Zero-terminated into out: the place, and "." and member behind it when member is not empty. */
void llm_place_text(const struct llm_place *p, const char *member, char out[LLM_PLACE_BYTES]);

enum llm_role { LLM_SYSTEM, LLM_DEVELOPER, LLM_USER, LLM_ASSISTANT };

/* A cache breakpoint behind a block: the least life asked for. DEFAULT: the vendor's own. A writer takes the shortest
 * life of its dialect that is not shorter, and refuses when there is none. */
enum llm_cache { LLM_CACHE_NONE, LLM_CACHE_DEFAULT, LLM_CACHE_5M, LLM_CACHE_30M, LLM_CACHE_1H, LLM_CACHE_12H };

enum llm_flag { LLM_NOT_GIVEN, LLM_NO, LLM_YES };
enum llm_source { LLM_BASE64, LLM_URL, LLM_FILE_ID, LLM_PLAIN /* text itself */, LLM_S3 /* raw Converse location */ };

/* An image, a document or a sound. */
struct llm_media {
  enum llm_source source;
  struct text media_type; /* "image/png", "application/pdf", "audio/wav"; empty when the source does not say */
  struct text data;       /* base64 (checked), address, id, text, or raw location */
  struct text title;      /* document: title or file name */
  struct text context;    /* document */
  struct text detail;     /* image: "low", "high", "auto", ... */
};

enum llm_kind {
  LLM_TEXT,
  LLM_IMAGE,
  LLM_DOCUMENT,
  LLM_AUDIO,
  LLM_SEARCH_RESULT, /* text: source address; media.title; content: texts */
  LLM_TOOL_USE,
  LLM_TOOL_RESULT,
  LLM_THINKING,
  LLM_REDACTED_THINKING,
  LLM_REFUSAL
};

/* Who can check a signature or read encrypted reasoning, in the words of OpenRouter's reasoning_details. NULL never. */
#define LLM_FORMAT_NONE      "unknown"             /* text only, nobody checks it */
#define LLM_FORMAT_ANTHROPIC "anthropic-claude-v1" /* also from Bedrock */
#define LLM_FORMAT_RESPONSES "openai-responses-v1"

struct llm_citation { /* only what has an address travels between dialects */
  struct text url, title, cited_text;
  uint64_t start, end; /* characters of the block's text; both 0 when not known */
};

struct llm_block {
  enum llm_kind kind;
  enum llm_cache cache;
  struct llm_place place;
  struct text text;      /* TEXT, THINKING (may be empty), REFUSAL, SEARCH_RESULT */
  struct text id;        /* TOOL_USE, TOOL_RESULT: of the call; THINKING: the reasoning item's, may be empty */
  struct text name;      /* TOOL_USE */
  struct text input;     /* TOOL_USE: raw JSON object; is_custom: the plain text */
  bool is_custom;        /* TOOL_USE and its RESULT: a tool with free text instead of JSON */
  struct text signature; /* THINKING: proves text; REDACTED_THINKING: the data itself */
  struct text format;    /* THINKING, REDACTED_THINKING: LLM_FORMAT_... or another vendor's */
  struct text details;   /* THINKING of a foreign format: raw JSON of what else its vendor wants back, else empty */
  struct llm_media media;
  bool cites; /* DOCUMENT, SEARCH_RESULT: citations are asked for */
  struct llm_citation *citations;
  size_t citation_count;     /* TEXT */
  bool is_error;             /* TOOL_RESULT */
  struct llm_block *content; /* TOOL_RESULT, SEARCH_RESULT: TEXT, IMAGE, DOCUMENT, SEARCH_RESULT only */
  size_t content_count;
};

struct llm_message {
  enum llm_role role;
  struct text name; /* OpenAI: of the participant; empty when none */
  struct llm_place place;
  struct llm_block *blocks;
  size_t count;
};

struct llm_tool {
  bool is_custom; /* free text; format is its raw JSON, flat as Responses has it, else empty */
  struct text name;
  struct text description; /* empty when none */
  struct text schema;      /* raw JSON object; empty when not given */
  struct text format;
  enum llm_flag strict, defer_loading;
  enum llm_cache cache;
  struct llm_place place;
};

enum llm_choice { LLM_CHOICE_NOT_GIVEN, LLM_CHOICE_AUTO, LLM_CHOICE_ANY, LLM_CHOICE_TOOL, LLM_CHOICE_NONE };
enum llm_thinking { LLM_THINKING_NOT_GIVEN, LLM_THINKING_OFF, LLM_THINKING_BUDGET, LLM_THINKING_ADAPTIVE };
enum llm_display { LLM_DISPLAY_NOT_GIVEN, LLM_DISPLAY_OMITTED, LLM_DISPLAY_SUMMARY };
enum llm_output { LLM_OUTPUT_TEXT, LLM_OUTPUT_JSON, LLM_OUTPUT_SCHEMA };

struct llm_pair {
  struct text name, value;
};

/* What the target is, where one dialect is spoken with accents. */
enum llm_accent { LLM_ACCENT_NONE, LLM_ACCENT_OPENROUTER, LLM_ACCENT_OPENAI /* the vendor's own, strict */ };

/* What the client's dialect calls the members that belong to no message and no tool, so that a writer refuses them
 * under the name the caller gave them: "max_completion_tokens", "response_format", "inferenceConfig.temperature". */
struct llm_names {
  const char *max_tokens, *temperature, *top_p, *top_k, *stop, *tool_choice, *parallel_tools, *thinking, *effort,
      *display, *output, *output_description, *user_id, *metadata, *service_tier;
};

#define LLM_LEFT_OUT_MAX 32
struct llm_request {
  struct text model; /* from a reader: the client's name for it, empty where the path says it; for a writer: always the
                        provider's name, also where the path says it and it is not written */
  bool stream;

  struct llm_message *messages; /* system and developer messages wherever they stood; those before the first other
                                   message are what dialects with a place for instructions put there */
  size_t message_count;
  struct llm_tool *tools;
  size_t tool_count;
  enum llm_choice choice;
  struct text choice_name;
  enum llm_flag parallel_tools;

  uint64_t max_tokens;         /* 0: not given */
  uint64_t default_max_tokens; /* for dialects that need one; never 0 when a writer runs */
  /* raw numbers; empty when not given */
  struct text temperature, top_p, top_k, frequency_penalty, presence_penalty, seed;
  struct text *stop;
  size_t stop_count;

  enum llm_thinking thinking;
  uint64_t thinking_budget;
  enum llm_display display;
  struct text effort; /* "none" "minimal" "low" "medium" "high" "xhigh" "max"; empty when not given */
  struct text verbosity;

  enum llm_output output;
  struct text output_name, output_description, output_schema; /* schema raw */
  enum llm_flag output_strict;

  struct text user_id;
  struct llm_pair *metadata;
  size_t metadata_count;
  struct text service_tier;      /* "auto" "default" "flex" "priority" ...: OpenAI's words; Anthropic's standard_only is
                                    "default" */
  struct text cache_key;         /* OpenAI's prompt_cache_key */
  bool cache_explicit;           /* OpenAI's prompt_cache_options.mode explicit: only the breakpoints that were given */
  struct text cache_options_ttl; /* OpenAI's prompt_cache_options.ttl: "30m" "12h"; empty when not given */
  struct text cache_retention;   /* OpenAI's prompt_cache_retention other than "in_memory"; empty when not given */
  enum llm_flag store;
  bool wants_encrypted_reasoning; /* Responses: include reasoning.encrypted_content */
  bool wants_stream_usage;        /* chat: stream_options.include_usage */

  const struct llm_names *names; /* set by every reader, all members */
  enum llm_accent accent;        /* of the target */

  /* What the operator allows to be left out for this target, by member name ("cache_control"), and what was. */
  const struct text *leave_out;
  size_t leave_out_count;
  bool leave_out_anything;                /* the request is only measured, not sent */
  struct text left_out[LLM_LEFT_OUT_MAX]; /* places, in the arena; beyond the maximum they are not listed again */
  size_t left_out_count;
  struct arena *arena;
};

/* The one way to say that something cannot be carried. member: the last name of the place (also the name that
 * leave_out is compared with; may stand inside place already, then pass "" and the last part of form counts). ERR_OK:
 * the operator allows it, it has been noted, leave it out. Else ERR_UNSUPPORTED with f->field = the whole place and a
 * text that says what cannot be expressed: "messages[0].content[1].cache_control: why". */
enum err llm_refuse(struct llm_request *rq, const struct llm_place *place, const char *member, const char *why,
                    struct fault *f) MUST_CHECK;
/* ERR_BAD_REQUEST: a value of the wrong type or form at a place; f->field is the whole place, text "PLACE: why". */
enum err llm_bad(const struct llm_place *place, const char *member, const char *why, struct fault *f);

/* What an answer's writer must know of the request. Texts outlive the answer. */
struct llm_echo {
  struct text model;     /* as the client named it: for targets that do not say */
  bool include_usage;    /* chat streams: the client asked for the usage chunk */
  bool omit_thinking;    /* the client does not want to read the reasoning */
  uint64_t input_tokens; /* our estimate of the prompt, where the provider tells it only at the end */
  int64_t now_s;         /* unix time, where the provider gives none */
  struct text id;        /* for ids, where the provider gives none: letters, digits, '_' */
  struct text members;   /* Responses: what its answers repeat of the request, as `"tools":[],...` without braces */
};

#endif
