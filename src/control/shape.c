/* Reading requests by their shapes, telling everything that is wrong at once, and writing answers by theirs. Unknown
 * members are refused, so that nobody sets by surprise what is not on offer. Called by api.c; what a shape looks like
 * in the document is openapi.c's. */
#include "control/shape.h"

#include "config/values.h"
#include "gateway/percent.h"

#include <time.h>

#define ELEMENT_MAX_BYTES 1024
#define VALUE_MAX_BYTES   8192
#define NAME_SHOWN_BYTES  64
#define POINTER_BYTES     256

void shape_refuse(struct shape_errors *e, const char *place, const char *fmt, ...) {
  if (e->count == SHAPE_ERRORS_MAX) {
    e->more++;
    return;
  }
  struct shape_error *at = &e->at[e->count++];
  va_list args;
  snprintf(at->place, sizeof(at->place), "%s", place);
  va_start(args, fmt);
  vsnprintf(at->text, sizeof(at->text), fmt, args);
  va_end(args);
}

bool shape_is_refused(const struct shape_errors *e, const char *place) {
  size_t i = 0;
  while (i < e->count && strcmp(e->at[i].place, place) != 0)
    i++;
  return i < e->count;
}

static size_t characters(struct text t) {
  size_t n = 0;
  for (size_t i = 0; i < t.len; i++)
    n += ((unsigned char)t.at[i] & 0xc0) != 0x80;
  return n;
}

static bool is_choice(const char *choices, struct text t) {
  struct text list = text_of(choices), one;
  while (list.len > 0) {
    if (!text_cut(list, '|', &one, &list)) {
      one = list;
      list = TEXT_NONE;
    }
    if (text_equal(one, t))
      return true;
  }
  return false;
}

/* What makes a text look like another one than it is: controls, ends of lines, and marks that turn the direction in
 * which what follows is shown (U+0080 to 9F, U+2028 to 202E, U+2066 to 2069). */
static bool is_misleading(struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    const unsigned char *at = (const unsigned char *)t.at + i;
    size_t left = t.len - i;
    if (at[0] < 0x20 || at[0] == 0x7f)
      return true;
    if (left > 1 && at[0] == 0xc2 && at[1] < 0xa0)
      return true;
    if (left > 2 && at[0] == 0xe2 &&
        ((at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9)))
      return true;
  }
  return false;
}

static const char *bad_text(const struct shape_field *f, struct text t, int64_t min, int64_t max) {
  static _Thread_local char why[160];
  int64_t n = (int64_t)characters(t);
  if (f->choices && !is_choice(f->choices, t)) {
    snprintf(why, sizeof(why), "must be one of %s", f->choices);
    return why;
  }
  if (!f->choices && (n < min || n > max)) {
    snprintf(why, sizeof(why), "must have %lld to %lld characters", (long long)min, (long long)max);
    return why;
  }
  if (min > 0 && text_trim(t).len == 0)
    return "must not be blank";
  return is_misleading(t) ? "must not hold control characters" : NULL;
}

static void *member(void *out, size_t offset) { return (char *)out + offset; }
static const void *member_of(const void *from, size_t offset) { return (const char *)from + offset; }

static void check_range(const struct shape_field *f, int64_t n, const char *place, struct shape_errors *e) {
  if (n < f->min || n > f->max)
    shape_refuse(e, place, "must be %lld to %lld", (long long)f->min, (long long)f->max);
}

/* What a text says, where the type is written as one. False: it is none of that type. */
static bool read_text_value(const struct shape_field *f, struct text t, struct arena *a, void *at, const char *place,
                            struct shape_errors *e) {
  const char *why;
  switch (f->type) {
  case SHAPE_TEXT:
    why = bad_text(f, t, f->min, f->max);
    if (why)
      shape_refuse(e, place, "%s", why);
    *(struct text *)at = arena_copy(a, t);
    return true;
  case SHAPE_TIME:
    if (!value_time(t, at))
      shape_refuse(e, place, "must be a time such as 2027-01-31T00:00:00Z");
    return true;
  case SHAPE_USD:
    if (!text_to_scaled(t, 9, at))
      shape_refuse(e, place, "must be an amount such as \"12.50\", with at most nine digits behind the point");
    else
      check_range(f, *(int64_t *)at, place, e);
    return true;
  default: return false;
  }
}

static void append(const struct shape_field *f, struct text t, struct arena *a, void *out) {
  size_t *count = member(out, f->count_offset);
  struct text **list = member(out, f->offset);
  if (!*list)
    *list = arena_alloc(a, (size_t)f->max * sizeof(**list));
  (*list)[(*count)++] = arena_copy(a, t);
}

static void add_element(const struct shape_field *f, struct text t, struct arena *a, void *out, const char *place,
                        struct shape_errors *e) {
  const size_t *count = member(out, f->count_offset);
  const char *why = bad_text(f, t, 1, 256);
  if (*count >= (size_t)f->max) {
    shape_refuse(e, place, "must have at most %lld entries", (long long)f->max);
    return;
  }
  if (why)
    shape_refuse(e, place, "%s", why);
  append(f, t, a, out);
}

static void read_list(const struct shape_field *f, yyjson_val *v, struct arena *a, void *out, const char *place,
                      struct shape_errors *e) {
  yyjson_val *one;
  size_t i, most;
  if (!yyjson_is_arr(v)) {
    shape_refuse(e, place, "must be a list of texts");
    return;
  }
  if (yyjson_arr_size(v) > (size_t)f->max) {
    shape_refuse(e, place, "must have at most %lld entries", (long long)f->max);
    return;
  }
  yyjson_arr_foreach (v, i, most, one) {
    char inner[160];
    snprintf(inner, sizeof(inner), "%.100s/%zu", place, i);
    if (yyjson_is_str(one)) {
      add_element(f, json_text(one), a, out, inner, e);
    } else {
      shape_refuse(e, inner, "must be a text");
      append(f, TEXT(""), a, out); /* the others keep their places */
    }
  }
}

static void read_object(const struct shape *s, yyjson_val *object, struct arena *a, void *out, const char *place,
                        struct shape_errors *e);

static void read_value(const struct shape_field *f, yyjson_val *v, struct arena *a, void *out, const char *place,
                       struct shape_errors *e) {
  static const char *const wanted[] = {"a text",
                                       "a whole number",
                                       "true or false",
                                       "a time, as a text",
                                       "an amount, as a text such as \"12.50\"",
                                       "a list of texts",
                                       "an object",
                                       "an object",
                                       "a list",
                                       "a text, a number, true or false, or a list"};
  void *at = member(out, f->offset);
  if (yyjson_is_null(v) && (f->flags & SHAPE_NULLABLE))
    return;
  if (f->type == SHAPE_TEXTS)
    read_list(f, v, a, out, place, e);
  else if (f->type == SHAPE_OBJECT)
    read_object(f->of, v, a, at, place, e);
  else if (f->type == SHAPE_JSON && yyjson_is_obj(v))
    *(struct text *)at = json_value_text(v, a);
  else if (f->type == SHAPE_VALUE && !yyjson_is_null(v) && !yyjson_is_obj(v))
    *(struct text *)at = json_value_text(v, a);
  else if (f->type == SHAPE_BOOL && yyjson_is_bool(v))
    *(bool *)at = yyjson_get_bool(v);
  else if (f->type == SHAPE_INTEGER && yyjson_is_int(v) && !(yyjson_is_uint(v) && yyjson_get_uint(v) > INT64_MAX)) {
    *(int64_t *)at = yyjson_get_sint(v);
    check_range(f, *(int64_t *)at, place, e);
  } else if (!yyjson_is_str(v) || !read_text_value(f, json_text(v), a, at, place, e))
    shape_refuse(e, place, "must be %s", wanted[f->type]);
}

static const struct shape_field *field_named(const struct shape *s, struct text name) {
  for (size_t i = 0; i < s->count; i++) {
    if (text_equal(name, text_of(s->fields[i].name)))
      return &s->fields[i];
  }
  return NULL;
}

static void give(const struct shape *s, const struct shape_field *f, void *out) {
  *(uint64_t *)out |= UINT64_C(1) << (f - s->fields);
}

bool shape_has(const void *read, size_t n) { return (*(const uint64_t *)read >> n & 1) != 0; }

static void refuse_missing(const struct shape *s, const void *out, const char *place, struct shape_errors *e) {
  char inner[160];
  for (size_t i = 0; i < s->count; i++) {
    if (!(s->fields[i].flags & SHAPE_REQUIRED) || shape_has(out, i))
      continue;
    snprintf(inner, sizeof(inner), "%.100s%s", place, s->fields[i].name);
    shape_refuse(e, inner, "is missing");
  }
}

/* The pointer to a member (RFC 6901, section 3). */
static void point_at(const char *place, struct text name, char out[POINTER_BYTES]) {
  struct text shown = text_head(name, NAME_SHOWN_BYTES);
  size_t n = (size_t)snprintf(out, POINTER_BYTES - 2 * NAME_SHOWN_BYTES - 1, "%s/", place);
  if (n >= POINTER_BYTES - 2 * NAME_SHOWN_BYTES - 1)
    n = POINTER_BYTES - 2 * NAME_SHOWN_BYTES - 2;
  for (size_t i = 0; i < shown.len; i++) {
    bool is_special = shown.at[i] == '~' || shown.at[i] == '/';
    if (is_special)
      out[n++] = '~';
    out[n++] = shown.at[i] == '~' ? '0' : is_special ? '1' : shown.at[i];
  }
  out[n] = '\0';
}

static void read_object(const struct shape *s, yyjson_val *object, struct arena *a, void *out, const char *place,
                        struct shape_errors *e) {
  yyjson_val *name, *value;
  size_t i, most;
  char inner[POINTER_BYTES];
  if (!yyjson_is_obj(object)) {
    shape_refuse(e, place, "must be an object");
    return;
  }
  yyjson_obj_foreach (object, i, most, name, value) {
    const struct shape_field *f = field_named(s, json_text(name));
    point_at(place, json_text(name), inner);
    if (!f) {
      shape_refuse(e, inner, "is not known here");
      continue;
    }
    give(s, f, out);
    read_value(f, value, a, out, inner, e);
  }
  snprintf(inner, sizeof(inner), "%.100s/", place);
  refuse_missing(s, out, inner, e);
}

void shape_read(const struct shape *s, yyjson_val *object, struct arena *a, void *out, struct shape_errors *e) {
  memset(out, 0, s->size);
  read_object(s, object, a, out, "", e);
}

/* '+' is a space in a query. */
static bool decode(struct text t, struct arena *a, struct text *out) {
  char *plain = arena_alloc(a, t.len + 1);
  for (size_t i = 0; i < t.len; i++)
    plain[i] = t.at[i] == '+' ? ' ' : t.at[i];
  return percent_decode((struct text){plain, t.len}, VALUE_MAX_BYTES, a, out);
}

static void read_parameter_value(const struct shape_field *f, struct text t, struct arena *a, void *out,
                                 struct shape_errors *e) {
  void *at = member(out, f->offset);
  switch (f->type) {
  case SHAPE_TEXTS: add_element(f, t, a, out, f->name, e); return;
  case SHAPE_INTEGER:
    if (!text_to_i64(t, at))
      shape_refuse(e, f->name, "must be a whole number");
    else
      check_range(f, *(int64_t *)at, f->name, e);
    return;
  case SHAPE_BOOL:
    *(bool *)at = text_equal(t, TEXT("true"));
    if (!*(bool *)at && !text_equal(t, TEXT("false")))
      shape_refuse(e, f->name, "must be true or false");
    return;
  default: (void)read_text_value(f, t, a, at, f->name, e);
  }
}

static void read_parameter(const struct shape *s, struct text part, struct arena *a, void *out,
                           struct shape_errors *e) {
  struct text name = part, value = TEXT_NONE;
  char shown[80];
  (void)text_cut(part, '=', &name, &value);
  bool good = decode(name, a, &name) && decode(value, a, &value);
  snprintf(shown, sizeof(shown), "%.*s", TEXT_ARGS(text_head(good ? name : TEXT("query"), 64)));
  const struct shape_field *f = good ? field_named(s, name) : NULL;
  if (!f) {
    shape_refuse(e, shown, good ? "is not known here" : "is not well encoded");
    return;
  }
  if (f->type != SHAPE_TEXTS && shape_has(out, (size_t)(f - s->fields))) {
    shape_refuse(e, shown, "is given twice");
    return;
  }
  give(s, f, out);
  read_parameter_value(f, value, a, out, e);
}

void shape_read_query(const struct shape *s, struct text query, struct arena *a, void *out, struct shape_errors *e) {
  struct text part;
  memset(out, 0, s->size);
  while (query.len > 0) {
    if (!text_cut(query, '&', &part, &query)) {
      part = query;
      query = TEXT_NONE;
    }
    if (part.len > 0)
      read_parameter(s, part, a, out, e);
  }
  refuse_missing(s, out, "", e);
}

size_t shape_format_time(int64_t us, char out[SHAPE_TIME_BYTES]) {
  time_t s = (time_t)(us / 1000000 - (us % 1000000 < 0));
  int64_t fraction = us - (int64_t)s * 1000000;
  struct tm utc;
  char day[32];
  gmtime_r(&s, &utc);
  strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
  int n = fraction ? snprintf(out, SHAPE_TIME_BYTES, "%s.%06lldZ", day, (long long)fraction)
                   : snprintf(out, SHAPE_TIME_BYTES, "%sZ", day);
  return (size_t)n;
}

size_t shape_format_usd(int64_t nano, char out[SHAPE_USD_BYTES]) {
  uint64_t n = nano < 0 ? 0 - (uint64_t)nano : (uint64_t)nano;
  int len = snprintf(out, SHAPE_USD_BYTES, "%s%llu.%09llu", nano < 0 ? "-" : "", (unsigned long long)(n / 1000000000),
                     (unsigned long long)(n % 1000000000));
  while (out[len - 1] == '0' && out[len - 3] != '.')
    len--;
  return (size_t)len;
}

static void write_value(const struct shape_field *f, const void *from, struct json_writer *w) {
  char text[SHAPE_TIME_BYTES];
  const void *at = member_of(from, f->offset);
  const int64_t *number = at;
  bool nullable = (f->flags & SHAPE_NULLABLE) != 0;
  switch (f->type) {
  case SHAPE_TEXT:
    if (nullable && ((const struct text *)at)->len == 0)
      json_put_null(w);
    else
      json_put_text(w, *(const struct text *)at);
    return;
  case SHAPE_INTEGER:
    if (nullable && *number == 0)
      json_put_null(w);
    else
      json_put_i64(w, *number);
    return;
  case SHAPE_BOOL: json_put_bool(w, *(const bool *)at); return;
  case SHAPE_TIME:
    if (*number == 0)
      json_put_null(w);
    else
      json_put_text(w, (struct text){text, shape_format_time(*number, text)});
    return;
  case SHAPE_USD:
    if (nullable && *number == 0)
      json_put_null(w);
    else
      json_put_text(w, (struct text){text, shape_format_usd(*number, text)});
    return;
  case SHAPE_OBJECT: shape_write(f->of, at, w); return;
  case SHAPE_JSON:
  case SHAPE_VALUE:
    if (((const struct text *)at)->len == 0)
      json_put_null(w);
    else
      json_put_raw(w, *(const struct text *)at);
    return;
  case SHAPE_TEXTS:
  case SHAPE_LIST: break;
  }
  size_t count = *(const size_t *)member_of(from, f->count_offset);
  const char *list = *(const char *const *)at;
  json_array(w);
  for (size_t i = 0; i < count; i++) {
    if (f->type == SHAPE_LIST)
      shape_write(f->of, list + i * f->of->size, w);
    else
      json_put_text(w, ((const struct text *)(const void *)list)[i]);
  }
  json_array_end(w);
}

void shape_write(const struct shape *s, const void *from, struct json_writer *w) {
  json_object(w);
  for (size_t i = 0; i < s->count; i++) {
    json_name(w, s->fields[i].name);
    write_value(&s->fields[i], from, w);
  }
  json_object_end(w);
}
