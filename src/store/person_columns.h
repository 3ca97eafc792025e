/* Every text column of the store, and whether it holds a person. A test compares the list with the schema, so that a
 * new column is thought of; store_persons.c is what erases, store_person_export.c what exports. */
#ifndef STORE_PERSON_COLUMNS_H
#define STORE_PERSON_COLUMNS_H

#include <stddef.h>

struct person_columns {
  const char *table;
  const char *personal;   /* columns, each with a space on either side */
  const char *impersonal; /* the same; columns of numbers and bytes stand nowhere */
};

extern const struct person_columns person_columns[];
extern const size_t person_columns_count;

#endif
