/* A wire format is symmetric: the module that reads a dialect from a client also writes it to a provider. Here are the
 * shapes shared by all dialects and the table of them. Pure: bytes in, bytes out, no sockets, no clock. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/arena.h"
#include "base/json.h"
#include "llm/facts.h"
#include "llm/usage.h"

enum wire_id {
  WIRE_ANTHROPIC,
  WIRE_OPENAI_CHAT,
  WIRE_OPENAI_EMBEDDINGS,
  WIRE_OPENAI_RESPONSES,
  WIRE_BEDROCK_INVOKE,
  WIRE_BEDROCK_CONVERSE,
  WIRE_COUNT
};
enum wire_framing {
  WIRE_SSE,        /* text/event-stream */
  WIRE_EVENTSTREAM /* application/vnd.amazon.eventstream; an event's name is :event-type or :exception-type */
};
struct dialect;

/* What intake needs of a request body. Texts live in the arena; places are slices of the body. */
struct wire_request {
  struct text model;
  struct text model_place; /* the value in the body, quotes included */
  bool stream;
  uint64_t max_output_tokens;  /* of one answer; 0: not given */
  uint64_t answers;            /* how many answers are asked for (OpenAI's n), at least 1 */
  uint64_t input_tokens_bound; /* upper estimate of the input */
  bool wants_stream_usage;     /* OpenAI chat: stream_options.include_usage is true */
  struct text stream_options;  /* place of its value; empty when absent */
  struct text include_usage;   /* place of its value; empty when absent */
  size_t insert_at;            /* behind the root's '{' */
  bool has_anthropic_version;  /* InvokeModel: the body is Anthropic's and says so */
};

/* What the usage tap has learned of one answer. Zero-initialise, then set wire and arena. Owns nothing. */
struct wire_tap {
  const struct wire *wire;
  struct arena *arena;   /* where a fault goes: most answers have none, and a stream keeps its tap for minutes */
  bool drop_usage_event; /* Weir asked for usage, the client did not: drop that one event */
  struct usage usage;
  struct usage steps;    /* the part of usage that Anthropic reports apart from its totals (context compaction) */
  uint64_t output_bytes; /* bytes of answer content seen, for an estimate when usage never comes */
  bool started;          /* a first event of the dialect was seen; one that only keeps the connection alive is none */
  bool has_content;      /* content (text, tool arguments, thinking) has been seen: time to first token */
  bool finished;         /* the terminal event was seen and no error: the answer is whole */
  bool may_end;          /* the answer is whole if the stream ends now: a finish reason was seen, and only the dialect's
                            terminal event (chat completions: [DONE]) is missing, which some servers never send */
  bool failed;           /* an error event was seen */
  struct fault *fault;   /* what it said; NULL until failed */
  char stop_reason[32];
  struct llm_facts facts;     /* what the provider reports beside; its arena is set by whoever wants them */
  int64_t reported_cost_nano; /* what the provider itself says this call costs (OpenRouter's usage.cost); -1: nothing */
};
/* An error event was seen: the answer has failed. The place for what it says, empty the first time, in the arena. */
struct fault *wire_tap_fail(struct wire_tap *t);
enum wire_verdict { WIRE_PASS, WIRE_DROP };

/* One model in GET /v1/models. */
struct wire_model {
  struct text id, display_name, owned_by;
  uint64_t context_tokens, max_output_tokens; /* 0: unknown */
  int64_t input_price, output_price;          /* nano-USD per 10^6 tokens; -1: unknown */
  int64_t created_s;
};

struct wire {
  enum wire_id id;
  const char *name; /* as in the config: "anthropic", "openai_chat", "openai_responses", ... */
  enum wire_framing framing;
  bool model_in_path;            /* model and stream are said by the path, not by the body */
  const char *request_id_header; /* under which its clients look for the id of a call */
  const struct dialect *dialect; /* NULL: cannot be translated (embeddings) */
  /* The header that names the type of an error, where the dialect wants one beside the body ("x-amzn-errortype"); NULL
   * when it does not. */
  const char *error_type_header;
  const char *(*error_type)(const struct fault *f);

  /* Reads the request head. Refuses (f names the member): not an object, model missing or not a non-empty string of at
   * most 256 bytes without control characters, stream not a boolean, max tokens not a whole number above 0 (all
   * spellings of the dialect; OpenAI allows null for absent). Everything else passes. doc is the parsed body; the
   * places are slices of its src. Wires with model_in_path fill neither model nor stream and accept neither. */
  enum err (*read_request)(const struct json *doc, struct arena *a, struct wire_request *out, struct fault *f);
  /* The edits a pass-through needs: another model name (empty: keep), and usage reporting asked for when the answer
   * streams and the dialect reports it only on demand. *out_injected tells the latter. Puts live in the arena. body is
   * the text rq was read from. */
  enum err (*edit_request)(const struct wire_request *rq, struct text body, struct text upstream_model, struct arena *a,
                           struct json_edits *out, bool *out_injected);

  /* A whole plain answer (status 200): usage, stop reason, content. ERR_UPSTREAM_PROTOCOL (f says what) when it is not
   * an answer of this dialect: not JSON, not an object, or without the members that make one. */
  enum err (*tap_plain)(struct wire_tap *t, struct text body, struct fault *f);
  /* The facts in a whole plain answer that was parsed already, for one that is translated. */
  void (*facts)(yyjson_val *root, struct llm_facts *f);
  /* One event of a stream (event name may be empty). Embeddings have no streams: ERR_UPSTREAM_PROTOCOL. Bad JSON inside
   * an event that matters is ERR_UPSTREAM_PROTOCOL. Cheap for content events: they are not parsed. */
  enum err (*tap_event)(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                        struct fault *f);

  /* Is this an error body of the dialect (so that it can go to the client as it is)? */
  bool (*is_error)(struct text body);
  /* The message inside an error body, or empty. Copied into the arena. */
  struct text (*error_message)(struct text body, struct arena *a);
  void (*write_error)(struct buf *out, const struct fault *f, struct text request_id);
  /* The event that tells a streaming client that the answer is broken. */
  void (*write_stream_error)(struct buf *out, const struct fault *f, struct text request_id);
};

extern const struct wire wire_anthropic, wire_openai_chat, wire_openai_embeddings, wire_openai_responses,
    wire_bedrock_invoke, wire_bedrock_converse;
const struct wire *wire_get(enum wire_id id);
const struct wire *wire_find(struct text name); /* NULL when unknown */

/* GET /v1/models and /v1/models/{id} in each dialect. has_more and the ids of the page are Anthropic's paging (models
 * are already the page). */
void wire_anthropic_write_models(struct buf *out, const struct wire_model *models, size_t count, bool has_more);
void wire_anthropic_write_model(struct buf *out, const struct wire_model *model);
void wire_openai_write_models(struct buf *out, const struct wire_model *models, size_t count);
void wire_openai_write_model(struct buf *out, const struct wire_model *model);
/* GET /bedrock/inference-profiles and /bedrock/foundation-models. */
void wire_bedrock_write_profiles(struct buf *out, const struct wire_model *models, size_t count);
void wire_bedrock_write_models(struct buf *out, const struct wire_model *models, size_t count);

#endif
