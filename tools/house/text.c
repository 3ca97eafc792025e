/* Rules for any text: no tabs, no blanks at line ends, no notes to oneself left behind; and the last word on
 * exceptions. Called by house.c; the only rules that also look at files which are not C. */
#include "rules.h"

#include <string.h>

#include "scan.h"

/* In halves, so that this file does not find itself. */
static const char *const leftovers[] = {"TO"
                                        "DO",
                                        "FIX"
                                        "ME",
                                        "XX"
                                        "X",
                                        "HA"
                                        "CK"};

void rule_text(struct house *h, struct source *s) {
  size_t path_length = strlen(s->path);
  bool assembly = path_length > 2 && strcmp(s->path + path_length - 2, ".S") == 0; /* set in columns by custom */
  for (size_t line = 1; line <= s->line_count; line++) {
    size_t length;
    const char *text = source_line(s, s->text, line, &length);
    if (!assembly && memchr(text, '\t', length) != NULL)
      house_report(h, s, line, RULE_WHITESPACE, "a tab");
    if (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\r'))
      house_report(h, s, line, RULE_WHITESPACE, "a blank at the end of the line");
  }
  if (s->length > 0 && s->text[s->length - 1] != '\n')
    house_report(h, s, s->line_count, RULE_WHITESPACE, "no line end at the end of the file");
  for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++)
    for (const char *at = s->text; (at = scan_word(at, leftovers[i])) != NULL; at++)
      house_report(h, s, source_line_of(s, (size_t)(at - s->text)), RULE_LEFTOVER,
                   "%s: do it, or write it down as an issue", leftovers[i]);
}

void rule_unused_exceptions(struct house *h, struct source *s) {
  for (size_t i = 0; i < s->allowance_count; i++)
    if (!s->allowances[i].used)
      house_report(h, s, s->allowances[i].line, RULE_EXCEPTION, "this exception is not needed");
}
