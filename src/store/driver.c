/* What all operations do with a driver: borrow a connection, try again on a fresh one when it was lost, step through
 * statements. It holds no SQL and knows no database. */
#include "store/driver.h"

#include <pthread.h>

/* One for all stores of the process: what is done under it never waits, and events are rare. */
static pthread_mutex_t ear_lock = PTHREAD_MUTEX_INITIALIZER;

void driver_listen(struct store *s, void (*fn)(void *data), void *data) {
  pthread_mutex_lock(&ear_lock);
  ((struct database *)s)->ear = (struct driver_ear){fn, data};
  pthread_mutex_unlock(&ear_lock);
}

static void tell_ear(struct database *d) {
  pthread_mutex_lock(&ear_lock);
  if (d->ear.fn)
    d->ear.fn(d->ear.data);
  pthread_mutex_unlock(&ear_lock);
}

enum err driver_run(struct store *s, enum driver_use use, bool once,
                    enum err (*work)(struct driver_link *l, void *args, struct fault *f), void *args, struct fault *f) {
  struct database *d = (struct database *)s;
  for (bool again = false;; again = true) {
    struct driver_link *l = NULL;
    enum err e = d->driver->take(d, use, again, &l, f);
    if (e)
      return e;
    l->has_event = false;
    e = work(l, args, f);
    bool retry = e && l->lost && !again && !(once && l->in_doubt), tells = !e && l->has_event;
    d->driver->give(d, l);
    if (tells)
      tell_ear(d);
    if (!retry)
      return e;
  }
}

enum err driver_finish(struct driver_link *l, const char *doing, int64_t *out_changes, struct fault *f) {
  bool row = true;
  enum err e = ERR_OK;
  while (!e && row)
    e = l->driver->step(l, &row, doing, f);
  if (!e && out_changes)
    *out_changes = l->driver->changes(l);
  l->driver->reset(l);
  return e;
}

enum err driver_number(struct driver_link *l, enum sql which, const char *doing, int64_t *out, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  e = l->driver->step(l, &row, doing, f);
  if (!e)
    *out = row ? l->driver->number(l, 0) : 0;
  l->driver->reset(l);
  return e;
}

struct text driver_text(struct driver_link *l, int column, struct arena *a) {
  return arena_copy(a, l->driver->bytes(l, column));
}

void *driver_more(struct arena *a, void *items, size_t count, size_t size) {
  bool full = count == 0 || (count >= 16 && (count & (count - 1)) == 0);
  if (!full)
    return items;
  void *more = arena_alloc(a, (count ? count * 2 : 16) * size);
  if (count)
    memcpy(more, items, count * size);
  return more;
}

int64_t driver_now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static enum err health(struct driver_link *l, void *args, struct fault *f) {
  int64_t version = 0;
  return driver_number(l, SQL_SCHEMA_VERSION, "checking the store", &version, f);
}

enum err store_health(struct store *s, struct fault *f) { return driver_run(s, DRIVER_READ, false, health, NULL, f); }
