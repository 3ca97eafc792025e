/* Looking everything up once that does not depend on a request, so that choosing among many targets is arithmetic. It
 * decides nothing; plan.c does. Called by gateway.c for each snapshot of a worker and by the commands that explain a
 * route.
 * house: tested-by tests/unit/gateway/test_plan.c */
#include "gateway/routes.h"

#include <stdlib.h>

struct price routes_price(const struct config *c, const struct config_provider *p, struct text upstream_model) {
  struct price price = {0};
  const struct config_price *row = config_find_price(c, p->name, upstream_model);
  if (!row)
    return price;
  price = (struct price){row->input, row->output, row->cache_write_5m, row->cache_write_1h, row->cache_read, 0};
  price.version = price_version(&price);
  return price;
}

struct breaker_rule routes_breaker_rule(const struct config *c) {
  return (struct breaker_rule){.failures = c->breaker.failures,
                               .window_us = c->breaker.window_ms * 1000,
                               .open_us = c->breaker.open_ms * 1000,
                               .probe_us = c->breaker.probe_ms * 1000};
}

static uint64_t id_of(const struct config_provider *p, struct text credential) {
  return text_hash(p->base_url) * 31 + text_hash(p->name) * 7 + text_hash(credential);
}

static void add(struct routes *r, struct model_places *m, const struct config *c, const struct config_target *t,
                const struct config_credential *credential, const struct provider *adapter,
                const struct routes_state *state) {
  struct text name = credential ? credential->name : TEXT_NONE;
  if (m->count == PLACES_MAX) {
    r->unused++;
    return;
  }
  struct place *p = &m->at[m->count++];
  *p = (struct place){.target = t,
                      .provider = t->provider,
                      .credential = credential,
                      .adapter = adapter,
                      .id = id_of(t->provider, name)};
  if (state->breakers)
    p->breaker = breakers_find(state->breakers, t->provider->name, t->provider->base_url, name);
  if (state->loads)
    p->load = loads_find(state->loads, t->provider->name, name, t->model);
  r->unknown += (state->breakers && !p->breaker) || (state->loads && !p->load);
  if (text_find_char(t->model, '*') < 0)
    p->price = routes_price(c, t->provider, t->model);
}

static size_t credentials_of(const struct config_target *t) {
  return t->every_credential ? t->provider->credential_count : 1;
}

static const struct config_credential *credential_at(const struct config_target *t, size_t i) {
  if (t->every_credential)
    return &t->provider->credentials[i];
  if (t->credential)
    return t->credential;
  return t->provider->credential_count > 0 ? &t->provider->credentials[0] : NULL;
}

static void add_model(struct routes *r, const struct config *c, const struct config_model *m,
                      const struct provider *(*find)(struct text kind), const struct routes_state *state) {
  struct model_places *places = &r->models[m - c->models];
  size_t most = 0;
  for (size_t i = 0; i < m->target_count; i++)
    most += credentials_of(&m->targets[i]);
  most = most > PLACES_MAX ? PLACES_MAX : most;
  places->at = arena_zalloc(&r->arena, (most + 1) * sizeof(*places->at));
  for (size_t i = 0; i < m->target_count; i++) {
    const struct config_target *t = &m->targets[i];
    for (size_t k = 0; k < credentials_of(t); k++)
      add(r, places, c, t, credential_at(t, k), find(t->provider->kind_name), state);
  }
}

struct routes *routes_new(const struct config *c, const struct provider *(*find)(struct text kind),
                          const struct routes_state *state) {
  struct routes *r = calloc(1, sizeof(*r));
  if (!r)
    abort();
  arena_init(&r->arena);
  r->models = arena_zalloc(&r->arena, (c->model_count + 1) * sizeof(*r->models));
  for (size_t i = 0; i < c->model_count; i++)
    add_model(r, c, &c->models[i], find, state);
  return r;
}

void routes_free(struct routes *r) {
  if (!r)
    return;
  arena_done(&r->arena);
  free(r);
}

const struct model_places *routes_of(const struct routes *r, const struct config *c, const struct config_model *m) {
  return &r->models[m - c->models];
}
