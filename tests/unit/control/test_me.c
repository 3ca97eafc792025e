/* Who calls, and how people sign in, through the control API; with a port that only says what it was asked. */
#include "api_fixture.h"

#include "ports/store_people.h"

static struct {
  struct signin port; /* first */
  char password[64], code[64];
  int64_t user_id;
  enum err fails;
} desk;

static enum err say(struct fault *f) {
  return desk.fails == ERR_OK ? ERR_OK : fault_set(f, desk.fails, "password", "said so");
}

static enum err set_password(struct signin *self, const struct signin_visit *v, const struct caller *c, struct text old,
                             struct text password, struct fault *f) {
  snprintf(desk.password, sizeof(desk.password), "%.*s to %.*s", TEXT_ARGS(old), TEXT_ARGS(password));
  return say(f);
}

static enum err factor(struct signin *self, const struct caller *c, struct signin_factor *out, struct fault *f) {
  *out = (struct signin_factor){true, 9};
  return ERR_OK;
}

static enum err factor_begin(struct signin *self, const struct signin_visit *v, const struct caller *c,
                             struct text password, struct text *out_secret, struct text *out_uri, struct fault *f) {
  *out_secret = TEXT("BASE32");
  *out_uri = TEXT("otpauth://totp/x");
  return say(f);
}

static enum err factor_confirm(struct signin *self, const struct signin_visit *v, const struct caller *c,
                               struct text code, struct text out_codes[SIGNIN_RECOVERY], struct fault *f) {
  for (size_t i = 0; i < SIGNIN_RECOVERY; i++)
    out_codes[i] = TEXT("abcde-fghjk");
  return say(f);
}

static enum err factor_end(struct signin *self, const struct signin_visit *v, const struct caller *c,
                           struct text password, struct text code, struct fault *f) {
  snprintf(desk.code, sizeof(desk.code), "%.*s", TEXT_ARGS(code));
  return say(f);
}

static enum err make_link(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                          struct text *out_kind, struct text *out_url, int64_t *out_expires_us, struct fault *f) {
  desk.user_id = user_id;
  *out_kind = TEXT("invite");
  *out_url = TEXT("https://x/accept?token=t");
  *out_expires_us = 1801353600000000;
  return say(f);
}

static enum err factor_drop(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                            struct fault *f) {
  desk.user_id = user_id;
  return say(f);
}

static int64_t add_user(struct fixture *x, int64_t org, const char *email) {
  const struct people_row row = {.org_id = org, .name = TEXT("N"), .text = text_of(email), .created_us = 1};
  int64_t id = 0;
  CHECK_ERR(x->api.store->ops->people->create(x->api.store, PEOPLE_USER, &row, TEST_ACTOR, &id, NULL), ERR_OK);
  return id;
}

static int64_t add_session(struct fixture *x, int64_t user) {
  const struct signin_session n = {.user_id = user,
                                   .org_id = 1,
                                   .created_us = loop_wall_us(),
                                   .expires_us = loop_wall_us() + 3600000000,
                                   .way = TEXT("password"),
                                   .address = TEXT("192.0.2.1"),
                                   .agent = TEXT("curl")};
  int64_t id = 0;
  CHECK_ERR(x->api.store->ops->signin->session_add(x->api.store, &n, TEST_ACTOR, &id, NULL), ERR_OK);
  return id;
}

/* A user of the first organisation, as whom the next calls are made. */
static int64_t be(struct fixture *x, const char *email, uint64_t permissions) {
  int64_t id = add_user(x, 1, email);
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = id,
                              .org_id = 1,
                              .session_id = add_session(x, id),
                              .actor = TEXT("user:x"),
                              .origin = TEXT("192.0.2.1"),
                              .email = text_of(email),
                              .permissions = permissions};
  return id;
}

static void open_desk(struct fixture *x) {
  memset(&desk, 0, sizeof(desk));
  desk.port = (struct signin){.set_password = set_password,
                              .factor = factor,
                              .factor_begin = factor_begin,
                              .factor_confirm = factor_confirm,
                              .factor_end = factor_end,
                              .link = make_link,
                              .factor_drop = factor_drop};
  x->api.signin = &desk.port;
}

static void who_calls(struct fixture *x) {
  open_desk(x);
  CHECK_INT(get(x, "/api/v1/me"), 200);
  CHECK_HAS(body, "\"kind\":\"local\",\"id\":null,\"organisation_id\":null");
  be(x, "a@x.org", PERMISSION_BIT(PERMISSION_KEYS_OWN));
  const struct caller_workspace w = {7, TEXT("lab"), PERMISSION_BIT(PERMISSION_KEYS_READ)};
  x->caller.workspaces = &w;
  x->caller.workspace_count = 1;
  CHECK_INT(get(x, "/api/v1/me"), 200);
  CHECK_HAS(body, "\"kind\":\"user\"");
  CHECK_HAS(body, "\"email\":\"a@x.org\",\"name\":\"N\",\"second_factor\":true,\"recovery_codes\":9");
  CHECK_HAS(body, "\"permissions\":[\"keys.own\"]");
  CHECK_HAS(body, "\"workspaces\":[{\"id\":7,\"name\":\"lab\",\"permissions\":[\"keys.read\"]}]");
}

static void changing(struct fixture *x) {
  open_desk(x);
  be(x, "a@x.org", 0);
  CHECK_INT(send_json(x, "PATCH /api/v1/me", "", "{\"name\":\"New\"}"), 200);
  CHECK_HAS(body, "\"name\":\"New\"");
  CHECK_INT(send_json(x, "PATCH /api/v1/me", "", "{\"password\":\"twelve of them\"}"), 422);
  CHECK_HAS(body, "/old_password");
  CHECK_INT(send_json(x, "PATCH /api/v1/me", "", "{\"email\":\"b@x.org\"}"), 422);
  CHECK_INT(send_json(x, "PATCH /api/v1/me", "", "{\"password\":\"twelve of them\",\"old_password\":\"a\"}"), 200);
  CHECK_HAS(desk.password, "a to twelve of them");
  desk.fails = ERR_BAD_REQUEST;
  CHECK_INT(send_json(x, "PATCH /api/v1/me", "", "{\"password\":\"twelve of them\",\"old_password\":\"a\"}"), 422);
  CHECK_HAS(body, "\"pointer\":\"/password\"");
  x->caller = api_owner;
  desk.fails = ERR_OK;
  CHECK_INT(send_json(x, "PATCH /api/v1/me", "", "{\"name\":\"New\"}"), 404);
}

static void sessions(struct fixture *x) {
  char line[96];
  open_desk(x);
  int64_t user = be(x, "a@x.org", 0), other = add_session(x, user), strange = add_session(x, add_user(x, 1, "b@x.org"));
  CHECK_INT(get(x, "/api/v1/me/sessions"), 200);
  CHECK_HAS(body, "\"current\":true,\"way\":\"password\",\"address\":\"192.0.2.1\",\"agent\":\"curl\"");
  snprintf(line, sizeof(line), "DELETE /api/v1/me/sessions/%lld", (long long)other);
  CHECK_INT(ask(x, line, "", ""), 204);
  CHECK_INT(ask(x, line, "", ""), 404);
  snprintf(line, sizeof(line), "DELETE /api/v1/me/sessions/%lld", (long long)strange);
  CHECK_INT(ask(x, line, "", ""), 404); /* not one's own */
  x->caller = api_owner;
  CHECK_INT(get(x, "/api/v1/me/sessions"), 200);
  CHECK_HAS(body, "{\"data\":[]}");
}

static void factors(struct fixture *x) {
  open_desk(x);
  be(x, "a@x.org", 0);
  CHECK_INT(send_json(x, "POST /api/v1/me/second-factor", "", "{\"password\":\"p\"}"), 200);
  CHECK_HAS(body, "{\"secret\":\"BASE32\",\"uri\":\"otpauth://totp/x\"}");
  CHECK_INT(send_json(x, "POST /api/v1/me/second-factor/confirm", "", "{\"code\":\"1\"}"), 200);
  CHECK_HAS(body, "{\"recovery_codes\":[\"abcde-fghjk\",");
  CHECK_INT(send_json(x, "POST /api/v1/me/second-factor/remove", "", "{\"password\":\"p\",\"code\":\"77\"}"), 200);
  CHECK_HAS(desk.code, "77");
  desk.fails = ERR_UNAUTHENTICATED; /* a wrong code is no reason to sign in again */
  CHECK_INT(send_json(x, "POST /api/v1/me/second-factor/confirm", "", "{\"code\":\"1\"}"), 403);
  CHECK_INT(send_json(x, "POST /api/v1/me/second-factor/remove", "", "{\"password\":\"p\",\"code\":\"77\"}"), 403);
  x->api.signin = NULL;
  CHECK_INT(send_json(x, "POST /api/v1/me/second-factor", "", "{\"password\":\"p\"}"), 404);
}

static void others(struct fixture *x) {
  char line[96];
  open_desk(x);
  int64_t user = add_user(x, 1, "b@x.org");
  add_session(x, user);
  be(x, "a@x.org", PERMISSION_BIT(PERMISSION_USERS_WRITE) | PERMISSION_BIT(PERMISSION_USERS_READ));
  snprintf(line, sizeof(line), "POST /api/v1/users/%lld/link", (long long)user);
  CHECK_INT(ask(x, line, "", ""), 200);
  CHECK_INT(desk.user_id, user);
  CHECK_HAS(body, "{\"kind\":\"invite\",\"url\":\"https://x/accept?token=t\"");
  snprintf(line, sizeof(line), "/api/v1/users/%lld/sessions", (long long)user);
  CHECK_INT(get(x, line), 200);
  CHECK_HAS(body, "\"way\":\"password\"");
  snprintf(line, sizeof(line), "DELETE /api/v1/users/%lld/sessions", (long long)user);
  CHECK_INT(ask(x, line, "", ""), 204);
  snprintf(line, sizeof(line), "/api/v1/users/%lld/sessions", (long long)user);
  CHECK_INT(get(x, line), 200);
  CHECK_HAS(body, "{\"data\":[]}");
  snprintf(line, sizeof(line), "DELETE /api/v1/users/%lld/second-factor", (long long)user);
  CHECK_INT(ask(x, line, "", ""), 204);
  x->caller.org_id = 2; /* of another organisation nobody is there */
  CHECK_INT(ask(x, line, "", ""), 404);
  x->caller.org_id = 1;
  x->caller.permissions = PERMISSION_BIT(PERMISSION_USERS_READ);
  CHECK_INT(ask(x, line, "", ""), 403);
  CHECK_HAS(body, "users.write");
}

static void make_owner(struct fixture *x, int64_t user) {
  const struct people_grant g = {.org_id = 1, .to = GRANT_TO_USER, .to_id = user, .role = TEXT("owner")};
  int64_t id;
  CHECK_ERR(x->api.store->ops->people->grant(x->api.store, &g, TEST_ACTOR, &id, NULL), ERR_OK);
}

static void owners(struct fixture *x) {
  char all[96], one[96];
  open_desk(x);
  int64_t owner = add_user(x, 1, "o@x.org");
  make_owner(x, owner);
  snprintf(one, sizeof(one), "DELETE /api/v1/sessions/%lld", (long long)add_session(x, owner));
  snprintf(all, sizeof(all), "DELETE /api/v1/users/%lld/sessions", (long long)owner);
  int64_t admin = be(x, "a@x.org", builtin_role_permissions(ROLE_ADMIN));
  CHECK_INT(ask(x, one, "", ""), 403);
  CHECK_HAS(body, "organisation.write");
  CHECK_INT(ask(x, all, "", ""), 403);
  CHECK_HAS(body, "organisation.write");
  x->caller.permissions = PERMISSION_ALL;
  CHECK_INT(ask(x, one, "", ""), 204);
  CHECK_INT(ask(x, all, "", ""), 204);
  /* One's own, though a token may do less than its user. */
  make_owner(x, admin);
  x->caller.permissions = builtin_role_permissions(ROLE_ADMIN);
  snprintf(one, sizeof(one), "DELETE /api/v1/sessions/%lld", (long long)x->caller.session_id);
  snprintf(all, sizeof(all), "DELETE /api/v1/users/%lld/sessions", (long long)admin);
  CHECK_INT(ask(x, one, "", ""), 204);
  CHECK_INT(ask(x, all, "", ""), 204);
}

static void main_who(void *arg) { run(who_calls); }
static void main_changing(void *arg) { run(changing); }
static void main_sessions(void *arg) { run(sessions); }
static void main_factors(void *arg) { run(factors); }
static void main_others(void *arg) { run(others); }
static void main_owners(void *arg) { run(owners); }

static void it_says_who_calls_and_what_they_may(void **state) { run_fiber(main_who, NULL); }
static void name_and_password_are_one_s_own_to_change(void **state) { run_fiber(main_changing, NULL); }
static void sessions_are_seen_and_ended_by_their_owner(void **state) { run_fiber(main_sessions, NULL); }
static void a_second_factor_goes_on_and_off(void **state) { run_fiber(main_factors, NULL); }
static void an_admin_helps_others_in_their_organisation(void **state) { run_fiber(main_others, NULL); }
static void nobody_signs_out_who_may_more_than_they(void **state) { run_fiber(main_owners, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_says_who_calls_and_what_they_may),
      cmocka_unit_test(name_and_password_are_one_s_own_to_change),
      cmocka_unit_test(sessions_are_seen_and_ended_by_their_owner),
      cmocka_unit_test(a_second_factor_goes_on_and_off),
      cmocka_unit_test(an_admin_helps_others_in_their_organisation),
      cmocka_unit_test(nobody_signs_out_who_may_more_than_they),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("me", tests, NULL, NULL);
}
