/* Organisations, workspaces, teams, users and service accounts through the control API: which of them a path means,
 * what may be seen and changed of it, and by whom. A row of another organisation is not there. Grants, members and
 * roles have files of their own. Rows of routes.c.
 * house: tested-by tests/unit/control/test_api_people.c */
#include "config/check.h"
#include "control/people_view.h"

#define NAME_MAX_CHARS        100
#define DESCRIPTION_MAX_CHARS 500
#define EMAIL_MAX_CHARS       200
#define FIRST_ORG             1

#define ID(what)                                                                                                       \
  { "id", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(people_view, id), .min = 1, .max = INT64_MAX, .help = what }
#define VERSION                                                                                                        \
  {                                                                                                                    \
    "version", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(people_view, version),                                          \
        .min = 1, .max = INT64_MAX, .help = "one more with every change; as in the ETag"                               \
  }
#define ORGANISATION                                                                                                   \
  {                                                                                                                    \
    "organisation", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(people_view, organisation),                                \
        .min = 1, .max = INT64_MAX, .help = "the organisation it belongs to"                                           \
  }
#define NAME(flags, least, what)                                                                                       \
  { "name", SHAPE_TEXT, flags, SHAPE_AT(people_view, name), .min = least, .max = NAME_MAX_CHARS, .help = what }
#define DESCRIPTION                                                                                                    \
  {                                                                                                                    \
    "description", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(people_view, description),                                     \
        .min = 1, .max = DESCRIPTION_MAX_CHARS, .help = "for people"                                                   \
  }
#define EMAIL(flags)                                                                                                   \
  {                                                                                                                    \
    "email", SHAPE_TEXT, flags, SHAPE_AT(people_view, email), .min = 3, .max = EMAIL_MAX_CHARS,                        \
                                                              .help = "in lower case; unique in the installation"      \
  }
#define TIMEZONE(flags)                                                                                                \
  {                                                                                                                    \
    "timezone", SHAPE_TEXT, flags, SHAPE_AT(people_view, timezone), .min = 1, .max = 64,                               \
                                                                    .help = "such as `Europe/Berlin`"                  \
  }
#define WEEK_START(flags)                                                                                              \
  {                                                                                                                    \
    "week_start", SHAPE_TEXT, flags, SHAPE_AT(people_view, week_start), .choices = "monday|sunday|saturday",           \
                                                                        .help = "the day a week begins with"           \
  }
#define DISABLED(flags)                                                                                                \
  { "disabled", SHAPE_BOOL, flags, SHAPE_AT(people_view, disabled), .help = "may do nothing now" }
#define CREATED                                                                                                        \
  { "created", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(people_view, created_us), .help = "when it was made" }
#define LAST_SEEN                                                                                                      \
  { "last_seen", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(people_view, last_seen_us), .help = "the last time of use" }
static void check_given(struct api_call *c);
#define SHAPE(name, shape_name, what, rows)                                                                            \
  const struct shape name = {shape_name, what, sizeof(struct people_view), SHAPE_FIELDS(rows), .check = check_given}

static const struct shape_field organisation_fields[] = {ID("never used twice"),
                                                         VERSION,
                                                         NAME(SHAPE_REQUIRED, 1, "unique"),
                                                         DESCRIPTION,
                                                         TIMEZONE(SHAPE_REQUIRED),
                                                         WEEK_START(SHAPE_REQUIRED),
                                                         {"created", SHAPE_TIME, SHAPE_NULLABLE,
                                                          SHAPE_AT(people_view, created_us),
                                                          .help = "when it was made; null: with the installation"}};
SHAPE(organisation_shape, "Organisation", "A tenant: everything belongs to one, and nothing is seen from another.",
      organisation_fields);
static const struct shape_field place_fields[] = {
    ID("never used twice"), VERSION, ORGANISATION, NAME(SHAPE_REQUIRED, 1, "unique"), DESCRIPTION, CREATED};
SHAPE(workspace_shape, "Workspace", "Where keys and calls belong. Its name is unique in the installation and stays.",
      place_fields);
SHAPE(team_shape, "Team", "Users who are given roles together.", place_fields);
static const struct shape_field user_fields[] = {
    ID("never used twice"),
    VERSION,
    ORGANISATION,
    EMAIL(SHAPE_REQUIRED),
    NAME(SHAPE_NULLABLE, 1, "what they are called"),
    DISABLED(SHAPE_REQUIRED),
    {"invited", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(people_view, invited), .help = "has never signed in"},
    {"declared", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(people_view, declared),
     .help = "by the configuration, and so neither changed nor removed here"},
    CREATED,
    LAST_SEEN};
SHAPE(user_shape, "User", "Somebody who signs in. Keys and calls name them by their email.", user_fields);
static const struct shape_field service_fields[] = {
    ID("never used twice"),   VERSION, ORGANISATION, NAME(SHAPE_REQUIRED, 1, "unique in the organisation"), DESCRIPTION,
    DISABLED(SHAPE_REQUIRED), CREATED, LAST_SEEN};
SHAPE(service_shape, "ServiceAccount", "A machine that signs in.", service_fields);

/* What is given: the same struct, so that one table of members says where what goes. */
#define ORGANISATION_GIVEN                                                                                             \
  {                                                                                                                    \
    "organisation", SHAPE_INTEGER, 0, SHAPE_AT(people_view, organisation),                                             \
        .min = 1, .max = INT64_MAX, .help = "one's own unless given; another only over the operator's socket"          \
  }
static const struct shape_field organisation_new_fields[] = {NAME(SHAPE_REQUIRED, 1, "unique"), DESCRIPTION,
                                                             TIMEZONE(0), WEEK_START(0)};
SHAPE(organisation_new_shape, "OrganisationNew", "An organisation to be made.", organisation_new_fields);
static const struct shape_field organisation_change_fields[] = {NAME(0, 1, "unique"), DESCRIPTION, TIMEZONE(0),
                                                                WEEK_START(0)};
SHAPE(organisation_change_shape, "OrganisationChange", "What is to change; what is not given stays.",
      organisation_change_fields);
static const struct shape_field workspace_new_fields[] = {
    NAME(SHAPE_REQUIRED, 1, "unique in the installation; it stays"), DESCRIPTION, ORGANISATION_GIVEN};
SHAPE(workspace_new_shape, "WorkspaceNew", "A workspace to be made.", workspace_new_fields);
static const struct shape_field workspace_change_fields[] = {DESCRIPTION};
SHAPE(workspace_change_shape, "WorkspaceChange", "What is to change.", workspace_change_fields);
static const struct shape_field team_new_fields[] = {NAME(SHAPE_REQUIRED, 1, "unique in the organisation"), DESCRIPTION,
                                                     ORGANISATION_GIVEN};
SHAPE(team_new_shape, "TeamNew", "A team to be made.", team_new_fields);
static const struct shape_field named_change_fields[] = {NAME(0, 1, "unique in the organisation"), DESCRIPTION};
SHAPE(team_change_shape, "TeamChange", "What is to change; what is not given stays.", named_change_fields);
static const struct shape_field user_new_fields[] = {
    EMAIL(SHAPE_REQUIRED), NAME(SHAPE_NULLABLE, 1, "what they are called"), ORGANISATION_GIVEN};
SHAPE(user_new_shape, "UserNew", "Somebody to be invited. Roles are given by grants.", user_new_fields);
static const struct shape_field user_change_fields[] = {EMAIL(0), NAME(SHAPE_NULLABLE, 1, "what they are called"),
                                                        DISABLED(0)};
SHAPE(user_change_shape, "UserChange", "What is to change; what is not given stays.", user_change_fields);
SHAPE(service_new_shape, "ServiceAccountNew", "A service account to be made. Roles are given by grants.",
      team_new_fields);
static const struct shape_field service_change_fields[] = {NAME(0, 1, "unique in the organisation"), DESCRIPTION,
                                                           DISABLED(0)};
SHAPE(service_change_shape, "ServiceAccountChange", "What is to change; what is not given stays.",
      service_change_fields);

struct filter {
  uint64_t given;
  struct text search, sort, role;
  int64_t team;
  bool disabled;
};
#define SORT                                                                                                           \
  {                                                                                                                    \
    "sort", SHAPE_TEXT, 0, SHAPE_AT(filter, sort), .choices = PEOPLE_SORTS,                                            \
                                                   .help = "by name without regard to case, or as they were made, "    \
                                                           "which it is unless asked otherwise; `-`: the other way"    \
  }
static const struct shape_field filter_fields[] = {
    {"search", SHAPE_TEXT, 0, SHAPE_AT(filter, search), .min = 1, .max = 100,
     .help = "part of the name or of the description, whatever the case"},
    SORT,
};
const struct shape people_filter_shape = {"PeopleFilter", "Which of them.", sizeof(struct filter),
                                          SHAPE_FIELDS(filter_fields)};
#define FILTER_DISABLED 3
static const struct shape_field user_filter_fields[] = {
    {"search", SHAPE_TEXT, 0, SHAPE_AT(filter, search), .min = 1, .max = 100,
     .help = "part of the name or of the email, whatever the case"},
    {"team", SHAPE_INTEGER, 0, SHAPE_AT(filter, team), .min = 1, .max = INT64_MAX, .help = "members of this team"},
    SORT,
    [FILTER_DISABLED] = {"disabled", SHAPE_BOOL, 0, SHAPE_AT(filter, disabled),
                         .help = "only those, or only the others"},
    {"role", SHAPE_TEXT, 0, SHAPE_AT(filter, role), .min = 1, .max = 40,
     .help = "who was given this role themselves, wherever it holds, such as `admin` or `role:7`"},
};
const struct shape user_filter_shape = {"UserFilter", "Which users.", sizeof(struct filter),
                                        SHAPE_FIELDS(user_filter_fields)};

static const struct resource {
  const char *path;
  enum people_kind kind;
  enum permission read, write;
} resources[] = {
    {"/api/v1/organisations", PEOPLE_ORGANISATION, PERMISSION_ORGANISATION_READ, PERMISSION_ORGANISATION_WRITE},
    {"/api/v1/workspaces", PEOPLE_WORKSPACE, PERMISSION_WORKSPACES_READ, PERMISSION_WORKSPACES_WRITE},
    {"/api/v1/teams", PEOPLE_TEAM, PERMISSION_USERS_READ, PERMISSION_USERS_WRITE},
    {"/api/v1/users", PEOPLE_USER, PERMISSION_USERS_READ, PERMISSION_USERS_WRITE},
    {"/api/v1/service-accounts", PEOPLE_SERVICE, PERMISSION_USERS_READ, PERMISSION_USERS_WRITE},
};

static const struct resource *resource_of(const struct api_call *c) {
  size_t i = 0;
  while (!text_starts(text_of(c->route->path), text_of(resources[i].path)))
    i++;
  return &resources[i];
}

static bool is_declared(const struct api_call *c, enum people_kind kind, const struct people_row *r) {
  for (size_t i = 0; kind == PEOPLE_USER && r->org_id == FIRST_ORG && i < c->config->user_count; i++)
    if (text_equal_nocase(c->config->users[i].email, r->text))
      return true;
  return false;
}

struct people_view people_view_of(const struct api_call *c, enum people_kind kind, const struct people_row *r) {
  struct people_view v = {.id = r->id,
                          .version = r->version,
                          .organisation = r->org_id,
                          .name = r->name,
                          .timezone = r->timezone,
                          .week_start = r->week_start,
                          .disabled = r->is_disabled,
                          .invited = r->is_invited,
                          .declared = is_declared(c, kind, r),
                          .created_us = r->created_us,
                          .last_seen_us = r->last_seen_us};
  *(kind == PEOPLE_USER ? &v.email : &v.description) = r->text;
  return v;
}

enum err people_may(const struct api_call *c, enum permission p, struct fault *f) {
  return api_may_in(c, p, TEXT(""), f);
}

enum err people_org(const struct api_call *c, int64_t asked, int64_t *out, struct fault *f) {
  if (c->org_id == 0) {
    *out = asked ? asked : FIRST_ORG;
    return ERR_OK;
  }
  if (asked && asked != c->org_id)
    return fault_set(f, ERR_NOT_FOUND, "organisation", "there is no organisation %lld", (long long)asked);
  *out = c->org_id;
  return ERR_OK;
}

/* A workspace may be looked at, and changed, also by who has a role in it alone. */
static enum err may_touch(const struct api_call *c, const struct resource *r, enum permission p, int64_t id,
                          struct fault *f) {
  if (r->kind == PEOPLE_WORKSPACE && caller_may_in(c->caller, p, id))
    return ERR_OK;
  return people_may(c, p, f);
}

/* The row of the path. */
static enum err find(struct api_call *c, const struct resource *r, enum permission p, struct people_row *out,
                     struct fault *f) {
  int64_t id = 0;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = c->api->store->ops->people->get(c->api->store, r->kind, c->org_id, id, c->arena, out, f);
  return e == ERR_OK ? may_touch(c, r, p, id, f) : e;
}

static void answer_one(struct api_call *c, const struct resource *r, const struct people_row *row) {
  struct people_view *v = ARENA_NEW(c->arena, struct people_view);
  *v = people_view_of(c, r->kind, row);
  c->answer = v;
  c->version = row->version;
}

static int compare_names(struct text a, struct text b) {
  for (size_t i = 0; i < a.len && i < b.len; i++) {
    int x = a.at[i] >= 'A' && a.at[i] <= 'Z' ? a.at[i] + 32 : (unsigned char)a.at[i];
    int y = b.at[i] >= 'A' && b.at[i] <= 'Z' ? b.at[i] + 32 : (unsigned char)b.at[i];
    if (x != y)
      return x < y ? -1 : 1;
  }
  return (a.len > b.len) - (a.len < b.len);
}

/* A few rows, in the order that the store would give them. */
static void sort_own(struct people_row *rows, size_t count, enum people_order order) {
  for (size_t i = 1; i < count; i++) {
    struct people_row moved = rows[i];
    size_t at = i;
    for (; at > 0; at--) {
      bool by_name = order == PEOPLE_BY_NAME || order == PEOPLE_BY_NAME_DOWN;
      int by = by_name ? compare_names(rows[at - 1].name, moved.name) : 0;
      if (by == 0)
        by = rows[at - 1].id < moved.id ? -1 : 1;
      if (order == PEOPLE_BY_NAME_DOWN || order == PEOPLE_BY_ID_DOWN ? by > 0 : by < 0)
        break;
      rows[at] = rows[at - 1];
    }
    rows[at] = moved;
  }
}

/* The workspaces that somebody has a role in, for who may not see all of them: in no more pages than one. */
static enum err list_own(struct api_call *c, const struct resource *r, struct people_row **out, size_t *out_count,
                         struct fault *f) {
  const struct people_filter filter = {.org_id = c->org_id};
  struct people_row *rows = arena_alloc(c->arena, (c->caller->workspace_count + 1) * sizeof(*rows));
  size_t count = 0;
  enum err e = ERR_OK;
  for (size_t i = 0; i < c->caller->workspace_count && e == ERR_OK; i++) {
    int64_t id = c->caller->workspaces[i].id;
    if (!caller_may_in(c->caller, r->read, id))
      continue;
    e = c->api->store->ops->people->get(c->api->store, r->kind, filter.org_id, id, c->arena, &rows[count], f);
    count += e == ERR_OK;
    e = e == ERR_NOT_FOUND ? ERR_OK : e;
  }
  sort_own(rows, count, people_order(((const struct filter *)c->query)->sort));
  *out = rows;
  *out_count = count;
  return e;
}

enum people_order people_order(struct text sort) {
  return text_equal(sort, TEXT("name"))       ? PEOPLE_BY_NAME
         : text_equal(sort, TEXT("-name"))    ? PEOPLE_BY_NAME_DOWN
         : text_equal(sort, TEXT("-created")) ? PEOPLE_BY_ID_DOWN
                                              : PEOPLE_BY_ID;
}

/* As much of a name as counts in the order. */
static struct text sort_key(struct text name) {
  size_t chars = 0, i = 0;
  for (; i < name.len && i < API_KEY_MAX; i++) {
    chars += ((unsigned char)name.at[i] & 0xc0) != 0x80;
    if (chars > PEOPLE_SORT_CHARS)
      break;
  }
  return text_head(name, i);
}

/* One more than a page is asked for, so that the last page knows it is the last. */
enum err people_page(struct api_call *c, enum people_kind kind, struct people_filter *filter, struct people_row **out,
                     size_t *out_count, struct fault *f) {
  struct store *s = c->api->store;
  filter->after_id = c->cursor.id;
  filter->after_name = c->cursor.key;
  filter->max = (size_t)c->limit + 1;
  enum err e = s->ops->people->list(s, kind, filter, c->arena, out, out_count, f);
  if (e == ERR_OK && *out_count > (size_t)c->limit) {
    const struct people_row *last = &(*out)[c->limit - 1];
    bool by_name = filter->order == PEOPLE_BY_NAME || filter->order == PEOPLE_BY_NAME_DOWN;
    *out_count = (size_t)c->limit;
    c->next = (struct api_place){.id = last->id, .key = by_name ? sort_key(last->name) : TEXT("")};
  }
  return e;
}

static enum err list_page(struct api_call *c, const struct resource *r, struct people_row **out, size_t *out_count,
                          struct fault *f) {
  const struct filter *asked = c->query;
  const bool by_disabled = r->kind == PEOPLE_USER && shape_has(asked, FILTER_DISABLED);
  struct people_filter filter = {.org_id = c->org_id,
                                 .order = people_order(asked->sort),
                                 .search = asked->search,
                                 .team_id = asked->team,
                                 .only_disabled = by_disabled && asked->disabled,
                                 .only_enabled = by_disabled && !asked->disabled,
                                 .role = asked->role};
  return people_page(c, r->kind, &filter, out, out_count, f);
}

enum err people_list(struct api_call *c, struct fault *f) {
  const struct resource *r = resource_of(c);
  struct people_row *rows = NULL;
  size_t count = 0;
  enum err e = people_may(c, r->read, f);
  if (e == ERR_FORBIDDEN && r->kind == PEOPLE_WORKSPACE) {
    *f = (struct fault){0};
    e = list_own(c, r, &rows, &count, f);
  } else if (e == ERR_OK) {
    e = list_page(c, r, &rows, &count, f);
  }
  if (e != ERR_OK)
    return e;
  struct people_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = people_view_of(c, r->kind, &rows[i]);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}

enum err people_get(struct api_call *c, struct fault *f) {
  const struct resource *r = resource_of(c);
  struct people_row row;
  enum err e = find(c, r, r->read, &row, f);
  if (e == ERR_OK)
    answer_one(c, r, &row);
  return e;
}

/* Whether the member at that place of the struct was given. */
static bool gave(const struct api_call *c, size_t offset) {
  for (size_t i = 0; i < c->route->body->count; i++)
    if (c->route->body->fields[i].offset == offset)
      return shape_has(c->body, i);
  return false;
}
#define GAVE(c, member) gave(c, offsetof(struct people_view, member))

static bool is_email(struct text t) {
  ptrdiff_t at = text_find_char(t, '@');
  for (size_t i = 0; i < t.len; i++)
    if (strchr(" :,;<>()[]\"\\", t.at[i]))
      return false;
  if (text_find(t, TEXT("\u00a0")) >= 0) /* a blank that is none */
    return false;
  return at > 0 && (size_t)at + 1 < t.len && text_find_char(text_skip(t, (size_t)at + 1), '@') < 0;
}

/* What no shape can say of it. */
static void check_given(struct api_call *c) {
  const struct people_view *in = c->body;
  if (GAVE(c, email) && !is_email(in->email) && !shape_is_refused(c->errors, "/email"))
    shape_refuse(c->errors, "/email", "must be an address such as ann@example.org");
  if (GAVE(c, timezone) && !check_is_timezone(in->timezone) && !shape_is_refused(c->errors, "/timezone"))
    shape_refuse(c->errors, "/timezone", "is not a time zone this machine knows, such as UTC or Asia/Seoul");
}

/* What was given, over what is there. */
static enum err apply(struct api_call *c, struct people_row *row) {
  const struct people_view *in = c->body;
  if (GAVE(c, name))
    row->name = in->name;
  if (GAVE(c, description))
    row->text = in->description;
  if (GAVE(c, email))
    row->text = in->email;
  if (GAVE(c, timezone))
    row->timezone = in->timezone;
  if (GAVE(c, week_start))
    row->week_start = in->week_start;
  if (GAVE(c, disabled))
    row->is_disabled = in->disabled;
  check_given(c);
  return c->errors->count > 0 ? ERR_BAD_REQUEST : ERR_OK;
}

/* Other organisations are made and removed by whoever runs the installation: for who is in one that is not there. */
static enum err may_make(const struct api_call *c, const struct resource *r, struct fault *f) {
  if (r->kind == PEOPLE_ORGANISATION && c->org_id != 0)
    return fault_set(f, ERR_NOT_FOUND, NULL, "organisations are made and removed over the operator's socket only");
  return people_may(c, r->write, f);
}

enum err people_create(struct api_call *c, struct fault *f) {
  const struct resource *r = resource_of(c);
  const struct people_view *in = c->body;
  struct store *s = c->api->store;
  struct people_row row = {.version = 1,
                           .timezone = TEXT("UTC"),
                           .week_start = TEXT("monday"),
                           .is_invited = r->kind == PEOPLE_USER,
                           .created_us = c->now_us};
  enum err e = people_org(c, in->organisation, &row.org_id, f);
  if (e == ERR_OK)
    e = may_make(c, r, f);
  if (e == ERR_OK)
    e = apply(c, &row);
  if (e == ERR_OK)
    e = s->ops->people->create(s, r->kind, &row, &c->by, &c->made_id, f);
  if (e == ERR_OK) /* as it is kept */
    e = s->ops->people->get(s, r->kind, c->org_id, c->made_id, c->arena, &row, f);
  if (e == ERR_OK)
    answer_one(c, r, &row);
  return e;
}

/* Who is declared is as the file says. */
static enum err check_declared(const struct api_call *c, const struct resource *r, const struct people_row *row,
                               struct fault *f) {
  if (!is_declared(c, r->kind, row))
    return ERR_OK;
  return fault_set(f, ERR_STORE_CONFLICT, NULL,
                   "this user is declared by the configuration (`users`): change it there");
}

enum err people_change(struct api_call *c, struct fault *f) {
  const struct resource *r = resource_of(c);
  struct store *s = c->api->store;
  struct people_row row = {0};
  enum err e = find(c, r, r->write, &row, f);
  if (e == ERR_OK)
    e = people_covers(c, r->kind, row.id, f);
  if (e == ERR_OK)
    e = check_declared(c, r, &row, f);
  if (e == ERR_OK)
    e = apply(c, &row);
  if (e != ERR_OK)
    return e;
  e = s->ops->people->update(s, r->kind, &row, c->if_match ? c->if_match : row.version, &c->by, f);
  if (e == ERR_STORE_STALE && !c->if_match)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "this is being changed by somebody else: try again");
  if (e == ERR_OK)
    e = s->ops->people->get(s, r->kind, c->org_id, row.id, c->arena, &row, f);
  if (e == ERR_OK)
    answer_one(c, r, &row);
  return e;
}

enum err people_remove(struct api_call *c, struct fault *f) {
  const struct resource *r = resource_of(c);
  struct store *s = c->api->store;
  struct people_row row = {0};
  enum err e = find(c, r, r->read, &row, f);
  if (e == ERR_OK)
    e = may_make(c, r, f);
  if (e == ERR_OK)
    e = people_covers(c, r->kind, row.id, f);
  if (e == ERR_OK)
    e = check_declared(c, r, &row, f);
  return e == ERR_OK ? s->ops->people->remove(s, r->kind, c->org_id, row.id, c->if_match, &c->by, f) : e;
}
