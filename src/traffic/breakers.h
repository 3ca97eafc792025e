/* Every circuit breaker of the process, one for each provider, endpoint and credential; and the way in for what other
 * replicas say. Shared by all workers. Every function may be called by any thread and waits for a lock at most. */
#ifndef TRAFFIC_BREAKERS_H
#define TRAFFIC_BREAKERS_H

#include "base/arena.h"
#include "traffic/breaker.h"

struct breakers;

/* max bounds the table. share may be NULL: this replica is alone. */
struct breakers *breakers_new(size_t max, struct breaker_share *share);
/* Nobody holds a pass any more, and the share no longer comes in. NULL is fine. */
void breakers_free(struct breakers *all);
/* The breaker of that name, made on first sight and closed; lives as long as the table. NULL past max, which every
 * function of breaker.h takes for closed. */
struct breaker *breakers_find(struct breakers *all, struct text provider, struct text endpoint, struct text credential);

/* An operator's word for every breaker of a provider's endpoint, whatever the credential: those that are there, and
 * those that are made later, until another word for all of them. See breaker_set_force. */
void breakers_set_force(struct breakers *all, struct text provider, struct text endpoint, enum breaker_force f,
                        const char *reason, int64_t now_us);

/* The same, but nobody else is told of it, for a name that means something else in another replica. It must be found in
 * this way always. */
struct breaker *breakers_find_alone(struct breakers *all, struct text provider, struct text endpoint,
                                    struct text credential);

struct breakers_row {
  struct breaker_name name;
  struct breaker_view view;
};
/* For operators: up to max breakers in the order in which they were made, from *cursor on, which starts as 0 and is
 * moved on. The number of rows; 0 at the end. Rows and their texts are the arena's. */
size_t breakers_list(struct breakers *all, const struct breaker_rule *r, int64_t now_us, size_t *cursor, size_t max,
                     struct arena *a, struct breakers_row **out);

/* How many there are that do not let every call through. */
size_t breakers_not_closed(struct breakers *all);

/* What an adapter of ports/breaker_share.h has received; texts are copied. A breaker that is not known here yet is
 * made. News older than what is known here are answered with that, through tell. May be called out of the share's own
 * functions, and so may breakers_granted. */
void breakers_hear(struct breakers *all, const struct breaker_news *news, int64_t now_us);
/* The claim that this replica made is granted. Late, doubled and outdated grants do no harm. */
void breakers_granted(struct breakers *all, const struct breaker_claim *claim, int64_t now_us);
/* Tells the share of up to max breakers from *cursor on, which starts as 0 and is moved on: of each what is known here,
 * which may be nothing. For an adapter that was out of reach, so that news of that time are not lost on either side,
 * and now and then for what has been lost without a sign. How many it has looked at; 0 at the end. */
size_t breakers_tell_again(struct breakers *all, size_t *cursor, size_t max, int64_t now_us);
/* For the process that takes this one's place: see is called for every breaker that is open by itself or set by an
 * operator, and (for_all, without a credential) for every word that holds for those to come. Those of
 * breakers_find_alone stay here where there is a share. Texts die after the call, which may not call back. */
void breakers_export(struct breakers *all, int64_t now_us,
                     void (*see)(void *ctx, const struct breaker_news *news, bool for_all), void *ctx);
/* One of them in that process, before any call. */
void breakers_import(struct breakers *all, const struct breaker_news *news, bool for_all, int64_t now_us);
/* To be called every few seconds where there is a share: asks for the right to probe before the next call needs it, and
 * gives back one that nobody has used. Without a share it does nothing. */
void breakers_tick(struct breakers *all, const struct breaker_rule *r, int64_t now_us);
/* This process takes no new calls or ends: gives back every right to probe that no probe is using, also those still to
 * be granted, so that no other replica has to wait until they have run out. */
void breakers_resign(struct breakers *all);

#endif
