/* Tokens for service accounts: who gets one, what is in it, and that who gets none learns nothing about why. */
#include "oauth_world.h"

static void a_secret_is_worth_a_token_of_its_account(void **state) {
  struct oauth_world *x = world_new();
  struct mint_claims c;
  struct people_row robot;
  struct text token;
  world_grant(x, "admin", 0);
  world_expect(x, world_ask(x, "", NOW, &token), ERR_OK, NULL);
  world_expect(x, mint_check(x->mint, token, NOW, &x->arena, &c, &x->fault), ERR_OK, NULL);
  assert_true(text_equal(c.subject, arena_format(&x->arena, "service:%lld", (long long)x->account)));
  assert_int_equal(c.org_id, 1);
  assert_int_equal(c.scope.len, 0);
  assert_int_equal(c.expires_us, NOW + OAUTH_TOKEN_LIFE_S * SECOND);
  world_expect(x, x->store->ops->people->get(x->store, PEOPLE_SERVICE, 1, x->account, &x->arena, &robot, &x->fault),
               ERR_OK, NULL);
  assert_int_equal(robot.last_seen_us, NOW);
  world_free(x);
}

static void the_issuer_outlives_the_configuration_it_came_from(void **state) {
  struct oauth_world *x = world_new();
  assert_true(text_equal(x->desk.port.issuer, TEXT(ISSUER)));
  world_free(x);
}

static void a_scope_narrows_and_never_widens(void **state) {
  struct oauth_world *x = world_new();
  struct mint_claims c;
  struct text token;
  world_grant(x, "member", 0);
  world_expect(x, world_ask(x, "keys.own chat.use", NOW, &token), ERR_OK, NULL);
  world_expect(x, mint_check(x->mint, token, NOW, &x->arena, &c, &x->fault), ERR_OK, NULL);
  assert_true(text_equal(c.scope, TEXT("keys.own chat.use")));
  world_expect(x, world_ask(x, "keys.write", NOW, NULL), ERR_FORBIDDEN, NULL);
  world_expect(x, world_ask(x, "chat.use keys.write", NOW, NULL), ERR_FORBIDDEN, NULL);
  world_expect(x, world_ask(x, "everything", NOW, NULL), ERR_FORBIDDEN, NULL);
  world_free(x);
}

static void who_is_not_let_in_is_told_nothing_about_why(void **state) {
  struct oauth_world *x = world_new();
  char words[384], longer[CLIENT_SECRET_BYTES + 1];
  struct text id = {x->client_id, x->client_id_len}, secret = {x->client_secret, sizeof x->client_secret};
  world_grant(x, "admin", 0);
  world_expect(x, world_ask_as(x, id, TEXT("wrong"), "", NOW, NULL), ERR_UNAUTHENTICATED, NULL);
  memcpy(words, x->fault.text, sizeof words);
  memcpy(longer, secret.at, secret.len);
  longer[CLIENT_SECRET_BYTES] = 'x';
  const struct text ids[] = {TEXT("svc_99"), TEXT("svc_0"),  TEXT("svc_-1"),  TEXT("service:1"),
                             TEXT(""),       TEXT("svc_1 "), TEXT("' OR 1=1")};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    world_expect(x, world_ask_as(x, ids[i], secret, "", NOW, NULL), ERR_UNAUTHENTICATED, words);
    assert_string_equal(x->fault.text, words);
  }
  world_expect(x, world_ask_as(x, id, (struct text){longer, sizeof longer}, "", NOW, NULL), ERR_UNAUTHENTICATED, words);
  world_expect(x, world_ask_as(x, id, text_head(secret, secret.len - 1), "", NOW, NULL), ERR_UNAUTHENTICATED, words);
  world_expect(x, world_ask_as(x, id, TEXT(""), "", NOW, NULL), ERR_UNAUTHENTICATED, words);
  world_expect(x, world_ask(x, "", NOW, NULL), ERR_OK, NULL);
  world_free(x);
}

static void a_secret_ends_and_can_be_removed(void **state) {
  struct oauth_world *x = world_new();
  world_grant(x, "admin", 0);
  world_secret(x, NOW + SECOND);
  world_expect(x, world_ask(x, "", NOW, NULL), ERR_OK, NULL);
  world_expect(x, world_ask(x, "", NOW + SECOND, NULL), ERR_UNAUTHENTICATED, NULL);
  world_secret(x, 0);
  world_expect(x, x->store->ops->service_secrets->remove(x->store, 1, x->account, x->secret_id, TEST_ACTOR, &x->fault),
               ERR_OK, NULL);
  world_expect(x, world_ask(x, "", NOW, NULL), ERR_UNAUTHENTICATED, NULL);
  world_free(x);
}

static void a_disabled_or_removed_account_gets_none(void **state) {
  struct oauth_world *x = world_new();
  struct people_row robot = {.id = x->account, .org_id = 1, .name = TEXT("robot"), .is_disabled = true};
  world_expect(x, world_ask(x, "", NOW, NULL), ERR_OK, NULL);
  world_expect(x, x->store->ops->people->update(x->store, PEOPLE_SERVICE, &robot, 0, TEST_ACTOR, &x->fault), ERR_OK,
               NULL);
  world_expect(x, world_ask(x, "", NOW + 2 * SECOND, NULL), ERR_UNAUTHENTICATED, NULL);
  world_expect(x, x->store->ops->people->remove(x->store, PEOPLE_SERVICE, 1, x->account, 0, TEST_ACTOR, &x->fault),
               ERR_OK, NULL);
  world_expect(x, world_ask(x, "", NOW + 4 * SECOND, NULL), ERR_UNAUTHENTICATED, NULL);
  world_free(x);
}

static void secrets_are_made_at_random_and_hashed_for_this_purpose_alone(void **state) {
  struct oauth_world *x = world_new();
  char first[CLIENT_SECRET_BYTES], second[CLIENT_SECRET_BYTES];
  uint8_t hash[SECRET_HMAC_BYTES], plain[SECRET_HMAC_BYTES];
  struct text shown = {first, sizeof first};
  client_secret_make(first);
  client_secret_make(second);
  assert_memory_equal(first, "weirsec", 7);
  assert_memory_not_equal(first, second, sizeof first);
  client_secret_hash(x->server_secret, shown, hash);
  secret_hmac(x->server_secret, shown, plain);
  assert_memory_not_equal(hash, plain, sizeof hash); /* or a client's secret would be a key */
  world_free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_secret_is_worth_a_token_of_its_account),
      cmocka_unit_test(the_issuer_outlives_the_configuration_it_came_from),
      cmocka_unit_test(a_scope_narrows_and_never_widens),
      cmocka_unit_test(who_is_not_let_in_is_told_nothing_about_why),
      cmocka_unit_test(a_secret_ends_and_can_be_removed),
      cmocka_unit_test(a_disabled_or_removed_account_gets_none),
      cmocka_unit_test(secrets_are_made_at_random_and_hashed_for_this_purpose_alone),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("oauth", tests, NULL, NULL);
}
