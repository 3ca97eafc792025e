/* Sessions: a token is replaced by the next, one that comes again ends the session, an end is told to everybody. */
#include "contract.h"

#include "ports/store_signin.h"

#define GRACE_US 10

static const struct store_signin_ops *of(struct store *s) { return s->ops->signin; }

static struct signin_session make(uint8_t token, int64_t user) {
  return (struct signin_session){.user_id = user,
                                 .org_id = 3,
                                 .refresh = {token},
                                 .created_us = 100,
                                 .expires_us = 1000,
                                 .way = TEXT("password+totp"),
                                 .address = TEXT("192.0.2.1"),
                                 .agent = TEXT("curl/8")};
}

static int64_t add(struct store *s, uint8_t token, int64_t user) {
  struct signin_session n = make(token, user);
  int64_t id = 0;
  EXPECT_OK(of(s)->session_add(s, &n, TEST_ACTOR, &id, &test_fault));
  return id;
}

static enum signin_refreshed refresh(struct store *s, int64_t id, uint8_t token, uint8_t next, int64_t now_us) {
  struct signin_refresh r = {.id = id, .token = {token}, .next = {next}, .now_us = now_us, .grace_us = GRACE_US};
  enum signin_refreshed done = SIGNIN_OVER;
  EXPECT_OK(of(s)->session_refresh(s, &r, TEST_ACTOR, &done, &test_fault));
  return done;
}

static int64_t ended(struct store *s, int64_t id) {
  struct signin_session n;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(of(s)->session_get(s, id, &a, &n, &test_fault));
  arena_done(&a);
  return n.ended_us;
}

static size_t events(struct store *s) {
  struct store_event *list = NULL;
  struct arena a;
  size_t count = 0, sessions = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->events->list(s, 0, 1000, &a, &list, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    sessions += text_equal(list[i].kind, TEXT("session"));
  arena_done(&a);
  return sessions;
}

static void a_session_is_kept_as_it_began(void **state) {
  struct store *s = contract_store(state);
  struct signin_session n = {0};
  struct arena a;
  arena_init(&a);
  int64_t id = add(s, 1, 7);
  EXPECT_OK(of(s)->session_get(s, id, &a, &n, &test_fault));
  assert_int_equal(n.user_id, 7);
  assert_int_equal(n.org_id, 3);
  assert_int_equal(n.refresh[0], 1);
  assert_int_equal(n.created_us, 100);
  assert_int_equal(n.rotated_us, 100);
  assert_int_equal(n.expires_us, 1000);
  assert_int_equal(n.ended_us, 0);
  EXPECT_TEXT(n.way, TEXT("password+totp"));
  EXPECT_TEXT(n.address, TEXT("192.0.2.1"));
  EXPECT_TEXT(n.agent, TEXT("curl/8"));
  EXPECT_ERR(of(s)->session_get(s, id + 1, &a, &n, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

static void a_long_agent_is_cut(void **state) {
  struct store *s = contract_store(state);
  static char agent[5000];
  struct signin_session n = make(1, 7), got;
  struct arena a;
  int64_t id = 0;
  memset(agent, 'a', sizeof agent);
  n.agent = (struct text){agent, sizeof agent};
  arena_init(&a);
  EXPECT_OK(of(s)->session_add(s, &n, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(of(s)->session_get(s, id, &a, &got, &test_fault));
  assert_int_equal(got.agent.len, SIGNIN_AGENT_MAX);
  arena_done(&a);
}

static void each_token_is_good_for_the_next_one(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, 1, 7);
  assert_int_equal(refresh(s, id, 1, 2, 200), SIGNIN_REFRESHED);
  assert_int_equal(refresh(s, id, 2, 3, 300), SIGNIN_REFRESHED);
  assert_int_equal(refresh(s, id, 3, 4, 400), SIGNIN_REFRESHED);
  assert_int_equal(ended(s, id), 0);
}

static void a_token_that_comes_again_ends_the_session_for_everybody(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, 1, 7), other = add(s, 9, 7);
  assert_int_equal(refresh(s, id, 1, 2, 200), SIGNIN_REFRESHED);
  assert_int_equal(events(s), 0);
  assert_int_equal(refresh(s, id, 1, 5, 200 + GRACE_US + 1), SIGNIN_REUSED);
  assert_int_equal(ended(s, id), 200 + GRACE_US + 1);
  assert_int_equal(refresh(s, id, 2, 6, 220), SIGNIN_OVER);
  assert_int_equal(ended(s, other), 0);
  assert_int_equal(events(s), 1);
}

static void one_from_before_the_last_is_never_forgiven(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, 1, 7);
  assert_int_equal(refresh(s, id, 1, 2, 200), SIGNIN_REFRESHED);
  assert_int_equal(refresh(s, id, 2, 3, 201), SIGNIN_REFRESHED);
  assert_int_equal(refresh(s, id, 1, 4, 202), SIGNIN_REUSED);
}

static void two_tabs_that_race_keep_their_session(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, 1, 7);
  assert_int_equal(refresh(s, id, 1, 2, 200), SIGNIN_REFRESHED);
  assert_int_equal(refresh(s, id, 1, 5, 200 + GRACE_US), SIGNIN_GRACED);
  assert_int_equal(ended(s, id), 0);
  assert_int_equal(refresh(s, id, 2, 3, 220), SIGNIN_REFRESHED);
}

static void one_that_has_expired_or_never_was_is_over(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, 1, 7);
  assert_int_equal(refresh(s, id, 1, 2, 1000), SIGNIN_OVER);
  assert_int_equal(refresh(s, id + 1, 1, 2, 200), SIGNIN_OVER);
}

static void a_session_ends_once_and_only_by_its_owner(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, 1, 7);
  EXPECT_ERR(of(s)->session_end(s, 8, id, "revoked", 200, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(of(s)->session_end(s, 7, id, "revoked", 200, TEST_ACTOR, &test_fault));
  EXPECT_ERR(of(s)->session_end(s, 0, id, "revoked", 201, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(ended(s, id), 200);
  assert_int_equal(events(s), 1);
  assert_int_equal(refresh(s, id, 1, 2, 202), SIGNIN_OVER);
}

static void all_of_a_user_end_but_one(void **state) {
  struct store *s = contract_store(state);
  int64_t one = add(s, 1, 7), two = add(s, 2, 7), other = add(s, 3, 8);
  EXPECT_OK(of(s)->session_end_all(s, 7, two, "revoked", 200, TEST_ACTOR, &test_fault));
  assert_int_equal(ended(s, one), 200);
  assert_int_equal(ended(s, two), 0);
  assert_int_equal(ended(s, other), 0);
  assert_int_equal(events(s), 1);
  EXPECT_OK(of(s)->session_end_all(s, 7, two, "revoked", 201, TEST_ACTOR, &test_fault));
  assert_int_equal(events(s), 1);
}

static void the_list_is_of_one_user_s_living_ones_newest_first(void **state) {
  struct store *s = contract_store(state);
  struct signin_session *list = NULL;
  struct arena a;
  size_t count = 0;
  arena_init(&a);
  int64_t one = add(s, 1, 7), two = add(s, 2, 7), three = add(s, 3, 7);
  (void)add(s, 4, 8);
  EXPECT_OK(of(s)->session_end(s, 7, two, "logout", 200, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->session_list(s, 7, 300, &a, &list, &count, &test_fault));
  assert_int_equal(count, 2);
  assert_int_equal(list[0].id, three);
  assert_int_equal(list[1].id, one);
  EXPECT_OK(of(s)->session_list(s, 7, 1000, &a, &list, &count, &test_fault));
  assert_int_equal(count, 0);
  arena_done(&a);
}

static void pages_are_of_everybody_s_living_ones(void **state) {
  struct store *s = contract_store(state);
  struct signin_session *list = NULL;
  struct signin_session elsewhere = make(5, 9);
  struct signin_session_filter all = {.now_us = 300, .max = 2}, theirs = {.org_id = 2, .now_us = 300, .max = 9},
                               one_user = {.user_id = 7, .now_us = 300, .max = 9};
  struct arena a;
  int64_t far = 0;
  size_t count = 0;
  arena_init(&a);
  int64_t one = add(s, 1, 7), two = add(s, 2, 7), three = add(s, 3, 8);
  elsewhere.org_id = 2;
  EXPECT_OK(of(s)->session_add(s, &elsewhere, TEST_ACTOR, &far, &test_fault));
  EXPECT_OK(of(s)->session_end(s, 7, two, "logout", 200, TEST_ACTOR, &test_fault));
  EXPECT_OK(of(s)->session_page(s, &all, &a, &list, &count, &test_fault));
  assert_int_equal(count, 2);
  assert_int_equal(list[0].id, far);
  assert_int_equal(list[1].id, three);
  all.before_id = three;
  EXPECT_OK(of(s)->session_page(s, &all, &a, &list, &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(list[0].id, one);
  EXPECT_OK(of(s)->session_page(s, &theirs, &a, &list, &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(list[0].user_id, 9);
  EXPECT_OK(of(s)->session_page(s, &one_user, &a, &list, &count, &test_fault));
  assert_int_equal(count, 1);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(a_session_is_kept_as_it_began),
      CONTRACT(pages_are_of_everybody_s_living_ones),
      CONTRACT(a_long_agent_is_cut),
      CONTRACT(each_token_is_good_for_the_next_one),
      CONTRACT(a_token_that_comes_again_ends_the_session_for_everybody),
      CONTRACT(one_from_before_the_last_is_never_forgiven),
      CONTRACT(two_tabs_that_race_keep_their_session),
      CONTRACT(one_that_has_expired_or_never_was_is_over),
      CONTRACT(a_session_ends_once_and_only_by_its_owner),
      CONTRACT(all_of_a_user_end_but_one),
      CONTRACT(the_list_is_of_one_user_s_living_ones_newest_first),
  };
  return RUN_CONTRACT(tests);
}
