/* Two limiters, the old one's and the new one's: together they never give away more of a budget than there is, whatever
 * becomes of the old one. */
#include "traffic/limiter_handover.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define KEY    7
#define OLD    1
#define BUDGET 1000
#define NOW_US INT64_C(60000000000000)

static struct limiter_limits limits;
static struct fault fault;

static struct limiter *make(void) {
  limits = (struct limiter_limits){.budget_nano = BUDGET, .period_start_us = 100, .period_end_us = INT64_MAX};
  return limiter_new(10);
}

static enum err take_of(struct limiter *l, int64_t key, int64_t cost_nano, struct limiter_ticket *t) {
  struct limiter_ask ask = {.cost_nano = cost_nano, .tokens = 10, .now_us = NOW_US};
  struct allowance *a = limiter_entry(l, key);
  fault = (struct fault){0};
  if (limits.budget_nano > 0 && allowance_needs_spent(a, limits.period_start_us))
    return ERR_AGAIN;
  return allowance_take(a, &limits, &ask, t, &fault);
}

static enum err take(struct limiter *l, int64_t cost_nano, struct limiter_ticket *t) {
  return take_of(l, KEY, cost_nano, t);
}

static void set_spent(struct limiter *l, int64_t spent_nano) {
  allowance_set_spent(limiter_entry(l, KEY), limits.period_start_us, spent_nano);
}

/* What is left of the budget, found by trying. */
static int64_t left(struct limiter *l) {
  int64_t most = 0;
  for (int64_t step = 1024; step > 0; step /= 2) {
    struct limiter_ticket t = {0};
    if (take(l, most + step, &t) != ERR_OK)
      continue;
    allowance_give_back(&t, 0, 0);
    most += step;
  }
  return most;
}

static struct limiter_account accounts[8];
static struct limiter_report reports[8];
static size_t account_count, report_count;

static void see_account(void *ctx, const struct limiter_account *a) {
  struct limiter *fresh = ctx;
  accounts[account_count++] = *a;
  if (fresh)
    limiter_import(fresh, OLD, a);
}

static void see_report(void *ctx, const struct limiter_report *r) {
  struct limiter *fresh = ctx;
  reports[report_count++] = *r;
  if (fresh)
    limiter_heed(fresh, OLD, r);
}

static void hand_over(struct limiter *old, struct limiter *fresh) {
  account_count = 0;
  limiter_hand_over(old, see_account, fresh);
}

static size_t report(struct limiter *old, struct limiter *fresh) {
  report_count = 0;
  limiter_report(old, see_report, fresh);
  return report_count;
}

static void both_together_give_away_no_more_than_there_is(void **state) {
  struct limiter *old = make(), *fresh = make();
  struct limiter_ticket running = {0}, late = {0}, t = {0};
  set_spent(old, 300);
  assert_int_equal(take(old, 200, &running), ERR_OK);
  hand_over(old, fresh);
  assert_int_equal(account_count, 1);
  assert_int_equal(accounts[0].spent_nano, 300);
  assert_int_equal(accounts[0].report.held_nano, 200 + 125); /* and a quarter of the 500 that are left */
  assert_int_equal(left(fresh), 375);
  assert_int_equal(take(old, 125, &late), ERR_OK);
  allowance_give_back(&late, 0, 0); /* what comes back of the lease goes to the new one */
  assert_int_equal(report(old, fresh), 1);
  assert_int_equal(left(fresh), 500);
  assert_int_equal(take(old, 1, &late), ERR_UNAVAILABLE);
  assert_string_equal(fault.field, "budget");
  assert_int_equal(fault.retry_after_s, 1);
  allowance_give_back(&running, 0, 150);
  assert_int_equal(report(old, fresh), 1);
  assert_int_equal(reports[0].given_nano, 150);
  assert_int_equal(left(fresh), 550);
  assert_int_equal(report(old, fresh), 0); /* nothing new */
  limiter_forget(fresh, OLD);
  assert_int_equal(left(fresh), 550);
  assert_int_equal(take(fresh, 551, &t), ERR_BUDGET_EXHAUSTED);
  limiter_free(old);
  limiter_free(fresh);
}

static void the_old_one_serves_late_requests_from_its_lease(void **state) {
  struct limiter *old = make(), *fresh = make();
  struct limiter_ticket a = {0}, b = {0};
  set_spent(old, 0);
  assert_int_equal(take(old, 200, &a), ERR_OK);
  allowance_give_back(&a, 0, 200);
  hand_over(old, fresh);
  assert_int_equal(accounts[0].report.held_nano, 200);
  assert_int_equal(take(old, 150, &a), ERR_OK);
  assert_int_equal(take(old, 51, &b), ERR_UNAVAILABLE);
  assert_int_equal(take(old, 50, &b), ERR_OK);
  assert_int_equal(report(old, fresh), 1); /* held differently, as much in all */
  assert_int_equal(reports[0].held_nano, 200);
  assert_int_equal(reports[0].in_flight, 2);
  assert_int_equal(left(fresh), 600);
  allowance_give_back(&a, 0, 10);
  allowance_give_back(&b, 0, 50);
  report(old, fresh);
  assert_int_equal(left(fresh), 740);
  limiter_free(old);
  limiter_free(fresh);
}

static void the_lease_ends_when_nobody_can_come_any_more(void **state) {
  struct limiter *old = make(), *fresh = make();
  struct limiter_ticket t = {0};
  set_spent(old, 0);
  assert_int_equal(take(old, 1, &t), ERR_OK);
  allowance_give_back(&t, 0, 0);
  hand_over(old, fresh);
  assert_int_equal(left(fresh), 750);
  limiter_end_leases(old);
  report(old, fresh);
  assert_int_equal(left(fresh), 1000);
  assert_int_equal(take(old, 1, &t), ERR_UNAVAILABLE);
  limiter_free(old);
  limiter_free(fresh);
}

static void a_key_the_old_one_sees_first_afterwards_is_the_new_ones(void **state) {
  struct limiter *old = make(), *fresh = make();
  struct limiter_ticket t = {0};
  hand_over(old, fresh);
  assert_int_equal(take(old, 1, &t), ERR_UNAVAILABLE);
  limits.budget_nano = 0; /* one without a budget is served */
  assert_int_equal(take(old, 1, &t), ERR_OK);
  allowance_give_back(&t, 0, 0);
  limiter_free(old);
  limiter_free(fresh);
}

static void after_a_handover_that_failed_the_old_one_decides_as_before(void **state) {
  struct limiter *old = make();
  struct limiter_ticket running = {0};
  set_spent(old, 100);
  assert_int_equal(take(old, 200, &running), ERR_OK);
  hand_over(old, NULL);
  limiter_take_back(old);
  assert_int_equal(left(old), 700);
  allowance_give_back(&running, 0, 20);
  assert_int_equal(left(old), 880);
  limits.period_start_us = 200; /* the next period, asked for as usual */
  struct limiter_ticket t = {0};
  assert_int_equal(take(old, 1, &t), ERR_AGAIN);
  limiter_free(old);
}

static void a_third_process_counts_the_first_and_the_second(void **state) {
  struct limiter *first = make(), *second = make(), *third = make();
  struct limiter_ticket a = {0}, b = {0}, c = {0};
  set_spent(first, 0);
  assert_int_equal(take(first, 200, &a), ERR_OK);
  hand_over(first, second);
  limiter_end_leases(first);
  report(first, second);
  assert_int_equal(take(second, 300, &b), ERR_OK);
  allowance_give_back(&a, 0, 100); /* reported to the second before it hands over ... */
  report(first, second);
  account_count = 0;
  limiter_hand_over(second, see_account, NULL);
  limiter_import(third, 2, &accounts[0]);
  assert_int_equal(accounts[0].spent_nano, 100);
  limiter_end_leases(second);
  assert_int_equal(take(third, 700, &c), ERR_BUDGET_EXHAUSTED);
  report_count = 0;
  limiter_report(second, see_report, NULL);
  limiter_heed(third, 2, &reports[0]);
  assert_int_equal(left(third), 600); /* 100 spent, 300 held by the second */
  allowance_give_back(&b, 0, 30);
  report_count = 0;
  limiter_report(second, see_report, NULL);
  limiter_heed(third, 2, &reports[0]);
  assert_int_equal(left(third), 870);
  limiter_free(first);
  limiter_free(second);
  limiter_free(third);
}

static struct limiter *share_target;
static void see_share(void *ctx, uint64_t process, const struct limiter_report *r) {
  ++*(size_t *)ctx;
  limiter_import_share(share_target, process, r);
}

static void what_the_first_still_holds_is_handed_on_with_it(void **state) {
  struct limiter *first = make(), *second = make(), *third = make();
  struct limiter_ticket a = {0};
  size_t shares = 0;
  set_spent(first, 0);
  assert_int_equal(take(first, 200, &a), ERR_OK);
  hand_over(first, second);
  limiter_end_leases(first);
  report(first, second);
  account_count = 0;
  limiter_hand_over(second, see_account, NULL);
  limiter_import(third, 2, &accounts[0]);
  share_target = third;
  limiter_shares(second, see_share, &shares);
  assert_int_equal(shares, 1);
  limiter_end_leases(second);
  report_count = 0;
  limiter_report(second, see_report, NULL);
  for (size_t i = 0; i < report_count; i++)
    limiter_heed(third, 2, &reports[i]);
  assert_int_equal(left(third), 800);
  allowance_give_back(&a, 0, 50); /* ... or reported to the third afterwards: once in any case */
  report(first, third);
  assert_int_equal(left(third), 950);
  limiter_forget(third, OLD);
  limiter_forget(third, 2);
  limiter_forget(third, 99);
  assert_int_equal(left(third), 950);
  limiter_free(first);
  limiter_free(second);
  limiter_free(third);
}

static void the_keys_of_one_that_died_are_counted_anew(void **state) {
  struct limiter *old = make(), *fresh = make();
  struct limiter_ticket a = {0}, own = {0};
  struct limiter_key *keys = NULL;
  set_spent(old, 100);
  assert_int_equal(take(old, 400, &a), ERR_OK);
  hand_over(old, fresh);
  assert_int_equal(take(fresh, 50, &own), ERR_OK);
  /* The old one dies; its call is recovered for 70. */
  limiter_recount_begin(fresh);
  allowance_give_back(&own, 0, 40); /* after the beginning: noted apart */
  assert_int_equal(limiter_recount_keys(fresh, &keys), 1);
  assert_int_equal(keys[0].key_id, KEY);
  assert_int_equal(keys[0].period_start_us, 100);
  limiter_recount_end(fresh, keys[0], 170);
  limiter_forget(fresh, OLD);
  assert_int_equal(left(fresh), 1000 - 170 - 40);
  limiter_recount_end(fresh, keys[0], 10); /* the store is behind: what is known counts */
  assert_int_equal(left(fresh), 1000 - 170 - 40);
  keys[0].period_start_us = 99; /* another period */
  limiter_recount_end(fresh, keys[0], 900);
  assert_int_equal(left(fresh), 1000 - 170 - 40);
  free(keys);
  limiter_free(old);
  limiter_free(fresh);
}

static void rates_and_calls_at_once_go_on_where_they_stood(void **state) {
  struct limiter *old = make(), *fresh = make();
  struct limiter_ticket a = {0}, b = {0};
  limits = (struct limiter_limits){.rpm = 3, .concurrency = 2, .tpm = 25};
  assert_int_equal(take(old, 0, &a), ERR_OK);
  hand_over(old, fresh);
  assert_int_equal(take(fresh, 0, &b), ERR_OK);
  struct limiter_ticket t = {0};
  assert_int_equal(take(fresh, 0, &t), ERR_RATE_LIMITED);
  assert_string_equal(fault.field, "concurrency");
  allowance_give_back(&a, 10, 0);
  report(old, fresh);
  assert_int_equal(take(fresh, 0, &t), ERR_RATE_LIMITED);
  assert_string_equal(fault.field, "tpm"); /* 10 and 10 of 25 are used */
  limits.tpm = 0;
  assert_int_equal(take(fresh, 0, &t), ERR_OK);
  allowance_give_back(&t, 0, 0);
  assert_int_equal(take(fresh, 0, &t), ERR_RATE_LIMITED);
  assert_string_equal(fault.field, "rpm"); /* three in all */
  limiter_free(old);
  limiter_free(fresh);
}

static void what_keys_share_goes_on_where_it_stood_too(void **state) {
  struct limiter *old = make(), *fresh = make();
  const struct limiter_ask ask = {.tokens = 10, .now_us = NOW_US};
  struct limiter_want want = {limiter_subject_entry(old, LIMITER_WORKSPACE, TEXT("lab")),
                              LIMITER_WORKSPACE,
                              TEXT("lab"),
                              {.rpm = 3, .concurrency = 2}};
  struct limiter_ticket a = {0}, b = {0}, t = {0};
  assert_int_equal(limiter_take(&want, 1, &ask, &a, &fault), ERR_OK);
  hand_over(old, fresh);
  assert_int_equal(account_count, 1);
  assert_int_equal(limiter_take(&want, 1, &ask, &t, &fault), ERR_OK); /* a late request at the old one */
  allowance_give_back(&t, 10, 0);
  want.allowance = limiter_subject_entry(fresh, LIMITER_WORKSPACE, TEXT("lab"));
  assert_int_equal(limiter_take(&want, 1, &ask, &b, &fault), ERR_OK);
  assert_int_equal(limiter_take(&want, 1, &ask, &t, &fault), ERR_RATE_LIMITED);
  assert_string_equal(fault.field, "concurrency");
  assert_ptr_not_equal(limiter_subject_entry(fresh, LIMITER_USER, TEXT("lab")), want.allowance);
  allowance_give_back(&a, 10, 0);
  assert_int_equal(report(old, fresh), 1);
  assert_int_equal(limiter_take(&want, 1, &ask, &t, &fault), ERR_OK);
  allowance_give_back(&t, 10, 0);
  assert_int_equal(limiter_take(&want, 1, &ask, &t, &fault), ERR_RATE_LIMITED);
  assert_string_equal(fault.field, "rpm");
  allowance_give_back(&b, 10, 0);
  limiter_forget(fresh, OLD);
  assert_int_equal(limiter_subjects_in_flight(fresh), 0);
  limiter_free(old);
  limiter_free(fresh);
}

static void with_the_table_full_a_key_is_left_out(void **state) {
  struct limiter *l = limiter_new(1);
  assert_non_null(limiter_entry(l, 1));
  struct limiter_report r = {.key_id = 2, .held_nano = 5};
  limiter_import(l, OLD, &(struct limiter_account){.report = r});
  limiter_import_share(l, OLD, &r);
  limiter_heed(l, OLD, &r);
  limiter_recount_end(l, (struct limiter_key){2, 0}, 5);
  assert_null(limiter_entry(l, 2));
  limiter_free(l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_together_give_away_no_more_than_there_is),
      cmocka_unit_test(the_old_one_serves_late_requests_from_its_lease),
      cmocka_unit_test(the_lease_ends_when_nobody_can_come_any_more),
      cmocka_unit_test(a_key_the_old_one_sees_first_afterwards_is_the_new_ones),
      cmocka_unit_test(after_a_handover_that_failed_the_old_one_decides_as_before),
      cmocka_unit_test(a_third_process_counts_the_first_and_the_second),
      cmocka_unit_test(what_the_first_still_holds_is_handed_on_with_it),
      cmocka_unit_test(the_keys_of_one_that_died_are_counted_anew),
      cmocka_unit_test(rates_and_calls_at_once_go_on_where_they_stood),
      cmocka_unit_test(what_keys_share_goes_on_where_it_stood_too),
      cmocka_unit_test(with_the_table_full_a_key_is_left_out),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
