/* What claims say about somebody: a role by its whole name or by a path, the strongest of several, and nothing out of
 * values of other kinds; what is known already is not said anew by another document. */
#include "identity/oidc_inner.h"

#include "token_forge.h"

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

static const struct oidc_role roles[] = {
    {TEXT("readers"), ROLE_VIEWER}, {TEXT("chiefs"), ROLE_ADMIN}, {TEXT("devs"), ROLE_MEMBER}};

static struct oidc_person person_of(struct arena *a, const char *claim, const char *claims) {
  const struct oidc_declared o = {.name = TEXT("corp"), .role_claim = text_of(claim), .roles = roles, .role_count = 3};
  struct oidc_person p = {0};
  struct fault f = {0};
  enum err e = oidc_read_person(text_of(claims), &o, a, &p, &f);
  forge_expect(e, ERR_OK, &f, NULL);
  return p;
}

static void a_role_is_found_wherever_the_claim_is(void **state) {
  static const struct {
    const char *claim, *claims;
    bool is_there, has;
    enum builtin_role role;
  } cases[] = {
      {"groups", "{\"sub\":\"1\",\"groups\":\"devs\"}", true, true, ROLE_MEMBER},
      {"groups", "{\"sub\":\"1\",\"groups\":[\"readers\",\"chiefs\",\"devs\"]}", true, true, ROLE_ADMIN},
      {"groups", "{\"sub\":\"1\",\"groups\":[]}", true, false, 0},
      {"groups", "{\"sub\":\"1\",\"groups\":null}", true, false, 0},
      {"groups", "{\"sub\":\"1\",\"groups\":[7,null,{\"a\":\"chiefs\"},[\"chiefs\"]]}", true, false, 0},
      {"groups", "{\"sub\":\"1\",\"groups\":\"Devs\"}", true, false, 0},
      {"groups", "{\"sub\":\"1\",\"groups\":\"devs chiefs\"}", true, false, 0},
      {"groups", "{\"sub\":\"1\"}", false, false, 0},
      {"a.b.c", "{\"sub\":\"1\",\"a\":{\"b\":{\"c\":[\"chiefs\"]}}}", true, true, ROLE_ADMIN},
      {"a.b.c", "{\"sub\":\"1\",\"a.b.c\":\"devs\",\"a\":{\"b\":{\"c\":\"chiefs\"}}}", true, true, ROLE_MEMBER},
      {"a.b.c", "{\"sub\":\"1\",\"a\":{\"b\":\"chiefs\"}}", false, false, 0},
      {"a.b.c", "{\"sub\":\"1\",\"c\":\"chiefs\"}", false, false, 0},
      {"https://x.org/roles", "{\"sub\":\"1\",\"https://x.org/roles\":[\"devs\"]}", true, true, ROLE_MEMBER},
      {"", "{\"sub\":\"1\",\"groups\":\"devs\",\"\":\"devs\"}", false, false, 0},
  };
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct oidc_person p = person_of(&a, cases[i].claim, cases[i].claims);
    if (p.has_claim != cases[i].is_there || p.has_role != cases[i].has || (p.has_role && p.role != cases[i].role))
      fail_msg("%s in %s: %d %d %d", cases[i].claim, cases[i].claims, p.has_claim, p.has_role, p.role);
  }
  arena_done(&a);
}

static void a_second_document_adds_and_changes_nothing(void **state) {
  const struct oidc_declared o = {.role_claim = TEXT("groups"), .roles = roles, .role_count = 3};
  struct oidc_person p = {0};
  struct fault f = {0};
  struct arena a;
  arena_init(&a);
  forge_expect(oidc_read_person(TEXT("{\"sub\":\"1\",\"email\":\"A@x.org\",\"groups\":[]}"), &o, &a, &p, &f), ERR_OK,
               &f, NULL);
  forge_expect(oidc_read_person(TEXT("{\"sub\":\"1\",\"email\":\"b@x.org\",\"email_verified\":true,\"name\":\"B\","
                                     "\"groups\":[\"chiefs\"]}"),
                                &o, &a, &p, &f),
               ERR_OK, &f, NULL);
  assert_true(text_equal(p.email, TEXT("a@x.org")));
  assert_false(p.is_verified); /* that was said of the other one */
  assert_false(p.has_role);
  assert_true(text_equal(p.name, TEXT("B")));
  static const char *const bad[] = {"{\"sub\":\"2\"}", "{}", "{\"sub\":1}", "[]", "x", "{\"sub\":\"1\",\"sub\":\"1\"}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    forge_expect(oidc_read_person(text_of(bad[i]), &o, &a, &p, &f), ERR_UNAUTHENTICATED, &f, NULL);
  arena_done(&a);
}

static void a_name_that_is_none_is_left_out(void **state) {
  struct arena a;
  char claims[400], long_name[200];
  arena_init(&a);
  memset(long_name, 'n', sizeof(long_name));
  assert_int_equal(person_of(&a, "", "{\"sub\":\"1\",\"name\":\"a\\u0000b\"}").name.len, 0);
  assert_int_equal(person_of(&a, "", "{\"sub\":\"1\",\"name\":\"a\\nb\"}").name.len, 0);
  assert_int_equal(person_of(&a, "", "{\"sub\":\"1\",\"name\":7}").name.len, 0);
  snprintf(claims, sizeof(claims), "{\"sub\":\"1\",\"name\":\"%.*s\"}", 129, long_name);
  assert_int_equal(person_of(&a, "", claims).name.len, 0);
  snprintf(claims, sizeof(claims), "{\"sub\":\"1\",\"name\":\"%.*s\"}", 128, long_name);
  assert_int_equal(person_of(&a, "", claims).name.len, 128);
  arena_done(&a);
}

static void a_token_is_for_this_attempt(void **state) {
  const struct oidc_expected x = {TEXT("c"), TEXT("n"), TEXT(""), JWS_RS256};
  static const char *const bad[] = {
      "{\"aud\":\"c\",\"iat\":1}",
      "{\"aud\":\"c\",\"iat\":1,\"nonce\":\"N\"}",
      "{\"aud\":\"c\",\"iat\":1,\"nonce\":7}",
      "{\"aud\":\"c\",\"nonce\":\"n\"}",
      "{\"aud\":[\"c\",\"d\"],\"iat\":1,\"nonce\":\"n\"}",
      "{\"aud\":[\"c\",\"d\"],\"azp\":\"d\",\"iat\":1,\"nonce\":\"n\"}",
      "{\"aud\":\"c\",\"azp\":\"\",\"iat\":1,\"nonce\":\"n\"}",
      "{\"aud\":\"c\",\"iat\":1,\"nonce\":\"n\",\"at_hash\":\"\"}",
      "{\"aud\":\"c\",\"iat\":1,\"nonce\":\"n\",\"nonce\":\"n\"}",
  };
  struct fault f = {0};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    forge_expect(oidc_check_token(text_of(bad[i]), &x, &f), ERR_UNAUTHENTICATED, &f, NULL);
  forge_expect(oidc_check_token(TEXT("{\"aud\":[\"c\"],\"iat\":1,\"nonce\":\"n\"}"), &x, &f), ERR_OK, &f, NULL);
  forge_expect(oidc_check_token(TEXT("{\"aud\":[\"c\",\"d\"],\"azp\":\"c\",\"iat\":1,\"nonce\":\"n\"}"), &x, &f),
               ERR_OK, &f, NULL);
  const struct oidc_expected none = {TEXT("c"), TEXT(""), TEXT(""), JWS_RS256};
  forge_expect(oidc_check_token(TEXT("{\"aud\":\"c\",\"iat\":1,\"nonce\":\"\"}"), &none, &f), ERR_UNAUTHENTICATED, &f,
               "nonce");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_role_is_found_wherever_the_claim_is),
      cmocka_unit_test(a_second_document_adds_and_changes_nothing),
      cmocka_unit_test(a_name_that_is_none_is_left_out),
      cmocka_unit_test(a_token_is_for_this_attempt),
  };
  return RUN_TESTS(tests);
}
