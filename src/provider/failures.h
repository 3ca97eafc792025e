/* The tables of failures as a page for people: docs/generated/failures.md. */
#ifndef PROVIDER_FAILURES_H
#define PROVIDER_FAILURES_H

#include "base/buf.h"

/* Markdown of every class and of every row of every provider, in the order in which they are looked through. */
void failures_write_page(struct buf *out);

#endif
