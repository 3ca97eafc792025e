/* Upstream statuses and error types, and the fault a provider's error event becomes. Pure. */
#ifndef WIRE_FAULT_MAP_H
#define WIRE_FAULT_MAP_H

#include "base/text.h"

/* Does the fault carry a status other than its own row's, so that the type must follow the status? */
bool fault_map_by_status(const struct fault *f);
/* Fills *out from an upstream's error: err by status (429 rate, or usage when usage_limit; 504 timeout; 5xx server;
 * others UPSTREAM_STATUS), the status, and the message cut to fit; an empty message leaves the row's text. */
void fault_map_upstream(int status, bool usage_limit, struct text message, struct fault *out);
/* Adds one of the upstream's own names for the error to f->names; one that is empty, holds a space or does not fit any
 * more is left out. */
void fault_map_name(struct fault *f, struct text name);

#endif
