/* What content parts of the OpenAI dialects share. */
#include "wire/openai_parts.h"

#include "chat_test.h"

static const struct llm_place place = {.form = "parts[#]", .at = {2}};

static void addresses_and_data_are_told_apart(void **state) {
  struct llm_media m = {0};
  struct fault f = {0};
  assert_int_equal(openai_parts_read_url(TEXT("HTTPS://a/b.png"), &place, "url", &m, &f), ERR_OK);
  assert_int_equal(m.source, LLM_URL);
  EXPECT_TEXT(m.data, TEXT("HTTPS://a/b.png"));
  assert_int_equal(openai_parts_read_url(TEXT("data:image/png;charset=x;base64,AAEC"), &place, "url", &m, &f), ERR_OK);
  assert_int_equal(m.source, LLM_BASE64);
  EXPECT_TEXT(m.media_type, TEXT("image/png"));
  EXPECT_TEXT(m.data, TEXT("AAEC"));
}

static void other_addresses_are_bad(void **state) {
  static const char *const bad[] = {"",
                                    "ftp://a/b",
                                    "https://",
                                    "file:///etc/passwd",
                                    "data:image/png,abc",
                                    "data:;base64,AAEC",
                                    "data:image/png;base64",
                                    "data:image/png;base64,",
                                    "data:image/png;base64,AAE",
                                    "data:image/png;base64,AA C",
                                    "AAEC"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct llm_media m = {0};
    struct fault f = {0};
    if (openai_parts_read_url(text_of(bad[i]), &place, "url", &m, &f) != ERR_BAD_REQUEST)
      fail_msg("\"%s\" passed", bad[i]);
    assert_string_equal(f.field, "parts[2].url");
  }
}

static void base64_has_a_limit(void **state) {
  size_t most = OPENAI_MEDIA_MAX_BYTES / 3 * 4;
  struct arena a;
  struct fault f = {0};
  arena_init(&a);
  char *at = arena_alloc(&a, most + 8);
  memset(at, 'A', most + 8);
  assert_int_equal(openai_parts_check_base64((struct text){at, most}, &place, "data", &f), ERR_OK);
  assert_int_equal(openai_parts_check_base64((struct text){at, most + 8}, &place, "data", &f), ERR_BAD_REQUEST);
  assert_string_equal(f.text, "parts[2].data: is larger than 20 MB");
  arena_done(&a);
}

static void images_are_of_four_types(void **state) {
  const struct {
    struct llm_media media;
    enum err want;
  } cases[] = {{{.source = LLM_BASE64, .media_type = TEXT("image/webp")}, ERR_OK},
               {{.source = LLM_BASE64, .media_type = TEXT("image/svg+xml")}, ERR_BAD_REQUEST},
               {{.source = LLM_BASE64, .media_type = TEXT("application/pdf")}, ERR_BAD_REQUEST},
               {{.source = LLM_URL}, ERR_OK}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_int_equal(openai_parts_check_image(&cases[i].media, &place, "url", NULL), cases[i].want);
}

static struct text put(struct arena *a, const struct llm_media *m) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, 1 << 16);
  json_writer_init(&w, &out);
  openai_parts_put_url(&w, m);
  struct text t = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return t;
}

static void media_are_written_as_addresses_or_data(void **state) {
  struct arena a;
  arena_init(&a);
  EXPECT_TEXT(put(&a, &(struct llm_media){.source = LLM_URL, .data = TEXT("https://a/\"b")}),
              TEXT("\"https://a/\\\"b\""));
  EXPECT_TEXT(put(&a, &(struct llm_media){.source = LLM_BASE64, .media_type = TEXT("a/b"), .data = TEXT("AAEC")}),
              TEXT("\"data:a/b;base64,AAEC\""));
  EXPECT_TEXT(put(&a, &(struct llm_media){.source = LLM_PLAIN, .data = TEXT("hello")}),
              TEXT("\"data:text/plain;base64,aGVsbG8=\""));
  arena_done(&a);
}

static enum llm_cache cache_of(struct arena *a, const char *json, enum err want) {
  enum llm_cache cache = LLM_CACHE_NONE;
  assert_int_equal(openai_parts_read_cache(parsed(a, json_of(a, json))->root, &place, &cache, NULL), want);
  return cache;
}

static void breakpoints_say_how_long(void **state) {
  struct arena a;
  arena_init(&a);
  assert_int_equal(cache_of(&a, "{'mode':'explicit'}", ERR_OK), LLM_CACHE_DEFAULT);
  assert_int_equal(cache_of(&a, "{'mode':'explicit','ttl':'30m'}", ERR_OK), LLM_CACHE_30M);
  assert_int_equal(cache_of(&a, "{'ttl':'12h','mode':'explicit'}", ERR_OK), LLM_CACHE_12H);
  static const char *const bad[] = {"{}", "{'mode':'implicit'}", "{'mode':'explicit','ttl':'1h'}", "'explicit'",
                                    "{'ttl':'30m'}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_int_equal(cache_of(&a, bad[i], ERR_BAD_REQUEST), LLM_CACHE_NONE);
  arena_done(&a);
}

static void breakpoints_live_at_least_as_long_as_asked(void **state) {
  const struct {
    enum llm_cache cache;
    const char *want;
  } cases[] = {{LLM_CACHE_NONE, "{}"},
               {LLM_CACHE_DEFAULT, "{'prompt_cache_breakpoint':{'mode':'explicit'}}"},
               {LLM_CACHE_5M, "{'prompt_cache_breakpoint':{'mode':'explicit','ttl':'30m'}}"},
               {LLM_CACHE_30M, "{'prompt_cache_breakpoint':{'mode':'explicit','ttl':'30m'}}"},
               {LLM_CACHE_1H, "{'prompt_cache_breakpoint':{'mode':'explicit','ttl':'12h'}}"},
               {LLM_CACHE_12H, "{'prompt_cache_breakpoint':{'mode':'explicit','ttl':'12h'}}"}};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct buf out;
    struct json_writer w;
    buf_init(&out, 1024);
    json_writer_init(&w, &out);
    json_object(&w);
    openai_parts_write_cache(&w, cases[i].cache);
    json_object_end(&w);
    expect_json(buf_text(&out), json_of(&a, cases[i].want).at);
    buf_done(&out);
  }
  arena_done(&a);
}

static void budgets_are_efforts(void **state) {
  EXPECT_TEXT(openai_parts_effort(1024), TEXT("low"));
  EXPECT_TEXT(openai_parts_effort(4096), TEXT("medium"));
  EXPECT_TEXT(openai_parts_effort(16383), TEXT("medium"));
  EXPECT_TEXT(openai_parts_effort(16384), TEXT("high"));
  assert_true(openai_parts_is_effort(TEXT("xhigh")));
  assert_false(openai_parts_is_effort(TEXT("most")) || openai_parts_is_effort(TEXT("")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_and_data_are_told_apart),
      cmocka_unit_test(other_addresses_are_bad),
      cmocka_unit_test(base64_has_a_limit),
      cmocka_unit_test(images_are_of_four_types),
      cmocka_unit_test(media_are_written_as_addresses_or_data),
      cmocka_unit_test(breakpoints_say_how_long),
      cmocka_unit_test(breakpoints_live_at_least_as_long_as_asked),
      cmocka_unit_test(budgets_are_efforts),
  };
  return RUN_TESTS(tests);
}
