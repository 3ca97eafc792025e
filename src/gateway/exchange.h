/* One request from its head to its last record: the struct that the stages share, and the stages in the order in which
 * they run. Private to gateway/. Each stage is one file; it reads what earlier stages filled and fills its own part. A
 * stage that refuses returns the error with x->fault set; only exchange.c answers refusals. */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include "gateway/attempt.h"
#include "gateway/route.h"

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
  bool body_was_read;
  uint64_t request_bytes;
  struct wire_request ask;
  bool has_ask; /* the body was read as a request of the wire */

  /* identify */
  const struct principal *principal;
  struct text own_x_api_key, own_authorization; /* the caller's own provider credentials (only by /ak) */
  struct text cors_origin;                      /* whose pages may read the answer; "" for none */

  bool has_conversation; /* receive: what tells it from others, for whoever holds its prompt cache */
  uint64_t conversation[2];

  /* admit */
  struct limiter_ticket tickets[LIMITER_SUBJECT_COUNT]; /* the key's first; without an allowance: not held */
  bool is_counted_stream;                               /* among limits.streams */

  bool counts_here; /* no target can count tokens: we estimate */

  /* choose */
  const struct config_model *model;
  struct candidate *candidates; /* in the arena */
  size_t candidate_count;
  size_t place_count; /* targets that the model has in all */

  /* send, relay */
  struct attempt *attempt; /* the newest, or the one whose answer is relayed; NULL: none yet */
  uint32_t attempts, failovers, rounds;
  bool hedged, hedge_won;
  int64_t grace_us;    /* how long the call goes on when the client leaves */
  const char *outcome; /* "ok", "error", "cancelled", "cut", "refused" */
  int status;          /* sent to the client; 0: nothing yet */
  uint64_t response_bytes;
  bool delivered;            /* stream: all that was read has been sent, the terminal event or the error too */
  int64_t settled_cost_nano; /* over all attempts */
  uint64_t settled_tokens;
  struct usage usage; /* of the answering attempt */
  struct cost cost;

  /* time, loop microseconds */
  int64_t now_us;    /* when the running stage began: near enough for what it does before it waits */
  int64_t waited_us; /* spent waiting for the provider or the client: not our overhead */
  int64_t stage_us[TELEMETRY_STAGES];
};

/* A question for a number of tokens: free, and nothing is said by any model. */
static inline bool exchange_is_count(const struct exchange *x) {
  return x->route.operation == PROVIDER_COUNT_TOKENS || x->route.operation == PROVIDER_COUNT_BEDROCK;
}

/* intake.c: path -> route, and the headers that say how the body is to be read. */
enum err exchange_intake(struct exchange *x) MUST_CHECK;
/* identify.c: credential -> principal, and the caller's own provider credentials where they may travel. May wait. */
enum err exchange_identify(struct exchange *x) MUST_CHECK;
/* confine.c: the key may be used on this route, from this address, by pages of this site; fills cors_origin.
 * ERR_FORBIDDEN; ERR_NOT_FOUND when the key came by path. */
enum err exchange_confine(struct exchange *x) MUST_CHECK;
/* intake.c: the body, read up to its limit and checked; head of the request (model, stream, bounds). A stranger's body
 * is never read beyond what keeps his connection usable. Waits. */
enum err exchange_receive(struct exchange *x) MUST_CHECK;
/* intake.c: only the bytes; once. */
enum err exchange_read_body(struct exchange *x) MUST_CHECK;
void exchange_drop_body(struct exchange *x);
/* choose.c: model -> candidates in order, filtered by what the key may use and what the provider can be spoken to in.
 * Runs before admit, which needs the prices. Waits once for a vendor's first list of models. */
enum err exchange_choose(struct exchange *x) MUST_CHECK;
/* admit.c: rates, concurrency and budget, of the key and of what it shares; fills the tickets. May wait for the store
 * once a period. */
enum err exchange_admit(struct exchange *x) MUST_CHECK;
/* The most this call can cost with this candidate, nano-USD; 0 with an unknown price. */
int64_t exchange_worst_cost(const struct exchange *x, const struct candidate *c);
/* count.c: a token count that no target can make, answered here as a labelled estimate. */
enum err exchange_count(struct exchange *x) MUST_CHECK;
/* send.c: tries the candidates in order until one answers; ERR_OK with x->attempt holding a reply to relay (a good one,
 * or the provider's own error to be passed on). Every attempt that is given up has been settled. Waits. */
enum err exchange_send(struct exchange *x) MUST_CHECK;
/* relay.c: the reply to the client, plain or as a stream, the tap reading along. Waits. Sets x->outcome. */
enum err exchange_relay(struct exchange *x) MUST_CHECK;
/* settle.c: gives the admission back with the true cost. Idempotent. */
void exchange_settle(struct exchange *x);
/* models.c: GET /v1/models and /v1/models/{id}. */
enum err exchange_models(struct exchange *x) MUST_CHECK;

/* headers.c: Weir's own headers (ids, provider, model, attempts, cache, server-timing) for answers that Weir makes
 * itself. */
size_t headers_own(struct exchange *x, struct http_header *out, size_t cap);
/* The header that names the type of an error, for dialects that have one; returns the new count. */
size_t headers_add_error_type(const struct wire *w, const struct fault *f, struct http_header *out, size_t n,
                              size_t cap);

/* Logs what *f says and leaves the caller only `what`: paths and the store's own words are not for clients.
 * Returns e. */
enum err exchange_hide_fault(struct fault *f, enum err e, const char *what);

/* When the first token of the answer came, microseconds after the request; -1: not yet. */
int64_t exchange_first_token_us(const struct exchange *x);
/* Weir's own time up to now_us: everything but waiting. */
int64_t exchange_overhead_us(const struct exchange *x, int64_t now_us);

#endif
