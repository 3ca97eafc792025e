/* Where the server's secret comes from, and that all on a shared store have the same. */
#include "identity/server_key.h"

#include "identity/apikey.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEX    "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define BASE64 "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8="

struct fixture {
  struct store port; /* like the real one, but shared */
  struct store_ops ops;
  struct store_replicas_ops replicas;
  struct store *real;
  char dirs[2][40];
  struct fault fault;
};

static enum err agree(struct store *s, struct text name, struct text value, struct arena *a, struct text *out,
                      struct fault *f) {
  struct store *real = ((struct fixture *)s)->real;
  return real->ops->replicas->agree(real, name, value, a, out, f);
}

static enum err agreed(struct store *s, struct text name, struct arena *a, struct text *out, struct fault *f) {
  struct store *real = ((struct fixture *)s)->real;
  return real->ops->replicas->agreed(real, name, a, out, f);
}

static struct fixture *fixture_new(bool shared) {
  struct fixture *x = calloc(1, sizeof *x);
  assert_non_null(x);
  assert_int_equal(store_open_memory(&x->real, NULL), ERR_OK);
  x->replicas = (struct store_replicas_ops){.agree = agree, .agreed = agreed};
  x->ops = (struct store_ops){.is_shared = shared, .replicas = &x->replicas};
  x->port.ops = &x->ops;
  for (int i = 0; i < 2; i++) {
    snprintf(x->dirs[i], sizeof x->dirs[i], "/tmp/weir-server-key-XXXXXX");
    assert_non_null(mkdtemp(x->dirs[i]));
  }
  return x;
}

static void key_path(const struct fixture *x, int dir, char out[64]) {
  snprintf(out, 64, "%s/server.key", x->dirs[dir]);
}

static bool has_file(const struct fixture *x, int dir) {
  char path[64];
  key_path(x, dir, path);
  return access(path, F_OK) == 0;
}

static void fixture_free(struct fixture *x) {
  char path[64];
  for (int i = 0; i < 2; i++) {
    key_path(x, i, path);
    unlink(path);
    rmdir(x->dirs[i]);
  }
  x->real->ops->close(x->real);
  free(x);
}

static enum err open_key(struct fixture *x, int dir, const char *given, struct secret **out) {
  struct server_key_place p = {text_of(given), x->dirs[dir], &x->port};
  x->fault = (struct fault){0};
  *out = NULL;
  return server_key_open(&p, out, &x->fault);
}

static void expect_same(struct secret *a, struct secret *b) {
  assert_true(secret_reveal(a).len == SECRET_HMAC_BYTES && secret_equal(secret_reveal(a), secret_reveal(b)));
  secret_free(a);
  secret_free(b);
}

static void test_a_given_key_needs_no_file(void **state) {
  struct fixture *x = fixture_new(true);
  struct secret *first, *second;
  assert_int_equal(open_key(x, 0, HEX, &first), ERR_OK);
  assert_int_equal(open_key(x, 1, BASE64, &second), ERR_OK);
  assert_false(has_file(x, 0) || has_file(x, 1));
  expect_same(first, second);
  assert_int_equal(open_key(x, 0, "hunter2", &first), ERR_CONFIG);
  assert_null(strstr(x->fault.text, "hunter2"));
  fixture_free(x);
}

static void test_the_first_decides_and_another_is_refused_with_advice(void **state) {
  struct fixture *x = fixture_new(true);
  struct secret *first, *second;
  char from[64], to[64];
  assert_int_equal(open_key(x, 0, "", &first), ERR_OK);
  assert_true(has_file(x, 0));
  assert_int_equal(open_key(x, 1, "", &second), ERR_CONFIG);
  assert_false(has_file(x, 1)); /* none is made that would be in the way */
  assert_non_null(strstr(x->fault.text, "WEIR_SERVER_KEY"));
  assert_int_equal(open_key(x, 1, HEX, &second), ERR_CONFIG);
  assert_non_null(strstr(x->fault.text, "is not the one"));
  assert_null(second);
  key_path(x, 0, from);
  key_path(x, 1, to);
  assert_int_equal(link(from, to), 0);
  assert_int_equal(open_key(x, 1, "", &second), ERR_OK);
  expect_same(first, second);
  fixture_free(x);
}

static void test_on_a_store_of_one_machine_the_file_alone_decides(void **state) {
  struct fixture *x = fixture_new(false);
  struct secret *first, *second;
  assert_int_equal(open_key(x, 0, "", &first), ERR_OK);
  assert_int_equal(open_key(x, 1, "", &second), ERR_OK);
  assert_true(has_file(x, 0) && has_file(x, 1));
  secret_free(first);
  secret_free(second);
  fixture_free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_given_key_needs_no_file),
      cmocka_unit_test(test_the_first_decides_and_another_is_refused_with_advice),
      cmocka_unit_test(test_on_a_store_of_one_machine_the_file_alone_decides),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("server_key", tests, NULL, NULL);
}
