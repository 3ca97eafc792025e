/* Credentials of providers, on any driver: sealed bytes are bytes here. Each change is one transaction that locks the
 * row, changes it, adds how it was and is to the audit log, and an event for others. Called through
 * ports/store_credentials.h. */
#include "ports/store_credentials.h"

#include "base/json.h"
#include "store/store_audit.h"
#include "store/store_events.h"
#include "store/store_people.h"

struct work {
  const struct store_credential *credential;
  int64_t id, version;
  const struct audit_actor *by;
  struct arena *arena;
  struct store_credential *at;
  size_t count;
  enum err (*make)(struct driver_link *l, const struct work *w, struct fault *f);
};

static void read_row(struct driver_link *l, struct arena *a, struct store_credential *out) {
  *out = (struct store_credential){.id = l->driver->number(l, 0),
                                   .version = l->driver->number(l, 1),
                                   .sealed_version = l->driver->number(l, 8),
                                   .weight = l->driver->number(l, 9),
                                   .is_active = l->driver->number(l, 10) != 0,
                                   .created_us = l->driver->number(l, 11),
                                   .changed_us = l->driver->number(l, 12)};
  struct text *const texts[] = {&out->provider, &out->name, &out->workspace, &out->kind, &out->last4, &out->sealed};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    *texts[i] = driver_text(l, (int)i + 2, a);
}

static enum err next_number(struct driver_link *l, void *args, struct fault *f) {
  return people_next_id(l, "credentials", args, f);
}

static enum err credentials_number(struct store *s, int64_t *out_id, struct fault *f) {
  int64_t id = 0;
  enum err e = driver_run(s, DRIVER_WRITE, false, next_number, &id, f);
  if (!e)
    *out_id = id;
  return e;
}

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  bool row = false;
  w->at = NULL;
  w->count = 0;
  enum err e = l->driver->prepare(l, SQL_CREDENTIALS, f);
  if (e)
    return e;
  l->driver->bind(l, 1, 0);
  l->driver->bind(l, 2, STORE_CREDENTIALS_MAX);
  while (!(e = l->driver->step(l, &row, "listing credentials of providers", f)) && row) {
    w->at = driver_more(w->arena, w->at, w->count, sizeof *w->at);
    read_row(l, w->arena, &w->at[w->count++]);
  }
  l->driver->reset(l);
  return e;
}

static enum err credentials_list(struct store *s, struct arena *a, struct store_credential **out, size_t *out_count,
                                 struct fault *f) {
  struct work w = {.arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, list, &w, f);
  if (!e) {
    *out = w.at;
    *out_count = w.count;
  }
  return e;
}

static enum err find(struct driver_link *l, enum sql which, int64_t id, struct arena *a, struct store_credential *out,
                     struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  e = l->driver->step(l, &row, "looking up a credential", f);
  if (!e && row)
    read_row(l, a, out);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no credential %lld", (long long)id);
}

static enum err get(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  return find(l, SQL_CREDENTIAL_GET, w->id, w->arena, w->at, f);
}

static enum err credentials_get(struct store *s, int64_t id, struct arena *a, struct store_credential *out,
                                struct fault *f) {
  struct store_credential found = {0};
  struct work w = {.id = id, .arena = a, .at = &found};
  enum err e = driver_run(s, DRIVER_READ, false, get, &w, f);
  if (!e)
    *out = found;
  return e;
}

/* As the audit log has it: of the secret only how it ends, and the how manieth it is. */
static void put(struct buf *out, const struct store_credential *c) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "provider", c->provider);
  json_field_text(&w, "name", c->name);
  json_field_text(&w, "workspace", c->workspace);
  json_field_text(&w, "kind", c->kind);
  json_field_text(&w, "last4", c->last4);
  json_field_i64(&w, "secret_version", c->sealed_version);
  json_field_i64(&w, "weight", c->weight);
  json_field_bool(&w, "active", c->is_active);
  json_object_end(&w);
}

static enum err note(struct driver_link *l, const struct work *w, const char *action,
                     const struct store_credential *before, const struct store_credential *after, struct fault *f) {
  struct buf was, is;
  char subject[40];
  snprintf(subject, sizeof subject, "credential:%lld", (long long)w->id);
  buf_init(&was, AUDIT_JSON_MAX);
  buf_init(&is, AUDIT_JSON_MAX);
  if (before)
    put(&was, before);
  if (after)
    put(&is, after);
  enum err e = buf_check(&was) || buf_check(&is)
                   ? fault_set(f, ERR_LIMIT, NULL, "the credential is too long to be audited")
                   : ERR_OK;
  if (!e)
    e = audit_add_on(l, w->by, &(struct audit_entry){text_of(action), text_of(subject), buf_text(&was), buf_text(&is)},
                     NULL, f);
  if (!e)
    e = event_add_id_on(l, "credential", w->id, f);
  buf_done(&was);
  buf_done(&is);
  return e;
}

static enum err name_taken(enum err e, const struct store_credential *c, struct fault *f) {
  if (e != ERR_STORE_CONFLICT)
    return e;
  return fault_set(f, e, "name", "the provider \"%.*s\" has a credential named \"%.*s\" already",
                   TEXT_ARGS(text_head(c->provider, 64)), TEXT_ARGS(text_head(c->name, 64)));
}

static enum err check_room(struct driver_link *l, struct fault *f) {
  bool is_full = false;
  enum err e = l->driver->prepare(l, SQL_CREDENTIAL_FULL, f);
  if (e)
    return e;
  l->driver->bind(l, 1, STORE_CREDENTIALS_MAX - 1);
  e = l->driver->step(l, &is_full, "counting credentials", f);
  l->driver->reset(l);
  if (!e && is_full)
    return fault_set(f, ERR_LIMIT, NULL, "there are %d credentials already: remove one first", STORE_CREDENTIALS_MAX);
  return e;
}

static enum err insert(struct driver_link *l, const struct store_credential *c, struct fault *f) {
  const struct driver *d = l->driver;
  enum err e = d->prepare(l, SQL_CREDENTIAL_ADD, f);
  if (e)
    return e;
  d->bind(l, 1, c->id);
  d->bind(l, 2, STORE_CREDENTIALS_ORG);
  d->bind_text(l, 3, c->provider);
  d->bind_text(l, 4, c->name);
  d->bind_text(l, 5, c->workspace);
  d->bind_text(l, 6, c->kind);
  d->bind_text(l, 7, c->last4);
  d->bind_bytes(l, 8, c->sealed);
  d->bind(l, 9, c->sealed_version);
  d->bind(l, 10, c->weight);
  d->bind(l, 11, c->is_active);
  d->bind(l, 12, c->created_us);
  return name_taken(driver_finish(l, "storing a credential", NULL, f), c, f);
}

/* The lock of the audit log's head, which is needed anyway, lets one through at a time: so many and no more. */
static enum err add(struct driver_link *l, const struct work *w, struct fault *f) {
  enum err e = audit_lock_on(l, f);
  if (!e)
    e = check_room(l, f);
  if (!e)
    e = insert(l, w->credential, f);
  return e ? e : note(l, w, "credential.create", NULL, w->credential, f);
}

static enum err lock(struct driver_link *l, const struct work *w, struct store_credential *out, struct fault *f) {
  struct store_credential was = {0};
  enum err e = find(l, SQL_CREDENTIAL_LOCK, w->id, w->arena, &was, f);
  if (e)
    return e;
  if (w->version && w->version != was.version)
    return fault_set(f, ERR_STORE_STALE, NULL, "credential %lld was changed meanwhile: it is at version %lld",
                     (long long)w->id, (long long)was.version);
  *out = was;
  return ERR_OK;
}

static enum err write_change(struct driver_link *l, const struct store_credential *c, struct fault *f) {
  const struct driver *d = l->driver;
  enum err e = d->prepare(l, SQL_CREDENTIAL_CHANGE, f);
  if (e)
    return e;
  d->bind(l, 1, c->id);
  d->bind_text(l, 2, c->name);
  d->bind_text(l, 3, c->workspace);
  d->bind_text(l, 4, c->last4);
  d->bind_bytes(l, 5, c->sealed);
  d->bind(l, 6, c->sealed_version);
  d->bind(l, 7, c->weight);
  d->bind(l, 8, c->is_active);
  d->bind(l, 9, c->changed_us);
  return name_taken(driver_finish(l, "changing a credential", NULL, f), c, f);
}

/* What is sealed now may have been sealed under another master key since it was read: then it stays. */
static enum err change(struct driver_link *l, const struct work *w, struct fault *f) {
  struct store_credential was = {0}, is = *w->credential;
  enum err e = lock(l, w, &was, f);
  if (e)
    return e;
  is.provider = was.provider;
  is.kind = was.kind;
  if (is.sealed_version == was.sealed_version) {
    is.sealed = was.sealed;
    is.last4 = was.last4;
  }
  e = write_change(l, &is, f);
  return e ? e
           : note(l, w, is.sealed_version == was.sealed_version ? "credential.update" : "credential.rotate", &was, &is,
                  f);
}

static enum err take_away(struct driver_link *l, const struct work *w, struct fault *f) {
  struct store_credential was = {0};
  enum err e = lock(l, w, &was, f);
  if (!e)
    e = l->driver->prepare(l, SQL_CREDENTIAL_REMOVE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  e = driver_finish(l, "removing a credential", NULL, f);
  return e ? e : note(l, w, "credential.delete", &was, NULL, f);
}

static enum err in_transaction(struct driver_link *l, void *args, struct fault *f) {
  const struct work *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  return e ? e : l->driver->end(l, w->make(l, w, f), f);
}

/* Not again after a commit in doubt: the second would find what the first has done. */
static enum err run(struct store *s, struct work w, struct fault *f) {
  struct arena a;
  arena_init(&a);
  w.arena = &a;
  enum err e = driver_run(s, DRIVER_WRITE, true, in_transaction, &w, f);
  arena_done(&a);
  return e;
}

static enum err credentials_add(struct store *s, const struct store_credential *c, const struct audit_actor *by,
                                struct fault *f) {
  return run(s, (struct work){.credential = c, .id = c->id, .by = by, .make = add}, f);
}

static enum err credentials_change(struct store *s, const struct store_credential *c, int64_t version,
                                   const struct audit_actor *by, struct fault *f) {
  return run(s, (struct work){.credential = c, .id = c->id, .version = version, .by = by, .make = change}, f);
}

static enum err credentials_remove(struct store *s, int64_t id, int64_t version, const struct audit_actor *by,
                                   struct fault *f) {
  return run(s, (struct work){.id = id, .version = version, .by = by, .make = take_away}, f);
}

const struct store_credentials_ops store_credentials = {.number = credentials_number,
                                                        .add = credentials_add,
                                                        .list = credentials_list,
                                                        .get = credentials_get,
                                                        .change = credentials_change,
                                                        .remove = credentials_remove};
