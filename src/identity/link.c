/* Links that are good once: the one on the console with which the first owner is made, and those that an admin hands to
 * somebody who has no password yet or has lost it. And users of the configuration. A link is 32 random bytes; the store
 * has their hash. Called through signin.c and by app.
 * house: tested-by tests/unit/identity/test_signin.c */
#include "base/random.h"
#include "identity/signin_inner.h"
#include "ports/store_audit.h"

#define LINK_BYTES     32
#define LINK_TEXT      43
#define FIRST_ORG      1
#define NAME_MAX_CHARS 128

static const struct audit_actor at_start = {TEXT("weir"), TEXT("start")};

bool link_read(const struct signin_desk *d, struct text token, uint8_t out[SIGNIN_HASH_BYTES]) {
  if (token.len != LINK_TEXT)
    return false;
  signin_hash(d, "link", token, out);
  return true;
}

enum err link_bad(struct fault *f) {
  return fault_set(f, ERR_FORBIDDEN, "token", "this link is not good, or not any more: ask for another");
}

enum err link_add(struct signin_desk *d, struct signin_link *link, const char *page, int64_t keep_from_us,
                  struct arena *a, struct text *out, struct fault *f) {
  uint8_t random[LINK_BYTES];
  char token[LINK_TEXT + 1];
  random_bytes(random, sizeof(random));
  size_t n = text_base64url(random, sizeof(random), token);
  signin_hash(d, "link", (struct text){token, n}, link->hash);
  enum err e = d->store->ops->signin->link_add(d->store, link, keep_from_us, f);
  if (e == ERR_OK)
    *out = arena_format(a, "%s/%s?token=%.*s", d->public_url, page, (int)n, token);
  secret_wipe(random, sizeof(random));
  secret_wipe(token, sizeof(token));
  return e;
}

static enum err is_empty(struct signin_desk *d, bool *out, struct fault *f) {
  const struct people_filter any = {.max = 1};
  struct people_row *rows;
  struct arena a;
  size_t count = 0;
  arena_init(&a);
  enum err e = d->store->ops->people->list(d->store, PEOPLE_USER, &any, &a, &rows, &count, f);
  arena_done(&a);
  if (e == ERR_OK)
    *out = count == 0;
  return e;
}

enum err link_needs_setup(struct signin *self, bool *out, struct fault *f) {
  return is_empty((struct signin_desk *)self, out, f);
}

enum err signin_setup_url(struct signin_desk *d, int64_t now_us, struct arena *a, struct text *out, struct fault *f) {
  struct signin_link link = {.kind = TEXT("setup"), .created_us = now_us, .expires_us = INT64_MAX};
  bool empty = false;
  enum err e = is_empty(d, &empty, f);
  if (e != ERR_OK)
    return e;
  if (!empty) {
    *out = TEXT("");
    return ERR_OK;
  }
  int64_t keep_from_us = d->store->ops->is_shared ? now_us - SIGNIN_SETUP_US : now_us;
  return link_add(d, &link, "setup", keep_from_us, a, out, f);
}

/* Made with a role in their organisation; who is made but cannot be given it is removed again. */
static enum err make_user(struct signin_desk *d, const struct people_row *row, struct text role,
                          const struct audit_actor *by, int64_t *out_id, struct fault *f) {
  const struct store_people_ops *people = d->store->ops->people;
  int64_t id = 0, grant_id;
  enum err e = people->create(d->store, PEOPLE_USER, row, by, &id, f);
  if (e != ERR_OK)
    return e;
  const struct people_grant grant = {.org_id = row->org_id, .to = GRANT_TO_USER, .to_id = id, .role = role};
  e = people->grant(d->store, &grant, by, &grant_id, f);
  if (e != ERR_OK) {
    enum err ignored = people->remove(d->store, PEOPLE_USER, row->org_id, id, 0, by, NULL);
    (void)ignored;
    return e;
  }
  *out_id = id;
  return ERR_OK;
}

static enum err check_person(struct text typed, struct text name, struct text password, struct arena *a,
                             struct text *out_email, struct fault *f) {
  if (!signin_read_email(typed, a, out_email))
    return fault_set(f, ERR_BAD_REQUEST, "email", "this is no address of mail");
  if (!text_is_utf8(name) || name.len > NAME_MAX_CHARS)
    return fault_set(f, ERR_BAD_REQUEST, "name", "a name has at most %d bytes", NAME_MAX_CHARS);
  return password_check(password, f);
}

struct first_owner {
  struct text email, name, hash;
};

/* The link is taken: of two at the same time one comes here. When it fails the link is put back. */
static enum err make_owner(struct signin_desk *d, const struct signin_visit *v, const struct first_owner *o,
                           struct people_row *out, struct fault *f) {
  const struct audit_actor by = {TEXT("setup"), v->address};
  const struct people_row row = {
      .org_id = FIRST_ORG, .name = o->name, .text = o->email, .created_us = v->now_us, .is_invited = true};
  int64_t id = 0;
  bool empty = false;
  enum err e = is_empty(d, &empty, f);
  if (e == ERR_OK && !empty)
    return link_bad(f);
  if (e == ERR_OK)
    e = make_user(d, &row, text_of(builtin_role_name(ROLE_OWNER)), &by, &id, f);
  if (e == ERR_OK)
    e = d->store->ops->signin->password_set(d->store, id, o->hash, 0, v->now_us, &by, f);
  return e == ERR_OK ? d->store->ops->people->get(d->store, PEOPLE_USER, FIRST_ORG, id, v->arena, out, f) : e;
}

enum err link_setup(struct signin *self, const struct signin_visit *v, struct text token, struct text typed,
                    struct text name, struct text password, struct signin_result *out, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  struct signin_link link = {.kind = TEXT("setup"), .created_us = v->now_us, .expires_us = INT64_MAX};
  char hash[PASSWORD_HASH_BYTES];
  struct people_row user;
  struct text email;
  int64_t nobody;
  if (!link_read(d, token, link.hash))
    return link_bad(f);
  /* Looked at first, so that nobody without it makes us work on passwords. */
  enum err e = d->store->ops->signin->link_look(d->store, link.kind, link.hash, v->now_us, &nobody, f);
  if (e == ERR_OK)
    e = check_person(typed, name, password, v->arena, &email, f);
  if (e == ERR_OK)
    e = password_hash(d->passwords, password, hash, f);
  if (e == ERR_OK)
    e = d->store->ops->signin->link_take(d->store, link.kind, link.hash, v->now_us, &nobody, f);
  if (e != ERR_OK)
    return e == ERR_NOT_FOUND ? link_bad(f) : e;
  e = make_owner(d, v, &(struct first_owner){email, name, text_of(hash)}, &user, f);
  secret_wipe(hash, sizeof(hash));
  if (e != ERR_OK) {
    enum err ignored = d->store->ops->signin->link_add(d->store, &link, 0, NULL);
    (void)ignored;
    return e;
  }
  return session_begin(d, v, &user, "setup", out, f);
}

static enum err kind_of(struct signin_desk *d, int64_t user_id, struct arena *a, struct text *out, struct fault *f) {
  struct fault none = {0};
  struct text hash;
  enum err e = d->store->ops->signin->password_get(d->store, user_id, a, &hash, &none);
  if (e != ERR_OK && e != ERR_NOT_FOUND) {
    if (f)
      *f = none;
    return e;
  }
  *out = e == ERR_NOT_FOUND ? TEXT("invite") : TEXT("reset");
  return ERR_OK;
}

enum err link_kind(struct signin_desk *d, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                   struct text *out_kind, struct fault *f) {
  struct people_row user;
  enum err e = signin_find_lesser(d, v, c, user_id, &user, f);
  return e == ERR_OK ? kind_of(d, user_id, v->arena, out_kind, f) : e;
}

/* The link of a user with an entry in the audit log. */
static enum err hand_out(struct signin_desk *d, struct signin_link *link, const struct audit_actor *by, int64_t org_id,
                         struct arena *a, struct text *out_url, struct fault *f) {
  char subject[32];
  struct text url;
  snprintf(subject, sizeof(subject), "user:%lld", (long long)link->user_id);
  const struct audit_entry entry = {TEXT("user.link"), text_of(subject), TEXT_NONE, TEXT_NONE, org_id};
  enum err e = link_add(d, link, "accept", link->created_us, a, &url, f);
  if (e == ERR_OK)
    e = d->store->ops->audit->add(d->store, by, &entry, NULL, f);
  if (e == ERR_OK)
    *out_url = url;
  return e;
}

enum err link_make(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                   struct text *out_kind, struct text *out_url, int64_t *out_expires_us, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  struct signin_link link = {.user_id = user_id, .created_us = v->now_us, .expires_us = v->now_us + SIGNIN_LINK_US};
  const struct audit_actor by = {c->actor, c->origin};
  enum err e = link_kind(d, v, c, user_id, &link.kind, f);
  if (e == ERR_OK)
    e = hand_out(d, &link, &by, c->org_id, v->arena, out_url, f);
  if (e != ERR_OK)
    return e;
  *out_kind = link.kind;
  *out_expires_us = link.expires_us;
  return ERR_OK;
}

enum err signin_user_url(struct signin_desk *d, int64_t user_id, int64_t now_us, const struct audit_actor *by,
                         struct arena *a, struct text *out, struct fault *f) {
  struct signin_link link = {.user_id = user_id, .created_us = now_us, .expires_us = now_us + SIGNIN_LINK_US};
  struct people_row user;
  enum err e = d->store->ops->people->get(d->store, PEOPLE_USER, 0, user_id, a, &user, f);
  if (e == ERR_OK && user.is_disabled)
    e = fault_set(f, ERR_STORE_CONFLICT, NULL, "this user is disabled");
  if (e == ERR_OK)
    e = kind_of(d, user_id, a, &link.kind, f);
  return e == ERR_OK ? hand_out(d, &link, by, user.org_id, a, out, f) : e;
}

/* Whose link it is, of either kind. */
static enum err look(struct signin_desk *d, const uint8_t hash[SIGNIN_HASH_BYTES], int64_t now_us,
                     struct text *out_kind, int64_t *out_user_id, struct fault *f) {
  *out_kind = TEXT("invite");
  enum err e = d->store->ops->signin->link_look(d->store, *out_kind, hash, now_us, out_user_id, f);
  if (e != ERR_NOT_FOUND)
    return e;
  *out_kind = TEXT("reset");
  return d->store->ops->signin->link_look(d->store, *out_kind, hash, now_us, out_user_id, f);
}

static enum err rename_user(struct signin_desk *d, const struct signin_visit *v, struct people_row *user,
                            struct text name, struct fault *f) {
  const struct audit_actor by = signin_actor(v, user->id);
  if (name.len == 0)
    return ERR_OK;
  user->name = name;
  return d->store->ops->people->update(d->store, PEOPLE_USER, user, 0, &by, f);
}

enum err link_accept(struct signin *self, const struct signin_visit *v, struct text token, struct text name,
                     struct text password, struct signin_result *out, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  uint8_t link[SIGNIN_HASH_BYTES];
  char hash[PASSWORD_HASH_BYTES];
  struct people_row user = {0};
  struct signin_totp t;
  struct text kind, email;
  int64_t id = 0;
  if (!link_read(d, token, link))
    return link_bad(f);
  enum err e = look(d, link, v->now_us, &kind, &id, f);
  if (e == ERR_OK)
    e = d->store->ops->people->get(d->store, PEOPLE_USER, 0, id, v->arena, &user, f);
  if (e == ERR_NOT_FOUND || (e == ERR_OK && user.is_disabled))
    return link_bad(f);
  if (e == ERR_OK)
    e = check_person(user.text, name, password, v->arena, &email, f);
  if (e == ERR_OK)
    e = password_hash(d->passwords, password, hash, f);
  if (e == ERR_OK)
    e = d->store->ops->signin->link_take(d->store, kind, link, v->now_us, &id, f);
  if (e != ERR_OK)
    return e == ERR_NOT_FOUND ? link_bad(f) : e;
  const struct audit_actor by = signin_actor(v, user.id);
  e = d->store->ops->signin->password_set(d->store, user.id, text_of(hash), 0, v->now_us, &by, f);
  secret_wipe(hash, sizeof(hash));
  if (e == ERR_OK)
    e = rename_user(d, v, &user, name, f);
  if (e == ERR_OK)
    e = second_find(d, &user, v->arena, &t, f);
  if (e == ERR_NOT_FOUND)
    return session_begin(d, v, &user, "link", out, f);
  if (e == ERR_OK) /* a link does not stand for the second factor */
    *out = (struct signin_result){.needs_code = true};
  return e;
}

static enum err declare_role(struct signin_desk *d, int64_t id, struct text role, struct fault *f) {
  const struct people_grant grant = {.org_id = FIRST_ORG, .to = GRANT_TO_USER, .to_id = id, .role = role};
  int64_t unused;
  return d->store->ops->people->grant(d->store, &grant, &at_start, &unused, f);
}

static enum err declare_password(struct signin_desk *d, int64_t id, struct text password, int64_t now_us,
                                 struct arena *a, struct fault *f) {
  char fresh[PASSWORD_HASH_BYTES];
  struct text hash = TEXT_NONE;
  struct fault none = {0};
  bool is_old = true;
  enum err e = d->store->ops->signin->password_get(d->store, id, a, &hash, &none);
  if (e == ERR_OK)
    e = password_verify(d->passwords, hash, password, &is_old, &none);
  if (e == ERR_OK && !is_old)
    return ERR_OK;
  if (e != ERR_OK && e != ERR_NOT_FOUND && e != ERR_UNAUTHENTICATED) {
    if (f)
      *f = none;
    return e;
  }
  e = password_hash(d->passwords, password, fresh, f);
  if (e == ERR_OK && is_old && hash.len > 0 && none.text[0] == '\0')
    e = d->store->ops->signin->password_upgrade(d->store, id, hash, text_of(fresh), f);
  else if (e == ERR_OK)
    e = d->store->ops->signin->password_set(d->store, id, text_of(fresh), 0, now_us, &at_start, f);
  secret_wipe(fresh, sizeof(fresh));
  return e;
}

static enum err declare(struct signin_desk *d, const struct signin_declared *u, int64_t now_us, struct arena *a,
                        struct fault *f) {
  const struct store_people_ops *people = d->store->ops->people;
  struct people_row user = {.org_id = FIRST_ORG, .name = u->name, .created_us = now_us};
  if (!signin_read_email(u->email, a, &user.text))
    return fault_set(f, ERR_CONFIG, "users", "\"%.*s\" is no address of mail", TEXT_ARGS(text_head(u->email, 100)));
  enum err e = people->find_user(d->store, user.text, a, &user, f);
  if (e == ERR_NOT_FOUND) {
    e = make_user(d, &user, u->role, &at_start, &user.id, f);
    if (e == ERR_STORE_CONFLICT) /* another replica that starts at the same time has made them */
      e = people->find_user(d->store, user.text, a, &user, f);
  }
  if (e == ERR_OK && user.org_id == FIRST_ORG)
    e = declare_role(d, user.id, u->role, f);
  return e == ERR_OK ? declare_password(d, user.id, u->password, now_us, a, f) : e;
}

enum err signin_declare(struct signin_desk *d, const struct signin_declared *users, size_t count, int64_t now_us,
                        struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < count && e == ERR_OK; i++) {
    struct arena a;
    arena_init(&a);
    e = declare(d, &users[i], now_us, &a, f);
    arena_done(&a);
  }
  return e;
}
