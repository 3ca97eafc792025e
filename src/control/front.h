/* The control API over the network: who may reach it at all (addresses, pages of other sites), who calls, and then the
 * API, its document and the page that shows it. The operator's own socket has no need of this. */
#ifndef CONTROL_FRONT_H
#define CONTROL_FRONT_H

#include "control/api.h"

/* Given by app.c, outlives every call. */
struct front {
  const struct api *api;
  struct access *access;
};

bool front_owns(struct text path); /* the control API, and pages of the program itself (docs.h) */
/* Answers; waits. */
void front_serve(const struct front *front, struct gateway_worker *w, struct http_request *rq);

#endif
