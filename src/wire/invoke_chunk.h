/* The chunks of InvokeModelWithResponseStream: event-stream frames of the type "chunk" whose payload {"bytes": "..."}
 * holds one event of the model's own dialect in base64. Pure.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_PayloadPart.html */
#ifndef WIRE_INVOKE_CHUNK_H
#define WIRE_INVOKE_CHUNK_H

#include "base/arena.h"
#include "base/buf.h"

#define INVOKE_CHUNK_MAX_BYTES ((size_t)32 * 1024 * 1024)

/* The event inside the payload of a chunk, in scratch (emptied first). ERR_UPSTREAM_PROTOCOL. */
enum err invoke_chunk_read(struct text payload, struct buf *scratch, struct text *out, struct fault *f) MUST_CHECK;

/* Writing: begin, then the event's JSON straight into out, then end, which turns it into a whole frame. */
struct invoke_chunk {
  size_t frame_at, event_at;
};
struct invoke_chunk invoke_chunk_begin(struct buf *out);
void invoke_chunk_end(struct buf *out, struct invoke_chunk c);

#endif
