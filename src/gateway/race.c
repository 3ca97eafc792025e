/* Two attempts at one time, each in a fiber of its own, and the exchange's fiber waiting for the first good one. Only
 * the time until the first token is raced: from then on the winner is an attempt like any other. Called by send.c. */
#include "gateway/race.h"

#include "base/log.h"
#include "traffic/load.h"

#define RUNNERS 2

struct runner {
  struct attempt *t;
  struct fiber *parent;
  struct fiber *fiber;
  enum err result;
  bool over, seen; /* it has ended; the race knows */
};

struct race {
  struct exchange *x;
  const struct race_walk *walk;
  struct runner at[RUNNERS];
  size_t count;
};

bool race_applies(const struct exchange *x, const struct attempt *first) {
  return x->model && x->model->hedge.enabled && x->route.kind == ROUTE_CALL && !exchange_is_count(x) &&
         first->candidate->target;
}

static int64_t delay_us(const struct exchange *x, const struct attempt *t) {
  const struct config_hedge *h = &x->model->hedge;
  if (h->delay_ms > 0)
    return h->delay_ms * 1000;
  int64_t us = load_first_token_p95_us(t->candidate->load, x->ask.stream, loop_clock_us());
  if (us < 0 || us > h->max_ms * 1000)
    return h->max_ms * 1000;
  return us < h->min_ms * 1000 ? h->min_ms * 1000 : us;
}

static void runner_main(void *arg) {
  struct runner *r = arg;
  log_context()->request_id = r->t->x->rq->id;
  log_context()->stage = "send";
  r->result = attempt_run(&r->t);
  r->over = true;
  fiber_wake(r->parent);
}

static bool start(struct race *r, struct attempt *t) {
  struct runner *runner = &r->at[r->count];
  *runner = (struct runner){.t = t, .parent = fiber_self()};
  t->races = true;
  if (fiber_start(loop_current(), runner_main, runner, &runner->fiber) != ERR_OK)
    return false;
  r->count++;
  return true;
}

static struct runner *news(struct race *r) {
  for (size_t i = 0; i < r->count; i++) {
    if (r->at[i].over && !r->at[i].seen)
      return &r->at[i];
  }
  return NULL;
}

/* Until one more has ended. */
static enum err wait_for_news(struct race *r, int64_t deadline_us, struct runner **out) {
  int64_t before_us = loop_clock_us();
  enum err e = ERR_OK;
  while (!news(r) && e == ERR_OK)
    e = fiber_park(deadline_us);
  r->x->waited_us += loop_clock_us() - before_us;
  *out = news(r);
  return *out ? ERR_OK : e;
}

/* Ends a runner: cancels it and waits, also when this fiber is cancelled itself, for it uses what is ours. */
static void stop(struct runner *r) {
  bool cancelled = false;
  if (!r->over)
    fiber_cancel(r->fiber);
  while (!r->over) {
    if (fiber_is_cancelled(fiber_self())) {
      cancelled = true;
      fiber_clear_cancel();
    }
    enum err ignored = fiber_park(FIBER_NO_DEADLINE);
    (void)ignored;
  }
  if (cancelled)
    fiber_cancel(fiber_self());
}

/* Nothing that the caller should get while the other one may still do better. */
static bool has_failed(const struct race *r, const struct runner *runner) {
  const struct attempt *t = runner->t;
  if (runner->result != ERR_OK || runner == &r->at[0])
    return runner->result != ERR_OK || attempt_falls_over(t, ERR_OK);
  return t->class != PROVIDER_OK || t->tap.failed;
}

/* One of which the race does not know how it went. */
static bool one_is_left(const struct race *r) {
  for (size_t i = 0; i < r->count; i++) {
    if (!r->at[i].seen)
      return true;
  }
  return false;
}

static void give_up(struct race *r, struct runner *runner) {
  r->walk->note_failure(r->walk->ctx, runner->t);
  attempt_give_up(runner->t);
}

/* The winner goes on alone. The other may have failed by itself in the same moment, which then counts against it. */
static enum err finish(struct race *r, struct runner *winner, struct attempt **t) {
  for (size_t i = 0; i < r->count; i++) {
    struct runner *other = &r->at[i];
    if (other == winner || other->seen)
      continue;
    if (other->over && has_failed(r, other)) {
      give_up(r, other);
      continue;
    }
    stop(other);
    other->t->lost = true;
    attempt_settle(other->t, "hedge_lost", "");
  }
  winner->t->races = false;
  r->x->hedge_won |= winner != &r->at[0] && !has_failed(r, winner);
  *t = winner->t;
  return winner->result;
}

/* The client has left, or the program ends. What is not *t is settled here. */
static enum err cancel(struct race *r, struct attempt **t) {
  for (size_t i = 0; i < r->count; i++)
    stop(&r->at[i]);
  for (size_t i = 1; i < r->count; i++)
    attempt_settle(r->at[i].t, "cancelled", "");
  r->at[0].t->races = false;
  *t = r->at[0].t;
  return ERR_CANCELLED;
}

enum err race_run(struct attempt **t, const struct race_walk *walk) {
  struct race race = {.x = (*t)->x, .walk = walk}, *r = &race;
  int64_t deadline_us = loop_clock_us() + delay_us(r->x, *t);
  if (!start(r, *t)) {
    (*t)->races = false;
    return attempt_run(t);
  }
  for (;;) {
    struct runner *runner = NULL;
    enum err e = wait_for_news(r, deadline_us, &runner);
    if (runner) {
      runner->seen = true;
      if (!has_failed(r, runner) || !one_is_left(r))
        return finish(r, runner, t);
      give_up(r, runner);
    } else if (e == ERR_TIMEOUT) {
      struct attempt *other = walk->second(walk->ctx);
      deadline_us = FIBER_NO_DEADLINE;
      if (other && !start(r, other))
        attempt_drop(other);
      r->x->hedged |= r->count > 1;
    } else {
      return cancel(r, t);
    }
  }
}
