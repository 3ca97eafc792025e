/* The fault matrix, its world: providers f and g in both dialects, behind a door that may be shut; models for every
 * strategy; and asking one cell with all that has to be true afterwards, of the client's bytes, the record, the ledger,
 * the breakers and every counter. Built on the gateway's fixture; time is pretended. */
#ifndef ROUTING_WORLD_H
#define ROUTING_WORLD_H

#include "routing_heard.h"

#define SHOWN_MOST 20 /* cells that fail; the others are left out */

struct matrix {
  struct world *w;
  struct actor f, g;
  struct http_memory memory;
  int shut;              /* a port that is taken, where nobody listens */
  int waits, waiting[2]; /* a port whose queue is full, and who fills it */
  struct addr shut_at, waits_at;
  enum door f_door, g_door; /* of the configuration in force */
  int retries;
  unsigned cells, failed;
};

/* --- doors --- */

static inline int take_port(struct addr *out) {
  int fd = -1;
  CHECK_ERR(addr_parse(TEXT("127.0.0.1:0"), out, NULL), ERR_OK);
  CHECK_ERR(listen_reserve(out, false, &fd, NULL), ERR_OK);
  CHECK_ERR(listen_addr(fd, out), ERR_OK);
  return fd;
}

static inline void doors_open(struct matrix *m) {
  m->shut = take_port(&m->shut_at);
  m->waits = take_port(&m->waits_at);
  CHECK_INT(listen(m->waits, 0), 0);
  for (size_t i = 0; i < COUNT_OF(m->waiting); i++) {
    m->waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)!connect(m->waiting[i], &m->waits_at.as.any, m->waits_at.len);
  }
}

static inline void doors_close(struct matrix *m) {
  close(m->shut);
  close(m->waits);
  for (size_t i = 0; i < COUNT_OF(m->waiting); i++)
    close(m->waiting[i]);
}

/* --- configuration --- */

static inline unsigned port_of(const struct matrix *m, char letter, enum door door) {
  const struct upstream *up = &m->w->up[letter == 'g'];
  return addr_port(door == REFUSES ? &m->shut_at : door == LETS_WAIT ? &m->waits_at : &up->at);
}

static inline void add_provider(struct buf *yaml, char letter, unsigned port) {
  buf_add_format(yaml,
                 "- {name: %ca, kind: anthropic, base_url: 'http://127.0.0.1:%u/%c', credentials: [{name: c, api_key: "
                 "k}]}\n"
                 "- {name: %co, kind: openai, base_url: 'http://127.0.0.1:%u/%c/v1', credentials: [{name: c, api_key: "
                 "k}]}\n",
                 letter, port, letter, letter, port, letter);
}

static const char dialect_letters[] = "ao";

/* Where a strategy has something to decide, f stands behind g in the file. */
static inline void add_model(struct buf *yaml, const char *strategy, char f, char g, bool raced) {
  bool is_ordered = strcmp(strategy, "ordered") == 0, by_cost = strcmp(strategy, "cost") == 0;
  char first[60], second[60];
  (void)snprintf(first, sizeof(first), "{provider: f%c, model: m}", f);
  (void)snprintf(second, sizeof(second), "{provider: g%c, model: %s, weight: %d}", g, by_cost ? "dear" : "m",
                 strcmp(strategy, "weighted") != 0);
  buf_add_format(yaml, "- {name: %s-%c%c%s, strategy: %s, %stargets: [%s, %s]}\n", strategy, f, g,
                 raced ? "-raced" : "", strategy, raced ? "hedge: {enabled: true, delay: 500ms}, " : "",
                 is_ordered ? first : second, is_ordered ? second : first);
}

static inline void add_models(struct buf *yaml) {
  for (size_t f = 0; f < DIALECTS; f++) {
    buf_add_format(yaml, "- {name: alone-%c, targets: [{provider: f%c, model: m}]}\n", dialect_letters[f],
                   dialect_letters[f]);
    for (size_t g = 0; g < DIALECTS; g++) {
      for (size_t s = 0; s < STRATEGIES; s++)
        add_model(yaml, strategy_names[s], dialect_letters[f], dialect_letters[g], false);
      add_model(yaml, "ordered", dialect_letters[f], dialect_letters[g], true);
    }
  }
}

static inline void configure(struct matrix *m, enum door f_door, enum door g_door, int retries) {
  static struct config_errors errors;
  struct config *config = NULL;
  struct fault fault = {0};
  struct buf yaml;
  buf_init(&yaml, 1 << 16);
  buf_add(&yaml, TEXT("providers:\n"));
  add_provider(&yaml, 'f', port_of(m, 'f', f_door));
  add_provider(&yaml, 'g', port_of(m, 'g', g_door));
  buf_add(&yaml, TEXT("models:\n"));
  add_models(&yaml);
  buf_add(&yaml, TEXT("prices:\n"));
  for (const char *p = "fagafogo"; *p; p += 2)
    buf_add_format(&yaml,
                   "- {provider: %.2s, model: m, input: 3.00, output: 15.00}\n"
                   "- {provider: %.2s, model: dear, input: 6.00, output: 30.00}\n",
                   p, p);
  buf_add_format(&yaml,
                 "limits: {response_bytes: 4096, event_bytes: 4096}\n"
                 "timeouts: {connect: 300ms, first_byte: 800ms, between_bytes: 600ms}\n"
                 "retry: {attempts: %d, base: 100ms, max: 1s, budget_floor: 1000000}\n",
                 retries);
  if (config_load_text(buf_text(&yaml), "matrix", NULL, &config, &errors) != ERR_OK) {
    (void)fprintf(stderr, "config: line %d: %s\n", errors.at[0].line, errors.at[0].text);
    abort();
  }
  buf_done(&yaml);
  CHECK_ERR(gateway_worker_use(&m->w->worker, config, &fault), ERR_OK);
  m->f_door = f_door;
  m->g_door = g_door;
  m->retries = retries;
}

static inline void matrix_open(struct matrix *m, struct world *w) {
  *m = (struct matrix){.w = w, .f = {.letter = 'f'}, .g = {.letter = 'g'}};
  w->gateway.memory = &m->memory;
  w->up[0].play = w->up[1].play = play;
  w->up[0].data = &m->f;
  w->up[1].data = &m->g;
  doors_open(m);
  configure(m, OPEN, OPEN, 0);
}

/* The client's kept connection, before more time passes than that lives. */
static inline void hang_up(struct world *w) {
  if (w->c)
    wire_close(w->c);
  w->c = NULL;
}

static inline void matrix_close(struct matrix *m) {
  hang_up(m->w);
  world_rest(m->w);
  for (int i = 0; i < 1000 && (m->w->up[0].open > 0 || m->w->up[1].open > 0); i++)
    wait_a_little();
  doors_close(m);
  m->w->gateway.memory = NULL;
  CHECK_INT(m->cells > 0, 1);
  CHECK_INT(m->failed, 0);
}

/* --- what the gateway keeps of its targets --- */

static inline struct breaker *breaker_of(struct matrix *m, const char *provider) {
  const struct config *c = m->w->worker.snapshot->config;
  for (size_t i = 0; i < c->provider_count; i++)
    if (text_equal(c->providers[i].name, text_of(provider)))
      return breakers_find(m->w->gateway.state.breakers, text_of(provider), c->providers[i].base_url, TEXT("c"));
  abort();
}

static inline struct breaker_view look(struct matrix *m, const char *provider) {
  const struct breaker_rule rule = routes_breaker_rule(m->w->worker.snapshot->config);
  struct breaker_view view;
  breaker_look(breaker_of(m, provider), &rule, loop_clock_us(), &view);
  return view;
}

static inline struct load *load_of(struct matrix *m, const char *provider, const char *model) {
  return loads_find(m->w->gateway.state.loads, text_of(provider), TEXT("c"), text_of(model));
}

struct names {
  char f[3], g[3], model[40];
  const char *g_model;
};

static inline struct names names_of(const struct cell *c) {
  struct names n = {.g_model = c->strategy == COST ? "dear" : "m"};
  char f = dialect_letters[c->first], g = dialect_letters[c->second];
  (void)snprintf(n.f, sizeof(n.f), "f%c", f);
  (void)snprintf(n.g, sizeof(n.g), "g%c", g);
  if (c->layout == ALONE)
    (void)snprintf(n.model, sizeof(n.model), "alone-%c", f);
  else
    (void)snprintf(n.model, sizeof(n.model), "%s-%c%c%s", strategy_names[c->strategy], f, g,
                   is_race(c) ? "-raced" : "");
  return n;
}

/* Makes f the one that the strategy prefers. */
static inline void prefer_f(struct matrix *m, const struct cell *c, const struct names *n) {
  if (c->strategy == LATENCY) {
    hang_up(m->w);
    loop_pretend_pass(loop_current(), LOAD_FRESH_US + 1); /* what was learned before is forgotten */
    load_note_first_token(load_of(m, n->f, "m"), c->stream, 10 * MS_US, loop_clock_us());
    load_note_first_token(load_of(m, n->g, "m"), c->stream, 100 * MS_US, loop_clock_us());
  }
  if (c->strategy == LEAST_BUSY)
    load_begin(load_of(m, n->g, "m"));
}

static inline void prefer_nobody(struct matrix *m, const struct cell *c, const struct names *n) {
  if (c->strategy == LEAST_BUSY)
    load_end(load_of(m, n->g, "m"));
}

#endif
