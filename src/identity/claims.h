/* What a signed token says (RFC 7519), held against what its issuer may say: who made it, for whom, from when until
 * when, about whom. Read only after the signature has been found right, but for the issuer's name, which says whose
 * keys to check it with. Pure: the time comes in. */
#ifndef IDENTITY_CLAIMS_H
#define IDENTITY_CLAIMS_H

#include "base/arena.h"

#define CLAIMS_SUBJECT_BYTES 128 /* of sub, and of what names the user */

/* What is asked of the tokens of one issuer. Texts belong to whoever made it. */
struct claims_rule {
  struct text issuer; /* equal to `iss`, byte by byte */
  const struct text *audiences;
  size_t audience_count;     /* one of them must be in `aud` */
  const struct text *scopes; /* every one must be in `scope` (words) or `scp` (words or a list) */
  size_t scope_count;
  struct text user_claim; /* the member that names the user, a text; `sub` where it is missing */
  int64_t leeway_s;       /* for clocks that differ */
  bool nbf_optional;
};

struct claims {
  struct text subject, user; /* in the arena */
  int64_t expires_us;        /* wall clock, leeway included */
};

/* The issuer's name of a payload that nobody has checked yet; false when it has none. */
bool claims_read_issuer(struct text payload, struct arena *a, struct text *out);
/* ERR_UNAUTHENTICATED, and f says which claim is at fault: not a JSON object with each name once; `iss`, `aud`, `exp`,
 * `nbf` (unless optional) or `sub` missing or of another type; not our issuer or audience; expired, not yet valid, made
 * in the future; a subject or user that is empty, too long or holds control characters. ERR_FORBIDDEN: a scope is
 * missing. */
enum err claims_read(struct text payload, const struct claims_rule *r, int64_t now_us, struct arena *a,
                     struct claims *out, struct fault *f) MUST_CHECK;

#endif
