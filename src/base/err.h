/* Every error of the program, one row each in err.def, and the struct that carries the detail for people.
 * A fallible function returns enum err and leaves its outputs untouched on failure. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#define MUST_CHECK                   __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))

enum err {
#define ERR(name, status, retryable, unhealthy, anthropic_type, openai_type, text) ERR_##name,
#include "base/err.def"
#undef ERR
  ERR_COUNT
};

/* What went wrong, for people. Lives wherever its owner puts it; owns nothing. */
struct fault {
  enum err err;
  int status;        /* overrides the row's status when not 0 (an upstream's own status) */
  int retry_after_s; /* 0: say nothing */
  char field[96];    /* the member or header at fault, "" when none */
  char text[384];    /* one sentence; "" means the row's text */
  char names[64];    /* of an upstream's error: its own names for it, separated by spaces; "" when it has none */
  const char *brief; /* a literal; see fault_brief. NULL: the row's text */
};

/* Columns of err.def. Any value of the enum is accepted; an unknown one reads as ERR_INTERNAL. */
const char *err_name(enum err e); /* "RATE_LIMITED" */
const char *err_text(enum err e);
int err_status(enum err e);
bool err_is_retryable(enum err e);
bool err_is_unhealthy(enum err e);
const char *err_anthropic_type(enum err e);
const char *err_openai_type(enum err e);

/* Fills *f (text cut to fit, at a character boundary) and returns e, so that a refusal is one line:
 *   return fault_set(f, ERR_BAD_REQUEST, "max_tokens", "must be a whole number above 0");
 * f may be NULL: then only e is returned. field may be NULL. */
enum err fault_set(struct fault *f, enum err e, const char *field, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Gives a fault that was set its class in a few words for those who may not know where anything is: it names no host,
 * user, port or path. brief is a literal. f may be NULL. Returns e. */
enum err fault_set_brief(struct fault *f, enum err e, const char *brief);
/* That class, else the row's text, which names nothing either. */
const char *fault_brief(const struct fault *f);
/* The text a client sees: f->text, else the row's. */
const char *fault_text(const struct fault *f);
/* The status a client sees: f->status, else the row's. */
int fault_status(const struct fault *f);

#endif
