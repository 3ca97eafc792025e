/* The control API under /api/v1: one table of routes (routes.c), each with what it takes, what it gives, the permission
 * it needs and its handler. From the table come the checks of requests, the answers and the OpenAPI document. Here is
 * what a call is, and how one is served. */
#ifndef CONTROL_API_H
#define CONTROL_API_H

#include "control/feed.h"
#include "control/rates.h"
#include "control/shape.h"
#include "fiber/offload.h"
#include "gateway/gateway.h"
#include "net/http_server.h"
#include "ports/caller.h"
#include "ports/keysmith.h"
#include "ports/signin.h"
#include "ports/store.h"
#include "ports/store_audit.h"
#include "ports/vault.h"

#define API_VALUES_MAX 3
#define API_LIMIT      50 /* entries of a page, unless it is asked for others */
#define API_LIMIT_MAX  200
#define API_BODY_BYTES 65536
#define API_TAGS_MAX   8 /* entity tags of If-Match */

/* A place in a list: the order's value and id of the last entry before it. */
struct api_place {
  int64_t at, id;  /* both 0: the beginning, or the end */
  struct text key; /* the order's value where it is a text; at most API_KEY_MAX bytes */
};
#define API_KEY_MAX 400

/* What the handlers work with; given by app.c, outlives every call. */
struct api {
  struct store *store;
  struct offload *offload;
  struct keysmith *keysmith;
  struct vault *vault;                       /* NULL: nothing can be sealed here */
  struct signin *signin;                     /* NULL: nobody signs in */
  struct operations *operations;             /* NULL: nothing is checked */
  struct rates *rates;                       /* of callers; NULL: nobody counts */
  struct feed *feed;                         /* NULL: there is none here */
  const struct gateway *gateway;             /* that serves calls in this process; NULL: none does */
  int64_t (*job_attempts)(struct text kind); /* how often a job of the kind may be tried; 0: there is no such kind */
  /* The configuration as a reload would make it now, with these entries of the store (config/stored.h). Blocks. */
  enum err (*join)(void *ctx, const struct config_entry *entries, size_t count, struct config **out,
                   struct config_errors *errors);
  void *join_ctx;
};

/* Whose call this is, and what every answer to it says besides. Outlives the call. */
struct api_visit {
  const struct caller *caller;
  const struct http_header *headers;
  size_t header_count; /* at most API_VISIT_HEADERS */
  /* Whether it still is, asked anew: the errors of struct access. NULL: it always is. Waits. */
  enum err (*again)(const struct api_visit *v, struct arena *a, struct caller *out, struct fault *f);
  void *data; /* of again */
};
#define API_VISIT_HEADERS 4

struct api_call {
  const struct api *api;
  const struct api_route *route;
  const struct api_visit *visit;
  const struct caller *caller;
  int64_t org_id;              /* the organisation whose things are seen; 0: every one */
  struct audit_actor by;       /* the caller, as the audit log names them */
  const struct config *config; /* of the moment the call came */
  struct http_request *rq;
  struct arena *arena;                /* of the request */
  struct text values[API_VALUES_MAX]; /* of the path's {names}, in order, decoded */
  void *query, *body;                 /* structs of the route's shapes; NULL where it has none */
  struct text sent;                   /* the body's bytes */
  struct shape_errors *errors;        /* a handler may add to it (shape_refuse) and return ERR_BAD_REQUEST */
  int64_t now_us;                     /* wall clock */
  int64_t limit;                      /* of a list: how many at most, */
  struct api_place cursor;            /* and from where on, */
  uint32_t list;                      /* in the list of this order and these filters */
  int64_t if_match;                   /* of a change: the version it is made from, else ERR_STORE_STALE; 0: any */
  int64_t if_matches[API_TAGS_MAX];   /* what If-Match names; handlers are asked with one after the other */
  size_t if_match_count;
  struct text idempotency_key; /* "" for none */
  /* The answer: a struct of the route's shape or, of a list, an array of them. Lives in the arena. */
  const void *answer;
  size_t answer_count;
  struct api_place next; /* of a list: where the next page begins; the end: this was the last */
  int64_t version;       /* of the one thing that is answered, for its ETag; 0: it has none */
  int64_t made_id;       /* with 201: of what was made, which is below the path that was asked */
  bool is_fixed;         /* what is answered has no version and is not changed here: its ETag is made of its words */
  bool is_replay;        /* the answer is of an earlier request: version, location and text are its own */
  int stream_status;     /* of API_STREAM: what was answered */
  struct text location;
  struct buf text;
};

/* One thing; a list in pages; a list that comes whole; no body; one thing after the other for as long as one listens.
 */
enum api_kind { API_ONE, API_LIST, API_WHOLE, API_NOTHING, API_STREAM };

/* In place of a permission: whoever is known may. */
#define API_ANYBODY PERMISSION_COUNT

struct api_route {
  const char *method, *path; /* "/api/v1/keys/{id}" */
  const char *id;            /* of the operation in the document: "getKey" */
  const char *tag, *summary;
  /* own: with this one it is open too, for what is the caller's; which that is the handler knows. The same as
   * permission: there is none such. A caller needs one of the two in the whole organisation. */
  enum permission permission, own;
  /* One that is held in a single workspace is enough to come in: the handler sees to where it holds. */
  bool is_within;
  bool is_shared; /* of the whole installation: for callers of another organisation than the first it is not there */
  enum api_kind kind;
  int status; /* of the answer when all is well */
  const struct shape *query, *body, *answer;
  const struct shape *instead; /* of a 200 that may come in place of an answer without a body; NULL: none does */
  /* Runs on the offload pool: may block, must not wait as fibers do. ERR_NOT_FOUND for what is not there. Of
   * API_STREAM: runs in the request's fiber, waits, and has answered unless it fails. */
  enum err (*handle)(struct api_call *c, struct fault *f);
};

/* The table, and its length. */
extern const struct api_route api_routes[];
extern const size_t api_route_count;
/* Whether what the template leads to has versions, which its ETag names and If-Match may ask for. Of all else no entity
 * tag is known, so that none can match (RFC 9110 section 13.1.1). */
bool api_has_versions(const char *path);

bool api_owns(struct text path); /* /api and everything below */
/* Answers; waits. Who calls has been found out before; what they may do is decided here and by the handlers. Errors are
 * problem details (problem.h); 405 says what is allowed. */
void api_serve(const struct api *api, struct gateway_worker *w, const struct api_visit *v, struct http_request *rq);
/* The whole OpenAPI document, for GET /api/openapi.json. Answers; waits. */
void api_serve_document(struct http_request *rq, const struct http_header *headers, size_t count);

/* Texts of ids in paths: a whole number above 0. ERR_NOT_FOUND. */
enum err api_id(const struct api_call *c, size_t value, int64_t *out, struct fault *f) MUST_CHECK;
/* The caller may do this in that workspace (by its name; "": the whole organisation)? Else ERR_FORBIDDEN, which names
 * the permission. */
enum err api_may_in(const struct api_call *c, enum permission p, struct text workspace, struct fault *f) MUST_CHECK;
enum err api_lacks(enum permission p, struct fault *f); /* ERR_FORBIDDEN */
/* Under which user the caller's own keys, and calls, are. */
struct text api_own_name(const struct caller *c);
/* For lists of what has a user and a workspace, as they were asked for: who may not read all reads those of a workspace
 * where they may, when they ask for it, or their own: *user is theirs then, and *since_us (NULL where there is no time)
 * not before they had that name. ERR_FORBIDDEN */
struct api_own {
  struct text *user;
  int64_t *since_us;
  bool is_narrowed; /* to their own */
};
enum err api_narrow(const struct api_call *c, enum permission read, enum permission own, struct text workspace,
                    struct api_own *own_of, struct fault *f) MUST_CHECK;

#endif
