/* Estimated counts beside the counts of real tokenizers (tests/fixtures/tokens). The published tokenizer of Claude is
 * an old one; newer ones count up to 35 % more, so that much is added to its counts before they are compared. */
#include "llm/tokens.h"

#include "../base/expect.h"

#include <dirent.h>

#include "base/json.h"

#define CLAUDE_MARGIN 1.35
#define LEAST_SHARE   0.9
#define MOST_RATIO    1.55 /* of prose and code, beside the plain counts */

static bool read_file(const char *name, char *at, size_t size, struct text *out) {
  char path[512];
  (void)snprintf(path, sizeof(path), "%s/tokens/%s", TEST_FIXTURES, name);
  FILE *file = fopen(path, "rb");
  if (!file)
    return false;
  *out = (struct text){at, fread(at, 1, size, file)};
  (void)fclose(file);
  return out->len < size;
}

static bool is_prose_or_code(struct text name) {
  return text_starts(name, TEXT("english_")) || text_starts(name, TEXT("code_")) || text_starts(name, TEXT("markdown"));
}

static void check(const char *name, yyjson_val *root) {
  uint64_t gpt = 0, claude = 0;
  struct text text;
  if (!json_get_text(root, "text", &text))
    return;
  assert_true(json_get_u64(root, "o200k", &gpt) && json_get_u64(root, "claude", &claude));
  double plain = (double)(gpt > claude ? gpt : claude), with_margin = CLAUDE_MARGIN * (double)claude;
  double truth = (double)gpt > with_margin ? (double)gpt : with_margin;
  uint64_t estimate = llm_tokens_of_text(text);
  print_message("# %-28s estimate %5llu, o200k %5llu, claude %5llu: %.2f\n", name, (unsigned long long)estimate,
                (unsigned long long)gpt, (unsigned long long)claude, (double)estimate / plain);
  if ((double)estimate < LEAST_SHARE * truth)
    fail_msg("%s: %llu is more than 10 %% below %.0f", name, (unsigned long long)estimate, truth);
  if (is_prose_or_code(text_of(name)) && (double)estimate > MOST_RATIO * plain + 4)
    fail_msg("%s: %llu is far above %.0f", name, (unsigned long long)estimate, plain);
}

static void no_text_is_counted_more_than_a_tenth_too_low(void **state) {
  static char bytes[1 << 16];
  DIR *dir = opendir(TEST_FIXTURES "/tokens");
  size_t count = 0;
  assert_non_null(dir);
  for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
    struct text body;
    struct json doc;
    if (!text_ends(text_of(entry->d_name), TEXT(".json")))
      continue;
    assert_true(read_file(entry->d_name, bytes, sizeof(bytes), &body));
    assert_int_equal(json_read(body, NULL, &doc, NULL), ERR_OK);
    check(entry->d_name, doc.root);
    json_done(&doc);
    count++;
  }
  (void)closedir(dir);
  assert_true(count >= 60);
}

static void any_bytes_are_counted(void **state) {
  assert_int_equal(llm_tokens_of_text(TEXT("")), 0);
  assert_in_range(llm_tokens_of_text(TEXT("\xff\xfe\x80")), 3, 12);
  assert_in_range(llm_tokens_of_text(TEXT("\xe4\xbd")), 2, 8);
  assert_in_range(llm_tokens_of_text(TEXT("a")), 1, 2);
}

static void everything_the_model_is_shown_counts(void **state) {
  struct llm_block inner = {.text = TEXT("a result of six words, no more")};
  struct llm_block blocks[] = {
      {.text = TEXT("What is in the file?")},
      {.kind = LLM_TOOL_USE, .id = TEXT("call_1"), .name = TEXT("read"), .input = TEXT("{}")},
      {.kind = LLM_TOOL_RESULT, .id = TEXT("call_1"), .content = &inner, .content_count = 1},
      {.kind = LLM_DOCUMENT,
       .media = {.source = LLM_BASE64, .media_type = TEXT("application/pdf"), .data = TEXT("AAAA")}},
      {.kind = LLM_IMAGE, .media = {.source = LLM_URL, .data = TEXT("https://example.org/x.png")}},
      {.kind = LLM_REDACTED_THINKING, .signature = TEXT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")}};
  struct llm_message message = {.role = LLM_USER, .blocks = blocks};
  struct llm_tool tool = {.name = TEXT("read"), .schema = TEXT("{\"type\":\"object\"}")};
  struct llm_request rq = {.messages = &message, .message_count = 1};
  uint64_t before = llm_tokens_estimate(&rq);
  for (message.count = 1; message.count <= sizeof(blocks) / sizeof(blocks[0]); message.count++) {
    uint64_t now = llm_tokens_estimate(&rq);
    assert_true(now > before);
    before = now;
  }
  message.count--;
  rq.tools = &tool;
  rq.tool_count = 1;
  assert_true(llm_tokens_estimate(&rq) > before + 300);
  assert_true(before > 3000 + LLM_TOKENS_IMAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_text_is_counted_more_than_a_tenth_too_low),
      cmocka_unit_test(any_bytes_are_counted),
      cmocka_unit_test(everything_the_model_is_shown_counts),
  };
  return RUN_TESTS(tests);
}
