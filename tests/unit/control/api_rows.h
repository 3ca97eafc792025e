/* Requests made from rows of the table of routes, for tests that go over every one of them: a path with values in the
 * place of its names, and a body that its shape takes. */
#ifndef TESTS_UNIT_CONTROL_API_ROWS_H
#define TESTS_UNIT_CONTROL_API_ROWS_H

#include "control/api.h"

static inline void rows_put_value(struct buf *out, const struct shape_field *f, unsigned serial) {
  struct text choice = text_of(f->choices), rest;
  if (f->choices && f->type == SHAPE_TEXT) {
    (void)text_cut(choice, '|', &choice, &rest);
    buf_add_format(out, "\"%.*s\"", TEXT_ARGS(choice));
    return;
  }
  switch (f->type) {
  case SHAPE_TEXT: buf_add_format(out, "\"new.%u@example.org\"", serial); return;
  case SHAPE_INTEGER: buf_add_format(out, "%lld", (long long)(f->min > 0 ? f->min : 1)); return;
  case SHAPE_BOOL: buf_add(out, TEXT("false")); return;
  case SHAPE_TIME: buf_add(out, TEXT("\"2099-01-01T00:00:00Z\"")); return;
  case SHAPE_USD: buf_add(out, TEXT("\"1\"")); return;
  case SHAPE_TEXTS:
  case SHAPE_LIST: buf_add(out, TEXT("[]")); return;
  case SHAPE_VALUE: buf_add(out, TEXT("3")); return;
  case SHAPE_JSON:
  case SHAPE_OBJECT: buf_add(out, TEXT("{}")); return;
  }
}

/* An object with what has to be given, but for one member, and with more of them as they are written: `"a":1`. Either
 * may be NULL. Good until the next one. */
static inline const char *rows_body(const struct shape *s, const char *without, const char *more) {
  static char out[16384];
  static unsigned serial;
  struct buf b;
  bool any = false;
  buf_init(&b, sizeof(out) - 1);
  serial++;
  buf_add_char(&b, '{');
  for (size_t i = 0; i < s->count; i++) {
    if (!(s->fields[i].flags & SHAPE_REQUIRED) || (without && strcmp(s->fields[i].name, without) == 0))
      continue;
    buf_add_format(&b, "%s\"%s\":", any ? "," : "", s->fields[i].name);
    rows_put_value(&b, &s->fields[i], serial);
    any = true;
  }
  if (more)
    buf_add_format(&b, "%s%s", any ? "," : "", more);
  buf_add_char(&b, '}');
  snprintf(out, sizeof(out), "%.*s", TEXT_ARGS(buf_text(&b)));
  buf_done(&b);
  return out;
}

static inline const struct shape_field *rows_field(const struct shape *s, const char *name) {
  for (size_t i = 0; s && i < s->count; i++) {
    if (strcmp(s->fields[i].name, name) == 0)
      return &s->fields[i];
  }
  return NULL;
}

/* How many {names} the path has. */
static inline int rows_values(const struct api_route *r) {
  int n = 0;
  for (const char *at = r->path; *at; at++)
    n += *at == '{';
  return n;
}

/* "METHOD /path" where value number `nth` is `value`, and every other one is 1 or, of what goes by names, one of them.
 * nth -1: all of them are. A stream has no end, so of one only the head is asked for. */
static inline const char *rows_line(const struct api_route *r, int nth, const char *value) {
  static char out[1024];
  size_t n = (size_t)snprintf(out, sizeof(out), "%s ", r->kind == API_STREAM ? "HEAD" : r->method);
  int seen = 0;
  for (const char *at = r->path; *at && n + 300 < sizeof(out); at++) {
    if (*at != '{') {
      out[n++] = *at;
      continue;
    }
    const char *other = strncmp(at, "{name}", 6) == 0 ? "a" : strncmp(at, "{key}", 5) == 0 ? "breaker.failures" : "1";
    n += (size_t)snprintf(out + n, sizeof(out) - n, "%.256s", seen++ == nth ? value : other);
    at += strcspn(at, "}");
  }
  out[n] = '\0';
  return out;
}

#endif
