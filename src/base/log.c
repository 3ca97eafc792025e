/* The log: one JSON object a line, built in the thread's own buffer and written with one call; access lines are
 * gathered and written in batches, because a system call per request is what a request can least afford. It never
 * rotates, filters or sends anything away. Called by gateway, control and app, once per happening. */
#include "base/log.h"

#include "base/json.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define BATCH_BYTES    65536u
#define BATCH_FLUSH_AT 32768u
#define LINE_MOST      65536u
#define FIELD_MOST     4096u
#define STALLED_MS     100

struct log_thread {
  struct buf line;
  size_t batch_len;
  char batch[BATCH_BYTES];
};

static atomic_int log_fd = STDERR_FILENO;
static atomic_int log_least = LOG_LEVEL_INFO;
static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;
static _Thread_local struct log_thread *this_thread;
static _Thread_local struct log_context this_context;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* A reader that stands still may cost lines, never the program: one short wait, then the rest is dropped. */
static void write_all(const char *at, size_t n) {
  int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
  bool waited = false;
  while (n > 0) {
    ssize_t wrote = write(fd, at, n);
    if (wrote > 0) {
      at += wrote;
      n -= (size_t)wrote;
      waited = false;
    } else if (wrote < 0 && errno == EAGAIN && !waited) {
      struct pollfd p = {.fd = fd, .events = POLLOUT};
      (void)poll(&p, 1, STALLED_MS);
      waited = true;
    } else if (wrote == 0 || errno != EINTR) {
      return;
    }
  }
}

static void thread_end(void *data) {
  struct log_thread *t = data;
  write_all(t->batch, t->batch_len);
  buf_done(&t->line);
  free(t);
  this_thread = NULL;
}

static void make_thread_key(void) {
  if (pthread_key_create(&thread_key, thread_end) != 0)
    abort();
}

static struct log_thread *thread_get(void) {
  if (this_thread != NULL)
    return this_thread;
  struct log_thread *t = malloc(sizeof *t);
  if (t == NULL)
    abort();
  t->batch_len = 0;
  buf_init(&t->line, LINE_MOST);
  (void)pthread_once(&thread_key_once, make_thread_key);
  (void)pthread_setspecific(thread_key, t);
  this_thread = t;
  return t;
}

void log_start(int fd, enum log_level level) {
  atomic_store(&log_fd, fd);
  log_set_level(level);
}

void log_set_level(enum log_level level) { atomic_store_explicit(&log_least, (int)level, memory_order_relaxed); }

bool log_level_parse(struct text t, enum log_level *out) {
  for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
    if (text_equal(t, text_of(level_names[i]))) {
      *out = (enum log_level)i;
      return true;
    }
  }
  return false;
}

bool log_is_on(enum log_level level) { return (int)level >= atomic_load_explicit(&log_least, memory_order_relaxed); }

struct log_field log_text(const char *name, struct text t) {
  return (struct log_field){.name = name, .kind = LOG_TEXT, .text = t};
}

struct log_field log_str(const char *name, const char *s) {
  return log_text(name, text_of(s));
}

struct log_field log_u64(const char *name, uint64_t n) {
  return (struct log_field){.name = name, .kind = LOG_U64, .number = n};
}

struct log_field log_i64(const char *name, int64_t n) {
  return (struct log_field){.name = name, .kind = LOG_I64, .number = (uint64_t)n};
}

struct log_field log_bool(const char *name, bool b) {
  return (struct log_field){.name = name, .kind = LOG_BOOL, .number = b};
}

struct log_context *log_context(void) {
  return &this_context;
}

static void put_time(struct json_writer *w) {
  struct timespec now;
  struct tm utc;
  char date[sizeof "2026-01-02T03:04:05"], stamp[sizeof date + 8];
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (gmtime_r(&now.tv_sec, &utc) == NULL || strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
    return;
  int n = snprintf(stamp, sizeof stamp, "%s.%03dZ", date, (int)(now.tv_nsec / 1000000));
  if (n > 0)
    json_field_text(w, "ts", text_head((struct text){stamp, (size_t)n}, sizeof stamp - 1));
}

static void put_field(struct json_writer *w, const struct log_field *field) {
  switch (field->kind) {
  case LOG_TEXT: json_field_text(w, field->name, text_head(field->text, FIELD_MOST)); break;
  case LOG_U64: json_field_u64(w, field->name, field->number); break;
  case LOG_I64: json_field_i64(w, field->name, (int64_t)field->number); break;
  case LOG_BOOL: json_field_bool(w, field->name, field->number != 0); break;
  }
}

/* The event comes as the argument or, from the macros, as the first field. */
static void put_line(struct buf *line, enum log_level level, const char *event, const struct log_field *fields,
                     size_t count) {
  struct json_writer w;
  buf_reset(line);
  json_writer_init(&w, line);
  json_object(&w);
  put_time(&w);
  json_field_str(&w, "level", level_names[level]);
  if (event != NULL) {
    json_field_str(&w, "event", event);
  } else if (count > 0) {
    put_field(&w, fields++);
    count--;
  }
  if (this_context.request_id.len > 0)
    json_field_text(&w, "request_id", this_context.request_id);
  if (this_context.stage != NULL)
    json_field_str(&w, "stage", this_context.stage);
  for (size_t i = 0; i < count; i++)
    put_field(&w, &fields[i]);
  json_object_end(&w);
  buf_add_char(line, '\n');
}

void log_line(enum log_level level, const char *event, const struct log_field *fields, size_t count) {
  if (!log_is_on(level) || (unsigned)level > LOG_LEVEL_ERROR)
    return;
  struct buf *line = &thread_get()->line;
  put_line(line, level, event, fields, count);
  if (line->failed) {
    const struct log_field cut[] = {log_str("event", event != NULL ? event : "line_too_long"),
                                    log_u64("fields_dropped", count)};
    put_line(line, level, NULL, cut, 2);
  }
  write_all(line->at, line->len);
}

bool log_flush(void) {
  struct log_thread *t = this_thread;
  if (t == NULL || t->batch_len == 0)
    return false;
  write_all(t->batch, t->batch_len);
  t->batch_len = 0;
  return true;
}

void log_access(struct text json_line) {
  struct log_thread *t = thread_get();
  if (json_line.len + 1 > BATCH_BYTES - t->batch_len)
    (void)log_flush();
  if (json_line.len + 1 > BATCH_BYTES) {
    write_all(json_line.at, json_line.len);
    write_all("\n", 1);
    return;
  }
  memcpy(t->batch + t->batch_len, json_line.at, json_line.len);
  t->batch_len += json_line.len;
  t->batch[t->batch_len++] = '\n';
  if (t->batch_len > BATCH_FLUSH_AT)
    (void)log_flush();
}

size_t log_pending(void) { return this_thread == NULL ? 0 : this_thread->batch_len; }
