/* A circuit breaker: leaves a target alone that keeps failing. So many failures within a sliding window open it for a
 * while; then exactly one call, the probe, goes through and decides. A pure state machine behind a small lock.
 *
 * Calls take no lock while all is well: while the breaker is closed and has counted no failure.
 *
 * Time comes in as an argument: monotonic microseconds of this machine. The rule comes in too, so a reload takes effect
 * with the next call: a breaker that is open at that moment stays open for as long as the new rule says since it
 * opened, one that is closed compares its failures with the new number when the next one comes. Every function may be
 * called by any thread, waits for nothing but the lock, and takes a NULL breaker for one that is always closed. */
#ifndef TRAFFIC_BREAKER_H
#define TRAFFIC_BREAKER_H

#include "ports/breaker_share.h"

struct breaker;

#define BREAKER_REASON_BYTES 64

/* All at least 1. probe_us: a probe that brings no verdict for so long is given up and another may go. */
struct breaker_rule {
  int64_t failures, window_us, open_us, probe_us;
};
enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
/* NEUTRAL: says nothing about the target (the client left, the caller's own mistake). */
enum breaker_verdict { BREAKER_SUCCESS, BREAKER_FAILURE, BREAKER_NEUTRAL };
/* What a call holds from breaker_enter to breaker_leave. Zeroed: nothing. */
struct breaker_pass {
  struct breaker *breaker;
  bool is_probe;
  uint64_t epoch;
};
struct breaker_view {
  enum breaker_state state; /* as calls see it: a forced breaker is open or closed */
  enum breaker_force force;
  bool probing; /* a probe of this process is under way */
  /* Of an open or half-open one; 0 when closed. until_us: when a probe may go; while one is under way, when it is given
   * up; INT64_MAX when forced open. */
  int64_t opened_us, until_us;
  uint64_t failures_in_window;       /* towards the opening; 0 when open or forced */
  uint64_t failures, successes;      /* verdicts since the start, whatever came of them */
  uint64_t refused;                  /* calls not let in */
  uint64_t times_opened;             /* by failures seen here, each failed probe included */
  char reason[BREAKER_REASON_BYTES]; /* why it is open, or what the operator said; cut to fit; "" when closed */
};

/* The state now. Takes nothing. */
void breaker_look(struct breaker *b, const struct breaker_rule *r, int64_t now_us, struct breaker_view *out);
/* Would breaker_enter succeed now? Takes nothing; without a lock while closed. Between replicas true may be too much:
 * whether this one has the right to probe is seen only when it is claimed. */
bool breaker_lets(struct breaker *b, const struct breaker_rule *r, int64_t now_us);
/* Does it let every call through, by itself or because an operator says so? Without a lock. */
bool breaker_is_closed(const struct breaker *b);
/* A call wants to go to the target. True with a pass, to be given back through breaker_leave; false, with an empty one,
 * when the breaker is open or its one probe is under way. */
bool breaker_enter(struct breaker *b, const struct breaker_rule *r, int64_t now_us, struct breaker_pass *out);
/* The target has begun a good answer: a probe closes the breaker at once, so that nobody has to wait for the end of a
 * long stream. The pass is then an ordinary one of the closed breaker. No effect on any other pass. Did it close? */
bool breaker_probe_answers(struct breaker_pass *p, int64_t now_us);
/* The call's one verdict; the pass is empty afterwards, and an empty pass does nothing. Plain and streamed calls alike.
 * True when it was this verdict that opened the breaker (a failure) or closed it (a success).
 *
 * While the breaker is closed a failure counts, and opens it when the window holds as many as the rule says; a success
 * clears the count. A probe's failure opens it again for the full time, its success closes it, and after a neutral
 * verdict the next call is the probe. A failed or successful probe that has been given up still decides as long as no
 * other one has taken its place.
 *
 * A verdict counts only in the epoch in which the call entered. Every opening, closing, probe and word of an operator
 * begins a new one. So whatever becomes of calls that were under way when the breaker opened, they neither close it nor
 * keep it open, and do not count once it is closed again; breaker_view's totals count them.
 *
 * reason: of a failure, for the operator; may be NULL. */
bool breaker_leave(struct breaker_pass *p, const struct breaker_rule *r, enum breaker_verdict v, const char *reason,
                   int64_t now_us);
/* An operator's word. Forced open: no call goes, probes neither. Forced closed: every call goes, no verdict counts.
 * Automatic: as the rule says, from a closed breaker without failures on, which also closes one that had opened by
 * itself. reason may be NULL. */
void breaker_set_force(struct breaker *b, enum breaker_force f, const char *reason, int64_t now_us);

/* For the table (breakers.h), and for tests. */

struct breaker_export {
  struct breaker_news news;
  char reason[BREAKER_REASON_BYTES], force_reason[BREAKER_REASON_BYTES];
  bool is_alone; /* it has no share */
};

/* Copies the name. share may be NULL: this process alone. */
struct breaker *breaker_new(const struct breaker_name *name, struct breaker_share *share);
void breaker_free(struct breaker *b); /* no pass may be out */
/* As given; lives as long as b. */
const struct breaker_name *breaker_name_of(const struct breaker *b);
/* See breakers.h. */
void breaker_hear(struct breaker *b, const struct breaker_news *news, int64_t now_us);
void breaker_granted(struct breaker *b, const struct breaker_claim *claim, int64_t now_us);
/* What is to be told of b: its texts are those of *out. False when it is closed and nobody has said anything. */
bool breaker_export(struct breaker *b, int64_t now_us, struct breaker_export *out);
void breaker_tick(struct breaker *b, const struct breaker_rule *r, int64_t now_us);
/* See breakers_resign. */
void breaker_resign(struct breaker *b);
/* Tells the others of a breaker that is new here. */
void breaker_greet(struct breaker *b);
/* Tells the others what is known here, which is nothing new. */
void breaker_tell_again(struct breaker *b, int64_t now_us);

#endif
