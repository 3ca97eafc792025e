/* Somebody comes home while a crowd tries their password: behind the same address, and from a thousand others. The
 * browser they have used before is not kept out by the crowd, a new one that waits as it is told is not either, and
 * nothing that somebody else has stands for such a browser. */
#include "signin_world.h"

#define WRONG "wrong horse battery"

/* Tries a wrong password, whatever comes of it. */
static enum err guess(struct world *x, const char *address) {
  struct browser b = {.address = address};
  return login(x, &b, WRONG);
}

static const char *some_address(unsigned i) {
  static char address[32];
  snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
  return address;
}

/* Until the account is slow for strangers: each of them from an address of its own. */
static void crowd(struct world *x, unsigned tries) {
  for (unsigned i = 0; i < tries; i++)
    (void)guess(x, some_address(i));
  assert_int_equal(guess(x, some_address(tries)), ERR_RATE_LIMITED);
}

/* Of what a browser has only this. */
static struct browser with_cookie(const struct browser *from, const char *name, const char *address) {
  struct browser b = {.address = address};
  for (size_t i = 0; i < from->count; i++) {
    if (text_starts(from->cookies[i], text_of(name)))
      b.cookies[b.count++] = from->cookies[i];
  }
  return b;
}

static struct browser known(const struct browser *from, const char *address) {
  struct browser b = with_cookie(from, "__Host-weir_device=", address);
  assert_int_equal(b.count, 1);
  return b;
}

/* Wrong until it has to wait. */
static void exhaust(struct world *x, const char *address) {
  unsigned tries = 0;
  while (guess(x, address) != ERR_RATE_LIMITED)
    assert_true(tries++ < 10);
}

static void a_known_browser_comes_in_past_others_behind_its_address(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x), stranger = {.address = "198.51.100.7"}, home = known(&mine, "198.51.100.7");
  exhaust(x, "198.51.100.7");
  expect(x, login(x, &stranger, PASSWORD), ERR_RATE_LIMITED);
  expect(x, login(x, &home, PASSWORD), ERR_OK);
  expect(x, login(x, &home, PASSWORD), ERR_OK);
  expect(x, login(x, &stranger, PASSWORD), ERR_RATE_LIMITED); /* which is no way in for the crowd */
  world_free(x);
}

static void a_known_browser_comes_in_past_a_crowd_from_everywhere(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x), away = known(&mine, "203.0.113.50");
  crowd(x, 60);
  expect(x, login(x, &away, PASSWORD), ERR_OK);
  world_free(x);
}

static void a_known_browser_has_a_back_off_of_its_own(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x), b = known(&mine, "203.0.113.50"), here = {0};
  for (unsigned i = 0; i < 5; i++)
    expect(x, login(x, &b, WRONG), ERR_UNAUTHENTICATED);
  b.address = "203.0.113.51"; /* from wherever */
  expect(x, login(x, &b, PASSWORD), ERR_RATE_LIMITED);
  expect(x, login(x, &here, PASSWORD), ERR_OK); /* and holds nobody else */
  x->now_us += 2 * SECOND;
  expect(x, login(x, &b, PASSWORD), ERR_OK);
  world_free(x);
}

static void the_browser_of_another_account_is_a_stranger_s(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x), theirs = {.address = "203.0.113.50"};
  (void)declare(x, "other@x.org", "member");
  (void)mine;
  expect(x, login_with(x, &theirs, "other@x.org", PASSWORD, ""), ERR_OK);
  struct browser b = known(&theirs, "203.0.113.50");
  crowd(x, 60);
  expect(x, login(x, &b, PASSWORD), ERR_RATE_LIMITED);
  expect(x, login_with(x, &b, "other@x.org", PASSWORD, ""), ERR_OK);
  world_free(x);
}

static void a_forged_browser_is_a_stranger_s(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x), b = known(&mine, "203.0.113.50");
  char *last = (char *)b.cookies[0].at + b.cookies[0].len - 1;
  *last = *last == 'A' ? 'B' : 'A';
  crowd(x, 60);
  expect(x, login(x, &b, PASSWORD), ERR_RATE_LIMITED);
  world_free(x);
}

static void an_old_browser_is_a_stranger_s(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x), b = known(&mine, "203.0.113.50");
  x->now_us += 365 * DAY + SECOND;
  crowd(x, 60);
  expect(x, login(x, &b, PASSWORD), ERR_RATE_LIMITED);
  world_free(x);
}

static void a_new_password_makes_strangers_of_all_browsers(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x), b = known(&mine, "203.0.113.50");
  struct caller c = caller_of(x, &mine);
  x->now_us += SECOND;
  struct signin_visit v = visit(x, &mine);
  expect(x, of(x)->set_password(of(x), &v, &c, TEXT(PASSWORD), TEXT("another horse battery"), &x->fault), ERR_OK);
  crowd(x, 60);
  expect(x, login(x, &b, "another horse battery"), ERR_RATE_LIMITED);
  /* the browser in which it was set is known again as soon as its session goes on */
  expect(x, refresh(x, &mine), ERR_OK);
  b = known(&mine, "203.0.113.50");
  expect(x, login(x, &b, "another horse battery"), ERR_OK);
  world_free(x);
}

/* What is asked of somebody who is signed in is theirs alone. */
static void who_is_signed_in_is_not_held_by_a_crowd(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x);
  struct caller c = caller_of(x, &mine);
  crowd(x, 60);
  exhaust(x, "203.0.113.50");
  struct signin_visit v = visit(x, &mine);
  v.address = TEXT("203.0.113.50");
  expect(x, of(x)->set_password(of(x), &v, &c, TEXT(PASSWORD), TEXT("another horse battery"), &x->fault), ERR_OK);
  for (unsigned i = 0; i < 5; i++)
    expect(x, of(x)->set_password(of(x), &v, &c, TEXT(WRONG), TEXT(PASSWORD), &x->fault), ERR_FORBIDDEN);
  expect(x, of(x)->set_password(of(x), &v, &c, TEXT(WRONG), TEXT(PASSWORD), &x->fault), ERR_RATE_LIMITED);
  world_free(x);
}

/* As a browser does it that keeps what it is given with the refusal, and comes again when it was told to. */
static enum err come(struct world *x, struct browser *b, const char *password) {
  struct signin_result r = {0};
  struct signin_visit v = visit(x, b);
  struct text turn = TEXT_NONE;
  v.turn = &turn;
  enum err e = of(x)->login(of(x), &v, TEXT(OWNER), text_of(password), TEXT(""), &r, &x->fault);
  if (turn.len > 0) {
    assert_int_equal(e, ERR_RATE_LIMITED);
    r.cookies[r.cookie_count++] = turn;
  }
  keep(x, b, &r);
  return e;
}

/* Ten strangers a second, each from an address of its own, and none waits. */
static void pass(struct world *x, int64_t us, unsigned *io_address) {
  for (int64_t end = x->now_us + us; x->now_us < end;) {
    x->now_us += SECOND / 10 < end - x->now_us ? SECOND / 10 : end - x->now_us;
    (void)guess(x, some_address((*io_address)++));
  }
}

static void a_new_browser_that_waits_as_told_gets_its_turn_in_a_crowd(void **state) {
  struct world *x = world_new();
  struct browser new_one = {.address = "203.0.113.50"};
  unsigned address = 100;
  (void)owner(x);
  crowd(x, 60);
  expect(x, come(x, &new_one, PASSWORD), ERR_RATE_LIMITED);
  assert_in_range(x->fault.retry_after_s, 1, 10);
  pass(x, x->fault.retry_after_s * SECOND, &address);
  expect(x, come(x, &new_one, PASSWORD), ERR_OK);
  world_free(x);
}

static void a_turn_is_good_once_and_not_before_its_time(void **state) {
  struct world *x = world_new();
  struct browser b = {.address = "203.0.113.50"};
  (void)owner(x);
  crowd(x, 60);
  expect(x, come(x, &b, WRONG), ERR_RATE_LIMITED);
  int64_t wait_us = x->fault.retry_after_s * SECOND;
  struct browser early = b, again = b, elsewhere = b;
  elsewhere.address = "203.0.113.51";
  expect(x, come(x, &early, PASSWORD), ERR_RATE_LIMITED);
  unsigned address = 100;
  pass(x, wait_us, &address);
  expect(x, come(x, &elsewhere, PASSWORD), ERR_RATE_LIMITED);
  expect(x, come(x, &b, WRONG), ERR_UNAUTHENTICATED);
  pass(x, 3 * SECOND, &address);
  expect(x, come(x, &again, PASSWORD), ERR_RATE_LIMITED);
  world_free(x);
}

/* Those who play by the rules share the turns, one in two seconds; who fails again and again waits longer each time. */
static void of_many_who_wait_each_gets_a_turn(void **state) {
  struct world *x = world_new();
  struct browser all[12] = {{{{0}}}};
  char addresses[12][16];
  int64_t at_us[12];
  unsigned in = 0, address = 100;
  (void)owner(x);
  crowd(x, 60);
  for (unsigned i = 0; i < 12; i++) {
    snprintf(addresses[i], sizeof(addresses[i]), "198.51.100.%u", i);
    all[i].address = addresses[i];
    at_us[i] = x->now_us;
  }
  int64_t end = x->now_us + 120 * SECOND;
  while (in < 12 && x->now_us < end) {
    pass(x, SECOND, &address);
    for (unsigned i = 0; i < 12; i++) {
      if (at_us[i] > x->now_us)
        continue;
      enum err e = come(x, &all[i], PASSWORD);
      at_us[i] = e == ERR_OK ? INT64_MAX : x->now_us + x->fault.retry_after_s * SECOND;
      in += e == ERR_OK;
    }
  }
  assert_int_equal(in, 12);
  world_free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_known_browser_comes_in_past_others_behind_its_address),
      cmocka_unit_test(a_known_browser_comes_in_past_a_crowd_from_everywhere),
      cmocka_unit_test(a_known_browser_has_a_back_off_of_its_own),
      cmocka_unit_test(the_browser_of_another_account_is_a_stranger_s),
      cmocka_unit_test(a_forged_browser_is_a_stranger_s),
      cmocka_unit_test(an_old_browser_is_a_stranger_s),
      cmocka_unit_test(a_new_password_makes_strangers_of_all_browsers),
      cmocka_unit_test(who_is_signed_in_is_not_held_by_a_crowd),
      cmocka_unit_test(a_new_browser_that_waits_as_told_gets_its_turn_in_a_crowd),
      cmocka_unit_test(a_turn_is_good_once_and_not_before_its_time),
      cmocka_unit_test(of_many_who_wait_each_gets_a_turn),
  };
  return RUN_TESTS(tests);
}
