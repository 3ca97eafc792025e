/* Passwords: what may be one, that hashes are of the kind that is asked for, and that a crowd is turned away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "identity/password.h"

#include "base/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))
#define GOOD             TEXT("correct horse battery")

static const struct password_cost cheap = {PASSWORD_MEMORY_MIN, 1, 2};
static struct fault fault;

static void expect(enum err got, enum err want) {
  if (got != want)
    fail_msg("%s (%s), expected %s", err_name(got), fault.text, err_name(want));
}

static void what_may_be_a_password(void **state) {
  static char long_one[PASSWORD_MAX_BYTES + 1];
  expect(password_check(GOOD, &fault), ERR_OK);
  expect(password_check(TEXT("zwölf Zeichen"), &fault), ERR_OK);
  expect(password_check(TEXT("äöüäöüäöüäö"), &fault), ERR_BAD_REQUEST); /* eleven, of two bytes each */
  expect(password_check(TEXT("short"), &fault), ERR_BAD_REQUEST);
  expect(password_check(TEXT(""), &fault), ERR_BAD_REQUEST);
  expect(password_check(TEXT("aaaaaaaaaaaaaaaa"), &fault), ERR_BAD_REQUEST);
  expect(password_check(TEXT("ääääääääääääää"), &fault), ERR_BAD_REQUEST);
  expect(password_check(TEXT("PasswordPassword"), &fault), ERR_BAD_REQUEST);
  expect(password_check(TEXT("with a NUL \0 in it"), &fault), ERR_BAD_REQUEST);
  expect(password_check(TEXT("not UTF-8 \xff\xfe at all"), &fault), ERR_BAD_REQUEST);
  for (size_t i = 0; i < sizeof(long_one); i++)
    long_one[i] = (char)('a' + i % 26);
  expect(password_check((struct text){long_one, PASSWORD_MAX_BYTES}, &fault), ERR_OK);
  expect(password_check((struct text){long_one, PASSWORD_MAX_BYTES + 1}, &fault), ERR_BAD_REQUEST);
}

static void the_right_one_is_known_again(void **state) {
  struct passwords *p = passwords_new(&cheap);
  char hash[PASSWORD_HASH_BYTES], again[PASSWORD_HASH_BYTES];
  bool is_old = true;
  expect(password_hash(p, GOOD, hash, &fault), ERR_OK);
  expect(password_hash(p, GOOD, again, &fault), ERR_OK);
  assert_string_not_equal(hash, again);
  assert_memory_equal(hash, "$argon2id$v=19$m=8192,t=1,p=1$", 30);
  expect(password_verify(p, text_of(hash), GOOD, &is_old, &fault), ERR_OK);
  assert_false(is_old);
  expect(password_verify(p, text_of(hash), TEXT("correct horse batterx"), &is_old, &fault), ERR_UNAUTHENTICATED);
  expect(password_verify(p, text_of(hash), TEXT("correct horse battery\0"), &is_old, &fault), ERR_UNAUTHENTICATED);
  expect(password_verify(p, text_of(hash), TEXT(""), &is_old, &fault), ERR_UNAUTHENTICATED);
  expect(password_verify(p, TEXT(""), TEXT(""), &is_old, &fault), ERR_UNAUTHENTICATED);
  expect(password_verify(p, TEXT("no hash at all"), GOOD, &is_old, &fault), ERR_UNAUTHENTICATED);
  passwords_free(p);
}

static void a_hash_of_other_parameters_is_good_and_old(void **state) {
  struct passwords *p = passwords_new(&cheap);
  const struct password_cost dear = {2 * PASSWORD_MEMORY_MIN, 2, 1};
  char hash[PASSWORD_HASH_BYTES];
  bool is_old = false;
  expect(password_hash(p, GOOD, hash, &fault), ERR_OK);
  passwords_set_cost(p, &dear);
  expect(password_verify(p, text_of(hash), GOOD, &is_old, &fault), ERR_OK);
  assert_true(is_old);
  expect(password_hash(p, GOOD, hash, &fault), ERR_OK);
  assert_memory_equal(hash, "$argon2id$v=19$m=16384,t=2,p=1$", 31);
  expect(password_verify(p, text_of(hash), GOOD, &is_old, &fault), ERR_OK);
  assert_false(is_old);
  passwords_free(p);
}

static void one_of_a_megabyte_is_neither_taken_nor_worked_on(void **state) {
  struct passwords *p = passwords_new(&cheap);
  char hash[PASSWORD_HASH_BYTES], *huge = malloc(1 << 20);
  bool is_old = false;
  assert_non_null(huge);
  memset(huge, 'x', 1 << 20);
  const struct text t = {huge, 1 << 20};
  expect(password_hash(p, t, hash, &fault), ERR_LIMIT);
  expect(password_hash(p, text_head(t, PASSWORD_MAX_BYTES), hash, &fault), ERR_OK);
  /* and the same with a tail is not the same */
  expect(password_verify(p, text_of(hash), t, &is_old, &fault), ERR_UNAUTHENTICATED);
  passwords_free(p);
  free(huge);
}

static int64_t cpu_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Of the thread's own time, so that a loaded machine does not count; the least of some tries. */
static int64_t work_us(struct passwords *p, struct text hash, struct text password) {
  int64_t least = INT64_MAX;
  for (unsigned i = 0; i < 5; i++) {
    bool is_old;
    int64_t before = cpu_us();
    expect(password_verify(p, hash, password, &is_old, &fault), ERR_UNAUTHENTICATED);
    int64_t took = cpu_us() - before;
    least = took < least ? took : least;
  }
  return least;
}

static void an_unknown_user_is_as_much_work_as_a_wrong_password(void **state) {
  struct passwords *p = passwords_new(&(struct password_cost){PASSWORD_MEMORY_MIN, 4, 2});
  static char too_long[PASSWORD_MAX_BYTES + 1];
  char hash[PASSWORD_HASH_BYTES], words[sizeof(fault.text)];
  expect(password_hash(p, GOOD, hash, &fault), ERR_OK);
  int64_t known = work_us(p, text_of(hash), TEXT("correct horse batterx"));
  memcpy(words, fault.text, sizeof(words));
  int64_t unknown = work_us(p, TEXT_NONE, TEXT("correct horse batterx"));
  assert_string_equal(words, fault.text);
  memset(too_long, 'x', sizeof(too_long));
  int64_t impossible = work_us(p, text_of(hash), (struct text){too_long, sizeof(too_long)});
  assert_string_equal(words, fault.text);
  assert_in_range(unknown, known / 2, known * 2);
  assert_in_range(impossible, known / 2, known * 2);
  passwords_free(p);
}

struct one_of_crowd {
  pthread_t thread;
  struct passwords *p;
  enum err e;
};

static void *come(void *arg) {
  struct one_of_crowd *c = arg;
  char hash[PASSWORD_HASH_BYTES];
  c->e = password_hash(c->p, GOOD, hash, NULL);
  return NULL;
}

static void a_crowd_is_served_in_turns_or_turned_away(void **state) {
  enum { CROWD = 48 };
  struct passwords *p = passwords_new(&(struct password_cost){32768, 3, 1});
  static struct one_of_crowd crowd[CROWD];
  unsigned served = 0, turned_away = 0;
  for (size_t i = 0; i < CROWD; i++) {
    crowd[i].p = p;
    assert_int_equal(pthread_create(&crowd[i].thread, NULL, come, &crowd[i]), 0);
  }
  for (size_t i = 0; i < CROWD; i++) {
    pthread_join(crowd[i].thread, NULL);
    served += crowd[i].e == ERR_OK;
    turned_away += crowd[i].e == ERR_UNAVAILABLE;
  }
  assert_int_equal(served + turned_away, CROWD);
  assert_true(served >= 1 && turned_away >= 1);
  passwords_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_may_be_a_password),
      cmocka_unit_test(the_right_one_is_known_again),
      cmocka_unit_test(a_hash_of_other_parameters_is_good_and_old),
      cmocka_unit_test(one_of_a_megabyte_is_neither_taken_nor_worked_on),
      cmocka_unit_test(an_unknown_user_is_as_much_work_as_a_wrong_password),
      cmocka_unit_test(a_crowd_is_served_in_turns_or_turned_away),
  };
  return RUN_TESTS(tests);
}
