/* The soak's world: three upstreams that play rows of the fault matrix at random moments, models for every strategy
 * with races and narrow targets, three keys (one with a budget, one with a limit of calls at once), and clients that
 * are slow or leave. Every decision is drawn from the seed and the number of the request, so that a seed means the same
 * run again, but for what the gateway itself draws. */
#ifndef SOAK_WORLD_H
#define SOAK_WORLD_H

#include "routing_heard.h"

#define REQUESTS      600
#define CLIENTS       20
#define PROVIDERS     7
#define BUDGET_NANO   INT64_C(36000000) /* of one key: sixty answers */
#define ANSWER_NANO   INT64_C(600000)
#define PADDING_BYTES ((size_t)300 * 1024)
#define GOT_BYTES_MAX ((size_t)1024 * 1024)
#define CLIENT_US     (120 * SECOND_US)
#define RELOADS_EVERY 60

struct record {
  char request_id[64];
  char outcome[16], error[32];
  int status;
  unsigned attempts, failovers, rounds;
  int64_t cost_nano;
  bool hedged, found;
};

struct soak_identity {
  struct identity port; /* first */
  struct principal keys[3];
  int refs;
};

struct soak {
  struct world *w;
  struct upstream third;
  struct actor actors[3];
  struct http_memory memory;
  struct soak_identity identity;
  struct telemetry port; /* of telemetry */
  struct record records[REQUESTS];
  size_t recorded;
  uint64_t seed;
  bool leaves; /* some clients do */
  unsigned next, over;
  unsigned char calls[REQUESTS][3];
  unsigned whole, broken, errors, left, padded; /* of clients */
};
static struct soak *soaking; /* the one that runs, for ports without a pointer of the test's */

/* Evenly distributed over [0, n), of the request's own numbers. */
static inline uint64_t draw(const struct soak *s, unsigned request, unsigned what, uint64_t n) {
  uint64_t z = s->seed * UINT64_C(0x9E3779B97F4A7C15) + ((uint64_t)request << 20) + what * UINT64_C(0xD1B54A32D192ED03);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return (z ^ (z >> 31)) % n;
}

/* What is drawn of a request, each by its own number; those of a call begin at CALL. */
enum drawn { CLIENT, STREAM, MODEL, KEY_OF, LEAVES, LEAVES_MS, RESETS_IT, IS_SLOW, PAUSE, CALL = 100 };
static inline bool is_slow(const struct soak *s, unsigned n) { return draw(s, n, IS_SLOW, 8) == 0; }

/* --- providers --- */

static const struct {
  const struct row *rows;
  size_t count;
} soak_tables[] = {{in_head, COUNT_OF(in_head)},
                   {in_status, COUNT_OF(in_status)},
                   {in_body, COUNT_OF(in_body)},
                   {in_first_event, COUNT_OF(in_first_event)},
                   {in_stream, COUNT_OF(in_stream)}};

static inline bool may_play(const struct row *r, struct asked asked) {
  return (r->mode & (asked.stream ? STREAMED : PLAIN)) && !(r->anthropic_only && asked.dialect != ANTHROPIC) &&
         !(r->openai_only && asked.dialect != OPENAI);
}

/* Of twenty calls eleven go well. */
static inline const struct row *row_for(const struct soak *s, unsigned n, unsigned call, struct asked asked) {
  for (unsigned i = 0; draw(s, n, call, 100) >= 55 && i < 100; i++) {
    size_t t = draw(s, n, call + 2 + 2 * i, COUNT_OF(soak_tables));
    const struct row *r = &soak_tables[t].rows[draw(s, n, call + 3 + 2 * i, soak_tables[t].count)];
    if (may_play(r, asked))
      return r;
  }
  return right;
}

static inline void play_at_random(struct upstream *up, struct stream *stream) {
  struct soak *s = soaking;
  const char *number = strstr(up->request, "x-soak: ");
  struct asked asked = asked_of(up);
  if (!CHECK_INT(number != NULL, 1))
    return;
  struct actor actor = *(const struct actor *)up->data;
  unsigned n = (unsigned)strtoul(number + 8, NULL, 10), who = (unsigned)(actor.letter - 'f');
  unsigned call = CALL * (1 + 10 * who + s->calls[n][who]++);
  call *= 3; /* a call may draw up to 300 numbers */
  actor.delay_us = (int64_t)draw(s, n, call + 1, 6) * 100 * MS_US;
  actor.pause_us = draw(s, n, call + 299, 3) == 0 ? 50 * MS_US : 0;
  actor.padding = asked.stream && is_slow(s, n) ? PADDING_BYTES : 0;
  const struct row *row = row_for(s, n, call, asked);
  if (actor.delay_us > 0)
    (void)!fiber_sleep(actor.delay_us);
  play_row(up, stream, &actor, row, asked);
}

/* --- configuration --- */

static const char *const soak_models[] = {"ordered",        "weighted",  "latency", "cost",   "least_busy", "raced",
                                          "raced-weighted", "raced-two", "alone",   "narrow", "narrower",   "paid"};

static inline void soak_providers(struct soak *s, struct buf *yaml) {
  const struct upstream *ups[] = {&s->w->up[0], &s->w->up[1], &s->third};
  buf_add(yaml, TEXT("providers:\n"));
  for (unsigned i = 0; i < 3; i++) {
    unsigned port = addr_port(&ups[i]->at);
    buf_add_format(yaml,
                   "- {name: %ca, kind: anthropic, base_url: 'http://127.0.0.1:%u/a'}\n"
                   "- {name: %co, kind: openai, base_url: 'http://127.0.0.1:%u/o/v1'}\n",
                   'f' + (char)i, port, 'f' + (char)i, port);
  }
  buf_add_format(yaml,
                 "- {name: pa, kind: anthropic, base_url: 'http://127.0.0.1:%u/p', on_disconnect: drain, "
                 "charges_cancelled: true}\n",
                 addr_port(&s->third.at));
}

static inline struct config *soak_config(struct soak *s) {
  static struct config_errors errors;
  struct config *config = NULL;
  struct buf yaml;
  buf_init(&yaml, 1 << 16);
  soak_providers(s, &yaml);
  buf_add(&yaml, TEXT("models:\n"));
  for (unsigned i = 0; i < STRATEGIES; i++)
    buf_add_format(&yaml,
                   "- {name: %s, strategy: %s, targets: [{provider: fa, model: m, weight: 3}, {provider: go, model: m, "
                   "weight: 2}, {provider: ha, model: m}]}\n",
                   strategy_names[i], strategy_names[i]);
  buf_add(
      &yaml,
      TEXT("- {name: raced, hedge: {enabled: true, delay: 200ms}, targets: [{provider: fo, model: m}, {provider: ga, "
           "model: m}, {provider: ho, model: m}]}\n"
           "- {name: raced-weighted, strategy: weighted, hedge: {enabled: true, delay: 100ms}, targets: [{provider: "
           "fa, model: m, weight: 2}, {provider: ha, model: m, weight: 1}]}\n"
           "- {name: raced-two, hedge: {enabled: true, delay: 250ms}, targets: [{provider: ga, model: m}, {provider: "
           "fo, model: m}]}\n"
           "- {name: alone, targets: [{provider: ha, model: m}]}\n"
           "- {name: narrow, targets: [{provider: fa, model: narrow, concurrency: 1}, {provider: go, model: narrow, "
           "concurrency: 1}]}\n"
           "- {name: narrower, targets: [{provider: ho, model: narrow, concurrency: 1}]}\n"
           "- {name: paid, hedge: {enabled: true, delay: 200ms}, targets: [{provider: pa, model: m}, {provider: ga, "
           "model: m}]}\n"
           "prices:\n"));
  for (const char *p = "fagahafogohopa"; *p; p += 2)
    buf_add_format(&yaml, "- {provider: %.2s, model: '*', input: 3.00, output: 15.00}\n", p);
  buf_add(&yaml, TEXT("limits: {response_bytes: 4096, event_bytes: 4096}\n"
                      "timeouts: {connect: 300ms, first_byte: 800ms, between_bytes: 600ms, abandoned: 2s}\n"
                      "retry: {attempts: 1, base: 50ms, max: 1s, budget_percent: 50}\n"
                      "breaker: {failures: 3, window: 5s, open: 500ms, probe: 2s}\n"
                      "queue: {size: 2, wait: 1s}\n"));
  if (config_load_text(buf_text(&yaml), "soak", NULL, &config, &errors) != ERR_OK) {
    (void)fprintf(stderr, "config: line %d: %s\n", errors.at[0].line, errors.at[0].text);
    abort();
  }
  buf_done(&yaml);
  return config;
}

static inline void soak_load(struct soak *s) {
  struct fault f = {0};
  CHECK_ERR(gateway_worker_use(&s->w->worker, soak_config(s), &f), ERR_OK);
}

/* --- ports --- */

#define SOAK_KEY "weir_soak_key_"

static inline enum err soak_find(struct identity *self, struct text key, int64_t now_us, const struct principal **out,
                                 struct fault *f) {
  struct soak_identity *i = (struct soak_identity *)self;
  (void)now_us;
  if (!text_starts(key, TEXT(SOAK_KEY)))
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "this API key is not known");
  i->refs++;
  *out = &i->keys[key.at[key.len - 1] - '0'];
  return ERR_OK;
}
static inline bool soak_is_ours(struct identity *self, struct text key) {
  (void)self;
  return text_starts(key, TEXT(SOAK_KEY));
}
static inline void soak_unref(const struct principal *p) { soaking->identity.refs -= p != NULL; }

static inline void soak_record(struct telemetry *self, unsigned worker, const struct telemetry_exchange *e) {
  struct soak *s = soaking;
  (void)self;
  (void)worker;
  if (!CHECK_INT(s->recorded < REQUESTS, 1))
    return;
  struct record *r = &s->records[s->recorded++];
  *r = (struct record){.status = e->status,
                       .attempts = e->attempts,
                       .failovers = e->failovers,
                       .rounds = e->rounds,
                       .cost_nano = e->cost.total,
                       .hedged = e->hedged};
  (void)snprintf(r->request_id, sizeof(r->request_id), "%.*s", TEXT_ARGS(e->request_id));
  (void)snprintf(r->outcome, sizeof(r->outcome), "%s", e->outcome);
  (void)snprintf(r->error, sizeof(r->error), "%.*s", TEXT_ARGS(e->error));
}

static inline void soak_ports(struct soak *s) {
  s->identity.port = (struct identity){.find = soak_find, .is_ours = soak_is_ours, .unref = soak_unref};
  s->identity.keys[0] = (struct principal){.id = 1, .name = TEXT("rich")};
  s->identity.keys[1] =
      (struct principal){.id = 2, .name = TEXT("poor"), .budget_nano = BUDGET_NANO, .budget_period = PRINCIPAL_MONTH};
  s->identity.keys[2] = (struct principal){.id = 3, .name = TEXT("narrow"), .concurrency = 5};
  s->port.exchange_done = soak_record;
  s->w->gateway.identity = &s->identity.port;
  s->w->gateway.telemetry = &s->port;
  s->w->gateway.memory = &s->memory;
}

static inline void soak_open(struct soak *s) {
  struct upstream *ups[] = {&s->w->up[0], &s->w->up[1], &s->third};
  soaking = s;
  upstream_open(&s->third);
  for (unsigned i = 0; i < 3; i++) {
    s->actors[i] = (struct actor){.letter = (char)('f' + (char)i)};
    ups[i]->play = play_at_random;
    ups[i]->data = &s->actors[i];
  }
  soak_ports(s);
  soak_load(s);
}

#endif
