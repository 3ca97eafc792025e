/* Credentials through the control API: what is given is kept sealed and never told again, what the configuration
 * declares is shown and stays, what is wrong is told member by member, and who may write in a workspace alone writes
 * there alone. */
#include "api_fixture.h"

#include "ports/store_credentials.h"

#define SECRET "sk-canary-0123456789-wxyz"
#define ONE    "{\"provider\":\"a\",\"name\":\"one\",\"secret\":\"" SECRET "\"}"

static void lacks_secret(const char *where) {
  if (strstr(body, "canary"))
    CHECK_TEXT(text_of(where), TEXT("no secret in the answer"));
}

static struct text opened(struct fixture *x, int64_t id, struct arena *a) {
  struct store_credential row;
  struct secret *plain = NULL;
  CHECK_ERR(x->api.store->ops->credentials->get(x->api.store, id, a, &row, NULL), ERR_OK);
  const struct vault_place place = store_credential_place(id, row.sealed_version);
  struct fault f = {0};
  CHECK_ERR(x->api.vault->open(x->api.vault, &place, row.sealed, &plain, &f), ERR_OK);
  struct text t = arena_copy(a, secret_reveal(plain));
  CHECK_INT(text_find(row.sealed, TEXT("canary")) < 0, 1);
  secret_free(plain);
  return t;
}

static void keep(struct fixture *x) {
  struct arena a;
  arena_init(&a);
  CHECK_INT(send_json(x, "POST /api/v1/credentials", "", ONE), 201);
  CHECK_TEXT(text_of(location), TEXT("/api/v1/credentials/1"));
  CHECK_TEXT(text_of(etag), TEXT("\"1\""));
  CHECK_HAS(body, "\"last4\":\"wxyz\"");
  CHECK_HAS(body, "\"kind\":\"api_key\"");
  CHECK_HAS(body, "\"active\":true");
  CHECK_HAS(body, "\"weight\":1");
  lacks_secret("made");
  CHECK_TEXT(opened(x, 1, &a), TEXT(SECRET));
  CHECK_INT(send_json(x, "POST /api/v1/credentials", "", ONE), 409);
  lacks_secret("twice");
  CHECK_INT(get(x, "/api/v1/credentials/1"), 200);
  CHECK_HAS(body, "\"declared\":false");
  lacks_secret("read");
  CHECK_INT(get(x, "/api/v1/credentials"), 200);
  CHECK_HAS(body, "\"name\":\"main\"");
  CHECK_HAS(body, "\"declared\":true");
  CHECK_HAS(body, "\"last4\":\"wxyz\"");
  CHECK_INT(strstr(body, "hush") != NULL, 0);
  lacks_secret("listed");
  CHECK_INT(get(x, "/api/v1/audit"), 200);
  CHECK_HAS(body, "credential.create");
  lacks_secret("audited");
  arena_done(&a);
}

static void keep_run(void *arg) { run(keep); }
static void what_is_given_is_kept_and_never_told_again(void **state) { run_fiber(keep_run, NULL); }

static void change(struct fixture *x) {
  struct arena a;
  arena_init(&a);
  CHECK_INT(send_json(x, "POST /api/v1/credentials", "", ONE), 201);
  CHECK_INT(
      send_json(x, "PATCH /api/v1/credentials/1", "if-match: \"1\"\r\n", "{\"secret\":\"sk-canary-rotated-abcd\"}"),
      200);
  CHECK_TEXT(text_of(etag), TEXT("\"2\""));
  CHECK_HAS(body, "\"last4\":\"abcd\"");
  lacks_secret("rotated");
  CHECK_TEXT(opened(x, 1, &a), TEXT("sk-canary-rotated-abcd"));
  CHECK_INT(send_json(x, "PATCH /api/v1/credentials/1", "if-match: \"1\"\r\n", "{\"secret\":\"sk-canary-late\"}"), 412);
  lacks_secret("stale");
  CHECK_INT(send_json(x, "PATCH /api/v1/credentials/1", "",
                      "{\"name\":\"two\",\"workspace\":\"lab\",\"weight\":7,\"active\":false}"),
            200);
  CHECK_HAS(body, "\"name\":\"two\"");
  CHECK_HAS(body, "\"workspace\":\"lab\"");
  CHECK_HAS(body, "\"weight\":7");
  CHECK_HAS(body, "\"active\":false");
  CHECK_HAS(body, "\"last4\":\"abcd\"");
  CHECK_TEXT(opened(x, 1, &a), TEXT("sk-canary-rotated-abcd"));
  CHECK_INT(send_json(x, "PATCH /api/v1/credentials/1", "", "{\"workspace\":null}"), 200);
  CHECK_HAS(body, "\"workspace\":null");
  CHECK_INT(ask(x, "DELETE /api/v1/credentials/1", "", ""), 204);
  CHECK_INT(ask(x, "DELETE /api/v1/credentials/1", "", ""), 404);
  CHECK_INT(get(x, "/api/v1/credentials/1"), 404);
  arena_done(&a);
}

static void change_run(void *arg) { run(change); }
static void it_is_changed_rotated_and_removed(void **state) { run_fiber(change_run, NULL); }

/* Each with the member that is blamed. */
static void refuse(struct fixture *x) {
  static const struct {
    const char *json, *pointer;
  } cases[] = {
      {"{\"provider\":\"nobody\",\"name\":\"n\",\"secret\":\"sk-canary\"}", "/provider"},
      {"{\"provider\":\"a\",\"name\":\"main\",\"secret\":\"sk-canary\"}", "/name"},
      {"{\"provider\":\"a\",\"name\":\"a b\",\"secret\":\"sk-canary\"}", "/name"},
      {"{\"provider\":\"a\",\"name\":\"n\",\"secret\":\"sk canary\"}", "/secret"},
      {"{\"provider\":\"a\",\"name\":\"n\"}", "/secret"},
      {"{\"provider\":\"a\",\"name\":\"n\",\"secret\":\"sk-canary\",\"kind\":\"bearer\"}", "/kind"},
      {"{\"provider\":\"a\",\"name\":\"n\",\"secret\":\"sk-canary\",\"kind\":\"canary\"}", "/kind"},
      {"{\"provider\":\"a\",\"name\":\"n\",\"secret\":\"sk-canary\",\"access_key_id\":\"A\"}", "/access_key_id"},
      {"{\"provider\":\"a\",\"name\":\"n\",\"secret\":\"sk-canary\",\"weight\":0}", "/weight"},
      {"{\"provider\":\"a\",\"name\":\"n\",\"secret\":\"sk-canary\",\"last4\":\"x\"}", "/last4"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "\"pointer\":\"%s\"", cases[i].pointer);
    CHECK_INT(send_json(x, "POST /api/v1/credentials", "", cases[i].json), 422);
    CHECK_HAS(body, pointer);
    lacks_secret(cases[i].json);
  }
  CHECK_INT(send_json(x, "POST /api/v1/credentials", "", ONE), 201);
  CHECK_INT(send_json(x, "PATCH /api/v1/credentials/1", "", "{\"access_key_id\":\"AKIAOTHER\"}"), 422);
  CHECK_HAS(body, "\"pointer\":\"/secret\"");
  CHECK_INT(send_json(x, "PATCH /api/v1/credentials/1", "", "{\"provider\":\"a\"}"), 422);
}

static void refuse_run(void *arg) { run(refuse); }
static void what_is_wrong_is_told_and_nothing_else(void **state) { run_fiber(refuse_run, NULL); }

static void become_of(struct fixture *x, struct caller_workspace *w, size_t count) {
  x->caller = (struct caller){.kind = CALLER_USER,
                              .id = 9,
                              .org_id = 1,
                              .actor = TEXT("user:9"),
                              .origin = TEXT("127.0.0.1"),
                              .workspaces = w,
                              .workspace_count = count};
}

static void in_a_workspace(struct fixture *x) {
  struct caller_workspace lab = {.id = 5, .name = TEXT("lab"), .permissions = builtin_role_permissions(ROLE_ADMIN)};
  CHECK_INT(send_json(x, "POST /api/v1/credentials", "", ONE), 201);
  become_of(x, &lab, 1);
  CHECK_INT(send_json(x, "POST /api/v1/credentials", "", ONE), 403);
  CHECK_HAS(body, "credentials.write");
  CHECK_INT(send_json(x, "POST /api/v1/credentials", "",
                      "{\"provider\":\"a\",\"name\":\"ours\",\"secret\":\"" SECRET "\",\"workspace\":\"lab\"}"),
            201);
  CHECK_INT(get(x, "/api/v1/credentials"), 200);
  CHECK_HAS(body, "\"name\":\"ours\"");
  CHECK_INT(strstr(body, "\"name\":\"one\"") != NULL, 0);
  CHECK_INT(strstr(body, "\"name\":\"main\"") != NULL, 0);
  CHECK_INT(get(x, "/api/v1/credentials/1"), 404);
  CHECK_INT(send_json(x, "PATCH /api/v1/credentials/1", "", "{\"weight\":2}"), 404);
  CHECK_INT(send_json(x, "PATCH /api/v1/credentials/2", "", "{\"weight\":2}"), 200);
  CHECK_INT(send_json(x, "PATCH /api/v1/credentials/2", "", "{\"workspace\":null}"), 403);
  CHECK_INT(ask(x, "DELETE /api/v1/credentials/1", "", ""), 404);
  CHECK_INT(ask(x, "DELETE /api/v1/credentials/2", "", ""), 204);
}

static void in_a_workspace_run(void *arg) { run(in_a_workspace); }
static void who_may_in_a_workspace_does_so_there_alone(void **state) { run_fiber(in_a_workspace_run, NULL); }

static void page(struct fixture *x) {
  for (int i = 0; i < 3; i++) {
    char json[256];
    snprintf(json, sizeof(json), "{\"provider\":\"b\",\"name\":\"n%d\",\"secret\":\"s%d\",\"workspace\":\"w%d\"}", i, i,
             i);
    CHECK_INT(send_json(x, "POST /api/v1/credentials", "", json), 201);
    CHECK_HAS(body, "\"last4\":null");
  }
  CHECK_INT(get(x, "/api/v1/credentials?limit=4"), 200);
  CHECK_HAS(body, "\"name\":\"n1\"");
  CHECK_INT(strstr(body, "\"name\":\"n2\"") != NULL, 0);
  char target[256];
  snprintf(target, sizeof(target), "/api/v1/credentials?limit=4&cursor=%s", next_of());
  CHECK_INT(get(x, target), 200);
  CHECK_HAS(body, "\"name\":\"n2\"");
  CHECK_INT(strstr(body, "\"name\":\"n1\"") != NULL, 0);
  CHECK_INT(get(x, "/api/v1/credentials?provider=b&workspace=w1"), 200);
  CHECK_HAS(body, "\"name\":\"n1\"");
  CHECK_INT(strstr(body, "\"name\":\"n0\"") != NULL || strstr(body, "\"name\":\"main\"") != NULL, 0);
}

static void page_run(void *arg) { run(page); }
static void the_list_comes_in_pages_and_by_filters(void **state) { run_fiber(page_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_given_is_kept_and_never_told_again),
      cmocka_unit_test(it_is_changed_rotated_and_removed),
      cmocka_unit_test(what_is_wrong_is_told_and_nothing_else),
      cmocka_unit_test(who_may_in_a_workspace_does_so_there_alone),
      cmocka_unit_test(the_list_comes_in_pages_and_by_filters),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
