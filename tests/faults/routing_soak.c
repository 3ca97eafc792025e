/* A soak of the routing: hundreds of requests at once, faults of the matrix at random moments, races, narrow targets,
 * budgets, reloads, clients that are slow or leave. Whatever happens: one record a request, every attempt settled once,
 * no budget overspent, nothing held at the end, and breakers that have counted what an independent tally of the ledger
 * counts. The clock is pretended. */
#include "soak_client.h"

#include "traffic/slots.h"

/* --- the ledger, as a whole --- */

struct tally {
  unsigned successes, failures;           /* for certain */
  unsigned more_successes, more_failures; /* perhaps: of calls whose client left not all is in their row */
};

struct sums {
  struct tally of[PROVIDERS];
  size_t rows, cancelled;
  int64_t spent_nano[3];
};

static const char *const provider_names[PROVIDERS] = {"fa", "fo", "ga", "go", "ha", "ho", "pa"};

/* Of a status that was not 2xx. */
static bool status_counts(int status) { return status >= 500 || status == 408 || status / 100 == 3; }

static bool error_counts(const struct ledger_row *row) {
  static const char *const names[] = {"UPSTREAM_RATE",    "UPSTREAM_SERVER",   "UPSTREAM_NETWORK",
                                      "UPSTREAM_TIMEOUT", "UPSTREAM_PROTOCOL", "UPSTREAM_CUT"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (text_equal(row->error, text_of(names[i])))
      return true;
  return text_equal(row->error, TEXT("UPSTREAM_STATUS")) && status_counts(row->upstream_status);
}

static bool class_counts(struct text class) {
  for (size_t i = 0; i < COUNT_OF(class_table); i++)
    if (text_equal(class, text_of(class_table[i].name)))
      return class_table[i].counts;
  return CHECK_TEXT(class, TEXT("a class")) && false;
}

static void tally_row(struct tally *t, const struct ledger_row *row) {
  if (text_equal(row->outcome, TEXT("ok"))) {
    t->successes++;
  } else if (text_equal(row->outcome, TEXT("failed_over"))) {
    t->failures += class_counts(row->error);
  } else if (text_equal(row->outcome, TEXT("error")) || text_equal(row->outcome, TEXT("cut"))) {
    t->failures += error_counts(row);
  } else if (text_equal(row->outcome, TEXT("cancelled"))) {
    t->more_failures++; /* it may have failed before its client left in the pause or the queue that followed */
    t->more_successes += row->usage.known && !row->usage.estimated && row->usage.output == 20;
  } else {
    CHECK_TEXT(row->outcome, TEXT("hedge_lost"));
  }
}

static struct record *record_of(struct soak *s, struct text request_id) {
  for (size_t i = 0; i < s->recorded; i++)
    if (text_equal(request_id, text_of(s->records[i].request_id)))
      return &s->records[i];
  return NULL;
}

/* What one row may cost. */
static void check_cost(const struct ledger_row *row) {
  bool is_paid = text_equal(row->provider, TEXT("pa"));
  if (text_equal(row->outcome, TEXT("ok")))
    CHECK_INT(row->cost.total == ANSWER_NANO || row->usage.estimated, 1);
  if (text_equal(row->outcome, TEXT("failed_over")) || (text_equal(row->outcome, TEXT("hedge_lost")) && !is_paid))
    CHECK_INT(row->cost.total, 0);
  CHECK_INT(row->cost.total <= row->reserved_nano, 1);
}

static void add_row(struct soak *s, struct sums *sums, const struct ledger_row *row, struct record *record,
                    unsigned *seen) {
  size_t p = 0;
  while (p < PROVIDERS && !text_equal(row->provider, text_of(provider_names[p])))
    p++;
  if (!CHECK_INT(p < PROVIDERS, 1) || !CHECK_INT(record != NULL, 1))
    return;
  CHECK_INT(row->attempt >= 1 && row->attempt <= record->attempts, 1);
  CHECK_INT(seen[record - s->records] >> row->attempt & 1, 0); /* settled once */
  seen[record - s->records] |= 1u << row->attempt;
  tally_row(&sums->of[p], row);
  check_cost(row);
  sums->rows++;
  sums->cancelled += text_equal(row->outcome, TEXT("cancelled"));
  sums->spent_nano[row->key_id - 1] += row->cost.total;
}

static void read_ledger(struct soak *s, struct sums *sums, unsigned *seen) {
  struct world *w = s->w;
  int64_t before = 0;
  (void)newest_row(w, 0);
  for (;;) {
    struct ledger_row *rows = NULL;
    size_t count = 0;
    CHECK_ERR(w->store->ops->ledger_list(w->store, before, 500, &w->arena, &rows, &count, NULL), ERR_OK);
    for (size_t i = 0; i < count; i++)
      add_row(s, sums, &rows[i], record_of(s, rows[i].request_id), seen);
    if (count == 0)
      return;
    before = rows[count - 1].id;
  }
}

/* --- what has to be true at the end --- */

static void check_attempts(struct soak *s, const unsigned *seen) {
  for (size_t i = 0; i < s->recorded; i++) {
    const struct record *r = &s->records[i];
    CHECK_INT(seen[i], ((1u << r->attempts) - 1) << 1); /* 1 to attempts, each once */
    CHECK_INT(r->attempts <= 8, 1);
    if (strcmp(r->outcome, "refused") == 0)
      CHECK_INT(r->attempts, 0);
  }
}

static void check_between(uint64_t counted, unsigned least, unsigned more) {
  CHECK_INT(counted > least ? least : counted, least);
  CHECK_INT(counted < least + more ? least + more : counted, least + more);
}

static void check_breakers(struct soak *s, const struct sums *sums) {
  const struct config *c = s->w->worker.snapshot->config;
  const struct breaker_rule rule = routes_breaker_rule(c);
  for (size_t i = 0; i < c->provider_count; i++) {
    struct breaker_view view;
    const struct tally *t = NULL;
    for (size_t p = 0; p < PROVIDERS; p++)
      if (text_equal(c->providers[i].name, text_of(provider_names[p])))
        t = &sums->of[p];
    breaker_look(breakers_find(s->w->gateway.state.breakers, c->providers[i].name, c->providers[i].base_url, TEXT("")),
                 &rule, loop_clock_us(), &view);
    if (!CHECK_INT(t != NULL, 1))
      continue;
    check_between(view.failures, t->failures, t->more_failures);
    check_between(view.successes, t->successes, t->more_successes);
  }
}

static void check_loads(struct soak *s) {
  size_t cursor = 0, count = 0;
  struct load_row row;
  for (; loads_next(s->w->gateway.state.loads, &cursor, loop_clock_us(), &row); count++) {
    CHECK_INT(row.in_flight, 0);
    CHECK_INT(row.waiting, 0);
    CHECK_INT(slots_running(load_slots(loads_find(s->w->gateway.state.loads, row.provider, row.credential, row.model))),
              0);
  }
  CHECK_INT(count > 0, 1);
}

static unsigned outcomes(const struct soak *s, const char *outcome) {
  unsigned n = 0;
  for (size_t i = 0; i < s->recorded; i++)
    n += strcmp(s->records[i].outcome, outcome) == 0;
  return n;
}

static unsigned errors(const struct soak *s, const char *error) {
  unsigned n = 0;
  for (size_t i = 0; i < s->recorded; i++)
    n += strcmp(s->records[i].error, error) == 0;
  return n;
}

/* A soak that nothing happened in shows nothing. */
static void check_variety(const struct soak *s) {
  unsigned rounds = 0, hedged = 0, failovers = 0;
  for (size_t i = 0; i < s->recorded; i++) {
    rounds += s->records[i].rounds;
    hedged += s->records[i].hedged;
    failovers += s->records[i].failovers;
  }
  CHECK_INT(rounds > 0 && hedged > 5 && failovers > 20, 1);
  CHECK_INT(outcomes(s, "ok") > REQUESTS / 10 && outcomes(s, "error") > 0 && outcomes(s, "cut") > 0, 1);
  CHECK_INT(errors(s, "BUDGET_EXHAUSTED") > 0 && s->padded > 0, 1);
  CHECK_INT(!s->leaves || (outcomes(s, "cancelled") > REQUESTS / 50 && s->left > 0), 1);
  (void)fprintf(stderr,
                "# seed %llu: %zu requests, %u ok, %u cut, %u error, %u refused, %u cancelled; %u failed over, %u "
                "rounds, %u raced\n",
                (unsigned long long)s->seed, s->recorded, outcomes(s, "ok"), outcomes(s, "cut"), outcomes(s, "error"),
                outcomes(s, "refused"), outcomes(s, "cancelled"), failovers, rounds, hedged);
}

static void check_end(struct soak *s) {
  struct world *w = s->w;
  static unsigned seen[REQUESTS];
  struct sums *sums = ARENA_NEW(&w->arena, struct sums);
  memset(seen, 0, sizeof(seen));
  world_rest(w);
  struct ledger_stats stats = ledger_stats(w->ledger);
  read_ledger(s, sums, seen);
  CHECK_INT(s->recorded, w->site.served);
  CHECK_INT(stats.reserved, stats.settled);
  CHECK_INT(sums->rows, stats.settled);
  check_attempts(s, seen);
  check_breakers(s, sums);
  check_loads(s);
  CHECK_INT(sums->spent_nano[1] <= BUDGET_NANO, 1);
  CHECK_INT(sums->cancelled == 0 || s->leaves, 1);
  CHECK_INT(s->identity.refs, 0);
  CHECK_INT(loads_in_flight(w->gateway.state.loads), 0);
  CHECK_INT(atomic_load(&w->gateway.streams), 0);
  CHECK_INT(atomic_load(&s->memory.used), 0);
  check_variety(s);
}

static void run_soak(struct world *w, uint64_t seed, bool leaves) {
  struct soak *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  s->w = w;
  s->seed = seed;
  s->leaves = leaves;
  soak_open(s);
  for (unsigned i = 0; i < CLIENTS; i++)
    (void)start(client_run, s);
  for (int i = 0; i < 100000 && s->over < CLIENTS; i++)
    wait_a_little();
  CHECK_INT(s->over, CLIENTS);
  check_end(s);
  s->w->gateway.memory = NULL;
  upstream_close(&s->third);
  for (int i = 0; i < 10000 && w->up[0].open + w->up[1].open > 0; i++)
    wait_a_little();
  free(s);
}

#define SOAK(name, seed, leaves)                                                                                       \
  static void name##_run(struct world *w) { run_soak(w, seed, leaves); }                                               \
  static void name(void **state) { run_learning_world(name##_run, NULL); }

SOAK(test_faults_at_random_with_clients_that_stay, 1, false)
SOAK(test_other_faults_at_random_with_clients_that_stay, 2, false)
SOAK(test_faults_at_random_with_clients_that_leave, 3, true)
SOAK(test_other_faults_at_random_with_clients_that_leave, 4, true)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_faults_at_random_with_clients_that_stay),
      cmocka_unit_test(test_other_faults_at_random_with_clients_that_stay),
      cmocka_unit_test(test_faults_at_random_with_clients_that_leave),
      cmocka_unit_test(test_other_faults_at_random_with_clients_that_leave),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("routing_soak", tests, NULL, NULL);
}
