/* reasoning_details that come back to OpenRouter. Pure. */
#ifndef SIM_OPENROUTER_REASONING_H
#define SIM_OPENROUTER_REASONING_H

#include "base/json.h"

/* details: NULL or a list. What bears a signature, and what is encrypted, must be what the simulator gave: the texts up
 * to a signature (of one index) are one. ERR_BAD_REQUEST otherwise; path: of the list. */
enum err openrouter_check_reasoning(yyjson_val *details, struct arena *a, struct text path, struct fault *f) MUST_CHECK;

#endif
