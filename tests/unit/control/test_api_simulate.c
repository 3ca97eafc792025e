/* Where a request would go, asked of the control API: the plan's answer in a shape, members at fault by their names,
 * and nobody's keys but those that one may see. */
#include "api_fixture.h"

#define MORE "assignments: [{workspace: lab, policy: p}]\n"

static int simulate(struct fixture *x, const char *json) {
  return send_json(x, "POST /api/v1/routing/simulate", "", json);
}

static void check_plan(struct fixture *x) {
  CHECK_INT(simulate(x, "{\"model\":\"m-1\"}"), 200);
  CHECK_HAS(body, "\"entry\":\"m-*\"");
  CHECK_HAS(body, "\"policy\":null");
  CHECK_HAS(body, "\"order\":null,\"verdict\":\"no_adapter\"");
  CHECK_HAS(body, "\"provider\":\"a\",\"kind\":\"anthropic\",\"model\":\"x-1\"");
  CHECK_HAS(body, "\"breaker\":null");
  CHECK_INT(simulate(x, "{\"model\":\"m-1\",\"workspace\":\"lab\"}"), 200);
  CHECK_HAS(body, "\"policy\":\"p\"");
  x->api.gateway = NULL;
  CHECK_INT(send_json(x, "POST /api/v1/routing/simulate", "", "{\"model\":\"m-1\"}"), 503);
}

static void check_bad(struct fixture *x) {
  CHECK_INT(simulate(x, "{\"model\":\"nobody-serves-it\"}"), 422);
  CHECK_HAS(body, "{\"pointer\":\"/model\",\"detail\":\"no entry under `models` serves");
  CHECK_INT(simulate(x, "{\"model\":\"m-1\",\"policy\":\"nobody\"}"), 422);
  CHECK_HAS(body, "{\"pointer\":\"/policy\"");
  CHECK_INT(simulate(x, "{\"model\":\"m-1\",\"wire\":\"morse\",\"x\":1}"), 422);
  CHECK_HAS(body, "\"/wire\"");
  CHECK_HAS(body, "\"/x\"");
  CHECK_INT(simulate(x, "{\"model\":\"m-1\",\"key\":\"nobody\"}"), 422);
  CHECK_HAS(body, "{\"pointer\":\"/key\",\"detail\":\"is the name of no key\"}");
}

static void check_keys(struct fixture *x) {
  CHECK_INT(send_json(x, "POST /api/v1/keys", "", "{\"name\":\"of-lab\",\"workspace\":\"lab\"}"), 201);
  CHECK_INT(simulate(x, "{\"model\":\"m-1\",\"key\":\"of-lab\"}"), 200);
  CHECK_HAS(body, "\"policy\":\"p\"");
  x->caller.permissions = PERMISSION_BIT(PERMISSION_ROUTING_READ);
  x->caller.kind = CALLER_USER;
  CHECK_INT(simulate(x, "{\"model\":\"m-1\",\"key\":\"of-lab\"}"), 422); /* as one that is not there */
  CHECK_HAS(body, "is the name of no key");
  CHECK_INT(simulate(x, "{\"model\":\"m-1\"}"), 200);
  x->caller.permissions = PERMISSION_BIT(PERMISSION_KEYS_READ);
  CHECK_INT(simulate(x, "{\"model\":\"m-1\"}"), 403);
  x->caller.permissions = PERMISSION_ALL;
  x->caller.org_id = 2;
  CHECK_INT(simulate(x, "{\"model\":\"m-1\"}"), 404); /* the routing is the first organisation's */
}

static void check_plan_run(void *arg) { api_run(check_plan, MORE, serve); }
static void check_bad_run(void *arg) { api_run(check_bad, MORE, serve); }
static void check_keys_run(void *arg) { api_run(check_keys, MORE, serve); }

static void every_target_is_named_with_what_becomes_of_it(void **state) { run_fiber(check_plan_run, NULL); }
static void what_is_not_there_is_a_member_at_fault(void **state) { run_fiber(check_bad_run, NULL); }
static void a_key_counts_for_who_may_see_it(void **state) { run_fiber(check_keys_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_target_is_named_with_what_becomes_of_it),
      cmocka_unit_test(what_is_not_there_is_a_member_at_fault),
      cmocka_unit_test(a_key_counts_for_who_may_see_it),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
