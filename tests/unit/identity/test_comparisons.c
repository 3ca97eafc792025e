/* How keys, secrets and sums of them are compared: by secret_equal or sodium_memcmp, whose time says nothing of where
 * two differ. That is a property of the sources, so they are read here; a clock would measure the machine instead. */
#include <dirent.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SOURCES TEST_FIXTURES "/../../src/"

/* An ordinary comparison of something that is called a secret. */
static const char pattern[] =
    "(^|[^_a-z])(memcmp|bcmp|strcmp|strncmp|strcasecmp|text_equal|text_equal_nocase|text_starts)[(][^;]*"
    "(secret|password|csrf|hash|mac|hmac|digest|proof|signature|refresh_token|access_token|api_key)([^a-z_(]|$)";
static regex_t ordinary;

static bool is_ordinary(const char *line) { return regexec(&ordinary, line, 0, NULL, 0) == 0; }

static unsigned read_file(const char *path) {
  char line[1024];
  unsigned number = 0;
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  while (fgets(line, sizeof(line), f)) {
    number++;
    if (is_ordinary(line))
      fail_msg("%s:%u compares a secret as if it were none: %s", path, number, line);
  }
  fclose(f);
  return number;
}

static void no_secret_is_compared_byte_by_byte(void **state) {
  static const char *const rooms[] = {"identity", "control", "gateway", "app"};
  unsigned lines = 0;
  for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
    char path[512];
    snprintf(path, sizeof(path), SOURCES "%s", rooms[i]);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *one = readdir(dir); one; one = readdir(dir)) {
      size_t n = strlen(one->d_name);
      snprintf(path, sizeof(path), SOURCES "%s/%s", rooms[i], one->d_name);
      if (n > 2 && strcmp(one->d_name + n - 2, ".c") == 0)
        lines += read_file(path);
    }
    closedir(dir);
  }
  assert_in_range(lines, 5000, 1000000);
}

static void the_search_finds_what_it_is_for(void **state) {
  assert_true(is_ordinary("  if (memcmp(row->hash, hash, sizeof(hash)) == 0)"));
  assert_true(is_ordinary("  return text_equal(secret_reveal(a), api_key);"));
  assert_true(is_ordinary("strcmp(password, \"x\")"));
  assert_false(is_ordinary("  return sodium_memcmp(mac, expected, 32) == 0;"));
  assert_false(is_ordinary("  return secret_equal(hash, expected);"));
  assert_false(is_ordinary("  if (text_equal(name, TEXT(\"limit\")))"));
}

static void what_compares_secrets_takes_the_same_time_whatever_they_are(void **state) {
  static char source[65536];
  FILE *f = fopen(SOURCES "base/secret.c", "r");
  assert_non_null(f);
  source[fread(source, 1, sizeof(source) - 1, f)] = '\0';
  fclose(f);
  const char *body = strstr(source, "bool secret_equal(");
  assert_non_null(body);
  const char *compares = strstr(body, "sodium_memcmp("), *end = strstr(body, "\n}");
  assert_true(compares && end && compares < end);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_secret_is_compared_byte_by_byte),
      cmocka_unit_test(the_search_finds_what_it_is_for),
      cmocka_unit_test(what_compares_secrets_takes_the_same_time_whatever_they_are),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  if (regcomp(&ordinary, pattern, REG_EXTENDED | REG_NOSUB) != 0)
    return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  regfree(&ordinary);
  return failed;
}
