/* The OpenAI embeddings dialect. */
#include "wire/wire.h"

#include "edit_test.h"

static void the_model_is_read_and_edited(void **state) {
  struct arena a;
  struct wire_request rq = {0};
  arena_init(&a);
  struct text body = fixture(&a, "openai/request/embeddings.json");
  assert_int_equal(read_body(&a, &wire_openai_embeddings, body, &rq, NULL), ERR_OK);
  EXPECT_TEXT(rq.model, TEXT("text-embedding-3-small"));
  assert_false(rq.stream);
  for (size_t k = 0; k < EDIT_MODEL_COUNT; k++)
    assert_false(check_edit(&wire_openai_embeddings, body, edit_models[k], false));
  arena_done(&a);
}

static void a_stream_is_refused_both_ways(void **state) {
  struct arena a;
  struct wire_request rq = {0};
  struct fault f = {0};
  struct wire_tap t = {.wire = &wire_openai_embeddings, .arena = tap_arena()};
  enum wire_verdict verdict;
  arena_init(&a);
  assert_int_equal(read_body(&a, &wire_openai_embeddings, TEXT("{\"model\":\"m\",\"stream\":true}"), &rq, &f),
                   ERR_BAD_REQUEST);
  assert_string_equal(f.field, "stream");
  assert_int_equal(read_body(&a, &wire_openai_embeddings, TEXT("{\"model\":\"m\",\"stream\":false}"), &rq, &f), ERR_OK);
  assert_int_equal(wire_openai_embeddings.tap_event(&t, TEXT_NONE, TEXT("{}"), &verdict, &f), ERR_UPSTREAM_PROTOCOL);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_model_is_read_and_edited),
      cmocka_unit_test(a_stream_is_refused_both_ways),
  };
  return RUN_TESTS(tests);
}
