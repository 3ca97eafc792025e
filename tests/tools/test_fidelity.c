/* The page of the tables, made from fixtures written here: what every kind of cell looks like, and that a fixture that
 * is silent about a target is an error. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "run.h"

static char *fidelity;
static char folder[] = "/tmp/weir-fidelity-XXXXXX";
static const char *const dialects[] = {"anthropic", "openai_chat", "openai_responses", "converse"};

static void write_file(const char *name, const char *content) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fputs(content, file) < 0, 0);
  assert_int_equal(fclose(file), 0);
}

static void make_folder(const char *name) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
  (void)mkdir(path, 0700);
}

/* One feature and one answer a dialect, all passed. */
static int fixtures_that_pass(void **state) {
  make_folder("features");
  make_folder("answers");
  for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
    char name[64];
    (void)snprintf(name, sizeof(name), "features/%s", dialects[i]);
    make_folder(name);
    (void)snprintf(name, sizeof(name), "features/%s/a.json", dialects[i]);
    write_file(name,
               "{\"feature\":\"a text\",\"to\":{\"anthropic\":{\"is\":\"passed\"},\"openai_chat\":{\"is\":\"passed\"},"
               "\"openai_responses\":{\"is\":\"passed\"},\"converse\":{\"is\":\"passed\"}}}");
    (void)snprintf(name, sizeof(name), "answers/%s.json", dialects[i]);
    write_file(name, "{\"text\":{\"plain\":{\"anthropic\":{\"is\":\"passed\"},\"openai_chat\":{\"is\":\"passed\"},"
                     "\"openai_responses\":{\"is\":\"passed\"},\"converse\":{\"is\":\"passed\"},"
                     "\"invoke\":{\"is\":\"passed\"}}}}");
  }
  return 0;
}

static const struct run_result *page(void) {
  char *argv[] = {fidelity, folder, NULL};
  return run_tool(argv);
}

static void test_every_cell_is_there_and_the_same_wire_is_byte_for_byte(void **state) {
  const struct run_result *r = page();
  assert_int_equal(r->status, 0);
  assert_non_null(strstr(r->text, "## Requests of Anthropic Messages\n"));
  assert_non_null(strstr(r->text, "| a text | byte for byte | byte for byte | passed | passed | passed | passed |\n"));
  assert_non_null(strstr(r->text, "| a text | passed | passed | passed | byte for byte | byte for byte | passed |\n"));
  assert_non_null(strstr(r->text, "| text, plain | byte for byte | byte for byte | passed | passed | passed |\n"));
}

static void test_refusals_name_the_member_and_translations_say_how(void **state) {
  write_file("features/anthropic/a.json",
             "{\"feature\":\"one | two\",\"to\":{\"openai_chat\":{\"is\":\"refused\",\"member\":\"a[0].b\"},"
             "\"openrouter\":{\"is\":\"passed\"},\"openai_responses\":{\"is\":\"translated\",\"as\":\"other words\"},"
             "\"converse\":{\"is\":\"passed\"}}}");
  const struct run_result *r = page();
  assert_int_equal(r->status, 0);
  assert_non_null(strstr(r->text, "| one \\| two | byte for byte | byte for byte | passed | **refused** `a[0].b` | "
                                  "passed | other words |\n"));
}

static void test_differences_of_answers_are_listed_but_for_what_converse_never_has(void **state) {
  write_file("answers/anthropic.json",
             "{\"text\":{\"stream\":{\"openai_chat\":{\"is\":\"translated\",\"differs\":[\"id\"],\"notes\":[\"x.y\"]},"
             "\"openai_responses\":{\"is\":\"failed\",\"error\":\"UPSTREAM_CUT\"},"
             "\"converse\":{\"is\":\"translated\",\"differs\":[\"id\",\"model\"]}}}}");
  const struct run_result *r = page();
  assert_int_equal(r->status, 0);
  assert_non_null(strstr(r->text, "| text, stream | byte for byte | byte for byte | passed | other: `id`; not carried: "
                                  "`x.y` | an error of its own kind |\n"));
}

static void test_silence_about_a_target_is_an_error(void **state) {
  write_file("features/converse/a.json", "{\"feature\":\"a text\",\"to\":{\"anthropic\":{\"is\":\"passed\"}}}");
  assert_int_equal(page()->status, 1);
}

static void test_an_old_page_fails_the_check(void **state) {
  char path[256];
  (void)snprintf(path, sizeof(path), "%s/page.md", folder);
  char *argv[] = {fidelity, (char *)"--check", path, folder, NULL};
  write_file("page.md", page()->text);
  assert_int_equal(run_tool(argv)->status, 1); /* the last line end is missing */
  static char whole[sizeof(page()->text) + 1];
  (void)snprintf(whole, sizeof(whole), "%s\n", page()->text);
  write_file("page.md", whole);
  const struct run_result *r = run_tool(argv);
  assert_int_equal(r->status, 0);
  assert_non_null(strstr(r->text, "ok 2 - the_page_is_what_the_fixtures_say"));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at) { return remove(path); }

int main(int argc, char **argv) {
  if (argc != 2 || mkdtemp(folder) == NULL)
    return 2;
  fidelity = argv[1];
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_every_cell_is_there_and_the_same_wire_is_byte_for_byte, fixtures_that_pass),
      cmocka_unit_test_setup(test_refusals_name_the_member_and_translations_say_how, fixtures_that_pass),
      cmocka_unit_test_setup(test_differences_of_answers_are_listed_but_for_what_converse_never_has,
                             fixtures_that_pass),
      cmocka_unit_test_setup(test_silence_about_a_target_is_an_error, fixtures_that_pass),
      cmocka_unit_test_setup(test_an_old_page_fails_the_check, fixtures_that_pass),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  return failed;
}
