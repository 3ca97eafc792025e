/* Plain answers of the Anthropic Messages API: struct dialect, read_answer and write_answer. Pure.
 * https://docs.anthropic.com/en/api/messages */
#ifndef WIRE_ANTHROPIC_ANSWER_H
#define WIRE_ANTHROPIC_ANSWER_H

#include "wire/dialect.h"

/* See struct dialect in dialect.h: a plain answer read. */
enum err anthropic_answer_read(const struct json *doc, struct arena *a, struct llm_answer *out,
                               struct fault *f) MUST_CHECK;
/* And written. The members of the newest version of the API are all there; older clients pass over them. */
void anthropic_answer_write(const struct llm_answer *answer, const struct llm_echo *echo, struct buf *out);

#endif
