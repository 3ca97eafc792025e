/* How a simulated provider shall behave, read from a model name or from the header x-sim-behaviour. Pure.
 *
 * One or more of these, joined by '+' (in a header also by ','), each with or without the prefix "sim-":
 *   text tools tools2 thinking redacted cache image json refuse filter    what the answer holds, or why it stops
 *   long-N                              N text deltas (1 to 1000000)
 *   slow-MS drip-MS                     wait before the first byte, and between events (up to 600000)
 *   fail-STATUS                         an error of that status (400 to 599) in the dialect's shape
 *   usage-limit                         429 with the body of an exhausted plan
 *   reset-after-N cut-after-N half-after-N    after N events: TCP reset, clean end without the last event, or in the
 *                                             middle of an event
 *   error-after-N throttle-after-N internal-after-N invalid-after-N unavailable-after-N failed-after-N
 *                                       an error inside the stream, of the dialect's usual kind or of that kind
 *   badcrc-after-N garbage-after-N      an event that is damaged (a wrong CRC where there is one), or rubbish
 *   frame-N merge                       packets of N bytes; all events in as few writes as possible
 *   hang garbage gzip nousage empty     never answers; not JSON; compressed; without usage; without content */
#ifndef SIM_BEHAVIOUR_H
#define SIM_BEHAVIOUR_H

#include "base/text.h"

enum behaviour_break {
  BEHAVIOUR_BREAK_NONE,
  BEHAVIOUR_BREAK_RESET,
  BEHAVIOUR_BREAK_CUT,
  BEHAVIOUR_BREAK_HALF,
  BEHAVIOUR_BREAK_DAMAGE,
  BEHAVIOUR_BREAK_GARBAGE,
  BEHAVIOUR_BREAK_ERROR, /* this and all that follow are errors in the dialect's own words */
  BEHAVIOUR_BREAK_THROTTLE,
  BEHAVIOUR_BREAK_INTERNAL,
  BEHAVIOUR_BREAK_INVALID,
  BEHAVIOUR_BREAK_UNAVAILABLE,
  BEHAVIOUR_BREAK_FAILED
};

struct behaviour {
  bool tools, thinking, redacted, cache, json, refuse, filter;
  bool usage_limit, merge, hang, garbage, gzip, no_usage, empty;
  uint32_t long_words, slow_ms, drip_ms, fail_status, frame_bytes; /* 0: not asked for */
  uint32_t break_after;                                            /* events, when break_by is not NONE */
  enum behaviour_break break_by;
};

/* The part of a model's name that may name a behaviour: without a path before it ("openai/sim-text", an ARN), a region
 * and a vendor ("us.anthropic.sim-text-v1:0"), a version ("-v1:0") and a variant ("sim-text:free"). A slice of model.
 */
struct text behaviour_name(struct text model);
/* From a model name. A name that says nothing to us (any real model's name) is plain text: never fails. */
struct behaviour behaviour_of_model(struct text model);
/* From a header: an unknown name or a number out of range is ERR_BAD_REQUEST, naming it. */
enum err behaviour_of_header(struct text value, struct behaviour *out, struct fault *f) MUST_CHECK;

#endif
