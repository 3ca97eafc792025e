/* The port by which replicas share their circuit breakers. What is shared is small: is a breaker open and since when,
 * what has an operator said, and who may send the one probe. Failures are counted by each replica for itself.
 *
 * Nothing here waits. What a replica decides it tells, and forgets that it did: each piece of news is the breaker's
 * whole state with version numbers, so news may come late, twice, in any order or not at all, and the newest wins
 * everywhere. The right to probe is the one thing that needs an answer, because exactly one of all replicas may have
 * it: it is claimed, and the answer comes when it comes (breakers_granted), before `claim` returns or long after. Until
 * then the call that asked is refused like any other. Times are durations, because monotonic clocks differ. */
#ifndef PORTS_BREAKER_SHARE_H
#define PORTS_BREAKER_SHARE_H

#include "base/text.h"

enum breaker_force { BREAKER_AUTOMATIC, BREAKER_FORCED_OPEN, BREAKER_FORCED_CLOSED };

/* credential: its name in the configuration or another text that is no secret; it leaves the process. */
struct breaker_name {
  struct text provider, endpoint, credential;
};

/* The greater count is the newer; of equal counts, the greater replica. Count 0: never changed. */
struct breaker_version {
  uint64_t count, replica;
};

struct breaker_news {
  struct breaker_name name;
  struct breaker_version state_version;
  bool is_open;
  int64_t opened_ago_us; /* of an open one, at the moment of telling; each replica has its own rule for how long */
  struct text reason;    /* of the opening */
  struct breaker_version force_version;
  enum breaker_force force;
  struct text force_reason;
};

struct breaker_claim {
  struct breaker_name name;
  struct breaker_version version; /* the state that the probe is to end; a newer state makes the claim void */
  uint64_t replica;               /* who claims */
  int64_t asked_us;               /* tells this claim from the claimant's others; his clock, a number to you */
  int64_t hold_us;
};

/* Called by any thread, without any lock of traffic's held; may call breakers_hear and breakers_granted before
 * returning. Texts die after the call. None of them waits. */
struct breaker_share {
  uint64_t replica; /* differs from every other replica's, not 0 */
  /* To all others, for breakers_hear. A new breaker is told with count 0: whoever knows more of it then tells that. An
   * adapter that keeps the state somewhere does so itself when what it is told is older than what it has. */
  void (*tell)(struct breaker_share *self, const struct breaker_news *news);
  /* The right to probe for hold_us, counted from the grant or later. Of one name one claim is held at a time: until its
   * time is over, it is released, or one of a newer version is granted. A claim is granted when none of its version is
   * held, or only one of the same replica, which it then replaces; and never when one of a newer version has been
   * granted. A grant is answered with breakers_granted and the same claim; anything else needs no answer, the claimant
   * asks again. An adapter that cannot reach the others grants: a breaker that nobody may probe would stay open for
   * ever, so each replica then goes on by itself. */
  void (*claim)(struct breaker_share *self, const struct breaker_claim *claim);
  /* Gives a claim back. Has no effect unless it is the one held: same version, replica and asked_us. */
  void (*release)(struct breaker_share *self, const struct breaker_claim *claim);
};

#endif
