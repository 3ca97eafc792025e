/* Loading a file for the house check: lines, exceptions, reports. The C-aware parts are in scan.c.
 * Knows no rule, only their names. Called by house.c for every file and by the rules. */
#include "source.h"

#include "scan.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const rule_names[] = {
#define RULE_NAME(constant, name) name,
    RULES(RULE_NAME)
#undef RULE_NAME
};

void *house_grow(void *array_pointer, size_t *count, size_t element_bytes) {
  char *array;
  memcpy(&array, array_pointer, sizeof(array));
  array = realloc(array, (*count + 1) * element_bytes);
  if (array == NULL)
    abort();
  memset(array + *count * element_bytes, 0, element_bytes);
  memcpy(array_pointer, &array, sizeof(array));
  return array + (*count)++ * element_bytes;
}

static void find_lines(struct source *s) {
  s->line_start = calloc(s->length + 3, sizeof(s->line_start[0]));
  if (s->line_start == NULL)
    abort();
  s->line_start[1] = 0;
  s->line_count = s->length > 0 ? 1 : 0;
  for (size_t i = 0; i < s->length; i++)
    if (s->text[i] == '\n' && i + 1 < s->length)
      s->line_start[++s->line_count] = i + 1;
  s->line_start[s->line_count + 1] = s->length;
}

size_t source_line_of(const struct source *s, size_t offset) {
  size_t low = 1, high = s->line_count;
  while (low < high) {
    size_t middle = (low + high + 1) / 2;
    if (s->line_start[middle] <= offset)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

const char *source_line(const struct source *s, const char *view, size_t line, size_t *length) {
  size_t start = s->line_start[line], end = s->line_start[line + 1];
  *length = end > start && s->text[end - 1] == '\n' ? end - start - 1 : end - start;
  return view + start;
}

static size_t comment_end(const struct source *s, size_t offset) {
  const char *end = strstr(s->text + offset, "*/");
  return source_line_of(s, end != NULL ? (size_t)(end - s->text) : offset);
}

size_t source_opening_comment_end(const struct source *s) {
  return s->is_c && strncmp(s->text, "/*", 2) == 0 ? comment_end(s, 2) : 0;
}

bool source_is_under(const struct source *s, const char *folder) {
  size_t length = strlen(folder);
  return strncmp(s->path, folder, length) == 0 && s->path[length] == '/';
}

bool source_is_header(const struct source *s) {
  size_t length = strlen(s->path);
  return length > 2 && strcmp(s->path + length - 2, ".h") == 0;
}

static enum rule rule_by_name(const char *name, size_t length) {
  size_t rule = 0;
  while (rule < RULE_EXCEPTION && (strlen(rule_names[rule]) != length || strncmp(rule_names[rule], name, length) != 0))
    rule++;
  return (enum rule)rule;
}

/* text stands after "house: allow ". */
static void read_allowance(struct source *s, struct house *h, const char *text) {
  size_t offset = (size_t)(text - s->comments), line = source_line_of(s, offset);
  size_t name_length = strcspn(text, " \n*"), rest_length;
  const char *rest = text + name_length + strspn(text + name_length, " ");
  enum rule rule = rule_by_name(text, name_length);
  if (rule == RULE_EXCEPTION) {
    house_report(h, s, line, RULE_EXCEPTION, "there is no rule '%.*s'", (int)name_length, text);
    return;
  }
  rest_length = strncmp(rest, "-- ", 3) == 0 ? strcspn(rest + 3, "\n*") : 0;
  if (rest_length < 4) {
    house_report(h, s, line, RULE_EXCEPTION, "an exception needs its reason: allow %s -- why", rule_names[rule]);
    return;
  }
  struct allowance *a = house_grow(&s->allowances, &s->allowance_count, sizeof(*a));
  *a = (struct allowance){.rule = rule, .line = line, .last_line = comment_end(s, offset) + 1};
  a->whole_file = line <= source_opening_comment_end(s);
}

void source_init(struct source *s, struct house *h, const char *path, char *text, size_t length) {
  *s = (struct source){.path = strdup(path), .text = text, .length = length};
  size_t path_length = strlen(path);
  s->is_c = path_length > 2 && path[path_length - 2] == '.' && strchr("ch", path[path_length - 1]) != NULL;
  find_lines(s);
  if (!s->is_c)
    return;
  scan_views(s);
  scan_includes(s);
  scan_functions(s);
  for (const char *at = s->comments; (at = strstr(at, "house: allow ")) != NULL;) {
    at += strlen("house: allow ");
    if (*at >= 'a' && *at <= 'z')
      read_allowance(s, h, at);
  }
}

void source_done(struct source *s) {
  free(s->path);
  free(s->text);
  free(s->code);
  free(s->comments);
  free(s->line_start);
  free(s->allowances);
  free(s->functions);
  free(s->includes);
  *s = (struct source){0};
}

void house_report(struct house *h, struct source *s, size_t line, enum rule rule, const char *fmt, ...) {
  for (size_t i = 0; i < s->allowance_count; i++) {
    struct allowance *a = &s->allowances[i];
    if (a->rule == rule && (a->whole_file || (line >= a->line && line <= a->last_line))) {
      a->used = true;
      return;
    }
  }
  h->findings++;
  printf("%s:%zu: [%s] ", s->path, line, rule_names[rule]);
  va_list args;
  va_start(args, fmt);
  vprintf(fmt, args);
  va_end(args);
  printf("\n");
}

bool house_has_file(const struct house *h, const char *path) {
  char whole[2048];
  struct stat st;
  int length = snprintf(whole, sizeof(whole), "%s/%s", h->root, path);
  return length > 0 && (size_t)length < sizeof(whole) && stat(whole, &st) == 0 && S_ISREG(st.st_mode);
}
