/* What a reader must find before the code: an opening comment in every file, and a comment with every function a header
 * offers. A comment counts for its group, the lines without a blank line between them; what it says is for people to
 * judge. Called by house.c. */
#include "rules.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_blank(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (!isspace((unsigned char)text[i]))
      return false;
  return true;
}

static bool line_is_blank(const struct source *s, const char *view, size_t line) {
  size_t length;
  const char *text = source_line(s, view, line, &length);
  return is_blank(text, length);
}

/* Whether the group of lines around this one holds a comment. */
static bool group_has_comment(const struct source *s, size_t line) {
  size_t first = line, last = line;
  while (first > 1 && !line_is_blank(s, s->text, first - 1))
    first--;
  while (last < s->line_count && !line_is_blank(s, s->text, last + 1))
    last++;
  for (size_t at = first; at <= last; at++)
    if (!line_is_blank(s, s->comments, at))
      return true;
  return false;
}

static void check_prototypes(struct house *h, struct source *s) {
  for (size_t i = 0; i < s->function_count; i++) {
    const struct function *f = &s->functions[i];
    if (!group_has_comment(s, f->line))
      house_report(h, s, f->line, RULE_HEADER_CONTRACT, "nothing says what %s does", f->name);
  }
}

/* src/net/tls.h is guarded by NET_TLS_H. */
static void check_guard(struct house *h, struct source *s) {
  char guard[256], wanted[600];
  size_t length = 0;
  for (const char *at = s->path + strlen("src/"); *at != '\0' && length < sizeof(guard) - 1; at++)
    guard[length++] = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
  guard[length] = '\0';
  (void)snprintf(wanted, sizeof(wanted), "#ifndef %s\n#define %s\n", guard, guard);
  if (strstr(s->text, wanted) == NULL)
    house_report(h, s, 1, RULE_INCLUDE_GUARD, "the guard must be %s", guard);
}

void rule_contracts(struct house *h, struct source *s) {
  size_t end = source_opening_comment_end(s);
  if (source_is_header(s)) {
    if (end == 0)
      house_report(h, s, 1, RULE_OPENING_COMMENT, "a header opens with what it is for");
    if (source_is_under(s, "src"))
      check_guard(h, s);
    if (!source_is_under(s, "tests"))
      check_prototypes(h, s);
  } else if (!source_is_under(s, "tests") && end < 2) {
    house_report(h, s, 1, RULE_OPENING_COMMENT,
                 "a source opens with a comment of two lines or more: what for, what not, called by whom");
  }
}
