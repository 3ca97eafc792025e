/* Grants of roles and members of teams through the control API, and the rule behind both: nobody gives, takes or
 * touches more than they may do themselves. Rows of routes.c. house: tested-by tests/unit/control/test_api_grants.c */
#include "control/people_view.h"

#define GRANTS_READ_MAX 1000

struct grant_view {
  uint64_t given;
  int64_t id, organisation, to_id, workspace;
  struct text to, role;
  int64_t created_us;
};

#define TO_CHOICES "user|service_account|team"
#define TO(flags)                                                                                                      \
  { "to", SHAPE_TEXT, flags, SHAPE_AT(grant_view, to), .choices = TO_CHOICES, .help = "what kind has the role" }
#define TO_ID(flags)                                                                                                   \
  {                                                                                                                    \
    "to_id", SHAPE_INTEGER, flags, SHAPE_AT(grant_view, to_id), .min = 1, .max = INT64_MAX,                            \
                                                                .help = "which of the kind"                            \
  }
#define ROLE                                                                                                           \
  {                                                                                                                    \
    "role", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(grant_view, role),                                                    \
        .min = 1, .max = 40, .help = "a built-in role such as `admin`, or `role:` and the id of one that was made"     \
  }
#define WORKSPACE                                                                                                      \
  {                                                                                                                    \
    "workspace", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(grant_view, workspace),                                       \
        .min = 1, .max = INT64_MAX, .help = "the workspace it holds in; null: in the whole organisation"               \
  }
static const struct shape_field grant_fields[] = {
    {"id", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(grant_view, id), .min = 1, .max = INT64_MAX,
     .help = "never used twice"},
    {"organisation", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(grant_view, organisation), .min = 1, .max = INT64_MAX,
     .help = "the organisation it belongs to"},
    TO(SHAPE_REQUIRED),
    TO_ID(SHAPE_REQUIRED),
    ROLE,
    WORKSPACE,
    {"created", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(grant_view, created_us), .help = "when it was given"},
};
const struct shape grant_shape = {"Grant", "A role that somebody has.", sizeof(struct grant_view),
                                  SHAPE_FIELDS(grant_fields)};
static const struct shape_field grant_new_fields[] = {TO(SHAPE_REQUIRED), TO_ID(SHAPE_REQUIRED), ROLE, WORKSPACE};
const struct shape grant_new_shape = {"GrantNew", "A role to be given; never more than who gives it may do.",
                                      sizeof(struct grant_view), SHAPE_FIELDS(grant_new_fields)};
static const struct shape_field grant_filter_fields[] = {
    TO(0),
    TO_ID(0),
    {"role", SHAPE_TEXT, 0, SHAPE_AT(grant_view, role), .min = 1, .max = 40, .help = "of this role, such as `admin`"},
    {"workspace", SHAPE_INTEGER, 0, SHAPE_AT(grant_view, workspace), .min = 1, .max = INT64_MAX,
     .help = "those that hold in this workspace"}};
const struct shape grant_filter_shape = {"GrantFilter", "Which grants; of to and to_id both or neither.",
                                         sizeof(struct grant_view), SHAPE_FIELDS(grant_filter_fields)};

static const struct {
  const char *name;
  enum grant_to to;
  enum people_kind kind;
} kinds[] = {
    {"user", GRANT_TO_USER, PEOPLE_USER},
    {"service_account", GRANT_TO_SERVICE, PEOPLE_SERVICE},
    {"team", GRANT_TO_TEAM, PEOPLE_TEAM},
};

static enum grant_to to_named(struct text name) {
  size_t i = 0;
  while (i + 1 < sizeof(kinds) / sizeof(kinds[0]) && !text_equal(name, text_of(kinds[i].name)))
    i++;
  return kinds[i].to;
}

static struct text name_of(enum grant_to to) {
  size_t i = 0;
  while (kinds[i].to != to)
    i++;
  return text_of(kinds[i].name);
}

static struct grant_view view_of(const struct people_grant *g) {
  return (struct grant_view){.id = g->id,
                             .organisation = g->org_id,
                             .to = name_of(g->to),
                             .to_id = g->to_id,
                             .role = g->role,
                             .workspace = g->workspace_id,
                             .created_us = g->created_us};
}

enum err people_has_all(const struct api_call *c, uint64_t permissions, int64_t workspace_id, struct fault *f) {
  uint64_t lacking = permissions & ~caller_permissions_in(c->caller, workspace_id);
  struct buf names;
  if (lacking == 0)
    return ERR_OK;
  buf_init(&names, 4096);
  for (enum permission p = 0; p < PERMISSION_COUNT; p++)
    if (lacking & PERMISSION_BIT(p))
      buf_add_format(&names, "%s%s", names.len ? ", " : "", permission_name(p));
  fault_set(f, ERR_FORBIDDEN, NULL, "this is about permissions that you do not have there: %.*s",
            TEXT_ARGS(text_head(buf_text(&names), 300)));
  buf_done(&names);
  return ERR_FORBIDDEN;
}

enum err people_role_permissions(struct api_call *c, int64_t org_id, struct text role, uint64_t *out, struct fault *f) {
  struct store *s = c->api->store;
  struct people_row row;
  enum builtin_role builtin;
  int64_t id = 0;
  if (builtin_role_find(role, &builtin)) {
    *out = builtin_role_permissions(builtin);
    return ERR_OK;
  }
  if (!text_starts(role, TEXT("role:")) || !text_to_i64(text_skip(role, 5), &id) || id <= 0)
    return fault_set(f, ERR_NOT_FOUND, "role", "there is no role \"%.*s\"", TEXT_ARGS(text_head(role, 40)));
  enum err e = s->ops->people->get(s, PEOPLE_ROLE, org_id, id, c->arena, &row, f);
  if (e == ERR_OK)
    *out = permission_set_read(row.text);
  return e;
}

static enum err covers_rights(struct api_call *c, enum people_kind kind, int64_t id, struct fault *f) {
  struct store *s = c->api->store;
  struct people_right *rights = NULL;
  struct people_row who;
  enum builtin_role builtin;
  size_t count = 0;
  enum err e = s->ops->people->rights(s, kind, id, c->arena, &who, &rights, &count, f);
  for (size_t i = 0; i < count && e == ERR_OK; i++)
    e = people_has_all(c,
                       builtin_role_find(rights[i].role, &builtin) ? builtin_role_permissions(builtin)
                                                                   : permission_set_read(rights[i].permissions),
                       rights[i].workspace_id, f);
  return e;
}

static enum err covers_team(struct api_call *c, int64_t id, struct fault *f) {
  struct store *s = c->api->store;
  const struct grant_filter filter = {.max = GRANTS_READ_MAX, .to = GRANT_TO_TEAM, .to_id = id};
  struct people_grant *grants = NULL;
  size_t count = 0;
  enum err e = s->ops->people->grants(s, &filter, c->arena, &grants, &count, f);
  for (size_t i = 0; i < count && e == ERR_OK; i++) {
    uint64_t set = 0;
    e = people_role_permissions(c, grants[i].org_id, grants[i].role, &set, f);
    if (e == ERR_OK)
      e = people_has_all(c, set, grants[i].workspace_id, f);
    else if (e == ERR_NOT_FOUND) /* a role of a newer program, which permits nothing here */
      e = ERR_OK;
  }
  if (e == ERR_OK && count == GRANTS_READ_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the team has too many grants for anybody but an owner to change it");
  return e;
}

enum err people_covers(struct api_call *c, enum people_kind kind, int64_t id, struct fault *f) {
  if (c->caller->permissions == PERMISSION_ALL || kind == PEOPLE_ORGANISATION || kind == PEOPLE_WORKSPACE)
    return ERR_OK;
  return kind == PEOPLE_TEAM ? covers_team(c, id, f) : covers_rights(c, kind, id, f);
}

enum err people_covers_other(struct api_call *c, int64_t user_id, struct fault *f) {
  bool is_self = c->caller->kind == CALLER_USER && c->caller->id == user_id;
  return is_self ? ERR_OK : people_covers(c, PEOPLE_USER, user_id, f);
}

enum err grants_list(struct api_call *c, struct fault *f) {
  const struct grant_view *asked = c->query;
  struct store *s = c->api->store;
  struct people_grant *rows = NULL;
  size_t count = 0;
  if (shape_has(asked, 0) != shape_has(asked, 1)) {
    shape_refuse(c->errors, shape_has(asked, 0) ? "to_id" : "to", "is missing: to and to_id go together");
    return ERR_BAD_REQUEST;
  }
  const struct grant_filter filter = {.org_id = c->org_id,
                                      .after_id = c->cursor.id,
                                      .max = (size_t)c->limit + 1,
                                      .to = to_named(asked->to),
                                      .to_id = asked->to_id,
                                      .role = asked->role,
                                      .workspace_id = asked->workspace};
  enum err e = people_may(c, PERMISSION_USERS_READ, f);
  if (e == ERR_OK)
    e = s->ops->people->grants(s, &filter, c->arena, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  if (count > (size_t)c->limit) {
    count = (size_t)c->limit;
    c->next.id = rows[count - 1].id;
  }
  struct grant_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = view_of(&rows[i]);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}

/* The grant with that id, seen by the caller's organisation. */
static enum err find(struct api_call *c, int64_t id, struct people_grant *out, struct fault *f) {
  struct store *s = c->api->store;
  const struct grant_filter filter = {.org_id = c->org_id, .after_id = id - 1, .max = 1};
  struct people_grant *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->people->grants(s, &filter, c->arena, &rows, &count, f);
  if (e == ERR_OK && (count == 0 || rows[0].id != id))
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no grant %lld", (long long)id);
  if (e == ERR_OK)
    *out = rows[0];
  return e;
}

static enum err answer_one(struct api_call *c, int64_t id, struct fault *f) {
  struct grant_view *view = ARENA_NEW(c->arena, struct grant_view);
  struct people_grant g;
  enum err e = find(c, id, &g, f);
  if (e != ERR_OK)
    return e;
  *view = view_of(&g);
  c->answer = view;
  c->version = 1; /* it never changes */
  return ERR_OK;
}

enum err grants_get(struct api_call *c, struct fault *f) {
  int64_t id = 0;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = answer_one(c, id, f);
  return e == ERR_OK ? people_may(c, PERMISSION_USERS_READ, f) : e;
}

/* The same for giving and for taking. */
static enum err may_grant(struct api_call *c, const struct people_grant *g, struct fault *f) {
  uint64_t set = 0;
  if (!caller_may_in(c->caller, PERMISSION_GRANTS_WRITE, g->workspace_id)) {
    enum err refused = people_may(c, PERMISSION_GRANTS_WRITE, f);
    if (refused != ERR_OK)
      return refused;
  }
  enum err e = people_role_permissions(c, g->org_id, g->role, &set, f);
  return e == ERR_OK ? people_has_all(c, set, g->workspace_id, f) : e;
}

enum err grants_create(struct api_call *c, struct fault *f) {
  const struct grant_view *in = c->body;
  struct store *s = c->api->store;
  struct people_grant g = {.org_id = c->org_id,
                           .to = to_named(in->to),
                           .to_id = in->to_id,
                           .workspace_id = in->workspace,
                           .role = in->role,
                           .created_us = c->now_us};
  enum err e = may_grant(c, &g, f);
  if (e == ERR_OK)
    e = s->ops->people->grant(s, &g, &c->by, &c->made_id, f);
  return e == ERR_OK ? answer_one(c, c->made_id, f) : e;
}

enum err grants_remove(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct people_grant g;
  int64_t id = 0;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = find(c, id, &g, f);
  if (e == ERR_OK)
    e = may_grant(c, &g, f);
  if (e == ERR_OK && c->if_match > 1)
    e = fault_set(f, ERR_STORE_STALE, NULL, "a grant never changes: it is at version 1");
  return e == ERR_OK ? s->ops->people->revoke(s, c->org_id, id, &c->by, f) : e;
}

struct member_filter {
  uint64_t given;
  struct text search, sort;
};
static const struct shape_field member_filter_fields[] = {
    {"search", SHAPE_TEXT, 0, SHAPE_AT(member_filter, search), .min = 1, .max = 100,
     .help = "part of the name or of the email, whatever the case"},
    {"sort", SHAPE_TEXT, 0, SHAPE_AT(member_filter, sort), .choices = PEOPLE_SORTS,
     .help = "by name, or as they were made, which it is unless asked otherwise; `-`: the other way"},
};
const struct shape member_filter_shape = {"MemberFilter", "Which members.", sizeof(struct member_filter),
                                          SHAPE_FIELDS(member_filter_fields)};

enum err members_list(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  const struct member_filter *asked = c->query;
  struct people_filter filter = {.org_id = c->org_id, .order = people_order(asked->sort), .search = asked->search};
  struct people_row *rows = NULL, team;
  size_t count = 0;
  enum err e = api_id(c, 0, &filter.team_id, f);
  if (e == ERR_OK)
    e = s->ops->people->get(s, PEOPLE_TEAM, c->org_id, filter.team_id, c->arena, &team, f);
  if (e == ERR_OK)
    e = people_may(c, PERMISSION_USERS_READ, f);
  if (e == ERR_OK)
    e = people_page(c, PEOPLE_USER, &filter, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  struct people_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = people_view_of(c, PEOPLE_USER, &rows[i]);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}

/* What the team may do is what its new member may do. */
static enum err put(struct api_call *c, bool is_member, struct fault *f) {
  struct store *s = c->api->store;
  struct people_row team, user;
  int64_t team_id = 0, user_id = 0;
  enum err e = api_id(c, 0, &team_id, f);
  if (e == ERR_OK)
    e = api_id(c, 1, &user_id, f);
  if (e == ERR_OK)
    e = s->ops->people->get(s, PEOPLE_TEAM, c->org_id, team_id, c->arena, &team, f);
  if (e == ERR_OK)
    e = s->ops->people->get(s, PEOPLE_USER, team.org_id, user_id, c->arena, &user, f);
  if (e == ERR_OK)
    e = people_may(c, PERMISSION_USERS_WRITE, f);
  if (e == ERR_OK)
    e = people_covers(c, PEOPLE_TEAM, team_id, f);
  return e == ERR_OK ? s->ops->people->team_put(s, c->org_id, team_id, user_id, is_member, &c->by, f) : e;
}

enum err members_add(struct api_call *c, struct fault *f) { return put(c, true, f); }
enum err members_remove(struct api_call *c, struct fault *f) { return put(c, false, f); }
