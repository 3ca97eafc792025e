/* One table of the store as copying sees it: its columns, its rows page by page in the order of its primary key, and a
 * sum over them that does not depend on the order. It knows no table by name. For store_copy.c. */
#ifndef STORE_COPY_TABLE_H
#define STORE_COPY_TABLE_H

#include "store/driver.h"

#define COPY_COLUMNS_MAX 64
#define COPY_KEYS_MAX    16

struct copy_column {
  struct text name;
  enum driver_cell_kind kind;
  bool is_json;
};

struct copy_shape {
  const char *table;
  struct copy_column columns[COPY_COLUMNS_MAX]; /* by name */
  size_t column_count;
  size_t keys[COPY_KEYS_MAX]; /* which columns are the primary key, in its order */
  size_t key_count;
};

struct copy_sum {
  uint64_t rows, low, high;
};

/* What is told while rows go by: after every page; doing is "copying" or "checking". An error from it ends the work and
 * is returned. */
struct copy_watch {
  enum err (*tell)(void *data, const char *doing, const char *table, uint64_t rows, struct fault *f);
  void *data;
};

/* The table as it is in this database. ERR_NOT_FOUND: there is none. ERR_UNSUPPORTED: no primary key, or a type that
 * copying does not know. table and a must live as long as *out. */
enum err copy_shape_read(struct driver_link *l, const char *table, struct arena *a, struct copy_shape *out,
                         struct fault *f) MUST_CHECK;
/* ERR_STORE unless both have the same columns. */
enum err copy_shape_same(const struct copy_shape *from, const struct copy_shape *to, struct fault *f) MUST_CHECK;

/* Whether there is a row. */
enum err copy_table_has_rows(struct driver_link *l, const struct copy_shape *shape, bool *out,
                             struct fault *f) MUST_CHECK;
/* Every row from one database into the other, each in its open transaction, a page in memory at a time. Texts that the
 * target cannot hold are cleaned, and the sum is of what it is given. */
enum err copy_table_rows(struct driver_link *from, struct driver_link *to, const struct copy_shape *shape,
                         const struct copy_watch *watch, struct copy_sum *out, struct fault *f) MUST_CHECK;
/* The sum of what is there. */
enum err copy_table_sum(struct driver_link *l, const struct copy_shape *shape, const struct copy_watch *watch,
                        struct copy_sum *out, struct fault *f) MUST_CHECK;

#endif
