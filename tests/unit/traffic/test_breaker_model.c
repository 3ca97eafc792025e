/* A breaker against a model that knows nothing of epochs, rings and states: it keeps the list of all that happened and
 * works out from its beginning, after each step, who had to be let in and what has to be seen. Random calls that
 * overlap, verdicts, streams, operators and reloads, on a virtual clock that likes to stop exactly at the edges. */
#include "traffic/breaker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SESSIONS 1200
#define STEPS    250
#define SLOTS    9

enum event_kind { EVENT_ENTER, EVENT_LEAVE, EVENT_ANSWERS, EVENT_FORCE, EVENT_TIME };
static const char *const kind_names[] = {"enter", "leave", "answers", "force", "time"};

struct event {
  enum event_kind kind;
  int call; /* a slot; it holds one call after the other */
  enum breaker_verdict verdict;
  enum breaker_force force;
  struct breaker_rule rule; /* at that time */
  int64_t now_us;
};

/* What the list means. Indices are those of events; NONE: no such event. */
#define NONE (-1)
struct truth {
  enum breaker_force force;
  bool is_open;
  int64_t open_since_us;
  int probe;        /* the entering of the probe that has the place */
  int since, clear; /* verdicts of what entered before `since` are void; failures before `clear` do not count */
  bool counts[STEPS];
  struct truth_call {
    bool is_in, is_probe;
    int entered;
  } calls[SLOTS];
  uint64_t failures, successes, refused, times_opened;
};

enum answer { ANSWER_REFUSED, ANSWER_ORDINARY, ANSWER_PROBE };

static enum answer may_enter(const struct truth *t, const struct event *list, const struct breaker_rule *r,
                             int64_t now_us) {
  if (t->force == BREAKER_FORCED_OPEN)
    return ANSWER_REFUSED;
  if (t->force == BREAKER_FORCED_CLOSED || !t->is_open)
    return ANSWER_ORDINARY;
  bool waits = now_us < t->open_since_us + r->open_us;
  bool is_taken = t->probe != NONE && now_us < list[t->probe].now_us + r->probe_us;
  return waits || is_taken ? ANSWER_REFUSED : ANSWER_PROBE;
}

/* Failures that count at the time, with all that a failure since then has found too old left out. */
static uint64_t failures_within(const struct truth *t, const struct event *list, int count, int64_t oldest_us) {
  uint64_t n = 0;
  for (int i = count - 1; i >= t->clear; i--) {
    if (!t->counts[i])
      continue;
    if (list[i].now_us > oldest_us)
      n++;
    if (list[i].now_us - list[i].rule.window_us > oldest_us)
      oldest_us = list[i].now_us - list[i].rule.window_us;
  }
  return n;
}

static void open_at(struct truth *t, const struct event *list, int i) {
  t->is_open = true;
  t->open_since_us = list[i].now_us;
  t->times_opened++;
  t->since = t->clear = i + 1;
  t->probe = NONE;
}

static void close_at(struct truth *t, int i) {
  t->is_open = false;
  t->since = t->clear = i;
  t->probe = NONE;
}

static void play_leave(struct truth *t, const struct event *list, int i) {
  struct truth_call c = t->calls[list[i].call];
  bool failed = list[i].verdict == BREAKER_FAILURE, is_neutral = list[i].verdict == BREAKER_NEUTRAL;
  t->calls[list[i].call].is_in = false;
  t->failures += failed;
  t->successes += !failed && !is_neutral;
  if (t->force != BREAKER_AUTOMATIC)
    return;
  if (c.is_probe) {
    if (t->probe != c.entered)
      return;
    t->probe = NONE;
    if (failed)
      open_at(t, list, i);
    else if (!is_neutral)
      close_at(t, i);
  } else if (c.entered >= t->since && !t->is_open) {
    t->counts[i] = failed;
    if (failed && failures_within(t, list, i + 1, INT64_MIN) >= (uint64_t)list[i].rule.failures)
      open_at(t, list, i);
    else if (!failed && !is_neutral)
      t->clear = i;
  }
}

static void play(struct truth *t, const struct event *list, int i) {
  const struct event *e = &list[i];
  struct truth_call *c = &t->calls[e->call];
  enum answer answer = ANSWER_REFUSED;
  switch (e->kind) {
  case EVENT_ENTER:
    answer = may_enter(t, list, &e->rule, e->now_us);
    *c = (struct truth_call){answer != ANSWER_REFUSED, answer == ANSWER_PROBE, i};
    t->refused += answer == ANSWER_REFUSED;
    t->probe = answer == ANSWER_PROBE ? i : t->probe;
    break;
  case EVENT_LEAVE: play_leave(t, list, i); break;
  case EVENT_ANSWERS:
    if (c->is_probe && t->probe == c->entered) {
      close_at(t, i);
      *c = (struct truth_call){true, false, i};
    }
    break;
  case EVENT_FORCE:
    close_at(t, i);
    t->force = e->force;
    break;
  case EVENT_TIME: break;
  }
}

/* From scratch. */
static void work_out(const struct event *list, int count, struct truth *out) {
  *out = (struct truth){.probe = NONE};
  for (int i = 0; i < count; i++)
    play(out, list, i);
}

/* --- the walk --- */

struct walk {
  uint64_t seed, random;
  struct breaker *b;
  struct breaker_rule rule;
  int64_t now_us;
  unsigned failure_percent;
  struct breaker_pass passes[SLOTS];
  struct event list[STEPS];
  int count;
};

static const struct breaker_rule rules[] = {
    {3, 60000000, 1800000000, 120000000},
    {1, 10, 20, 5},
    {2, 10, 7, 30},
    {3, 12, 4, 4},
    {5, 40, 9, 1},
    {8, 1000, 50, 10},
    {1, 1, 1, 1},
    {30, 200, 25, 9},
    {1000000, 86400000000, 20, 10},
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static unsigned pick(struct walk *w, unsigned below) {
  w->random = w->random * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(w->random >> 33) % below;
}

static void tell_history(const struct walk *w) {
  for (int i = w->count > 40 ? w->count - 40 : 0; i < w->count; i++) {
    const struct event *e = &w->list[i];
    print_message("# %3d at %lld: %s, call %d, verdict %d, force %d, rule %lld %lld %lld %lld\n", i,
                  (long long)e->now_us, kind_names[e->kind], e->call, e->verdict, e->force, (long long)e->rule.failures,
                  (long long)e->rule.window_us, (long long)e->rule.open_us, (long long)e->rule.probe_us);
  }
}

static void expect_same(const struct walk *w, const char *what, uint64_t got, uint64_t expected) {
  if (got == expected)
    return;
  tell_history(w);
  fail_msg("seed %llu, step %d: %s is %llu instead of %llu", (unsigned long long)w->seed, w->count - 1, what,
           (unsigned long long)got, (unsigned long long)expected);
}

static enum breaker_state expected_state(const struct walk *w, const struct truth *t) {
  if (t->force != BREAKER_AUTOMATIC || !t->is_open)
    return t->force == BREAKER_FORCED_OPEN ? BREAKER_OPEN : BREAKER_CLOSED;
  return w->now_us < t->open_since_us + w->rule.open_us ? BREAKER_OPEN : BREAKER_HALF_OPEN;
}

static void compare(const struct walk *w, const struct truth *t) {
  struct breaker_view v;
  breaker_look(w->b, &w->rule, w->now_us, &v);
  enum breaker_state state = expected_state(w, t);
  bool counts = state == BREAKER_CLOSED && t->force == BREAKER_AUTOMATIC;
  bool probing =
      state == BREAKER_HALF_OPEN && t->probe != NONE && w->now_us < w->list[t->probe].now_us + w->rule.probe_us;
  expect_same(w, "state", v.state, state);
  expect_same(w, "force", v.force, t->force);
  expect_same(w, "probing", v.probing, probing);
  expect_same(w, "failures in the window", v.failures_in_window,
              counts ? failures_within(t, w->list, w->count, w->now_us - w->rule.window_us) : 0);
  expect_same(w, "failures", v.failures, t->failures);
  expect_same(w, "successes", v.successes, t->successes);
  expect_same(w, "refused", v.refused, t->refused);
  expect_same(w, "times opened", v.times_opened, t->times_opened);
  if (t->force == BREAKER_AUTOMATIC && t->is_open)
    expect_same(w, "opened_us", (uint64_t)v.opened_us, (uint64_t)t->open_since_us);
  expect_same(w, "lets", breaker_lets(w->b, &w->rule, w->now_us),
              may_enter(t, w->list, &w->rule, w->now_us) != ANSWER_REFUSED);
}

/* On, beside or far from an edge of the rule. */
static void let_time_pass(struct walk *w) {
  const int64_t edges[] = {w->rule.window_us, w->rule.open_us, w->rule.probe_us, w->rule.open_us};
  if (pick(w, 2) > 0)
    w->now_us += pick(w, 3);
  else
    w->now_us += edges[pick(w, 4)] + (int64_t)pick(w, 3) - 1;
}

static struct event choose(struct walk *w) {
  struct event e = {.kind = EVENT_TIME, .call = (int)pick(w, SLOTS)};
  unsigned what = pick(w, 200);
  if (what == 0) {
    e.kind = EVENT_FORCE;
    e.force = pick(w, 3) > 0 ? BREAKER_AUTOMATIC : (enum breaker_force)pick(w, 3);
  } else if (what == 1) {
    w->rule = rules[pick(w, RULES)];
  } else if (what < 70) {
    let_time_pass(w);
  } else if (!w->passes[e.call].breaker) {
    e.kind = EVENT_ENTER;
  } else {
    e.kind = pick(w, 8) == 0 ? EVENT_ANSWERS : EVENT_LEAVE;
    e.verdict = pick(w, 8) == 0                     ? BREAKER_NEUTRAL
                : pick(w, 100) < w->failure_percent ? BREAKER_FAILURE
                                                    : BREAKER_SUCCESS;
  }
  e.rule = w->rule;
  e.now_us = w->now_us;
  return e;
}

static void step(struct walk *w) {
  struct event e = choose(w);
  struct truth t;
  bool entered = false;
  struct breaker_pass *p = &w->passes[e.call];
  w->list[w->count++] = e;
  switch (e.kind) {
  case EVENT_ENTER: entered = breaker_enter(w->b, &w->rule, w->now_us, p); break;
  case EVENT_LEAVE: breaker_leave(p, &w->rule, e.verdict, "x", w->now_us); break;
  case EVENT_ANSWERS: breaker_probe_answers(p, w->now_us); break;
  case EVENT_FORCE: breaker_set_force(w->b, e.force, "x", w->now_us); break;
  case EVENT_TIME: break;
  }
  work_out(w->list, w->count, &t);
  if (e.kind == EVENT_ENTER)
    expect_same(w, "let in", entered, t.calls[e.call].is_in);
  expect_same(w, "the pass", p->breaker != NULL, t.calls[e.call].is_in);
  if (p->breaker)
    expect_same(w, "is_probe", p->is_probe, t.calls[e.call].is_probe);
  compare(w, &t);
}

static void a_breaker_does_what_the_list_of_all_events_says(void **state) {
  static struct walk w;
  uint64_t opened = 0, steps = 0;
  for (uint64_t seed = 1; seed <= SESSIONS; seed++) {
    struct breaker_name name = {TEXT("p"), TEXT("e"), TEXT("c")};
    struct breaker_view v;
    w = (struct walk){.seed = seed, .random = seed * 0x9E3779B97F4A7C15u, .b = breaker_new(&name, NULL)};
    w.rule = rules[seed % RULES];
    w.now_us = (int64_t)pick(&w, 1000) - 500;
    w.failure_percent = 40 + pick(&w, 61);
    while (w.count < STEPS)
      step(&w);
    breaker_look(w.b, &w.rule, w.now_us, &v);
    opened += v.times_opened;
    steps += (uint64_t)w.count;
    breaker_free(w.b);
  }
  assert_in_range(steps, 200000, UINT64_MAX);
  assert_in_range(opened, 5000, UINT64_MAX); /* the walk goes where it is interesting */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_breaker_does_what_the_list_of_all_events_says),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("breaker_model", tests, NULL, NULL);
}
