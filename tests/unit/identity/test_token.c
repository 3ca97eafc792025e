/* Tokens as callers' proof, in front of keys that only remember what they were asked. */
#include "identity/token.h"

#include "identity/principal.h"
#include "token_world.h"

#define NOW_S  INT64_C(1800000000)
#define NOW_US (NOW_S * SECOND)

/* The keys' adapter: knows none. */
struct no_keys {
  struct identity port;
  unsigned asked;
};

static enum err no_keys_find(struct identity *self, struct text key, int64_t now_us, const struct principal **out,
                             struct fault *f) {
  ((struct no_keys *)self)->asked++;
  return fault_set(f, ERR_UNAUTHENTICATED, NULL, "no such key");
}

static bool no_keys_is_ours(struct identity *self, struct text key) { return text_starts(key, TEXT("weir_")); }

static struct forge forge;
static struct no_keys keys;
static struct publisher publisher;
static struct token_identity *tokens;
static struct identity *port;

static const struct text audience[] = {TEXT("weir")}, models[] = {TEXT("claude-*")};

static struct token_issuer issuer_named(const char *name) {
  return (struct token_issuer){.name = text_of(name),
                               .keys = publisher_options(&publisher),
                               .rule = {.audiences = audience, .audience_count = 1, .user_claim = TEXT("email")},
                               .algorithms = (1U << JWS_ALGORITHMS) - 1,
                               .limits = {.models = models, .model_count = 1, .rpm = 7, .workspace = TEXT("w")}};
}

static int open_tokens(void **state) {
  forge_open(&forge);
  keys = (struct no_keys){{no_keys_find, no_keys_is_ours, principal_unref, NULL}, 0};
  struct arena *a = &forge.arena;
  publisher = (struct publisher){.keys = arena_format(a, "{\"keys\":[%.*s,%.*s,%.*s]}",
                                                      TEXT_ARGS(forge_jwk(a, forge.p256, ",\"kid\":\"p\"")),
                                                      TEXT_ARGS(forge_jwk(a, forge.rsa, ",\"kid\":\"r\"")),
                                                      TEXT_ARGS(forge_jwk(a, forge.ed25519, ",\"kid\":\"e\"")))};
  tokens = token_identity_new(&keys.port, NULL);
  port = token_identity_port(tokens);
  token_identity_declare(tokens, (struct token_issuer[]){issuer_named("idp")}, 1);
  return 0;
}

static int close_tokens(void **state) {
  token_identity_free(tokens);
  forge_close(&forge);
  return 0;
}

static struct text token_of(const char *subject, int64_t expires_s) {
  struct text claims = arena_format(&forge.arena,
                                    "{\"iss\":\"" ISSUER "\",\"aud\":\"weir\",\"exp\":%lld,\"nbf\":1,\"sub\":\"%s\","
                                    "\"email\":\"%s@b.c\"}",
                                    (long long)expires_s, subject, subject);
  return forge_token(&forge.arena, forge.p256, JWS_ES256, TEXT("{\"alg\":\"ES256\",\"kid\":\"p\"}"), claims);
}

static enum err find(struct text token, int64_t now_us, const struct principal **out, struct fault *f) {
  *f = (struct fault){0};
  *out = NULL;
  return port->find(port, token, now_us, out, f);
}

static void a_subject_of_an_issuer_is_a_principal_with_its_limits(void **state) {
  const struct principal *p, *again, *other;
  struct fault f;
  forge_expect(find(token_of("alice", NOW_S + 60), NOW_US, &p, &f), ERR_OK, &f, NULL);
  assert_true(text_equal(p->name, TEXT("jwt:idp/alice")));
  assert_true(text_equal(p->user, TEXT("alice@b.c")));
  assert_true(text_equal(p->workspace, TEXT("w")));
  assert_int_equal(p->rpm, 7);
  assert_true(principal_allows_model(p, TEXT("claude-x")) && !principal_allows_model(p, TEXT("gpt")));
  forge_expect(find(token_of("alice", NOW_S + 61), NOW_US, &again, &f), ERR_OK, &f, NULL);
  forge_expect(find(token_of("bob", NOW_S + 60), NOW_US, &other, &f), ERR_OK, &f, NULL);
  assert_true(p->id < 0 && p->id == again->id && p->id != other->id);
  port->unref(p);
  port->unref(again);
  port->unref(other);
  assert_int_equal(keys.asked, 0);
}

static enum err read_bearer(struct text token, int64_t now_us, struct token_bearer *out, struct fault *f) {
  *f = (struct fault){0};
  return token_identity_read(tokens, token, now_us, &forge.arena, out, f);
}

/* For the control API: an issuer whose subjects have a role there, and who that is; verified each time. */
static void a_subject_has_the_role_of_its_issuer_and_none_without(void **state) {
  struct token_issuer admins = issuer_named("idp");
  struct token_bearer b = {.subject = TEXT("nobody")};
  struct fault f;
  struct text t = token_of("alice", NOW_S + 60);
  forge_expect(read_bearer(t, NOW_US, &b, &f), ERR_FORBIDDEN, &f, "no role");
  admins.role = TEXT("auditor");
  token_identity_declare(tokens, &admins, 1);
  forge_expect(read_bearer(t, NOW_US, &b, &f), ERR_OK, &f, NULL);
  assert_true(text_equal(b.name, TEXT("idp")) && text_equal(b.subject, TEXT("alice")));
  assert_true(text_equal(b.user, TEXT("alice@b.c")) && text_equal(b.role, TEXT("auditor")));
  b.subject = TEXT("nobody");
  forge_expect(read_bearer(t, NOW_US + 61 * SECOND, &b, &f), ERR_UNAUTHENTICATED, &f, NULL);
  forge_expect(read_bearer(text_head(t, t.len - 2), NOW_US, &b, &f), ERR_UNAUTHENTICATED, &f, NULL);
  forge_expect(read_bearer(TEXT("a.b.c"), NOW_US, &b, &f), ERR_UNAUTHENTICATED, &f, NULL);
  forge_expect(read_bearer(TEXT("weir_key"), NOW_US, &b, &f), ERR_UNAUTHENTICATED, &f, NULL);
  token_identity_declare(tokens, NULL, 0);
  forge_expect(read_bearer(t, NOW_US, &b, &f), ERR_UNAUTHENTICATED, &f, NULL);
  assert_true(text_equal(b.subject, TEXT("nobody")));
}

static void a_token_works_until_it_expires_also_when_it_is_remembered(void **state) {
  const struct principal *p;
  struct fault f;
  struct text t = token_of("alice", NOW_S + 60);
  for (int64_t s = 0; s < 60; s += 20) {
    forge_expect(find(t, (NOW_S + s) * SECOND, &p, &f), ERR_OK, &f, NULL);
    port->unref(p);
  }
  assert_int_equal(publisher.asked, 1);
  forge_expect(find(t, (NOW_S + 60) * SECOND, &p, &f), ERR_UNAUTHENTICATED, &f, "expired");
  forge_expect(find(t, (NOW_S + 61) * SECOND, &p, &f), ERR_UNAUTHENTICATED, &f, "expired");
}

/* Remembered is the whole token: the same claims with another signature are another token. */
static void a_remembered_token_lends_nothing_to_another(void **state) {
  const struct principal *p;
  struct fault f;
  struct text t = token_of("alice", NOW_S + 60);
  forge_expect(find(t, NOW_US, &p, &f), ERR_OK, &f, NULL);
  port->unref(p);
  char *changed = malloc(t.len);
  for (size_t i = 0; i < t.len; i++) {
    memcpy(changed, t.at, t.len);
    changed[i] = changed[i] == 'A' ? 'Q' : 'A';
    if (find((struct text){changed, t.len}, NOW_US, &p, &f) == ERR_OK)
      fail_msg("byte %zu may be changed", i);
  }
  free(changed);
}

static void an_algorithm_that_is_not_allowed_is_refused(void **state) {
  const struct principal *p;
  struct fault f;
  struct token_issuer i = issuer_named("idp");
  i.algorithms = 1U << JWS_RS256;
  token_identity_declare(tokens, &i, 1);
  forge_expect(find(token_of("alice", NOW_S + 60), NOW_US, &p, &f), ERR_UNAUTHENTICATED, &f,
               "ES256, which is not allowed");
}

static void what_is_no_token_of_ours_is_the_keys_matter(void **state) {
  const struct principal *p;
  struct fault f;
  struct text others = forge_token(&forge.arena, forge.p256, JWS_ES256, TEXT("{\"alg\":\"ES256\"}"),
                                   TEXT("{\"iss\":\"https://other\"}"));
  forge_expect(find(TEXT("weir_abc"), NOW_US, &p, &f), ERR_UNAUTHENTICATED, &f, "no such key");
  forge_expect(find(others, NOW_US, &p, &f), ERR_UNAUTHENTICATED, &f, "no such key");
  forge_expect(find(TEXT("a.b.c"), NOW_US, &p, &f), ERR_UNAUTHENTICATED, &f, "no such key");
  assert_int_equal(keys.asked, 3);
  assert_int_equal(publisher.asked, 0);
  assert_true(port->is_ours(port, TEXT("weir_abc")));
  assert_true(port->is_ours(port, token_of("alice", 1))); /* expired, but never to be sent on */
  assert_false(port->is_ours(port, others));
  assert_false(port->is_ours(port, TEXT("sk-ant-123")));
}

static void a_reload_keeps_keys_and_forgets_tokens(void **state) {
  const struct principal *p;
  struct fault f;
  struct text t = token_of("alice", NOW_S + 60);
  forge_expect(find(t, NOW_US, &p, &f), ERR_OK, &f, NULL);
  port->unref(p);
  struct token_issuer changed = issuer_named("idp");
  changed.limits.rpm = 9;
  token_identity_declare(tokens, &changed, 1);
  forge_expect(find(t, NOW_US, &p, &f), ERR_OK, &f, NULL);
  assert_int_equal(p->rpm, 9);
  port->unref(p);
  assert_int_equal(publisher.asked, 1);
  token_identity_declare(tokens, NULL, 0);
  forge_expect(find(t, NOW_US, &p, &f), ERR_UNAUTHENTICATED, &f, "no such key");
}

static void an_issuer_signs_for_nobody_elses_tokens(void **state) {
  struct forge stranger;
  forge_open(&stranger);
  struct publisher second = {.keys = arena_format(&forge.arena, "{\"keys\":[%.*s]}",
                                                  TEXT_ARGS(forge_jwk(&forge.arena, stranger.p256, ",\"kid\":\"p\"")))};
  struct token_issuer both[] = {issuer_named("idp"), issuer_named("two")};
  const struct principal *p;
  struct fault f;
  both[1].keys.issuer = TEXT("https://two.example");
  both[1].keys.fetch_data = &second;
  token_identity_declare(tokens, both, 2);
  struct text claims = TEXT("{\"iss\":\"" ISSUER "\",\"aud\":\"weir\",\"exp\":1800000060,\"nbf\":1,\"sub\":\"x\"}");
  struct text forged =
      forge_token(&forge.arena, stranger.p256, JWS_ES256, TEXT("{\"alg\":\"ES256\",\"kid\":\"p\"}"), claims);
  forge_expect(find(forged, NOW_US, &p, &f), ERR_UNAUTHENTICATED, &f, "signature");
  forge_close(&stranger);
}

static void an_issuer_that_is_away_is_not_the_callers_fault(void **state) {
  const struct principal *p;
  struct fault f;
  publisher.away = ERR_NETWORK;
  forge_expect(find(token_of("alice", NOW_S + 60), NOW_US, &p, &f), ERR_UNAVAILABLE, &f, "cannot be had");
  assert_true(f.retry_after_s > 0);
}

int main(void) {
#define TOKEN_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_tokens, close_tokens)
  const struct CMUnitTest tests[] = {
      TOKEN_TEST(a_subject_of_an_issuer_is_a_principal_with_its_limits),
      TOKEN_TEST(a_subject_has_the_role_of_its_issuer_and_none_without),
      TOKEN_TEST(a_token_works_until_it_expires_also_when_it_is_remembered),
      TOKEN_TEST(a_remembered_token_lends_nothing_to_another),
      TOKEN_TEST(an_algorithm_that_is_not_allowed_is_refused),
      TOKEN_TEST(what_is_no_token_of_ours_is_the_keys_matter),
      TOKEN_TEST(a_reload_keeps_keys_and_forgets_tokens),
      TOKEN_TEST(an_issuer_signs_for_nobody_elses_tokens),
      TOKEN_TEST(an_issuer_that_is_away_is_not_the_callers_fault),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
