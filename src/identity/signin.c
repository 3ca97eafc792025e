/* Signing in with an email and a password, and what is asked of somebody who is signed in before something that
 * matters. Whether there is such a user is told by neither words nor time: where there is none, an attempt is counted
 * and a hash is worked on all the same. Called by control/auth.c and control/me.c through ports/signin.h. */
#include "identity/signin.h"

#include "identity/signin_inner.h"
#include "ports/store_audit.h"

#include <stdlib.h>

void signin_hash(const struct signin_desk *d, const char *what, struct text token, uint8_t out[SIGNIN_HASH_BYTES]) {
  char message[512];
  int n = snprintf(message, sizeof(message), "weir: %s: ", what);
  size_t len = (size_t)n, room = sizeof(message) - len, take = token.len < room ? token.len : room;
  if (take > 0)
    memcpy(message + len, token.at, take);
  secret_hmac(d->server_secret, (struct text){message, len + take}, out);
  secret_wipe(message, sizeof(message));
}

bool signin_read_email(struct text email, struct arena *a, struct text *out) {
  ptrdiff_t at = text_find_char(email, '@');
  if (email.len > SIGNIN_EMAIL_MAX || at <= 0 || (size_t)at + 1 >= email.len || !text_is_utf8(email))
    return false;
  char *lower = arena_alloc(a, email.len + 1);
  for (size_t i = 0; i < email.len; i++) {
    char c = email.at[i];
    if ((unsigned char)c <= ' ' || c == 0x7f || (c == '@' && i != (size_t)at) || strchr("<>\"\\,;:", c))
      return false;
    lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
  }
  *out = (struct text){lower, email.len};
  return true;
}

struct audit_actor signin_actor(const struct signin_visit *v, int64_t user_id) {
  struct text actor = user_id > 0 ? arena_format(v->arena, "user:%lld", (long long)user_id) : TEXT("signin");
  return (struct audit_actor){actor, v->address};
}

bool signin_is_secure(struct text public_url) {
  static const char *const local[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
  for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
    struct text rest = text_skip(public_url, strlen(local[i]));
    if (text_starts(public_url, text_of(local[i])) && (rest.len == 0 || rest.at[0] == ':' || rest.at[0] == '/'))
      return false;
  }
  return true;
}

/* The user of the email with the hash of their password; neither where there is none, or none that may sign in. */
static enum err find_user(struct signin_desk *d, struct text email, struct arena *a, struct people_row *out,
                          struct text *out_hash, struct fault *f) {
  struct people_row user = {0};
  struct text hash = TEXT_NONE;
  enum err e = email.len > 0 ? d->store->ops->people->find_user(d->store, email, a, &user, f) : ERR_NOT_FOUND;
  if (e != ERR_OK && e != ERR_NOT_FOUND)
    return e;
  if (e == ERR_NOT_FOUND || user.is_disabled)
    user = (struct people_row){0};
  e = d->store->ops->signin->password_get(d->store, user.id, a, &hash, f);
  if (e != ERR_OK && e != ERR_NOT_FOUND)
    return e;
  *out = user;
  *out_hash = hash;
  return ERR_OK;
}

static void renew(struct signin_desk *d, int64_t user_id, struct text hash, struct text password) {
  char fresh[PASSWORD_HASH_BYTES];
  if (password_hash(d->passwords, password, fresh, NULL) == ERR_OK) {
    enum err ignored = d->store->ops->signin->password_upgrade(d->store, user_id, hash, text_of(fresh), NULL);
    (void)ignored; /* the next time */
  }
  secret_wipe(fresh, sizeof(fresh));
}

/* An attempt has been counted. ERR_UNAUTHENTICATED in the same words whatever is wrong. */
static enum err check_password(struct signin_desk *d, const struct signin_visit *v, struct text email,
                               struct text password, struct people_row *out, struct fault *f) {
  struct people_row user;
  struct text hash;
  bool is_old = false;
  struct fault ignored = {0};
  enum err e = find_user(d, email, v->arena, &user, &hash, &ignored);
  if (e != ERR_OK) {
    if (f)
      *f = ignored;
    return e;
  }
  e = password_verify(d->passwords, hash, password, &is_old, f);
  if (e == ERR_OK && user.id == 0)
    e = ERR_UNAUTHENTICATED;
  if (e != ERR_OK)
    return e;
  if (is_old)
    renew(d, user.id, hash, password);
  *out = user;
  return ERR_OK;
}

static enum err check_factor(struct signin_desk *d, const struct signin_visit *v, const struct people_row *user,
                             struct text code, const char **out_way, bool *out_missing, struct fault *f) {
  struct signin_totp t;
  struct fault none = {0};
  *out_way = "password";
  *out_missing = false;
  enum err e = second_find(d, user, v->arena, &t, &none);
  if (e == ERR_NOT_FOUND)
    return ERR_OK;
  if (e != ERR_OK) {
    if (f)
      *f = none;
    return e;
  }
  *out_missing = code.len == 0;
  *out_way = "password+totp";
  return *out_missing ? ERR_OK : second_check(d, v, user, &t, code, f);
}

static enum err login(struct signin *self, const struct signin_visit *v, struct text typed, struct text password,
                      struct text code, struct signin_result *out, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  struct text email = TEXT_NONE;
  struct people_row user;
  const char *way;
  bool missing;
  /* What is no address is counted as it was typed. */
  struct attempt attempt = {
      .desk = d, .visit = v, .email = signin_read_email(typed, v->arena, &email) ? email : text_head(typed, 256)};
  enum err e = attempt_begin(&attempt, f);
  if (e == ERR_OK)
    e = check_password(d, v, email, password, &user, f);
  if (e == ERR_OK)
    e = check_factor(d, v, &user, code, &way, &missing, f);
  if (e != ERR_OK)
    return e;
  attempt_end(&attempt, !missing);
  if (missing) {
    *out = (struct signin_result){.needs_code = true};
    return ERR_OK;
  }
  return session_begin(d, v, &user, way, out, f);
}

enum err signin_confirm_self(struct signin_desk *d, const struct signin_visit *v, const struct caller *c,
                             struct text password, struct people_row *out, struct fault *f) {
  if (c->kind != CALLER_USER)
    return fault_set(f, ERR_NOT_FOUND, NULL, "only people have a password and a second factor");
  struct attempt attempt = {.desk = d, .visit = v, .email = c->email, .session_id = c->session_id};
  enum err e = attempt_begin(&attempt, f);
  if (e == ERR_OK)
    e = check_password(d, v, c->email, password, out, f);
  if (e == ERR_UNAUTHENTICATED) /* the session is good: it is what they typed that is not */
    return fault_set(f, ERR_FORBIDDEN, "password", "the password is not right");
  if (e == ERR_OK)
    attempt_end(&attempt, true);
  return e;
}

static enum err set_password(struct signin *self, const struct signin_visit *v, const struct caller *c, struct text old,
                             struct text password, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  const struct audit_actor by = signin_actor(v, c->id);
  char hash[PASSWORD_HASH_BYTES];
  struct people_row user;
  enum err e = password_check(password, f);
  if (e == ERR_OK)
    e = signin_confirm_self(d, v, c, old, &user, f);
  if (e == ERR_OK)
    e = password_hash(d->passwords, password, hash, f);
  if (e != ERR_OK)
    return e;
  e = d->store->ops->signin->password_set(d->store, user.id, text_of(hash), c->session_id, v->now_us, &by, f);
  secret_wipe(hash, sizeof(hash));
  return e;
}

/* Whether all that one may do is among what the other may. */
static bool is_within(const struct caller *lesser, const struct caller *c) {
  if (lesser->permissions & ~c->permissions)
    return false;
  for (size_t i = 0; i < lesser->workspace_count; i++) {
    if (lesser->workspaces[i].permissions & ~caller_permissions_in(c, lesser->workspaces[i].id))
      return false;
  }
  return true;
}

enum err signin_find_lesser(struct signin_desk *d, const struct signin_visit *v, const struct caller *c,
                            int64_t user_id, struct people_row *out, struct fault *f) {
  struct caller them;
  enum err e = d->store->ops->people->get(d->store, PEOPLE_USER, c->org_id, user_id, v->arena, out, f);
  if (e == ERR_OK && out->is_disabled)
    e = fault_set(f, ERR_STORE_CONFLICT, NULL, "this user is disabled");
  if (e == ERR_OK)
    e = rights_find(d->rights, PEOPLE_USER, user_id, v->now_us, v->arena, &them, f);
  if (e == ERR_OK && !is_within(&them, c))
    e = fault_set(f, ERR_FORBIDDEN, NULL, "this user may do more than you: somebody with their rights has to do it");
  return e;
}

struct signin_desk *signin_new(const struct signin_options *o) {
  struct signin_desk *d = calloc(1, sizeof(*d));
  if (!d)
    abort();
  d->port = (struct signin){.needs_setup = link_needs_setup,
                            .setup = link_setup,
                            .login = login,
                            .refresh = session_refresh,
                            .logout = session_logout,
                            .accept = link_accept,
                            .set_password = set_password,
                            .factor = second_state,
                            .factor_begin = second_begin,
                            .factor_confirm = second_confirm,
                            .factor_end = second_end,
                            .link = link_make,
                            .factor_drop = second_drop,
                            .mail_link = mailing_link,
                            .magic_ask = mailing_ask,
                            .magic_finish = mailing_finish,
                            .mail_deliver = mailing_deliver};
  d->store = o->store;
  d->vault = o->vault;
  d->mint = o->mint;
  d->rights = o->rights;
  d->server_secret = o->server_secret;
  d->mailer = o->mailer;
  d->passwords = passwords_new(&o->cost);
  d->times = o->times;
  d->is_secure = signin_is_secure(o->public_url);
  snprintf(d->public_url, sizeof(d->public_url), "%.*s", TEXT_ARGS(o->public_url));
  for (size_t n = strlen(d->public_url); n > 0 && d->public_url[n - 1] == '/'; n--)
    d->public_url[n - 1] = '\0';
  pthread_mutex_init(&d->lock, NULL);
  return d;
}

void signin_free(struct signin_desk *d) {
  if (!d)
    return;
  passwords_free(d->passwords);
  pthread_mutex_destroy(&d->lock);
  free(d);
}

struct signin *signin_port(struct signin_desk *d) {
  return &d->port;
}

void signin_adjust(struct signin_desk *d, const struct password_cost *cost, const struct signin_times *times) {
  pthread_mutex_lock(&d->lock);
  d->times = *times;
  pthread_mutex_unlock(&d->lock);
  passwords_set_cost(d->passwords, cost);
}
