/* Helpers of the tests of Anthropic's dialect and its Bedrock envelope: bodies read and written, streams read. */
#ifndef TESTS_UNIT_WIRE_ANTHROPIC_TEST_H
#define TESTS_UNIT_WIRE_ANTHROPIC_TEST_H

#include "wire_test.h"

#include "llm/collect.h"
#include "wire/dialect.h"

/* A document with raw numbers that is closed with the arena. */
static inline struct json *raw_doc(struct arena *a, struct text src) {
  const struct json_limits limits = {.raw_numbers = true};
  struct json *doc = ARENA_NEW(a, struct json);
  struct fault f = {0};
  if (json_read(src, &limits, doc, &f))
    fail_msg("%.*s: %s", TEXT_ARGS(src), f.text);
  arena_defer(a, close_json, doc);
  return doc;
}

static inline enum err read_request(struct arena *a, const struct dialect *d, struct text src, struct llm_request *rq,
                                    struct llm_echo *echo, struct fault *f) {
  *rq = (struct llm_request){.arena = a};
  *echo = (struct llm_echo){0};
  return d->read_request(raw_doc(a, src), rq, echo, f);
}

static inline struct llm_request *read_good(struct arena *a, const struct dialect *d, struct text src,
                                            struct llm_echo *echo) {
  struct llm_request *rq = ARENA_NEW(a, struct llm_request);
  struct llm_echo unused;
  struct fault f = {0};
  if (read_request(a, d, src, rq, echo ? echo : &unused, &f))
    fail_msg("%.*s is refused: %s", TEXT_ARGS(src), f.text);
  rq->default_max_tokens = 4096;
  return rq;
}

/* Asserts that the request is refused at this place. */
static inline void expect_refused(struct arena *a, const struct dialect *d, struct text src, enum err want,
                                  const char *field) {
  struct llm_request rq;
  struct llm_echo echo;
  struct fault f = {0};
  enum err e = read_request(a, d, src, &rq, &echo, &f);
  if (e != want || strcmp(f.field, field) != 0)
    fail_msg("%.*s: got %s at \"%s\" (%s), expected %s at \"%s\"", TEXT_ARGS(src), err_name(e), f.field, f.text,
             err_name(want), field);
}

/* The body written from the request, in the arena. */
static inline struct text written(struct arena *a, const struct dialect *d, struct llm_request *rq) {
  struct fault f = {0};
  struct buf b;
  buf_init(&b, 1 << 20);
  if (d->write_request(rq, &b, &f))
    fail_msg("refused: %s", f.text);
  struct text copy = arena_copy(a, buf_text(&b));
  buf_done(&b);
  return copy;
}

static inline void expect_not_written(const struct dialect *d, struct llm_request *rq, enum err want,
                                      const char *field) {
  struct fault f = {0};
  struct buf b;
  buf_init(&b, 1 << 20);
  enum err e = d->write_request(rq, &b, &f);
  buf_done(&b);
  if (e != want || strcmp(f.field, field) != 0)
    fail_msg("got %s at \"%s\" (%s), expected %s at \"%s\"", err_name(e), f.field, f.text, err_name(want), field);
}

#endif
