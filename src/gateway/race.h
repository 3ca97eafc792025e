/* Hedging: a target that lets its first token wait is raced by a second one. */
#ifndef GATEWAY_RACE_H
#define GATEWAY_RACE_H

#include "gateway/exchange.h"

/* Does the model ask for it, and is this a call of which two may run? */
bool race_applies(const struct exchange *x, const struct attempt *first);
/* What a race asks of the walk over the candidates (send.c). */
struct race_walk {
  struct attempt *(*second)(void *ctx);                     /* another attempt, entered and built, or NULL */
  void (*note_failure)(void *ctx, const struct attempt *t); /* it fails while the other one is still in the race */
  void *ctx;
};

/* Runs *t; when it has brought no first token within the model's delay, walk->second may give another attempt. The
 * first good one is what *t becomes; the other is cancelled at once and settled as hedge_lost. A failure while the
 * other may still win is noted, settled as failed_over, and the other waited for. Results as attempt_run, of what *t is
 * then; on ERR_CANCELLED both have ended. Waits. */
enum err race_run(struct attempt **t, const struct race_walk *walk) MUST_CHECK;

#endif
