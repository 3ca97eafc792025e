/* What an ID token must say so that it is meant for this attempt of this browser (OpenID Connect Core 1.0 section
 * 3.1.3.7), and what its claims, or the provider's word beside it, say about somebody. Signature, issuer, audience and
 * times have been checked by jws.h and claims.h. Pure. Called by oidc.c. */
#include "base/json.h"
#include "identity/oidc_inner.h"

#include <sodium.h>

#define DEPTH       16
#define VALUES_MAX  1000
#define NAME_LENGTH 128

static const struct json_limits strict = {.max_depth = DEPTH};

static enum err refuse(struct fault *f, const char *claim, const char *why) {
  return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the ID token's `%s` %s", claim, why);
}

static enum err check_party(yyjson_val *root, struct text client_id, struct fault *f) {
  yyjson_val *azp = json_get(root, "azp");
  if (!azp && yyjson_arr_size(json_get(root, "aud")) > 1)
    return refuse(f, "azp", "is missing, and it is for several parties");
  if (azp && !text_equal(json_text(azp), client_id))
    return refuse(f, "azp", "names another party");
  return ERR_OK;
}

/* The left half of the access token's hash, by the hash function of the token's own algorithm: Ed25519's is SHA-512. */
static enum err check_hash(yyjson_val *root, const struct oidc_expected *x, struct fault *f) {
  yyjson_val *claim = json_get(root, "at_hash");
  unsigned char hash[crypto_hash_sha512_BYTES];
  char half[48];
  size_t n = crypto_hash_sha256_BYTES / 2;
  if (!claim)
    return ERR_OK;
  const unsigned char *token = (const unsigned char *)(x->access_token.at ? x->access_token.at : "");
  if (x->algorithm == JWS_EDDSA) {
    crypto_hash_sha512(hash, token, x->access_token.len);
    n = crypto_hash_sha512_BYTES / 2;
  } else {
    crypto_hash_sha256(hash, token, x->access_token.len);
  }
  const struct text wanted = {half, text_base64url(hash, n, half)};
  return secret_equal(json_text(claim), wanted) ? ERR_OK : refuse(f, "at_hash", "is of another access token");
}

static enum err check_all(yyjson_val *root, const struct oidc_expected *x, struct fault *f) {
  struct text nonce;
  if (!json_get_text(root, "nonce", &nonce))
    return refuse(f, "nonce", "is missing");
  if (x->nonce.len == 0 || !secret_equal(nonce, x->nonce))
    return refuse(f, "nonce", "is that of another attempt");
  if (!json_get(root, "iat"))
    return refuse(f, "iat", "is missing");
  enum err e = check_party(root, x->client_id, f);
  return e == ERR_OK ? check_hash(root, x, f) : e;
}

enum err oidc_check_token(struct text payload, const struct oidc_expected *x, struct fault *f) {
  struct json j;
  if (json_read(payload, &strict, &j, NULL) != ERR_OK)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the ID token's claims are not valid JSON with each name once");
  enum err e = check_all(j.root, x, f);
  json_done(&j);
  return e;
}

/* By its whole name, which may have dots (URLs do), else from object to object. */
static yyjson_val *find_claim(yyjson_val *at, struct text path, struct arena *a) {
  struct text step, rest = path;
  yyjson_val *whole = json_get(at, arena_copy(a, path).at);
  while (!whole && at && text_cut(rest, '.', &step, &rest))
    at = json_get(at, arena_copy(a, step).at);
  return whole || !at || rest.len == path.len ? whole : json_get(at, arena_copy(a, rest).at);
}

static void take_value(yyjson_val *value, const struct oidc_declared *o, struct oidc_person *out) {
  for (size_t i = 0; i < o->role_count; i++) {
    if (!yyjson_is_str(value) || !text_equal(json_text(value), o->roles[i].value))
      continue;
    if (!out->has_role || o->roles[i].role < out->role)
      out->role = o->roles[i].role;
    out->has_role = true;
  }
}

static void read_role(yyjson_val *root, const struct oidc_declared *o, struct arena *a, struct oidc_person *out) {
  yyjson_val *claim = o->role_claim.len > 0 ? find_claim(root, o->role_claim, a) : NULL, *one;
  size_t i, most;
  if (!claim || out->has_claim)
    return;
  out->has_claim = true;
  take_value(claim, o, out);
  yyjson_arr_foreach (claim, i, most, one) {
    if (i >= VALUES_MAX)
      break;
    take_value(one, o, out);
  }
}

/* Some providers write a truth as a text. */
static bool is_true(yyjson_val *v) { return yyjson_is_true(v) || text_equal(json_text(v), TEXT("true")); }

static void read_email(yyjson_val *root, struct arena *a, struct oidc_person *out) {
  struct text email;
  if (out->email.len > 0 || !json_get_text(root, "email", &email) || !signin_read_email(email, a, &out->email))
    return;
  out->is_verified = is_true(json_get(root, "email_verified"));
}

static void read_name(yyjson_val *root, struct arena *a, struct oidc_person *out) {
  struct text name;
  if (out->name.len > 0 || !json_get_text(root, "name", &name) || name.len > NAME_LENGTH)
    return;
  for (size_t i = 0; i < name.len; i++)
    if ((unsigned char)name.at[i] < 0x20 || name.at[i] == 0x7f)
      return;
  out->name = arena_copy(a, name);
}

enum err oidc_read_person(struct text claims, const struct oidc_declared *o, struct arena *a, struct oidc_person *out,
                          struct fault *f) {
  struct text subject = TEXT_NONE;
  struct json j;
  if (json_read(claims, &strict, &j, NULL) != ERR_OK)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL,
                     "what the identity provider says of them is not valid JSON with each name once");
  bool has = json_get_text(j.root, "sub", &subject) && subject.len > 0;
  bool is_same = has && (out->subject.len == 0 || text_equal(out->subject, subject));
  if (is_same) {
    if (out->subject.len == 0)
      out->subject = arena_copy(a, subject);
    read_email(j.root, a, out);
    read_name(j.root, a, out);
    read_role(j.root, o, a, out);
  }
  json_done(&j);
  return is_same ? ERR_OK
                 : fault_set(f, ERR_UNAUTHENTICATED, NULL,
                             "the identity provider speaks of somebody else than its ID token");
}

static bool is_domain_of(const struct oidc_declared *o, struct text email) {
  struct text local, domain;
  if (!text_cut(email, '@', &local, &domain))
    return false;
  for (size_t i = 0; i < o->domain_count; i++)
    if (text_equal_nocase(domain, o->domains[i]))
      return true;
  return o->domain_count == 0;
}

enum err oidc_check_email(const struct oidc_person *p, const struct oidc_declared *o, struct fault *f) {
  if (p->email.len == 0)
    return fault_set(f, ERR_FORBIDDEN, NULL, "the identity provider %.*s tells no email of yours", TEXT_ARGS(o->name));
  if (!p->is_verified && (o->require_verified_email || o->domain_count > 0))
    return fault_set(f, ERR_FORBIDDEN, NULL, "the identity provider %.*s has not verified your email",
                     TEXT_ARGS(o->name));
  if (!is_domain_of(o, p->email))
    return fault_set(f, ERR_FORBIDDEN, NULL, "people with an email of this domain may not sign in through %.*s",
                     TEXT_ARGS(o->name));
  return ERR_OK;
}
