/* What the two matrix tests share: the sides of a translation, the fixture files, and comparing JSON by meaning. */
#ifndef TESTS_UNIT_WIRE_MATRIX_H
#define TESTS_UNIT_WIRE_MATRIX_H

#include "../base/expect.h"

#include "wire/dialect.h"

/* One dialect as client or provider. The first MATRIX_SOURCES have fixtures of their own; the rest are variants of one
 * of them, of which a fixture only says something when they differ. */
struct matrix_side {
  const char *name;
  const struct dialect *dialect;
  enum llm_accent accent;
  bool is_eventstream;    /* streams are framed as AWS does */
  const char *variant_of; /* NULL: has fixtures */
};
#define MATRIX_SOURCES 4
#define MATRIX_SIDES   6
extern const struct matrix_side matrix_sides[MATRIX_SIDES];
/* Between these bodies are passed on and never translated. */
bool matrix_is_same_wire(const struct matrix_side *one, const struct matrix_side *other);

/* Whether the goldens are to be written instead of compared (BLESS=1 in the environment). */
bool matrix_is_blessing(void);

struct matrix_files {
  struct text *paths; /* sorted, each with a zero behind it */
  size_t count;
};
/* The files of a folder below the fixtures that end so. A folder that is not there has none. */
struct matrix_files matrix_list(struct arena *a, const char *folder, const char *ending);
struct text matrix_read_file(struct arena *a, struct text path);
void matrix_write_file(struct text path, struct text content);
/* The last part of a path, without its ending. */
struct text matrix_stem(struct text path);

/* A document that is closed with the arena; numbers stay text. The test fails when it is not JSON. */
struct json *matrix_parse(struct arena *a, struct text src, struct text name);
/* Empty when both mean the same whatever the order of members; else where they differ first and how. */
struct text matrix_difference(struct arena *a, yyjson_val *got, yyjson_val *want);
/* The first "MARK-<digits>" of the source that occurs nowhere in the output: neither plainly nor inside base64 of one
 * of its texts. Empty when all are there. */
struct text matrix_lost_mark(struct arena *a, struct text source, struct text output);

/* Runs count tests of fn, one for each initial state; names[i] says which. Returns main's value. */
int matrix_run(struct arena *a, void (*fn)(void **state), const char **names, void **states, size_t count);

#endif
