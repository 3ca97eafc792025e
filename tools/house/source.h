/* A file as the house check sees it: its text, the same text with everything but code blanked, the same with everything
 * but comments blanked, its lines, its includes, its functions, and the exceptions it asks for. */
#ifndef HOUSE_SOURCE_H
#define HOUSE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

/* The rules, by the name an exception uses. */
#define RULES(ROW)                                                                                                     \
  ROW(INCLUDE_ARROW, "include-arrow")                                                                                  \
  ROW(OUTSIDE_LIBRARY, "outside-library")                                                                              \
  ROW(NO_LOG, "no-log")                                                                                                \
  ROW(OWN_HEADER_FIRST, "own-header-first")                                                                            \
  ROW(FILE_SIZE, "file-size")                                                                                          \
  ROW(FUNCTION_SIZE, "function-size")                                                                                  \
  ROW(BANNED_CALL, "banned-call")                                                                                      \
  ROW(SECRET_COMPARISON, "secret-comparison")                                                                          \
  ROW(PURE, "pure")                                                                                                    \
  ROW(HEADER_CONTRACT, "header-contract")                                                                              \
  ROW(INCLUDE_GUARD, "include-guard")                                                                                  \
  ROW(OPENING_COMMENT, "opening-comment")                                                                              \
  ROW(TEST_MIRROR, "test-mirror")                                                                                      \
  ROW(TYPEDEF_STRUCT, "typedef-struct")                                                                                \
  ROW(WHITESPACE, "whitespace")                                                                                        \
  ROW(LEFTOVER, "leftover")                                                                                            \
  ROW(EXCEPTION, "exception")

enum rule {
#define RULE_CONSTANT(constant, name) RULE_##constant,
  RULES(RULE_CONSTANT)
#undef RULE_CONSTANT
      RULE_COUNT
};

/* A line of the form  house: allow RULE -- REASON  in a comment. */
struct allowance {
  enum rule rule;
  size_t line, last_line; /* what it covers, both included */
  bool whole_file;        /* it stands in the opening comment */
  bool used;
};

/* A function body or a prototype at the outermost level. */
struct function {
  char name[128];
  size_t line;       /* where its declaration begins */
  size_t body_lines; /* between the braces, 0 for a prototype */
  bool has_body, is_static;
};

struct include {
  char path[256];
  size_t line;
  bool is_outside; /* in <> */
};

/* Lines count from 1. Everything is owned by the source. */
struct source {
  char *path; /* from the root of the repository */
  char *text, *code, *comments;
  size_t length, line_count;
  size_t *line_start; /* [line] offset; [line_count + 1] is the length */
  struct allowance *allowances;
  size_t allowance_count;
  struct function *functions;
  size_t function_count;
  struct include *includes;
  size_t include_count;
  bool is_c; /* a .c or .h file: has code, functions and includes */
  bool braces_match;
};

/* What was found so far, and the tree it was found in. */
struct house {
  const char *root;
  size_t findings;
};

/* Takes over text (zero-terminated). Broken exceptions are reported at once. */
void source_init(struct source *s, struct house *h, const char *path, char *text, size_t length);
void source_done(struct source *s);

size_t source_line_of(const struct source *s, size_t offset);
/* The line's text in one of the three views; not terminated, *length without the line end. */
const char *source_line(const struct source *s, const char *view, size_t line, size_t *length);
/* The last line of the comment the file opens with, 0 when it does not open with one. */
size_t source_opening_comment_end(const struct source *s);
bool source_is_under(const struct source *s, const char *folder);
bool source_is_header(const struct source *s);

/* Prints "path:line: [rule] text" unless an exception covers it. */
void house_report(struct house *h, struct source *s, size_t line, enum rule rule, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Whether the path, taken from the root, is a file. */
bool house_has_file(const struct house *h, const char *path);

/* Grows an array by one cleared element and returns that; aborts when out of memory. */
void *house_grow(void *array_pointer, size_t *count, size_t element_bytes);

#endif
