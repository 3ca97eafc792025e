/* bench_choose [--targets N] [--calls N] [--rounds N]: nanoseconds that gateway/plan.h takes to choose among so many
 * targets of one model: breakers, loads, policy, pairing, prices, order and the candidates, as each request does it. A
 * line a case: of rounds of so many calls the fastest and the median round; then the median of single calls each made
 * after the processor's caches were filled with other things, which is nearer to what a request pays on a busy gateway
 * (the reading of the clock is in it). Every target has a provider of its own. Run by hand; it needs no server. */
#include "common.h"

#include "gateway/plan.h"
#include "provider/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGETS_MAX 256
#define COLD_CALLS  400
#define SPOIL_BYTES ((size_t)8 << 20)

struct scene {
  struct config *config;
  struct routes *routes;
  struct routes_state state;
  uint64_t random;
};

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void write_providers(struct buf *out, uint64_t targets) {
  static const char *const kinds[] = {"anthropic", "openai"};
  buf_add(out, TEXT("providers:\n"));
  for (uint64_t i = 0; i < targets; i++)
    buf_add_format(out,
                   "- {name: provider-%llu, kind: %s, base_url: 'http://127.0.0.1:%llu/v1', "
                   "credentials: [{name: main, api_key: key-of-the-bench}]}\n",
                   (unsigned long long)i, kinds[i % 2], (unsigned long long)(i + 1));
}

static void write_model(struct buf *out, const char *name, const char *strategy, const char *upstream,
                        uint64_t targets) {
  buf_add_format(out, "- {name: '%s', strategy: %s, targets: [", name, strategy);
  for (uint64_t i = 0; i < targets; i++)
    buf_add_format(out, "%s{provider: provider-%llu, model: '%s', weight: %llu}", i ? ", " : "", (unsigned long long)i,
                   upstream, (unsigned long long)(1 + i % 7));
  buf_add(out, TEXT("]}\n"));
}

static const char *const strategies[] = {"ordered", "weighted", "latency", "cost", "least_busy"};
#define STRATEGIES (sizeof(strategies) / sizeof(strategies[0]))

static void write_config(struct buf *out, uint64_t targets) {
  char name[64];
  write_providers(out, targets);
  buf_add(out, TEXT("models:\n"));
  for (size_t i = 0; i < STRATEGIES; i++) {
    (void)snprintf(name, sizeof(name), "fixed-%s", strategies[i]);
    write_model(out, name, strategies[i], "claude-bench", targets);
    (void)snprintf(name, sizeof(name), "star-%s-*", strategies[i]);
    write_model(out, name, strategies[i], "claude-*", targets);
  }
  buf_add_format(out, "policies:\n- {name: some, only: [openai, provider-0, anthropic], first: [provider-%llu]}\n",
                 (unsigned long long)targets / 2);
  buf_add(out, TEXT("prices:\n"));
  for (uint64_t i = 0; i < targets; i++)
    buf_add_format(out, "- {provider: provider-%llu, model: '*', input: %llu, output: 15, cache_write: 3.75}\n",
                   (unsigned long long)i, (unsigned long long)(1 + i % 5));
}

static void open_scene(struct scene *s, uint64_t targets) {
  static struct config_errors errors;
  struct buf text;
  buf_init(&text, 1 << 22);
  write_config(&text, targets);
  if (config_load_text(buf_text(&text), "bench", NULL, &s->config, &errors) != ERR_OK) {
    (void)fprintf(stderr, "bench_choose: line %d: %s\n", errors.at[0].line, errors.at[0].text);
    exit(1);
  }
  buf_done(&text);
  s->state = (struct routes_state){breakers_new(4096, NULL), loads_new(4096)};
  s->routes = routes_new(s->config, provider_find, &s->state);
  s->random = 88172645463325252U;
}

static struct plan_ask ask_for(const struct scene *s, const char *model, const char *policy) {
  struct plan_ask ask = {.config = s->config,
                         .routes = s->routes,
                         .state = &s->state,
                         .client = wire_get(WIRE_ANTHROPIC),
                         .is_stream = true,
                         .principal_id = 7,
                         .input_tokens = 12000,
                         .output_tokens = 4096,
                         .now_us = 1000000};
  ask.model = config_find_model(s->config, text_of(model), TEXT("anthropic"), &ask.star);
  if (!ask.model)
    bench_fail(model);
  if (policy)
    ask.policy = config_find_policy(s->config, text_of(policy));
  return ask;
}

/* Times to the first token and calls in flight, so that the strategies have something to go by. */
static void teach(struct scene *s, const struct plan_ask *ask) {
  struct arena a;
  struct plan plan;
  arena_init(&a);
  plan_make(ask, &a, &plan);
  arena_done(&a);
  size_t cursor = 0;
  struct load_row row;
  while (loads_next(s->state.loads, &cursor, ask->now_us, &row)) {
    struct load *l = loads_find(s->state.loads, row.provider, row.credential, row.model);
    load_note_first_token(l, true, (int64_t)(next_random(&s->random) % 3000000), ask->now_us);
    for (uint64_t i = next_random(&s->random) % 5; i > 0; i--)
      load_begin(l);
  }
}

static size_t choose_once(struct scene *s, struct plan_ask *ask) {
  struct arena a;
  struct plan plan;
  arena_init(&a);
  arena_reserve(&a, 4096);
  ask->random = next_random(&s->random);
  plan_make(ask, &a, &plan);
  size_t tried = plan.tried;
  arena_done(&a);
  return tried;
}

static int compare(const void *a, const void *b) {
  const double *x = a, *y = b;
  return *x < *y ? -1 : *x > *y;
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof(*values), compare);
  return values[count / 2];
}

/* Longer than the caches that belong to one processor. */
static void spoil_caches(void) {
  static char *bytes;
  if (!bytes && !(bytes = malloc(SPOIL_BYTES)))
    bench_fail("malloc");
  for (size_t i = 0; i < SPOIL_BYTES; i += 64)
    bytes[i]++;
}

static double cold(struct scene *s, struct plan_ask *ask) {
  static double ns[COLD_CALLS];
  for (size_t i = 0; i < COLD_CALLS; i++) {
    spoil_caches();
    int64_t start = bench_now_ns();
    (void)choose_once(s, ask);
    ns[i] = (double)(bench_now_ns() - start);
  }
  return median(ns, COLD_CALLS);
}

static void measure(struct scene *s, const char *model, const char *policy, uint64_t calls, uint64_t rounds) {
  struct plan_ask ask = ask_for(s, model, policy);
  double *ns = malloc(rounds * sizeof(*ns)), least;
  size_t tried = 0;
  if (!ns)
    bench_fail("malloc");
  teach(s, &ask);
  for (uint64_t i = 0; i < rounds; i++) {
    int64_t start = bench_now_ns();
    for (uint64_t k = 0; k < calls; k++)
      tried = choose_once(s, &ask);
    ns[i] = (double)(bench_now_ns() - start) / (double)calls;
  }
  double middle = median(ns, rounds);
  least = ns[0];
  printf("%-20s %-8s tried=%zu least_ns=%.0f median_ns=%.0f cold_ns=%.0f\n", model, policy ? policy : "-", tried, least,
         middle, cold(s, &ask));
  free(ns);
}

int main(int argc, char **argv) {
  static struct scene s;
  uint64_t targets = 100, calls = 1000, rounds = 101;
  char model[64];
  const struct bench_option options[] = {{"--targets", &targets, TARGETS_MAX, NULL},
                                         {"--calls", &calls, 1000000, NULL},
                                         {"--rounds", &rounds, 100000, NULL}};
  bench_options(argc, argv, 1, options, sizeof(options) / sizeof(options[0]));
  if (targets == 0 || calls == 0 || rounds == 0)
    bench_fail("nothing to measure");
  open_scene(&s, targets);
  for (size_t i = 0; i < STRATEGIES; i++) {
    (void)snprintf(model, sizeof(model), "fixed-%s", strategies[i]);
    measure(&s, model, NULL, calls, rounds);
    (void)snprintf(model, sizeof(model), "star-%s-x", strategies[i]);
    measure(&s, model, NULL, calls, rounds);
  }
  measure(&s, "fixed-ordered", "some", calls, rounds);
  routes_free(s.routes);
  breakers_free(s.state.breakers);
  loads_free(s.state.loads);
  config_unref(s.config);
  return 0;
}
