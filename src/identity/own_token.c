/* From a token of ours to a principal. The signature and the rights are looked at with each call, so that an account
 * that is disabled, or may not chat any more, is refused within the second that rights are kept. Tokens of people are
 * for the control API alone. Called by the gateway through its port. */
#include "identity/own_token.h"

#include "identity/jws.h"
#include "identity/principal.h"

struct finding {
  struct own_identity *own;
  struct text token;
  int64_t now_us;
  const struct principal *found;
  struct fault *fault;
};

static bool reads_service(struct text subject, int64_t *out_id) {
  return text_starts(subject, TEXT("service:")) && text_to_i64(text_skip(subject, 8), out_id) && *out_id > 0;
}

/* The workspace its calls belong to. Calls of another organisation than the first are told by their workspace, so they
 * need one. */
static enum err workspace_of(const struct caller *c, struct text *out, struct fault *f) {
  *out = TEXT("");
  if (caller_may(c, PERMISSION_CHAT_USE) && c->org_id == 1)
    return ERR_OK;
  for (size_t i = 0; i < c->workspace_count; i++) {
    if (!caller_may_in(c, PERMISSION_CHAT_USE, c->workspaces[i].id))
      continue;
    *out = c->workspaces[i].name;
    return ERR_OK;
  }
  return fault_set(f, ERR_FORBIDDEN, NULL, "the service account may not use models (chat.use) in any workspace");
}

static enum err find_here(struct finding *w, struct arena *a) {
  struct mint_claims claims;
  struct caller c = {0};
  struct text workspace;
  int64_t id = 0;
  enum err e = mint_check(w->own->mint, w->token, w->now_us, a, &claims, w->fault);
  if (e)
    return e;
  if (!reads_service(claims.subject, &id))
    return fault_set(w->fault, ERR_UNAUTHENTICATED, NULL, "a token of a person is not good for calls of models");
  e = rights_find(w->own->rights, PEOPLE_SERVICE, id, w->now_us, a, &c, w->fault);
  if (!e && claims.scope.len > 0 && !(permission_set_read(claims.scope) & PERMISSION_BIT(PERMISSION_CHAT_USE)))
    e = fault_set(w->fault, ERR_FORBIDDEN, NULL, "the token's scope does not hold chat.use");
  if (!e)
    e = workspace_of(&c, &workspace, w->fault);
  if (e)
    return e;
  const struct apikey_declared d = {.name = claims.subject,
                                    .user = claims.subject,
                                    .workspace = workspace,
                                    .expires_us = claims.expires_us,
                                    .org_id = c.org_id};
  w->found = principal_from_declared(&d);
  return ERR_OK;
}

static enum err find_run(void *arg) {
  struct finding *w = arg;
  struct arena a;
  arena_init(&a);
  enum err e = find_here(w, &a);
  arena_done(&a);
  return e;
}

static enum err find(struct identity *self, struct text key, int64_t now_us, const struct principal **out,
                     struct fault *f) {
  struct own_identity *o = (struct own_identity *)self;
  struct finding w = {o, key, now_us, NULL, f};
  if (!mint_is_ours(o->mint, key))
    return o->next->find(o->next, key, now_us, out, f);
  enum err e = o->pool ? offload_call(o->pool, find_run, &w) : find_run(&w);
  if (!e)
    *out = w.found;
  return e;
}

static bool is_ours(struct identity *self, struct text key) {
  struct own_identity *o = (struct own_identity *)self;
  return mint_is_ours(o->mint, key) || o->next->is_ours(o->next, key);
}

static enum err find_signed(struct identity *self, const struct sigv4_request *rq, struct text authorization,
                            int64_t now_us, const struct principal **out, struct fault *f) {
  struct own_identity *o = (struct own_identity *)self;
  return o->next->find_signed(o->next, rq, authorization, now_us, out, f);
}

void own_identity_init(struct own_identity *o, struct identity *next, struct mint *mint, struct rights *rights,
                       struct offload *pool) {
  *o = (struct own_identity){{find, is_ours, principal_unref, find_signed}, next, mint, rights, pool};
}
