/* The master key in AWS, against a double of KMS and of Secrets Manager that takes a request only when its signature is
 * right, and decrypts only what it has encrypted, for the purpose it was encrypted for. */
#include "identity/keeper_aws.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../aws/aws_server.h"
#include "aws/sigv4.h"
#include "base/json.h"
#include "identity/vault.h"
#include "store/store.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define KEY_ID "arn:aws:kms:eu-central-1:111122223333:key/one"

static struct server server;
static struct arena arena;
static struct fault fault;
static unsigned refused; /* by the double, for their signatures */
static bool denies;
static char secret_answer[256];

static bool is_signed(const struct server_call *c) {
  struct text authorization = server_header(c, TEXT("authorization")), head = c->head, line, name, value;
  struct sigv4_header headers[16];
  struct sigv4_claim claim;
  struct fault f = {0};
  struct arena a;
  size_t count = 0;
  while (count < 16 && text_cut(head, '\n', &line, &head))
    if (text_cut(line, ':', &name, &value)) {
      value.len -= text_ends(value, TEXT("\r"));
      headers[count++] = (struct sigv4_header){name, text_trim(value)};
    }
  const struct sigv4_request rq = {c->method, c->path, TEXT(""), headers, count, &c->body, 1};
  arena_init(&a);
  bool good = sigv4_read_claim(authorization, &claim, &f) == ERR_OK &&
              text_equal(claim.access_key_id, TEXT("AKIDEXAMPLE")) && text_equal(claim.region, TEXT("eu-central-1")) &&
              text_find(claim.signed_headers, TEXT("x-amz-target")) >= 0 &&
              sigv4_check(&rq, &claim, TEXT(SECRET), (int64_t)time(NULL), &a, &f) == ERR_OK;
  arena_done(&a);
  return good;
}

/* What KMS does, but for the strength of the cipher. */
static void play_kms(bool generates, yyjson_val *root, char out[512]) {
  struct text id, blob, purpose;
  static unsigned made;
  uint8_t raw[32], box[33];
  char plain64[64] = "", box64[64] = "";
  size_t n = 0;
  bool good = json_get_text(root, "KeyId", &id) && text_equal(id, TEXT(KEY_ID)) &&
              json_get_text(json_get(root, "EncryptionContext"), "purpose", &purpose) &&
              text_equal(purpose, TEXT("weir vault master key"));
  if (generates) {
    made++;
    for (unsigned i = 0; i < 32; i++)
      raw[i] = (uint8_t)(i * i * 7 + made * 31 + 1);
    box[0] = 0x4b;
    for (unsigned i = 0; i < 32; i++)
      box[i + 1] = raw[i] ^ 0x5a;
  } else {
    char room[64];
    good = good && json_get_text(root, "CiphertextBlob", &blob) && text_base64_decode(blob, room, &n) && n == 33 &&
           room[0] == 0x4b;
    if (good) {
      memcpy(box, room, 33);
      for (unsigned i = 0; i < 32; i++)
        raw[i] = box[i + 1] ^ 0x5a;
    }
  }
  if (!good) {
    snprintf(out, 512, "{\"__type\":\"InvalidCiphertextException\"}");
    return;
  }
  text_base64(raw, 32, plain64);
  text_base64(box, 33, box64);
  snprintf(out, 512, "{\"KeyId\":\"" KEY_ID "\",\"Plaintext\":\"%s\",\"CiphertextBlob\":\"%s\"}", plain64, box64);
}

static char answered[512];

static void answer(const struct server_call *c, struct server_answer *out) {
  struct text target = server_header(c, TEXT("x-amz-target")), id;
  struct json j;
  out->body = answered;
  out->status = 400;
  snprintf(answered, sizeof answered, "{\"__type\":\"InvalidSignatureException\",\"message\":\"hush\"}");
  if (!is_signed(c)) {
    refused++;
    return;
  }
  snprintf(answered, sizeof answered, "{\"__type\":\"AccessDeniedException\",\"Message\":\"hush\"}");
  if (denies || json_read(c->body, &(struct json_limits){0}, &j, NULL) != ERR_OK)
    return;
  if (text_equal(target, TEXT("TrentService.GenerateDataKey")))
    play_kms(true, j.root, answered);
  else if (text_equal(target, TEXT("TrentService.Decrypt")))
    play_kms(false, j.root, answered);
  else if (text_equal(target, TEXT("secretsmanager.GetSecretValue")) && json_get_text(j.root, "SecretId", &id) &&
           text_equal(id, TEXT("weir/master")))
    snprintf(answered, sizeof answered, "%s", secret_answer);
  json_done(&j);
  out->status = strstr(answered, "__type") ? 400 : 200;
}

static int begin(void **state) {
  server_start(&server, answer);
  return 0;
}

static int end(void **state) {
  server_stop(&server);
  return 0;
}

static int fresh(void **state) {
  arena_init(&arena);
  fault = (struct fault){0};
  refused = 0;
  denies = false;
  environment_clear();
  environment_set("AWS_ACCESS_KEY_ID", TEXT("AKIDEXAMPLE"));
  environment_set("AWS_SECRET_ACCESS_KEY", TEXT(SECRET));
  environment_set("AWS_EC2_METADATA_DISABLED", TEXT("true"));
  server_before(&server);
  return 0;
}

static int done(void **state) {
  arena_done(&arena);
  return 0;
}

static struct keeper_aws_options options(const char *id, const char *region) {
  return (struct keeper_aws_options){.id = text_of(id),
                                     .region = text_of(region),
                                     .endpoint = server_url(&server, "", &arena),
                                     .lookup = environment_lookup};
}

static void expect(enum err got, enum err wanted, const char *part) {
  if (got != wanted || (part && !strstr(fault.text, part)))
    fail_msg("got %s \"%s\", wanted %s with \"%s\"", err_name(got), fault.text, err_name(wanted), part ? part : "");
}

static void kms_makes_a_key_and_decrypts_it_again(void **state) {
  struct keeper_aws_options o = options(KEY_ID, ""); /* the region is the ARN's */
  struct keeper *k = keeper_aws_kms(&o), *later = keeper_aws_kms(&o);
  uint8_t made[KEEPER_KEY_BYTES], again[KEEPER_KEY_BYTES];
  struct buf kept;
  buf_init(&kept, 4096);
  expect(k->read(k, TEXT_NONE, made, &fault), ERR_NOT_FOUND, NULL);
  expect(k->make(k, &kept, made, &fault), ERR_OK, NULL);
  assert_true(kept.len > 0);
  expect(later->read(later, buf_text(&kept), again, &fault), ERR_OK, NULL);
  assert_memory_equal(made, again, sizeof made);
  kept.at[8] ^= 1;
  kept.at[0] = 'A';
  expect(later->read(later, buf_text(&kept), again, &fault), ERR_UNAVAILABLE, "InvalidCiphertextException");
  server_after(&server);
  assert_int_equal(refused, 0);
  buf_done(&kept);
  keeper_free(k);
  keeper_free(later);
}

static void what_aws_refuses_is_said_without_its_words(void **state) {
  struct keeper_aws_options o = options(KEY_ID, "");
  struct keeper *k = keeper_aws_kms(&o);
  uint8_t key[KEEPER_KEY_BYTES];
  struct buf kept;
  buf_init(&kept, 4096);
  denies = true;
  server_before(&server);
  expect(k->make(k, &kept, key, &fault), ERR_UNAVAILABLE, "AccessDeniedException");
  assert_null(strstr(fault.text, "hush"));
  keeper_free(k);
  denies = false;
  environment_clear();
  environment_set("AWS_ACCESS_KEY_ID", TEXT("AKIDEXAMPLE"));
  environment_set("AWS_SECRET_ACCESS_KEY", TEXT("another"));
  server_before(&server);
  k = keeper_aws_kms(&o);
  expect(k->make(k, &kept, key, &fault), ERR_UNAVAILABLE, "InvalidSignatureException");
  server_after(&server);
  assert_int_equal(refused, 1);
  keeper_free(k);
  buf_done(&kept);
}

static void without_credentials_or_region_it_is_unavailable(void **state) {
  struct keeper_aws_options o = options("alias/weir", "");
  struct keeper *k = keeper_aws_kms(&o);
  uint8_t key[KEEPER_KEY_BYTES];
  struct buf kept;
  buf_init(&kept, 4096);
  expect(k->make(k, &kept, key, &fault), ERR_CONFIG, "region");
  keeper_free(k);
  environment_clear();
  environment_set("AWS_EC2_METADATA_DISABLED", TEXT("true"));
  environment_set("AWS_REGION", TEXT("eu-central-1"));
  k = keeper_aws_kms(&o);
  expect(k->make(k, &kept, key, &fault), ERR_UNAVAILABLE, NULL);
  keeper_free(k);
  o.endpoint = TEXT("http://127.0.0.1:1");
  environment_set("AWS_ACCESS_KEY_ID", TEXT("AKIDEXAMPLE"));
  environment_set("AWS_SECRET_ACCESS_KEY", TEXT(SECRET));
  k = keeper_aws_kms(&o);
  expect(k->make(k, &kept, key, &fault), ERR_UNAVAILABLE, NULL);
  keeper_free(k);
  buf_done(&kept);
}

static enum err read_secret(const char *answered_with, uint8_t out[KEEPER_KEY_BYTES]) {
  struct keeper_aws_options o = options("weir/master", "eu-central-1");
  struct keeper *k = keeper_aws_secret(&o);
  snprintf(secret_answer, sizeof secret_answer, "%s", answered_with);
  server_before(&server);
  fault = (struct fault){0};
  enum err e = k->read(k, TEXT_NONE, out, &fault);
  server_after(&server);
  keeper_free(k);
  return e;
}

static void secrets_manager_gives_text_or_bytes(void **state) {
  uint8_t key[KEEPER_KEY_BYTES] = {0};
  expect(read_secret("{\"SecretString\":\"8Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg=\\n\"}", key), ERR_OK, NULL);
  expect(read_secret("{\"SecretString\":\" 8Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg= \"}", key), ERR_OK, NULL);
  assert_int_equal(key[0], 0xf0);
  expect(read_secret("{\"SecretBinary\":\"9Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg=\"}", key), ERR_OK, NULL);
  assert_int_equal(key[0], 0xf4);
  expect(read_secret("{\"SecretString\":\"changeme\"}", key), ERR_UNAVAILABLE, "no key of 32 bytes");
  expect(read_secret("{\"SecretBinary\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}", key), ERR_CONFIG,
         "guessed");
  expect(read_secret("{\"Name\":\"x\"}", key), ERR_UNAVAILABLE, "no key of 32 bytes");
  expect(read_secret("no json", key), ERR_UNAVAILABLE, NULL);
  assert_int_equal(key[0], 0xf4);
}

static void a_vault_on_kms_lives_through_a_restart(void **state) {
  static const struct vault_place home = {"weir_signing_keys", "sealed", 0, 7, 2};
  struct keeper_aws_options o = options(KEY_ID, "");
  struct store *s = NULL;
  struct secret *plain = NULL;
  struct buf sealed;
  assert_int_equal(store_open_memory(&s, NULL), ERR_OK);
  buf_init(&sealed, VAULT_SEALED_MAX);
  struct sealed_vault *v = vault_new(s, keeper_aws_kms(&o));
  expect(vault_check(v, &fault), ERR_OK, NULL);
  expect(vault_port(v)->seal(vault_port(v), &home, TEXT("hush"), &sealed, &fault), ERR_OK, NULL);
  vault_free(v);
  v = vault_new(s, keeper_aws_kms(&o));
  expect(vault_check(v, &fault), ERR_OK, NULL);
  int calls = atomic_load(&server.calls);
  expect(vault_port(v)->open(vault_port(v), &home, buf_text(&sealed), &plain, &fault), ERR_OK, NULL);
  assert_true(text_equal(secret_reveal(plain), TEXT("hush")));
  assert_int_equal(atomic_load(&server.calls), calls); /* it is asked once */
  secret_free(plain);
  vault_free(v);
  buf_done(&sealed);
  s->ops->close(s);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fresh, done)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(kms_makes_a_key_and_decrypts_it_again),           CASE(what_aws_refuses_is_said_without_its_words),
      CASE(without_credentials_or_region_it_is_unavailable), CASE(secrets_manager_gives_text_or_bytes),
      CASE(a_vault_on_kms_lives_through_a_restart),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("keeper_aws", tests, begin, end);
}
