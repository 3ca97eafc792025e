/* What a caller may do, everywhere and in one workspace. */
#include "ports/caller.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct caller_workspace workspaces[] = {
    {.id = 7, .permissions = PERMISSION_BIT(PERMISSION_KEYS_WRITE)},
    {.id = 8, .permissions = PERMISSION_BIT(PERMISSION_AUDIT_READ)},
};
static const struct caller ann = {.kind = CALLER_USER,
                                  .permissions = PERMISSION_BIT(PERMISSION_USAGE_OWN),
                                  .workspaces = workspaces,
                                  .workspace_count = 2};

static void test_what_one_may_everywhere_one_may_in_every_workspace(void **state) {
  assert_true(caller_may(&ann, PERMISSION_USAGE_OWN));
  assert_true(caller_may_in(&ann, PERMISSION_USAGE_OWN, 7));
  assert_true(caller_may_in(&ann, PERMISSION_USAGE_OWN, 99));
  assert_true(caller_may_in(&ann, PERMISSION_USAGE_OWN, 0));
}

static void test_what_one_may_in_a_workspace_one_may_only_there(void **state) {
  assert_true(caller_may_in(&ann, PERMISSION_KEYS_WRITE, 7));
  assert_false(caller_may_in(&ann, PERMISSION_KEYS_WRITE, 8));
  assert_false(caller_may_in(&ann, PERMISSION_KEYS_WRITE, 99));
  assert_false(caller_may_in(&ann, PERMISSION_KEYS_WRITE, 0));
  assert_false(caller_may(&ann, PERMISSION_KEYS_WRITE));
}

static void test_somewhere_is_everywhere_or_in_one_workspace(void **state) {
  struct caller nobody = {0};
  assert_true(caller_may_somewhere(&ann, PERMISSION_USAGE_OWN));
  assert_true(caller_may_somewhere(&ann, PERMISSION_AUDIT_READ));
  assert_false(caller_may_somewhere(&ann, PERMISSION_ROLES_WRITE));
  for (enum permission p = 0; p < PERMISSION_COUNT; p++)
    assert_false(caller_may_somewhere(&nobody, p));
}

static void test_what_one_may_give_is_what_one_has_there(void **state) {
  uint64_t own = PERMISSION_BIT(PERMISSION_USAGE_OWN);
  assert_int_equal(caller_permissions_in(&ann, 0), own);
  assert_int_equal(caller_permissions_in(&ann, 7), own | PERMISSION_BIT(PERMISSION_KEYS_WRITE));
  assert_int_equal(caller_permissions_in(&ann, 9), own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_one_may_everywhere_one_may_in_every_workspace),
      cmocka_unit_test(test_what_one_may_in_a_workspace_one_may_only_there),
      cmocka_unit_test(test_somewhere_is_everywhere_or_in_one_workspace),
      cmocka_unit_test(test_what_one_may_give_is_what_one_has_there),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
