/* What the configuration declares, as the control API shows it: providers, models with their targets, policies, prices.
 * Secrets are not in it, only the names of credentials. It changes by a reload, never through the API. Rows of
 * routes.c.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/views.h"

struct provider_view {
  uint64_t given;
  struct text name, kind, base_url;
  struct text *credentials;
  size_t credential_count;
};
static const struct shape_field provider_fields[] = {
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(provider_view, name), .min = 1, .max = 64, .help = "unique"},
    {"kind", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(provider_view, kind),
     .choices = "anthropic|openai|openrouter|bedrock", .help = "which vendor's way it is spoken to"},
    {"base_url", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(provider_view, base_url), .max = 2048, .help = "where it is"},
    {"credentials", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(provider_view, credentials, credential_count), .max = 2048,
     .help = "their names"},
};
const struct shape provider_shape = {"Provider", "A provider that the configuration declares.",
                                     sizeof(struct provider_view), SHAPE_FIELDS(provider_fields)};

struct target_view {
  uint64_t given;
  struct text provider, model, credential;
  int64_t weight;
  bool billable;
};
static const struct shape_field target_fields[] = {
    {"provider", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(target_view, provider), .min = 1, .max = 64, .help = "its name"},
    {"model", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(target_view, model), .min = 1, .max = 256,
     .help = "the provider's name of the model; `*` is what the model's matched"},
    {"credential", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(target_view, credential), .max = 64,
     .help = "one of the provider's, `*` for each; the first when null"},
    {"weight", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(target_view, weight), .max = INT64_MAX,
     .help = "its share where the strategy is weighted"},
    {"billable", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(target_view, billable), .help = "whether budgets count it"},
};
static const struct shape target_shape = {"Target", "Where a model's requests may go.", sizeof(struct target_view),
                                          SHAPE_FIELDS(target_fields)};

struct model_view {
  uint64_t given;
  struct text name, wire, strategy;
  struct target_view *targets;
  size_t target_count;
};
static const struct shape_field model_fields[] = {
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(model_view, name), .min = 1, .max = 256,
     .help = "what clients ask for, with `*`; the first that matches wins"},
    {"wire", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(model_view, wire), .max = 64,
     .help = "only for requests in this one"},
    {"strategy", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(model_view, strategy),
     .choices = "ordered|weighted|latency|cost|least_busy", .help = "how targets are ordered"},
    {"targets", SHAPE_LIST, SHAPE_REQUIRED, SHAPE_ARRAY(model_view, targets, target_count), .of = &target_shape,
     .help = "in the order of the file"},
};
const struct shape model_shape = {"Model", "A model that the configuration declares.", sizeof(struct model_view),
                                  SHAPE_FIELDS(model_fields)};

struct price_view {
  uint64_t given;
  struct text provider, model;
  int64_t input, output, cache_write_5m, cache_write_1h, cache_read;
  int64_t version;
};
#define PRICE(member, what)                                                                                            \
  {                                                                                                                    \
#member, SHAPE_USD, SHAPE_REQUIRED, SHAPE_AT(price_view, member), .max = INT64_MAX,                                \
                                                                      .help = "USD per million " what                  \
  }
static const struct shape_field price_fields[] = {
    {"provider", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(price_view, provider), .min = 1, .max = 64, .help = "its name"},
    {"model", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(price_view, model), .min = 1, .max = 256,
     .help = "the provider's models, with `*`; the first row that matches wins"},
    PRICE(input, "input tokens"),
    PRICE(output, "output tokens"),
    PRICE(cache_write_5m, "tokens written to the cache for 5 minutes"),
    PRICE(cache_write_1h, "tokens written to the cache for an hour"),
    PRICE(cache_read, "tokens read from the cache"),
    {"version", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(price_view, version), .max = UINT32_MAX,
     .help = "as ledger rows name it: another one when a number changes"},
};
const struct shape price_shape = {"Price", "What a provider charges.", sizeof(struct price_view),
                                  SHAPE_FIELDS(price_fields)};

struct policy_view {
  uint64_t given;
  struct text name;
  struct text *only, *first;
  size_t only_count, first_count;
};
static const struct shape_field policy_fields[] = {
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(policy_view, name), .min = 1, .max = 64, .help = "unique"},
    {"only", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(policy_view, only, only_count), .max = 256,
     .help = "the only providers or kinds that may be used; all when empty"},
    {"first", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(policy_view, first, first_count), .max = 256,
     .help = "providers or kinds that come before others"},
};
const struct shape policy_shape = {"Policy", "A rule about providers.", sizeof(struct policy_view),
                                   SHAPE_FIELDS(policy_fields)};

/* The part of a list of `total` that the call asks for: cursors are places in it. */
static size_t page_of(struct api_call *c, size_t total, size_t *out_first) {
  size_t first = (uint64_t)c->cursor.id < total ? (size_t)c->cursor.id : total;
  size_t count = total - first < (size_t)c->limit ? total - first : (size_t)c->limit;
  if (first + count < total)
    c->next.id = (int64_t)(first + count);
  c->answer_count = count;
  *out_first = first;
  return count;
}

static struct provider_view provider_of(const struct config_provider *p, struct arena *a) {
  struct provider_view v = {.name = p->name, .kind = p->kind_name, .base_url = p->base_url};
  v.credentials = arena_alloc(a, (p->credential_count + 1) * sizeof(*v.credentials));
  v.credential_count = p->credential_count;
  for (size_t i = 0; i < p->credential_count; i++)
    v.credentials[i] = p->credentials[i].name;
  return v;
}

enum err providers_list(struct api_call *c, struct fault *f) {
  size_t first, count = page_of(c, c->config->provider_count, &first);
  struct provider_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = provider_of(&c->config->providers[first + i], c->arena);
  c->answer = views;
  return ERR_OK;
}

enum err providers_get(struct api_call *c, struct fault *f) {
  for (size_t i = 0; i < c->config->provider_count; i++) {
    if (!text_equal(c->config->providers[i].name, c->values[0]))
      continue;
    struct provider_view *view = ARENA_NEW(c->arena, struct provider_view);
    *view = provider_of(&c->config->providers[i], c->arena);
    c->answer = view;
    return ERR_OK;
  }
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is no provider of this name");
}

static struct model_view model_of(const struct config_model *m, struct arena *a) {
  static const char *const strategies[] = {"ordered", "weighted", "latency", "cost", "least_busy"};
  struct model_view v = {.name = m->name, .wire = m->wire, .strategy = text_of(strategies[m->strategy])};
  v.targets = arena_zalloc(a, (m->target_count + 1) * sizeof(*v.targets));
  v.target_count = m->target_count;
  for (size_t i = 0; i < m->target_count; i++) {
    const struct config_target *t = &m->targets[i];
    v.targets[i] = (struct target_view){.provider = t->provider_name,
                                        .model = t->model,
                                        .credential = t->credential_name,
                                        .weight = t->weight,
                                        .billable = t->billable};
  }
  return v;
}

enum err models_list(struct api_call *c, struct fault *f) {
  size_t first, count = page_of(c, c->config->model_count, &first);
  struct model_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = model_of(&c->config->models[first + i], c->arena);
  c->answer = views;
  return ERR_OK;
}

enum err policies_list(struct api_call *c, struct fault *f) {
  size_t first, count = page_of(c, c->config->policy_count, &first);
  struct policy_view *views = arena_zalloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++) {
    const struct config_policy *p = &c->config->policies[first + i];
    views[i] = (struct policy_view){.name = p->name,
                                    .only = p->only,
                                    .first = p->first,
                                    .only_count = p->only_count,
                                    .first_count = p->first_count};
  }
  c->answer = views;
  return ERR_OK;
}

enum err prices_list(struct api_call *c, struct fault *f) {
  size_t first, count = page_of(c, c->config->price_count, &first);
  struct price_view *views = arena_zalloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++) {
    const struct config_price *p = &c->config->prices[first + i];
    views[i] = (struct price_view){.provider = p->provider,
                                   .model = p->model,
                                   .input = p->input,
                                   .output = p->output,
                                   .cache_write_5m = p->cache_write_5m,
                                   .cache_write_1h = p->cache_write_1h,
                                   .cache_read = p->cache_read,
                                   .version = p->version};
  }
  c->answer = views;
  return ERR_OK;
}
