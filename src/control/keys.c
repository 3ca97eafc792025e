/* Virtual keys as the control API shows them, by pages: those of the file, then those of the store. No part of a key
 * but its prefix is ever in an answer here. Changes are in keys_write.c. Rows of routes.c.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/key_view.h"
#include "control/views.h"

static const struct shape_field fields[] = {
    {"id", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(key_view, id), .min = INT64_MIN, .max = INT64_MAX,
     .help = "never used twice; negative: the file declares it, and the request log has it so"},
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(key_view, name), .min = 1, .max = 128, .help = "unique"},
    {"prefix", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(key_view, prefix), .max = 16, .help = "how the key begins"},
    {"user", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(key_view, user), .max = 128, .help = "whose it is"},
    {"workspace", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(key_view, workspace), .max = 128,
     .help = "the workspace it belongs to"},
    {"policy", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(key_view, policy), .max = 64, .help = "its own policy"},
    {"models", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(key_view, models, model_count), .max = 256,
     .help = "the models it may ask for, with `*`"},
    {"rpm", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(key_view, rpm), .max = INT64_MAX, .help = "requests a minute"},
    {"tpm", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(key_view, tpm), .max = INT64_MAX, .help = "tokens a minute"},
    {"concurrency", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(key_view, concurrency), .max = INT64_MAX,
     .help = "requests at one time"},
    {"budget_usd", SHAPE_USD, SHAPE_NULLABLE, SHAPE_AT(key_view, budget_nano), .max = INT64_MAX,
     .help = "the most it may cost in one period"},
    {"budget_period", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(key_view, budget_period), .choices = "day|week|month",
     .help = "of the budget"},
    {"created", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(key_view, created_us),
     .help = "when it was made; null: it is declared"},
    {"expires", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(key_view, expires_us), .help = "when it stops working"},
    {"last_used", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(key_view, last_used_us), .help = "to some seconds"},
    {"source", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(key_view, source), .choices = "file|store",
     .help = "`file`: declared, and read-only here"},
    {"blocked", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(key_view, blocked), .help = "whether it is refused now"},
    {"routes", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(key_view, routes, route_count), .max = KEY_ENTRIES_MAX / 4,
     .choices = KEY_ROUTES, .help = "the wires and mount points it may be used on; none: everywhere"},
    {"allow_ips", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(key_view, allow_ips, allow_ip_count),
     .max = KEY_ENTRIES_MAX / 4, .help = "networks it may be used from, such as `10.0.0.0/8`; none: from everywhere"},
    {"cors_origins", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(key_view, cors_origins, cors_origin_count),
     .max = KEY_ENTRIES_MAX / 4, .help = "sites whose pages may use it from a browser; `*` for any"},
    {"version", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(key_view, version), .min = 0, .max = INT64_MAX,
     .help = "one more with every change; the entity tag; 0: it is declared"},
};
const struct shape key_shape = {"Key", "A virtual key.", sizeof(struct key_view), SHAPE_FIELDS(fields)};

struct filter {
  uint64_t given;
  struct text user, workspace, search, sort, source;
  bool blocked;
};
enum { FILTER_USER, FILTER_WORKSPACE, FILTER_SEARCH, FILTER_SORT, FILTER_BLOCKED, FILTER_SOURCE };
static const struct shape_field filter_fields[] = {
    {"user", SHAPE_TEXT, 0, SHAPE_AT(filter, user), .min = 1, .max = 128, .help = "exactly this"},
    {"workspace", SHAPE_TEXT, 0, SHAPE_AT(filter, workspace), .min = 1, .max = 128, .help = "exactly this"},
    {"search", SHAPE_TEXT, 0, SHAPE_AT(filter, search), .min = 1, .max = 128,
     .help = "a part of the name, whatever the case"},
    {"sort", SHAPE_TEXT, 0, SHAPE_AT(filter, sort), .choices = "created|-created",
     .help = "oldest first, which it is unless asked otherwise, or newest first; those of the file come before"},
    {"blocked", SHAPE_BOOL, 0, SHAPE_AT(filter, blocked), .help = "only those, or only the others"},
    {"source", SHAPE_TEXT, 0, SHAPE_AT(filter, source), .choices = "file|store",
     .help = "of the file, or of the store"},
};
const struct shape key_filter_shape = {"KeyFilter", "Which keys.", sizeof(struct filter), SHAPE_FIELDS(filter_fields)};

static size_t split(struct text lines, struct arena *a, struct text **out) {
  struct text one;
  size_t most = 1, count = 0;
  for (size_t i = 0; i < lines.len; i++)
    most += lines.at[i] == '\n';
  *out = arena_alloc(a, most * sizeof(**out));
  while (lines.len > 0) {
    if (!text_cut(lines, '\n', &one, &lines)) {
      one = lines;
      lines = TEXT_NONE;
    }
    if (one.len > 0)
      (*out)[count++] = one;
  }
  return count;
}

struct key_view key_view_of(const struct store_key *k, struct arena *a) {
  struct key_view v = {.id = k->id,
                       .source = TEXT("store"),
                       .version = k->version,
                       .name = k->name,
                       .prefix = k->prefix,
                       .user = k->user,
                       .workspace = k->workspace,
                       .policy = k->policy,
                       .rpm = k->rpm,
                       .tpm = k->tpm,
                       .concurrency = k->concurrency,
                       .budget_nano = k->budget_nano,
                       .budget_period = k->budget_period,
                       .created_us = k->created_us,
                       .expires_us = k->expires_us,
                       .last_used_us = k->last_used_us,
                       .blocked = k->blocked};
  v.model_count = split(k->models, a, &v.models);
  v.route_count = split(k->routes, a, &v.routes);
  v.allow_ip_count = split(k->allow_ips, a, &v.allow_ips);
  v.cors_origin_count = split(k->cors_origins, a, &v.cors_origins);
  return v;
}

static bool is_unowned(const struct store_key *k) { return k->owner_user == 0 && k->owner_service == 0; }

/* By number: an address may have been another's. Whom an external issuer vouches for has none, only a name. */
static bool is_own(const struct api_call *c, const struct store_key *k) {
  const struct caller *who = c->caller;
  bool is_theirs = who->kind == CALLER_USER      ? k->owner_user == who->id
                   : who->kind != CALLER_SERVICE ? false
                   : who->id > 0                 ? k->owner_service == who->id
                                                 : is_unowned(k) && text_equal(k->user, api_own_name(who));
  return is_theirs && api_may_in(c, PERMISSION_KEYS_OWN, k->workspace, NULL) == ERR_OK;
}

enum err key_find_seen(struct api_call *c, struct store_key *out, struct fault *f) {
  struct store *s = c->api->store;
  struct store_key k = {0};
  int64_t id;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = s->ops->key_get(s, c->org_id, id, c->arena, &k, f);
  if (e != ERR_OK)
    return e;
  if (api_may_in(c, PERMISSION_KEYS_READ, k.workspace, NULL) != ERR_OK &&
      api_may_in(c, PERMISSION_KEYS_WRITE, k.workspace, NULL) != ERR_OK && !is_own(c, &k))
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no key %lld", (long long)id);
  *out = k;
  return ERR_OK;
}

enum err key_may_change(const struct api_call *c, const struct store_key *k, bool *out_own, struct fault *f) {
  enum err e = api_may_in(c, PERMISSION_KEYS_WRITE, k->workspace, f);
  bool own = e != ERR_OK && is_own(c, k);
  if (e != ERR_OK && !own)
    return e;
  *out_own = own;
  return ERR_OK;
}

static void only_own(const struct caller *who, struct key_filter *q) {
  q->owner_user = who->kind == CALLER_USER ? who->id : 0;
  q->owner_service = who->kind == CALLER_SERVICE ? who->id : 0;
  q->only_unowned = q->owner_user == 0 && q->owner_service == 0;
  if (!q->only_unowned)
    q->user = TEXT("");
}

static struct key_view view_of_declared(const struct config_key *k) {
  static const char *const periods[] = {
      [CONFIG_PERIOD_DAY] = "day", [CONFIG_PERIOD_WEEK] = "week", [CONFIG_PERIOD_MONTH] = "month"};
  static struct text every = TEXT("*");
  return (struct key_view){.id = store_key_declared_id(k->name),
                           .source = TEXT("file"),
                           .name = k->name,
                           .user = k->user,
                           .workspace = k->workspace,
                           .policy = k->policy,
                           .models = k->model_count > 0 ? k->models : &every,
                           .model_count = k->model_count > 0 ? k->model_count : 1,
                           .routes = k->routes,
                           .route_count = k->route_count,
                           .allow_ips = k->allow_ips,
                           .allow_ip_count = k->allow_ip_count,
                           .cors_origins = k->cors_origins,
                           .cors_origin_count = k->cors_origin_count,
                           .rpm = k->rpm,
                           .tpm = k->tpm,
                           .concurrency = k->concurrency,
                           .budget_nano = k->budget_nano,
                           .budget_period = k->budget_nano > 0 ? text_of(periods[k->budget_period]) : TEXT_NONE,
                           .expires_us = k->expires_us,
                           .blocked = k->blocked};
}

static bool is_asked_for(const struct key_filter *q, const struct config_key *k) {
  return text_has_nocase(k->name, q->search) && (q->user.len == 0 || text_equal(k->user, q->user)) &&
         (q->workspace.len == 0 || text_equal(k->workspace, q->workspace)) && (!q->only_blocked || k->blocked) &&
         (!q->only_open || !k->blocked);
}

/* Those of the file are of the first organisation, and nobody's own. As many as there is room for behind the first
 * `skip`; *out_more: there are others. */
static size_t add_declared(const struct api_call *c, const struct key_filter *q, bool only_stored, size_t skip,
                           struct key_view *out, bool *out_more) {
  size_t found = 0, n = 0;
  *out_more = false;
  if (only_stored || c->org_id > 1)
    return 0;
  for (size_t i = 0; i < c->config->key_count; i++) {
    if (!is_asked_for(q, &c->config->keys[i]) || found++ < skip)
      continue;
    if (n == (size_t)c->limit) {
      *out_more = true;
      break;
    }
    out[n++] = view_of_declared(&c->config->keys[i]);
  }
  return n;
}

static struct key_filter filter_of(const struct api_call *c) {
  const struct filter *asked = c->query;
  return (struct key_filter){.org_id = c->org_id,
                             .user = asked->user,
                             .workspace = asked->workspace,
                             .search = asked->search,
                             .only_blocked = shape_has(asked, FILTER_BLOCKED) && asked->blocked,
                             .only_open = shape_has(asked, FILTER_BLOCKED) && !asked->blocked,
                             .newest_first = text_equal(asked->sort, TEXT("-created")),
                             .after_id = c->cursor.id > 0 ? c->cursor.id - 1 : 0};
}

/* Those of the file come first. A place is how many of them were given, and one more than the id of the last other. */
enum err keys_list(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct text source = ((const struct filter *)c->query)->source;
  struct key_view *views = arena_alloc(c->arena, (size_t)c->limit * sizeof(*views));
  struct store_key *keys = NULL;
  struct key_filter q = filter_of(c);
  size_t count = 0, given = (size_t)c->cursor.at;
  bool has_more = false;
  struct api_own own = {&q.user, NULL, false};
  enum err e = api_narrow(c, PERMISSION_KEYS_READ, PERMISSION_KEYS_OWN, q.workspace, &own, f);
  if (e != ERR_OK)
    return e;
  if (own.is_narrowed)
    only_own(c->caller, &q);
  size_t n = add_declared(c, &q, own.is_narrowed || text_equal(source, TEXT("store")), given, views, &has_more);
  given += n;
  q.max = (size_t)c->limit - n + 1;
  if (!text_equal(source, TEXT("file")))
    e = s->ops->key_page(s, &q, c->arena, &keys, &count, f);
  if (e != ERR_OK)
    return e;
  size_t shown = keys == NULL ? 0 : count < q.max ? count : q.max - 1;
  for (size_t i = 0; i < shown; i++)
    views[n++] = key_view_of(&keys[i], c->arena);
  if (has_more || shown < count)
    c->next = (struct api_place){.at = (int64_t)given, .id = (shown > 0 ? keys[shown - 1].id : q.after_id) + 1};
  c->answer = views;
  c->answer_count = n;
  return ERR_OK;
}

enum err keys_get(struct api_call *c, struct fault *f) {
  struct key_view *view = ARENA_NEW(c->arena, struct key_view);
  struct store_key k = {0};
  enum err e = key_find_seen(c, &k, f);
  if (e != ERR_OK)
    return e;
  *view = key_view_of(&k, c->arena);
  c->answer = view;
  c->version = k.version;
  return ERR_OK;
}
