/* Who calls the control API and what they may do, as one value for the length of a request: made by the adapter behind
 * `struct access` from what the request shows, or by the operator's socket, whose owner may do everything. */
#ifndef PORTS_CALLER_H
#define PORTS_CALLER_H

#include "base/arena.h"
#include "ports/permission.h"

enum caller_kind { CALLER_LOCAL, CALLER_USER, CALLER_SERVICE };

/* What a caller may do in one workspace, besides what they may everywhere. */
struct caller_workspace {
  int64_t id;
  struct text name;
  uint64_t permissions;
};

struct caller {
  enum caller_kind kind;
  int64_t id;                /* of the user or service account; 0: local */
  int64_t org_id;            /* the organisation whose things are seen; 0: local, every one */
  int64_t session_id;        /* 0: none, a token or the socket */
  struct text actor, origin; /* for the audit log: "local:0" "user:12" "service:3"; "socket", or an address */
  struct text email;         /* of a user, under which calls of theirs are in the ledger; "" */
  int64_t since_us;          /* since when these are theirs: an address may have been another's; 0: all of them */
  uint64_t permissions;      /* in the whole organisation */
  const struct caller_workspace *workspaces;
  size_t workspace_count;
};

/* In the whole organisation. */
bool caller_may(const struct caller *c, enum permission p);
/* In one workspace: there, or everywhere. Workspace 0: caller_may. */
bool caller_may_in(const struct caller *c, enum permission p, int64_t workspace_id);
/* Everywhere or in at least one workspace. */
bool caller_may_somewhere(const struct caller *c, enum permission p);
/* What a caller may do there: a role with more than this is not theirs to give. */
uint64_t caller_permissions_in(const struct caller *c, int64_t workspace_id);

/* What a request shows of its caller. */
struct access_claim {
  struct text authorization, cookie, csrf; /* the headers Authorization, Cookie, x-weir-csrf; "" */
  struct text method;
  struct text address; /* of the peer, as text */
};

struct access {
  /* Who that is; everything in *out lives in the arena. ERR_UNAUTHENTICATED: nobody that is known, or not any more;
   * ERR_FORBIDDEN: a browser's request that changes something, without the token that proves it is not another site's;
   * ERR_STORE: nobody can tell now. Rights that were taken away are seen within a second. Waits. */
  enum err (*find)(struct access *self, const struct access_claim *claim, int64_t now_us, struct arena *a,
                   struct caller *out, struct fault *f);
};

#endif
