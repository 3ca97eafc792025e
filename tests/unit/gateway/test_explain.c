/* The route simulator: its question, its answer, and that both are those of the plan. */
#include "gateway/explain.h"

#include "base/json.h"
#include "provider/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char yaml[] =
    "providers:\n"
    "- {name: plan, kind: anthropic, base_url: 'http://127.0.0.1:1', credentials: [{name: k, api_key: secret-one}]}\n"
    "- {name: aws, kind: bedrock, region: eu-west-1, base_url: 'http://127.0.0.1:3', credentials: [{name: b, bearer: "
    "secret-three}]}\n"
    "models:\n"
    "- {name: 'claude-*', targets: [{provider: plan, model: '*'}, {provider: aws, model: 'anthropic.*-v1:0'}]}\n"
    "keys:\n"
    "- {name: cheap, value: wk-cheap-0001, policy: bedrock_only}\n"
    "assignments:\n"
    "- {user: ada, policy: bedrock_only}\n"
    "rate_limits:\n"
    "- {user: ada, rpm: 5, concurrency: 2}\n"
    "- {workspace: '*', tpm: 7}\n"
    "- {organisation: 1, rpm: 9}\n";

struct desk {
  struct config *config;
  struct routes *routes;
  struct routes_state state;
  struct arena arena;
  struct buf out;
  struct fault fault;
};

static void desk_open(struct desk *d) {
  static struct config_errors errors;
  *d = (struct desk){0};
  if (config_load_text(text_of(yaml), "desk", NULL, &d->config, &errors) != ERR_OK)
    fail_msg("config: line %d: %s", errors.at[0].line, errors.at[0].text);
  d->state = (struct routes_state){breakers_new(64, NULL), loads_new(64)};
  d->routes = routes_new(d->config, provider_find, &d->state);
  arena_init(&d->arena);
  buf_init(&d->out, 1 << 16);
}

static void desk_close(struct desk *d) {
  routes_free(d->routes);
  breakers_free(d->state.breakers);
  loads_free(d->state.loads);
  config_unref(d->config);
  arena_done(&d->arena);
  buf_done(&d->out);
}

static enum err run(struct desk *d, const char *question) {
  struct explain_ask ask;
  buf_reset(&d->out);
  enum err e = explain_read(text_of(question), &d->arena, &ask, &d->fault);
  if (e == ERR_OK)
    e = explain(d->config, d->routes, &d->state, true, &ask, 1, 5000000, &d->out, &d->fault);
  if (e == ERR_OK) {
    buf_add_char(&d->out, '\0');
    d->out.len--;
  }
  return e;
}

static void assert_says(struct desk *d, const char *part) {
  if (!strstr(d->out.at, part))
    fail_msg("%s does not say %s", d->out.at, part);
}

static void test_it_tells_order_wire_and_state(void **state) {
  struct desk d;
  struct json doc;
  desk_open(&d);
  assert_int_equal(run(&d, "{\"model\":\"claude-x\",\"stream\":true}"), ERR_OK);
  assert_int_equal(json_read(buf_text(&d.out), NULL, &doc, NULL), ERR_OK);
  yyjson_val *targets = json_get(doc.root, "targets");
  assert_int_equal(yyjson_arr_size(targets), 2);
  yyjson_val *second = yyjson_arr_get(targets, 1);
  assert_int_equal(yyjson_get_int(json_get(second, "order")), 2);
  assert_string_equal(yyjson_get_str(json_get(second, "model")), "anthropic.x-v1:0");
  assert_string_equal(yyjson_get_str(json_get(second, "mode")), "reframe");
  assert_string_equal(yyjson_get_str(json_get(second, "wire")), "bedrock_invoke");
  assert_true(yyjson_is_null(json_get(second, "cost_nano")));
  json_done(&doc);
  assert_says(&d, "\"entry\":\"claude-*\"");
  assert_says(&d, "\"strategy\":\"ordered\"");
  assert_says(&d, "\"policy\":null");
  assert_says(&d, "\"breaker\":{\"state\":\"closed\"");
  desk_close(&d);
}

static void test_it_tells_what_a_policy_excludes_and_whose_it_is(void **state) {
  static const char *const questions[] = {"{\"model\":\"claude-x\",\"user\":\"ada\"}",
                                          "{\"model\":\"claude-x\",\"key\":\"k\",\"policy\":\"bedrock_only\"}"};
  struct desk d;
  desk_open(&d);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(run(&d, questions[i]), ERR_OK);
    assert_says(&d, "\"policy\":\"bedrock_only\"");
    assert_says(&d, "\"order\":null,\"verdict\":\"policy\",\"why\":\"excluded by the policy \\\"bedrock_only\\\"\","
                    "\"provider\":\"plan\"");
  }
  desk_close(&d);
}

static void test_it_tells_that_a_target_rests_and_for_how_long(void **state) {
  struct desk d;
  desk_open(&d);
  const struct breaker_rule rule = routes_breaker_rule(d.config);
  for (int i = 0; i < 3; i++) {
    struct breaker_pass pass = {0};
    assert_true(breaker_enter(d.routes->models[0].at[0].breaker, &rule, 4000000, &pass));
    breaker_leave(&pass, &rule, BREAKER_FAILURE, "timeout", 4000000);
  }
  assert_int_equal(run(&d, "{\"model\":\"claude-x\"}"), ERR_OK);
  assert_says(&d, "\"verdict\":\"breaker_open\",\"why\":\"has failed and rests for 1800 s more\"");
  assert_says(&d, "\"state\":\"open\"");
  assert_says(&d, "\"reason\":\"timeout\"");
  desk_close(&d);
}

static void test_it_tells_the_limits_that_are_decided_before(void **state) {
  struct desk d;
  desk_open(&d);
  assert_int_equal(run(&d, "{\"model\":\"claude-x\",\"user\":\"ada\",\"workspace\":\"lab\"}"), ERR_OK);
  assert_says(&d, "\"limits\":[{\"subject\":\"user\",\"name\":\"ada\",\"rpm\":5,\"tpm\":0,\"concurrency\":2},"
                  "{\"subject\":\"workspace\",\"name\":\"lab\",\"rpm\":0,\"tpm\":7,\"concurrency\":0},"
                  "{\"subject\":\"organisation\",\"name\":\"1\",");
  assert_int_equal(run(&d, "{\"model\":\"claude-x\",\"organisation\":2}"), ERR_OK);
  assert_says(&d, "\"limits\":[]");
  desk_close(&d);
}

static void test_the_callers_own_credentials_are_told(void **state) {
  struct desk d;
  desk_open(&d);
  assert_int_equal(run(&d, "{\"model\":\"claude-x\",\"own_credentials\":true,\"principal_id\":-5}"), ERR_OK);
  assert_says(&d, "\"policy\":\"plan_first\"");
  assert_says(&d, "\"why\":\"with the caller's own credentials\"");
  assert_says(&d, "\"credential\":\"caller\"");
  desk_close(&d);
}

static void test_bad_questions_name_the_member(void **state) {
  static const struct {
    const char *question, *field;
    enum err err;
  } cases[] = {{"{}", "model", ERR_BAD_REQUEST},
               {"{\"model\":7}", "model", ERR_BAD_REQUEST},
               {"{\"model\":\"claude-x\",\"stream\":1}", "stream", ERR_BAD_REQUEST},
               {"{\"model\":\"claude-x\",\"input_tokens\":-1}", "input_tokens", ERR_BAD_REQUEST},
               {"{\"model\":\"claude-x\",\"wire\":\"telex\"}", "wire", ERR_BAD_REQUEST},
               {"{\"model\":\"claude-x\",\"policy\":\"none\"}", "policy", ERR_BAD_REQUEST},
               {"{\"model\":\"claude-x\",\"principal_id\":\"a\"}", "principal_id", ERR_BAD_REQUEST},
               {"{\"model\":\"gpt\"}", "model", ERR_NOT_FOUND},
               {"[]", "", ERR_BAD_REQUEST}};
  struct desk d;
  desk_open(&d);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    d.fault = (struct fault){0};
    assert_int_equal(run(&d, cases[i].question), cases[i].err);
    assert_string_equal(d.fault.field, cases[i].field);
  }
  desk_close(&d);
}

static void test_a_question_can_be_written_and_read(void **state) {
  const struct explain_ask ask = {.model = TEXT("m\""),
                                  .wire = TEXT("openai_chat"),
                                  .key_name = TEXT("k"),
                                  .user = TEXT("u"),
                                  .workspace = TEXT("w"),
                                  .policy = TEXT("p"),
                                  .principal_id = -7,
                                  .stream = true,
                                  .own_credentials = true,
                                  .input_tokens = 5,
                                  .output_tokens = 6};
  struct explain_ask back;
  struct arena a;
  struct buf text;
  struct fault f = {0};
  arena_init(&a);
  buf_init(&text, 4096);
  explain_write_ask(&ask, &text);
  assert_int_equal(explain_read(buf_text(&text), &a, &back, &f), ERR_OK);
  assert_true(text_equal(back.model, ask.model) && text_equal(back.wire, ask.wire) &&
              text_equal(back.key_name, ask.key_name) && text_equal(back.user, ask.user) &&
              text_equal(back.workspace, ask.workspace) && text_equal(back.policy, ask.policy));
  assert_int_equal(back.principal_id, -7);
  assert_true(back.stream && back.own_credentials && back.input_tokens == 5 && back.output_tokens == 6);
  buf_done(&text);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_it_tells_order_wire_and_state),
      cmocka_unit_test(test_it_tells_what_a_policy_excludes_and_whose_it_is),
      cmocka_unit_test(test_it_tells_that_a_target_rests_and_for_how_long),
      cmocka_unit_test(test_it_tells_the_limits_that_are_decided_before),
      cmocka_unit_test(test_the_callers_own_credentials_are_told),
      cmocka_unit_test(test_bad_questions_name_the_member),
      cmocka_unit_test(test_a_question_can_be_written_and_read),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
