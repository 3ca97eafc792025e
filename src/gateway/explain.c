/* A question about a route and its answer as JSON. Asked by the operator: over the local control socket, where the
 * breakers and loads of the running process count, or by the command line about a configuration alone. */
#include "gateway/explain.h"

#include "base/json.h"

#define US_PER_MS 1000

static enum err want_text(yyjson_val *root, const char *name, struct arena *a, struct text *out, struct fault *f) {
  yyjson_val *v = json_get(root, name);
  if (!v || yyjson_is_null(v))
    return ERR_OK;
  if (!yyjson_is_str(v) || yyjson_get_len(v) > 256)
    return fault_set(f, ERR_BAD_REQUEST, name, "%s must be a text of at most 256 bytes", name);
  *out = arena_copy(a, json_text(v));
  return ERR_OK;
}

static enum err want_number(yyjson_val *root, const char *name, uint64_t *out, struct fault *f) {
  if (json_get(root, name) && !json_get_u64(root, name, out))
    return fault_set(f, ERR_BAD_REQUEST, name, "%s must be a whole number from 0 up", name);
  return ERR_OK;
}

static enum err want_bool(yyjson_val *root, const char *name, bool *out, struct fault *f) {
  if (json_get(root, name) && !json_get_bool(root, name, out))
    return fault_set(f, ERR_BAD_REQUEST, name, "%s must be true or false", name);
  return ERR_OK;
}

static enum err read_members(yyjson_val *root, struct arena *a, struct explain_ask *out, struct fault *f) {
  const struct {
    const char *name;
    struct text *into;
  } texts[] = {{"model", &out->model}, {"wire", &out->wire},           {"key", &out->key_name},
               {"user", &out->user},   {"workspace", &out->workspace}, {"policy", &out->policy}};
  enum err e = ERR_OK;
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && e == ERR_OK; i++)
    e = want_text(root, texts[i].name, a, texts[i].into, f);
  if (e == ERR_OK)
    e = want_bool(root, "stream", &out->stream, f);
  if (e == ERR_OK)
    e = want_bool(root, "own_credentials", &out->own_credentials, f);
  if (e == ERR_OK)
    e = want_number(root, "input_tokens", &out->input_tokens, f);
  if (e == ERR_OK)
    e = want_number(root, "output_tokens", &out->output_tokens, f);
  yyjson_val *id = json_get(root, "principal_id");
  if (e == ERR_OK && id && !yyjson_is_int(id))
    e = fault_set(f, ERR_BAD_REQUEST, "principal_id", "principal_id must be a whole number");
  out->principal_id = yyjson_get_sint(id);
  uint64_t org = 0;
  if (e == ERR_OK)
    e = want_number(root, "organisation", &org, f);
  if (e == ERR_OK && org > INT64_MAX)
    e = fault_set(f, ERR_BAD_REQUEST, "organisation", "there is no such organisation");
  out->org_id = (int64_t)org;
  if (e == ERR_OK && text_is_empty(out->model))
    e = fault_set(f, ERR_BAD_REQUEST, "model", "model is missing");
  return e;
}

enum err explain_read(struct text body, struct arena *a, struct explain_ask *out, struct fault *f) {
  struct json doc;
  struct explain_ask ask = {0};
  enum err e = json_read(body, NULL, &doc, f);
  if (e != ERR_OK)
    return e;
  e = yyjson_is_obj(doc.root) ? read_members(doc.root, a, &ask, f)
                              : fault_set(f, ERR_BAD_REQUEST, NULL, "the body must be a JSON object");
  json_done(&doc);
  if (e == ERR_OK)
    *out = ask;
  return e;
}

void explain_write_ask(const struct explain_ask *ask, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "model", ask->model);
  json_field_text(&w, "wire", ask->wire);
  json_field_text(&w, "key", ask->key_name);
  json_field_text(&w, "user", ask->user);
  json_field_text(&w, "workspace", ask->workspace);
  json_field_text(&w, "policy", ask->policy);
  json_field_i64(&w, "principal_id", ask->principal_id);
  json_field_i64(&w, "organisation", ask->org_id);
  json_field_bool(&w, "stream", ask->stream);
  json_field_bool(&w, "own_credentials", ask->own_credentials);
  json_field_u64(&w, "input_tokens", ask->input_tokens);
  json_field_u64(&w, "output_tokens", ask->output_tokens);
  json_object_end(&w);
}

static const char *strategy_name(enum config_strategy s) {
  static const char *const names[] = {"ordered", "weighted", "latency", "cost", "least_busy"};
  return names[s];
}

/* A sentence for people. */
static struct text reason(const struct plan_entry *e, struct text policy, int64_t now_us, struct arena *a) {
  int64_t left_s = (e->retry_at_us - now_us) / 1000000 + 1;
  switch (e->verdict) {
  case PLAN_TRIED:
    return e->holds_cache ? TEXT("holds this conversation's prompt cache")
           : e->own       ? TEXT("with the caller's own credentials")
                          : TEXT_NONE;
  case PLAN_NO_ADAPTER: return TEXT("this program does not speak to its kind of provider");
  case PLAN_OTHER_WIRE: return TEXT("cannot be asked this in the request's wire or any it could be translated to");
  case PLAN_POLICY: return arena_format(a, "excluded by the policy \"%.*s\"", TEXT_ARGS(policy));
  case PLAN_BREAKER_OPEN: return arena_format(a, "has failed and rests for %lld s more", (long long)left_s);
  case PLAN_BREAKER_FORCED: return TEXT("the operator keeps requests from it");
  case PLAN_PROBED: return TEXT("has failed, and one request is trying it out");
  case PLAN_OWN_CREDENTIALS: return TEXT("the caller's own credentials take the place of all of this provider's");
  case PLAN_NO_CREDENTIAL: return TEXT("wants a credential, and there is none for this call");
  case PLAN_OTHER_WORKSPACE: return TEXT("its credential is for another workspace");
  case PLAN_BEYOND: return arena_format(a, "a request tries %d targets at most", PLAN_TRIED_MAX);
  }
  return TEXT_NONE;
}

static void write_breaker(struct json_writer *w, const struct plan_entry *e, const struct breaker_rule *rule,
                          int64_t now_us) {
  static const char *const states[] = {"closed", "open", "half_open"};
  struct breaker_view view;
  json_name(w, "breaker");
  if (!e->candidate.breaker) {
    json_put_null(w);
    return;
  }
  breaker_look(e->candidate.breaker, rule, now_us, &view);
  json_object(w);
  json_field_str(w, "state", states[view.state]);
  json_field_u64(w, "failures_in_window", view.failures_in_window);
  json_field_str(w, "reason", view.reason);
  json_object_end(w);
}

static void write_milliseconds(struct json_writer *w, const char *name, int64_t us) {
  json_name(w, name);
  if (us < 0)
    json_put_null(w);
  else
    json_put_i64(w, us / US_PER_MS);
}

static void write_target(struct json_writer *w, const struct plan_entry *e, size_t order, const struct plan_ask *ask,
                         const struct breaker_rule *rule, struct arena *a) {
  static const char *const modes[] = {"pass", "reframe", "translate"};
  const struct place *p = e->place;
  bool tried = e->verdict == PLAN_TRIED;
  json_object(w);
  json_name(w, "order");
  if (tried)
    json_put_u64(w, order);
  else
    json_put_null(w);
  json_field_str(w, "verdict", plan_verdict_name(e->verdict));
  json_field_text(w, "why", reason(e, ask->policy ? ask->policy->name : TEXT_NONE, ask->now_us, a));
  json_field_text(w, "provider", p->provider->name);
  json_field_text(w, "kind", p->provider->kind_name);
  json_field_text(w, "model", e->candidate.upstream_model);
  json_field_text(w, "credential", e->own ? TEXT("caller") : p->credential ? p->credential->name : TEXT_NONE);
  json_field_i64(w, "weight", p->weight);
  json_name(w, "wire");
  json_put_str(w, tried || e->verdict == PLAN_BEYOND ? e->candidate.pairing.wire->name : NULL);
  json_name(w, "mode");
  json_put_str(w, tried || e->verdict == PLAN_BEYOND ? modes[e->candidate.pairing.mode] : NULL);
  write_milliseconds(w, "first_token_ms", e->latency_us);
  json_field_u64(w, "in_flight", e->in_flight);
  json_name(w, "cost_nano");
  if (e->cost_nano < 0)
    json_put_null(w);
  else
    json_put_i64(w, e->cost_nano);
  write_breaker(w, e, rule, ask->now_us);
  json_object_end(w);
}

/* What is decided for such a request before any target is asked, beside the key's own limits. */
static void write_limits(struct json_writer *w, const struct config *c, const struct explain_ask *q) {
  const struct config_rate_ask who = {q->user, q->workspace, q->model, q->org_id > 0 ? q->org_id : 1};
  struct config_rate_found found[CONFIG_SUBJECT_COUNT];
  size_t count = config_rate_limits_for(&c->rates, &who, found);
  json_name(w, "limits");
  json_array(w);
  for (size_t i = 0; i < count; i++) {
    const struct config_rate_limit *by = found[i].limit;
    json_object(w);
    json_field_str(w, "subject", config_subject_name(by->subject));
    json_field_text(w, "name", found[i].name);
    json_field_i64(w, "rpm", by->rpm);
    json_field_i64(w, "tpm", by->tpm);
    json_field_i64(w, "concurrency", by->concurrency);
    json_object_end(w);
  }
  json_array_end(w);
}

static void write_plan(const struct plan_ask *ask, const struct plan *plan, bool live, const struct explain_ask *q,
                       struct arena *a, struct buf *out) {
  const struct breaker_rule rule = routes_breaker_rule(ask->config);
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "model", q->model);
  json_field_text(&w, "entry", ask->model->name);
  json_field_str(&w, "strategy", strategy_name(plan->strategy));
  json_name(&w, "policy");
  if (ask->policy)
    json_put_text(&w, ask->policy->name);
  else
    json_put_null(&w);
  json_field_bool(&w, "live", live);
  json_field_bool(&w, "hedged", ask->model->hedge.enabled);
  json_field_i64(&w, "further_rounds", ask->config->retry.attempts);
  write_limits(&w, ask->config, q);
  json_name(&w, "targets");
  json_array(&w);
  for (size_t i = 0; i < plan->count; i++)
    write_target(&w, &plan->at[i], i + 1, ask, &rule, a);
  json_array_end(&w);
  json_object_end(&w);
}

static enum err find_policy(const struct config *c, const struct explain_ask *q, const struct config_policy **out,
                            struct fault *f) {
  if (!text_is_empty(q->policy) && !config_find_policy(c, q->policy))
    return fault_set(f, ERR_BAD_REQUEST, "policy", "there is no policy \"%.*s\"", TEXT_ARGS(q->policy));
  *out = config_policy_for(c, q->policy, q->key_name, q->user, q->workspace);
  if (!*out && q->own_credentials)
    *out = config_find_policy(c, TEXT("plan_first"));
  return ERR_OK;
}

enum err explain(const struct config *c, struct routes *routes, const struct routes_state *state, bool live,
                 const struct explain_ask *q, uint64_t random, int64_t now_us, struct buf *out, struct fault *f) {
  const struct wire *wire = text_is_empty(q->wire) ? wire_get(WIRE_ANTHROPIC) : wire_find(q->wire);
  struct plan_ask ask = {.config = c,
                         .routes = routes,
                         .state = state,
                         .client = wire,
                         .is_stream = q->stream,
                         .has_own_credentials = q->own_credentials,
                         .workspace = q->workspace,
                         .principal_id = q->principal_id,
                         .input_tokens = q->input_tokens,
                         .output_tokens = q->output_tokens,
                         .random = random,
                         .now_us = now_us,
                         .explains = true};
  struct plan plan;
  struct arena a;
  if (!wire)
    return fault_set(f, ERR_BAD_REQUEST, "wire", "there is no wire \"%.*s\"", TEXT_ARGS(q->wire));
  enum err e = find_policy(c, q, &ask.policy, f);
  if (e != ERR_OK)
    return e;
  ask.model = config_find_model(c, q->model, text_of(wire->name), &ask.star);
  if (!ask.model)
    return fault_set(f, ERR_NOT_FOUND, "model", "no entry under `models` serves \"%.*s\" for requests in the %s wire",
                     TEXT_ARGS(q->model), wire->name);
  arena_init(&a);
  plan_make(&ask, &a, &plan);
  write_plan(&ask, &plan, live, q, &a, out);
  arena_done(&a);
  return ERR_OK;
}
