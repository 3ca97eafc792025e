/* Work of the gateway that belongs to no request: fetching lists and credentials before they are needed. Bounded; ends
 * with its worker. */
#ifndef GATEWAY_BACKGROUND_H
#define GATEWAY_BACKGROUND_H

#include "gateway/gateway.h"

/* Runs run(w, s, about) in a fiber of its own on this worker, with the snapshot held until it returns; about must
 * belong to the snapshot's configuration. False, and nothing happens, when GATEWAY_BACKGROUND_MAX of them run already.
 */
bool background_start(struct gateway_worker *w, struct gateway_snapshot *s,
                      void (*run)(struct gateway_worker *w, struct gateway_snapshot *s, const void *about),
                      const void *about);

#endif
