/* Recounts every balance from the ledger's rows: `weir ledger verify`. Reads the whole ledger once, in one read
 * transaction so that a running gateway does not disturb it; changes nothing. */
#include "store/sqlite.h"
#include "store/tally.h"

static enum err count_rows(struct sqlite_link *l, struct tally *t, struct fault *f) {
  sqlite3_stmt *s = NULL;
  enum err e = sqlite_prepare(l, SQL_LEDGER_SUMS, &s, f);
  if (e)
    return e;
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    struct tally_sum *sum = tally_at(t, sqlite3_column_int64(s, 0), 0);
    sum->entries++;
    for (int i = 0; i < TALLY_TOKENS; i++)
      sum->tokens[i] = tally_plus(sum->tokens[i], sqlite3_column_int64(s, 2 + i));
    int64_t cost = sqlite3_column_int64(s, 8);
    sum->cost_nano = tally_plus(sum->cost_nano, cost);
    if (sqlite3_column_int(s, 1))
      sum->billable_nano = tally_plus(sum->billable_nano, cost);
  }
  if (rc != SQLITE_DONE)
    e = sqlite_fail(l->db, "reading the ledger", f);
  sqlite3_reset(s);
  return e;
}

static enum err read_balances(struct sqlite_link *l, struct tally *t, struct fault *f) {
  sqlite3_stmt *s = NULL;
  enum err e = sqlite_prepare(l, SQL_LEDGER_BALANCES, &s, f);
  if (e)
    return e;
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    struct tally_sum *sum = tally_at(t, sqlite3_column_int64(s, 0), 0);
    sum->entries = sqlite3_column_int64(s, 1);
    for (int i = 0; i < TALLY_TOKENS; i++)
      sum->tokens[i] = sqlite3_column_int64(s, 2 + i);
    sum->cost_nano = sqlite3_column_int64(s, 8);
    sum->billable_nano = sqlite3_column_int64(s, 9);
  }
  if (rc != SQLITE_DONE)
    e = sqlite_fail(l->db, "reading balances", f);
  sqlite3_reset(s);
  return e;
}

static enum err read_spends(struct sqlite_link *l, struct tally *t, struct fault *f) {
  sqlite3_stmt *s = NULL;
  enum err e = sqlite_prepare(l, SQL_LEDGER_SPENDS, &s, f);
  if (e)
    return e;
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    struct tally_sum *sum = tally_at(t, sqlite3_column_int64(s, 0), 0);
    sum->billable_nano = tally_plus(sum->billable_nano, sqlite3_column_int64(s, 1));
  }
  if (rc != SQLITE_DONE)
    e = sqlite_fail(l->db, "reading balances", f);
  sqlite3_reset(s);
  return e;
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

struct recount {
  struct tally rows, balances, spends;
};

static void compare_all(struct recount *r, struct arena *a, struct ledger_totals *totals) {
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
static enum err recount_read(struct sqlite_link *l, struct recount *r, struct fault *f) {
  enum err e = sqlite_run(l->db, "BEGIN", f);
  if (e)
    return e;
  e = count_rows(l, &r->rows, f);
  if (!e)
    e = read_balances(l, &r->balances, f);
  if (!e)
    e = read_spends(l, &r->spends, f);
  return sqlite_end(l, e, f);
}

enum err sqlite_ledger_verify(struct store *store, struct arena *a, struct ledger_totals *out, struct fault *f) {
  struct sqlite_link *l = ((struct sqlite_store *)store)->read;
  struct recount r;
  tally_init(&r.rows);
  tally_init(&r.balances);
  tally_init(&r.spends);
  pthread_mutex_lock(&l->lock);
  enum err e = recount_read(l, &r, f);
  pthread_mutex_unlock(&l->lock);
  if (!e) {
    struct ledger_totals totals = {0};
    compare_all(&r, a, &totals);
    *out = totals;
  }
  tally_done(&r.rows);
  tally_done(&r.balances);
  tally_done(&r.spends);
  return e;
}
