/* Sixth stage: the call to a provider. Candidates are tried in their order, each by an attempt of its own (attempt.c);
 * a slow one may be raced by the next (race.c). When all have failed in ways that may pass, they are tried again after
 * a pause, within the request's time and the budget for such calls. All this ends when the first byte goes to the
 * client: what comes back is one reply to relay, or the last failure. */
#include "gateway/exchange.h"

#include "base/random.h"
#include "gateway/race.h"
#include "traffic/retry.h"

/* What has become of a candidate so far. */
struct tried {
  bool done;        /* nothing comes of trying it again */
  bool failed;      /* in a way that may pass */
  int64_t again_us; /* it has asked not to be called before; loop clock */
};

/* Where the walk over the candidates stands. */
struct walk {
  struct exchange *x;
  int64_t now_us;               /* when the walk last stood still */
  struct tried *tried;          /* by candidate */
  size_t at;                    /* the next one of this round */
  const struct candidate *busy; /* the first of this round whose places are all taken */
  struct attempt *spare;        /* made and not entered; NULL: none */
  const struct fault *refusal;  /* why the first one that cannot be said the request cannot be; NULL: there is none */
};

static bool client_is_gone(const struct exchange *x) { return http_request_client_is_gone(x->rq); }

/* Entered and built, or ERR_UNSUPPORTED, ERR_BAD_REQUEST, ERR_AGAIN, ERR_UNAVAILABLE as those say. */
static enum err prepare(struct walk *w, const struct candidate *c, bool wait, struct attempt **out) {
  struct attempt *t = w->spare ? w->spare : attempt_new(w->x);
  t->candidate = c;
  w->spare = NULL;
  enum err e = attempt_enter(t, wait, w->now_us);
  if (e == ERR_AGAIN || e == ERR_UNAVAILABLE) {
    w->spare = t;
    return e;
  }
  if (e == ERR_OK)
    e = attempt_build(t);
  if (e == ERR_OK) {
    *out = t;
    return ERR_OK;
  }
  if ((e == ERR_UNSUPPORTED || e == ERR_BAD_REQUEST) && !w->refusal)
    w->refusal = &t->fault;
  if (e != ERR_UNSUPPORTED && e != ERR_BAD_REQUEST)
    w->x->fault = t->fault.err == ERR_OK ? w->x->fault : t->fault;
  attempt_drop(t);
  return e;
}

/* The next candidate of this round that can be tried now. ERR_END: there is none. */
static enum err next_attempt(struct walk *w, struct attempt **out) {
  struct exchange *x = w->x;
  while (w->at < x->candidate_count) {
    size_t i = w->at++;
    if (w->tried[i].done || w->tried[i].again_us > w->now_us)
      continue;
    enum err e = prepare(w, &x->candidates[i], false, out);
    if (e == ERR_AGAIN && !w->busy)
      w->busy = &x->candidates[i];
    else if (e == ERR_UNSUPPORTED || e == ERR_BAD_REQUEST)
      w->tried[i].done = true;
    else if (e != ERR_AGAIN && e != ERR_UNAVAILABLE)
      return e;
  }
  return ERR_END;
}

/* Nobody can take the request now, so it queues where it would rather be. */
static enum err wait_for_place(struct walk *w, struct attempt **out) {
  const struct candidate *c = w->busy;
  w->busy = NULL;
  enum err e = c ? prepare(w, c, true, out) : ERR_END;
  if (e == ERR_UNSUPPORTED || e == ERR_BAD_REQUEST || e == ERR_UNAVAILABLE)
    return ERR_END;
  return e == ERR_OVERLOADED && w->x->attempt ? ERR_END : e; /* a provider's own failure says more */
}

static int64_t retry_after_of(const struct attempt *t) {
  const struct http_headers *h = t->head_arrived ? &http_reply_head(t->reply)->headers : NULL;
  struct provider_header *headers = arena_alloc(t->x->arena, ((h ? h->count : 0) + 1) * sizeof(*headers));
  if (!h)
    return 0;
  for (size_t i = 0; i < h->count; i++)
    headers[i] = (struct provider_header){h->at[i].name, h->at[i].value};
  int64_t us = provider_retry_after_us(headers, h->count, loop_wall_us());
  return us > 0 ? us : 0;
}

/* Whoever has failed for good, or asks for a pause, is left out of further rounds, or for so long. */
static void note_failure(void *ctx, const struct attempt *t) {
  struct walk *w = ctx;
  bool may_pass = provider_class_is_retried(t->class);
  w->now_us = loop_clock_us();
  w->tried[t->candidate - w->x->candidates] =
      (struct tried){.done = !may_pass, .failed = may_pass, .again_us = may_pass ? w->now_us + retry_after_of(t) : 0};
}

static struct retry_rule retry_rule(const struct config *c) {
  return (struct retry_rule){.attempts = c->retry.attempts,
                             .base_us = c->retry.base_ms * 1000,
                             .max_us = c->retry.max_ms * 1000,
                             .budget_percent = c->retry.budget_percent,
                             .budget_floor = c->retry.budget_floor};
}

/* One call more than the request itself needs: within the budget for such calls. */
static bool may_call_again(const struct exchange *x) {
  const struct retry_rule rule = retry_rule(x->config);
  struct retry_budget *budget = x->worker->gateway->retries;
  return !budget || retry_budget_take(budget, &rule, loop_clock_us());
}

static void note_first_call(const struct walk *w) {
  struct retry_budget *budget = w->x->worker->gateway->retries;
  if (budget)
    retry_budget_note_call(budget, w->now_us);
}

/* A second target for a race: the next candidate that can be tried at once, if one more call may be made. */
static struct attempt *second_for_race(void *ctx) {
  struct walk *w = ctx;
  struct exchange *x = w->x;
  struct attempt *t = NULL;
  w->now_us = loop_clock_us();
  if (client_is_gone(x) || next_attempt(w, &t) != ERR_OK)
    return NULL;
  if (may_call_again(x))
    return t;
  attempt_drop(t);
  w->at--; /* it is still there when the first one fails */
  return NULL;
}

/* What was tried becomes the exchange's newest: what happened to it is what the client hears of. */
static enum err run(struct walk *w, struct attempt **t) {
  struct exchange *x = w->x;
  const struct race_walk racing = {second_for_race, note_failure, w};
  bool races = race_applies(x, *t) && w->at < x->candidate_count;
  x->attempt = *t;
  enum err e = races ? race_run(t, &racing) : attempt_run(t);
  x->attempt = *t;
  x->fault = (*t)->fault;
  x->fault_quotes = (*t)->fault_quotes;
  return e;
}

/* One round over the candidates. ERR_END: whatever was tried has failed; *tried is the last result. */
static enum err try_all(struct walk *w, enum err *tried) {
  struct exchange *x = w->x;
  for (;;) {
    struct attempt *t = NULL;
    enum err e = next_attempt(w, &t);
    if (e == ERR_END)
      e = wait_for_place(w, &t);
    if (e != ERR_OK)
      return e;
    if (client_is_gone(x)) {
      attempt_drop(t);
      return ERR_CANCELLED;
    }
    if (x->attempt)
      attempt_give_up(x->attempt); /* there is something to take its place now */
    else
      note_first_call(w);
    *tried = run(w, &t);
    if (!attempt_falls_over(t, *tried))
      return *tried;
    note_failure(w, t);
    attempt_leave(t, w->now_us); /* it keeps its answer until another takes its place */
  }
}

/* How long the first of those asks to be left alone that may be tried again; false: nobody may. */
static bool shortest_wait(const struct walk *w, int64_t *out_us) {
  int64_t soonest_us = INT64_MAX, now_us = loop_clock_us();
  for (size_t i = 0; i < w->x->candidate_count; i++) {
    if (w->tried[i].failed && w->tried[i].again_us < soonest_us)
      soonest_us = w->tried[i].again_us;
  }
  *out_us = soonest_us > now_us ? soonest_us - now_us : 0;
  return soonest_us < INT64_MAX;
}

/* How long to pause before all are tried again; false: they are not. */
static bool may_go_round(const struct walk *w, int64_t *out_us) {
  const struct exchange *x = w->x;
  const struct retry_rule rule = retry_rule(x->config);
  int64_t wait_us;
  if (!x->attempt || !shortest_wait(w, &wait_us) || (int64_t)x->rounds >= rule.attempts || wait_us > rule.max_us ||
      client_is_gone(x))
    return false;
  int64_t pause_us = retry_delay_us(&rule, x->rounds, random_fast(), wait_us);
  if (loop_clock_us() + pause_us >= x->rq->received_us + x->config->timeouts.total_ms * 1000)
    return false;
  *out_us = pause_us;
  return may_call_again(x);
}

static enum err pause(struct walk *w, int64_t us) {
  int64_t before_us = loop_clock_us();
  enum err e = fiber_sleep(us);
  w->now_us = loop_clock_us();
  w->x->waited_us += w->now_us - before_us;
  w->x->rounds++;
  w->at = 0;
  w->busy = NULL;
  return e != ERR_OK || !client_is_gone(w->x) ? e : ERR_CANCELLED;
}

/* Nothing is left to try: the last failure is the answer, or the reason why nothing could be tried at all. */
static enum err give_answer(struct walk *w, enum err tried) {
  struct exchange *x = w->x;
  if (x->attempt) {
    x->fault = x->attempt->fault;
    x->fault_quotes = x->attempt->fault_quotes;
    return tried;
  }
  if (w->refusal) {
    x->fault = *w->refusal;
    return w->refusal->err;
  }
  fault_set(&x->fault, ERR_UNAVAILABLE, NULL, "every target of this model has failed and rests for a while");
  x->fault.retry_after_s = 1;
  return ERR_UNAVAILABLE;
}

enum err exchange_send(struct exchange *x) {
  struct walk w = {.x = x, .now_us = x->now_us};
  enum err tried = ERR_OK, e;
  w.tried = arena_zalloc(x->arena, (x->candidate_count + 1) * sizeof(*w.tried));
  for (;;) {
    int64_t pause_us = 0;
    e = try_all(&w, &tried);
    if (e != ERR_END)
      return e;
    if (!may_go_round(&w, &pause_us))
      return give_answer(&w, tried);
    e = pause(&w, pause_us);
    if (e != ERR_OK)
      return e;
  }
}
