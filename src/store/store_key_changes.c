/* Changes of stored keys, on any driver: create, block, rotate, delete, and what time does to them. Each is one
 * transaction that locks the key, changes it, adds how it was and how it is to the audit log, and an event for others.
 * Called by `weir key` and at the first start. */
#include "store/key_json.h"
#include "store/store_audit.h"
#include "store/store_events.h"
#include "store/store_key_owners.h"
#include "store/store_keys.h"

#include <stdlib.h>

#define FIRST_ORG 1

static enum err name_taken(enum err e, const struct store_key *k, struct fault *f) {
  if (e != ERR_STORE_CONFLICT)
    return e;
  return fault_set(f, e, "name", "a key named \"%.*s\" exists already", TEXT_ARGS(text_head(k->name, 64)));
}

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
  d->bind(l, 18, k->org_id);
  d->bind(l, 19, k->version);
  d->bind_text(l, 20, k->routes);
  d->bind_text(l, 21, k->allow_ips);
  d->bind_text(l, 22, k->cors_origins);
  d->bind(l, 23, k->owner_user);
  d->bind(l, 24, k->owner_service);
  return name_taken(driver_finish(l, "storing a key", NULL, f), k, f);
}

enum err store_key_note_on(struct driver_link *l, const char *action, const struct audit_actor *by,
                           const struct store_key *before, const struct store_key *after, struct fault *f) {
  struct buf was, is;
  char subject[32];
  int64_t id = before ? before->id : 0, org_id = before ? before->org_id : 0;
  buf_init(&was, AUDIT_JSON_MAX);
  buf_init(&is, AUDIT_JSON_MAX);
  if (after) {
    id = after->id;
    org_id = after->org_id;
  }
  snprintf(subject, sizeof subject, "key:%lld", (long long)id);
  if (before)
    key_json_write(before, &was);
  if (after)
    key_json_write(after, &is);
  enum err e =
      buf_check(&was) || buf_check(&is) ? fault_set(f, ERR_LIMIT, NULL, "the key is too long to be audited") : ERR_OK;
  const struct audit_entry entry = {text_of(action), text_of(subject), buf_text(&was), buf_text(&is), org_id};
  if (!e)
    e = audit_add_on(l, by, &entry, NULL, f);
  if (!e)
    e = event_add_id_on(l, "key", id, f);
  buf_done(&was);
  buf_done(&is);
  return e;
}

/* A workspace's name says whose a key is. One that nobody has taken is taken for the first organisation, the only one
 * whose workspaces need not be made before. */
static enum err find_workspace(struct driver_link *l, struct text name, int64_t *out_org, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_WORKSPACE_CLAIMED, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, name);
  e = l->driver->step(l, &row, "looking up a workspace", f);
  if (!e)
    *out_org = row ? l->driver->number(l, 0) : 0;
  l->driver->reset(l);
  return e;
}

static enum err claim_workspace(struct driver_link *l, struct text name, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_WORKSPACE_CLAIM, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, name);
  l->driver->bind(l, 2, FIRST_ORG);
  return driver_finish(l, "taking a workspace's name", NULL, f);
}

/* org_id 0: the workspace's. */
static enum err settle_workspace(struct driver_link *l, struct store_key *k, struct fault *f) {
  int64_t org = FIRST_ORG;
  enum err e = ERR_OK;
  if (k->workspace.len == 0 && k->org_id > FIRST_ORG)
    return fault_set(f, ERR_BAD_REQUEST, "workspace",
                     "is missing: a key of this organisation is in one of its workspaces");
  if (k->workspace.len > 0 && k->org_id <= FIRST_ORG)
    e = claim_workspace(l, k->workspace, f);
  if (!e && k->workspace.len > 0)
    e = find_workspace(l, k->workspace, &org, f);
  if (e)
    return e;
  if (k->org_id != 0 && org != k->org_id)
    return fault_set(f, ERR_BAD_REQUEST, "workspace", "is none of this organisation");
  k->org_id = org;
  return ERR_OK;
}

static enum err find_entity(struct driver_link *l, struct text kind, struct text name, bool *out, struct fault *f) {
  bool row = false;
  enum err e = audit_lock_on(l, f);
  if (!e)
    e = l->driver->prepare(l, SQL_ENTITY_NAMED, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, kind);
  l->driver->bind_text(l, 2, name);
  e = l->driver->step(l, &row, "looking up an entry of the configuration", f);
  l->driver->reset(l);
  if (!e)
    *out = row;
  return e;
}

/* Somebody may be removing it, who holds the lock of the log's head while they look for keys (store_entities.c). */
static enum err hold_policy(struct driver_link *l, const struct store_key *k, struct fault *f) {
  bool is_there = true;
  enum err e =
      k->policy_is_stored && k->policy.len > 0 ? find_entity(l, TEXT("policy"), k->policy, &is_there, f) : ERR_OK;
  if (e || is_there)
    return e;
  return fault_set(f, ERR_STORE_CONFLICT, "policy", "there is no policy of this name any more");
}

/* By another name a key would be out of the policy that is assigned to it. */
static enum err check_assigned(struct driver_link *l, struct text name, struct arena *a, struct fault *f) {
  bool is_assigned = false;
  enum err e = find_entity(l, TEXT("assignment"), arena_format(a, "key\n%.*s", TEXT_ARGS(name)), &is_assigned, f);
  if (e || !is_assigned)
    return e;
  return fault_set(f, ERR_STORE_CONFLICT, "name", "a policy is assigned to the key by this name");
}

struct create {
  const struct store_key *key;
  const struct audit_actor *by;
  int64_t id;
  struct arena *arena;
};

static enum err create(struct driver_link *l, void *args, struct fault *f) {
  struct create *c = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = driver_number(l, SQL_KEY_NEXT_ID, "numbering a key", &c->id, f);
  struct store_key made = *c->key;
  made.id = c->id;
  made.version = 1;
  if (!e)
    e = settle_workspace(l, &made, f);
  if (!e)
    e = made.finds_owner ? key_owner_find_on(l, &made, c->arena, f) : key_owner_keep_on(l, &made, c->arena, f);
  if (!e)
    e = key_insert(l, &made, c->id, f);
  if (!e)
    e = hold_policy(l, &made, f);
  if (!e)
    e = store_key_note_on(l, "key.create", c->by, NULL, &made, f);
  return l->driver->end(l, e, f);
}

enum err store_key_create(struct store *s, const struct store_key *k, const struct audit_actor *by, int64_t *out_id,
                          struct fault *f) {
  struct arena a;
  arena_init(&a);
  struct create c = {k, by, 0, &a};
  /* Not again after a commit in doubt: the second would find the name taken, by this very key. */
  enum err e = driver_run(s, DRIVER_WRITE, true, create, &c, f);
  arena_done(&a);
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

/* The same, of the version that a change is made from; 0: whatever it is. */
static enum err lock_version(struct driver_link *l, int64_t id, int64_t version, struct arena *a, struct store_key *out,
                             struct fault *f) {
  struct store_key found = {0};
  enum err e = lock(l, id, a, &found, f);
  if (e)
    return e;
  if (version && version != found.version)
    return fault_set(f, ERR_STORE_STALE, NULL, "key %lld was changed meanwhile: it is at version %lld", (long long)id,
                     (long long)found.version);
  *out = found;
  return ERR_OK;
}

struct change {
  int64_t id, version;
  bool blocked;
  const struct key_rotation *rotation;
  const struct store_key *key;
  const struct audit_actor *by;
  struct arena *arena;
  enum err (*make)(struct driver_link *l, const struct change *w, struct fault *f);
};

static enum err change(struct driver_link *l, void *args, struct fault *f) {
  const struct change *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = w->make(l, w, f);
  return l->driver->end(l, e, f);
}

/* once: not again after a commit in doubt, because the second time is not as the first. */
static enum err run(struct store *s, struct change w, bool once, struct fault *f) {
  struct arena a;
  arena_init(&a);
  w.arena = &a;
  enum err e = driver_run(s, DRIVER_WRITE, once, change, &w, f);
  arena_done(&a);
  return e;
}

static enum err set_blocked(struct driver_link *l, const struct change *w, struct fault *f) {
  struct store_key was = {0}, is;
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
  return e ? e : store_key_note_on(l, w->blocked ? "key.block" : "key.unblock", w->by, &was, &is, f);
}

enum err store_key_set_blocked(struct store *s, int64_t id, bool blocked, const struct audit_actor *by,
                               struct fault *f) {
  return run(s, (struct change){.id = id, .blocked = blocked, .by = by, .make = set_blocked}, false, f);
}

static bool is_same(const struct store_key *a, const struct store_key *b) {
  return text_equal(a->name, b->name) && text_equal(a->user, b->user) && text_equal(a->models, b->models) &&
         text_equal(a->workspace, b->workspace) && text_equal(a->policy, b->policy) &&
         text_equal(a->routes, b->routes) && text_equal(a->allow_ips, b->allow_ips) &&
         text_equal(a->cors_origins, b->cors_origins) && text_equal(a->budget_period, b->budget_period) &&
         a->rpm == b->rpm && a->tpm == b->tpm && a->concurrency == b->concurrency && a->budget_nano == b->budget_nano &&
         a->expires_us == b->expires_us && a->blocked == b->blocked && a->owner_user == b->owner_user &&
         a->owner_service == b->owner_service;
}

static enum err write_update(struct driver_link *l, const struct store_key *k, struct fault *f) {
  const struct driver *d = l->driver;
  enum err e = d->prepare(l, SQL_KEY_UPDATE, f);
  if (e)
    return e;
  d->bind(l, 1, k->id);
  d->bind_text(l, 2, k->name);
  d->bind_text(l, 3, k->user);
  d->bind_text(l, 4, k->models);
  d->bind(l, 5, k->rpm);
  d->bind(l, 6, k->tpm);
  d->bind(l, 7, k->concurrency);
  d->bind(l, 8, k->budget_nano);
  d->bind_text(l, 9, k->budget_period);
  d->bind(l, 10, k->expires_us);
  d->bind(l, 11, k->blocked);
  d->bind_text(l, 12, k->workspace);
  d->bind_text(l, 13, k->policy);
  d->bind_text(l, 14, k->routes);
  d->bind_text(l, 15, k->allow_ips);
  d->bind_text(l, 16, k->cors_origins);
  d->bind(l, 17, k->owner_user);
  d->bind(l, 18, k->owner_service);
  return name_taken(driver_finish(l, "changing a key", NULL, f), k, f);
}

static const char *update_action(const struct store_key *was, const struct store_key *is) {
  struct store_key other = *was;
  other.blocked = is->blocked;
  if (!is_same(&other, is))
    return "key.update";
  return is->blocked ? "key.block" : "key.unblock";
}

/* Whose it is to be is found before the key is locked. */
static enum err update(struct driver_link *l, const struct change *w, struct fault *f) {
  struct store_key was = {0}, is = *w->key;
  enum err e = is.finds_owner ? key_owner_find_on(l, &is, w->arena, f) : ERR_OK;
  if (!e)
    e = lock_version(l, is.id, w->version, w->arena, &was, f);
  if (e)
    return e;
  is.org_id = was.org_id;
  if (!is.finds_owner && !text_equal(was.user, is.user))
    is.owner_user = is.owner_service = 0;
  if (is_same(&was, &is))
    return ERR_OK;
  if (!text_equal(was.workspace, is.workspace))
    e = settle_workspace(l, &is, f);
  if (!e)
    e = write_update(l, &is, f);
  if (!e)
    e = hold_policy(l, &is, f);
  if (!e && !text_equal(was.name, is.name))
    e = check_assigned(l, was.name, w->arena, f);
  return e ? e : store_key_note_on(l, update_action(&was, &is), w->by, &was, &is, f);
}

enum err store_key_update(struct store *s, const struct store_key *k, int64_t version, const struct audit_actor *by,
                          struct fault *f) {
  /* Not again after a commit in doubt: the second would find another version. */
  return run(s, (struct change){.key = k, .version = version, .by = by, .make = update}, version != 0, f);
}

/* One number to a statement about a key, and one more when it takes two. */
static enum err tell(struct driver_link *l, enum sql which, int64_t id, const int64_t *second, const char *doing,
                     struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  if (second)
    l->driver->bind(l, 2, *second);
  return driver_finish(l, doing, NULL, f);
}

/* The hash that is replaced stays good until the end of the overlap; one from an earlier rotation ends now. */
static enum err keep_old(struct driver_link *l, const struct store_key *was, const struct key_rotation *r,
                         struct fault *f) {
  enum err e = tell(l, SQL_KEY_OLD_END, was->id, &r->now_us, "ending an older key", f);
  if (!e)
    e = l->driver->prepare(l, SQL_KEY_OLD_ADD, f);
  if (e)
    return e;
  l->driver->bind_bytes(l, 1, (struct text){(const char *)was->hash, STORE_HASH_BYTES});
  l->driver->bind(l, 2, was->id);
  l->driver->bind(l, 3, r->until_us);
  return driver_finish(l, "keeping the key as it was", NULL, f);
}

static enum err rotate(struct driver_link *l, const struct change *w, struct fault *f) {
  struct store_key was = {0}, is;
  enum err e = lock_version(l, w->rotation->id, w->rotation->version, w->arena, &was, f);
  if (!e)
    e = keep_old(l, &was, w->rotation, f);
  if (!e)
    e = l->driver->prepare(l, SQL_KEY_ROTATE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, was.id);
  l->driver->bind_bytes(l, 2, (struct text){(const char *)w->rotation->hash, STORE_HASH_BYTES});
  l->driver->bind_text(l, 3, w->rotation->prefix);
  e = driver_finish(l, "rotating a key", NULL, f);
  is = was;
  is.prefix = w->rotation->prefix;
  is.old_until_us = w->rotation->until_us;
  return e ? e : store_key_note_on(l, "key.rotate", w->by, &was, &is, f);
}

enum err store_key_rotate(struct store *s, const struct key_rotation *r, const struct audit_actor *by,
                          struct fault *f) {
  return run(s, (struct change){.rotation = r, .by = by, .make = rotate}, true, f);
}

enum err store_key_drop_on(struct driver_link *l, int64_t id, struct fault *f) {
  enum err e = tell(l, SQL_KEY_OLD_DROP, id, NULL, "deleting a key", f);
  return e ? e : tell(l, SQL_KEY_DELETE, id, NULL, "deleting a key", f);
}

static enum err remove_key(struct driver_link *l, const struct change *w, struct fault *f) {
  struct store_key was = {0};
  enum err e = lock_version(l, w->id, w->version, w->arena, &was, f);
  if (!e)
    e = store_key_drop_on(l, w->id, f);
  return e ? e : store_key_note_on(l, "key.delete", w->by, &was, NULL, f);
}

enum err store_key_delete(struct store *s, int64_t id, int64_t version, const struct audit_actor *by, struct fault *f) {
  return run(s, (struct change){.id = id, .version = version, .by = by, .make = remove_key}, true, f);
}

struct sweep {
  int64_t now_us;
  size_t max;
  const struct audit_actor *by;
  struct arena *arena;
  struct key_sweep done;
};

static enum err expired_ids(struct driver_link *l, const struct sweep *w, int64_t **out, size_t *out_count,
                            struct fault *f) {
  int64_t *ids = NULL;
  size_t count = 0;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_KEY_EXPIRED, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->now_us);
  l->driver->bind(l, 2, w->max > INT64_MAX ? INT64_MAX : (int64_t)w->max);
  while (!(e = l->driver->step(l, &row, "looking for expired keys", f)) && row) {
    ids = driver_more(w->arena, ids, count, sizeof *ids);
    ids[count++] = l->driver->number(l, 0);
  }
  l->driver->reset(l);
  *out = ids;
  *out_count = count;
  return e;
}

/* A key that another program has noted, deleted or given more time meanwhile is passed over. */
static enum err note_expired(struct driver_link *l, struct sweep *w, int64_t id, struct fault *f) {
  struct store_key key = {0};
  int64_t changes = 0;
  enum err e = lock(l, id, w->arena, &key, NULL);
  if (e == ERR_NOT_FOUND || (!e && (key.expires_us == 0 || key.expires_us > w->now_us)))
    return ERR_OK;
  if (e)
    return fault_set(f, e, NULL, "looking for expired keys: the key cannot be read");
  e = l->driver->prepare(l, SQL_KEY_NOTE_EXPIRED, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  e = driver_finish(l, "noting an expired key", &changes, f);
  if (e || changes == 0)
    return e;
  w->done.expired++;
  return store_key_note_on(l, "key.expire", w->by, &key, &key, f);
}

/* Keys are locked in the order of their ids, as key_touch does, so that no two programs wait in a circle. */
static int by_number(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static enum err sweep(struct driver_link *l, void *args, struct fault *f) {
  struct sweep *w = args;
  int64_t *ids = NULL, forgotten = 0;
  size_t count = 0;
  w->done = (struct key_sweep){0, 0};
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = expired_ids(l, w, &ids, &count, f);
  if (!e && count > 1)
    qsort(ids, count, sizeof *ids, by_number);
  for (size_t i = 0; i < count && !e; i++)
    e = note_expired(l, w, ids[i], f);
  if (!e)
    e = l->driver->prepare(l, SQL_KEY_OLD_FORGET, f);
  if (!e) {
    l->driver->bind(l, 1, w->now_us - STORE_OLD_HASH_KEPT_US);
    e = driver_finish(l, "forgetting what keys were", &forgotten, f);
  }
  w->done.forgotten = (uint64_t)forgotten;
  return l->driver->end(l, e, f);
}

enum err store_key_sweep(struct store *s, int64_t now_us, size_t max, const struct audit_actor *by,
                         struct key_sweep *out, struct fault *f) {
  struct arena a;
  arena_init(&a);
  struct sweep w = {now_us, max, by, &a, {0, 0}};
  enum err e = driver_run(s, DRIVER_WRITE, false, sweep, &w, f);
  arena_done(&a);
  if (!e)
    *out = w.done;
  return e;
}
