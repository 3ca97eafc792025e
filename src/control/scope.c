/* What a caller may see and do where: in the whole organisation, in one workspace, or with what is their own. Called by
 * api.c for the route and by the handlers for the thing.
 * house: tested-by tests/unit/control/test_api_keys.c */
#include "control/api.h"

enum err api_lacks(enum permission p, struct fault *f) {
  return fault_set(f, ERR_FORBIDDEN, NULL, "this needs the permission %s", permission_name(p));
}

enum err api_may_in(const struct api_call *c, enum permission p, struct text workspace, struct fault *f) {
  if (caller_may(c->caller, p))
    return ERR_OK;
  for (size_t i = 0; workspace.len > 0 && i < c->caller->workspace_count; i++) {
    if (text_equal(c->caller->workspaces[i].name, workspace) &&
        caller_may_in(c->caller, p, c->caller->workspaces[i].id))
      return ERR_OK;
  }
  return api_lacks(p, f);
}

struct text api_own_name(const struct caller *c) {
  return c->email.len > 0 ? c->email : c->actor;
}

enum err api_narrow(const struct api_call *c, enum permission read, enum permission own, struct text workspace,
                    struct api_own *own_of, struct fault *f) {
  struct text mine = api_own_name(c->caller);
  enum err e = api_may_in(c, read, workspace, f);
  if (e == ERR_OK || !caller_may_somewhere(c->caller, own) ||
      (own_of->user->len > 0 && !text_equal(*own_of->user, mine)))
    return e;
  *f = (struct fault){0};
  *own_of->user = mine;
  own_of->is_narrowed = true;
  if (own_of->since_us && *own_of->since_us < c->caller->since_us)
    *own_of->since_us = c->caller->since_us;
  return ERR_OK;
}
