/* What is asked of an identity provider: its discovery document, once in a while; tokens for a code; and the claims
 * that its tokens leave out. Every answer is bounded in size and time, no redirect is followed, and what is secret goes
 * where the issuer's own document says, over TLS where the issuer has it. Called by oidc.c. house: tested-by
 * tests/unit/identity/test_oidc.c */
#include "base/json.h"
#include "fiber/loop.h"
#include "identity/oidc_inner.h"

#include <stdlib.h>

#define DISCOVERY    "/.well-known/openid-configuration"
#define REFRESH_US   INT64_C(900000000)
#define KEEP_US      INT64_C(86400000000) /* what was found of a provider that cannot be reached */
#define CONNECT_MS   3000
#define TOTAL_MS     5000
#define DOCUMENT_MAX ((size_t)256 * 1024)
#define ANSWER_MAX   ((size_t)64 * 1024)
#define TOKEN_MAX    16384
#define URL_MAX      2048
#define FORM_MAX     16384
#define DEPTH        16

static const struct json_limits strict = {.max_depth = DEPTH};

static enum err unavailable(const struct oidc_provider *p, const char *why, struct fault *f) {
  return fault_set(f, ERR_UNAVAILABLE, NULL, "the identity provider %.*s cannot be asked now: %s", TEXT_ARGS(p->o.name),
                   why);
}

static enum err ask(const struct oidc_provider *p, struct fetch_request *rq, struct arena *a, struct fetch_reply *out,
                    struct fault *f) {
  struct fault why = {0};
  rq->ca_file = p->o.ca_file;
  rq->connect_ms = CONNECT_MS;
  rq->total_ms = TOTAL_MS;
  enum err e = p->fetch ? p->fetch(p->fetch_data, rq, a, out, &why) : fetch_run(rq, a, out, &why);
  return e == ERR_OK ? e : unavailable(p, fault_text(&why), f);
}

/* A query is allowed, which some providers have in theirs; leaving TLS is not. */
static bool is_safe(const struct oidc_provider *p, struct text url) {
  struct text base = url, query;
  (void)text_cut(url, '?', &base, &query);
  return url.len <= URL_MAX && text_is_visible_ascii(url) && text_find_char(url, '#') < 0 && issuer_is_safe_url(base) &&
         (text_starts(url, TEXT("https://")) || !text_starts(p->o.issuer, TEXT("https://")));
}

static bool lists(yyjson_val *list, const char *word) {
  yyjson_val *one;
  size_t i, most;
  yyjson_arr_foreach (list, i, most, one) {
    if (text_equal(json_text(one), text_of(word)))
      return true;
  }
  return false;
}

static bool read_url(const struct oidc_provider *p, yyjson_val *root, const char *name, struct arena *a,
                     struct text *out) {
  struct text url;
  if (!json_get_text(root, name, &url) || !is_safe(p, url))
    return false;
  *out = arena_copy(a, url);
  return true;
}

/* OpenID Connect Discovery 1.0 section 3; where it says nothing of how clients prove themselves, Basic is meant. */
static enum err read_document(const struct oidc_provider *p, struct text document, struct arena *a,
                              struct oidc_endpoints *out, struct fault *f) {
  const struct json_limits lenient = {.lenient = true, .max_depth = DEPTH};
  struct oidc_endpoints e = {.userinfo = TEXT_NONE};
  struct text issuer;
  struct json j;
  if (json_read(document, &lenient, &j, NULL) != ERR_OK)
    return unavailable(p, "its discovery document is not valid JSON", f);
  yyjson_val *ways = json_get(j.root, "token_endpoint_auth_methods_supported");
  bool ours = json_get_text(j.root, "issuer", &issuer) && text_equal(issuer, p->o.issuer);
  bool whole = read_url(p, j.root, "authorization_endpoint", a, &e.authorization) &&
               read_url(p, j.root, "token_endpoint", a, &e.token);
  if (!read_url(p, j.root, "userinfo_endpoint", a, &e.userinfo))
    e.userinfo = TEXT_NONE;
  if (!read_url(p, j.root, "end_session_endpoint", a, &e.end_session))
    e.end_session = TEXT_NONE;
  e.takes_basic = !yyjson_is_arr(ways) || lists(ways, "client_secret_basic");
  e.takes_post = lists(ways, "client_secret_post");
  if (!json_get_bool(j.root, "authorization_response_iss_parameter_supported", &e.names_itself))
    e.names_itself = false;
  json_done(&j);
  if (!ours)
    return unavailable(p, "its discovery document is another issuer's", f);
  if (!whole)
    return unavailable(p, "its discovery document names no endpoints that are https", f);
  *out = e;
  return ERR_OK;
}

static enum err fetch_document(const struct oidc_provider *p, struct arena *a, struct oidc_endpoints *out,
                               struct fault *f) {
  struct text base = p->o.issuer;
  struct fetch_reply reply;
  while (text_ends(base, TEXT("/")))
    base.len--;
  const struct text parts[] = {base, TEXT(DISCOVERY)};
  struct fetch_request rq = {.method = "GET",
                             .url = arena_join(a, parts, 2),
                             .headers = {{TEXT("accept"), TEXT("application/json")}},
                             .header_count = 1,
                             .max_bytes = DOCUMENT_MAX};
  enum err e = ask(p, &rq, a, &reply, f);
  if (e == ERR_OK && reply.status != 200)
    e = unavailable(p, "its discovery document is not to be had", f);
  return e == ERR_OK ? read_document(p, reply.body, a, out, f) : e;
}

/* Under the lock. */
static void look_again(struct oidc_provider *p, int64_t now_us) {
  struct arena *fresh = calloc(1, sizeof(*fresh)), *old = p->arena;
  struct oidc_endpoints found;
  if (!fresh)
    abort();
  arena_init(fresh);
  p->failure = (struct fault){0};
  if (fetch_document(p, fresh, &found, &p->failure) == ERR_OK) {
    p->arena = fresh;
    p->known = found;
    p->fetched_us = now_us;
  } else {
    p->not_before_us = now_us + p->pause_us;
    p->arena = old && now_us - p->fetched_us <= KEEP_US ? old : NULL;
    arena_done(fresh);
    free(fresh);
  }
  if (old && p->arena != old) {
    arena_done(old);
    free(old);
  }
}

enum err oidc_find_endpoints(struct oidc_provider *p, struct arena *a, struct oidc_endpoints *out, struct fault *f) {
  pthread_mutex_lock(&p->lock);
  int64_t now_us = loop_clock_us();
  if ((!p->arena || now_us - p->fetched_us >= REFRESH_US) && now_us >= p->not_before_us)
    look_again(p, now_us);
  bool is_known = p->arena != NULL;
  if (is_known) {
    *out = p->known;
    out->authorization = arena_copy(a, p->known.authorization);
    out->token = arena_copy(a, p->known.token);
    out->userinfo = arena_copy(a, p->known.userinfo);
    out->end_session = arena_copy(a, p->known.end_session);
  } else if (f) {
    *f = p->failure;
  }
  pthread_mutex_unlock(&p->lock);
  return is_known ? ERR_OK : ERR_UNAVAILABLE;
}

void oidc_encode(struct buf *out, struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                 c == '_' || c == '~';
    if (plain)
      buf_add_char(out, c);
    else
      buf_add_format(out, "%%%02X", (unsigned)(unsigned char)c);
  }
}

static void add_field(struct buf *out, const char *name, struct text value) {
  if (out->len > 0)
    buf_add_char(out, '&');
  buf_add_format(out, "%s=", name);
  oidc_encode(out, value);
}

/* RFC 6749 section 2.3.1: both halves are encoded as in a form before they are joined. */
static struct text basic_of(const struct oidc_provider *p, struct arena *a) {
  struct buf plain;
  buf_init(&plain, FORM_MAX);
  oidc_encode(&plain, p->o.client_id);
  buf_add_char(&plain, ':');
  oidc_encode(&plain, secret_reveal(p->client_secret));
  char *out = arena_alloc(a, plain.len * 2 + 16);
  memcpy(out, "Basic ", 6);
  size_t n = 6 + text_base64(plain.at, plain.len, out + 6);
  secret_wipe(plain.at, plain.len);
  buf_done(&plain);
  return (struct text){out, n};
}

/* Of what went wrong only the code of the standard is told, and only where it is one. */
static enum err read_refusal(const struct oidc_provider *p, const struct fetch_reply *reply, struct fault *f) {
  char why[96];
  struct text code = TEXT_NONE;
  struct json j;
  bool is_json = json_read(reply->body, &strict, &j, NULL) == ERR_OK;
  if (is_json)
    (void)json_get_text(j.root, "error", &code);
  bool is_grant = reply->status < 500 && text_equal(code, TEXT("invalid_grant"));
  bool is_word = code.len > 0 && code.len <= 40 && text_is_visible_ascii(code);
  snprintf(why, sizeof(why), "it answered with status %d%s%.*s", reply->status, is_word ? ", " : "",
           TEXT_ARGS(is_word ? code : TEXT("")));
  if (is_json)
    json_done(&j);
  if (is_grant)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the identity provider does not take its code again: begin again");
  return unavailable(p, why, f);
}

static enum err read_tokens(const struct oidc_provider *p, struct text body, struct arena *a, struct oidc_tokens *out,
                            struct fault *f) {
  struct text id = TEXT_NONE, access = TEXT_NONE;
  struct json j;
  if (json_read(body, &strict, &j, NULL) != ERR_OK)
    return unavailable(p, "its tokens are not valid JSON with each name once", f);
  bool has = json_get_text(j.root, "id_token", &id) && id.len > 0 && id.len <= TOKEN_MAX;
  if (!json_get_text(j.root, "access_token", &access) || access.len > TOKEN_MAX || !text_is_visible_ascii(access))
    access = TEXT_NONE;
  if (has)
    *out = (struct oidc_tokens){arena_copy(a, id), arena_copy(a, access)};
  json_done(&j);
  return has ? ERR_OK : unavailable(p, "it gave no ID token", f);
}

static void fill_form(const struct oidc_provider *p, const struct oidc_exchange *x, bool with_secret, bool with_id,
                      struct buf *form) {
  add_field(form, "grant_type", TEXT("authorization_code"));
  add_field(form, "code", x->code);
  add_field(form, "redirect_uri", x->redirect_uri);
  add_field(form, "code_verifier", x->verifier);
  if (with_id)
    add_field(form, "client_id", p->o.client_id);
  if (with_secret)
    add_field(form, "client_secret", secret_reveal(p->client_secret));
}

enum err oidc_exchange_code(struct oidc_provider *p, const struct oidc_endpoints *e, const struct oidc_exchange *x,
                            struct arena *a, struct oidc_tokens *out, struct fault *f) {
  bool is_public = secret_is_empty(p->client_secret), is_basic = !is_public && e->takes_basic;
  struct fetch_request rq = {.method = "POST",
                             .url = e->token,
                             .headers = {{TEXT("content-type"), TEXT("application/x-www-form-urlencoded")},
                                         {TEXT("accept"), TEXT("application/json")}},
                             .header_count = 2,
                             .max_bytes = ANSWER_MAX};
  struct fetch_reply reply = {0};
  struct buf form;
  if (!is_public && !e->takes_basic && !e->takes_post)
    return unavailable(p, "it takes a client's secret neither by client_secret_basic nor by client_secret_post", f);
  buf_init(&form, FORM_MAX);
  fill_form(p, x, !is_public && !is_basic, !is_basic, &form);
  if (is_basic)
    rq.headers[rq.header_count++] = (struct fetch_header){TEXT("authorization"), basic_of(p, a)};
  rq.body = buf_text(&form);
  enum err err = buf_check(&form) == ERR_OK ? ask(p, &rq, a, &reply, f)
                                            : fault_set(f, ERR_BAD_REQUEST, "code", "the code is too long");
  secret_wipe(form.at, form.len);
  buf_done(&form);
  if (err == ERR_OK)
    err = reply.status == 200 ? read_tokens(p, reply.body, a, out, f) : read_refusal(p, &reply, f);
  return err;
}

enum err oidc_fetch_userinfo(struct oidc_provider *p, const struct oidc_endpoints *e, struct text access_token,
                             struct arena *a, struct text *out, struct fault *f) {
  const struct text bearer[] = {TEXT("Bearer "), access_token};
  struct fetch_request rq = {
      .method = "GET",
      .url = e->userinfo,
      .headers = {{TEXT("authorization"), arena_join(a, bearer, 2)}, {TEXT("accept"), TEXT("application/json")}},
      .header_count = 2,
      .max_bytes = ANSWER_MAX};
  struct fetch_reply reply;
  enum err err = ask(p, &rq, a, &reply, f);
  if (err == ERR_OK && reply.status != 200)
    err = unavailable(p, "it does not tell who this is", f);
  if (err == ERR_OK)
    *out = reply.body;
  return err;
}
