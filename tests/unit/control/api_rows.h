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

/* A value that the field does not take: of another type, or of its type but beyond its limits. */
static inline void rows_put_bad(struct buf *out, const struct shape_field *f, bool is_of_type) {
  switch (is_of_type ? (int)f->type : -1) {
  case SHAPE_TEXT: buf_add(out, f->min > 0 ? TEXT("\"\"") : TEXT("\"\\u0001\"")); return;
  case SHAPE_BOOL: buf_add(out, TEXT("\"yes\"")); return;
  case SHAPE_TIME: buf_add(out, TEXT("\"tomorrow\"")); return;
  case SHAPE_USD: buf_add(out, TEXT("\"1.0000000001\"")); return;
  case SHAPE_TEXTS: buf_add(out, TEXT("[\"\\u0001\"]")); return;
  case SHAPE_INTEGER:
    if (f->max < INT64_MAX)
      buf_add_format(out, "%lld", (long long)f->max + 1);
    else if (f->min > INT64_MIN)
      buf_add_format(out, "%lld", (long long)f->min - 1);
    else
      buf_add(out, TEXT("1.5"));
    return;
  case SHAPE_OBJECT:
    buf_add_char(out, '{');
    for (size_t i = 0; i < f->of->count; i++) {
      buf_add_format(out, "%s\"%s\":", i > 0 ? "," : "", f->of->fields[i].name);
      rows_put_bad(out, &f->of->fields[i], true);
    }
    buf_add_char(out, '}');
    return;
  default:
    if (f->type == SHAPE_VALUE)
      buf_add(out, TEXT("{}"));
    else
      buf_add(out, f->type == SHAPE_INTEGER || f->type == SHAPE_BOOL ? TEXT("\"5\"") : TEXT("5"));
  }
}

/* An object in which everything is bad, with a member besides that nobody knows. Good until the next one. */
static inline const char *rows_bad_body(const struct shape *s, bool is_of_type) {
  static char out[16384];
  struct buf b;
  buf_init(&b, sizeof(out) - 1);
  buf_add(&b, TEXT("{\"no/b~dy\":1"));
  for (size_t i = 0; i < s->count; i++) {
    buf_add_format(&b, ",\"%s\":", s->fields[i].name);
    rows_put_bad(&b, &s->fields[i], is_of_type);
  }
  buf_add_char(&b, '}');
  snprintf(out, sizeof(out), "%.*s", TEXT_ARGS(buf_text(&b)));
  buf_done(&b);
  return out;
}

/* Whether the answer names each of them by its pointer, and nothing else; *out_missed is one that it does not. */
static inline bool rows_all_named(const struct shape *s, const char *below, bool is_of_type, const char *answer,
                                  size_t *count, char out_missed[160]) {
  for (size_t i = 0; i < s->count; i++) {
    const struct shape_field *f = &s->fields[i];
    char place[96];
    snprintf(place, sizeof(place), "%.32s/%.48s%s", below, f->name, is_of_type && f->type == SHAPE_TEXTS ? "/0" : "");
    if (is_of_type && f->type == SHAPE_OBJECT) {
      if (!rows_all_named(f->of, place, true, answer, count, out_missed))
        return false;
      continue;
    }
    snprintf(out_missed, 160, "{\"pointer\":\"%.90s\",", place);
    if (!strstr(answer, out_missed))
      return false;
    (*count)++;
  }
  return true;
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
