/* Claims of tokens: types first, then issuer, audience, time and subject. Nothing that is missing is taken as granted.
 * Called by token.c. */
#include "identity/claims.h"

#include "base/json.h"

#define DEPTH         16
#define AUDIENCES_MAX 64
#define SECOND_US     INT64_C(1000000)
/* Far enough for any token, near enough that microseconds and leeway never overflow. */
#define TIME_MAX_S INT64_C(253402300799) /* the end of the year 9999 */

static enum err refuse(struct fault *f, const char *claim, const char *why) {
  return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token's `%s` %s", claim, why);
}

bool claims_read_issuer(struct text payload, struct arena *a, struct text *out) {
  const struct json_limits limits = {.max_depth = DEPTH};
  struct json j;
  struct text issuer;
  if (json_read(payload, &limits, &j, NULL) != ERR_OK)
    return false;
  bool has = json_get_text(j.root, "iss", &issuer) && issuer.len > 0;
  if (has)
    *out = arena_copy(a, issuer);
  json_done(&j);
  return has;
}

/* A NumericDate (RFC 7519 section 2), which may have a fraction. */
static bool read_time(yyjson_val *v, int64_t *out_s) {
  if (yyjson_is_uint(v) && yyjson_get_uint(v) <= (uint64_t)TIME_MAX_S) {
    *out_s = (int64_t)yyjson_get_uint(v);
    return true;
  }
  if (!yyjson_is_real(v))
    return false;
  double s = yyjson_get_real(v);
  if (!(s >= 0 && s <= (double)TIME_MAX_S))
    return false;
  *out_s = (int64_t)s;
  return true;
}

static bool is_one_of(struct text t, const struct text *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (text_equal(t, list[i]))
      return true;
  }
  return false;
}

static enum err check_audience(yyjson_val *aud, const struct claims_rule *r, struct fault *f) {
  yyjson_val *one;
  size_t i, most;
  bool ours = yyjson_is_str(aud) && is_one_of(json_text(aud), r->audiences, r->audience_count);
  if (!yyjson_is_str(aud) && !yyjson_is_arr(aud))
    return refuse(f, "aud", aud ? "is neither a text nor a list" : "is missing");
  if (yyjson_arr_size(aud) > AUDIENCES_MAX)
    return refuse(f, "aud", "is too long a list");
  yyjson_arr_foreach (aud, i, most, one) {
    if (!yyjson_is_str(one))
      return refuse(f, "aud", "holds something that is not a text");
    ours |= is_one_of(json_text(one), r->audiences, r->audience_count);
  }
  return ours ? ERR_OK : refuse(f, "aud", "names others, not this gateway");
}

static enum err check_times(yyjson_val *root, const struct claims_rule *r, int64_t now_us, int64_t *out_expires_us,
                            struct fault *f) {
  yyjson_val *exp = json_get(root, "exp"), *nbf = json_get(root, "nbf"), *iat = json_get(root, "iat");
  int64_t now_s = now_us / SECOND_US, exp_s, nbf_s, iat_s;
  if (!exp)
    return refuse(f, "exp", "is missing");
  if (!read_time(exp, &exp_s))
    return refuse(f, "exp", "is not a time");
  if (!nbf && !r->nbf_optional)
    return refuse(f, "nbf", "is missing (`nbf_optional` of the issuer's configuration would allow that)");
  if (nbf && !read_time(nbf, &nbf_s))
    return refuse(f, "nbf", "is not a time");
  if (iat && !read_time(iat, &iat_s))
    return refuse(f, "iat", "is not a time");
  if (now_s >= exp_s + r->leeway_s)
    return refuse(f, "exp", "is over: it has expired");
  if (nbf && now_s + r->leeway_s < nbf_s)
    return refuse(f, "nbf", "lies in the future: it is not valid yet");
  if (iat && now_s + r->leeway_s < iat_s)
    return refuse(f, "iat", "lies in the future");
  *out_expires_us = (exp_s + r->leeway_s) * SECOND_US;
  return ERR_OK;
}

static bool is_name(struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    if ((unsigned char)t.at[i] < 0x20 || t.at[i] == 0x7f)
      return false;
  }
  return t.len > 0 && t.len <= CLAIMS_SUBJECT_BYTES;
}

static enum err read_names(yyjson_val *root, const struct claims_rule *r, struct arena *a, struct claims *out,
                           struct fault *f) {
  yyjson_val *sub = json_get(root, "sub");
  yyjson_val *user = r->user_claim.len > 0 ? json_get(root, arena_copy(a, r->user_claim).at) : NULL;
  if (!yyjson_is_str(sub))
    return refuse(f, "sub", sub ? "is not a text" : "is missing");
  if (!is_name(json_text(sub)))
    return refuse(f, "sub", "is empty, longer than 128 bytes or holds control characters");
  if (user && (!yyjson_is_str(user) || !is_name(json_text(user))))
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token's `%.*s`, which names the user, is not a name",
                     TEXT_ARGS(r->user_claim));
  out->subject = arena_copy(a, json_text(sub));
  out->user = user ? arena_copy(a, json_text(user)) : out->subject;
  return ERR_OK;
}

static bool has_word(struct text words, struct text word) {
  struct text one;
  while (words.len > 0) {
    if (!text_cut(words, ' ', &one, &words)) {
      one = words;
      words = TEXT_NONE;
    }
    if (text_equal(one, word))
      return true;
  }
  return false;
}

static bool has_scope(yyjson_val *root, struct text scope) {
  yyjson_val *list = json_get(root, "scp"), *one;
  size_t i, most;
  if (has_word(json_text(json_get(root, "scope")), scope) || has_word(json_text(list), scope))
    return true;
  yyjson_arr_foreach (list, i, most, one) {
    if (text_equal(json_text(one), scope))
      return true;
  }
  return false;
}

static enum err read_all(yyjson_val *root, const struct claims_rule *r, int64_t now_us, struct arena *a,
                         struct claims *out, struct fault *f) {
  struct text issuer;
  if (!json_get_text(root, "iss", &issuer))
    return refuse(f, "iss", "is missing or not a text");
  if (!text_equal(issuer, r->issuer))
    return refuse(f, "iss", "is not the issuer of the key that signed it");
  enum err e = check_audience(json_get(root, "aud"), r, f);
  if (e == ERR_OK)
    e = check_times(root, r, now_us, &out->expires_us, f);
  if (e == ERR_OK)
    e = read_names(root, r, a, out, f);
  for (size_t i = 0; i < r->scope_count && e == ERR_OK; i++) {
    if (!has_scope(root, r->scopes[i]))
      e = fault_set(f, ERR_FORBIDDEN, NULL, "the token lacks the scope \"%.*s\"", TEXT_ARGS(r->scopes[i]));
  }
  return e;
}

enum err claims_read(struct text payload, const struct claims_rule *r, int64_t now_us, struct arena *a,
                     struct claims *out, struct fault *f) {
  const struct json_limits limits = {.max_depth = DEPTH};
  struct claims c = {0};
  struct json j;
  if (json_read(payload, &limits, &j, NULL) != ERR_OK)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token's claims are not valid JSON with each name once");
  enum err e = yyjson_is_obj(j.root) ? read_all(j.root, r, now_us, a, &c, f)
                                     : fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token's claims are not an object");
  json_done(&j);
  if (e == ERR_OK)
    *out = c;
  return e;
}
