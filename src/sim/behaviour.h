/* How a simulated provider shall behave, read from a model name or from the header x-sim-behaviour. Pure.
 *
 * One or more of these, joined by '+' (in a header also by ','), each with or without the prefix "sim-":
 *   text tools thinking cache image     what the answer holds
 *   long-N                              N text deltas (1 to 1000000)
 *   slow-MS drip-MS                     wait before the first byte, and between events (up to 600000)
 *   fail-STATUS                         an error of that status (400 to 599) in the dialect's shape
 *   usage-limit                         429 with the body of an exhausted plan
 *   reset-after-N cut-after-N error-after-N   TCP reset, clean end without the last event, or an error event, after N
 * events frame-N merge                       packets of N bytes; all events in as few writes as possible hang garbage
 * gzip nousage empty     never answers; not JSON; compressed; without usage; without content */
#ifndef SIM_BEHAVIOUR_H
#define SIM_BEHAVIOUR_H

#include "base/text.h"

enum behaviour_break { BEHAVIOUR_BREAK_NONE, BEHAVIOUR_BREAK_RESET, BEHAVIOUR_BREAK_CUT, BEHAVIOUR_BREAK_ERROR };

struct behaviour {
  bool tools, thinking, cache;
  bool usage_limit, merge, hang, garbage, gzip, no_usage, empty;
  uint32_t long_words, slow_ms, drip_ms, fail_status, frame_bytes; /* 0: not asked for */
  uint32_t break_after;                                            /* events, when break_by is not NONE */
  enum behaviour_break break_by;
};

/* From a model name. A name that says nothing to us (any real model's name) is plain text: never fails. */
struct behaviour behaviour_of_model(struct text model);
/* From a header: an unknown name or a number out of range is ERR_BAD_REQUEST, naming it. */
enum err behaviour_of_header(struct text value, struct behaviour *out, struct fault *f) MUST_CHECK;

#endif
