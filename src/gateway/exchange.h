/* One request from its head to its last record: the struct that the stages share, and the stages in the order in which
 * they run. Private to gateway/. Each stage is one file; it reads what earlier stages filled and fills its own part. A
 * stage that refuses returns the error with x->fault set; only exchange.c answers refusals. */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include "gateway/gateway.h"
#include "gateway/route.h"

/* One way to serve the request: a target of the model with everything looked up. */
struct candidate {
  const struct config_target *target;
  const struct config_provider *provider;
  const struct config_credential *credential; /* NULL: none, or the caller's own is used */
  const struct provider *adapter;
  struct text upstream_model;
  struct price price; /* version 0: unknown */
};
#define CANDIDATES_MAX 16

enum attempt_state { ATTEMPT_NONE, ATTEMPT_OPEN, ATTEMPT_SETTLED };

/* The attempt under way (one at a time). */
struct attempt {
  enum attempt_state state;
  const struct candidate *candidate;
  struct http_reply *reply;
  struct ledger_row row;
  enum provider_class class;
  int upstream_status;
  int64_t started_us;
  bool usage_injected;
  bool head_arrived; /* the provider has accepted the call */
};

/* Bytes of the answer between their read and their use. */
struct answer {
  struct inflate *inflate; /* NULL: not compressed */
  struct buf held; /* plain: the whole body; stream: an incomplete event, or what the judge has read; empty and without
                      memory most of the time */
  size_t ready;    /* of held: complete events, tapped, to be sent */
  size_t scan;     /* of held: where sse_next goes on */
  bool is_stream, trimmed;
  bool began_with_error; /* stream: its first event was one */
};

struct exchange {
  struct gateway_worker *worker;
  struct http_request *rq;
  struct arena *arena;
  struct gateway_snapshot *snapshot; /* our reference */
  const struct config *config;       /* of the snapshot */
  struct fault fault;
  bool fault_quotes; /* the fault's text is partly the provider's: for the client, not for the log */

  /* intake */
  struct route route;
  struct text body;
  uint64_t request_bytes;
  struct wire_request ask;
  bool has_ask; /* the body was read as a request of the wire */

  /* identify */
  const struct principal *principal;
  struct text own_x_api_key, own_authorization; /* the caller's own provider credentials (only by /ak) */

  /* admit */
  struct limiter_ticket ticket;

  /* choose */
  const struct config_model *model;
  struct candidate *candidates; /* in the arena */
  size_t candidate_count;

  /* send, relay */
  struct attempt attempt;
  uint32_t attempts;
  struct wire_tap tap;
  struct answer answer;
  struct text upstream_request_id;
  const char *outcome; /* "ok", "error", "cancelled", "cut", "refused" */
  int status;          /* sent to the client; 0: nothing yet */
  uint64_t response_bytes;
  bool delivered;            /* stream: all that was read has been sent, the terminal event too */
  int64_t settled_cost_nano; /* over all attempts */
  uint64_t settled_tokens;
  struct usage usage; /* of the answering attempt */
  struct cost cost;

  /* time, loop microseconds */
  int64_t waited_us;      /* spent waiting for the provider or the client: not our overhead */
  int64_t first_token_us; /* -1: none yet */
  int64_t stage_us[TELEMETRY_STAGES];
};

/* intake.c: path -> route, and the headers that say how the body is to be read. */
enum err exchange_intake(struct exchange *x) MUST_CHECK;
/* identify.c: credential -> principal, and the caller's own provider credentials where they may travel. May wait. */
enum err exchange_identify(struct exchange *x) MUST_CHECK;
/* intake.c: the body, read up to its limit and checked; head of the request (model, stream, bounds). A stranger's body
 * is never read beyond what keeps his connection usable. Waits. */
enum err exchange_receive(struct exchange *x) MUST_CHECK;
void exchange_drop_body(struct exchange *x);
/* choose.c: model -> candidates in order, filtered by what the key may use and what the provider speaks. Pure but for
 * the config snapshot. Runs before admit, which needs the prices. */
enum err exchange_choose(struct exchange *x) MUST_CHECK;
/* admit.c: rate, concurrency and budget; fills the ticket. May wait for the store once a period. */
enum err exchange_admit(struct exchange *x) MUST_CHECK;
/* The most this call can cost with this candidate, nano-USD; 0 with an unknown price. */
int64_t exchange_worst_cost(const struct exchange *x, const struct candidate *c);
/* send.c: tries the candidates in order until one answers; ERR_OK with x->attempt holding a reply to relay (a good one,
 * or the provider's own error to be passed on). Every attempt that is given up has been settled. Waits. */
enum err exchange_send(struct exchange *x) MUST_CHECK;
/* relay.c: the reply to the client, plain or as a stream, the tap reading along. Waits. Sets x->outcome. */
enum err exchange_relay(struct exchange *x) MUST_CHECK;
/* settle.c: closes the attempt under way in the ledger with what the tap knows; no-op when none is open. Never waits.
 */
void exchange_settle_attempt(struct exchange *x, const char *outcome, const char *error);
/* Gives the admission back with the true cost. Idempotent. */
void exchange_settle(struct exchange *x);
/* models.c: GET /v1/models and /v1/models/{id}. */
enum err exchange_models(struct exchange *x) MUST_CHECK;

/* headers.c: what travels. Both write at most cap entries into out and return the count. */
size_t headers_for_upstream(const struct exchange *x, const struct provider_target *target, struct http_header *out,
                            size_t cap);
/* decoded: the body was unpacked, content-encoding must go. extra Weir headers are included. */
size_t headers_for_client(struct exchange *x, const struct http_headers *upstream, bool decoded,
                          struct http_header *out, size_t cap);
/* Weir's own headers (ids, provider, model, attempts, cache, server-timing) for answers that Weir makes itself. */
size_t headers_own(struct exchange *x, struct http_header *out, size_t cap);
#define HEADERS_CAP (HTTP_MAX_HEADERS + 16)

/* Logs what x->fault says and leaves the caller only `what`: paths and the store's own words are not for clients.
 * Returns e. */
enum err exchange_hide_fault(struct exchange *x, enum err e, const char *what);

/* Weir's own time so far: everything but waiting. */
int64_t exchange_overhead_us(const struct exchange *x);

#endif
