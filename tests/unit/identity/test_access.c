/* Who calls: by a session's cookies or a token, with the rights of this moment, and nobody by anything else. */
#include "signin_world.h"
#include "token_world.h"

static const struct audit_actor tester = {TEXT("local:tester"), TEXT("cli")};

static struct text token_for(struct world *x, const char *subject, int64_t org, const char *scope) {
  const struct mint_claims c = {text_of(subject), org, 0, text_of(scope), x->now_us + 10 * MINUTE};
  struct buf b;
  buf_init(&b, 8192);
  expect(x, mint_sign(x->mint, &c, x->now_us, &b, &x->fault), ERR_OK);
  struct text token = arena_copy(&x->arena, buf_text(&b));
  buf_done(&b);
  return token;
}

static enum err show(struct world *x, const char *scheme, struct text token, struct caller *out) {
  return ask_with(x,
                  &(struct access_claim){.authorization = arena_format(&x->arena, "%s%.*s", scheme, TEXT_ARGS(token)),
                                         .method = TEXT("POST"),
                                         .address = TEXT("192.0.2.7")},
                  out);
}

static int64_t add_service(struct world *x, const char *role) {
  const struct people_row row = {.org_id = 1, .name = TEXT("robot"), .created_us = NOW};
  int64_t id = 0, grant;
  expect(x, x->store->ops->people->create(x->store, PEOPLE_SERVICE, &row, &tester, &id, &x->fault), ERR_OK);
  const struct people_grant g = {.org_id = 1, .to = GRANT_TO_SERVICE, .to_id = id, .role = text_of(role)};
  expect(x, x->store->ops->people->grant(x->store, &g, &tester, &grant, &x->fault), ERR_OK);
  return id;
}

static void a_token_of_a_service_account_needs_no_cookie_and_no_proof(void **state) {
  struct world *x = world_new();
  struct caller c = {0};
  char subject[32];
  int64_t id = add_service(x, "auditor");
  snprintf(subject, sizeof(subject), "service:%lld", (long long)id);
  expect(x, show(x, "Bearer ", token_for(x, subject, 1, ""), &c), ERR_OK);
  assert_int_equal(c.kind, CALLER_SERVICE);
  assert_int_equal(c.id, id);
  assert_int_equal(c.session_id, 0);
  assert_true(text_equal(c.origin, TEXT("192.0.2.7")));
  assert_true(caller_may(&c, PERMISSION_AUDIT_READ));
  expect(x, show(x, "bearer  ", token_for(x, subject, 1, ""), &c), ERR_OK);
  world_free(x);
}

static void a_token_that_was_narrowed_has_no_more_than_that(void **state) {
  struct world *x = world_new();
  struct caller c = {0};
  char subject[32];
  snprintf(subject, sizeof(subject), "service:%lld", (long long)add_service(x, "auditor"));
  expect(x, show(x, "Bearer ", token_for(x, subject, 1, "keys.read users.write"), &c), ERR_OK);
  assert_true(caller_may(&c, PERMISSION_KEYS_READ));
  assert_false(caller_may(&c, PERMISSION_AUDIT_READ));
  assert_false(caller_may(&c, PERMISSION_USERS_WRITE)); /* which an auditor never had */
  world_free(x);
}

static void what_is_no_token_of_somebody_is_nobody(void **state) {
  struct world *x = world_new();
  struct caller c = {.id = 99};
  struct browser b = {0};
  (void)owner(x);
  expect(x, ask(x, &b, "GET", &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "", TEXT(""), &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "Bearer ", TEXT(""), &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "Bearer ", TEXT("sk-weir-x"), &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "Bearer ", TEXT("a.b.c"), &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "Basic ", token_for(x, "user:1", 1, ""), &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "Bearer ", token_for(x, "user:77", 1, ""), &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "Bearer ", token_for(x, "user:0", 1, ""), &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "Bearer ", token_for(x, "team:1", 1, ""), &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "Bearer ", token_for(x, "user", 1, ""), &c), ERR_UNAUTHENTICATED);
  expect(x, show(x, "Bearer ", token_for(x, "user:1", 2, ""), &c), ERR_UNAUTHENTICATED); /* of another organisation */
  assert_int_equal(c.id, 99);
  world_free(x);
}

static void a_token_without_a_session_is_no_cookie(void **state) {
  struct world *x = world_new();
  struct caller c;
  (void)owner(x);
  struct text cookie = arena_format(&x->arena, "__Host-weir_access=%.*s", TEXT_ARGS(token_for(x, "user:1", 1, "")));
  expect(x, ask_with(x, &(struct access_claim){.cookie = cookie, .method = TEXT("GET")}, &c), ERR_UNAUTHENTICATED);
  world_free(x);
}

static void changing_something_by_cookie_needs_the_proof_of_the_page(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), other = {0}, forged = b;
  struct caller c;
  expect(x, login(x, &other, PASSWORD), ERR_OK);
  static const char *const unsafe[] = {"POST", "PATCH", "PUT", "DELETE", "PROPFIND", ""};
  for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++) {
    forged.csrf = TEXT("");
    expect(x, ask(x, &forged, unsafe[i], &c), ERR_FORBIDDEN);
    forged.csrf = other.csrf;
    expect(x, ask(x, &forged, unsafe[i], &c), ERR_FORBIDDEN);
    forged.csrf = text_head(b.csrf, b.csrf.len - 1);
    expect(x, ask(x, &forged, unsafe[i], &c), ERR_FORBIDDEN);
    expect(x, ask(x, &b, unsafe[i], &c), ERR_OK);
  }
  forged.csrf = TEXT("");
  expect(x, ask(x, &forged, "GET", &c), ERR_OK);
  expect(x, ask(x, &forged, "HEAD", &c), ERR_OK);
  world_free(x);
}

static void two_cookies_of_the_name_are_none(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x);
  struct caller c;
  struct text both = arena_format(&x->arena, "__Host-weir_access=x; %.*s", TEXT_ARGS(cookie_header(x, &b)));
  expect(x, ask_with(x, &(struct access_claim){.cookie = both, .method = TEXT("GET")}, &c), ERR_UNAUTHENTICATED);
  world_free(x);
}

static void a_wrong_token_is_not_made_good_by_cookies(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x);
  struct caller c;
  const struct access_claim claim = {
      .authorization = TEXT("Bearer a.b.c"), .cookie = cookie_header(x, &b), .method = TEXT("GET")};
  expect(x, ask_with(x, &claim, &c), ERR_UNAUTHENTICATED);
  world_free(x);
}

/* Within a second even if nobody tells; at once when told. */
static void a_session_that_ended_elsewhere_is_refused_within_a_second(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x);
  struct caller c;
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  expect(x, x->store->ops->signin->session_end(x->store, c.id, c.session_id, "revoked", x->now_us, &tester, &x->fault),
         ERR_OK);
  x->now_us += SECOND;
  expect(x, ask(x, &b, "GET", &c), ERR_UNAUTHENTICATED);
  expect(x, login(x, &b, PASSWORD), ERR_OK);
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  expect(x, x->store->ops->signin->session_end(x->store, c.id, c.session_id, "revoked", x->now_us, &tester, &x->fault),
         ERR_OK);
  access_forget(x->access);
  expect(x, ask(x, &b, "GET", &c), ERR_UNAUTHENTICATED);
  world_free(x);
}

static void rights_taken_between_two_requests_are_gone_with_the_second(void **state) {
  struct world *x = world_new();
  struct browser b = {0};
  struct people_grant *grants = NULL;
  struct caller c;
  size_t count = 0;
  (void)owner(x);
  int64_t id = declare(x, "admin@x.org", "admin");
  expect(x, login_with(x, &b, "admin@x.org", PASSWORD, ""), ERR_OK);
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  assert_true(caller_may(&c, PERMISSION_USERS_WRITE));
  const struct grant_filter filter = {.org_id = 1, .max = 10, .to = GRANT_TO_USER, .to_id = id};
  expect(x, x->store->ops->people->grants(x->store, &filter, &x->arena, &grants, &count, &x->fault), ERR_OK);
  assert_int_equal(count, 1);
  expect(x, x->store->ops->people->revoke(x->store, 1, grants[0].id, &tester, &x->fault), ERR_OK);
  rights_forget(x->rights);
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  assert_false(caller_may_somewhere(&c, PERMISSION_USERS_WRITE));
  world_free(x);
}

static void sessions_of_a_user_who_is_removed_or_disabled_are_over(void **state) {
  struct world *x = world_new();
  struct browser b = {0}, other = {0};
  struct people_row row;
  struct caller c;
  (void)owner(x);
  int64_t id = declare(x, "a@x.org", "member"), disabled = declare(x, "b@x.org", "member");
  expect(x, login_with(x, &b, "a@x.org", PASSWORD, ""), ERR_OK);
  expect(x, login_with(x, &other, "b@x.org", PASSWORD, ""), ERR_OK);
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  expect(x, x->store->ops->people->remove(x->store, PEOPLE_USER, 1, id, 0, &tester, &x->fault), ERR_OK);
  expect(x, x->store->ops->people->get(x->store, PEOPLE_USER, 1, disabled, &x->arena, &row, &x->fault), ERR_OK);
  row.is_disabled = true;
  expect(x, x->store->ops->people->update(x->store, PEOPLE_USER, &row, 0, &tester, &x->fault), ERR_OK);
  x->now_us += SECOND;
  expect(x, ask(x, &b, "GET", &c), ERR_UNAUTHENTICATED);
  expect(x, refresh(x, &b), ERR_UNAUTHENTICATED);
  expect(x, login_with(x, &b, "a@x.org", PASSWORD, ""), ERR_UNAUTHENTICATED);
  expect(x, ask(x, &other, "GET", &c), ERR_UNAUTHENTICATED);
  expect(x, refresh(x, &other), ERR_UNAUTHENTICATED);
  world_free(x);
}

/* Somebody of an external issuer, whose subjects have a role here; a wrong one is nobody, whatever cookies come along.
 */
static void a_token_of_an_external_issuer_is_taken_with_its_role(void **state) {
  static const struct text audience[] = {TEXT("weir")};
  struct world *x = world_new();
  struct token_identity *tokens = token_identity_new(NULL, NULL);
  struct browser b = owner(x);
  struct publisher publisher = {.away = ERR_OK};
  struct forge forge;
  struct caller c;
  forge_open(&forge);
  publisher.keys =
      arena_format(&forge.arena, "{\"keys\":[%.*s]}", TEXT_ARGS(forge_jwk(&forge.arena, forge.p256, ",\"kid\":\"p\"")));
  const struct token_issuer issuer = {.name = TEXT("idp"),
                                      .keys = publisher_options(&publisher),
                                      .rule = {.audiences = audience, .audience_count = 1, .user_claim = TEXT("email")},
                                      .algorithms = 1U << JWS_ES256,
                                      .role = TEXT("auditor")};
  token_identity_declare(tokens, &issuer, 1);
  struct text claims = arena_format(&forge.arena,
                                    "{\"iss\":\"" ISSUER "\",\"aud\":\"weir\",\"exp\":%lld,\"nbf\":1,\"sub\":"
                                    "\"alice\",\"email\":\"alice@b.c\"}",
                                    (long long)(x->now_us / SECOND + 60));
  struct text header = TEXT("{\"alg\":\"ES256\",\"kid\":\"p\"}");
  struct text token = forge_token(&forge.arena, forge.p256, JWS_ES256, header, claims);
  access_free(x->access);
  x->access = access_new(&(struct access_options){.store = x->store,
                                                  .mint = x->mint,
                                                  .rights = x->rights,
                                                  .tokens = tokens,
                                                  .server_secret = x->server_secret,
                                                  .public_url = TEXT(URL)});
  expect(x, show(x, "Bearer ", token, &c), ERR_OK);
  assert_true(text_equal(c.actor, TEXT("jwt:idp/alice")));
  assert_true(text_equal(c.email, TEXT("alice@b.c")));
  assert_int_equal(c.org_id, 1);
  assert_true(caller_may(&c, PERMISSION_AUDIT_READ) && !caller_may(&c, PERMISSION_KEYS_WRITE));
  const struct access_claim both = {.authorization = arena_format(&x->arena, "Bearer %.*s%c",
                                                                  TEXT_ARGS(text_head(token, token.len - 1)),
                                                                  token.at[token.len - 1] == 'A' ? 'Q' : 'A'),
                                    .cookie = cookie_header(x, &b),
                                    .method = TEXT("GET")};
  expect(x, ask_with(x, &both, &c), ERR_UNAUTHENTICATED);
  x->now_us += 61 * SECOND;
  expect(x, show(x, "Bearer ", token, &c), ERR_UNAUTHENTICATED);
  expect(x, ask(x, &b, "GET", &c), ERR_OK); /* our own go on */
  forge_close(&forge);
  world_free(x);
  token_identity_free(tokens);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_token_of_a_service_account_needs_no_cookie_and_no_proof),
      cmocka_unit_test(a_token_that_was_narrowed_has_no_more_than_that),
      cmocka_unit_test(what_is_no_token_of_somebody_is_nobody),
      cmocka_unit_test(a_token_without_a_session_is_no_cookie),
      cmocka_unit_test(changing_something_by_cookie_needs_the_proof_of_the_page),
      cmocka_unit_test(two_cookies_of_the_name_are_none),
      cmocka_unit_test(a_wrong_token_is_not_made_good_by_cookies),
      cmocka_unit_test(a_session_that_ended_elsewhere_is_refused_within_a_second),
      cmocka_unit_test(rights_taken_between_two_requests_are_gone_with_the_second),
      cmocka_unit_test(a_token_of_an_external_issuer_is_taken_with_its_role),
      cmocka_unit_test(sessions_of_a_user_who_is_removed_or_disabled_are_over),
  };
  return RUN_TESTS(tests);
}
