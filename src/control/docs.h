/* Pages of the program's own: /api/docs, on which the control API can be read and tried, made from the OpenAPI document
 * by a script; /signin; /setup, /accept and /magic, to which one-time links lead. All that is on them comes from here.
 */
#ifndef CONTROL_DOCS_H
#define CONTROL_DOCS_H

#include "net/http_server.h"

bool docs_owns(struct text path);
/* Answers; waits. A page may load nothing but its own script and style, and talk to nobody but this server. */
void docs_serve(struct http_request *rq);

#endif
