/* Health and metrics as a load balancer and an operator see them. */
#include "../net/http_fixture.h"

#include "control/operations.h"

struct fixture {
  struct site site;
  struct operations o;
  bool draining, no_metrics;
  enum err store, disk, shelf;
  const char *disk_brief;
  unsigned asked, glanced;
};

static bool is_draining(void *ctx) { return ((struct fixture *)ctx)->draining; }

static enum err check_store(void *ctx, struct fault *f) {
  struct fixture *x = ctx;
  x->asked++;
  return x->store == ERR_OK
             ? ERR_OK
             : fault_set_brief(f, fault_set(f, x->store, NULL, "user@db7.internal:5432 is away"), "refused");
}
/* What readiness asks instead. */
static enum err glance_at_store(void *ctx, struct fault *f) {
  struct fixture *x = ctx;
  x->glanced++;
  if (x->store == ERR_OK)
    return ERR_OK;
  return fault_set_brief(f, fault_set(f, x->store, NULL, "no answer from user@db7.internal:5432"), "no answer");
}
static enum err check_disk(void *ctx, struct fault *f) {
  struct fixture *x = ctx;
  if (x->disk == ERR_OK)
    return ERR_OK;
  return fault_set_brief(f, fault_set(f, x->disk, NULL, "no room in /var/lib/weir"), x->disk_brief);
}
/* Readiness does not ask about it. */
static enum err check_shelf(void *ctx, struct fault *f) {
  struct fixture *x = ctx;
  return x->shelf == ERR_OK ? ERR_OK : fault_set(f, x->shelf, NULL, "/backup is not there");
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
  x->o.checks[0] = (struct operations_check){"store", check_store, glance_at_store, x};
  x->o.checks[1] = (struct operations_check){"disk", check_disk, check_disk, x, .is_vital = true};
  x->o.checks[2] = (struct operations_check){"shelf", check_shelf, NULL, x};
  x->o.check_count = 3;
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

/* Nobody is told where anything is. */
static void check_discreet(const char *text) {
  assert_null(strstr(text, "db7"));
  assert_null(strstr(text, "user"));
  assert_null(strstr(text, "5432"));
  assert_null(strchr(text, '/'));
}

static void failing(struct fixture *x) {
  x->disk = ERR_STORE_FULL;
  CHECK_INT(get(x, "GET /health/ready", body), 503);
  CHECK_HAS(body, "{\"status\":\"failing\",\"checks\":{\"store\":{\"status\":\"ok\"},"
                  "\"disk\":{\"status\":\"failing\",\"detail\":\"the disk is full\"}}}");
  check_discreet(body);
  CHECK_INT(get(x, "GET /health", body), 503);
  CHECK_HAS(body, "\"disk\":{\"status\":\"failing\",\"detail\":\"the disk is full\"}");
  check_discreet(body);
  CHECK_INT(get(x, "GET /health/live", body), 200);
  x->disk_brief = "no room";
  CHECK_INT(get(x, "GET /health/ready", body), 503);
  CHECK_HAS(body, "\"detail\":\"no room\"");
  x->disk = ERR_OK;
  CHECK_INT(get(x, "GET /health/ready", body), 200);
}

/* Without what is not vital the service goes on, and says so. */
static void degraded(struct fixture *x) {
  x->store = ERR_STORE;
  CHECK_INT(get(x, "GET /health/ready", body), 200);
  CHECK_HAS(body, "{\"status\":\"degraded\",\"checks\":{\"store\":{\"status\":\"degraded\",\"detail\":\"no answer\"},"
                  "\"disk\":{\"status\":\"ok\"}}}");
  CHECK_INT(get(x, "GET /health", body), 200);
  CHECK_HAS(body, "{\"status\":\"degraded\"");
  CHECK_HAS(body, "\"store\":{\"status\":\"degraded\",\"detail\":\"refused\"}");
  check_discreet(body);
  x->disk = ERR_STORE_FULL;
  CHECK_INT(get(x, "GET /health/ready", body), 503);
  CHECK_HAS(body, "{\"status\":\"failing\"");
}

/* One that may block would hold up the balancer, which then takes every replica out. */
static void unasked(struct fixture *x) {
  x->shelf = ERR_STORE;
  CHECK_INT(get(x, "GET /health/ready", body), 200);
  CHECK_HAS(body, "{\"status\":\"ok\"");
  assert_null(strstr(body, "shelf"));
  CHECK_INT(x->asked, 0);
  CHECK_INT(x->glanced, 1);
  CHECK_INT(get(x, "GET /health", body), 200);
  CHECK_HAS(body, "\"shelf\":{\"status\":\"degraded\",\"detail\":\"the store failed\"}");
  CHECK_INT(x->asked, 1);
}

static void told(struct fixture *x) {
  struct buf out;
  struct json_writer w;
  x->store = x->shelf = ERR_STORE;
  buf_init(&out, 4096);
  json_writer_init(&w, &out);
  json_object(&w);
  operations_tell(&x->o, &w);
  json_object_end(&w);
  snprintf(body, sizeof(body), "%.*s", TEXT_ARGS(buf_text(&out)));
  buf_done(&out);
  CHECK_HAS(body, "{\"health\":{\"status\":\"degraded\",\"checks\":");
  CHECK_HAS(body, "\"detail\":\"no answer from user@db7.internal:5432\"");
  CHECK_HAS(body, "\"detail\":\"/backup is not there\"");
  CHECK_INT(x->asked, 0);
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
static void main_unasked(void *x) { run(x, unasked); }
static void main_told(void *x) { run(x, told); }
static void main_refused(void *x) { run(x, refused); }

static void test_all_is_well(void **state) { run_fiber(main_healthy, &(struct fixture){0}); }
static void test_a_failing_vital_check_is_503_with_its_name_and_class(void **state) {
  run_fiber(main_failing, &(struct fixture){0});
}
static void test_any_other_check_degrades_and_keeps_readiness(void **state) {
  run_fiber(main_degraded, &(struct fixture){0});
}
static void test_readiness_asks_nothing_that_may_block(void **state) { run_fiber(main_unasked, &(struct fixture){0}); }
static void test_the_operator_is_told_in_full_and_without_waiting(void **state) {
  run_fiber(main_told, &(struct fixture){0});
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
      cmocka_unit_test(test_a_failing_vital_check_is_503_with_its_name_and_class),
      cmocka_unit_test(test_any_other_check_degrades_and_keeps_readiness),
      cmocka_unit_test(test_readiness_asks_nothing_that_may_block),
      cmocka_unit_test(test_the_operator_is_told_in_full_and_without_waiting),
      cmocka_unit_test(test_a_drain_takes_readiness_away_and_not_life),
      cmocka_unit_test(test_other_methods_and_paths_are_refused),
      cmocka_unit_test(test_operators_paths_are_owned),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("operations", tests, NULL, NULL);
}
