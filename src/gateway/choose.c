/* Fourth stage: which targets may serve the request, in which order, and in which wire each is spoken to. plan.c
 * decides; here the request's part of the question is gathered and the answer becomes candidates, or a refusal that
 * says why there are none. Nothing is sent or counted here, and nothing waited for but a vendor's very first list of
 * models. */
#include "gateway/exchange.h"

#include "base/log.h"
#include "base/random.h"
#include "config/overlay.h"
#include "gateway/catalogue.h"
#include "gateway/plan.h"

#define US_PER_S 1000000

static struct llm_catalogue *catalogue_of(void *ctx, const struct config_provider *p) {
  struct exchange *x = ctx;
  return gateway_catalogue(x->worker, x->snapshot, p);
}

/* With credentials of its own the caller's plan comes first, unless somebody has decided otherwise. */
static const struct config_policy *policy_of(const struct exchange *x, bool has_own) {
  const struct principal *p = x->principal;
  const struct config_policy *policy = config_policy_for(x->config, p->policy, p->name, p->user, p->workspace);
  return policy || !has_own ? policy : config_find_policy(x->config, TEXT("plan_first"));
}

static struct plan_ask ask_of(struct exchange *x, struct text star) {
  bool has_own = !text_is_empty(x->own_x_api_key) || !text_is_empty(x->own_authorization);
  struct plan_ask ask = {
      .config = x->config,
      .routes = x->snapshot->routes,
      .state = &x->worker->gateway->state,
      .model = x->model,
      .star = star,
      .client = x->route.wire,
      .is_stream = x->ask.stream,
      .has_anthropic_version = x->ask.has_anthropic_version,
      .is_count = exchange_is_count(x),
      .has_own_credentials = has_own,
      .principal_id = x->principal->id,
      .workspace = x->principal->workspace,
      .policy = policy_of(x, has_own),
      .input_tokens = x->ask.input_tokens_bound,
      .no_output = x->route.operation == PROVIDER_EMBEDDINGS,
      .output_tokens = x->ask.max_output_tokens * (x->ask.answers > 1 ? x->ask.answers : 1),
      .random = random_fast(),
      .now_us = x->now_us,
      .explains = log_is_on(LOG_LEVEL_DEBUG),
      .catalogue = catalogue_of,
      .ctx = x,
  };
  struct affinity *affinity = x->worker->gateway->affinity;
  if (x->has_conversation && affinity)
    ask.remembers = affinity_find(affinity, x->conversation, ask.now_us, &ask.place);
  return ask;
}

/* What lacks is said by name: an operator reads it in the client's error. */
static enum err refuse_without(struct exchange *x, const struct config_provider *p, const struct config_target *t) {
  struct text name = t && !t->every_credential ? t->credential_name : TEXT_NONE;
  struct text whose = x->principal->workspace;
  if (name.len > 0)
    return fault_set(
        &x->fault, ERR_UNAVAILABLE, NULL,
        "the provider \"%.*s\" has no credential \"%.*s\" that this call may use: it was removed or is not "
        "active, or it is another workspace's",
        TEXT_ARGS(p->name), TEXT_ARGS(name));
  return fault_set(&x->fault, ERR_UNAVAILABLE, NULL,
                   "the provider \"%.*s\" has no active credential for %s%.*s: add one to the configuration or by "
                   "`weir credential add`",
                   TEXT_ARGS(p->name), whose.len > 0 ? "the workspace " : "calls of no workspace", TEXT_ARGS(whose));
}

/* Why none of the targets is left. What will pass goes before what will not. */
static enum err refuse(struct exchange *x, const struct plan *plan, const struct config_policy *policy) {
  struct text name = x->ask.model;
  if (plan_has(plan, PLAN_BREAKER_OPEN) || plan_has(plan, PLAN_PROBED) || plan_has(plan, PLAN_BREAKER_FORCED)) {
    int64_t left_us = plan->retry_at_us > 0 ? plan->retry_at_us - x->now_us : 0;
    fault_set(&x->fault, ERR_UNAVAILABLE, NULL,
              "no target of the model \"%.*s\" gets requests at the moment: they have failed, or the operator says so",
              TEXT_ARGS(name));
    x->fault.retry_after_s = left_us > 0 ? (int)(left_us / US_PER_S) + 1 : 1;
    return ERR_UNAVAILABLE;
  }
  if (plan->lacking)
    return refuse_without(x, plan->lacking->provider, plan->lacking->target);
  if (plan_has(plan, PLAN_POLICY) && policy) {
    return fault_set(&x->fault, ERR_UNAVAILABLE, NULL, "the policy \"%.*s\" leaves no target for the model \"%.*s\"",
                     TEXT_ARGS(policy->name), TEXT_ARGS(name));
  }
  return fault_set(&x->fault, ERR_UNSUPPORTED, "model",
                   "no provider of the model \"%.*s\" serves %s requests in the %s format", TEXT_ARGS(name),
                   x->route.operation_name, x->route.wire->name);
}

/* "why there?" has an answer: with log_level debug each request says its order and what was passed over. */
static void tell(const struct plan *plan) {
  for (size_t i = 0; plan->at && i < plan->count; i++) {
    const struct plan_entry *e = &plan->at[i];
    LOG_DEBUG("target", log_u64("order", i + 1), log_text("provider", e->place->provider->name),
              log_text("model", e->candidate.upstream_model), log_str("verdict", plan_verdict_name(e->verdict)),
              log_bool("holds_cache", e->holds_cache), log_bool("own_credentials", e->own));
  }
}

static enum err choose_for_model(struct exchange *x) {
  struct text star = TEXT_NONE, name = x->ask.model;
  struct plan plan;
  if (!principal_allows_model(x->principal, name)) {
    return fault_set(&x->fault, ERR_FORBIDDEN, "model", "this key may not use the model \"%.*s\"", TEXT_ARGS(name));
  }
  x->model = config_find_model(x->config, name, text_of(x->route.wire->name), &star);
  if (!x->model) {
    return fault_set(&x->fault, ERR_NOT_FOUND, "model", "the model \"%.*s\" does not exist here", TEXT_ARGS(name));
  }
  struct plan_ask ask = ask_of(x, star);
  plan_make(&ask, x->arena, &plan);
  x->candidates = plan.candidates;
  x->candidate_count = plan.tried;
  x->place_count = plan.count;
  tell(&plan);
  x->counts_here = x->candidate_count == 0 && exchange_is_count(x);
  return x->candidate_count > 0 || x->counts_here ? ERR_OK : refuse(x, &plan, ask.policy);
}

static bool is_of_the_mount(const struct exchange *x, const struct config_provider *p) {
  if (x->route.wire->id == WIRE_ANTHROPIC)
    return p->kind == CONFIG_ANTHROPIC;
  if (x->route.mount == ROUTE_OPENROUTER)
    return p->kind == CONFIG_OPENROUTER;
  return p->kind == CONFIG_OPENAI || (p->kind == CONFIG_OPENROUTER && x->route.mount == ROUTE_PLAIN);
}

static bool caller_pays(const struct exchange *x, const struct config_provider *p) {
  bool own = !text_is_empty(x->own_x_api_key) || !text_is_empty(x->own_authorization);
  return own && p->kind == CONFIG_ANTHROPIC;
}

/* No breaker is fed here, but a provider that the operator keeps requests from gets none. */
static bool is_forced_open(const struct exchange *x, const struct config_provider *p,
                           const struct config_credential *c) {
  const struct breaker_rule rule = routes_breaker_rule(x->config);
  struct breakers *all = x->worker->gateway->state.breakers;
  struct breaker_view view = {0};
  if (all)
    breaker_look(breakers_find(all, p->name, p->base_url, c ? c->name : TEXT_NONE), &rule, loop_clock_us(), &view);
  return view.force == BREAKER_FORCED_OPEN;
}

static bool serves_raw(const struct exchange *x, const struct config_provider *p, const struct provider *adapter) {
  return is_of_the_mount(x, p) && adapter && adapter->serves(PROVIDER_RAW) &&
         plan_policy_allows(policy_of(x, false), p);
}

/* Raw vendor paths name no model, so they go to the first provider of the dialect; a key that is limited to some models
 * or to a budget could get round its limits there and is refused. */
static enum err choose_for_raw(struct exchange *x) {
  bool kept_out = false;
  if (x->principal->model_count > 0 || x->principal->budget_nano > 0) {
    return fault_set(&x->fault, ERR_FORBIDDEN, NULL, "a key limited to some models or to a budget may not use %.*s",
                     TEXT_ARGS(x->route.vendor_path));
  }
  for (size_t i = 0; i < x->config->provider_count; i++) {
    const struct config_provider *p = &x->config->providers[i];
    const struct provider *adapter = x->worker->gateway->provider_find(p->kind_name);
    if (!serves_raw(x, p, adapter))
      continue;
    const struct config_credential *credential = overlay_first(p, x->principal->workspace);
    if (is_forced_open(x, p, credential)) {
      kept_out = true;
      continue;
    }
    x->candidates = ARENA_NEW(x->arena, struct candidate);
    x->candidate_count = 1;
    *x->candidates = (struct candidate){.provider = p, .adapter = adapter, .own = caller_pays(x, p)};
    if (!x->candidates->own && !credential && p->has_stored)
      return refuse_without(x, p, NULL);
    if (!x->candidates->own)
      x->candidates->credential = credential;
    return ERR_OK;
  }
  if (kept_out)
    return fault_set(&x->fault, ERR_UNAVAILABLE, NULL, "the operator keeps requests from the provider of %.*s",
                     TEXT_ARGS(x->route.vendor_path));
  return fault_set(&x->fault, ERR_NOT_FOUND, NULL, "no provider here serves %.*s", TEXT_ARGS(x->route.vendor_path));
}

enum err exchange_choose(struct exchange *x) {
  return x->route.kind == ROUTE_RAW ? choose_for_raw(x) : choose_for_model(x);
}
