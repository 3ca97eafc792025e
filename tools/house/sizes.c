/* How large a file and a function may be. The limits are where a file has two jobs and a function no longer fits into
 * one look. Tests may be long lists of cases, so their functions are not measured. Called by house.c. */
#include "rules.h"

#define SOURCE_LINES_MAX   600
#define HEADER_LINES_MAX   200
#define FUNCTION_LINES_MAX 60

void rule_sizes(struct house *h, struct source *s) {
  bool contract = source_is_header(s) && !source_is_under(s, "tests"); /* in tests, headers hold helpers */
  size_t max = contract ? HEADER_LINES_MAX : SOURCE_LINES_MAX;
  if (s->line_count > max)
    house_report(h, s, 1, RULE_FILE_SIZE, "%zu lines; the limit is %zu", s->line_count, max);
  if (!s->braces_match)
    house_report(h, s, 1, RULE_FUNCTION_SIZE,
                 "the braces do not match outside of directives, so functions cannot be measured");
  if (source_is_under(s, "tests"))
    return;
  for (size_t i = 0; i < s->function_count; i++) {
    const struct function *f = &s->functions[i];
    if (f->body_lines > FUNCTION_LINES_MAX)
      house_report(h, s, f->line, RULE_FUNCTION_SIZE, "%s has %zu lines; the limit is %d", f->name, f->body_lines,
                   FUNCTION_LINES_MAX);
  }
}
