/* One call to one candidate, from its body to its settlement: everything that belongs to it alone, so that two may run
 * at one time (race.h). Private to gateway/. The exchange decides which candidates are tried and what the client gets;
 * an attempt knows only itself and the request it serves. */
#ifndef GATEWAY_ATTEMPT_H
#define GATEWAY_ATTEMPT_H

#include "gateway/gateway.h"
#include "gateway/plan.h"
#include "llm/answer.h"
#include "traffic/breaker.h"
#include "traffic/slots.h"

struct exchange;

/* Does what it costs count against the key's budget? */
bool candidate_is_billable(const struct candidate *c);

/* The call as its provider is to get it. Built before anything is reserved: a request that cannot be said to one
 * provider is not an attempt. */
struct outgoing {
  struct text *pieces; /* in the arena */
  size_t count;
  struct buf body;           /* what pieces point into when the body was written anew */
  bool usage_injected;       /* the client did not ask for the usage that the stream will bring */
  struct text beta, version; /* Anthropic's headers, where they are made of the body */
};

/* Bytes of the answer between their read and their use. */
struct answer {
  struct inflate *inflate; /* NULL: not compressed */
  struct buf held; /* plain: the whole body; stream: an incomplete event, or what the judge has read; empty and without
                      memory most of the time */
  size_t ready;    /* of held: complete events, tapped, to be sent */
  size_t scan;     /* of held: where sse_next goes on */
  size_t charged;  /* of held: bytes that count in gateway.memory */
  bool is_stream, trimmed;
  bool began_with_error; /* stream: its first event was one */
  enum wire_framing framing;
  bool converts;          /* what the client gets is written anew, into out */
  struct buf out;         /* bytes for the client; empty and without memory most of the time */
  void *reader, *writer;  /* states of the two dialects of a translated stream */
  struct llm_notes notes; /* what the caller's dialect has no place for */
};

enum attempt_state { ATTEMPT_NEW, ATTEMPT_OPEN, ATTEMPT_SETTLED };

struct attempt {
  struct exchange *x;
  const struct candidate *candidate;
  enum attempt_state state;
  struct fault fault;
  bool fault_quotes; /* the fault's text is partly the provider's: for the client, not for the log */

  /* enter */
  struct slot slot;
  struct breaker_pass pass;
  bool counted; /* among the calls in flight of its target */

  /* race: it runs beside another one, is decided only with its first token, and may lose */
  bool races, lost;

  /* build: what an answer's writer must know of the request, and what was left out of it with the operator's leave */
  struct outgoing outgoing;
  struct llm_echo echo;
  struct text left_out, not_carried; /* of the request and of the answer; comma-separated */

  /* send, judge, relay */
  struct ledger_row row;
  struct http_reply *reply;
  enum provider_class class;
  int upstream_status;
  bool head_arrived; /* the provider has accepted the call */
  struct wire_tap tap;
  struct answer answer;
  struct text upstream_request_id;
  int64_t started_us, first_token_at_us; /* loop time; 0: not yet */
  int64_t silent_since_us;               /* when the provider was waited for last */
};

/* attempt.c: an attempt in the exchange's arena, whose candidate is to be set. It holds nothing yet. */
struct attempt *attempt_new(struct exchange *x);
/* attempt.c: takes a place at the target and passes its breaker. ERR_AGAIN: all places are taken; with `wait` it waits
 * in the target's queue instead, which may be ERR_OVERLOADED or ERR_CANCELLED. ERR_UNAVAILABLE: the breaker lets nobody
 * through, or the request's time is over. Nothing is held then. Times here and below are the loop's clock. */
enum err attempt_enter(struct attempt *t, bool wait, int64_t now_us) MUST_CHECK;
/* build.c: t->outgoing for its candidate: edits, another envelope, or a translation. ERR_UNSUPPORTED and
 * ERR_BAD_REQUEST when the request cannot be said to it; t->fault names the member. */
enum err attempt_build(struct attempt *t) MUST_CHECK;
/* attempt.c: reserves in the ledger, sends, waits for the head and judges it (judge.h). ERR_OK: *t may be relayed, good
 * or as the provider's own error ((*t)->class says which). ERR_UPSTREAM_*: it failed, class says how. ERR_CANCELLED;
 * ERR_STORE* when the ledger cannot take it. A kept connection that its server had just closed is the one case in which
 * a call is made twice; both are in the ledger, and *t is the second. Waits. */
enum err attempt_run(struct attempt **t) MUST_CHECK;
/* attempt.c: whether what attempt_run returned is a failure that another target may mend. */
bool attempt_falls_over(const struct attempt *t, enum err result);
/* attempt.c: tells the breaker how it went and gives the place at the target back. Idempotent; settling does it too. */
void attempt_leave(struct attempt *t, int64_t now_us);
/* attempt.c: settles it as failed_over and says so in the log. */
void attempt_give_up(struct attempt *t);
/* attempt.c: ends one that was never run. NULL is fine. */
void attempt_drop(struct attempt *t);
/* settle.c: closes it in the ledger with what the tap knows and gives back all it holds. Idempotent; never waits. */
void attempt_settle(struct attempt *t, const char *outcome, const char *error);
/* settle.c: what the provider has reported beside until now, for the row (llm/facts.h); "" when nothing. */
struct text attempt_facts(const struct attempt *t);
/* attempt.c: the wait since before_us (loop clock) was not Weir's own work. */
void attempt_waited(struct attempt *t, int64_t before_us);
/* attempt.c: http_reply_wait, counted. */
enum err attempt_wait_for_more(struct attempt *t) MUST_CHECK;

/* attempt.c: a client that leaves from now on stops the call as its provider's policy says. */
void attempt_set_grace(struct attempt *t);
void attempt_drop_outgoing(struct attempt *t);
/* build.c: the body goes as one piece, which must live as long as the attempt. */
void attempt_send_whole(struct attempt *t, struct text body);
/* convert.c: what the caller's dialect had no place for in this answer, comma-separated; empty when nothing. */
struct text attempt_not_carried(const struct attempt *t);
/* count.c: a question for a count in Anthropic's words put into Bedrock's (t->outgoing holds the InvokeModel body), and
 * its answer (held) put back into Anthropic's (out). */
enum err count_wrap(struct attempt *t) MUST_CHECK;
enum err count_unwrap(struct attempt *t) MUST_CHECK;

/* headers.c: what travels. Both write at most cap entries into out and return the count. */
size_t headers_for_upstream(const struct attempt *t, const struct provider_target *target, struct http_header *out,
                            size_t cap);
/* decoded: the body was unpacked, content-encoding must go. Weir's own headers are included. */
size_t headers_for_client(struct attempt *t, const struct http_headers *upstream, bool decoded, struct http_header *out,
                          size_t cap);
#define HEADERS_CAP (HTTP_MAX_HEADERS + 24)
/* headers.c: the thread's room for HEADERS_CAP of them, until they are written. Does not survive a wait. */
struct http_header *headers_scratch(void);

#endif
