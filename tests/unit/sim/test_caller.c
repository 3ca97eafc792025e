/* Who is let in, per service. */
#include "sim/caller.h"

#include "sim/signature.h"
#include "sim_test.h"

static struct http_header kept[8];
static struct http_request rq;
static struct arena arena;
static struct fault fault;

static int fresh(void **state) {
  arena_init(&arena);
  rq = (struct http_request){.arena = &arena, .path = TEXT("/x")};
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  return 0;
}

static void add(const char *name, const char *value) {
  struct http_headers *h = &rq.head.headers;
  h->at = kept;
  kept[h->count++] = (struct http_header){text_of(name), text_of(value)};
}

static int status_of(const struct sim_dialect *dialect) {
  fault = (struct fault){0};
  return caller_check(dialect, &rq, TEXT_NONE, 0, &fault) == ERR_OK ? 200 : fault_status(&fault);
}

static void a_key_is_taken_from_any_of_its_headers(void **state) {
  static const char *const headers[][2] = {{"x-api-key", "k"}, {"api-key", "k"}, {"authorization", "bearer k"}};
  for (size_t i = 0; i < 3; i++) {
    rq.head.headers.count = 0;
    add(headers[i][0], headers[i][1]);
    assert_int_equal(status_of(&sim_openai), 200);
  }
}

static void without_a_key_or_with_a_bad_one_it_is_401(void **state) {
  assert_int_equal(status_of(&sim_openai), 401);
  assert_int_equal(status_of(&sim_anthropic), 401);
  add("api-key", "invalid");
  assert_int_equal(status_of(&sim_openai), 401);
  EXPECT_INSIDE(text_of(fault.text), TEXT("Incorrect API key"));
}

static void anthropic_wants_a_version(void **state) {
  add("x-api-key", "k");
  assert_int_equal(status_of(&sim_anthropic), 400);
  add("anthropic-version", "2023-06-01");
  assert_int_equal(status_of(&sim_anthropic), 200);
}

static void bedrock_takes_bearer_keys(void **state) {
  add("authorization", "Bearer k");
  assert_int_equal(status_of(&sim_converse), 200);
  assert_int_equal(status_of(&sim_invoke), 200);
  kept[0].value = TEXT("Bearer invalid");
  assert_int_equal(status_of(&sim_converse), 403);
  assert_string_equal(fault.field, "AccessDeniedException");
}

static void bedrock_without_authorization_is_403(void **state) {
  add("x-api-key", "k");
  assert_int_equal(status_of(&sim_converse), 403);
  assert_string_equal(fault.field, "MissingAuthenticationTokenException");
}

static void bedrock_checks_signatures(void **state) {
  add("authorization", "AWS4-HMAC-SHA256 Credential=x");
  assert_int_equal(status_of(&sim_converse), 403);
  assert_string_equal(fault.field, "IncompleteSignatureException");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_key_is_taken_from_any_of_its_headers),
      CASE(without_a_key_or_with_a_bad_one_it_is_401),
      CASE(anthropic_wants_a_version),
      CASE(bedrock_takes_bearer_keys),
      CASE(bedrock_without_authorization_is_403),
      CASE(bedrock_checks_signatures),
  };
  return RUN_TESTS(tests);
}
