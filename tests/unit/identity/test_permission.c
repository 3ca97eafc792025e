/* The table of permissions: names, built-in roles, sets of names. */
#include "ports/permission.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void test_every_permission_is_found_by_its_name_and_is_explained(void **state) {
  for (enum permission p = 0; p < PERMISSION_COUNT; p++) {
    enum permission found = PERMISSION_COUNT;
    assert_true(permission_find(text_of(permission_name(p)), &found));
    assert_int_equal(found, p);
    assert_true(strlen(permission_help(p)) > 3);
    assert_null(strchr(permission_name(p), ' ')); /* a set is names with spaces between */
  }
}

static void test_a_name_that_is_none_is_not_found(void **state) {
  enum permission p = PERMISSION_COUNT;
  enum builtin_role r = ROLE_BUILTIN_COUNT;
  assert_false(permission_find(TEXT("keys"), &p));
  assert_false(permission_find(TEXT(""), &p));
  assert_false(permission_find(TEXT("KEYS.READ"), &p));
  assert_false(builtin_role_find(TEXT("Owner"), &r));
  assert_int_equal(p, PERMISSION_COUNT);
  assert_int_equal(r, ROLE_BUILTIN_COUNT);
}

static void test_an_owner_may_everything_and_a_viewer_changes_nothing(void **state) {
  assert_int_equal(builtin_role_permissions(ROLE_OWNER), PERMISSION_ALL);
  for (enum permission p = 0; p < PERMISSION_COUNT; p++)
    if (builtin_role_permissions(ROLE_VIEWER) & PERMISSION_BIT(p) ||
        builtin_role_permissions(ROLE_AUDITOR) & PERMISSION_BIT(p))
      assert_null(strstr(permission_name(p), ".write"));
}

static void test_every_built_in_role_has_less_than_the_owner_and_something(void **state) {
  for (enum builtin_role r = 0; r < ROLE_BUILTIN_COUNT; r++) {
    enum builtin_role found = ROLE_BUILTIN_COUNT;
    assert_true(builtin_role_find(text_of(builtin_role_name(r)), &found));
    assert_int_equal(found, r);
    assert_true(builtin_role_permissions(r) != 0);
    assert_true(r == ROLE_OWNER || builtin_role_permissions(r) != PERMISSION_ALL);
  }
  assert_false(builtin_role_permissions(ROLE_ADMIN) & PERMISSION_BIT(PERMISSION_ROLES_WRITE));
  assert_false(builtin_role_permissions(ROLE_MEMBER) & PERMISSION_BIT(PERMISSION_KEYS_READ));
}

static void test_a_set_is_read_and_what_is_unknown_in_it_permits_nothing(void **state) {
  uint64_t set = permission_set_read(TEXT("keys.read  usage.own keys.teleport "));
  assert_int_equal(set, PERMISSION_BIT(PERMISSION_KEYS_READ) | PERMISSION_BIT(PERMISSION_USAGE_OWN));
  assert_int_equal(permission_set_read(TEXT("")), 0);
  assert_int_equal(permission_set_read(TEXT("keys.read,usage.own")), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_permission_is_found_by_its_name_and_is_explained),
      cmocka_unit_test(test_a_name_that_is_none_is_not_found),
      cmocka_unit_test(test_an_owner_may_everything_and_a_viewer_changes_nothing),
      cmocka_unit_test(test_every_built_in_role_has_less_than_the_owner_and_something),
      cmocka_unit_test(test_a_set_is_read_and_what_is_unknown_in_it_permits_nothing),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("permission", tests, NULL, NULL);
}
