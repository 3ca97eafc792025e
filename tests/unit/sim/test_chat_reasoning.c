/* Reasoning in chat completions, in each service's members. */
#include "sim/chat_reasoning.h"

#include "sim_test.h"

static struct arena arena;
static struct buf out;
static struct sim_answer answer;

static int fresh(void **state) {
  struct sim_ask ask = {.model = TEXT("m"), .said = TEXT("hi"), .thinks = true, .behaviour = {.redacted = true}};
  arena_init(&arena);
  buf_init(&out, 1 << 16);
  answer_plan(&ask, 1, NULL, &arena, &answer);
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  buf_done(&out);
  return 0;
}

static void openai_shows_content_alone(void **state) {
  chat_put_reasoning(&out, &answer, CHAT_OPENAI);
  EXPECT_TEXT(buf_text(&out), TEXT(",\"reasoning_content\":\"weir-sim pretends to think about: hi\""));
}

static void openrouter_shows_details_with_signatures(void **state) {
  chat_put_reasoning(&out, &answer, CHAT_OPENROUTER);
  EXPECT_INSIDE(buf_text(&out), TEXT(",\"reasoning\":\"weir-sim pretends to think about: hi\",\"reasoning_details\":[{"
                                     "\"type\":\"reasoning.text\",\"text\":\"weir-sim pretends to think about: hi\","
                                     "\"signature\":\""));
  EXPECT_INSIDE(buf_text(&out), TEXT("{\"type\":\"reasoning.encrypted\",\"data\":\""));
}

/* All deltas of the first two blocks, one a line. */
static struct text deltas(enum chat_flavour flavour) {
  struct sim_cursor c = {0};
  for (c.block = 0; c.block < 2; c.block++, c.offset = 0, c.has_any = false) {
    while (chat_put_reasoning_delta(&out, &answer, &c, flavour))
      buf_add_char(&out, '\n');
  }
  return buf_text(&out);
}

static void openai_streams_the_text_only(void **state) {
  EXPECT_TEXT(deltas(CHAT_OPENAI),
              TEXT("\"reasoning_content\":\"weir-sim prete\"\n\"reasoning_content\":\"nds to think a\"\n"
                   "\"reasoning_content\":\"bout: hi\"\n"));
}

static void openrouter_streams_signature_and_encrypted_last(void **state) {
  struct text all = deltas(CHAT_OPENROUTER);
  EXPECT_INSIDE(all,
                TEXT("\"reasoning\":\"weir-sim prete\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":"
                     "\"weir-sim prete\",\"format\":\"anthropic-claude-v1\",\"index\":0}]\n"));
  EXPECT_INSIDE(all, TEXT("\"reasoning\":null,\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\""));
  EXPECT_INSIDE(all, TEXT("{\"type\":\"reasoning.encrypted\",\"data\":\""));
}

static void without_reasoning_openrouter_says_null(void **state) {
  answer.block_count = 0;
  chat_put_reasoning(&out, &answer, CHAT_OPENROUTER);
  EXPECT_TEXT(buf_text(&out), TEXT(",\"reasoning\":null"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(openai_shows_content_alone),
      CASE(openrouter_shows_details_with_signatures),
      CASE(openai_streams_the_text_only),
      CASE(openrouter_streams_signature_and_encrypted_last),
      CASE(without_reasoning_openrouter_says_null),
  };
  return RUN_TESTS(tests);
}
