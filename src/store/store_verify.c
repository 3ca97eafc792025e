/* Recounts every balance from the ledger's rows: `weir ledger verify`. Reads the whole ledger once, page by
 * page in one read transaction, so that a running gateway does not disturb it; changes nothing. */
#include "store/driver.h"

#define PAGE 5000 /* rows of one statement, so that none takes long or holds much */

struct recount {
  struct tally rows, archived, balances, spends;
};

/* Where a page ended; the next begins behind it. */
struct cursor {
  int64_t after, after_second;
  bool more;
};

/* Runs one page of a statement and gives every row to see. pair: the page is ordered by its first two columns. */
static enum err page(struct driver_link *l, enum sql which, bool pair, struct cursor *at,
                     void (*see)(struct driver_link *l, struct tally *t), struct tally *t, struct fault *f) {
  const struct driver *d = l->driver;
  int64_t count = 0;
  bool row = false;
  enum err e = d->prepare(l, which, f);
  if (e)
    return e;
  d->bind(l, 1, at->after);
  if (pair)
    d->bind(l, 2, at->after_second);
  d->bind(l, pair ? 3 : 2, PAGE);
  while (!(e = d->step(l, &row, "recounting the ledger", f)) && row) {
    see(l, t);
    at->after = d->number(l, 0);
    at->after_second = pair ? d->number(l, 1) : 0;
    count++;
  }
  d->reset(l);
  at->more = count == PAGE;
  return e;
}

static enum err read_all(struct driver_link *l, enum sql which, bool pair,
                         void (*see)(struct driver_link *l, struct tally *t), struct tally *t, struct fault *f) {
  struct cursor at = {INT64_MIN, INT64_MIN, true};
  enum err e = ERR_OK;
  while (!e && at.more)
    e = page(l, which, pair, &at, see, t, f);
  return e;
}

static void see_row(struct driver_link *l, struct tally *t) {
  const struct driver *d = l->driver;
  struct tally_sum *sum = tally_at(t, d->number(l, 1), 0);
  int64_t cost = d->number(l, 9);
  sum->entries++;
  for (int i = 0; i < TALLY_TOKENS; i++)
    sum->tokens[i] = tally_plus(sum->tokens[i], d->number(l, 3 + i));
  sum->cost_nano = tally_plus(sum->cost_nano, cost);
  if (d->number(l, 2))
    sum->billable_nano = tally_plus(sum->billable_nano, cost);
}

static void see_balance(struct driver_link *l, struct tally *t) {
  const struct driver *d = l->driver;
  struct tally_sum *sum = tally_at(t, d->number(l, 0), 0);
  sum->entries = d->number(l, 1);
  for (int i = 0; i < TALLY_TOKENS; i++)
    sum->tokens[i] = d->number(l, 2 + i);
  sum->cost_nano = d->number(l, 8);
  sum->billable_nano = d->number(l, 9);
}

static void see_spend(struct driver_link *l, struct tally *t) {
  struct tally_sum *sum = tally_at(t, l->driver->number(l, 0), 0);
  sum->billable_nano = tally_plus(sum->billable_nano, l->driver->number(l, 2));
}

static void note_mismatch(struct ledger_totals *totals, struct arena *a, const char *what, int64_t key_id, int64_t says,
                          int64_t rows) {
  totals->mismatched_keys++;
  if (totals->first_mismatch.len == 0)
    totals->first_mismatch = arena_format(a, "key %lld: its balance says %lld %s, its rows add up to %lld",
                                          (long long)key_id, (long long)says, what, (long long)rows);
}

/* Compares one key's recount with its balance and its spending by slot. */
static void compare(struct ledger_totals *totals, struct arena *a, const struct tally_sum *rows,
                    const struct tally_sum *balance, const struct tally_sum *spend) {
  static const char *const names[TALLY_TOKENS] = {
      "input tokens",      "output tokens",   "5-minute cache write tokens", "1-hour cache write tokens",
      "cache read tokens", "reasoning tokens"};
  if (balance->entries != rows->entries) {
    note_mismatch(totals, a, "entries", rows->key_id, balance->entries, rows->entries);
    return;
  }
  for (int i = 0; i < TALLY_TOKENS; i++)
    if (balance->tokens[i] != rows->tokens[i]) {
      note_mismatch(totals, a, names[i], rows->key_id, balance->tokens[i], rows->tokens[i]);
      return;
    }
  if (balance->cost_nano != rows->cost_nano)
    note_mismatch(totals, a, "nano-USD", rows->key_id, balance->cost_nano, rows->cost_nano);
  else if (balance->billable_nano != rows->billable_nano)
    note_mismatch(totals, a, "billable nano-USD", rows->key_id, balance->billable_nano, rows->billable_nano);
  else if (spend->billable_nano != rows->billable_nano)
    note_mismatch(totals, a, "billable nano-USD over time", rows->key_id, spend->billable_nano, rows->billable_nano);
}

static void add_sum(struct tally_sum *to, const struct tally_sum *more) {
  to->entries += more->entries;
  for (int i = 0; i < TALLY_TOKENS; i++)
    to->tokens[i] = tally_plus(to->tokens[i], more->tokens[i]);
  to->cost_nano = tally_plus(to->cost_nano, more->cost_nano);
  to->billable_nano = tally_plus(to->billable_nano, more->billable_nano);
}

static void compare_all(struct recount *r, struct arena *a, struct ledger_totals *totals) {
  for (size_t i = 0; i < r->archived.count; i++) {
    add_sum(tally_at(&r->rows, r->archived.sums[i].key_id, 0), &r->archived.sums[i]);
    totals->archived += (uint64_t)r->archived.sums[i].entries;
  }
  /* Keys that only a balance or a spending knows get an empty sum, so that they are compared too. */
  for (size_t i = 0; i < r->balances.count; i++)
    tally_at(&r->rows, r->balances.sums[i].key_id, 0);
  for (size_t i = 0; i < r->spends.count; i++)
    tally_at(&r->rows, r->spends.sums[i].key_id, 0);
  for (size_t i = 0; i < r->rows.count; i++) {
    const struct tally_sum *rows = &r->rows.sums[i];
    totals->rows += (uint64_t)rows->entries;
    totals->keys += rows->entries > 0;
    totals->cost_nano = tally_plus(totals->cost_nano, rows->cost_nano);
    compare(totals, a, rows, tally_at(&r->balances, rows->key_id, 0), tally_at(&r->spends, rows->key_id, 0));
  }
}

/* One transaction, so that rows and balances are of the same moment. It never writes. */
static enum err read_books(struct driver_link *l, struct recount *r, struct fault *f) {
  enum err e = read_all(l, SQL_LEDGER_SUMS, false, see_row, &r->rows, f);
  if (!e)
    e = read_all(l, SQL_ARCHIVED, false, see_balance, &r->archived, f);
  if (!e)
    e = read_all(l, SQL_LEDGER_BALANCES, false, see_balance, &r->balances, f);
  if (!e)
    e = read_all(l, SQL_LEDGER_SPENDS, true, see_spend, &r->spends, f);
  return e;
}

static enum err recount(struct driver_link *l, void *args, struct fault *f) {
  struct recount *r = args;
  tally_done(&r->rows); /* of an attempt that was lost */
  tally_done(&r->archived);
  tally_done(&r->balances);
  tally_done(&r->spends);
  enum err e = l->driver->begin(l, DRIVER_READ, f);
  if (e)
    return e;
  return l->driver->end(l, read_books(l, r, f), f);
}

static void recount_init(struct recount *r) {
  tally_init(&r->rows);
  tally_init(&r->archived);
  tally_init(&r->balances);
  tally_init(&r->spends);
}

/* Gives the totals when e is ERR_OK. */
static enum err recount_done(struct recount *r, enum err e, struct arena *a, struct ledger_totals *out) {
  if (!e) {
    struct ledger_totals totals = {0};
    compare_all(r, a, &totals);
    *out = totals;
  }
  tally_done(&r->rows);
  tally_done(&r->archived);
  tally_done(&r->balances);
  tally_done(&r->spends);
  return e;
}

enum err store_ledger_verify(struct store *s, struct arena *a, struct ledger_totals *out, struct fault *f) {
  struct recount r;
  recount_init(&r);
  return recount_done(&r, driver_run(s, DRIVER_LIST, false, recount, &r, f), a, out);
}

enum err store_ledger_verify_on(struct driver_link *l, struct arena *a, struct ledger_totals *out, struct fault *f) {
  struct recount r;
  recount_init(&r);
  return recount_done(&r, read_books(l, &r, f), a, out);
}
