/* The table of dialects. */
#include "wire/wire.h"

#include "wire_test.h"

static void every_dialect_is_found_by_id_and_by_name(void **state) {
  for (int id = 0; id < WIRE_COUNT; id++) {
    const struct wire *wire = wire_get((enum wire_id)id);
    assert_non_null(wire);
    assert_int_equal(wire->id, id);
    assert_ptr_equal(wire_find(text_of(wire->name)), wire);
  }
  assert_ptr_equal(wire_find(TEXT("openai_chat")), &wire_openai_chat);
  assert_null(wire_find(TEXT("openai")));
  assert_null(wire_get(WIRE_COUNT));
}

static void every_dialect_has_every_function(void **state) {
  for (int id = 0; id < WIRE_COUNT; id++) {
    const struct wire *w = wire_get((enum wire_id)id);
    assert_true(w->read_request && w->edit_request && w->tap_plain && w->tap_event && w->is_error);
    assert_true(w->error_message && w->write_error && w->write_stream_error);
  }
}

static void what_a_dialect_writes_as_an_error_it_knows_as_an_error(void **state) {
  for (int id = 0; id < WIRE_COUNT; id++)
    for (int e = 1; e < ERR_COUNT; e++) {
      const struct wire *w = wire_get((enum wire_id)id);
      struct fault f = {.err = (enum err)e, .field = "model", .text = "a \"text\"\nof two lines"};
      struct arena a;
      struct buf b;
      arena_init(&a);
      buf_init(&b, 4096);
      w->write_error(&b, &f, TEXT("req_1"));
      assert_true(w->is_error(buf_text(&b)));
      EXPECT_TEXT(w->error_message(buf_text(&b), &a), TEXT("a \"text\"\nof two lines"));
      buf_done(&b);
      arena_done(&a);
    }
}

static void no_answer_of_a_dialect_is_taken_for_an_error(void **state) {
  struct arena a;
  arena_init(&a);
  assert_false(wire_anthropic.is_error(fixture(&a, "anthropic/plain/text.json")));
  assert_false(wire_openai_chat.is_error(fixture(&a, "openai/plain/text.json")));
  assert_false(wire_openai_chat.is_error(fixture(&a, "anthropic/error/overloaded.json")));
  assert_false(wire_anthropic.is_error(fixture(&a, "openai/error/server.json")));
  for (int id = 0; id < WIRE_COUNT; id++) {
    assert_false(wire_get((enum wire_id)id)->is_error(TEXT("<html>502</html>")));
    assert_false(wire_get((enum wire_id)id)->is_error(TEXT("")));
    assert_false(wire_get((enum wire_id)id)->is_error(TEXT("[]")));
  }
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_dialect_is_found_by_id_and_by_name),
      cmocka_unit_test(every_dialect_has_every_function),
      cmocka_unit_test(what_a_dialect_writes_as_an_error_it_knows_as_an_error),
      cmocka_unit_test(no_answer_of_a_dialect_is_taken_for_an_error),
  };
  return RUN_TESTS(tests);
}
