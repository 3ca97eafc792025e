/* Passwords, second factors and links: each is kept for one user, changed once, and gone with them. */
#include "contract.h"

#include "ports/store_people.h"
#include "ports/store_signin.h"

#include <pthread.h>

static const struct store_signin_ops *of(struct store *s) { return s->ops->signin; }

static int64_t count_audit(struct store *s, const char *action) {
  struct arena a;
  struct audit_row *rows = NULL;
  size_t count = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->audit->list(s, &(struct audit_filter){.action = text_of(action), .until_us = INT64_MAX, .max = 100},
                                &a, &rows, &count, &test_fault));
  arena_done(&a);
  return (int64_t)count;
}

static int64_t add_session(struct store *s, int64_t user) {
  struct signin_session n = {
      .user_id = user, .org_id = 1, .created_us = 10, .expires_us = 1000, .way = TEXT("password")};
  int64_t id = 0;
  EXPECT_OK(of(s)->session_add(s, &n, TEST_ACTOR, &id, &test_fault));
  return id;
}

static void a_password_is_kept_and_replaced(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct text hash = TEXT_NONE;
  arena_init(&a);
  EXPECT_ERR(of(s)->password_get(s, 7, &a, &hash, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(of(s)->password_set(s, 7, TEXT("$argon2id$one"), 0, 5, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->password_set(s, 8, TEXT("$argon2id$other"), 0, 5, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->password_set(s, 7, TEXT("$argon2id$two"), 0, 6, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->password_get(s, 7, &a, &hash, &test_fault));
  EXPECT_TEXT(hash, TEXT("$argon2id$two"));
  assert_int_equal(count_audit(s, "user.password"), 3);
  int64_t set_us = -1;
  EXPECT_OK(of(s)->password_changed(s, 7, &set_us, &test_fault));
  assert_int_equal(set_us, 6);
  EXPECT_OK(of(s)->password_upgrade(s, 7, TEXT("$argon2id$two"), TEXT("$argon2id$stronger"), &test_fault));
  EXPECT_OK(of(s)->password_changed(s, 7, &set_us, &test_fault));
  assert_int_equal(set_us, 6); /* it is the same password */
  EXPECT_OK(of(s)->password_changed(s, 9, &set_us, &test_fault));
  assert_int_equal(set_us, 0);
  arena_done(&a);
}

static void an_upgrade_never_undoes_a_change(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct text hash = TEXT_NONE;
  arena_init(&a);
  EXPECT_OK(of(s)->password_set(s, 7, TEXT("changed"), 0, 5, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->password_upgrade(s, 7, TEXT("before"), TEXT("stale"), &test_fault));
  EXPECT_OK(of(s)->password_get(s, 7, &a, &hash, &test_fault));
  EXPECT_TEXT(hash, TEXT("changed"));
  EXPECT_OK(of(s)->password_upgrade(s, 7, TEXT("changed"), TEXT("stronger"), &test_fault));
  EXPECT_OK(of(s)->password_get(s, 7, &a, &hash, &test_fault));
  EXPECT_TEXT(hash, TEXT("stronger"));
  arena_done(&a);
}

static void a_new_password_ends_other_sessions_and_open_links(void **state) {
  struct store *s = contract_store(state);
  struct signin_link link = {.kind = TEXT("reset"), .user_id = 7, .hash = {1}, .created_us = 1, .expires_us = 100};
  struct signin_session *list = NULL;
  struct arena a;
  size_t count = 0;
  int64_t user = 0, kept = add_session(s, 7), others = add_session(s, 8);
  arena_init(&a);
  (void)add_session(s, 7);
  EXPECT_OK(of(s)->link_add(s, &link, 0, &test_fault));
  EXPECT_OK(of(s)->password_set(s, 7, TEXT("new"), kept, 20, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->session_list(s, 7, 20, &a, &list, &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(list[0].id, kept);
  EXPECT_OK(of(s)->session_list(s, 8, 20, &a, &list, &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(list[0].id, others);
  EXPECT_ERR(of(s)->link_take(s, TEXT("reset"), link.hash, 20, &user, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

static void a_hash_that_is_too_long_is_refused(void **state) {
  struct store *s = contract_store(state);
  static char long_one[SIGNIN_PASSWORD_MAX + 1];
  memset(long_one, 'x', sizeof long_one);
  EXPECT_ERR(of(s)->password_set(s, 7, (struct text){long_one, sizeof long_one}, 0, 5, TEST_ACTOR, &test_fault),
             ERR_LIMIT);
  EXPECT_ERR(of(s)->password_set(s, 7, TEXT(""), 0, 5, TEST_ACTOR, &test_fault), ERR_LIMIT);
}

static void a_second_factor_counts_once_it_is_confirmed(void **state) {
  struct store *s = contract_store(state);
  static const uint8_t codes[2][SIGNIN_HASH_BYTES] = {{1}, {2}};
  struct signin_totp totp = {0};
  struct arena a;
  int64_t left = -1;
  arena_init(&a);
  EXPECT_ERR(of(s)->totp_get(s, 7, &a, &totp, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(of(s)->totp_put(s, 7, 100, TEXT("sealed\0one"), &test_fault));
  EXPECT_OK(of(s)->totp_put(s, 7, 200, TEXT("sealed\0two"), &test_fault));
  EXPECT_ERR(of(s)->totp_confirm(s, 7, 100, 50, 9, codes, 2, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  EXPECT_OK(of(s)->totp_confirm(s, 7, 200, 50, 9, codes, 2, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->totp_get(s, 7, &a, &totp, &test_fault));
  EXPECT_TEXT(totp.secret, TEXT("sealed\0two"));
  assert_int_equal(totp.version, 200);
  assert_int_equal(totp.confirmed_us, 9);
  assert_int_equal(totp.last_step, 50);
  EXPECT_ERR(of(s)->totp_put(s, 7, 300, TEXT("x"), &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(of(s)->totp_confirm(s, 7, 200, 51, 9, codes, 2, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  EXPECT_OK(of(s)->recovery_left(s, 7, &left, &test_fault));
  assert_int_equal(left, 2);
  assert_int_equal(count_audit(s, "user.totp.enable"), 1);
  arena_done(&a);
}

static void a_step_is_taken_once_and_never_an_older_one(void **state) {
  struct store *s = contract_store(state);
  EXPECT_OK(of(s)->totp_put(s, 7, 1, TEXT("sealed"), &test_fault));
  EXPECT_OK(of(s)->totp_confirm(s, 7, 1, 50, 9, NULL, 0, TEST_ACTOR, &test_fault));
  EXPECT_ERR(of(s)->totp_step(s, 7, 50, &test_fault), ERR_STORE_STALE);
  EXPECT_OK(of(s)->totp_step(s, 7, 52, &test_fault));
  EXPECT_ERR(of(s)->totp_step(s, 7, 52, &test_fault), ERR_STORE_STALE);
  EXPECT_ERR(of(s)->totp_step(s, 7, 51, &test_fault), ERR_STORE_STALE);
  EXPECT_ERR(of(s)->totp_step(s, 8, 99, &test_fault), ERR_STORE_STALE);
}

static void a_recovery_code_is_good_once_and_for_its_owner(void **state) {
  struct store *s = contract_store(state);
  static const uint8_t codes[2][SIGNIN_HASH_BYTES] = {{1}, {2}};
  int64_t left = -1;
  EXPECT_OK(of(s)->totp_put(s, 7, 1, TEXT("sealed"), &test_fault));
  EXPECT_OK(of(s)->totp_confirm(s, 7, 1, 50, 9, codes, 2, TEST_ACTOR, &test_fault));
  EXPECT_ERR(of(s)->recovery_use(s, 8, codes[0], 10, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(of(s)->recovery_use(s, 7, codes[0], 10, TEST_ACTOR, &test_fault));
  EXPECT_ERR(of(s)->recovery_use(s, 7, codes[0], 11, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(of(s)->recovery_left(s, 7, &left, &test_fault));
  assert_int_equal(left, 1);
  EXPECT_OK(of(s)->totp_drop(s, 7, TEST_ACTOR, &test_fault));
  EXPECT_ERR(of(s)->totp_drop(s, 7, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(of(s)->recovery_use(s, 7, codes[1], 12, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(count_audit(s, "user.totp.disable"), 1);
}

static void a_link_is_good_once_until_its_time_is_over(void **state) {
  struct store *s = contract_store(state);
  struct signin_link one = {.kind = TEXT("reset"), .user_id = 7, .hash = {1}, .created_us = 10, .expires_us = 100};
  int64_t user = 0;
  EXPECT_OK(of(s)->link_add(s, &one, 0, &test_fault));
  EXPECT_ERR(of(s)->link_take(s, TEXT("magic"), one.hash, 50, &user, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(of(s)->link_take(s, TEXT("reset"), one.hash, 100, &user, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(of(s)->link_look(s, TEXT("reset"), one.hash, 99, &user, &test_fault));
  assert_int_equal(user, 7);
  EXPECT_OK(of(s)->link_take(s, TEXT("reset"), one.hash, 99, &user, &test_fault));
  EXPECT_ERR(of(s)->link_take(s, TEXT("reset"), one.hash, 99, &user, &test_fault), ERR_NOT_FOUND);
}

static void taking_one_link_takes_all_of_its_kind(void **state) {
  struct store *s = contract_store(state);
  struct signin_link link = {.kind = TEXT("setup"), .created_us = 10, .expires_us = INT64_MAX};
  int64_t user = -1;
  for (uint8_t i = 1; i <= 3; i++) {
    link.hash[0] = i;
    link.created_us = 10 * i;
    EXPECT_OK(of(s)->link_add(s, &link, 15, &test_fault));
  }
  link.hash[0] = 1; /* made before what is kept */
  EXPECT_ERR(of(s)->link_take(s, TEXT("setup"), link.hash, 50, &user, &test_fault), ERR_NOT_FOUND);
  link.hash[0] = 2;
  EXPECT_OK(of(s)->link_take(s, TEXT("setup"), link.hash, 50, &user, &test_fault));
  assert_int_equal(user, 0);
  link.hash[0] = 3;
  EXPECT_ERR(of(s)->link_take(s, TEXT("setup"), link.hash, 50, &user, &test_fault), ERR_NOT_FOUND);
}

struct racer {
  struct store *s;
  struct signin_link link;
  enum err e;
};

static void *race(void *arg) {
  struct racer *r = arg;
  int64_t user;
  r->e = of(r->s)->link_take(r->s, r->link.kind, r->link.hash, 50, &user, NULL);
  return NULL;
}

static void of_many_who_take_links_at_once_one_gets_it(void **state) {
  struct store *s = contract_store(state);
  struct racer racers[4];
  pthread_t threads[4];
  unsigned winners = 0;
  for (uint8_t i = 0; i < 4; i++) {
    racers[i] = (struct racer){s, {.kind = TEXT("setup"), .hash = {i}, .created_us = 1, .expires_us = 100}, ERR_OK};
    EXPECT_OK(of(s)->link_add(s, &racers[i].link, 0, &test_fault));
  }
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
  for (size_t i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    winners += racers[i].e == ERR_OK;
  }
  assert_int_equal(winners, 1);
}

static void all_of_a_user_goes_with_them(void **state) {
  struct store *s = contract_store(state);
  static const uint8_t code[1][SIGNIN_HASH_BYTES] = {{1}};
  struct signin_link link = {.kind = TEXT("reset"), .user_id = 7, .hash = {1}, .created_us = 10, .expires_us = 100};
  struct signin_totp totp;
  struct signin_session session;
  struct text hash;
  struct arena a;
  const struct people_row row = {.org_id = 1, .text = TEXT("a@x.org"), .created_us = 1};
  int64_t user = 0, id, left = -1;
  arena_init(&a);
  EXPECT_OK(s->ops->people->create(s, PEOPLE_USER, &row, TEST_ACTOR, &user, &test_fault));
  link.user_id = user;
  EXPECT_OK(of(s)->password_set(s, user, TEXT("hash"), 0, 5, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->totp_put(s, user, 1, TEXT("sealed"), &test_fault));
  EXPECT_OK(of(s)->totp_confirm(s, user, 1, 50, 9, code, 1, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->link_add(s, &link, 0, &test_fault));
  id = add_session(s, user);
  EXPECT_OK(s->ops->people->remove(s, PEOPLE_USER, 1, user, 0, TEST_ACTOR, &test_fault));
  EXPECT_ERR(of(s)->password_get(s, user, &a, &hash, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(of(s)->totp_get(s, user, &a, &totp, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(of(s)->session_get(s, id, &a, &session, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(of(s)->link_take(s, TEXT("reset"), link.hash, 50, &user, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(of(s)->recovery_left(s, user, &left, &test_fault));
  assert_int_equal(left, 0);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(a_password_is_kept_and_replaced),
      CONTRACT(an_upgrade_never_undoes_a_change),
      CONTRACT(a_new_password_ends_other_sessions_and_open_links),
      CONTRACT(a_hash_that_is_too_long_is_refused),
      CONTRACT(a_second_factor_counts_once_it_is_confirmed),
      CONTRACT(a_step_is_taken_once_and_never_an_older_one),
      CONTRACT(a_recovery_code_is_good_once_and_for_its_owner),
      CONTRACT(a_link_is_good_once_until_its_time_is_over),
      CONTRACT(taking_one_link_takes_all_of_its_kind),
      CONTRACT(of_many_who_take_links_at_once_one_gets_it),
      CONTRACT(all_of_a_user_goes_with_them),
  };
  return RUN_CONTRACT(tests);
}
