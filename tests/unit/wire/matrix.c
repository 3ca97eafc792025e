/* Files, JSON by meaning, and marks for test_matrix.c and test_matrix_answers.c. */
#include "matrix.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct matrix_side matrix_sides[MATRIX_SIDES] = {
    {"anthropic", &dialect_anthropic, LLM_ACCENT_NONE, false, NULL},
    {"openai_chat", &dialect_openai_chat, LLM_ACCENT_NONE, false, NULL},
    {"openai_responses", &dialect_openai_responses, LLM_ACCENT_NONE, false, NULL},
    {"converse", &dialect_converse, LLM_ACCENT_NONE, true, NULL},
    {"openrouter", &dialect_openai_chat, LLM_ACCENT_OPENROUTER, false, "openai_chat"},
    {"invoke", &dialect_invoke, LLM_ACCENT_NONE, true, "anthropic"},
};

bool matrix_is_same_wire(const struct matrix_side *one, const struct matrix_side *other) {
  return one == other || (one->variant_of && strcmp(one->variant_of, other->name) == 0) ||
         (other->variant_of && strcmp(other->variant_of, one->name) == 0);
}

bool matrix_is_blessing(void) {
  const char *bless = getenv("BLESS");
  return bless && strcmp(bless, "1") == 0;
}

static int by_path(const void *left, const void *right) {
  const struct text *a = left, *b = right;
  return strcmp(a->at, b->at);
}

struct matrix_files matrix_list(struct arena *a, const char *folder, const char *ending) {
  struct matrix_files files = {.paths = arena_alloc(a, 512 * sizeof(struct text))};
  struct text path = arena_format(a, "%s/%s", TEST_FIXTURES, folder);
  DIR *dir = opendir(path.at);
  if (!dir)
    return files;
  for (struct dirent *entry; (entry = readdir(dir)) && files.count < 512;)
    if (text_ends(text_of(entry->d_name), text_of(ending)))
      files.paths[files.count++] = arena_format(a, "%s/%s", path.at, entry->d_name);
  (void)closedir(dir);
  qsort(files.paths, files.count, sizeof(files.paths[0]), by_path);
  return files;
}

struct text matrix_read_file(struct arena *a, struct text path) {
  FILE *file = fopen(path.at, "rb");
  if (!file)
    fail_msg("cannot open %s", path.at);
  size_t room = (size_t)1 << 20;
  char *at = malloc(room);
  size_t len = fread(at, 1, room, file);
  (void)fclose(file);
  assert_true(len < room);
  struct text content = arena_copy(a, (struct text){at, len});
  free(at);
  return content;
}

void matrix_write_file(struct text path, struct text content) {
  FILE *file = fopen(path.at, "wb");
  if (!file)
    fail_msg("cannot write %s", path.at);
  assert_int_equal(fwrite(content.at, 1, content.len, file), content.len);
  assert_int_equal(fclose(file), 0);
}

struct text matrix_stem(struct text path) {
  const char *slash = strrchr(path.at, '/');
  struct text name = text_of(slash ? slash + 1 : path.at), stem = name, rest;
  return text_cut(name, '.', &stem, &rest) ? stem : name;
}

static void close_json(void *doc) { json_done(doc); }

struct json *matrix_parse(struct arena *a, struct text src, struct text name) {
  struct json *doc = ARENA_NEW(a, struct json);
  struct fault f = {0};
  if (json_read(src, &(struct json_limits){.raw_numbers = true}, doc, &f))
    fail_msg("%.*s: %s in %.*s", TEXT_ARGS(name), fault_text(&f), TEXT_ARGS(text_head(src, 500)));
  arena_defer(a, close_json, doc);
  return doc;
}

static struct text shown(struct arena *a, yyjson_val *value) {
  if (!value)
    return TEXT("nothing");
  struct text t = json_value_text(value, a);
  return t.len <= 200 ? t : arena_format(a, "%.*s...", TEXT_ARGS(text_head(t, 200)));
}

static struct text differ(struct arena *a, struct text path, yyjson_val *got, yyjson_val *want) {
  struct text g = shown(a, got), w = shown(a, want);
  return arena_format(a, "%.*s is %.*s, expected %.*s", TEXT_ARGS(path), TEXT_ARGS(g), TEXT_ARGS(w));
}

static struct text difference(struct arena *a, struct text path, yyjson_val *got, yyjson_val *want);

static struct text object_difference(struct arena *a, struct text path, yyjson_val *got, yyjson_val *want) {
  yyjson_val *key, *value;
  size_t i, max;
  struct text found = TEXT_NONE;
  yyjson_obj_foreach (want, i, max, key, value) {
    struct text name = json_text(key);
    struct text below = arena_format(a, "%.*s%s%.*s", TEXT_ARGS(path), path.len ? "." : "", TEXT_ARGS(name));
    found = difference(a, below, yyjson_obj_getn(got, name.at, name.len), value);
    if (found.len)
      return found;
  }
  yyjson_obj_foreach (got, i, max, key, value) {
    struct text name = json_text(key);
    if (!yyjson_obj_getn(want, name.at, name.len))
      return differ(a, arena_format(a, "%.*s%s%.*s", TEXT_ARGS(path), path.len ? "." : "", TEXT_ARGS(name)), value,
                    NULL);
  }
  return found;
}

static struct text array_difference(struct arena *a, struct text path, yyjson_val *got, yyjson_val *want) {
  size_t count = yyjson_arr_size(got) > yyjson_arr_size(want) ? yyjson_arr_size(got) : yyjson_arr_size(want);
  for (size_t i = 0; i < count; i++) {
    struct text found = difference(a, arena_format(a, "%.*s[%zu]", TEXT_ARGS(path), i), yyjson_arr_get(got, i),
                                   yyjson_arr_get(want, i));
    if (found.len)
      return found;
  }
  return TEXT_NONE;
}

static struct text difference(struct arena *a, struct text path, yyjson_val *got, yyjson_val *want) {
  if (yyjson_is_obj(got) && yyjson_is_obj(want))
    return object_difference(a, path, got, want);
  if (yyjson_is_arr(got) && yyjson_is_arr(want))
    return array_difference(a, path, got, want);
  return got && want && yyjson_equals(got, want) ? TEXT_NONE : differ(a, path, got, want);
}

struct text matrix_difference(struct arena *a, yyjson_val *got, yyjson_val *want) {
  return difference(a, TEXT_NONE, got, want);
}

/* Cuts the next "MARK-<digits>" off *rest. */
static bool next_mark(struct text *rest, struct text *out) {
  ptrdiff_t at = text_find(*rest, TEXT("MARK-"));
  if (at < 0)
    return false;
  *rest = text_skip(*rest, (size_t)at);
  size_t len = 5;
  while (len < rest->len && rest->at[len] >= '0' && rest->at[len] <= '9')
    len++;
  *out = text_head(*rest, len);
  *rest = text_skip(*rest, len);
  return true;
}

static bool has_mark(struct text t, struct text mark) {
  struct text found;
  while (next_mark(&t, &found))
    if (text_equal(found, mark))
      return true;
  return false;
}

static bool is_base64(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("+/-_=", c) != NULL;
}

static bool decoded_has_mark(struct arena *a, struct text run, struct text mark) {
  char *bytes = arena_alloc(a, run.len / 4 * 3 + 3);
  size_t n = 0;
  return (text_base64_decode(run, bytes, &n) || text_base64url_decode(run, bytes, &n)) &&
         has_mark((struct text){bytes, n}, mark);
}

/* Every run of base64 letters long enough to hold a mark is tried. */
static bool has_encoded_mark(struct arena *a, struct text t, struct text mark) {
  for (size_t i = 0; i < t.len;) {
    size_t start = i;
    while (i < t.len && t.at[i] && is_base64(t.at[i]))
      i++;
    if (i - start >= 8 && decoded_has_mark(a, (struct text){t.at + start, i - start}, mark))
      return true;
    i += i == start;
  }
  return false;
}

struct text matrix_lost_mark(struct arena *a, struct text source, struct text output) {
  struct text mark;
  while (next_mark(&source, &mark))
    if (!has_mark(output, mark) && !has_encoded_mark(a, output, mark))
      return mark;
  return TEXT_NONE;
}

int matrix_run(struct arena *a, void (*fn)(void **state), const char **names, void **states, size_t count) {
  struct CMUnitTest *tests = arena_zalloc(a, count * sizeof(*tests));
  for (size_t i = 0; i < count; i++)
    tests[i] = (struct CMUnitTest){.name = names[i], .test_func = fn, .initial_state = states[i]};
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return _cmocka_run_group_tests("matrix", tests, count, NULL, NULL);
}
