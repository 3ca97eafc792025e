/* The limits of a key: exact refilling, refusals that cost nothing, and a budget that no number of threads can pass. */
#include "traffic/limiter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define MINUTE INT64_C(60000000)

struct fixture {
  struct limiter *limiter;
  struct allowance *a;
  struct limiter_limits limits;
  struct limiter_ask ask;
  struct fault fault;
};

static struct fixture open(void) {
  struct fixture f = {.limiter = limiter_new(10)};
  f.a = limiter_entry(f.limiter, 1);
  f.ask.now_us = INT64_C(1000000) * MINUTE;
  return f;
}

static enum err take(struct fixture *f, struct limiter_ticket *t) {
  f->fault = (struct fault){0};
  return allowance_take(f->a, &f->limits, &f->ask, t, &f->fault);
}

static void expect_take(struct fixture *f, enum err expected, const char *field) {
  struct limiter_ticket t = {0};
  assert_int_equal(take(f, &t), expected);
  if (expected != ERR_OK) {
    assert_string_equal(f->fault.field, field);
    assert_true(expected == ERR_BUDGET_EXHAUSTED || f->fault.retry_after_s >= 1);
    assert_null(t.allowance);
  }
  allowance_give_back(&t, f->ask.tokens, 0);
}

static void test_requests_refill_exactly(void **state) {
  struct fixture f = open();
  f.limits.rpm = 7;
  for (int i = 0; i < 7; i++)
    expect_take(&f, ERR_OK, "");
  expect_take(&f, ERR_RATE_LIMITED, "rpm");
  assert_int_equal(f.fault.retry_after_s, 9); /* 60 / 7 = 8.57 */
  int64_t start = f.ask.now_us;
  f.ask.now_us = start + MINUTE / 7; /* rounded down: a moment too early */
  expect_take(&f, ERR_RATE_LIMITED, "rpm");
  f.ask.now_us++;
  expect_take(&f, ERR_OK, "");
  expect_take(&f, ERR_RATE_LIMITED, "rpm");
  f.ask.now_us = start; /* a clock that went back */
  expect_take(&f, ERR_RATE_LIMITED, "rpm");
  for (int n = 2; n <= 700; n++) { /* no rounding adds up */
    f.ask.now_us = start + (MINUTE * n + 6) / 7;
    expect_take(&f, ERR_OK, "");
    expect_take(&f, ERR_RATE_LIMITED, "rpm");
  }
  f.ask.now_us += 100 * MINUTE; /* no more than a minute is saved up */
  for (int i = 0; i < 7; i++)
    expect_take(&f, ERR_OK, "");
  expect_take(&f, ERR_RATE_LIMITED, "rpm");
  limiter_free(f.limiter);
}

static void test_tokens_are_counted_by_what_was_used(void **state) {
  struct fixture f = open();
  struct limiter_ticket t = {0};
  f.limits.tpm = 1000;
  f.ask.tokens = 900;
  assert_int_equal(take(&f, &t), ERR_OK);
  f.ask.tokens = 101;
  expect_take(&f, ERR_RATE_LIMITED, "tpm");
  allowance_give_back(&t, 100, 0);
  f.ask.tokens = 900;
  assert_int_equal(take(&f, &t), ERR_OK);
  allowance_give_back(&t, 900, 0);
  f.ask.tokens = 1;
  expect_take(&f, ERR_RATE_LIMITED, "tpm");
  f.ask.now_us += MINUTE;
  f.ask.tokens = 50000; /* larger than a minute: passes when the bucket is full, and is paid off */
  expect_take(&f, ERR_OK, "");
  f.ask.tokens = 1;
  f.ask.now_us += 49 * MINUTE;
  expect_take(&f, ERR_RATE_LIMITED, "tpm");
  f.ask.now_us += MINUTE;
  expect_take(&f, ERR_OK, "");
  limiter_free(f.limiter);
}

static void test_a_call_larger_than_a_minute_passes_after_the_wait_it_is_told(void **state) {
  struct fixture f = open();
  f.limits.tpm = 1000;
  f.ask.tokens = 1;
  expect_take(&f, ERR_OK, "");
  f.ask.tokens = 20000;
  for (int i = 0; i < 3; i++) {
    struct limiter_ticket t = {0};
    expect_take(&f, ERR_RATE_LIMITED, "tpm"); /* one token is missing, later what the call before has used */
    f.ask.now_us += f.fault.retry_after_s * INT64_C(1000000);
    assert_int_equal(take(&f, &t), ERR_OK);
    allowance_give_back(&t, 20000, 0);
  }
  limiter_free(f.limiter);
}

static void test_a_budget_says_whether_it_is_used_up_or_too_small_for_the_call(void **state) {
  struct fixture f = open();
  f.limits = (struct limiter_limits){.budget_nano = 20000000, .period_end_us = f.ask.now_us + MINUTE};
  allowance_set_spent(f.a, 0, 17000000);
  f.ask.cost_nano = 1500000001;
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  assert_string_equal(f.fault.text, "this call may cost up to 1.500000001 USD; of the budget of 0.020000000 USD, "
                                    "0.003000000 are left");
  assert_int_equal(f.fault.retry_after_s, 0);
  f.ask.cost_nano = 3000000;
  struct limiter_ticket t = {0};
  assert_int_equal(take(&f, &t), ERR_OK);
  allowance_give_back(&t, 0, 3000000);
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  assert_string_equal(
      f.fault.text, "the budget of this key is used up: spent 0.020000000 and reserved 0.000000000 of 0.020000000 USD");
  assert_int_equal(f.fault.retry_after_s, 61);
  limiter_free(f.limiter);
}

static void test_a_refusal_consumes_nothing(void **state) {
  struct fixture f = open();
  struct limiter_ticket t = {0};
  f.limits = (struct limiter_limits){
      .rpm = 10, .tpm = 1000, .concurrency = 5, .budget_nano = 100, .period_end_us = f.ask.now_us + MINUTE};
  f.ask.tokens = 100;
  f.ask.cost_nano = 101;
  allowance_set_spent(f.a, 0, 0);
  for (int i = 0; i < 50; i++)
    expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  f.ask.cost_nano = 10;
  for (int i = 0; i < 5; i++) {
    struct limiter_ticket one = {0};
    assert_int_equal(take(&f, &one), ERR_OK);
    t = one;
  }
  expect_take(&f, ERR_RATE_LIMITED, "concurrency");
  assert_int_equal(limiter_in_flight(f.limiter), 5);
  allowance_give_back(&t, 100, 10);
  allowance_give_back(&t, 100, 10); /* twice does nothing */
  assert_int_equal(limiter_in_flight(f.limiter), 4);
  limiter_free(f.limiter);
}

static void test_a_budget_counts_spent_and_reserved(void **state) {
  struct fixture f = open();
  struct limiter_ticket first = {0}, second = {0};
  f.limits = (struct limiter_limits){.budget_nano = 1000, .period_start_us = 5, .period_end_us = f.ask.now_us + 1};
  assert_true(allowance_needs_spent(f.a, 5));
  allowance_set_spent(f.a, 5, 500);
  allowance_set_spent(f.a, 5, 900); /* the first counts */
  assert_false(allowance_needs_spent(f.a, 5));
  f.ask.cost_nano = 300;
  assert_int_equal(take(&f, &first), ERR_OK);
  f.ask.cost_nano = 201;
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  f.ask.cost_nano = 200;
  assert_int_equal(take(&f, &second), ERR_OK);
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  allowance_give_back(&first, 0, 100);
  expect_take(&f, ERR_OK, "");
  allowance_give_back(&second, 0, 400); /* dearer than reserved: 500 + 100 + 400 */
  f.ask.cost_nano = 0;
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  limiter_free(f.limiter);
}

static void test_a_new_period_starts_afresh_and_must_be_told(void **state) {
  struct fixture f = open();
  struct limiter_ticket old = {0}, fresh = {0};
  f.limits = (struct limiter_limits){.budget_nano = 1000, .period_start_us = 1, .period_end_us = f.ask.now_us + 1};
  allowance_set_spent(f.a, 1, 0);
  f.ask.cost_nano = 600;
  assert_int_equal(take(&f, &old), ERR_OK);
  f.limits.period_start_us = 2;
  assert_true(allowance_needs_spent(f.a, 2));
  struct limiter_ticket untold = {0};
  assert_int_equal(take(&f, &untold), ERR_AGAIN); /* what was spent in it is not known */
  allowance_set_spent(f.a, 2, 0);
  f.ask.cost_nano = 500;
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget"); /* the old call still holds its 600 */
  allowance_give_back(&old, 0, 600);               /* and is spent in the period in which it ends */
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  f.ask.cost_nano = 400;
  assert_int_equal(take(&f, &fresh), ERR_OK);
  allowance_give_back(&fresh, 0, 400);
  f.ask.cost_nano = 1;
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  limiter_free(f.limiter);
}

/* A worker whose clock is a moment behind at midnight asks for the old period once more. */
static void test_periods_that_alternate_never_lose_a_reservation(void **state) {
  struct fixture f = open();
  struct limiter_ticket held = {0};
  f.limits = (struct limiter_limits){.budget_nano = 1000, .period_start_us = 2, .period_end_us = f.ask.now_us + 1};
  allowance_set_spent(f.a, 2, 0);
  f.ask.cost_nano = 900;
  assert_int_equal(take(&f, &held), ERR_OK);
  (void)allowance_needs_spent(f.a, 1);
  allowance_set_spent(f.a, 1, 0);
  (void)allowance_needs_spent(f.a, 2);
  allowance_set_spent(f.a, 2, 0);
  f.ask.cost_nano = 200;
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  allowance_give_back(&held, 0, 900);
  expect_take(&f, ERR_BUDGET_EXHAUSTED, "budget");
  limiter_free(f.limiter);
}

static void test_the_table_is_bounded_and_keys_are_apart(void **state) {
  struct fixture f = open();
  assert_ptr_equal(limiter_entry(f.limiter, 1), f.a);
  for (int64_t id = 2; id <= 10; id++)
    assert_non_null(limiter_entry(f.limiter, id));
  assert_null(limiter_entry(f.limiter, 11));
  f.limits.rpm = 1;
  expect_take(&f, ERR_OK, "");
  f.a = limiter_entry(f.limiter, -2 + 4);
  expect_take(&f, ERR_OK, "");
  limiter_free(f.limiter);
}

/* --- what is shared --- */

static struct limiter_want want_of(struct limiter *l, enum limiter_subject kind, const char *name,
                                   struct limiter_limits limits) {
  struct text t = text_of(name);
  return (struct limiter_want){kind == LIMITER_KEY ? limiter_entry(l, 1) : limiter_subject_entry(l, kind, t), kind, t,
                               limits};
}

static void give_back(struct limiter_ticket *tickets, size_t count) {
  for (size_t i = 0; i < count; i++)
    allowance_give_back(&tickets[i], 0, 0);
}

static void test_a_refusal_by_one_takes_nothing_of_the_others(void **state) {
  struct fixture f = open();
  const struct limiter_want all[] = {
      want_of(f.limiter, LIMITER_KEY, "", (struct limiter_limits){.rpm = 3, .tpm = 300, .concurrency = 3}),
      want_of(f.limiter, LIMITER_USER, "ada", (struct limiter_limits){.rpm = 3}),
      want_of(f.limiter, LIMITER_WORKSPACE, "lab", (struct limiter_limits){.rpm = 1}),
      want_of(f.limiter, LIMITER_ORGANISATION, "1", (struct limiter_limits){.concurrency = 3}),
      want_of(f.limiter, LIMITER_MODEL, "m-*", (struct limiter_limits){.tpm = 300}),
  };
  struct limiter_ticket tickets[LIMITER_SUBJECT_COUNT] = {0}, none[LIMITER_SUBJECT_COUNT] = {0};
  f.ask.tokens = 100;
  assert_int_equal(limiter_take(all, 5, &f.ask, tickets, &f.fault), ERR_OK);
  assert_int_equal(limiter_in_flight(f.limiter), 1);
  assert_int_equal(limiter_subjects_in_flight(f.limiter), 4);
  for (int i = 0; i < 50; i++)
    assert_int_equal(limiter_take(all, 5, &f.ask, none, &f.fault), ERR_RATE_LIMITED);
  assert_string_equal(f.fault.text, "the workspace \"lab\" is limited to 1 requests a minute");
  assert_string_equal(f.fault.field, "rpm");
  assert_int_equal(f.fault.retry_after_s, 61);
  for (size_t i = 0; i < 5; i++)
    assert_null(none[i].allowance);
  give_back(tickets, 5); /* the requests stay taken, the tokens come back */
  assert_int_equal(limiter_subjects_in_flight(f.limiter), 0);
  const struct limiter_want others[] = {all[0], all[1], all[3], all[4]};
  f.ask.tokens = 150;
  struct limiter_ticket second[4] = {0}, third[4] = {0};
  assert_int_equal(limiter_take(others, 4, &f.ask, second, &f.fault), ERR_OK);
  assert_int_equal(limiter_take(others, 4, &f.ask, third, &f.fault), ERR_OK);
  assert_int_equal(limiter_take(others, 4, &f.ask, none, &f.fault), ERR_RATE_LIMITED);
  give_back(second, 4);
  give_back(third, 4);
  assert_int_equal(limiter_in_flight(f.limiter) + limiter_subjects_in_flight(f.limiter), 0);
  limiter_free(f.limiter);
}

static void test_the_limit_to_be_waited_for_longest_is_named(void **state) {
  static const struct {
    enum limiter_subject kind;
    const char *name, *said;
  } cases[] = {{LIMITER_USER, "ada", "the user \"ada\" is limited to 1 requests a minute"},
               {LIMITER_WORKSPACE, "lab", "the workspace \"lab\" is limited to 1 requests a minute"},
               {LIMITER_ORGANISATION, "2", "this organisation is limited to 1 requests a minute"},
               {LIMITER_MODEL, "m-*", "the model \"m-*\" is limited to 1 requests a minute"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct fixture f = open();
    const struct limiter_want wants[] = {
        want_of(f.limiter, LIMITER_KEY, "", (struct limiter_limits){.concurrency = 1}),
        want_of(f.limiter, cases[i].kind, cases[i].name, (struct limiter_limits){.rpm = 1})};
    struct limiter_ticket held[2] = {0}, none[2] = {0};
    assert_int_equal(limiter_take(wants, 2, &f.ask, held, &f.fault), ERR_OK);
    assert_int_equal(limiter_take(wants, 2, &f.ask, none, &f.fault), ERR_RATE_LIMITED);
    assert_string_equal(f.fault.text, cases[i].said);
    assert_int_equal(f.fault.retry_after_s, 61);
    f.ask.now_us += MINUTE; /* now only the key refuses */
    assert_int_equal(limiter_take(wants, 2, &f.ask, none, &f.fault), ERR_RATE_LIMITED);
    assert_string_equal(f.fault.text, "this key is limited to 1 calls at once");
    give_back(held, 2);
    limiter_free(f.limiter);
  }
}

static void test_a_used_up_budget_goes_before_rates_of_others(void **state) {
  struct fixture f = open();
  const struct limiter_want wants[] = {
      want_of(f.limiter, LIMITER_KEY, "",
              (struct limiter_limits){.budget_nano = 10, .period_end_us = f.ask.now_us + MINUTE}),
      want_of(f.limiter, LIMITER_USER, "ada", (struct limiter_limits){.rpm = 1})};
  struct limiter_ticket t[2] = {0};
  assert_int_equal(limiter_take(wants, 2, &f.ask, t, &f.fault), ERR_AGAIN);
  allowance_set_spent(f.a, 0, 0);
  assert_int_equal(limiter_take(wants, 2, &f.ask, t, &f.fault), ERR_OK);
  allowance_give_back(&t[0], 0, 10);
  allowance_give_back(&t[1], 0, 0);
  assert_int_equal(limiter_take(wants, 2, &f.ask, t, &f.fault), ERR_BUDGET_EXHAUSTED);
  assert_int_equal(limiter_in_flight(f.limiter) + limiter_subjects_in_flight(f.limiter), 0);
  limiter_free(f.limiter);
}

static void test_subjects_are_apart_from_each_other_and_from_keys(void **state) {
  struct limiter *l = limiter_new(3);
  struct allowance *ada = limiter_subject_entry(l, LIMITER_USER, TEXT("ada"));
  assert_non_null(ada);
  assert_ptr_equal(limiter_subject_entry(l, LIMITER_USER, TEXT("ada")), ada);
  assert_ptr_not_equal(limiter_subject_entry(l, LIMITER_WORKSPACE, TEXT("ada")), ada);
  assert_non_null(limiter_subject_entry(l, LIMITER_MODEL, TEXT("")));
  assert_null(limiter_subject_entry(l, LIMITER_USER, TEXT("bob"))); /* three in all */
  assert_ptr_equal(limiter_subject_entry(l, LIMITER_USER, TEXT("ada")), ada);
  for (int64_t id = 1; id <= 3; id++) /* and as many keys, whose table nobody else fills */
    assert_non_null(limiter_entry(l, -id));
  assert_null(limiter_entry(l, -4));
  limiter_free(l);
}

/* --- threads --- */

#define THREADS 4
#define CALLS   4000

struct crowd {
  struct allowance *a;
  struct limiter *limiter;
  _Atomic int64_t spent, admitted, at_once, most_at_once;
  atomic_bool over;
};

static uint64_t next_random(uint64_t *s) {
  *s ^= *s << 13;
  *s ^= *s >> 7;
  *s ^= *s << 17;
  return *s;
}

static void *crowd_run(void *arg) {
  struct crowd *c = arg;
  uint64_t seed = (uint64_t)(uintptr_t)&seed | 1;
  struct limiter_limits limits = {.concurrency = 3, .budget_nano = 100000, .period_start_us = 1, .period_end_us = 2};
  for (int i = 0; i < CALLS; i++) {
    struct limiter_ticket t = {0};
    int64_t worst = (int64_t)(next_random(&seed) % 100) + 1;
    struct limiter_ask ask = {.cost_nano = worst, .now_us = 1};
    enum err e = allowance_take(limiter_entry(c->limiter, 1), &limits, &ask, &t, NULL);
    if (e != ERR_OK)
      continue;
    int64_t now = atomic_fetch_add(&c->at_once, 1) + 1;
    if (now > 3)
      atomic_store(&c->over, true);
    int64_t cost = (int64_t)(next_random(&seed) % (uint64_t)(worst + 1));
    if (atomic_fetch_add(&c->spent, cost) + cost > limits.budget_nano)
      atomic_store(&c->over, true);
    atomic_fetch_add(&c->admitted, 1);
    atomic_fetch_sub(&c->at_once, 1);
    allowance_give_back(&t, 0, cost);
  }
  return NULL;
}

static void test_no_number_of_threads_passes_the_limits(void **state) {
  struct crowd c = {.limiter = limiter_new(4)};
  pthread_t threads[THREADS];
  c.a = limiter_entry(c.limiter, 1);
  allowance_set_spent(c.a, 1, 0);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &c), 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  assert_false(c.over);
  assert_true(c.admitted > 0);
  assert_true(c.spent <= 100000);
  assert_true(c.spent > 90000); /* and the budget was there to be used */
  assert_int_equal(limiter_in_flight(c.limiter), 0);
  limiter_free(c.limiter);
}

/* Each thread is another key of the same workspace, and of one of two users. */
#define SHARED_RPM 500

struct shared_crowd {
  struct limiter *limiter;
  atomic_int threads;
  _Atomic int64_t admitted, of_user[2], at_once;
  atomic_bool over;
};

static void *shared_run(void *arg) {
  struct shared_crowd *c = arg;
  int me = atomic_fetch_add(&c->threads, 1);
  const char *user = me % 2 ? "ada" : "bob";
  for (int i = 0; i < CALLS; i++) {
    struct limiter_want wants[] = {
        want_of(c->limiter, LIMITER_KEY, "", (struct limiter_limits){.rpm = 1000000}),
        want_of(c->limiter, LIMITER_USER, user, (struct limiter_limits){.rpm = SHARED_RPM / 2 + 50}),
        want_of(c->limiter, LIMITER_WORKSPACE, "lab", (struct limiter_limits){.rpm = SHARED_RPM, .concurrency = 3})};
    struct limiter_ticket t[3] = {0};
    struct limiter_ask ask = {.now_us = 1};
    wants[0].allowance = limiter_entry(c->limiter, me + 1);
    if (me >= 2) { /* in another order */
      struct limiter_want first = wants[1];
      wants[1] = wants[2];
      wants[2] = first;
    }
    if (limiter_take(wants, 3, &ask, t, NULL) != ERR_OK)
      continue;
    if (atomic_fetch_add(&c->at_once, 1) + 1 > 3)
      atomic_store(&c->over, true);
    atomic_fetch_add(&c->admitted, 1);
    atomic_fetch_add(&c->of_user[me % 2], 1);
    atomic_fetch_sub(&c->at_once, 1);
    give_back(t, 3);
  }
  return NULL;
}

static void test_no_number_of_threads_passes_what_is_shared_nor_loses_any_of_it(void **state) {
  struct shared_crowd c = {.limiter = limiter_new(8)};
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, shared_run, &c), 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  assert_false(c.over);
  /* Every one that the workspace has is given away, whatever the other limits refused meanwhile. */
  assert_int_equal(c.admitted, SHARED_RPM);
  assert_true(c.of_user[0] <= SHARED_RPM / 2 + 50 && c.of_user[1] <= SHARED_RPM / 2 + 50);
  assert_int_equal(limiter_in_flight(c.limiter) + limiter_subjects_in_flight(c.limiter), 0);
  limiter_free(c.limiter);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_requests_refill_exactly),
      cmocka_unit_test(test_tokens_are_counted_by_what_was_used),
      cmocka_unit_test(test_a_call_larger_than_a_minute_passes_after_the_wait_it_is_told),
      cmocka_unit_test(test_a_budget_says_whether_it_is_used_up_or_too_small_for_the_call),
      cmocka_unit_test(test_a_refusal_consumes_nothing),
      cmocka_unit_test(test_a_budget_counts_spent_and_reserved),
      cmocka_unit_test(test_a_new_period_starts_afresh_and_must_be_told),
      cmocka_unit_test(test_periods_that_alternate_never_lose_a_reservation),
      cmocka_unit_test(test_the_table_is_bounded_and_keys_are_apart),
      cmocka_unit_test(test_a_refusal_by_one_takes_nothing_of_the_others),
      cmocka_unit_test(test_the_limit_to_be_waited_for_longest_is_named),
      cmocka_unit_test(test_a_used_up_budget_goes_before_rates_of_others),
      cmocka_unit_test(test_subjects_are_apart_from_each_other_and_from_keys),
      cmocka_unit_test(test_no_number_of_threads_passes_the_limits),
      cmocka_unit_test(test_no_number_of_threads_passes_what_is_shared_nor_loses_any_of_it),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
