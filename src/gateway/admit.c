/* Fifth stage: may this call run now. The key's requests and tokens a minute, its calls at once and its money are
 * taken in one step, together with what its user, workspace and organisation and the model have a limit of; a refusal
 * consumes nothing anywhere. With a budget the dearest candidate's worst case is reserved, and what
 * the period has cost so far is asked from the store once; a budget without room leaves the candidates that are not
 * billed. Settle gives the tickets back. */
#include "gateway/exchange.h"

#include "traffic/period.h"

/* With no max tokens in the request the provider's own default applies; this bounds the reservation. */
#define OUTPUT_TOKENS_ASSUMED    8192
#define OVERLOADED_RETRY_AFTER_S 1

int64_t exchange_worst_cost(const struct exchange *x, const struct candidate *c) {
  if (c->price.version == 0 || exchange_is_count(x))
    return 0;
  uint64_t output = x->route.operation == PROVIDER_EMBEDDINGS ? 0 : x->ask.max_output_tokens;
  if (output == 0 && x->route.operation != PROVIDER_EMBEDDINGS) {
    output = c->max_output_tokens ? c->max_output_tokens : OUTPUT_TOKENS_ASSUMED;
  }
  return price_worst_case(&c->price, x->ask.input_tokens_bound,
                          output * (x->ask.answers > 1 ? (x->ask.answers < 1024 ? x->ask.answers : 1024) : 1));
}

/* A race may have two calls paid for. */
static int64_t times_raced(const struct exchange *x, int64_t worst_nano) {
  bool twice = false;
  for (size_t i = 0; i < x->candidate_count && x->model && x->model->hedge.enabled; i++)
    twice |= x->candidates[i].provider->charges_cancelled;
  return twice && worst_nano <= INT64_MAX / 2 ? worst_nano * 2 : worst_nano;
}

/* The dearest candidate decides; an unknown price cannot be held to a budget, so such a call is refused rather than let
 * through for nothing. */
static enum err worst_cost(struct exchange *x, int64_t *out) {
  int64_t worst = 0;
  for (size_t i = 0; i < x->candidate_count; i++) {
    const struct candidate *c = &x->candidates[i];
    if (!candidate_is_billable(c))
      continue;
    if (c->price.version == 0 && !exchange_is_count(x)) {
      return fault_set(&x->fault, ERR_FORBIDDEN, "model",
                       "this key has a budget and the price of %.*s at %.*s is not known", TEXT_ARGS(c->upstream_model),
                       TEXT_ARGS(c->provider->name));
    }
    int64_t cost = exchange_worst_cost(x, c);
    if (cost > worst)
      worst = cost;
  }
  *out = times_raced(x, worst);
  return ERR_OK;
}

struct spent_call {
  struct store *store;
  int64_t key_id, since_us, spent_nano;
  struct fault fault;
};

static enum err spent_run(void *arg) {
  struct spent_call *c = arg;
  return c->store->ops->ledger_spent(c->store, c->key_id, c->since_us, &c->spent_nano, &c->fault);
}

static enum err load_spent(struct exchange *x, struct allowance *a, int64_t since_us) {
  if (!allowance_needs_spent(a, since_us))
    return ERR_OK;
  struct spent_call call = {.store = x->worker->gateway->store, .key_id = x->principal->id, .since_us = since_us};
  enum err e = offload_call(x->worker->gateway->offload, spent_run, &call);
  if (e != ERR_OK) {
    x->fault = call.fault;
    return exchange_hide_fault(&x->fault, e, "the budget cannot be checked");
  }
  allowance_set_spent(a, since_us, call.spent_nano);
  return ERR_OK;
}

static enum period period_of_principal(const struct principal *p) {
  if (p->budget_period == PRINCIPAL_DAY)
    return PERIOD_DAY;
  return p->budget_period == PRINCIPAL_WEEK ? PERIOD_WEEK : PERIOD_MONTH;
}

/* All that a call has to pass, the key's own first. */
struct wants {
  struct limiter_want at[LIMITER_SUBJECT_COUNT];
  size_t count;
};

/* In the order of enum config_subject. */
static const enum limiter_subject subjects[CONFIG_SUBJECT_COUNT] = {LIMITER_USER, LIMITER_WORKSPACE,
                                                                    LIMITER_ORGANISATION, LIMITER_MODEL};

/* What the key shares with others. Only subjects of entries get an allowance, and of those that stand for each one only
 * users and workspaces that somebody is known to be of: nothing that a caller makes up. */
static enum err want_shared(struct exchange *x, struct wants *w) {
  const struct principal *p = x->principal;
  const struct config_rate_ask ask = {p->user, p->workspace, x->ask.model, p->org_id};
  struct config_rate_found found[CONFIG_SUBJECT_COUNT];
  size_t count = config_rate_limits_for(&x->config->rates, &ask, found);
  for (size_t i = 0; i < count; i++) {
    const struct config_rate_limit *by = found[i].limit;
    struct limiter_want *want = &w->at[w->count++];
    *want = (struct limiter_want){.subject = subjects[by->subject],
                                  .name = found[i].name,
                                  .limits = {.rpm = by->rpm, .tpm = by->tpm, .concurrency = by->concurrency}};
    want->allowance = limiter_subject_entry(x->worker->gateway->limiter, want->subject, want->name);
    if (!want->allowance)
      return fault_set(&x->fault, ERR_OVERLOADED, NULL, "too many users and workspaces are limited at once");
  }
  return ERR_OK;
}

static enum err wants_of(struct exchange *x, struct wants *w) {
  const struct principal *p = x->principal;
  w->at[0] = (struct limiter_want){
      .allowance = limiter_entry(x->worker->gateway->limiter, p->id),
      .limits = {.rpm = p->rpm, .tpm = p->tpm, .concurrency = p->concurrency, .budget_nano = p->budget_nano}};
  w->count = 1;
  if (!w->at[0].allowance)
    return fault_set(&x->fault, ERR_OVERLOADED, NULL, "too many keys are in use at once");
  return x->config->rates.count > 0 ? want_shared(x, w) : ERR_OK;
}

static enum err take(struct exchange *x, const struct wants *w, const struct limiter_ask *ask) {
  return limiter_take(w->at, w->count, ask, x->tickets, &x->fault);
}

/* Around midnight another worker may have begun the next period between the two steps; that happens once or twice, not
 * for ever. */
static enum err take_with_budget(struct exchange *x, const struct wants *w, const struct limiter_ask *ask) {
  for (int i = 0; i < 8; i++) {
    enum err e = load_spent(x, w->at[0].allowance, w->at[0].limits.period_start_us);
    if (e == ERR_OK)
      e = take(x, w, ask);
    if (e != ERR_AGAIN)
      return e;
    x->fault = (struct fault){0};
  }
  return fault_set(&x->fault, ERR_UNAVAILABLE, "budget", "the budget cannot be checked right now");
}

/* Without a budget what costs nobody's money can still be tried. False: there is no such candidate. */
static bool keep_unbilled(struct exchange *x) {
  size_t kept = 0;
  for (size_t i = 0; i < x->candidate_count; i++) {
    if (!candidate_is_billable(&x->candidates[i]))
      x->candidates[kept++] = x->candidates[i];
  }
  if (kept == 0)
    return false;
  x->candidate_count = kept;
  return true;
}

/* The gateway's own limit comes before any key's: a refusal here costs nothing. */
static enum err count_stream(struct exchange *x) {
  atomic_size_t *streams = &x->worker->gateway->streams;
  if (!x->ask.stream)
    return ERR_OK;
  x->is_counted_stream = true;
  if (atomic_fetch_add_explicit(streams, 1, memory_order_relaxed) < x->config->limits.streams)
    return ERR_OK;
  fault_set(&x->fault, ERR_OVERLOADED, NULL, "too many answers are being streamed, try again later");
  x->fault.retry_after_s = OVERLOADED_RETRY_AFTER_S;
  return ERR_OVERLOADED;
}

enum err exchange_admit(struct exchange *x) {
  const struct principal *p = x->principal;
  struct limiter_ask ask = {.now_us = loop_wall_us()};
  struct wants w;
  enum err e = count_stream(x);
  if (e == ERR_OK)
    e = wants_of(x, &w);
  if (e != ERR_OK)
    return e;
  struct limiter_limits *of_key = &w.at[0].limits;
  ask.tokens = x->ask.input_tokens_bound + x->ask.max_output_tokens;
  if (p->budget_nano == 0)
    return take(x, &w, &ask);
  period_of(period_of_principal(p), ask.now_us, &of_key->period_start_us, &of_key->period_end_us);
  e = worst_cost(x, &ask.cost_nano);
  if (e != ERR_OK)
    return e;
  e = take_with_budget(x, &w, &ask);
  if (e != ERR_BUDGET_EXHAUSTED || !keep_unbilled(x))
    return e;
  x->fault = (struct fault){0};
  of_key->budget_nano = ask.cost_nano = 0;
  return take(x, &w, &ask);
}
