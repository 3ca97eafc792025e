/* The ledger's rows in SQLite: append in batches, list, what a key spent. Called by the ledger's writer thread, by
 * budgets and by `weir ledger`. A batch is one transaction: rows, the balances they move, and the journal's position;
 * balances are summed in memory first (tally.h). The recount is in sqlite_verify.c. */
#include "store/sqlite.h"
#include "store/tally.h"

static int64_t number(uint64_t n) { return n > INT64_MAX ? INT64_MAX : (int64_t)n; }

static void bind_usage(sqlite3_stmt *s, int at, const struct usage *u) {
  sqlite3_bind_int64(s, at, number(u->input));
  sqlite3_bind_int64(s, at + 1, number(u->output));
  sqlite3_bind_int64(s, at + 2, number(u->cache_write_5m));
  sqlite3_bind_int64(s, at + 3, number(u->cache_write_1h));
  sqlite3_bind_int64(s, at + 4, number(u->cache_read));
  sqlite3_bind_int64(s, at + 5, number(u->reasoning));
  sqlite3_bind_int64(s, at + 6, u->known);
  sqlite3_bind_int64(s, at + 7, u->estimated);
}

static void bind_cost(sqlite3_stmt *s, int at, const struct cost *c) {
  sqlite3_bind_int64(s, at, c->input);
  sqlite3_bind_int64(s, at + 1, c->output);
  sqlite3_bind_int64(s, at + 2, c->cache_write);
  sqlite3_bind_int64(s, at + 3, c->cache_read);
  sqlite3_bind_int64(s, at + 4, c->total);
  sqlite3_bind_int64(s, at + 5, c->known);
}

static void bind_row(sqlite3_stmt *s, const struct ledger_row *r) {
  sqlite3_bind_int64(s, 1, r->id);
  sqlite3_bind_int64(s, 2, r->reserved_us);
  sqlite3_bind_int64(s, 3, r->settled_us);
  sqlite_bind_text(s, 4, r->request_id);
  sqlite3_bind_int64(s, 5, r->attempt);
  sqlite3_bind_int64(s, 6, r->key_id);
  const struct text texts[] = {r->key_name,   r->user,  r->wire,           r->operation,           r->provider,
                               r->credential, r->model, r->upstream_model, r->upstream_request_id, r->outcome,
                               r->error};
  for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++)
    sqlite_bind_text(s, 7 + i, texts[i]);
  sqlite3_bind_int64(s, 18, r->status);
  sqlite3_bind_int64(s, 19, r->upstream_status);
  sqlite3_bind_int64(s, 20, r->streamed);
  sqlite3_bind_int64(s, 21, r->billable);
  bind_usage(s, 22, &r->usage);
  bind_cost(s, 30, &r->cost);
  sqlite3_bind_int64(s, 36, r->price_version);
  sqlite3_bind_int64(s, 37, r->reserved_nano);
  sqlite3_bind_int64(s, 38, r->first_token_us);
  sqlite3_bind_int64(s, 39, r->duration_us);
  sqlite3_bind_int64(s, 40, r->overhead_us);
}

static enum err add_rows(struct sqlite_link *l, const struct ledger_row *rows, size_t count, struct tally *t,
                         struct fault *f) {
  sqlite3_stmt *s = NULL;
  enum err e = sqlite_prepare(l, SQL_LEDGER_INSERT, &s, f);
  for (size_t i = 0; i < count && !e; i++) {
    bind_row(s, &rows[i]);
    e = sqlite_finish(l, s, "adding ledger rows", f);
    if (!e && sqlite3_changes(l->db) > 0)
      tally_add(t, &rows[i], true);
  }
  return e;
}

static enum err move_balance(struct sqlite_link *l, const struct tally_sum *sum, struct fault *f) {
  sqlite3_stmt *s = NULL;
  enum err e = sqlite_prepare(l, SQL_LEDGER_BALANCE, &s, f);
  if (e)
    return e;
  sqlite3_bind_int64(s, 1, sum->key_id);
  sqlite3_bind_int64(s, 2, sum->entries);
  for (int i = 0; i < TALLY_TOKENS; i++)
    sqlite3_bind_int64(s, 3 + i, sum->tokens[i]);
  sqlite3_bind_int64(s, 9, sum->cost_nano);
  sqlite3_bind_int64(s, 10, sum->billable_nano);
  return sqlite_finish(l, s, "moving a balance", f);
}

static enum err move_spend(struct sqlite_link *l, const struct tally_sum *sum, struct fault *f) {
  sqlite3_stmt *s = NULL;
  enum err e = sum->billable_nano ? sqlite_prepare(l, SQL_LEDGER_SPEND, &s, f) : ERR_OK;
  if (e || !sum->billable_nano)
    return e;
  sqlite3_bind_int64(s, 1, sum->key_id);
  sqlite3_bind_int64(s, 2, sum->slot);
  sqlite3_bind_int64(s, 3, sum->billable_nano);
  return sqlite_finish(l, s, "moving a balance", f);
}

static enum err move_position(struct sqlite_link *l, struct text stream, uint64_t position, struct fault *f) {
  sqlite3_stmt *s = NULL;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  enum err e = sqlite_prepare(l, SQL_LEDGER_MOVE, &s, f);
  if (e)
    return e;
  sqlite_bind_text(s, 1, stream);
  sqlite3_bind_int64(s, 2, number(position));
  sqlite3_bind_int64(s, 3, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
  return sqlite_finish(l, s, "moving a journal's position", f);
}

enum err sqlite_ledger_append(struct store *store, const struct ledger_row *rows, size_t count, struct text stream,
                              uint64_t position, struct fault *f) {
  struct sqlite_link *l = &((struct sqlite_store *)store)->write;
  struct tally t;
  tally_init(&t);
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_begin(l, f);
  if (!e) {
    e = add_rows(l, rows, count, &t, f);
    for (size_t i = 0; i < t.count && !e; i++) {
      e = move_balance(l, &t.sums[i], f);
      if (!e)
        e = move_spend(l, &t.sums[i], f);
    }
    if (!e && stream.len)
      e = move_position(l, stream, position, f);
    e = sqlite_end(l, e, f);
  }
  pthread_mutex_unlock(&l->lock);
  tally_done(&t);
  return e;
}

enum err sqlite_ledger_position(struct store *store, struct text stream, uint64_t *out, struct fault *f) {
  struct sqlite_link *l = ((struct sqlite_store *)store)->read;
  sqlite3_stmt *s = NULL;
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_prepare(l, SQL_LEDGER_POSITION, &s, f);
  if (!e) {
    sqlite_bind_text(s, 1, stream);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
      *out = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
    else
      e = sqlite_fail(l->db, "reading a journal's position", f);
    sqlite3_reset(s);
  }
  pthread_mutex_unlock(&l->lock);
  return e;
}

enum err sqlite_ledger_forget(struct sqlite_store *store, int64_t before_us, struct fault *f) {
  struct sqlite_link *l = &store->write;
  sqlite3_stmt *s = NULL;
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_prepare(l, SQL_LEDGER_FORGET, &s, f);
  if (!e) {
    sqlite3_bind_int64(s, 1, before_us);
    e = sqlite_finish(l, s, "forgetting old journals", f);
  }
  pthread_mutex_unlock(&l->lock);
  return e;
}

static void row_read(sqlite3_stmt *s, struct arena *a, struct ledger_row *r) {
  *r = (struct ledger_row){
      .id = sqlite3_column_int64(s, 0),
      .reserved_us = sqlite3_column_int64(s, 1),
      .settled_us = sqlite3_column_int64(s, 2),
      .request_id = sqlite_text(s, 3, a),
      .attempt = (uint32_t)sqlite3_column_int64(s, 4),
      .key_id = sqlite3_column_int64(s, 5),
      .status = sqlite3_column_int(s, 17),
      .upstream_status = sqlite3_column_int(s, 18),
      .streamed = sqlite3_column_int(s, 19) != 0,
      .billable = sqlite3_column_int(s, 20) != 0,
      .usage = {.input = (uint64_t)sqlite3_column_int64(s, 21),
                .output = (uint64_t)sqlite3_column_int64(s, 22),
                .cache_write_5m = (uint64_t)sqlite3_column_int64(s, 23),
                .cache_write_1h = (uint64_t)sqlite3_column_int64(s, 24),
                .cache_read = (uint64_t)sqlite3_column_int64(s, 25),
                .reasoning = (uint64_t)sqlite3_column_int64(s, 26),
                .known = sqlite3_column_int(s, 27) != 0,
                .estimated = sqlite3_column_int(s, 28) != 0},
      .cost = {.input = sqlite3_column_int64(s, 29),
               .output = sqlite3_column_int64(s, 30),
               .cache_write = sqlite3_column_int64(s, 31),
               .cache_read = sqlite3_column_int64(s, 32),
               .total = sqlite3_column_int64(s, 33),
               .known = sqlite3_column_int(s, 34) != 0},
      .price_version = (uint32_t)sqlite3_column_int64(s, 35),
      .reserved_nano = sqlite3_column_int64(s, 36),
      .first_token_us = sqlite3_column_int64(s, 37),
      .duration_us = sqlite3_column_int64(s, 38),
      .overhead_us = sqlite3_column_int64(s, 39),
  };
  struct text *texts[] = {&r->key_name,   &r->user,  &r->wire,           &r->operation,           &r->provider,
                          &r->credential, &r->model, &r->upstream_model, &r->upstream_request_id, &r->outcome,
                          &r->error};
  for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++)
    *texts[i] = sqlite_text(s, 6 + i, a);
}

static enum err list_read(struct sqlite_link *l, sqlite3_stmt *s, struct arena *a, struct ledger_row **out,
                          size_t *out_count, struct fault *f) {
  size_t count = 0, cap = 0;
  struct ledger_row *rows = arena_alloc(a, 1);
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    if (count == cap) {
      cap = cap ? cap * 2 : 16;
      struct ledger_row *more = arena_alloc(a, cap * sizeof *more);
      if (count)
        memcpy(more, rows, count * sizeof *more);
      rows = more;
    }
    row_read(s, a, &rows[count++]);
  }
  if (rc != SQLITE_DONE)
    return sqlite_fail(l->db, "listing the ledger", f);
  *out = rows;
  *out_count = count;
  return ERR_OK;
}

enum err sqlite_ledger_list(struct store *store, int64_t before_id, size_t max, struct arena *a,
                            struct ledger_row **out, size_t *out_count, struct fault *f) {
  struct sqlite_link *l = ((struct sqlite_store *)store)->read;
  sqlite3_stmt *s = NULL;
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_prepare(l, SQL_LEDGER_LIST, &s, f);
  if (!e) {
    sqlite3_bind_int64(s, 1, before_id == 0 ? INT64_MAX : before_id);
    sqlite3_bind_int64(s, 2, number(max));
    e = list_read(l, s, a, out, out_count, f);
    sqlite3_reset(s);
  }
  pthread_mutex_unlock(&l->lock);
  return e;
}

static enum err sum_up(struct sqlite_link *l, sqlite3_stmt *s, int64_t *sum, struct fault *f) {
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW)
    *sum = tally_plus(*sum, sqlite3_column_int64(s, 0));
  enum err e = rc == SQLITE_DONE ? ERR_OK : sqlite_fail(l->db, "summing up what a key spent", f);
  sqlite3_reset(s);
  return e;
}

/* Whole slots come from the sums. Only when since_us is not on a slot's edge, which no budget period is, the rows of
 * the slot it falls into are read. */
enum err sqlite_ledger_spent(struct store *store, int64_t key_id, int64_t since_us, int64_t *out_nano,
                             struct fault *f) {
  struct sqlite_link *l = ((struct sqlite_store *)store)->read;
  sqlite3_stmt *s = NULL;
  int64_t slot = tally_slot(since_us), sum = 0;
  bool on_edge = since_us % TALLY_SLOT_US == 0;
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_prepare(l, SQL_LEDGER_SPENT, &s, f);
  if (!e) {
    sqlite3_bind_int64(s, 1, key_id);
    sqlite3_bind_int64(s, 2, on_edge ? slot : slot + 1);
    e = sum_up(l, s, &sum, f);
  }
  if (!e && !on_edge)
    e = sqlite_prepare(l, SQL_LEDGER_SPENT_ROWS, &s, f);
  if (!e && !on_edge) {
    sqlite3_bind_int64(s, 1, key_id);
    sqlite3_bind_int64(s, 2, since_us);
    sqlite3_bind_int64(s, 3, (slot + 1) * TALLY_SLOT_US);
    e = sum_up(l, s, &sum, f);
  }
  pthread_mutex_unlock(&l->lock);
  if (!e)
    *out_nano = sum;
  return e;
}
