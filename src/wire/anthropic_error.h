/* Error bodies and events of the Anthropic dialect. Pure. https://docs.anthropic.com/en/api/errors */
#ifndef WIRE_ANTHROPIC_ERROR_H
#define WIRE_ANTHROPIC_ERROR_H

#include "wire/fault_map.h"
#include "wire/wire.h"

/* The status an error type stands for; 500 when unknown. */
int anthropic_error_status(struct text type);
/* What the "error" member of an error body or event says, as a fault. */
void anthropic_error_read(yyjson_val *error, struct fault *out);
/* See struct wire in wire.h. */
bool anthropic_error_is(struct text body);
void anthropic_error_write(struct buf *out, const struct fault *f, struct text request_id);
void anthropic_error_write_event(struct buf *out, const struct fault *f, struct text request_id);

#endif
