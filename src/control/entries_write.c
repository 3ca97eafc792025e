/* Changing entries of the configuration in the store. Before anything is stored, the whole configuration is made as a
 * reload would make it, with the change and without: what the change would break is refused here, with the member that
 * is wrong or the entry that would no longer work, and never found out by a reload. Rows of routes.c.
 * house: tested-by tests/unit/control/test_api_entries.c */
#include "control/entries_view.h"

#define PLACE_MAX 128

struct entry_sent {
  uint64_t given;
  struct text config;
  int64_t position;
};

#define SENT_FIELDS(flags, schema_name)                                                                                \
  {"config",                                                                                                           \
   SHAPE_JSON,                                                                                                         \
   flags,                                                                                                              \
   SHAPE_AT(entry_sent, config),                                                                                       \
   .help = "as the configuration file would have it",                                                                  \
   .schema = schema_name},                                                                                             \
  {                                                                                                                    \
    "position", SHAPE_INTEGER, 0, SHAPE_AT(entry_sent, position),                                                      \
        .min = 1, .max = INT32_MAX, .help = "lower ones come first; behind all others unless given"                    \
  }
#define SENT(kind, title)                                                                                              \
  static const struct shape_field kind##_new_fields[] = {SENT_FIELDS(SHAPE_REQUIRED, title "Config")};                 \
  const struct shape kind##_new_shape = {title "New", "One to be made.", sizeof(struct entry_sent),                    \
                                         SHAPE_FIELDS(kind##_new_fields)};                                             \
  static const struct shape_field kind##_change_fields[] = {SENT_FIELDS(0, title "ConfigChange")};                     \
  const struct shape kind##_change_shape = {                                                                           \
      title "Change",                                                                                                  \
      "What is to change: members of `config` that are given take the place of those it has, and null "                \
      "removes one; what is not given stays.",                                                                         \
      sizeof(struct entry_sent), SHAPE_FIELDS(kind##_change_fields)}
SENT(provider, "Provider");
SENT(model, "Model");
SENT(policy, "Policy");
SENT(price, "Price");
SENT(assignment, "Assignment");
SENT(limit, "Limit");

/* The `config` of the body with every number's own digits. "" when it has none. */
static enum err read_config(const struct api_call *c, struct json *j, yyjson_val **out, struct fault *f) {
  const struct json_limits limits = {.raw_numbers = true};
  enum err e = json_read(c->sent, &limits, j, f);
  if (e == ERR_OK)
    *out = json_get(j->root, "config");
  return e;
}

static void put_members(struct json_writer *w, yyjson_val *object, yyjson_val *unless, struct arena *a) {
  yyjson_val *name, *value;
  size_t i, most;
  yyjson_obj_foreach (object, i, most, name, value) {
    bool is_replaced = unless && yyjson_obj_getn(unless, json_text(name).at, json_text(name).len);
    if (is_replaced || yyjson_is_null(value))
      continue;
    json_name_text(w, json_text(name));
    json_put_raw(w, json_value_text(value, a));
  }
}

/* was with the members of change in the place of its own, without those that are null. was "": nothing. */
static enum err merge(const struct api_call *c, struct text was, struct text *out, struct fault *f) {
  const struct json_limits limits = {.raw_numbers = true};
  struct json sent = {0}, old = {0};
  struct json_writer w;
  struct buf body;
  yyjson_val *change = NULL;
  enum err e = read_config(c, &sent, &change, f);
  if (e == ERR_OK && was.len > 0)
    e = json_read(was, &limits, &old, f);
  buf_init(&body, 4 * API_BODY_BYTES);
  json_writer_init(&w, &body);
  json_object(&w);
  if (e == ERR_OK && old.root)
    put_members(&w, old.root, change, c->arena);
  if (e == ERR_OK && change)
    put_members(&w, change, NULL, c->arena);
  json_object_end(&w);
  if (e == ERR_OK && buf_text(&body).len > API_BODY_BYTES)
    e = fault_set(f, ERR_LIMIT, "config", "may have at most %d bytes", API_BODY_BYTES);
  if (e == ERR_OK)
    *out = arena_copy(c->arena, buf_text(&body));
  buf_done(&body);
  json_done(&sent);
  json_done(&old);
  return e;
}

/* --- what would be --- */

static struct config_entry *entries_of(const struct api_call *c, const struct store_entity *rows, size_t count) {
  struct config_entry *at = arena_zalloc(c->arena, (count + 1) * sizeof(*at));
  for (size_t i = 0; i < count; i++) {
    at[i] = (struct config_entry){
        .id = rows[i].id, .version = rows[i].version, .position = rows[i].position, .body = rows[i].body};
    if (!config_kind_find(rows[i].kind, &at[i].kind)) { /* of a newer version */
      at[i].kind = CONFIG_KIND_PROVIDER;
      at[i].problem = TEXT("is of a kind that is not known here");
    }
  }
  return at;
}

static void end_config(void *data) { config_unref(data); }

enum err entries_join(struct api_call *c, const struct store_entity *rows, size_t count, struct config **out,
                      struct fault *f) {
  struct config_errors *errors = ARENA_NEW(c->arena, struct config_errors);
  struct config *joined = NULL;
  if (c->api->join(c->api->join_ctx, entries_of(c, rows, count), count, &joined, errors) != ERR_OK)
    return fault_set(f, ERR_STORE_CONFLICT, NULL,
                     "nothing can be changed while the configuration file is not valid: %s",
                     errors->count > 0 ? errors->at[0].text : "it cannot be read");
  arena_defer(c->arena, end_config, joined);
  *out = joined;
  return ERR_OK;
}

/* "`targets[0].model` must ..." -> "/config/targets/0/model" and what follows. */
static struct text pointer_of(struct text line, char out[PLACE_MAX]) {
  struct text path, rest;
  size_t n = (size_t)snprintf(out, PLACE_MAX, "/config");
  if (!text_starts(line, TEXT("`")) || !text_cut(text_skip(line, 1), '`', &path, &rest))
    return line;
  if (path.len > 0)
    out[n++] = '/';
  for (size_t i = 0; i < path.len && n + 1 < PLACE_MAX; i++) {
    if (path.at[i] != ']')
      out[n++] = path.at[i];
    if (out[n - 1] == '.' || out[n - 1] == '[')
      out[n - 1] = '/';
  }
  out[n] = '\0';
  return text_trim(rest);
}

static enum err refuse_problem(struct api_call *c, struct text problem) {
  char place[PLACE_MAX];
  struct text line;
  while (problem.len > 0) {
    if (!text_cut(problem, '\n', &line, &problem)) {
      line = problem;
      problem = TEXT_NONE;
    }
    struct text rest = pointer_of(line, place);
    shape_refuse(c->errors, place, "%.*s", TEXT_ARGS(rest));
  }
  return ERR_BAD_REQUEST;
}

enum err entries_check_others(const struct config *before, const struct config *after, int64_t id, struct fault *f) {
  for (size_t i = 0; i < after->joined.count; i++) {
    const struct config_entry *is = &after->joined.entries[i], *was = NULL;
    if (text_is_empty(is->problem) || is->id == id)
      continue;
    for (size_t k = 0; k < before->joined.count && !was; k++)
      if (before->joined.entries[k].id == is->id)
        was = &before->joined.entries[k];
    if (was && text_is_empty(was->problem) && !was->is_shadowed) {
      struct text name = is->name, more;
      (void)text_cut(name, '\n', &name, &more);
      return fault_set(f, ERR_STORE_CONFLICT, NULL, "the %s \"%.*s\" needs it: its %.*s", config_kind_name(is->kind),
                       TEXT_ARGS(text_head(name, 64)), TEXT_ARGS(text_head(is->problem, 160)));
    }
  }
  return ERR_OK;
}

/* Whether rows[at] can be, as it is now; fills its name. */
static enum err judge(struct api_call *c, struct store_entity *rows, size_t count, size_t at,
                      const struct config *after, struct fault *f) {
  const struct config_entry *e = &after->joined.entries[at];
  struct text who, user;
  rows[at].name = arena_copy(c->arena, e->name);
  rows[at].user = TEXT_NONE;
  bool may_be_about_somebody = e->kind == CONFIG_KIND_ASSIGNMENT || e->kind == CONFIG_KIND_LIMIT;
  if (may_be_about_somebody && text_cut(e->name, '\n', &who, &user) && text_equal(who, TEXT("user")))
    rows[at].user = arena_copy(c->arena, user);
  if (e->is_shadowed)
    return fault_set(f, ERR_STORE_CONFLICT, "name", "the configuration file declares a %s of this name",
                     config_kind_name(e->kind));
  for (size_t i = 0; i < count; i++)
    if (i != at && text_equal(rows[i].kind, rows[at].kind) && rows[i].name.len > 0 &&
        text_equal(rows[i].name, rows[at].name))
      return fault_set(f, ERR_STORE_CONFLICT, "name", "there is a %s of this name already", config_kind_name(e->kind));
  return text_is_empty(e->problem) ? ERR_OK : refuse_problem(c, e->problem);
}

/* What a provider may be given without being asked where it leads. */
static bool is_harmless(struct text member) {
  static const char *const names[] = {"wires",         "referer",          "title", "metadata", "timeouts",
                                      "on_disconnect", "charges_cancelled"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (text_equal(member, text_of(names[i])))
      return true;
  return false;
}

/* Whether a member is there that is another, or none, in the other. */
static bool has_other(yyjson_val *object, yyjson_val *than, struct arena *a) {
  yyjson_val *name, *value;
  size_t i, most;
  yyjson_obj_foreach (object, i, most, name, value) {
    yyjson_val *old = yyjson_obj_getn(than, json_text(name).at, json_text(name).len);
    if (!is_harmless(json_text(name)) && (!old || !text_equal(json_value_text(old, a), json_value_text(value, a))))
      return true;
  }
  return false;
}

/* A provider that leads elsewhere takes the credentials of its name there, so it needs who may give them; whether there
 * are any is seen by the store, in the transaction of the change. was "": it is new. */
static enum err prove(const struct api_call *c, struct text was, struct store_entity *is, struct fault *f) {
  const struct json_limits limits = {.raw_numbers = true};
  struct json before = {0}, after = {0};
  is->is_unproven = entries_kind(c) == CONFIG_KIND_PROVIDER && !caller_may(c->caller, PERMISSION_CREDENTIALS_WRITE);
  if (!is->is_unproven || was.len == 0)
    return ERR_OK;
  enum err e = json_read(was, &limits, &before, f);
  if (e == ERR_OK)
    e = json_read(is->body, &limits, &after, f);
  if (e == ERR_OK)
    is->is_unproven = has_other(before.root, after.root, c->arena) || has_other(after.root, before.root, c->arena);
  json_done(&before);
  json_done(&after);
  return e;
}

static enum err tell_unproven(enum err e, struct fault *f) {
  if (e != ERR_FORBIDDEN)
    return e;
  struct fault why = *f;
  *f = (struct fault){0};
  return fault_set(f, e, NULL, "%s: this needs the permission %s in the organisation", fault_text(&why),
                   permission_name(PERMISSION_CREDENTIALS_WRITE));
}

static enum err answer(struct api_call *c, const struct store_entity *row) {
  struct entry_view *v = ARENA_NEW(c->arena, struct entry_view);
  *v = entries_view_of(c, row);
  c->answer = v;
  c->version = row->version;
  return ERR_OK;
}

enum err entries_create(struct api_call *c, struct fault *f) {
  const struct entry_sent *in = c->body;
  struct store *s = c->api->store;
  struct store_entity *rows = NULL, *all;
  struct config *after = NULL;
  size_t count = 0;
  enum err e = entries_load(c, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  all = arena_zalloc(c->arena, (count + 1) * sizeof(*all));
  if (count > 0)
    memcpy(all, rows, count * sizeof(*all));
  struct store_entity *made = &all[count];
  *made = (struct store_entity){.version = 1,
                                .kind = text_of(config_kind_name(entries_kind(c))),
                                .position = in->position,
                                .created_us = c->now_us,
                                .changed_us = c->now_us};
  e = merge(c, TEXT_NONE, &made->body, f);
  if (e == ERR_OK)
    e = entries_join(c, all, count + 1, &after, f);
  if (e == ERR_OK && after)
    e = judge(c, all, count + 1, count, after, f);
  if (e == ERR_OK)
    e = prove(c, TEXT_NONE, made, f);
  if (e == ERR_OK)
    e = tell_unproven(s->ops->entities->create(s, made, &c->by, &made->id, f), f);
  if (e != ERR_OK)
    return e;
  c->made_id = made->id;
  e = entries_load(c, &rows, &count, f);
  if (e == ERR_OK)
    e = entries_find(c, rows, count, made->id, &made, f);
  return e == ERR_OK ? answer(c, made) : e;
}

/* A path without an id: what the file declares has a name alone. */
static enum err refuse_declared(const struct api_call *c, struct fault *f) {
  const struct config_joined *j = &c->config->joined;
  const char *kind = config_kind_name(entries_kind(c));
  for (size_t i = 0; i < j->declared_count; i++)
    if (j->declared[i].kind == entries_kind(c) && text_equal(j->declared[i].name, c->values[0]))
      return fault_set(f, ERR_STORE_CONFLICT, NULL, "the configuration file declares this %s: it is changed there",
                       kind);
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is no %s of this id in the store", kind);
}

/* The rows, and which of them the path names, at the version that is asked for. */
static enum err find(struct api_call *c, struct store_entity **rows, size_t *count, struct store_entity **out,
                     struct fault *f) {
  int64_t id = 0;
  if (!text_to_i64(c->values[0], &id) || id <= 0)
    return refuse_declared(c, f);
  enum err e = entries_load(c, rows, count, f);
  if (e == ERR_OK)
    e = entries_find(c, *rows, *count, id, out, f);
  if (e == ERR_OK && c->if_match && c->if_match != (*out)->version)
    e = fault_set(f, ERR_STORE_STALE, NULL, "it was changed meanwhile: it is at version %lld",
                  (long long)(*out)->version);
  return e;
}

/* A race with somebody else, who was quicker: without If-Match nobody asked for a version. */
static enum err settle(const struct api_call *c, enum err e, struct fault *f) {
  if (e != ERR_STORE_STALE || c->if_match)
    return e;
  return fault_set(f, ERR_STORE_CONFLICT, NULL, "this is being changed by somebody else: try again");
}

/* Keys that name a policy mean the file's where that one declares the name. */
static bool is_shadowed(const struct config *c, int64_t id) {
  for (size_t i = 0; c && i < c->joined.count; i++)
    if (c->joined.entries[i].id == id)
      return c->joined.entries[i].is_shadowed;
  return false;
}

enum err entries_change(struct api_call *c, struct fault *f) {
  const struct entry_sent *in = c->body;
  struct store *s = c->api->store;
  struct store_entity *rows = NULL, *row = NULL;
  struct config *before = NULL, *after = NULL;
  size_t count = 0;
  enum err e = find(c, &rows, &count, &row, f);
  if (e != ERR_OK || !row)
    return e;
  struct text was = row->body;
  e = entries_join(c, rows, count, &before, f);
  if (e == ERR_OK)
    e = merge(c, was, &row->body, f);
  if (e == ERR_OK)
    e = prove(c, was, row, f);
  if (e == ERR_OK)
    e = entries_join(c, rows, count, &after, f);
  if (e == ERR_OK && after)
    e = judge(c, rows, count, (size_t)(row - rows), after, f);
  if (e == ERR_OK && before && after)
    e = entries_check_others(before, after, row->id, f);
  if (e != ERR_OK)
    return e;
  if (shape_has(in, 1))
    row->position = in->position;
  row->changed_us = c->now_us;
  row->is_shadowed = is_shadowed(before, row->id);
  e = settle(c, tell_unproven(s->ops->entities->update(s, row, row->version, &c->by, f), f), f);
  if (e != ERR_OK)
    return e;
  row->version++;
  return answer(c, row);
}

enum err entries_remove(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_entity *rows = NULL, *row = NULL;
  struct config *before = NULL, *after = NULL;
  size_t count = 0;
  enum err e = find(c, &rows, &count, &row, f);
  if (e != ERR_OK || !row)
    return e;
  struct store_entity gone = *row;
  e = entries_join(c, rows, count, &before, f);
  memmove(row, row + 1, (count - (size_t)(row - rows) - 1) * sizeof(*row));
  if (e == ERR_OK)
    e = entries_join(c, rows, count - 1, &after, f);
  if (e == ERR_OK && before && after)
    e = entries_check_others(before, after, gone.id, f);
  if (e != ERR_OK)
    return e;
  const struct store_entities_ops *ops = s->ops->entities;
  return settle(
      c, (is_shadowed(before, gone.id) ? ops->discard : ops->remove)(s, gone.kind, gone.id, gone.version, &c->by, f),
      f);
}
