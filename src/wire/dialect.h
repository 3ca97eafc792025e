/* What it takes to be one side of a translation: a dialect reads requests and answers into llm/ and writes them from
 * there. The same dialect is the client's on one call and the provider's on another. Pure. Pass-through between equal
 * dialects never comes here: it edits bytes (wire.h). */
#ifndef WIRE_DIALECT_H
#define WIRE_DIALECT_H

#include "base/json.h"
#include "llm/answer.h"

struct dialect {
  const char *name;

  /* The client's request. doc was read with json_limits.raw_numbers: numbers are yyjson raw values (member_raw_...).
   * Every member of every object is looked at: a wrong type is ERR_BAD_REQUEST with its place (llm_bad), an unknown
   * member or feature without a counterpart anywhere goes through llm_refuse. Checks what the real service checks where
   * a translation depends on it: base64 of media, tool results that follow their calls, roles. out->leave_out, accent,
   * arena are set by the caller before; everything else is filled here. echo: model, include_usage, omit_thinking and
   * members are filled, in arena memory of their own. */
  enum err (*read_request)(const struct json *doc, struct llm_request *out, struct llm_echo *echo, struct fault *f);
  /* The body for the provider. Refuses through llm_refuse what this dialect cannot say. out is bounded: ERR_NO_ROOM. */
  enum err (*write_request)(struct llm_request *rq, struct buf *out, struct fault *f);

  /* The provider's plain answer; doc read leniently with raw_numbers. ERR_UPSTREAM_PROTOCOL when it is not an answer of
   * this dialect or holds content that cannot be understood (f says what): content is never dropped. */
  enum err (*read_answer)(const struct json *doc, struct arena *a, struct llm_answer *out, struct fault *f);
  void (*write_answer)(const struct llm_answer *answer, const struct llm_echo *echo, struct buf *out);

  /* Streams. reader and writer are zeroed memory of these sizes that lives as long as the stream. Without writer_done
   * they hold no heap memory and do not grow: what must be remembered (ids, names) is bounded and its length is
   * checked. */
  size_t reader_bytes, writer_bytes;
  /* One event of the provider: its name (may be empty) and data. For event streams of AWS the name is :event-type, or
   * :exception-type, which ends in "Exception". Both texts empty: the stream has ended. Where the dialect's last event
   * was left out but the answer is known to be whole (chat completions: a finish reason without [DONE]), STOP and END
   * are emitted then; otherwise nothing, and whether END was seen tells whether it was cut. Emits 0..n events that obey
   * the grammar. ERR_UPSTREAM_PROTOCOL for what cannot be understood. notes: as in llm_answer. */
  enum err (*read_event)(void *reader, struct text event, struct text data, struct llm_sink *sink,
                         struct llm_notes *notes, struct fault *f);
  /* Appends the framed events of this dialect (SSE text, or event-stream frames) that say e; often none or several. */
  void (*write_event)(void *writer, const struct llm_echo *echo, const struct llm_event *e, struct buf *out);
  /* Frees what a writer holds, for the dialect whose last event repeats the whole answer (Responses): such a writer
   * keeps the answer's texts in a bounded buffer. NULL for all others. Safe on zeroed memory. */
  void (*writer_done)(void *writer);
  /* Appends what tells a client in the middle of this stream that it is broken. */
  void (*write_failure)(void *writer, const struct llm_echo *echo, const struct fault *fault, struct text request_id,
                        struct buf *out);
};

extern const struct dialect dialect_anthropic, dialect_openai_chat, dialect_openai_responses, dialect_converse,
    dialect_invoke; /* Anthropic's bodies in Bedrock's envelope */

#endif
