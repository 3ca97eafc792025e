/* Addresses: what they leave open is added, and a bad one is refused without a word of it. */
#include "store/postgres.h"

#include "expect.h"

static const char *value_of(const struct postgres_address *a, const char *key) {
  for (size_t i = 0; i < a->count; i++)
    if (strcmp(a->keys[i], key) == 0)
      return a->values[i];
  return NULL;
}

static void expect_setting(const char *url, const char *key, const char *want) {
  struct postgres_address a;
  EXPECT_OK(postgres_address_read(text_of(url), false, 5000, &a, &test_fault));
  const char *got = value_of(&a, key);
  if (!got || strcmp(got, want) != 0)
    fail_msg("%s: %s is %s, expected %s", url, key, got ? got : "not set", want);
  postgres_address_done(&a);
}

static void the_parts_of_an_address_are_read(void **state) {
  static const char url[] = "postgres://ann:hush%40word@db.example:5433/weir?application_name=mine";
  expect_setting(url, "user", "ann");
  expect_setting(url, "password", "hush@word");
  expect_setting(url, "host", "db.example");
  expect_setting(url, "port", "5433");
  expect_setting(url, "dbname", "weir");
  expect_setting(url, "application_name", "mine");
}

static void another_machine_must_prove_who_it_is_unless_the_address_says_otherwise(void **state) {
  static const char *const cases[][2] = {
      {"postgres://u:p@db.example/d", "verify-full"},
      {"postgres://u:p@10.0.0.7/d", "verify-full"},
      {"postgres://u:p@127.0.0.1,db.example/d", "verify-full"},
      {"postgres://u:p@localhost.example/d", "verify-full"},
      {"postgres://u:p@/d?hostaddr=10.0.0.7", "verify-full"},
      {"postgres://u:p@db.example/d?sslmode=require", "require"},
      {"postgres://u:p@localhost/d", "prefer"},
      {"postgres://u:p@127.0.0.1:5433/d", "prefer"},
      {"postgres://u:p@[::1]/d", "prefer"},
      {"postgres://u:p@%2Frun%2Fpostgresql/d", "prefer"},
      {"postgres://u:p@localhost/d?sslmode=verify-full", "verify-full"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect_setting(cases[i][0], "sslmode", cases[i][1]);
}

static void dead_peers_and_standbys_are_noticed(void **state) {
  static const char url[] = "postgres://u:p@db.example/d";
  expect_setting(url, "connect_timeout", "5");
  expect_setting(url, "tcp_user_timeout", "30000");
  expect_setting(url, "keepalives_idle", "30");
  expect_setting(url, "target_session_attrs", "read-write");
  expect_setting("postgres://u:p@h/d?connect_timeout=9", "connect_timeout", "9");
}

static void a_bad_address_is_refused_and_none_of_it_shown(void **state) {
  static const char *const bad[] = {
      "postgres://u:hush@word@db.example/d",
      "postgres://u:hush/word@db.example/d",
      "postgres://u:1/hush@db.example/d",
      "postgres://u:hush%zz@db.example/d",
      "postgres://u:p@db.example:hush/d",
      "postgres://u:p@db.example:70000/d",
      "postgres://u:p@db.example/d?hush=yes",
      "postgres://u:p@[::1/hush",
      "mysql://hush",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct postgres_address a;
    test_fault = (struct fault){0};
    enum err e = postgres_address_read(text_of(bad[i]), false, 5000, &a, &test_fault);
    if (e != ERR_CONFIG || strstr(test_fault.text, "hush") || strcmp(test_fault.field, "store") != 0)
      fail_msg("%s: %s, \"%s\"", bad[i], err_name(e), test_fault.text);
  }
}

static void the_place_names_no_secret(void **state) {
  struct postgres_address a;
  EXPECT_OK(postgres_address_read(TEXT("postgres://ann:hush@db.example:5433/weir"), true, 1, &a, &test_fault));
  assert_string_equal(a.place, "db.example:5433/weir");
  assert_string_equal(value_of(&a, "connect_timeout"), "2");
  assert_string_equal(value_of(&a, "target_session_attrs"), "any"); /* a replica takes no changes */
  postgres_address_done(&a);
}

static void an_address_is_checked_without_going_there(void **state) {
  EXPECT_OK(store_check_address(TEXT("postgres://u:p@192.0.2.1/d"), &test_fault));
  EXPECT_ERR(store_check_address(TEXT("postgres://u:p@ss@192.0.2.1/d"), &test_fault), ERR_CONFIG);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_parts_of_an_address_are_read),
      cmocka_unit_test(another_machine_must_prove_who_it_is_unless_the_address_says_otherwise),
      cmocka_unit_test(dead_peers_and_standbys_are_noticed),
      cmocka_unit_test(a_bad_address_is_refused_and_none_of_it_shown),
      cmocka_unit_test(the_place_names_no_secret),
      cmocka_unit_test(an_address_is_checked_without_going_there),
  };
  return RUN_TESTS(tests);
}
