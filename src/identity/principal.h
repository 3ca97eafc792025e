/* Principals: made once from a stored or declared key, then shared and immutable. Here because making and refcounting
 * them is the same for every kind of credential. */
#ifndef IDENTITY_PRINCIPAL_H
#define IDENTITY_PRINCIPAL_H

#include "identity/apikey.h"

/* Copies everything it needs. One reference. Never fails. */
const struct principal *principal_from_declared(const struct apikey_declared *d);
const struct principal *principal_from_stored(const struct store_key *k);
const struct principal *principal_ref(const struct principal *p);
void principal_unref(const struct principal *p); /* NULL is fine */
/* Expired or blocked? ERR_OK, ERR_UNAUTHENTICATED, ERR_FORBIDDEN. */
enum err principal_check(const struct principal *p, int64_t now_us, struct fault *f) MUST_CHECK;

#endif
