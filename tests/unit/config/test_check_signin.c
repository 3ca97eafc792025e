/* Signing in: what stands without a word, what is read, and users that could not be told apart. */
#include "config/check.h"

#include "expect.h"

static void people_sign_in_without_a_word_in_the_file(void **state) {
  struct config *c = load("");
  assert_int_equal(c->signin.memory_kib, 65536);
  assert_int_equal(c->signin.passes, 3);
  assert_int_equal(c->signin.at_once, 2);
  assert_int_equal(c->signin.access_ms, 600000);
  assert_int_equal(c->signin.idle_ms, 7 * 86400000LL);
  assert_int_equal(c->signin.session_ms, 30 * 86400000LL);
  assert_int_equal(c->user_count, 0);
  config_unref(c);
}

static void everything_about_it_is_read(void **state) {
  struct config *c = load("signin: {password: {memory_kib: 8192, passes: 1, at_once: 4}, access: 1m, idle: 2h, "
                          "session: 3h}\nusers: [{email: A@x.org, name: Anna, password: correct-horse, role: owner}, "
                          "{email: b@x.org, password: battery-staple}]\n");
  assert_int_equal(c->signin.memory_kib, 8192);
  assert_int_equal(c->signin.passes, 1);
  assert_int_equal(c->signin.at_once, 4);
  assert_int_equal(c->signin.access_ms, 60000);
  assert_int_equal(c->signin.idle_ms, 7200000);
  assert_int_equal(c->signin.session_ms, 10800000);
  assert_int_equal(c->user_count, 2);
  EXPECT_TEXT(c->users[0].email, TEXT("A@x.org"));
  EXPECT_TEXT(c->users[0].name, TEXT("Anna"));
  EXPECT_TEXT(c->users[0].role, TEXT("owner"));
  EXPECT_TEXT(secret_reveal(c->users[0].password), TEXT("correct-horse"));
  EXPECT_TEXT(c->users[1].role, TEXT("member"));
  config_unref(c);
}

static void what_could_not_sign_in_is_refused(void **state) {
  expect_refused("users: [{email: nobody, password: correct-horse}]\n",
                 "weir.yaml:1:17: `users[0].email` must be an address of mail");
  expect_refused("users: [{email: \"a@b@c\", password: correct-horse}]\n",
                 "weir.yaml:1:17: `users[0].email` must be an address of mail");
  expect_refused("users: [{email: a@x.org, password: correct-horse}, {email: A@X.org, password: correct-horse}]\n",
                 "weir.yaml:1:60: `users[1].email` stands in `users[0]` already");
  expect_refused("users: [{email: a@x.org}]\n", "weir.yaml:1:9: `users[0].password` is missing");
  expect_refused(
      "signin: {access: 1s}\n",
      "weir.yaml:1:18: `signin.access` must be a duration such as `250ms`, `5s`, `2m` or `1h`, from 60000ms to 3600s");
}

static void a_mail_server_is_read(void **state) {
  struct config *c =
      load("smtp: {url: \"smtps://mail.x.org:465\", user: weir, password: very-secret, from: weir@x.org}\n");
  EXPECT_TEXT(c->smtp.url, TEXT("smtps://mail.x.org:465"));
  EXPECT_TEXT(c->smtp.user, TEXT("weir"));
  EXPECT_TEXT(secret_reveal(c->smtp.password), TEXT("very-secret"));
  EXPECT_TEXT(c->smtp.from, TEXT("weir@x.org"));
  EXPECT_TEXT(c->smtp.from_name, TEXT("Weir"));
  config_unref(c);
  c = load("{}");
  EXPECT_TEXT(c->smtp.url, TEXT(""));
  config_unref(c);
}

static void a_mail_server_that_could_send_nothing_is_refused(void **state) {
  expect_refused("smtp: {url: \"http://mail.x.org\", from: weir@x.org}\n",
                 "weir.yaml:1:13: `smtp.url` must be smtp://host or smtps://host, with optional port");
  expect_refused("smtp: {url: \"smtp://u:p@mail.x.org\", from: weir@x.org}\n",
                 "weir.yaml:1:13: `smtp.url` must be smtp://host or smtps://host, with optional port");
  expect_refused("smtp: {url: \"smtp://mail.x.org\", from: Weir}\n",
                 "weir.yaml:1:40: `smtp.from` must be an address of mail");
  expect_refused("smtp: {url: \"smtp://mail.x.org\", from: weir@x.org, user: weir}\n",
                 "weir.yaml:1:7: `smtp` needs both `user` and `password`, or neither");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(people_sign_in_without_a_word_in_the_file),
      cmocka_unit_test(everything_about_it_is_read),
      cmocka_unit_test(what_could_not_sign_in_is_refused),
      cmocka_unit_test(a_mail_server_is_read),
      cmocka_unit_test(a_mail_server_that_could_send_nothing_is_refused),
  };
  return RUN_TESTS(tests);
}
