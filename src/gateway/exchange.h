/* One request from its head to its last record: the struct that the stages share, and the stages in the order in which
 * they run. Private to gateway/. Each stage is one file; it reads what earlier stages filled and fills its own part. A
 * stage that refuses returns the error with x->fault set; only exchange.c answers refusals. */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include "gateway/gateway.h"
#include "gateway/pairing.h"
#include "gateway/route.h"
#include "llm/answer.h"

/* One way to serve the request: a target of the model with everything looked up. */
struct candidate {
  const struct config_target *target;
  const struct config_provider *provider;
  const struct config_credential *credential; /* NULL: none, or the caller's own is used */
  const struct provider *adapter;
  struct text upstream_model;
  struct price price;         /* version 0: unknown */
  uint64_t max_output_tokens; /* of one answer; 0: unknown */
  struct pairing pairing;     /* raw paths: wire NULL, passed */
};
#define CANDIDATES_MAX 16

/* The call to a candidate as its provider is to get it. Built before anything is reserved: a request that cannot be
 * said to one provider is not an attempt. */
struct outgoing {
  struct text pieces[2 * JSON_EDITS_MAX + 1];
  size_t count;
  struct buf body;           /* what pieces point into when the body was written anew */
  bool usage_injected;       /* the client did not ask for the usage that the stream will bring */
  struct text beta, version; /* Anthropic's headers, where they are made of the body */
};

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
  enum wire_framing framing;
  bool converts;          /* what the client gets is written anew, into out */
  struct buf out;         /* bytes for the client; empty and without memory most of the time */
  void *reader, *writer;  /* states of the two dialects of a translated stream */
  struct llm_notes notes; /* what the caller's dialect has no place for */
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
  bool body_was_read;
  uint64_t request_bytes;
  struct wire_request ask;
  bool has_ask; /* the body was read as a request of the wire */

  /* identify */
  const struct principal *principal;
  struct text own_x_api_key, own_authorization; /* the caller's own provider credentials (only by /ak) */

  /* admit */
  struct limiter_ticket ticket;

  /* build: what an answer's writer must know of the request, and what was left out of it with the operator's leave */
  struct outgoing outgoing;
  struct llm_echo echo;
  struct text left_out, not_carried; /* of the request and of the answer; comma-separated */
  bool counts_here;                  /* no target can count tokens: we estimate */

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

/* A question for a number of tokens: free, and nothing is said by any model. */
static inline bool exchange_is_count(const struct exchange *x) {
  return x->route.operation == PROVIDER_COUNT_TOKENS || x->route.operation == PROVIDER_COUNT_BEDROCK;
}

/* intake.c: path -> route, and the headers that say how the body is to be read. */
enum err exchange_intake(struct exchange *x) MUST_CHECK;
/* identify.c: credential -> principal, and the caller's own provider credentials where they may travel. May wait. */
enum err exchange_identify(struct exchange *x) MUST_CHECK;
/* intake.c: the body, read up to its limit and checked; head of the request (model, stream, bounds). A stranger's body
 * is never read beyond what keeps his connection usable. Waits. */
enum err exchange_receive(struct exchange *x) MUST_CHECK;
/* intake.c: only the bytes; once. */
enum err exchange_read_body(struct exchange *x) MUST_CHECK;
void exchange_drop_body(struct exchange *x);
/* choose.c: model -> candidates in order, filtered by what the key may use and what the provider can be spoken to in.
 * Runs before admit, which needs the prices. Waits once for a vendor's first list of models. */
enum err exchange_choose(struct exchange *x) MUST_CHECK;
/* admit.c: rate, concurrency and budget; fills the ticket. May wait for the store once a period. */
enum err exchange_admit(struct exchange *x) MUST_CHECK;
/* The most this call can cost with this candidate, nano-USD; 0 with an unknown price. */
int64_t exchange_worst_cost(const struct exchange *x, const struct candidate *c);
/* count.c: a token count that no target can make, answered here as a labelled estimate. */
enum err exchange_count(struct exchange *x) MUST_CHECK;
/* count.c: a question for a count in Anthropic's words put into Bedrock's (x->outgoing holds the InvokeModel body), and
 * its answer (held) put back into Anthropic's (out). */
enum err exchange_wrap_count(struct exchange *x) MUST_CHECK;
enum err exchange_unwrap_count(struct exchange *x) MUST_CHECK;
/* build.c: x->outgoing for this candidate: edits, another envelope, or a translation. ERR_UNSUPPORTED and
 * ERR_BAD_REQUEST when the request cannot be said to it; f names the member. */
enum err exchange_build(struct exchange *x, const struct candidate *c) MUST_CHECK;
void exchange_drop_outgoing(struct exchange *x);
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
#define HEADERS_CAP (HTTP_MAX_HEADERS + 24)
/* What the caller's dialect had no place for in this answer, comma-separated; empty when nothing. */
struct text exchange_not_carried(const struct exchange *x);
/* The header that names the type of an error, for dialects that have one; returns the new count. */
size_t headers_add_error_type(const struct exchange *x, struct http_header *out, size_t n, size_t cap);

/* Logs what x->fault says and leaves the caller only `what`: paths and the store's own words are not for clients.
 * Returns e. */
enum err exchange_hide_fault(struct exchange *x, enum err e, const char *what);

/* Weir's own time so far: everything but waiting. */
int64_t exchange_overhead_us(const struct exchange *x);

#endif
