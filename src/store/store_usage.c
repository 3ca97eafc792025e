/* Questions about the roll-ups on any driver. The database adds up what is told apart; what has no level of its own
 * (hours, weeks, months, a stretch that begins in the middle of a day) is put together here from quarters and days.
 * Asked by `weir usage`; the sums are made in store_rollup.c. */
#include "store/store_usage.h"

#include "base/calendar.h"

const struct store_usage_ops store_usage = {.log = store_usage_log,
                                            .roll_up = store_usage_roll_up,
                                            .recheck = store_usage_recheck,
                                            .sums = store_usage_sums,
                                            .archive = store_usage_archive,
                                            .archives = store_usage_archives};

#define FOREVER_US INT64_C(250000000000000000) /* beyond any calendar's day */

static const char doing[] = "reading usage";

/* A stretch that is answered from one kind of sums. */
struct stretch {
  enum usage_level levels[2];
  int64_t from_us, to_us;
};

struct question {
  const struct usage_ask *ask;
  struct arena *arena;
  struct stretch stretches[5];
  size_t stretch_count;
  struct usage_sum *sums;
  size_t count;
};

static int64_t round_down(int64_t at_us, int64_t width_us) {
  return (at_us / width_us - (at_us % width_us < 0)) * width_us;
}

static int64_t round_up(int64_t at_us, int64_t width_us) {
  return at_us >= FOREVER_US ? at_us : round_down(at_us + width_us - 1, width_us);
}

static int64_t day_down(int64_t at_us) {
  int64_t start_us, end_us;
  calendar_span(CALENDAR_DAY, at_us, &start_us, &end_us);
  return start_us;
}

static int64_t day_up(int64_t at_us) {
  int64_t start_us, end_us;
  if (at_us >= FOREVER_US)
    return at_us;
  calendar_span(CALENDAR_DAY, at_us, &start_us, &end_us);
  return start_us == at_us ? at_us : end_us;
}

/* Days of fewer kinds hold the same sums in fewer rows. */
static enum usage_level days_of(const struct usage_ask *ask) {
  bool whom = ask->by & (USAGE_BY_KEY | USAGE_BY_USER | USAGE_BY_WORKSPACE) || ask->key_id || ask->user.len ||
              ask->workspace.len || ask->org_id;
  bool what = ask->by & (USAGE_BY_PROVIDER | USAGE_BY_MODEL | USAGE_BY_OUTCOME) || ask->provider.len ||
              ask->model.len || ask->outcome.len;
  return whom ? what ? USAGE_LEVEL_DAY : USAGE_LEVEL_WHOM : USAGE_LEVEL_WHAT;
}

static void add_stretch(struct question *q, bool is_days, int64_t from_us, int64_t to_us) {
  if (from_us < to_us)
    q->stretches[q->stretch_count++] = (struct stretch){
        {is_days ? USAGE_LEVEL_DAY : USAGE_LEVEL_QUARTER, is_days ? USAGE_LEVEL_DAY : USAGE_LEVEL_ARCHIVED},
        from_us,
        to_us};
}

/* Whole days in the middle, quarters at the edges. */
static void add_all(struct question *q, int64_t from_us, int64_t to_us) {
  int64_t first_us, last_us;
  from_us = from_us ? round_down(from_us, TALLY_SLOT_US) : INT64_MIN;
  to_us = round_up(to_us, TALLY_SLOT_US);
  first_us = from_us == INT64_MIN ? from_us : day_up(from_us);
  last_us = to_us >= FOREVER_US ? to_us : day_down(to_us);
  if (first_us >= last_us) {
    add_stretch(q, false, from_us, to_us);
    return;
  }
  add_stretch(q, false, from_us, first_us);
  add_stretch(q, true, first_us, last_us);
  add_stretch(q, false, last_us, to_us);
}

static void add_minutes(struct question *q, int64_t from_us, int64_t to_us) {
  if (from_us < to_us)
    q->stretches[q->stretch_count++] = (struct stretch){{USAGE_LEVEL_MINUTE, USAGE_LEVEL_MINUTE}, from_us, to_us};
}

/* Nothing of before from_us: minutes until the first quarter, and quarters until the first day. */
static void lay_out_inward(struct question *q, int64_t from_us, int64_t to_us) {
  int64_t minute_us = round_up(from_us, TALLY_MINUTE_US), quarter_us = round_up(from_us, TALLY_SLOT_US);
  int64_t day_us = day_up(quarter_us), end_us = round_up(to_us, TALLY_SLOT_US);
  if (q->ask->every == USAGE_EVERY_MINUTE) {
    add_minutes(q, minute_us, round_up(to_us, TALLY_MINUTE_US));
    return;
  }
  add_minutes(q, minute_us, quarter_us < end_us ? quarter_us : end_us);
  if (q->ask->every == USAGE_EVERY_ALL) {
    if (quarter_us < end_us)
      add_all(q, quarter_us, to_us);
  } else if (q->ask->every == USAGE_EVERY_QUARTER || q->ask->every == USAGE_EVERY_HOUR) {
    add_stretch(q, false, quarter_us, end_us);
  } else {
    end_us = day_up(to_us);
    add_stretch(q, false, quarter_us, day_us < end_us ? day_us : end_us);
    add_stretch(q, true, day_us, end_us);
  }
}

static void lay_out(struct question *q) {
  int64_t from_us = q->ask->since_us, to_us = q->ask->until_us ? q->ask->until_us : FOREVER_US;
  if (q->ask->whole_since_us > from_us) {
    lay_out_inward(q, q->ask->whole_since_us, to_us);
    return;
  }
  switch (q->ask->every) {
  case USAGE_EVERY_ALL: add_all(q, from_us, to_us); return;
  case USAGE_EVERY_MINUTE:
    add_minutes(q, round_down(from_us, TALLY_MINUTE_US), round_up(to_us, TALLY_MINUTE_US));
    return;
  case USAGE_EVERY_QUARTER:
  case USAGE_EVERY_HOUR:
    add_stretch(q, false, round_down(from_us, TALLY_SLOT_US), round_up(to_us, TALLY_SLOT_US));
    return;
  case USAGE_EVERY_DAY:
  case USAGE_EVERY_WEEK:
  case USAGE_EVERY_MONTH: add_stretch(q, true, from_us ? day_down(from_us) : INT64_MIN, day_up(to_us)); return;
  }
}

static void bind_question(struct driver_link *l, const struct usage_ask *ask, const struct stretch *s) {
  static const unsigned by[] = {USAGE_BY_KEY,      USAGE_BY_USER,  USAGE_BY_WORKSPACE,
                                USAGE_BY_PROVIDER, USAGE_BY_MODEL, USAGE_BY_OUTCOME};
  const struct text only[] = {ask->user, ask->workspace, ask->provider, ask->model, ask->outcome};
  l->driver->bind(l, 1, s->levels[0]);
  l->driver->bind(l, 2, s->levels[1]);
  l->driver->bind(l, 3, s->from_us);
  l->driver->bind(l, 4, s->to_us);
  l->driver->bind(l, 5, ask->every != USAGE_EVERY_ALL);
  for (int i = 0; i < 6; i++)
    l->driver->bind(l, 6 + i, (ask->by & by[i]) != 0);
  l->driver->bind(l, 12, ask->key_id);
  for (int i = 0; i < 5; i++)
    l->driver->bind_text(l, 13 + i, only[i]);
  l->driver->bind(l, 18, USAGE_SUMS_MAX + 1);
  l->driver->bind(l, 19, ask->org_id);
}

/* Into which stretch of the answer a sum belongs that begins at start_us. */
static void place(const struct question *q, int64_t start_us, struct usage_sum *out) {
  static const enum calendar_unit units[] = {[USAGE_EVERY_HOUR] = CALENDAR_HOUR,
                                             [USAGE_EVERY_DAY] = CALENDAR_DAY,
                                             [USAGE_EVERY_WEEK] = CALENDAR_WEEK,
                                             [USAGE_EVERY_MONTH] = CALENDAR_MONTH};
  switch (q->ask->every) {
  case USAGE_EVERY_ALL: out->start_us = out->end_us = 0; return;
  case USAGE_EVERY_MINUTE:
  case USAGE_EVERY_QUARTER:
    out->start_us = start_us;
    out->end_us = start_us + (q->ask->every == USAGE_EVERY_MINUTE ? TALLY_MINUTE_US : TALLY_SLOT_US);
    return;
  default: calendar_span(units[q->ask->every], start_us, &out->start_us, &out->end_us);
  }
}

/* The sums of one in the order of the columns. */
static void counts_of(struct usage_sum *s, int64_t *out[SQL_USAGE_COUNTS]) {
  int64_t *const counts[SQL_USAGE_COUNTS] = {&s->requests,
                                             &s->attempts,
                                             &s->input_tokens,
                                             &s->output_tokens,
                                             &s->cache_write_5m_tokens,
                                             &s->cache_write_1h_tokens,
                                             &s->cache_read_tokens,
                                             &s->reasoning_tokens,
                                             &s->cost_nano,
                                             &s->billable_nano,
                                             &s->duration_us,
                                             &s->durations,
                                             &s->first_token_us,
                                             &s->first_tokens};
  memcpy(out, counts, sizeof counts);
}

static void read_sum(struct driver_link *l, const struct question *q, struct usage_sum *out) {
  struct usage_sum s = {.key_id = l->driver->number(l, 1)};
  struct text *const texts[] = {&s.key_name, &s.user, &s.workspace, &s.provider, &s.model, &s.outcome};
  int64_t *counts[SQL_USAGE_COUNTS];
  counts_of(&s, counts);
  place(q, l->driver->number(l, 0), &s);
  for (int i = 0; i < 6; i++)
    *texts[i] = driver_text(l, 2 + i, q->arena);
  for (int i = 0; i < SQL_USAGE_COUNTS; i++)
    *counts[i] = l->driver->number(l, SQL_USAGE_SUMS_AT + i);
  *out = s;
}

static enum err read_stretch(struct driver_link *l, struct question *q, const struct stretch *s, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_USAGE_SUMS, f);
  if (e)
    return e;
  bind_question(l, q->ask, s);
  while (!e && !(e = l->driver->step(l, &row, doing, f)) && row) {
    if (q->count == USAGE_SUMS_MAX)
      e = fault_set(f, ERR_LIMIT, NULL, "more than %d sums: ask for a shorter time, longer stretches or fewer kinds",
                    USAGE_SUMS_MAX);
    if (e)
      break;
    q->sums = driver_more(q->arena, q->sums, q->count, sizeof *q->sums);
    read_sum(l, q, &q->sums[q->count++]);
  }
  l->driver->reset(l);
  return e;
}

/* Another program may have added up a day and left the levels made from it as they were. */
static enum err choose_days(struct driver_link *l, struct question *q, struct stretch *s, struct fault *f) {
  bool row = false;
  s->levels[0] = s->levels[1] = USAGE_LEVEL_DAY;
  if (days_of(q->ask) == USAGE_LEVEL_DAY)
    return ERR_OK;
  enum err e = l->driver->prepare(l, SQL_USAGE_IS_OPEN_DAY, f);
  if (e)
    return e;
  l->driver->bind(l, 1, s->from_us);
  l->driver->bind(l, 2, s->to_us);
  e = l->driver->step(l, &row, doing, f);
  if (!e && !row)
    s->levels[0] = s->levels[1] = days_of(q->ask);
  l->driver->reset(l);
  return e;
}

/* One transaction, so that no day is missed or met twice that is added up meanwhile. */
static enum err read_all(struct driver_link *l, void *args, struct fault *f) {
  struct question *q = args;
  q->count = 0;
  q->sums = NULL;
  enum err e = l->driver->begin(l, DRIVER_READ, f);
  if (e)
    return e;
  for (size_t i = 0; i < q->stretch_count && !e; i++) {
    struct stretch *s = &q->stretches[i];
    if (s->levels[1] == USAGE_LEVEL_DAY)
      e = choose_days(l, q, s, f);
    if (!e)
      e = read_stretch(l, q, s, f);
  }
  return l->driver->end(l, e, f);
}

static int compare_texts(struct text a, struct text b) {
  size_t n = a.len < b.len ? a.len : b.len;
  int c = n ? memcmp(a.at, b.at, n) : 0;
  return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int by_kind(const void *a, const void *b) {
  const struct usage_sum *x = a, *y = b;
  const struct text texts[][2] = {{x->user, y->user},
                                  {x->workspace, y->workspace},
                                  {x->provider, y->provider},
                                  {x->model, y->model},
                                  {x->outcome, y->outcome}};
  int c = (x->start_us > y->start_us) - (x->start_us < y->start_us);
  if (!c)
    c = (x->key_id > y->key_id) - (x->key_id < y->key_id);
  for (size_t i = 0; i < 5 && !c; i++)
    c = compare_texts(texts[i][0], texts[i][1]);
  return c;
}

static int by_time_and_cost(const void *a, const void *b) {
  const struct usage_sum *x = a, *y = b;
  int c = (x->start_us > y->start_us) - (x->start_us < y->start_us);
  if (!c)
    c = (x->cost_nano < y->cost_nano) - (x->cost_nano > y->cost_nano);
  return c ? c : by_kind(a, b);
}

/* Sums of the same stretch and kind become one. */
static void merge(struct question *q) {
  size_t kept = 0;
  if (q->count == 0)
    return;
  qsort(q->sums, q->count, sizeof *q->sums, by_kind);
  for (size_t i = 1; i < q->count; i++) {
    int64_t *to[SQL_USAGE_COUNTS], *from[SQL_USAGE_COUNTS];
    if (by_kind(&q->sums[kept], &q->sums[i]) != 0) {
      q->sums[++kept] = q->sums[i];
      continue;
    }
    counts_of(&q->sums[kept], to);
    counts_of(&q->sums[i], from);
    for (int k = 0; k < SQL_USAGE_COUNTS; k++)
      *to[k] = tally_plus(*to[k], *from[k]);
    if (compare_texts(q->sums[kept].key_name, q->sums[i].key_name) < 0)
      q->sums[kept].key_name = q->sums[i].key_name;
  }
  q->count = kept + 1;
  qsort(q->sums, q->count, sizeof *q->sums, by_time_and_cost);
}

enum err store_usage_sums(struct store *s, const struct usage_ask *ask, struct arena *a, struct usage_sum **out,
                          size_t *out_count, struct fault *f) {
  struct question q = {.ask = ask, .arena = a};
  lay_out(&q);
  enum err e = driver_run(s, DRIVER_LIST, false, read_all, &q, f);
  if (e)
    return e;
  merge(&q);
  *out = q.sums;
  *out_count = q.count;
  return ERR_OK;
}
