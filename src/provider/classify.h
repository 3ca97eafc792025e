/* Understanding a vendor's failures: tables of rows, and the one engine that reads them. Each adapter has a table of
 * its own; behind it come the rows all vendors share. docs/generated/failures.md is written from the same rows. Pure.
 */
#ifndef PROVIDER_CLASSIFY_H
#define PROVIDER_CLASSIFY_H

#include "base/buf.h"
#include "ports/provider.h"

/* One row: what has to be true of a failure, and what it is then. Of all rows the first that fits decides. */
struct provider_failure {
  int low, high;       /* its status is one of these, both included; 0 and 0: any */
  const char *name;    /* this is one of its names (type, code, exception), without regard to case; NULL: any */
  const char *opening; /* its message begins so, to the letter; NULL: any */
  bool used_up;        /* it speaks of a quota, plan or credit that is used up, and not only of calls too fast */
  enum provider_class class;
};
#define FAILURES(rows) .failures = (rows), .failure_count = sizeof(rows) / sizeof((rows)[0])

/* The rows behind every table (product R2); the last one fits everything. */
const struct provider_failure *classify_shared(size_t *out_count);
/* The words by which used_up is decided: one of usage is in a name or in the message, and none of rate beside it. */
const struct text *classify_usage_words(size_t *out_count);
const struct text *classify_rate_words(size_t *out_count);

#endif
