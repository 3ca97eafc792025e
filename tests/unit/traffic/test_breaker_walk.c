/* Three replicas on a bus that delivers late, in any order and twice, with calls, ticks, operators and restarts at
 * random: no two replicas ever probe together, and when the bus is empty all say the same. */
#include "breaker_bus.h"

#define SECOND INT64_C(1000000)

static struct breaker *at(struct bus *bus, size_t i) {
  return breakers_find(bus->replicas[i].all, TEXT("vendor"), TEXT("https://vendor.test"), TEXT("main"));
}

#define WALKS 300
#define STEPS 4000
#define CALLS 8

static const struct breaker_rule quick = {2, SECOND, 5 * SECOND, 3 * SECOND};
/* Messages take at most so long: less than a probe or an opening lasts, which is what the promise rests on. */
#define LATEST_US (SECOND / 4)

struct walk {
  uint64_t seed, random;
  struct bus *bus;
  bool has_operator, has_restarts;
  struct walk_call {
    struct breaker_pass pass;
    size_t replica;
    int64_t probes_until_us; /* when it ends or is given up; until then nobody else may probe */
  } calls[CALLS];
  uint64_t probes;
};

static unsigned pick(struct walk *w, unsigned below) {
  w->random = w->random * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(w->random >> 33) % below;
}

static void deliver_some(struct walk *w) {
  struct bus *bus = w->bus;
  while (bus->queued > 0 && pick(w, 3) > 0)
    bus_take(bus, pick(w, (unsigned)bus->queued), pick(w, 10) == 0);
  for (size_t i = 0; i < bus->queued;) {
    if (bus->now_us - bus->queue[i].sent_us < LATEST_US) {
      i++;
    } else {
      bus_take(bus, i, false);
      i = 0;
    }
  }
}

static void call_begins(struct walk *w, struct walk_call *c) {
  struct bus *bus = w->bus;
  struct replica *r = &bus->replicas[c->replica];
  if (!breaker_enter(at(bus, c->replica), &quick, bus_time(r), &c->pass))
    return;
  if (!c->pass.is_probe || w->has_operator)
    return;
  struct breaker_view v;
  breaker_look(at(bus, c->replica), &quick, bus_time(r), &v);
  assert_true(v.probing);
  c->probes_until_us = v.until_us - r->clock_ahead_us;
  w->probes++;
  for (size_t i = 0; i < CALLS; i++) {
    struct walk_call *other = &w->calls[i];
    if (other != c && bus->now_us < other->probes_until_us)
      fail_msg("seed %d: replicas %zu and %zu probe together", (int)w->seed, other->replica, c->replica);
  }
}

static void call_goes_on(struct walk *w, struct walk_call *c) {
  int64_t now_us = bus_time(&w->bus->replicas[c->replica]);
  c->probes_until_us = INT64_MIN;
  if (pick(w, 5) == 0)
    breaker_probe_answers(&c->pass, now_us);
  else
    breaker_leave(&c->pass, &quick, pick(w, 6) == 0 ? BREAKER_NEUTRAL : (enum breaker_verdict)pick(w, 2), "x", now_us);
}

static void restart(struct walk *w, size_t i) {
  for (size_t n = 0; n < CALLS; n++)
    if (w->calls[n].replica == i)
      w->calls[n] = (struct walk_call){.probes_until_us = INT64_MIN};
  bus_kill(w->bus, i);
  bus_start(w->bus, i);
}

static void step(struct walk *w) {
  struct bus *bus = w->bus;
  struct walk_call *c = &w->calls[pick(w, CALLS)];
  unsigned what = pick(w, 400);
  bus->now_us += pick(w, 4) == 0 ? pick(w, 200000) : pick(w, 3);
  deliver_some(w);
  if (what == 0 && w->has_operator)
    breaker_set_force(at(bus, c->replica), (enum breaker_force)pick(w, 3), "o", bus_time(&bus->replicas[c->replica]));
  else if (what == 1 && w->has_restarts)
    restart(w, c->replica);
  else if (what < 20)
    breakers_tick(bus->replicas[what % BUS_REPLICAS].all, &quick, bus_time(&bus->replicas[what % BUS_REPLICAS]));
  else if (c->pass.breaker && pick(w, 3) == 0)
    call_goes_on(w, c);
  else if (!c->pass.breaker) {
    *c = (struct walk_call){.replica = pick(w, BUS_REPLICAS), .probes_until_us = INT64_MIN};
    call_begins(w, c);
  }
}

static struct breaker_view look(struct bus *bus, size_t i) {
  struct breaker_view v;
  breaker_look(at(bus, i), &quick, bus_time(&bus->replicas[i]), &v);
  return v;
}

static void expect_agreement(struct walk *w) {
  for (size_t i = 0; i < BUS_REPLICAS; i++)
    at(w->bus, i); /* one that has just started asks the others first */
  bus_settle(w->bus);
  struct breaker_view first = look(w->bus, 0);
  for (size_t i = 1; i < BUS_REPLICAS; i++) {
    struct breaker_view v = look(w->bus, i);
    if (v.force != first.force || (v.opened_us == 0) != (first.opened_us == 0))
      fail_msg("seed %d: replica 0 says state %d, force %d; replica %zu says state %d, force %d", (int)w->seed,
               first.state, first.force, i, v.state, v.force);
  }
}

static void whatever_happens_one_probes_and_all_agree_in_the_end(void **state) {
  uint64_t probes = 0;
  for (uint64_t seed = 1; seed <= WALKS; seed++) {
    struct walk w = {.seed = seed, .random = seed * 0x9E3779B97F4A7C15u, .bus = bus_new()};
    w.bus->is_late = true;
    w.has_operator = seed % 3 == 0;
    w.has_restarts = seed % 2 == 0;
    for (int i = 0; i < STEPS; i++) {
      step(&w);
      if (i % 500 == 499)
        expect_agreement(&w);
    }
    probes += w.probes;
    bus_free(w.bus);
  }
  assert_in_range(probes, 3000, UINT64_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whatever_happens_one_probes_and_all_agree_in_the_end),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("breaker_walk", tests, NULL, NULL);
}
