/* Sessions of browsers: beginning one, going on with it, ending it, and what the browser is given each time. Which
 * token is good is the store's to decide; here tokens are made and read. Called through signin.c.
 * house: tested-by tests/unit/identity/test_signin.c */
#include "base/random.h"
#include "identity/badge.h"
#include "identity/cookie.h"
#include "identity/signin_inner.h"
#include "ports/store_audit.h"

#include <sodium.h>

#define TOKEN_RANDOM 24
#define TOKEN_MAC    16
#define TOKEN_MAX    160

static struct signin_times times_of(struct signin_desk *d) {
  pthread_mutex_lock(&d->lock);
  struct signin_times t = d->times;
  pthread_mutex_unlock(&d->lock);
  return t;
}

void signin_csrf(const struct secret *server_secret, int64_t session_id, char out[SIGNIN_CSRF_BYTES]) {
  uint8_t mac[SECRET_HMAC_BYTES];
  char message[64];
  snprintf(message, sizeof(message), "weir: csrf: %lld", (long long)session_id);
  secret_hmac(server_secret, text_of(message), mac);
  text_base64url(mac, SIGNIN_CSRF_BYTES / 4 * 3, out);
}

/* Over everything but itself: only tokens that were made here reach the store, so that nobody can end another's session
 * by guessing at its number. */
static void token_mac(const struct signin_desk *d, struct text token, char out[TOKEN_MAC / 3 * 4 + 2]) {
  uint8_t hash[SIGNIN_HASH_BYTES];
  signin_hash(d, "refresh mac", token, hash);
  text_base64url(hash, TOKEN_MAC, out);
}
#define TOKEN_MAC_TEXT 22

static struct text make_token(const struct signin_desk *d, int64_t session_id, const uint8_t random[TOKEN_RANDOM],
                              struct arena *a) {
  char *token = arena_alloc(a, TOKEN_MAX), mac[TOKEN_MAC_TEXT + 2];
  int n = snprintf(token, TOKEN_MAX, "%lld.", (long long)session_id);
  size_t len = (size_t)n;
  len += text_base64url(random, TOKEN_RANDOM, token + len);
  token_mac(d, (struct text){token, len}, mac);
  token[len++] = '.';
  memcpy(token + len, mac, TOKEN_MAC_TEXT);
  return (struct text){token, len + TOKEN_MAC_TEXT};
}

static bool read_token(const struct signin_desk *d, struct text token, int64_t *out_session_id) {
  struct text id, rest;
  char mac[TOKEN_MAC_TEXT + 2];
  int64_t n;
  if (token.len > TOKEN_MAX || token.len < TOKEN_MAC_TEXT + 2 || !text_cut(token, '.', &id, &rest) ||
      !text_to_i64(id, &n) || n <= 0)
    return false;
  struct text signed_part = text_head(token, token.len - TOKEN_MAC_TEXT - 1);
  token_mac(d, signed_part, mac);
  if (token.at[signed_part.len] != '.' || sodium_memcmp(token.at + signed_part.len + 1, mac, TOKEN_MAC_TEXT) != 0)
    return false;
  *out_session_id = n;
  return true;
}

static void add_cookie(const struct signin_desk *d, const struct signin_visit *v, enum cookie_name which,
                       struct text value, int64_t age_us, struct signin_result *out) {
  struct buf b;
  buf_init(&b, 8192);
  cookie_write(which, d->is_secure, value, age_us / 1000000, &b);
  out->cookies[out->cookie_count++] = arena_copy(v->arena, buf_text(&b));
  buf_done(&b);
}

/* That this user has been here with this browser, for when they sign in again; a browser stays the one it was. */
static void add_device(const struct signin_desk *d, const struct signin_visit *v, int64_t user_id,
                       struct signin_result *out) {
  struct badge_device device;
  struct text shown;
  bool is_theirs = cookie_find(v->cookie, cookie_name(COOKIE_DEVICE, d->is_secure), &shown) &&
                   badge_read_device(d->server_secret, shown, v->now_us, &device) && device.user_id == user_id;
  if (!is_theirs) {
    device.user_id = user_id;
    random_bytes(device.id, sizeof(device.id));
  }
  device.issued_us = v->now_us;
  add_cookie(d, v, COOKIE_DEVICE, badge_write_device(d->server_secret, &device, v->arena), BADGE_DEVICE_LIFE_US, out);
}

/* The access token and the proof for scripts; the refresh token where there is a new one. */
static enum err hand_out(struct signin_desk *d, const struct signin_visit *v, const struct signin_session *n,
                         struct text refresh, struct signin_result *out, struct fault *f) {
  const struct signin_times t = times_of(d);
  char subject[32], csrf[SIGNIN_CSRF_BYTES];
  struct buf token;
  snprintf(subject, sizeof(subject), "user:%lld", (long long)n->user_id);
  int64_t access_end = v->now_us + t.access_us < n->expires_us ? v->now_us + t.access_us : n->expires_us;
  const struct mint_claims claims = {text_of(subject), n->org_id, n->id, TEXT_NONE, access_end};
  buf_init(&token, 4096);
  enum err e = mint_sign(d->mint, &claims, v->now_us, &token, f);
  if (e == ERR_OK) {
    signin_csrf(d->server_secret, n->id, csrf);
    out->user_id = n->user_id;
    out->session_id = n->id;
    out->csrf = arena_copy(v->arena, (struct text){csrf, sizeof(csrf)});
    out->access_expires_us = access_end;
    out->session_expires_us = n->expires_us;
    out->cookie_count = 0;
    add_cookie(d, v, COOKIE_ACCESS, buf_text(&token), access_end - v->now_us, out);
    add_cookie(d, v, COOKIE_CSRF, out->csrf, n->expires_us - v->now_us, out);
    if (refresh.len > 0)
      add_cookie(d, v, COOKIE_REFRESH, refresh, n->expires_us - v->now_us, out);
    add_device(d, v, n->user_id, out);
  }
  buf_done(&token);
  return e;
}

/* Always another session with tokens of its own, whatever the browser showed: none can be fixed beforehand. The token
 * is known by its random part, because its number is the store's to give. */
enum err session_begin(struct signin_desk *d, const struct signin_visit *v, const struct people_row *user,
                       const char *way, struct signin_result *out, struct fault *f) {
  const struct signin_times t = times_of(d);
  uint8_t random[TOKEN_RANDOM];
  struct signin_session n = {.user_id = user->id,
                             .org_id = user->org_id,
                             .created_us = v->now_us,
                             .expires_us = v->now_us + t.session_us,
                             .way = text_of(way),
                             .address = v->address,
                             .agent = v->agent};
  const struct audit_actor by = signin_actor(v, user->id);
  random_bytes(random, sizeof(random));
  signin_hash(d, "refresh", (struct text){(const char *)random, sizeof(random)}, n.refresh);
  enum err e = d->store->ops->signin->session_add(d->store, &n, &by, &n.id, f);
  if (e != ERR_OK)
    return e;
  struct text token = make_token(d, n.id, random, v->arena);
  secret_wipe(random, sizeof(random));
  *out = (struct signin_result){.email = arena_copy(v->arena, user->text), .name = arena_copy(v->arena, user->name)};
  e = hand_out(d, v, &n, token, out, f);
  if (e == ERR_OK)
    e = d->store->ops->people->seen(d->store, PEOPLE_USER, user->id, v->now_us, f);
  return e;
}

static enum err over(struct fault *f) {
  return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the session is over: sign in again");
}

/* The refresh token among the cookies, with the session it names, once the request has proved to be no other site's. */
static enum err find_token(struct signin_desk *d, const struct signin_visit *v, struct text *out_token,
                           int64_t *out_session_id, struct fault *f) {
  char csrf[SIGNIN_CSRF_BYTES];
  if (!cookie_find(v->cookie, cookie_name(COOKIE_REFRESH, d->is_secure), out_token) ||
      !read_token(d, *out_token, out_session_id))
    return over(f);
  signin_csrf(d->server_secret, *out_session_id, csrf);
  if (!secret_equal(v->csrf, (struct text){csrf, sizeof(csrf)}))
    return fault_set(f, ERR_FORBIDDEN, "x-weir-csrf",
                     "this needs the header x-weir-csrf with the value of the cookie %s",
                     cookie_name(COOKIE_CSRF, d->is_secure));
  return ERR_OK;
}

/* The random part of a token, whose hash the store knows. */
static bool token_hash(const struct signin_desk *d, struct text token, uint8_t out[SIGNIN_HASH_BYTES]) {
  uint8_t random[TOKEN_RANDOM + 3];
  struct text id, rest, part;
  size_t n = 0;
  if (!text_cut(token, '.', &id, &rest) || !text_cut(rest, '.', &part, &rest) || part.len != TOKEN_RANDOM / 3 * 4 ||
      !text_base64url_decode(part, random, &n) || n != TOKEN_RANDOM)
    return false;
  signin_hash(d, "refresh", (struct text){(const char *)random, n}, out);
  return true;
}

static enum err replace(struct signin_desk *d, const struct signin_visit *v, const struct signin_session *n,
                        struct text token, struct text *out_next, struct fault *f) {
  struct signin_refresh r = {.id = n->id, .now_us = v->now_us, .grace_us = SIGNIN_GRACE_US};
  const struct audit_actor by = signin_actor(v, n->user_id);
  enum signin_refreshed done = SIGNIN_OVER;
  uint8_t random[TOKEN_RANDOM];
  random_bytes(random, sizeof(random));
  signin_hash(d, "refresh", (struct text){(const char *)random, sizeof(random)}, r.next);
  if (!token_hash(d, token, r.token))
    return over(f);
  enum err e = d->store->ops->signin->session_refresh(d->store, &r, &by, &done, f);
  if (e == ERR_OK && (done == SIGNIN_OVER || done == SIGNIN_REUSED))
    e = over(f);
  if (e == ERR_OK)
    *out_next = done == SIGNIN_REFRESHED ? make_token(d, n->id, random, v->arena) : TEXT_NONE;
  secret_wipe(random, sizeof(random));
  return e;
}

/* Whoever is removed or disabled does not go on. */
static enum err find_user(struct signin_desk *d, const struct signin_visit *v, const struct signin_session *n,
                          struct people_row *out, struct fault *f) {
  enum err e = d->store->ops->people->get(d->store, PEOPLE_USER, n->org_id, n->user_id, v->arena, out, f);
  return e == ERR_NOT_FOUND || (e == ERR_OK && out->is_disabled) ? over(f) : e;
}

enum err session_refresh(struct signin *self, const struct signin_visit *v, struct signin_result *out,
                         struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  const struct signin_times t = times_of(d);
  struct signin_session n;
  struct people_row user;
  struct text token, next = TEXT_NONE;
  int64_t id;
  enum err e = find_token(d, v, &token, &id, f);
  if (e == ERR_OK)
    e = d->store->ops->signin->session_get(d->store, id, v->arena, &n, f);
  if (e == ERR_NOT_FOUND || (e == ERR_OK && v->now_us - n.rotated_us > t.idle_us))
    return over(f);
  if (e == ERR_OK)
    e = find_user(d, v, &n, &user, f);
  if (e == ERR_OK)
    e = replace(d, v, &n, token, &next, f);
  if (e != ERR_OK)
    return e;
  struct signin_result r = {.email = user.text, .name = user.name};
  e = hand_out(d, v, &n, next, &r, f);
  if (e == ERR_OK)
    *out = r;
  return e;
}

/* For the identity provider that it began at. What cannot be read keeps nobody from leaving. */
static void tell_origin(struct signin_desk *d, const struct signin_visit *v, int64_t id, struct signin_result *out) {
  struct signin_session n;
  struct people_row user;
  if (d->store->ops->signin->session_get(d->store, id, v->arena, &n, NULL) != ERR_OK || n.ended_us != 0)
    return;
  out->way = n.way;
  if (d->store->ops->people->get(d->store, PEOPLE_USER, n.org_id, n.user_id, v->arena, &user, NULL) == ERR_OK)
    out->email = user.text;
}

enum err session_logout(struct signin *self, const struct signin_visit *v, struct signin_result *out, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  struct signin_result r = {0};
  struct text token;
  int64_t id = 0;
  enum err e = find_token(d, v, &token, &id, f);
  if (e == ERR_FORBIDDEN)
    return e;
  if (e == ERR_OK) {
    const struct audit_actor by = signin_actor(v, 0);
    tell_origin(d, v, id, &r);
    e = d->store->ops->signin->session_end(d->store, 0, id, "logout", v->now_us, &by, f);
  }
  if (e != ERR_OK && e != ERR_NOT_FOUND && e != ERR_UNAUTHENTICATED)
    return e;
  add_cookie(d, v, COOKIE_ACCESS, TEXT_NONE, 0, &r);
  add_cookie(d, v, COOKIE_CSRF, TEXT_NONE, 0, &r);
  add_cookie(d, v, COOKIE_REFRESH, TEXT_NONE, 0, &r);
  *out = r;
  return ERR_OK;
}
