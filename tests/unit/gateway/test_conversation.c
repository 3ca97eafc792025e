/* Which requests belong to one conversation. */
#include "gateway/conversation.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct key {
  bool known;
  uint64_t bits[2];
};

static struct key key_as(const char *body, int64_t principal, const char *model) {
  struct key k = {0};
  struct json doc;
  assert_int_equal(json_read(text_of(body), NULL, &doc, NULL), ERR_OK);
  k.known = conversation_of(&doc, principal, text_of(model), k.bits);
  json_done(&doc);
  return k;
}
static struct key key_of(const char *body) { return key_as(body, 1, "m"); }

static void assert_same(const char *a, const char *b) {
  struct key x = key_of(a), y = key_of(b);
  assert_true(x.known && y.known);
  assert_memory_equal(x.bits, y.bits, sizeof(x.bits));
}
static void assert_other(const char *a, const char *b) {
  struct key x = key_of(a), y = key_of(b);
  assert_true(x.known && y.known);
  assert_memory_not_equal(x.bits, y.bits, sizeof(x.bits));
}

static void test_further_turns_do_not_change_it(void **state) {
  assert_same("{\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}",
              "{\"messages\":[{\"role\":\"user\",\"content\":\"one\"},{\"role\":\"assistant\",\"content\":\"a\"},"
              "{\"role\":\"user\",\"content\":\"two\"}],\"system\":\"s\",\"max_tokens\":5,\"stream\":true}");
  assert_same("{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"one\"}]}",
              "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"one\"},"
              "{\"role\":\"assistant\",\"content\":\"a\"}]}");
  assert_same("{\"input\":[{\"role\":\"user\",\"content\":\"one\"}],\"instructions\":\"i\"}",
              "{\"instructions\":\"i\",\"input\":[{\"role\":\"user\",\"content\":\"one\"},{\"type\":\"reasoning\"}]}");
}

static void test_another_beginning_is_another_conversation(void **state) {
  assert_other("{\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}",
               "{\"messages\":[{\"role\":\"user\",\"content\":\"two\"}]}");
  assert_other("{\"system\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}",
               "{\"system\":\"b\",\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}");
  assert_other("{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"one\"}]}",
               "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"two\"}]}");
  assert_other("{\"input\":\"one\"}", "{\"input\":\"two\"}");
  assert_other("{\"metadata\":{\"user_id\":\"session-1\"},\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
               "{\"metadata\":{\"user_id\":\"session-2\"},\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
  assert_other("{\"prompt_cache_key\":\"1\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
               "{\"prompt_cache_key\":\"2\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
}

static void test_other_callers_and_models_have_conversations_of_their_own(void **state) {
  const char *body = "{\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}";
  struct key mine = key_as(body, 1, "m"), theirs = key_as(body, 2, "m"), other = key_as(body, 1, "n");
  assert_memory_not_equal(mine.bits, theirs.bits, sizeof(mine.bits));
  assert_memory_not_equal(mine.bits, other.bits, sizeof(mine.bits));
}

static void test_what_says_nothing_is_no_conversation(void **state) {
  assert_false(key_of("{}").known);
  assert_false(key_of("[]").known);
  assert_false(key_of("{\"messages\":[],\"max_tokens\":1}").known);
  assert_false(key_of("{\"messages\":7,\"system\":null}").known);
}

static void test_the_look_is_bounded(void **state) {
  struct buf a, b;
  buf_init(&a, 1 << 20);
  buf_init(&b, 1 << 20);
  struct buf *both[] = {&a, &b};
  for (size_t i = 0; i < 2; i++) {
    buf_add(both[i], TEXT("{\"system\":\""));
    for (int n = 0; n < 5000; n++)
      buf_add_char(both[i], 'x');
    buf_add(both[i], i ? TEXT("end\",\"messages\":[]}") : TEXT("END\",\"messages\":[]}"));
    buf_add_char(both[i], '\0');
  }
  assert_same(a.at, b.at); /* they differ only far behind the beginning */
  buf_done(&a);
  buf_done(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_further_turns_do_not_change_it),
      cmocka_unit_test(test_another_beginning_is_another_conversation),
      cmocka_unit_test(test_other_callers_and_models_have_conversations_of_their_own),
      cmocka_unit_test(test_what_says_nothing_is_no_conversation),
      cmocka_unit_test(test_the_look_is_bounded),
  };
  random_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
