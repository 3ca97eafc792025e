/* Keys and those whose they are: found when a key is made or given to somebody, and what becomes of somebody's keys
 * when they get another address, are disabled or go. Called by store_key_changes.c and store_people.c, in their
 * transactions.
 */
#include "store/store_key_owners.h"

#include "store/store_events.h"
#include "store/store_keys.h"
#include "store/store_people.h"

#define SERVICE_PREFIX TEXT("service:")

/* Emails are kept in lower case. */
static struct text lower(struct arena *a, struct text t) {
  struct text copy = arena_copy(a, t);
  char *at = (char *)(uintptr_t)copy.at;
  for (size_t i = 0; i < copy.len; i++)
    if (at[i] >= 'A' && at[i] <= 'Z')
      at[i] = (char)(at[i] - 'A' + 'a');
  return copy;
}

static enum err find_user(struct driver_link *l, enum sql which, struct store_key *k, struct arena *a,
                          struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  if (which == SQL_KEY_OWNER_IS)
    l->driver->bind(l, 1, k->owner_user);
  else
    l->driver->bind_text(l, 1, lower(a, k->user));
  l->driver->bind(l, 2, k->org_id);
  e = l->driver->step(l, &row, "looking up whose a key is", f);
  if (!e && row) {
    k->owner_user = l->driver->number(l, 0);
    k->user = driver_text(l, 1, a);
  }
  l->driver->reset(l);
  return e;
}

static enum err find_service(struct driver_link *l, struct store_key *k, struct arena *a, struct fault *f) {
  struct people_row service = {0};
  struct fault why = {0};
  int64_t id = 0;
  if (!text_to_i64(text_skip(k->user, SERVICE_PREFIX.len), &id))
    return ERR_OK;
  enum err e = people_get_on(l, PEOPLE_SERVICE, k->org_id, id, a, &service, &why);
  if (!e)
    k->owner_service = id;
  return e == ERR_NOT_FOUND ? ERR_OK : e ? fault_set(f, e, NULL, "%s", fault_text(&why)) : ERR_OK;
}

enum err key_owner_find_on(struct driver_link *l, struct store_key *k, struct arena *a, struct fault *f) {
  k->owner_user = k->owner_service = 0;
  if (k->user.len == 0)
    return ERR_OK;
  return text_starts(k->user, SERVICE_PREFIX) ? find_service(l, k, a, f) : find_user(l, SQL_KEY_OWNER, k, a, f);
}

enum err key_owner_keep_on(struct driver_link *l, struct store_key *k, struct arena *a, struct fault *f) {
  return k->owner_user ? find_user(l, SQL_KEY_OWNER_IS, k, a, f) : ERR_OK;
}

/* The number of somebody to a statement that locks. */
static enum err lock_keys(struct driver_link *l, enum sql which, int64_t id, struct arena *a, struct key_owned *out,
                          struct fault *f) {
  struct key_owned found = {NULL, 0};
  bool row = false;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  while (!(e = l->driver->step(l, &row, "looking for somebody's keys", f)) && row) {
    found.keys = driver_more(a, found.keys, found.count, sizeof *found.keys);
    store_key_read(l, a, &found.keys[found.count++]);
  }
  l->driver->reset(l);
  if (!e)
    *out = found;
  return e;
}

static enum err hold_user(struct driver_link *l, int64_t id, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_USER_HOLD, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  e = l->driver->step(l, &row, "locking a user", f);
  l->driver->reset(l);
  return e;
}

enum err key_owner_hold_on(struct driver_link *l, enum people_kind kind, int64_t id, struct arena *a,
                           struct key_owned *out, struct fault *f) {
  *out = (struct key_owned){NULL, 0};
  if (kind != PEOPLE_USER && kind != PEOPLE_SERVICE)
    return ERR_OK;
  if (kind == PEOPLE_SERVICE)
    return lock_keys(l, SQL_KEYS_OF_SERVICE, id, a, out, f);
  enum err e = hold_user(l, id, f);
  return e ? e : lock_keys(l, SQL_KEYS_OF_USER, id, a, out, f);
}

enum err key_owner_rename_on(struct driver_link *l, const struct key_owned *o, struct text email,
                             const struct audit_actor *by, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < o->count && !e; i++) {
    struct store_key is = o->keys[i];
    is.user = email;
    e = l->driver->prepare(l, SQL_KEY_RENAME_USER, f);
    if (e)
      break;
    l->driver->bind(l, 1, is.id);
    l->driver->bind_text(l, 2, email);
    e = driver_finish(l, "renaming whose a key is", NULL, f);
    if (!e)
      e = store_key_note_on(l, "key.update", by, &o->keys[i], &is, f);
  }
  return e;
}

enum err key_owner_tell_on(struct driver_link *l, const struct key_owned *o, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < o->count && !e; i++)
    e = event_add_id_on(l, "key", o->keys[i].id, f);
  return e;
}

enum err key_owner_remove_on(struct driver_link *l, const struct key_owned *o, const struct audit_actor *by,
                             struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < o->count && !e; i++) {
    e = store_key_drop_on(l, o->keys[i].id, f);
    if (!e)
      e = store_key_note_on(l, "key.delete", by, &o->keys[i], NULL, f);
  }
  return e;
}
