/* What is written into Redis about breakers, and read from it; what the scripts do, with a real Redis. */
#include "cluster/breaker_record.h"

#include "base/random.h"
#include "net/resp_client.h"
#include "support/redis_server.h"

#define MS     INT64_C(1000)
#define SECOND INT64_C(1000000)
#define FAR_US (20 * SECOND)

#define NAME   ((struct breaker_name){TEXT("p\"1"), TEXT("https://h"), TEXT("c")})

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

/* --- the scripts, in a real Redis --- */

struct asking {
  struct resp_options redis;
  struct loop *loop;
  const char *failed; /* what did not come out as expected */
};

static struct breaker_claim claim_of(uint64_t count, uint64_t replica, int64_t asked_us, int64_t hold_us) {
  return (struct breaker_claim){.name = {TEXT("p"), TEXT("e"), TEXT("c")},
                                .version = {count, 1},
                                .replica = replica,
                                .asked_us = asked_us,
                                .hold_us = hold_us};
}

static const struct resp_value *answer_to(struct resp_client *c, const struct breaker_record_call *call) {
  const struct resp_value *v = NULL;
  struct text all[14] = {TEXT("EVAL"), text_of(call->script->body), TEXT("1"), call->key};
  memcpy(all + 4, call->arguments, call->count * sizeof(all[0]));
  struct buf command;
  buf_init(&command, 1 << 20);
  resp_write(&command, all, 4 + call->count);
  int64_t deadline_us = loop_now_us(loop_current()) + FAR_US;
  if (resp_send(c, buf_text(&command), deadline_us, NULL) != ERR_OK || resp_receive(c, deadline_us, &v, NULL) != ERR_OK)
    abort();
  buf_done(&command);
  return v;
}

static void expect_claim(struct asking *k, struct resp_client *c, struct breaker_claim claim, int64_t expected,
                         const char *what) {
  struct breaker_record_call call;
  struct arena a;
  arena_init(&a);
  breaker_record_claim(&a, &claim, &call);
  if (answer_to(c, &call)->integer != expected && !k->failed)
    k->failed = what;
  arena_done(&a);
}
static void expect_release(struct asking *k, struct resp_client *c, struct breaker_claim claim, int64_t expected,
                           const char *what) {
  struct breaker_record_call call;
  struct arena a;
  arena_init(&a);
  breaker_record_release(&a, &claim, &call);
  if (answer_to(c, &call)->integer != expected && !k->failed)
    k->failed = what;
  arena_done(&a);
}

static void ask_for_leases(struct asking *k, struct resp_client *c) {
  struct breaker_news opened = {
      .name = {TEXT("p"), TEXT("e"), TEXT("c")}, .state_version = {5, 1}, .is_open = true, .opened_ago_us = 5000};
  struct breaker_news got = {0};
  struct breaker_record_call call;
  struct arena a;
  arena_init(&a);
  expect_claim(k, c, claim_of(1, 10, 1, 60 * SECOND), 1, "the first is granted");
  expect_claim(k, c, claim_of(1, 20, 1, 60 * SECOND), 0, "another replica's is not while that is held");
  expect_claim(k, c, claim_of(1, 10, 2, 60 * SECOND), 1, "its own next is, and replaces it");
  expect_release(k, c, claim_of(1, 10, 1, 0), 0, "the one replaced cannot be released");
  expect_release(k, c, claim_of(1, 20, 2, 0), 0, "nor can another replica's");
  expect_release(k, c, claim_of(1, 10, 2, 0), 1, "the one held can");
  expect_claim(k, c, claim_of(1, 20, 3, 60 * SECOND), 1, "then another is granted");
  expect_claim(k, c, claim_of(2, 10, 4, 60 * SECOND), 1, "one of a newer version is in spite of it");
  expect_claim(k, c, claim_of(1, 20, 5, 60 * SECOND), 0, "an older version never again");
  expect_release(k, c, claim_of(2, 10, 4, 0), 1, "release");
  expect_claim(k, c, claim_of(1, 20, 6, 60 * SECOND), 0, "not after the release either");
  breaker_record_tell(&a, &opened, 10, &call);
  if (answer_to(c, &call)->kind != RESP_NULL)
    k->failed = "what is newer needs no answer";
  expect_claim(k, c, claim_of(2, 10, 7, 60 * SECOND), 0, "nor one older than the state");
  expect_claim(k, c, claim_of(5, 10, 8, MS), 1, "a short one");
  if (fiber_sleep(10 * MS) != ERR_OK)
    abort();
  expect_claim(k, c, claim_of(5, 20, 9, 60 * SECOND), 1, "ends by itself");
  opened.state_version.count = 4;
  breaker_record_tell(&a, &opened, 20, &call);
  if (!breaker_record_answer(answer_to(c, &call), &opened.name, &got) || got.state_version.count != 5 || !got.is_open ||
      got.opened_ago_us < 15 * MS || got.opened_ago_us > FAR_US)
    k->failed = "what is older is answered with the record";
  arena_done(&a);
}

static void ask(void *arg) {
  struct asking *k = arg;
  struct resp_client *c = NULL;
  k->failed = "no connection";
  if (resp_open(&k->redis, loop_now_us(k->loop) + FAR_US, &c, NULL) == ERR_OK) {
    k->failed = NULL;
    ask_for_leases(k, c);
  }
  resp_close(c);
  loop_stop(k->loop);
}

static void a_lease_is_held_by_one_until_it_is_over(void **state) {
  struct redis_server s;
  if (!redis_server_is_there()) {
    print_message("# skipped: there is no redis-server here; tools/setup.sh test installs it\n");
    skip();
  }
  redis_server_start(&s, NULL);
  struct asking k = {.redis = {.host = TEXT("127.0.0.1"), .port = s.port, .limits = {65536, 64}}};
  assert_int_equal(loop_new(NULL, &k.loop), ERR_OK);
  assert_int_equal(fiber_start(k.loop, ask, &k, NULL), ERR_OK);
  loop_run(k.loop);
  loop_free(k.loop);
  redis_server_end(&s);
  if (k.failed)
    fail_msg("not so: %s", k.failed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_told_is_heard_by_others_and_not_by_oneself),
      cmocka_unit_test(a_claim_and_its_release_say_whose_it_is),
      cmocka_unit_test(an_answer_with_a_newer_record_is_news),
      cmocka_unit_test(a_message_that_cannot_be_understood_is_no_news),
      cmocka_unit_test(a_lease_is_held_by_one_until_it_is_over),
  };
  random_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("breaker_record", tests, NULL, NULL);
}
