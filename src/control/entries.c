/* Entries of the configuration as the control API shows them: what the file declares, read-only and without secrets,
 * then what stands in the store, each with whether it is in force here. A body is as the file would have it
 * (config/stored.h). Rows of routes.c; changes are in entries_write.c.
 * house: tested-by tests/unit/control/test_api_entries.c */
#include "control/entries_view.h"

/* What every kind shows. */
#define ENTRY_FIELDS                                                                                                     \
  {"id",                                                                                                                 \
   SHAPE_INTEGER,                                                                                                        \
   SHAPE_NULLABLE,                                                                                                       \
   SHAPE_AT(entry_view, id),                                                                                             \
   .min = 1,                                                                                                             \
   .max = INT64_MAX,                                                                                                     \
   .help = "of the store, never used twice; null: the file declares it"},                                                \
      {"source",                                                                                                         \
       SHAPE_TEXT,                                                                                                       \
       SHAPE_REQUIRED,                                                                                                   \
       SHAPE_AT(entry_view, source),                                                                                     \
       .choices = "file|store",                                                                                          \
       .help = "`file`: declared, and read-only here"},                                                                  \
      {"name",         SHAPE_TEXT,                                                                                       \
       SHAPE_REQUIRED, SHAPE_AT(entry_view, name),                                                                       \
       .max = 1024,    .help = "unique in its kind; words of its members where it has no name of its own"},              \
      {"version",                                                                                                        \
       SHAPE_INTEGER,                                                                                                    \
       SHAPE_NULLABLE,                                                                                                   \
       SHAPE_AT(entry_view, version),                                                                                    \
       .min = 1,                                                                                                         \
       .max = INT64_MAX,                                                                                                 \
       .help = "one more with every change; as in the ETag"},                                                            \
      {"position",                                                                                                       \
       SHAPE_INTEGER,                                                                                                    \
       SHAPE_REQUIRED,                                                                                                   \
       SHAPE_AT(entry_view, position),                                                                                   \
       .max = INT64_MAX,                                                                                                 \
       .help = "lower ones come first among those of the same source, and the file's before the store's"},               \
      {"config", SHAPE_JSON, SHAPE_REQUIRED, SHAPE_AT(entry_view, config),                                               \
       .help = "as it was sent; of the file's own as they are written there, without secrets"},                          \
      {"in_force", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(entry_view, is_in_force),                                        \
       .help = "whether this replica routes by this version of it; a change is taken up within a second or so"},         \
      {"shadowed", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(entry_view, is_shadowed),                                        \
       .help = "the file declares one of its name, which is used in its place"},                                         \
      {"problem", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(entry_view, problem), .max = 2048, .help = "why it is left out"}, \
      {"created", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(entry_view, created_us), .help = "when it was made"}, {           \
    "changed", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(entry_view, changed_us), .help = "when it was changed last"          \
  }
#define ENTRY_SHAPE(title, sentence, rows)                                                                             \
  { title, sentence, sizeof(struct entry_view), SHAPE_FIELDS(rows) }

static const struct shape_field provider_fields[] = {ENTRY_FIELDS};
const struct shape provider_shape = ENTRY_SHAPE("Provider", "Where requests may go.", provider_fields);
static const struct shape_field model_fields[] = {ENTRY_FIELDS};
const struct shape model_shape = ENTRY_SHAPE("Model", "What clients may ask for, and where it goes.", model_fields);
static const struct shape_field policy_fields[] = {ENTRY_FIELDS};
const struct shape policy_shape = ENTRY_SHAPE("Policy", "A rule about providers.", policy_fields);
static const struct shape_field assignment_fields[] = {ENTRY_FIELDS};
const struct shape assignment_shape = ENTRY_SHAPE("Assignment", "Who is under which policy.", assignment_fields);
static const struct shape_field limit_fields[] = {ENTRY_FIELDS};
const struct shape limit_shape = ENTRY_SHAPE("Limit", "A rate that holds for more than one key.", limit_fields);
static const struct shape_field price_fields[] = {
    ENTRY_FIELDS,
    {"price_version", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(entry_view, price_version), .max = UINT32_MAX,
     .help = "as ledger rows name it: another one when a number changes; null: it is not in force"}};
const struct shape price_shape = ENTRY_SHAPE("Price", "What a provider charges.", price_fields);

enum config_kind entries_kind(const struct api_call *c) {
  struct text path = text_skip(text_of(c->route->path), strlen("/api/v1/")), list = path, rest;
  (void)text_cut(path, '/', &list, &rest);
  enum config_kind k = 0;
  while (k + 1 < CONFIG_KIND_COUNT && !text_equal(list, text_of(config_kind_path(k))))
    k++;
  return k;
}

enum err entries_load(struct api_call *c, struct store_entity **out, size_t *out_count, struct fault *f) {
  struct store *s = c->api->store;
  return s->ops->entities->list(s, c->arena, out, out_count, f);
}

enum err entries_find(const struct api_call *c, struct store_entity *rows, size_t count, int64_t id,
                      struct store_entity **out, struct fault *f) {
  const char *kind = config_kind_name(entries_kind(c));
  for (size_t i = 0; i < count; i++) {
    if (rows[i].id != id || !text_equal(rows[i].kind, text_of(kind)))
      continue;
    *out = &rows[i];
    return ERR_OK;
  }
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is no %s %lld in the store", kind, (long long)id);
}

/* Lines and parts of names are told from each other by line ends, which no answer shows. */
static struct text in_one_line(struct text t, const char *between, struct arena *a) {
  struct text line, out = TEXT_NONE;
  while (text_cut(t, '\n', &line, &t))
    out = arena_format(a, "%.*s%.*s%s", TEXT_ARGS(out), TEXT_ARGS(line), between);
  return arena_format(a, "%.*s%.*s", TEXT_ARGS(out), TEXT_ARGS(t));
}

/* By the name of a price, which says of which provider's model it is. */
static int64_t version_of_price(const struct config *c, struct text name) {
  struct text provider, model;
  if (!text_cut(name, '\n', &provider, &model))
    return 0;
  for (size_t i = 0; i < c->price_count; i++)
    if (text_equal(c->prices[i].provider, provider) && text_equal(c->prices[i].model, model))
      return c->prices[i].version;
  return 0;
}

static const struct config_entry *judged(const struct config *c, const struct store_entity *row) {
  for (size_t i = 0; i < c->joined.count; i++)
    if (c->joined.entries[i].id == row->id && c->joined.entries[i].version == row->version)
      return &c->joined.entries[i];
  return NULL;
}

struct entry_view entries_view_of(const struct api_call *c, const struct store_entity *row) {
  struct entry_view v = {.id = row->id,
                         .version = row->version,
                         .position = row->position,
                         .source = TEXT("store"),
                         .name = in_one_line(row->name, " ", c->arena),
                         .config = row->body,
                         .created_us = row->created_us,
                         .changed_us = row->changed_us};
  const struct config_entry *e = judged(c->config, row);
  if (e) {
    v.is_shadowed = e->is_shadowed;
    v.problem = in_one_line(e->problem, "; ", c->arena);
    v.is_in_force = !e->is_shadowed && text_is_empty(e->problem);
  }
  if (v.is_in_force && text_equal(row->kind, TEXT("price")))
    v.price_version = version_of_price(c->config, row->name);
  return v;
}

static struct entry_view view_of_declared(const struct api_call *c, const struct config_entry *e) {
  return (struct entry_view){.position = e->position,
                             .source = TEXT("file"),
                             .name = in_one_line(e->name, " ", c->arena),
                             .config = e->body,
                             .is_in_force = true,
                             .price_version = e->kind == CONFIG_KIND_PRICE ? version_of_price(c->config, e->name) : 0};
}

/* All of the kind, in the order in which they are looked through. */
static enum err gather(struct api_call *c, struct entry_view **out, size_t *out_count, struct fault *f) {
  enum config_kind kind = entries_kind(c);
  const struct config_joined *j = &c->config->joined;
  struct store_entity *rows = NULL;
  size_t count = 0, n = 0;
  enum err e = entries_load(c, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  struct entry_view *views = arena_alloc(c->arena, (j->declared_count + count + 1) * sizeof(*views));
  for (size_t i = 0; i < j->declared_count; i++)
    if (j->declared[i].kind == kind)
      views[n++] = view_of_declared(c, &j->declared[i]);
  for (size_t i = 0; i < count; i++)
    if (text_equal(rows[i].kind, text_of(config_kind_name(kind))))
      views[n++] = entries_view_of(c, &rows[i]);
  *out = views;
  *out_count = n;
  return ERR_OK;
}

struct filter {
  uint64_t given;
  struct text search, source;
  bool has_problem;
};
enum { FILTER_SEARCH, FILTER_SOURCE, FILTER_PROBLEM };
static const struct shape_field filter_fields[] = {
    [FILTER_SEARCH] = {"search", SHAPE_TEXT, 0, SHAPE_AT(filter, search), .min = 1, .max = 100,
                       .help = "a part of the name, whatever the case"},
    [FILTER_SOURCE] = {"source", SHAPE_TEXT, 0, SHAPE_AT(filter, source), .choices = "file|store",
                       .help = "of the file, or of the store"},
    [FILTER_PROBLEM] = {"problem", SHAPE_BOOL, 0, SHAPE_AT(filter, has_problem),
                        .help = "those that are left out, or only the others"},
};
const struct shape entry_filter_shape = {"EntryFilter", "Which of them; their order is what they mean.",
                                         sizeof(struct filter), SHAPE_FIELDS(filter_fields)};

static size_t select_entries(const struct filter *q, struct entry_view *views, size_t total) {
  size_t n = 0;
  for (size_t i = 0; i < total; i++) {
    const struct entry_view *v = &views[i];
    if (text_has_nocase(v->name, q->search) && (q->source.len == 0 || text_equal(v->source, q->source)) &&
        (!shape_has(q, FILTER_PROBLEM) || (v->problem.len > 0) == q->has_problem))
      views[n++] = *v;
  }
  return n;
}

/* Cursors are places in the list. */
enum err entries_list(struct api_call *c, struct fault *f) {
  struct entry_view *views = NULL;
  size_t total = 0;
  enum err e = gather(c, &views, &total, f);
  if (e != ERR_OK)
    return e;
  total = select_entries(c->query, views, total);
  size_t first = (uint64_t)c->cursor.id < total ? (size_t)c->cursor.id : total;
  size_t count = total - first < (size_t)c->limit ? total - first : (size_t)c->limit;
  if (first + count < total)
    c->next.id = (int64_t)(first + count);
  c->answer = views + first;
  c->answer_count = count;
  return ERR_OK;
}

enum err entries_get(struct api_call *c, struct fault *f) {
  struct entry_view *views = NULL;
  size_t total = 0;
  int64_t id = 0;
  bool is_id = text_to_i64(c->values[0], &id) && id > 0;
  enum err e = gather(c, &views, &total, f);
  for (size_t i = 0; i < total && e == ERR_OK && !c->answer; i++) {
    if (is_id ? views[i].id != id : !text_equal(views[i].name, c->values[0]))
      continue;
    c->answer = &views[i];
    c->version = views[i].version;
    c->is_fixed = views[i].version == 0;
  }
  if (e != ERR_OK || c->answer)
    return e;
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is no %s of this id or name", config_kind_name(entries_kind(c)));
}
