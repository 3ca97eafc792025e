/* Work in the background through the control API: asked for, cancelled, tried again, and every time in the audit log.
 */
#include "api_fixture.h"

static int64_t attempts_of(struct text kind) { return text_equal(kind, TEXT("purge")) ? 3 : 0; }

static void check_run(struct fixture *x) {
  x->api.job_attempts = attempts_of;
  CHECK_INT(send_json(x, "POST /api/v1/jobs", "", "{\"kind\":\"purge\",\"args\":\"{\\\"a\\\":1}\"}"), 201);
  CHECK_TEXT(text_of(location), TEXT("/api/v1/jobs/1"));
  CHECK_HAS(body, "{\"id\":1,\"kind\":\"purge\",\"state\":\"queued\",\"args\":\"{\\\"a\\\":1}\"");
  CHECK_HAS(body, "\"max_attempts\":3");
  CHECK_INT(send_json(x, "POST /api/v1/jobs", "", "{\"kind\":\"sleep\"}"), 422);
  CHECK_HAS(body, "\"pointer\":\"/kind\"");
  CHECK_INT(send_json(x, "POST /api/v1/jobs", "", "{\"kind\":\"purge\",\"args\":\"{{\"}"), 400);
  CHECK_INT(get(x, "/api/v1/audit?action=job.run"), 200);
  CHECK_HAS(body, "\"subject\":\"job:1\"");
}

static void check_run_run(void *arg) { run(check_run); }
static void a_job_is_asked_for(void **state) { run_fiber(check_run_run, NULL); }

static void check_end(struct fixture *x) {
  x->api.job_attempts = attempts_of;
  CHECK_INT(send_json(x, "POST /api/v1/jobs", "", "{\"kind\":\"purge\"}"), 201);
  CHECK_INT(ask(x, "POST /api/v1/jobs/1/retry", "", ""), 409); /* it waits still */
  CHECK_INT(ask(x, "POST /api/v1/jobs/1/cancel", "", ""), 200);
  CHECK_HAS(body, "\"state\":\"cancelled\"");
  CHECK_INT(ask(x, "POST /api/v1/jobs/1/cancel", "", ""), 409);
  CHECK_INT(ask(x, "POST /api/v1/jobs/1/retry", "", ""), 200);
  CHECK_HAS(body, "\"state\":\"queued\"");
  CHECK_INT(ask(x, "POST /api/v1/jobs/9/cancel", "", ""), 404);
  CHECK_INT(ask(x, "POST /api/v1/jobs/9/retry", "", ""), 404);
  CHECK_INT(get(x, "/api/v1/audit?subject=job:1"), 200);
  CHECK_HAS(body, "job.cancel");
  CHECK_HAS(body, "job.retry");
}

static void check_end_run(void *arg) { run(check_end); }
static void a_job_is_cancelled_and_tried_again(void **state) { run_fiber(check_end_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_job_is_asked_for),
      cmocka_unit_test(a_job_is_cancelled_and_tried_again),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
