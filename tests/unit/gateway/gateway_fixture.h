/* For tests of the gateway: a real HTTP server that serves through gateway_serve, a configuration from YAML, a real
 * HTTP client towards two scripted providers, a ledger on a store in memory, and ports that remember. run_world runs a
 * test in it and afterwards asserts what must hold after every test: nothing open, nothing held, nothing leaked. */
#ifndef GATEWAY_FIXTURE_H
#define GATEWAY_FIXTURE_H

#include "gateway_upstream.h"

#include "aws/sigv4.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "provider/table.h"
#include "store/store.h"

#define KEY       "weir_test_key_one"
#define X_API_KEY "x-api-key: " KEY "\r\n"

struct fake_identity {
  struct identity port;  /* first */
  struct principal one;  /* whom KEY names */
  const char *others[4]; /* further texts that are keys of ours, and no longer good */
  enum err fails;        /* find answers this instead */
  int refs;
  unsigned finds;
};

/* The gateway's view of the store: one operation, which the test can make fail. */
struct fake_spent {
  struct store store;
  struct store_ops ops;
  int64_t spent_nano;
  enum err fails;
  unsigned calls;
};

struct recorder {
  struct telemetry port;
  struct telemetry_exchange last;
  struct arena texts;
  unsigned count;
};

struct world {
  struct site site;
  struct gateway gateway;
  struct gateway_worker worker;
  struct fake_identity identity;
  struct fake_spent spent;
  struct recorder seen;
  struct upstream up[2];
  struct store *store;
  struct ledger *ledger;
  struct limiter *limiter;
  struct offload *offload;
  struct dns *dns;
  struct arena arena; /* of the test */
  struct wire *c;     /* the client of ask() */
  const char *extra;  /* YAML */
  bool learns;        /* breakers, loads, affinity and the retry budget are there, and time is pretended */
  void (*test)(struct world *w);
};

/* --- ports --- */

static inline enum err fake_find(struct identity *self, struct text key, int64_t now_us, const struct principal **out,
                                 struct fault *f) {
  struct fake_identity *i = (struct fake_identity *)self;
  (void)now_us;
  i->finds++;
  if (i->fails != ERR_OK)
    return fault_set(f, i->fails, NULL, "the key store cannot be asked");
  if (!text_equal(key, TEXT(KEY)))
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "this API key is not known");
  if (i->one.blocked)
    return fault_set(f, ERR_FORBIDDEN, NULL, "the API key is blocked");
  i->refs++;
  *out = &i->one;
  return ERR_OK;
}

/* Whoever signs with the id "WEIRPAIR" is KEY's owner, when the body that was signed is the body that came. */
static inline enum err fake_find_signed(struct identity *self, const struct sigv4_request *rq,
                                        struct text authorization, int64_t now_us, const struct principal **out,
                                        struct fault *f) {
  struct sigv4_claim claim;
  enum err e = sigv4_read_claim(authorization, &claim, f);
  if (e == ERR_OK && !text_equal(claim.access_key_id, TEXT("WEIRPAIR")))
    e = fault_set(f, ERR_UNAUTHENTICATED, NULL, "this access key is not known");
  struct arena a;
  arena_init(&a);
  if (e == ERR_OK)
    e = sigv4_check(rq, &claim, TEXT("pair-secret"), now_us / 1000000, &a, f);
  arena_done(&a);
  return e == ERR_OK ? fake_find(self, TEXT(KEY), now_us, out, f) : e;
}

static inline bool fake_is_ours(struct identity *self, struct text key) {
  struct fake_identity *i = (struct fake_identity *)self;
  for (size_t n = 0; n < COUNT_OF(i->others); n++)
    if (i->others[n] && text_equal(key, text_of(i->others[n])))
      return true;
  return text_equal(key, TEXT(KEY));
}

static inline void fake_unref(const struct principal *p) {
  if (p)
    ((struct fake_identity *)((uintptr_t)p - offsetof(struct fake_identity, one)))->refs--;
}

static inline enum err fake_ledger_spent(struct store *s, int64_t key_id, int64_t since_us, int64_t *out_nano,
                                         struct fault *f) {
  struct fake_spent *fake = (struct fake_spent *)s;
  (void)key_id;
  (void)since_us;
  fake->calls++;
  if (fake->fails != ERR_OK)
    return fault_set(f, fake->fails, NULL, "the store is away");
  *out_nano = fake->spent_nano;
  return ERR_OK;
}

static inline void record_exchange(struct telemetry *self, unsigned worker, const struct telemetry_exchange *e) {
  struct recorder *r = (struct recorder *)self;
  struct telemetry_exchange *to = &r->last;
  (void)worker;
  r->count++;
  arena_done(&r->texts);
  arena_init(&r->texts);
  *to = *e;
  struct text *texts[] = {&to->request_id,    &to->upstream_request_id,
                          &to->method,        &to->path,
                          &to->peer,          &to->user_agent,
                          &to->key_name,      &to->user,
                          &to->wire,          &to->operation,
                          &to->model,         &to->provider,
                          &to->error,         &to->detail,
                          &to->upstream_model};
  for (size_t i = 0; i < COUNT_OF(texts); i++)
    *texts[i] = arena_copy(&r->texts, *texts[i]);
}

/* --- the world --- */

static inline void world_serve(struct site *site, struct http_request *rq) {
  gateway_serve(&((struct world *)site->data)->worker, rq);
}

/* What the test's own YAML does not say. */
static inline void add_defaults(struct buf *yaml, const char *extra) {
  if (!strstr(extra, "rate_limits:")) /* wide ones, so that each test sees that they are given back */
    buf_add(yaml, TEXT("rate_limits: [{user: '*', concurrency: 10000}, {model: '*', rpm: 1000000000, tpm: "
                       "1000000000000, concurrency: 10000}]\n"));
  if (!strstr(extra, "retry:"))
    buf_add(yaml, TEXT("retry: {attempts: 0}\n"));
}

static inline struct config *world_config(struct world *w, const char *extra) {
  struct config *c = NULL;
  static struct config_errors errors;
  struct buf yaml;
  unsigned a = addr_port(&w->up[0].at), b = addr_port(&w->up[1].at);
  buf_init(&yaml, 1 << 16);
  buf_add_format(
      &yaml,
      "providers:\n"
      "- {name: a, kind: anthropic, base_url: 'http://127.0.0.1:%u/base', credentials: [{name: c, api_key: "
      "vendor-secret-a}]}\n"
      "- {name: b, kind: anthropic, base_url: 'http://127.0.0.1:%u', credentials: [{name: c, api_key: "
      "vendor-secret-b}]}\n"
      "- {name: oa, kind: openai, base_url: 'http://127.0.0.1:%u/v1', credentials: [{name: c, api_key: "
      "vendor-secret-oa}]}\n"
      "- {name: ob, kind: openai, base_url: 'http://127.0.0.1:%u/v1'}\n"
      "- {name: router, kind: openrouter, base_url: 'http://127.0.0.1:%u/api/v1'}\n"
      "- {name: aws, kind: bedrock, region: eu-west-1, metadata: {team: blue}, base_url: 'http://127.0.0.1:%u', "
      "credentials: [{name: "
      "c, access_key_id: AKIATEST, secret_access_key: the-secret, session_token: a-session}]}\n"
      "- {name: aws-none, kind: bedrock, region: eu-west-1, base_url: 'http://127.0.0.1:%u', credentials: "
      "[{name: c, from: environment}]}\n"
      "- {name: paid, kind: anthropic, on_disconnect: drain, charges_cancelled: true, base_url: 'http://127.0.0.1:%u', "
      "credentials: [{name: c, api_key: vendor-secret-p}]}\n"
      "models:\n"
      "- {name: one, wire: anthropic, targets: [{provider: a, model: one}]}\n"
      "- {name: one, wire: openai, targets: [{provider: oa, model: one}]}\n"
      "- {name: alias, wire: anthropic, targets: [{provider: a, model: real-model}]}\n"
      "- {name: alias, wire: openai, targets: [{provider: oa, model: real-model}]}\n"
      "- {name: two, wire: anthropic, targets: [{provider: a, model: two}, {provider: b, model: two-b}]}\n"
      "- {name: two, wire: openai, targets: [{provider: oa, model: two}, {provider: ob, model: two-b}]}\n"
      "- {name: 'wild-*', wire: anthropic, targets: [{provider: a, model: 'tamed-*-x'}]}\n"
      "- {name: 'wild-*', wire: openai, targets: [{provider: oa, model: '*'}]}\n"
      "- {name: 'free', wire: anthropic, targets: [{provider: a, model: unpriced}]}\n"
      "- {name: 'claude-only', wire: anthropic, targets: [{provider: a, model: x}]}\n"
      "- {name: 'team/gpt', wire: openai, targets: [{provider: oa, model: gpt}]}\n"
      "- {name: crossed, wire: anthropic, targets: [{provider: oa, model: gpt}, {provider: b, model: one}]}\n"
      "- {name: crossed, wire: openai, targets: [{provider: a, model: one}, {provider: b, model: two-b}]}\n"
      "- {name: forgetful, wire: anthropic, targets: [{provider: a, model: one, leave_out: [thinking]}]}\n"
      "- {name: nova, targets: [{provider: aws, model: 'amazon.nova-v1:0'}]}\n"
      "- {name: claude-aws, wire: anthropic, targets: [{provider: aws, model: 'anthropic.claude-v1:0', leave_out: "
      "[unknown-to-aws]}]}\n"
      "- {name: no-credentials, targets: [{provider: aws-none, model: 'amazon.nova-v1:0'}, {provider: b, "
      "model: one}]}\n"
      "- {name: 'router/*', targets: [{provider: router, model: '*'}]}\n"
      "- {name: 'lossy', targets: [{provider: oa, model: gpt, leave_out: [defer_loading]}]}\n"
      "- {name: narrow, targets: [{provider: a, model: one, concurrency: 1}]}\n"
      "- {name: narrow-two, targets: [{provider: a, model: one, concurrency: 1}, {provider: b, model: one}]}\n"
      "- {name: 'narrow-*', targets: [{provider: a, model: 'one-*', concurrency: 1}]}\n"
      "- {name: raced, hedge: {enabled: true, delay: 500ms}, targets: [{provider: a, model: one}, {provider: b, model: "
      "two-b}]}\n"
      "- {name: 'raced-soon-*', hedge: {enabled: true, delay: 20ms}, targets: [{provider: a, model: one}, {provider: "
      "b, "
      "model: two-b}]}\n"
      "- {name: raced-charged, hedge: {enabled: true, delay: 500ms}, targets: [{provider: paid, model: one}, "
      "{provider: b, "
      "model: two-b}]}\n"
      "- {name: raced-learned, hedge: {enabled: true}, targets: [{provider: a, model: one}, {provider: b, model: "
      "two-b}]}\n"
      "- {name: drained, targets: [{provider: paid, model: one}]}\n"
      "- {name: drained-two, targets: [{provider: paid, model: one}, {provider: b, model: one}]}\n"
      "- {name: keyless, targets: [{provider: a, model: one}, {provider: ob, model: gpt}]}\n"
      "- {name: 'only-openai', targets: [{provider: ob, model: gpt}]}\n"
      "prices:\n"
      "- {provider: a, model: unpriced-not, input: 1, output: 1}\n",
      a, b, a, b, a, a, a, a);
  static const char *const priced[] = {"one", "two", "two-b", "real-model", "gpt", "tamed-*"};
  static const char *const providers[] = {"a", "b", "oa", "ob", "paid"};
  for (size_t p = 0; p < COUNT_OF(providers); p++)
    for (size_t i = 0; i < COUNT_OF(priced); i++)
      buf_add_format(&yaml, "- {provider: %s, model: '%s', input: 3.00, output: 15.00}\n", providers[p], priced[i]);
  buf_add(&yaml, text_of(extra));
  add_defaults(&yaml, extra);
  if (config_load_text(buf_text(&yaml), "world", NULL, &c, &errors) != ERR_OK) {
    (void)fprintf(stderr, "config: line %d: %s\n", errors.at[0].line, errors.at[0].text);
    abort();
  }
  buf_done(&yaml);
  return c;
}

static inline void world_ports(struct world *w) {
  w->identity.port = (struct identity){
      .find = fake_find, .find_signed = fake_find_signed, .is_ours = fake_is_ours, .unref = fake_unref};
  w->identity.one = (struct principal){.id = 7, .name = TEXT("tester"), .user = TEXT("ada")};
  w->spent.ops.ledger_spent = fake_ledger_spent;
  w->spent.store.ops = &w->spent.ops;
  w->seen.port.exchange_done = record_exchange;
  w->limiter = limiter_new(100);
  w->gateway = (struct gateway){&w->identity.port, w->ledger,     w->limiter,    &w->spent.store,
                                w->offload,        &w->seen.port, provider_find, NULL};
}

/* What the gateway learns of its targets. */
static inline void world_learn(struct world *w) {
  w->gateway.state = (struct routes_state){breakers_new(100, NULL), loads_new(100)};
  w->gateway.affinity = affinity_new(1000);
  w->gateway.retries = retry_budget_new();
  loop_pretend_time(loop_current(), true);
  time_is_pretended = true;
}
static inline void world_forget(struct world *w) {
  CHECK_INT(loads_in_flight(w->gateway.state.loads), 0);
  breakers_free(w->gateway.state.breakers);
  loads_free(w->gateway.state.loads);
  affinity_free(w->gateway.affinity);
  retry_budget_free(w->gateway.retries);
  loop_pretend_time(loop_current(), false);
  time_is_pretended = false;
}

static inline void world_open(struct world *w) {
  struct fault f = {0};
  uint64_t recovered = 0;
  struct ledger_options ledger = {.workers = 1, .flush_interval_ms = 1};
  arena_init(&w->arena);
  CHECK_ERR(store_open_memory(&w->store, &f), ERR_OK);
  CHECK_ERR(ledger_open(&ledger, w->store, &w->ledger, &recovered, &f), ERR_OK);
  CHECK_ERR(offload_new(1, 64, &w->offload), ERR_OK);
  world_ports(w);
  if (w->learns)
    world_learn(w);
  w->dns = dns_new(w->offload);
  struct http_client_options client = {.dns = w->dns,
                                       .max_idle_per_origin = 4,
                                       .idle_timeout_us = 60 * SECOND_US,
                                       .head = {.max_head_bytes = 65536, .max_headers = HTTP_MAX_HEADERS}};
  w->worker = (struct gateway_worker){.gateway = &w->gateway};
  CHECK_ERR(http_client_new(loop_current(), &client, &w->worker.client), ERR_OK);
  upstream_open(&w->up[0]);
  upstream_open(&w->up[1]);
  CHECK_ERR(gateway_worker_use(&w->worker, world_config(w, w->extra ? w->extra : ""), &f), ERR_OK);
  w->site = site_options();
  w->site.options.head = (struct http1_limits){65536, HTTP_MAX_HEADERS};
  w->site.serve = world_serve;
  w->site.data = w;
  site_open(&w->site);
}

/* Waits for what ends by itself: the last write of an answer is seen before its fiber has ended. */
static inline void world_rest(struct world *w) {
  for (int i = 0; i < 2000 && (http_server_active(w->site.srv) > 0 || http_client_busy(w->worker.client) > 0); i++)
    wait_a_little();
  CHECK_INT(http_server_active(w->site.srv), 0);
  CHECK_INT(http_client_busy(w->worker.client), 0);
  CHECK_INT(limiter_in_flight(w->limiter), 0);
  CHECK_INT(limiter_subjects_in_flight(w->limiter), 0);
  CHECK_INT(ledger_stats(w->ledger).open, 0);
  CHECK_INT(w->identity.refs, 0);
  CHECK_INT(w->worker.snapshot->refs, 1);
}

static inline void world_close(struct world *w) {
  if (w->c)
    wire_close(w->c);
  world_rest(w);
  site_close(&w->site);
  gateway_worker_done(&w->worker);
  http_client_free(w->worker.client);
  upstream_close(&w->up[0]);
  upstream_close(&w->up[1]);
  dns_free(w->dns);
  ledger_close(w->ledger, 1000);
  offload_free(w->offload);
  w->store->ops->close(w->store);
  limiter_free(w->limiter);
  if (w->learns)
    world_forget(w);
  arena_done(&w->seen.texts);
  arena_done(&w->arena);
  CHECK_INT(loop_stats(loop_current()).fibers, 1);
}

static inline void world_main(void *arg) {
  struct world *w = arg;
  world_open(w);
  w->test(w);
  world_close(w);
}

static inline void run_world_that(void (*test)(struct world *w), const char *extra, bool learns) {
  struct world *w = calloc(1, sizeof(*w));
  if (!w)
    abort();
  log_set_level(LOG_LEVEL_ERROR);
  w->test = test;
  w->extra = extra;
  w->learns = learns;
  run_fiber(world_main, w);
  free(w);
}

/* extra: further top-level sections of the configuration, or NULL. */
static inline void run_world(void (*test)(struct world *w), const char *extra) { run_world_that(test, extra, false); }
/* The gateway learns of its targets, and time passes only when nothing else can happen. */
static inline void run_learning_world(void (*test)(struct world *w), const char *extra) {
  run_world_that(test, extra, true);
}

#endif
