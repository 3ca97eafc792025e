/* The TAP reader of tally. Keeps only counts; the text stays with the caller.
 * A level deeper than TAP_DEPTH_MAX is counted as if it were the deepest: nothing real nests so far.
 * Called by tally.c with each line a test program printed. */
#include "tap.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool starts_with(const char *line, const char *word) { return strncmp(line, word, strlen(word)) == 0; }

/* "# SKIP reason" after a description; the hash counts only unescaped. */
static bool has_skip(const char *text) {
  for (const char *hash = strchr(text, '#'); hash != NULL; hash = strchr(hash + 1, '#')) {
    if (hash > text && hash[-1] == '\\')
      continue;
    const char *word = hash + 1;
    while (isspace((unsigned char)*word))
      word++;
    if (strncasecmp(word, "skip", 4) == 0)
      return true;
  }
  return false;
}

static void read_plan(struct tap *t, const char *line) {
  char *end;
  unsigned long count = strtoul(line + 3, &end, 10);
  if (end == line + 3)
    return;
  t->has_plan = true;
  t->planned += count; /* a program may run several groups, each with its plan */
  if (count == 0 && has_skip(end)) {
    t->skips_all = true;
    t->skipped++;
  }
}

/* What follows "ok" or "not ok": an optional number, an optional dash, the name. */
static const char *result_name(const char *rest) {
  rest += strspn(rest, " ");
  rest += strspn(rest, "0123456789");
  rest += strspn(rest, " ");
  if (starts_with(rest, "- "))
    rest += 2;
  return rest;
}

static bool read_result(struct tap *t, size_t depth, bool ok, const char *rest, const char **name) {
  size_t children = t->children[depth + 1], broken = t->broken_children[depth + 1];
  t->children[depth + 1] = t->broken_children[depth + 1] = 0;
  t->children[depth]++;
  t->broken_children[depth] += ok ? 0 : 1;
  t->seen += depth == 0 ? 1 : 0;
  if (children > 0 && (ok || broken > 0))
    return false;
  if (has_skip(rest))
    t->skipped++;
  else if (ok)
    t->passed++;
  else
    t->failed++;
  *name = result_name(rest);
  return !ok && !has_skip(rest);
}

bool tap_read_line(struct tap *t, const char *line, const char **name) {
  size_t indent = strspn(line, " ");
  const char *text = line + indent;
  if (t->in_yaml || starts_with(text, "---")) {
    t->in_yaml = strcmp(text, "...") != 0;
    return false;
  }
  size_t depth = indent / 4 < TAP_DEPTH_MAX - 1 ? indent / 4 : TAP_DEPTH_MAX - 2;
  if (indent % 4 != 0)
    return false;
  if (starts_with(text, "1..") && depth == 0)
    read_plan(t, text);
  else if (starts_with(text, "Bail out!"))
    t->bailed = true;
  else if (strncmp(text, "ok", 2) == 0 && (text[2] == ' ' || text[2] == '\0'))
    return read_result(t, depth, true, text + 2, name);
  else if (starts_with(text, "not ok") && (text[6] == ' ' || text[6] == '\0'))
    return read_result(t, depth, false, text + 6, name);
  return false;
}

const char *tap_fault(const struct tap *t) {
  if (t->bailed)
    return "bailed out";
  if (!t->has_plan)
    return "printed no plan";
  if (t->seen < t->planned)
    return "stopped before the end of its plan";
  if (t->seen > t->planned)
    return "ran more tests than its plan";
  return t->seen == 0 && !t->skips_all ? "has no tests" : NULL;
}
