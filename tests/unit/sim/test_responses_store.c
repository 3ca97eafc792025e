/* Responses kept, found, dropped, and forgotten when there are too many. */
#include "sim/responses_store.h"

#include "sim_test.h"

#define JSON "{\"id\":\"resp_1\",\"output\":[{\"id\":\"rs_1\",\"type\":\"reasoning\"},{\"id\":\"msg_1\"}]}"

static void what_is_kept_is_found_until_it_is_dropped(void **state) {
  struct responses_store *s = responses_store_new();
  responses_store_keep(s, TEXT("resp_1"), TEXT(JSON), (struct digest){1, 2});
  const struct responses_kept *found = responses_store_find(s, TEXT("resp_1"));
  assert_non_null(found);
  EXPECT_TEXT(found->json, TEXT(JSON));
  assert_int_equal(found->prompt.bytes, 2);
  assert_null(responses_store_find(s, TEXT("resp_2")));
  assert_null(responses_store_find(s, TEXT_NONE));
  assert_null(responses_store_find(NULL, TEXT("resp_1")));
  assert_true(responses_store_drop(s, TEXT("resp_1")));
  assert_false(responses_store_drop(s, TEXT("resp_1")));
  responses_store_free(s);
}

static void items_are_found_by_their_ids(void **state) {
  struct arena a;
  struct text item;
  arena_init(&a);
  struct responses_store *s = responses_store_new();
  responses_store_keep(s, TEXT("resp_1"), TEXT(JSON), (struct digest){0});
  assert_true(responses_store_item(s, &a, TEXT("rs_1"), &item));
  EXPECT_TEXT(item, TEXT("{\"id\":\"rs_1\",\"type\":\"reasoning\"}"));
  assert_false(responses_store_item(s, &a, TEXT("rs_"), &item));
  assert_false(responses_store_item(s, &a, TEXT_NONE, &item));
  assert_false(responses_store_item(NULL, &a, TEXT("rs_1"), &item));
  responses_store_free(s);
  arena_done(&a);
}

static void the_oldest_goes(void **state) {
  struct responses_store *s = responses_store_new();
  char id[32];
  for (int i = 0; i <= RESPONSES_KEPT_MAX; i++) {
    snprintf(id, sizeof(id), "resp_%d", i);
    responses_store_keep(s, text_of(id), TEXT("{}"), (struct digest){0});
  }
  assert_null(responses_store_find(s, TEXT("resp_0")));
  assert_non_null(responses_store_find(s, TEXT("resp_1")));
  assert_non_null(responses_store_find(s, text_of(id)));
  responses_store_reset(s);
  assert_null(responses_store_find(s, TEXT("resp_1")));
  responses_store_free(s);
}

static void a_large_one_is_not_kept(void **state) {
  struct responses_store *s = responses_store_new();
  char *json = calloc(1, RESPONSES_BYTES_MAX + 1);
  assert_non_null(json);
  responses_store_keep(s, TEXT("a"), (struct text){json, RESPONSES_BYTES_MAX + 1}, (struct digest){0});
  assert_null(responses_store_find(s, TEXT("a")));
  responses_store_keep(s, TEXT("a"), (struct text){json, RESPONSES_BYTES_MAX}, (struct digest){0});
  assert_non_null(responses_store_find(s, TEXT("a")));
  free(json);
  responses_store_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_kept_is_found_until_it_is_dropped),
      cmocka_unit_test(items_are_found_by_their_ids),
      cmocka_unit_test(the_oldest_goes),
      cmocka_unit_test(a_large_one_is_not_kept),
  };
  return RUN_TESTS(tests);
}
