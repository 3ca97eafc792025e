/* Values against tables: each way of not fitting, and where. */
#include "sim/shape.h"

#include "sim_test.h"

static const struct shape word = {.kind = SHAPE_TEXT, .min = 1, .max = 4},
                          small = {.kind = SHAPE_WHOLE, .min = 1, .max = 9},
                          share = {.kind = SHAPE_NUMBER, .min = 0, .max = 1}, yes = {.kind = SHAPE_BOOL},
                          data = {.kind = SHAPE_BASE64, .min = 2},
                          colour = {.kind = SHAPE_CHOICE, .choices = "red|green"}, loose = {.kind = SHAPE_FREE},
                          words = {.kind = SHAPE_LIST, .of = &word, .min = 1, .max = 2};
static const struct shape either = {.kind = SHAPE_UNION,
                                    .members = (const struct shape_member[]){{"a", &word}, {"b", NULL}, {0}}};
static const struct shape inner = {.kind = SHAPE_OBJECT,
                                   .members = (const struct shape_member[]){{"w", &word, true}, {0}}};
static const struct shape list = {.kind = SHAPE_LIST, .of = &inner};
static const struct shape all = {.kind = SHAPE_OBJECT,
                                 .members = (const struct shape_member[]){{"word", &word},
                                                                          {"small", &small},
                                                                          {"share", &share},
                                                                          {"yes", &yes},
                                                                          {"data", &data},
                                                                          {"colour", &colour},
                                                                          {"loose", &loose},
                                                                          {"words", &words},
                                                                          {"either", &either},
                                                                          {"list", &list},
                                                                          {"any", NULL},
                                                                          {0}}};

static void fits(const char *quoted) {
  struct arena a;
  struct shape_refusal r;
  arena_init(&a);
  struct json doc = test_json(&a, quoted);
  if (!shape_fits(&all, doc.root, &a, TEXT_NONE, false, &r))
    fail_msg("%s: refused at %.*s: %.*s", quoted, TEXT_ARGS(r.path), TEXT_ARGS(r.expected));
  json_done(&doc);
  arena_done(&a);
}

static void fails(const char *quoted, enum shape_wrong wrong, const char *path, bool brackets) {
  struct arena a;
  struct shape_refusal r = {0};
  arena_init(&a);
  struct json doc = test_json(&a, quoted);
  if (shape_fits(&all, doc.root, &a, TEXT_NONE, brackets, &r))
    fail_msg("not refused: %s", quoted);
  assert_int_equal(r.wrong, wrong);
  EXPECT_TEXT(r.path, text_of(path));
  json_done(&doc);
  arena_done(&a);
}

static void good_values_fit(void **state) {
  fits("{}");
  fits("{'word':'four','small':9,'share':0.5,'yes':false,'data':'AAA=','colour':'green','loose':{'x':1},'words':['a'],"
       "'either':{'b':[]},'list':[{'w':'a'},{'w':'b'}],'any':null}");
  fits("{'word':null,'small':1,'share':1}");
}

static void types_are_checked(void **state) {
  fails("[]", SHAPE_TYPE, "", false);
  fails("{'word':1}", SHAPE_TYPE, "word", false);
  fails("{'small':1.5}", SHAPE_TYPE, "small", false);
  fails("{'small':'1'}", SHAPE_TYPE, "small", false);
  fails("{'share':'1'}", SHAPE_TYPE, "share", false);
  fails("{'yes':0}", SHAPE_TYPE, "yes", false);
  fails("{'data':'AA'}", SHAPE_TYPE, "data", false);
  fails("{'data':'A!A='}", SHAPE_TYPE, "data", false);
  fails("{'loose':[]}", SHAPE_TYPE, "loose", false);
  fails("{'words':{}}", SHAPE_TYPE, "words", false);
  fails("{'colour':3}", SHAPE_TYPE, "colour", false);
}

static void ranges_are_checked_at_both_ends(void **state) {
  fails("{'word':''}", SHAPE_RANGE, "word", false);
  fails("{'word':'fives'}", SHAPE_RANGE, "word", false);
  fails("{'small':0}", SHAPE_RANGE, "small", false);
  fails("{'small':10}", SHAPE_RANGE, "small", false);
  fails("{'small':1e300}", SHAPE_RANGE, "small", false);
  fails("{'share':-0.1}", SHAPE_RANGE, "share", false);
  fails("{'share':1.1}", SHAPE_RANGE, "share", false);
  fails("{'data':'AA=='}", SHAPE_RANGE, "data", false);
  fails("{'words':[]}", SHAPE_RANGE, "words", false);
  fails("{'words':['a','b','c']}", SHAPE_RANGE, "words", false);
}

static void members_are_checked(void **state) {
  fails("{'other':1}", SHAPE_UNKNOWN, "other", false);
  fails("{'colour':'blue'}", SHAPE_NOT_CHOSEN, "colour", false);
  fails("{'either':{}}", SHAPE_NOT_ONE, "either", false);
  fails("{'either':{'a':'x','b':1}}", SHAPE_NOT_ONE, "either", false);
  fails("{'list':[{'w':'a'},{}]}", SHAPE_MISSING, "list.1.w", false);
  fails("{'list':[{'w':null}]}", SHAPE_MISSING, "list[0].w", true);
  fails("{'list':[{'w':'a','x':1}]}", SHAPE_UNKNOWN, "list[0].x", true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_values_fit),
      cmocka_unit_test(types_are_checked),
      cmocka_unit_test(ranges_are_checked_at_both_ends),
      cmocka_unit_test(members_are_checked),
  };
  return RUN_TESTS(tests);
}
