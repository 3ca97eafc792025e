/* Single values of the configuration as the control API shows them, each with where it comes from: what the snapshot in
 * force has, and beside it the store's row. Secrets are not among them. Rows of routes.c; changes are in
 * settings_write.c.
 * house: tested-by tests/unit/control/test_api_settings.c */
#include "control/settings_view.h"

#define KEY_BYTES_MAX 128

static const struct shape_field view_fields[] = {
    {"key", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(setting_view, key), .max = KEY_BYTES_MAX,
     .help = "its sections and its name in the configuration file, with points between"},
    {"value", SHAPE_VALUE, SHAPE_REQUIRED | SHAPE_NULLABLE, SHAPE_AT(setting_view, value),
     .help = "what this replica works by; of one that needs a restart, what the file says now. null: this version has "
             "no such setting"},
    {"default", SHAPE_VALUE, SHAPE_REQUIRED | SHAPE_NULLABLE, SHAPE_AT(setting_view, initial),
     .help = "what it is when nobody gives it"},
    {"source", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(setting_view, source), .choices = "file|store|default",
     .help = "who gave `value`"},
    {"changeable", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(setting_view, is_changeable), .help = "whether it is here"},
    {"why", SHAPE_TEXT, SHAPE_REQUIRED | SHAPE_NULLABLE, SHAPE_AT(setting_view, why),
     .choices = "file|restart|file_only|unknown",
     .help = "why not: the file gives it; it takes effect only after a restart; it is for the file alone; this version "
             "has no such setting"},
    {"stored", SHAPE_VALUE, SHAPE_REQUIRED | SHAPE_NULLABLE, SHAPE_AT(setting_view, stored),
     .help = "what the store has for it; null: nothing"},
    {"version", SHAPE_INTEGER, SHAPE_REQUIRED | SHAPE_NULLABLE, SHAPE_AT(setting_view, version), .min = 1,
     .max = INT64_MAX, .help = "of `stored`: one more with every change; as in the ETag"},
    {"in_force", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(setting_view, is_in_force),
     .help = "whether this replica works by this version of `stored`; a change is taken up within a second or so"},
    {"problem", SHAPE_TEXT, SHAPE_REQUIRED | SHAPE_NULLABLE, SHAPE_AT(setting_view, problem), .max = 2048,
     .help = "why `stored` is left out"},
    {"type", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(setting_view, type),
     .choices = "text|texts|integer|duration|boolean|choice", .help = "a duration is a text such as 250ms, 5s or 1h"},
    {"allowed", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(setting_view, allowed), .max = 1024,
     .help = "which values are taken, in words"},
    {"minimum", SHAPE_VALUE, SHAPE_REQUIRED | SHAPE_NULLABLE, SHAPE_AT(setting_view, minimum),
     .help = "of integers and durations"},
    {"maximum", SHAPE_VALUE, SHAPE_REQUIRED | SHAPE_NULLABLE, SHAPE_AT(setting_view, maximum), .help = "of these too"},
    {"description", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(setting_view, help), .max = 1024, .help = "what it is for"},
    {"changed", SHAPE_TIME, SHAPE_REQUIRED | SHAPE_NULLABLE, SHAPE_AT(setting_view, changed_us),
     .help = "when `stored` was changed last"},
};
const struct shape setting_shape = {"Setting", "A single value of the configuration.", sizeof(struct setting_view),
                                    SHAPE_FIELDS(view_fields)};

struct filter {
  uint64_t given;
  struct text section, source, sort;
  bool is_changeable;
};
enum { FILTER_SECTION, FILTER_SOURCE, FILTER_CHANGEABLE };
static const struct shape_field filter_fields[] = {
    {"section", SHAPE_TEXT, 0, SHAPE_AT(filter, section), .min = 1, .max = KEY_BYTES_MAX,
     .help = "only those below it, such as `signin` or `signin.password`"},
    {"source", SHAPE_TEXT, 0, SHAPE_AT(filter, source), .choices = "file|store|default", .help = "only those given so"},
    {"changeable", SHAPE_BOOL, 0, SHAPE_AT(filter, is_changeable), .help = "only those that are, or are not"},
    {"sort", SHAPE_TEXT, 0, SHAPE_AT(filter, sort), .choices = "key|-key",
     .help = "in the order of the reference unless given"},
};
const struct shape setting_filter_shape = {"SettingFilter", "Which settings.", sizeof(struct filter),
                                           SHAPE_FIELDS(filter_fields)};

const struct config_setting *setting_find(struct api_call *c, const struct config *config, struct text key) {
  struct config_setting *all = NULL;
  size_t count = config_settings(config, c->arena, &all);
  for (size_t i = 0; i < count; i++)
    if (text_equal(all[i].key, key))
      return &all[i];
  return NULL;
}

struct store_entity *setting_row_of(struct store_entity *rows, size_t count, struct text key) {
  struct text kind = text_of(config_kind_name(CONFIG_KIND_SETTING));
  for (size_t i = 0; i < count; i++)
    if (text_equal(rows[i].kind, kind) && text_equal(rows[i].name, key))
      return &rows[i];
  return NULL;
}

struct text setting_why(const struct config_setting *s) {
  if (s->needs_restart)
    return TEXT("restart");
  if (s->is_file_only)
    return TEXT("file_only");
  return s->source == CONFIG_SETTING_FILE ? TEXT("file") : TEXT_NONE;
}

static struct text stored_value(struct api_call *c, struct text row_body) {
  const struct json_limits limits = {.raw_numbers = true};
  struct json j;
  if (json_read(row_body, &limits, &j, NULL) != ERR_OK)
    return TEXT_NONE;
  yyjson_val *value = json_get(j.root, "value");
  struct text out = value ? json_value_text(value, c->arena) : TEXT_NONE;
  json_done(&j);
  return out;
}

static struct text in_one_line(struct text t, struct arena *a) {
  struct text line, out = TEXT_NONE;
  while (text_cut(t, '\n', &line, &t))
    out = arena_format(a, "%.*s%.*s; ", TEXT_ARGS(out), TEXT_ARGS(line));
  return arena_format(a, "%.*s%.*s", TEXT_ARGS(out), TEXT_ARGS(t));
}

/* What the store has, and what the configuration in force made of it. */
static void add_row(struct api_call *c, struct setting_view *v, const struct store_entity *row) {
  const struct config_joined *j = &c->config->joined;
  v->version = row->version;
  v->changed_us = row->changed_us;
  v->stored = stored_value(c, row->body);
  for (size_t i = 0; i < j->count; i++) {
    const struct config_entry *e = &j->entries[i];
    if (e->id != row->id || e->version != row->version)
      continue;
    v->is_in_force = !e->is_shadowed && text_is_empty(e->problem);
    v->problem = in_one_line(e->problem, c->arena);
  }
}

struct setting_view setting_view_of(struct api_call *c, const struct config_setting *s,
                                    const struct store_entity *row) {
  static const char *const sources[] = {
      [CONFIG_SETTING_DEFAULT] = "default", [CONFIG_SETTING_FILE] = "file", [CONFIG_SETTING_STORE] = "store"};
  struct setting_view v = {.key = s->key,
                           .type = text_of(s->type),
                           .allowed = s->allowed,
                           .help = text_of(s->help),
                           .source = text_of(sources[s->source]),
                           .why = setting_why(s),
                           .value = s->value,
                           .initial = s->initial,
                           .minimum = s->minimum,
                           .maximum = s->maximum};
  v.is_changeable = text_is_empty(v.why);
  if (row)
    add_row(c, &v, row);
  return v;
}

/* Of a key that another version had, or will have. */
static struct setting_view view_of_unknown(struct api_call *c, const struct store_entity *row) {
  struct setting_view v = {.key = row->name,
                           .type = TEXT("text"),
                           .allowed = TEXT("nothing"),
                           .help = TEXT("This version has no such setting; it can be removed."),
                           .source = TEXT("default"),
                           .why = TEXT("unknown")};
  add_row(c, &v, row);
  return v;
}

static bool is_asked_for(const struct filter *f, const struct setting_view *v) {
  bool is_below = text_starts(v->key, f->section) && v->key.len > f->section.len && v->key.at[f->section.len] == '.';
  return (!shape_has(f, FILTER_SECTION) || is_below) &&
         (!shape_has(f, FILTER_SOURCE) || text_equal(v->source, f->source)) &&
         (!shape_has(f, FILTER_CHANGEABLE) || v->is_changeable == f->is_changeable);
}

static int by_key(const void *a, const void *b) {
  struct text x = ((const struct setting_view *)a)->key, y = ((const struct setting_view *)b)->key;
  int order = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);
  return order ? order : (x.len > y.len) - (x.len < y.len);
}
static int by_key_down(const void *a, const void *b) { return by_key(b, a); }

static bool is_known(const struct config_setting *all, size_t count, struct text key) {
  for (size_t i = 0; i < count; i++)
    if (text_equal(all[i].key, key))
      return true;
  return false;
}

/* Those of this version, then what the store has besides. */
static enum err gather(struct api_call *c, struct setting_view **out, size_t *out_count, struct fault *f) {
  struct config_setting *all = NULL;
  struct store_entity *rows = NULL;
  size_t known = config_settings(c->config, c->arena, &all), count = 0, n = 0;
  enum err e = entries_load(c, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  struct setting_view *views = arena_alloc(c->arena, (known + count) * sizeof(*views));
  for (size_t i = 0; i < known; i++)
    views[n++] = setting_view_of(c, &all[i], setting_row_of(rows, count, all[i].key));
  for (size_t i = 0; i < count; i++)
    if (setting_row_of(&rows[i], 1, rows[i].name) && !is_known(all, known, rows[i].name))
      views[n++] = view_of_unknown(c, &rows[i]);
  *out = views;
  *out_count = n;
  return ERR_OK;
}

/* Cursors are places in what was asked for. */
enum err settings_list(struct api_call *c, struct fault *f) {
  const struct filter *filter = c->query;
  struct setting_view *views = NULL;
  size_t all = 0, total = 0;
  enum err e = gather(c, &views, &all, f);
  if (e != ERR_OK)
    return e;
  for (size_t i = 0; i < all; i++)
    if (is_asked_for(filter, &views[i]))
      views[total++] = views[i];
  if (filter->sort.len > 0)
    qsort(views, total, sizeof(*views), text_starts(filter->sort, TEXT("-")) ? by_key_down : by_key);
  size_t first = (uint64_t)c->cursor.id < total ? (size_t)c->cursor.id : total;
  size_t count = total - first < (size_t)c->limit ? total - first : (size_t)c->limit;
  if (first + count < total)
    c->next.id = (int64_t)(first + count);
  c->answer = views + first;
  c->answer_count = count;
  return ERR_OK;
}

enum err settings_get(struct api_call *c, struct fault *f) {
  struct setting_view *views = NULL;
  size_t total = 0;
  enum err e = gather(c, &views, &total, f);
  for (size_t i = 0; i < total && e == ERR_OK && !c->answer; i++) {
    if (!text_equal(views[i].key, c->values[0]))
      continue;
    c->answer = &views[i];
    c->version = views[i].version;
  }
  return e != ERR_OK || c->answer ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no setting of this key");
}
