/* What other processes on the same store have changed, told here once, in order, after the commit. The table in the
 * store is the truth (ports/store_events.h); bells only say that it is worth looking now: the database's own, this
 * process's own commits, others through events_ring, and a look every 500 ms as the safety net.
 *
 * Kinds and their subjects: "key" (the key's id), "access" (whose rights changed, or "grant:7"), "config" (none: read
 * your configuration anew), "job" (none: work is waiting), "catalogue" (the address a list of models comes
 * from), "cache" (what to drop), "signing" (a signing key's id), "vault" (none), "session" (the id of one that ended;
 * none: several), "credential" (the id of one of a provider), "person" (the pseudonym of one who was erased). An empty
 * subject means anything of that kind: also told when events were purged before they were seen here, or the store was
 * put back to an older moment. */
#ifndef CLUSTER_EVENTS_H
#define CLUSTER_EVENTS_H

#include "ports/store.h"

#define EVENTS_POLL_MS      500
#define EVENTS_HANDLERS_MAX 16

struct events;
/* Runs on the events thread and may block it. What e points to is valid for the call. */
typedef void (*events_fn)(void *data, const struct store_event *e);

/* The store must outlive it. */
struct events *events_new(struct store *store);
/* Before events_start; at most EVENTS_HANDLERS_MAX. Several for one kind are called in the order they were given. */
void events_on(struct events *e, const char *kind, events_fn fn, void *data);
/* For bells of others' (the way in is events_ring): fn is told, on the events thread, up to which event this process
 * has handled all, each time that is further. It must not wait. Before events_start; one. */
void events_on_seen(struct events *e, void (*fn)(void *data, int64_t seen), void *data);

/* Begins behind the newest event: whoever starts has no copies yet. Blocks for one question to the store; its errors,
 * or ERR_SYSTEM. */
enum err events_start(struct events *e, struct fault *f) MUST_CHECK;
/* Look now. Any thread; never waits. */
void events_ring(struct events *e);
/* After it no handler runs. Waits for one that does, and for the store. Safe when not started. */
void events_stop(struct events *e);
void events_free(struct events *e); /* stops; NULL is fine */

struct events_stats {
  int64_t seen;       /* id of the last event handled */
  int64_t newest;     /* in the store, as of the last look */
  uint64_t handled;   /* since the start */
  int64_t looked_us;  /* monotonic (CLOCK_MONOTONIC), of the last look that the store answered */
  bool has_bell;      /* the store has one */
  bool is_listening;  /* and its connection stands */
  bool is_failing;    /* the last look was not answered */
  struct fault fault; /* why not; of ERR_OK when it was */
};
struct events_stats events_stats(struct events *e); /* any thread */

#endif
