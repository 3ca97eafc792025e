/* The part of the store's port that tells other processes what has changed. The table is the truth: an event is added
 * in the transaction of the change it tells of, and ids come in the order of commits without a gap, so who has seen one
 * has seen all before it. A bell only says that it is worth looking. Blocks; errors as in ports/store.h. */
#ifndef PORTS_STORE_EVENTS_H
#define PORTS_STORE_EVENTS_H

#include "base/arena.h"

struct store_event {
  int64_t id;
  struct text kind, subject; /* kinds stand in cluster/events.h */
  int64_t at_us;             /* wall clock of who added it */
};

struct store;
struct store_bell; /* of one thread at a time */
struct store_events_ops {
  enum err (*add)(struct store *s, struct text kind, struct text subject, struct fault *f);
  /* The id of the event added last, 0 before the first; also when it has been purged. */
  enum err (*newest)(struct store *s, int64_t *out, struct fault *f);
  /* Oldest first, ids above after_id, at most max. */
  enum err (*list)(struct store *s, int64_t after_id, size_t max, struct arena *a, struct store_event **out,
                   size_t *out_count, struct fault *f);
  /* Removes events added before before_us, the oldest first, at most max; *out_count is how many. */
  enum err (*purge)(struct store *s, int64_t before_us, size_t max, int64_t *out_count, struct fault *f);
  /* From now on fn is called whenever this process, through s, has committed an event, on the thread that did; it must
   * not wait and not use the store. One; NULL: nobody any more. When it returns, the one before does not run. */
  void (*on_added)(struct store *s, void (*fn)(void *data), void *data);

  /* A connection over which the database calls when an event was committed. All three are NULL where there is no such
   * thing, and then one has to look again and again. */
  enum err (*bell_open)(struct store *s, struct store_bell **out, struct fault *f);
  /* Waits until it rang, wake_fd is readable, or timeout_ms are over. *out_rang: an event may have been committed since
   * the last call. ERR_STORE, ERR_STORE_BUSY: the connection was lost; close it and open another. */
  enum err (*bell_wait)(struct store_bell *b, int wake_fd, int64_t timeout_ms, bool *out_rang, struct fault *f);
  void (*bell_close)(struct store_bell *b); /* NULL is fine */
};

#endif
