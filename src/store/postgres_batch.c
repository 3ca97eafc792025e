/* The bulk ways into the ledger's tables: rows through COPY into a temporary table and from there with ON CONFLICT DO
 * NOTHING, which tells the ids that were new; sums as one statement over arrays. A batch of thousands of rows is a
 * handful of round trips. Called by store_ledger.c inside its transaction. */
#include "store/postgres.h"

#include "store/ledger_columns.h"
#include "store/postgres_copy.h"

#define INT8_OID      20
#define ARRAY_HEADER  20
#define ARRAY_ELEMENT 12

static const char doing_rows[] = "adding ledger rows", doing_sums[] = "moving balances";

/* One tuple of COPY's binary format: how many fields, then each with its length before it. */
static void add_tuple(struct buf *b, const struct ledger_row *row) {
  struct ledger_value values[SQL_LEDGER_COLUMNS];
  ledger_columns_of(row, values);
  postgres_copy_tuple(b, SQL_LEDGER_COLUMNS);
  for (int i = 0; i < SQL_LEDGER_COLUMNS; i++)
    if (values[i].is_text)
      postgres_copy_text(b, values[i].text);
    else
      postgres_copy_number(b, values[i].number);
}

static enum err copy(struct postgres_link *l, const struct ledger_row *const *rows, size_t count, struct fault *f) {
  enum err e = postgres_copy_begin(l, sql_text(SQL_BATCH_COPY, SQL_POSTGRES), doing_rows, f);
  for (size_t i = 0; i < count && !e; i++) {
    add_tuple(&l->load, rows[i]);
    e = postgres_copy_flush(l, doing_rows, f);
  }
  return e ? e : postgres_copy_end(l, doing_rows, f);
}

/* The temporary table lasts as long as the connection, once the transaction that made it has been committed. */
static enum err make_batch(struct postgres_link *l, struct fault *f) {
  if (l->has_batch || l->made_batch)
    return ERR_OK;
  enum err e = postgres_exec(l, sql_text(SQL_BATCH_MAKE, SQL_POSTGRES), doing_rows, f);
  if (!e)
    l->made_batch = true;
  return e;
}

static int by_id(const void *id, const void *row) {
  int64_t a = *(const int64_t *)id, b = (*(const struct ledger_row *const *)row)->id;
  return a < b ? -1 : a > b;
}

enum err postgres_add_rows(struct driver_link *base, const struct ledger_row *const *rows, size_t count, bool *out_new,
                           struct fault *f) {
  struct postgres_link *l = (struct postgres_link *)base;
  enum err e = make_batch(l, f);
  if (!e)
    e = copy(l, rows, count, f);
  if (!e)
    e = base->driver->prepare(base, SQL_BATCH_INSERT, f);
  if (e)
    return e;
  bool row = false;
  while (!(e = base->driver->step(base, &row, doing_rows, f)) && row) {
    int64_t id = base->driver->number(base, 0);
    const struct ledger_row *const *at = bsearch(&id, rows, count, sizeof *rows, by_id);
    if (at)
      out_new[at - rows] = true;
  }
  base->driver->reset(base);
  return e;
}

/* Sums as arrays, one a column, in PostgreSQL's binary format: one dimension, no NULLs, elements of 8 bytes. */
struct columns {
  struct buf at[SQL_BALANCE_COLUMNS];
  int count;
};

static void columns_init(struct columns *c, int count, size_t rows) {
  c->count = count;
  for (int i = 0; i < count; i++) {
    struct buf *b = &c->at[i];
    buf_init(b, ARRAY_HEADER + rows * ARRAY_ELEMENT + 1);
    postgres_copy_32(b, 1);
    postgres_copy_32(b, 0);
    postgres_copy_32(b, INT8_OID);
    postgres_copy_32(b, (uint32_t)rows);
    postgres_copy_32(b, 1);
  }
}

static void columns_add(struct columns *c, const int64_t *values) {
  for (int i = 0; i < c->count; i++) {
    postgres_copy_32(&c->at[i], 8);
    postgres_copy_64(&c->at[i], values[i]);
  }
}

static enum err columns_run(struct driver_link *l, struct columns *c, enum sql which, struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  for (int i = 0; i < c->count && !e; i++) {
    l->driver->bind_bytes(l, i + 1, buf_text(&c->at[i]));
    if (buf_check(&c->at[i]))
      e = fault_set(f, ERR_INTERNAL, NULL, "%s: the arrays are larger than they were made for", doing_sums);
  }
  if (!e)
    e = driver_finish(l, doing_sums, NULL, f);
  for (int i = 0; i < c->count; i++)
    buf_done(&c->at[i]);
  return e;
}

enum err postgres_add_balances(struct driver_link *l, const struct tally *t, struct fault *f) {
  struct columns c;
  columns_init(&c, SQL_BALANCE_COLUMNS, t->count);
  for (size_t i = 0; i < t->count; i++) {
    const struct tally_sum *s = &t->sums[i];
    int64_t values[SQL_BALANCE_COLUMNS] = {s->key_id, s->entries};
    memcpy(values + 2, s->tokens, sizeof s->tokens);
    values[8] = s->cost_nano;
    values[9] = s->billable_nano;
    columns_add(&c, values);
  }
  return columns_run(l, &c, SQL_BATCH_BALANCES, f);
}

enum err postgres_add_spends(struct driver_link *l, const struct tally *t, struct fault *f) {
  struct columns c;
  size_t count = 0;
  for (size_t i = 0; i < t->count; i++)
    count += t->sums[i].billable_nano != 0;
  if (count == 0)
    return ERR_OK;
  columns_init(&c, SQL_SPEND_COLUMNS, count);
  for (size_t i = 0; i < t->count; i++) {
    const int64_t values[SQL_SPEND_COLUMNS] = {t->sums[i].key_id, t->sums[i].slot, t->sums[i].billable_nano};
    if (values[2] != 0)
      columns_add(&c, values);
  }
  return columns_run(l, &c, SQL_BATCH_SPENDS, f);
}

enum err postgres_add_marks(struct driver_link *l, const struct tally *t, struct fault *f) {
  struct columns c;
  columns_init(&c, 1, t->count);
  for (size_t i = 0; i < t->count; i++)
    columns_add(&c, &t->sums[i].slot);
  return columns_run(l, &c, SQL_BATCH_MARKS, f);
}
