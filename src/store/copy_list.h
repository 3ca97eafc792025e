/* What `weir store copy` does with each table of the store: a new table needs its row here (a test compares the list
 * with the schema, and a store with a table that is not listed is not copied). Pure data. */
#ifndef STORE_COPY_LIST_H
#define STORE_COPY_LIST_H

#include <stddef.h>

enum copy_way {
  COPY_WHOLE,  /* every row; there must be none in the target */
  COPY_SEEDED, /* every row, in place of those that the migrations have put into the target */
  COPY_NOT     /* belongs to the database it is in */
};

struct copy_entry {
  const char *table;
  enum copy_way way;
};

extern const struct copy_entry copy_list[];
extern const size_t copy_list_count;

/* NULL when it is not listed. */
const struct copy_entry *copy_list_find(const char *table);

#endif
