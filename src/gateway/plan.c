/* The order of the targets: what cannot serve the request is set aside with its reason, the rest is ordered by the
 * strategy (traffic/balance), then what the policy puts first goes first, and the target that holds the conversation's
 * prompt cache before all unless the policy has an order of its own. Whatever is the same for all requests routes.c has
 * looked up; what is said of a target that is not tried is put together only for those who ask. Called by choose.c for
 * every request and by explain.c. */
#include "gateway/plan.h"

#include "traffic/balance.h"

#define OUTPUT_TOKENS_ASSUMED 8192
#define PLACE_BITS            12

_Static_assert(PLACES_MAX <= BALANCE_MAX && PLACES_MAX <= 1 << PLACE_BITS, "every place can be ordered");
_Static_assert((int)CONFIG_STRATEGY_LEAST_BUSY == (int)BALANCE_LEAST_BUSY, "the strategies stand in one order");

/* The question with what is the same for all targets, and what has been found out. Places go by their numbers. */
struct survey {
  const struct plan_ask *ask;
  const struct place *places;
  size_t count;
  const uint16_t *ranks; /* of the policy, by provider; NULL: none */
  size_t kind;           /* of the pairing */
  struct breaker_rule rule;
  bool has_order; /* the policy's: it goes before the prompt cache */
  size_t usable, tried;
  uint16_t order[PLACES_MAX]; /* the usable ones; in the end, those that are tried */
  uint8_t verdicts[PLACES_MAX];
  bool has_behind, spreads; /* spreads: the strategy has an order other than the file's */
  bool behind[PLACES_MAX];  /* has_behind: those for all, where the call's workspace has a credential of its own */
};

const char *plan_verdict_name(enum plan_verdict v) {
  static const char *const names[] = {
      [PLAN_TRIED] = "tried",
      [PLAN_NO_ADAPTER] = "no_adapter",
      [PLAN_OTHER_WIRE] = "other_wire",
      [PLAN_POLICY] = "policy",
      [PLAN_BREAKER_OPEN] = "breaker_open",
      [PLAN_BREAKER_FORCED] = "breaker_forced",
      [PLAN_PROBED] = "probed",
      [PLAN_OWN_CREDENTIALS] = "own_credentials",
      [PLAN_BEYOND] = "beyond_limit",
      [PLAN_NO_CREDENTIAL] = "no_credential",
      [PLAN_OTHER_WORKSPACE] = "other_workspace",
  };
  return (size_t)v < sizeof(names) / sizeof(names[0]) ? names[v] : "unknown";
}

bool plan_has(const struct plan *p, enum plan_verdict v) { return p->verdicts >> v & 1; }

bool plan_policy_allows(const struct config_policy *policy, const struct config_provider *p) {
  return routes_rank(policy, p) != ROUTES_EXCLUDED;
}

static bool is_own(const struct plan_ask *ask, const struct place *p) {
  return ask->has_own_credentials && p->provider->kind == CONFIG_ANTHROPIC;
}

/* A caller's own credentials fail for their owner alone, so they have a breaker of their own. Another replica has its
 * own store and so may have another caller of that number: nobody else is told. */
static struct breaker *breaker_of(const struct plan_ask *ask, const struct place *p) {
  char name[40];
  if (!is_own(ask, p))
    return p->breaker;
  int n = snprintf(name, sizeof(name), "caller %lld", (long long)ask->principal_id);
  return ask->state->breakers ? breakers_find_alone(ask->state->breakers, p->provider->name, p->provider->base_url,
                                                    (struct text){name, (size_t)n})
                              : NULL;
}

static enum plan_verdict verdict_of_breaker(const struct survey *s, struct breaker *b, int64_t *retry_at_us) {
  struct breaker_view view;
  if (breaker_lets(b, &s->rule, s->ask->now_us))
    return PLAN_TRIED;
  breaker_look(b, &s->rule, s->ask->now_us, &view);
  if (view.force == BREAKER_FORCED_OPEN)
    return PLAN_BREAKER_FORCED;
  if (view.state == BREAKER_HALF_OPEN)
    return PLAN_PROBED;
  *retry_at_us = view.until_us;
  return PLAN_BREAKER_OPEN;
}

/* With the caller's own credentials all of a provider's are one, so a model of it would be asked twice alike. */
static bool is_asked_already(const struct survey *s, const struct place *p) {
  if (!is_own(s->ask, p))
    return false;
  for (const struct place *other = s->places; other < p; other++)
    if (other->provider == p->provider && text_equal(other->upstream_model, p->upstream_model))
      return true;
  return false;
}

static bool is_of_another(const struct survey *s, const struct place *p) {
  return p->is_a_workspace_s && !text_equal(p->credential->workspace, s->ask->workspace);
}

static enum plan_verdict judge(const struct survey *s, const struct place *p, int64_t *retry_at_us) {
  if (s->ranks && s->ranks[p->provider->index] == ROUTES_EXCLUDED)
    return PLAN_POLICY;
  if (!p->adapter)
    return PLAN_NO_ADAPTER;
  if (!(p->serves >> s->kind & 1))
    return PLAN_OTHER_WIRE;
  if (is_asked_already(s, p))
    return PLAN_OWN_CREDENTIALS;
  if (!is_own(s->ask, p) && p->lacks_credential)
    return PLAN_NO_CREDENTIAL;
  if (!is_own(s->ask, p) && is_of_another(s, p))
    return PLAN_OTHER_WORKSPACE;
  return verdict_of_breaker(s, breaker_of(s->ask, p), retry_at_us);
}

static void judge_all(struct survey *s, struct plan *p) {
  for (size_t i = 0; i < s->count; i++) {
    int64_t retry_at_us = 0;
    enum plan_verdict v = judge(s, &s->places[i], &retry_at_us);
    s->verdicts[i] = (uint8_t)v;
    p->verdicts |= UINT32_C(1) << v;
    if (v == PLAN_TRIED)
      s->order[s->usable++] = (uint16_t)i;
    if (v == PLAN_NO_CREDENTIAL && !p->lacking)
      p->lacking = &s->places[i];
    if (retry_at_us > 0 && (p->retry_at_us == 0 || retry_at_us < p->retry_at_us))
      p->retry_at_us = retry_at_us;
  }
}

/* A workspace's own go before those for all of the same target, whatever the strategy. */
static __attribute__((noinline)) void put_behind(struct survey *s) {
  bool has_own = false;
  for (size_t i = 0; i < s->count; i++) {
    const struct place *p = &s->places[i];
    bool is_tried = s->verdicts[i] == PLAN_TRIED && !is_own(s->ask, p);
    has_own = (has_own && !p->is_first) || (is_tried && p->is_a_workspace_s);
    s->behind[i] = is_tried && has_own && !p->is_a_workspace_s;
    s->has_behind |= s->behind[i];
  }
}

/* The price and the longest answer as the configuration says, or the vendor's own list where that says nothing; then
 * the price is in *room. */
static const struct price *price_of(const struct plan_ask *ask, const struct place *p, struct price *room,
                                    uint64_t *max_output_tokens) {
  *max_output_tokens = ask->model->max_output_tokens;
  if (!p->is_listed || !ask->catalogue)
    return &p->price;
  struct llm_catalogue *list = ask->catalogue(ask->ctx, p->provider);
  const struct llm_catalogue_model *m = llm_catalogue_find(list, p->upstream_model);
  *room = m && p->price.version == 0 ? m->price : p->price;
  if (m && *max_output_tokens == 0)
    *max_output_tokens = m->max_output_tokens;
  llm_catalogue_drop(list);
  return room;
}

static int64_t cost_nano(const struct plan_ask *ask, const struct price *price, uint64_t max_output_tokens) {
  uint64_t output = ask->no_output       ? 0
                    : ask->output_tokens ? ask->output_tokens
                    : max_output_tokens  ? max_output_tokens
                                         : OUTPUT_TOKENS_ASSUMED;
  return price->version ? price_worst_case(price, ask->input_tokens, output) : -1;
}

/* What the strategy goes by, and no more. */
static struct balance_fact fact_of(const struct plan_ask *ask, enum config_strategy strategy, const struct place *p) {
  struct balance_fact fact = {.weight = p->weight, .latency_us = -1, .cost_nano = -1};
  if (strategy == CONFIG_STRATEGY_LATENCY) {
    fact.latency_us = load_first_token_us(p->load, ask->is_stream, ask->now_us);
  } else if (strategy == CONFIG_STRATEGY_LEAST_BUSY) {
    fact.in_flight = load_in_flight(p->load);
  } else if (strategy == CONFIG_STRATEGY_COST) {
    struct price room;
    uint64_t max_output_tokens;
    const struct price *price = price_of(ask, p, &room, &max_output_tokens);
    fact.cost_nano = cost_nano(ask, price, max_output_tokens);
  }
  return fact;
}

/* Of `count` places from order[from] on the best `wanted`, in front. The facts have memory of their own: a stream keeps
 * its request's for minutes. */
static void order_by_strategy(struct survey *s, enum config_strategy strategy, size_t from, size_t count,
                              size_t wanted) {
  uint16_t order[PLAN_TRIED_MAX], best[PLAN_TRIED_MAX], *places = s->order + from;
  struct arena scratch;
  if (strategy == CONFIG_STRATEGY_ORDERED || count < 2)
    return;
  arena_init(&scratch);
  struct balance_fact *facts = arena_alloc(&scratch, count * sizeof(*facts));
  for (size_t i = 0; i < count; i++)
    facts[i] = fact_of(s->ask, strategy, &s->places[places[i]]);
  wanted = balance_order((enum balance_strategy)strategy, facts, count, wanted, s->ask->random, order);
  arena_done(&scratch);
  for (size_t i = 0; i < wanted; i++)
    best[i] = places[order[i]];
  memcpy(places, best, wanted * sizeof(*best));
}

static bool holds_cache(const struct survey *s, const struct place *p) {
  return s->ask->remembers && p->id == s->ask->place && !s->has_order && !is_own(s->ask, p);
}

/* Smaller goes first; equals are ordered by the strategy. */
static uint32_t rank(const struct survey *s, size_t place) {
  const struct place *p = &s->places[place];
  const struct config_policy *policy = s->ask->policy;
  bool is_behind = s->has_behind && s->behind[place];
  if (policy && policy->own_credentials_first && is_own(s->ask, p))
    return 0;
  if (holds_cache(s, p) && !is_behind)
    return 1;
  return 2 + 2 * (s->ranks ? s->ranks[p->provider->index] : 0U) + (is_behind && s->spreads);
}

/* Brings those of the smallest rank to the front, in their order, and says how many they are. ranked: the rank above
 * the PLACE_BITS of the place. */
static size_t bring_forward(uint32_t *ranked, size_t count) {
  uint32_t others[PLACES_MAX], least = UINT32_MAX;
  size_t first = 0, behind = 0;
  for (size_t i = 0; i < count; i++)
    least = ranked[i] >> PLACE_BITS < least ? ranked[i] >> PLACE_BITS : least;
  for (size_t i = 0; i < count; i++) {
    if (ranked[i] >> PLACE_BITS == least)
      ranked[first++] = ranked[i];
    else
      others[behind++] = ranked[i];
  }
  memcpy(ranked + first, others, behind * sizeof(*others));
  return first;
}

static void order_by_rank(struct survey *s, enum config_strategy strategy) {
  uint32_t ranked[PLACES_MAX] = {0};
  for (size_t i = 0; i < s->usable; i++)
    ranked[i] = rank(s, s->order[i]) << PLACE_BITS | s->order[i];
  for (size_t done = 0; done < s->tried;) {
    size_t group = bring_forward(ranked + done, s->usable - done);
    size_t wanted = group < s->tried - done ? group : s->tried - done;
    for (size_t i = done; i < done + group; i++)
      s->order[i] = (uint16_t)(ranked[i] & ((1U << PLACE_BITS) - 1));
    order_by_strategy(s, strategy, done, group, wanted);
    done += wanted;
  }
}

/* Not inlined: a model with one target, the usual one, does without these frames. */
static __attribute__((noinline)) void put_in_order(struct survey *s, enum config_strategy strategy) {
  for (size_t i = 0; i < s->usable; i++)
    s->verdicts[s->order[i]] = PLAN_BEYOND;
  if (s->has_order || s->ask->remembers || (s->has_behind && s->spreads))
    order_by_rank(s, strategy);
  else
    order_by_strategy(s, strategy, 0, s->usable, s->tried);
  for (size_t i = 0; i < s->tried; i++)
    s->verdicts[s->order[i]] = PLAN_TRIED;
}

static void become_candidate(const struct survey *s, const struct place *p, struct candidate *out) {
  bool own = is_own(s->ask, p);
  struct price room;
  *out = (struct candidate){.target = p->target,
                            .provider = p->provider,
                            .credential = own ? NULL : p->credential,
                            .own = own,
                            .adapter = p->adapter,
                            .upstream_model = p->upstream_model,
                            .breaker = breaker_of(s->ask, p),
                            .load = p->load,
                            .place_id = own ? 0 : p->id};
  out->price = *price_of(s->ask, p, &room, &out->max_output_tokens);
  if (p->serves >> s->kind & 1)
    out->pairing = p->pairings[s->kind];
}

static void explain_one(const struct survey *s, size_t place, struct plan_entry *out) {
  const struct plan_ask *ask = s->ask;
  const struct place *p = &s->places[place];
  *out = (struct plan_entry){.place = p,
                             .verdict = (enum plan_verdict)s->verdicts[place],
                             .own = is_own(ask, p),
                             .latency_us = load_first_token_us(p->load, ask->is_stream, ask->now_us),
                             .in_flight = load_in_flight(p->load)};
  become_candidate(s, p, &out->candidate);
  out->holds_cache = out->verdict == PLAN_TRIED && holds_cache(s, p);
  out->cost_nano = cost_nano(ask, &out->candidate.price, out->candidate.max_output_tokens);
  if (out->verdict == PLAN_BREAKER_OPEN)
    (void)verdict_of_breaker(s, out->candidate.breaker, &out->retry_at_us);
}

static struct plan_entry *explain_all(const struct survey *s, struct arena *a) {
  struct plan_entry *at = arena_alloc(a, (s->count + 1) * sizeof(*at));
  size_t n = 0;
  for (; n < s->tried; n++)
    explain_one(s, s->order[n], &at[n]);
  for (size_t i = 0; i < s->count; i++)
    if (s->verdicts[i] != PLAN_TRIED)
      explain_one(s, i, &at[n++]);
  return at;
}

static void begin(struct survey *s, const struct plan_ask *ask, const struct model_places *places) {
  const struct config_policy *policy = ask->policy;
  s->ask = ask;
  s->places = places->at;
  s->count = places->count;
  s->ranks = routes_ranks(ask->routes, policy);
  s->kind = pairing_kind(ask->client, ask->has_anthropic_version, ask->is_count);
  s->rule = routes_breaker_rule(ask->config);
  s->has_order = policy && (policy->own_credentials_first || policy->first_count > 0);
  s->usable = 0;
  s->has_behind = false;
}

void plan_make(const struct plan_ask *ask, struct arena *a, struct plan *out) {
  const struct config_policy *policy = ask->policy;
  struct survey s;
  const struct model_places *places = routes_of(ask->routes, ask->model, ask->star, a);
  begin(&s, ask, places);
  struct plan p = {.count = s.count,
                   .strategy = policy && policy->has_strategy ? policy->strategy : ask->model->strategy};
  judge_all(&s, &p);
  s.spreads = p.strategy != CONFIG_STRATEGY_ORDERED;
  if (places->has_workspaces)
    put_behind(&s);
  p.tried = s.tried = s.usable < PLAN_TRIED_MAX ? s.usable : PLAN_TRIED_MAX;
  p.verdicts |= s.usable > s.tried ? UINT32_C(1) << PLAN_BEYOND : 0;
  if (s.usable > 1)
    put_in_order(&s, p.strategy);
  p.candidates = arena_alloc(a, p.tried * sizeof(*p.candidates));
  for (size_t i = 0; i < p.tried; i++)
    become_candidate(&s, &s.places[s.order[i]], &p.candidates[i]);
  if (ask->explains)
    p.at = explain_all(&s, a);
  *out = p;
}
