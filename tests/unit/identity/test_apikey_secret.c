/* The server's secret and its file. */
#include "identity/apikey.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_the_servers_secret_is_made_once_and_guarded(void **state) {
  char dir[] = "/tmp/weir-secret-XXXXXX", path[64];
  struct secret *first = NULL, *second = NULL;
  struct fault f = {0};
  struct stat st;
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof(path), "%s/server.key", dir);
  assert_int_equal(apikey_load_secret(dir, &first, &f), ERR_OK);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(st.st_size, 32);
  assert_int_equal(apikey_load_secret(dir, &second, &f), ERR_OK);
  assert_true(text_equal(secret_reveal(first), secret_reveal(second)));
  secret_free(second);
  chmod(path, 0640);
  assert_int_equal(apikey_load_secret(dir, &second, &f), ERR_CONFIG);
  assert_non_null(strstr(f.text, "chmod 600"));
  chmod(path, 0600);
  assert_int_equal(truncate(path, 31), 0);
  assert_int_equal(apikey_load_secret(dir, &second, &f), ERR_CONFIG);
  assert_int_equal(truncate(path, 33), 0);
  assert_int_equal(apikey_load_secret(dir, &second, &f), ERR_CONFIG);
  unlink(path);
  rmdir(dir);
  assert_int_equal(apikey_load_secret(dir, &second, &f), ERR_CONFIG);
  secret_free(first);
}

static void test_without_a_folder_every_secret_is_another(void **state) {
  struct secret *first = NULL, *second = NULL;
  assert_int_equal(apikey_load_secret(NULL, &first, NULL), ERR_OK);
  assert_int_equal(apikey_load_secret(NULL, &second, NULL), ERR_OK);
  assert_int_equal(secret_reveal(first).len, SECRET_HMAC_BYTES);
  assert_false(text_equal(secret_reveal(first), secret_reveal(second)));
  secret_free(first);
  secret_free(second);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_servers_secret_is_made_once_and_guarded),
      cmocka_unit_test(test_without_a_folder_every_secret_is_another),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("apikey_secret", tests, NULL, NULL);
}
