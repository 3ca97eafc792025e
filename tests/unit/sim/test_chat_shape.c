/* Which roles, parts and tools are known, and what belongs where. */
#include "sim/chat_shape.h"

#include "sim_test.h"

static void known_names_have_shapes(void **state) {
  static const char *const roles[] = {"system", "developer", "user", "assistant", "tool", "function"};
  for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
    assert_non_null(chat_message_shape(text_of(roles[i])));
  assert_null(chat_message_shape(TEXT("robot")));
  assert_non_null(chat_part_shape(TEXT("input_audio")));
  assert_null(chat_part_shape(TEXT("input_text")));
  assert_non_null(chat_tool_shape(TEXT("custom")));
  assert_null(chat_tool_shape(TEXT("web_search")));
}

static void only_users_show_pictures(void **state) {
  assert_true(chat_role_takes(TEXT("user"), TEXT("image_url")));
  assert_false(chat_role_takes(TEXT("assistant"), TEXT("image_url")));
  assert_false(chat_role_takes(TEXT("tool"), TEXT("file")));
  assert_true(chat_role_takes(TEXT("tool"), TEXT("text")));
}

static void only_assistants_refuse(void **state) {
  assert_true(chat_role_takes(TEXT("assistant"), TEXT("refusal")));
  assert_false(chat_role_takes(TEXT("user"), TEXT("refusal")));
  assert_false(chat_role_takes(TEXT("system"), TEXT("refusal")));
}

static void the_root_is_open_but_not_careless(void **state) {
  struct arena a;
  struct shape_refusal r;
  arena_init(&a);
  struct json good = test_json(&a, "{'messages':[{}],'nobody':1,'temperature':2}");
  struct json bad = test_json(&a, "{'messages':[{}],'presence_penalty':3}");
  assert_true(shape_fits(&chat_root_shape, good.root, &a, TEXT_NONE, true, &r));
  assert_false(shape_fits(&chat_root_shape, bad.root, &a, TEXT_NONE, true, &r));
  EXPECT_TEXT(r.path, TEXT("presence_penalty"));
  json_done(&good);
  json_done(&bad);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_names_have_shapes),
      cmocka_unit_test(only_users_show_pictures),
      cmocka_unit_test(only_assistants_refuse),
      cmocka_unit_test(the_root_is_open_but_not_careless),
  };
  return RUN_TESTS(tests);
}
