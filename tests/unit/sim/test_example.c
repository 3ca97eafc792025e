/* Values made from schemas: simple, fitting, and bounded. */
#include "sim/example.h"

#include "sim_test.h"

static void example_is(const char *schema, const char *want) {
  struct arena a;
  arena_init(&a);
  struct json doc = test_json(&a, schema);
  EXPECT_TEXT(example_object(&a, doc.root), text_of(want));
  json_done(&doc);
  arena_done(&a);
}

static void each_type_has_its_value(void **state) {
  example_is("{'type':'object','properties':{'a':{'type':'integer'},'b':{'type':'number'},'c':{'type':'boolean'},"
             "'d':{'type':'null'},'e':{'type':'array'},'f':{'type':'object'},'g':{'type':['integer','null']}}}",
             "{\"a\":7,\"b\":7,\"c\":true,\"d\":null,\"e\":[],\"f\":{},\"g\":7}");
  example_is("{'type':'object','properties':{'s':{'type':'string'}}}",
             "{\"s\":\"a simulated \\\"value\\\" from weir-sim\"}");
}

static void what_is_given_is_taken(void **state) {
  example_is("{'type':'object','properties':{'a':{'const':[1,'x']},'b':{'enum':[3,4]}}}", "{\"a\":[1,\"x\"],\"b\":3}");
}

static void objects_and_lists_nest(void **state) {
  example_is("{'properties':{'a':{'type':'array','minItems':2,'items':{'type':'object','properties':{'n':{'type':"
             "'integer'}}}}}}",
             "{\"a\":[{\"n\":7},{\"n\":7}]}");
}

static void references_and_choices_are_followed(void **state) {
  example_is("{'type':'object','properties':{'a':{'$ref':'#/$defs/n'},'b':{'anyOf':[{'type':'boolean'},{'type':'null'}"
             "]}},'$defs':{'n':{'type':'integer'}}}",
             "{\"a\":7,\"b\":true}");
}

static void no_schema_of_an_object_is_an_empty_object(void **state) {
  struct arena a;
  arena_init(&a);
  EXPECT_TEXT(example_object(&a, NULL), TEXT("{}"));
  arena_done(&a);
  example_is("{'type':'string'}", "{}");
}

static void schemas_without_end_have_small_examples(void **state) {
  struct arena a;
  arena_init(&a);
  struct json doc = test_json(&a, "{'type':'object','properties':{'a':{'$ref':'#'},'b':{'$ref':'#'}}}");
  struct text t = example_object(&a, doc.root);
  assert_true(t.len < 9000);
  expect_json(t);
  json_done(&doc);
  doc = test_json(&a, "{'$ref':'#'}");
  EXPECT_TEXT(example_object(&a, doc.root), TEXT("{}"));
  json_done(&doc);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_type_has_its_value),
      cmocka_unit_test(what_is_given_is_taken),
      cmocka_unit_test(objects_and_lists_nest),
      cmocka_unit_test(references_and_choices_are_followed),
      cmocka_unit_test(no_schema_of_an_object_is_an_empty_object),
      cmocka_unit_test(schemas_without_end_have_small_examples),
  };
  return RUN_TESTS(tests);
}
