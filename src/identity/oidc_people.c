/* Who is it here that an identity provider vouches for? Somebody who came from it before, by the provider's own number
 * for them; somebody of the first organisation who was made here and has no way in yet; else somebody new. Nobody
 * becomes who has a password by having their email: docs/decisions/0027-identity-providers.md. Called by oidc.c. */
#include "identity/oidc_inner.h"
#include "ports/store_audit.h"

#define FIRST_ORG 1

struct arrival {
  struct oidc_desk *d;
  const struct oidc_provider *p;
  const struct signin_visit *v;
  const struct oidc_person *who;
  struct text external, role; /* role: "" for none */
  struct audit_actor by;
};

static struct text role_of(const struct oidc_provider *p, const struct oidc_person *who) {
  return who->has_role ? text_of(builtin_role_name(who->role)) : p->o.default_role;
}

static enum err no_role(const struct arrival *a, struct fault *f) {
  return fault_set(f, ERR_FORBIDDEN, NULL, "nothing that %.*s says of you gives you a role here: ask an admin",
                   TEXT_ARGS(a->p->o.name));
}

static enum err taken(struct fault *f) {
  return fault_set(f, ERR_FORBIDDEN, NULL, "there is a user with your email already, who does not sign in this way");
}

/* Somebody made here for that email who has neither a password nor another provider. */
static enum err link_user(const struct arrival *a, const struct people_row *user, struct fault *f) {
  struct store *s = a->d->door->store;
  struct fault none = {0};
  struct text hash;
  if (!a->who->is_verified || user->org_id != FIRST_ORG || user->external.len > 0)
    return taken(f);
  enum err e = s->ops->signin->password_get(s, user->id, a->v->arena, &hash, &none);
  if (e == ERR_OK)
    return fault_set(f, ERR_FORBIDDEN, NULL,
                     "there is a user with your email already: they sign in with their password");
  if (e != ERR_NOT_FOUND) {
    if (f)
      *f = none;
    return e;
  }
  return s->ops->people->set_external(s, user->id, a->external, &a->by, f);
}

/* While there is nobody, only who becomes an owner: else the link of the set-up would be gone, and nobody an owner. */
static enum err check_first(const struct arrival *a, struct fault *f) {
  struct signin *door = signin_port(a->d->door);
  bool is_empty = false;
  enum err e = door->needs_setup(door, &is_empty, f);
  if (e == ERR_OK && is_empty && !text_equal(a->role, text_of(builtin_role_name(ROLE_OWNER))))
    e = fault_set(f, ERR_FORBIDDEN, NULL, "this server has no owner yet: it has to be set up first");
  return e;
}

static enum err make_user(const struct arrival *a, int64_t *out_id, struct fault *f) {
  struct store *s = a->d->door->store;
  const struct people_row row = {.org_id = FIRST_ORG,
                                 .name = a->who->name,
                                 .text = a->who->email,
                                 .external = a->external,
                                 .created_us = a->v->now_us};
  int64_t id = 0;
  enum err e = a->role.len > 0 ? check_first(a, f) : no_role(a, f);
  if (e == ERR_OK)
    e = s->ops->people->create(s, PEOPLE_USER, &row, &a->by, &id, f);
  if (e != ERR_OK)
    return e;
  e = s->ops->people->follow(s, id, a->role, a->by.actor, &a->by, f);
  if (e != ERR_OK) {
    enum err ignored = s->ops->people->remove(s, PEOPLE_USER, FIRST_ORG, id, 0, &a->by, NULL);
    (void)ignored;
    return e;
  }
  *out_id = id;
  return ERR_OK;
}

/* Of two sign-ins of somebody new at the same time one makes the user, and the other finds them. */
static enum err find_or_make(const struct arrival *a, struct people_row *out, struct fault *f) {
  struct store *s = a->d->door->store;
  const struct store_people_ops *people = s->ops->people;
  struct fault why = {0};
  int64_t id = 0;
  enum err e = people->find_external(s, a->external, a->v->arena, out, &why);
  if (e == ERR_NOT_FOUND) {
    e = people->find_user(s, a->who->email, a->v->arena, out, &why);
    if (e == ERR_OK && !out->is_disabled && !text_equal(out->external, a->external))
      e = link_user(a, out, &why);
    if (e == ERR_NOT_FOUND) {
      e = make_user(a, &id, &why);
      if (e == ERR_OK)
        e = people->get(s, PEOPLE_USER, FIRST_ORG, id, a->v->arena, out, &why);
    }
    if (e == ERR_STORE_CONFLICT)
      e = people->find_external(s, a->external, a->v->arena, out, &why);
    if (e == ERR_NOT_FOUND)
      e = taken(&why);
  }
  if (e != ERR_OK && f)
    *f = why;
  return e;
}

/* Who has never been here may have been made without a role, or be made elsewhere at this very moment, and gets that of
 * somebody new. */
static enum err check_rights(const struct arrival *a, const struct people_row *user, struct fault *f) {
  struct store *s = a->d->door->store;
  struct people_right *rights;
  struct people_row unused;
  size_t count = 0;
  enum err e = s->ops->people->rights(s, PEOPLE_USER, user->id, a->v->arena, &unused, &rights, &count, f);
  if (e == ERR_OK && count == 0 && user->last_seen_us == 0 && a->role.len > 0)
    return s->ops->people->follow(s, user->id, a->role, a->by.actor, &a->by, f);
  return e == ERR_OK && count == 0 ? no_role(a, f) : e;
}

enum err oidc_find_user(struct oidc_desk *d, const struct oidc_provider *p, const struct signin_visit *v,
                        const struct oidc_person *who, struct people_row *out, struct fault *f) {
  struct store *s = d->door->store;
  const struct arrival a = {.d = d,
                            .p = p,
                            .v = v,
                            .who = who,
                            .external =
                                arena_format(v->arena, "%.*s\n%.*s", TEXT_ARGS(p->o.issuer), TEXT_ARGS(who->subject)),
                            .role = role_of(p, who),
                            .by = {arena_format(v->arena, "oidc:%.*s", TEXT_ARGS(p->o.name)), v->address}};
  enum err e = find_or_make(&a, out, f);
  if (e == ERR_OK && out->is_disabled)
    e = fault_set(f, ERR_FORBIDDEN, NULL, "this user is disabled");
  /* Without a claim that says it, a role is given once: what is done here afterwards is not undone. */
  if (e == ERR_OK && p->o.role_claim.len > 0)
    e = s->ops->people->follow(s, out->id, a.role, a.by.actor, &a.by, f);
  return e == ERR_OK ? check_rights(&a, out, f) : e;
}
