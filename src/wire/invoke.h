/* Bedrock's InvokeModel with Anthropic's bodies: the same messages as wire/anthropic, in Bedrock's envelope. The model
 * and whether the answer streams are said by the path; streams are event streams of chunks; errors are Bedrock's. Pure.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html */
#ifndef WIRE_INVOKE_H
#define WIRE_INVOKE_H

#include "wire/dialect.h"
#include "wire/wire.h"

/* See struct wire in wire.h. Chunks are decoded and read like events of the Anthropic dialect. */
enum err invoke_tap_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                          struct fault *f) MUST_CHECK;
/* See struct dialect in dialect.h. */
enum err invoke_read_event(void *reader, struct text event, struct text data, struct llm_sink *sink,
                           struct llm_notes *notes, struct fault *f) MUST_CHECK;

#endif
