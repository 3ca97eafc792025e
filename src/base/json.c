/* The strict JSON reader: yyjson parses a padded copy in place, so a member name's place in the copy is its offset in
 * the caller's text; then one pass over yyjson's flat array of values checks depth and duplicate names without
 * recursion. It changes and writes nothing: edits are in json_edit.c, the writer in json_write.c. Called by intake for
 * each request body, by wire, config and the simulator. */
#include "base/json.h"

#define DEPTH_DEFAULT 128u
#define DEPTH_MOST    256u
#define PAIRWISE_MOST 16u /* members compared pair by pair; more go through a table */

/* yyjson's codes are constant objects and not constants, so they can neither be cases nor fill a static table. */
static const char *reason(yyjson_read_code code) {
  const struct {
    yyjson_read_code code;
    const char *text;
  } rows[] = {
      {YYJSON_READ_ERROR_EMPTY_CONTENT, "there is no value"},
      {YYJSON_READ_ERROR_UNEXPECTED_CONTENT, "something follows the value"},
      {YYJSON_READ_ERROR_UNEXPECTED_END, "the text ends too early"},
      {YYJSON_READ_ERROR_UNEXPECTED_CHARACTER, "unexpected character"},
      {YYJSON_READ_ERROR_JSON_STRUCTURE, "a comma, bracket or brace is out of place"},
      {YYJSON_READ_ERROR_INVALID_NUMBER, "the number is malformed or beyond the range of a double"},
      {YYJSON_READ_ERROR_INVALID_STRING, "bad UTF-8, a bad escape or a control character in a string"},
      {YYJSON_READ_ERROR_LITERAL, "expected true, false or null"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].code == code)
      return rows[i].text;
  return "it cannot be read";
}

static enum err refuse_read(const yyjson_read_err *e, struct text src, struct fault *f) {
  bool has_mark = e->pos == 0 && text_starts(src, TEXT("\xEF\xBB\xBF"));
  const char *why = has_mark ? "a byte order mark is not allowed" : reason(e->code);
  return fault_set(f, ERR_BAD_JSON, NULL, "invalid JSON at byte %zu: %s", e->pos, why);
}

/* Tags carry type and length, so most pairs differ without a look at the bytes. */
static bool same_name(yyjson_val *a, yyjson_val *b) {
  return unsafe_yyjson_get_len(a) == unsafe_yyjson_get_len(b) &&
         memcmp(a->uni.str, b->uni.str, unsafe_yyjson_get_len(a)) == 0;
}

static yyjson_val *next_name(yyjson_val *name) { return unsafe_yyjson_get_next(name + 1); }

static yyjson_val *duplicate_by_pairs(yyjson_val *object, size_t count) {
  yyjson_val *names[PAIRWISE_MOST];
  yyjson_val *name = object + 1;
  for (size_t i = 0; i < count; i++, name = next_name(name)) {
    names[i] = name;
    for (size_t k = 0; k < i; k++)
      if (same_name(names[k], name))
        return name;
  }
  return NULL;
}

/* A table of offsets from the object, at most half full; the seeded hash keeps strangers from filling one chain. */
static yyjson_val *duplicate_by_table(yyjson_val *object, size_t count) {
  size_t slots = 64;
  while (slots < count * 2)
    slots *= 2;
  uint32_t *table = calloc(slots, sizeof *table);
  if (table == NULL)
    abort();
  yyjson_val *name = object + 1, *found = NULL;
  for (size_t i = 0; i < count && found == NULL; i++, name = next_name(name)) {
    size_t at = text_hash((struct text){name->uni.str, unsafe_yyjson_get_len(name)}) & (slots - 1);
    for (; table[at] != 0 && found == NULL; at = (at + 1) & (slots - 1))
      if (same_name(object + table[at], name))
        found = name;
    table[at] = (uint32_t)(name - object);
  }
  free(table);
  return found;
}

static yyjson_val *duplicate_name(yyjson_val *object) {
  size_t count = unsafe_yyjson_get_len(object);
  if (count < 2)
    return NULL;
  return count <= PAIRWISE_MOST ? duplicate_by_pairs(object, count) : duplicate_by_table(object, count);
}

static enum err refuse_duplicate(const struct json *j, yyjson_val *name, struct fault *f) {
  struct text t = text_head((struct text){name->uni.str, unsafe_yyjson_get_len(name)}, 64);
  char zero_terminated[65];
  while (t.len > 0 && !text_is_utf8(t))
    t.len--;
  if (t.len > 0)
    memcpy(zero_terminated, t.at, t.len);
  zero_terminated[t.len] = '\0';
  return fault_set(f, ERR_BAD_JSON, zero_terminated, "invalid JSON at byte %zu: duplicate member \"%s\"",
                   (size_t)(name->uni.str - j->copy) - 1, zero_terminated);
}

/* Values stand in reading order and each container knows where the next value behind it is. */
static enum err check_tree(const struct json *j, size_t max_depth, struct fault *f) {
  yyjson_val *ends[DEPTH_MOST];
  yyjson_val *end = j->root + yyjson_doc_get_val_count(j->doc);
  size_t depth = 0;
  for (yyjson_val *v = j->root; v < end; v++) {
    while (depth > 0 && v >= ends[depth - 1])
      depth--;
    if (!unsafe_yyjson_is_ctn(v))
      continue;
    if (depth == max_depth)
      return fault_set(f, ERR_BAD_JSON, NULL, "invalid JSON: nested deeper than %zu levels", max_depth);
    ends[depth++] = unsafe_yyjson_get_next(v);
    yyjson_val *twice = unsafe_yyjson_is_obj(v) ? duplicate_name(v) : NULL;
    if (twice != NULL)
      return refuse_duplicate(j, twice, f);
  }
  return ERR_OK;
}

static size_t depth_of(const struct json_limits *limits) {
  size_t depth = limits == NULL || limits->max_depth == 0 ? DEPTH_DEFAULT : limits->max_depth;
  return depth < DEPTH_MOST ? depth : DEPTH_MOST;
}

enum err json_read(struct text src, const struct json_limits *limits, struct json *out, struct fault *f) {
  if (src.len > UINT32_MAX / 2)
    return fault_set(f, ERR_BAD_JSON, NULL, "invalid JSON: longer than %u bytes", UINT32_MAX / 2);
  char *copy = malloc(src.len + YYJSON_PADDING_SIZE);
  if (copy == NULL)
    abort();
  if (src.len > 0)
    memcpy(copy, src.at, src.len);
  memset(copy + src.len, 0, YYJSON_PADDING_SIZE);
  yyjson_read_err e = {.code = YYJSON_READ_ERROR_EMPTY_CONTENT};
  bool lenient = limits != NULL && limits->lenient;
  bool raw = limits != NULL && limits->raw_numbers;
  yyjson_read_flag flags = YYJSON_READ_INSITU | (lenient ? YYJSON_READ_BIGNUM_AS_RAW : 0);
  if (raw)
    flags |= YYJSON_READ_NUMBER_AS_RAW;
  yyjson_doc *doc = src.len == 0 ? NULL : yyjson_read_opts(copy, src.len, flags, NULL, &e);
  if (doc == NULL) {
    free(copy);
    if (e.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
      abort();
    return refuse_read(&e, src, f);
  }
  struct json j = {.doc = doc, .root = yyjson_doc_get_root(doc), .src = src, .copy = copy};
  enum err err = lenient ? ERR_OK : check_tree(&j, depth_of(limits), f);
  if (err != ERR_OK)
    json_done(&j);
  else
    *out = j;
  return err;
}

void json_done(struct json *j) {
  yyjson_doc_free(j->doc);
  free(j->copy);
  *j = (struct json){0};
}

yyjson_val *json_get(yyjson_val *object, const char *name) { return yyjson_obj_get(object, name); }

bool json_get_text(yyjson_val *object, const char *name, struct text *out) {
  yyjson_val *v = yyjson_obj_get(object, name);
  if (!yyjson_is_str(v))
    return false;
  *out = json_text(v);
  return true;
}

bool json_get_u64(yyjson_val *object, const char *name, uint64_t *out) {
  yyjson_val *v = yyjson_obj_get(object, name);
  if (!yyjson_is_uint(v))
    return false;
  *out = yyjson_get_uint(v);
  return true;
}

bool json_get_bool(yyjson_val *object, const char *name, bool *out) {
  yyjson_val *v = yyjson_obj_get(object, name);
  if (!yyjson_is_bool(v))
    return false;
  *out = yyjson_get_bool(v);
  return true;
}

struct text json_text(yyjson_val *string) {
  return yyjson_is_str(string) ? (struct text){yyjson_get_str(string), yyjson_get_len(string)} : TEXT_NONE;
}

struct text json_number(yyjson_val *number) {
  return yyjson_is_raw(number) ? (struct text){yyjson_get_raw(number), yyjson_get_len(number)} : TEXT_NONE;
}

bool json_number_u64(yyjson_val *number, uint64_t *out) {
  struct text digits = json_number(number);
  return !text_is_empty(digits) && text_to_u64(digits, out);
}

struct text json_value_text(yyjson_val *value, struct arena *a) {
  size_t len = 0;
  char *json = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &len);
  if (json == NULL)
    abort(); /* a value that was read can be written; what is left is memory */
  struct text copy = arena_copy(a, (struct text){json, len});
  free(json);
  return copy;
}
