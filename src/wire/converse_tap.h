/* Reads usage and the state of an answer of Converse, plain and streamed. Pure.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html */
#ifndef WIRE_CONVERSE_TAP_H
#define WIRE_CONVERSE_TAP_H

#include "wire/wire.h"

/* See struct wire in wire.h. A stream has finished with its metadata, or with messageStop when an empty event with
 * empty data says that it has ended there. */
enum err converse_tap_plain(struct wire_tap *t, struct text body, struct fault *f) MUST_CHECK;
enum err converse_tap_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                            struct fault *f) MUST_CHECK;

#endif
