/* Reading requests for responses in tests. */
#ifndef TESTS_UNIT_RESPONSES_TEST_H
#define TESTS_UNIT_RESPONSES_TEST_H

#include "sim/responses_request.h"
#include "sim/responses_store.h"

#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
static struct fault fault;
static struct responses_store *store;

static inline int fresh(void **state) {
  arena_init(&arena);
  fault = (struct fault){0};
  store = responses_store_new();
  return 0;
}
static inline int done(void **state) {
  arena_done(&arena);
  responses_store_free(store);
  return 0;
}

static inline void test_free_document(void *data) { json_done(data); }

static inline enum err test_read(const char *quoted) {
  struct json *doc = ARENA_NEW(&arena, struct json);
  *doc = test_json(&arena, quoted);
  arena_defer(&arena, test_free_document, doc);
  const struct sim_input in = {.doc = doc, .arena = &arena, .responses = store};
  fault = (struct fault){0};
  return sim_responses_read(&in, &ask, &fault);
}

static inline void accepts(const char *quoted) {
  if (test_read(quoted) != ERR_OK)
    fail_msg("refused: %s: %s", quoted, fault.text);
}
static inline void refuses(const char *quoted, const char *field, const char *words) {
  if (test_read(quoted) == ERR_OK)
    fail_msg("not refused: %s", quoted);
  if (text_find(text_of(fault.text), text_of(words)) < 0)
    fail_msg("%s: said \"%s\", expected \"%s\"", quoted, fault.text, words);
  assert_string_equal(fault.field, field);
}

#endif
