/* What a caller may do: the questions that ports/caller.h offers. Pure; who somebody is, and which rights they have,
 * was found out before. Called by the control API for every request. */
#include "ports/caller.h"

bool caller_may(const struct caller *c, enum permission p) { return (c->permissions & PERMISSION_BIT(p)) != 0; }

uint64_t caller_permissions_in(const struct caller *c, int64_t workspace_id) {
  uint64_t set = c->permissions;
  for (size_t i = 0; workspace_id && i < c->workspace_count; i++)
    if (c->workspaces[i].id == workspace_id)
      set |= c->workspaces[i].permissions;
  return set;
}

bool caller_may_in(const struct caller *c, enum permission p, int64_t workspace_id) {
  return (caller_permissions_in(c, workspace_id) & PERMISSION_BIT(p)) != 0;
}

bool caller_may_somewhere(const struct caller *c, enum permission p) {
  bool may = caller_may(c, p);
  for (size_t i = 0; i < c->workspace_count && !may; i++)
    may = (c->workspaces[i].permissions & PERMISSION_BIT(p)) != 0;
  return may;
}
