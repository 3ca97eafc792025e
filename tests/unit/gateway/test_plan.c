/* The order of targets and the reasons of those that are passed over: plan.c and routes.c, without a request. */
#include "../net/net_fixture.h"

#include "config/overlay.h"
#include "gateway/plan.h"
#include "provider/table.h"

#define OPEN_US INT64_C(1800000000)

struct desk {
  struct config *config;
  struct routes *routes;
  struct routes_state state;
  struct arena arena;
  struct plan_ask ask;
  struct plan plan;
};

static const char yaml[] =
    "providers:\n"
    "- {name: plan, kind: anthropic, base_url: 'http://127.0.0.1:1', credentials: [{name: k1, api_key: secret-one}, "
    "{name: k2, api_key: secret-two}]}\n"
    "- {name: gpt, kind: openai, base_url: 'http://127.0.0.1:2/v1'}\n"
    "- {name: aws, kind: bedrock, region: eu-west-1, base_url: 'http://127.0.0.1:3', credentials: [{name: b, bearer: "
    "secret-three}]}\n"
    "- {name: router, kind: openrouter, base_url: 'http://127.0.0.1:4/api/v1'}\n"
    "models:\n"
    "- {name: three, targets: [{provider: plan, model: m}, {provider: gpt, model: m}, {provider: aws, model: "
    "'anthropic.m-v1:0'}]}\n"
    "- {name: keys, strategy: weighted, targets: [{provider: plan, model: m, credential: '*', weight: 3}, {provider: "
    "gpt, model: m, weight: 0}]}\n"
    "- {name: cheap, strategy: cost, targets: [{provider: router, model: unknown}, {provider: plan, model: m}, "
    "{provider: gpt, model: m}]}\n"
    "- {name: fast, strategy: latency, targets: [{provider: plan, model: m}, {provider: gpt, model: m}]}\n"
    "- {name: idle, strategy: least_busy, targets: [{provider: plan, model: m}, {provider: gpt, model: m}]}\n"
    "- {name: 'star-*', targets: [{provider: aws, model: 'anthropic.{*}-v1:0'}, {provider: gpt, model: '*'}]}\n"
    "- {name: embed, targets: [{provider: plan, model: m}, {provider: gpt, model: m}]}\n"
    "- {name: twice, targets: [{provider: plan, model: m, credential: k1}, {provider: plan, model: m, credential: k2}, "
    "{provider: plan, model: other}]}\n"
    "- {name: many, targets: [MANY]}\n"
    "- {name: mixed, strategy: weighted, targets: [MIXED, {provider: gpt, model: m}]}\n"
    "policies:\n"
    "- {name: gpt-first, first: [gpt, bedrock]}\n"
    "- {name: cheapest, strategy: cost}\n"
    "- {name: router-only, only: [router]}\n"
    "prices:\n"
    "- {provider: plan, model: '*', input: 3, output: 15}\n"
    "- {provider: gpt, model: '*', input: 1, output: 5}\n"
    "- {provider: aws, model: '*', input: 3, output: 16}\n";

/* Twenty targets of a provider in the place of a word. */
static void put_targets(struct buf *out, struct text *left, const char *word, const char *provider) {
  ptrdiff_t at = text_find(*left, text_of(word));
  buf_add(out, text_head(*left, (size_t)at));
  *left = text_skip(*left, (size_t)at + strlen(word));
  for (int i = 0; i < 20; i++)
    buf_add_format(out, "%s{provider: %s, model: m%d}", i ? ", " : "", provider, i);
}

static struct config *load(void) {
  static struct config_errors errors;
  struct buf text;
  struct config *c = NULL;
  struct text left = text_of(yaml);
  buf_init(&text, 1 << 16);
  put_targets(&text, &left, "MANY", "gpt");
  put_targets(&text, &left, "MIXED", "plan");
  buf_add(&text, left);
  if (config_load_text(buf_text(&text), "desk", NULL, &c, &errors) != ERR_OK) {
    (void)fprintf(stderr, "config: line %d: %s\n", errors.at[0].line, errors.at[0].text);
    abort();
  }
  buf_done(&text);
  return c;
}

static void desk_open(struct desk *d, const char *model) {
  *d = (struct desk){.config = load()};
  arena_init(&d->arena);
  d->state = (struct routes_state){breakers_new(64, NULL), loads_new(256)};
  d->routes = routes_new(d->config, provider_find, &d->state);
  d->ask = (struct plan_ask){.config = d->config,
                             .routes = d->routes,
                             .state = &d->state,
                             .client = wire_get(WIRE_ANTHROPIC),
                             .input_tokens = 1000,
                             .output_tokens = 100,
                             .is_stream = true,
                             .principal_id = 7,
                             .now_us = 1000000,
                             .explains = true};
  d->ask.model = config_find_model(d->config, text_of(model), TEXT("anthropic"), &d->ask.star);
}

static void desk_close(struct desk *d) {
  routes_free(d->routes);
  breakers_free(d->state.breakers);
  loads_free(d->state.loads);
  config_unref(d->config);
  arena_done(&d->arena);
  assert_int_equal(check_failures, 0);
}

static void stored(struct overlay *s, const char *provider, const char *name, const char *workspace, int64_t weight) {
  const struct config_credential c = {
      .name = text_of(name), .workspace = text_of(workspace), .weight = weight, .api_key = secret_new(TEXT("stored"))};
  overlay_add(s, text_of(provider), &c);
}

/* For a call of a workspace; takes the set over. */
static void desk_lay(struct desk *d, struct overlay *s, const char *model, const char *workspace) {
  struct config *joined = overlay_join(d->config, s);
  overlay_unref(s);
  routes_free(d->routes);
  config_unref(d->config);
  d->config = joined;
  d->routes = routes_new(joined, provider_find, &d->state);
  d->ask.config = joined;
  d->ask.routes = d->routes;
  d->ask.workspace = text_of(workspace);
  d->ask.model = config_find_model(joined, text_of(model), TEXT("anthropic"), &d->ask.star);
}

static void check_credentials(struct desk *d, const char *expected) {
  struct buf text;
  plan_make(&d->ask, &d->arena, &d->plan);
  buf_init(&text, 4096);
  for (size_t i = 0; i < d->plan.count; i++) {
    const struct config_credential *c = d->plan.at[i].place->credential;
    buf_add_format(&text, "%s%.*s:%s", i ? " " : "", TEXT_ARGS(c ? c->name : TEXT("-")),
                   plan_verdict_name(d->plan.at[i].verdict));
  }
  CHECK_TEXT(buf_text(&text), text_of(expected));
  buf_done(&text);
}

/* "plan:tried gpt:policy" */
static void check_plan(struct desk *d, const char *expected) {
  struct buf text;
  plan_make(&d->ask, &d->arena, &d->plan);
  buf_init(&text, 4096);
  for (size_t i = 0; i < d->plan.count; i++)
    buf_add_format(&text, "%s%.*s:%s", i ? " " : "", TEXT_ARGS(d->plan.at[i].place->provider->name),
                   plan_verdict_name(d->plan.at[i].verdict));
  CHECK_TEXT(buf_text(&text), text_of(expected));
  buf_done(&text);
}

static void fail_times(struct desk *d, const struct place *p, int times) {
  const struct breaker_rule rule = routes_breaker_rule(d->config);
  for (int i = 0; i < times; i++) {
    struct breaker_pass pass = {0};
    CHECK_INT(breaker_enter(p->breaker, &rule, d->ask.now_us, &pass), true);
    breaker_leave(&pass, &rule, BREAKER_FAILURE, "server_error", d->ask.now_us);
  }
}

static const struct place *place_of(struct desk *d, size_t i) {
  return &routes_of(d->routes, d->ask.model, d->ask.star, &d->arena)->at[i];
}

static void test_without_more_the_order_is_that_of_the_file(void **state) {
  struct desk d;
  desk_open(&d, "three");
  check_plan(&d, "plan:tried gpt:tried aws:tried");
  CHECK_INT(d.plan.tried, 3);
  CHECK_INT(d.plan.at[0].candidate.pairing.mode, PAIRING_PASS);
  CHECK_INT(d.plan.at[1].candidate.pairing.mode, PAIRING_TRANSLATE);
  CHECK_INT(d.plan.at[2].candidate.pairing.mode, PAIRING_REFRAME);
  desk_close(&d);
}

static void test_what_a_star_matched_goes_into_the_targets(void **state) {
  struct desk d;
  desk_open(&d, "star-claude");
  check_plan(&d, "aws:tried gpt:tried");
  CHECK_TEXT(d.plan.at[0].candidate.upstream_model, TEXT("anthropic.claude-v1:0"));
  CHECK_TEXT(d.plan.at[1].candidate.upstream_model, TEXT("claude"));
  CHECK_INT(d.plan.at[1].candidate.price.version != 0, true);
  desk_close(&d);
}

static void test_a_policy_excludes_and_says_so(void **state) {
  struct desk d;
  desk_open(&d, "three");
  d.ask.policy = config_find_policy(d.config, TEXT("bedrock_only"));
  check_plan(&d, "aws:tried plan:policy gpt:policy");
  d.ask.policy = config_find_policy(d.config, TEXT("openrouter_only"));
  check_plan(&d, "plan:policy gpt:policy aws:policy");
  CHECK_INT(d.plan.tried, 0);
  desk_close(&d);
}

static void test_a_policy_puts_providers_first_by_name_or_kind(void **state) {
  struct desk d;
  desk_open(&d, "three");
  d.ask.policy = config_find_policy(d.config, TEXT("gpt-first"));
  check_plan(&d, "gpt:tried aws:tried plan:tried");
  desk_close(&d);
}

static void test_a_policy_brings_its_own_strategy(void **state) {
  struct desk d;
  desk_open(&d, "three");
  d.ask.policy = config_find_policy(d.config, TEXT("cheapest"));
  check_plan(&d, "gpt:tried plan:tried aws:tried");
  CHECK_INT(d.plan.strategy, CONFIG_STRATEGY_COST);
  desk_close(&d);
}

static void test_an_unknown_price_is_the_dearest(void **state) {
  struct desk d;
  desk_open(&d, "cheap");
  check_plan(&d, "gpt:tried plan:tried router:tried");
  CHECK_INT(d.plan.at[2].cost_nano, -1);
  CHECK_INT(d.plan.at[0].cost_nano, 1000 * 1000 + 100 * 5000 + 2); /* each class rounded up */
  desk_close(&d);
}

static void test_each_credential_is_a_target_of_its_own(void **state) {
  struct desk d;
  int first[2] = {0};
  desk_open(&d, "keys");
  for (d.ask.random = 1; d.ask.random < 2000; d.ask.random += 7) {
    plan_make(&d.ask, &d.arena, &d.plan);
    CHECK_INT(d.plan.count, 3);
    CHECK_TEXT(d.plan.at[2].place->provider->name, TEXT("gpt"));
    first[text_equal(d.plan.at[0].place->credential->name, TEXT("k2"))]++;
  }
  CHECK_INT(first[0] > 50 && first[1] > 50, true);
  CHECK_INT(place_of(&d, 0)->id != place_of(&d, 1)->id, true);
  CHECK_INT(place_of(&d, 0)->breaker != place_of(&d, 1)->breaker, true);
  desk_close(&d);
}

static void test_the_callers_own_credentials_go_first_and_stand_for_all(void **state) {
  struct desk d;
  desk_open(&d, "keys");
  d.ask.has_own_credentials = true;
  d.ask.policy = config_find_policy(d.config, TEXT("plan_first"));
  check_plan(&d, "plan:tried gpt:tried plan:own_credentials");
  CHECK_INT(d.plan.at[0].own, true);
  CHECK_INT(d.plan.at[0].candidate.breaker != place_of(&d, 0)->breaker, true);
  desk_close(&d);
}

static void test_own_credentials_are_tried_once_for_each_model_of_a_provider(void **state) {
  struct desk d;
  desk_open(&d, "twice");
  d.ask.has_own_credentials = true;
  check_plan(&d, "plan:tried plan:tried plan:own_credentials");
  CHECK_TEXT(d.plan.at[1].candidate.upstream_model, TEXT("other"));
  d.ask.has_own_credentials = false;
  check_plan(&d, "plan:tried plan:tried plan:tried");
  desk_close(&d);
}

static void test_one_callers_failing_plan_rests_for_that_caller_alone(void **state) {
  struct desk d;
  desk_open(&d, "three");
  d.ask.has_own_credentials = true;
  check_plan(&d, "plan:tried gpt:tried aws:tried");
  struct place own = {.breaker = d.plan.at[0].candidate.breaker};
  fail_times(&d, &own, 3);
  check_plan(&d, "gpt:tried aws:tried plan:breaker_open");
  d.ask.principal_id = 8;
  check_plan(&d, "plan:tried gpt:tried aws:tried");
  d.ask.has_own_credentials = false;
  check_plan(&d, "plan:tried gpt:tried aws:tried");
  desk_close(&d);
}

static void test_a_target_that_failed_thrice_rests_and_is_then_probed_once(void **state) {
  struct desk d;
  const struct breaker_rule rule = {3, 60000000, OPEN_US, 60000000};
  struct breaker_pass probe = {0};
  desk_open(&d, "three");
  fail_times(&d, place_of(&d, 0), 3);
  check_plan(&d, "gpt:tried aws:tried plan:breaker_open");
  CHECK_INT(d.plan.retry_at_us, d.ask.now_us + OPEN_US);
  d.ask.now_us += OPEN_US;
  check_plan(&d, "plan:tried gpt:tried aws:tried");
  CHECK_INT(breaker_enter(place_of(&d, 0)->breaker, &rule, d.ask.now_us, &probe), true);
  check_plan(&d, "gpt:tried aws:tried plan:probed");
  breaker_leave(&probe, &rule, BREAKER_FAILURE, "timeout", d.ask.now_us);
  check_plan(&d, "gpt:tried aws:tried plan:breaker_open");
  CHECK_INT(d.plan.retry_at_us, d.ask.now_us + OPEN_US);
  desk_close(&d);
}

static void test_a_target_that_the_operator_closed_says_so(void **state) {
  struct desk d;
  desk_open(&d, "three");
  breaker_set_force(place_of(&d, 1)->breaker, BREAKER_FORCED_OPEN, "lunch", d.ask.now_us);
  check_plan(&d, "plan:tried aws:tried gpt:breaker_forced");
  CHECK_INT(d.plan.retry_at_us, 0);
  desk_close(&d);
}

static void test_who_holds_the_prompt_cache_goes_first_while_healthy(void **state) {
  struct desk d;
  desk_open(&d, "three");
  d.ask.remembers = true;
  d.ask.place = place_of(&d, 2)->id;
  check_plan(&d, "aws:tried plan:tried gpt:tried");
  CHECK_INT(d.plan.at[0].holds_cache, true);
  fail_times(&d, place_of(&d, 2), 3);
  check_plan(&d, "plan:tried gpt:tried aws:breaker_open");
  desk_close(&d);
}

static void test_a_policy_with_an_order_goes_before_the_prompt_cache(void **state) {
  struct desk d;
  desk_open(&d, "three");
  d.ask.remembers = true;
  d.ask.place = place_of(&d, 2)->id;
  d.ask.policy = config_find_policy(d.config, TEXT("plan_first"));
  check_plan(&d, "plan:tried gpt:tried aws:tried");
  desk_close(&d);
}

static void test_the_fastest_to_its_first_token_goes_first(void **state) {
  struct desk d;
  desk_open(&d, "fast");
  load_note_first_token(place_of(&d, 0)->load, true, 900000, d.ask.now_us);
  load_note_first_token(place_of(&d, 1)->load, true, 200000, d.ask.now_us);
  check_plan(&d, "gpt:tried plan:tried");
  CHECK_INT(d.plan.at[0].latency_us, 200000);
  desk_close(&d);
}

static void test_the_least_busy_goes_first(void **state) {
  struct desk d;
  desk_open(&d, "idle");
  load_begin(place_of(&d, 0)->load);
  check_plan(&d, "gpt:tried plan:tried");
  load_end(place_of(&d, 0)->load);
  desk_close(&d);
}

static void test_what_cannot_be_said_in_any_wire_is_passed_over(void **state) {
  struct desk d;
  desk_open(&d, "embed");
  d.ask.client = wire_get(WIRE_OPENAI_EMBEDDINGS);
  d.ask.no_output = true;
  check_plan(&d, "gpt:tried plan:other_wire");
  CHECK_INT(d.plan.at[0].cost_nano, 1000 * 1000 + 1);
  desk_close(&d);
}

static void test_a_request_tries_sixteen_targets_at_most(void **state) {
  struct desk d;
  desk_open(&d, "many");
  plan_make(&d.ask, &d.arena, &d.plan);
  CHECK_INT(d.plan.count, 20);
  CHECK_INT(d.plan.tried, PLAN_TRIED_MAX);
  CHECK_INT(d.plan.at[15].verdict, PLAN_TRIED);
  CHECK_INT(d.plan.at[16].verdict, PLAN_BEYOND);
  desk_close(&d);
}

static void test_a_policy_goes_before_the_strategy_also_beyond_sixteen(void **state) {
  struct desk d;
  desk_open(&d, "mixed");
  d.ask.policy = config_find_policy(d.config, TEXT("gpt-first"));
  for (d.ask.random = 1; d.ask.random < 500; d.ask.random += 7) {
    plan_make(&d.ask, &d.arena, &d.plan);
    CHECK_INT(d.plan.count, 21);
    CHECK_INT(d.plan.tried, PLAN_TRIED_MAX);
    CHECK_TEXT(d.plan.at[0].place->provider->name, TEXT("gpt"));
    for (size_t i = 1; i < PLAN_TRIED_MAX; i++)
      CHECK_TEXT(d.plan.at[i].place->provider->name, TEXT("plan"));
  }
  desk_close(&d);
}

static void test_who_holds_the_prompt_cache_is_found_also_beyond_sixteen(void **state) {
  struct desk d;
  desk_open(&d, "many");
  d.ask.remembers = true;
  d.ask.place = place_of(&d, 19)->id;
  plan_make(&d.ask, &d.arena, &d.plan);
  CHECK_INT(d.plan.at[0].holds_cache, true);
  CHECK_INT(d.plan.tried, PLAN_TRIED_MAX);
  CHECK_INT(plan_has(&d.plan, PLAN_BEYOND), true);
  CHECK_INT(plan_has(&d.plan, PLAN_POLICY), false);
  desk_close(&d);
}

static bool is_same(const struct candidate *a, const struct candidate *b) {
  return a->target == b->target && a->provider == b->provider && a->credential == b->credential &&
         a->adapter == b->adapter && text_equal(a->upstream_model, b->upstream_model) &&
         a->price.version == b->price.version && a->max_output_tokens == b->max_output_tokens &&
         a->pairing.mode == b->pairing.mode && a->pairing.wire == b->pairing.wire &&
         a->pairing.operation == b->pairing.operation && a->breaker == b->breaker && a->load == b->load &&
         a->place_id == b->place_id;
}

/* What is sent is what is explained. */
static void test_the_candidates_are_those_of_the_explanation(void **state) {
  static const char *const models[] = {"three", "keys", "cheap", "fast", "idle", "star-claude", "many", "mixed"};
  for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
    struct desk d;
    struct plan alone;
    desk_open(&d, models[i]);
    for (d.ask.random = 1; d.ask.random < 100; d.ask.random += 7) {
      d.ask.policy = d.ask.random % 2 ? NULL : config_find_policy(d.config, TEXT("gpt-first"));
      d.ask.explains = true;
      plan_make(&d.ask, &d.arena, &d.plan);
      d.ask.explains = false;
      plan_make(&d.ask, &d.arena, &alone);
      CHECK_INT(alone.at == NULL, true);
      CHECK_INT(alone.tried, d.plan.tried);
      CHECK_INT(alone.verdicts, d.plan.verdicts);
      for (size_t k = 0; k < alone.tried; k++) {
        CHECK_INT(d.plan.at[k].verdict, PLAN_TRIED);
        CHECK_INT(is_same(&alone.candidates[k], &d.plan.at[k].candidate), true);
      }
    }
    desk_close(&d);
  }
}

static void test_a_name_is_looked_up_once_and_too_many_names_each_time(void **state) {
  struct desk d;
  char name[32];
  desk_open(&d, "star-claude");
  const struct model_places *first = routes_of(d.routes, d.ask.model, TEXT("claude"), &d.arena);
  CHECK_INT(first == routes_of(d.routes, d.ask.model, TEXT("claude"), &d.arena), true);
  CHECK_INT(first != routes_of(d.routes, d.ask.model, TEXT("other"), &d.arena), true);
  for (size_t i = 0; i < ROUTES_FILLED_MAX; i++) {
    int n = snprintf(name, sizeof(name), "name-%zu", i);
    struct arena a;
    arena_init(&a);
    (void)routes_of(d.routes, d.ask.model, (struct text){name, (size_t)n}, &a);
    arena_done(&a);
  }
  CHECK_INT(d.routes->filled <= ROUTES_FILLED_MAX, true);
  CHECK_INT(first == routes_of(d.routes, d.ask.model, TEXT("claude"), &d.arena), true);
  d.ask.star = TEXT("too-late");
  const struct model_places *late = routes_of(d.routes, d.ask.model, d.ask.star, &d.arena);
  CHECK_INT(late != routes_of(d.routes, d.ask.model, d.ask.star, &d.arena), true);
  check_plan(&d, "aws:tried gpt:tried");
  CHECK_TEXT(d.plan.at[0].candidate.upstream_model, TEXT("anthropic.too-late-v1:0"));
  CHECK_INT(d.plan.at[1].candidate.price.version != 0, true);
  desk_close(&d);
}

static void test_without_any_memory_of_targets_everything_is_tried(void **state) {
  struct desk d;
  desk_open(&d, "three");
  struct routes_state nothing = {0};
  struct routes *routes = routes_new(d.config, provider_find, &nothing);
  d.ask.routes = routes;
  d.ask.state = &nothing;
  check_plan(&d, "plan:tried gpt:tried aws:tried");
  CHECK_INT(d.plan.at[0].latency_us, -1);
  routes_free(routes);
  desk_close(&d);
}

static void test_full_tables_are_counted_and_leave_targets_without_a_memory(void **state) {
  struct desk d;
  desk_open(&d, "three");
  struct routes_state small = {breakers_new(2, NULL), loads_new(2)};
  struct routes *routes = routes_new(d.config, provider_find, &small);
  CHECK_INT(d.routes->unknown, 0);
  CHECK_INT(d.routes->unused, 0);
  CHECK_INT(routes->unknown > 20, true);
  d.ask.routes = routes;
  d.ask.state = &small;
  check_plan(&d, "plan:tried gpt:tried aws:tried");
  CHECK_INT(d.plan.at[2].candidate.load == NULL, true);
  routes_free(routes);
  breakers_free(small.breakers);
  loads_free(small.loads);
  desk_close(&d);
}

static void test_a_model_has_so_many_places_at_most(void **state) {
  static struct config_errors errors;
  const struct routes_state nothing = {0};
  struct config *c = NULL;
  struct buf text;
  buf_init(&text, 1 << 16);
  buf_add(&text, TEXT("providers:\n- {name: a, kind: anthropic, credentials: ["));
  for (int i = 0; i < 60; i++)
    buf_add_format(&text, "%s{name: c%d, api_key: secret-%d}", i ? ", " : "", i, i);
  buf_add(&text, TEXT("]}\nmodels:\n- {name: m, targets: ["));
  for (int i = 0; i < 5; i++)
    buf_add_format(&text, "%s{provider: a, model: m%d, credential: '*'}", i ? ", " : "", i);
  buf_add(&text, TEXT("]}\n"));
  CHECK_ERR(config_load_text(buf_text(&text), "places", NULL, &c, &errors), ERR_OK);
  struct routes *routes = routes_new(c, provider_find, &nothing);
  CHECK_INT(routes_of(routes, &c->models[0], TEXT_NONE, NULL)->count, PLACES_MAX);
  CHECK_INT(routes->unused, 300 - PLACES_MAX);
  routes_free(routes);
  config_unref(c);
  buf_done(&text);
  assert_int_equal(check_failures, 0);
}

static void a_workspace_s_own_run(void *arg) {
  struct desk d;
  desk_open(&d, "three");
  struct overlay *s = overlay_new();
  stored(s, "plan", "lab", "lab", 1);
  stored(s, "plan", "lab2", "lab", 1);
  stored(s, "plan", "shop", "shop", 1);
  stored(s, "gpt", "shop", "shop", 1);
  desk_lay(&d, s, "three", "lab");
  check_credentials(&d, "lab:tried k1:tried b:tried shop:other_workspace shop:other_workspace -:no_credential");
  CHECK_TEXT(d.plan.lacking->provider->name, TEXT("gpt"));
  d.ask.workspace = TEXT("shop");
  check_credentials(&d, "shop:tried k1:tried shop:tried b:tried lab:other_workspace -:no_credential");
  d.ask.workspace = TEXT_NONE;
  check_credentials(&d, "k1:tried b:tried lab:other_workspace shop:other_workspace shop:other_workspace "
                        "-:no_credential");
  desk_close(&d);
}
static void a_workspace_s_own_goes_before_those_for_all(void **state) { run_fiber(a_workspace_s_own_run, NULL); }

static void behind_run(void *arg) {
  struct desk d;
  desk_open(&d, "keys");
  struct overlay *s = overlay_new();
  stored(s, "plan", "lab", "lab", 1);
  stored(s, "plan", "more", "", 7);
  desk_lay(&d, s, "keys", "lab");
  for (d.ask.random = 1; d.ask.random < 2000000000; d.ask.random *= 7) {
    plan_make(&d.ask, &d.arena, &d.plan);
    CHECK_TEXT(d.plan.candidates[0].credential->name, TEXT("lab"));
  }
  for (size_t i = 0; i < d.plan.count; i++) {
    const struct place *p = d.plan.at[i].place;
    if (p->credential && text_equal(p->credential->name, TEXT("more")))
      CHECK_INT(p->weight, 21);
    if (p->credential && text_equal(p->credential->name, TEXT("k1")))
      d.ask.place = p->id;
  }
  d.ask.remembers = true;
  plan_make(&d.ask, &d.arena, &d.plan);
  CHECK_TEXT(d.plan.candidates[0].credential->name, TEXT("lab"));
  d.ask.workspace = TEXT("other");
  plan_make(&d.ask, &d.arena, &d.plan);
  CHECK_TEXT(d.plan.candidates[0].credential->name, TEXT("k1"));
  desk_close(&d);
}
static void no_strategy_puts_a_general_one_first(void **state) { run_fiber(behind_run, NULL); }

static void lacking_run(void *arg) {
  struct desk d;
  desk_open(&d, "three");
  struct overlay *s = overlay_new();
  overlay_add(s, TEXT("gpt"), NULL);
  desk_lay(&d, s, "three", "");
  check_plan(&d, "plan:tried aws:tried gpt:no_credential");
  stored(s = overlay_new(), "plan", "lab", "lab", 1);
  desk_lay(&d, s, "twice", "");
  d.ask.has_own_credentials = true;
  check_plan(&d, "plan:tried plan:tried plan:own_credentials plan:own_credentials");
  desk_close(&d);
}
static void a_provider_whose_credentials_rest_gets_nothing(void **state) { run_fiber(lacking_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_without_more_the_order_is_that_of_the_file),
      cmocka_unit_test(test_what_a_star_matched_goes_into_the_targets),
      cmocka_unit_test(test_a_policy_excludes_and_says_so),
      cmocka_unit_test(test_a_policy_puts_providers_first_by_name_or_kind),
      cmocka_unit_test(test_a_policy_brings_its_own_strategy),
      cmocka_unit_test(test_an_unknown_price_is_the_dearest),
      cmocka_unit_test(test_each_credential_is_a_target_of_its_own),
      cmocka_unit_test(test_the_callers_own_credentials_go_first_and_stand_for_all),
      cmocka_unit_test(test_own_credentials_are_tried_once_for_each_model_of_a_provider),
      cmocka_unit_test(test_one_callers_failing_plan_rests_for_that_caller_alone),
      cmocka_unit_test(test_a_target_that_failed_thrice_rests_and_is_then_probed_once),
      cmocka_unit_test(test_a_target_that_the_operator_closed_says_so),
      cmocka_unit_test(test_who_holds_the_prompt_cache_goes_first_while_healthy),
      cmocka_unit_test(test_a_policy_with_an_order_goes_before_the_prompt_cache),
      cmocka_unit_test(test_the_fastest_to_its_first_token_goes_first),
      cmocka_unit_test(test_the_least_busy_goes_first),
      cmocka_unit_test(test_what_cannot_be_said_in_any_wire_is_passed_over),
      cmocka_unit_test(test_a_request_tries_sixteen_targets_at_most),
      cmocka_unit_test(test_a_policy_goes_before_the_strategy_also_beyond_sixteen),
      cmocka_unit_test(test_who_holds_the_prompt_cache_is_found_also_beyond_sixteen),
      cmocka_unit_test(test_the_candidates_are_those_of_the_explanation),
      cmocka_unit_test(test_a_name_is_looked_up_once_and_too_many_names_each_time),
      cmocka_unit_test(test_without_any_memory_of_targets_everything_is_tried),
      cmocka_unit_test(test_full_tables_are_counted_and_leave_targets_without_a_memory),
      cmocka_unit_test(test_a_model_has_so_many_places_at_most),
      cmocka_unit_test(a_workspace_s_own_goes_before_those_for_all),
      cmocka_unit_test(no_strategy_puts_a_general_one_first),
      cmocka_unit_test(a_provider_whose_credentials_rest_gets_nothing),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
