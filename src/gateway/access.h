/* The AWS credentials of a signed provider, kept fresh. */
#ifndef GATEWAY_ACCESS_H
#define GATEWAY_ACCESS_H

#include "gateway/exchange.h"

struct aws_credentials;

/* Takes references to the sources of all signed providers of a new snapshot. ERR_LIMIT when there are too many. */
enum err access_open(struct gateway_worker *w, struct gateway_snapshot *s, struct fault *f) MUST_CHECK;
void access_close(struct gateway_snapshot *s);
/* The credentials in force for the attempt's candidate, in the exchange's arena. Waits for the offload pool when they
 * have to be fetched first; what merely grows old is renewed in the background. ERR_UPSTREAM_NETWORK (f says what was
 * tried): none could be had, so that another target may be. */
enum err access_find(struct attempt *t, struct aws_credentials *out) MUST_CHECK;

#endif
