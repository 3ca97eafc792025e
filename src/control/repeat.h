/* Idempotency-Key: the same request sent again gets the same answer, and nothing is done twice
 * (draft-ietf-httpapi-idempotency-key-header). Private to control/. Blocks: on the offload pool. */
#ifndef CONTROL_REPEAT_H
#define CONTROL_REPEAT_H

#include "control/api.h"

/* Runs the handler, unless the answer is known, and writes the answer's text. An answer that is an error is not kept:
 * nothing was changed, and the request may be tried again under the same key. ERR_STORE_CONFLICT: the same is being
 * done at this moment; ERR_BAD_REQUEST (422): the key was used for something else. */
enum err repeat_run(struct api_call *c, enum err (*run)(struct api_call *c, struct fault *f),
                    struct fault *f) MUST_CHECK;

#endif
