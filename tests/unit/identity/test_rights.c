/* Rights put together from grants over a store in memory, and how long they are kept. */
#include "identity/rights.h"

#include "store/store.h"

#include "support/actor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct store *store;
static struct rights *rights;
static struct arena arena;
static struct fault fault;

#define EXPECT_OK(call)                                                                                                \
  do {                                                                                                                 \
    enum err err_ = (call);                                                                                            \
    if (err_)                                                                                                          \
      fail_msg("%s: %s (%s)", #call, err_name(err_), fault.text);                                                      \
  } while (0)

static int64_t make(enum people_kind kind, const char *name, const char *text) {
  struct people_row r = {.org_id = 1, .name = text_of(name), .text = text_of(text), .created_us = 5};
  int64_t id = 0;
  EXPECT_OK(store->ops->people->create(store, kind, &r, TEST_ACTOR, &id, &fault));
  return id;
}

static int64_t grant(enum grant_to to, int64_t to_id, int64_t workspace_id, const char *role) {
  struct people_grant g = {
      .org_id = 1, .to = to, .to_id = to_id, .workspace_id = workspace_id, .role = text_of(role), .created_us = 5};
  int64_t id = 0;
  EXPECT_OK(store->ops->people->grant(store, &g, TEST_ACTOR, &id, &fault));
  return id;
}

static struct caller find(enum people_kind kind, int64_t id, int64_t now_us) {
  struct caller c = {0};
  EXPECT_OK(rights_find(rights, kind, id, now_us, &arena, &c, &fault));
  return c;
}

static int open(void **state) {
  arena_init(&arena);
  EXPECT_OK(store_open_memory(&store, &fault));
  rights = rights_new(store);
  return 0;
}

static int close(void **state) {
  rights_free(rights);
  store->ops->close(store);
  arena_done(&arena);
  return 0;
}

static void test_own_grants_and_those_of_teams_add_up(void **state) {
  int64_t ann = make(PEOPLE_USER, "Ann", "ann@example.com"), lab = make(PEOPLE_WORKSPACE, "lab", ""),
          team = make(PEOPLE_TEAM, "ops", ""), role = make(PEOPLE_ROLE, "keeper", "keys.read keys.write no.such");
  char custom[32];
  snprintf(custom, sizeof(custom), "role:%lld", (long long)role);
  grant(GRANT_TO_USER, ann, 0, "viewer");
  grant(GRANT_TO_USER, ann, lab, custom);
  grant(GRANT_TO_TEAM, team, lab, "member");
  grant(GRANT_TO_TEAM, team, 0, "auditor");
  struct caller c = find(PEOPLE_USER, ann, 10);
  assert_int_equal(c.kind, CALLER_USER);
  assert_int_equal(c.id, ann);
  assert_int_equal(c.org_id, 1);
  assert_true(text_equal(c.actor, TEXT("user:1")));
  assert_true(text_equal(c.email, TEXT("ann@example.com")));
  assert_int_equal(c.since_us, 5); /* when she was made */
  assert_int_equal(c.permissions, builtin_role_permissions(ROLE_VIEWER));
  assert_int_equal(c.workspace_count, 1);
  assert_int_equal(c.workspaces[0].id, lab);
  assert_true(text_equal(c.workspaces[0].name, TEXT("lab")));
  assert_int_equal(c.workspaces[0].permissions,
                   PERMISSION_BIT(PERMISSION_KEYS_READ) | PERMISSION_BIT(PERMISSION_KEYS_WRITE));
  EXPECT_OK(store->ops->people->team_put(store, 1, team, ann, true, TEST_ACTOR, &fault));
  rights_forget(rights);
  c = find(PEOPLE_USER, ann, 11);
  assert_int_equal(c.permissions, builtin_role_permissions(ROLE_VIEWER) | builtin_role_permissions(ROLE_AUDITOR));
  assert_int_equal(c.workspace_count, 1);
  assert_true(c.workspaces[0].permissions & PERMISSION_BIT(PERMISSION_CHAT_USE));
}

static void test_a_service_account_has_its_own(void **state) {
  int64_t bot = make(PEOPLE_SERVICE, "bot", "");
  make(PEOPLE_USER, "Ann", "ann@example.com");
  grant(GRANT_TO_SERVICE, bot, 0, "member");
  struct caller c = find(PEOPLE_SERVICE, bot, 10), ann = find(PEOPLE_USER, 1, 10);
  assert_int_equal(c.kind, CALLER_SERVICE);
  assert_true(text_equal(c.actor, TEXT("service:1")));
  assert_int_equal(c.email.len, 0);
  assert_int_equal(c.permissions, builtin_role_permissions(ROLE_MEMBER));
  assert_int_equal(ann.permissions, 0); /* of the same number */
}

static void test_calls_are_somebodys_since_they_have_the_address(void **state) {
  int64_t ann = make(PEOPLE_USER, "Ann", "ann@example.com"), bot = make(PEOPLE_SERVICE, "bot", "");
  struct people_row r = {0};
  EXPECT_OK(store->ops->people->get(store, PEOPLE_USER, 1, ann, &arena, &r, &fault));
  r.text = TEXT("ann@example.org");
  EXPECT_OK(store->ops->people->update(store, PEOPLE_USER, &r, 0, TEST_ACTOR, &fault));
  assert_true(find(PEOPLE_USER, ann, 10).since_us > 1700000000000000);
  assert_int_equal(find(PEOPLE_SERVICE, bot, 10).since_us, 0);
}

static void test_a_role_of_a_newer_program_permits_nothing(void **state) {
  int64_t ann = make(PEOPLE_USER, "Ann", "ann@example.com");
  grant(GRANT_TO_USER, ann, 0, "emperor");
  assert_int_equal(find(PEOPLE_USER, ann, 10).permissions, 0);
}

static void test_what_was_taken_away_is_gone_in_a_second_or_when_told(void **state) {
  int64_t ann = make(PEOPLE_USER, "Ann", "ann@example.com"), given = grant(GRANT_TO_USER, ann, 0, "admin");
  assert_true(find(PEOPLE_USER, ann, 1000).permissions != 0);
  EXPECT_OK(store->ops->people->revoke(store, 1, given, TEST_ACTOR, &fault));
  assert_true(find(PEOPLE_USER, ann, 1000 + RIGHTS_KEPT_US - 1).permissions != 0);
  assert_int_equal(find(PEOPLE_USER, ann, 1000 + RIGHTS_KEPT_US).permissions, 0);
  given = grant(GRANT_TO_USER, ann, 0, "admin");
  rights_forget(rights);
  assert_true(find(PEOPLE_USER, ann, 2000000).permissions != 0);
  EXPECT_OK(store->ops->people->revoke(store, 1, given, TEST_ACTOR, &fault));
  rights_forget(rights);
  assert_int_equal(find(PEOPLE_USER, ann, 2000001).permissions, 0);
}

static void test_a_clock_that_goes_back_keeps_nothing(void **state) {
  int64_t ann = make(PEOPLE_USER, "Ann", "ann@example.com"), given = grant(GRANT_TO_USER, ann, 0, "admin");
  assert_true(find(PEOPLE_USER, ann, 5000000).permissions != 0);
  EXPECT_OK(store->ops->people->revoke(store, 1, given, TEST_ACTOR, &fault));
  assert_int_equal(find(PEOPLE_USER, ann, 10).permissions, 0);
}

static void test_who_is_disabled_or_gone_is_nobody(void **state) {
  int64_t ann = make(PEOPLE_USER, "Ann", "ann@example.com");
  struct people_row r = {.id = ann, .org_id = 1, .text = TEXT("ann@example.com"), .is_disabled = true};
  struct caller c = {0};
  EXPECT_OK(store->ops->people->update(store, PEOPLE_USER, &r, 0, TEST_ACTOR, &fault));
  assert_int_equal(rights_find(rights, PEOPLE_USER, ann, 10, &arena, &c, &fault), ERR_UNAUTHENTICATED);
  assert_int_equal(rights_find(rights, PEOPLE_USER, 99, 10, &arena, &c, &fault), ERR_UNAUTHENTICATED);
  assert_int_equal(rights_find(rights, PEOPLE_SERVICE, ann, 10, &arena, &c, &fault), ERR_UNAUTHENTICATED);
}

/* A store in which somebody takes the right away, and all are told, while the answer with it is on its way. */
static int64_t meddled;

static enum err meddle(struct store *s, enum people_kind kind, int64_t id, struct arena *a, struct people_row *who,
                       struct people_right **out, size_t *count, struct fault *f) {
  enum err e = store->ops->people->rights(store, kind, id, a, who, out, count, f);
  if (meddled)
    EXPECT_OK(store->ops->people->revoke(store, 1, meddled, TEST_ACTOR, &fault));
  meddled = 0;
  rights_forget(rights);
  return e;
}

static void test_what_was_forgotten_while_it_was_read_is_not_kept(void **state) {
  static const struct store_people_ops people = {.rights = meddle};
  static const struct store_ops ops = {.people = &people};
  struct store meddling = {.ops = &ops};
  int64_t ann = make(PEOPLE_USER, "Ann", "ann@example.com");
  meddled = grant(GRANT_TO_USER, ann, 0, "admin");
  rights_free(rights);
  rights = rights_new(&meddling);
  assert_true(find(PEOPLE_USER, ann, 10).permissions != 0);
  assert_int_equal(find(PEOPLE_USER, ann, 11).permissions, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_own_grants_and_those_of_teams_add_up, open, close),
      cmocka_unit_test_setup_teardown(test_a_service_account_has_its_own, open, close),
      cmocka_unit_test_setup_teardown(test_calls_are_somebodys_since_they_have_the_address, open, close),
      cmocka_unit_test_setup_teardown(test_a_role_of_a_newer_program_permits_nothing, open, close),
      cmocka_unit_test_setup_teardown(test_what_was_taken_away_is_gone_in_a_second_or_when_told, open, close),
      cmocka_unit_test_setup_teardown(test_a_clock_that_goes_back_keeps_nothing, open, close),
      cmocka_unit_test_setup_teardown(test_who_is_disabled_or_gone_is_nobody, open, close),
      cmocka_unit_test_setup_teardown(test_what_was_forgotten_while_it_was_read_is_not_kept, open, close),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
