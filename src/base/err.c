/* The error table as code: err.def read by columns, and the filling of struct fault.
 * It does not log and does not decide what to retry; the gateway reads the columns and decides.
 * Called from every room. */
#include "base/err.h"

#include <stdio.h>

struct err_row {
  const char *name, *anthropic_type, *openai_type, *text;
  int status;
  bool retryable, unhealthy;
};

static const struct err_row rows[ERR_COUNT] = {
#define ERR(name_, status_, retryable_, unhealthy_, anthropic_, openai_, text_)                                        \
  [ERR_##name_] = {.name = #name_,                                                                                     \
                   .anthropic_type = anthropic_,                                                                       \
                   .openai_type = openai_,                                                                             \
                   .text = text_,                                                                                      \
                   .status = status_,                                                                                  \
                   .retryable = retryable_,                                                                            \
                   .unhealthy = unhealthy_},
#include "base/err.def"
#undef ERR
};

static const struct err_row *row_of(enum err e) { return (unsigned)e < ERR_COUNT ? &rows[e] : &rows[ERR_INTERNAL]; }

const char *err_name(enum err e) { return row_of(e)->name; }

const char *err_text(enum err e) { return row_of(e)->text; }

int err_status(enum err e) { return row_of(e)->status; }

bool err_is_retryable(enum err e) { return row_of(e)->retryable; }

bool err_is_unhealthy(enum err e) { return row_of(e)->unhealthy; }

const char *err_anthropic_type(enum err e) { return row_of(e)->anthropic_type; }

const char *err_openai_type(enum err e) { return row_of(e)->openai_type; }

/* A cut may fall inside a UTF-8 character: take the torn one away. */
static void cut_at_character(char *text, size_t len) {
  size_t start = len;
  while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
    start--;
  if (start == 0)
    return;
  unsigned char lead = (unsigned char)text[start - 1];
  size_t wants = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (lead >= 0xC0 && len - (start - 1) < wants)
    text[start - 1] = '\0';
}

static void put_cut(char *out, size_t size, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));

static void put_cut(char *out, size_t size, const char *fmt, va_list args) {
  int n = vsnprintf(out, size, fmt, args);
  if (n < 0)
    out[0] = '\0';
  else if ((size_t)n >= size)
    cut_at_character(out, size - 1);
}

static void put_cut_plain(char *out, size_t size, const char *text) {
  int n = snprintf(out, size, "%s", text);
  if (n >= 0 && (size_t)n >= size)
    cut_at_character(out, size - 1);
}

enum err fault_set(struct fault *f, enum err e, const char *field, const char *fmt, ...) {
  if (f == NULL)
    return e;
  *f = (struct fault){.err = e};
  if (field != NULL)
    put_cut_plain(f->field, sizeof f->field, field);
  va_list args;
  va_start(args, fmt);
  put_cut(f->text, sizeof f->text, fmt, args);
  va_end(args);
  return e;
}

enum err fault_set_brief(struct fault *f, enum err e, const char *brief) {
  if (f != NULL)
    f->brief = brief;
  return e;
}

const char *fault_brief(const struct fault *f) { return f->brief != NULL ? f->brief : err_text(f->err); }

const char *fault_text(const struct fault *f) { return f->text[0] != '\0' ? f->text : err_text(f->err); }

int fault_status(const struct fault *f) { return f->status != 0 ? f->status : err_status(f->err); }
