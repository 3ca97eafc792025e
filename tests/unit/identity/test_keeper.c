/* Keepers of the master key: the file and its permissions, the configuration's, and what could be guessed. */
#include "identity/keeper.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fault fault;

static enum err read_key(struct keeper *k, uint8_t out[KEEPER_KEY_BYTES]) {
  fault = (struct fault){0};
  return k->read(k, TEXT_NONE, out, &fault);
}

static void a_file_is_made_once_for_its_owner_alone(void **state) {
  char dir[] = "/tmp/weir-keeper-XXXXXX", path[64];
  uint8_t first[KEEPER_KEY_BYTES], again[KEEPER_KEY_BYTES], untouched[KEEPER_KEY_BYTES] = {7};
  struct stat st;
  struct buf kept;
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/master.key", dir);
  buf_init(&kept, 64);
  struct keeper *k = keeper_file(dir);
  assert_int_equal(read_key(k, untouched), ERR_NOT_FOUND);
  assert_int_equal(untouched[0], 7);
  assert_int_not_equal(access(path, F_OK), 0); /* asking makes none */
  assert_int_equal(k->make(k, &kept, first, &fault), ERR_OK);
  assert_int_equal(kept.len, 0);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(read_key(k, again), ERR_OK);
  assert_memory_equal(first, again, sizeof first);
  assert_int_equal(k->make(k, &kept, again, &fault), ERR_OK); /* another process was first */
  assert_memory_equal(first, again, sizeof first);
  chmod(path, 0644);
  assert_int_equal(read_key(k, again), ERR_CONFIG);
  assert_non_null(strstr(fault.text, "chmod 600"));
  chmod(path, 0600);
  assert_int_equal(truncate(path, 31), 0);
  assert_int_equal(read_key(k, again), ERR_CONFIG);
  assert_int_equal(truncate(path, 0), 0);
  assert_int_equal(truncate(path, 32), 0); /* zeros */
  assert_int_equal(read_key(k, again), ERR_CONFIG);
  assert_non_null(strstr(fault.text, "guessed"));
  unlink(path);
  rmdir(dir);
  buf_done(&kept);
  keeper_free(k);
}

static void one_that_is_given_is_read_and_never_made(void **state) {
  uint8_t raw[KEEPER_KEY_BYTES];
  struct buf kept;
  struct keeper *k = keeper_given(TEXT("8Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg="));
  buf_init(&kept, 64);
  assert_int_equal(read_key(k, raw), ERR_OK);
  assert_int_equal(raw[0], 0xf0);
  assert_int_equal(k->make(k, &kept, raw, &fault), ERR_UNSUPPORTED);
  keeper_free(k);
  k = keeper_given(TEXT("hunter2"));
  assert_int_equal(read_key(k, raw), ERR_CONFIG);
  assert_null(strstr(fault.text, "hunter2"));
  keeper_free(k);
  buf_done(&kept);
}

static void what_could_be_guessed_is_refused(void **state) {
  static const char *const weak[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
      "Y2hhbmdlbWVjaGFuZ2VtZWNoYW5nZW1lY2hhbmdlbWU=", /* changeme, four times */
  };
  for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
    uint8_t raw[KEEPER_KEY_BYTES];
    struct keeper *k = keeper_given(text_of(weak[i]));
    if (read_key(k, raw) != ERR_CONFIG || !strstr(fault.text, "guessed") || strstr(fault.text, weak[i]))
      fail_msg("%s: \"%s\"", weak[i], fault.text);
    keeper_free(k);
  }
}

static void one_in_memory_stays_the_same_and_is_nobody_else_s(void **state) {
  uint8_t first[KEEPER_KEY_BYTES], again[KEEPER_KEY_BYTES];
  struct keeper *k = keeper_memory(), *l = keeper_memory();
  assert_int_equal(read_key(k, first), ERR_OK);
  assert_int_equal(read_key(k, again), ERR_OK);
  assert_memory_equal(first, again, sizeof first);
  assert_int_equal(read_key(l, again), ERR_OK);
  assert_memory_not_equal(first, again, sizeof first);
  keeper_free(k);
  keeper_free(l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_is_made_once_for_its_owner_alone),
      cmocka_unit_test(one_that_is_given_is_read_and_never_made),
      cmocka_unit_test(what_could_be_guessed_is_refused),
      cmocka_unit_test(one_in_memory_stays_the_same_and_is_nobody_else_s),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
