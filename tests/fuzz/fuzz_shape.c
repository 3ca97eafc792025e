/* Requests of the control API: whatever a body or a query holds, it is read or refused, and what was read can be
 * written and keeps to its limits. The input: a query, a zero byte, a JSON text. */
#include "control/shape.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct thing {
  uint64_t given;
  struct text name, period;
  int64_t count, at_us, budget_nano;
  bool on;
  struct text *models;
  size_t model_count;
};
static const struct shape_field fields[] = {
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(thing, name), .min = 1, .max = 8},
    {"period", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(thing, period), .choices = "day|week"},
    {"count", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(thing, count), .min = -5, .max = 100},
    {"at", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(thing, at_us)},
    {"budget", SHAPE_USD, SHAPE_NULLABLE, SHAPE_AT(thing, budget_nano), .max = INT64_MAX},
    {"on", SHAPE_BOOL, 0, SHAPE_AT(thing, on)},
    {"models", SHAPE_TEXTS, SHAPE_NULLABLE, SHAPE_ARRAY(thing, models, model_count), .max = 3},
};
static const struct shape inner = {"Thing", "", sizeof(struct thing), SHAPE_FIELDS(fields)};

struct outer {
  uint64_t given;
  struct thing thing;
};
static const struct shape_field outer_fields[] = {
    {"thing", SHAPE_OBJECT, SHAPE_REQUIRED, SHAPE_AT(outer, thing), .of = &inner},
};
static const struct shape outer = {"Outer", "", sizeof(struct outer), SHAPE_FIELDS(outer_fields)};

static void check(const struct thing *t, const struct shape_errors *e) {
  struct json_writer w;
  struct buf b;
  struct json j;
  if (e->count > SHAPE_ERRORS_MAX)
    abort();
  if (e->count > 0)
    return;
  if (t->name.len == 0 || t->count < -5 || t->count > 100 || t->budget_nano < 0 || t->model_count > 3)
    abort();
  buf_init(&b, 1 << 20);
  json_writer_init(&w, &b);
  shape_write(&inner, t, &w);
  if (buf_check(&b) != ERR_OK || json_read(buf_text(&b), NULL, &j, NULL) != ERR_OK)
    abort();
  json_done(&j);
  buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text input = {(const char *)data, size}, query = input, body = TEXT_NONE;
  static struct shape_errors errors;
  struct thing t;
  struct outer o;
  struct arena a;
  struct json j;
  arena_init(&a);
  errors.count = 0;
  (void)text_cut(input, '\0', &query, &body);
  shape_read_query(&inner, query, &a, &t, &errors);
  check(&t, &errors);
  if (json_read(body, NULL, &j, NULL) == ERR_OK) {
    errors.count = 0;
    shape_read(&outer, j.root, &a, &o, &errors);
    check(&o.thing, &errors);
    json_done(&j);
  }
  arena_done(&a);
  return 0;
}
