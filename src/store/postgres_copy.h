/* COPY in PostgreSQL's binary format: rows are added to the link's buffer and sent in chunks. For the ledger's batches
 * (postgres_batch.c) and for loading whole tables (driver.h). Not for other rooms. */
#ifndef STORE_POSTGRES_COPY_H
#define STORE_POSTGRES_COPY_H

#include "store/postgres.h"

/* Begins the COPY that sql says; a failure to send later breaks the link, for in the middle of a COPY nothing else can
 * be said. doing: "adding ledger rows", for f. */
enum err postgres_copy_begin(struct postgres_link *l, const char *sql, const char *doing, struct fault *f) MUST_CHECK;
/* Sends what has been added to l->load when that is worth a packet; to be called after every row. */
enum err postgres_copy_flush(struct postgres_link *l, const char *doing, struct fault *f) MUST_CHECK;
enum err postgres_copy_end(struct postgres_link *l, const char *doing, struct fault *f) MUST_CHECK;

/* A row is its number of fields, then each of them. */
void postgres_copy_tuple(struct buf *b, size_t fields);
void postgres_copy_number(struct buf *b, int64_t n);
void postgres_copy_text(struct buf *b, struct text t); /* cleaned if need be */
void postgres_copy_bytes(struct buf *b, struct text t);
void postgres_copy_null(struct buf *b);
/* Bare numbers in the order of the network, also for arrays. */
void postgres_copy_32(struct buf *b, uint32_t n);
void postgres_copy_64(struct buf *b, int64_t n);

/* The driver's ways into any table: see driver.h. */
enum err postgres_load_begin(struct driver_link *l, const char *table, const char *columns, struct fault *f);
enum err postgres_load_row(struct driver_link *l, const struct driver_cell *cells, size_t count, struct fault *f);
enum err postgres_load_end(struct driver_link *l, struct fault *f);

#endif
