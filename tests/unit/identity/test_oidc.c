/* People come in through an identity provider, and nobody else does: every step of the way back broken in its own way;
 * and who somebody is here, who was there before, and may do what the provider says. */
#include "fiber/loop.h"
#include "oidc_world.h"

#define EXPECT(w, got, wanted, part) forge_expect(got, wanted, &(w)->x->fault, part)

static struct people_row user_of(struct oidc_world *w, const char *email) {
  struct people_row row = {0};
  struct store *s = w->x->store;
  expect(w->x, s->ops->people->find_user(s, text_of(email), &w->x->arena, &row, &w->x->fault), ERR_OK);
  return row;
}

/* Their roles in the whole organisation, in the order they were given: "member admin". */
static const char *roles_of(struct oidc_world *w, int64_t user_id) {
  static char all[128];
  struct people_grant *rows;
  struct store *s = w->x->store;
  size_t count = 0, n = 0;
  const struct grant_filter filter = {.max = 50, .to = GRANT_TO_USER, .to_id = user_id};
  expect(w->x, s->ops->people->grants(s, &filter, &w->x->arena, &rows, &count, &w->x->fault), ERR_OK);
  all[0] = '\0';
  for (size_t i = 0; i < count; i++)
    n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%.*s", n ? " " : "", TEXT_ARGS(rows[i].role));
  return all;
}

static void somebody_new_comes_in_with_the_role_that_all_have(void **state) {
  struct oidc_world *w = oidc_world_new();
  struct caller c;
  struct browser b = {0};
  struct text url;
  (void)owner(w->x);
  expect(w->x, go_for(w, "corp", "/here?a=b", &url), ERR_OK);
  assert_true(text_starts(url, TEXT(IDP "/authorize?response_type=code&client_id=" CLIENT)));
  assert_true(text_equal(parameter(url, "scope"), TEXT("openid%20email%20profile")));
  assert_true(text_equal(parameter(url, "code_challenge_method"), TEXT("S256")));
  assert_true(
      text_equal(parameter(url, "redirect_uri"), TEXT("https%3A%2F%2Fweir.example%2Fauth%2Foidc%2Fcorp%2Fcallback")));
  expect(w->x, back(w), ERR_OK);
  assert_true(text_equal(w->return_to, TEXT("/here?a=b")));
  assert_true(text_equal(w->result.email, TEXT("anna@x.org")));
  assert_true(text_equal(w->result.name, TEXT("Anna")));
  assert_int_equal(w->result.cookie_count, 4);
  keep(w->x, &b, &w->result);
  expect(w->x, ask(w->x, &b, "GET", &c), ERR_OK);
  assert_true(text_equal(c.email, TEXT("anna@x.org")));
  assert_string_equal(roles_of(w, w->result.user_id), "member");
  /* client_secret_basic, where the provider says nothing else: both halves encoded */
  assert_string_equal(w->idp.authorization, "Basic d2Vpci1jbGllbnQ6aHVzaCUyMCUyNiUyQmh1c2g=");
  assert_null(strstr(w->idp.form, "client_secret"));
  struct signin_session session;
  struct store *s = w->x->store;
  expect(w->x, s->ops->signin->session_get(s, w->result.session_id, &w->x->arena, &session, &w->x->fault), ERR_OK);
  assert_true(text_equal(session.way, TEXT("oidc:corp")));
  oidc_world_free(w);
}

static void the_second_time_it_is_the_same_user(void **state) {
  struct oidc_world *w = oidc_world_new();
  (void)owner(w->x);
  expect(w->x, round_trip(w), ERR_OK);
  int64_t first = w->result.user_id;
  w->idp.email = "\"anna.new@x.org\""; /* it is the number that counts */
  expect(w->x, round_trip(w), ERR_OK);
  assert_int_equal(w->result.user_id, first);
  w->idp.sub = "\"s-2\"";
  expect(w->x, round_trip(w), ERR_OK);
  assert_int_not_equal(w->result.user_id, first);
  assert_int_equal(w->idp.documents, 2); /* one for the addresses, one for the keys */
  assert_int_equal(w->idp.key_sets, 1);
  oidc_world_free(w);
}

static void wrong_state(struct oidc_world *w) { w->state = TEXT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"); }
static void no_state(struct oidc_world *w) { w->state = TEXT(""); }
static void no_cookie(struct oidc_world *w) { w->cookie = TEXT(""); }
static void two_cookies(struct oidc_world *w) {
  w->cookie = arena_format(&w->x->arena, "%.*s; %.*s", TEXT_ARGS(w->cookie), TEXT_ARGS(w->cookie));
}
static void spoilt_cookie(struct oidc_world *w) {
  char *at = (char *)(uintptr_t)w->cookie.at + w->cookie.len - 3;
  *at = *at == 'A' ? 'B' : 'A';
}
static void short_cookie(struct oidc_world *w) { w->cookie = TEXT("__Host-weir_oidc=AAAA"); }
/* Another browser's attempt, such as one that an attacker began and hands over. */
static void foreign_cookie(struct oidc_world *w) {
  struct text url, state = w->state;
  char nonce[64];
  snprintf(nonce, sizeof(nonce), "%s", w->idp.nonce);
  expect(w->x, go_for(w, "corp", "", &url), ERR_OK);
  w->state = state;
  snprintf(w->idp.nonce, sizeof(w->idp.nonce), "%s", nonce);
}
/* Of an installation with another secret. */
static void other_key(struct oidc_world *w) {
  struct secret *other = secret_new(TEXT("thirty-two other bytes of one..."));
  struct signin_options o = options_of(w->x, URL);
  o.server_secret = other;
  struct signin_desk *door = signin_new(&o);
  struct oidc_desk *desk = oidc_new(&(struct oidc_options){.door = door, .fetch = idp_fetch, .fetch_data = &w->idp}),
                   *mine = w->desk;
  oidc_declare(desk, &w->declared, 1);
  w->desk = desk;
  go(w);
  w->desk = mine;
  oidc_free(desk);
  signin_free(door);
  secret_free(other);
}
static void too_late(struct oidc_world *w) { w->x->now_us += OIDC_PENDING_US + SECOND; }
static void other_issuer_answers(struct oidc_world *w) { w->iss = TEXT("https://evil.example"); }
static void no_code(struct oidc_world *w) { w->code = TEXT(""); }
static void other_nonce(struct oidc_world *w) { w->idp.nonce[3] = w->idp.nonce[3] == 'x' ? 'y' : 'x'; }
static void no_nonce(struct oidc_world *w) { w->idp.no_nonce = true; }
static void other_audience(struct oidc_world *w) { w->idp.aud = "\"somebody-else\""; }
static void two_audiences(struct oidc_world *w) { w->idp.aud = "[\"" CLIENT "\",\"somebody-else\"]"; }
static void other_party(struct oidc_world *w) { w->idp.azp = "\"somebody-else\""; }
static void party_of_no_kind(struct oidc_world *w) { w->idp.azp = "7"; }
static void no_audience(struct oidc_world *w) { w->idp.aud = ""; }
static void expired(struct oidc_world *w) { w->idp.exp_s = -61; }
static void not_yet(struct oidc_world *w) { w->idp.nbf_s = 120; }
static void from_the_future(struct oidc_world *w) { w->idp.iat_s = 120; }
static void other_issuer(struct oidc_world *w) { w->idp.iss = "https://evil.example"; }
static void no_subject(struct oidc_world *w) { w->idp.sub = ""; }
static void unsigned_token(struct oidc_world *w) { w->idp.token_header = "{\"alg\":\"none\"}"; }
static void symmetric(struct oidc_world *w) { w->idp.token_header = "{\"alg\":\"HS256\",\"kid\":\"k1\"}"; }
static void other_algorithm(struct oidc_world *w) { w->idp.token_header = "{\"alg\":\"RS256\",\"kid\":\"k1\"}"; }
static void unknown_key(struct oidc_world *w) { w->idp.kid = "k2"; }
/* A key of somebody else under the name of the provider's. */
static void other_signer(struct oidc_world *w) {
  static char header[256];
  struct text jwk = forge_jwk(&w->x->arena, w->idp.key, "");
  (void)idp_keys(&w->idp, &w->x->arena);
  snprintf(header, sizeof(header), "{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"jwk\":%.*s}", TEXT_ARGS(jwk));
  w->idp.token_header = header;
}
static void other_access_token(struct oidc_world *w) { w->idp.at_hash = "\"AAAAAAAAAAAAAAAAAAAAAA\""; }
static void claim_twice(struct oidc_world *w) { w->idp.more = ",\"aud\":\"" CLIENT "\""; }
static void not_verified(struct oidc_world *w) { w->idp.verified = "false"; }
static void not_said(struct oidc_world *w) { w->idp.verified = ""; }
static void verified_by_a_number(struct oidc_world *w) { w->idp.verified = "1"; }
static void no_email(struct oidc_world *w) { w->idp.email = ""; }
static void no_address(struct oidc_world *w) { w->idp.email = "\"anna@x.org,evil@y.org\""; }
static void used_code(struct oidc_world *w) { w->idp.code_used = true; }
static void no_challenge(struct oidc_world *w) { w->idp.challenge[0] = '\0'; }
static void refuses_client(struct oidc_world *w) {
  w->idp.status = 401;
  w->idp.body = "{\"error\":\"invalid_client\"}";
}
static void fails(struct oidc_world *w) {
  w->idp.status = 500;
  w->idp.body = "<html>";
}
static void redirects(struct oidc_world *w) {
  w->idp.status = 302;
  w->idp.body = "";
}
static void not_json(struct oidc_world *w) { w->idp.body = "<html>"; }
static void no_id_token(struct oidc_world *w) { w->idp.body = "{\"access_token\":\"a\"}"; }
static void tokens_twice(struct oidc_world *w) { w->idp.body = "{\"id_token\":\"a.b.c\",\"id_token\":\"a.b.c\"}"; }
static void no_token_at_all(struct oidc_world *w) { w->idp.body = "{\"id_token\":\"hello\"}"; }
static void too_slow(struct oidc_world *w) { w->idp.fails = ERR_TIMEOUT; }
static void too_long(struct oidc_world *w) { w->idp.fails = ERR_LIMIT; }

static void each_way_of_coming_back_wrong_is_refused(void **state) {
  static const struct {
    const char *name;
    void (*spoil)(struct oidc_world *w);
    enum err err;
    const char *part;
  } ways[] = {
      {"another state", wrong_state, ERR_UNAUTHENTICATED, "another attempt"},
      {"no state", no_state, ERR_UNAUTHENTICATED, "another attempt"},
      {"no cookie", no_cookie, ERR_UNAUTHENTICATED, "not begun in this browser"},
      {"two cookies", two_cookies, ERR_UNAUTHENTICATED, "not begun in this browser"},
      {"a cookie that was changed", spoilt_cookie, ERR_UNAUTHENTICATED, "not begun in this browser"},
      {"a cookie that is too short", short_cookie, ERR_UNAUTHENTICATED, "not begun in this browser"},
      {"another browser's cookie", foreign_cookie, ERR_UNAUTHENTICATED, "another attempt"},
      {"a cookie under another secret", other_key, ERR_UNAUTHENTICATED, "not begun in this browser"},
      {"after its time", too_late, ERR_UNAUTHENTICATED, "too long ago"},
      {"another issuer's answer", other_issuer_answers, ERR_UNAUTHENTICATED, "not the answer"},
      {"no code", no_code, ERR_UNAUTHENTICATED, "no code"},
      {"another nonce", other_nonce, ERR_UNAUTHENTICATED, "nonce"},
      {"no nonce", no_nonce, ERR_UNAUTHENTICATED, "nonce"},
      {"another audience", other_audience, ERR_UNAUTHENTICATED, "aud"},
      {"two audiences and no party", two_audiences, ERR_UNAUTHENTICATED, "azp"},
      {"another party", other_party, ERR_UNAUTHENTICATED, "azp"},
      {"a party that is no text", party_of_no_kind, ERR_UNAUTHENTICATED, "azp"},
      {"no audience", no_audience, ERR_UNAUTHENTICATED, "aud"},
      {"expired", expired, ERR_UNAUTHENTICATED, "exp"},
      {"not valid yet", not_yet, ERR_UNAUTHENTICATED, "nbf"},
      {"made in the future", from_the_future, ERR_UNAUTHENTICATED, "iat"},
      {"another issuer's token", other_issuer, ERR_UNAUTHENTICATED, "iss"},
      {"no subject", no_subject, ERR_UNAUTHENTICATED, "sub"},
      {"alg none", unsigned_token, ERR_UNAUTHENTICATED, NULL},
      {"alg HS256", symmetric, ERR_UNAUTHENTICATED, NULL},
      {"an algorithm that is not the key's", other_algorithm, ERR_UNAUTHENTICATED, NULL},
      {"an unknown key", unknown_key, ERR_UNAUTHENTICATED, "does not publish"},
      {"a key that the token brings", other_signer, ERR_UNAUTHENTICATED, NULL},
      {"another access token's hash", other_access_token, ERR_UNAUTHENTICATED, "at_hash"},
      {"a claim twice", claim_twice, ERR_UNAUTHENTICATED, NULL},
      {"an email that is not verified", not_verified, ERR_FORBIDDEN, "not verified"},
      {"an email of which nothing is said", not_said, ERR_FORBIDDEN, "not verified"},
      {"an email that is 1", verified_by_a_number, ERR_FORBIDDEN, "not verified"},
      {"no email", no_email, ERR_FORBIDDEN, "no email"},
      {"two emails in one", no_address, ERR_FORBIDDEN, "no email"},
      {"a code that was used", used_code, ERR_UNAUTHENTICATED, "does not take its code"},
      {"a code without its challenge", no_challenge, ERR_UNAUTHENTICATED, "does not take its code"},
      {"a token endpoint that knows no such client", refuses_client, ERR_UNAVAILABLE, "401, invalid_client"},
      {"a token endpoint that fails", fails, ERR_UNAVAILABLE, "500"},
      {"a token endpoint that redirects", redirects, ERR_UNAVAILABLE, "302"},
      {"a token endpoint that speaks something else", not_json, ERR_UNAVAILABLE, "JSON"},
      {"no ID token", no_id_token, ERR_UNAVAILABLE, "no ID token"},
      {"two ID tokens", tokens_twice, ERR_UNAVAILABLE, "JSON"},
      {"an ID token that is none", no_token_at_all, ERR_UNAUTHENTICATED, NULL},
      {"a token endpoint that is too slow", too_slow, ERR_UNAVAILABLE, "the line is dead"},
      {"an answer that is too long", too_long, ERR_UNAVAILABLE, "the line is dead"},
  };
  struct oidc_world *w = oidc_world_new();
  (void)owner(w->x);
  static struct idp good;
  good = w->idp;
  for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
    w->idp = good;
    w->iss = TEXT("");
    w->x->now_us = NOW;
    go(w);
    ways[i].spoil(w);
    enum err e = back(w);
    if (e != ways[i].err || (ways[i].part && !strstr(w->x->fault.text, ways[i].part)))
      fail_msg("%s: %s \"%s\"", ways[i].name, err_name(e), w->x->fault.text);
    assert_int_equal(w->result.cookie_count, 0);
  }
  w->idp = good;
  w->x->now_us = NOW;
  expect(w->x, round_trip(w), ERR_OK);
  oidc_world_free(w);
}

static void nobody_is_taken_for_the_provider_that_was_not_asked(void **state) {
  struct oidc_world *w = oidc_world_new();
  struct oidc_declared two[] = {w->declared, w->declared};
  (void)owner(w->x);
  two[1].name = TEXT("other");
  oidc_declare(w->desk, two, 2);
  go(w); /* to corp, and back at the other's door */
  EXPECT(w, back_at(w, "other", &(struct oidc_answer){.code = w->code, .state = w->state}), ERR_UNAUTHENTICATED,
         "not begun");
  EXPECT(w, back_at(w, "nobody", &(struct oidc_answer){.code = w->code, .state = w->state}), ERR_NOT_FOUND, NULL);
  /* A provider that always says who it is, and does not (RFC 9207). */
  w->idp.discovery_more = ",\"authorization_response_iss_parameter_supported\":true";
  declare_provider(w);
  EXPECT(w, round_trip(w), ERR_UNAUTHENTICATED, "not the answer");
  assert_int_equal(w->idp.exchanges, 0); /* no code was shown to anybody */
  w->iss = TEXT(IDP);
  expect(w->x, round_trip(w), ERR_OK);
  oidc_world_free(w);
}

static void what_the_provider_says_instead_is_shown_in_its_words(void **state) {
  struct oidc_world *w = oidc_world_new();
  struct oidc_answer answer = {.error = TEXT("access_denied"), .error_description = TEXT("Ask your admin")};
  go(w);
  EXPECT(w, back_at(w, "corp", &answer), ERR_UNAUTHENTICATED, "another attempt"); /* only to who asked */
  answer.state = w->state;
  EXPECT(w, back_at(w, "corp", &answer), ERR_FORBIDDEN, "corp did not sign you in: Ask your admin");
  answer.error_description = TEXT("a\nb");
  EXPECT(w, back_at(w, "corp", &answer), ERR_FORBIDDEN, "corp did not sign you in");
  answer.error_description = TEXT("");
  EXPECT(w, back_at(w, "corp", &answer), ERR_FORBIDDEN, "access_denied");
  assert_int_equal(w->idp.exchanges, 0);
  oidc_world_free(w);
}

static void a_browser_is_sent_to_paths_of_this_site_alone(void **state) {
  static const char *const bad[] = {
      "https://evil.example/", "//evil.example", "/\\evil.example", "evil", "/a\\b", "/a b", "/a\nb", "\\\\evil",
      "javascript:x"};
  struct oidc_world *w = oidc_world_new();
  struct text url;
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    EXPECT(w, go_for(w, "corp", bad[i], &url), ERR_BAD_REQUEST, "path of this site");
  EXPECT(w, go_for(w, "nobody", "/", &url), ERR_NOT_FOUND, NULL);
  (void)owner(w->x);
  expect(w->x, go_for(w, "corp", "", &url), ERR_OK);
  expect(w->x, back(w), ERR_OK);
  assert_true(text_equal(w->return_to, TEXT("/api/docs")));
  oidc_world_free(w);
}

/* Keys are not fetched again before the pause is over. */
static enum err round_trip_soon(struct oidc_world *w) {
  int64_t until_us = loop_clock_us() + 10 * SECOND;
  enum err e;
  do
    e = round_trip(w);
  while (e != ERR_OK && strstr(w->x->fault.text, "does not publish") && loop_clock_us() < until_us);
  return e;
}

static void a_new_key_of_the_provider_is_found(void **state) {
  struct oidc_world *w = oidc_world_new();
  (void)owner(w->x);
  expect(w->x, round_trip(w), ERR_OK);
  w->idp.key = w->idp.forge.ed25519;
  w->idp.algorithm = JWS_EDDSA;
  w->idp.kid = w->idp.published_kid = "k2";
  expect(w->x, round_trip_soon(w), ERR_OK);
  assert_true(w->idp.key_sets >= 2);
  oidc_world_free(w);
}

static void the_access_token_is_the_one_that_was_meant(void **state) {
  struct oidc_world *w = oidc_world_new();
  char half[64], claim[72];
  unsigned char hash[crypto_hash_sha512_BYTES];
  (void)owner(w->x);
  crypto_hash_sha256(hash, (const unsigned char *)"at-1", 4);
  snprintf(claim, sizeof(claim), "\"%.*s\"", (int)text_base64url(hash, 16, half), half);
  w->idp.at_hash = claim;
  expect(w->x, round_trip(w), ERR_OK);
  w->idp.key = w->idp.forge.ed25519;
  w->idp.algorithm = JWS_EDDSA;
  w->idp.kid = w->idp.published_kid = "k2";
  (void)round_trip_soon(w);
  EXPECT(w, round_trip(w), ERR_UNAUTHENTICATED, "at_hash");
  crypto_hash_sha512(hash, (const unsigned char *)"at-1", 4);
  snprintf(claim, sizeof(claim), "\"%.*s\"", (int)text_base64url(hash, 32, half), half);
  expect(w->x, round_trip(w), ERR_OK);
  oidc_world_free(w);
}

static void clients_prove_themselves_as_the_provider_wants(void **state) {
  struct oidc_world *w = oidc_world_new();
  (void)owner(w->x);
  w->idp.ways = ",\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"]";
  expect(w->x, round_trip(w), ERR_OK);
  assert_string_equal(w->idp.authorization, "");
  assert_non_null(strstr(w->idp.form, "&client_id=" CLIENT "&client_secret=hush%20%26%2Bhush"));
  w->idp.ways = ",\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\"]";
  declare_provider(w);
  EXPECT(w, round_trip(w), ERR_UNAVAILABLE, "client_secret_basic");
  w->declared.client_secret = TEXT("");
  declare_provider(w);
  expect(w->x, round_trip(w), ERR_OK);
  assert_string_equal(w->idp.authorization, "");
  assert_null(strstr(w->idp.form, "client_secret"));
  assert_non_null(strstr(w->idp.form, "&client_id=" CLIENT));
  oidc_world_free(w);
}

static void what_the_token_leaves_out_is_asked_for(void **state) {
  struct oidc_world *w = oidc_world_new();
  (void)owner(w->x);
  w->idp.email = w->idp.verified = "";
  w->idp.userinfo = "{\"sub\":\"s-1\",\"email\":\"anna@x.org\",\"email_verified\":\"true\"}";
  expect(w->x, round_trip(w), ERR_OK);
  assert_int_equal(w->idp.userinfos, 1);
  w->idp.userinfo = "{\"sub\":\"s-2\",\"email\":\"eve@x.org\",\"email_verified\":true}";
  EXPECT(w, round_trip(w), ERR_UNAUTHENTICATED, "somebody else");
  w->idp.userinfo = "not JSON";
  EXPECT(w, round_trip(w), ERR_UNAUTHENTICATED, "JSON");
  w->idp.email = "\"anna@x.org\"";
  w->idp.verified = "true";
  expect(w->x, round_trip(w), ERR_OK);
  assert_int_equal(w->idp.userinfos, 3); /* nothing was missing */
  oidc_world_free(w);
}

static void a_provider_that_cannot_be_asked_is_said_so(void **state) {
  struct oidc_world *w = oidc_world_new();
  struct text url;
  w->idp.is_away = true;
  EXPECT(w, go_for(w, "corp", "/", &url), ERR_UNAVAILABLE, "corp cannot be asked now: nobody is there");
  w->idp.is_away = false;
  w->idp.discovery_issuer = "https://idp.example/";
  declare_provider(w); /* which forgets that it failed */
  EXPECT(w, go_for(w, "corp", "/", &url), ERR_UNAVAILABLE, "another issuer's");
  w->idp.discovery_issuer = IDP;
  w->idp.endpoints = "http://idp.example";
  declare_provider(w);
  EXPECT(w, go_for(w, "corp", "/", &url), ERR_UNAVAILABLE, "no endpoints that are https");
  w->idp.endpoints = "http://127.0.0.1"; /* of a provider elsewhere, nor is this machine */
  declare_provider(w);
  EXPECT(w, go_for(w, "corp", "/", &url), ERR_UNAVAILABLE, "no endpoints that are https");
  w->idp.endpoints = IDP;
  declare_provider(w);
  expect(w->x, go_for(w, "corp", "/", &url), ERR_OK);
  w->declared.issuer = TEXT("https://other.example");
  declare_provider(w);
  EXPECT(w, go_for(w, "corp", "/", &url), ERR_UNAVAILABLE, "another issuer's");
  oidc_world_free(w);
}

static void expect_end(struct oidc_world *w, const char *name, const char *email, enum err want, const char *url) {
  struct text got = TEXT_NONE;
  struct signin_visit v = oidc_visit(w);
  expect(w->x, oidc_port(w->desk)->end(oidc_port(w->desk), &v, text_of(name), text_of(email), &got, &w->x->fault),
         want);
  if (!text_equal(got, text_of(url)))
    fail_msg("%.*s instead of %s", TEXT_ARGS(got), url);
}

static void one_s_session_can_be_ended_there_too(void **state) {
  struct oidc_world *w = oidc_world_new();
  expect_end(w, "corp", "anna@x.org", ERR_NOT_FOUND, ""); /* it does not say where */
  w->idp.discovery_more = ",\"end_session_endpoint\":\"" IDP "/end\"";
  declare_provider(w);
  expect_end(w, "corp", "anna+b@x.org", ERR_OK, IDP "/end?client_id=" CLIENT "&logout_hint=anna%2Bb%40x.org");
  w->declared.after_logout = TEXT("https://weir.example/bye");
  w->idp.discovery_more = ",\"end_session_endpoint\":\"" IDP "/end?realm=a\"";
  declare_provider(w);
  expect_end(w, "corp", "", ERR_OK,
             IDP "/end?realm=a&client_id=" CLIENT "&post_logout_redirect_uri=https%3A%2F%2Fweir.example%2Fbye");
  w->idp.discovery_more = ",\"end_session_endpoint\":\"http://idp.example/end\""; /* nobody is sent out of TLS */
  declare_provider(w);
  expect_end(w, "corp", "", ERR_NOT_FOUND, "");
  oidc_world_free(w);
}

static void only_some_domains_may_come(void **state) {
  static const struct text domains[] = {TEXT("X.org"), TEXT("y.org")};
  struct oidc_world *w = oidc_world_new();
  (void)owner(w->x);
  w->declared.domains = domains;
  w->declared.domain_count = 2;
  declare_provider(w);
  expect(w->x, round_trip(w), ERR_OK);
  w->idp.sub = "\"s-9\"";
  w->idp.email = "\"eve@evilx.org\"";
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "of this domain");
  w->idp.email = "\"eve@sub.x.org\"";
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "of this domain");
  w->idp.email = "\"eve@x.org.evil.example\"";
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "of this domain");
  oidc_world_free(w);
}

static void with_roles(struct oidc_world *w) {
  static const struct oidc_role roles[] = {{TEXT("readers"), ROLE_VIEWER},
                                           {TEXT("chiefs"), ROLE_ADMIN},
                                           {TEXT("devs"), ROLE_MEMBER},
                                           {TEXT("gods"), ROLE_OWNER}};
  w->declared.role_claim = TEXT("realm_access.roles");
  w->declared.roles = roles;
  w->declared.role_count = 4;
  w->declared.default_role = TEXT("");
  declare_provider(w);
}

static void roles_are_what_the_provider_says_each_time(void **state) {
  struct oidc_world *w = oidc_world_new();
  struct store *s = w->x->store;
  (void)owner(w->x);
  with_roles(w);
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "gives you a role");
  w->idp.more = ",\"realm_access\":{\"roles\":[\"devs\",\"chiefs\",7,\"readers\"]}";
  expect(w->x, round_trip(w), ERR_OK);
  int64_t id = w->result.user_id;
  assert_string_equal(roles_of(w, id), "admin");
  w->idp.more = ",\"realm_access\":{\"roles\":\"devs\"}";
  expect(w->x, round_trip(w), ERR_OK);
  assert_string_equal(roles_of(w, id), "member");
  /* What was given here stays. */
  const struct people_grant own = {.to = GRANT_TO_USER, .to_id = id, .role = TEXT("auditor")};
  int64_t grant_id;
  expect(w->x, s->ops->people->grant(s, &own, &(struct audit_actor){TEXT("t"), TEXT("t")}, &grant_id, &w->x->fault),
         ERR_OK);
  w->idp.more = ",\"realm_access.roles\":[\"readers\"]"; /* its whole name comes first */
  expect(w->x, round_trip(w), ERR_OK);
  assert_string_equal(roles_of(w, id), "auditor viewer");
  w->idp.more = "";
  expect(w->x, round_trip(w), ERR_OK);
  assert_string_equal(roles_of(w, id), "auditor");
  expect(w->x, s->ops->people->revoke(s, 1, grant_id, &(struct audit_actor){TEXT("t"), TEXT("t")}, &w->x->fault),
         ERR_OK);
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "gives you a role");
  oidc_world_free(w);
}

static void the_first_to_come_must_be_an_owner(void **state) {
  struct oidc_world *w = oidc_world_new();
  bool is_empty = false;
  with_roles(w);
  w->idp.more = ",\"realm_access\":{\"roles\":[\"chiefs\"]}";
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "set up first");
  expect(w->x, of(w->x)->needs_setup(of(w->x), &is_empty, &w->x->fault), ERR_OK);
  assert_true(is_empty);
  w->idp.more = ",\"realm_access\":{\"roles\":[\"gods\"]}";
  expect(w->x, round_trip(w), ERR_OK);
  assert_string_equal(roles_of(w, w->result.user_id), "owner");
  w->idp.more = ",\"realm_access\":{\"roles\":[\"devs\"]}";
  EXPECT(w, round_trip(w), ERR_STORE_CONFLICT, "owner"); /* somebody has to stay one */
  oidc_world_free(w);
}

static void nobody_is_taken_over_by_an_email(void **state) {
  struct oidc_world *w = oidc_world_new();
  struct store *s = w->x->store;
  const struct audit_actor by = {TEXT("t"), TEXT("t")};
  int64_t id, other_org = 0, stranger;
  (void)owner(w->x);
  /* Who has a password signs in with it. */
  w->idp.email = "\"" OWNER "\"";
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "sign in with their password");
  /* Who was made here for that email and has no way in yet comes in this way, with what they were given. */
  struct people_row guest = {
      .org_id = 1, .name = TEXT("Bert"), .text = TEXT("bert@x.org"), .is_invited = true, .created_us = NOW};
  expect(w->x, s->ops->people->create(s, PEOPLE_USER, &guest, &by, &id, &w->x->fault), ERR_OK);
  const struct people_grant admin = {.to = GRANT_TO_USER, .to_id = id, .role = TEXT("admin")};
  expect(w->x, s->ops->people->grant(s, &admin, &by, &stranger, &w->x->fault), ERR_OK);
  w->idp.email = "\"bert@x.org\"";
  w->idp.sub = "\"s-bert\"";
  w->declared.require_verified_email = false;
  declare_provider(w);
  w->idp.verified = "false";
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "already"); /* but not by an email that anybody may have typed */
  w->idp.verified = "true";
  expect(w->x, round_trip(w), ERR_OK);
  assert_int_equal(w->result.user_id, id);
  assert_string_equal(roles_of(w, id), "admin");
  assert_false(user_of(w, "bert@x.org").is_invited);
  /* And nobody else under that email. */
  w->idp.sub = "\"s-eve\"";
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "already");
  /* People of other organisations are not this provider's to vouch for. */
  struct people_row org = {.name = TEXT("acme"), .timezone = TEXT("UTC"), .week_start = TEXT("monday")};
  expect(w->x, s->ops->people->create(s, PEOPLE_ORGANISATION, &org, &by, &other_org, &w->x->fault), ERR_OK);
  guest = (struct people_row){.org_id = other_org, .text = TEXT("carl@x.org"), .is_invited = true, .created_us = NOW};
  expect(w->x, s->ops->people->create(s, PEOPLE_USER, &guest, &by, &stranger, &w->x->fault), ERR_OK);
  w->idp.email = "\"carl@x.org\"";
  w->idp.sub = "\"s-carl\"";
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "already");
  oidc_world_free(w);
}

/* Another replica makes them at this moment, and has not come to their role yet. */
static void who_was_never_here_gets_the_role_of_somebody_new(void **state) {
  struct oidc_world *w = oidc_world_new();
  struct store *s = w->x->store;
  const struct audit_actor by = {TEXT("t"), TEXT("t")};
  const struct people_row half = {
      .org_id = 1, .text = TEXT("anna@x.org"), .external = TEXT(IDP "\ns-1"), .created_us = NOW};
  struct people_grant *rows;
  int64_t id;
  size_t count;
  (void)owner(w->x);
  expect(w->x, s->ops->people->create(s, PEOPLE_USER, &half, &by, &id, &w->x->fault), ERR_OK);
  expect(w->x, round_trip(w), ERR_OK);
  assert_int_equal(w->result.user_id, id);
  assert_string_equal(roles_of(w, id), "member");
  /* From then on it is what an admin makes of it. */
  const struct grant_filter filter = {.max = 1, .to = GRANT_TO_USER, .to_id = id};
  expect(w->x, s->ops->people->grants(s, &filter, &w->x->arena, &rows, &count, &w->x->fault), ERR_OK);
  expect(w->x, s->ops->people->revoke(s, 1, rows[0].id, &by, &w->x->fault), ERR_OK);
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "gives you a role");
  oidc_world_free(w);
}

static void who_is_disabled_stays_out(void **state) {
  struct oidc_world *w = oidc_world_new();
  struct store *s = w->x->store;
  const struct audit_actor by = {TEXT("t"), TEXT("t")};
  (void)owner(w->x);
  expect(w->x, round_trip(w), ERR_OK);
  struct people_row row = user_of(w, "anna@x.org");
  row.is_disabled = true;
  expect(w->x, s->ops->people->update(s, PEOPLE_USER, &row, 0, &by, &w->x->fault), ERR_OK);
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "disabled");
  w->idp.sub = "\"s-2\""; /* nor by another number under their email */
  EXPECT(w, round_trip(w), ERR_FORBIDDEN, "disabled");
  oidc_world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(somebody_new_comes_in_with_the_role_that_all_have),
      cmocka_unit_test(the_second_time_it_is_the_same_user),
      cmocka_unit_test(each_way_of_coming_back_wrong_is_refused),
      cmocka_unit_test(nobody_is_taken_for_the_provider_that_was_not_asked),
      cmocka_unit_test(what_the_provider_says_instead_is_shown_in_its_words),
      cmocka_unit_test(a_browser_is_sent_to_paths_of_this_site_alone),
      cmocka_unit_test(a_new_key_of_the_provider_is_found),
      cmocka_unit_test(the_access_token_is_the_one_that_was_meant),
      cmocka_unit_test(clients_prove_themselves_as_the_provider_wants),
      cmocka_unit_test(what_the_token_leaves_out_is_asked_for),
      cmocka_unit_test(a_provider_that_cannot_be_asked_is_said_so),
      cmocka_unit_test(one_s_session_can_be_ended_there_too),
      cmocka_unit_test(only_some_domains_may_come),
      cmocka_unit_test(roles_are_what_the_provider_says_each_time),
      cmocka_unit_test(the_first_to_come_must_be_an_owner),
      cmocka_unit_test(nobody_is_taken_over_by_an_email),
      cmocka_unit_test(who_was_never_here_gets_the_role_of_somebody_new),
      cmocka_unit_test(who_is_disabled_stays_out),
  };
  secret_start();
  return RUN_TESTS(tests);
}
