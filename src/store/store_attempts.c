/* How often signing in went wrong, by scope, and what has had its time: on any driver. A scope is a hash of whom or
 * from where; what follows from the counts is identity/lockout.c's to say. */
#include "store/store_signin.h"

struct attempts_work {
  const uint8_t (*scopes)[SIGNIN_SCOPE_BYTES];
  size_t count;
  const struct signin_attempts *seen, *next;
  struct signin_attempts *out;
};

static struct text scope_text(const uint8_t *scope) { return (struct text){(const char *)scope, SIGNIN_SCOPE_BYTES}; }

static enum err get_one(struct driver_link *l, const uint8_t *scope, struct signin_attempts *out, struct fault *f) {
  bool row = false;
  *out = (struct signin_attempts){0, 0, 0};
  enum err e = l->driver->prepare(l, SQL_ATTEMPTS_GET, f);
  if (e)
    return e;
  l->driver->bind_bytes(l, 1, scope_text(scope));
  e = l->driver->step(l, &row, "looking up attempts", f);
  if (!e && row)
    *out = (struct signin_attempts){l->driver->number(l, 0), l->driver->number(l, 1), l->driver->number(l, 2)};
  l->driver->reset(l);
  return e;
}

static enum err get_on(struct driver_link *l, void *args, struct fault *f) {
  const struct attempts_work *w = args;
  enum err e = ERR_OK;
  for (size_t i = 0; i < w->count && !e; i++)
    e = get_one(l, w->scopes[i], &w->out[i], f);
  return e;
}

enum err store_attempts_get(struct store *s, const uint8_t (*scopes)[SIGNIN_SCOPE_BYTES], size_t count,
                            struct signin_attempts *out, struct fault *f) {
  struct signin_attempts found[SIGNIN_SCOPES_MAX];
  struct attempts_work w = {.scopes = scopes, .count = count, .out = found};
  if (count > SIGNIN_SCOPES_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "at most %d scopes", SIGNIN_SCOPES_MAX);
  enum err e = driver_run(s, DRIVER_READ, false, get_on, &w, f);
  if (!e)
    memcpy(out, found, count * sizeof *out);
  return e;
}

static bool is_nothing(const struct signin_attempts *a) {
  return a->failures == 0 && a->last_us == 0 && a->known_us == 0;
}

/* A row of zeros stands for none, so the first goes in beside what may be there, the next in its place. */
static enum err put_one(struct driver_link *l, const uint8_t *scope, const struct signin_attempts *seen,
                        const struct signin_attempts *next, struct fault *f) {
  int64_t changes = 0;
  bool first = is_nothing(seen);
  enum err e = l->driver->prepare(l, first ? SQL_ATTEMPTS_ADD : SQL_ATTEMPTS_PUT, f);
  if (e)
    return e;
  l->driver->bind_bytes(l, 1, scope_text(scope));
  l->driver->bind(l, 2, next->failures);
  l->driver->bind(l, 3, next->last_us);
  l->driver->bind(l, 4, next->known_us);
  if (!first) {
    l->driver->bind(l, 5, seen->failures);
    l->driver->bind(l, 6, seen->last_us);
    l->driver->bind(l, 7, seen->known_us);
  }
  e = driver_finish(l, "counting an attempt", &changes, f);
  return e || changes ? e : fault_set(f, ERR_STORE_STALE, NULL, "another attempt was counted meanwhile");
}

static enum err put_on(struct driver_link *l, void *args, struct fault *f) {
  const struct attempts_work *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  for (size_t i = 0; i < w->count && !e; i++)
    e = put_one(l, w->scopes[i], &w->seen[i], &w->next[i], f);
  return l->driver->end(l, e, f);
}

enum err store_attempts_put(struct store *s, const uint8_t (*scopes)[SIGNIN_SCOPE_BYTES], size_t count,
                            const struct signin_attempts *seen, const struct signin_attempts *next, struct fault *f) {
  struct attempts_work w = {.scopes = scopes, .count = count, .seen = seen, .next = next};
  if (count > SIGNIN_SCOPES_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "at most %d scopes", SIGNIN_SCOPES_MAX);
  return driver_run(s, DRIVER_WRITE, true, put_on, &w, f);
}

struct purge_work {
  int64_t before_us, max, deleted;
};

static enum err purge_on(struct driver_link *l, void *args, struct fault *f) {
  static const enum sql purges[] = {SQL_SESSION_PURGE, SQL_LINK_PURGE, SQL_ATTEMPTS_PURGE};
  struct purge_work *w = args;
  int64_t changes = 0;
  w->deleted = 0;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  for (size_t i = 0; i < sizeof purges / sizeof *purges && !e; i++) {
    e = signin_tell(l, purges[i], w->before_us, &w->max, "removing what has had its time", &changes, f);
    w->deleted += changes;
  }
  return l->driver->end(l, e, f);
}

enum err store_signin_purge(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f) {
  struct purge_work w = {before_us, max > INT64_MAX ? INT64_MAX : (int64_t)max, 0};
  enum err e = driver_run(s, DRIVER_WRITE, false, purge_on, &w, f);
  if (!e)
    *out_deleted = w.deleted;
  return e;
}
