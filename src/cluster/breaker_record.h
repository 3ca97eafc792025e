/* What replicas write into Redis about their breakers and read from it. Pure.
 *
 * A hash for each breaker, "weir:breaker:" and the three parts of its name as a JSON array, which is forgotten when
 * nobody has told anything of it for two days: the two registers of ports/breaker_share.h, each with its version, and
 * the newest claim that was granted. Versions are 32 hex digits, so that their order is that of their text. Three
 * scripts, each about one key, so what they do is done at once: tell, claim, release. What is new is also published on
 * one channel as JSON. Times are kept in Redis' own clock and given out as durations. */
#ifndef CLUSTER_BREAKER_RECORD_H
#define CLUSTER_BREAKER_RECORD_H

#include "net/resp.h"
#include "net/resp_script.h"
#include "ports/breaker_share.h"

#define BREAKER_RECORD_CHANNEL "weir:breakers"
/* Leases are cut to this; records live twice as long. */
#define BREAKER_RECORD_HOLD_MAX_US INT64_C(86400000000)

struct breaker_record_call {
  struct text key;
  const struct resp_script *script;
  struct text arguments[10];
  size_t count;
};
/* Each makes one call of a script; texts are the arena's or the argument's. tell keeps what is newer than the record
 * and publishes it, as said by `replica`; it is answered with null, or with what the record has when that is newer:
 * breaker_record_answer. claim is answered with 1 when it is granted, else 0. */
void breaker_record_tell(struct arena *a, const struct breaker_news *news, uint64_t replica,
                         struct breaker_record_call *out);
void breaker_record_claim(struct arena *a, const struct breaker_claim *claim, struct breaker_record_call *out);
void breaker_record_release(struct arena *a, const struct breaker_claim *claim, struct breaker_record_call *out);

/* The answer to a tell about `name`. False when it holds no news, or none that can be understood. Texts are slices of
 * v and of name. */
bool breaker_record_answer(const struct resp_value *v, const struct breaker_name *name, struct breaker_news *out);
/* A message of the channel. False when it was said by `replica` itself, or cannot be understood. Texts are the
 * arena's. */
bool breaker_record_message(struct text message, uint64_t replica, struct arena *a, struct breaker_news *out);

#endif
