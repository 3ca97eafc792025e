/* The forms in which vendors say when to come back; provider_retry_after_us in ports/provider.h puts them together.
 * Pure: what time it is comes in. */
#ifndef PROVIDER_RETRY_AFTER_H
#define PROVIDER_RETRY_AFTER_H

#include "ports/provider.h"

/* An HTTP date in any of its three forms (RFC 9110 section 5.6.7), in microseconds since 1970. A year of two digits is
 * the one nearest below fifty years from now_us. The name of the weekday is not compared with the date. False for
 * anything else; *out is then untouched, as below. */
bool retry_after_http_date(struct text t, int64_t now_us, int64_t *out);
/* RFC 3339, with `Z` or an offset; of a fraction at most six digits count. Microseconds since 1970. */
bool retry_after_rfc3339(struct text t, int64_t *out);
/* "1s", "6m0s", "12ms", "1h2m3.5s": numbers with units, largest first or not. Microseconds, a day at most. */
bool retry_after_duration(struct text t, int64_t *out);

#endif
