/* Passwords, second factors and links that are good once, on any driver. It compares bytes; what they mean is
 * identity's to know. Called by identity/signin.c on threads that may block. */
#include "store/store_signin.h"

#include "base/secret.h"
#include "store/store_audit.h"

enum err signin_tell(struct driver_link *l, enum sql which, int64_t first, const int64_t *second, const char *doing,
                     int64_t *out_changes, struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, first);
  if (second)
    l->driver->bind(l, 2, *second);
  return driver_finish(l, doing, out_changes, f);
}

/* 0: there is no such user any more. */
static enum err org_of(struct driver_link *l, int64_t user_id, int64_t *out, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_USER_ORG, f);
  if (e)
    return e;
  l->driver->bind(l, 1, user_id);
  e = l->driver->step(l, &row, "looking up a user", f);
  if (!e)
    *out = row ? l->driver->number(l, 0) : 0;
  l->driver->reset(l);
  return e;
}

enum err signin_note(struct driver_link *l, int64_t user_id, const char *action, const char *subject, int64_t id,
                     const char *name, const char *value, const struct audit_actor *by, struct fault *f) {
  int64_t org_id = 0;
  char about[64], after[128] = "";
  snprintf(about, sizeof about, "%s:%lld", subject, (long long)id);
  if (name)
    snprintf(after, sizeof after, "{\"%s\":\"%s\"}", name, value);
  enum err e = org_of(l, user_id, &org_id, f);
  const struct audit_entry entry = {text_of(action), text_of(about), TEXT_NONE, text_of(after), org_id};
  return e ? e : audit_add_on(l, by, &entry, NULL, f);
}

/* One work with whatever it needs of this. */
struct work {
  int64_t user_id, number, now_us, keep_session;
  struct text text, second;
  const uint8_t *hash;
  const uint8_t (*codes)[SIGNIN_HASH_BYTES];
  size_t count;
  const struct audit_actor *by;
  struct arena *arena;
  void *out;
};

static struct text hash_text(const uint8_t *hash) { return (struct text){(const char *)hash, SIGNIN_HASH_BYTES}; }

static enum err in_transaction(struct driver_link *l,
                               enum err (*make)(struct driver_link *, struct work *, struct fault *), struct work *w,
                               struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = make(l, w, f);
  return l->driver->end(l, e, f);
}

static enum err password_get_on(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_PASSWORD_GET, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  e = l->driver->step(l, &row, "looking up a password", f);
  if (!e && row)
    *(struct text *)w->out = driver_text(l, 0, w->arena);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no password");
}

static enum err password_get(struct store *s, int64_t user_id, struct arena *a, struct text *out_hash,
                             struct fault *f) {
  struct work w = {.user_id = user_id, .arena = a, .out = out_hash};
  return driver_run(s, DRIVER_READ, false, password_get_on, &w, f);
}

static enum err password_changed_on(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_PASSWORD_CHANGED, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  e = l->driver->step(l, &row, "looking up when a password was set", f);
  if (!e)
    *(int64_t *)w->out = row ? l->driver->number(l, 0) : 0;
  l->driver->reset(l);
  return e;
}

static enum err password_changed(struct store *s, int64_t user_id, int64_t *out_us, struct fault *f) {
  struct work w = {.user_id = user_id, .out = out_us};
  return driver_run(s, DRIVER_READ, false, password_changed_on, &w, f);
}

static enum err password_put(struct driver_link *l, struct work *w, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_PASSWORD_PUT, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  l->driver->bind_text(l, 2, w->text);
  l->driver->bind(l, 3, w->now_us);
  e = driver_finish(l, "storing a password", NULL, f);
  if (!e)
    e = signin_tell(l, SQL_LINK_DROP, w->user_id, NULL, "removing links", NULL, f);
  if (!e)
    e = signin_note(l, w->user_id, "user.password", "user", w->user_id, NULL, NULL, w->by, f);
  return e ? e : sessions_end_on(l, w->user_id, w->keep_session, "password", w->now_us, w->by, f);
}

static enum err password_set_on(struct driver_link *l, void *args, struct fault *f) {
  return in_transaction(l, password_put, args, f);
}

static enum err password_set(struct store *s, int64_t user_id, struct text hash, int64_t keep_session, int64_t now_us,
                             const struct audit_actor *by, struct fault *f) {
  struct work w = {.user_id = user_id, .text = hash, .keep_session = keep_session, .now_us = now_us, .by = by};
  if (hash.len == 0 || hash.len > SIGNIN_PASSWORD_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the hash of a password is at most %d bytes", SIGNIN_PASSWORD_MAX);
  return driver_run(s, DRIVER_WRITE, false, password_set_on, &w, f);
}

static enum err password_upgrade_on(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  enum err e = l->driver->prepare(l, SQL_PASSWORD_UPGRADE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  l->driver->bind_text(l, 2, w->text);
  l->driver->bind_text(l, 3, w->second);
  return driver_finish(l, "storing a password anew", NULL, f);
}

static enum err password_upgrade(struct store *s, int64_t user_id, struct text from, struct text to, struct fault *f) {
  struct work w = {.user_id = user_id, .text = from, .second = to};
  return driver_run(s, DRIVER_WRITE, false, password_upgrade_on, &w, f);
}

static enum err totp_get_on(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_TOTP_GET, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  e = l->driver->step(l, &row, "looking up a second factor", f);
  if (!e && row)
    *(struct signin_totp *)w->out = (struct signin_totp){l->driver->number(l, 0), driver_text(l, 1, w->arena),
                                                         l->driver->number(l, 2), l->driver->number(l, 3)};
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no second factor");
}

static enum err totp_get(struct store *s, int64_t user_id, struct arena *a, struct signin_totp *out, struct fault *f) {
  struct work w = {.user_id = user_id, .arena = a, .out = out};
  return driver_run(s, DRIVER_READ, false, totp_get_on, &w, f);
}

static enum err totp_put_on(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_TOTP_PUT, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  l->driver->bind(l, 2, w->number);
  l->driver->bind_bytes(l, 3, w->text);
  e = driver_finish(l, "storing a second factor", &changes, f);
  return e || changes ? e : fault_set(f, ERR_STORE_CONFLICT, NULL, "there is a second factor already");
}

static enum err totp_put(struct store *s, int64_t user_id, int64_t version, struct text sealed, struct fault *f) {
  struct work w = {.user_id = user_id, .number = version, .text = sealed};
  if (sealed.len > SIGNIN_SECRET_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "a sealed secret is at most %d bytes", SIGNIN_SECRET_MAX);
  return driver_run(s, DRIVER_WRITE, false, totp_put_on, &w, f);
}

static enum err add_code(struct driver_link *l, int64_t user_id, const uint8_t *hash, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_RECOVERY_ADD, f);
  if (e)
    return e;
  l->driver->bind(l, 1, user_id);
  l->driver->bind_bytes(l, 2, hash_text(hash));
  return driver_finish(l, "storing recovery codes", NULL, f);
}

static enum err confirm(struct driver_link *l, struct work *w, struct fault *f) {
  int64_t changes = 0, step = *(const int64_t *)w->out;
  enum err e = l->driver->prepare(l, SQL_TOTP_CONFIRM, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  l->driver->bind(l, 2, w->number);
  l->driver->bind(l, 3, w->now_us);
  l->driver->bind(l, 4, step);
  e = driver_finish(l, "confirming a second factor", &changes, f);
  if (!e && changes == 0)
    e = fault_set(f, ERR_STORE_STALE, NULL, "the second factor was changed meanwhile");
  if (!e)
    e = signin_tell(l, SQL_RECOVERY_DROP, w->user_id, NULL, "removing recovery codes", NULL, f);
  for (size_t i = 0; i < w->count && !e; i++)
    e = add_code(l, w->user_id, w->codes[i], f);
  return e ? e : signin_note(l, w->user_id, "user.totp.enable", "user", w->user_id, NULL, NULL, w->by, f);
}

static enum err totp_confirm_on(struct driver_link *l, void *args, struct fault *f) {
  return in_transaction(l, confirm, args, f);
}

static enum err totp_confirm(struct store *s, int64_t user_id, int64_t version, int64_t step, int64_t now_us,
                             const uint8_t (*codes)[SIGNIN_HASH_BYTES], size_t count, const struct audit_actor *by,
                             struct fault *f) {
  struct work w = {
      .user_id = user_id, .number = version, .now_us = now_us, .codes = codes, .count = count, .by = by, .out = &step};
  if (count > SIGNIN_CODES_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "there are at most %d recovery codes", SIGNIN_CODES_MAX);
  return driver_run(s, DRIVER_WRITE, true, totp_confirm_on, &w, f);
}

static enum err totp_step_on(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  int64_t changes = 0;
  enum err e = signin_tell(l, SQL_TOTP_STEP, w->user_id, &w->number, "taking a code", &changes, f);
  return e || changes ? e : fault_set(f, ERR_STORE_STALE, NULL, "the code was used before");
}

static enum err totp_step(struct store *s, int64_t user_id, int64_t step, struct fault *f) {
  struct work w = {.user_id = user_id, .number = step};
  return driver_run(s, DRIVER_WRITE, true, totp_step_on, &w, f);
}

static enum err drop_totp(struct driver_link *l, struct work *w, struct fault *f) {
  int64_t changes = 0;
  enum err e = signin_tell(l, SQL_TOTP_DROP, w->user_id, NULL, "removing a second factor", &changes, f);
  if (!e && changes == 0)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no second factor");
  if (!e)
    e = signin_tell(l, SQL_RECOVERY_DROP, w->user_id, NULL, "removing recovery codes", NULL, f);
  return e ? e : signin_note(l, w->user_id, "user.totp.disable", "user", w->user_id, NULL, NULL, w->by, f);
}

static enum err totp_drop_on(struct driver_link *l, void *args, struct fault *f) {
  return in_transaction(l, drop_totp, args, f);
}

static enum err totp_drop(struct store *s, int64_t user_id, const struct audit_actor *by, struct fault *f) {
  struct work w = {.user_id = user_id, .by = by};
  return driver_run(s, DRIVER_WRITE, true, totp_drop_on, &w, f);
}

static enum err use_code(struct driver_link *l, struct work *w, struct fault *f) {
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_RECOVERY_USE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  l->driver->bind_bytes(l, 2, hash_text(w->hash));
  l->driver->bind(l, 3, w->now_us);
  e = driver_finish(l, "taking a recovery code", &changes, f);
  if (!e && changes == 0)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no such recovery code");
  return e ? e : signin_note(l, w->user_id, "user.recovery", "user", w->user_id, NULL, NULL, w->by, f);
}

static enum err recovery_use_on(struct driver_link *l, void *args, struct fault *f) {
  return in_transaction(l, use_code, args, f);
}

static enum err recovery_use(struct store *s, int64_t user_id, const uint8_t code[SIGNIN_HASH_BYTES], int64_t now_us,
                             const struct audit_actor *by, struct fault *f) {
  struct work w = {.user_id = user_id, .hash = code, .now_us = now_us, .by = by};
  return driver_run(s, DRIVER_WRITE, true, recovery_use_on, &w, f);
}

static enum err recovery_left_on(struct driver_link *l, void *args, struct fault *f) {
  struct work *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_RECOVERY_LEFT, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  e = l->driver->step(l, &row, "counting recovery codes", f);
  if (!e && row)
    *(int64_t *)w->out = l->driver->number(l, 0);
  l->driver->reset(l);
  return e;
}

static enum err recovery_left(struct store *s, int64_t user_id, int64_t *out, struct fault *f) {
  struct work w = {.user_id = user_id, .out = out};
  return driver_run(s, DRIVER_READ, false, recovery_left_on, &w, f);
}

struct link_work {
  const struct signin_link *link;
  int64_t keep_from_us, now_us, user_id;
};

static enum err insert_link(struct driver_link *l, const struct link_work *w, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_LINK_DROP_OLD, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->link->user_id);
  l->driver->bind_text(l, 2, w->link->kind);
  l->driver->bind(l, 3, w->keep_from_us);
  e = driver_finish(l, "removing old links", NULL, f);
  if (!e)
    e = l->driver->prepare(l, SQL_LINK_ADD, f);
  if (e)
    return e;
  l->driver->bind_bytes(l, 1, hash_text(w->link->hash));
  l->driver->bind_text(l, 2, w->link->kind);
  l->driver->bind(l, 3, w->link->user_id);
  l->driver->bind(l, 4, w->link->created_us);
  l->driver->bind(l, 5, w->link->expires_us);
  return driver_finish(l, "storing a link", NULL, f);
}

static enum err link_add_on(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = insert_link(l, args, f);
  return l->driver->end(l, e, f);
}

static enum err link_add(struct store *s, const struct signin_link *l, int64_t keep_from_us, struct fault *f) {
  struct link_work w = {.link = l, .keep_from_us = keep_from_us};
  return driver_run(s, DRIVER_WRITE, true, link_add_on, &w, f);
}

static enum err no_link(struct fault *f) {
  return fault_set(f, ERR_NOT_FOUND, NULL, "this link is not good, or not any more");
}

static enum err find_link(struct driver_link *l, struct link_work *w, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_LINK_FIND, f);
  if (e)
    return e;
  l->driver->bind_bytes(l, 1, hash_text(w->link->hash));
  l->driver->bind_text(l, 2, w->link->kind);
  l->driver->bind(l, 3, w->now_us);
  e = l->driver->step(l, &row, "looking up a link", f);
  if (!e && row)
    w->user_id = l->driver->number(l, 0);
  l->driver->reset(l);
  return e || row ? e : no_link(f);
}

/* All of its kind go, and it must be among them: whoever comes second finds none. */
static enum err take_link(struct driver_link *l, struct link_work *w, struct fault *f) {
  bool row = false, found = false;
  enum err e = find_link(l, w, f);
  if (!e)
    e = l->driver->prepare(l, SQL_LINK_TAKE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  l->driver->bind_text(l, 2, w->link->kind);
  while (!(e = l->driver->step(l, &row, "taking a link", f)) && row)
    found |= secret_equal(l->driver->bytes(l, 0), hash_text(w->link->hash)) && l->driver->number(l, 1) > w->now_us;
  l->driver->reset(l);
  return e || found ? e : no_link(f);
}

static enum err link_take_on(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = take_link(l, args, f);
  return l->driver->end(l, e, f);
}

static enum err link_look_on(struct driver_link *l, void *args, struct fault *f) { return find_link(l, args, f); }

static enum err link_run(struct store *s, bool take, struct text kind, const uint8_t *hash, int64_t now_us,
                         int64_t *out_user_id, struct fault *f) {
  struct signin_link link = {.kind = kind};
  struct link_work w = {.link = &link, .now_us = now_us};
  memcpy(link.hash, hash, sizeof link.hash);
  enum err e = take ? driver_run(s, DRIVER_WRITE, true, link_take_on, &w, f)
                    : driver_run(s, DRIVER_READ, false, link_look_on, &w, f);
  if (!e)
    *out_user_id = w.user_id;
  return e;
}

static enum err link_take(struct store *s, struct text kind, const uint8_t hash[SIGNIN_HASH_BYTES], int64_t now_us,
                          int64_t *out_user_id, struct fault *f) {
  return link_run(s, true, kind, hash, now_us, out_user_id, f);
}

static enum err link_look(struct store *s, struct text kind, const uint8_t hash[SIGNIN_HASH_BYTES], int64_t now_us,
                          int64_t *out_user_id, struct fault *f) {
  return link_run(s, false, kind, hash, now_us, out_user_id, f);
}

const struct store_signin_ops store_signin = {.password_get = password_get,
                                              .password_changed = password_changed,
                                              .password_set = password_set,
                                              .password_upgrade = password_upgrade,
                                              .totp_get = totp_get,
                                              .totp_put = totp_put,
                                              .totp_confirm = totp_confirm,
                                              .totp_step = totp_step,
                                              .totp_drop = totp_drop,
                                              .recovery_use = recovery_use,
                                              .recovery_left = recovery_left,
                                              .session_add = store_session_add,
                                              .session_get = store_session_get,
                                              .session_list = store_session_list,
                                              .session_page = store_session_page,
                                              .session_refresh = store_session_refresh,
                                              .session_end = store_session_end,
                                              .session_end_all = store_session_end_all,
                                              .link_add = link_add,
                                              .link_take = link_take,
                                              .link_look = link_look,
                                              .attempts_get = store_attempts_get,
                                              .attempts_put = store_attempts_put,
                                              .purge = store_signin_purge};
