/* Gathering and printing what is wrong with a configuration file: file, line, column, sentence, as compilers do, so
 * that editors jump to it. It does not decide what is wrong. Called by the whole room; printed by check, serve and the
 * reload. */
#include "config/errors.h"

#include <stdarg.h>

void errors_start(struct config_errors *e, const char *source) {
  e->count = 0;
  int n = snprintf(e->source, sizeof e->source, "%s", source == NULL ? "" : source);
  if (n < 0)
    e->source[0] = '\0';
}

void errors_add(struct config_errors *e, int line, int column, const char *fmt, ...) {
  if (e->count == CONFIG_MAX_ERRORS)
    return;
  struct config_error *at = &e->at[e->count++];
  at->line = line;
  at->column = column;
  va_list args;
  va_start(args, fmt);
  if (vsnprintf(at->text, sizeof at->text, fmt, args) < 0)
    at->text[0] = '\0';
  va_end(args);
}

void config_error_format(const struct config_errors *e, size_t i, char *out, size_t cap) {
  if (cap == 0)
    return;
  out[0] = '\0';
  if (i >= e->count)
    return;
  const struct config_error *at = &e->at[i];
  if (at->line > 0)
    (void)snprintf(out, cap, "%s:%d:%d: %s", e->source, at->line, at->column, at->text);
  else
    (void)snprintf(out, cap, "%s: %s", e->source, at->text);
}
