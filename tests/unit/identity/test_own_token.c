/* Tokens of ours on the data paths: a service account that may chat is a principal, everybody else is refused, and what
 * is no token of ours is passed on. */
#include "identity/own_token.h"

#include "oauth_world.h"

static unsigned passed;

static enum err next_find(struct identity *self, struct text key, int64_t now_us, const struct principal **out,
                          struct fault *f) {
  passed++;
  return fault_set(f, ERR_UNAUTHENTICATED, NULL, "no such key");
}
static bool next_is_ours(struct identity *self, struct text key) {
  passed++;
  return false;
}
static struct identity next = {.find = next_find, .is_ours = next_is_ours};

static enum err find(struct oauth_world *x, struct own_identity *o, struct text key, int64_t now_us,
                     const struct principal **out) {
  x->fault = (struct fault){0};
  return o->port.find(&o->port, key, now_us, out, &x->fault);
}

static void a_service_account_that_may_chat_is_a_principal(void **state) {
  struct oauth_world *x = world_new();
  const struct principal *p = NULL;
  struct own_identity o;
  struct text token;
  own_identity_init(&o, &next, x->mint, x->rights, NULL);
  passed = 0;
  world_grant(x, "member", 0);
  world_expect(x, world_ask(x, "", NOW, &token), ERR_OK, NULL);
  assert_true(o.port.is_ours(&o.port, token));
  world_expect(x, find(x, &o, token, NOW, &p), ERR_OK, NULL);
  assert_int_equal(passed, 0);
  struct text name = arena_format(&x->arena, "service:%lld", (long long)x->account);
  assert_true(text_equal(p->name, name) && text_equal(p->user, name));
  assert_int_equal(p->workspace.len, 0);
  assert_int_equal(p->org_id, 1);
  assert_true(p->id < 0);
  assert_int_equal(p->expires_us, NOW + OAUTH_TOKEN_LIFE_S * SECOND);
  o.port.unref(p);
  world_expect(x, find(x, &o, token, NOW + 2 * OAUTH_TOKEN_LIFE_S * SECOND, &p), ERR_UNAUTHENTICATED, "exp");
  world_free(x);
}

static void it_is_in_the_workspace_where_it_may_chat(void **state) {
  struct oauth_world *x = world_new();
  const struct people_row lab = {.org_id = 1, .name = TEXT("lab"), .created_us = 1};
  const struct principal *p = NULL;
  struct own_identity o;
  struct text token;
  int64_t workspace = 0;
  own_identity_init(&o, &next, x->mint, x->rights, NULL);
  world_expect(x, x->store->ops->people->create(x->store, PEOPLE_WORKSPACE, &lab, TEST_ACTOR, &workspace, &x->fault),
               ERR_OK, NULL);
  world_grant(x, "member", workspace);
  world_expect(x, world_ask(x, "", NOW, &token), ERR_OK, NULL);
  world_expect(x, find(x, &o, token, NOW, &p), ERR_OK, NULL);
  assert_true(text_equal(p->workspace, TEXT("lab")));
  o.port.unref(p);
  world_free(x);
}

static void who_may_not_chat_or_is_a_person_is_refused(void **state) {
  struct oauth_world *x = world_new();
  const struct principal *p = NULL;
  struct own_identity o;
  struct text token;
  struct buf b;
  own_identity_init(&o, &next, x->mint, x->rights, NULL);
  world_grant(x, "viewer", 0);
  world_expect(x, world_ask(x, "", NOW, &token), ERR_OK, NULL);
  world_expect(x, find(x, &o, token, NOW, &p), ERR_FORBIDDEN, "chat.use");
  world_grant(x, "member", 0);
  world_expect(x, world_ask(x, "keys.own", NOW, &token), ERR_OK, NULL);
  world_expect(x, find(x, &o, token, NOW, &p), ERR_FORBIDDEN, "scope");
  buf_init(&b, 8192);
  const struct mint_claims person = {.subject = TEXT("user:1"), .org_id = 1, .expires_us = NOW + 60 * SECOND};
  world_expect(x, mint_sign(x->mint, &person, NOW, &b, &x->fault), ERR_OK, NULL);
  world_expect(x, find(x, &o, buf_text(&b), NOW, &p), ERR_UNAUTHENTICATED, "person");
  assert_null(p);
  buf_done(&b);
  world_free(x);
}

static void rights_that_are_taken_away_are_gone_within_a_second(void **state) {
  struct oauth_world *x = world_new();
  struct people_row robot = {.id = x->account, .org_id = 1, .name = TEXT("robot"), .is_disabled = true};
  const struct principal *p = NULL;
  struct own_identity o;
  struct text token;
  own_identity_init(&o, &next, x->mint, x->rights, NULL);
  world_grant(x, "member", 0);
  world_expect(x, world_ask(x, "", NOW, &token), ERR_OK, NULL);
  world_expect(x, find(x, &o, token, NOW, &p), ERR_OK, NULL);
  o.port.unref(p);
  p = NULL;
  world_expect(x, x->store->ops->people->update(x->store, PEOPLE_SERVICE, &robot, 0, TEST_ACTOR, &x->fault), ERR_OK,
               NULL);
  world_expect(x, find(x, &o, token, NOW + RIGHTS_KEPT_US + SECOND, &p), ERR_UNAUTHENTICATED, NULL);
  assert_null(p);
  world_free(x);
}

static void what_is_no_token_of_ours_is_passed_on(void **state) {
  struct oauth_world *x = world_new();
  const struct principal *p = NULL;
  struct own_identity o;
  own_identity_init(&o, &next, x->mint, x->rights, NULL);
  passed = 0;
  world_expect(x, find(x, &o, TEXT("weir_key"), NOW, &p), ERR_UNAUTHENTICATED, "no such key");
  world_expect(x, find(x, &o, TEXT("e30.e30.e30"), NOW, &p), ERR_UNAUTHENTICATED, "no such key");
  assert_false(o.port.is_ours(&o.port, TEXT("weir_key")));
  assert_int_equal(passed, 3);
  world_free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_service_account_that_may_chat_is_a_principal),
      cmocka_unit_test(it_is_in_the_workspace_where_it_may_chat),
      cmocka_unit_test(who_may_not_chat_or_is_a_person_is_refused),
      cmocka_unit_test(rights_that_are_taken_away_are_gone_within_a_second),
      cmocka_unit_test(what_is_no_token_of_ours_is_passed_on),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("own_token", tests, NULL, NULL);
}
