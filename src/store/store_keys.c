/* Stored keys: create, find by hash, list, block, touch; on any driver. Called by `weir key`, and by identify for a key
 * the process does not know yet. Declared keys of the configuration never come here. */
#include "store/driver.h"
#include "store/store_events.h"

static enum err key_insert(struct driver_link *l, const struct store_key *k, int64_t id, struct fault *f) {
  const struct driver *d = l->driver;
  enum err e = d->prepare(l, SQL_KEY_INSERT, f);
  if (e)
    return e;
  d->bind(l, 1, id);
  d->bind_text(l, 2, k->name);
  d->bind_text(l, 3, k->prefix);
  d->bind_text(l, 4, k->user);
  d->bind_bytes(l, 5, (struct text){(const char *)k->hash, STORE_HASH_BYTES});
  d->bind_text(l, 6, k->models);
  d->bind(l, 7, k->rpm);
  d->bind(l, 8, k->tpm);
  d->bind(l, 9, k->concurrency);
  d->bind(l, 10, k->budget_nano);
  d->bind_text(l, 11, k->budget_period);
  d->bind(l, 12, k->created_us);
  d->bind(l, 13, k->expires_us);
  d->bind(l, 14, k->last_used_us);
  d->bind(l, 15, k->blocked);
  d->bind_text(l, 16, k->workspace);
  d->bind_text(l, 17, k->policy);
  e = driver_finish(l, "storing a key", NULL, f);
  if (e == ERR_STORE_CONFLICT)
    return fault_set(f, e, "name", "a key named \"%.*s\" exists already", TEXT_ARGS(text_head(k->name, 64)));
  return e;
}

struct create {
  const struct store_key *key;
  int64_t id;
};

static enum err create(struct driver_link *l, void *args, struct fault *f) {
  struct create *c = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = driver_number(l, SQL_KEY_NEXT_ID, "numbering a key", &c->id, f);
  if (!e)
    e = key_insert(l, c->key, c->id, f);
  if (!e)
    e = event_add_id_on(l, "key", c->id, f);
  return l->driver->end(l, e, f);
}

enum err store_key_create(struct store *s, const struct store_key *k, int64_t *out_id, struct fault *f) {
  struct create c = {k, 0};
  /* Not again after a commit in doubt: the second would find the name taken, by this very key. */
  enum err e = driver_run(s, DRIVER_WRITE, true, create, &c, f);
  if (!e)
    *out_id = c.id;
  return e;
}

static void key_read(struct driver_link *l, struct arena *a, struct store_key *out) {
  const struct driver *d = l->driver;
  *out = (struct store_key){
      .id = d->number(l, 0),
      .name = driver_text(l, 1, a),
      .prefix = driver_text(l, 2, a),
      .user = driver_text(l, 3, a),
      .models = driver_text(l, 5, a),
      .rpm = d->number(l, 6),
      .tpm = d->number(l, 7),
      .concurrency = d->number(l, 8),
      .budget_nano = d->number(l, 9),
      .budget_period = driver_text(l, 10, a),
      .created_us = d->number(l, 11),
      .expires_us = d->number(l, 12),
      .last_used_us = d->number(l, 13),
      .blocked = d->number(l, 14) != 0,
      .workspace = driver_text(l, 15, a),
      .policy = driver_text(l, 16, a),
  };
  struct text hash = d->bytes(l, 4);
  if (hash.len == STORE_HASH_BYTES)
    memcpy(out->hash, hash.at, STORE_HASH_BYTES);
}

struct find {
  enum sql which;
  struct text bytes;
  struct arena *arena;
  struct store_key *out;
};

static enum err find(struct driver_link *l, void *args, struct fault *f) {
  struct find *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, w->which, f);
  if (e)
    return e;
  l->driver->bind_bytes(l, 1, w->bytes);
  e = l->driver->step(l, &row, "looking up a key", f);
  if (!e && row)
    key_read(l, w->arena, w->out);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no such key");
}

enum err store_key_find(struct store *s, const uint8_t hash[STORE_HASH_BYTES], struct arena *a, struct store_key *out,
                        struct fault *f) {
  struct find w = {SQL_KEY_FIND, {(const char *)hash, STORE_HASH_BYTES}, a, out};
  return driver_run(s, DRIVER_READ, false, find, &w, f);
}

enum err store_key_find_by_access_id(struct store *s, const uint8_t id[STORE_ACCESS_BYTES], struct arena *a,
                                     struct store_key *out, struct fault *f) {
  struct find w = {SQL_KEY_FIND_BY_ACCESS_ID, {(const char *)id, STORE_ACCESS_BYTES}, a, out};
  return driver_run(s, DRIVER_READ, false, find, &w, f);
}

struct list {
  int64_t after_id;
  size_t max;
  struct arena *arena;
  struct store_key *keys;
  size_t count;
};

static enum err list_read(struct driver_link *l, struct list *w, struct fault *f) {
  bool row = false;
  enum err e;
  w->count = 0;
  w->keys = NULL;
  while (!(e = l->driver->step(l, &row, "listing keys", f)) && row) {
    w->keys = driver_more(w->arena, w->keys, w->count, sizeof *w->keys);
    key_read(l, w->arena, &w->keys[w->count++]);
  }
  return e;
}

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  enum err e = l->driver->prepare(l, SQL_KEY_LIST, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->after_id);
  l->driver->bind(l, 2, w->max > INT64_MAX ? INT64_MAX : (int64_t)w->max);
  e = list_read(l, w, f);
  l->driver->reset(l);
  return e;
}

enum err store_key_list(struct store *s, int64_t after_id, size_t max, struct arena *a, struct store_key **out,
                        size_t *out_count, struct fault *f) {
  struct list w = {.after_id = after_id, .max = max, .arena = a};
  enum err e = driver_run(s, DRIVER_LIST, false, list, &w, f);
  if (!e) {
    *out = w.keys;
    *out_count = w.count;
  }
  return e;
}

struct block {
  int64_t id;
  bool blocked;
};

static enum err must_exist(struct driver_link *l, int64_t id, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_KEY_COUNT, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  e = l->driver->step(l, &row, "looking up a key", f);
  bool exists = !e && row && l->driver->number(l, 0) > 0;
  l->driver->reset(l);
  return e || exists ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no key %lld", (long long)id);
}

/* A key that is so already is left alone and nobody is told, so doing it twice is the same as once. */
static enum err set_blocked(struct driver_link *l, const struct block *w, struct fault *f) {
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_KEY_BLOCK, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->blocked);
  e = driver_finish(l, "blocking a key", &changes, f);
  if (e)
    return e;
  return changes ? event_add_id_on(l, "key", w->id, f) : must_exist(l, w->id, f);
}

static enum err block(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  return e ? e : l->driver->end(l, set_blocked(l, args, f), f);
}

enum err store_key_set_blocked(struct store *s, int64_t id, bool blocked, struct fault *f) {
  struct block w = {id, blocked};
  return driver_run(s, DRIVER_WRITE, false, block, &w, f);
}

struct touch {
  const int64_t *ids, *last_used_us;
  size_t count;
};

static int by_id(const void *a, const void *b, void *ids) {
  int64_t x = ((const int64_t *)ids)[*(const size_t *)a], y = ((const int64_t *)ids)[*(const size_t *)b];
  return x < y ? -1 : x > y;
}

/* The keys in the order of their ids, so that two programs that touch the same ones never wait for each other in a
 * circle. Free it. */
static size_t *in_order(const struct touch *w) {
  size_t *order = calloc(w->count, sizeof *order);
  if (!order)
    abort();
  for (size_t i = 0; i < w->count; i++)
    order[i] = i;
  qsort_r(order, w->count, sizeof *order, by_id, (void *)(uintptr_t)w->ids);
  return order;
}

/* A use only moves forward, so that doing it twice changes nothing. */
static enum err touch(struct driver_link *l, void *args, struct fault *f) {
  const struct touch *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  size_t *order = in_order(w);
  for (size_t i = 0; i < w->count && !e; i++) {
    e = l->driver->prepare(l, SQL_KEY_TOUCH, f);
    if (e)
      break;
    l->driver->bind(l, 1, w->ids[order[i]]);
    l->driver->bind(l, 2, w->last_used_us[order[i]]);
    e = driver_finish(l, "noting the use of a key", NULL, f);
  }
  free(order);
  return l->driver->end(l, e, f);
}

enum err store_key_touch(struct store *s, const int64_t *ids, const int64_t *last_used_us, size_t count,
                         struct fault *f) {
  struct touch w = {ids, last_used_us, count};
  return count ? driver_run(s, DRIVER_WRITE, false, touch, &w, f) : ERR_OK;
}
