/* An issuer's keys over time: fetched when needed, never in a storm, kept while it is away, rolled over. */
#include "identity/issuer.h"

#include "token_world.h"

static struct forge forge, next;

static int open_forge(void **state) {
  forge_open(&forge);
  forge_open(&next);
  return 0;
}

static int close_forge(void **state) {
  forge_close(&forge);
  forge_close(&next);
  return 0;
}

static struct text set_of(struct forge *g, const char *id) {
  struct arena *a = &forge.arena;
  struct text k = forge_jwk(a, g->p256, arena_format(a, ",\"kid\":\"%s\"", id).at);
  return arena_format(a, "{\"keys\":[%.*s]}", TEXT_ARGS(k));
}

static const struct jws signed_old = {.algorithm = JWS_ES256, .key_id = {"old", 3}},
                        signed_new = {.algorithm = JWS_ES256, .key_id = {"new", 3}};

static enum err find(struct issuer *i, const struct jws *t, struct fault *f) {
  struct jwks *set = NULL;
  const struct jws_key *key = NULL;
  *f = (struct fault){0};
  enum err e = issuer_find_key(i, NULL, t, &set, &key, f);
  jwks_unref(set);
  return e;
}

static void check_rollover(void) {
  struct publisher p = {.keys = set_of(&forge, "old")};
  struct issuer_options o = publisher_options(&p);
  struct issuer *i = issuer_new(&o);
  struct fault f;
  forge_expect(find(i, &signed_old, &f), ERR_OK, &f, NULL);
  forge_expect(find(i, &signed_old, &f), ERR_OK, &f, NULL);
  assert_int_equal(p.asked, 1);
  p.keys = set_of(&next, "new");
  /* Within the pause nobody asks, however many unknown keys are named. */
  for (int n = 0; n < 1000; n++)
    forge_expect(find(i, &signed_new, &f), ERR_UNAUTHENTICATED, &f, "does not publish");
  assert_int_equal(p.asked, 1);
  (void)!fiber_sleep(10 * SECOND);
  forge_expect(find(i, &signed_new, &f), ERR_OK, &f, NULL);
  assert_int_equal(p.asked, 2);
  forge_expect(find(i, &signed_old, &f), ERR_UNAUTHENTICATED, &f, "does not publish");
  assert_int_equal(p.asked, 2);
  (void)!fiber_sleep(901 * SECOND);
  forge_expect(find(i, &signed_new, &f), ERR_OK, &f, NULL);
  assert_int_equal(p.asked, 3);
  issuer_unref(i);
}

static void keys_are_fetched_when_they_are_needed_and_no_oftener(void **state) {
  run_on_pretended_time(check_rollover);
}

static void check_away(void) {
  struct publisher p = {.keys = set_of(&forge, "old"), .away = ERR_NETWORK};
  struct issuer_options o = publisher_options(&p);
  struct issuer *i = issuer_new(&o);
  struct fault f;
  forge_expect(find(i, &signed_old, &f), ERR_UNAVAILABLE, &f, "the line is dead");
  assert_in_range(f.retry_after_s, 1, 11);
  forge_expect(find(i, &signed_old, &f), ERR_UNAVAILABLE, &f, "the line is dead");
  assert_int_equal(p.asked, 1);
  p.away = ERR_OK;
  (void)!fiber_sleep(10 * SECOND);
  forge_expect(find(i, &signed_old, &f), ERR_OK, &f, NULL);
  p.away = ERR_TIMEOUT;
  (void)!fiber_sleep(20 * 3600 * SECOND); /* away for hours: what was good stays */
  forge_expect(find(i, &signed_old, &f), ERR_OK, &f, NULL);
  assert_int_equal(p.asked, 3);
  (void)!fiber_sleep(5 * 3600 * SECOND); /* but not for days */
  forge_expect(find(i, &signed_old, &f), ERR_UNAVAILABLE, &f, "the line is dead");
  p.away = ERR_OK;
  p.keys = TEXT("<html>");
  (void)!fiber_sleep(10 * SECOND);
  forge_expect(find(i, &signed_old, &f), ERR_UNAVAILABLE, &f, "not valid JSON");
  issuer_unref(i);
}

static void good_keys_outlive_an_issuer_that_is_away(void **state) { run_on_pretended_time(check_away); }

static void check_discovery(void) {
  static const struct {
    const char *document, *why;
  } cases[] = {
      {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://elsewhere.example/keys\"}", NULL},
      {"{\"issuer\":\"https://issuer.example/realm\",\"jwks_uri\":\"https://e.example/k\"}", "another issuer's"},
      {"{\"jwks_uri\":\"https://e.example/k\"}", "another issuer's"},
      {"{\"issuer\":\"" ISSUER "\"}", "no `jwks_uri`"},
      {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://e.example/k\"}", "no `jwks_uri`"},
      {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"file:///etc/passwd\"}", "no `jwks_uri`"},
      {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":7}", "no `jwks_uri`"},
      {"nonsense", "not valid JSON"},
  };
  for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
    struct publisher p = {.keys = set_of(&forge, "old"), .discovery = text_of(cases[n].document)};
    struct issuer_options o = publisher_options(&p);
    struct fault f;
    o.jwks_uri = TEXT_NONE;
    struct issuer *i = issuer_new(&o);
    forge_expect(find(i, &signed_old, &f), cases[n].why ? ERR_UNAVAILABLE : ERR_OK, &f, cases[n].why);
    assert_int_equal(p.asked, cases[n].why ? 1 : 2);
    issuer_unref(i);
  }
}

static void the_address_of_the_keys_is_found_by_discovery(void **state) { run_on_pretended_time(check_discovery); }

static struct issuer *shared;
static unsigned found, crowded;

static void one_of_many(void *arg) {
  struct fault f;
  enum err e = find(shared, &signed_old, &f);
  found += e == ERR_OK;
  crowded += e == ERR_UNAVAILABLE;
}

static void check_many(void) {
  struct publisher p = {.keys = set_of(&forge, "old"), .takes_us = 2 * SECOND};
  struct issuer_options o = publisher_options(&p);
  shared = issuer_new(&o);
  found = crowded = 0;
  for (int n = 0; n < 200; n++)
    assert_int_equal(fiber_start(fiber_loop(fiber_self()), one_of_many, NULL, NULL), ERR_OK);
  (void)!fiber_sleep(5 * SECOND);
  assert_int_equal(p.asked, 1);
  assert_int_equal(found, 65); /* who fetches, and 64 who wait */
  assert_int_equal(crowded, 135);
  issuer_unref(shared);
}

static void who_comes_while_keys_are_fetched_waits_for_them(void **state) { run_on_pretended_time(check_many); }

static void check_slow(void) {
  struct publisher p = {.keys = set_of(&forge, "old"), .takes_us = 60 * SECOND};
  struct issuer_options o = publisher_options(&p);
  shared = issuer_new(&o);
  found = crowded = 0;
  for (int n = 0; n < 3; n++)
    assert_int_equal(fiber_start(fiber_loop(fiber_self()), one_of_many, NULL, NULL), ERR_OK);
  (void)!fiber_sleep(13 * SECOND);
  assert_int_equal(crowded, 2);
  (void)!fiber_sleep(60 * SECOND);
  assert_int_equal(found, 1);
  issuer_unref(shared);
}

static void nobody_waits_for_ever(void **state) { run_on_pretended_time(check_slow); }

static void only_https_or_this_machine_is_asked_for_keys(void **state) {
  static const char *const safe[] = {"https://a.example/k", "http://127.0.0.1:80/k", "http://localhost/k",
                                     "http://[::1]:8080/k"};
  static const char *const unsafe[] = {"http://a.example/k", "ftp://a.example/",     "https://",  "",
                                       "http://127.evil@h/", "http://localhost.e/k", "file:///k", "https://a\n/"};
  for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
    if (!issuer_is_safe_url(text_of(safe[i])))
      fail_msg("%s is refused", safe[i]);
  for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
    if (issuer_is_safe_url(text_of(unsafe[i])))
      fail_msg("%s is taken", unsafe[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_are_fetched_when_they_are_needed_and_no_oftener),
      cmocka_unit_test(good_keys_outlive_an_issuer_that_is_away),
      cmocka_unit_test(the_address_of_the_keys_is_found_by_discovery),
      cmocka_unit_test(who_comes_while_keys_are_fetched_waits_for_them),
      cmocka_unit_test(nobody_waits_for_ever),
      cmocka_unit_test(only_https_or_this_machine_is_asked_for_keys),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, open_forge, close_forge);
}
