/* Looking everything up once that does not depend on a request, so that choosing among many targets is arithmetic. It
 * decides nothing; plan.c does. Called by gateway.c for each snapshot of a worker and by the commands that explain a
 * route.
 * house: tested-by tests/unit/gateway/test_plan.c */
#include "gateway/routes.h"

#include "base/map.h"
#include "gateway/pairing.h"

#include <stdlib.h>

_Static_assert(PAIRING_KINDS <= 32, "a bit for each kind");

/* What a policy says of each provider. */
struct routes_ranked {
  const struct config_policy *policy;
  struct routes_ranked *next;
  uint16_t of[]; /* by provider index */
};

struct breaker_rule routes_breaker_rule(const struct config *c) {
  return (struct breaker_rule){.failures = c->breaker.failures,
                               .window_us = c->breaker.window_ms * 1000,
                               .open_us = c->breaker.open_ms * 1000,
                               .probe_us = c->breaker.probe_ms * 1000};
}

static struct price price_of(const struct config *c, const struct config_provider *p, struct text upstream_model) {
  struct price price = {0};
  const struct config_price *row = config_find_price(c, p->name, upstream_model);
  if (!row)
    return price;
  price = (struct price){row->input, row->output, row->cache_write_5m, row->cache_write_1h, row->cache_read, 0};
  price.version = price_version(&price);
  return price;
}

static uint64_t id_of(const struct config_provider *p, struct text credential) {
  return text_hash(p->base_url) * 31 + text_hash(p->name) * 7 + text_hash(credential);
}

static bool has_star(struct text model) { return text_find_char(model, '*') >= 0; }

/* What two credentials of one target have in common. */
static void pair_as(const struct place *other, struct place *p) {
  p->serves = other->serves;
  p->pairings = other->pairings;
}

static void pair_all(struct place *p, struct arena *a) {
  struct pairing *pairings = arena_zalloc(a, PAIRING_KINDS * sizeof(*pairings));
  p->serves = 0;
  for (size_t kind = 0; p->adapter && kind < PAIRING_KINDS; kind++)
    if (pairing_for_kind(kind, p->provider, p->upstream_model, p->adapter, &pairings[kind]) == ERR_OK)
      p->serves |= UINT32_C(1) << kind;
  p->pairings = pairings;
}

/* What depends on the model's name at the provider. The place before it has been settled. */
static void settle_name(const struct routes *r, const struct config_model *m, struct place *p, struct arena *a) {
  p->price = price_of(r->config, p->provider, p->upstream_model);
  p->is_listed = p->adapter && p->adapter->catalogue_path && (p->price.version == 0 || m->max_output_tokens == 0);
  if (p->is_first)
    pair_all(p, a);
  else
    pair_as(p - 1, p);
}

/* Where all of a provider's are used, each has its share of the target's. */
static int64_t weight_of(const struct config_target *t, const struct config_credential *c) {
  return t->every_credential && c && c->weight > 0 ? t->weight * c->weight : t->weight;
}

static void add(struct routes *r, const struct config_model *m, const struct config_target *t,
                const struct config_credential *credential, struct model_places *into) {
  struct text name = credential ? credential->name : TEXT_NONE;
  struct place *p = &into->at[into->count];
  if (into->count == PLACES_MAX) {
    r->unused++;
    return;
  }
  *p = (struct place){.provider = t->provider,
                      .adapter = r->find(t->provider->kind_name),
                      .target = t,
                      .weight = weight_of(t, credential),
                      .is_first = into->count == 0 || into->at[into->count - 1].target != t,
                      .upstream_model = t->model,
                      .is_a_workspace_s = credential && credential->workspace.len > 0,
                      .credential = credential,
                      .id = id_of(t->provider, name)};
  into->count++;
  if (r->state.breakers)
    p->breaker = breakers_find(r->state.breakers, t->provider->name, t->provider->base_url, name);
  if (r->state.loads)
    p->load = loads_find(r->state.loads, t->provider->name, name, t->model);
  r->unknown += (r->state.breakers && !p->breaker) || (r->state.loads && !p->load);
  if (has_star(t->model))
    into->has_star = true;
  else
    settle_name(r, m, p, &r->arena);
}

/* The first of those for the same workspace, or for all. */
static bool is_first_of_its_kind(const struct config_provider *p, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (text_equal(p->credentials[k].workspace, p->credentials[i].workspace))
      return false;
  return true;
}

static bool means(const struct config_target *t, size_t i) {
  if (t->every_credential)
    return true;
  if (t->credential_name.len > 0)
    return &t->provider->credentials[i] == t->credential;
  return is_first_of_its_kind(t->provider, i);
}

/* Whether calls without a credential are meant: the provider is one that wants none. */
static bool goes_without(const struct config_target *t) {
  return t->credential_name.len == 0 && !t->provider->has_stored && t->provider->credential_count == 0;
}

/* Those of workspaces, then those for all; one without any where there is none of the latter. */
static void add_target(struct routes *r, const struct config_model *m, const struct config_target *t,
                       struct model_places *into) {
  const struct config_provider *p = t->provider;
  size_t general = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < p->credential_count; i++) {
      bool is_general = p->credentials[i].workspace.len == 0;
      if (is_general != (pass == 1) || !means(t, i))
        continue;
      add(r, m, t, &p->credentials[i], into);
      general += is_general;
      into->has_workspaces |= !is_general;
    }
  }
  if (general > 0)
    return;
  size_t before = into->count;
  add(r, m, t, NULL, into);
  if (into->count > before)
    into->at[before].lacks_credential = !goes_without(t);
}

static void add_model(struct routes *r, const struct config_model *m, struct model_places *into) {
  size_t most = 0;
  for (size_t i = 0; i < m->target_count; i++)
    most += m->targets[i].provider->credential_count + 1;
  most = most > PLACES_MAX ? PLACES_MAX : most;
  into->at = arena_zalloc(&r->arena, (most + 1) * sizeof(*into->at));
  for (size_t i = 0; i < m->target_count; i++)
    add_target(r, m, &m->targets[i], into);
  if (into->has_star)
    into->by_star = map_new(ROUTES_FILLED_MAX);
}

struct routes *routes_new(const struct config *c, const struct provider *(*find)(struct text kind),
                          const struct routes_state *state) {
  struct routes *r = calloc(1, sizeof(*r));
  if (!r)
    abort();
  arena_init(&r->arena);
  r->config = c;
  r->find = find;
  r->state = *state;
  r->models = arena_zalloc(&r->arena, (c->model_count + 1) * sizeof(*r->models));
  for (size_t i = 0; i < c->model_count; i++)
    add_model(r, &c->models[i], &r->models[i]);
  return r;
}

void routes_free(struct routes *r) {
  if (!r)
    return;
  for (size_t i = 0; i < r->config->model_count; i++)
    map_free(r->models[i].by_star);
  arena_done(&r->arena);
  free(r);
}

/* "*" in a target's model stands for what the name's "*" matched. */
static struct text substitute(struct text pattern, struct text star, struct arena *a) {
  ptrdiff_t at = text_find_char(pattern, '*');
  if (at < 0)
    return pattern;
  const struct text parts[] = {text_head(pattern, (size_t)at), star, text_skip(pattern, (size_t)at + 1)};
  return arena_join(a, parts, 3);
}

static struct model_places *fill(const struct routes *r, const struct config_model *m,
                                 const struct model_places *pattern, struct text star, struct arena *a) {
  struct model_places *filled = ARENA_NEW(a, struct model_places);
  filled->at = arena_alloc(a, (pattern->count + 1) * sizeof(*filled->at));
  filled->count = pattern->count;
  filled->has_workspaces = pattern->has_workspaces;
  for (size_t i = 0; i < pattern->count; i++) {
    struct place *p = &filled->at[i];
    *p = pattern->at[i];
    if (!has_star(p->upstream_model))
      continue;
    p->upstream_model = p->is_first ? substitute(p->upstream_model, star, a) : p[-1].upstream_model;
    settle_name(r, m, p, a);
  }
  return filled;
}

const struct model_places *routes_of(struct routes *r, const struct config_model *m, struct text star,
                                     struct arena *a) {
  const struct model_places *places = &r->models[m - r->config->models];
  if (!places->has_star)
    return places;
  struct model_places *filled = map_get(places->by_star, star);
  if (filled)
    return filled;
  /* Names come from clients, so what is kept of them is bounded; a name that comes too late is looked up each time. */
  bool has_room = r->filled + places->count <= ROUTES_FILLED_MAX;
  filled = fill(r, m, places, star, has_room ? &r->arena : a);
  if (has_room && map_set(places->by_star, star, filled, NULL) == ERR_OK)
    r->filled += places->count;
  return filled;
}

/* Where p is first meant; count when nowhere. */
static size_t find_entry(const struct text *entries, size_t count, const struct config_provider *p) {
  size_t i = 0;
  while (i < count && !config_entry_means(entries[i], p))
    i++;
  return i;
}

uint16_t routes_rank(const struct config_policy *policy, const struct config_provider *p) {
  if (!policy)
    return 0;
  if (policy->only_count > 0 && find_entry(policy->only, policy->only_count, p) == policy->only_count)
    return ROUTES_EXCLUDED;
  size_t at = find_entry(policy->first, policy->first_count, p);
  return at < ROUTES_EXCLUDED - 1 ? (uint16_t)at : ROUTES_EXCLUDED - 1;
}

const uint16_t *routes_ranks(struct routes *r, const struct config_policy *policy) {
  if (!policy)
    return NULL;
  struct routes_ranked **bucket =
      &r->ranked[((uintptr_t)policy / sizeof(*policy)) % (sizeof(r->ranked) / sizeof(r->ranked[0]))];
  for (struct routes_ranked *one = *bucket; one; one = one->next)
    if (one->policy == policy)
      return one->of;
  size_t count = r->config->provider_count;
  struct routes_ranked *made = arena_alloc(&r->arena, sizeof(*made) + count * sizeof(made->of[0]));
  made->policy = policy;
  made->next = *bucket;
  for (size_t i = 0; i < count; i++)
    made->of[i] = routes_rank(policy, &r->config->providers[i]);
  *bucket = made;
  return made->of;
}
