/* Sessions of everybody: who sees which, in pages, and ends one. */
#include "api_fixture.h"

#include "ports/store_signin.h"

#define FAR_US INT64_C(4000000000000000)

static int64_t begin(struct fixture *x, int64_t user_id, int64_t org_id, int64_t expires_us) {
  const struct signin_session n = {.user_id = user_id,
                                   .org_id = org_id,
                                   .created_us = 1000000,
                                   .rotated_us = 2000000,
                                   .expires_us = expires_us,
                                   .way = TEXT("password"),
                                   .address = TEXT("10.0.0.1"),
                                   .agent = TEXT("a browser")};
  int64_t id = 0;
  CHECK_ERR(x->api.store->ops->signin->session_add(x->api.store, &n, TEST_ACTOR, &id, NULL), ERR_OK);
  return id;
}

static void become(struct fixture *x, int64_t org_id, uint64_t permissions) {
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = 7,
                              .org_id = org_id,
                              .session_id = 3,
                              .actor = TEXT("user:7"),
                              .origin = TEXT("::1"),
                              .permissions = permissions};
}

static void check_sessions(struct fixture *x) {
  char target[256];
  begin(x, 5, 2, FAR_US);
  begin(x, 6, 1, 5);
  begin(x, 7, 1, FAR_US);
  begin(x, 8, 1, FAR_US);
  CHECK_INT(get(x, "/api/v1/sessions"), 200);
  CHECK_HAS(body,
            "{\"data\":[{\"id\":4,\"user\":8,\"organisation\":1,\"current\":false,\"way\":\"password\",\"address\":"
            "\"10.0.0.1\",\"agent\":\"a browser\",\"created\":\"1970-01-01T00:00:01Z\",");
  CHECK_HAS(body, "{\"id\":1,\"user\":5,\"organisation\":2,");
  CHECK_INT(strstr(body, "\"id\":2,") != NULL, 0); /* it is over */
  become(x, 1, PERMISSION_BIT(PERMISSION_USERS_READ));
  CHECK_INT(get(x, "/api/v1/sessions?limit=1"), 200);
  snprintf(target, sizeof(target), "/api/v1/sessions?limit=1&cursor=%s", next_of());
  CHECK_INT(get(x, target), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":3,\"user\":7,\"organisation\":1,\"current\":true,");
  CHECK_HAS(body, "}],\"next\":null}");
  CHECK_INT(get(x, "/api/v1/sessions?user=8"), 200);
  CHECK_HAS(body, "{\"data\":[{\"id\":4,");
  CHECK_HAS(body, "}],\"next\":null}");
  CHECK_INT(get(x, "/api/v1/sessions?user=5"), 200);
  CHECK_TEXT(text_of(body), TEXT("{\"data\":[],\"next\":null}"));
  CHECK_INT(ask(x, "DELETE /api/v1/sessions/4", "", ""), 403);
}

static void check_sessions_run(void *arg) { run(check_sessions); }
static void those_who_may_see_people_see_where_they_are_signed_in(void **state) { run_fiber(check_sessions_run, NULL); }

static void check_ending(struct fixture *x) {
  begin(x, 5, 2, FAR_US);
  begin(x, 8, 1, FAR_US);
  become(x, 1, PERMISSION_ALL);
  CHECK_INT(ask(x, "DELETE /api/v1/sessions/1", "", ""), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/sessions/9", "", ""), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/sessions/2", "", ""), 204);
  CHECK_INT(ask(x, "DELETE /api/v1/sessions/2", "", ""), 404);
  CHECK_INT(get(x, "/api/v1/audit?subject=session:2&action=session.end"), 200);
  CHECK_HAS(body, "\"actor\":\"user:7\"");
  become(x, 2, PERMISSION_ALL);
  CHECK_INT(ask(x, "DELETE /api/v1/sessions/1", "", ""), 204);
}

static void check_ending_run(void *arg) { run(check_ending); }
static void a_session_is_ended_by_those_of_its_organisation(void **state) { run_fiber(check_ending_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(those_who_may_see_people_see_where_they_are_signed_in),
      cmocka_unit_test(a_session_is_ended_by_those_of_its_organisation),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
