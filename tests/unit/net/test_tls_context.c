#include "net/tls_context.h"

#include "tls_fixture.h"

static const struct identity_options plain = {.names = "DNS:example.test"};

struct files {
  struct identity one, two;
};
static int set_up(void **state) {
  static struct files f;
  tls_folder_make();
  f.one = identity_new("one", NULL, &plain);
  f.two = identity_new("two", NULL, &plain);
  write_cert("cert.pem", f.one.cert);
  write_key("key.pem", f.one.key, NULL);
  *state = &f;
  return 0;
}
static int tear_down(void **state) {
  struct files *f = *state;
  identity_free(&f->one);
  identity_free(&f->two);
  tls_folder_remove();
  return 0;
}

static void assert_server_refused(const char *cert, const char *key, const char *says) {
  struct tls_context *c = NULL;
  struct fault f = {0};
  assert_int_equal(tls_server_context_new(tls_path(cert), tls_path(key), &c, &f), ERR_CONFIG);
  if (strstr(f.text, says) == NULL || strstr(f.text, tls_folder) == NULL)
    fail_msg("\"%s\" does not name the file and say \"%s\"", f.text, says);
  assert_null(c);
}

static void a_missing_file_is_named_with_the_reason(void **state) {
  assert_server_refused("none.pem", "key.pem", "cannot read the certificate");
  assert_server_refused("cert.pem", "none.pem", "cannot read the private key");
  assert_server_refused("none.pem", "key.pem", "No such file or directory");
}

static void a_file_of_another_kind_is_named(void **state) {
  write_text("text.pem", "hello\n");
  assert_server_refused("text.pem", "key.pem", "is not a PEM certificate chain");
  assert_server_refused("cert.pem", "text.pem", "is not a PEM private key");
}

static void a_key_of_another_certificate_is_refused(void **state) {
  const struct files *f = *state;
  write_key("other.pem", f->two.key, NULL);
  assert_server_refused("cert.pem", "other.pem", "does not belong to the certificate");
}

static void an_encrypted_key_is_refused_without_asking_for_a_passphrase(void **state) {
  const struct files *f = *state;
  write_key("other.pem", f->one.key, "sesame");
  assert_server_refused("cert.pem", "other.pem", "without passphrase");
}

static void a_bad_ca_file_is_named(void **state) {
  struct tls_context *c = NULL;
  struct fault f = {0};
  write_text("text.pem", "hello\n");
  assert_int_equal(tls_client_context_new(tls_path("text.pem"), &c, &f), ERR_CONFIG);
  assert_non_null(strstr(f.text, "holds no CA certificates"));
  assert_int_equal(tls_client_context_new(tls_path("none.pem"), &c, &f), ERR_CONFIG);
  assert_non_null(strstr(f.text, "cannot read the CA file"));
  assert_null(c);
}

static void the_systems_store_or_a_folder_serves_too(void **state) {
  const char *const paths[] = {NULL, "", tls_folder};
  for (size_t i = 0; i < 3; i++) {
    struct tls_context *c = NULL;
    assert_int_equal(tls_client_context_new(paths[i], &c, NULL), ERR_OK);
    assert_int_equal(SSL_CTX_get_verify_mode(c->ssl), SSL_VERIFY_PEER);
    tls_context_unref(c);
  }
}

static void a_context_lives_until_its_last_ref_is_gone(void **state) {
  struct tls_context *c = NULL;
  assert_int_equal(tls_server_context_new(tls_path("cert.pem"), tls_path("key.pem"), &c, NULL), ERR_OK);
  assert_ptr_equal(tls_context_ref(c), c);
  tls_context_unref(c);
  assert_int_equal(atomic_load(&c->refs), 1);
  tls_context_unref(c);
  tls_context_unref(NULL);
}

static void the_rules_are_set_in_every_context(void **state) {
  struct tls_context *all[2] = {NULL, NULL};
  assert_int_equal(tls_server_context_new(tls_path("cert.pem"), tls_path("key.pem"), &all[0], NULL), ERR_OK);
  assert_int_equal(tls_client_context_new(NULL, &all[1], NULL), ERR_OK);
  for (size_t i = 0; i < 2; i++) {
    SSL_CTX *ssl = all[i]->ssl;
    const STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(ssl);
    assert_int_equal(SSL_CTX_get_min_proto_version(ssl), TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_get_max_early_data(ssl), 0);
    assert_true((SSL_CTX_get_options(ssl) & SSL_OP_NO_RENEGOTIATION) != 0);
    assert_true((SSL_CTX_get_options(ssl) & SSL_OP_NO_COMPRESSION) != 0);
    assert_true(sk_SSL_CIPHER_num(suites) >= 5);
    for (int n = 0; n < sk_SSL_CIPHER_num(suites); n++) {
      const SSL_CIPHER *suite = sk_SSL_CIPHER_value(suites, n);
      int exchange = SSL_CIPHER_get_kx_nid(suite);
      assert_true(SSL_CIPHER_is_aead(suite));
      assert_true(exchange == NID_kx_ecdhe || exchange == NID_kx_any);
      assert_true(SSL_CIPHER_get_auth_nid(suite) != NID_auth_null);
    }
    tls_context_unref(all[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_missing_file_is_named_with_the_reason, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_file_of_another_kind_is_named, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_key_of_another_certificate_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_encrypted_key_is_refused_without_asking_for_a_passphrase, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_bad_ca_file_is_named, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_systems_store_or_a_folder_serves_too, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_context_lives_until_its_last_ref_is_gone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_rules_are_set_in_every_context, set_up, tear_down),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
