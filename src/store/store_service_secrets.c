/* Secrets of service accounts, on any driver. What a secret is, and how it is hashed, is not known here. Called through
 * ports/store_service_secrets.h; an account that is removed takes its own along in store_people.c. */
#include "ports/store_service_secrets.h"

#include "store/store_audit.h"
#include "store/store_events.h"
#include "store/store_people.h"

struct work {
  const struct store_service_secret *secret;
  int64_t org_id, service_id, id;
  const uint8_t *hash;
  const struct audit_actor *by;
  struct arena *arena;
  struct store_service_secret *at;
  size_t count;
};

static void read_row(struct driver_link *l, struct arena *a, struct store_service_secret *out) {
  struct text hash = l->driver->bytes(l, 4);
  *out = (struct store_service_secret){.id = l->driver->number(l, 0),
                                       .org_id = l->driver->number(l, 1),
                                       .service_id = l->driver->number(l, 2),
                                       .created_us = l->driver->number(l, 5),
                                       .expires_us = l->driver->number(l, 6)};
  if (hash.len == sizeof out->hash)
    memcpy(out->hash, hash.at, sizeof out->hash);
  out->prefix = driver_text(l, 3, a);
}

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  bool row = false;
  w->count = 0;
  w->at = NULL;
  enum err e = l->driver->prepare(l, SQL_SERVICE_SECRETS, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->service_id);
  l->driver->bind(l, 2, SERVICE_SECRETS_MAX);
  while (!(e = l->driver->step(l, &row, "listing secrets of a service account", f)) && row) {
    w->at = driver_more(w->arena, w->at, w->count, sizeof *w->at);
    read_row(l, w->arena, &w->at[w->count]);
    w->count += w->org_id == 0 || w->at[w->count].org_id == w->org_id;
  }
  l->driver->reset(l);
  return e;
}

static enum err secrets_list(struct store *s, int64_t org_id, int64_t service_id, struct arena *a,
                             struct store_service_secret **out, size_t *out_count, struct fault *f) {
  struct work w = {.org_id = org_id, .service_id = service_id, .arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, list, &w, f);
  if (!e) {
    *out = w.at;
    *out_count = w.count;
  }
  return e;
}

static enum err find(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_SERVICE_SECRET_FIND, f);
  if (e)
    return e;
  l->driver->bind_bytes(l, 1, (struct text){(const char *)w->hash, STORE_HASH_BYTES});
  e = l->driver->step(l, &row, "looking up the secret of a service account", f);
  if (!e && row)
    read_row(l, w->arena, w->at);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no such secret");
}

static enum err secrets_find(struct store *s, const uint8_t hash[STORE_HASH_BYTES], struct arena *a,
                             struct store_service_secret *out, struct fault *f) {
  struct store_service_secret found;
  struct work w = {.hash = hash, .arena = a, .at = &found};
  enum err e = driver_run(s, DRIVER_READ, false, find, &w, f);
  if (!e)
    *out = found;
  return e;
}

static enum err note(struct driver_link *l, const struct work *w, int64_t org_id, const char *action, bool is_made,
                     struct fault *f) {
  char subject[48], json[96];
  snprintf(subject, sizeof subject, "service:%lld", (long long)w->service_id);
  snprintf(json, sizeof json, "{\"secret\":%lld}", (long long)w->id);
  const struct audit_entry entry = {.action = text_of(action),
                                    .subject = text_of(subject),
                                    .before = is_made ? TEXT_NONE : text_of(json),
                                    .after = is_made ? text_of(json) : TEXT_NONE,
                                    .org_id = org_id};
  enum err e = audit_add_on(l, w->by, &entry, NULL, f);
  return e ? e : event_add_on(l, "access", text_of(subject), f);
}

static enum err insert(struct driver_link *l, const struct work *w, int64_t org_id, struct fault *f) {
  const struct store_service_secret *secret = w->secret;
  enum err e = l->driver->prepare(l, SQL_SERVICE_SECRET_ADD, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, org_id);
  l->driver->bind(l, 3, secret->service_id);
  l->driver->bind_text(l, 4, secret->prefix);
  l->driver->bind_bytes(l, 5, (struct text){(const char *)secret->hash, sizeof secret->hash});
  l->driver->bind(l, 6, secret->created_us);
  l->driver->bind(l, 7, secret->expires_us);
  return driver_finish(l, "storing the secret of a service account", NULL, f);
}

static enum err add_in(struct driver_link *l, struct work *w, struct fault *f) {
  struct people_row account;
  enum err e = people_lock_on(l, PEOPLE_SERVICE, w->org_id, w->service_id, w->arena, &account, f);
  if (!e)
    e = list(l, w, f);
  if (!e && w->count >= SERVICE_SECRETS_MAX)
    e = fault_set(f, ERR_LIMIT, NULL, "a service account has %d secrets at most: remove one first",
                  SERVICE_SECRETS_MAX);
  if (!e)
    e = people_next_id(l, "service_secrets", &w->id, f);
  if (!e)
    e = insert(l, w, account.org_id, f);
  return e ? e : note(l, w, account.org_id, "service_secret.create", true, f);
}

static enum err add(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  return e ? e : l->driver->end(l, add_in(l, args, f), f);
}

static enum err secrets_add(struct store *s, const struct store_service_secret *secret, const struct audit_actor *by,
                            int64_t *out_id, struct fault *f) {
  struct arena a;
  struct work w = {.secret = secret, .org_id = secret->org_id, .service_id = secret->service_id, .by = by, .arena = &a};
  arena_init(&a);
  enum err e = secret->prefix.len > SERVICE_SECRET_BEGIN ? fault_set(f, ERR_LIMIT, NULL, "the prefix is too long")
                                                         : driver_run(s, DRIVER_WRITE, true, add, &w, f);
  arena_done(&a);
  if (!e)
    *out_id = w.id;
  return e;
}

static enum err remove_in(struct driver_link *l, const struct work *w, struct fault *f) {
  struct people_row account;
  int64_t changes = 0;
  enum err e = people_lock_on(l, PEOPLE_SERVICE, w->org_id, w->service_id, w->arena, &account, f);
  if (!e)
    e = l->driver->prepare(l, SQL_SERVICE_SECRET_REMOVE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->service_id);
  e = driver_finish(l, "removing the secret of a service account", &changes, f);
  if (!e && changes == 0)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "the service account has no secret %lld", (long long)w->id);
  return e ? e : note(l, w, account.org_id, "service_secret.remove", false, f);
}

static enum err remove_one(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  return e ? e : l->driver->end(l, remove_in(l, args, f), f);
}

static enum err secrets_remove(struct store *s, int64_t org_id, int64_t service_id, int64_t id,
                               const struct audit_actor *by, struct fault *f) {
  struct arena a;
  struct work w = {.org_id = org_id, .service_id = service_id, .id = id, .by = by, .arena = &a};
  arena_init(&a);
  enum err e = driver_run(s, DRIVER_WRITE, true, remove_one, &w, f);
  arena_done(&a);
  return e;
}

const struct store_service_secrets_ops store_service_secrets = {
    .add = secrets_add, .list = secrets_list, .find = secrets_find, .remove = secrets_remove};
