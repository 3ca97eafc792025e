/* Events: in the order of commits and without a gap, added with the change they tell of or not at all. */
#include "store/store_events.h"

#include "contract.h"

#include <pthread.h>

static void add(struct store *s, const char *kind, const char *subject) {
  EXPECT_OK(s->ops->events->add(s, text_of(kind), text_of(subject), &test_fault));
}

static int64_t newest(struct store *s) {
  int64_t id = -1;
  EXPECT_OK(s->ops->events->newest(s, &id, &test_fault));
  return id;
}

static size_t list(struct store *s, int64_t after, size_t max, struct arena *a, struct store_event **out) {
  size_t count = 99;
  EXPECT_OK(s->ops->events->list(s, after, max, a, out, &count, &test_fault));
  return count;
}

static void events_are_listed_in_order_after_the_one_seen(void **state) {
  struct store *s = contract_store(state);
  struct store_event *at;
  struct arena a;
  arena_init(&a);
  assert_int_equal(newest(s), 0);
  assert_int_equal(list(s, 0, 10, &a, &at), 0);
  add(s, "key", "7");
  add(s, "config", "");
  add(s, "catalogue", "openai");
  assert_int_equal(newest(s), 3);
  assert_int_equal(list(s, 0, 2, &a, &at), 2);
  assert_true(at[0].id == 1 && at[1].id == 2 && at[0].at_us > 1700000000000000);
  EXPECT_TEXT(at[0].kind, TEXT("key"));
  EXPECT_TEXT(at[0].subject, TEXT("7"));
  EXPECT_TEXT(at[1].subject, TEXT(""));
  assert_int_equal(list(s, 2, 10, &a, &at), 1);
  EXPECT_TEXT(at[0].subject, TEXT("openai"));
  assert_int_equal(list(s, 3, 10, &a, &at), 0);
  arena_done(&a);
}

static void every_change_of_a_key_is_told(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = {.name = TEXT("a"), .prefix = TEXT("p"), .models = TEXT("*")};
  struct store_event *at;
  struct arena a;
  int64_t id = 0;
  char subject[24];
  arena_init(&a);
  EXPECT_OK(s->ops->key_create(s, &k, &id, &test_fault));
  EXPECT_ERR(s->ops->key_create(s, &k, &id, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_OK(s->ops->key_set_blocked(s, id, true, &test_fault));
  EXPECT_OK(s->ops->key_set_blocked(s, id, true, &test_fault)); /* which it is already */
  EXPECT_OK(s->ops->key_set_blocked(s, id, false, &test_fault));
  EXPECT_ERR(s->ops->key_set_blocked(s, 999, true, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(list(s, 0, 10, &a, &at), 3); /* what was refused is not told, and leaves no gap */
  snprintf(subject, sizeof subject, "%lld", (long long)id);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(at[i].id, i + 1);
    EXPECT_TEXT(at[i].kind, TEXT("key"));
    EXPECT_TEXT(at[i].subject, text_of(subject));
  }
  arena_done(&a);
}

static void the_old_are_purged_and_the_count_goes_on(void **state) {
  struct store *s = contract_store(state);
  struct store_event *at;
  struct arena a;
  int64_t gone = -1;
  arena_init(&a);
  for (int i = 0; i < 5; i++)
    add(s, "cache", "");
  contract_exec(s, "UPDATE weir_events SET at_us = id * 100");
  EXPECT_OK(s->ops->events->purge(s, 400, 2, &gone, &test_fault));
  assert_int_equal(gone, 2);
  EXPECT_OK(s->ops->events->purge(s, 400, 100, &gone, &test_fault));
  assert_int_equal(gone, 1);
  assert_int_equal(list(s, 0, 10, &a, &at), 2);
  assert_int_equal(at[0].id, 4);
  EXPECT_OK(s->ops->events->purge(s, INT64_MAX, 100, &gone, &test_fault));
  assert_int_equal(newest(s), 5);
  add(s, "cache", "");
  assert_int_equal(newest(s), 6);
  arena_done(&a);
}

#define WRITERS 4
#define EACH    25

static void *add_many(void *store) {
  struct store *s = store;
  struct fault f = {0};
  uintptr_t failed = 0;
  for (int i = 0; i < EACH; i++)
    failed += s->ops->events->add(s, TEXT("job"), TEXT(""), &f) != ERR_OK;
  return (void *)failed;
}

/* Who reads while others write sees every id once it has seen a larger one. */
static void a_reader_never_misses_a_smaller_id(void **state) {
  struct store *s = contract_store(state);
  pthread_t threads[WRITERS];
  int64_t seen = 0;
  for (int i = 0; i < WRITERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, add_many, s), 0);
  while (seen < (int64_t)WRITERS * EACH) {
    struct store_event *at;
    struct arena a;
    arena_init(&a);
    size_t count = list(s, seen, 7, &a, &at);
    for (size_t i = 0; i < count; i++)
      assert_int_equal(at[i].id, ++seen);
    arena_done(&a);
  }
  for (int i = 0; i < WRITERS; i++) {
    void *failed = NULL;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
}

static void only_a_server_has_a_bell(void **state) {
  const struct store *s = contract_store(state);
  bool is_server = strcmp(s->ops->name, "postgres") == 0;
  assert_int_equal(s->ops->events->bell_open != NULL, is_server);
  assert_int_equal(s->ops->events->bell_wait != NULL, is_server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(events_are_listed_in_order_after_the_one_seen),
      CONTRACT(every_change_of_a_key_is_told),
      CONTRACT(the_old_are_purged_and_the_count_goes_on),
      CONTRACT(a_reader_never_misses_a_smaller_id),
      CONTRACT(only_a_server_has_a_bell),
  };
  return RUN_CONTRACT(tests);
}
