/* The C-aware part of the house check. A directive's lines (with their continuations) are blanked before braces are
 * followed, so that macros do not count as code; branches of #if that each open a brace would be miscounted, and the
 * file then says so. Called by source.c once a file. */
#include "scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum mode { MODE_CODE, MODE_LINE_COMMENT, MODE_COMMENT, MODE_STRING, MODE_CHARACTER };

bool scan_is_word_char(char c) { return isalnum((unsigned char)c) || c == '_'; }

static enum mode mode_after_code(const char *text) {
  if (text[0] == '/' && text[1] == '*')
    return MODE_COMMENT;
  if (text[0] == '/' && text[1] == '/')
    return MODE_LINE_COMMENT;
  if (text[0] == '"')
    return MODE_STRING;
  return text[0] == '\'' ? MODE_CHARACTER : MODE_CODE;
}

/* Whether the line the offset is on is an #include line so far. */
static bool on_include_line(const struct source *s, size_t offset) {
  while (offset > 0 && s->text[offset - 1] != '\n')
    offset--;
  const char *at = s->text + offset;
  at += strspn(at, " \t");
  if (*at++ != '#')
    return false;
  at += strspn(at, " \t");
  return strncmp(at, "include", 7) == 0;
}

static char *blank_copy(const struct source *s) {
  char *copy = malloc(s->length + 1);
  if (copy == NULL)
    abort();
  for (size_t i = 0; i < s->length; i++)
    copy[i] = s->text[i] == '\n' ? '\n' : ' ';
  copy[s->length] = '\0';
  return copy;
}

/* Consumes one character of a comment; returns the mode after it. */
static enum mode step_comment(struct source *s, size_t *at, enum mode mode) {
  if (mode == MODE_LINE_COMMENT && s->text[*at] == '\n')
    return MODE_CODE;
  s->comments[*at] = s->text[*at];
  if (mode == MODE_COMMENT && s->text[*at] == '*' && s->text[*at + 1] == '/') {
    s->comments[++*at] = '/';
    return MODE_CODE;
  }
  return mode;
}

/* Consumes one character between quotes. */
static enum mode step_quoted(struct source *s, size_t *at, enum mode mode, bool keep) {
  char c = s->text[*at], quote = mode == MODE_STRING ? '"' : '\'';
  if (keep || c == quote)
    s->code[*at] = c;
  if (c == '\\' && *at + 1 < s->length)
    ++*at;
  return c == quote || c == '\n' ? MODE_CODE : mode;
}

void scan_views(struct source *s) {
  s->code = blank_copy(s);
  s->comments = blank_copy(s);
  enum mode mode = MODE_CODE;
  bool keep = false;
  for (size_t i = 0; i < s->length; i++) {
    if (mode == MODE_COMMENT || mode == MODE_LINE_COMMENT) {
      mode = step_comment(s, &i, mode);
    } else if (mode != MODE_CODE) {
      mode = step_quoted(s, &i, mode, keep);
    } else {
      mode = mode_after_code(s->text + i);
      if (mode == MODE_COMMENT || mode == MODE_LINE_COMMENT) {
        s->comments[i] = s->text[i];
        s->comments[i + 1] = s->text[i + 1];
        i++;
      } else {
        s->code[i] = s->text[i];
        keep = mode == MODE_STRING && on_include_line(s, i);
      }
    }
  }
}

/* at stands after "include". */
static void add_include(struct source *s, const char *at, size_t line) {
  at += strspn(at, " \t");
  if (*at != '"' && *at != '<')
    return;
  struct include *found = house_grow(&s->includes, &s->include_count, sizeof(*found));
  size_t length = strcspn(at + 1, "\">\n");
  *found = (struct include){.line = line, .is_outside = *at == '<'};
  if (length < sizeof(found->path))
    memcpy(found->path, at + 1, length);
}

void scan_includes(struct source *s) {
  bool continued = false;
  for (size_t line = 1; line <= s->line_count; line++) {
    size_t length;
    char *code = s->code + s->line_start[line];
    (void)source_line(s, s->code, line, &length);
    size_t indent = strspn(code, " \t");
    bool directive = continued || (indent < length && code[indent] == '#');
    if (!directive)
      continue;
    size_t word = indent + 1 + strspn(code + indent + 1, " \t");
    if (!continued && strncmp(code + word, "include", 7) == 0)
      add_include(s, code + word + 7, line);
    continued = length > 0 && code[length - 1] == '\\';
    memset(code, ' ', length);
  }
}

const char *scan_word(const char *from, const char *word) {
  size_t length = strlen(word);
  for (const char *at = from; (at = strstr(at, word)) != NULL; at++)
    if ((at == from || !scan_is_word_char(at[-1])) && !scan_is_word_char(at[length]))
      return at;
  return NULL;
}

/* The word before the first parenthesis that is not an attribute's; false when there is none. */
static bool find_name(const char *code, const char *end, struct function *f) {
  int depth = 0;
  for (const char *at = code; at < end; at++) {
    if (*at == '(' && depth++ == 0) {
      const char *last = at, *first;
      while (last > code && isspace((unsigned char)last[-1]))
        last--;
      for (first = last; first > code && scan_is_word_char(first[-1]);)
        first--;
      size_t length = (size_t)(last - first);
      if (length > 0 && length < sizeof(f->name) && strncmp(first, "__attribute__", length) != 0 &&
          strncmp(first, "_Static_assert", length) != 0 && strncmp(first, "static_assert", length) != 0) {
        memcpy(f->name, first, length);
        f->name[length] = '\0';
        return true;
      }
    }
    depth -= *at == ')' ? 1 : 0;
  }
  return false;
}

static bool has_word(const char *code, const char *end, const char *word) {
  const char *at = scan_word(code, word);
  return at != NULL && at < end;
}

/* code to end is a declaration, up to its ';' or '{'. Adds it if it is a function; returns that. */
static struct function *add_function(struct source *s, const char *code, const char *end) {
  struct function f = {0};
  while (code < end && isspace((unsigned char)*code))
    code++;
  if (has_word(code, end, "typedef") || memchr(code, '=', (size_t)(end - code)) != NULL || !find_name(code, end, &f))
    return NULL;
  f.line = source_line_of(s, (size_t)(code - s->code));
  f.is_static = has_word(code, end, "static");
  struct function *added = house_grow(&s->functions, &s->function_count, sizeof(f));
  *added = f;
  return added;
}

static bool ends_in_parenthesis(const char *code, const char *end) {
  while (end > code && isspace((unsigned char)end[-1]))
    end--;
  return end > code && end[-1] == ')';
}

void scan_functions(struct source *s) {
  const char *start = s->code;
  size_t depth = 0, body_line = 0;
  bool in_body = false, has_braces = false;
  s->braces_match = true;
  for (const char *at = s->code; *at != '\0'; at++) {
    if (*at == '{' && depth++ == 0) {
      struct function *f = ends_in_parenthesis(start, at) ? add_function(s, start, at) : NULL;
      in_body = f != NULL;
      has_braces = true;
      body_line = source_line_of(s, (size_t)(at - s->code));
      if (f != NULL)
        f->has_body = true;
    } else if (*at == '}' && depth == 0) {
      s->braces_match = false;
    } else if (*at == '}' && --depth == 0 && in_body) {
      size_t line = source_line_of(s, (size_t)(at - s->code));
      s->functions[s->function_count - 1].body_lines = line > body_line ? line - body_line - 1 : 0;
      in_body = has_braces = false;
      start = at + 1;
    } else if (*at == ';' && depth == 0) {
      if (!has_braces)
        (void)add_function(s, start, at);
      has_braces = false;
      start = at + 1;
    }
  }
  s->braces_match = s->braces_match && depth == 0;
}
