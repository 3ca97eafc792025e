/* Health through the control API: what /health says, for those who may read about the system. */
#include "api_fixture.h"

#include "control/operations.h"

static enum err store_says;

static bool is_draining(void *ctx) { return false; }
static enum err check_store(void *ctx, struct fault *f) {
  if (store_says == ERR_OK)
    return ERR_OK;
  return fault_set_brief(f, fault_set(f, store_says, NULL, "user@db7.internal is away"), "refused");
}
static void describe(void *ctx, char *out, size_t cap) { snprintf(out, cap, "2 of 3"); }

static void check_health(struct fixture *x) {
  static struct operations o = {.is_draining = is_draining, .store_name = "memory"};
  o.checks[0] = (struct operations_check){"store", check_store, NULL, .is_vital = true};
  o.checks[1] = (struct operations_check){"redis", check_store, NULL, .describe = describe};
  o.check_count = 2;
  CHECK_INT(get(x, "/api/v1/health"), 404);
  x->api.operations = &o;
  CHECK_INT(get(x, "/api/v1/health"), 200);
  CHECK_HAS(body, "{\"status\":\"ok\",\"version\":\"" WEIR_VERSION "\",\"store\":\"memory\",\"uptime_s\":");
  CHECK_HAS(body, "\"checks\":[{\"name\":\"store\",\"status\":\"ok\",\"state\":null,\"detail\":null},"
                  "{\"name\":\"redis\",\"status\":\"ok\",\"state\":\"2 of 3\",\"detail\":null}]}");
  store_says = ERR_STORE;
  CHECK_INT(get(x, "/api/v1/health"), 200);
  CHECK_HAS(body, "{\"status\":\"failing\",");
  CHECK_HAS(body, "{\"name\":\"store\",\"status\":\"failing\",\"state\":null,\"detail\":\"refused\"}");
  CHECK_HAS(body, "\"status\":\"degraded\"");
  CHECK_INT(strstr(body, "db7") != NULL, 0);
  x->caller =
      (struct caller){.kind = CALLER_USER, .id = 1, .org_id = 1, .actor = TEXT("user:1"), .origin = TEXT("::1")};
  CHECK_INT(get(x, "/api/v1/health"), 403);
}

static void check_health_run(void *arg) { run(check_health); }
static void who_may_read_about_the_system_is_told_how_it_is(void **state) { run_fiber(check_health_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(who_may_read_about_the_system_is_told_how_it_is)};
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
