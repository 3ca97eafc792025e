/* The request path: what the rest of the program needs to know of it. One gateway a process, one gateway_worker a
 * worker thread. gateway_serve answers every data request (/v1, /ak and the vendors' mounts, see route.h); everything
 * about a single request is in exchange.h. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "config/config.h"
#include "fiber/offload.h"
#include "gateway/routes.h"
#include "ledger/ledger.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "ports/identity.h"
#include "ports/provider.h"
#include "ports/store.h"
#include "ports/telemetry.h"
#include "traffic/affinity.h"
#include "traffic/limiter.h"
#include "traffic/retry.h"

#include <stdatomic.h>

/* The ports and shared parts, joined by app.c. All outlive every worker. */
struct gateway {
  struct identity *identity;
  struct ledger *ledger;
  struct limiter *limiter;
  struct store *store; /* for the spent amount of a budget's period */
  struct offload *offload;
  struct telemetry *telemetry;
  const struct provider *(*provider_find)(struct text kind);
  struct catalogues *catalogues; /* NULL: no vendor's list is fetched */
  /* What is learned of the targets, whatever the configuration; NULL members (tests): nothing is. */
  struct routes_state state;
  struct affinity *affinity;
  struct retry_budget *retries;
  struct http_memory *memory; /* request bodies and whole answers; NULL: not counted */
  atomic_size_t streams;      /* streamed answers at this time */
};

/* A configuration as one worker uses it: with the connection pools of its providers. Counted on the worker's own
 * thread; an exchange keeps the one it began with. */
struct gateway_snapshot {
  unsigned refs;
  struct config *config;
  struct http_origin **origins; /* by provider index */
  struct text *base_paths;      /* likewise: the path of the provider's base URL */
  struct routes *routes;        /* the targets of its models, looked up */
  bool remembers;               /* some model has several targets, and where a conversation's cache is shall count */
  bool mixes;                   /* there are providers of different kinds: reasoning of one may be sent to another */
  struct aws_source ***sources; /* by provider and credential index; NULL for providers that are not signed */
};

#define GATEWAY_BACKGROUND_MAX 8
struct gateway_worker {
  struct gateway *gateway;
  unsigned index;
  struct http_client *client;
  struct gateway_snapshot *snapshot;                /* the newest; replaced on the worker's own thread only */
  struct fiber *background[GATEWAY_BACKGROUND_MAX]; /* NULL: free */
  bool stopping;
};

/* Swaps the snapshot (takes over the reference) and finds the origins of its providers. On the worker's thread, outside
 * any exchange. On failure the old snapshot stays and the new one is given back. */
enum err gateway_worker_use(struct gateway_worker *w, struct config *c, struct fault *f) MUST_CHECK;
/* Cancels what runs beside the requests; nothing new begins. On the worker's thread. */
void gateway_worker_stop(struct gateway_worker *w);
void gateway_worker_done(struct gateway_worker *w);
void gateway_snapshot_unref(struct gateway_snapshot *s); /* NULL is fine */

/* Is this path a data path? */
bool gateway_owns(struct text path);
/* Answers a browser that asks whether a page may send a request (CORS); false: it is no such question. What comes then
 * is answered readably only for pages that its key names. */
bool gateway_preflight(struct http_request *rq);
/* Answers one data request; waits. Errors reach the client in its own wire; every outcome is recorded. */
void gateway_serve(struct gateway_worker *w, struct http_request *rq);
/* The body of an error that happened before a request could be served, in the wire that the target suggests. */
void gateway_write_refusal(const struct fault *f, struct text target, struct text request_id, struct buf *out);
/* The header that says its type where that wire has one ("x-amzn-errortype"); else its name is empty. */
struct http_header gateway_refusal_header(const struct fault *f, struct text target);

#endif
