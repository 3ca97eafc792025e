/* Signing in: setting up, passwords, second factors, sessions and links, and what those try who want to come in without
 * being let in. */
#include "signin_world.h"

#include <pthread.h>

static const struct audit_actor tester = {TEXT("local:tester"), TEXT("cli")};

static void the_first_owner_comes_by_the_link_on_the_console(void **state) {
  struct world *x = world_new();
  struct text url;
  bool needed = false;
  expect(x, of(x)->needs_setup(of(x), &needed, &x->fault), ERR_OK);
  assert_true(needed);
  struct browser b = owner(x);
  struct caller c = caller_of(x, &b);
  assert_int_equal(c.kind, CALLER_USER);
  assert_true(caller_may(&c, PERMISSION_ORGANISATION_WRITE));
  assert_true(text_equal(c.email, TEXT(OWNER)));
  expect(x, of(x)->needs_setup(of(x), &needed, &x->fault), ERR_OK);
  assert_false(needed);
  expect(x, signin_setup_url(x->desk, x->now_us, &x->arena, &url, &x->fault), ERR_OK);
  assert_int_equal(url.len, 0);
  world_free(x);
}

static enum err set_up(struct world *x, struct text token, const char *email, const char *password) {
  struct browser b = {0};
  struct signin_result r;
  struct signin_visit v = visit(x, &b);
  return of(x)->setup(of(x), &v, token, text_of(email), TEXT("n"), text_of(password), &r, &x->fault);
}

static void the_setup_link_is_good_once_and_for_nothing_else(void **state) {
  struct world *x = world_new();
  struct text token = setup_token(x);
  expect(x, set_up(x, TEXT(""), OWNER, PASSWORD), ERR_FORBIDDEN);
  expect(x, set_up(x, TEXT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), OWNER, PASSWORD), ERR_FORBIDDEN);
  expect(x, set_up(x, token, "no address", PASSWORD), ERR_BAD_REQUEST);
  expect(x, set_up(x, token, OWNER, "short"), ERR_BAD_REQUEST); /* and the link is still good */
  expect(x, set_up(x, token, OWNER, PASSWORD), ERR_OK);
  expect(x, set_up(x, token, "other@x.org", PASSWORD), ERR_FORBIDDEN);
  world_free(x);
}

static void a_new_start_makes_the_link_of_the_one_before_useless(void **state) {
  struct world *x = world_new();
  struct text before = setup_token(x);
  x->now_us += SECOND;
  struct text token = setup_token(x);
  expect(x, set_up(x, before, OWNER, PASSWORD), ERR_FORBIDDEN);
  expect(x, set_up(x, token, OWNER, PASSWORD), ERR_OK);
  world_free(x);
}

struct racer {
  struct world *x;
  struct text token;
  const char *email;
  enum err e;
};

static void *race(void *arg) {
  struct racer *r = arg;
  struct signin_result out;
  struct arena a;
  arena_init(&a);
  struct signin_visit v = {.address = TEXT("192.0.2.1"), .now_us = NOW, .arena = &a};
  r->e = of(r->x)->setup(of(r->x), &v, r->token, text_of(r->email), TEXT("n"), TEXT(PASSWORD), &out, NULL);
  arena_done(&a);
  return NULL;
}

static void of_two_setups_at_once_one_succeeds(void **state) {
  struct world *x = world_new();
  struct text token = setup_token(x);
  struct racer racers[2] = {{x, token, "a@x.org", ERR_OK}, {x, token, "b@x.org", ERR_OK}};
  pthread_t threads[2];
  struct people_row *rows;
  size_t count = 0;
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
  for (size_t i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  assert_int_equal((racers[0].e == ERR_OK) + (racers[1].e == ERR_OK), 1);
  assert_int_equal((racers[0].e == ERR_FORBIDDEN) + (racers[1].e == ERR_FORBIDDEN), 1);
  expect(x,
         x->store->ops->people->list(x->store, PEOPLE_USER, &(struct people_filter){.max = 9}, &x->arena, &rows, &count,
                                     &x->fault),
         ERR_OK);
  assert_int_equal(count, 1);
  world_free(x);
}

static void email_and_password_open_whatever_the_case_of_the_email(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x), b = {0};
  expect(x, login_with(x, &b, "OWNER@x.ORG", PASSWORD, ""), ERR_OK);
  struct caller c = caller_of(x, &b), before = caller_of(x, &mine);
  assert_int_equal(c.id, before.id);
  assert_int_not_equal(c.session_id, before.session_id);
  world_free(x);
}

/* Same error, same words, whatever is wrong; a test of test_password.c says the same of the work. */
static void an_unknown_user_and_a_wrong_password_are_told_in_the_same_words(void **state) {
  struct world *x = world_new();
  struct browser b = {0};
  char words[384];
  (void)owner(x);
  int64_t disabled = declare(x, "gone@x.org", "member");
  struct people_row row;
  expect(x, x->store->ops->people->get(x->store, PEOPLE_USER, 1, disabled, &x->arena, &row, &x->fault), ERR_OK);
  row.is_disabled = true;
  expect(x, x->store->ops->people->update(x->store, PEOPLE_USER, &row, 0, &tester, &x->fault), ERR_OK);
  expect(x, login(x, &b, "wrong horse battery"), ERR_UNAUTHENTICATED);
  memcpy(words, x->fault.text, sizeof(words));
  static const char *const emails[] = {"nobody@x.org", "gone@x.org", "no address", "", "a@b@c", "\xff\xfe@x"};
  for (size_t i = 0; i < sizeof(emails) / sizeof(emails[0]); i++) {
    expect(x, login_with(x, &b, emails[i], PASSWORD, ""), ERR_UNAUTHENTICATED);
    assert_string_equal(x->fault.text, words);
  }
  assert_string_not_equal(words, "");
  world_free(x);
}

static void passwords_that_nobody_has_are_just_wrong(void **state) {
  struct world *x = world_new();
  struct browser b = {0};
  struct signin_result r;
  char *huge = malloc(1 << 20);
  assert_non_null(huge);
  memset(huge, 'x', 1 << 20);
  (void)owner(x);
  const struct text rows[] = {{huge, 1 << 20}, TEXT(PASSWORD "\0"), TEXT(PASSWORD "\xff"), TEXT("")};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct signin_visit v = visit(x, &b);
    expect(x, of(x)->login(of(x), &v, TEXT(OWNER), rows[i], TEXT(""), &r, &x->fault), ERR_UNAUTHENTICATED);
  }
  free(huge);
  expect(x, login(x, &b, PASSWORD), ERR_OK);
  world_free(x);
}

static void who_fails_waits_and_nobody_else(void **state) {
  struct world *x = world_new();
  struct browser mine = owner(x), attacker = {.address = "203.0.113.9"}, elsewhere = {.address = "198.51.100.1"};
  expect(x, login(x, &mine, PASSWORD), ERR_OK);
  for (unsigned i = 0; i < 5; i++)
    expect(x, login(x, &attacker, "wrong horse battery"), ERR_UNAUTHENTICATED);
  /* even the right one is not looked at now */
  expect(x, login(x, &attacker, PASSWORD), ERR_RATE_LIMITED);
  assert_in_range(x->fault.retry_after_s, 1, 2);
  expect(x, login(x, &mine, PASSWORD), ERR_OK);
  expect(x, login(x, &elsewhere, PASSWORD), ERR_OK);
  /* an account that does not exist is no different */
  for (unsigned i = 0; i < 5; i++)
    expect(x, login_with(x, &elsewhere, "nobody@x.org", "wrong horse battery", ""), ERR_UNAUTHENTICATED);
  expect(x, login_with(x, &elsewhere, "nobody@x.org", "wrong horse battery", ""), ERR_RATE_LIMITED);
  x->now_us += 2 * SECOND;
  expect(x, login(x, &attacker, PASSWORD), ERR_OK);
  world_free(x);
}

static void hashes_of_old_parameters_are_renewed_at_the_door(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x);
  struct caller c = caller_of(x, &b);
  struct text hash = TEXT_NONE;
  signin_adjust(x->desk, &(struct password_cost){2 * PASSWORD_MEMORY_MIN, 1, 2},
                &(struct signin_times){10 * MINUTE, 7 * DAY, 30 * DAY});
  expect(x, login(x, &b, PASSWORD), ERR_OK);
  expect(x, x->store->ops->signin->password_get(x->store, c.id, &x->arena, &hash, &x->fault), ERR_OK);
  assert_true(text_starts(hash, TEXT("$argon2id$v=19$m=16384,")));
  expect(x, ask(x, &b, "GET", &c), ERR_OK); /* and no session has ended for it */
  expect(x, login(x, &b, PASSWORD), ERR_OK);
  world_free(x);
}

/* Whatever a browser showed before, signing in makes another session with tokens of its own. */
static void a_session_cannot_be_fixed_beforehand(void **state) {
  struct world *x = world_new();
  struct browser attacker = owner(x), victim = attacker;
  (void)declare(x, "victim@x.org", "member");
  struct caller before = caller_of(x, &attacker), after;
  expect(x, login_with(x, &victim, "victim@x.org", PASSWORD, ""), ERR_OK);
  after = caller_of(x, &victim);
  assert_int_not_equal(after.session_id, before.session_id);
  assert_int_not_equal(after.id, before.id);
  before = caller_of(x, &attacker);
  assert_true(text_equal(before.email, TEXT(OWNER)));
  for (size_t i = 0; i < 3; i++)
    assert_false(text_equal(attacker.cookies[i], victim.cookies[i]));
  world_free(x);
}

static void a_session_goes_on_by_its_refresh_token(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x);
  struct caller c;
  x->now_us += 11 * MINUTE;
  expect(x, ask(x, &b, "GET", &c), ERR_UNAUTHENTICATED); /* the access token is over */
  expect(x, refresh(x, &b), ERR_OK);
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  for (unsigned i = 0; i < 5; i++) {
    x->now_us += 6 * DAY;
    if (i < 4)
      expect(x, refresh(x, &b), ERR_OK);
  }
  expect(x, refresh(x, &b), ERR_UNAUTHENTICATED); /* after 30 days it is over whatever happens */
  world_free(x);
}

static void a_session_that_nobody_uses_is_over(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x);
  x->now_us += 7 * DAY + SECOND;
  expect(x, refresh(x, &b), ERR_UNAUTHENTICATED);
  world_free(x);
}

static void a_refresh_token_that_was_stolen_ends_the_session_for_both(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), thief = b;
  struct caller c;
  x->now_us += MINUTE;
  expect(x, refresh(x, &b), ERR_OK);
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  x->now_us += MINUTE;
  expect(x, refresh(x, &thief), ERR_UNAUTHENTICATED);
  access_forget(x->access); /* as the event does */
  expect(x, ask(x, &b, "GET", &c), ERR_UNAUTHENTICATED);
  expect(x, refresh(x, &b), ERR_UNAUTHENTICATED);
  world_free(x);
}

static void two_tabs_that_refresh_at_once_stay_signed_in(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), tab = b;
  struct caller c;
  expect(x, refresh(x, &b), ERR_OK);
  x->now_us += SECOND;
  expect(x, refresh(x, &tab), ERR_OK);
  expect(x, ask(x, &tab, "GET", &c), ERR_OK);
  x->now_us += 60 * SECOND;
  expect(x, refresh(x, &b), ERR_OK);
  world_free(x);
}

static void refreshing_and_leaving_need_the_proof_of_the_page(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), other = {0}, forged = b;
  struct signin_result r;
  expect(x, login(x, &other, PASSWORD), ERR_OK);
  forged.csrf = TEXT("");
  expect(x, refresh(x, &forged), ERR_FORBIDDEN);
  forged.csrf = other.csrf; /* of another session of the same user */
  expect(x, refresh(x, &forged), ERR_FORBIDDEN);
  struct signin_visit v = visit(x, &forged);
  expect(x, of(x)->logout(of(x), &v, &r, &x->fault), ERR_FORBIDDEN);
  expect(x, refresh(x, &b), ERR_OK);
  world_free(x);
}

static void tokens_that_were_not_made_here_end_nobody_s_session(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x);
  struct caller c = caller_of(x, &b);
  char csrf[SIGNIN_CSRF_BYTES];
  signin_csrf(x->server_secret, c.session_id, csrf);
  for (unsigned i = 0; i < 4; i++) {
    static const char *const ends[] = {".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA", "", "..",
                                       ".AAAA.AAAA"};
    char token[128];
    int n = snprintf(token, sizeof(token), "%lld%s", (long long)c.session_id, ends[i]);
    struct browser forger = {.csrf = {csrf, sizeof(csrf)}};
    forger.cookies[0] = arena_format(&x->arena, "__Host-weir_refresh=%.*s", n, token);
    forger.count = 1;
    expect(x, refresh(x, &forger), ERR_UNAUTHENTICATED);
  }
  expect(x, refresh(x, &b), ERR_OK);
  world_free(x);
}

static void leaving_ends_the_session_and_takes_the_cookies_away(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), copy = b, other = {0};
  struct signin_result r;
  struct caller c;
  expect(x, login(x, &other, PASSWORD), ERR_OK);
  struct signin_visit v = visit(x, &b);
  expect(x, of(x)->logout(of(x), &v, &r, &x->fault), ERR_OK);
  assert_true(r.way.len > 0 && !text_starts(r.way, TEXT("oidc:")));
  assert_true(text_find_char(r.email, '@') > 0);
  keep(x, &b, &r);
  assert_int_equal(b.count, 1); /* which tells that they have been here, and opens nothing */
  assert_true(text_starts(b.cookies[0], TEXT("__Host-weir_device=")));
  v = visit(x, &copy);
  expect(x, of(x)->logout(of(x), &v, &r, &x->fault), ERR_OK); /* which has ended already */
  assert_int_equal(r.way.len, 0);
  access_forget(x->access);
  expect(x, ask(x, &copy, "GET", &c), ERR_UNAUTHENTICATED);
  expect(x, refresh(x, &copy), ERR_UNAUTHENTICATED);
  expect(x, ask(x, &other, "GET", &c), ERR_OK);
  v = visit(x, &b);
  expect(x, of(x)->logout(of(x), &v, &r, &x->fault), ERR_OK); /* once more is no harm */
  world_free(x);
}

/* A second cookie of the name, put there from a neighbouring site: nobody can say which is right, so neither is. */
static void a_tossed_cookie_signs_nobody_in(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x);
  struct text refresh_cookie = TEXT_NONE;
  for (size_t i = 0; i < b.count; i++) {
    if (text_starts(b.cookies[i], TEXT("__Host-weir_refresh=")))
      refresh_cookie = b.cookies[i];
  }
  struct signin_visit v = visit(x, &b);
  struct signin_result r;
  v.cookie = arena_format(&x->arena, "__Host-weir_refresh=7.tossed; %.*s", TEXT_ARGS(refresh_cookie));
  expect(x, of(x)->refresh(of(x), &v, &r, &x->fault), ERR_UNAUTHENTICATED);
  v.cookie = arena_format(&x->arena, "weir_refresh=%.*s", TEXT_ARGS(text_skip(refresh_cookie, 20)));
  expect(x, of(x)->refresh(of(x), &v, &r, &x->fault), ERR_UNAUTHENTICATED); /* without the prefix it is another */
  expect(x, refresh(x, &b), ERR_OK);
  world_free(x);
}

static void cookies_are_for_tls_but_on_this_machine(void **state) {
  assert_true(signin_is_secure(TEXT("https://weir.example")));
  assert_true(signin_is_secure(TEXT("http://weir.example")));
  assert_true(signin_is_secure(TEXT("http://localhost.evil.example")));
  assert_true(signin_is_secure(TEXT("http://127.0.0.1.evil.example")));
  assert_false(signin_is_secure(TEXT("http://127.0.0.1:8080")));
  assert_false(signin_is_secure(TEXT("http://localhost")));
  assert_false(signin_is_secure(TEXT("http://[::1]:8080/")));
}

static void a_new_password_ends_the_other_sessions(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), other = {0};
  struct caller c = caller_of(x, &b);
  expect(x, login(x, &other, PASSWORD), ERR_OK);
  struct signin_visit v = visit(x, &b);
  expect(x, of(x)->set_password(of(x), &v, &c, TEXT("wrong horse battery"), TEXT("another good one"), &x->fault),
         ERR_FORBIDDEN);
  expect(x, of(x)->set_password(of(x), &v, &c, TEXT(PASSWORD), TEXT("short"), &x->fault), ERR_BAD_REQUEST);
  expect(x, of(x)->set_password(of(x), &v, &c, TEXT(PASSWORD), TEXT("another good one"), &x->fault), ERR_OK);
  access_forget(x->access);
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  expect(x, ask(x, &other, "GET", &c), ERR_UNAUTHENTICATED);
  expect(x, login(x, &other, PASSWORD), ERR_UNAUTHENTICATED);
  expect(x, login(x, &other, "another good one"), ERR_OK);
  world_free(x);
}

static int64_t add_user(struct world *x, const char *email) {
  const struct people_row row = {.org_id = 1, .text = text_of(email), .created_us = NOW, .is_invited = true};
  int64_t id = 0;
  expect(x, x->store->ops->people->create(x->store, PEOPLE_USER, &row, &tester, &id, &x->fault), ERR_OK);
  return id;
}

static struct text link_for(struct world *x, const struct browser *b, int64_t user, const char *kind) {
  struct caller c = caller_of(x, b);
  struct signin_visit v = visit(x, b);
  struct text got, url, page, token;
  int64_t expires = 0;
  expect(x, of(x)->link(of(x), &v, &c, user, &got, &url, &expires, &x->fault), ERR_OK);
  assert_true(text_equal(got, text_of(kind)));
  assert_true(text_cut(url, '=', &page, &token) && text_equal(page, TEXT(URL "/accept?token")));
  return token;
}

static enum err take(struct world *x, struct browser *b, struct text token, const char *password) {
  struct signin_result r = {0};
  struct signin_visit v = visit(x, b);
  enum err e = of(x)->accept(of(x), &v, token, TEXT("Newcomer"), text_of(password), &r, &x->fault);
  if (e == ERR_OK && r.needs_code)
    return ERR_AGAIN;
  if (e == ERR_OK)
    keep(x, b, &r);
  return e;
}

static void an_invitation_is_good_once_and_for_three_days(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), guest = {0};
  int64_t id = add_user(x, "guest@x.org");
  struct text token = link_for(x, &b, id, "invite");
  expect(x, take(x, &guest, token, "short"), ERR_BAD_REQUEST);
  expect(x, take(x, &guest, token, PASSWORD), ERR_OK);
  struct caller c = caller_of(x, &guest);
  assert_int_equal(c.id, id);
  expect(x, take(x, &guest, token, PASSWORD), ERR_FORBIDDEN);
  token = link_for(x, &b, id, "reset");
  x->now_us += SIGNIN_LINK_US;
  expect(x, take(x, &guest, token, PASSWORD), ERR_FORBIDDEN);
  world_free(x);
}

/* Whoever runs the installation hands them out to anybody. */
static void the_operator_makes_links_for_everybody(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), fresh = {0};
  struct caller c = caller_of(x, &b);
  struct signin_result r = {0};
  struct text url, page, token;
  struct people_row row;
  expect(x, signin_user_url(x->desk, c.id, x->now_us, &tester, &x->arena, &url, &x->fault), ERR_OK);
  assert_true(text_cut(url, '=', &page, &token) && text_equal(page, TEXT(URL "/accept?token")));
  struct signin_visit v = visit(x, &fresh);
  expect(x, of(x)->accept(of(x), &v, token, TEXT(""), TEXT("another long password"), &r, &x->fault), ERR_OK);
  expect(x, signin_user_url(x->desk, 777, x->now_us, &tester, &x->arena, &url, &x->fault), ERR_NOT_FOUND);
  int64_t id = declare(x, "a@x.org", "member");
  expect(x, x->store->ops->people->get(x->store, PEOPLE_USER, 1, id, &x->arena, &row, &x->fault), ERR_OK);
  row.is_disabled = true;
  expect(x, x->store->ops->people->update(x->store, PEOPLE_USER, &row, 0, &tester, &x->fault), ERR_OK);
  expect(x, signin_user_url(x->desk, id, x->now_us, &tester, &x->arena, &url, &x->fault), ERR_STORE_CONFLICT);
  world_free(x);
}

static void a_newer_link_takes_the_place_of_an_older_one(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), guest = {0};
  int64_t id = add_user(x, "guest@x.org");
  struct text before = link_for(x, &b, id, "invite");
  x->now_us += SECOND;
  struct text token = link_for(x, &b, id, "invite");
  expect(x, take(x, &guest, before, PASSWORD), ERR_FORBIDDEN);
  expect(x, take(x, &guest, token, PASSWORD), ERR_OK);
  world_free(x);
}

static void a_reset_does_not_stand_for_the_second_factor(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), fresh = {0};
  struct text codes[SIGNIN_RECOVERY];
  struct caller c = caller_of(x, &b);
  (void)enrol(x, &b, codes);
  struct text token = link_for(x, &b, c.id, "reset");
  expect(x, take(x, &fresh, token, "another good one"), ERR_AGAIN);
  access_forget(x->access);
  expect(x, ask(x, &b, "GET", &c), ERR_UNAUTHENTICATED); /* a reset ends what was open */
  expect(x, login(x, &fresh, "another good one"), ERR_AGAIN);
  expect(x, login_with(x, &fresh, OWNER, "another good one", codes[0].at), ERR_OK);
  world_free(x);
}

/* An admin who resets the owner's password would be the owner. */
static void nobody_takes_over_who_may_do_more(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), admin = {0};
  struct text kind, url;
  int64_t expires, owner_id = caller_of(x, &b).id;
  int64_t member = declare(x, "member@x.org", "member");
  (void)declare(x, "admin@x.org", "admin");
  expect(x, login_with(x, &admin, "admin@x.org", PASSWORD, ""), ERR_OK);
  struct caller c = caller_of(x, &admin);
  struct signin_visit v = visit(x, &admin);
  expect(x, of(x)->link(of(x), &v, &c, owner_id, &kind, &url, &expires, &x->fault), ERR_FORBIDDEN);
  expect(x, of(x)->factor_drop(of(x), &v, &c, owner_id, &x->fault), ERR_FORBIDDEN);
  expect(x, of(x)->link(of(x), &v, &c, member, &kind, &url, &expires, &x->fault), ERR_OK);
  expect(x, of(x)->factor_drop(of(x), &v, &c, member, &x->fault), ERR_NOT_FOUND);
  c.org_id = 2; /* and of another organisation nobody is seen */
  expect(x, of(x)->link(of(x), &v, &c, member, &kind, &url, &expires, &x->fault), ERR_NOT_FOUND);
  world_free(x);
}

static void declared_users_are_there_with_their_password_and_role(void **state) {
  struct world *x = world_new();
  struct browser b = {0};
  struct caller c;
  struct signin_declared d = {TEXT("Anna@x.org"), TEXT("Anna"), TEXT(PASSWORD), TEXT("admin")};
  struct text url;
  expect(x, signin_declare(x->desk, &d, 1, x->now_us, &x->fault), ERR_OK);
  expect(x, login_with(x, &b, "anna@x.org", PASSWORD, ""), ERR_OK);
  c = caller_of(x, &b);
  assert_true(caller_may(&c, PERMISSION_USERS_WRITE));
  expect(x, signin_declare(x->desk, &d, 1, x->now_us, &x->fault), ERR_OK); /* another start */
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  d.password = TEXT("another good one");
  expect(x, signin_declare(x->desk, &d, 1, x->now_us, &x->fault), ERR_OK);
  expect(x, login_with(x, &b, "anna@x.org", PASSWORD, ""), ERR_UNAUTHENTICATED);
  expect(x, login_with(x, &b, "anna@x.org", "another good one", ""), ERR_OK);
  expect(x, signin_setup_url(x->desk, x->now_us, &x->arena, &url, &x->fault), ERR_OK);
  assert_int_equal(url.len, 0); /* somebody is there */
  d.email = TEXT("nobody");
  expect(x, signin_declare(x->desk, &d, 1, x->now_us, &x->fault), ERR_CONFIG);
  world_free(x);
}

/* No secret is in the store as it is, nor in the audit log. */
static void nothing_that_opens_is_in_the_store(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x);
  struct audit_row *rows = NULL;
  struct text codes[SIGNIN_RECOVERY], hash;
  struct signin_session session;
  struct signin_totp totp;
  size_t count = 0;
  struct caller c = caller_of(x, &b);
  struct text secret = enrol(x, &b, codes);
  expect(x, x->store->ops->signin->password_get(x->store, c.id, &x->arena, &hash, &x->fault), ERR_OK);
  expect(x, x->store->ops->signin->session_get(x->store, c.session_id, &x->arena, &session, &x->fault), ERR_OK);
  expect(x, x->store->ops->signin->totp_get(x->store, c.id, &x->arena, &totp, &x->fault), ERR_OK);
  assert_true(text_find(hash, TEXT(PASSWORD)) < 0);
  assert_true(text_find(totp.secret, secret) < 0);
  for (size_t i = 0; i < b.count; i++)
    assert_true(text_find(b.cookies[i], (struct text){(const char *)session.refresh, 8}) < 0);
  expect(x,
         x->store->ops->audit->list(x->store, &(struct audit_filter){.until_us = INT64_MAX, .max = 100}, &x->arena,
                                    &rows, &count, &x->fault),
         ERR_OK);
  assert_true(count >= 4);
  for (size_t i = 0; i < count; i++) {
    struct text all = arena_format(&x->arena, "%.*s %.*s", TEXT_ARGS(rows[i].before), TEXT_ARGS(rows[i].after));
    assert_true(text_find(all, TEXT(PASSWORD)) < 0 && text_find(all, TEXT("argon2")) < 0);
    assert_true(text_find(all, secret) < 0 && text_find(all, codes[0]) < 0);
  }
  world_free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_owner_comes_by_the_link_on_the_console),
      cmocka_unit_test(the_setup_link_is_good_once_and_for_nothing_else),
      cmocka_unit_test(a_new_start_makes_the_link_of_the_one_before_useless),
      cmocka_unit_test(of_two_setups_at_once_one_succeeds),
      cmocka_unit_test(email_and_password_open_whatever_the_case_of_the_email),
      cmocka_unit_test(an_unknown_user_and_a_wrong_password_are_told_in_the_same_words),
      cmocka_unit_test(passwords_that_nobody_has_are_just_wrong),
      cmocka_unit_test(who_fails_waits_and_nobody_else),
      cmocka_unit_test(hashes_of_old_parameters_are_renewed_at_the_door),
      cmocka_unit_test(a_session_cannot_be_fixed_beforehand),
      cmocka_unit_test(a_session_goes_on_by_its_refresh_token),
      cmocka_unit_test(a_session_that_nobody_uses_is_over),
      cmocka_unit_test(a_refresh_token_that_was_stolen_ends_the_session_for_both),
      cmocka_unit_test(two_tabs_that_refresh_at_once_stay_signed_in),
      cmocka_unit_test(refreshing_and_leaving_need_the_proof_of_the_page),
      cmocka_unit_test(tokens_that_were_not_made_here_end_nobody_s_session),
      cmocka_unit_test(leaving_ends_the_session_and_takes_the_cookies_away),
      cmocka_unit_test(a_tossed_cookie_signs_nobody_in),
      cmocka_unit_test(cookies_are_for_tls_but_on_this_machine),
      cmocka_unit_test(a_new_password_ends_the_other_sessions),
      cmocka_unit_test(an_invitation_is_good_once_and_for_three_days),
      cmocka_unit_test(the_operator_makes_links_for_everybody),
      cmocka_unit_test(a_newer_link_takes_the_place_of_an_older_one),
      cmocka_unit_test(a_reset_does_not_stand_for_the_second_factor),
      cmocka_unit_test(nobody_takes_over_who_may_do_more),
      cmocka_unit_test(declared_users_are_there_with_their_password_and_role),
      cmocka_unit_test(nothing_that_opens_is_in_the_store),
  };
  return RUN_TESTS(tests);
}
