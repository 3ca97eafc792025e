/* Percent-decoding of a name in a path or a query. Pure. */
#ifndef GATEWAY_PERCENT_H
#define GATEWAY_PERCENT_H

#include "base/arena.h"

/* %XX undone (RFC 3986 section 2.1), into the arena. False when it cannot be a name: broken escapes, more than
 * max_bytes, control bytes, not UTF-8. */
bool percent_decode(struct text t, size_t max_bytes, struct arena *a, struct text *out);

#endif
