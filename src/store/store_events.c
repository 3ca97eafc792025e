/* Events in the database, on any driver: added with the change they tell of, listed by who has seen a part of them,
 * purged by age. It knows nothing of who listens. Called by the store's own operations and by cluster/events.c. */
#include "store/store_events.h"

#include "store/postgres_bell.h"

static const char doing_add[] = "adding an event";

static enum err ring(struct driver_link *l, struct fault *f) {
  bool row = false;
  if (!sql_text(SQL_EVENT_RING, l->driver->dialect))
    return ERR_OK;
  enum err e = l->driver->prepare(l, SQL_EVENT_RING, f);
  if (e)
    return e;
  e = l->driver->step(l, &row, doing_add, f);
  l->driver->reset(l);
  return e;
}

static enum err insert(struct driver_link *l, struct text kind, struct text subject, struct fault *f) {
  int64_t id = 0;
  enum err e = driver_number(l, SQL_EVENT_NEXT_ID, doing_add, &id, f);
  if (!e)
    e = l->driver->prepare(l, SQL_EVENT_ADD, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  l->driver->bind_text(l, 2, kind);
  l->driver->bind_text(l, 3, subject);
  l->driver->bind(l, 4, driver_now_us());
  e = driver_finish(l, doing_add, NULL, f);
  l->has_event = true;
  return e ? e : ring(l, f);
}

enum err event_add_on(struct driver_link *l, const char *kind, struct text subject, struct fault *f) {
  return insert(l, text_of(kind), subject, f);
}

enum err event_add_id_on(struct driver_link *l, const char *kind, int64_t subject, struct fault *f) {
  char text[24];
  int n = snprintf(text, sizeof text, "%lld", (long long)subject);
  return insert(l, text_of(kind), (struct text){text, (size_t)n}, f);
}

struct add {
  struct text kind, subject;
};

static enum err add(struct driver_link *l, void *args, struct fault *f) {
  const struct add *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  return e ? e : l->driver->end(l, insert(l, w->kind, w->subject, f), f);
}

/* Told twice is as good as once. */
static enum err events_add(struct store *s, struct text kind, struct text subject, struct fault *f) {
  struct add w = {kind, subject};
  return driver_run(s, DRIVER_WRITE, false, add, &w, f);
}

static enum err newest(struct driver_link *l, void *args, struct fault *f) {
  return driver_number(l, SQL_EVENT_NEWEST, "looking for events", args, f);
}

static enum err events_newest(struct store *s, int64_t *out, struct fault *f) {
  return driver_run(s, DRIVER_READ, false, newest, out, f);
}

struct list {
  int64_t after_id;
  size_t max;
  struct arena *arena;
  struct store_event *at;
  size_t count;
};

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_EVENT_LIST, f);
  if (e)
    return e;
  w->count = 0;
  w->at = arena_alloc(w->arena, w->max * sizeof *w->at);
  l->driver->bind(l, 1, w->after_id);
  l->driver->bind(l, 2, (int64_t)w->max);
  while (w->count < w->max && !(e = l->driver->step(l, &row, "reading events", f)) && row)
    w->at[w->count++] = (struct store_event){.id = l->driver->number(l, 0),
                                             .kind = driver_text(l, 1, w->arena),
                                             .subject = driver_text(l, 2, w->arena),
                                             .at_us = l->driver->number(l, 3)};
  l->driver->reset(l);
  return e;
}

static enum err events_list(struct store *s, int64_t after_id, size_t max, struct arena *a, struct store_event **out,
                            size_t *out_count, struct fault *f) {
  struct list w = {.after_id = after_id, .max = max, .arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, list, &w, f);
  if (!e) {
    *out = w.at;
    *out_count = w.count;
  }
  return e;
}

struct purge {
  int64_t before_us;
  size_t max;
  int64_t count;
};

static enum err purge(struct driver_link *l, void *args, struct fault *f) {
  struct purge *w = args;
  enum err e = l->driver->prepare(l, SQL_EVENT_PURGE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->before_us);
  l->driver->bind(l, 2, w->max > INT64_MAX ? INT64_MAX : (int64_t)w->max);
  return driver_finish(l, "purging events", &w->count, f);
}

static enum err events_purge(struct store *s, int64_t before_us, size_t max, int64_t *out_count, struct fault *f) {
  struct purge w = {.before_us = before_us, .max = max};
  enum err e = driver_run(s, DRIVER_WRITE, false, purge, &w, f);
  if (!e)
    *out_count = w.count;
  return e;
}

#define EVENTS_OPS                                                                                                     \
  .add = events_add, .newest = events_newest, .list = events_list, .purge = events_purge, .on_added = driver_listen
const struct store_events_ops store_events = {EVENTS_OPS};
const struct store_events_ops store_events_with_bell = {
    EVENTS_OPS, .bell_open = postgres_bell_open, .bell_wait = postgres_bell_wait, .bell_close = postgres_bell_close};
