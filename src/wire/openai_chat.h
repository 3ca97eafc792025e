/* The chat completions dialect, in parts: see dialect.h for what each does. Pure.
 * https://platform.openai.com/docs/api-reference/chat and, for the accent, https://openrouter.ai/docs/api-reference */
#ifndef WIRE_OPENAI_CHAT_H
#define WIRE_OPENAI_CHAT_H

#include "wire/dialect.h"
#include "wire/rules.h"

enum err openai_chat_read_request(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                                  struct fault *f) MUST_CHECK;
/* The messages of a request: its part of read_request. */
enum err openai_chat_read_messages(struct rules *r, yyjson_val *messages) MUST_CHECK;

/* Rows (rules.h): tools, tool_choice; Anthropic's {type:"ephemeral", ttl:"5m"|"1h"} as OpenRouter takes it. */
enum err openai_chat_read_tools(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK;
enum err openai_chat_read_tool_choice(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK;
enum err openai_chat_read_cache_control(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK;

enum err openai_chat_write_request(struct llm_request *rq, struct buf *out, struct fault *f) MUST_CHECK;
/* The members "messages": its part of write_request. */
enum err openai_chat_write_messages(struct llm_request *rq, struct json_writer *w, struct fault *f) MUST_CHECK;

/* Plain answers: see dialect.h. */
enum err openai_chat_read_answer(const struct json *doc, struct arena *a, struct llm_answer *out,
                                 struct fault *f) MUST_CHECK;
void openai_chat_write_answer(const struct llm_answer *answer, const struct llm_echo *echo, struct buf *out);

#define OPENAI_CHAT_ID_BYTES    128
#define OPENAI_CHAT_MODEL_BYTES 256

/* Between two chunks of a provider. */
struct openai_chat_reader {
  bool started, ended, failed;
  bool is_open;
  enum llm_kind kind; /* of the open block, as the next three */
  uint32_t index;     /* of the open block, or of the next one */
  uint64_t call, call_id_hash;
  bool has_call_index, has_signature, is_plain; /* is_plain: a THINKING out of text without details */
  uint32_t calls;                               /* tool calls seen */
  uint64_t seen_calls[2];                       /* indexes of tool calls seen, one bit each */
  int detail_kind;
  char detail_index[24], detail_format[64], detail_id[OPENAI_CHAT_ID_BYTES];
  uint64_t characters, block_start; /* of the content: all, and where the open TEXT began */
  bool has_finish, said_refusal;
  enum llm_stop stop;
  char stop_sequence[256], service_tier[32];
  uint64_t id_hash; /* of the answer's id, for calls without one */
  struct usage usage;
  int64_t cost_nano;
};
enum err openai_chat_read_event(void *reader, struct text event, struct text data, struct llm_sink *sink,
                                struct llm_notes *notes, struct fault *f) MUST_CHECK;

/* Between two chunks to a client. */
struct openai_chat_writer {
  char id[OPENAI_CHAT_ID_BYTES], model[OPENAI_CHAT_MODEL_BYTES]; /* id empty: of the echo */
  int64_t created_s;
  enum llm_kind kind; /* of the open block, as the next three */
  bool is_custom, has_input, said_details;
  char format[64], thought_id[OPENAI_CHAT_ID_BYTES];
  uint32_t calls, details; /* begun so far */
  uint64_t characters, block_start;
  bool said_refusal;
};
void openai_chat_write_event(void *writer, const struct llm_echo *echo, const struct llm_event *e, struct buf *out);
void openai_chat_write_failure(void *writer, const struct llm_echo *echo, const struct fault *fault,
                               struct text request_id, struct buf *out);

#endif
