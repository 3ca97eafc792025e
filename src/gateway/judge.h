/* Is this reply what was asked for? Reads just enough of it to know, before anything goes to the client. */
#ifndef GATEWAY_JUDGE_H
#define GATEWAY_JUDGE_H

#include "gateway/exchange.h"

/* Sets t->class and, by what the reply is, prepares it for relay: an error answer or a plain answer is read
 * whole (t->answer.held), a stream until its first event that is not a comment. ERR_OK: relay it, whatever its class.
 * ERR_UPSTREAM_*: it is not usable (f says why): not the dialect, cut, too large, an error as the first event.
 * ERR_CANCELLED. Waits. */
enum err judge_reply(struct attempt *t) MUST_CHECK;

#endif
