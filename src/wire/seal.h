/* Reasoning of one vendor carried through the members of another's dialect: what the foreign dialect has no place for
 * is put, as JSON in base64url, into the one opaque member it has (a signature, encrypted data), and taken out again
 * when the client sends it back. Content of a client's, never trusted for more than that. Pure. */
#ifndef WIRE_SEAL_H
#define WIRE_SEAL_H

#include "base/buf.h"
#include "llm/request.h"

/* "weir1." and base64url of {"f":format,"i":id,"s":signature,"d":details,"r":true if it is
 * redacted}; absent parts are left out. */
struct text seal_make(const struct llm_block *thinking, struct arena *a);
/* Is it one of ours? */
bool seal_is(struct text sealed);
/* Fills format, id, signature, details of *block, and its kind when it was redacted: not every dialect has two kinds of
 * reasoning. ERR_BAD_REQUEST (f->field as given) when it is ours but damaged. */
enum err seal_open(struct text sealed, const struct llm_place *place, struct arena *a, struct llm_block *block,
                   struct fault *f) MUST_CHECK;

/* Without an arena, for streams. */
#define SEAL_PREFIX "weir1."
void seal_write(const struct llm_block *thinking, struct buf *out); /* the same text appended */

#endif
