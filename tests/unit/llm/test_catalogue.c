/* A vendor's list of models: sorted, found, shared. */
#include "llm/catalogue.h"

#include "../base/expect.h"

static void add(struct llm_catalogue *c, const char *id, uint64_t context_tokens) {
  struct llm_catalogue_model *m = llm_catalogue_add(c);
  assert_non_null(m);
  m->id = arena_copy(&c->arena, text_of(id));
  m->context_tokens = context_tokens;
}

static void every_model_is_found_by_its_exact_id(void **state) {
  struct llm_catalogue *c = llm_catalogue_new(200);
  for (int i = 0; i < 200; i++) {
    char id[16];
    (void)snprintf(id, sizeof(id), "m/%d", (i * 77) % 200);
    add(c, id, (uint64_t)((i * 77) % 200) + 1);
  }
  llm_catalogue_seal(c);
  assert_int_equal(c->count, 200);
  for (int i = 0; i < 200; i++) {
    struct text id = arena_format(&c->arena, "m/%d", i);
    const struct llm_catalogue_model *m = llm_catalogue_find(c, id);
    assert_non_null(m);
    EXPECT_TEXT(m->id, id);
    assert_int_equal(m->context_tokens, i + 1);
  }
  const char *absent[] = {"m/200", "m/", "", "M/1", "m/1 ", "m/01"};
  for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
    assert_null(llm_catalogue_find(c, text_of(absent[i])));
  llm_catalogue_drop(c);
}

static void of_two_models_with_one_id_the_first_stays(void **state) {
  struct llm_catalogue *c = llm_catalogue_new(4);
  add(c, "b", 1);
  add(c, "a", 2);
  add(c, "b", 3);
  add(c, "b", 4);
  llm_catalogue_seal(c);
  assert_int_equal(c->count, 2);
  assert_int_equal(llm_catalogue_find(c, TEXT("b"))->context_tokens, 1);
  assert_int_equal(llm_catalogue_find(c, TEXT("a"))->context_tokens, 2);
  llm_catalogue_drop(c);
}

static void no_more_models_than_there_is_room_for(void **state) {
  struct llm_catalogue *c = llm_catalogue_new(1);
  assert_non_null(llm_catalogue_add(c));
  assert_null(llm_catalogue_add(c));
  llm_catalogue_drop(c);
  c = llm_catalogue_new(SIZE_MAX);
  assert_int_equal(c->room, LLM_CATALOGUE_MAX);
  llm_catalogue_drop(c);
}

static void an_empty_or_absent_list_has_no_models(void **state) {
  struct llm_catalogue *c = llm_catalogue_new(0);
  llm_catalogue_seal(c);
  assert_null(llm_catalogue_find(c, TEXT("a")));
  llm_catalogue_drop(c);
  assert_null(llm_catalogue_find(NULL, TEXT("a")));
  llm_catalogue_drop(NULL);
}

static void it_lives_until_its_last_holder_lets_go(void **state) {
  struct llm_catalogue *c = llm_catalogue_new(1);
  add(c, "a", 7);
  llm_catalogue_seal(c);
  assert_ptr_equal(llm_catalogue_hold(c), c);
  llm_catalogue_drop(c);
  assert_int_equal(atomic_load(&c->holders), 1);
  assert_int_equal(llm_catalogue_find(c, TEXT("a"))->context_tokens, 7);
  llm_catalogue_drop(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_model_is_found_by_its_exact_id),
      cmocka_unit_test(of_two_models_with_one_id_the_first_stays),
      cmocka_unit_test(no_more_models_than_there_is_room_for),
      cmocka_unit_test(an_empty_or_absent_list_has_no_models),
      cmocka_unit_test(it_lives_until_its_last_holder_lets_go),
  };
  return RUN_TESTS(tests);
}
