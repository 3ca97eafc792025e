/* Claims: each one missing, of the wrong type, and wrong; times at their edges. */
#include "identity/claims.h"

#include "token_forge.h"

#define NOW_S  INT64_C(1800000000)
#define NOW_US (NOW_S * 1000000)
#define GOOD                                                                                                           \
  "\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1799999900,\"iat\":1799999900,\"sub\":\"s\""

static const struct text audiences[] = {TEXT("weir"), TEXT("weir2")};
static const struct text scopes[] = {TEXT("chat"), TEXT("models")};

static struct claims_rule rule(void) {
  return (struct claims_rule){.issuer = TEXT("https://i"),
                              .audiences = audiences,
                              .audience_count = 2,
                              .user_claim = TEXT("email"),
                              .leeway_s = 60};
}

static void expect(const char *payload, const struct claims_rule *r, enum err wanted, const char *why) {
  struct arena a;
  struct claims c = {0};
  struct fault f = {0};
  arena_init(&a);
  enum err e = claims_read(text_of(payload), r, NOW_US, &a, &c, &f);
  if (e != wanted || (why && !strstr(f.text, why)))
    fail_msg("%s: got %s \"%s\", wanted %s with \"%s\"", payload, err_name(e), f.text, err_name(wanted),
             why ? why : "");
  assert_true(e == ERR_OK || c.subject.len == 0);
  arena_done(&a);
}

static void a_whole_token_says_who_and_until_when(void **state) {
  struct claims_rule r = rule();
  struct arena a;
  struct claims c;
  arena_init(&a);
  struct text t = TEXT("{" GOOD ",\"email\":\"a@b.c\"}");
  assert_int_equal(claims_read(t, &r, NOW_US, &a, &c, NULL), ERR_OK);
  assert_true(text_equal(c.subject, TEXT("s")) && text_equal(c.user, TEXT("a@b.c")));
  assert_int_equal(c.expires_us, (NOW_S + 360) * 1000000);
  t = TEXT("{" GOOD "}");
  assert_int_equal(claims_read(t, &r, NOW_US, &a, &c, NULL), ERR_OK);
  assert_true(text_equal(c.user, TEXT("s")));
  arena_done(&a);
}

static void what_is_missing_wrong_or_doubled_is_refused(void **state) {
  static const struct {
    const char *payload, *why;
  } cases[] = {
      {"", "valid JSON"},
      {"[]", "not an object"},
      {"\"x\"", "not an object"},
      {"{" GOOD ",\"sub\":\"other\"}", "each name once"},
      {"{" GOOD ",\"iss\":\"https://i\"}", "each name once"},
      {"{\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1,\"sub\":\"s\"}", "`iss` is missing"},
      {"{\"iss\":[\"https://i\"],\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1,\"sub\":\"s\"}", "`iss` is missing"},
      {"{\"iss\":\"https://i/\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1,\"sub\":\"s\"}", "`iss` is not"},
      {"{\"iss\":\"https://i\",\"exp\":1800000300,\"nbf\":1,\"sub\":\"s\"}", "`aud` is missing"},
      {"{\"iss\":\"https://i\",\"aud\":\"Weir\",\"exp\":1800000300,\"nbf\":1,\"sub\":\"s\"}", "`aud` names others"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir2x\",\"exp\":1800000300,\"nbf\":1,\"sub\":\"s\"}", "`aud` names others"},
      {"{\"iss\":\"https://i\",\"aud\":[],\"exp\":1800000300,\"nbf\":1,\"sub\":\"s\"}", "`aud` names others"},
      {"{\"iss\":\"https://i\",\"aud\":[\"weir\",1],\"exp\":1800000300,\"nbf\":1,\"sub\":\"s\"}", "not a text"},
      {"{\"iss\":\"https://i\",\"aud\":{\"weir\":1},\"exp\":1800000300,\"nbf\":1,\"sub\":\"s\"}", "neither"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"nbf\":1,\"sub\":\"s\"}", "`exp` is missing"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":\"1800000300\",\"nbf\":1,\"sub\":\"s\"}",
       "`exp` is not a time"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":-1,\"nbf\":1,\"sub\":\"s\"}", "`exp` is not a time"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1e300,\"nbf\":1,\"sub\":\"s\"}", "`exp` is not a time"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":18446744073709551615,\"nbf\":1,\"sub\":\"s\"}", "`exp` is not"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1799999940,\"nbf\":1,\"sub\":\"s\"}", "expired"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"sub\":\"s\"}", "`nbf` is missing"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":true,\"sub\":\"s\"}", "`nbf` is not a time"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1800000061,\"sub\":\"s\"}", "not valid yet"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1,\"iat\":1800000061,\"sub\":\"s\"}",
       "`iat`"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1}", "`sub` is missing"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1,\"sub\":7}", "`sub` is not a text"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1,\"sub\":\"\"}", "`sub` is empty"},
      {"{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1,\"sub\":\"a\\u0000b\"}", "`sub` is empty"},
      {"{" GOOD ",\"email\":[\"a\"]}", "names the user"},
      {"{" GOOD ",\"email\":\"a\\nb\"}", "names the user"},
  };
  struct claims_rule r = rule();
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    expect(cases[i].payload, &r, ERR_UNAUTHENTICATED, cases[i].why);
}

static void times_count_to_the_second_and_may_have_fractions(void **state) {
  static const char *const good[] = {
      "{\"iss\":\"https://i\",\"aud\":[\"x\",\"weir2\"],\"exp\":1799999941,\"nbf\":1800000060,\"sub\":\"s\"}",
      "{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300.75,\"nbf\":1.5,\"iat\":1800000060,\"sub\":\"s\"}",
  };
  struct claims_rule r = rule();
  for (size_t i = 0; i < 2; i++)
    expect(good[i], &r, ERR_OK, NULL);
  r.leeway_s = 0;
  expect(good[0], &r, ERR_UNAUTHENTICATED, "expired");
}

static void nbf_may_be_made_optional(void **state) {
  struct claims_rule r = rule();
  r.nbf_optional = true;
  expect("{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"sub\":\"s\"}", &r, ERR_OK, NULL);
  expect("{\"iss\":\"https://i\",\"aud\":\"weir\",\"exp\":1800000300,\"nbf\":1800000061,\"sub\":\"s\"}", &r,
         ERR_UNAUTHENTICATED, "not valid yet");
}

static void every_scope_must_be_there(void **state) {
  struct claims_rule r = rule();
  r.scopes = scopes;
  r.scope_count = 2;
  expect("{" GOOD ",\"scope\":\"openid models chat\"}", &r, ERR_OK, NULL);
  expect("{" GOOD ",\"scp\":[\"chat\",\"models\"]}", &r, ERR_OK, NULL);
  expect("{" GOOD ",\"scp\":\"chat models\"}", &r, ERR_OK, NULL);
  expect("{" GOOD ",\"scope\":\"chat\",\"scp\":[\"models\",3]}", &r, ERR_OK, NULL);
  expect("{" GOOD ",\"scope\":\"chat modelsx\"}", &r, ERR_FORBIDDEN, "\"models\"");
  expect("{" GOOD "}", &r, ERR_FORBIDDEN, "\"chat\"");
}

static void the_issuer_of_an_unchecked_token_is_only_a_name(void **state) {
  struct arena a;
  struct text name;
  arena_init(&a);
  assert_true(claims_read_issuer(TEXT("{\"iss\":\"https://i\"}"), &a, &name));
  assert_true(text_equal(name, TEXT("https://i")));
  assert_false(claims_read_issuer(TEXT("{\"iss\":\"\"}"), &a, &name));
  assert_false(claims_read_issuer(TEXT("{\"iss\":1}"), &a, &name));
  assert_false(claims_read_issuer(TEXT("{\"iss\":\"a\",\"iss\":\"b\"}"), &a, &name));
  assert_false(claims_read_issuer(TEXT("nonsense"), &a, &name));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_token_says_who_and_until_when),
      cmocka_unit_test(what_is_missing_wrong_or_doubled_is_refused),
      cmocka_unit_test(times_count_to_the_second_and_may_have_fractions),
      cmocka_unit_test(nbf_may_be_made_optional),
      cmocka_unit_test(every_scope_must_be_there),
      cmocka_unit_test(the_issuer_of_an_unchecked_token_is_only_a_name),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
