/* Opening a database without a look at its schema, for the migrations and store_open. Not for other rooms. */
#ifndef STORE_PLACES_H
#define STORE_PLACES_H

#include "store/driver.h"
#include "store/store.h"

/* create: a file may be made where there is none (else ERR_NOT_FOUND). Close with base.ops->close. Errors as
 * store_open's. */
enum err store_open_bare(const struct store_place *place, bool create, struct database **out,
                         struct fault *f) MUST_CHECK;

#endif
