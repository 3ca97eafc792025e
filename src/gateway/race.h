/* Hedging: a target that lets its first token wait is raced by a second one. */
#ifndef GATEWAY_RACE_H
#define GATEWAY_RACE_H

#include "gateway/exchange.h"

/* Does the model ask for it, and is this a call of which two may run? */
bool race_applies(const struct exchange *x, const struct attempt *first);
/* Who races: the exchange's walk over its candidates. */
struct race_walk {
  struct attempt *(*second)(void *ctx);                     /* another attempt, entered and built, or NULL */
  void (*note_failure)(void *ctx, const struct attempt *t); /* it is about to be given up while the other goes on */
  void *ctx;
};
/* Runs *t; when it has brought no first token within the model's delay, walk->second may give another one. The first
 * good one is what *t becomes; the other is cancelled at once and settled as hedge_lost. A failure is settled as
 * failed_over as long as the other may do better, and so is whatever the second target alone refuses: without a race
 * nobody would have asked it. Results as attempt_run, of what *t is then; on ERR_CANCELLED both have ended. Waits. */
enum err race_run(struct attempt **t, const struct race_walk *walk) MUST_CHECK;

#endif
