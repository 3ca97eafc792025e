/* An identity provider that lives in the test, with a door to come in by: what it publishes, what it answers, what it
 * was asked; and a browser that goes there and comes back. Each part can be made wrong. */
#ifndef TESTS_UNIT_IDENTITY_OIDC_WORLD_H
#define TESTS_UNIT_IDENTITY_OIDC_WORLD_H

#include "identity/oidc.h"

#include "signin_world.h"
#include "token_forge.h"

#include <sodium.h>

#define IDP    "https://idp.example"
#define CLIENT "weir-client"

struct idp {
  struct forge forge;
  EVP_PKEY *key;
  enum jws_algorithm algorithm;
  const char *kid, *published_kid, *token_header; /* token_header NULL: made of algorithm and kid */
  const char *discovery_more, *discovery_issuer, *endpoints, *ways;
  /* What an ID token says; texts of JSON, "" to leave out. */
  const char *iss, *aud, *azp, *sub, *email, *verified, *at_hash, *more;
  int64_t exp_s, iat_s, nbf_s; /* from now; nbf 0: none */
  char nonce[64], challenge[64], state[64];
  bool no_nonce;
  /* The token endpoint. */
  int status;
  const char *body; /* NULL: tokens */
  enum err fails;   /* of the network, at the token endpoint */
  bool code_used, is_away;
  const char *userinfo; /* NULL: none */
  unsigned documents, key_sets, exchanges, userinfos;
  char form[4096], authorization[1024];
  int64_t now_us;
};

struct oidc_world {
  struct world *x;
  struct idp idp;
  struct oidc_desk *desk;
  struct oidc_declared declared;
  struct text cookie; /* "name=value", or "" */
  struct text state, iss, code;
  struct text return_to; /* where one was sent in the end */
  struct signin_result result;
};

static inline struct text idp_discovery(struct idp *i, struct arena *a) {
  return arena_format(a,
                      "{\"issuer\":\"%s\",\"authorization_endpoint\":\"%s/authorize\",\"token_endpoint\":\"%s/token\","
                      "\"jwks_uri\":\"" IDP "/keys\"%s%s%s}",
                      i->discovery_issuer, i->endpoints, i->endpoints,
                      i->userinfo ? ",\"userinfo_endpoint\":\"" IDP "/userinfo\"" : "", i->ways, i->discovery_more);
}

static inline struct text idp_keys(struct idp *i, struct arena *a) {
  struct text more = arena_format(a, ",\"kid\":\"%s\",\"use\":\"sig\"", i->published_kid);
  return arena_format(a, "{\"keys\":[%.*s]}", TEXT_ARGS(forge_jwk(a, i->key, more.at)));
}

static inline struct text member(struct arena *a, const char *name, const char *json) {
  return json[0] ? arena_format(a, ",\"%s\":%s", name, json) : TEXT("");
}

static inline struct text idp_id_token(struct idp *i, struct arena *a) {
  int64_t now_s = i->now_us / SECOND;
  struct text nonce = i->no_nonce ? TEXT("") : arena_format(a, ",\"nonce\":\"%s\"", i->nonce);
  struct text nbf = i->nbf_s ? arena_format(a, ",\"nbf\":%lld", (long long)(now_s + i->nbf_s)) : TEXT("");
  struct text payload = arena_format(
      a, "{\"iss\":\"%s\",\"exp\":%lld,\"iat\":%lld%.*s%.*s%.*s%.*s%.*s%.*s%.*s%.*s%s}", i->iss,
      (long long)(now_s + i->exp_s), (long long)(now_s + i->iat_s), TEXT_ARGS(nbf), TEXT_ARGS(nonce),
      TEXT_ARGS(member(a, "aud", i->aud)), TEXT_ARGS(member(a, "azp", i->azp)), TEXT_ARGS(member(a, "sub", i->sub)),
      TEXT_ARGS(member(a, "email", i->email)), TEXT_ARGS(member(a, "email_verified", i->verified)),
      TEXT_ARGS(member(a, "at_hash", i->at_hash)), i->more);
  struct text header = i->token_header ? text_of(i->token_header)
                                       : arena_format(a, "{\"alg\":\"%.*s\",\"kid\":\"%s\"}",
                                                      TEXT_ARGS(jws_algorithm_name(i->algorithm)), i->kid);
  return forge_token(a, i->key, i->algorithm, header, payload);
}

/* A code is good once, and only with the verifier of the challenge it was given for (RFC 7636). */
static inline bool idp_takes(struct idp *i, struct text form) {
  char challenge[48];
  unsigned char hash[crypto_hash_sha256_BYTES];
  ptrdiff_t at = text_find(form, TEXT("code_verifier="));
  struct text verifier = at < 0 ? TEXT_NONE : text_head(text_skip(form, (size_t)at + 14), 43), rest;
  (void)text_cut(verifier, '&', &verifier, &rest);
  crypto_hash_sha256(hash, (const unsigned char *)(verifier.at ? verifier.at : ""), verifier.len);
  size_t n = text_base64url(hash, sizeof(hash), challenge);
  bool takes = !i->code_used && text_equal((struct text){challenge, n}, text_of(i->challenge)) &&
               text_find(form, TEXT("code=the-code&")) >= 0 &&
               text_find(form, TEXT("redirect_uri=https%3A%2F%2Fweir.example%2Fauth%2Foidc%2Fcorp%2Fcallback")) >= 0;
  i->code_used = true;
  return takes;
}

static inline enum err idp_exchange(struct idp *i, const struct fetch_request *rq, struct arena *a,
                                    struct fetch_reply *out, struct fault *f) {
  i->exchanges++;
  snprintf(i->form, sizeof(i->form), "%.*s", TEXT_ARGS(rq->body));
  i->authorization[0] = '\0';
  for (size_t h = 0; h < rq->header_count; h++)
    if (text_equal(rq->headers[h].name, TEXT("authorization")))
      snprintf(i->authorization, sizeof(i->authorization), "%.*s", TEXT_ARGS(rq->headers[h].value));
  assert_true(text_equal(text_of(rq->method), TEXT("POST")));
  if (i->fails)
    return fault_set(f, i->fails, NULL, "the line is dead");
  out->status = i->status;
  if (i->body)
    out->body = text_of(i->body);
  else if (!idp_takes(i, rq->body))
    *out = (struct fetch_reply){400, TEXT("{\"error\":\"invalid_grant\"}")};
  else
    out->body = arena_format(a, "{\"token_type\":\"Bearer\",\"access_token\":\"at-1\",\"id_token\":\"%.*s\"}",
                             TEXT_ARGS(idp_id_token(i, a)));
  return ERR_OK;
}

static inline enum err idp_fetch(void *data, const struct fetch_request *rq, struct arena *a, struct fetch_reply *out,
                                 struct fault *f) {
  struct idp *i = data;
  *out = (struct fetch_reply){.status = 200};
  if (i->is_away)
    return fault_set(f, ERR_NETWORK, NULL, "nobody is there");
  if (text_ends(rq->url, TEXT("/token")))
    return idp_exchange(i, rq, a, out, f);
  if (text_ends(rq->url, TEXT("/.well-known/openid-configuration"))) {
    i->documents++;
    out->body = idp_discovery(i, a);
  } else if (text_ends(rq->url, TEXT("/keys"))) {
    i->key_sets++;
    out->body = idp_keys(i, a);
  } else if (text_ends(rq->url, TEXT("/userinfo"))) {
    i->userinfos++;
    assert_true(text_equal(rq->headers[0].value, TEXT("Bearer at-1")));
    out->body = text_of(i->userinfo);
  } else {
    fail_msg("nobody should ask for %.*s", TEXT_ARGS(rq->url));
  }
  return ERR_OK;
}

static inline void declare_provider(struct oidc_world *w) { oidc_declare(w->desk, &w->declared, 1); }

static inline struct oidc_world *oidc_world_new(void) {
  struct oidc_world *w = calloc(1, sizeof(*w));
  assert_non_null(w);
  w->x = world_new();
  forge_open(&w->idp.forge);
  w->idp = (struct idp){.forge = w->idp.forge,
                        .key = w->idp.forge.p256,
                        .algorithm = JWS_ES256,
                        .kid = "k1",
                        .published_kid = "k1",
                        .discovery_more = "",
                        .discovery_issuer = IDP,
                        .endpoints = IDP,
                        .ways = "",
                        .iss = IDP,
                        .aud = "\"" CLIENT "\"",
                        .azp = "",
                        .sub = "\"s-1\"",
                        .email = "\"Anna@x.org\"",
                        .verified = "true",
                        .at_hash = "",
                        .more = ",\"name\":\"Anna\"",
                        .exp_s = 300,
                        .status = 200,
                        .now_us = NOW};
  w->desk =
      oidc_new(&(struct oidc_options){.door = w->x->desk, .pause_us = 1000, .fetch = idp_fetch, .fetch_data = &w->idp});
  w->declared = (struct oidc_declared){.name = TEXT("corp"),
                                       .issuer = TEXT(IDP),
                                       .client_id = TEXT(CLIENT),
                                       .client_secret = TEXT("hush &+hush"),
                                       .default_role = TEXT("member"),
                                       .require_verified_email = true,
                                       .leeway_s = 60};
  declare_provider(w);
  return w;
}

static inline void oidc_world_free(struct oidc_world *w) {
  oidc_free(w->desk);
  forge_close(&w->idp.forge);
  world_free(w->x);
  free(w);
}

static inline struct signin_visit oidc_visit(struct oidc_world *w) {
  w->x->fault = (struct fault){0};
  w->idp.now_us = w->x->now_us;
  return (struct signin_visit){.address = TEXT("192.0.2.1"),
                               .agent = TEXT("test"),
                               .cookie = w->cookie,
                               .now_us = w->x->now_us,
                               .arena = &w->x->arena};
}

static inline struct text parameter(struct text url, const char *name) {
  char wanted[64];
  struct text value, rest;
  int n = snprintf(wanted, sizeof(wanted), "%s=", name);
  ptrdiff_t at = text_find(url, (struct text){wanted, (size_t)n});
  assert_true(at > 0 && (url.at[at - 1] == '&' || url.at[at - 1] == '?'));
  value = text_skip(url, (size_t)at + (size_t)n);
  (void)text_cut(value, '&', &value, &rest);
  return value;
}

/* The browser goes to the provider. */
static inline enum err go_for(struct oidc_world *w, const char *name, const char *return_to, struct text *out_url) {
  struct signin_visit v = oidc_visit(w);
  struct oidc *o = oidc_port(w->desk);
  struct text url, cookie, rest;
  enum err e = o->begin(o, &v, text_of(name), text_of(return_to), &url, &cookie, &w->x->fault);
  if (e != ERR_OK)
    return e;
  assert_true(text_cut(cookie, ';', &w->cookie, &rest));
  w->state = parameter(url, "state");
  w->code = TEXT("the-code");
  snprintf(w->idp.nonce, sizeof(w->idp.nonce), "%.*s", TEXT_ARGS(parameter(url, "nonce")));
  snprintf(w->idp.challenge, sizeof(w->idp.challenge), "%.*s", TEXT_ARGS(parameter(url, "code_challenge")));
  w->idp.code_used = false;
  *out_url = url;
  return ERR_OK;
}

static inline void go(struct oidc_world *w) {
  struct text url;
  expect(w->x, go_for(w, "corp", "/here?a=b", &url), ERR_OK);
}

/* And comes back. */
static inline enum err back_at(struct oidc_world *w, const char *name, const struct oidc_answer *answer) {
  struct signin_visit v = oidc_visit(w);
  struct oidc *o = oidc_port(w->desk);
  w->result = (struct signin_result){0};
  return o->finish(o, &v, text_of(name), answer, &w->result, &w->return_to, &w->x->fault);
}

static inline enum err back(struct oidc_world *w) {
  return back_at(w, "corp", &(struct oidc_answer){.code = w->code, .state = w->state, .iss = w->iss});
}

static inline enum err round_trip(struct oidc_world *w) {
  go(w);
  return back(w);
}

#endif
