/* Vendors' lists of models: the newest of each is kept, byte for byte, with its age. */
#include "contract.h"

static const struct text vendor = {"https://openrouter.ai/api/v1", 28};

static void a_list_is_kept_until_the_next_one(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct store_catalogue list = {TEXT_NONE, -1};
  arena_init(&a);
  EXPECT_ERR(s->ops->catalogues->get(s, vendor, &a, &list, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(list.age_us, -1);
  EXPECT_OK(s->ops->catalogues->put(s, vendor, TEXT("{\"data\": [\0\xff]}"), &test_fault));
  EXPECT_OK(s->ops->catalogues->put(s, TEXT("other"), TEXT("{}"), &test_fault));
  EXPECT_OK(s->ops->catalogues->get(s, vendor, &a, &list, &test_fault));
  EXPECT_TEXT(list.body, TEXT("{\"data\": [\0\xff]}"));
  assert_in_range(list.age_us, 0, 60000000);
  EXPECT_OK(s->ops->catalogues->put(s, vendor, TEXT("[]"), &test_fault));
  EXPECT_OK(s->ops->catalogues->get(s, vendor, &a, &list, &test_fault));
  EXPECT_TEXT(list.body, TEXT("[]"));
  arena_done(&a);
}

static void others_are_told_of_it(void **state) {
  struct store *s = contract_store(state);
  char name[300];
  struct arena a;
  struct store_event *at = NULL;
  size_t count = 0;
  memset(name, 'v', sizeof name);
  arena_init(&a);
  EXPECT_OK(s->ops->catalogues->put(s, vendor, TEXT("[]"), &test_fault));
  EXPECT_OK(s->ops->catalogues->put(s, (struct text){name, sizeof name}, TEXT("[]"), &test_fault));
  EXPECT_OK(s->ops->events->list(s, 0, 10, &a, &at, &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_TEXT(at[0].kind, TEXT("catalogue"));
  EXPECT_TEXT(at[0].subject, vendor);
  EXPECT_TEXT(at[1].kind, TEXT("catalogue"));
  EXPECT_TEXT(at[1].subject, TEXT("")); /* too long for one */
  arena_done(&a);
}

static void its_age_is_by_the_database_s_clock(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct store_catalogue list;
  arena_init(&a);
  EXPECT_OK(s->ops->catalogues->put(s, vendor, TEXT("[]"), &test_fault));
  contract_exec(s, "UPDATE weir_catalogues SET fetched_us = fetched_us - 3600000000");
  EXPECT_OK(s->ops->catalogues->get(s, vendor, &a, &list, &test_fault));
  assert_in_range(list.age_us, 3600000000, 3660000000);
  arena_done(&a);
}

static void a_large_one_fits_and_a_larger_one_is_refused(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct store_catalogue list;
  static char name[STORE_CATALOGUE_VENDOR_MAX + 1];
  size_t large = 3 * 1024 * 1024;
  char *body = calloc(1, STORE_CATALOGUE_BYTES_MAX + 1);
  assert_non_null(body);
  memset(body, 'x', large);
  memset(name, 'v', sizeof name);
  arena_init(&a);
  EXPECT_OK(s->ops->catalogues->put(s, vendor, (struct text){body, large}, &test_fault));
  EXPECT_OK(s->ops->catalogues->get(s, vendor, &a, &list, &test_fault));
  assert_int_equal(list.body.len, large);
  EXPECT_ERR(s->ops->catalogues->put(s, vendor, (struct text){body, STORE_CATALOGUE_BYTES_MAX + 1}, &test_fault),
             ERR_LIMIT);
  EXPECT_ERR(s->ops->catalogues->put(s, (struct text){name, sizeof name}, TEXT("[]"), &test_fault), ERR_LIMIT);
  arena_done(&a);
  free(body);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(a_list_is_kept_until_the_next_one),
      CONTRACT(others_are_told_of_it),
      CONTRACT(its_age_is_by_the_database_s_clock),
      CONTRACT(a_large_one_fits_and_a_larger_one_is_refused),
  };
  return RUN_CONTRACT(tests);
}
