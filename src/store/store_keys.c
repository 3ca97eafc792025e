/* Stored keys: find by hash, list, touch; on any driver. Called by `weir key`, and by identify for a key the process
 * does not know yet. Changes are in store_key_changes.c. Declared keys of the configuration never come here. */
#include "store/store_keys.h"

void store_key_read(struct driver_link *l, struct arena *a, struct store_key *out) {
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
      .org_id = d->number(l, 17),
      .version = d->number(l, 18),
      .routes = driver_text(l, 19, a),
      .allow_ips = driver_text(l, 20, a),
      .cors_origins = driver_text(l, 21, a),
      .owner_user = d->number(l, 22),
      .owner_service = d->number(l, 23),
      .is_owner_away = d->number(l, 24) != 0,
  };
  struct text hash = d->bytes(l, 4);
  if (hash.len == STORE_HASH_BYTES)
    memcpy(out->hash, hash.at, STORE_HASH_BYTES);
}

struct find {
  enum sql which, which_old; /* which_old: where a hash from before a rotation is found */
  struct text bytes;
  struct arena *arena;
  struct store_key *out;
};

/* What was asked for is the hash that the caller gets, and with it the secret of the pair that belongs to it. */
static void read_old(struct driver_link *l, const struct find *w) {
  struct text hash = w->which_old == SQL_KEY_FIND_OLD ? w->bytes : l->driver->bytes(l, STORE_KEY_COLUMNS + 1);
  w->out->old_until_us = l->driver->number(l, STORE_KEY_COLUMNS);
  if (hash.len == STORE_HASH_BYTES)
    memcpy(w->out->hash, hash.at, STORE_HASH_BYTES);
}

static enum err look(struct driver_link *l, const struct find *w, bool old, bool *out_row, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, old ? w->which_old : w->which, f);
  if (e)
    return e;
  if (w->which == SQL_KEY_FIND_BY_NAME)
    l->driver->bind_text(l, 1, w->bytes);
  else
    l->driver->bind_bytes(l, 1, w->bytes);
  e = l->driver->step(l, &row, "looking up a key", f);
  if (!e && row) {
    store_key_read(l, w->arena, w->out);
    if (old)
      read_old(l, w);
  }
  l->driver->reset(l);
  if (!e)
    *out_row = row;
  return e;
}

/* A hash that moves from one table to the other between the two looks was moved to the second. */
static enum err find(struct driver_link *l, void *args, struct fault *f) {
  struct find *w = args;
  bool row = false;
  enum err e = look(l, w, false, &row, f);
  if (!e && !row && w->which_old != w->which)
    e = look(l, w, true, &row, f);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no such key");
}

enum err store_key_find(struct store *s, const uint8_t hash[STORE_HASH_BYTES], struct arena *a, struct store_key *out,
                        struct fault *f) {
  struct find w = {SQL_KEY_FIND, SQL_KEY_FIND_OLD, {(const char *)hash, STORE_HASH_BYTES}, a, out};
  return driver_run(s, DRIVER_READ, false, find, &w, f);
}

enum err store_key_find_by_access_id(struct store *s, const uint8_t id[STORE_ACCESS_BYTES], struct arena *a,
                                     struct store_key *out, struct fault *f) {
  struct find w = {
      SQL_KEY_FIND_BY_ACCESS_ID, SQL_KEY_FIND_OLD_BY_ACCESS_ID, {(const char *)id, STORE_ACCESS_BYTES}, a, out};
  return driver_run(s, DRIVER_READ, false, find, &w, f);
}

enum err store_key_find_by_name(struct store *s, struct text name, struct arena *a, struct store_key *out,
                                struct fault *f) {
  struct find w = {SQL_KEY_FIND_BY_NAME, SQL_KEY_FIND_BY_NAME, name, a, out};
  enum err e = driver_run(s, DRIVER_READ, false, find, &w, f);
  if (e == ERR_NOT_FOUND)
    return fault_set(f, e, NULL, "there is no key named \"%.*s\"", TEXT_ARGS(text_head(name, 64)));
  return e;
}

struct list {
  const struct key_filter *filter; /* NULL: all of them */
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
    store_key_read(l, w->arena, &w->keys[w->count++]);
  }
  return e;
}

static void bind_filter(struct driver_link *l, const struct key_filter *q) {
  l->driver->bind(l, 3, q->org_id);
  l->driver->bind_text(l, 4, q->user);
  l->driver->bind_text(l, 5, q->workspace);
  l->driver->bind_text(l, 6, q->search);
  l->driver->bind(l, 7, q->only_blocked ? 1 : q->only_open ? 0 : -1);
  l->driver->bind(l, 8, q->owner_user);
  l->driver->bind(l, 9, q->owner_service);
  l->driver->bind(l, 10, q->only_unowned);
}

static enum sql list_statement(const struct key_filter *q) {
  if (!q)
    return SQL_KEY_LIST;
  return q->newest_first ? SQL_KEY_NEWEST : SQL_KEY_OLDEST;
}

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  enum err e = l->driver->prepare(l, list_statement(w->filter), f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->after_id);
  l->driver->bind(l, 2, w->max > INT64_MAX ? INT64_MAX : (int64_t)w->max);
  if (w->filter)
    bind_filter(l, w->filter);
  e = list_read(l, w, f);
  l->driver->reset(l);
  return e;
}

static enum err run_list(struct store *s, struct list w, struct store_key **out, size_t *out_count, struct fault *f) {
  enum err e = driver_run(s, DRIVER_LIST, false, list, &w, f);
  if (!e) {
    *out = w.keys;
    *out_count = w.count;
  }
  return e;
}

enum err store_key_list(struct store *s, int64_t after_id, size_t max, struct arena *a, struct store_key **out,
                        size_t *out_count, struct fault *f) {
  return run_list(s, (struct list){.after_id = after_id, .max = max, .arena = a}, out, out_count, f);
}

enum err store_key_page(struct store *s, const struct key_filter *q, struct arena *a, struct store_key **out,
                        size_t *out_count, struct fault *f) {
  int64_t after_id = q->newest_first && q->after_id == 0 ? INT64_MAX : q->after_id;
  return run_list(s, (struct list){.filter = q, .after_id = after_id, .max = q->max, .arena = a}, out, out_count, f);
}

struct get {
  int64_t org_id, id;
  struct arena *arena;
  struct store_key *out;
};

static enum err get(struct driver_link *l, void *args, struct fault *f) {
  const struct get *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_KEY_GET, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->org_id);
  e = l->driver->step(l, &row, "looking up a key", f);
  if (!e && row)
    store_key_read(l, w->arena, w->out);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no key %lld", (long long)w->id);
}

enum err store_key_get(struct store *s, int64_t org_id, int64_t id, struct arena *a, struct store_key *out,
                       struct fault *f) {
  struct get w = {org_id, id, a, out};
  return driver_run(s, DRIVER_READ, false, get, &w, f);
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
