/* Checks that the OpenAI dialects share. */
#include "sim/openai_checks.h"

#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
static struct fault fault;

static int fresh(void **state) {
  arena_init(&arena);
  ask = (struct sim_ask){0};
  fault = (struct fault){0};
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  return 0;
}

static const struct shape number = {.kind = SHAPE_WHOLE, .min = 1, .max = 4},
                          word = {.kind = SHAPE_CHOICE, .choices = "a|b|c"};
static const struct shape inner = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){{"n", &number}, {"w", &word}, {"must", NULL, true}, {0}}};
static const struct shape list = {.kind = SHAPE_LIST, .of = &inner};

static void shapes_are_refused_in_the_services_words(void **state) {
  static const struct {
    const char *quoted, *field, *words;
  } rows[] = {
      {"[{'must':1,'x':1}]", "in[0].x", "Unknown parameter: 'in[0].x'."},
      {"[{}]", "in[0].must", "Missing required parameter: 'in[0].must'."},
      {"[{'must':1},{'must':1,'n':5}]", "in[1].n", "Invalid 'in[1].n': expected a value between 1 and 4."},
      {"[{'must':1,'n':'x'}]", "in[0].n", "Invalid type for 'in[0].n': expected an integer, but got a string instead."},
      {"[{'must':1,'w':'d'}]", "in[0].w", "Invalid value: 'd'. Supported values are: 'a', 'b', and 'c'."},
      {"{}", "in", "Invalid type for 'in': expected an array, but got an object instead."},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct json doc = test_json(&arena, rows[i].quoted);
    assert_int_equal(openai_shape_check(&list, doc.root, TEXT("in"), &arena, &fault), ERR_BAD_REQUEST);
    assert_string_equal(fault.text, rows[i].words);
    assert_string_equal(fault.field, rows[i].field);
    json_done(&doc);
  }
}

static void names_are_narrow(void **state) {
  assert_true(openai_is_name(TEXT("get_weather-2")));
  assert_false(openai_is_name(TEXT_NONE));
  assert_false(openai_is_name(TEXT("a b")));
  assert_false(openai_is_name(TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

static void image(const char *url, const char *refusal) {
  enum err e = openai_check_image(&ask, text_of(url), TEXT("p"), &fault);
  if (!refusal) {
    assert_int_equal(e, ERR_OK);
    return;
  }
  assert_int_equal(e, ERR_BAD_REQUEST);
  EXPECT_INSIDE(text_of(fault.text), text_of(refusal));
}

static void pictures_are_https_or_base64_of_a_known_type(void **state) {
  image("https://example.com/a.png", NULL);
  image("data:image/png;base64,AAAA", NULL);
  image("data:image/webp;base64,AAA=", NULL);
  assert_int_equal(ask.attachment_count, 3);
  assert_int_equal(ask.attachment[2].bytes, 2);
  image("http://example.com/a.png", "Expected a valid URL");
  image("https://", "Expected a valid URL");
  image("file:///etc/passwd", "Expected a valid URL");
  image("data:image/png,AAAA", "base64-encoded data URL");
  image("data:image/bmp;base64,AAAA", "unsupported MIME type 'image/bmp'");
  image("data:image/png;base64,", "not valid base64");
  image("data:image/png;base64,AAA", "not valid base64");
  image("data:image/png;base64,A*AA", "not valid base64");
}

static void files_are_base64(void **state) {
  assert_int_equal(openai_check_file(&ask, TEXT("data:application/pdf;base64,AAAA"), TEXT("p"), &fault), ERR_OK);
  EXPECT_TEXT(ask.attachment[0].media_type, TEXT("application/pdf"));
  assert_int_equal(openai_check_file(&ask, TEXT("AAAA"), TEXT("p"), &fault), ERR_BAD_REQUEST);
  assert_int_equal(openai_check_file(&ask, TEXT("data:application/pdf;base64,A"), TEXT("p"), &fault), ERR_BAD_REQUEST);
}

static void metadata_is_small(void **state) {
  static const struct {
    const char *quoted;
    enum err e;
  } rows[] = {
      {"{'a':'b'}", ERR_OK},
      {"null", ERR_OK},
      {"{'a':1}", ERR_BAD_REQUEST},
      {"[]", ERR_BAD_REQUEST},
      {"{'a':'','b':'','c':'','d':'','e':'','f':'','g':'','h':'','i':'','j':'','k':'','l':'','m':'','n':'','o':'',"
       "'p':'','q':''}",
       ERR_BAD_REQUEST},
      {"{'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa':''}", ERR_BAD_REQUEST}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct json doc = test_json(&arena, rows[i].quoted);
    assert_int_equal(openai_check_metadata(doc.root, &fault), rows[i].e);
    json_done(&doc);
  }
}

static void strict(const char *quoted, const char *refusal) {
  struct json doc = test_json(&arena, quoted);
  enum err e = openai_check_strict(doc.root, TEXT("function 'f'"), TEXT("p"), &fault);
  assert_int_equal(e, refusal ? ERR_BAD_REQUEST : ERR_OK);
  if (refusal)
    EXPECT_INSIDE(text_of(fault.text), text_of(refusal));
  json_done(&doc);
}

static void strict_schemas_leave_nothing_open(void **state) {
  strict("{'type':'object','properties':{'a':{'type':'string'}},'required':['a'],'additionalProperties':false}", NULL);
  strict("{'type':'object','properties':{},'required':[]}", "'additionalProperties' is required");
  strict("{'type':'object','properties':{'a':{}},'required':[],'additionalProperties':false}",
         "'required' is required");
  strict("{'type':'object','properties':{'a':{'type':'array','items':{'type':'object'}}},'required':['a'],"
         "'additionalProperties':false}",
         "'additionalProperties' is required");
  strict("{'type':'string'}", "must be a JSON Schema of 'type: \"object\"'");
}

static void breakpoints_are_at_most_four(void **state) {
  struct json doc = test_json(&arena, "{'prompt_cache_breakpoint':{'mode':'explicit','ttl':'12h'}}");
  struct json none = test_json(&arena, "{}");
  struct digest d = {7, 80};
  assert_int_equal(openai_cache_breakpoint(&ask, &d, none.root, &fault), ERR_OK);
  assert_int_equal(ask.breakpoint_count, 0);
  for (int i = 0; i < 4; i++)
    assert_int_equal(openai_cache_breakpoint(&ask, &d, doc.root, &fault), ERR_OK);
  assert_int_equal(ask.breakpoint[0].tokens, 20);
  assert_true(ask.breakpoint[0].one_hour);
  assert_int_equal(openai_cache_breakpoint(&ask, &d, doc.root, &fault), ERR_BAD_REQUEST);
  json_done(&doc);
  json_done(&none);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(shapes_are_refused_in_the_services_words),
      CASE(names_are_narrow),
      CASE(pictures_are_https_or_base64_of_a_known_type),
      CASE(files_are_base64),
      CASE(metadata_is_small),
      CASE(strict_schemas_leave_nothing_open),
      CASE(breakpoints_are_at_most_four),
  };
  return RUN_TESTS(tests);
}
