/* Pages of other sites that may read what the control API and the pages of signing in answer (CORS, as the Fetch
 * standard has it): those of `control.cors_origins`, each by its name and never all. Pure. */
#ifndef CONTROL_SITES_H
#define CONTROL_SITES_H

#include "config/config.h"
#include "net/http_server.h"

#define SITES_HEADERS 4 /* of an answer */

/* Where the request's page comes from is one of the list. */
bool sites_know(const struct config_control *c, const struct http_request *rq);
/* For every answer; how many. The values live as long as the request and the configuration. */
size_t sites_headers(const struct config_control *c, const struct http_request *rq,
                     struct http_header out[SITES_HEADERS]);
/* A browser asks whether its page may send something. */
bool sites_is_preflight(const struct http_request *rq);
/* Answers that: 204, and who may do what only to pages of the list. */
void sites_answer_preflight(const struct config_control *c, struct http_request *rq);

#endif
