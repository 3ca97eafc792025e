/* Rates that are shared: what may stand in an entry, and which entries a call is under. */
#include "config/rate_limit.h"

#include "expect.h"

#define RATES                                                                                                          \
  "rate_limits:\n"                                                                                                     \
  "- {workspace: lab, rpm: 10}\n"                                                                                      \
  "- {workspace: '*', rpm: 20}\n"                                                                                      \
  "- {user: ada, tpm: 30}\n"                                                                                           \
  "- {user: '*', concurrency: 40}\n"                                                                                   \
  "- {organisation: 2, rpm: 50}\n"                                                                                     \
  "- {model: 'claude-*', rpm: 60}\n"                                                                                   \
  "- {model: 'claude-*-x', rpm: 70}\n"                                                                                 \
  "- {model: claude-one, rpm: 80}\n"

/* "user ada, model claude-*": what a call is under. */
static void expect_under(const struct config *c, struct config_rate_ask ask, const char *want) {
  struct config_rate_found found[CONFIG_SUBJECT_COUNT];
  char said[400] = "";
  size_t used = 0, n = config_rate_limits_for(&c->rates, &ask, found);
  for (size_t i = 0; i < n; i++) {
    const struct config_rate_limit *l = found[i].limit;
    used += (size_t)snprintf(said + used, sizeof said - used, "%s%s %.*s %lld", i > 0 ? ", " : "",
                             config_subject_name(l->subject), TEXT_ARGS(found[i].name),
                             (long long)(l->rpm + l->tpm + l->concurrency));
  }
  assert_string_equal(said, want);
}

static void a_call_is_under_one_entry_of_each_subject(void **state) {
  struct config *c = load(RATES);
  expect_under(c, (struct config_rate_ask){TEXT("ada"), TEXT("lab"), TEXT("claude-one"), 2},
               "user ada 30, workspace lab 10, organisation 2 50, model claude-one 80");
  expect_under(c, (struct config_rate_ask){TEXT("bob"), TEXT("shed"), TEXT("claude-two-x"), 1},
               "user bob 40, workspace shed 20, model claude-* 60");
  expect_under(c, (struct config_rate_ask){TEXT("Ada"), TEXT("la"), TEXT("gpt"), 22}, "user Ada 40, workspace la 20");
  expect_under(c, (struct config_rate_ask){TEXT("lab"), TEXT("ada"), TEXT("CLAUDE-one"), 0},
               "user lab 40, workspace ada 20");
  config_unref(c);
}

static void nobody_and_nothing_are_under_no_limit(void **state) {
  struct config *c = load(RATES);
  expect_under(c, (struct config_rate_ask){TEXT(""), TEXT(""), TEXT(""), 1}, "");
  config_unref(c);
  c = load("{}\n");
  expect_under(c, (struct config_rate_ask){TEXT("ada"), TEXT("lab"), TEXT("m"), 1}, "");
  config_unref(c);
  c = load("rate_limits: [{model: '*', rpm: 1}]\n");
  expect_under(c, (struct config_rate_ask){TEXT("ada"), TEXT("lab"), TEXT("m"), 1}, "model * 1");
  expect_under(c, (struct config_rate_ask){TEXT("ada"), TEXT("lab"), TEXT(""), 1}, "");
  config_unref(c);
}

static void an_entry_is_for_one_and_limits_something(void **state) {
  expect_refused("rate_limits: [{rpm: 1}]\n", "weir.yaml:1:15: `rate_limits[0]` must give exactly one of `workspace`, "
                                              "`user`, `organisation` and `model`");
  expect_refused("rate_limits: [{user: a, model: b, rpm: 1}]\n",
                 "weir.yaml:1:15: `rate_limits[0]` must give exactly one of `workspace`, `user`, `organisation` and "
                 "`model`");
  expect_refused("rate_limits: [{user: a, rpm: 0}]\n",
                 "weir.yaml:1:15: `rate_limits[0]` must give one of `rpm`, `tpm` and `concurrency` at least");
  expect_refused("rate_limits: [{organisation: two, rpm: 1}]\n",
                 "weir.yaml:1:30: `rate_limits[0].organisation` must be a whole number from 0 to 9223372036854775807\n"
                 "weir.yaml:1:15: `rate_limits[0]` must give exactly one of `workspace`, `user`, `organisation` and "
                 "`model`");
  expect_refused("rate_limits: [{user: a, rpm: -1}]\n",
                 "weir.yaml:1:30: `rate_limits[0].rpm` must be a whole number from 0 to 1000000000\n"
                 "weir.yaml:1:15: `rate_limits[0]` must give one of `rpm`, `tpm` and `concurrency` at least");
}

static void nobody_is_limited_twice(void **state) {
  expect_refused("rate_limits:\n- {user: a, rpm: 1}\n- {workspace: a, rpm: 1}\n- {user: a, tpm: 1}\n",
                 "weir.yaml:2:1: `rate_limits[2]` is for the same as `rate_limits[0]`");
  expect_refused("rate_limits:\n- {user: '*', rpm: 1}\n- {user: '*', tpm: 1}\n",
                 "weir.yaml:2:1: `rate_limits[1]` is for the same as `rate_limits[0]`");
  expect_refused("rate_limits:\n- {organisation: 2, rpm: 1}\n- {organisation: '02', tpm: 1}\n",
                 "weir.yaml:2:1: `rate_limits[1]` is for the same as `rate_limits[0]`");
}

static void many_entries_are_all_found(void **state) {
  static char yaml[64 * 1024];
  char name[16], want[40];
  size_t used = (size_t)snprintf(yaml, sizeof yaml, "rate_limits:\n");
  for (int i = 0; i < 1000; i++)
    used += (size_t)snprintf(yaml + used, sizeof yaml - used, "- {%s: n%d, rpm: %d}\n", i % 2 ? "user" : "workspace",
                             (i * 7919) % 1000, i + 1);
  struct config *c = load(yaml);
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "n%d", (i * 7919) % 1000);
    snprintf(want, sizeof want, "%s %s %d", i % 2 ? "user" : "workspace", name, i + 1);
    expect_under(
        c, (struct config_rate_ask){i % 2 ? text_of(name) : TEXT_NONE, i % 2 ? TEXT_NONE : text_of(name), TEXT_NONE, 1},
        want);
  }
  config_unref(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_is_under_one_entry_of_each_subject),
      cmocka_unit_test(nobody_and_nothing_are_under_no_limit),
      cmocka_unit_test(an_entry_is_for_one_and_limits_something),
      cmocka_unit_test(nobody_is_limited_twice),
      cmocka_unit_test(many_entries_are_all_found),
  };
  return RUN_TESTS(tests);
}
