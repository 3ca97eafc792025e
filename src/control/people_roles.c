/* Roles through the control API: the built-in ones, which are the same everywhere and read-only, and those an
 * organisation has made; and the permissions there are. Rows of routes.c.
 * house: tested-by tests/unit/control/test_api_grants.c */
#include "control/people_view.h"

#define NAME_MAX_CHARS 100

struct role_view {
  uint64_t given;
  struct text role;
  int64_t id, version, organisation;
  struct text name;
  bool is_builtin;
  struct text *permissions;
  size_t permission_count;
  int64_t created_us;
};

#define PERMISSION(id, text, roles, help) text "|"
static const char permission_choices[] =
#include "ports/permission.def"
    ;
#undef PERMISSION

#define NAME(flags)                                                                                                    \
  {                                                                                                                    \
    "name", SHAPE_TEXT, flags, SHAPE_AT(role_view, name),                                                              \
        .min = 1, .max = NAME_MAX_CHARS, .help = "unique in the organisation, and none of a built-in role"             \
  }
#define PERMISSIONS(flags)                                                                                             \
  {                                                                                                                    \
    "permissions", SHAPE_TEXTS, flags, SHAPE_ARRAY(role_view, permissions, permission_count),                          \
        .max = PERMISSION_COUNT, .choices = permission_choices, .help = "what it permits"                              \
  }
static const struct shape_field fields[] = {
    {"role", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(role_view, role), .min = 1, .max = 40, .help = "as grants name it"},
    {"id", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(role_view, id), .min = 1, .max = INT64_MAX,
     .help = "never used twice; null: it is built in"},
    {"version", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(role_view, version), .min = 1, .max = INT64_MAX,
     .help = "one more with every change; as in the ETag"},
    {"organisation", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(role_view, organisation), .min = 1, .max = INT64_MAX,
     .help = "the organisation it belongs to; null: it is built in"},
    NAME(SHAPE_REQUIRED),
    {"built_in", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(role_view, is_builtin), .help = "the same everywhere, read-only"},
    PERMISSIONS(SHAPE_REQUIRED),
    {"created", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(role_view, created_us), .help = "when it was made"},
};
const struct shape role_shape = {"Role", "A set of permissions with a name.", sizeof(struct role_view),
                                 SHAPE_FIELDS(fields)};
static const struct shape_field new_fields[] = {
    NAME(SHAPE_REQUIRED),
    PERMISSIONS(SHAPE_REQUIRED),
    {"organisation", SHAPE_INTEGER, 0, SHAPE_AT(role_view, organisation), .min = 1, .max = INT64_MAX,
     .help = "one's own unless given; another only over the operator's socket"}};
const struct shape role_new_shape = {"RoleNew", "A role to be made; never more than who makes it may do.",
                                     sizeof(struct role_view), SHAPE_FIELDS(new_fields)};
static const struct shape_field change_fields[] = {NAME(0), PERMISSIONS(0)};
const struct shape role_change_shape = {"RoleChange", "What is to change; what is not given stays.",
                                        sizeof(struct role_view), SHAPE_FIELDS(change_fields)};

struct permission_view {
  uint64_t given;
  struct text name, help;
};
static const struct shape_field permission_fields[] = {
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(permission_view, name), .choices = permission_choices,
     .help = "as roles have it"},
    {"help", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(permission_view, help), .min = 1, .max = 200,
     .help = "what it permits"},
};
const struct shape permission_shape = {"Permission", "Something that may be permitted.", sizeof(struct permission_view),
                                       SHAPE_FIELDS(permission_fields)};

static void list_set(uint64_t set, struct arena *a, struct role_view *v) {
  v->permissions = arena_alloc(a, PERMISSION_COUNT * sizeof(*v->permissions));
  for (enum permission p = 0; p < PERMISSION_COUNT; p++)
    if (set & PERMISSION_BIT(p))
      v->permissions[v->permission_count++] = text_of(permission_name(p));
}

static struct role_view view_of_builtin(enum builtin_role r, struct arena *a) {
  struct text name = text_of(builtin_role_name(r));
  struct role_view v = {.role = name, .name = name, .is_builtin = true};
  list_set(builtin_role_permissions(r), a, &v);
  return v;
}

static struct role_view view_of(const struct people_row *r, struct arena *a) {
  struct role_view v = {.role = arena_format(a, "role:%lld", (long long)r->id),
                        .id = r->id,
                        .version = r->version,
                        .organisation = r->org_id,
                        .name = r->name,
                        .created_us = r->created_us};
  list_set(permission_set_read(r->text), a, &v);
  return v;
}

/* Built-in ones come first. A place is how many of them were given, and one more than the id of the last other. */
enum err roles_list(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  size_t builtin = (size_t)c->cursor.at, limit = (size_t)c->limit, n = 0, count = 0;
  struct role_view *views = arena_alloc(c->arena, limit * sizeof(*views));
  struct people_filter filter = {.org_id = c->org_id, .after_id = c->cursor.id > 0 ? c->cursor.id - 1 : 0};
  struct people_row *rows = NULL;
  while (n < limit && builtin < ROLE_BUILTIN_COUNT)
    views[n++] = view_of_builtin((enum builtin_role)builtin++, c->arena);
  filter.max = limit - n + 1;
  enum err e = s->ops->people->list(s, PEOPLE_ROLE, &filter, c->arena, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  size_t shown = count < filter.max ? count : filter.max - 1;
  for (size_t i = 0; i < shown; i++)
    views[n++] = view_of(&rows[i], c->arena);
  if (builtin < ROLE_BUILTIN_COUNT || shown < count)
    c->next = (struct api_place){(int64_t)builtin, (shown > 0 ? rows[shown - 1].id : filter.after_id) + 1};
  c->answer = views;
  c->answer_count = n;
  return ERR_OK;
}

enum err permissions_list(struct api_call *c, struct fault *f) {
  struct permission_view *views = arena_zalloc(c->arena, PERMISSION_COUNT * sizeof(*views));
  for (enum permission p = 0; p < PERMISSION_COUNT; p++)
    views[p] = (struct permission_view){.name = text_of(permission_name(p)), .help = text_of(permission_help(p))};
  c->answer = views;
  c->answer_count = PERMISSION_COUNT;
  return ERR_OK;
}

static enum err find(struct api_call *c, struct people_row *out, struct fault *f) {
  struct store *s = c->api->store;
  enum builtin_role builtin;
  int64_t id = 0;
  if (builtin_role_find(c->values[0], &builtin))
    return fault_set(f, ERR_FORBIDDEN, NULL, "a built-in role is the same everywhere: make one of your own");
  enum err e = api_id(c, 0, &id, f);
  return e == ERR_OK ? s->ops->people->get(s, PEOPLE_ROLE, c->org_id, id, c->arena, out, f) : e;
}

static void answer_one(struct api_call *c, const struct people_row *row) {
  struct role_view *v = ARENA_NEW(c->arena, struct role_view);
  *v = view_of(row, c->arena);
  c->answer = v;
  c->version = row->version;
}

enum err roles_get(struct api_call *c, struct fault *f) {
  enum builtin_role builtin;
  struct people_row row;
  if (builtin_role_find(c->values[0], &builtin)) {
    struct role_view *v = ARENA_NEW(c->arena, struct role_view);
    *v = view_of_builtin(builtin, c->arena);
    c->answer = v;
    c->is_fixed = true;
    return ERR_OK;
  }
  enum err e = find(c, &row, f);
  if (e == ERR_OK)
    answer_one(c, &row);
  return e;
}

/* As the store keeps them: each once, in the order of the table. */
static struct text join(struct api_call *c, const struct role_view *in, uint64_t *out_set) {
  struct text parts[2 * PERMISSION_COUNT];
  size_t n = 0;
  uint64_t set = 0;
  enum permission p;
  for (size_t i = 0; i < in->permission_count; i++)
    if (permission_find(in->permissions[i], &p))
      set |= PERMISSION_BIT(p);
  for (p = 0; p < PERMISSION_COUNT; p++) {
    if (!(set & PERMISSION_BIT(p)))
      continue;
    if (n > 0)
      parts[n++] = TEXT(" ");
    parts[n++] = text_of(permission_name(p));
  }
  *out_set = set;
  return arena_join(c->arena, parts, n);
}

static enum err check_name(struct api_call *c, struct text name) {
  struct text shown = text_trim(name);
  bool is_taken = text_starts(shown, TEXT("role:"));
  for (enum builtin_role r = 0; r < ROLE_BUILTIN_COUNT; r++)
    is_taken |= text_equal_nocase(shown, text_of(builtin_role_name(r)));
  if (!is_taken)
    return ERR_OK;
  shape_refuse(c->errors, "/name", "is, or looks like, a built-in role's");
  return ERR_BAD_REQUEST;
}

enum err roles_create(struct api_call *c, struct fault *f) {
  const struct role_view *in = c->body;
  struct store *s = c->api->store;
  struct people_row row = {.version = 1, .name = in->name, .created_us = c->now_us};
  uint64_t set = 0;
  row.text = join(c, in, &set);
  enum err e = people_org(c, in->organisation, &row.org_id, f);
  if (e == ERR_OK)
    e = people_may(c, PERMISSION_ROLES_WRITE, f);
  if (e == ERR_OK)
    e = people_has_all(c, set, 0, f);
  if (e == ERR_OK)
    e = check_name(c, in->name);
  if (e == ERR_OK)
    e = s->ops->people->create(s, PEOPLE_ROLE, &row, &c->by, &row.id, f);
  if (e != ERR_OK)
    return e;
  c->made_id = row.id;
  answer_one(c, &row);
  return ERR_OK;
}

/* The role of the path, if the caller may do all that it permits. */
static enum err find_to_change(struct api_call *c, struct people_row *out, struct fault *f) {
  enum err e = find(c, out, f);
  if (e == ERR_OK)
    e = people_may(c, PERMISSION_ROLES_WRITE, f);
  return e == ERR_OK ? people_has_all(c, permission_set_read(out->text), 0, f) : e;
}

enum err roles_change(struct api_call *c, struct fault *f) {
  const struct role_view *in = c->body;
  struct store *s = c->api->store;
  struct people_row row = {0};
  uint64_t set = 0;
  enum err e = find_to_change(c, &row, f);
  if (e != ERR_OK)
    return e;
  if (shape_has(in, 0))
    row.name = in->name;
  if (shape_has(in, 1))
    row.text = join(c, in, &set);
  e = people_has_all(c, set, 0, f);
  if (e == ERR_OK)
    e = check_name(c, row.name);
  if (e == ERR_OK)
    e = s->ops->people->update(s, PEOPLE_ROLE, &row, c->if_match ? c->if_match : row.version, &c->by, f);
  if (e == ERR_STORE_STALE && !c->if_match)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "this is being changed by somebody else: try again");
  if (e == ERR_OK)
    e = s->ops->people->get(s, PEOPLE_ROLE, c->org_id, row.id, c->arena, &row, f);
  if (e == ERR_OK)
    answer_one(c, &row);
  return e;
}

enum err roles_remove(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct people_row row = {0};
  enum err e = find_to_change(c, &row, f);
  return e == ERR_OK ? s->ops->people->remove(s, PEOPLE_ROLE, c->org_id, row.id, c->if_match, &c->by, f) : e;
}
