/* The bulk ways into the ledger's tables: rows through COPY into a temporary table and from there with ON CONFLICT DO
 * NOTHING, which tells the ids that were new; sums as one statement over arrays. A batch of thousands of rows is a
 * handful of round trips. Called by store_ledger.c inside its transaction. */
#include "store/postgres.h"

#include "base/buf.h"
#include "store/ledger_columns.h"

#include <endian.h>

#define CHUNK_BYTES   262144
#define CHUNK_MAX     (4 << 20)
#define INT8_OID      20
#define ARRAY_HEADER  20
#define ARRAY_ELEMENT 12

static const char doing_rows[] = "adding ledger rows", doing_sums[] = "moving balances";

static void add_16(struct buf *b, uint16_t n) {
  uint16_t wire = htobe16(n);
  buf_add(b, (struct text){(const char *)&wire, sizeof wire});
}

static void add_32(struct buf *b, uint32_t n) {
  uint32_t wire = htobe32(n);
  buf_add(b, (struct text){(const char *)&wire, sizeof wire});
}

static void add_64(struct buf *b, int64_t n) {
  uint64_t wire = htobe64((uint64_t)n);
  buf_add(b, (struct text){(const char *)&wire, sizeof wire});
}

static void add_text(struct buf *b, struct text t) {
  char *clean = postgres_clean(t);
  add_32(b, (uint32_t)t.len);
  buf_add(b, clean ? (struct text){clean, t.len} : t);
  free(clean);
}

/* One tuple of COPY's binary format: how many fields, then each with its length before it. */
static void add_tuple(struct buf *b, const struct ledger_row *row) {
  struct ledger_value values[SQL_LEDGER_COLUMNS];
  ledger_columns_of(row, values);
  add_16(b, SQL_LEDGER_COLUMNS);
  for (int i = 0; i < SQL_LEDGER_COLUMNS; i++) {
    if (values[i].is_text) {
      add_text(b, values[i].text);
    } else {
      add_32(b, 8);
      add_64(b, values[i].number);
    }
  }
}

static enum err send(struct postgres_link *l, struct buf *b, struct fault *f) {
  int64_t deadline_us = postgres_clock_us() + l->patience_ms * 1000;
  enum err e = buf_check(b);
  if (e)
    return fault_set(f, ERR_INTERNAL, NULL, "a ledger row is larger than %d bytes", CHUNK_MAX - CHUNK_BYTES);
  for (int taken = 0; !e && taken == 0;) {
    taken = PQputCopyData(l->db, b->at, (int)b->len);
    if (taken < 0)
      e = postgres_fail(l, NULL, doing_rows, f);
    else if (taken == 0)
      e = postgres_wait(l, true, deadline_us, doing_rows, f);
  }
  buf_reset(b);
  return e;
}

static enum err send_end(struct postgres_link *l, struct fault *f) {
  int64_t deadline_us = postgres_clock_us() + l->patience_ms * 1000;
  PGresult *r = NULL;
  enum err e = ERR_OK;
  for (int taken = 0; !e && taken == 0;) {
    taken = PQputCopyEnd(l->db, NULL);
    if (taken < 0)
      e = postgres_fail(l, NULL, doing_rows, f);
    else if (taken == 0)
      e = postgres_wait(l, true, deadline_us, doing_rows, f);
  }
  if (!e)
    e = postgres_answer(l, doing_rows, &r, f);
  if (!e)
    PQclear(r);
  return e;
}

static enum err copy(struct postgres_link *l, const struct ledger_row *const *rows, size_t count, struct fault *f) {
  static const char header[19] = "PGCOPY\n\377\r\n"; /* the signature's zero byte, no flags, no extension */
  struct buf b;
  enum err e = postgres_exec(l, sql_text(SQL_BATCH_COPY, SQL_POSTGRES), doing_rows, f);
  if (e)
    return e;
  buf_init(&b, CHUNK_MAX);
  buf_add(&b, (struct text){header, sizeof header});
  for (size_t i = 0; i < count && !e; i++) {
    add_tuple(&b, rows[i]);
    if (b.len > CHUNK_BYTES)
      e = send(l, &b, f);
  }
  add_16(&b, UINT16_MAX);
  if (!e)
    e = send(l, &b, f);
  buf_done(&b);
  if (!e)
    return send_end(l, f);
  l->broken = true; /* in the middle of a COPY nothing else can be said */
  return e;
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
    add_32(b, 1);
    add_32(b, 0);
    add_32(b, INT8_OID);
    add_32(b, (uint32_t)rows);
    add_32(b, 1);
  }
}

static void columns_add(struct columns *c, const int64_t *values) {
  for (int i = 0; i < c->count; i++) {
    add_32(&c->at[i], 8);
    add_64(&c->at[i], values[i]);
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
