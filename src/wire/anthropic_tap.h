/* Reads usage and the state of an answer of the Anthropic Messages API, plain and streamed. Pure.
 * https://docs.anthropic.com/en/api/messages and .../messages-streaming */
#ifndef WIRE_ANTHROPIC_TAP_H
#define WIRE_ANTHROPIC_TAP_H

#include "wire/wire.h"

/* See struct wire in wire.h. */
enum err anthropic_tap_plain(struct wire_tap *t, struct text body, struct fault *f) MUST_CHECK;
enum err anthropic_tap_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                             struct fault *f) MUST_CHECK;
/* Members present in `usage` replace what t knows; absent, null and impossible ones change nothing. Counts are
 * cumulative in this dialect and are never added up, except the steps of context compaction, which the totals leave
 * out. */
void anthropic_tap_usage(struct wire_tap *t, yyjson_val *usage);

#endif
