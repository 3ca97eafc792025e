/* The ledger's rows on any driver: append in batches, list, what a key spent. Called by the ledger's writer thread, by
 * budgets and by `weir ledger`. A batch is one transaction: rows, the balances they move, and the journal's position;
 * balances are summed in memory first (tally.h). The recount is in store_verify.c. */
#include "store/ledger_columns.h"
#include "store/person_veil.h"

struct append {
  const struct ledger_row **rows; /* ids rising, none twice */
  bool *is_new;
  size_t count;
  struct tally by_key, by_slot, by_minute;
  struct arena veiled; /* rows of erased persons, without the name */
  struct text stream;
  uint64_t position;
};

static int by_id(const void *a, const void *b) {
  const struct ledger_row *x = *(const struct ledger_row *const *)a, *y = *(const struct ledger_row *const *)b;
  if (x->id != y->id)
    return x->id < y->id ? -1 : 1;
  return x < y ? -1 : x > y;
}

/* Of rows with the same id the one that came first stays. */
static void append_init(struct append *w, const struct ledger_row *rows, size_t count) {
  w->rows = calloc(count + 1, sizeof *w->rows);
  w->is_new = calloc(count + 1, sizeof *w->is_new);
  if (!w->rows || !w->is_new)
    abort();
  for (size_t i = 0; i < count; i++)
    w->rows[i] = &rows[i];
  qsort(w->rows, count, sizeof *w->rows, by_id);
  for (size_t i = 0; i < count; i++)
    if (w->count == 0 || w->rows[w->count - 1]->id != w->rows[i]->id)
      w->rows[w->count++] = w->rows[i];
  tally_init(&w->by_key);
  tally_init(&w->by_slot);
  arena_init(&w->veiled);
  tally_init(&w->by_minute);
}

static void append_done(struct append *w) {
  free(w->rows);
  free(w->is_new);
  tally_done(&w->by_key);
  tally_done(&w->by_slot);
  arena_done(&w->veiled);
  tally_done(&w->by_minute);
}

static enum err add_row(struct driver_link *l, const struct ledger_row *row, bool *out_new, struct fault *f) {
  struct ledger_value values[SQL_LEDGER_COLUMNS];
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_LEDGER_INSERT, f);
  if (e)
    return e;
  ledger_columns_of(row, values);
  for (int i = 0; i < SQL_LEDGER_COLUMNS; i++)
    if (values[i].is_text)
      l->driver->bind_text(l, i + 1, values[i].text);
    else
      l->driver->bind(l, i + 1, values[i].number);
  e = driver_finish(l, "adding ledger rows", &changes, f);
  if (!e)
    *out_new = changes > 0;
  return e;
}

/* Rows that are there already leave balances alone: that is what makes a batch safe to repeat. */
static enum err add_rows(struct driver_link *l, struct append *w, struct fault *f) {
  enum err e = ERR_OK;
  if (l->driver->add_rows)
    e = w->count ? l->driver->add_rows(l, w->rows, w->count, w->is_new, f) : ERR_OK;
  else
    for (size_t i = 0; i < w->count && !e; i++)
      e = add_row(l, w->rows[i], &w->is_new[i], f);
  for (size_t i = 0; i < w->count && !e; i++) {
    if (!w->is_new[i])
      continue;
    tally_add(&w->by_key, w->rows[i], false);
    tally_add(&w->by_slot, w->rows[i], true);
    tally_count_minute(&w->by_minute, w->rows[i]);
  }
  tally_sort(&w->by_key);
  tally_sort(&w->by_slot);
  tally_sort(&w->by_minute);
  return e;
}

static enum err add_balances(struct driver_link *l, const struct tally *t, struct fault *f) {
  enum err e = ERR_OK;
  if (l->driver->add_balances)
    return t->count ? l->driver->add_balances(l, t, f) : ERR_OK;
  for (size_t i = 0; i < t->count && !e; i++) {
    const struct tally_sum *sum = &t->sums[i];
    e = l->driver->prepare(l, SQL_LEDGER_BALANCE, f);
    if (e)
      break;
    l->driver->bind(l, 1, sum->key_id);
    l->driver->bind(l, 2, sum->entries);
    for (int k = 0; k < TALLY_TOKENS; k++)
      l->driver->bind(l, 3 + k, sum->tokens[k]);
    l->driver->bind(l, 9, sum->cost_nano);
    l->driver->bind(l, 10, sum->billable_nano);
    e = driver_finish(l, "moving a balance", NULL, f);
  }
  return e;
}

static enum err add_spends(struct driver_link *l, const struct tally *t, struct fault *f) {
  enum err e = ERR_OK;
  if (l->driver->add_spends)
    return t->count ? l->driver->add_spends(l, t, f) : ERR_OK;
  for (size_t i = 0; i < t->count && !e; i++) {
    const struct tally_sum *sum = &t->sums[i];
    if (!sum->billable_nano)
      continue;
    e = l->driver->prepare(l, SQL_LEDGER_SPEND, f);
    if (e)
      break;
    l->driver->bind(l, 1, sum->key_id);
    l->driver->bind(l, 2, sum->slot);
    l->driver->bind(l, 3, sum->billable_nano);
    e = driver_finish(l, "moving a balance", NULL, f);
  }
  return e;
}

/* Says which minutes the roll-ups have to add up again. Last of what others may wait for: two programs that add rows
 * meet at the minute that is now. */
static enum err add_marks(struct driver_link *l, const struct tally *t, struct fault *f) {
  enum err e = ERR_OK;
  if (l->driver->add_marks)
    return t->count ? l->driver->add_marks(l, t, f) : ERR_OK;
  for (size_t i = 0; i < t->count && !e; i++) {
    e = l->driver->prepare(l, SQL_USAGE_MARK, f);
    if (e)
      break;
    l->driver->bind(l, 1, t->sums[i].slot);
    e = driver_finish(l, "marking a minute", NULL, f);
  }
  return e;
}

static enum err move_position(struct driver_link *l, struct text stream, uint64_t position, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_LEDGER_MOVE, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, stream);
  l->driver->bind(l, 2, position > INT64_MAX ? INT64_MAX : (int64_t)position);
  l->driver->bind(l, 3, driver_now_us());
  return driver_finish(l, "moving a journal's position", NULL, f);
}

static enum err append(struct driver_link *l, void *args, struct fault *f) {
  struct append *w = args;
  tally_done(&w->by_key); /* of an attempt that was lost */
  tally_done(&w->by_slot);
  tally_done(&w->by_minute);
  memset(w->is_new, 0, w->count * sizeof *w->is_new);
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = person_veil_on(l, w->rows, w->count, &w->veiled, f);
  if (!e)
    e = add_rows(l, w, f);
  if (!e)
    e = add_balances(l, &w->by_key, f);
  if (!e)
    e = add_spends(l, &w->by_slot, f);
  if (!e && w->stream.len)
    e = move_position(l, w->stream, w->position, f);
  if (!e)
    e = add_marks(l, &w->by_minute, f);
  return l->driver->end(l, e, f);
}

/* Twice is the same as once, also when the first commit did stand although its answer was lost: the rows are found
 * there, no balance moves, and the position is a place and not a step. */
enum err store_ledger_append(struct store *s, const struct ledger_row *rows, size_t count, struct text stream,
                             uint64_t position, struct fault *f) {
  struct append w = {.stream = stream, .position = position};
  append_init(&w, rows, count);
  enum err e = driver_run(s, DRIVER_WRITE, false, append, &w, f);
  append_done(&w);
  return e;
}

struct place {
  struct text stream;
  int64_t position;
};

static enum err place_read(struct driver_link *l, void *args, struct fault *f) {
  struct place *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_LEDGER_POSITION, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->stream);
  e = l->driver->step(l, &row, "reading a journal's position", f);
  if (!e)
    w->position = row ? l->driver->number(l, 0) : 0;
  l->driver->reset(l);
  return e;
}

enum err store_ledger_position(struct store *s, struct text stream, uint64_t *out, struct fault *f) {
  struct place w = {stream, 0};
  enum err e = driver_run(s, DRIVER_READ, false, place_read, &w, f);
  if (!e)
    *out = (uint64_t)w.position;
  return e;
}

static enum err forget(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_LEDGER_FORGET, f);
  if (e)
    return e;
  l->driver->bind(l, 1, *(const int64_t *)args);
  return driver_finish(l, "forgetting old journals", NULL, f);
}

enum err store_ledger_forget(struct store *s, int64_t before_us, struct fault *f) {
  return driver_run(s, DRIVER_WRITE, false, forget, &before_us, f);
}

struct list {
  int64_t before_id;
  size_t max;
  struct arena *arena;
  struct ledger_row *rows;
  size_t count;
};

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  enum err e = l->driver->prepare(l, SQL_LEDGER_LIST, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->before_id == 0 ? INT64_MAX : w->before_id);
  l->driver->bind(l, 2, w->max > INT64_MAX ? INT64_MAX : (int64_t)w->max);
  e = ledger_columns_list(l, w->arena, &w->rows, &w->count, "listing the ledger", f);
  l->driver->reset(l);
  return e;
}

enum err store_ledger_list(struct store *s, int64_t before_id, size_t max, struct arena *a, struct ledger_row **out,
                           size_t *out_count, struct fault *f) {
  struct list w = {.before_id = before_id, .max = max, .arena = a};
  enum err e = driver_run(s, DRIVER_LIST, false, list, &w, f);
  if (!e) {
    *out = w.rows;
    *out_count = w.count;
  }
  return e;
}

struct spent {
  int64_t key_id, since_us, sum;
};

static enum err sum_up(struct driver_link *l, int64_t *sum, struct fault *f) {
  bool row = false;
  enum err e;
  while (!(e = l->driver->step(l, &row, "summing up what a key spent", f)) && row)
    *sum = tally_plus(*sum, l->driver->number(l, 0));
  l->driver->reset(l);
  return e;
}

/* Whole slots come from the sums. Only when since_us is not on a slot's edge, which no budget period is, the rows of
 * the slot it falls into are read. */
static enum err spent(struct driver_link *l, void *args, struct fault *f) {
  struct spent *w = args;
  int64_t slot = tally_slot(w->since_us);
  bool on_edge = w->since_us % TALLY_SLOT_US == 0;
  w->sum = 0;
  enum err e = l->driver->prepare(l, SQL_LEDGER_SPENT, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->key_id);
  l->driver->bind(l, 2, on_edge ? slot : slot + 1);
  e = sum_up(l, &w->sum, f);
  if (e || on_edge)
    return e;
  e = l->driver->prepare(l, SQL_LEDGER_SPENT_ROWS, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->key_id);
  l->driver->bind(l, 2, w->since_us);
  l->driver->bind(l, 3, (slot + 1) * TALLY_SLOT_US);
  return sum_up(l, &w->sum, f);
}

enum err store_ledger_spent(struct store *s, int64_t key_id, int64_t since_us, int64_t *out_nano, struct fault *f) {
  struct spent w = {.key_id = key_id, .since_us = since_us};
  enum err e = driver_run(s, DRIVER_READ, false, spent, &w, f);
  if (!e)
    *out_nano = w.sum;
  return e;
}
