/* Health and metrics as a load balancer and an operator see them. */
#include "../net/http_fixture.h"

#include "control/operations.h"

struct fixture {
  struct site site;
  struct operations o;
  bool draining, no_metrics;
  enum err store, disk;
  unsigned asked;
};

static bool is_draining(void *ctx) { return ((struct fixture *)ctx)->draining; }

static enum err check_store(void *ctx, struct fault *f) {
  struct fixture *x = ctx;
  x->asked++;
  return x->store == ERR_OK ? ERR_OK : fault_set(f, x->store, NULL, "the \"store\" does not answer");
}
static enum err check_disk(void *ctx, struct fault *f) {
  struct fixture *x = ctx;
  return x->disk == ERR_OK ? ERR_OK : fault_set(f, x->disk, NULL, "no room");
}

static bool write_metrics(void *ctx, struct buf *out) {
  const struct fixture *x = ctx;
  buf_add(out, TEXT("weir_up 1\n"));
  return !x->no_metrics;
}

static void serve(struct site *site, struct http_request *rq) {
  operations_serve(&((struct fixture *)site->data)->o, rq);
}

static void run(struct fixture *x, void (*test)(struct fixture *x)) {
  CHECK_ERR(offload_new(1, 8, &x->o.offload), ERR_OK);
  x->o.checks[0] = (struct operations_check){"store", check_store, x};
  x->o.checks[1] = (struct operations_check){"disk", check_disk, x};
  x->o.check_count = 2;
  x->o.store_name = "memory";
  x->o.started_wall_us = loop_wall_us() - 5 * SECOND_US;
  x->o.is_draining = is_draining;
  x->o.write_metrics = write_metrics;
  x->o.ctx = x;
  x->site = site_options();
  x->site.serve = serve;
  x->site.data = x;
  site_open(&x->site);
  test(x);
  site_close(&x->site);
  settle();
  offload_free(x->o.offload);
}

/* The status; the body, zero-terminated, in out. */
static int get(struct fixture *x, const char *request, char out[4096]) {
  struct wire *c = wire_open(&x->site);
  char head[200];
  int n = snprintf(head, sizeof(head), "%s HTTP/1.1\r\nhost: a\r\n\r\n", request);
  wire_send(c, (struct text){head, (size_t)n});
  int status = wire_answer_to(c, strncmp(request, "HEAD", 4) == 0);
  snprintf(out, 4096, "%.*s", TEXT_ARGS(text_head(wire_text(c), 4000)));
  if (status != 0)
    CHECK_TEXT(wire_header(c, "cache-control"), TEXT("no-store"));
  wire_close(c);
  return status;
}

static char body[4096];

static void healthy(struct fixture *x) {
  CHECK_INT(get(x, "GET /health/live", body), 200);
  CHECK_INT(x->asked, 0);
  CHECK_INT(get(x, "GET /health/ready", body), 200);
  CHECK_HAS(body, "{\"status\":\"ok\",\"checks\":{\"store\":{\"status\":\"ok\"},\"disk\":{\"status\":\"ok\"}}}");
  CHECK_INT(get(x, "GET /health", body), 200);
  CHECK_HAS(body, "\"version\":\"" WEIR_VERSION "\"");
  CHECK_HAS(body, "\"store\":\"memory\"");
  CHECK_HAS(body, "\"uptime_s\":5");
  CHECK_INT(get(x, "HEAD /health/ready", body), 200);
  CHECK_INT(get(x, "GET /metrics", body), 200);
  CHECK_HAS(body, "weir_up 1\n");
}

static void failing(struct fixture *x) {
  x->store = ERR_STORE;
  CHECK_INT(get(x, "GET /health/ready", body), 503);
  CHECK_HAS(
      body,
      "{\"status\":\"failing\",\"checks\":{\"store\":{\"status\":\"failing\",\"detail\":\"the \\\"store\\\" does not "
      "answer\"},\"disk\":{\"status\":\"ok\"}}}");
  CHECK_INT(get(x, "GET /health", body), 503);
  CHECK_INT(get(x, "GET /health/live", body), 200);
  x->store = ERR_OK;
  x->disk = ERR_STORE_FULL;
  CHECK_INT(get(x, "GET /health/ready", body), 503);
  CHECK_HAS(body, "no room");
  x->disk = ERR_OK;
  CHECK_INT(get(x, "GET /health/ready", body), 200);
}

/* Without an optional one the service goes on, and says so. */
static void degraded(struct fixture *x) {
  x->o.checks[1].is_optional = true;
  x->disk = ERR_UNAVAILABLE;
  CHECK_INT(get(x, "GET /health/ready", body), 200);
  CHECK_HAS(body, "{\"status\":\"degraded\"");
  CHECK_INT(get(x, "GET /health", body), 200);
  CHECK_HAS(body, "\"disk\":{\"status\":\"degraded\",\"detail\":\"no room\"}");
  CHECK_HAS(body, "\"store\":{\"status\":\"ok\"}");
  x->store = ERR_STORE;
  CHECK_INT(get(x, "GET /health/ready", body), 503);
  CHECK_HAS(body, "{\"status\":\"failing\"");
}

static void draining(struct fixture *x) {
  x->draining = true;
  CHECK_INT(get(x, "GET /health/ready", body), 503);
  CHECK_HAS(body, "\"status\":\"draining\"");
  CHECK_INT(get(x, "GET /health/live", body), 200);
}

static void refused(struct fixture *x) {
  CHECK_INT(get(x, "POST /health", body), 405);
  CHECK_INT(get(x, "GET /health/other", body), 404);
  CHECK_INT(get(x, "GET /metrics", body), 404);
}

static void main_healthy(void *x) { run(x, healthy); }
static void main_failing(void *x) { run(x, failing); }
static void main_degraded(void *x) { run(x, degraded); }
static void main_draining(void *x) { run(x, draining); }
static void main_refused(void *x) { run(x, refused); }

static void test_all_is_well(void **state) { run_fiber(main_healthy, &(struct fixture){0}); }
static void test_a_failing_check_is_503_with_its_name_and_reason(void **state) {
  run_fiber(main_failing, &(struct fixture){0});
}
static void test_an_optional_check_degrades_and_keeps_readiness(void **state) {
  run_fiber(main_degraded, &(struct fixture){0});
}
static void test_a_drain_takes_readiness_away_and_not_life(void **state) {
  run_fiber(main_draining, &(struct fixture){0});
}
static void test_other_methods_and_paths_are_refused(void **state) {
  run_fiber(main_refused, &(struct fixture){.no_metrics = true});
}

static void test_operators_paths_are_owned(void **state) {
  assert_true(operations_own(TEXT("/health")));
  assert_true(operations_own(TEXT("/health/ready")));
  assert_true(operations_own(TEXT("/metrics")));
  assert_false(operations_own(TEXT("/healthy")));
  assert_false(operations_own(TEXT("/metrics/x")));
  assert_false(operations_own(TEXT("/v1/models")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_is_well),
      cmocka_unit_test(test_a_failing_check_is_503_with_its_name_and_reason),
      cmocka_unit_test(test_an_optional_check_degrades_and_keeps_readiness),
      cmocka_unit_test(test_a_drain_takes_readiness_away_and_not_life),
      cmocka_unit_test(test_other_methods_and_paths_are_refused),
      cmocka_unit_test(test_operators_paths_are_owned),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("operations", tests, NULL, NULL);
}
