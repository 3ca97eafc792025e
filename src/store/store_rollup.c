/* Adding up: sums of the ledger's rows per minute, quarter of an hour and day, made anew for every minute that was
 * marked since. A sum is never moved by a difference, so doing it again changes nothing and a correction of rows needs
 * a mark and no more. Called by the job `rollup` and by `weir usage`; questions about the sums are in store_usage.c. */
#include "store/store_usage.h"

#include "base/calendar.h"
#include "store/log_stretches.h"

#define RECENT_US        (2 * 3600 * 1000000LL) /* no minute this young was ever removed */
#define MINUTES          ((size_t)(TALLY_SLOT_US / TALLY_MINUTE_US))
#define MINUTES_TOGETHER 60 /* of one statement */
#define DAYS_A_TURN      31

static const char doing[] = "adding up usage";

struct mark {
  int64_t minute, changes;
};

struct roll_up {
  const struct usage_roll_up_ask *ask;
  struct arena *arena;
  struct mark *marks; /* newest first */
  size_t count;
  int64_t *open; /* beginnings of stretches to be completed */
  size_t open_count, completed;
  size_t most; /* of the attempts: one whose commit's answer was lost may have left nothing to the next */
};

enum err usage_lock_on(struct driver_link *l, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_USAGE_LOCK, f);
  return e ? e : driver_finish(l, doing, NULL, f);
}

enum err usage_mark_on(struct driver_link *l, int64_t at_us, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_USAGE_MARK, f);
  if (e)
    return e;
  l->driver->bind(l, 1, at_us / TALLY_MINUTE_US - (at_us % TALLY_MINUTE_US < 0));
  return driver_finish(l, doing, NULL, f);
}

static enum err run(struct driver_link *l, enum sql which, struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  return e ? e : driver_finish(l, doing, NULL, f);
}

static enum err run_on(struct driver_link *l, enum sql which, int64_t start_us, struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, start_us);
  return driver_finish(l, doing, NULL, f);
}

static enum err set_zone(struct driver_link *l, struct text zone, struct fault *f) {
  enum err e = run(l, SQL_USAGE_ZONE_CLEAR, f);
  if (!e)
    e = l->driver->prepare(l, SQL_USAGE_ZONE_SET, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, zone);
  return driver_finish(l, doing, NULL, f);
}

/* Days are of one zone. In another one all of them are made anew, from the quarters that have sums. */
static enum err check_zone(struct driver_link *l, struct text zone, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_USAGE_ZONE, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, zone);
  e = l->driver->step(l, &row, doing, f);
  bool same = !e && row && l->driver->number(l, 0) > 0;
  l->driver->reset(l);
  if (e || same)
    return e;
  e = run(l, SQL_USAGE_DAYS_CLEAR, f);
  if (!e)
    e = run(l, SQL_USAGE_MARK_ALL, f);
  return e ? e : set_zone(l, zone, f);
}

static enum err read_marks(struct driver_link *l, struct roll_up *w, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_USAGE_MARKS, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->ask->max > INT64_MAX ? INT64_MAX : (int64_t)w->ask->max);
  while (!(e = l->driver->step(l, &row, doing, f)) && row) {
    w->marks = driver_more(w->arena, w->marks, w->count, sizeof *w->marks);
    w->marks[w->count++] = (struct mark){l->driver->number(l, 0), l->driver->number(l, 1)};
  }
  l->driver->reset(l);
  return e;
}

static enum err clear(struct driver_link *l, enum usage_level level, int64_t start_us, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_USAGE_CLEAR, f);
  if (e)
    return e;
  l->driver->bind(l, 1, level);
  l->driver->bind(l, 2, start_us);
  return driver_finish(l, doing, NULL, f);
}

static enum err from_rows(struct driver_link *l, enum usage_level level, int64_t start_us, int64_t end_us,
                          struct fault *f) {
  enum err e = clear(l, level, start_us, f);
  if (!e)
    e = l->driver->prepare(l, SQL_USAGE_FROM_ROWS, f);
  if (e)
    return e;
  l->driver->bind(l, 1, level);
  l->driver->bind(l, 2, start_us);
  l->driver->bind(l, 3, start_us);
  l->driver->bind(l, 4, end_us);
  return driver_finish(l, doing, NULL, f);
}

/* A quarter that another program has added up, which knows no stretches. */
static enum err is_open(struct driver_link *l, int64_t start_us, bool *out, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_USAGE_IS_OPEN_QUARTER, f);
  if (e)
    return e;
  l->driver->bind(l, 1, start_us);
  e = l->driver->step(l, &row, doing, f);
  if (!e)
    *out = row;
  l->driver->reset(l);
  return e;
}

enum err usage_quarter_on(struct driver_link *l, int64_t start_us, struct fault *f) {
  int64_t end_us = start_us + TALLY_SLOT_US;
  bool open = false;
  enum err e = is_open(l, start_us, &open, f);
  if (!e)
    e = from_rows(l, USAGE_LEVEL_QUARTER, start_us, end_us, f);
  return !e && open ? log_stretches_make_on(l, start_us, end_us, f) : e;
}

static enum err from_sums(struct driver_link *l, enum usage_level level, int64_t start_us, int64_t end_us,
                          const enum usage_level of[2], struct fault *f) {
  enum err e = clear(l, level, start_us, f);
  if (!e)
    e = l->driver->prepare(l, SQL_USAGE_FROM_SUMS, f);
  if (e)
    return e;
  l->driver->bind(l, 1, level);
  l->driver->bind(l, 2, start_us);
  l->driver->bind(l, 3, start_us);
  l->driver->bind(l, 4, end_us);
  l->driver->bind(l, 5, of[0]);
  l->driver->bind(l, 6, of[1]);
  return driver_finish(l, doing, NULL, f);
}

static enum err add_up_minutes(struct driver_link *l, const struct roll_up *w, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < w->count && !e; i++) {
    int64_t start_us = w->marks[i].minute * TALLY_MINUTE_US;
    if (start_us >= w->ask->minutes_since_us)
      e = from_rows(l, USAGE_LEVEL_MINUTE, start_us, start_us + TALLY_MINUTE_US, f);
  }
  return e;
}

/* Minutes that follow each other go together: their stretches come in the order of the subjects. */
static enum err make_stretches(struct driver_link *l, const struct roll_up *w, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0, next; i < w->count && !e; i = next) {
    for (next = i + 1; next < w->count && next - i < MINUTES_TOGETHER; next++)
      if (w->marks[next].minute != w->marks[next - 1].minute - 1)
        break;
    e = log_stretches_make_on(l, w->marks[next - 1].minute * TALLY_MINUTE_US,
                              (w->marks[i].minute + 1) * TALLY_MINUTE_US, f);
  }
  return e;
}

/* Of the last hours all minutes are there, which is less to read than the rows. Of an open quarter the minutes that are
 * not marked have no stretches yet. */
static enum err add_up_quarter(struct driver_link *l, int64_t start_us, bool from_minutes, struct fault *f) {
  static const enum usage_level minutes[2] = {USAGE_LEVEL_MINUTE, USAGE_LEVEL_MINUTE};
  int64_t end_us = start_us + TALLY_SLOT_US;
  bool open = false;
  if (!from_minutes)
    return usage_quarter_on(l, start_us, f);
  enum err e = is_open(l, start_us, &open, f);
  if (!e)
    e = from_sums(l, USAGE_LEVEL_QUARTER, start_us, end_us, minutes, f);
  return !e && open ? log_stretches_make_on(l, start_us, end_us, f) : e;
}

static enum err add_up_quarters(struct driver_link *l, const struct roll_up *w, struct fault *f) {
  int64_t recent_us = driver_now_us() - RECENT_US, last_us = INT64_MAX;
  enum err e = ERR_OK;
  if (recent_us < w->ask->minutes_since_us)
    recent_us = w->ask->minutes_since_us;
  for (size_t i = 0; i < w->count && !e; i++) {
    int64_t start_us = tally_slot(w->marks[i].minute * TALLY_MINUTE_US) * TALLY_SLOT_US;
    if (start_us == last_us)
      continue;
    last_us = start_us;
    e = add_up_quarter(l, start_us, start_us >= recent_us, f);
  }
  return e;
}

/* What dashboards ask for over many days is kept apart: a day by whom it was for, and by what answered. */
static enum err part_day(struct driver_link *l, int64_t start_us, struct fault *f) {
  int64_t from_us, to_us;
  calendar_span(CALENDAR_DAY, start_us, &from_us, &to_us);
  enum err e = l->driver->prepare(l, SQL_USAGE_CLEAR_PARTS, f);
  if (e)
    return e;
  l->driver->bind(l, 1, from_us);
  l->driver->bind(l, 2, to_us);
  e = driver_finish(l, doing, NULL, f);
  if (!e)
    e = run_on(l, SQL_USAGE_WHOM, start_us, f);
  return e ? e : run_on(l, SQL_USAGE_WHAT, start_us, f);
}

static enum err add_up_days(struct driver_link *l, const struct roll_up *w, struct fault *f) {
  static const enum usage_level quarters[2] = {USAGE_LEVEL_QUARTER, USAGE_LEVEL_ARCHIVED};
  int64_t last_us = INT64_MAX;
  enum err e = ERR_OK;
  for (size_t i = 0; i < w->count && !e; i++) {
    int64_t start_us, end_us;
    calendar_span(CALENDAR_DAY, w->marks[i].minute * TALLY_MINUTE_US, &start_us, &end_us);
    if (start_us == last_us)
      continue;
    last_us = start_us;
    e = from_sums(l, USAGE_LEVEL_DAY, start_us, end_us, quarters, f);
    if (!e)
      e = part_day(l, start_us, f);
  }
  return e;
}

/* The beginnings of at most max stretches that another program has added up, or this one before it knew all that it
 * makes now. */
static enum err read_open(struct driver_link *l, struct roll_up *w, enum sql which, size_t max, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, INT64_MAX);
  l->driver->bind(l, 2, max > INT64_MAX ? INT64_MAX : (int64_t)max);
  w->open_count = 0;
  while (!(e = l->driver->step(l, &row, doing, f)) && row) {
    w->open = driver_more(w->arena, w->open, w->open_count, sizeof *w->open);
    w->open[w->open_count++] = l->driver->number(l, 0);
  }
  l->driver->reset(l);
  return e;
}

static enum err complete_quarters(struct driver_link *l, struct roll_up *w, struct fault *f) {
  enum err e = read_open(l, w, SQL_STRETCHES_OPEN, (w->ask->max - w->count + MINUTES - 1) / MINUTES, f);
  for (size_t i = 0; i < w->open_count && !e; i++) {
    e = log_stretches_make_on(l, w->open[i], w->open[i] + TALLY_SLOT_US, f);
    if (!e)
      e = run_on(l, SQL_USAGE_CLOSE_QUARTER, w->open[i], f);
  }
  w->completed += w->open_count;
  return e;
}

static enum err complete_days(struct driver_link *l, struct roll_up *w, struct fault *f) {
  enum err e = read_open(l, w, SQL_USAGE_OPEN_DAYS, DAYS_A_TURN, f);
  for (size_t i = 0; i < w->open_count && !e; i++) {
    e = part_day(l, w->open[i], f);
    if (!e)
      e = run_on(l, SQL_USAGE_CLOSE_DAY, w->open[i], f);
  }
  w->completed += w->open_count;
  return !e && w->open_count ? run(l, SQL_USAGE_CLEAR_STALE, f) : e;
}

/* With the room that is left: what no mark tells of. */
static enum err complete(struct driver_link *l, struct roll_up *w, struct fault *f) {
  enum err e = ERR_OK;
  w->completed = 0;
  w->open = NULL;
  if (w->count >= w->ask->max)
    return e;
  e = complete_days(l, w, f);
  return e ? e : complete_quarters(l, w, f);
}

/* A mark that changed meanwhile stays. In the order of the minutes, as rows are added. */
static enum err remove_marks(struct driver_link *l, const struct roll_up *w, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = w->count; i-- > 0 && !e;) {
    e = l->driver->prepare(l, SQL_USAGE_UNMARK, f);
    if (e)
      break;
    l->driver->bind(l, 1, w->marks[i].minute);
    l->driver->bind(l, 2, w->marks[i].changes);
    e = driver_finish(l, doing, NULL, f);
  }
  return e;
}

static enum err roll_up(struct driver_link *l, void *args, struct fault *f) {
  struct roll_up *w = args;
  w->count = 0;
  w->marks = NULL;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = usage_lock_on(l, f);
  if (!e)
    e = check_zone(l, w->ask->zone, f);
  if (!e)
    e = read_marks(l, w, f);
  if (!e)
    e = add_up_minutes(l, w, f);
  if (!e)
    e = make_stretches(l, w, f);
  if (!e)
    e = add_up_quarters(l, w, f);
  if (!e)
    e = add_up_days(l, w, f);
  if (!e)
    e = remove_marks(l, w, f);
  if (!e)
    e = complete(l, w, f);
  w->most = w->count + w->completed > w->most ? w->count + w->completed : w->most;
  return l->driver->end(l, e, f);
}

enum err store_usage_roll_up(struct store *s, const struct usage_roll_up_ask *ask, size_t *out_minutes,
                             struct fault *f) {
  struct arena a;
  struct roll_up w = {.ask = ask, .arena = &a};
  arena_init(&a);
  enum err e = driver_run(s, DRIVER_WRITE, false, roll_up, &w, f);
  arena_done(&a);
  if (!e)
    *out_minutes = w.most;
  return e;
}

static enum err recheck(struct driver_link *l, void *args, struct fault *f) {
  int64_t difference = 0;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = usage_lock_on(l, f);
  if (!e)
    e = driver_number(l, SQL_USAGE_DIFFERENCE, doing, &difference, f);
  if (!e && difference)
    e = run(l, SQL_USAGE_MARK_WRONG, f);
  *(bool *)args = difference != 0;
  return l->driver->end(l, e, f);
}

enum err store_usage_recheck(struct store *s, bool *out_wrong, struct fault *f) {
  bool wrong = false;
  enum err e = driver_run(s, DRIVER_WRITE, false, recheck, &wrong, f);
  if (!e)
    *out_wrong = wrong;
  return e;
}
