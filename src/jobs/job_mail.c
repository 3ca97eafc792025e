/* The job `mail`: a link by mail to one user. What it holds says who and what for; the link is made, and forgotten
 * again, behind ports/signin.h, so that each attempt sends a fresh one and the one before is good no longer. */
#include "jobs/kinds.h"

#include "base/json.h"

#define USER_MAX INT64_MAX

static enum err read(struct job *j, struct text *out_kind, int64_t *out_user_id, struct fault *f) {
  struct json json;
  uint64_t id = 0;
  enum err e = json_read(j->args, &(struct json_limits){0}, &json, f);
  if (e)
    return e;
  struct text kind = arena_copy(j->arena, json_text(json_get(json.root, "kind")));
  bool good = json_get_u64(json.root, "user_id", &id) && id <= USER_MAX;
  json_done(&json);
  if (kind.len == 0)
    return fault_set(f, ERR_BAD_REQUEST, "kind", "the job needs a kind of mail in its arguments");
  if (!good)
    return fault_set(f, ERR_BAD_REQUEST, "user_id", "the job needs the id of a user in its arguments");
  *out_kind = kind;
  *out_user_id = (int64_t)id;
  return ERR_OK;
}

enum err job_mail(struct job *j, struct fault *f) {
  const struct job_world *w = j->world;
  struct text kind = TEXT_NONE;
  int64_t user_id = 0, now_us = 0;
  enum err e = read(j, &kind, &user_id, f);
  if (!e && !w->signin)
    e = fault_set(f, ERR_CONFIG, NULL, "nobody signs in here");
  if (!e)
    e = w->store->ops->jobs->now(w->store, &now_us, f);
  return e ? e : w->signin->mail_deliver(w->signin, kind, user_id, now_us, f);
}
