/* Fourth stage: which targets may serve the request, in which order, and in which wire each is spoken to. The model's
 * entry in the snapshot names them; those that cannot be spoken to are left out, and a request that loses all of them
 * is refused with the reason. Decides only; nothing is sent or counted here, and nothing waited for but a vendor's very
 * first list of models. */
#include "gateway/exchange.h"

#include "gateway/catalogue.h"

/* What the vendor's own list says, where the configuration says nothing. */
static void look_up(struct exchange *x, struct candidate *c) {
  struct llm_catalogue *list = gateway_catalogue(x->worker, x->snapshot, c->provider);
  const struct llm_catalogue_model *m = llm_catalogue_find(list, c->upstream_model);
  if (m && c->price.version == 0)
    c->price = m->price;
  if (m && c->max_output_tokens == 0)
    c->max_output_tokens = m->max_output_tokens;
  llm_catalogue_drop(list);
}

static struct price price_of(const struct exchange *x, const struct config_provider *provider,
                             struct text upstream_model) {
  struct price price = {0};
  const struct config_price *row = config_find_price(x->config, provider->name, upstream_model);
  if (!row)
    return price;
  price = (struct price){row->input, row->output, row->cache_write_5m, row->cache_write_1h, row->cache_read, 0};
  price.version = price_version(&price);
  return price;
}

/* "*" in a target's model stands for what the name's "*" matched. */
static struct text substitute(struct exchange *x, struct text pattern, struct text star) {
  ptrdiff_t at = text_find_char(pattern, '*');
  if (at < 0)
    return pattern;
  const struct text parts[] = {text_head(pattern, (size_t)at), star, text_skip(pattern, (size_t)at + 1)};
  return pattern.len == 1 ? star : arena_join(x->arena, parts, 3);
}

static bool caller_pays(const struct exchange *x, const struct config_provider *p) {
  bool own = !text_is_empty(x->own_x_api_key) || !text_is_empty(x->own_authorization);
  return own && p->kind == CONFIG_ANTHROPIC;
}

static struct candidate *add(struct exchange *x, const struct config_target *target,
                             const struct config_provider *provider, const struct provider *adapter,
                             struct text upstream_model) {
  struct candidate *c = &x->candidates[x->candidate_count++];
  c->target = target;
  c->provider = provider;
  c->adapter = adapter;
  c->upstream_model = upstream_model;
  c->price = price_of(x, provider, upstream_model);
  if (!caller_pays(x, provider)) {
    c->credential = target && target->credential     ? target->credential
                    : provider->credential_count > 0 ? &provider->credentials[0]
                                                     : NULL;
  }
  return c;
}

/* Token counts are asked of a provider that counts in the caller's own dialect; for others we count. */
static enum err pair(const struct exchange *x, const struct config_target *t, const struct provider *adapter,
                     struct text upstream_model, struct pairing *out) {
  const struct wire *client = x->route.wire;
  if (!exchange_is_count(x)) {
    const struct wire *body = pairing_body_wire(client, x->ask.has_anthropic_version, t->provider, upstream_model);
    enum err e = pairing_find(body, t->provider, upstream_model, adapter, out);
    return e == ERR_OK || body == client ? e : pairing_find(client, t->provider, upstream_model, adapter, out);
  }
  bool is_claude = t->provider->kind == CONFIG_BEDROCK && pairing_is_claude(upstream_model);
  if (x->route.wire->id == WIRE_ANTHROPIC && is_claude && adapter->serves(PROVIDER_COUNT_BEDROCK)) {
    *out = (struct pairing){PAIRING_REFRAME, wire_get(WIRE_BEDROCK_INVOKE), PROVIDER_COUNT_BEDROCK};
    return ERR_OK;
  }
  *out = (struct pairing){PAIRING_PASS, x->route.wire, x->route.operation};
  return adapter->serves(x->route.operation) ? ERR_OK : ERR_UNSUPPORTED;
}

static enum err choose_for_model(struct exchange *x) {
  struct text star = TEXT_NONE, name = x->ask.model;
  if (!principal_allows_model(x->principal, name)) {
    return fault_set(&x->fault, ERR_FORBIDDEN, "model", "this key may not use the model \"%.*s\"", TEXT_ARGS(name));
  }
  x->model = config_find_model(x->config, name, text_of(x->route.wire->name), &star);
  if (!x->model) {
    return fault_set(&x->fault, ERR_NOT_FOUND, "model", "the model \"%.*s\" does not exist here", TEXT_ARGS(name));
  }
  size_t most = x->model->target_count < CANDIDATES_MAX ? x->model->target_count : CANDIDATES_MAX;
  x->candidates = arena_zalloc(x->arena, (most ? most : 1) * sizeof(*x->candidates));
  for (size_t i = 0; i < x->model->target_count && x->candidate_count < most; i++) {
    const struct config_target *t = &x->model->targets[i];
    const struct provider *adapter = x->worker->gateway->provider_find(t->provider->kind_name);
    struct text upstream_model = substitute(x, t->model, star);
    struct pairing pairing;
    if (!adapter || pair(x, t, adapter, upstream_model, &pairing) != ERR_OK)
      continue;
    struct candidate *c = add(x, t, t->provider, adapter, upstream_model);
    c->pairing = pairing;
    c->max_output_tokens = x->model->max_output_tokens;
    look_up(x, c);
  }
  x->counts_here = x->candidate_count == 0 && exchange_is_count(x);
  if (x->candidate_count == 0 && !x->counts_here) {
    return fault_set(&x->fault, ERR_UNSUPPORTED, "model",
                     "no provider of the model \"%.*s\" serves %s requests in the %s format", TEXT_ARGS(name),
                     x->route.operation_name, x->route.wire->name);
  }
  return ERR_OK;
}

static bool is_of_the_mount(const struct exchange *x, const struct config_provider *p) {
  if (x->route.wire->id == WIRE_ANTHROPIC)
    return p->kind == CONFIG_ANTHROPIC;
  if (x->route.mount == ROUTE_OPENROUTER)
    return p->kind == CONFIG_OPENROUTER;
  return p->kind == CONFIG_OPENAI || (p->kind == CONFIG_OPENROUTER && x->route.mount == ROUTE_PLAIN);
}

/* Raw vendor paths name no model, so they go to the first provider of the dialect; a key that is limited to some models
 * or to a budget could get round its limits there and is refused. */
static enum err choose_for_raw(struct exchange *x) {
  if (x->principal->model_count > 0 || x->principal->budget_nano > 0) {
    return fault_set(&x->fault, ERR_FORBIDDEN, NULL, "a key limited to some models or to a budget may not use %.*s",
                     TEXT_ARGS(x->route.vendor_path));
  }
  x->candidates = ARENA_NEW(x->arena, struct candidate);
  for (size_t i = 0; i < x->config->provider_count; i++) {
    const struct config_provider *p = &x->config->providers[i];
    const struct provider *adapter = x->worker->gateway->provider_find(p->kind_name);
    if (!is_of_the_mount(x, p) || !adapter || !adapter->serves(PROVIDER_RAW))
      continue;
    add(x, NULL, p, adapter, TEXT_NONE);
    return ERR_OK;
  }
  return fault_set(&x->fault, ERR_NOT_FOUND, NULL, "no provider here serves %.*s", TEXT_ARGS(x->route.vendor_path));
}

enum err exchange_choose(struct exchange *x) {
  return x->route.kind == ROUTE_RAW ? choose_for_raw(x) : choose_for_model(x);
}
