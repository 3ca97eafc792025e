/* Where a request would go, without sending one: the question of `weir route explain` as a route of the control API.
 * The answer is made by gateway/explain.c from the plan that serves requests, with what this process has learned of its
 * targets; here it gets a shape. Row of routes.c. house: tested-by tests/unit/control/test_api_simulate.c */
#include "control/views.h"

#include "base/random.h"
#include "gateway/explain.h"
#include "gateway/gateway.h"

#define WIRES      "anthropic|openai_chat|openai_responses|openai_embeddings|bedrock_invoke|bedrock_converse"
#define ANSWER_MAX ((size_t)4 << 20)

struct question {
  uint64_t given;
  struct text model, wire, key, user, workspace, policy;
  bool stream, own_credentials;
  int64_t input_tokens, output_tokens;
};
static const struct shape_field question_fields[] = {
    {"model", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(question, model), .min = 1, .max = 256,
     .help = "as clients ask for it"},
    {"wire", SHAPE_TEXT, 0, SHAPE_AT(question, wire), .choices = WIRES,
     .help = "the caller's; `anthropic` when not given"},
    {"key", SHAPE_TEXT, 0, SHAPE_AT(question, key), .min = 1, .max = 128,
     .help = "the name of a key that one may see: its user, workspace and policy count where none are given"},
    {"user", SHAPE_TEXT, 0, SHAPE_AT(question, user), .max = 128, .help = "whose request"},
    {"workspace", SHAPE_TEXT, 0, SHAPE_AT(question, workspace), .max = 128, .help = "in which workspace"},
    {"policy", SHAPE_TEXT, 0, SHAPE_AT(question, policy), .max = 128, .help = "under this policy, whoever it is"},
    {"stream", SHAPE_BOOL, 0, SHAPE_AT(question, stream), .help = "a streamed answer is asked for"},
    {"own_credentials", SHAPE_BOOL, 0, SHAPE_AT(question, own_credentials),
     .help = "the caller brings credentials of Anthropic"},
    {"input_tokens", SHAPE_INTEGER, 0, SHAPE_AT(question, input_tokens), .max = INT64_C(1000000000),
     .help = "for an order by cost"},
    {"output_tokens", SHAPE_INTEGER, 0, SHAPE_AT(question, output_tokens), .max = INT64_C(1000000000),
     .help = "for an order by cost"},
};
const struct shape simulate_ask_shape = {"SimulationAsked", "The head of a request that might come.",
                                         sizeof(struct question), SHAPE_FIELDS(question_fields)};

struct target_view {
  uint64_t given;
  int64_t order, weight, first_token_ms, in_flight, cost_nano, failures;
  struct text verdict, why, provider, kind, model, credential, wire, mode, breaker, breaker_reason;
};
static const struct shape_field target_fields[] = {
    {"order", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(target_view, order), .max = INT32_MAX,
     .help = "its place among those that are tried; null: it is not"},
    {"verdict", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(target_view, verdict), .max = 64,
     .help = "`tried`, or for what it is passed over"},
    {"why", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(target_view, why), .max = 256, .help = "the same in words"},
    {"provider", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(target_view, provider), .max = 128, .help = "its name"},
    {"kind", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(target_view, kind), .max = 64, .help = "of provider"},
    {"model", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(target_view, model), .max = 256, .help = "as it is asked for there"},
    {"credential", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(target_view, credential), .max = 128,
     .help = "its name; `caller`: the caller's own"},
    {"weight", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(target_view, weight), .max = INT64_MAX,
     .help = "its share where shares count"},
    {"wire", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(target_view, wire), .max = 64, .help = "in which it would be asked"},
    {"mode", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(target_view, mode), .choices = "pass|reframe|translate",
     .help = "how the request becomes one of that wire"},
    {"first_token_ms", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(target_view, first_token_ms), .max = INT64_MAX,
     .help = "what it usually takes; null: not known"},
    {"in_flight", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(target_view, in_flight), .max = INT64_MAX,
     .help = "calls of this process there now"},
    {"cost_usd", SHAPE_USD, SHAPE_NULLABLE, SHAPE_AT(target_view, cost_nano), .max = INT64_MAX,
     .help = "for the tokens that were named; null: nothing, or not known"},
    {"breaker", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(target_view, breaker), .choices = "closed|open|half_open",
     .help = "open: it has failed and rests"},
    {"breaker_reason", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(target_view, breaker_reason), .max = 256,
     .help = "why it is open"},
    {"failures", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(target_view, failures), .max = INT64_MAX,
     .help = "that its breaker counts now"},
};
static const struct shape target_shape = {"SimulatedTarget", "A target of the model's, and what would become of it.",
                                          sizeof(struct target_view), SHAPE_FIELDS(target_fields)};

struct plan_view {
  uint64_t given;
  struct text model, entry, strategy, policy;
  bool hedged;
  int64_t further_rounds;
  struct target_view *targets;
  size_t target_count;
};
static const struct shape_field plan_fields[] = {
    {"model", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(plan_view, model), .max = 256, .help = "that was asked for"},
    {"entry", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(plan_view, entry), .max = 256,
     .help = "the model of the configuration that serves it"},
    {"strategy", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(plan_view, strategy),
     .choices = "ordered|weighted|latency|cost|least_busy", .help = "that the order follows"},
    {"policy", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(plan_view, policy), .max = 128,
     .help = "under which the caller is"},
    {"hedged", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(plan_view, hedged),
     .help = "a second target is tried while a first is slow"},
    {"further_rounds", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(plan_view, further_rounds), .max = INT64_MAX,
     .help = "over the targets, after all have failed"},
    {"targets", SHAPE_LIST, SHAPE_REQUIRED, SHAPE_ARRAY(plan_view, targets, target_count), .of = &target_shape,
     .help = "those that are tried in their order, then the others"},
};
const struct shape simulate_shape = {"Simulation", "What the process that is asked would do with a request now.",
                                     sizeof(struct plan_view), SHAPE_FIELDS(plan_fields)};

/* --- the question --- */

static void fill_from(struct explain_ask *ask, struct text user, struct text workspace, struct text policy) {
  if (ask->user.len == 0)
    ask->user = user;
  if (ask->workspace.len == 0)
    ask->workspace = workspace;
  if (ask->policy.len == 0)
    ask->policy = policy;
}

static bool may_see(const struct api_call *c, const struct store_key *k) {
  return api_may_in(c, PERMISSION_KEYS_READ, k->workspace, NULL) == ERR_OK ||
         api_may_in(c, PERMISSION_KEYS_WRITE, k->workspace, NULL) == ERR_OK ||
         (c->caller->kind != CALLER_LOCAL && text_equal(k->user, api_own_name(c->caller)) &&
          api_may_in(c, PERMISSION_KEYS_OWN, k->workspace, NULL) == ERR_OK);
}

static const struct config_key *find_declared(const struct api_call *c, struct text name) {
  for (size_t i = 0; i < c->config->key_count; i++)
    if (text_equal(c->config->keys[i].name, name) &&
        api_may_in(c, PERMISSION_KEYS_READ, c->config->keys[i].workspace, NULL) == ERR_OK)
      return &c->config->keys[i];
  return NULL;
}

/* Of the file, or of the store. One that may not be seen is none. */
static enum err fill_from_key(struct api_call *c, struct explain_ask *ask, struct fault *f) {
  const struct config_key *declared = find_declared(c, ask->key_name);
  struct store *s = c->api->store;
  struct store_key k = {0};
  if (declared) {
    fill_from(ask, declared->user, declared->workspace, declared->policy);
    return ERR_OK;
  }
  enum err e = s->ops->key_find_by_name(s, ask->key_name, c->arena, &k, f);
  if (e != ERR_OK && e != ERR_NOT_FOUND)
    return e;
  if (e == ERR_NOT_FOUND || (c->org_id != 0 && k.org_id != c->org_id) || !may_see(c, &k)) {
    shape_refuse(c->errors, "/key", "is the name of no key");
    return ERR_BAD_REQUEST;
  }
  ask->principal_id = k.id;
  fill_from(ask, k.user, k.workspace, k.policy);
  return ERR_OK;
}

/* What the plan does not find is a member at fault. */
static enum err refuse(struct api_call *c, enum err e, const struct fault *f) {
  char place[sizeof(f->field) + 1];
  if ((e != ERR_BAD_REQUEST && e != ERR_NOT_FOUND) || !f->field[0])
    return e;
  snprintf(place, sizeof(place), "/%s", f->field);
  shape_refuse(c->errors, place, "%s", fault_text(f));
  return ERR_BAD_REQUEST;
}

/* Workers keep places of their own for a snapshot; so does this question, over the same tables. */
static enum err ask_plan(struct api_call *c, const struct explain_ask *ask, struct buf *out, struct fault *f) {
  const struct gateway *g = c->api->gateway;
  struct routes *routes = routes_new(c->config, g->provider_find, &g->state);
  enum err e = explain(c->config, routes, &g->state, true, ask, random_u64(), loop_clock_us(), out, f);
  routes_free(routes);
  return e;
}

/* --- the answer --- */

static struct text text_in(yyjson_val *object, const char *name, struct arena *a) {
  return arena_copy(a, json_text(json_get(object, name)));
}

static int64_t number_in(yyjson_val *object, const char *name) {
  yyjson_val *v = json_get(object, name);
  return yyjson_is_int(v) ? yyjson_get_sint(v) : 0;
}

static struct target_view target_of(yyjson_val *t, struct arena *a) {
  yyjson_val *breaker = json_get(t, "breaker");
  return (struct target_view){.order = number_in(t, "order"),
                              .weight = number_in(t, "weight"),
                              .first_token_ms = number_in(t, "first_token_ms"),
                              .in_flight = number_in(t, "in_flight"),
                              .cost_nano = number_in(t, "cost_nano"),
                              .failures = number_in(breaker, "failures_in_window"),
                              .verdict = text_in(t, "verdict", a),
                              .why = text_in(t, "why", a),
                              .provider = text_in(t, "provider", a),
                              .kind = text_in(t, "kind", a),
                              .model = text_in(t, "model", a),
                              .credential = text_in(t, "credential", a),
                              .wire = text_in(t, "wire", a),
                              .mode = text_in(t, "mode", a),
                              .breaker = text_in(breaker, "state", a),
                              .breaker_reason = text_in(breaker, "reason", a)};
}

static enum err read_plan(struct api_call *c, struct text plan, struct fault *f) {
  struct plan_view *v = ARENA_NEW(c->arena, struct plan_view);
  yyjson_val *one;
  struct json j;
  size_t i, most;
  enum err e = json_read(plan, NULL, &j, f);
  if (e != ERR_OK)
    return e;
  yyjson_val *targets = json_get(j.root, "targets");
  *v = (struct plan_view){.model = text_in(j.root, "model", c->arena),
                          .entry = text_in(j.root, "entry", c->arena),
                          .strategy = text_in(j.root, "strategy", c->arena),
                          .policy = text_in(j.root, "policy", c->arena),
                          .hedged = yyjson_get_bool(json_get(j.root, "hedged")),
                          .further_rounds = number_in(j.root, "further_rounds"),
                          .targets = arena_alloc(c->arena, (yyjson_arr_size(targets) + 1) * sizeof(*v->targets))};
  yyjson_arr_foreach (targets, i, most, one)
    v->targets[v->target_count++] = target_of(one, c->arena);
  json_done(&j);
  c->answer = v;
  return ERR_OK;
}

enum err simulate(struct api_call *c, struct fault *f) {
  const struct question *q = c->body;
  struct explain_ask ask = {.model = q->model,
                            .wire = q->wire,
                            .key_name = q->key,
                            .user = q->user,
                            .workspace = q->workspace,
                            .policy = q->policy,
                            .stream = q->stream,
                            .own_credentials = q->own_credentials,
                            .input_tokens = (uint64_t)q->input_tokens,
                            .output_tokens = (uint64_t)q->output_tokens};
  struct buf plan;
  if (!c->api->gateway)
    return fault_set(f, ERR_UNAVAILABLE, NULL, "this process sends no requests to providers");
  enum err e = q->key.len > 0 ? fill_from_key(c, &ask, f) : ERR_OK;
  if (e != ERR_OK)
    return e;
  buf_init(&plan, ANSWER_MAX);
  e = refuse(c, ask_plan(c, &ask, &plan, f), f);
  if (e == ERR_OK)
    e = read_plan(c, buf_text(&plan), f);
  buf_done(&plan);
  return e;
}
