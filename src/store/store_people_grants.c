/* Grants of roles, memberships of teams, and what they come to: the rights of a user or a service account. Also who
 * owns an organisation, of whom one must stay. Called through ports/store_people.h and by store_people.c. */
#include "store/store_people.h"

static const char *const to_names[] = {
    [GRANT_TO_USER] = "user", [GRANT_TO_SERVICE] = "service", [GRANT_TO_TEAM] = "team"};
static const enum people_kind to_kinds[] = {
    [GRANT_TO_USER] = PEOPLE_USER, [GRANT_TO_SERVICE] = PEOPLE_SERVICE, [GRANT_TO_TEAM] = PEOPLE_TEAM};

const char *grant_to_name(enum grant_to to) { return to_names[to]; }

static enum grant_to to_named(struct text name) {
  enum grant_to to = GRANT_TO_USER;
  while (to < GRANT_TO_TEAM && !text_equal(name, text_of(to_names[to])))
    to++;
  return to;
}

static enum err count(struct driver_link *l, enum sql which, int64_t org_id, int64_t *sum, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, org_id);
  e = l->driver->step(l, &row, "looking for owners", f);
  if (!e && row)
    *sum += l->driver->number(l, 0);
  l->driver->reset(l);
  return e;
}

enum err people_owners_on(struct driver_link *l, int64_t org_id, int64_t *out, struct fault *f) {
  int64_t sum = 0;
  enum err e = count(l, SQL_OWNERS, org_id, &sum, f);
  if (!e)
    e = count(l, SQL_OWNERS_BY_TEAM, org_id, &sum, f);
  if (!e)
    *out = sum;
  return e;
}

enum err people_keep_owner_on(struct driver_link *l, int64_t org_id, int64_t before, struct fault *f) {
  int64_t now = 0;
  if (before == 0)
    return ERR_OK;
  enum err e = people_owners_on(l, org_id, &now, f);
  if (e || now > 0)
    return e;
  return fault_set(f, ERR_STORE_CONFLICT, NULL, "the organisation would be without an owner: make another one first");
}

static void read_grant(struct driver_link *l, struct arena *a, struct people_grant *out) {
  const struct driver *d = l->driver;
  *out = (struct people_grant){.id = d->number(l, 0),
                               .org_id = d->number(l, 1),
                               .to = to_named(d->bytes(l, 2)),
                               .to_id = d->number(l, 3),
                               .workspace_id = d->number(l, 4),
                               .role = driver_text(l, 5, a),
                               .created_us = d->number(l, 6),
                               .origin = driver_text(l, 7, a)};
}

/* All rows of a statement that is prepared and bound. */
static enum err read_grants(struct driver_link *l, struct arena *a, struct people_grant **out, size_t *out_count,
                            struct fault *f) {
  struct people_grant *rows = NULL;
  size_t n = 0;
  bool row = false;
  enum err e;
  while (!(e = l->driver->step(l, &row, "reading grants", f)) && row) {
    rows = driver_more(a, rows, n, sizeof *rows);
    read_grant(l, a, &rows[n++]);
  }
  l->driver->reset(l);
  if (!e) {
    *out = rows;
    *out_count = n;
  }
  return e;
}

static enum err take_back(struct driver_link *l, const struct people_grant *g, const struct audit_actor *by,
                          struct fault *f) {
  enum err e = people_tell(l, SQL_GRANT_DELETE, g->id, NULL, f);
  return e ? e : people_note_grant_on(l, by, g, NULL, f);
}

enum err people_revoke_all_on(struct driver_link *l, enum people_kind kind, int64_t id, const struct audit_actor *by,
                              struct arena *a, struct fault *f) {
  struct people_grant *rows = NULL;
  size_t n = 0;
  if (kind == PEOPLE_ORGANISATION) /* it is empty */
    return ERR_OK;
  enum sql which = kind == PEOPLE_WORKSPACE ? SQL_GRANTS_IN : kind == PEOPLE_ROLE ? SQL_GRANTS_OF : SQL_GRANTS_TO;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  for (enum grant_to to = GRANT_TO_USER; which == SQL_GRANTS_TO && to <= GRANT_TO_TEAM; to++)
    if (to_kinds[to] == kind)
      l->driver->bind_text(l, 2, text_of(to_names[to]));
  e = read_grants(l, a, &rows, &n, f);
  for (size_t i = 0; i < n && !e; i++)
    e = take_back(l, &rows[i], by, f);
  return e;
}

static enum err change_member(struct driver_link *l, const struct people_change *c, int64_t *out_changes,
                              struct fault *f) {
  int64_t id = 0;
  enum err e = c->is_member ? people_next_id(l, "team_members", &id, f) : ERR_OK;
  if (!e)
    e = l->driver->prepare(l, c->is_member ? SQL_TEAM_JOIN : SQL_TEAM_LEAVE, f);
  if (e)
    return e;
  if (c->is_member)
    l->driver->bind(l, 1, id);
  l->driver->bind(l, c->is_member ? 2 : 1, c->id);
  l->driver->bind(l, c->is_member ? 3 : 2, c->user_id);
  return driver_finish(l, "changing a team", out_changes, f);
}

static enum err put_member(struct driver_link *l, struct people_change *c, struct fault *f) {
  struct people_row team = {0}, user = {0};
  int64_t owners = 0, changes = 0;
  enum err e = people_lock_on(l, PEOPLE_TEAM, c->org_id, c->id, c->arena, &team, f);
  if (!e)
    e = people_get_on(l, PEOPLE_USER, team.org_id, c->user_id, c->arena, &user, f);
  if (!e)
    e = people_owners_on(l, team.org_id, &owners, f);
  if (!e)
    e = change_member(l, c, &changes, f);
  if (e || changes == 0)
    return e;
  e = people_keep_owner_on(l, team.org_id, owners, f);
  return e ? e : people_note_member_on(l, c, team.org_id, f);
}

enum err store_people_team_put(struct store *s, int64_t org_id, int64_t team_id, int64_t user_id, bool is_member,
                               const struct audit_actor *by, struct fault *f) {
  struct people_change c = {
      .org_id = org_id, .id = team_id, .user_id = user_id, .is_member = is_member, .by = by, .make = put_member};
  return people_run(s, &c, false, f);
}

static int64_t custom_role(struct text role) {
  int64_t id = 0;
  return text_starts(role, TEXT("role:")) && text_to_i64(text_skip(role, 5), &id) && id > 0 ? id : 0;
}

/* Everything that a grant names is of one organisation. */
static enum err check_grant(struct driver_link *l, struct people_grant *g, struct arena *a, struct fault *f) {
  struct people_row row = {0};
  int64_t role = custom_role(g->role);
  enum err e = people_lock_on(l, to_kinds[g->to], g->org_id, g->to_id, a, &row, f);
  if (e)
    return e;
  g->org_id = row.org_id;
  if (g->workspace_id)
    e = people_get_on(l, PEOPLE_WORKSPACE, g->org_id, g->workspace_id, a, &row, f);
  if (!e && role)
    e = people_get_on(l, PEOPLE_ROLE, g->org_id, role, a, &row, f);
  if (!e && !role && (g->role.len == 0 || text_starts(g->role, TEXT("role:"))))
    e = fault_set(f, ERR_NOT_FOUND, "role", "there is no such role");
  return e;
}

/* The id of one like it, 0 when there is none. */
static enum err find_grant(struct driver_link *l, const struct people_grant *g, int64_t *out, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_GRANT_FIND, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, text_of(to_names[g->to]));
  l->driver->bind(l, 2, g->to_id);
  l->driver->bind(l, 3, g->workspace_id);
  l->driver->bind_text(l, 4, g->role);
  e = l->driver->step(l, &row, "looking for a grant", f);
  if (!e)
    *out = row ? l->driver->number(l, 0) : 0;
  l->driver->reset(l);
  return e;
}

static enum err insert_grant(struct driver_link *l, const struct people_grant *g, struct fault *f) {
  const struct driver *d = l->driver;
  enum err e = d->prepare(l, SQL_GRANT_INSERT, f);
  if (e)
    return e;
  d->bind(l, 1, g->id);
  d->bind(l, 2, g->org_id);
  d->bind_text(l, 3, text_of(to_names[g->to]));
  d->bind(l, 4, g->to_id);
  d->bind(l, 5, g->workspace_id);
  d->bind_text(l, 6, g->role);
  d->bind(l, 7, custom_role(g->role));
  d->bind(l, 8, g->created_us);
  d->bind_text(l, 9, g->origin);
  return driver_finish(l, "granting a role", NULL, f);
}

static enum err add_grant(struct driver_link *l, struct people_change *c, struct people_grant *g, struct fault *f) {
  if (g->created_us == 0)
    g->created_us = driver_now_us();
  enum err e = people_next_id(l, "grants", &g->id, f);
  if (!e)
    e = insert_grant(l, g, f);
  return e ? e : people_note_grant_on(l, c->by, NULL, g, f);
}

static enum err grant(struct driver_link *l, struct people_change *c, struct fault *f) {
  struct people_grant g = *c->grant;
  enum err e = check_grant(l, &g, c->arena, f);
  if (!e)
    e = find_grant(l, &g, &c->out_id, f);
  if (e || c->out_id)
    return e;
  e = add_grant(l, c, &g, f);
  c->out_id = g.id;
  return e;
}

enum err store_people_grant(struct store *s, const struct people_grant *g, const struct audit_actor *by,
                            int64_t *out_id, struct fault *f) {
  struct people_change c = {.grant = g, .by = by, .make = grant};
  enum err e = people_run(s, &c, false, f);
  if (!e)
    *out_id = c.out_id;
  return e;
}

static enum err list_of_user(struct driver_link *l, int64_t user_id, struct arena *a, struct people_grant **out,
                             size_t *out_count, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_GRANTS_TO, f);
  if (e)
    return e;
  l->driver->bind(l, 1, user_id);
  l->driver->bind_text(l, 2, text_of(to_names[GRANT_TO_USER]));
  return read_grants(l, a, out, out_count, f);
}

/* What was given here stays; what came from elsewhere stays when it is what is wanted still. */
static enum err follow(struct driver_link *l, struct people_change *c, struct fault *f) {
  struct people_grant wanted = *c->grant, *rows = NULL;
  struct people_row user = {0};
  size_t n = 0;
  int64_t owners = 0;
  bool has = wanted.role.len == 0;
  enum err e = people_lock_on(l, PEOPLE_USER, 0, wanted.to_id, c->arena, &user, f);
  if (!e)
    e = people_owners_on(l, user.org_id, &owners, f);
  if (!e)
    e = list_of_user(l, user.id, c->arena, &rows, &n, f);
  for (size_t i = 0; i < n && !e; i++) {
    if (rows[i].workspace_id == 0 && text_equal(rows[i].role, wanted.role))
      has = true;
    else if (rows[i].origin.len > 0)
      e = take_back(l, &rows[i], c->by, f);
  }
  wanted.org_id = user.org_id;
  if (!e && !has)
    e = add_grant(l, c, &wanted, f);
  return e ? e : people_keep_owner_on(l, user.org_id, owners, f);
}

enum err store_people_follow(struct store *s, int64_t user_id, struct text role, struct text origin,
                             const struct audit_actor *by, struct fault *f) {
  const struct people_grant g = {.to = GRANT_TO_USER, .to_id = user_id, .role = role, .origin = origin};
  struct people_change c = {.grant = &g, .by = by, .make = follow};
  return people_run(s, &c, false, f);
}

static enum err get_grant(struct driver_link *l, int64_t org_id, int64_t id, struct arena *a, struct people_grant *out,
                          struct fault *f) {
  struct people_grant *rows = NULL;
  size_t n = 0;
  enum err e = l->driver->prepare(l, SQL_GRANT_GET, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  e = read_grants(l, a, &rows, &n, f);
  if (e)
    return e;
  if (n == 0 || (org_id && rows[0].org_id != org_id))
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no grant %lld", (long long)id);
  *out = rows[0];
  return ERR_OK;
}

static enum err revoke(struct driver_link *l, struct people_change *c, struct fault *f) {
  struct people_grant g = {0};
  int64_t owners = 0;
  enum err e = get_grant(l, c->org_id, c->id, c->arena, &g, f);
  if (!e)
    e = people_lock_org_on(l, g.org_id, f);
  if (!e)
    e = get_grant(l, c->org_id, c->id, c->arena, &g, f);
  if (!e)
    e = people_owners_on(l, g.org_id, &owners, f);
  if (!e)
    e = people_tell(l, SQL_GRANT_DELETE, g.id, NULL, f);
  if (!e)
    e = people_keep_owner_on(l, g.org_id, owners, f);
  return e ? e : people_note_grant_on(l, c->by, &g, NULL, f);
}

enum err store_people_revoke(struct store *s, int64_t org_id, int64_t grant_id, const struct audit_actor *by,
                             struct fault *f) {
  struct people_change c = {.org_id = org_id, .id = grant_id, .by = by, .make = revoke};
  return people_run(s, &c, true, f);
}

struct grant_list {
  const struct grant_filter *filter;
  struct arena *arena;
  struct people_grant *rows;
  size_t count;
};

static enum err list_grants(struct driver_link *l, void *args, struct fault *f) {
  struct grant_list *w = args;
  const struct grant_filter *filter = w->filter;
  enum err e = l->driver->prepare(l, SQL_GRANT_LIST, f);
  if (e)
    return e;
  l->driver->bind(l, 1, filter->after_id);
  l->driver->bind(l, 2, filter->max > INT64_MAX ? INT64_MAX : (int64_t)filter->max);
  l->driver->bind(l, 3, filter->org_id);
  l->driver->bind_text(l, 4, filter->to_id ? text_of(to_names[filter->to]) : TEXT(""));
  l->driver->bind(l, 5, filter->to_id);
  l->driver->bind_text(l, 6, filter->role);
  l->driver->bind(l, 7, filter->workspace_id);
  return read_grants(l, w->arena, &w->rows, &w->count, f);
}

enum err store_people_grants(struct store *s, const struct grant_filter *filter, struct arena *a,
                             struct people_grant **out, size_t *out_count, struct fault *f) {
  struct grant_list w = {.filter = filter, .arena = a};
  enum err e = driver_run(s, DRIVER_LIST, false, list_grants, &w, f);
  if (!e) {
    *out = w.rows;
    *out_count = w.count;
  }
  return e;
}

struct rights {
  enum people_kind kind;
  int64_t id;
  struct arena *arena;
  struct people_row who;
  struct people_right *rows;
  size_t count;
};

static enum err read_rights(struct driver_link *l, struct rights *w, enum sql which, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  if (which == SQL_RIGHTS)
    l->driver->bind_text(l, 2, text_of(to_names[w->kind == PEOPLE_SERVICE ? GRANT_TO_SERVICE : GRANT_TO_USER]));
  while (!(e = l->driver->step(l, &row, "reading rights", f)) && row) {
    w->rows = driver_more(w->arena, w->rows, w->count, sizeof *w->rows);
    w->rows[w->count++] = (struct people_right){.workspace_id = l->driver->number(l, 0),
                                                .workspace = driver_text(l, 1, w->arena),
                                                .role = driver_text(l, 2, w->arena),
                                                .permissions = driver_text(l, 3, w->arena)};
  }
  l->driver->reset(l);
  return e;
}

static enum err rights(struct driver_link *l, void *args, struct fault *f) {
  struct rights *w = args;
  w->rows = NULL;
  w->count = 0;
  enum err e = people_get_on(l, w->kind, 0, w->id, w->arena, &w->who, f);
  if (!e)
    e = read_rights(l, w, SQL_RIGHTS, f);
  if (!e && w->kind == PEOPLE_USER)
    e = read_rights(l, w, SQL_RIGHTS_BY_TEAM, f);
  return e;
}

enum err store_people_rights(struct store *s, enum people_kind kind, int64_t id, struct arena *a,
                             struct people_row *out_who, struct people_right **out, size_t *out_count,
                             struct fault *f) {
  struct rights w = {.kind = kind, .id = id, .arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, rights, &w, f);
  if (!e) {
    *out_who = w.who;
    *out = w.rows;
    *out_count = w.count;
  }
  return e;
}
