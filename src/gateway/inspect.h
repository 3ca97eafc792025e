/* What an operator sees of the routing, and the one thing that can be changed by hand: a breaker. JSON for the local
 * control socket and the control API. */
#ifndef GATEWAY_INSPECT_H
#define GATEWAY_INSPECT_H

#include "gateway/gateway.h"

/* {"breakers": [...]}: every breaker with its state, counters and reason. */
void inspect_breakers(const struct gateway *g, const struct config *c, int64_t now_us, struct buf *out);
/* {"targets": [...]}: every target that was called, with its calls in flight and waiting and its times to the first
 * token. */
void inspect_targets(const struct gateway *g, int64_t now_us, struct buf *out);
/* Breakers that let no ordinary call through, for metrics. Any thread. */
uint64_t inspect_open_breakers(const struct gateway *g);
/* Opens or closes a provider's breakers until further notice, or gives them back to their rule. body: {"provider":
 * NAME, "credential": NAME (when absent all of them, and those of callers with credentials of their own), "force":
 * "open" | "closed" | "automatic", "reason": TEXT}. The answer is that of inspect_breakers. ERR_BAD_REQUEST and
 * ERR_NOT_FOUND name the member. */
enum err inspect_force(const struct gateway *g, const struct config *c, struct text body, int64_t now_us,
                       struct buf *out, struct fault *f) MUST_CHECK;

#endif
