/* Changes of stored keys, on any driver: create, block. Each is one transaction that locks the key, changes it and adds
 * how it was and how it is to the audit log. Called by `weir key` and at the first start. */
#include "store/key_json.h"
#include "store/store_audit.h"
#include "store/store_keys.h"

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

/* How a key was and is; NULL: it was not, or is not any more. */
static enum err audit(struct driver_link *l, const char *action, const struct audit_actor *by,
                      const struct store_key *before, const struct store_key *after, struct fault *f) {
  struct buf was, is;
  char subject[32];
  buf_init(&was, AUDIT_JSON_MAX);
  buf_init(&is, AUDIT_JSON_MAX);
  snprintf(subject, sizeof subject, "key:%lld", (long long)(before ? before->id : after->id));
  if (before)
    key_json_write(before, &was);
  if (after)
    key_json_write(after, &is);
  enum err e =
      buf_check(&was) || buf_check(&is) ? fault_set(f, ERR_LIMIT, NULL, "the key is too long to be audited") : ERR_OK;
  if (!e)
    e = audit_add_on(l, by, &(struct audit_entry){text_of(action), text_of(subject), buf_text(&was), buf_text(&is)},
                     NULL, f);
  buf_done(&was);
  buf_done(&is);
  return e;
}

struct create {
  const struct store_key *key;
  const struct audit_actor *by;
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
  if (!e) {
    struct store_key made = *c->key;
    made.id = c->id;
    e = audit(l, "key.create", c->by, NULL, &made, f);
  }
  return l->driver->end(l, e, f);
}

enum err store_key_create(struct store *s, const struct store_key *k, const struct audit_actor *by, int64_t *out_id,
                          struct fault *f) {
  struct create c = {k, by, 0};
  /* Not again after a commit in doubt: the second would find the name taken, by this very key. */
  enum err e = driver_run(s, DRIVER_WRITE, true, create, &c, f);
  if (!e)
    *out_id = c.id;
  return e;
}

/* The key as it is, locked until the transaction ends. */
static enum err lock(struct driver_link *l, int64_t id, struct arena *a, struct store_key *out, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_KEY_LOCK, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  e = l->driver->step(l, &row, "looking up a key", f);
  if (!e && row)
    store_key_read(l, a, out);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no key %lld", (long long)id);
}

struct change {
  int64_t id;
  bool blocked;
  const struct audit_actor *by;
  struct arena *arena;
};

static enum err set_blocked(struct driver_link *l, const struct change *w, struct fault *f) {
  struct store_key was, is;
  enum err e = lock(l, w->id, w->arena, &was, f);
  if (e || was.blocked == w->blocked)
    return e;
  e = l->driver->prepare(l, SQL_KEY_BLOCK, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->blocked);
  e = driver_finish(l, "blocking a key", NULL, f);
  is = was;
  is.blocked = w->blocked;
  return e ? e : audit(l, w->blocked ? "key.block" : "key.unblock", w->by, &was, &is, f);
}

static enum err block(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = set_blocked(l, args, f);
  return l->driver->end(l, e, f);
}

enum err store_key_set_blocked(struct store *s, int64_t id, bool blocked, const struct audit_actor *by,
                               struct fault *f) {
  struct arena a;
  arena_init(&a);
  struct change w = {id, blocked, by, &a};
  enum err e = driver_run(s, DRIVER_WRITE, false, block, &w, f);
  arena_done(&a);
  return e;
}
