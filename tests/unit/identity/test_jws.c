/* Signed tokens: the published examples, our own in each algorithm, and what forgers try. */
#include "identity/jws.h"

#include "identity/jwks.h"
#include "token_forge.h"

static struct forge forge;

static int open_forge(void **state) {
  forge_open(&forge);
  return 0;
}

static int close_forge(void **state) {
  forge_close(&forge);
  return 0;
}

static struct jwks *set_of(struct text keys) {
  struct jwks *s = NULL;
  struct fault f = {0};
  struct text document = arena_format(&forge.arena, "{\"keys\":[%.*s]}", TEXT_ARGS(keys));
  if (jwks_read(document, &s, &f) != ERR_OK)
    fail_msg("no set: %s", f.text);
  return s;
}

static enum err check(struct text token, const struct jwks *s, struct fault *f) {
  struct jws t;
  *f = (struct fault){0};
  enum err e = jws_read(token, &forge.arena, &t, f);
  if (e != ERR_OK)
    return e;
  const struct jws_key *key = jwks_find(s, &t);
  return key ? jws_verify(&t, key, f) : fault_set(f, ERR_UNAUTHENTICATED, NULL, "no such key");
}

#define JOE "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

#define FRODO                                                                                                          \
  "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIG" \
  "lmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"

/* RFC 7515 appendix A.2 and A.3, RFC 8037 appendix A.4, RFC 7520 section 4.1 with the key of section 3.3. */
static void the_published_examples_verify(void **state) {
  static const struct {
    const char *key, *token;
  } cases[] = {
      {"{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
       "4qPCJrcS2mJPMEzP1Pt0"
       "Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-"
       "KXBdQ"
       "OS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
       "h9iaGNj8q2ethFkMLs9"
       "1kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
       "eyJhbGciOiJSUzI1NiJ9." JOE ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"
       "lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"
       "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--"
       "xi12jz"
       "DwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
       "IoypGlUPQGe"
       "77Rw"},
      {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_"
       "tue659LNpXW6pCyStikYjKIWI5a0\"}",
       "eyJhbGciOiJFUzI1NiJ9." JOE
       ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
      {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
       "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
       "09PGcvMg3AIbQR6dWbhijcNR4ki"
       "4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
      {"{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"n\":"
       "\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLw"
       "UBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-"
       "QtiWN2lbzcEe6XC0dApr5yd"
       "QLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-"
       "OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3"
       "-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\",\"e\":\"AQAB\"}",
       "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." FRODO
       ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-"
       "BDkoBw"
       "A78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_"
       "qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQ"
       "dLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_"
       "fcIe8u9ipH84ogoree7vjbU5y18"
       "kDquDg"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct fault f;
    struct jwks *s = set_of(text_of(cases[i].key));
    forge_expect(check(text_of(cases[i].token), s, &f), ERR_OK, &f, NULL);
    char changed[2048];
    snprintf(changed, sizeof(changed), "%s", cases[i].token);
    char *payload = strchr(changed, '.') + 1;
    payload[4] = payload[4] == 'A' ? 'B' : 'A';
    forge_expect(check(text_of(changed), s, &f), ERR_UNAUTHENTICATED, &f, "signature");
    jwks_unref(s);
  }
}

static EVP_PKEY *key_for(enum jws_algorithm a) {
  return a == JWS_ES256 ? forge.p256 : a == JWS_EDDSA ? forge.ed25519 : forge.rsa;
}

static struct jwks *all_keys(void) {
  struct arena *a = &forge.arena;
  return set_of(arena_format(a, "%.*s,%.*s,%.*s", TEXT_ARGS(forge_jwk(a, forge.rsa, ",\"kid\":\"r\"")),
                             TEXT_ARGS(forge_jwk(a, forge.p256, ",\"kid\":\"p\"")),
                             TEXT_ARGS(forge_jwk(a, forge.ed25519, ",\"kid\":\"e\""))));
}

/* Signed in each way and announced in each: right only where the two agree. */
static void an_algorithm_is_never_taken_for_another(void **state) {
  struct jwks *s = all_keys();
  for (unsigned told = 0; told < JWS_ALGORITHMS; told++) {
    for (unsigned made = 0; made < JWS_ALGORITHMS; made++) {
      struct fault f;
      struct text header = arena_format(&forge.arena, "{\"alg\":\"%.*s\"}", TEXT_ARGS(jws_algorithm_name(told)));
      struct text token = forge_token(&forge.arena, key_for(made), made, header, TEXT("{\"iss\":\"x\"}"));
      forge_expect(check(token, s, &f), told == made ? ERR_OK : ERR_UNAUTHENTICATED, &f, NULL);
    }
  }
  jwks_unref(s);
}

static void headers_that_forgers_write_are_refused(void **state) {
  static const struct {
    const char *header, *why;
  } cases[] = {
      {"{\"alg\":\"none\"}", "is not signed with"},
      {"{\"alg\":\"None\"}", "is not signed with"},
      {"{\"alg\":\"\"}", "is not signed with"},
      {"{\"alg\":\"HS256\"}", "is not signed with"},
      {"{\"alg\":\"rs256\"}", "is not signed with"},
      {"{\"alg\":\"RS512\"}", "is not signed with"},
      {"{\"alg\":[\"RS256\"]}", "names no algorithm"},
      {"{\"typ\":\"JWT\"}", "names no algorithm"},
      {"{\"alg\":\"none\",\"alg\":\"RS256\"}", "each name once"},
      {"{\"alg\":\"RS256\",\"alg\":\"RS256\"}", "each name once"},
      {"{\"alg\":\"RS256\",\"crit\":[\"exp\"],\"exp\":1}", "extensions"},
      {"{\"alg\":\"RS256\",\"b64\":false}", "extensions"},
      {"{\"alg\":\"RS256\",\"zip\":\"DEF\"}", "compressed"},
      {"{\"alg\":\"RS256\",\"typ\":\"logout+jwt\"}", "of a type"},
      {"{\"alg\":\"RS256\",\"typ\":\"dpop+jwt\"}", "of a type"},
      {"{\"alg\":\"RS256\",\"typ\":1}", "of a type"},
      {"{\"alg\":\"RS256\",\"kid\":1}", "names its key"},
      {"{\"alg\":\"RS256\",\"kid\":\"../../etc/passwd\"}", "no such key"},
      {"{\"alg\":\"RS256\",\"kid\":\"r\\u0000\"}", "no such key"},
      {"[\"alg\",\"RS256\"]", "not a JSON object"},
      {"\"RS256\"", "not a JSON object"},
      {"{\"alg\":\"RS256\"} ", NULL},
      {"{\"alg\":\"RS256\"}x", "valid JSON"},
      {"{\"alg\":\"RS256\",\"x\":{\"y\":{\"y\":{\"y\":{\"y\":{\"y\":{\"y\":{\"y\":{\"y\":1}}}}}}}}}", "valid JSON"},
  };
  struct jwks *s = all_keys();
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct fault f;
    struct text token =
        forge_token(&forge.arena, forge.rsa, JWS_RS256, text_of(cases[i].header), TEXT("{\"iss\":\"x\"}"));
    forge_expect(check(token, s, &f), cases[i].why ? ERR_UNAUTHENTICATED : ERR_OK, &f, cases[i].why);
  }
  jwks_unref(s);
}

/* A key that the token brings along, or says where to find, is not looked at. */
static void a_token_brings_no_key_of_its_own(void **state) {
  struct forge stranger;
  forge_open(&stranger);
  struct jwks *s = all_keys();
  struct fault f;
  struct text jwk = forge_jwk(&forge.arena, stranger.rsa, "");
  struct text header = arena_format(&forge.arena,
                                    "{\"alg\":\"RS256\",\"jwk\":%.*s,\"jku\":\"http://127.0.0.1:1/\",\"x5u\":\"x\","
                                    "\"x5c\":[\"x\"]}",
                                    TEXT_ARGS(jwk));
  struct text forged = forge_token(&forge.arena, stranger.rsa, JWS_RS256, header, TEXT("{}"));
  forge_expect(check(forged, s, &f), ERR_UNAUTHENTICATED, &f, "signature");
  struct text right = forge_token(&forge.arena, forge.rsa, JWS_RS256, header, TEXT("{}"));
  forge_expect(check(right, s, &f), ERR_OK, &f, NULL);
  jwks_unref(s);
  forge_close(&stranger);
}

static void only_three_parts_of_base64url_are_a_token(void **state) {
  static const char *const bad[] = {"",           ".",        "..",       "...",        "a.b",
                                    "YQ.YQ",      "YQ.YQ.",   ".YQ.YQ",   "YQ..YQ",     "YQ.YQ.YQ.YQ",
                                    "YQ==.YQ.YQ", "YQ.Y+.YQ", "YQ.YR.YQ", "YQ.YQ.YQ\n", " YQ.YQ.YQ"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct fault f;
    assert_false(jws_has_form(text_of(bad[i])));
    forge_expect(check(text_of(bad[i]), NULL, &f), ERR_UNAUTHENTICATED, &f, "three parts");
  }
  assert_true(jws_has_form(TEXT("YQ.YQ.YQ")));
}

static void a_token_that_is_too_long_is_refused(void **state) {
  char *payload = malloc(JWS_MAX_BYTES);
  memset(payload, ' ', JWS_MAX_BYTES);
  struct fault f;
  struct text token = forge_token(&forge.arena, forge.ed25519, JWS_EDDSA, TEXT("{\"alg\":\"EdDSA\"}"),
                                  (struct text){payload, JWS_MAX_BYTES});
  assert_false(jws_has_form(token));
  forge_expect(check(token, NULL, &f), ERR_UNAUTHENTICATED, &f, "too long");
  free(payload);
}

/* Every bit of header, payload and signature counts. */
static void a_changed_byte_anywhere_breaks_the_token(void **state) {
  struct jwks *s = all_keys();
  for (unsigned a = 0; a < JWS_ALGORITHMS; a++) {
    struct fault f;
    struct text header = arena_format(&forge.arena, "{\"alg\":\"%.*s\"}", TEXT_ARGS(jws_algorithm_name(a)));
    struct text token = forge_token(&forge.arena, key_for(a), a, header, TEXT("{\"iss\":\"x\"}"));
    char *bytes = malloc(token.len);
    for (size_t i = 0; i < token.len; i++) {
      memcpy(bytes, token.at, token.len);
      bytes[i] = bytes[i] == 'A' ? 'Q' : 'A';
      if (check((struct text){bytes, token.len}, s, &f) == ERR_OK)
        fail_msg("byte %zu of a token of %.*s may be changed", i, TEXT_ARGS(jws_algorithm_name(a)));
      if (check((struct text){bytes, i}, s, &f) == ERR_OK)
        fail_msg("a token cut to %zu bytes is taken", i);
    }
    free(bytes);
  }
  jwks_unref(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_published_examples_verify),
      cmocka_unit_test(an_algorithm_is_never_taken_for_another),
      cmocka_unit_test(headers_that_forgers_write_are_refused),
      cmocka_unit_test(a_token_brings_no_key_of_its_own),
      cmocka_unit_test(only_three_parts_of_base64url_are_a_token),
      cmocka_unit_test(a_token_that_is_too_long_is_refused),
      cmocka_unit_test(a_changed_byte_anywhere_breaks_the_token),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, open_forge, close_forge);
}
