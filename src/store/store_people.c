/* Organisations, workspaces, teams, users, service accounts and roles, on any driver: one way to make, read, change and
 * remove a row of any kind, over a table that says what is particular about each. Grants and memberships are in
 * store_people_grants.c, entries of the audit log in store_people_note.c. Called through ports/store_people.h. */
#include "store/store_people.h"

#include "store/store_key_owners.h"

/* Which members a statement takes, in the order of its parameters: i id, o org_id, n name, t text, x external, z
 * timezone, w week_start, d is_disabled, v is_invited, c created_us, e email_us. */
static const struct kind {
  const char *word, *sequence, *inserted, *updated;
  enum sql insert, get, list, update, drop;
} kinds[] = {
    [PEOPLE_ORGANISATION] = {"organisation", "organisations", "intzwc", "intzw", SQL_ORGANISATION_INSERT,
                             SQL_ORGANISATION_GET, SQL_ORGANISATION_LIST, SQL_ORGANISATION_UPDATE,
                             SQL_ORGANISATION_DELETE},
    [PEOPLE_WORKSPACE] = {"workspace", "workspaces", "iontc", "it", SQL_WORKSPACE_INSERT, SQL_WORKSPACE_GET,
                          SQL_WORKSPACE_LIST, SQL_WORKSPACE_UPDATE, SQL_WORKSPACE_DELETE},
    [PEOPLE_TEAM] = {"team", "teams", "iontc", "int", SQL_TEAM_INSERT, SQL_TEAM_GET, SQL_TEAM_LIST, SQL_TEAM_UPDATE,
                     SQL_TEAM_DELETE},
    [PEOPLE_USER] = {"user", "users", "iontxdvc", "intdve", SQL_USER_INSERT, SQL_USER_GET, SQL_USER_LIST,
                     SQL_USER_UPDATE, SQL_USER_DELETE},
    [PEOPLE_SERVICE] = {"service account", "services", "iontdc", "intd", SQL_SERVICE_INSERT, SQL_SERVICE_GET,
                        SQL_SERVICE_LIST, SQL_SERVICE_UPDATE, SQL_SERVICE_DELETE},
    [PEOPLE_ROLE] = {"role", "roles", "iontc", "int", SQL_ROLE_INSERT, SQL_ROLE_GET, SQL_ROLE_LIST, SQL_ROLE_UPDATE,
                     SQL_ROLE_DELETE},
};

/* What goes with a row, each a statement with its id as ?1, behind its grants. */
static const struct {
  enum people_kind kind;
  enum sql which;
} cascades[] = {
    {PEOPLE_TEAM, SQL_TEAM_EMPTY},    {PEOPLE_USER, SQL_USER_LEAVE},
    {PEOPLE_USER, SQL_PASSWORD_DROP}, {PEOPLE_USER, SQL_TOTP_DROP},
    {PEOPLE_USER, SQL_RECOVERY_DROP}, {PEOPLE_USER, SQL_SESSION_DROP},
    {PEOPLE_USER, SQL_LINK_DROP},     {PEOPLE_SERVICE, SQL_SERVICE_SECRETS_DROP},
};

#define FIRST_ORGANISATION 1

enum err people_tell(struct driver_link *l, enum sql which, int64_t first, const int64_t *second, struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, first);
  if (second)
    l->driver->bind(l, 2, *second);
  return driver_finish(l, "changing people", NULL, f);
}

enum err people_next_id(struct driver_link *l, const char *sequence, int64_t *out, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_PEOPLE_NEXT_ID, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, text_of(sequence));
  e = l->driver->step(l, &row, "numbering", f);
  if (!e && row)
    *out = l->driver->number(l, 0);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_STORE, NULL, "there is no sequence %s", sequence);
}

void people_read(struct driver_link *l, struct arena *a, struct people_row *out) {
  const struct driver *d = l->driver;
  *out = (struct people_row){
      .id = d->number(l, 0),
      .org_id = d->number(l, 1),
      .version = d->number(l, 2),
      .name = driver_text(l, 3, a),
      .text = driver_text(l, 4, a),
      .external = driver_text(l, 5, a),
      .timezone = driver_text(l, 6, a),
      .week_start = driver_text(l, 7, a),
      .is_disabled = d->number(l, 8) != 0,
      .is_invited = d->number(l, 9) != 0,
      .created_us = d->number(l, 10),
      .last_seen_us = d->number(l, 11),
      .email_us = d->number(l, 12),
  };
}

enum err people_get_on(struct driver_link *l, enum people_kind kind, int64_t org_id, int64_t id, struct arena *a,
                       struct people_row *out, struct fault *f) {
  struct people_row found = {0};
  bool row = false;
  enum err e = l->driver->prepare(l, kinds[kind].get, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  e = l->driver->step(l, &row, "looking up people", f);
  if (!e && row)
    people_read(l, a, &found);
  l->driver->reset(l);
  if (e)
    return e;
  if (!row || (org_id && found.org_id != org_id))
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no %s %lld", kinds[kind].word, (long long)id);
  *out = found;
  return ERR_OK;
}

enum err people_lock_org_on(struct driver_link *l, int64_t org_id, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_PEOPLE_LOCK, f);
  if (e)
    return e;
  l->driver->bind(l, 1, org_id);
  e = l->driver->step(l, &row, "locking an organisation", f);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no organisation %lld", (long long)org_id);
}

/* A row never moves to another organisation, so the first look may be without the lock. */
enum err people_lock_on(struct driver_link *l, enum people_kind kind, int64_t org_id, int64_t id, struct arena *a,
                        struct people_row *out, struct fault *f) {
  struct people_row found = {0};
  enum err e = people_get_on(l, kind, org_id, id, a, &found, f);
  if (!e)
    e = people_lock_org_on(l, found.org_id, f);
  return e ? e : people_get_on(l, kind, org_id, id, a, out, f);
}

static enum err run(struct driver_link *l, void *args, struct fault *f) {
  struct people_change *c = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = c->make(l, c, f);
  return l->driver->end(l, e, f);
}

enum err people_run(struct store *s, struct people_change *c, bool once, struct fault *f) {
  struct people_change w = *c;
  struct arena a;
  arena_init(&a);
  w.arena = &a;
  enum err e = driver_run(s, DRIVER_WRITE, once, run, &w, f);
  arena_done(&a);
  c->out_id = w.out_id;
  return e;
}

static void bind_members(struct driver_link *l, const char *members, const struct people_row *r) {
  const struct driver *d = l->driver;
  for (int at = 1; members[at - 1]; at++) {
    switch (members[at - 1]) {
    case 'i': d->bind(l, at, r->id); break;
    case 'o': d->bind(l, at, r->org_id); break;
    case 'n': d->bind_text(l, at, r->name); break;
    case 't': d->bind_text(l, at, r->text); break;
    case 'x': d->bind_text(l, at, r->external); break;
    case 'z': d->bind_text(l, at, r->timezone); break;
    case 'w': d->bind_text(l, at, r->week_start); break;
    case 'd': d->bind(l, at, r->is_disabled); break;
    case 'v': d->bind(l, at, r->is_invited); break;
    case 'e': d->bind(l, at, r->email_us); break;
    default: /* 'c' */ d->bind(l, at, r->created_us);
    }
  }
}

static enum err write_row(struct driver_link *l, enum people_kind kind, enum sql which, const char *members,
                          const struct people_row *r, struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  bind_members(l, members, r);
  e = driver_finish(l, "storing people", NULL, f);
  if (e != ERR_STORE_CONFLICT)
    return e;
  if (kind == PEOPLE_USER)
    return fault_set(f, e, "email", "there is a user with that email already");
  return fault_set(f, e, "name", "there is a %s named \"%.*s\" already", kinds[kind].word,
                   TEXT_ARGS(text_head(r->name, 64)));
}

/* Emails are compared in lower case. */
static struct text lower(struct arena *a, struct text t) {
  char *at = arena_alloc(a, t.len + 1);
  for (size_t i = 0; i < t.len; i++)
    at[i] = (char)(t.at[i] >= 'A' && t.at[i] <= 'Z' ? t.at[i] - 'A' + 'a' : t.at[i]);
  at[t.len] = '\0';
  return (struct text){at, t.len};
}

static struct people_row as_stored(enum people_kind kind, const struct people_row *r, struct arena *a) {
  struct people_row stored = *r;
  if (kind == PEOPLE_USER)
    stored.text = lower(a, r->text);
  return stored;
}

/* A number from a statement with one text; -1 when it yields no row. */
static enum err number_of(struct driver_link *l, enum sql which, struct text text, int64_t *out, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, text);
  e = l->driver->step(l, &row, "looking up a workspace", f);
  if (!e)
    *out = row ? l->driver->number(l, 0) : -1;
  l->driver->reset(l);
  return e;
}

/* Calls are found by their workspace's name, so a name is one organisation's for ever; the first one's are also those
 * that keys and calls have without a workspace of that name having been made. */
static enum err claim_name(struct driver_link *l, const struct people_row *r, struct fault *f) {
  int64_t owner = 0, keys = -1, calls = -1;
  enum err e = l->driver->prepare(l, SQL_WORKSPACE_CLAIM, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, r->name);
  l->driver->bind(l, 2, r->org_id);
  e = driver_finish(l, "claiming a name", NULL, f);
  if (!e)
    e = number_of(l, SQL_WORKSPACE_CLAIMED, r->name, &owner, f);
  if (!e && owner == r->org_id && r->org_id != FIRST_ORGANISATION) {
    e = number_of(l, SQL_WORKSPACE_KEYS, r->name, &keys, f);
    if (!e)
      e = number_of(l, SQL_WORKSPACE_CALLS, r->name, &calls, f);
    if (keys >= 0 || calls >= 0)
      owner = 0;
  }
  if (e || owner == r->org_id)
    return e;
  return fault_set(f, ERR_STORE_CONFLICT, "name", "there is a workspace named \"%.*s\" already, or was one",
                   TEXT_ARGS(text_head(r->name, 64)));
}

static enum err create(struct driver_link *l, struct people_change *c, struct fault *f) {
  struct people_row made = as_stored(c->kind, c->row, c->arena);
  enum err e = c->kind == PEOPLE_ORGANISATION ? ERR_OK : people_lock_org_on(l, made.org_id, f);
  if (!e)
    e = people_next_id(l, kinds[c->kind].sequence, &made.id, f);
  if (c->kind == PEOPLE_ORGANISATION)
    made.org_id = made.id;
  if (!e && c->kind == PEOPLE_WORKSPACE)
    e = claim_name(l, &made, f);
  if (!e)
    e = write_row(l, c->kind, kinds[c->kind].insert, kinds[c->kind].inserted, &made, f);
  c->out_id = made.id;
  return e ? e : people_note_row_on(l, c, "create", NULL, &made, f);
}

static enum err store_people_create(struct store *s, enum people_kind kind, const struct people_row *r,
                                    const struct audit_actor *by, int64_t *out_id, struct fault *f) {
  struct people_change c = {.kind = kind, .row = r, .by = by, .make = create};
  /* Not again after a commit in doubt: the second would find the name taken, by this very row. */
  enum err e = people_run(s, &c, true, f);
  if (!e)
    *out_id = c.out_id;
  return e;
}

/* The row that a change is about, locked, as it was when the caller read it. */
static enum err lock_version(struct driver_link *l, struct people_change *c, struct people_row *out, struct fault *f) {
  enum err e = people_lock_on(l, c->kind, c->org_id, c->id, c->arena, out, f);
  if (e || c->version == 0 || c->version == out->version)
    return e;
  return fault_set(f, ERR_STORE_STALE, NULL, "%s %lld was changed meanwhile: it is at version %lld",
                   kinds[c->kind].word, (long long)c->id, (long long)out->version);
}

/* A user's keys go by another email with them; others are told of a disabled one's, or an enabled one's. */
static enum err update_keys(struct driver_link *l, const struct people_change *c, const struct key_owned *keys,
                            const struct people_row *was, const struct people_row *is, struct fault *f) {
  if (c->kind == PEOPLE_USER && !text_equal(was->text, is->text))
    return key_owner_rename_on(l, keys, is->text, c->by, f);
  return was->is_disabled != is->is_disabled ? key_owner_tell_on(l, keys, f) : ERR_OK;
}

static enum err update(struct driver_link *l, struct people_change *c, struct fault *f) {
  struct people_row was = {0}, is = as_stored(c->kind, c->row, c->arena);
  struct key_owned keys;
  int64_t owners = 0;
  enum err e = lock_version(l, c, &was, f);
  if (e)
    return e;
  if (c->kind == PEOPLE_WORKSPACE && !text_equal(was.name, is.name))
    return fault_set(f, ERR_STORE_CONFLICT, "name", "a workspace keeps its name: keys and calls are known by it");
  is.external = was.external;
  is.email_us = text_equal(was.text, is.text) ? was.email_us : driver_now_us();
  e = key_owner_hold_on(l, c->kind, c->id, c->arena, &keys, f);
  if (!e)
    e = people_owners_on(l, was.org_id, &owners, f);
  if (!e)
    e = write_row(l, c->kind, kinds[c->kind].update, kinds[c->kind].updated, &is, f);
  if (!e)
    e = people_keep_owner_on(l, was.org_id, owners, f);
  if (!e)
    e = update_keys(l, c, &keys, &was, &is, f);
  return e ? e : people_note_row_on(l, c, "update", &was, &is, f);
}

static enum err store_people_update(struct store *s, enum people_kind kind, const struct people_row *r, int64_t version,
                                    const struct audit_actor *by, struct fault *f) {
  struct people_change c = {
      .kind = kind, .org_id = r->org_id, .id = r->id, .version = version, .row = r, .by = by, .make = update};
  return people_run(s, &c, true, f);
}

struct list {
  enum people_kind kind;
  const struct people_filter *filter;
  struct arena *arena;
  struct people_row *rows;
  size_t count;
};

static enum err list_on(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  bool row = false;
  const struct people_filter *q = w->filter;
  bool is_sorted = q->order != PEOPLE_BY_ID;
  enum err e =
      l->driver->prepare(l, is_sorted ? (enum sql)((int)SQL_PEOPLE_SORTED + (int)w->kind) : kinds[w->kind].list, f);
  if (e)
    return e;
  int next = 5;
  w->count = 0;
  w->rows = NULL;
  l->driver->bind(l, 1, q->after_id);
  l->driver->bind(l, 2, q->max > INT64_MAX ? INT64_MAX : (int64_t)q->max);
  l->driver->bind(l, 3, q->org_id);
  l->driver->bind_text(l, 4, q->search);
  if (w->kind == PEOPLE_USER) {
    l->driver->bind(l, next++, q->team_id);
    l->driver->bind(l, next++, q->only_disabled ? 1 : q->only_enabled ? 0 : -1);
    l->driver->bind_text(l, next++, q->role);
  }
  if (is_sorted) {
    l->driver->bind_text(l, next++, q->after_name);
    l->driver->bind(l, next, (int64_t)q->order);
  }
  while (!(e = l->driver->step(l, &row, "listing people", f)) && row) {
    w->rows = driver_more(w->arena, w->rows, w->count, sizeof *w->rows);
    people_read(l, w->arena, &w->rows[w->count++]);
  }
  l->driver->reset(l);
  return e;
}

static enum err store_people_list(struct store *s, enum people_kind kind, const struct people_filter *filter,
                                  struct arena *a, struct people_row **out, size_t *out_count, struct fault *f) {
  struct list w = {.kind = kind, .filter = filter, .arena = a};
  enum err e = driver_run(s, DRIVER_LIST, false, list_on, &w, f);
  if (!e) {
    *out = w.rows;
    *out_count = w.count;
  }
  return e;
}

static enum err check_empty(struct driver_link *l, const struct people_row *org, struct arena *a, struct fault *f) {
  struct people_filter filter = {.org_id = org->id, .max = 1};
  if (org->id == FIRST_ORGANISATION)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "the first organisation stays");
  for (enum people_kind kind = PEOPLE_WORKSPACE; kind <= PEOPLE_ROLE; kind++) {
    struct list w = {.kind = kind, .filter = &filter, .arena = a};
    enum err e = list_on(l, &w, f);
    if (e)
      return e;
    if (w.count > 0)
      return fault_set(f, ERR_STORE_CONFLICT, NULL, "the organisation still has a %s", kinds[kind].word);
  }
  return ERR_OK;
}

static enum err check_removable(struct driver_link *l, const struct people_change *c, const struct people_row *was,
                                struct fault *f) {
  int64_t key = -1;
  if (c->kind == PEOPLE_ORGANISATION)
    return check_empty(l, was, c->arena, f);
  if (c->kind != PEOPLE_WORKSPACE)
    return ERR_OK;
  enum err e = number_of(l, SQL_WORKSPACE_KEYS, was->name, &key, f);
  return e || key < 0 ? e : fault_set(f, ERR_STORE_CONFLICT, NULL, "the workspace still has keys");
}

static enum err remove_row(struct driver_link *l, struct people_change *c, struct fault *f) {
  struct people_row was = {0};
  struct key_owned keys = {NULL, 0};
  int64_t owners = 0;
  enum err e = lock_version(l, c, &was, f);
  if (!e)
    e = check_removable(l, c, &was, f);
  if (!e)
    e = key_owner_hold_on(l, c->kind, c->id, c->arena, &keys, f);
  if (!e)
    e = people_owners_on(l, was.org_id, &owners, f);
  if (!e)
    e = people_revoke_all_on(l, c->kind, c->id, c->by, c->arena, f);
  if (!e)
    e = key_owner_remove_on(l, &keys, c->by, f);
  for (size_t i = 0; i < sizeof cascades / sizeof *cascades && !e; i++)
    if (cascades[i].kind == c->kind)
      e = people_tell(l, cascades[i].which, c->id, NULL, f);
  if (!e)
    e = people_tell(l, kinds[c->kind].drop, c->id, NULL, f);
  if (!e)
    e = people_keep_owner_on(l, was.org_id, owners, f);
  return e ? e : people_note_row_on(l, c, "delete", &was, NULL, f);
}

static enum err store_people_remove(struct store *s, enum people_kind kind, int64_t org_id, int64_t id, int64_t version,
                                    const struct audit_actor *by, struct fault *f) {
  struct people_change c = {.kind = kind, .org_id = org_id, .id = id, .version = version, .by = by, .make = remove_row};
  return people_run(s, &c, true, f);
}

struct look {
  enum people_kind kind;
  int64_t org_id, id;
  enum sql which; /* of a user by a text */
  struct text text;
  struct arena *arena;
  struct people_row *out;
};

static enum err get(struct driver_link *l, void *args, struct fault *f) {
  struct look *w = args;
  return people_get_on(l, w->kind, w->org_id, w->id, w->arena, w->out, f);
}

static enum err store_people_get(struct store *s, enum people_kind kind, int64_t org_id, int64_t id, struct arena *a,
                                 struct people_row *out, struct fault *f) {
  struct look w = {.kind = kind, .org_id = org_id, .id = id, .arena = a, .out = out};
  return driver_run(s, DRIVER_READ, false, get, &w, f);
}

static enum err find(struct driver_link *l, void *args, struct fault *f) {
  struct look *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, w->which, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->text);
  e = l->driver->step(l, &row, "looking up a user", f);
  if (!e && row)
    people_read(l, w->arena, w->out);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no such user");
}

static enum err store_people_find_user(struct store *s, struct text email, struct arena *a, struct people_row *out,
                                       struct fault *f) {
  struct look w = {.which = SQL_USER_BY_EMAIL, .text = lower(a, email), .arena = a, .out = out};
  return driver_run(s, DRIVER_READ, false, find, &w, f);
}

static enum err store_people_find_external(struct store *s, struct text external, struct arena *a,
                                           struct people_row *out, struct fault *f) {
  struct look w = {.which = SQL_USER_BY_EXTERNAL, .text = external, .arena = a, .out = out};
  return driver_run(s, DRIVER_READ, false, find, &w, f);
}

static enum err set_external(struct driver_link *l, struct people_change *c, struct fault *f) {
  struct people_row was = {0};
  enum err e = people_lock_on(l, PEOPLE_USER, 0, c->id, c->arena, &was, f);
  if (e || text_equal(was.external, c->external))
    return e;
  e = l->driver->prepare(l, SQL_USER_SET_EXTERNAL, f);
  if (e)
    return e;
  l->driver->bind(l, 1, c->id);
  l->driver->bind_text(l, 2, c->external);
  e = driver_finish(l, "binding a user", NULL, f);
  if (e == ERR_STORE_CONFLICT)
    return fault_set(f, e, NULL, "another user is bound to this identity");
  return e ? e : people_note_external_on(l, c, &was, f);
}

static enum err store_people_set_external(struct store *s, int64_t user_id, struct text external,
                                          const struct audit_actor *by, struct fault *f) {
  struct people_change c = {.id = user_id, .external = external, .by = by, .make = set_external};
  return people_run(s, &c, false, f);
}

struct sight {
  enum sql which;
  int64_t id, now_us;
};

static enum err seen(struct driver_link *l, void *args, struct fault *f) {
  const struct sight *w = args;
  return people_tell(l, w->which, w->id, &w->now_us, f);
}

static enum err store_people_seen(struct store *s, enum people_kind kind, int64_t id, int64_t now_us, struct fault *f) {
  struct sight w = {kind == PEOPLE_SERVICE ? SQL_SERVICE_SEEN : SQL_USER_SEEN, id, now_us};
  return driver_run(s, DRIVER_WRITE, false, seen, &w, f);
}

struct claimed {
  struct text name;
  int64_t owner;
};

static enum err claimed_on(struct driver_link *l, void *args, struct fault *f) {
  struct claimed *w = args;
  return number_of(l, SQL_WORKSPACE_CLAIMED, w->name, &w->owner, f);
}

static enum err store_people_workspace_org(struct store *s, struct text name, int64_t *out_org, bool *out_is_known,
                                           struct fault *f) {
  struct claimed w = {name, -1};
  enum err e = driver_run(s, DRIVER_READ, false, claimed_on, &w, f);
  if (e)
    return e;
  *out_is_known = w.owner > 0;
  *out_org = w.owner > 0 ? w.owner : FIRST_ORGANISATION;
  return ERR_OK;
}

const struct store_people_ops store_people = {
    .create = store_people_create,
    .get = store_people_get,
    .list = store_people_list,
    .update = store_people_update,
    .remove = store_people_remove,
    .find_user = store_people_find_user,
    .find_external = store_people_find_external,
    .set_external = store_people_set_external,
    .seen = store_people_seen,
    .team_put = store_people_team_put,
    .grant = store_people_grant,
    .revoke = store_people_revoke,
    .follow = store_people_follow,
    .grants = store_people_grants,
    .workspace_org = store_people_workspace_org,
    .rights = store_people_rights,
};
