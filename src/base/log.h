/* One JSON object a line on standard error (or the descriptor given). Lines are built in a buffer of the thread,
 * written whole. Request lines carry id and stage through the thread's context without the author asking. Never log a
 * secret or a body. LOG_INFO("config_loaded", log_str("path", path), log_u64("models", n)); Access lines are batched:
 * log_access appends, log_flush writes; the loop flushes at least every 100 ms. Everything else is written at once. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
  const char *name;
  enum { LOG_TEXT, LOG_U64, LOG_I64, LOG_BOOL } kind;
  struct text text;
  uint64_t number;
};

/* level below which lines are dropped; fd stays the caller's. Call before threads start; the level may be changed
 * later. */
void log_start(int fd, enum log_level level);
void log_set_level(enum log_level level);
bool log_level_parse(struct text t, enum log_level *out); /* "debug" "info" "warn" "error" */
bool log_is_on(enum log_level level);

/* Fields for the calls below. Name and text are not copied; texts are cut to 4 KiB in the line. */
struct log_field log_text(const char *name, struct text t);
struct log_field log_str(const char *name, const char *s);
struct log_field log_u64(const char *name, uint64_t n);
struct log_field log_i64(const char *name, int64_t n);
struct log_field log_bool(const char *name, bool b);

/* One line: ts, level, event, the context, then the fields in order. event NULL: the first field is the event. A line
 * that would pass 64 KiB is replaced by its event and the count of fields dropped. Use the macros. */
void log_line(enum log_level level, const char *event, const struct log_field *fields, size_t count);
#define LOG_LINE(level, event, ...)                                                                                    \
  do {                                                                                                                 \
    const struct log_field log_fields_[] = {log_str("event", (event)), __VA_ARGS__};                                   \
    log_line((level), NULL, log_fields_, sizeof(log_fields_) / sizeof(log_fields_[0]));                                \
  } while (0)
#define LOG_INFO(...)  LOG_LINE(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...)  LOG_LINE(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(...) LOG_LINE(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_DEBUG(...) LOG_LINE(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* What the thread is working on; copied into every line it writes until cleared. The fiber switch saves and restores it
 * (see fiber/fiber.h), so it belongs to the fiber, not to the thread. request_id must outlive its use. */
struct log_context {
  struct text request_id;
  const char *stage;
};
struct log_context *log_context(void);

/* One finished line (without newline) into the thread's batch. */
void log_access(struct text json_line);
/* Writes the calling thread's batch; true when there was something to write. */
bool log_flush(void);
/* Bytes waiting in the calling thread's batch. */
size_t log_pending(void);

#endif
