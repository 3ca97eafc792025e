/* reasoning_details that come back: whole, in pieces, and altered. */
#include "sim/openrouter_reasoning.h"

#include "sim/digest.h"
#include "sim_test.h"

static struct arena arena;
static struct fault fault;

static int fresh(void **state) {
  arena_init(&arena);
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  return 0;
}

static enum err check(struct text quoted) {
  struct json doc = test_json(&arena, quoted.at);
  fault = (struct fault){0};
  enum err e = openrouter_check_reasoning(doc.root, &arena, TEXT("r"), &fault);
  json_done(&doc);
  return e;
}

static void signed_text_is_accepted_whole_and_in_pieces(void **state) {
  struct text s = digest_signature(&arena, TEXT("one two"));
  assert_int_equal(
      check(arena_format(&arena, "[{'type':'reasoning.text','text':'one two','signature':'%.*s'}]", TEXT_ARGS(s))),
      ERR_OK);
  assert_int_equal(
      check(arena_format(&arena,
                         "[{'type':'reasoning.text','text':'one ','index':0},{'type':'reasoning.text','text':"
                         "'two','index':0},{'type':'reasoning.text','signature':'%.*s','index':0}]",
                         TEXT_ARGS(s))),
      ERR_OK);
  assert_int_equal(check(TEXT("[{'type':'reasoning.text','text':'unsigned','signature':null}]")), ERR_OK);
  assert_int_equal(check(TEXT("null")), ERR_OK);
  assert_int_equal(check(TEXT("[{'type':'reasoning.summary','summary':'s'}]")), ERR_OK);
}

static void altered_text_is_refused(void **state) {
  struct text s = digest_signature(&arena, TEXT("one two"));
  assert_int_equal(
      check(arena_format(&arena, "[{'type':'reasoning.text','text':'one  two','signature':'%.*s'}]", TEXT_ARGS(s))),
      ERR_BAD_REQUEST);
  EXPECT_INSIDE(text_of(fault.text), TEXT("r[0]: Invalid `signature`"));
  assert_int_equal(
      check(arena_format(&arena,
                         "[{'type':'reasoning.text','text':'one ','index':0},{'type':'reasoning.text','text':"
                         "'two','index':1,'signature':'%.*s'}]",
                         TEXT_ARGS(s))),
      ERR_BAD_REQUEST);
}

static void encrypted_data_must_be_the_simulators(void **state) {
  struct text sealed = digest_seal(&arena, TEXT("x"));
  assert_int_equal(check(arena_format(&arena, "[{'type':'reasoning.encrypted','data':'%.*s'}]", TEXT_ARGS(sealed))),
                   ERR_OK);
  assert_int_equal(check(TEXT("[{'type':'reasoning.encrypted','data':'AAAAAAAAAAAA'}]")), ERR_BAD_REQUEST);
  assert_int_equal(check(TEXT("[{'type':'reasoning.encrypted'}]")), ERR_BAD_REQUEST);
}

static void other_forms_are_refused(void **state) {
  assert_int_equal(check(TEXT("{}")), ERR_BAD_REQUEST);
  assert_int_equal(check(TEXT("[{}]")), ERR_BAD_REQUEST);
  assert_int_equal(check(TEXT("[{'type':'thinking'}]")), ERR_BAD_REQUEST);
  assert_int_equal(check(TEXT("[{'type':'reasoning.summary'}]")), ERR_BAD_REQUEST);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(signed_text_is_accepted_whole_and_in_pieces),
      CASE(altered_text_is_refused),
      CASE(encrypted_data_must_be_the_simulators),
      CASE(other_forms_are_refused),
  };
  return RUN_TESTS(tests);
}
