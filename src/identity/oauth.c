/* OAuth2 for service accounts. Whoever asks is found by the hash of their secret, never by comparing secrets; who is
 * not let in learns nothing about why. Called by control/oauth_token.c and the job `keys`. */
#include "identity/oauth.h"

#include "identity/client_secret.h"
#include "ports/store_service_secrets.h"

#include <stdio.h>

static enum err refuse(struct fault *f) {
  return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the client is not known, or its secret is not good");
}

/* The account whose secret that is. */
static enum err find_account(const struct oauth_desk *d, const struct oauth_ask *ask, int64_t now_us, struct arena *a,
                             int64_t *out_id, struct fault *f) {
  struct store_service_secret secret;
  uint8_t hash[SECRET_HMAC_BYTES];
  int64_t id = 0;
  client_secret_hash(d->o.server_secret, ask->client_secret, hash);
  enum err e = d->o.store->ops->service_secrets->find(d->o.store, hash, a, &secret, f);
  if (e != ERR_OK)
    return e == ERR_NOT_FOUND ? refuse(f) : e;
  if (!client_id_read(ask->client_id, &id) || id != secret.service_id ||
      (secret.expires_us > 0 && now_us >= secret.expires_us))
    return refuse(f);
  *out_id = id;
  return ERR_OK;
}

static enum err check_scope(struct text scope, const struct caller *c, struct fault *f) {
  struct text rest = scope, word;
  while (rest.len > 0) {
    enum permission p;
    if (!text_cut(rest, ' ', &word, &rest)) {
      word = rest;
      rest = TEXT_NONE;
    }
    if (word.len > 0 && (!permission_find(word, &p) || !caller_may_somewhere(c, p)))
      return fault_set(f, ERR_FORBIDDEN, "scope", "a scope that was asked for is not this client's");
  }
  return ERR_OK;
}

static enum err sign(const struct oauth_desk *d, const struct caller *c, struct text scope, int64_t now_us,
                     struct buf *out, struct fault *f) {
  const struct mint_claims claims = {.subject = c->actor,
                                     .org_id = c->org_id,
                                     .scope = scope,
                                     .expires_us = now_us + OAUTH_TOKEN_LIFE_S * INT64_C(1000000)};
  return mint_sign(d->o.mint, &claims, now_us, out, f);
}

static enum err token(struct oauth *self, const struct oauth_ask *ask, int64_t now_us, struct buf *out,
                      int64_t *out_expires_in_s, struct fault *f) {
  const struct oauth_desk *d = (const struct oauth_desk *)self;
  struct store *s = d->o.store;
  struct caller c = {0};
  struct arena a;
  int64_t id = 0;
  arena_init(&a);
  enum err e = find_account(d, ask, now_us, &a, &id, f);
  if (!e)
    e = rights_find(d->o.rights, PEOPLE_SERVICE, id, now_us, &a, &c, f);
  e = e == ERR_UNAUTHENTICATED ? refuse(f) : e;
  if (!e)
    e = check_scope(ask->scope, &c, f);
  if (!e)
    e = sign(d, &c, ask->scope, now_us, out, f);
  if (!e) {
    enum err ignored = s->ops->people->seen(s, PEOPLE_SERVICE, id, now_us, NULL); /* for people to look at, no more */
    (void)ignored;
    *out_expires_in_s = OAUTH_TOKEN_LIFE_S;
  }
  arena_done(&a);
  return e;
}

static enum err write_jwks(struct oauth *self, int64_t now_us, struct buf *out, struct fault *f) {
  return mint_write_jwks(((struct oauth_desk *)self)->o.mint, now_us, out, f);
}

static enum err rotate(struct oauth *self, int64_t now_us, struct fault *f) {
  return mint_rotate(((struct oauth_desk *)self)->o.mint, now_us, f);
}

void oauth_desk_init(struct oauth_desk *d, const struct oauth_desk_options *o) {
  *d = (struct oauth_desk){{mint_issuer(o->mint), token, write_jwks, rotate}, *o};
}
