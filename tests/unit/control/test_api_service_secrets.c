/* Secrets of service accounts through the control API: shown once, listed without what is secret, ended; of one's own
 * organisation, by whoever may do all that the account may. */
#include "api_fixture.h"

#include "identity/client_secret.h"
#include "ports/store_people.h"
#include "ports/store_service_secrets.h"

static int64_t make_account(struct fixture *x, const char *role) {
  struct store *s = x->api.store;
  const struct people_row r = {.org_id = 1, .name = text_of(role), .created_us = 5};
  struct people_grant g = {.org_id = 1, .to = GRANT_TO_SERVICE, .role = text_of(role)};
  int64_t grant_id = 0;
  CHECK_ERR(s->ops->people->create(s, PEOPLE_SERVICE, &r, TEST_ACTOR, &g.to_id, NULL), ERR_OK);
  CHECK_ERR(s->ops->people->grant(s, &g, TEST_ACTOR, &grant_id, NULL), ERR_OK);
  return g.to_id;
}

static void become(struct fixture *x, enum builtin_role role, int64_t org_id) {
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = 9,
                              .org_id = org_id,
                              .actor = TEXT("user:9"),
                              .origin = TEXT("127.0.0.1"),
                              .permissions = builtin_role_permissions(role)};
}

/* The member of the body, a text. */
static const char *member(const char *name) {
  static char value[128];
  char wanted[64];
  snprintf(wanted, sizeof(wanted), "\"%s\":\"", name);
  const char *at = strstr(body, wanted);
  snprintf(value, sizeof(value), "%.*s", at ? (int)strcspn(at + strlen(wanted), "\"") : 0,
           at ? at + strlen(wanted) : "");
  return value;
}

static void make_and_end(struct fixture *x) {
  struct store_service_secret found;
  uint8_t hash[STORE_HASH_BYTES];
  char secret[128];
  struct arena a;
  arena_init(&a);
  CHECK_INT((int)make_account(x, "member"), 1);
  CHECK_INT(send_json(x, "POST /api/v1/service-accounts/1/secrets", "", "{\"expires_s\":3600}"), 201);
  CHECK_TEXT(text_of(location), TEXT("/api/v1/service-accounts/1/secrets/1"));
  CHECK_TEXT(text_of(member("client_id")), TEXT("svc_1"));
  snprintf(secret, sizeof(secret), "%s", member("client_secret"));
  CHECK_INT((int)strlen(secret), CLIENT_SECRET_BYTES);
  client_secret_hash(x->secret, text_of(secret), hash);
  CHECK_ERR(x->api.store->ops->service_secrets->find(x->api.store, hash, &a, &found, NULL), ERR_OK);
  CHECK_INT(found.expires_us - found.created_us == 3600000000, 1);
  CHECK_INT(get(x, "/api/v1/service-accounts/1/secrets"), 200);
  CHECK_HAS(body, "\"prefix\":\"weirsec");
  CHECK_INT(strstr(body, secret) != NULL, 0);
  CHECK_INT(get(x, "/api/v1/audit"), 200);
  CHECK_HAS(body, "service_secret.create");
  CHECK_INT(strstr(body, secret) != NULL, 0);
  CHECK_INT(send_json(x, "POST /api/v1/service-accounts/7/secrets", "", "{}"), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/service-accounts/1/secrets/1", "", ""), 204);
  CHECK_INT(ask(x, "DELETE /api/v1/service-accounts/1/secrets/1", "", ""), 404);
  CHECK_ERR(x->api.store->ops->service_secrets->find(x->api.store, hash, &a, &found, NULL), ERR_NOT_FOUND);
  for (int i = 0; i < SERVICE_SECRETS_MAX; i++)
    CHECK_INT(send_json(x, "POST /api/v1/service-accounts/1/secrets", "", "{}"), 201);
  CHECK_INT(send_json(x, "POST /api/v1/service-accounts/1/secrets", "", "{}") / 100, 4);
  arena_done(&a);
}

static void make_and_end_run(void *arg) { run(make_and_end); }
static void one_is_made_shown_once_and_ended(void **state) { run_fiber(make_and_end_run, NULL); }

/* An administrator makes none for an account that is an owner: with it they could do more than they may. */
static void bounds(struct fixture *x) {
  CHECK_INT((int)make_account(x, "owner"), 1);
  CHECK_INT(send_json(x, "POST /api/v1/service-accounts/1/secrets", "", "{}"), 201);
  become(x, ROLE_ADMIN, 1);
  CHECK_INT(send_json(x, "POST /api/v1/service-accounts/1/secrets", "", "{}"), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/service-accounts/1/secrets/1", "", ""), 403);
  CHECK_INT(get(x, "/api/v1/service-accounts/1/secrets"), 200);
  become(x, ROLE_OWNER, 2);
  CHECK_INT(send_json(x, "POST /api/v1/service-accounts/1/secrets", "", "{}"), 404);
  CHECK_INT(get(x, "/api/v1/service-accounts/1/secrets"), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/service-accounts/1/secrets/1", "", ""), 404);
  become(x, ROLE_VIEWER, 1);
  CHECK_INT(get(x, "/api/v1/service-accounts/1/secrets"), 403);
}

static void bounds_run(void *arg) { run(bounds); }
static void nobody_makes_one_that_may_more_than_they(void **state) { run_fiber(bounds_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_is_made_shown_once_and_ended),
      cmocka_unit_test(nobody_makes_one_that_may_more_than_they),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
