/* The response object, as plain answers and the first and last events of a stream hold it. Pure. */
#ifndef WIRE_OPENAI_RESPONSES_OUTPUT_H
#define WIRE_OPENAI_RESPONSES_OUTPUT_H

#include "wire/dialect.h"

enum responses_status { RESPONSES_IN_PROGRESS, RESPONSES_COMPLETED, RESPONSES_INCOMPLETE, RESPONSES_FAILED };

struct responses_object {
  struct text head; /* made by responses_make_head */
  enum responses_status status;
  enum llm_stop stop; /* RESPONSES_INCOMPLETE: why */
  struct text output; /* items as JSON with commas between them */
  struct usage usage;
  struct text service_tier;
  const struct fault *fault; /* RESPONSES_FAILED */
};

/* The members that never change, as JSON without braces: id, object, created_at, model. Appended to out. */
void responses_make_head(struct text id, struct text model, int64_t created_s, const struct llm_echo *echo,
                         struct buf *out);
void responses_put_object(struct json_writer *w, const struct responses_object *o, const struct llm_echo *echo);
/* How an answer that stopped this way ended. has_refusal: it holds a refusal in words. */
enum responses_status responses_status_of(enum llm_stop stop, bool has_refusal);
/* A word for what went wrong, of those that OpenAI uses. Never NULL. */
const char *responses_error_code(const struct fault *f);
/* The event `error`, framed. */
void responses_write_error_event(struct buf *out, const struct fault *f, uint64_t sequence);

#endif
