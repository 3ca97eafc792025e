/* The fault matrix, its cells: one request under one row, and what follows from the row for it by the product's rules,
 * however the gateway comes to it. */
#ifndef ROUTING_DUE_H
#define ROUTING_DUE_H

#include "routing_play.h"

enum strategy { ORDERED, WEIGHTED, LATENCY, COST, LEAST_BUSY, STRATEGIES };
static const char *const strategy_names[STRATEGIES] = {"ordered", "weighted", "latency", "cost", "least_busy"};

/* ALONE: one target, which fails once. FIRST_FAILS: the one that the strategy prefers fails, the other is good.
 * ALL_FAIL: both do. The others race: the first fails AT_ONCE, or late, while the good one is RUNNING, or where one ALL
 * FAIL the bad one, or so late that the good one has WON. */
enum layout { ALONE, FIRST_FAILS, ALL_FAIL, RACE_AT_ONCE, RACE_RUNNING, RACE_ALL_FAIL, RACE_WON, LAYOUTS };
static const char *const layout_names[LAYOUTS] = {
    "alone", "first fails", "all fail", "race, at once", "race, both running", "race, all fail", "race, the other won"};

#define RACE_DELAY_MS 500 /* models[].hedge.delay; between the two sorts of delay of the provider that fails */
#define LATE_MS       700
#define LONG_PAUSE_MS 1000 /* retry.max */

struct cell {
  const struct row *row;
  enum dialect client, first, second; /* second: of the good target, or of the other one that fails */
  bool stream;
  enum strategy strategy;
  enum layout layout;
  int retries; /* retry.attempts */
};

/* One attempt, as the ledger is to have it. */
struct due_attempt {
  char letter;
  const char *outcome, *error;
  int status, upstream_status;
  int64_t input, output; /* input -1: estimated of the request */
  bool estimated;
};

#define ATTEMPTS_MOST 4
struct due {
  struct due_attempt attempts[ATTEMPTS_MOST]; /* by attempt number */
  size_t count, answering;                    /* answering: index of the attempt that the client hears of */
  const char *outcome, *error;                /* of the record */
  int status;
  bool is_whole;   /* the client gets the whole right answer */
  bool is_stream;  /* a stream, whole or not */
  unsigned events; /* of it the client has got what these of the provider's make */
  bool has_error;  /* behind them, or in place of an answer */
  unsigned failovers, rounds;
  bool hedged, hedge_won;
  unsigned failures[2], successes[2]; /* of the breakers of f and g */
  int64_t least_us;                   /* it takes at least so long */
};

static inline bool is_retried(const char *class) {
  for (size_t i = 0; i < COUNT_OF(class_table); i++)
    if (strcmp(class_table[i].name, class) == 0)
      return class_table[i].is_retried;
  abort();
}
static inline bool counts(const char *class) {
  for (size_t i = 0; i < COUNT_OF(class_table); i++)
    if (strcmp(class_table[i].name, class) == 0)
      return class_table[i].counts;
  abort();
}

static inline bool is_race(const struct cell *c) { return c->layout >= RACE_AT_ONCE; }
static inline enum dialect dialect_of(const struct cell *c, char letter) {
  return letter == 'f' ? c->first : c->second;
}
static inline int seen_status(const struct row *r) {
  return r->door != OPEN ? 0 : r->seen ? r->seen : r->raw ? 0 : r->answers ? r->answers : 200;
}

/* In a race only a first token decides, so what breaks before it may still fall over; the caller's mistake may not. */
static inline bool falls_over(const struct cell *c) {
  const struct row *r = c->row;
  return r->fate == FALLS_OVER ||
         (r->fate == BREAKS && r->phase == BEFORE_TOKEN && is_race(c) && strcmp(r->class, "client_error") != 0);
}
static inline const char *class_of(const struct cell *c) {
  return falls_over(c) && c->row->fate == BREAKS && c->row->raced_class ? c->row->raced_class : c->row->class;
}

static inline struct due_attempt *add(struct due *d, char letter, const char *outcome, const char *error, int status,
                                      int upstream_status) {
  struct due_attempt *a = &d->attempts[d->count++];
  *a = (struct due_attempt){letter, outcome, error, status, upstream_status, 0, 0, false};
  return a;
}

static inline void add_failure(struct due *d, const struct cell *c, char letter) {
  (void)add(d, letter, "failed_over", class_of(c), 0, seen_status(c->row));
  d->failovers++;
  d->failures[letter == 'g'] += counts(class_of(c));
}

static inline void add_answer(struct due *d, char letter) {
  struct due_attempt *a = add(d, letter, "ok", "", 200, 200);
  a->input = 100;
  a->output = 20;
  d->successes[letter == 'g']++;
}

static inline void answer(struct due *d, const struct cell *c, char letter) {
  add_answer(d, letter);
  d->answering = d->count - 1;
  d->outcome = "ok";
  d->error = "";
  d->status = 200;
  d->is_whole = true;
  d->is_stream = c->stream;
  d->events = letter == 'f' && c->row->phase == BEFORE_END ? c->row->events : EVENTS_MOST;
}

/* The failure itself is the answer. */
static inline void end_in_failure(struct due *d, const struct cell *c, char letter) {
  const struct row *r = c->row;
  (void)add(d, letter, "error", r->error, r->status, seen_status(r));
  d->answering = d->count - 1;
  d->outcome = "error";
  d->error = r->error;
  d->status = r->status;
  d->has_error = true;
  d->failures[letter == 'g'] += counts(r->class);
}

/* What a broken stream has cost: nothing before its first token. Then the provider's own counts as far as they were
 * read, and estimates by a third of the bytes for what they leave out. */
static inline void count_broken(struct due_attempt *a, const struct cell *c) {
  bool passes = c->first == c->client;
  if (c->row->events < 3)
    return;
  a->output = 2; /* six letters */
  a->estimated = true;
  a->input = c->first == ANTHROPIC ? 100 : -1;
  if (c->row->events < 6)
    return;
  a->output = 4;
  if (passes) { /* the usage stands in the last event but one */
    a->input = 100;
    a->output = 20;
    a->estimated = false;
  }
}

static inline void break_off(struct due *d, const struct cell *c) {
  const struct row *r = c->row;
  bool is_told = r->then == TELLS_ERROR;
  d->outcome = is_told ? "error" : "cut";
  struct due_attempt *a = add(d, 'f', d->outcome, r->error, 200, 200);
  count_broken(a, c);
  d->answering = d->count - 1;
  d->error = r->error;
  d->status = 200;
  d->is_stream = true;
  d->events = r->events;
  d->has_error = true;
  d->failures[0] += counts(r->class);
}

/* One call of f, and whatever the row makes of it when nobody else is there any more. */
static inline void end_with_f(struct due *d, const struct cell *c) {
  if (c->row->fate == ANSWERS)
    answer(d, c, 'f');
  else if (c->row->fate == BREAKS && !falls_over(c))
    break_off(d, c);
  else
    end_in_failure(d, c, 'f');
}

static inline bool goes_round(const struct cell *c) {
  return c->retries > 0 && is_retried(class_of(c)) && c->row->pause_ms <= LONG_PAUSE_MS;
}

static inline void go_round(struct due *d, const struct cell *c) {
  d->rounds = 1;
  d->least_us = c->row->pause_ms * MS_US;
}

static inline void due_alone(struct due *d, const struct cell *c) {
  if (!falls_over(c) || !goes_round(c)) {
    end_with_f(d, c);
    return;
  }
  add_failure(d, c, 'f');
  go_round(d, c);
  if (c->row->door == OPEN)
    answer(d, c, 'f');
  else
    end_in_failure(d, c, 'f');
}

static inline void lose(struct due *d, char letter, int upstream_status) {
  (void)add(d, letter, "hedge_lost", "", 0, upstream_status);
}

static inline void due_all_fail(struct due *d, const struct cell *c) {
  d->hedged = is_race(c);
  if (!falls_over(c)) {
    end_with_f(d, c);
    if (d->hedged)
      lose(d, 'g', 0);
    return;
  }
  add_failure(d, c, 'f');
  if (goes_round(c)) {
    add_failure(d, c, 'g');
    go_round(d, c);
    add_failure(d, c, 'f');
  }
  end_in_failure(d, c, 'g');
}

/* Something is said late by what does not fail before the race begins. */
static inline bool strikes_late(const struct row *r) {
  return r->ending == FALLS_SILENT && r->phase != AFTER_TOKEN && r->phase != BEFORE_END && r->phase != AFTER_END;
}

static inline void due_race(struct due *d, const struct cell *c) {
  bool late = c->layout != RACE_AT_ONCE;
  d->hedged = late || strikes_late(c->row);
  if (c->layout == RACE_WON || (!late && d->hedged)) {
    const struct row *r = c->row;
    bool has_head = !late && !r->raw; /* silence after the head */
    lose(d, 'f', has_head ? seen_status(r) : 0);
    answer(d, c, 'g');
    d->hedge_won = true;
  } else if (falls_over(c)) {
    add_failure(d, c, 'f');
    answer(d, c, 'g');
    d->hedge_won = late;
  } else {
    end_with_f(d, c);
    if (late)
      lose(d, 'g', 0);
  }
}

static inline struct due due_of(const struct cell *c) {
  struct due d = {0};
  switch (c->layout) {
  case ALONE: due_alone(&d, c); break;
  case ALL_FAIL:
  case RACE_ALL_FAIL: due_all_fail(&d, c); break;
  case FIRST_FAILS:
    if (falls_over(c)) {
      add_failure(&d, c, 'f');
      answer(&d, c, 'g');
    } else {
      end_with_f(&d, c);
    }
    break;
  default: due_race(&d, c);
  }
  return d;
}

#endif
