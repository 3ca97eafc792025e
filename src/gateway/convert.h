/* An answer in another dialect or envelope than the caller's: each event of the provider becomes events of the
 * client's, appended to t->answer.out. Called by judge.c and relay.c through answer.c, which finds the events. Never
 * waits. */
#ifndef GATEWAY_CONVERT_H
#define GATEWAY_CONVERT_H

#include "gateway/exchange.h"

/* For a good answer that is about to be read; sets t->answer.converts. */
void convert_begin(struct attempt *t);
/* Ends what convert_begin began; safe at any time. */
void convert_end(struct attempt *t);
/* One event of the provider's stream, read along by the tap. Both texts empty: the stream has ended. */
enum err convert_event(struct attempt *t, struct text event, struct text data) MUST_CHECK;
/* The whole plain answer in held, written anew into out; the tap learns from it. */
enum err convert_plain(struct attempt *t) MUST_CHECK;
/* What tells the client in the middle of its stream that it is broken, in its dialect, appended to out. */
void convert_failure(struct attempt *t, const struct fault *f, struct text request_id, struct buf *out);

#endif
