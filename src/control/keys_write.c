/* Changes of virtual keys of the store: make, change, rotate, block, delete. Who has keys.write does so with any key
 * (there); who has keys.own makes keys for themselves, and of those may take away but not add. A key's secret is in the
 * answer to its making and its rotation, and nowhere else. Rows of routes.c.
 * house: tested-by tests/unit/control/test_api_keys.c */
#include "base/cidr.h"
#include "config/origin.h"
#include "control/key_view.h"
#include "control/views.h"
#include "ports/store_people.h"

#define OVERLAP_S     300
#define OVERLAP_S_MAX (INT64_C(90) * 24 * 3600)
#define COUNT_MAX     INT32_MAX

/* As the store and `weir key` have them. */
enum {
  IN_NAME,
  IN_USER,
  IN_WORKSPACE,
  IN_POLICY,
  IN_MODELS,
  IN_RPM,
  IN_TPM,
  IN_CONCURRENCY,
  IN_BUDGET,
  IN_PERIOD,
  IN_EXPIRES,
  IN_ROUTES,
  IN_ALLOW_IPS,
  IN_CORS_ORIGINS,
  IN_BLOCKED
};
/* What may be given, in the order of the enum. */
#define INPUT_FIELDS(name_flags)                                                                                       \
  {"name", SHAPE_TEXT, (name_flags), SHAPE_AT(key_view, name), .min = 1, .max = 100, .help = "unique"},                \
      {"user", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(key_view, user), .min = 1, .max = 128, .help = "whose it is"},     \
      {"workspace",                                                                                                    \
       SHAPE_TEXT,                                                                                                     \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_AT(key_view, workspace),                                                                                  \
       .min = 1,                                                                                                       \
       .max = 128,                                                                                                     \
       .help = "the workspace it belongs to"},                                                                         \
      {"policy",                                                                                                       \
       SHAPE_TEXT,                                                                                                     \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_AT(key_view, policy),                                                                                     \
       .min = 1,                                                                                                       \
       .max = 64,                                                                                                      \
       .help = "its own policy, one of the configuration"},                                                            \
      {"models",                                                                                                       \
       SHAPE_TEXTS,                                                                                                    \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_ARRAY(key_view, models, model_count),                                                                     \
       .max = KEY_ENTRIES_MAX,                                                                                         \
       .help = "the models it may ask for, with `*`; none: all"},                                                      \
      {"rpm",                                                                                                          \
       SHAPE_INTEGER,                                                                                                  \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_AT(key_view, rpm),                                                                                        \
       .min = 1,                                                                                                       \
       .max = COUNT_MAX,                                                                                               \
       .help = "requests a minute"},                                                                                   \
      {"tpm",    SHAPE_INTEGER,    SHAPE_NULLABLE,           SHAPE_AT(key_view, tpm),                                  \
       .min = 1, .max = COUNT_MAX, .help = "tokens a minute"},                                                         \
      {"concurrency",                                                                                                  \
       SHAPE_INTEGER,                                                                                                  \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_AT(key_view, concurrency),                                                                                \
       .min = 1,                                                                                                       \
       .max = COUNT_MAX,                                                                                               \
       .help = "requests at one time"},                                                                                \
      {"budget_usd",                                                                                                   \
       SHAPE_USD,                                                                                                      \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_AT(key_view, budget_nano),                                                                                \
       .min = 1,                                                                                                       \
       .max = INT64_C(1000000000000000000),                                                                            \
       .help = "the most it may cost in one period"},                                                                  \
      {"budget_period",                                                                                                \
       SHAPE_TEXT,                                                                                                     \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_AT(key_view, budget_period),                                                                              \
       .choices = "day|week|month",                                                                                    \
       .help = "of the budget; the two go together"},                                                                  \
      {"expires", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(key_view, expires_us), .help = "when it stops working"},        \
      {"routes",                                                                                                       \
       SHAPE_TEXTS,                                                                                                    \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_ARRAY(key_view, routes, route_count),                                                                     \
       .max = KEY_ENTRIES_MAX / 4,                                                                                     \
       .choices = KEY_ROUTES,                                                                                          \
       .help = "the wires and mount points it may be used on; none: everywhere"},                                      \
      {"allow_ips",                                                                                                    \
       SHAPE_TEXTS,                                                                                                    \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_ARRAY(key_view, allow_ips, allow_ip_count),                                                               \
       .max = KEY_ENTRIES_MAX / 4,                                                                                     \
       .help = "networks it may be used from; none: from everywhere"},                                                 \
  {                                                                                                                    \
    "cors_origins", SHAPE_TEXTS, SHAPE_NULLABLE, SHAPE_ARRAY(key_view, cors_origins, cors_origin_count),               \
        .max = KEY_ENTRIES_MAX / 4, .help = "sites whose pages may use it from a browser; `*` for any"                 \
  }

static const struct shape_field new_fields[] = {INPUT_FIELDS(SHAPE_REQUIRED)};
static const struct shape_field change_fields[] = {
    INPUT_FIELDS(0), {"blocked", SHAPE_BOOL, 0, SHAPE_AT(key_view, blocked), .help = "refuse it now"}};
static void check_given(struct api_call *c);
const struct shape key_new_shape = {"KeyNew", "A key to be made.", sizeof(struct key_view), SHAPE_FIELDS(new_fields),
                                    .check = check_given};
const struct shape key_change_shape = {"KeyChange", "What is to change; what is not given stays, null takes away.",
                                       sizeof(struct key_view), SHAPE_FIELDS(change_fields), .check = check_given};

struct rotate_input {
  uint64_t given;
  int64_t overlap_s;
};
static const struct shape_field rotate_fields[] = {
    {"overlap_s", SHAPE_INTEGER, 0, SHAPE_AT(rotate_input, overlap_s), .min = 0, .max = OVERLAP_S_MAX,
     .help = "for how many seconds the old one is good; 300 unless given"},
};
const struct shape key_rotate_shape = {"KeyRotation", "How a key is replaced.", sizeof(struct rotate_input),
                                       SHAPE_FIELDS(rotate_fields)};

struct made_view {
  uint64_t given;
  struct key_view key;
  struct text secret, pair_id, pair_secret;
};
static const struct shape_field made_fields[] = {
    {"key", SHAPE_OBJECT, SHAPE_REQUIRED, SHAPE_AT(made_view, key), .of = &key_shape, .help = "as it is kept"},
    {"secret", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(made_view, secret), .min = 48, .max = 48,
     .help = "what clients send; it is not kept and never shown again"},
    {"aws_access_key_id", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(made_view, pair_id), .min = 20, .max = 20,
     .help = "of the pair with which AWS's SDKs sign in its place"},
    {"aws_secret_access_key", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(made_view, pair_secret), .min = 43, .max = 43,
     .help = "its secret"},
};
const struct shape key_made_shape = {"KeyMade", "A key and, this once, its secret.", sizeof(struct made_view),
                                     SHAPE_FIELDS(made_fields)};

/* What has been said of a place is said once. */
static void refuse(struct api_call *c, const char *place, const char *why) {
  if (!shape_is_refused(c->errors, place))
    shape_refuse(c->errors, place, "%s", why);
}

/* What the store says of a member is told as of one. */
static enum err tell(struct api_call *c, enum err e, const struct fault *f) {
  if (e == ERR_BAD_REQUEST && strcmp(f->field, "workspace") == 0)
    shape_refuse(c->errors, "/workspace", "%s", f->text);
  return e;
}

static struct text join(struct arena *a, const struct text *list, size_t count) {
  struct text out;
  struct buf b;
  buf_init(&b, 128 * 1024);
  for (size_t i = 0; i < count; i++) {
    if (i > 0)
      buf_add_char(&b, '\n');
    buf_add(&b, list[i]);
  }
  out = arena_copy(a, buf_text(&b));
  buf_done(&b);
  return out;
}

static void refuse_element(struct api_call *c, const char *list, size_t i, const char *why) {
  char place[64];
  snprintf(place, sizeof(place), "/%s/%zu", list, i);
  refuse(c, place, why);
}

static void check_networks(struct api_call *c, const struct key_view *in) {
  for (size_t i = 0; i < in->allow_ip_count; i++) {
    struct cidr unused;
    if (!cidr_read(in->allow_ips[i], &unused))
      refuse_element(c, "allow_ips", i, "must be a network such as 10.0.0.0/8, with no bit set behind the prefix");
  }
  for (size_t i = 0; i < in->cors_origin_count; i++) {
    if (!origin_is_one(in->cors_origins[i]) && !text_equal(in->cors_origins[i], TEXT("*")))
      refuse_element(c, "cors_origins", i, "must be an origin such as https://app.example.org, or *");
  }
}

/* As the store will say it of this alone; what it cannot be asked now it says then. */
static void check_workspace(struct api_call *c, struct text name) {
  struct store *s = c->api->store;
  int64_t org = 0;
  bool is_known;
  if (name.len > 0 && c->org_id != 0 && s->ops->people->workspace_org(s, name, &org, &is_known, NULL) == ERR_OK &&
      org != c->org_id)
    refuse(c, "/workspace", "is none of this organisation");
}

/* What no shape can say of what was given. */
static void check_given(struct api_call *c) {
  const struct key_view *in = c->body;
  check_networks(c, in);
  check_workspace(c, in->workspace);
  if (in->policy.len > 0 && !config_find_policy(c->config, in->policy))
    refuse(c, "/policy", "is none of the configuration");
  if (in->expires_us != 0 && in->expires_us <= c->now_us)
    refuse(c, "/expires", "must be in the future");
}

/* And of the key as it will be. */
static enum err check(struct api_call *c, const struct store_key *k) {
  check_given(c);
  if ((k->budget_nano == 0) != (k->budget_period.len == 0))
    refuse(c, k->budget_nano == 0 ? "/budget_usd" : "/budget_period",
           "is missing: budget_usd and budget_period go together");
  return c->errors->count > 0 ? ERR_BAD_REQUEST : ERR_OK;
}

static void apply_texts(const struct key_view *in, struct arena *a, struct store_key *k) {
  const struct {
    unsigned field;
    struct text *to;
    struct text value;
  } texts[] = {
      {IN_NAME, &k->name, in->name},
      {IN_USER, &k->user, in->user},
      {IN_WORKSPACE, &k->workspace, in->workspace},
      {IN_POLICY, &k->policy, in->policy},
      {IN_PERIOD, &k->budget_period, in->budget_period},
      {IN_MODELS, &k->models, in->model_count > 0 ? join(a, in->models, in->model_count) : TEXT("*")},
      {IN_ROUTES, &k->routes, join(a, in->routes, in->route_count)},
      {IN_ALLOW_IPS, &k->allow_ips, join(a, in->allow_ips, in->allow_ip_count)},
      {IN_CORS_ORIGINS, &k->cors_origins, join(a, in->cors_origins, in->cors_origin_count)},
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    if (shape_has(in, texts[i].field))
      *texts[i].to = texts[i].value;
  }
}

/* Of the store alone: what the file declares cannot be removed while this is stored. */
static bool policy_is_stored(const struct config *c, struct text name) {
  for (size_t i = 0; name.len > 0 && i < c->joined.count; i++) {
    const struct config_entry *e = &c->joined.entries[i];
    if (e->kind == CONFIG_KIND_POLICY && !e->is_shadowed && text_equal(e->name, name))
      return true;
  }
  return false;
}

/* What was given, over what is there. */
static void apply(const struct key_view *in, const struct config *config, struct arena *a, struct store_key *k) {
  const struct {
    unsigned field;
    int64_t *to, value;
  } numbers[] = {
      {IN_RPM, &k->rpm, in->rpm},
      {IN_TPM, &k->tpm, in->tpm},
      {IN_CONCURRENCY, &k->concurrency, in->concurrency},
      {IN_BUDGET, &k->budget_nano, in->budget_nano},
      {IN_EXPIRES, &k->expires_us, in->expires_us},
  };
  apply_texts(in, a, k);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    if (shape_has(in, numbers[i].field))
      *numbers[i].to = numbers[i].value;
  }
  k->policy_is_stored = shape_has(in, IN_POLICY) && policy_is_stored(config, in->policy);
  k->finds_owner = shape_has(in, IN_USER);
  if (shape_has(in, IN_BLOCKED))
    k->blocked = in->blocked;
}

static struct made_view *made_view(struct api_call *c, const struct keysmith_key *made) {
  struct made_view *v = ARENA_NEW(c->arena, struct made_view);
  *v = (struct made_view){.secret = arena_copy(c->arena, (struct text){made->key, sizeof(made->key)}),
                          .pair_id = arena_copy(c->arena, (struct text){made->pair_id, sizeof(made->pair_id)}),
                          .pair_secret =
                              arena_copy(c->arena, (struct text){made->pair_secret, sizeof(made->pair_secret)})};
  return v;
}

/* For themselves, in a workspace where they may, and under no policy that would go before the one assigned. */
static enum err make_own(const struct api_call *c, const struct key_view *in, struct store_key *k, struct fault *f) {
  struct text own = api_own_name(c->caller);
  struct fault lacking = *f; /* that says keys.write */
  enum err e = api_may_in(c, PERMISSION_KEYS_OWN, k->workspace, f);
  if (e != ERR_OK)
    return e;
  if (in->policy.len > 0 || (in->user.len > 0 && !text_equal(in->user, own))) {
    *f = lacking;
    return ERR_FORBIDDEN;
  }
  k->user = own;
  k->owner_user = c->caller->kind == CALLER_USER ? c->caller->id : 0;
  k->owner_service = c->caller->kind == CALLER_SERVICE ? c->caller->id : 0;
  k->finds_owner = false;
  *f = (struct fault){0};
  return ERR_OK;
}

/* The key as it is now. */
static enum err answer_key(struct api_call *c, int64_t id, struct key_view *out, struct fault *f) {
  struct store *s = c->api->store;
  struct store_key k = {0};
  enum err e = s->ops->key_get(s, c->org_id, id, c->arena, &k, f);
  if (e != ERR_OK)
    return e;
  *out = key_view_of(&k, c->arena);
  c->version = k.version;
  return ERR_OK;
}

enum err keys_create(struct api_call *c, struct fault *f) {
  const struct key_view *in = c->body;
  struct store *s = c->api->store;
  struct store_key k = {.org_id = c->org_id, .models = TEXT("*"), .created_us = c->now_us, .version = 1};
  struct keysmith_key made;
  apply(in, c->config, c->arena, &k);
  enum err e = api_may_in(c, PERMISSION_KEYS_WRITE, k.workspace, f);
  if (e == ERR_FORBIDDEN)
    e = make_own(c, in, &k, f);
  if (e == ERR_OK)
    e = check(c, &k);
  if (e != ERR_OK)
    return e;
  c->api->keysmith->make(c->api->keysmith, &made);
  struct made_view *v = made_view(c, &made);
  memcpy(k.hash, made.hash, sizeof(k.hash));
  k.prefix = text_head(v->secret, KEYSMITH_PREFIX_BYTES);
  secret_wipe(&made, sizeof(made));
  e = tell(c, s->ops->key_create(s, &k, &c->by, &k.id, f), f);
  if (e != ERR_OK)
    return e;
  c->answer = v;
  c->made_id = k.id;
  return answer_key(c, k.id, &v->key, f);
}

static enum err find_to_change(struct api_call *c, struct store_key *out, bool *out_own, struct fault *f) {
  enum err e = key_find_seen(c, out, f);
  return e == ERR_OK ? key_may_change(c, out, out_own, f) : e;
}

/* Of one's own: another name, or that it is blocked. Whoever may not write keys cannot take back what was laid on one.
 */
static bool takes_more_than_own(const struct key_view *in) {
  uint64_t own = UINT64_C(1) << IN_NAME | UINT64_C(1) << IN_BLOCKED;
  return (in->given & ~own) != 0 || (shape_has(in, IN_BLOCKED) && !in->blocked);
}

static enum err update(struct api_call *c, const struct store_key *k, struct fault *f) {
  struct store *s = c->api->store;
  struct key_view *view = ARENA_NEW(c->arena, struct key_view);
  enum err e = s->ops->key_update(s, k, c->if_match ? c->if_match : k->version, &c->by, f);
  if (e == ERR_STORE_STALE && !c->if_match)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "key %lld is being changed by somebody else: try again",
                     (long long)k->id);
  if (e == ERR_OK)
    e = answer_key(c, k->id, view, f);
  c->answer = view;
  return tell(c, e, f);
}

/* The same of the store's is seen by the store. */
static enum err check_rename(const struct api_call *c, struct text was, struct text is, struct fault *f) {
  for (size_t i = 0; !text_equal(was, is) && i < c->config->assignment_count; i++)
    if (text_equal(c->config->assignments[i].key, was))
      return fault_set(f, ERR_STORE_CONFLICT, "name", "a policy is assigned to the key by this name");
  return ERR_OK;
}

enum err keys_change(struct api_call *c, struct fault *f) {
  const struct key_view *in = c->body;
  struct store_key k = {0};
  bool own = false;
  enum err e = find_to_change(c, &k, &own, f);
  if (e != ERR_OK)
    return e;
  if (own && takes_more_than_own(in))
    return api_may_in(c, PERMISSION_KEYS_WRITE, k.workspace, f);
  struct text was = k.name;
  apply(in, c->config, c->arena, &k);
  e = api_may_in(c, own ? PERMISSION_KEYS_OWN : PERMISSION_KEYS_WRITE, k.workspace, f); /* also where it goes */
  if (e == ERR_OK)
    e = check(c, &k);
  if (e == ERR_OK)
    e = check_rename(c, was, k.name, f);
  return e == ERR_OK ? update(c, &k, f) : e;
}

static enum err set_blocked(struct api_call *c, bool blocked, struct fault *f) {
  struct store_key k = {0};
  bool own = false;
  enum err e = find_to_change(c, &k, &own, f);
  if (e == ERR_OK && own && !blocked)
    e = api_may_in(c, PERMISSION_KEYS_WRITE, k.workspace, f);
  k.blocked = blocked;
  return e == ERR_OK ? update(c, &k, f) : e;
}

enum err keys_block(struct api_call *c, struct fault *f) { return set_blocked(c, true, f); }
enum err keys_unblock(struct api_call *c, struct fault *f) { return set_blocked(c, false, f); }

enum err keys_delete(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_key k = {0};
  bool own = false;
  enum err e = find_to_change(c, &k, &own, f);
  return e == ERR_OK ? s->ops->key_delete(s, k.id, c->if_match, &c->by, f) : e;
}

enum err keys_rotate(struct api_call *c, struct fault *f) {
  const struct rotate_input *in = c->body;
  struct store *s = c->api->store;
  struct store_key k = {0};
  struct keysmith_key made;
  bool own = false;
  enum err e = find_to_change(c, &k, &own, f);
  if (e != ERR_OK)
    return e;
  int64_t overlap_s = shape_has(in, 0) ? in->overlap_s : OVERLAP_S;
  c->api->keysmith->make(c->api->keysmith, &made);
  struct made_view *v = made_view(c, &made);
  struct key_rotation r = {.id = k.id,
                           .prefix = text_head(v->secret, KEYSMITH_PREFIX_BYTES),
                           .now_us = c->now_us,
                           .until_us = c->now_us + overlap_s * 1000000,
                           .version = c->if_match};
  memcpy(r.hash, made.hash, sizeof(r.hash));
  secret_wipe(&made, sizeof(made));
  e = s->ops->key_rotate(s, &r, &c->by, f);
  if (e == ERR_OK)
    e = answer_key(c, k.id, &v->key, f);
  c->answer = v;
  return e;
}
