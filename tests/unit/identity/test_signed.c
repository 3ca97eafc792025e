/* Callers that sign with a key pair, over a real store in memory. Requests are signed by aws/sigv4. */
#include "identity/apikey.h"

#include "aws/sigv4.h"
#include "identity/inner.h"
#include "store/store.h"
#include "support/actor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define KEY "weir_0123456789012345678901234567890123456789012"
#define S   INT64_C(1000000)
#define NOW (INT64_C(1000000) * S)

struct counting {
  struct store port;
  struct store_ops ops;
  struct store *real;
  unsigned finds, pair_finds;
  enum err fails;
};

static enum err counting_find(struct store *s, const uint8_t *hash, struct arena *a, struct store_key *out,
                              struct fault *f) {
  struct counting *c = (struct counting *)s;
  c->finds++;
  return c->fails ? fault_set(f, c->fails, NULL, "the disk is gone") : c->real->ops->key_find(c->real, hash, a, out, f);
}

static enum err counting_find_pair(struct store *s, const uint8_t *id, struct arena *a, struct store_key *out,
                                   struct fault *f) {
  struct counting *c = (struct counting *)s;
  c->pair_finds++;
  return c->fails ? fault_set(f, c->fails, NULL, "the disk is gone")
                  : c->real->ops->key_find_by_access_id(c->real, id, a, out, f);
}

struct fixture {
  struct counting store;
  struct secret *secret;
  struct apikey_identity *i;
  struct identity *port;
  struct fault fault;
  int64_t key_id;
  char id[APIKEY_PAIR_ID_BYTES], pair_secret[APIKEY_PAIR_SECRET_BYTES]; /* of KEY */
};

static void create(struct fixture *f) {
  struct store_key k = {.name = TEXT("stored"), .models = TEXT("*"), .prefix = TEXT("weir_0123456")};
  secret_hmac(f->secret, TEXT(KEY), k.hash);
  assert_int_equal(f->store.real->ops->key_create(f->store.real, &k, TEST_ACTOR, &f->key_id, &f->fault), ERR_OK);
  apikey_pair(f->secret, k.hash, f->id, f->pair_secret);
}

static struct fixture *open_fixture(void) {
  struct fixture *f = calloc(1, sizeof(*f));
  assert_non_null(f);
  assert_int_equal(store_open_memory(&f->store.real, NULL), ERR_OK);
  f->store.ops.key_find = counting_find;
  f->store.ops.key_find_by_access_id = counting_find_pair;
  f->store.port.ops = &f->store.ops;
  assert_int_equal(apikey_load_secret(NULL, &f->secret, NULL), ERR_OK);
  f->i = apikey_identity_new(&f->store.port, NULL, f->secret);
  f->port = apikey_identity_port(f->i);
  create(f);
  return f;
}

static void close_fixture(struct fixture *f) {
  apikey_identity_free(f->i);
  secret_free(f->secret);
  f->store.real->ops->close(f->store.real);
  free(f);
}

/* The error of a request signed so at now_us; the name of the principal must be as given. */
static enum err find_as(struct fixture *f, struct text id, struct text secret, struct text service, int64_t now_us,
                        const char *name) {
  struct text body = TEXT("{}");
  struct sigv4_header headers[2] = {{TEXT("host"), TEXT("weir.example")}};
  struct sigv4_request rq = {TEXT("POST"), TEXT("/bedrock/model/m:0/invoke"), TEXT_NONE, headers, 1, &body, 1};
  struct sigv4_scope scope = {TEXT("eu-north-1"), service, now_us / S};
  struct aws_credentials c = {.access_key_id = id, .secret_access_key = secret};
  struct sigv4_signature s;
  struct arena a = {0};
  const struct principal *p = NULL;
  assert_int_equal(sigv4_sign(&rq, &scope, &c, &a, &s), ERR_OK);
  headers[rq.header_count++] = (struct sigv4_header){TEXT("x-amz-date"), s.amz_date};
  f->fault = (struct fault){0};
  enum err e = f->port->find_signed(f->port, &rq, s.authorization, now_us, &p, &f->fault);
  assert_int_equal(p != NULL, e == ERR_OK);
  assert_int_equal(f->fault.err, e);
  if (p && !text_equal(p->name, text_of(name)))
    fail_msg("found \"%.*s\", expected \"%s\"", TEXT_ARGS(p->name), name);
  f->port->unref(p);
  arena_done(&a);
  return e;
}

static enum err find(struct fixture *f, struct text id, struct text secret, const char *name) {
  return find_as(f, id, secret, TEXT("bedrock"), NOW, name);
}

static struct text id_of(const struct fixture *f) { return (struct text){f->id, sizeof(f->id)}; }
static struct text secret_of(const struct fixture *f) { return (struct text){f->pair_secret, sizeof(f->pair_secret)}; }

static void test_a_declared_pair_signs(void **state) {
  struct fixture *f = open_fixture();
  struct apikey_declared keys[] = {{.value = TEXT("declared-1"),
                                    .name = TEXT("one"),
                                    .access_key_id = TEXT("ID/1"),
                                    .secret_access_key = TEXT("s1")},
                                   {.value = TEXT("declared-2"), .name = TEXT("two"), .access_key_id = TEXT("ID2")},
                                   {.value = TEXT("declared-3"), .name = TEXT("three"), .access_key_id = TEXT("ID2")},
                                   {.value = TEXT("declared-4"), .name = TEXT("four")}};
  apikey_identity_declare(f->i, keys, 4);
  assert_int_equal(find(f, TEXT("ID/1"), TEXT("s1"), "one"), ERR_OK);
  assert_int_equal(find(f, TEXT("ID/1"), TEXT("declared-1"), "one"), ERR_UNAUTHENTICATED);
  assert_int_equal(find(f, TEXT("ID2"), TEXT("declared-2"), "two"), ERR_OK);
  assert_int_equal(find(f, TEXT("ID2"), TEXT("declared-3"), "three"), ERR_UNAUTHENTICATED);
  assert_int_equal(find(f, TEXT("declared-4"), TEXT("declared-4"), "four"), ERR_OK);
  assert_int_equal(f->store.finds + f->store.pair_finds, 0);
  apikey_identity_declare(f->i, keys + 1, 1);
  assert_int_equal(find(f, TEXT("ID/1"), TEXT("s1"), "one"), ERR_UNAUTHENTICATED);
  assert_int_equal(find(f, TEXT("ID2"), TEXT("declared-2"), "two"), ERR_OK);
  close_fixture(f);
}

static void test_the_pair_of_a_stored_key_signs_and_is_remembered(void **state) {
  struct fixture *f = open_fixture();
  for (int i = 0; i < 5; i++)
    assert_int_equal(find(f, id_of(f), secret_of(f), "stored"), ERR_OK);
  assert_int_equal(f->store.pair_finds, 1);
  assert_int_equal(find(f, id_of(f), TEXT(KEY), "stored"), ERR_UNAUTHENTICATED);
  assert_int_equal(f->store.finds, 0);
  close_fixture(f);
}

static void test_a_key_is_a_pair_of_its_own(void **state) {
  struct fixture *f = open_fixture();
  assert_int_equal(find(f, TEXT(KEY), TEXT(KEY), "stored"), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), secret_of(f), "stored"), ERR_UNAUTHENTICATED);
  assert_int_equal(find(f, TEXT(KEY), TEXT(KEY), "stored"), ERR_OK);
  assert_int_equal(f->store.finds, 1);
  close_fixture(f);
}

/* Whoever knows an id, which is no secret, must not get in with it. */
static void test_a_pairs_id_is_no_key(void **state) {
  struct fixture *f = open_fixture();
  const struct principal *p = NULL;
  assert_int_equal(find(f, id_of(f), secret_of(f), "stored"), ERR_OK);
  assert_int_equal(f->port->find(f->port, id_of(f), NOW, &p, NULL), ERR_UNAUTHENTICATED);
  assert_int_equal(find(f, id_of(f), id_of(f), "stored"), ERR_UNAUTHENTICATED);
  assert_int_equal(find(f, id_of(f), secret_of(f), "stored"), ERR_OK);
  assert_null(p);
  close_fixture(f);
}

static void test_unknown_ids_and_wrong_secrets_are_told_the_same(void **state) {
  struct fixture *f = open_fixture();
  char said[sizeof(f->fault.text)], field[sizeof(f->fault.field)];
  static const char *const unknown[] = {"WEIR0123456789ABCDEF", "weir_nobody_has_this_key", "AKIAIOSFODNN7EXAMPLE", "x",
                                        "WEIR0123456789abcdef"};
  assert_int_equal(find(f, id_of(f), TEXT("wrong"), ""), ERR_UNAUTHENTICATED);
  snprintf(said, sizeof(said), "%s", f->fault.text);
  snprintf(field, sizeof(field), "%s", f->fault.field);
  for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
    assert_int_equal(find(f, text_of(unknown[i]), TEXT("wrong"), ""), ERR_UNAUTHENTICATED);
    assert_string_equal(f->fault.text, said);
    assert_string_equal(f->fault.field, field);
  }
  unsigned asked = f->store.finds + f->store.pair_finds;
  for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
    assert_int_equal(find(f, text_of(unknown[i]), TEXT("wrong"), ""), ERR_UNAUTHENTICATED);
  assert_int_equal(f->store.finds + f->store.pair_finds, asked);
  close_fixture(f);
}

static void test_the_service_must_be_bedrock(void **state) {
  struct fixture *f = open_fixture();
  assert_int_equal(find_as(f, id_of(f), secret_of(f), TEXT("s3"), NOW, "stored"), ERR_UNAUTHENTICATED);
  assert_non_null(strstr(f->fault.text, "for the service bedrock"));
  close_fixture(f);
}

static void test_a_malformed_or_old_signature_says_why(void **state) {
  struct fixture *f = open_fixture();
  struct sigv4_request rq = {.method = TEXT("POST"), .path = TEXT("/")};
  const struct principal *p = NULL;
  assert_int_equal(f->port->find_signed(f->port, &rq, TEXT("AWS4-HMAC-SHA256 nonsense"), NOW, &p, &f->fault),
                   ERR_UNAUTHENTICATED);
  assert_string_equal(f->fault.field, "authorization");
  assert_int_equal(f->port->find_signed(f->port, &rq,
                                        TEXT("AWS4-HMAC-SHA256 Credential=x/19700112/r/bedrock/aws4_request, "
                                             "SignedHeaders=host, Signature="
                                             "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
                                        NOW, &p, &f->fault),
                   ERR_UNAUTHENTICATED);
  assert_non_null(strstr(f->fault.text, "a signed header is missing"));
  close_fixture(f);
}

static void test_blocked_keys_say_so_only_to_those_who_have_the_secret(void **state) {
  struct fixture *f = open_fixture();
  assert_int_equal(find(f, id_of(f), secret_of(f), "stored"), ERR_OK);
  assert_int_equal(f->store.real->ops->key_set_blocked(f->store.real, f->key_id, true, TEST_ACTOR, NULL), ERR_OK);
  int64_t later = NOW + APIKEY_TRUST_US + S;
  assert_int_equal(find_as(f, id_of(f), secret_of(f), TEXT("bedrock"), later, ""), ERR_FORBIDDEN);
  assert_int_equal(find_as(f, id_of(f), TEXT("wrong"), TEXT("bedrock"), later, ""), ERR_UNAUTHENTICATED);
  assert_null(strstr(f->fault.text, "blocked"));
  close_fixture(f);
}

static void test_with_the_store_away_a_known_pair_works_for_a_while(void **state) {
  struct fixture *f = open_fixture();
  assert_int_equal(find(f, id_of(f), secret_of(f), "stored"), ERR_OK);
  f->store.fails = ERR_STORE;
  assert_int_equal(find_as(f, id_of(f), secret_of(f), TEXT("bedrock"), NOW + 200 * S, "stored"), ERR_OK);
  assert_int_equal(find_as(f, id_of(f), secret_of(f), TEXT("bedrock"), NOW + 400 * S, "stored"), ERR_STORE);
  assert_non_null(strstr(f->fault.text, "the disk is gone"));
  close_fixture(f);
}

static void test_pairs_come_from_the_hash_and_the_servers_secret(void **state) {
  uint8_t hash[STORE_HASH_BYTES], back[STORE_ACCESS_BYTES];
  char id[APIKEY_PAIR_ID_BYTES], secret[APIKEY_PAIR_SECRET_BYTES], other[APIKEY_PAIR_SECRET_BYTES];
  struct secret *one = secret_new(TEXT("one server")), *two = secret_new(TEXT("another server"));
  for (size_t i = 0; i < sizeof(hash); i++)
    hash[i] = (uint8_t)(0x9a + i);
  apikey_pair(one, hash, id, secret);
  assert_memory_equal(id, "WEIR9A9B9C9D9E9FA0A1", sizeof(id));
  assert_true(signed_read_pair_id((struct text){id, sizeof(id)}, back));
  assert_memory_equal(back, hash, sizeof(back));
  apikey_pair(two, hash, id, other);
  assert_true(memcmp(secret, other, sizeof(secret)) != 0);
  hash[31] ^= 1;
  apikey_pair(one, hash, id, other);
  assert_true(memcmp(secret, other, sizeof(secret)) != 0);
  secret_free(one);
  secret_free(two);
}

static void test_other_forms_are_no_pairs_id(void **state) {
  static const char *const others[] = {"WEIR9A9B9C9D9E9FA0A",  "WEIR9A9B9C9D9E9FA0A11", "WEIR9a9B9C9D9E9FA0A1",
                                       "WEIR9A9B9C9D9E9FA0AG", "AKIA9A9B9C9D9E9FA0A1",  ""};
  uint8_t out[STORE_ACCESS_BYTES];
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
    if (signed_read_pair_id(text_of(others[i]), out))
      fail_msg("\"%s\" was taken", others[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_declared_pair_signs),
      cmocka_unit_test(test_the_pair_of_a_stored_key_signs_and_is_remembered),
      cmocka_unit_test(test_a_key_is_a_pair_of_its_own),
      cmocka_unit_test(test_a_pairs_id_is_no_key),
      cmocka_unit_test(test_unknown_ids_and_wrong_secrets_are_told_the_same),
      cmocka_unit_test(test_the_service_must_be_bedrock),
      cmocka_unit_test(test_a_malformed_or_old_signature_says_why),
      cmocka_unit_test(test_blocked_keys_say_so_only_to_those_who_have_the_secret),
      cmocka_unit_test(test_with_the_store_away_a_known_pair_works_for_a_while),
      cmocka_unit_test(test_pairs_come_from_the_hash_and_the_servers_secret),
      cmocka_unit_test(test_other_forms_are_no_pairs_id),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("signed", tests, NULL, NULL);
}
