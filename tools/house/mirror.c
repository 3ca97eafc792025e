/* Every source under src/<room>/ that offers functions has tests/unit/<room>/test_<name>.c, or the test of a name it
 * extends: test_tls.c also stands for tls_context.c. Where another test covers it, the source says so in a comment,
 *   house: tested-by PATH
 * and the path must be a file. The composition root and the commands are exempt: the SDK and fault tests run them as a
 * program. Called by house.c. */
#include "rules.h"

#include <stdio.h>
#include <string.h>

static bool offers_functions(const struct house *h, const struct source *s) {
  char header[512];
  int n = snprintf(header, sizeof(header), "%s", s->path);
  if (n > 2 && (size_t)n < sizeof(header)) {
    header[n - 1] = 'h';
    if (house_has_file(h, header))
      return true;
  }
  for (size_t i = 0; i < s->function_count; i++) {
    const struct function *f = &s->functions[i];
    if (f->has_body && !f->is_static && strcmp(f->name, "main") != 0)
      return true;
  }
  return false;
}

/* The test named in a tested-by comment; reports one that is not there. False when the source names none. */
static bool names_its_test(struct house *h, struct source *s, bool needed) {
  const char *at = strstr(s->comments, "house: tested-by ");
  if (at == NULL)
    return false;
  const char *path = at + strlen("house: tested-by ");
  char test[512];
  (void)snprintf(test, sizeof(test), "%.*s", (int)strcspn(path, " \n"), path);
  size_t line = source_line_of(s, (size_t)(at - s->comments));
  if (!house_has_file(h, test))
    house_report(h, s, line, RULE_TEST_MIRROR, "the test it names, %s, does not exist", test);
  else if (!needed)
    house_report(h, s, line, RULE_EXCEPTION, "tested-by is not needed here");
  return true;
}

/* Whether tests/unit/<room>/test_<stem>.c exists for the name without its ".c", or for what of it stands before an
 * underscore. */
static bool has_test(const struct house *h, const char *room, const char *name) {
  size_t length = strlen(name) - strlen(".c");
  while (length > 0) {
    char test[512];
    (void)snprintf(test, sizeof(test), "tests/unit/%.*stest_%.*s.c", (int)(name - room), room, (int)length, name);
    if (house_has_file(h, test))
      return true;
    while (length > 0 && name[--length] != '_')
      continue;
  }
  return false;
}

void rule_mirror(struct house *h, struct source *s) {
  const char *room = s->path + strlen("src/"), *name = strrchr(s->path, '/') + 1;
  if (!source_is_under(s, "src") || source_is_header(s) || name <= room || source_is_under(s, "src/cli") ||
      source_is_under(s, "src/app"))
    return;
  bool needed = offers_functions(h, s) && !has_test(h, room, name);
  if (!names_its_test(h, s, needed) && needed)
    house_report(h, s, 1, RULE_TEST_MIRROR, "has no tests/unit/%.*stest_%s and no tested-by comment",
                 (int)(name - room), room, name);
}
