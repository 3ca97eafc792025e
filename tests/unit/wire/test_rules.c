/* Objects read by a table of their members. */
#include "chat_test.h"

struct thing {
  struct text word, digits, raw, inner;
  enum llm_flag flag;
  bool yes;
  uint64_t count;
  yyjson_val *any;
};

static enum err read_inner(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"word", rule_word, offsetof(struct thing, inner)}};
  return rules_read_member(r, m, RULES(rows), to);
}

static const struct rule rows[] = {{"word", rule_word, offsetof(struct thing, word)},
                                   {"text", rule_text, offsetof(struct thing, word)},
                                   {"number", rule_number, offsetof(struct thing, digits)},
                                   {"object", rule_raw_object, offsetof(struct thing, raw)},
                                   {"flag", rule_flag, offsetof(struct thing, flag)},
                                   {"bool", rule_bool, offsetof(struct thing, yes)},
                                   {"count", rule_count, offsetof(struct thing, count)},
                                   {"any", rule_value, offsetof(struct thing, any)},
                                   {"never", rule_refused, 0},
                                   {"inner", read_inner, 0}};

static enum err read_thing(struct chat *c, const char *body, struct thing *out) {
  c->rq =
      (struct llm_request){.arena = &c->arena, .leave_out = c->rq.leave_out, .leave_out_count = c->rq.leave_out_count};
  struct rules r = {.rq = &c->rq, .f = &c->f};
  const struct llm_place at = {.form = "things[#]", .at = {3}};
  *out = (struct thing){0};
  return rules_read(&r, parsed(&c->arena, json_of(&c->arena, body))->root, &at, RULES(rows), out);
}

static void every_kind_of_member_is_read(void **state) {
  struct chat c;
  struct thing t;
  chat_open(&c);
  assert_int_equal(read_thing(&c,
                              "{'word':'w','number':1.50e3,'object':{'a':[1.0]},'flag':false,'bool':true,'count':7,"
                              "'any':[],'inner':{'word':'in'}}",
                              &t),
                   ERR_OK);
  EXPECT_TEXT(t.word, TEXT("w"));
  EXPECT_TEXT(t.digits, TEXT("1.50e3"));
  EXPECT_TEXT(t.raw, TEXT("{\"a\":[1.0]}"));
  EXPECT_TEXT(t.inner, TEXT("in"));
  assert_int_equal(t.flag, LLM_NO);
  assert_true(t.yes && t.any);
  assert_int_equal(t.count, 7);
  chat_close(&c);
}

static void null_counts_as_absent(void **state) {
  struct chat c;
  struct thing t;
  chat_open(&c);
  assert_int_equal(read_thing(&c, "{'word':null,'flag':null,'never':null,'zork':null,'inner':null}", &t), ERR_OK);
  assert_true(text_is_empty(t.word));
  assert_int_equal(t.flag, LLM_NOT_GIVEN);
  chat_close(&c);
}

static void errors_name_the_place(void **state) {
  const struct {
    const char *body;
    enum err err;
    const char *place;
  } cases[] = {{"[]", ERR_BAD_REQUEST, "things[3]"},
               {"{'word':''}", ERR_BAD_REQUEST, "things[3].word"},
               {"{'word':1}", ERR_BAD_REQUEST, "things[3].word"},
               {"{'text':{}}", ERR_BAD_REQUEST, "things[3].text"},
               {"{'number':'1'}", ERR_BAD_REQUEST, "things[3].number"},
               {"{'object':[]}", ERR_BAD_REQUEST, "things[3].object"},
               {"{'flag':0}", ERR_BAD_REQUEST, "things[3].flag"},
               {"{'bool':'true'}", ERR_BAD_REQUEST, "things[3].bool"},
               {"{'count':0}", ERR_BAD_REQUEST, "things[3].count"},
               {"{'count':1.5}", ERR_BAD_REQUEST, "things[3].count"},
               {"{'count':-1}", ERR_BAD_REQUEST, "things[3].count"},
               {"{'never':1}", ERR_UNSUPPORTED, "things[3].never"},
               {"{'zork':1}", ERR_UNSUPPORTED, "things[3].zork"},
               {"{'inner':1}", ERR_BAD_REQUEST, "things[3].inner"},
               {"{'inner':{'word':1}}", ERR_BAD_REQUEST, "things[3].inner.word"},
               {"{'inner':{'zork':1}}", ERR_UNSUPPORTED, "things[3].inner.zork"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    struct thing t;
    chat_open(&c);
    enum err e = read_thing(&c, cases[i].body, &t);
    if (e != cases[i].err || strcmp(c.f.field, cases[i].place) != 0)
      fail_msg("%s gave %s at %s, expected %s", cases[i].body, err_name(e), c.f.field, cases[i].place);
    chat_close(&c);
  }
}

static void the_operator_may_let_unknown_members_be_left_out(void **state) {
  struct chat c;
  struct thing t;
  const struct text names[] = {TEXT("zork"), TEXT("never")};
  chat_open(&c);
  c.rq.leave_out = names;
  c.rq.leave_out_count = 2;
  assert_int_equal(read_thing(&c, "{'zork':1,'word':'w','never':2}", &t), ERR_OK);
  EXPECT_TEXT(t.word, TEXT("w"));
  assert_int_equal(c.rq.left_out_count, 2);
  EXPECT_TEXT(c.rq.left_out[0], TEXT("things[3].zork"));
  chat_close(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_member_is_read),
      cmocka_unit_test(null_counts_as_absent),
      cmocka_unit_test(errors_name_the_place),
      cmocka_unit_test(the_operator_may_let_unknown_members_be_left_out),
  };
  return RUN_TESTS(tests);
}
