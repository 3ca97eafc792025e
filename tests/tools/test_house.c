/* Each rule of the house check on a small tree made for it: what it finds, what it lets pass, and what an exception
 * does. A tree is written into a fresh folder, checked, and removed. */
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

#define OPENING              "/* For the test of the house check.\n * Called by nobody. */\n"
#define GUARDED(guard, text) "/* For the test. */\n#ifndef " guard "\n#define " guard "\n" text "#endif\n"

struct file {
  const char *path, *text;
};

static char *house;

static void write_file(const char *root, const struct file *file) {
  char path[512];
  (void)snprintf(path, sizeof(path), "%s/%s", root, file->path);
  for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
    *at = '\0';
    (void)mkdir(path, 0755);
    *at = '/';
  }
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  assert_int_equal(fwrite(file->text, 1, strlen(file->text), out), strlen(file->text));
  (void)fclose(out);
}

/* Checks a tree of up to three files. Findings are lines, each with its end; "" is none. */
static void expect(struct file a, struct file b, struct file c, const char *findings) {
  const struct file *files[] = {&a, &b, &c};
  char root[] = "/tmp/weir-house-XXXXXX";
  static char whole[4096];
  size_t count = 0, lines = 0;
  assert_non_null(mkdtemp(root));
  for (size_t i = 0; i < 3; i++)
    if (files[i]->path != NULL) {
      write_file(root, files[i]);
      count += strstr(files[i]->path, "fixtures/") == NULL && strstr(files[i]->path, "corpus/") == NULL ? 1 : 0;
    }
  for (const char *at = findings; (at = strchr(at, '\n')) != NULL; at++)
    lines++;
  const struct run_result *result = run_tool((char *[]){house, root, NULL});
  (void)snprintf(whole, sizeof(whole), "%shouse: %zu files, %zu findings", findings, count, lines);
  assert_string_equal(result->text, whole);
  assert_int_equal(result->status, lines > 0 ? 1 : 0);
  (void)run_tool((char *[]){(char *)"/bin/rm", (char *)"-r", root, NULL});
}

static const struct file none;
static struct file file(const char *path, const char *text) { return (struct file){path, text}; }
static void expect_one(const char *path, const char *text, const char *findings) {
  expect(file(path, text), none, none, findings);
}

static void test_a_clean_tree_passes(void **state) {
  expect(file("src/base/a.h", GUARDED("BASE_A_H", "/* Gives one. */\nint a_one(void);\n")),
         file("src/base/a.c", OPENING "#include \"base/a.h\"\nint a_one(void) { return 1; }\n"),
         file("tests/unit/base/test_a.c", "/* Of a. */\n"), "");
}

static void test_a_room_includes_only_what_its_arrows_allow(void **state) {
  expect_one("src/wire/a.c", OPENING "#include \"llm/x.h\"\n#include \"net/x.h\"\n",
             "src/wire/a.c:4: [include-arrow] wire may not include net\n");
}

static void test_secrets_are_compared_in_constant_time(void **state) {
  expect_one(
      "src/app/a.c",
      OPENING "static int f(struct a *a) {\n  return memcmp(a->mac, g(1, (2)), 3) == 0 &&\n"
              "         text_equal(\n             a->name, claim_token_of(a));\n}\n",
      "src/app/a.c:4: [secret-comparison] memcmp of mac tells by its time how much was right: use secret_equal\n"
      "src/app/a.c:5: [secret-comparison] text_equal of claim_token_of tells by its time how much was right: use "
      "secret_equal\n");
}

static void test_what_only_resembles_a_secret_is_compared_freely(void **state) {
  expect_one("src/app/a.c",
             OPENING "static int f(struct a *a) {\n  return secret_equal(a->mac, a->code) && text_equal(a->machine, "
                     "TEXT(\"token\")) /* secret */ && memcmp(a, b, 1) && strcmp(a->tokenizer, g(1));\n}\n"
                     "static int g(struct a *a) {\n"
                     "  /* house: allow secret-comparison -- a test of it */\n  return strcmp(a->secret, b);\n}\n",
             "");
}

static void test_an_unknown_room_is_a_finding(void **state) {
  expect_one("src/attic/a.c", OPENING "#include \"base/x.h\"\n",
             "src/attic/a.c:3: [include-arrow] the room attic is not in the include table (tools/house/includes.c)\n");
}

static void test_an_include_names_its_room(void **state) {
  expect_one("src/base/a.c", OPENING "#include \"x.h\"\n",
             "src/base/a.c:3: [include-arrow] \"x.h\" must be written with its room\n");
}

static void test_the_composition_root_and_the_commands_include_everything(void **state) {
  expect(file("src/app.c", OPENING "#include \"net/x.h\"\n"),
         file("src/cli/serve.c", OPENING "#include \"store/x.h\"\n"), none, "");
}

static void test_a_library_stays_in_its_room(void **state) {
  expect(file("src/store/a.c", OPENING "#include <sqlite3.h>\n#include <stdio.h>\n#include <sys/stat.h>\n"),
         file("src/net/b.c", OPENING "#include <sqlite3.h>\n"), none,
         "src/net/b.c:3: [outside-library] <sqlite3.h> is for store/ only\n");
}

static void test_a_library_nobody_decided_on_is_a_finding(void **state) {
  expect_one("src/net/a.c", OPENING "#include <uv.h>\n",
             "src/net/a.c:3: [outside-library] <uv.h> is not in the table of libraries (tools/house/includes.c)\n");
}

static void test_lower_rooms_do_not_log(void **state) {
  expect(file("src/net/a.c", OPENING "#include \"base/log.h\"\n"),
         file("src/gateway/a.c", OPENING "#include \"base/log.h\"\n"), none,
         "src/net/a.c:3: [no-log] net does not log, it returns errors\n");
}

static void test_the_own_header_comes_first(void **state) {
  expect(file("src/base/a.h", GUARDED("BASE_A_H", "")),
         file("src/base/a.c", OPENING "#include <stdio.h>\n#include \"base/a.h\"\n"),
         file("tests/unit/base/test_a.c", "/* Of a. */\n"),
         "src/base/a.c:3: [own-header-first] the first include must be \"base/a.h\"\n");
}

/* A text of the given number of lines between two others. */
static const char *long_text(const char *before, size_t lines, const char *line, const char *after) {
  static char text[16384];
  size_t at = (size_t)snprintf(text, sizeof(text), "%s", before);
  for (size_t i = 0; i < lines; i++)
    at += (size_t)snprintf(text + at, sizeof(text) - at, "%s\n", line);
  (void)snprintf(text + at, sizeof(text) - at, "%s", after);
  return text;
}

static void test_a_source_of_600_lines_is_the_longest(void **state) {
  expect_one("src/base/a.c", long_text(OPENING, 598, "", ""), "");
  expect_one("src/base/a.c", long_text(OPENING, 599, "", ""),
             "src/base/a.c:1: [file-size] 601 lines; the limit is 600\n");
}

static void test_a_header_of_200_lines_is_the_longest(void **state) {
  expect_one("tools/a.h", long_text("/* A. */\n", 199, "", ""), "");
  expect_one("tools/a.h", long_text("/* A. */\n", 200, "", ""),
             "tools/a.h:1: [file-size] 201 lines; the limit is 200\n");
}

static void test_a_function_of_60_lines_is_the_longest(void **state) {
  expect_one("tools/a.c", long_text(OPENING "static void\nf(void) {\n", 60, "  g();", "}\n"), "");
  expect_one("tools/a.c", long_text(OPENING "static void\nf(void) {\n", 61, "  g();", "}\n"),
             "tools/a.c:3: [function-size] f has 61 lines; the limit is 60\n");
}

static void test_braces_in_quotes_comments_and_macros_do_not_count(void **state) {
  expect_one("tools/a.c",
             OPENING "#define OPEN {\nstatic char c = '{'; /* { */\nstatic const char *s = \"\\\"{\"; // {\n", "");
  expect_one(
      "tools/a.c", OPENING "void f(void) {{}\n",
      "tools/a.c:1: [function-size] the braces do not match outside of directives, so functions cannot be measured\n");
}

static void test_banned_calls_are_found_where_they_are_calls(void **state) {
  expect_one("tools/a.c",
             OPENING "static int f(void) {\n  /* system( */\n  g(\"system(\");\n  h.system(1);\n  h->system(1);\n"
                     "  my_system(1);\n  return system (\"ls\");\n}\n",
             "tools/a.c:9: [banned-call] system: it starts a shell: use fork and exec\n");
}

static void test_tests_may_not_sleep(void **state) {
  expect_one("tests/a.c", OPENING "static void f(void) { usleep(1); }\n",
             "tests/a.c:3: [banned-call] usleep: wait for what is waited for, with a deadline\n");
}

static void test_only_commands_end_the_program(void **state) {
  expect(file("src/cli/a.c", OPENING "static void f(void) { exit(1); }\n"),
         file("src/net/a.c", OPENING "static void f(void) { exit(1); }\n"), none,
         "src/net/a.c:3: [banned-call] exit: return an error; only a command ends the program\n");
}

static void test_pure_rooms_do_not_ask_the_clock(void **state) {
  expect(
      file("src/wire/a.c", OPENING "static long f(void) { return time(0); }\n"),
      file("src/llm/b.c", OPENING "static long time(int x) { return x; }\nstatic long f(void) { return time(0); }\n"),
      file("src/net/c.c", OPENING "static long f(void) { return time(0); }\n"),
      "src/wire/a.c:3: [pure] time: this room is pure; take it as an argument\n");
}

static void test_every_offered_function_has_a_comment_in_its_group(void **state) {
  expect_one("tools/a.h",
             "/* A. */\nstruct x {\n  int (*call)(int);\n};\n\n/* Both. */\nint a(void);\nint b(void) "
             "__attribute__((const));\n\n"
             "int c(void);\n\nint d(void); /* said */\n\nint e(int first,\n      int second);\n",
             "tools/a.h:10: [header-contract] nothing says what c does\n"
             "tools/a.h:14: [header-contract] nothing says what e does\n");
}

static void test_a_guard_is_named_after_its_path(void **state) {
  expect_one("src/base/a.h", GUARDED("A_H", ""), "src/base/a.h:1: [include-guard] the guard must be BASE_A_H\n");
}

static void test_a_file_opens_with_what_it_is_for(void **state) {
  expect_one("tools/a.h", "int x;\n", "tools/a.h:1: [opening-comment] a header opens with what it is for\n");
  expect_one(
      "tools/a.c", "/* One line. */\n",
      "tools/a.c:1: [opening-comment] a source opens with a comment of two lines or more: what for, what not, called "
      "by whom\n");
}

static void test_what_offers_functions_has_its_test(void **state) {
  const char *text = OPENING "int a_one(void) { return 1; }\n";
  expect_one("src/base/a.c", text,
             "src/base/a.c:1: [test-mirror] has no tests/unit/base/test_a.c and no tested-by comment\n");
  expect(file("src/base/a.c", text), file("tests/unit/base/test_a.c", "/* Of a. */\n"), none, "");
  expect(file("src/base/a_more.c", text), file("tests/unit/base/test_a.c", "/* Of a. */\n"), none, "");
  expect_one("src/base/a.c", OPENING "static int a_one(void) { return 1; }\n", "");
}

static void test_a_source_may_name_the_test_that_covers_it(void **state) {
  const char *text =
      "/* For the test.\n * house: tested-by tests/unit/base/test_b.c */\nint a_one(void) { return 1; }\n";
  expect(file("src/base/a.c", text), file("tests/unit/base/test_b.c", "/* Of b. */\n"), none, "");
  expect_one("src/base/a.c", text,
             "src/base/a.c:2: [test-mirror] the test it names, tests/unit/base/test_b.c, does not exist\n");
}

static void test_structs_are_called_structs(void **state) {
  expect_one("tools/a.c", OPENING "typedef struct x x;\ntypedef int (*call)(struct x *);\n",
             "tools/a.c:3: [typedef-struct] write struct where a struct is meant\n");
}

static void test_tabs_and_blanks_at_line_ends_are_found(void **state) {
  expect_one("tools/a.sh", "a\tb\nc \nd",
             "tools/a.sh:1: [whitespace] a tab\ntools/a.sh:2: [whitespace] a blank at the end of the "
             "line\ntools/a.sh:3: [whitespace] no line end at the end of the file\n");
}

static void test_notes_to_oneself_are_found(void **state) {
  expect_one("tools/a.sh",
             "# TO"
             "DO: more\n# mktemp XXXXXX\n",
             "tools/a.sh:1: [leftover] TO"
             "DO: do it, or write it down as an issue\n");
}

static void test_an_exception_covers_its_line_and_the_next(void **state) {
  expect_one("tools/a.c",
             OPENING "static int f(void) {\n  /* house: allow banned-call -- a test of it */\n  return system(0);\n}\n",
             "");
  expect_one("tools/a.c",
             OPENING "static int f(void) {\n  return system(0); /* house: allow banned-call -- a test of it */\n}\n",
             "");
  expect_one("tools/a.c",
             OPENING
             "static int f(void) {\n  /* house: allow banned-call -- a test of it */\n  g();\n  return system(0);\n}\n",
             "tools/a.c:6: [banned-call] system: it starts a shell: use fork and exec\n"
             "tools/a.c:4: [exception] this exception is not needed\n");
}

static void test_an_exception_in_the_opening_comment_covers_the_file(void **state) {
  expect_one("tools/a.c",
             "/* For the test.\n * house: allow banned-call -- a test of it */\nstatic int f(void) {\n\n  return "
             "system(0);\n}\n",
             "");
}

static void test_an_exception_nobody_needs_is_a_finding(void **state) {
  expect_one("tools/a.c", OPENING "/* house: allow pure -- no reason any more */\n",
             "tools/a.c:3: [exception] this exception is not needed\n");
}

static void test_an_exception_without_a_reason_is_a_finding(void **state) {
  expect_one("tools/a.c", OPENING "/* house: allow pure */\n",
             "tools/a.c:3: [exception] an exception needs its reason: allow pure -- why\n");
}

static void test_an_exception_from_no_rule_is_a_finding(void **state) {
  expect_one("tools/a.c", OPENING "/* house: allow everything -- please */\n",
             "tools/a.c:3: [exception] there is no rule 'everything'\n");
}

static void test_data_for_tests_is_not_looked_at(void **state) {
  expect(file("tests/a.c", OPENING), file("tests/fixtures/b.c", "a \n"), file("tests/fuzz/corpus/x/c.c", "a \n"), "");
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_clean_tree_passes),
      cmocka_unit_test(test_a_room_includes_only_what_its_arrows_allow),
      cmocka_unit_test(test_secrets_are_compared_in_constant_time),
      cmocka_unit_test(test_what_only_resembles_a_secret_is_compared_freely),
      cmocka_unit_test(test_an_unknown_room_is_a_finding),
      cmocka_unit_test(test_an_include_names_its_room),
      cmocka_unit_test(test_the_composition_root_and_the_commands_include_everything),
      cmocka_unit_test(test_a_library_stays_in_its_room),
      cmocka_unit_test(test_a_library_nobody_decided_on_is_a_finding),
      cmocka_unit_test(test_lower_rooms_do_not_log),
      cmocka_unit_test(test_the_own_header_comes_first),
      cmocka_unit_test(test_a_source_of_600_lines_is_the_longest),
      cmocka_unit_test(test_a_header_of_200_lines_is_the_longest),
      cmocka_unit_test(test_a_function_of_60_lines_is_the_longest),
      cmocka_unit_test(test_braces_in_quotes_comments_and_macros_do_not_count),
      cmocka_unit_test(test_banned_calls_are_found_where_they_are_calls),
      cmocka_unit_test(test_tests_may_not_sleep),
      cmocka_unit_test(test_only_commands_end_the_program),
      cmocka_unit_test(test_pure_rooms_do_not_ask_the_clock),
      cmocka_unit_test(test_every_offered_function_has_a_comment_in_its_group),
      cmocka_unit_test(test_a_guard_is_named_after_its_path),
      cmocka_unit_test(test_a_file_opens_with_what_it_is_for),
      cmocka_unit_test(test_what_offers_functions_has_its_test),
      cmocka_unit_test(test_a_source_may_name_the_test_that_covers_it),
      cmocka_unit_test(test_structs_are_called_structs),
      cmocka_unit_test(test_tabs_and_blanks_at_line_ends_are_found),
      cmocka_unit_test(test_notes_to_oneself_are_found),
      cmocka_unit_test(test_an_exception_covers_its_line_and_the_next),
      cmocka_unit_test(test_an_exception_in_the_opening_comment_covers_the_file),
      cmocka_unit_test(test_an_exception_nobody_needs_is_a_finding),
      cmocka_unit_test(test_an_exception_without_a_reason_is_a_finding),
      cmocka_unit_test(test_an_exception_from_no_rule_is_a_finding),
      cmocka_unit_test(test_data_for_tests_is_not_looked_at),
  };
  if (argc != 2)
    return 2;
  house = argv[1];
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
