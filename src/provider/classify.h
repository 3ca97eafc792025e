/* Understanding a vendor's answer by status and body. Pure. */
#ifndef PROVIDER_CLASSIFY_H
#define PROVIDER_CLASSIFY_H

#include "ports/provider.h"

/* The rules all vendors share (product.md R2): 2xx ok, 408 timeout, 402 and a 429 or 403 that speaks of quota usage
 * limit, other 429 rate limit, 401 and 403 auth, 5xx and everything that is no answer to us (1xx, 3xx) server error,
 * other 4xx client error. */
enum provider_class classify_common(int status, struct text body);
/* Does the error in the body say that a quota, plan or credit is used up (and not only that calls come too fast)? */
bool classify_speaks_of_usage(struct text body);
/* The error message in the body begins with one of the openings. */
bool classify_message_starts(struct text body, const struct text *openings, size_t count);

#endif
