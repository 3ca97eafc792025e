/* Reading Converse requests in tests. */
#ifndef TESTS_UNIT_CONVERSE_TEST_H
#define TESTS_UNIT_CONVERSE_TEST_H

#include "sim/converse_request.h"

#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
static struct fault fault;

static inline int fresh(void **state) {
  arena_init(&arena);
  fault = (struct fault){0};
  return 0;
}
static inline int done(void **state) {
  arena_done(&arena);
  return 0;
}

static inline void test_free_document(void *data) { json_done(data); }

static inline enum err test_read(const char *quoted) {
  struct json *doc = ARENA_NEW(&arena, struct json);
  *doc = test_json(&arena, quoted);
  arena_defer(&arena, test_free_document, doc);
  const struct sim_input in = {
      .doc = doc, .arena = &arena, .model = TEXT("us.anthropic.sim-text-v1:0"), .stream = true};
  return sim_converse_read(&in, &ask, &fault);
}

static inline void accepts(const char *quoted) {
  if (test_read(quoted) != ERR_OK)
    fail_msg("refused: %s: %s", quoted, fault.text);
}
static inline void refuses(const char *quoted, const char *words) {
  if (test_read(quoted) != ERR_BAD_REQUEST)
    fail_msg("not refused: %s", quoted);
  if (text_find(text_of(fault.text), text_of(words)) < 0)
    fail_msg("%s: said \"%s\", expected \"%s\"", quoted, fault.text, words);
}

#define HI    "{'role':'user','content':[{'text':'hi'}]}"
#define TOOLS "'toolConfig':{'tools':[{'toolSpec':{'name':'w','inputSchema':{'json':{'type':'object'}}}}]}"
#define USE   "{'role':'assistant','content':[{'toolUse':{'toolUseId':'u1','name':'w','input':{}}}]}"

#endif
