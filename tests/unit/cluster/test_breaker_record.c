/* What is written into Redis about breakers, and read from it. What the scripts do is tried with a real Redis in
 * test_redis_breakers.c. */
#include "cluster/breaker_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NAME ((struct breaker_name){TEXT("p\"1"), TEXT("https://h"), TEXT("c")})

static void expect_call(const struct breaker_record_call *c, const char *const *expected, size_t count) {
  assert_true(text_equal(c->key, TEXT("weir:breaker:[\"p\\\"1\",\"https://h\",\"c\"]")));
  assert_int_equal(resp_script_sha(c->script).len, RESP_SCRIPT_DIGITS);
  assert_true(c->count >= count);
  for (size_t i = 0; i < count; i++) {
    if (!text_equal(c->arguments[i], text_of(expected[i])))
      fail_msg("argument %zu is \"%.*s\", expected \"%s\"", i, TEXT_ARGS(c->arguments[i]), expected[i]);
  }
}

static const struct breaker_news news = {
    .name = {{"p\"1", 3}, {"https://h", 9}, {"c", 1}},
    .state_version = {3, UINT64_MAX},
    .is_open = true,
    .opened_ago_us = 1500,
    .reason = {"over\nloaded", 11},
    .force_version = {1, 0xab},
    .force = BREAKER_FORCED_CLOSED,
    .force_reason = {"why", 3},
};

static void what_is_told_is_heard_by_others_and_not_by_oneself(void **state) {
  static const char *const expected[] = {"0000000000000003ffffffffffffffff",
                                         "1",
                                         "1500",
                                         "over\nloaded",
                                         "000000000000000100000000000000ab",
                                         "closed",
                                         "why",
                                         "172800000",
                                         "weir:breakers"};
  struct breaker_record_call c;
  struct arena a;
  struct breaker_news heard;
  arena_init(&a);
  breaker_record_tell(&a, &news, 5, &c);
  assert_int_equal(c.count, 10);
  struct text message = c.arguments[9];
  assert_false(breaker_record_message(message, 5, &a, &heard));
  assert_true(breaker_record_message(message, 6, &a, &heard));
  assert_true(text_equal(heard.name.provider, news.name.provider) &&
              text_equal(heard.name.endpoint, news.name.endpoint) &&
              text_equal(heard.name.credential, news.name.credential));
  assert_true(heard.state_version.count == 3 && heard.state_version.replica == UINT64_MAX && heard.is_open);
  assert_true(heard.force_version.count == 1 && heard.force_version.replica == 0xab);
  assert_int_equal(heard.opened_ago_us, 1500);
  assert_int_equal(heard.force, BREAKER_FORCED_CLOSED);
  assert_true(text_equal(heard.reason, news.reason) && text_equal(heard.force_reason, news.force_reason));
  expect_call(&c, expected, sizeof(expected) / sizeof(expected[0]));
  arena_done(&a);
}

static void a_claim_and_its_release_say_whose_it_is(void **state) {
  static const char *const expected[] = {"00000000000000020000000000000001", "00000000000000ff", "-7", "60000000",
                                         "172800000"};
  struct breaker_claim claim = {.name = NAME, .version = {2, 1}, .replica = 255, .asked_us = -7, .hold_us = 60000000};
  struct breaker_record_call c, other;
  struct arena a;
  arena_init(&a);
  breaker_record_claim(&a, &claim, &c);
  assert_int_equal(c.count, 5);
  expect_call(&c, expected, 5);
  breaker_record_release(&a, &claim, &other);
  assert_int_equal(other.count, 3);
  expect_call(&other, expected, 3);
  assert_ptr_not_equal(c.script, other.script);
  claim.hold_us = INT64_MAX;
  breaker_record_claim(&a, &claim, &c);
  assert_true(text_equal(c.arguments[3], TEXT("86400000000")));
  arena_done(&a);
}

static struct resp_value text_value(const char *t) {
  return (struct resp_value){.kind = RESP_TEXT, .text = text_of(t)};
}

static void an_answer_with_a_newer_record_is_news(void **state) {
  struct resp_value items[7] = {
      text_value("0000000000000002000000000000000a"), text_value("1"),         text_value("77"), text_value("slow"),
      text_value("00000000000000000000000000000000"), text_value("automatic"), text_value("")};
  struct resp_value answer = {.kind = RESP_LIST, .items = items, .count = 7}, none = {.kind = RESP_NULL};
  struct breaker_news got;
  const struct breaker_name name = NAME;
  assert_true(breaker_record_answer(&answer, &name, &got));
  assert_true(got.is_open && got.state_version.count == 2 && got.state_version.replica == 10 &&
              got.opened_ago_us == 77);
  assert_true(text_equal(got.reason, TEXT("slow")) && got.force == BREAKER_AUTOMATIC && got.force_version.count == 0);
  assert_true(text_equal(got.name.provider, name.provider));
  assert_false(breaker_record_answer(&none, &name, &got));
  answer.count = 6;
  assert_false(breaker_record_answer(&answer, &name, &got));
  answer.count = 7;
  static const struct {
    size_t at;
    const char *wrong;
  } wrongs[] = {{0, "2"}, {0, "0000000000000002000000000000000G"}, {2, "x"}, {4, ""}, {5, "half"}, {5, ""}};
  for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
    struct resp_value right = items[wrongs[i].at];
    items[wrongs[i].at] = text_value(wrongs[i].wrong);
    assert_false(breaker_record_answer(&answer, &name, &got));
    items[wrongs[i].at] = right;
  }
  assert_true(breaker_record_answer(&answer, &name, &got));
}

static void a_message_that_cannot_be_understood_is_no_news(void **state) {
  static const char good[] =
      "{\"from\":\"0000000000000001\",\"provider\":\"p\",\"endpoint\":\"e\",\"credential\":\"c\",\"state\":"
      "\"00000000000000010000000000000001\",\"open\":true,\"opened_ago_us\":1,\"reason\":\"\",\"word\":"
      "\"00000000000000000000000000000000\",\"force\":\"open\",\"force_reason\":\"\",\"more\":[1]}";
  static const char *const spoils[][2] = {{"\"from\":\"0000000000000001\"", "\"from\":\"1\""},
                                          {"\"provider\":\"p\"", "\"provider\":1"},
                                          {"\"state\":\"0", "\"state\":\""},
                                          {"\"open\":true", "\"open\":1"},
                                          {"\"opened_ago_us\":1", "\"opened_ago_us\":-1"},
                                          {"\"opened_ago_us\":1", "\"opened_ago_us\":18446744073709551615"},
                                          {"\"word\":\"0", "\"word\":\"x"},
                                          {"\"force\":\"open\"", "\"force\":\"opened\""},
                                          {"\"reason\":\"\"", "\"reason\":null"},
                                          {"{", "["},
                                          {"}", ""}};
  struct breaker_news got;
  struct arena a;
  arena_init(&a);
  assert_true(breaker_record_message(TEXT(good), 2, &a, &got));
  assert_false(breaker_record_message(TEXT(""), 2, &a, &got));
  assert_false(breaker_record_message(TEXT("[]"), 2, &a, &got));
  for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
    const char *at = strstr(good, spoils[i][0]);
    char bad[700];
    assert_non_null(at);
    (void)snprintf(bad, sizeof(bad), "%.*s%s%s", (int)(at - good), good, spoils[i][1], at + strlen(spoils[i][0]));
    if (breaker_record_message(text_of(bad), 2, &a, &got))
      fail_msg("taken for news: %s", bad);
  }
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_told_is_heard_by_others_and_not_by_oneself),
      cmocka_unit_test(a_claim_and_its_release_say_whose_it_is),
      cmocka_unit_test(an_answer_with_a_newer_record_is_news),
      cmocka_unit_test(a_message_that_cannot_be_understood_is_no_news),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("breaker_record", tests, NULL, NULL);
}
