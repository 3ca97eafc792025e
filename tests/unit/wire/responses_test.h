/* Helpers of the tests of the Responses dialect. */
#ifndef TESTS_UNIT_WIRE_RESPONSES_TEST_H
#define TESTS_UNIT_WIRE_RESPONSES_TEST_H

#include "wire_test.h"

#include "base/random.h"
#include "llm/collect.h"
#include "wire/openai_responses.h"

/* A request read by the dialect. Freed by asked_done. */
struct asked {
  struct arena a;
  struct json doc;
  struct llm_request rq;
  struct llm_echo echo;
  struct fault f;
  enum err err;
};

static inline void ask_in(struct asked *x, const struct dialect *dialect, const char *json) {
  const struct json_limits limits = {.raw_numbers = true};
  *x = (struct asked){0};
  random_start();
  arena_init(&x->a);
  x->rq.arena = &x->a;
  if (json_read(text_of(json), &limits, &x->doc, &x->f))
    fail_msg("%s: %s", json, x->f.text);
  x->err = dialect->read_request(&x->doc, &x->rq, &x->echo, &x->f);
  x->rq.default_max_tokens = 4096;
}

static inline void ask(struct asked *x, const char *json) { ask_in(x, &dialect_openai_responses, json); }

static inline void ask_well(struct asked *x, const char *json) {
  ask(x, json);
  if (x->err)
    fail_msg("%s: %s", json, x->f.text);
}

static inline void asked_done(struct asked *x) {
  json_done(&x->doc);
  arena_done(&x->a);
}

/* What is refused, and where. */
struct refused {
  const char *json, *member;
  enum err err;
};

static inline void expect_refused(const struct refused *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct asked x;
    ask(&x, cases[i].json);
    if (x.err != cases[i].err || strcmp(x.f.field, cases[i].member) != 0)
      fail_msg("%s: %s at \"%s\", expected %s at \"%s\"", cases[i].json, err_name(x.err), x.f.field,
               err_name(cases[i].err), cases[i].member);
    asked_done(&x);
  }
}
#define EXPECT_REFUSED(cases) expect_refused((cases), sizeof(cases) / sizeof((cases)[0]))

/* The request written for a Responses provider. */
static inline enum err write_asked(struct asked *x, struct buf *out) {
  buf_init(out, 1 << 20);
  return responses_write_request(&x->rq, out, &x->f);
}

static inline void expect_written(const char *json, const char *want) {
  struct asked x;
  struct buf out;
  ask_well(&x, json);
  if (write_asked(&x, &out))
    fail_msg("%s: %s", json, x.f.text);
  expect_json(buf_text(&out), want);
  buf_done(&out);
  asked_done(&x);
}

/* A provider's stream read: its answer, or the error that ended it. */
struct heard {
  struct arena a;
  struct responses_reader *reader;
  struct llm_collect *collect;
  struct llm_answer answer;
  struct llm_notes notes;
  struct fault f;
  enum err err;
};

static inline void hear(struct heard *h, const char *const *events, size_t count) {
  *h = (struct heard){0};
  arena_init(&h->a);
  h->collect = llm_collect_new(&h->a, 1 << 20);
  void *reader = arena_zalloc(&h->a, dialect_openai_responses.reader_bytes);
  struct llm_sink sink = {llm_collect_take, h->collect};
  for (size_t i = 0; i < count && !h->err; i++)
    h->err = dialect_openai_responses.read_event(reader, TEXT_NONE, text_of(events[i]), &sink, &h->notes, &h->f);
  if (!h->err)
    h->err = dialect_openai_responses.read_event(reader, TEXT_NONE, TEXT_NONE, &sink, &h->notes, &h->f);
  llm_collect_answer(h->collect, &h->answer);
}
#define HEAR(h, events) hear((h), (events), sizeof(events) / sizeof((events)[0]))

#endif
