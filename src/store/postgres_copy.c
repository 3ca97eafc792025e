/* Sending rows through COPY: the binary format, chunks, and waiting for the server with a deadline. It knows no table.
 * Called by postgres_batch.c for the ledger's rows and, through the driver, by copy_table.c for every table
 * (test_store_copy.c tries that). */
#include "store/postgres_copy.h"

#include <endian.h>

#define CHUNK_BYTES 262144

static const char doing_load[] = "copying into a table";

static void add_16(struct buf *b, uint16_t n) {
  uint16_t wire = htobe16(n);
  buf_add(b, (struct text){(const char *)&wire, sizeof wire});
}

void postgres_copy_32(struct buf *b, uint32_t n) {
  uint32_t wire = htobe32(n);
  buf_add(b, (struct text){(const char *)&wire, sizeof wire});
}

void postgres_copy_64(struct buf *b, int64_t n) {
  uint64_t wire = htobe64((uint64_t)n);
  buf_add(b, (struct text){(const char *)&wire, sizeof wire});
}

void postgres_copy_tuple(struct buf *b, size_t fields) { add_16(b, (uint16_t)fields); }

void postgres_copy_number(struct buf *b, int64_t n) {
  postgres_copy_32(b, sizeof n);
  postgres_copy_64(b, n);
}

void postgres_copy_bytes(struct buf *b, struct text t) {
  postgres_copy_32(b, (uint32_t)t.len);
  buf_add(b, t);
}

void postgres_copy_text(struct buf *b, struct text t) {
  char *clean = postgres_clean(t);
  postgres_copy_bytes(b, clean ? (struct text){clean, t.len} : t);
  free(clean);
}

void postgres_copy_null(struct buf *b) { postgres_copy_32(b, UINT32_MAX); }

/* An idle connection holds no rows. */
static void empty(struct postgres_link *l) {
  buf_done(&l->load);
  buf_init(&l->load, POSTGRES_COPY_MAX);
}

static enum err give_up(struct postgres_link *l, enum err e) {
  l->broken = true;
  empty(l);
  return e;
}

/* Waits until libpq takes what `put` offers: below 0 it failed, 0 its buffers are full. */
static enum err offer(struct postgres_link *l, int (*put)(struct postgres_link *l), const char *doing,
                      struct fault *f) {
  int64_t deadline_us = postgres_clock_us() + l->patience_ms * 1000;
  enum err e = ERR_OK;
  for (int taken = 0; !e && taken == 0;) {
    taken = put(l);
    if (taken < 0)
      e = postgres_fail(l, NULL, doing, f);
    else if (taken == 0)
      e = postgres_wait(l, true, deadline_us, doing, f);
  }
  return e;
}

static int put_data(struct postgres_link *l) { return PQputCopyData(l->db, l->load.at, (int)l->load.len); }
static int put_end(struct postgres_link *l) { return PQputCopyEnd(l->db, NULL); }

static enum err send(struct postgres_link *l, const char *doing, struct fault *f) {
  enum err e = buf_check(&l->load);
  if (e)
    return fault_set(f, ERR_LIMIT, NULL, "%s: a row is larger than %d bytes", doing, POSTGRES_COPY_MAX - CHUNK_BYTES);
  e = offer(l, put_data, doing, f);
  buf_reset(&l->load);
  return e;
}

enum err postgres_copy_begin(struct postgres_link *l, const char *sql, const char *doing, struct fault *f) {
  static const char header[19] = "PGCOPY\n\377\r\n"; /* the signature's zero byte, no flags, no extension */
  enum err e = postgres_exec(l, sql, doing, f);
  if (e)
    return e;
  buf_reset(&l->load);
  buf_add(&l->load, (struct text){header, sizeof header});
  return ERR_OK;
}

enum err postgres_copy_flush(struct postgres_link *l, const char *doing, struct fault *f) {
  if (l->load.len < CHUNK_BYTES && !l->load.failed)
    return ERR_OK;
  enum err e = send(l, doing, f);
  return e ? give_up(l, e) : ERR_OK;
}

enum err postgres_copy_end(struct postgres_link *l, const char *doing, struct fault *f) {
  PGresult *r = NULL;
  add_16(&l->load, UINT16_MAX);
  enum err e = send(l, doing, f);
  if (!e)
    e = offer(l, put_end, doing, f);
  if (e)
    return give_up(l, e);
  empty(l);
  e = postgres_answer(l, doing, &r, f);
  if (!e)
    PQclear(r);
  return e;
}

enum err postgres_load_begin(struct driver_link *base, const char *table, const char *columns, struct fault *f) {
  struct buf sql;
  buf_init(&sql, 65536);
  buf_add_format(&sql, "COPY %s (%s) FROM STDIN (FORMAT binary)", table, columns);
  buf_add_char(&sql, '\0');
  enum err e = buf_check(&sql);
  if (!e)
    e = postgres_copy_begin((struct postgres_link *)base, buf_text(&sql).at, doing_load, f);
  buf_done(&sql);
  return e;
}

enum err postgres_load_row(struct driver_link *base, const struct driver_cell *cells, size_t count, struct fault *f) {
  struct postgres_link *l = (struct postgres_link *)base;
  postgres_copy_tuple(&l->load, count);
  for (size_t i = 0; i < count; i++) {
    switch (cells[i].kind) {
    case DRIVER_CELL_NULL: postgres_copy_null(&l->load); break;
    case DRIVER_CELL_NUMBER: postgres_copy_number(&l->load, cells[i].number); break;
    default: postgres_copy_bytes(&l->load, cells[i].bytes); break;
    }
  }
  return postgres_copy_flush(l, doing_load, f);
}

enum err postgres_load_end(struct driver_link *base, struct fault *f) {
  return postgres_copy_end((struct postgres_link *)base, doing_load, f);
}
