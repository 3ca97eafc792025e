/* Pieces of a provider_target that adapters share. Pure; texts live in the arena or in the call. */
#ifndef PROVIDER_ADDRESS_H
#define PROVIDER_ADDRESS_H

#include "ports/provider.h"

/* base path + path + the client's query, if any. */
struct text address_path(const struct provider_call *c, struct arena *a, struct text path);
/* A raw path that may go to a vendor: absolute, visible ASCII, no query or fragment, no "." or ".." segment in any
 * spelling (it must not climb out of what the route allowed). ERR_BAD_REQUEST. */
enum err address_check_raw(struct text raw_path, struct fault *f) MUST_CHECK;
/* Weir's own credential may stand in a header: ERR_INTERNAL otherwise, without showing it. */
enum err address_check_key(struct text api_key, struct fault *f) MUST_CHECK;
/* t as one segment of a path, everything but unreserved characters percent-encoded (RFC 3986 section 2.3), '/' and ':'
 * too. ERR_BAD_REQUEST for an empty one, "." and "..". */
enum err address_segment(struct text t, struct arena *a, struct text *out, struct fault *f) MUST_CHECK;
/* Adds a header; does nothing for an empty value. */
void address_add(struct provider_target *t, struct text name, struct text value);

#endif
