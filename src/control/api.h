/* The control API under /api/v1: one table of routes (routes.c), each with what it takes, what it gives, the permission
 * it needs and its handler. From the table come the checks of requests, the answers and the OpenAPI document. Here is
 * what a call is, and how one is served. */
#ifndef CONTROL_API_H
#define CONTROL_API_H

#include "control/shape.h"
#include "fiber/offload.h"
#include "gateway/gateway.h"
#include "net/http_server.h"
#include "ports/store.h"

#define API_VALUES_MAX 3
#define API_LIMIT      50 /* entries of a page, unless it is asked for others */
#define API_LIMIT_MAX  200
#define API_BODY_BYTES 65536

/* A place in a list: the order's value and id of the last entry before it. */
struct api_place {
  int64_t at, id; /* both 0: the beginning, or the end */
};

/* Who calls, as the audit log names them. */
struct api_actor {
  struct text name, origin; /* "local:0", "socket" */
};

/* What the handlers work with; given by app.c, outlives every call. */
struct api {
  struct store *store;
  struct offload *offload;
};

struct api_call {
  const struct api *api;
  const struct api_route *route;
  const struct api_actor *actor;
  const struct config *config; /* of the moment the call came */
  struct http_request *rq;
  struct arena *arena;                /* of the request */
  struct text values[API_VALUES_MAX]; /* of the path's {names}, in order, decoded */
  void *query, *body;                 /* structs of the route's shapes; NULL where it has none */
  int64_t limit;                      /* of a list: how many at most, */
  struct api_place cursor;            /* and from where on */
  /* The answer: a struct of the route's shape or, of a list, an array of them. Lives in the arena. */
  const void *answer;
  size_t answer_count;
  struct api_place next; /* of a list: where the next page begins; the end: this was the last */
};

/* One thing; a list in pages; a list that comes whole; no body. */
enum api_kind { API_ONE, API_LIST, API_WHOLE, API_NOTHING };

struct api_route {
  const char *method, *path; /* "/api/v1/keys/{id}" */
  const char *id;            /* of the operation in the document: "getKey" */
  const char *tag, *summary;
  const char *permission; /* "keys.read" */
  enum api_kind kind;
  int status; /* of the answer when all is well */
  const struct shape *query, *body, *answer;
  /* Runs on the offload pool: may block, must not wait as fibers do. ERR_NOT_FOUND for what is not there. */
  enum err (*handle)(struct api_call *c, struct fault *f);
};

/* The table, and its length. */
extern const struct api_route api_routes[];
extern const size_t api_route_count;

bool api_owns(struct text path); /* /api and everything below */
/* Answers; waits. The actor may do everything: who they are, and that they may, has been decided before. Errors are
 * problem details (problem.h); 405 says what is allowed. */
void api_serve(const struct api *api, struct gateway_worker *w, const struct api_actor *actor, struct http_request *rq);
/* The whole OpenAPI document, for GET /api/openapi.json. Answers; waits. */
void api_serve_document(struct http_request *rq);

/* Texts of ids in paths: a whole number above 0. ERR_NOT_FOUND. */
enum err api_id(const struct api_call *c, size_t value, int64_t *out, struct fault *f) MUST_CHECK;

#endif
