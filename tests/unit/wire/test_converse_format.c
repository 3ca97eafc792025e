/* Formats of media and lives of cache marks. */
#include "wire/converse_format.h"

#include "converse_test.h"

static void formats_and_media_types_are_told_both_ways(void **state) {
  EXPECT_TEXT(converse_media_type(LLM_IMAGE, TEXT("jpeg")), TEXT("image/jpeg"));
  EXPECT_TEXT(converse_format(LLM_IMAGE, TEXT("image/jpg")), TEXT("jpeg"));
  EXPECT_TEXT(converse_media_type(LLM_DOCUMENT, TEXT("xlsx")),
              TEXT("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"));
  EXPECT_TEXT(converse_format(LLM_DOCUMENT, TEXT("Application/PDF")), TEXT("pdf"));
  EXPECT_TEXT(converse_format(LLM_AUDIO, TEXT("audio/mp3")), TEXT("mp3"));
  EXPECT_TEXT(converse_media_type(LLM_AUDIO, TEXT("mp3")), TEXT("audio/mpeg"));
}

static void a_format_of_another_kind_is_none(void **state) {
  assert_true(text_is_empty(converse_media_type(LLM_IMAGE, TEXT("pdf"))));
  assert_true(text_is_empty(converse_format(LLM_DOCUMENT, TEXT("image/png"))));
  assert_true(text_is_empty(converse_format(LLM_IMAGE, TEXT_NONE)));
}

static void the_shortest_life_that_is_long_enough_is_taken(void **state) {
  const struct {
    enum llm_cache cache;
    bool can;
    const char *ttl;
  } rows[] = {{LLM_CACHE_DEFAULT, true, ""},
              {LLM_CACHE_5M, true, "5m"},
              {LLM_CACHE_30M, true, "1h"},
              {LLM_CACHE_1H, true, "1h"},
              {LLM_CACHE_12H, false, "none"}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct text ttl = TEXT("none");
    assert_int_equal(converse_ttl(rows[i].cache, &ttl), rows[i].can);
    EXPECT_TEXT(ttl, text_of(rows[i].ttl));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(formats_and_media_types_are_told_both_ways),
      cmocka_unit_test(a_format_of_another_kind_is_none),
      cmocka_unit_test(the_shortest_life_that_is_long_enough_is_taken),
  };
  return RUN_TESTS(tests);
}
