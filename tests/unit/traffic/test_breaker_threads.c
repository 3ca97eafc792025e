/* Breakers among many threads, alone and as replicas on a bus: of all that arrive at a half-open breaker at once
 * exactly one probes, and whatever they do leaves it sound. Run under ThreadSanitizer too. */
#include "breaker_bus.h"

#include <stdatomic.h>

#define SECOND  INT64_C(1000000)
#define OPEN    (1800 * SECOND)
#define THREADS 6
#define ROUNDS  300

struct crowd {
  struct breaker_rule rule;
  struct breaker *alone; /* NULL: two threads a replica */
  struct bus *bus;
  pthread_barrier_t gate;
  bool has_operator;
  _Atomic int64_t now_us;
  atomic_uint started;
  atomic_int probes, ordinary, most_probes;
};

static struct breaker *shared(struct bus *bus, size_t i) {
  return breakers_find(bus->replicas[i].all, TEXT("vendor"), TEXT("https://vendor.test"), TEXT("main"));
}

/* A thread's breaker, and the time on its clock. */
struct view {
  struct crowd *c;
  struct breaker *b;
  struct replica *replica;
};
static struct view view_of_thread(struct crowd *c, unsigned number) {
  if (c->alone)
    return (struct view){c, c->alone, NULL};
  return (struct view){c, shared(c->bus, number % BUS_REPLICAS), &c->bus->replicas[number % BUS_REPLICAS]};
}
static int64_t now_us(const struct view *v) { return v->replica ? bus_time(v->replica) : atomic_load(&v->c->now_us); }

static void let_time_pass(const struct view *v, int64_t us) {
  atomic_fetch_add(v->replica ? &v->c->bus->now_us : &v->c->now_us, us);
}

static void run_crowd(struct crowd *c, void *(*fn)(void *arg)) {
  pthread_t threads[THREADS];
  assert_int_equal(pthread_barrier_init(&c->gate, NULL, THREADS), 0);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, fn, c), 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&c->gate);
}

static void open_it(struct crowd *c, struct breaker *b, int64_t at_us) {
  for (int64_t i = 0; i < c->rule.failures; i++) {
    struct breaker_pass p;
    assert_true(breaker_enter(b, &c->rule, at_us, &p));
    breaker_leave(&p, &c->rule, BREAKER_FAILURE, "x", at_us);
  }
  assert_false(breaker_lets(b, &c->rule, at_us));
}

/* In each round all arrive at the half-open breaker at once, and leave it together. */
static void *probe_together(void *arg) {
  struct crowd *c = arg;
  struct view v = view_of_thread(c, atomic_fetch_add(&c->started, 1));
  for (int round = 0; round < ROUNDS; round++) {
    if (pthread_barrier_wait(&c->gate) == PTHREAD_BARRIER_SERIAL_THREAD)
      let_time_pass(&v, OPEN);
    pthread_barrier_wait(&c->gate);
    struct breaker_pass p;
    if (breaker_enter(v.b, &c->rule, now_us(&v), &p))
      atomic_fetch_add(p.is_probe ? &c->probes : &c->ordinary, 1);
    pthread_barrier_wait(&c->gate);
    breaker_leave(&p, &c->rule, round % 3 == 2 ? BREAKER_NEUTRAL : BREAKER_FAILURE, "x", now_us(&v));
  }
  return NULL;
}

static void expect_one_probe_a_round(struct crowd *c) {
  run_crowd(c, probe_together);
  assert_int_equal(c->probes, ROUNDS);
  assert_int_equal(c->ordinary, 0);
}

static struct breaker *new_breaker(void) {
  struct breaker_name name = {TEXT("vendor"), TEXT("https://vendor.test"), TEXT("main")};
  return breaker_new(&name, NULL);
}

static void of_many_threads_exactly_one_probes(void **state) {
  struct crowd c = {.rule = {3, 60 * SECOND, OPEN, 60 * SECOND}, .alone = new_breaker()};
  open_it(&c, c.alone, 0);
  expect_one_probe_a_round(&c);
  breaker_free(c.alone);
}

static void of_all_replicas_threads_exactly_one_probes(void **state) {
  struct crowd c = {.rule = {3, 60 * SECOND, OPEN, 60 * SECOND}, .bus = bus_new()};
  open_it(&c, shared(c.bus, 0), bus_time(&c.bus->replicas[0]));
  expect_one_probe_a_round(&c);
  bus_free(c.bus);
}

static uint64_t next_random(uint64_t *s) {
  *s = *s * 6364136223846793005u + 1442695040888963407u;
  return *s >> 33;
}

static void note_probe(struct crowd *c) {
  int probes = atomic_fetch_add(&c->probes, 1) + 1;
  if (probes > atomic_load(&c->most_probes))
    atomic_store(&c->most_probes, probes);
  atomic_fetch_sub(&c->probes, 1); /* before the verdict: then the next one may come */
}

/* Calls of every verdict, streams, lookers-on, ticks; and an operator, who may begin a new epoch while a probe is on
 * its way. */
static void *do_anything(void *arg) {
  static const enum breaker_verdict verdicts[] = {BREAKER_FAILURE, BREAKER_FAILURE, BREAKER_FAILURE, BREAKER_SUCCESS,
                                                  BREAKER_NEUTRAL};
  struct crowd *c = arg;
  unsigned number = atomic_fetch_add(&c->started, 1);
  uint64_t s = number * 0x9E3779B97F4A7C15u + 1;
  struct view v = view_of_thread(c, number);
  for (int i = 0; i < 10000; i++) {
    struct breaker_pass p;
    struct breaker_view seen;
    let_time_pass(&v, SECOND / 100);
    if (c->has_operator && next_random(&s) % 1000 == 0)
      breaker_set_force(v.b, (enum breaker_force)(next_random(&s) % 3), "operator", now_us(&v));
    if (v.replica && next_random(&s) % 100 == 0)
      breakers_tick(v.replica->all, &c->rule, now_us(&v));
    breaker_look(v.b, &c->rule, now_us(&v), &seen);
    if (!breaker_lets(v.b, &c->rule, now_us(&v)) || !breaker_enter(v.b, &c->rule, now_us(&v), &p))
      continue;
    if (p.is_probe)
      note_probe(c);
    if (next_random(&s) % 4 == 0)
      breaker_probe_answers(&p, now_us(&v));
    breaker_leave(&p, &c->rule, verdicts[next_random(&s) % 5], "x", now_us(&v));
  }
  return NULL;
}

static void expect_sane_after_anything(bool has_operator) {
  struct breaker_view seen;
  struct crowd c = {.rule = {2, SECOND, 2 * SECOND, INT64_MAX / 2}, .alone = new_breaker()};
  c.has_operator = has_operator;
  run_crowd(&c, do_anything);
  breaker_look(c.alone, &c.rule, c.now_us, &seen);
  assert_in_range(seen.times_opened, 10, UINT64_MAX);
  if (!has_operator) {
    assert_int_equal(c.most_probes, 1);
  }
  breaker_set_force(c.alone, BREAKER_AUTOMATIC, NULL, c.now_us);
  open_it(&c, c.alone, c.now_us);
  breaker_free(c.alone);
}

static void threads_that_do_anything_never_probe_together(void **state) { expect_sane_after_anything(false); }

static void an_operator_among_the_threads_does_no_harm(void **state) { expect_sane_after_anything(true); }

static void replicas_agree_after_whatever_their_threads_did(void **state) {
  struct crowd c = {.rule = {2, SECOND, 5 * SECOND, 3 * SECOND}, .bus = bus_new(), .has_operator = true};
  run_crowd(&c, do_anything);
  struct breaker_view seen[BUS_REPLICAS];
  for (size_t i = 0; i < BUS_REPLICAS; i++) {
    breaker_look(shared(c.bus, i), &c.rule, bus_time(&c.bus->replicas[i]), &seen[i]);
    assert_int_equal(seen[i].force, seen[0].force);
    assert_int_equal(seen[i].opened_us == 0, seen[0].opened_us == 0);
  }
  bus_free(c.bus);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(of_many_threads_exactly_one_probes),
      cmocka_unit_test(of_all_replicas_threads_exactly_one_probes),
      cmocka_unit_test(threads_that_do_anything_never_probe_together),
      cmocka_unit_test(an_operator_among_the_threads_does_no_harm),
      cmocka_unit_test(replicas_agree_after_whatever_their_threads_did),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("breaker_threads", tests, NULL, NULL);
}
