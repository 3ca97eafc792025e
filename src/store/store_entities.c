/* Entries of the configuration in the store, on any driver: one table for all kinds. A change locks the head of the
 * audit log, so that one comes after the other. Called through ports/store_entities.h by the control API and by app. */
#include "ports/store_entities.h"

#include "base/json.h"
#include "store/store_audit.h"
#include "store/store_events.h"
#include "store/store_keys.h"
#include "store/store_people.h"

static const char doing[] = "changing the stored configuration";

struct change {
  const struct store_entity *entity;
  struct text kind;
  int64_t id, version;
  bool is_shadowed;
  const struct audit_actor *by;
  struct arena *arena;
  enum err (*make)(struct driver_link *l, struct change *c, struct fault *f);
};

static void read_row(struct driver_link *l, struct arena *a, struct store_entity *out) {
  const struct driver *d = l->driver;
  *out = (struct store_entity){.id = d->number(l, 0),
                               .version = d->number(l, 1),
                               .kind = driver_text(l, 2, a),
                               .name = driver_text(l, 3, a),
                               .user = driver_text(l, 4, a),
                               .body = driver_text(l, 5, a),
                               .position = d->number(l, 6),
                               .created_us = d->number(l, 7),
                               .changed_us = d->number(l, 8)};
}

struct listing {
  struct arena *arena;
  struct store_entity *at;
  size_t count;
};

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct listing *w = args;
  bool row = false;
  w->at = NULL;
  w->count = 0;
  enum err e = l->driver->prepare(l, SQL_ENTITY_LIST, f);
  if (e)
    return e;
  while (!(e = l->driver->step(l, &row, "reading the stored configuration", f)) && row) {
    w->at = driver_more(w->arena, w->at, w->count, sizeof *w->at);
    read_row(l, w->arena, &w->at[w->count++]);
  }
  l->driver->reset(l);
  return e;
}

static enum err entities_list(struct store *s, struct arena *a, struct store_entity **out, size_t *out_count,
                              struct fault *f) {
  struct listing w = {.arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, list, &w, f);
  if (!e) {
    *out = w.at;
    *out_count = w.count;
  }
  return e;
}

static struct text as_json(const struct store_entity *e, struct buf *out) {
  struct json_writer w;
  if (!e)
    return TEXT_NONE;
  json_writer_init(&w, out);
  json_object(&w);
  json_name_text(&w, e->kind);
  json_put_raw(&w, e->body);
  json_field_i64(&w, "position", e->position);
  if (e->user.len > 0)
    json_field_text(&w, "user", e->user); /* by which an erasure finds it */
  json_object_end(&w);
  return buf_text(out);
}

static enum err note(struct driver_link *l, const struct change *c, const char *done, const struct store_entity *before,
                     const struct store_entity *after, struct fault *f) {
  struct buf was, is;
  char action[48], subject[48];
  snprintf(action, sizeof action, "%.*s.%s", TEXT_ARGS(text_head(c->kind, 32)), done);
  snprintf(subject, sizeof subject, "%.*s:%lld", TEXT_ARGS(text_head(c->kind, 24)), (long long)c->id);
  buf_init(&was, AUDIT_JSON_MAX);
  buf_init(&is, AUDIT_JSON_MAX);
  const struct audit_entry entry = {text_of(action), text_of(subject), as_json(before, &was), as_json(after, &is)};
  enum err e = buf_check(&was) || buf_check(&is) ? fault_set(f, ERR_LIMIT, NULL, "the change is too long to be audited")
                                                 : audit_add_on(l, c->by, &entry, NULL, f);
  if (!e)
    e = event_add_on(l, "config", text_of(subject), f);
  buf_done(&was);
  buf_done(&is);
  return e;
}

static enum err finish(struct driver_link *l, const struct store_entity *e, struct fault *f) {
  enum err err = driver_finish(l, doing, NULL, f);
  if (err != ERR_STORE_CONFLICT)
    return err;
  return fault_set(f, err, "name", "there is a %.*s of this name already", TEXT_ARGS(text_head(e->kind, 32)));
}

/* The row that a change is about, as it was when the caller read it. */
static enum err find(struct driver_link *l, const struct change *c, struct store_entity *out, struct fault *f) {
  bool row = false;
  enum err e = audit_lock_on(l, f);
  if (!e)
    e = l->driver->prepare(l, SQL_ENTITY_GET, f);
  if (e)
    return e;
  l->driver->bind(l, 1, c->id);
  l->driver->bind_text(l, 2, c->kind);
  e = l->driver->step(l, &row, doing, f);
  if (!e && row)
    read_row(l, c->arena, out);
  l->driver->reset(l);
  if (e)
    return e;
  if (!row)
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no %.*s %lld", TEXT_ARGS(text_head(c->kind, 32)),
                     (long long)c->id);
  if (c->version == 0 || c->version == out->version)
    return ERR_OK;
  return fault_set(f, ERR_STORE_STALE, NULL, "%.*s %lld was changed meanwhile: it is at version %lld",
                   TEXT_ARGS(text_head(c->kind, 32)), (long long)c->id, (long long)out->version);
}

/* Where a new one stands, and that there is room for it. */
static enum err place(struct driver_link *l, struct store_entity *made, struct fault *f) {
  bool row = false;
  int64_t last = 0, count = 0;
  enum err e = l->driver->prepare(l, SQL_ENTITY_PLACE, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, made->kind);
  e = l->driver->step(l, &row, doing, f);
  if (!e && row) {
    last = l->driver->number(l, 0);
    count = l->driver->number(l, 1);
  }
  l->driver->reset(l);
  if (!e && count >= STORE_ENTITIES_MAX)
    e = fault_set(f, ERR_LIMIT, NULL, "there are %d entries of the configuration in the store, and no more may be",
                  STORE_ENTITIES_MAX);
  if (!e && made->position == 0)
    made->position = last < INT64_MAX ? last + 1 : last;
  return e;
}

/* The head of the log is locked, as by whoever adds a credential. */
static enum err check_credentials(struct driver_link *l, const struct store_entity *is, struct fault *f) {
  bool row = false;
  if (!is->is_unproven)
    return ERR_OK;
  enum err e = l->driver->prepare(l, SQL_CREDENTIAL_OF, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, is->name);
  e = l->driver->step(l, &row, doing, f);
  l->driver->reset(l);
  if (e || !row)
    return e;
  return fault_set(f, ERR_FORBIDDEN, NULL, "there are credentials of a provider \"%.*s\", which would be sent there",
                   TEXT_ARGS(text_head(is->name, 64)));
}

/* What is about a key is about whom it is of. */
static enum err find_whose(struct driver_link *l, struct change *c, struct store_entity *e, struct fault *f) {
  bool row = false;
  struct store_key key;
  if (e->user.len > 0 || !text_starts(e->name, TEXT("key\n")))
    return ERR_OK;
  enum err err = l->driver->prepare(l, SQL_KEY_FIND_BY_NAME, f);
  if (err)
    return err;
  l->driver->bind_text(l, 1, text_skip(e->name, 4));
  err = l->driver->step(l, &row, doing, f);
  if (!err && row) {
    store_key_read(l, c->arena, &key);
    e->user = key.user;
  }
  l->driver->reset(l);
  return err;
}

static enum err create(struct driver_link *l, struct change *c, struct fault *f) {
  struct store_entity made = *c->entity;
  enum err e = audit_lock_on(l, f);
  if (!e)
    e = find_whose(l, c, &made, f);
  if (!e)
    e = check_credentials(l, &made, f);
  if (!e)
    e = place(l, &made, f);
  if (!e)
    e = people_next_id(l, "entities", &made.id, f);
  if (!e)
    e = l->driver->prepare(l, SQL_ENTITY_INSERT, f);
  if (e)
    return e;
  l->driver->bind(l, 1, made.id);
  l->driver->bind_text(l, 2, made.kind);
  l->driver->bind_text(l, 3, made.name);
  l->driver->bind_text(l, 4, made.user);
  l->driver->bind_text(l, 5, made.body);
  l->driver->bind(l, 6, made.position);
  l->driver->bind(l, 7, made.created_us);
  e = finish(l, &made, f);
  c->id = made.id;
  return e ? e : note(l, c, "create", NULL, &made, f);
}

/* The head of the log is locked, and whoever puts a key under a policy of the store looks for it while they hold the
 * same lock: of the two one sees the other. */
static enum err check_unused(struct driver_link *l, const struct store_entity *was, bool is_shadowed, struct fault *f) {
  bool row = false;
  int64_t keys = 0;
  if (is_shadowed || !text_equal(was->kind, TEXT("policy")))
    return ERR_OK;
  enum err e = l->driver->prepare(l, SQL_KEY_UNDER_POLICY, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, was->name);
  e = l->driver->step(l, &row, doing, f);
  if (!e && row)
    keys = l->driver->number(l, 0);
  l->driver->reset(l);
  if (e || keys == 0)
    return e;
  return fault_set(f, ERR_STORE_CONFLICT, NULL, "the policy is in use: %lld %s under it", (long long)keys,
                   keys == 1 ? "key is" : "keys are");
}

static enum err update(struct driver_link *l, struct change *c, struct fault *f) {
  struct store_entity was = {0}, is = *c->entity;
  enum err e = find(l, c, &was, f);
  if (!e && !text_equal(was.name, is.name))
    e = check_unused(l, &was, is.is_shadowed, f);
  if (!e)
    e = check_credentials(l, &is, f);
  if (!e)
    e = find_whose(l, c, &is, f);
  if (!e)
    e = l->driver->prepare(l, SQL_ENTITY_UPDATE, f);
  if (e)
    return e;
  is.kind = was.kind;
  l->driver->bind(l, 1, c->id);
  l->driver->bind_text(l, 2, is.name);
  l->driver->bind_text(l, 3, is.user);
  l->driver->bind_text(l, 4, is.body);
  l->driver->bind(l, 5, is.position);
  l->driver->bind(l, 6, is.changed_us);
  e = finish(l, &is, f);
  return e ? e : note(l, c, "update", &was, &is, f);
}

static enum err drop(struct driver_link *l, struct change *c, struct fault *f) {
  struct store_entity was = {0};
  enum err e = find(l, c, &was, f);
  if (!e)
    e = check_unused(l, &was, c->is_shadowed, f);
  if (!e)
    e = people_tell(l, SQL_ENTITY_DELETE, c->id, NULL, f);
  return e ? e : note(l, c, "delete", &was, NULL, f);
}

static enum err run(struct driver_link *l, void *args, struct fault *f) {
  struct change *c = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  return e ? e : l->driver->end(l, c->make(l, c, f), f);
}

/* Not again after a commit in doubt: the second would find what the first has left. */
static enum err run_once(struct store *s, struct change *c, struct fault *f) {
  struct change w = *c;
  struct arena a;
  arena_init(&a);
  w.arena = &a;
  enum err e = driver_run(s, DRIVER_WRITE, true, run, &w, f);
  arena_done(&a);
  c->id = w.id;
  return e;
}

static enum err entities_create(struct store *s, const struct store_entity *e, const struct audit_actor *by,
                                int64_t *out_id, struct fault *f) {
  struct change c = {.entity = e, .kind = e->kind, .by = by, .make = create};
  enum err err = run_once(s, &c, f);
  if (!err)
    *out_id = c.id;
  return err;
}

static enum err entities_update(struct store *s, const struct store_entity *e, int64_t version,
                                const struct audit_actor *by, struct fault *f) {
  struct change c = {.entity = e, .kind = e->kind, .id = e->id, .version = version, .by = by, .make = update};
  return run_once(s, &c, f);
}

static enum err entities_remove(struct store *s, struct text kind, int64_t id, int64_t version,
                                const struct audit_actor *by, struct fault *f) {
  struct change c = {.kind = kind, .id = id, .version = version, .by = by, .make = drop};
  return run_once(s, &c, f);
}

static enum err entities_discard(struct store *s, struct text kind, int64_t id, int64_t version,
                                 const struct audit_actor *by, struct fault *f) {
  struct change c = {.kind = kind, .id = id, .version = version, .is_shadowed = true, .by = by, .make = drop};
  return run_once(s, &c, f);
}

const struct store_entities_ops store_entities = {.list = entities_list,
                                                  .create = entities_create,
                                                  .update = entities_update,
                                                  .remove = entities_remove,
                                                  .discard = entities_discard};
