/* Helpers of the Converse tests: bodies written with single quotes, requests read and written, streams as lines. */
#ifndef TESTS_UNIT_WIRE_CONVERSE_TEST_H
#define TESTS_UNIT_WIRE_CONVERSE_TEST_H

#include "wire_test.h"

#include "aws/eventstream.h"
#include "llm/collect.h"
#include "wire/dialect.h"

/* The text with double quotes for single ones. */
static inline struct text quoted(struct arena *a, const char *single) {
  struct text t = arena_copy(a, text_of(single));
  char *at = arena_alloc(a, t.len + 1);
  for (size_t i = 0; i < t.len; i++)
    at[i] = t.at[i] == '\'' ? '"' : t.at[i];
  at[t.len] = '\0';
  return (struct text){at, t.len};
}

struct asked {
  enum err err;
  struct fault fault;
  struct llm_request rq;
  struct llm_echo echo;
};

static inline struct json *raw_json(struct arena *a, const char *single) {
  const struct json_limits limits = {.raw_numbers = true};
  struct json *doc = ARENA_NEW(a, struct json);
  struct fault f = {0};
  if (json_read(quoted(a, single), &limits, doc, &f))
    fail_msg("%s: %s", single, fault_text(&f));
  arena_defer(a, close_json, doc);
  return doc;
}

static inline struct asked ask_leaving(struct arena *a, const char *single, const struct text *leave, size_t count) {
  struct asked asked = {.rq = {.arena = a,
                               .model = TEXT("claude-x"),
                               .default_max_tokens = 4096,
                               .leave_out = leave,
                               .leave_out_count = count}};
  asked.err = dialect_converse.read_request(raw_json(a, single), &asked.rq, &asked.echo, &asked.fault);
  return asked;
}

static inline struct asked ask(struct arena *a, const char *single) { return ask_leaving(a, single, NULL, 0); }

static inline struct asked ask_well(struct arena *a, const char *single) {
  struct asked asked = ask(a, single);
  if (asked.err)
    fail_msg("%s: %s", single, fault_text(&asked.fault));
  return asked;
}

/* A message with one user text, and this beside it. */
static inline const char *with_text(struct arena *a, const char *members) {
  return arena_format(a, "{'messages':[{'role':'user','content':[{'text':'hi'}]}]%s%s}", *members ? "," : "", members)
      .at;
}

/* A user message with this block. */
static inline const char *with_block(struct arena *a, const char *block) {
  return arena_format(a, "{'messages':[{'role':'user','content':[%s]}]}", block).at;
}

struct trouble {
  const char *body;
  const char *field;
};

static inline void expect_troubles(const struct trouble *rows, size_t count, enum err err) {
  for (size_t i = 0; i < count; i++) {
    struct arena a;
    arena_init(&a);
    struct asked asked = ask(&a, rows[i].body);
    if (asked.err != err || strcmp(asked.fault.field, rows[i].field) != 0)
      fail_msg("%s: got %s at \"%s\", expected %s at \"%s\"", rows[i].body, err_name(asked.err), asked.fault.field,
               err_name(err), rows[i].field);
    arena_done(&a);
  }
}

static inline struct text written(struct arena *a, struct llm_request *rq, enum err *err, struct fault *f) {
  struct buf out;
  buf_init(&out, 1 << 20);
  *err = dialect_converse.write_request(rq, &out, f);
  struct text t = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return t;
}

static inline void expect_written(struct arena *a, struct llm_request *rq, const char *single) {
  enum err err;
  struct fault f = {0};
  struct text body = written(a, rq, &err, &f);
  if (err)
    fail_msg("refused: %s", fault_text(&f));
  expect_json(body, quoted(a, single).at);
}

static inline void expect_refused(struct arena *a, struct llm_request *rq, enum err want, const char *field) {
  enum err err;
  struct fault f = {0};
  struct text body = written(a, rq, &err, &f);
  if (err != want || strcmp(f.field, field) != 0)
    fail_msg("got %s at \"%s\" (%.*s), expected %s at \"%s\"", err_name(err), f.field, TEXT_ARGS(body), err_name(want),
             field);
}

/* What was read is what is written. */
static inline void expect_round_trip(const char *single) {
  struct arena a;
  arena_init(&a);
  struct asked asked = ask_well(&a, single);
  expect_written(&a, &asked.rq, single);
  arena_done(&a);
}

#define COUNT_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

#endif
