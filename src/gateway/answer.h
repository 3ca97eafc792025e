/* Reading a provider's answer: bytes, unpacked when they are compressed, and for streams cut into events that the tap
 * reads. Shared by judge.c, before the first byte to the client, and relay.c, after it. */
#ifndef GATEWAY_ANSWER_H
#define GATEWAY_ANSWER_H

#include "gateway/exchange.h"

#define ERROR_BODY_MAX_BYTES ((size_t)1024 * 1024) /* of a provider's error answer */

/* Looks at the reply's head: compression, stream or not. ERR_UPSTREAM_PROTOCOL for a content coding that cannot be
 * read. */
enum err answer_begin(struct attempt *t) MUST_CHECK;
/* Frees what it holds; safe at any time. */
void answer_end(struct attempt *t);
/* An empty held, with room for what its limits allow and one read more. */
void answer_hold(struct attempt *t);
/* Some bytes of the unpacked body appended to t->answer.held (bounded by max_bytes in all; one read more where they are
 * events, whose own limit answer_scan_held keeps), waiting for them. ERR_END when the body is complete. */
enum err answer_fill(struct attempt *t, size_t max_bytes) MUST_CHECK;
/* Taps every complete event of bytes[*ready .. *len); dropped ones are cut out and *len shrinks. *ready moves behind
 * the last complete event. scan as in sse_next, relative to *ready. */
enum err answer_scan(struct attempt *t, char *bytes, size_t *len, size_t *ready, size_t *scan) MUST_CHECK;
/* The same over all that is held. What is left behind the last complete event must be within the limit of one event. */
enum err answer_scan_held(struct attempt *t) MUST_CHECK;
/* ERR_UPSTREAM_PROTOCOL when an incomplete event of len bytes is larger than an event may be. */
enum err answer_check_event(struct attempt *t, size_t len) MUST_CHECK;
/* The stream has ended and `rest` is what followed the last complete event: an event without its blank line still
 * counts when it is the terminal one. A stream that is translated is told its end, since some providers end without a
 * word. */
void answer_scan_rest(struct attempt *t, struct text rest);

#endif
