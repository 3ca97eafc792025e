/* Second factors: turning one on, asking for it, turning it off. Secrets are sealed by the vault for their user and
 * version. Called through signin.c. */
#include "base/random.h"
#include "identity/signin_inner.h"
#include "ports/store_audit.h"

static struct vault_place place_of(const struct people_row *user, int64_t version) {
  return (struct vault_place){"weir_totp", "secret", user->org_id, user->id, version};
}

enum err second_find(struct signin_desk *d, const struct people_row *user, struct arena *a, struct signin_totp *out,
                     struct fault *f) {
  struct signin_totp t;
  enum err e = d->store->ops->signin->totp_get(d->store, user->id, a, &t, f);
  if (e == ERR_OK && t.confirmed_us == 0)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no second factor");
  if (e == ERR_OK)
    *out = t;
  return e;
}

static enum err wrong(struct fault *f) {
  return fault_set(f, ERR_UNAUTHENTICATED, "code", "this code is not right, or was used before");
}

/* Whether it is a code of the secret, and of which step. */
static enum err check_code(struct signin_desk *d, const struct signin_visit *v, const struct people_row *user,
                           const struct signin_totp *t, struct text code, int64_t *out_step, struct fault *f) {
  const struct vault_place place = place_of(user, t->version);
  struct secret *secret = NULL;
  enum err e = d->vault->open(d->vault, &place, t->secret, &secret, f);
  if (e != ERR_OK)
    return e;
  struct text bytes = secret_reveal(secret);
  if (!totp_check((const uint8_t *)bytes.at, bytes.len, code, v->now_us, t->last_step, out_step))
    e = wrong(f);
  secret_free(secret);
  return e;
}

enum err second_check(struct signin_desk *d, const struct signin_visit *v, const struct people_row *user,
                      const struct signin_totp *t, struct text code, struct fault *f) {
  char recovery[TOTP_RECOVERY_BYTES];
  uint8_t hash[SIGNIN_HASH_BYTES];
  int64_t step = 0;
  enum err e;
  if (totp_read_recovery_code(code, recovery)) {
    const struct audit_actor by = signin_actor(v, user->id);
    signin_hash(d, "recovery", (struct text){recovery, sizeof(recovery)}, hash);
    e = d->store->ops->signin->recovery_use(d->store, user->id, hash, v->now_us, &by, f);
    return e == ERR_NOT_FOUND ? wrong(f) : e;
  }
  e = check_code(d, v, user, t, code, &step, f);
  if (e == ERR_OK)
    e = d->store->ops->signin->totp_step(d->store, user->id, step, f);
  return e == ERR_STORE_STALE ? wrong(f) : e;
}

static enum err no_user(struct fault *f) {
  return fault_set(f, ERR_NOT_FOUND, NULL, "only people have a password and a second factor");
}

enum err second_state(struct signin *self, const struct caller *c, struct signin_factor *out, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  struct signin_factor found = {false, 0};
  struct signin_totp t;
  struct arena a;
  if (c->kind != CALLER_USER)
    return no_user(f);
  arena_init(&a);
  enum err e = d->store->ops->signin->totp_get(d->store, c->id, &a, &t, f);
  found.is_on = e == ERR_OK && t.confirmed_us > 0;
  if (found.is_on)
    e = d->store->ops->signin->recovery_left(d->store, c->id, &found.codes_left, f);
  arena_done(&a);
  if (e == ERR_OK || e == ERR_NOT_FOUND)
    *out = found;
  return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The password once more: who has found somebody's session open does not put a lock of their own on it. */
enum err second_begin(struct signin *self, const struct signin_visit *v, const struct caller *c, struct text password,
                      struct text *out_secret, struct text *out_uri, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  uint8_t secret[TOTP_SECRET_BYTES];
  char base32[TOTP_BASE32_BYTES];
  struct people_row user;
  struct buf sealed, uri;
  enum err e = signin_confirm_self(d, v, c, password, &user, f);
  if (e != ERR_OK)
    return e;
  const struct vault_place place = place_of(&user, v->now_us);
  random_bytes(secret, sizeof(secret));
  buf_init(&sealed, VAULT_SEALED_MAX);
  buf_init(&uri, 4096);
  e = d->vault->seal(d->vault, &place, (struct text){(const char *)secret, sizeof(secret)}, &sealed, f);
  if (e == ERR_OK)
    e = d->store->ops->signin->totp_put(d->store, user.id, v->now_us, buf_text(&sealed), f);
  if (e == ERR_OK) {
    totp_write_uri(user.text, secret, &uri);
    *out_secret = arena_copy(v->arena, (struct text){base32, totp_base32(secret, sizeof(secret), base32)});
    *out_uri = arena_copy(v->arena, buf_text(&uri));
  }
  secret_wipe(secret, sizeof(secret));
  buf_done(&sealed);
  buf_done(&uri);
  return e;
}

static void make_codes(const struct signin_desk *d, struct arena *a, struct text out[SIGNIN_RECOVERY],
                       uint8_t hashes[SIGNIN_RECOVERY][SIGNIN_HASH_BYTES]) {
  char code[TOTP_RECOVERY_BYTES];
  for (size_t i = 0; i < SIGNIN_RECOVERY; i++) {
    totp_new_recovery_code(code);
    out[i] = arena_copy(a, (struct text){code, sizeof(code)});
    signin_hash(d, "recovery", out[i], hashes[i]);
  }
  secret_wipe(code, sizeof(code));
}

enum err second_confirm(struct signin *self, const struct signin_visit *v, const struct caller *c, struct text code,
                        struct text out_codes[SIGNIN_RECOVERY], struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  uint8_t hashes[SIGNIN_RECOVERY][SIGNIN_HASH_BYTES];
  struct text codes[SIGNIN_RECOVERY];
  struct people_row user = {.id = c->id, .org_id = c->org_id};
  struct signin_totp t;
  int64_t step = 0;
  if (c->kind != CALLER_USER)
    return no_user(f);
  struct attempt attempt = {.desk = d, .visit = v, .email = c->email, .session_id = c->session_id};
  enum err e = d->store->ops->signin->totp_get(d->store, c->id, v->arena, &t, f);
  if (e == ERR_OK && t.confirmed_us > 0)
    e = fault_set(f, ERR_STORE_CONFLICT, NULL, "there is a second factor already");
  if (e == ERR_OK)
    e = attempt_begin(&attempt, f);
  if (e == ERR_OK)
    e = check_code(d, v, &user, &t, code, &step, f);
  if (e != ERR_OK)
    return e;
  attempt_end(&attempt, true);
  make_codes(d, v->arena, codes, hashes);
  const struct audit_actor by = signin_actor(v, c->id);
  e = d->store->ops->signin->totp_confirm(d->store, c->id, t.version, step, v->now_us,
                                          (const uint8_t(*)[SIGNIN_HASH_BYTES])hashes, SIGNIN_RECOVERY, &by, f);
  if (e == ERR_OK)
    memcpy(out_codes, codes, sizeof(codes));
  return e;
}

enum err second_end(struct signin *self, const struct signin_visit *v, const struct caller *c, struct text password,
                    struct text code, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  const struct audit_actor by = signin_actor(v, c->id);
  struct people_row user;
  struct signin_totp t;
  enum err e = signin_confirm_self(d, v, c, password, &user, f);
  if (e == ERR_OK)
    e = second_find(d, &user, v->arena, &t, f);
  if (e != ERR_OK)
    return e;
  struct attempt attempt = {.desk = d, .visit = v, .email = c->email, .session_id = c->session_id};
  e = attempt_begin(&attempt, f);
  if (e == ERR_OK)
    e = second_check(d, v, &user, &t, code, f);
  if (e != ERR_OK)
    return e;
  attempt_end(&attempt, true);
  return d->store->ops->signin->totp_drop(d->store, user.id, &by, f);
}

enum err second_drop(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                     struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  const struct audit_actor by = {c->actor, c->origin};
  struct people_row user;
  enum err e = signin_find_lesser(d, v, c, user_id, &user, f);
  return e == ERR_OK ? d->store->ops->signin->totp_drop(d->store, user.id, &by, f) : e;
}
