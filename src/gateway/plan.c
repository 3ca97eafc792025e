/* The order of the targets: what cannot serve the request is set aside with its reason, the rest is ordered by the
 * strategy (traffic/balance), then what the policy puts first goes first, and the target that holds the conversation's
 * prompt cache before all unless the policy has an order of its own. Called by choose.c for every request and by
 * explain.c. */
#include "gateway/plan.h"

#include "traffic/balance.h"

#define OUTPUT_TOKENS_ASSUMED 8192

_Static_assert(PLACES_MAX <= BALANCE_MAX, "every place can be ordered");
_Static_assert((int)CONFIG_STRATEGY_LEAST_BUSY == (int)BALANCE_LEAST_BUSY, "the strategies stand in one order");

const char *plan_verdict_name(enum plan_verdict v) {
  static const char *const names[] = {
      [PLAN_TRIED] = "tried",   [PLAN_NO_ADAPTER] = "no_adapter",           [PLAN_OTHER_WIRE] = "other_wire",
      [PLAN_POLICY] = "policy", [PLAN_BREAKER_OPEN] = "breaker_open",       [PLAN_BREAKER_FORCED] = "breaker_forced",
      [PLAN_PROBED] = "probed", [PLAN_OWN_CREDENTIALS] = "own_credentials", [PLAN_BEYOND] = "beyond_limit",
  };
  return (size_t)v < sizeof(names) / sizeof(names[0]) ? names[v] : "unknown";
}

/* "*" in a target's model stands for what the name's "*" matched. */
static struct text substitute(struct text pattern, struct text star, struct arena *a) {
  ptrdiff_t at = text_find_char(pattern, '*');
  if (at < 0)
    return pattern;
  const struct text parts[] = {text_head(pattern, (size_t)at), star, text_skip(pattern, (size_t)at + 1)};
  return pattern.len == 1 ? star : arena_join(a, parts, 3);
}

/* Token counts are asked of a provider that counts in the caller's own dialect; for others we count. */
static enum err pair(const struct plan_ask *ask, const struct plan_entry *e, struct pairing *out) {
  const struct config_provider *p = e->place->provider;
  const struct provider *adapter = e->place->adapter;
  const struct wire *client = ask->client;
  if (!ask->is_count) {
    const struct wire *body = pairing_body_wire(client, ask->has_anthropic_version, p, e->upstream_model);
    enum err err = pairing_find(body, p, e->upstream_model, adapter, out);
    return err == ERR_OK || body == client ? err : pairing_find(client, p, e->upstream_model, adapter, out);
  }
  bool is_claude = p->kind == CONFIG_BEDROCK && pairing_is_claude(e->upstream_model);
  if (client->id == WIRE_ANTHROPIC && is_claude && adapter->serves(PROVIDER_COUNT_BEDROCK)) {
    *out = (struct pairing){PAIRING_REFRAME, wire_get(WIRE_BEDROCK_INVOKE), PROVIDER_COUNT_BEDROCK};
    return ERR_OK;
  }
  enum provider_operation op = client->id == WIRE_ANTHROPIC ? PROVIDER_COUNT_TOKENS : PROVIDER_COUNT_BEDROCK;
  *out = (struct pairing){PAIRING_PASS, client, op};
  return adapter->serves(op) ? ERR_OK : ERR_UNSUPPORTED;
}

static bool is_listed(const struct text *entries, size_t count, const struct config_provider *p, size_t *out_at) {
  for (size_t i = 0; i < count; i++) {
    if (!config_entry_means(entries[i], p))
      continue;
    *out_at = i;
    return true;
  }
  return false;
}

bool plan_policy_allows(const struct config_policy *policy, const struct config_provider *p) {
  size_t ignored;
  return !policy || policy->only_count == 0 || is_listed(policy->only, policy->only_count, p, &ignored);
}

/* What the vendor's own list says, where the configuration says nothing. */
static void look_up(const struct plan_ask *ask, struct plan_entry *e) {
  struct llm_catalogue *list = ask->catalogue ? ask->catalogue(ask->ctx, e->place->provider) : NULL;
  const struct llm_catalogue_model *m = llm_catalogue_find(list, e->upstream_model);
  if (m && e->price.version == 0)
    e->price = m->price;
  if (m && e->max_output_tokens == 0)
    e->max_output_tokens = m->max_output_tokens;
  llm_catalogue_drop(list);
}

static void fill_cost(const struct plan_ask *ask, struct plan_entry *e) {
  uint64_t output = ask->no_output         ? 0
                    : ask->output_tokens   ? ask->output_tokens
                    : e->max_output_tokens ? e->max_output_tokens
                                           : OUTPUT_TOKENS_ASSUMED;
  e->cost_nano = e->price.version ? price_worst_case(&e->price, ask->input_tokens, output) : -1;
}

/* A caller's own credentials fail for their owner alone, so they have a breaker of their own. Another replica has its
 * own store and so may have another caller of that number: nobody else is told. */
static struct breaker *own_breaker(const struct plan_ask *ask, const struct config_provider *p) {
  char name[40];
  int n = snprintf(name, sizeof(name), "caller %lld", (long long)ask->principal_id);
  return ask->state->breakers
             ? breakers_find_alone(ask->state->breakers, p->name, p->base_url, (struct text){name, (size_t)n})
             : NULL;
}

static void fill(const struct plan_ask *ask, const struct place *p, struct arena *a, struct plan_entry *e) {
  const struct routes_state *state = ask->state;
  bool is_fixed = p->load || text_find_char(p->target->model, '*') < 0;
  *e = (struct plan_entry){.place = p,
                           .upstream_model = substitute(p->target->model, ask->star, a),
                           .max_output_tokens = ask->model->max_output_tokens,
                           .own = ask->has_own_credentials && p->provider->kind == CONFIG_ANTHROPIC,
                           .load = p->load};
  e->breaker = e->own ? own_breaker(ask, p->provider) : p->breaker;
  e->price = is_fixed ? p->price : routes_price(ask->config, p->provider, e->upstream_model);
  if (!is_fixed && state->loads)
    e->load =
        loads_find(state->loads, p->provider->name, p->credential ? p->credential->name : TEXT_NONE, e->upstream_model);
  look_up(ask, e);
  fill_cost(ask, e);
  e->latency_us = load_first_token_us(e->load, ask->is_stream, ask->now_us);
  e->in_flight = load_in_flight(e->load);
}

static void judge_breaker(const struct plan_ask *ask, const struct breaker_rule *rule, struct plan_entry *e) {
  struct breaker_view view;
  if (breaker_lets(e->breaker, rule, ask->now_us))
    return;
  breaker_look(e->breaker, rule, ask->now_us, &view);
  e->verdict = view.force == BREAKER_FORCED_OPEN ? PLAN_BREAKER_FORCED
               : view.state == BREAKER_HALF_OPEN ? PLAN_PROBED
                                                 : PLAN_BREAKER_OPEN;
  e->retry_at_us = e->verdict == PLAN_BREAKER_OPEN ? view.until_us : 0;
}

static void judge(const struct plan_ask *ask, const struct breaker_rule *rule, const struct plan *so_far,
                  struct plan_entry *e) {
  if (!plan_policy_allows(ask->policy, e->place->provider)) {
    e->verdict = PLAN_POLICY;
  } else if (!e->place->adapter) {
    e->verdict = PLAN_NO_ADAPTER;
  } else if (pair(ask, e, &e->pairing) != ERR_OK) {
    e->verdict = PLAN_OTHER_WIRE;
  } else {
    judge_breaker(ask, rule, e);
    for (size_t i = 0; i < so_far->count && e->own; i++)
      if (so_far->at[i].own && so_far->at[i].place->target == e->place->target)
        e->verdict = PLAN_OWN_CREDENTIALS;
  }
}

/* Smaller goes first; equals keep the order of the strategy. */
static size_t rank(const struct plan_ask *ask, const struct plan_entry *e) {
  const struct config_policy *policy = ask->policy;
  size_t at = 0, listed = policy ? policy->first_count : 0;
  if (policy && policy->own_credentials_first && e->own)
    return 0;
  if (e->holds_cache)
    return 1;
  if (policy && is_listed(policy->first, listed, e->place->provider, &at))
    return 2 + at;
  return 2 + listed;
}

static void stable_by_rank(const struct plan_ask *ask, struct plan_entry *at, size_t count, struct arena *a) {
  size_t *ranks = arena_alloc(a, (count + 1) * sizeof(*ranks));
  for (size_t i = 0; i < count; i++) {
    struct plan_entry e = at[i];
    size_t r = rank(ask, &e), k = i;
    for (; k > 0 && ranks[k - 1] > r; k--) {
      at[k] = at[k - 1];
      ranks[k] = ranks[k - 1];
    }
    at[k] = e;
    ranks[k] = r;
  }
}

static bool has_order_of_its_own(const struct plan_ask *ask) {
  return ask->policy && (ask->policy->own_credentials_first || ask->policy->first_count > 0);
}

/* The tried ones, ordered, then the others. */
static void arrange(const struct plan_ask *ask, struct plan *p, struct arena *a) {
  struct balance_fact *facts = arena_alloc(a, (p->count + 1) * sizeof(*facts));
  struct plan_entry *arranged = arena_alloc(a, (p->count + 1) * sizeof(*arranged));
  uint16_t order[BALANCE_MAX], which[BALANCE_MAX];
  size_t usable = 0, rest;
  bool ranked = has_order_of_its_own(ask);
  for (size_t i = 0; i < p->count; i++) {
    struct plan_entry *e = &p->at[i];
    if (e->verdict != PLAN_TRIED)
      continue;
    e->holds_cache = ask->remembers && !e->own && e->place->id == ask->place && !has_order_of_its_own(ask);
    ranked |= e->holds_cache;
    facts[usable] = (struct balance_fact){e->place->target->weight, e->latency_us, e->cost_nano, e->in_flight};
    which[usable++] = (uint16_t)i;
  }
  balance_order((enum balance_strategy)p->strategy, facts, usable, ask->random, order);
  for (size_t i = 0; i < usable; i++)
    arranged[i] = p->at[which[order[i]]];
  if (ranked)
    stable_by_rank(ask, arranged, usable, a);
  p->tried = usable < PLAN_TRIED_MAX ? usable : PLAN_TRIED_MAX;
  for (size_t i = p->tried; i < usable; i++)
    arranged[i].verdict = PLAN_BEYOND;
  rest = usable;
  for (size_t i = 0; i < p->count; i++) {
    if (p->at[i].verdict != PLAN_TRIED)
      arranged[rest++] = p->at[i];
  }
  p->at = arranged;
}

void plan_make(const struct plan_ask *ask, struct arena *a, struct plan *out) {
  const struct model_places *places = routes_of(ask->routes, ask->config, ask->model);
  const struct breaker_rule rule = routes_breaker_rule(ask->config);
  struct plan p = {.strategy = ask->policy && ask->policy->has_strategy ? ask->policy->strategy : ask->model->strategy};
  p.at = arena_alloc(a, (places->count + 1) * sizeof(*p.at));
  for (size_t i = 0; i < places->count; i++) {
    struct plan_entry *e = &p.at[i];
    fill(ask, &places->at[i], a, e);
    judge(ask, &rule, &p, e);
    p.count++;
    if (e->verdict == PLAN_BREAKER_OPEN && (p.retry_at_us == 0 || e->retry_at_us < p.retry_at_us))
      p.retry_at_us = e->retry_at_us;
  }
  arrange(ask, &p, a);
  *out = p;
}
