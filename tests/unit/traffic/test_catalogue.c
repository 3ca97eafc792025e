/* Which list of models is current and who fetches the next, on a virtual clock. */
#include "traffic/catalogue.h"

#include "../base/expect.h"

#include <pthread.h>

#define VENDOR TEXT("https://vendor.test/api/v1")

static struct llm_catalogue *list_of(uint64_t context_tokens) {
  struct llm_catalogue *c = llm_catalogue_new(1);
  struct llm_catalogue_model *m = llm_catalogue_add(c);
  m->id = TEXT("m");
  m->context_tokens = context_tokens;
  llm_catalogue_seal(c);
  return c;
}

/* What the list says at that time: 0 without a list. */
static uint64_t look(struct catalogues *all, struct text vendor, int64_t now_us, bool *out_due) {
  struct llm_catalogue *c = catalogues_get(all, vendor, now_us, out_due);
  const struct llm_catalogue_model *m = llm_catalogue_find(c, TEXT("m"));
  uint64_t tokens = m ? m->context_tokens : 0;
  llm_catalogue_drop(c);
  return tokens;
}

#define EXPECT_AT(all, vendor, now_us, tokens, is_due)                                                                 \
  do {                                                                                                                 \
    bool due_ = !(is_due);                                                                                             \
    assert_int_equal(look((all), (vendor), (now_us), &due_), (tokens));                                                \
    assert_int_equal(due_, (is_due));                                                                                  \
  } while (0)

static void the_first_to_ask_fetches_and_nobody_else_meanwhile(void **state) {
  struct catalogues *all = catalogues_new(4);
  EXPECT_AT(all, VENDOR, 1000, 0, true);
  EXPECT_AT(all, VENDOR, 1000, 0, false);
  EXPECT_AT(all, TEXT("another"), 1000, 0, true);
  catalogues_put(all, VENDOR, list_of(5), 2000);
  EXPECT_AT(all, VENDOR, 2000, 5, false);
  catalogues_free(all);
}

static void after_15_minutes_one_caller_fetches_and_all_use_the_old_list_until_then(void **state) {
  struct catalogues *all = catalogues_new(4);
  EXPECT_AT(all, VENDOR, 0, 0, true);
  catalogues_put(all, VENDOR, list_of(5), 10);
  EXPECT_AT(all, VENDOR, 10 + CATALOGUE_FRESH_US - 1, 5, false);
  EXPECT_AT(all, VENDOR, 10 + CATALOGUE_FRESH_US, 5, true);
  EXPECT_AT(all, VENDOR, 10 + CATALOGUE_FRESH_US, 5, false);
  catalogues_put(all, VENDOR, list_of(6), 20 + CATALOGUE_FRESH_US);
  EXPECT_AT(all, VENDOR, 20 + CATALOGUE_FRESH_US, 6, false);
  EXPECT_AT(all, VENDOR, 20 + 2 * CATALOGUE_FRESH_US, 6, true);
  catalogues_free(all);
}

static void a_failed_fetch_keeps_the_old_list_and_is_tried_again_after_30_s(void **state) {
  struct catalogues *all = catalogues_new(4);
  EXPECT_AT(all, VENDOR, 0, 0, true);
  catalogues_put(all, VENDOR, list_of(5), 0);
  int64_t now_us = CATALOGUE_FRESH_US;
  for (int i = 0; i < 5; i++) {
    EXPECT_AT(all, VENDOR, now_us, 5, true);
    now_us += 4000;
    catalogues_failed(all, VENDOR, now_us);
    EXPECT_AT(all, VENDOR, now_us + CATALOGUE_RETRY_US - 1, 5, false);
    now_us += CATALOGUE_RETRY_US;
  }
  catalogues_failed(all, TEXT("never seen"), now_us);
  catalogues_free(all);
}

static void a_fetch_that_is_never_reported_is_given_to_another_after_30_s(void **state) {
  struct catalogues *all = catalogues_new(4);
  EXPECT_AT(all, VENDOR, 0, 0, true);
  EXPECT_AT(all, VENDOR, CATALOGUE_RETRY_US - 1, 0, false);
  EXPECT_AT(all, VENDOR, CATALOGUE_RETRY_US, 0, true);
  EXPECT_AT(all, VENDOR, CATALOGUE_RETRY_US, 0, false);
  catalogues_free(all);
}

static void a_list_in_use_outlives_its_replacement(void **state) {
  struct catalogues *all = catalogues_new(4);
  bool due;
  catalogues_put(all, VENDOR, list_of(5), 0);
  struct llm_catalogue *old = catalogues_get(all, VENDOR, 1, &due);
  catalogues_put(all, VENDOR, list_of(6), 2);
  catalogues_free(all);
  assert_int_equal(llm_catalogue_find(old, TEXT("m"))->context_tokens, 5);
  llm_catalogue_drop(old);
}

static void past_the_bound_the_vendor_not_asked_for_the_longest_makes_room(void **state) {
  struct catalogues *all = catalogues_new(2);
  catalogues_put(all, TEXT("a"), list_of(1), 0);
  catalogues_put(all, TEXT("b"), list_of(2), 0);
  EXPECT_AT(all, TEXT("b"), 5, 2, false);
  EXPECT_AT(all, TEXT("a"), 6, 1, false);
  catalogues_put(all, TEXT("c"), list_of(3), 7);
  EXPECT_AT(all, TEXT("a"), 8, 1, false);
  EXPECT_AT(all, TEXT("c"), 8, 3, false);
  EXPECT_AT(all, TEXT("b"), 9, 0, true);
  catalogues_free(all);
}

#define THREADS 4
#define ROUNDS  200

struct asker {
  struct catalogues *all;
  pthread_barrier_t *round;
  unsigned due;
};

/* All threads have the same time in one round. */
static void *ask_often(void *arg) {
  struct asker *a = arg;
  for (int64_t i = 0; i < ROUNDS; i++) {
    bool due;
    (void)pthread_barrier_wait(a->round);
    llm_catalogue_drop(catalogues_get(a->all, VENDOR, i * CATALOGUE_FRESH_US, &due));
    a->due += due;
    if (due)
      catalogues_put(a->all, VENDOR, list_of(1), i * CATALOGUE_FRESH_US);
  }
  return NULL;
}

static void of_many_threads_one_fetches_each_time(void **state) {
  struct catalogues *all = catalogues_new(2);
  struct asker askers[THREADS];
  pthread_t threads[THREADS];
  pthread_barrier_t round;
  unsigned due = 0;
  assert_int_equal(pthread_barrier_init(&round, NULL, THREADS), 0);
  for (size_t i = 0; i < THREADS; i++) {
    askers[i] = (struct asker){.all = all, .round = &round};
    assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &askers[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    due += askers[i].due;
  }
  assert_int_equal(due, ROUNDS);
  pthread_barrier_destroy(&round);
  catalogues_free(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_to_ask_fetches_and_nobody_else_meanwhile),
      cmocka_unit_test(after_15_minutes_one_caller_fetches_and_all_use_the_old_list_until_then),
      cmocka_unit_test(a_failed_fetch_keeps_the_old_list_and_is_tried_again_after_30_s),
      cmocka_unit_test(a_fetch_that_is_never_reported_is_given_to_another_after_30_s),
      cmocka_unit_test(a_list_in_use_outlives_its_replacement),
      cmocka_unit_test(past_the_bound_the_vendor_not_asked_for_the_longest_makes_room),
      cmocka_unit_test(of_many_threads_one_fetches_each_time),
  };
  return RUN_TESTS(tests);
}
