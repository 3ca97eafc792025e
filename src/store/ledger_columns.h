/* A ledger row as the values of its columns, in the order of SQL_LEDGER_INSERT and SQL_LEDGER_LIST, and back. Pure. */
#ifndef STORE_LEDGER_COLUMNS_H
#define STORE_LEDGER_COLUMNS_H

#include "store/driver.h"

struct ledger_value {
  bool is_text;
  int64_t number;
  struct text text; /* the row's own */
};

void ledger_columns_of(const struct ledger_row *r, struct ledger_value out[SQL_LEDGER_COLUMNS]);
/* The link stands on a row of SQL_LEDGER_LIST; texts are copied into a. */
void ledger_columns_read(struct driver_link *l, struct arena *a, struct ledger_row *out);
/* All rows of the current statement; doing as in the driver's step. Outputs are the list so far, also on failure. */
enum err ledger_columns_list(struct driver_link *l, struct arena *a, struct ledger_row **out, size_t *out_count,
                             const char *doing, struct fault *f) MUST_CHECK;

#endif
