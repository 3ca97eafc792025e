/* Signing in through an identity provider, from the first redirect to the session: each step's own rules are in the
 * files beside (oidc_pending.c, oidc_client.c, oidc_claims.c, oidc_people.c). A snapshot of the providers is held by
 * reference while one of them is asked, so that a reload need not wait. Called by control/auth_oidc.c through
 * ports/oidc.h. */
#include "identity/oidc.h"

#include "base/buf.h"
#include "identity/claims.h"
#include "identity/cookie.h"
#include "identity/oidc_inner.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

#define KEYS_REFRESH_US INT64_C(900000000)
#define URL_MAX         8192
#define CODE_MAX        4096
#define SAID_MAX        200

struct oidc_providers {
  atomic_int refs;
  struct arena arena;
  struct oidc_provider *at;
  size_t count;
};

static void provider_done(struct oidc_provider *p) {
  secret_free(p->client_secret);
  issuer_unref(p->keys);
  pthread_mutex_destroy(&p->lock);
  if (p->arena)
    arena_done(p->arena);
  free(p->arena);
}

static void providers_unref(struct oidc_providers *s) {
  if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < s->count; i++)
    provider_done(&s->at[i]);
  arena_done(&s->arena);
  free(s);
}

static struct oidc_providers *providers_of(struct oidc_desk *d) {
  pthread_mutex_lock(&d->lock);
  struct oidc_providers *s = d->providers;
  atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
  pthread_mutex_unlock(&d->lock);
  return s;
}

/* The set's keys come the same way as everything else of a provider. */
static enum err fetch_keys(void *data, struct text url, struct text ca_file, struct arena *a, struct text *out,
                           struct fault *f) {
  struct oidc_desk *d = data;
  const struct fetch_request rq = {.method = "GET",
                                   .url = url,
                                   .headers = {{TEXT("accept"), TEXT("application/json")}},
                                   .header_count = 1,
                                   .ca_file = ca_file,
                                   .max_bytes = JWKS_MAX_BYTES};
  struct fetch_reply reply;
  enum err e = d->fetch(d->fetch_data, &rq, a, &reply, f);
  if (e == ERR_OK && reply.status != 200)
    e = fault_set(f, ERR_PROTOCOL, NULL, "it was answered with status %d", reply.status);
  if (e == ERR_OK)
    *out = reply.body;
  return e;
}

static const struct text *copy_list(struct arena *a, const struct text *list, size_t count) {
  struct text *copy = arena_alloc(a, (count ? count : 1) * sizeof(*copy));
  for (size_t i = 0; i < count; i++)
    copy[i] = arena_copy(a, list[i]);
  return copy;
}

static const struct oidc_role *copy_roles(struct arena *a, const struct oidc_role *list, size_t count) {
  struct oidc_role *copy = arena_alloc(a, (count ? count : 1) * sizeof(*copy));
  for (size_t i = 0; i < count; i++)
    copy[i] = (struct oidc_role){arena_copy(a, list[i].value), list[i].role};
  return copy;
}

static void provider_init(struct oidc_desk *d, struct arena *a, const struct oidc_declared *from,
                          struct oidc_provider *p) {
  p->o = *from;
  p->o.name = arena_copy(a, from->name);
  p->o.issuer = arena_copy(a, from->issuer);
  p->o.client_id = arena_copy(a, from->client_id);
  p->o.client_secret = TEXT_NONE;
  p->o.scopes = copy_list(a, from->scopes, from->scope_count);
  p->o.domains = copy_list(a, from->domains, from->domain_count);
  p->o.role_claim = arena_copy(a, from->role_claim);
  p->o.roles = copy_roles(a, from->roles, from->role_count);
  p->o.default_role = arena_copy(a, from->default_role);
  p->o.ca_file = arena_copy(a, from->ca_file);
  p->o.after_logout = arena_copy(a, from->after_logout);
  p->client_secret = secret_new(from->client_secret);
  p->fetch = d->fetch;
  p->fetch_data = d->fetch_data;
  p->pause_us = d->pause_us;
  pthread_mutex_init(&p->lock, NULL);
  p->keys = issuer_new(&(struct issuer_options){.issuer = from->issuer,
                                                .ca_file = from->ca_file,
                                                .refresh_us = KEYS_REFRESH_US,
                                                .pause_us = d->pause_us,
                                                .fetch = d->fetch ? fetch_keys : NULL,
                                                .fetch_data = d});
}

static struct oidc_providers *providers_new(struct oidc_desk *d, const struct oidc_declared *list, size_t count) {
  struct oidc_providers *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  atomic_init(&s->refs, 1);
  arena_init(&s->arena);
  s->at = arena_zalloc(&s->arena, (count + 1) * sizeof(*s->at));
  s->count = count;
  for (size_t i = 0; i < count; i++)
    provider_init(d, &s->arena, &list[i], &s->at[i]);
  return s;
}

void oidc_declare(struct oidc_desk *d, const struct oidc_declared *providers, size_t count) {
  struct oidc_providers *fresh = providers_new(d, providers, count);
  pthread_mutex_lock(&d->lock);
  struct oidc_providers *old = d->providers;
  d->providers = fresh;
  pthread_mutex_unlock(&d->lock);
  providers_unref(old);
}

/* NULL, and f says so: there is none. */
static struct oidc_provider *find_provider(struct oidc_providers *s, struct text name, struct fault *f) {
  for (size_t i = 0; i < s->count; i++) {
    if (text_equal(s->at[i].o.name, name))
      return &s->at[i];
  }
  fault_set(f, ERR_NOT_FOUND, NULL, "there is no identity provider of that name");
  return NULL;
}

static void names(struct oidc *self, struct arena *a, struct text **out, size_t *out_count) {
  struct oidc_providers *s = providers_of((struct oidc_desk *)self);
  struct text *list = arena_alloc(a, (s->count + 1) * sizeof(*list));
  for (size_t i = 0; i < s->count; i++)
    list[i] = arena_copy(a, s->at[i].o.name);
  *out = list;
  *out_count = s->count;
  providers_unref(s);
}

static struct text redirect_uri(const struct oidc_desk *d, const struct oidc_provider *p, struct arena *a) {
  return arena_format(a, "%s/auth/oidc/%.*s/callback", d->door->public_url, TEXT_ARGS(p->o.name));
}

static void add_parameter(struct buf *out, const char *name, struct text value) {
  buf_add_format(out, "&%s=", name);
  oidc_encode(out, value);
}

static struct text scope_of(const struct oidc_provider *p, struct arena *a) {
  struct text all = p->o.scope_count > 0 ? p->o.scopes[0] : TEXT("openid email profile");
  for (size_t i = 1; i < p->o.scope_count; i++)
    all = arena_format(a, "%.*s %.*s", TEXT_ARGS(all), TEXT_ARGS(p->o.scopes[i]));
  return all;
}

/* The request of OpenID Connect Core 1.0 section 3.1.2.1, with a challenge of RFC 7636. */
static struct text request_url(const struct oidc_desk *d, const struct oidc_provider *p, struct text endpoint,
                               const struct oidc_pending *n, struct arena *a) {
  unsigned char hash[crypto_hash_sha256_BYTES];
  char challenge[OIDC_RANDOM_TEXT + 1];
  struct buf url;
  buf_init(&url, URL_MAX);
  crypto_hash_sha256(hash, (const unsigned char *)n->verifier.at, n->verifier.len);
  buf_add(&url, endpoint);
  buf_add_char(&url, text_find_char(endpoint, '?') < 0 ? '?' : '&');
  buf_add(&url, TEXT("response_type=code"));
  add_parameter(&url, "client_id", p->o.client_id);
  add_parameter(&url, "redirect_uri", redirect_uri(d, p, a));
  add_parameter(&url, "scope", scope_of(p, a));
  add_parameter(&url, "state", n->state);
  add_parameter(&url, "nonce", n->nonce);
  add_parameter(&url, "code_challenge", (struct text){challenge, text_base64url(hash, sizeof(hash), challenge)});
  add_parameter(&url, "code_challenge_method", TEXT("S256"));
  struct text out = buf_check(&url) == ERR_OK ? arena_copy(a, buf_text(&url)) : TEXT_NONE;
  buf_done(&url);
  return out;
}

static enum err begin_at(struct oidc_desk *d, struct oidc_provider *p, const struct signin_visit *v,
                         struct text return_to, struct text *out_url, struct text *out_cookie, struct fault *f) {
  struct oidc_endpoints endpoints;
  enum err e = oidc_find_endpoints(p, v->arena, &endpoints, f);
  if (e != ERR_OK)
    return e;
  const struct oidc_pending pending = oidc_pending_new(p->o.name, return_to, v->now_us, v->arena);
  struct text url = request_url(d, p, endpoints.authorization, &pending, v->arena);
  if (url.len == 0)
    return fault_set(f, ERR_LIMIT, NULL, "the address at the identity provider is too long");
  *out_url = url;
  *out_cookie = oidc_pending_cookie(d, &pending, v->arena);
  return ERR_OK;
}

static enum err begin(struct oidc *self, const struct signin_visit *v, struct text name, struct text return_to,
                      struct text *out_url, struct text *out_cookie, struct fault *f) {
  struct oidc_desk *d = (struct oidc_desk *)self;
  struct text path;
  if (!oidc_read_return(return_to, &path))
    return fault_set(f, ERR_BAD_REQUEST, "return_to", "must be a path of this site, such as /api/docs");
  struct oidc_providers *s = providers_of(d);
  struct oidc_provider *p = find_provider(s, name, f);
  enum err e = p ? begin_at(d, p, v, path, out_url, out_cookie, f) : ERR_NOT_FOUND;
  providers_unref(s);
  return e;
}

/* What a provider says instead of a code, if it can be shown. */
static enum err said_no(const struct oidc_provider *p, const struct oidc_answer *answer, struct fault *f) {
  struct text words = answer->error_description.len > 0 ? answer->error_description : answer->error;
  bool is_clean = text_is_utf8(words) && words.len <= SAID_MAX;
  for (size_t i = 0; is_clean && i < words.len; i++)
    is_clean = (unsigned char)words.at[i] >= 0x20 && words.at[i] != 0x7f;
  return fault_set(f, ERR_FORBIDDEN, NULL, "%.*s did not sign you in%s%.*s", TEXT_ARGS(p->o.name), is_clean ? ": " : "",
                   TEXT_ARGS(is_clean ? words : TEXT("")));
}

/* Is it the answer to what this browser asked, of the one it asked (RFC 9207)? */
static enum err check_answer(const struct oidc_provider *p, const struct oidc_endpoints *endpoints,
                             const struct oidc_pending *pending, const struct oidc_answer *answer, struct fault *f) {
  if (pending->state.len == 0 || !secret_equal(answer->state, pending->state))
    return fault_set(f, ERR_UNAUTHENTICATED, "state", "this is the answer to another attempt: begin again");
  if (answer->iss.len == 0 ? endpoints->names_itself : !text_equal(answer->iss, p->o.issuer))
    return fault_set(f, ERR_UNAUTHENTICATED, "iss", "this is not the answer of the identity provider that was asked");
  if (answer->error.len > 0)
    return said_no(p, answer, f);
  if (answer->code.len == 0 || answer->code.len > CODE_MAX)
    return fault_set(f, ERR_UNAUTHENTICATED, "code", "the identity provider gave no code: begin again");
  return ERR_OK;
}

static enum err check_id_token(struct oidc_provider *p, const struct oidc_pending *pending,
                               const struct oidc_tokens *tokens, const struct signin_visit *v, struct text *out_payload,
                               struct fault *f) {
  const struct claims_rule rule = {.issuer = p->o.issuer,
                                   .audiences = &p->o.client_id,
                                   .audience_count = 1,
                                   .leeway_s = p->o.leeway_s,
                                   .nbf_optional = true};
  struct jwks *set = NULL;
  const struct jws_key *key = NULL;
  struct claims claims;
  struct jws jws;
  enum err e = jws_read(tokens->id, v->arena, &jws, f);
  if (e == ERR_OK)
    e = issuer_find_key(p->keys, NULL, &jws, &set, &key, f);
  if (e != ERR_OK)
    return e;
  e = jws_verify(&jws, key, f);
  jwks_unref(set);
  if (e == ERR_OK)
    e = claims_read(jws.payload, &rule, v->now_us, v->arena, &claims, f);
  const struct oidc_expected expected = {p->o.client_id, pending->nonce, tokens->access, jws.algorithm};
  if (e == ERR_OK)
    e = oidc_check_token(jws.payload, &expected, f);
  if (e == ERR_OK)
    *out_payload = jws.payload;
  return e;
}

/* Many providers keep the email out of the ID token where there is an access token to ask for it with. */
static enum err find_person(struct oidc_provider *p, const struct oidc_endpoints *endpoints,
                            const struct oidc_tokens *tokens, struct text payload, struct arena *a,
                            struct oidc_person *out, struct fault *f) {
  struct oidc_person who = {0};
  struct text more;
  enum err e = oidc_read_person(payload, &p->o, a, &who, f);
  bool lacks = who.email.len == 0 || (p->o.role_claim.len > 0 && !who.has_claim);
  if (e == ERR_OK && lacks && endpoints->userinfo.len > 0 && tokens->access.len > 0) {
    e = oidc_fetch_userinfo(p, endpoints, tokens->access, a, &more, f);
    if (e == ERR_OK)
      e = oidc_read_person(more, &p->o, a, &who, f);
  }
  if (e == ERR_OK)
    e = oidc_check_email(&who, &p->o, f);
  if (e == ERR_OK)
    *out = who;
  return e;
}

static enum err finish_at(struct oidc_desk *d, struct oidc_provider *p, const struct signin_visit *v,
                          const struct oidc_pending *pending, const struct oidc_answer *answer,
                          struct signin_result *out, struct fault *f) {
  struct oidc_endpoints endpoints;
  struct oidc_tokens tokens = {0};
  struct oidc_person who;
  struct people_row user;
  struct text payload;
  char way[OIDC_NAME_MAX + 8];
  enum err e = oidc_find_endpoints(p, v->arena, &endpoints, f);
  if (e == ERR_OK)
    e = check_answer(p, &endpoints, pending, answer, f);
  const struct oidc_exchange exchange = {answer->code, pending->verifier, redirect_uri(d, p, v->arena)};
  if (e == ERR_OK)
    e = oidc_exchange_code(p, &endpoints, &exchange, v->arena, &tokens, f);
  if (e == ERR_OK)
    e = check_id_token(p, pending, &tokens, v, &payload, f);
  if (e == ERR_OK)
    e = find_person(p, &endpoints, &tokens, payload, v->arena, &who, f);
  if (e == ERR_OK)
    e = oidc_find_user(d, p, v, &who, &user, f);
  snprintf(way, sizeof(way), "oidc:%.*s", TEXT_ARGS(text_head(p->o.name, OIDC_NAME_MAX)));
  return e == ERR_OK ? session_begin(d->door, v, &user, way, out, f) : e;
}

static struct text forget(struct oidc *self, struct arena *a) {
  const struct oidc_desk *d = (const struct oidc_desk *)self;
  struct buf b;
  buf_init(&b, 256);
  cookie_write(COOKIE_OIDC, d->door->is_secure, TEXT_NONE, 0, &b);
  struct text cookie = arena_copy(a, buf_text(&b));
  buf_done(&b);
  return cookie;
}

static enum err finish(struct oidc *self, const struct signin_visit *v, struct text name,
                       const struct oidc_answer *answer, struct signin_result *out, struct text *out_return_to,
                       struct fault *f) {
  struct oidc_desk *d = (struct oidc_desk *)self;
  struct oidc_providers *s = providers_of(d);
  struct oidc_pending pending = {0};
  struct oidc_provider *p = find_provider(s, name, f);
  enum err e = p ? oidc_pending_find(d, v, name, &pending, f) : ERR_NOT_FOUND;
  if (e == ERR_OK)
    e = finish_at(d, p, v, &pending, answer, out, f);
  if (e == ERR_OK)
    *out_return_to = pending.return_to;
  providers_unref(s);
  return e;
}

/* RP-Initiated Logout 1.0 section 2. No ID token is kept, so the provider asks whoever has several sessions there which
 * one is meant; nothing is done here when the browser comes back, so there is no state. */
static enum err end_url(const struct oidc_provider *p, struct text endpoint, struct text email, struct arena *a,
                        struct text *out, struct fault *f) {
  struct buf url;
  buf_init(&url, URL_MAX);
  buf_add(&url, endpoint);
  buf_add_char(&url, text_find_char(endpoint, '?') < 0 ? '?' : '&');
  buf_add(&url, TEXT("client_id="));
  oidc_encode(&url, p->o.client_id);
  if (email.len > 0)
    add_parameter(&url, "logout_hint", email);
  if (p->o.after_logout.len > 0)
    add_parameter(&url, "post_logout_redirect_uri", p->o.after_logout);
  enum err e = buf_check(&url);
  if (e == ERR_OK)
    *out = arena_copy(a, buf_text(&url));
  else
    e = fault_set(f, ERR_LIMIT, NULL, "the address at the identity provider is too long");
  buf_done(&url);
  return e;
}

static enum err end(struct oidc *self, const struct signin_visit *v, struct text name, struct text email,
                    struct text *out_url, struct fault *f) {
  struct oidc_endpoints endpoints;
  struct oidc_providers *s = providers_of((struct oidc_desk *)self);
  struct oidc_provider *p = find_provider(s, name, f);
  enum err e = p ? oidc_find_endpoints(p, v->arena, &endpoints, f) : ERR_NOT_FOUND;
  if (e == ERR_OK && endpoints.end_session.len == 0)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "the identity provider has no place to sign out at");
  if (e == ERR_OK)
    e = end_url(p, endpoints.end_session, email, v->arena, out_url, f);
  providers_unref(s);
  return e;
}

struct oidc_desk *oidc_new(const struct oidc_options *o) {
  struct oidc_desk *d = calloc(1, sizeof(*d));
  if (!d)
    abort();
  d->port = (struct oidc){names, begin, finish, forget, end};
  d->door = o->door;
  d->fetch = o->fetch;
  d->fetch_data = o->fetch_data;
  d->pause_us = o->pause_us;
  secret_hmac(o->door->server_secret, TEXT("weir: key of pending sign-ins"), d->key);
  pthread_mutex_init(&d->lock, NULL);
  d->providers = providers_new(d, NULL, 0);
  return d;
}

void oidc_free(struct oidc_desk *d) {
  if (!d)
    return;
  providers_unref(d->providers);
  pthread_mutex_destroy(&d->lock);
  secret_wipe(d->key, sizeof(d->key));
  free(d);
}

struct oidc *oidc_port(struct oidc_desk *d) {
  return &d->port;
}
