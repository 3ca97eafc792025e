/* The page /api/docs, on which the control API can be read and tried: made from the OpenAPI document by a script that
 * comes from here, as everything else on it does. */
#ifndef CONTROL_DOCS_H
#define CONTROL_DOCS_H

#include "net/http_server.h"

bool docs_owns(struct text path);
/* Answers; waits. The page may load nothing but its own script and style, and talk to nobody but this server. */
void docs_serve(struct http_request *rq);

#endif
