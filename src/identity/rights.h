/* What users and service accounts may do: their grants and those of their teams, put together, and kept for a moment so
 * that not every request asks the store. Safe from any thread. */
#ifndef IDENTITY_RIGHTS_H
#define IDENTITY_RIGHTS_H

#include "ports/caller.h"
#include "ports/store_people.h"

#define RIGHTS_KEPT_US INT64_C(1000000) /* what was taken away is gone after this, even if no event told of it */
#define RIGHTS_MAX     4096             /* people whose rights are kept */

struct rights;

struct rights *rights_new(struct store *store); /* the store must outlive it */
void rights_free(struct rights *r);             /* NULL is fine */

/* Fills kind, id, org_id, actor, email, permissions and workspaces of *out, in the arena; session_id and origin are
 * left empty for the caller to fill. kind: PEOPLE_USER or PEOPLE_SERVICE. now_us: any clock that moves on.
 * ERR_UNAUTHENTICATED: removed or disabled. ERR_STORE and the like: nobody can tell now. Blocks. */
enum err rights_find(struct rights *r, enum people_kind kind, int64_t id, int64_t now_us, struct arena *a,
                     struct caller *out, struct fault *f) MUST_CHECK;
/* Everything that is kept is asked for anew, also what is being asked for right now. Does not wait for the store: for
 * the handler of the event `access`. */
void rights_forget(struct rights *r);

#endif
