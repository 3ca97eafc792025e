/* Error bodies and events of the OpenAI dialects (chat, embeddings). Pure.
 * https://platform.openai.com/docs/guides/error-codes */
#ifndef WIRE_OPENAI_ERROR_H
#define WIRE_OPENAI_ERROR_H

#include "wire/fault_map.h"
#include "wire/wire.h"

/* What an "error" member of an answer says, as a fault. error may be an object or a string. */
void openai_error_read(yyjson_val *error, struct fault *out);
/* See struct wire in wire.h. request_id is not part of this shape. */
bool openai_error_is(struct text body);
void openai_error_write(struct buf *out, const struct fault *f, struct text request_id);
void openai_error_write_event(struct buf *out, const struct fault *f, struct text request_id);

#endif
