/* Credentials of providers through the control API: those that the configuration declares, which are only shown, and
 * those of the store. A secret goes in and never comes out: answers, errors and the audit log have how it ends. They
 * are the installation's; one of a workspace may be kept by whoever may do so there. Rows of routes.c.
 * house: tested-by tests/unit/control/test_api_credentials.c */
#include "config/credential.h"
#include "control/views.h"
#include "ports/store_credentials.h"

struct credential_view {
  uint64_t given;
  int64_t id, version;
  struct text provider, name, kind, workspace, last4;
  bool declared, active;
  int64_t weight, created_us, changed_us;
};
static const struct shape_field view_fields[] = {
    {"id", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(credential_view, id), .min = 1, .max = INT64_MAX,
     .help = "never used twice; null: it is declared"},
    {"version", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(credential_view, version), .min = 1, .max = INT64_MAX,
     .help = "one more with every change; as in the ETag"},
    {"provider", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(credential_view, provider), .max = 64, .help = "its name"},
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(credential_view, name), .max = 64,
     .help = "unique within the provider; targets name it"},
    {"kind", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(credential_view, kind), .choices = CREDENTIAL_KINDS "|found",
     .help = "`found`: where AWS's own tools look"},
    {"workspace", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(credential_view, workspace), .max = 128,
     .help = "for whose calls it is; null: for all"},
    {"last4", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(credential_view, last4), .max = 4,
     .help = "how the secret ends; null of a short one"},
    {"weight", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(credential_view, weight), .min = 1, .max = CREDENTIAL_WEIGHT_MAX,
     .help = "its share of a target that uses all (`*`)"},
    {"active", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(credential_view, active), .help = "whether it is used"},
    {"declared", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(credential_view, declared),
     .help = "by the configuration, and so not changed here"},
    {"created", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(credential_view, created_us), .help = "when it was made"},
    {"changed", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(credential_view, changed_us), .help = "the last change"},
};
const struct shape credential_shape = {"Credential", "What Weir shows to a provider, without its secret.",
                                       sizeof(struct credential_view), SHAPE_FIELDS(view_fields)};

struct filter {
  uint64_t given;
  struct text provider, workspace;
};
static const struct shape_field filter_fields[] = {
    {"provider", SHAPE_TEXT, 0, SHAPE_AT(filter, provider), .min = 1, .max = 64, .help = "only those of this one"},
    {"workspace", SHAPE_TEXT, 0, SHAPE_AT(filter, workspace), .min = 1, .max = 128, .help = "only those of this one"},
};
const struct shape credential_filter_shape = {"CredentialFilter", "Which credentials.", sizeof(struct filter),
                                              SHAPE_FIELDS(filter_fields)};

struct input {
  uint64_t given;
  struct text name, workspace;
  int64_t weight;
  bool active;
  struct text access_key_id, secret, provider, kind;
};
enum { IN_NAME, IN_WORKSPACE, IN_WEIGHT, IN_ACTIVE, IN_ACCESS_KEY_ID, IN_SECRET };
#define INPUT_FIELDS(flags)                                                                                            \
  {"name",                                                                                                             \
   SHAPE_TEXT,                                                                                                         \
   flags,                                                                                                              \
   SHAPE_AT(input, name),                                                                                              \
   .min = 1,                                                                                                           \
   .max = 64,                                                                                                          \
   .help = "letters, digits, `.`, `_`, `-`; unique within the provider"},                                              \
      {"workspace",                                                                                                    \
       SHAPE_TEXT,                                                                                                     \
       SHAPE_NULLABLE,                                                                                                 \
       SHAPE_AT(input, workspace),                                                                                     \
       .min = 1,                                                                                                       \
       .max = 128,                                                                                                     \
       .help = "for whose calls alone it is"},                                                                         \
      {"weight",                                                                                                       \
       SHAPE_INTEGER,                                                                                                  \
       0,                                                                                                              \
       SHAPE_AT(input, weight),                                                                                        \
       .min = 1,                                                                                                       \
       .max = CREDENTIAL_WEIGHT_MAX,                                                                                   \
       .help = "its share of a target that uses all (`*`); 1 unless given"},                                           \
      {"active", SHAPE_BOOL, 0, SHAPE_AT(input, active), .help = "whether it is used; true unless given"},             \
      {"access_key_id",                                                                                                \
       SHAPE_TEXT,                                                                                                     \
       0,                                                                                                              \
       SHAPE_AT(input, access_key_id),                                                                                 \
       .min = 1,                                                                                                       \
       .max = CREDENTIAL_ID_MAX,                                                                                       \
       .help = "of kind `aws`, with the secret"},                                                                      \
  {                                                                                                                    \
    "secret", SHAPE_TEXT, flags, SHAPE_AT(input, secret), .min = 1, .max = CREDENTIAL_SECRET_MAX,                      \
                                                          .help = "the key itself; it is never shown again"            \
  }
static const struct shape_field new_fields[] = {
    INPUT_FIELDS(SHAPE_REQUIRED),
    {"provider", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(input, provider), .min = 1, .max = 64, .help = "its name"},
    {"kind", SHAPE_TEXT, 0, SHAPE_AT(input, kind), .choices = CREDENTIAL_KINDS,
     .help = "`bearer` of Bedrock and `api_key` of all others unless given"},
};
static const struct shape_field change_fields[] = {INPUT_FIELDS(0)};
const struct shape credential_new_shape = {"CredentialNew", "A credential to be kept.", sizeof(struct input),
                                           SHAPE_FIELDS(new_fields)};
const struct shape credential_change_shape = {
    "CredentialChange",
    "What is to change; what is not given stays. A secret that is given replaces the one that is there.",
    sizeof(struct input), SHAPE_FIELDS(change_fields)};

static struct credential_view view_of(const struct store_credential *r) {
  return (struct credential_view){.id = r->id,
                                  .version = r->version,
                                  .provider = r->provider,
                                  .name = r->name,
                                  .kind = r->kind,
                                  .workspace = r->workspace,
                                  .last4 = r->last4,
                                  .active = r->is_active,
                                  .weight = r->weight,
                                  .created_us = r->created_us,
                                  .changed_us = r->changed_us};
}

/* A declared one is told from those that were laid over the configuration by having no weight of its own. */
static bool is_declared(const struct config_credential *k) { return k->weight == 0; }

static struct credential_view declared_view(const struct config_provider *p, const struct config_credential *k) {
  bool is_bearer = !secret_is_empty(k->bearer), is_aws = !secret_is_empty(k->secret_access_key);
  struct secret *secret = is_bearer ? k->bearer : is_aws ? k->secret_access_key : k->api_key;
  return (struct credential_view){.provider = p->name,
                                  .name = k->name,
                                  .kind = k->from != CONFIG_FROM_FIXED ? TEXT("found")
                                          : is_bearer                  ? TEXT("bearer")
                                          : is_aws                     ? TEXT("aws")
                                                                       : TEXT("api_key"),
                                  .last4 = credential_last4(secret_reveal(secret)),
                                  .weight = 1,
                                  .active = true,
                                  .declared = true};
}

static const struct config_provider *find_provider(const struct api_call *c, struct text name) {
  for (size_t i = 0; i < c->config->provider_count; i++)
    if (text_equal(c->config->providers[i].name, name))
      return &c->config->providers[i];
  return NULL;
}

static bool may_see(struct api_call *c, struct text workspace) {
  struct fault unused = {0};
  return api_may_in(c, PERMISSION_CREDENTIALS_READ, workspace, &unused) == ERR_OK;
}

static bool is_asked_for(struct api_call *c, const struct credential_view *v) {
  const struct filter *q = c->query;
  return (q->provider.len == 0 || text_equal(q->provider, v->provider)) &&
         (q->workspace.len == 0 || text_equal(q->workspace, v->workspace)) && may_see(c, v->workspace);
}

static size_t add_declared(struct api_call *c, struct credential_view *into) {
  size_t count = 0;
  for (size_t i = 0; i < c->config->provider_count; i++) {
    const struct config_provider *p = &c->config->providers[i];
    for (size_t k = 0; k < p->credential_count; k++) {
      into[count] = declared_view(p, &p->credentials[k]);
      count += is_declared(&p->credentials[k]) && is_asked_for(c, &into[count]);
    }
  }
  return count;
}

static size_t count_declared(const struct config *c) {
  size_t count = 0;
  for (size_t i = 0; i < c->provider_count; i++)
    count += c->providers[i].credential_count;
  return count;
}

/* Declared ones first, then those of the store, oldest first; cursors are places in the list. */
enum err credentials_list(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_credential *rows = NULL;
  size_t stored = 0, first = (size_t)c->cursor.id;
  enum err e = s->ops->credentials->list(s, c->arena, &rows, &stored, f);
  if (e != ERR_OK)
    return e;
  struct credential_view *all = arena_zalloc(c->arena, (count_declared(c->config) + stored + 1) * sizeof(*all));
  size_t count = add_declared(c, all);
  for (size_t i = 0; i < stored; i++) {
    all[count] = view_of(&rows[i]);
    count += is_asked_for(c, &all[count]);
  }
  first = first < count ? first : count;
  c->answer = all + first;
  c->answer_count = count - first < (size_t)c->limit ? count - first : (size_t)c->limit;
  if (first + c->answer_count < count)
    c->next.id = (int64_t)(first + c->answer_count);
  return ERR_OK;
}

static enum err answer(struct api_call *c, int64_t id, struct fault *f) {
  struct credential_view *v = ARENA_NEW(c->arena, struct credential_view);
  struct store *s = c->api->store;
  struct store_credential row;
  enum err e = s->ops->credentials->get(s, id, c->arena, &row, f);
  if (e != ERR_OK)
    return e;
  *v = view_of(&row);
  c->answer = v;
  c->version = row.version;
  return ERR_OK;
}

/* The one of the path, if the caller may see it. */
static enum err find(struct api_call *c, struct store_credential *out, struct fault *f) {
  struct store *s = c->api->store;
  struct store_credential row;
  int64_t id = 0;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = s->ops->credentials->get(s, id, c->arena, &row, f);
  if (e == ERR_OK && !may_see(c, row.workspace))
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no credential %lld", (long long)id);
  if (e == ERR_OK)
    *out = row;
  return e;
}

enum err credentials_get(struct api_call *c, struct fault *f) {
  struct store_credential row;
  enum err e = find(c, &row, f);
  return e == ERR_OK ? answer(c, row.id, f) : e;
}

static void refuse(struct api_call *c, const char *member, const char *why) {
  char place[64];
  snprintf(place, sizeof(place), "/%s", member);
  shape_refuse(c->errors, place, "%s", why);
}

static void check_name(struct api_call *c, const struct config_provider *p, struct text name) {
  if (!credential_name_is_good(name))
    refuse(c, "name", "must be of letters, digits, '.', '_' and '-'");
  for (size_t i = 0; p && i < p->credential_count; i++)
    if (is_declared(&p->credentials[i]) && text_equal(p->credentials[i].name, name))
      refuse(c, "name", "is taken by a credential that the configuration declares");
}

/* What no shape can say. p NULL: the provider is gone, and its credentials with any secret wait for it. */
static enum err check(struct api_call *c, const struct config_provider *p, const struct input *in, struct text kind) {
  const char *member = NULL;
  if (in->name.len > 0)
    check_name(c, p, in->name);
  const char *why =
      p && in->secret.len > 0 ? credential_refusal(p, kind, in->access_key_id, in->secret, &member) : NULL;
  if (why)
    refuse(c, member, why);
  return c->errors->count > 0 ? ERR_BAD_REQUEST : ERR_OK;
}

static enum err seal(struct api_call *c, const struct input *in, struct store_credential *row, struct fault *f) {
  const struct vault_place place = store_credential_place(row->id, row->sealed_version);
  struct vault *vault = c->api->vault;
  struct buf plain, sealed;
  if (!vault)
    return fault_set(f, ERR_UNAVAILABLE, NULL, "nothing can be kept secret here");
  buf_init(&plain, VAULT_PLAIN_MAX);
  buf_init(&sealed, VAULT_SEALED_MAX);
  credential_write(in->access_key_id, in->secret, &plain);
  enum err e = vault->seal(vault, &place, buf_text(&plain), &sealed, f);
  row->sealed = arena_copy(c->arena, buf_text(&sealed));
  row->last4 = credential_last4(in->secret);
  secret_wipe(plain.at, plain.len);
  buf_done(&plain);
  buf_done(&sealed);
  return e;
}

enum err credentials_create(struct api_call *c, struct fault *f) {
  const struct input *in = c->body;
  const struct config_provider *p = find_provider(c, in->provider);
  struct store *s = c->api->store;
  struct store_credential row = {.provider = in->provider,
                                 .name = in->name,
                                 .workspace = in->workspace,
                                 .kind = in->kind,
                                 .sealed_version = 1,
                                 .weight = in->weight > 0 ? in->weight : 1,
                                 .is_active = !shape_has(in, IN_ACTIVE) || in->active,
                                 .created_us = c->now_us};
  enum err e = api_may_in(c, PERMISSION_CREDENTIALS_WRITE, row.workspace, f);
  if (e != ERR_OK)
    return e;
  if (!p)
    refuse(c, "provider", "is none of the configuration");
  if (p && row.kind.len == 0)
    row.kind = credential_default_kind(p);
  e = check(c, p, in, row.kind);
  if (e == ERR_OK)
    e = s->ops->credentials->number(s, &row.id, f);
  if (e == ERR_OK)
    e = seal(c, in, &row, f);
  if (e == ERR_OK)
    e = s->ops->credentials->add(s, &row, &c->by, f);
  c->made_id = row.id;
  return e == ERR_OK ? answer(c, row.id, f) : e;
}

static void apply(const struct api_call *c, const struct input *in, struct store_credential *row) {
  if (shape_has(in, IN_NAME))
    row->name = in->name;
  if (shape_has(in, IN_WORKSPACE))
    row->workspace = in->workspace;
  if (shape_has(in, IN_WEIGHT))
    row->weight = in->weight;
  if (shape_has(in, IN_ACTIVE))
    row->is_active = in->active;
  row->changed_us = c->now_us;
}

/* A new secret takes the place of the old one; what calls have begun with the old one end with it. */
static enum err apply_secret(struct api_call *c, const struct input *in, struct store_credential *row,
                             struct fault *f) {
  if (!shape_has(in, IN_SECRET)) {
    if (shape_has(in, IN_ACCESS_KEY_ID))
      refuse(c, "secret", "is missing: the two are given together");
    return c->errors->count > 0 ? ERR_BAD_REQUEST : ERR_OK;
  }
  row->sealed_version++;
  return seal(c, in, row, f);
}

enum err credentials_change(struct api_call *c, struct fault *f) {
  const struct input *in = c->body;
  struct store *s = c->api->store;
  struct store_credential row;
  enum err e = find(c, &row, f);
  if (e == ERR_OK)
    e = api_may_in(c, PERMISSION_CREDENTIALS_WRITE, row.workspace, f);
  if (e != ERR_OK)
    return e;
  int64_t from = row.version;
  apply(c, in, &row);
  e = api_may_in(c, PERMISSION_CREDENTIALS_WRITE, row.workspace, f); /* also where it goes */
  if (e == ERR_OK)
    e = check(c, find_provider(c, row.provider), in, row.kind);
  if (e == ERR_OK && c->if_match && c->if_match != from)
    return fault_set(f, ERR_STORE_STALE, NULL, "credential %lld is at version %lld", (long long)row.id,
                     (long long)from);
  if (e == ERR_OK)
    e = apply_secret(c, in, &row, f);
  if (e == ERR_OK)
    e = s->ops->credentials->change(s, &row, from, &c->by, f);
  if (e == ERR_STORE_STALE && !c->if_match)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "credential %lld is being changed by somebody else: try again",
                     (long long)row.id);
  return e == ERR_OK ? answer(c, row.id, f) : e;
}

enum err credentials_remove(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_credential row;
  enum err e = find(c, &row, f);
  if (e == ERR_OK)
    e = api_may_in(c, PERMISSION_CREDENTIALS_WRITE, row.workspace, f);
  return e == ERR_OK ? s->ops->credentials->remove(s, row.id, c->if_match, &c->by, f) : e;
}
