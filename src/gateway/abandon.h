/* An answer whose client has left. */
#ifndef GATEWAY_ABANDON_H
#define GATEWAY_ABANDON_H

#include "gateway/attempt.h"

/* Where the provider's policy is to drain: reads the rest of the stream for what it says of its cost, and throws it
 * away; until its end, timeouts.abandoned after the client has left, limits.response_bytes, or the end of the program.
 * Elsewhere, or once the exchange's fiber is cancelled: nothing. The tap knows afterwards what there was to know.
 * Waits.
 */
void abandon_read_on(struct attempt *t);

#endif
