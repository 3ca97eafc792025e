/* What breaker.c and breaker_share.c know of a breaker's insides. Included nowhere else. */
#ifndef TRAFFIC_BREAKER_PRIVATE_H
#define TRAFFIC_BREAKER_PRIVATE_H

#include "traffic/breaker.h"
#include "traffic/recent.h"

#include <pthread.h>
#include <stdatomic.h>

/* The right to probe between replicas. Belongs to the breaker's present state version. */
struct breaker_right {
  bool asked, granted;
  int64_t asked_us;                       /* the newest claim */
  int64_t spent_us;                       /* grants of claims up to this one are void: given back */
  int64_t usable_until_us, held_until_us; /* when granted: a probe may begin, and go on, until then */
};
#define BREAKER_NO_RIGHT ((struct breaker_right){.spent_us = INT64_MIN})

struct breaker {
  pthread_mutex_t lock;
  /* What calls need to know while everybody is let in, so that they take no lock then. door: the epoch and, in the
   * lowest bit, whether that is so (closed or forced closed). has_failures: failures_us holds some. Both change under
   * the lock only. */
  _Atomic uint64_t door;
  atomic_bool has_failures;
  _Atomic uint64_t successes;
  struct breaker_share *share;
  struct breaker_name name;
  char *name_bytes;

  enum breaker_force force;
  bool is_open;   /* by itself, whatever is forced; half open is open for long enough */
  uint64_t epoch; /* see breaker_leave */
  int64_t opened_us, forced_us;
  struct recent failures_us;
  char reason[BREAKER_REASON_BYTES], force_reason[BREAKER_REASON_BYTES];

  bool probing; /* a pass with is_probe of this epoch is out */
  int64_t probe_began_us, probe_held_until_us;
  struct breaker_version state_version, force_version;
  struct breaker_right right;
  bool wanted; /* a call was refused since it opened: somebody here would probe */

  uint64_t failures, refused, times_opened;
};

/* What is to be said to the share once the lock is released. */
struct breaker_post {
  bool tells, claims, releases;
  struct breaker_export told; /* in its place: the news point into it */
  struct breaker_claim claim, released;
};

/* All with the lock held, except breaker_send. */

/* May a call be the probe now, as far as this process knows? */
bool breaker_has_room(const struct breaker *b, const struct breaker_rule *r, int64_t now_us);
/* A new epoch: what entered before no longer counts. Forgets failures, probe and right. */
void breaker_turn(struct breaker *b);
void breaker_copy_reason(char out[BREAKER_REASON_BYTES], struct text reason);

/* Nobody else can be probing: there is no share, or it has granted. */
bool breaker_has_right(const struct breaker *b, int64_t now_us);
/* There are others to ask, and it is time to. */
bool breaker_may_claim(const struct breaker *b, int64_t now_us);
void breaker_post_claim(struct breaker *b, const struct breaker_rule *r, int64_t now_us, struct breaker_post *post);
/* Gives the right back, if there is one. */
void breaker_post_release(struct breaker *b, struct breaker_post *post);
void breaker_post_news(struct breaker *b, int64_t now_us, struct breaker_post *post);
/* This replica's next version after v. */
struct breaker_version breaker_next(const struct breaker *b, struct breaker_version v);
/* Without the lock: the share may come back with an answer at once. */
void breaker_send(struct breaker *b, const struct breaker_post *post);

#endif
