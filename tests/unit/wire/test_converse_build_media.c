/* Media written into Converse requests. */
#include "wire/converse_build.h"

#include "converse_test.h"

static struct llm_request of(struct arena *a, struct llm_block *blocks, size_t count) {
  struct llm_request rq = ask_well(a, with_text(a, "")).rq;
  rq.messages[0].blocks = blocks;
  rq.messages[0].count = count;
  for (size_t i = 0; i < count; i++)
    blocks[i].place = (struct llm_place){"messages[#].content[#]", {0, (uint32_t)i}};
  return rq;
}

static struct llm_block document(const char *title) {
  return (struct llm_block){
      .kind = LLM_DOCUMENT,
      .media = {.source = LLM_PLAIN, .media_type = TEXT("text/plain"), .data = TEXT("x"), .title = text_of(title)}};
}

static void names_of_documents_are_made_valid_and_unlike(void **state) {
  const struct {
    const char *title, *want;
  } rows[] = {{"Report (1) [a]-b", "Report (1) [a]-b"},
              {"Report (1) [a]-b", "Report (1) [a]-b-2"},
              {"", "document-3"},
              {"a.pdf", "a-pdf"},
              {"  two   spaces  ", "two spaces"},
              {"Übersicht", "-bersicht"},
              {"a.pdf", "a-pdf-7"}};
  struct llm_block blocks[COUNT_OF(rows)];
  struct arena a;
  enum err err;
  struct fault f = {0};
  arena_init(&a);
  for (size_t i = 0; i < COUNT_OF(rows); i++)
    blocks[i] = document(rows[i].title);
  struct llm_request rq = of(&a, blocks, COUNT_OF(rows));
  struct text body = written(&a, &rq, &err, &f);
  assert_int_equal(err, ERR_OK);
  yyjson_doc *doc = yyjson_read(body.at, body.len, 0);
  yyjson_val *content = json_get(yyjson_arr_get_first(json_get(yyjson_doc_get_root(doc), "messages")), "content");
  for (size_t i = 0; i < COUNT_OF(rows); i++)
    EXPECT_TEXT(json_text(json_get(json_get(yyjson_arr_get(content, i), "document"), "name")), text_of(rows[i].want));
  yyjson_doc_free(doc);
  arena_done(&a);
}

static void what_media_cannot_be_is_refused(void **state) {
  static struct llm_block inner = {.kind = LLM_TEXT, .text = TEXT("x"), .cache = LLM_CACHE_5M, .place = {"inner"}};
  static const struct {
    struct llm_block block;
    const char *field;
  } rows[] = {
      {{.kind = LLM_IMAGE, .media = {.source = LLM_URL}}, "messages[0].content[0].source"},
      {{.kind = LLM_IMAGE, .media = {.source = LLM_FILE_ID}}, "messages[0].content[0].source"},
      {{.kind = LLM_IMAGE, .media = {.media_type = TEXT("image/tiff")}}, "messages[0].content[0].media_type"},
      {{.kind = LLM_IMAGE, .media = {.media_type = TEXT("image/png"), .detail = TEXT("low")}},
       "messages[0].content[0].detail"},
      {{.kind = LLM_DOCUMENT, .media = {.media_type = TEXT("application/zip")}}, "messages[0].content[0].media_type"},
      {{.kind = LLM_DOCUMENT, .media = {.source = LLM_URL}}, "messages[0].content[0].source"},
      {{.kind = LLM_AUDIO, .media = {.media_type = TEXT("audio/midi")}}, "messages[0].content[0].media_type"},
      {{.kind = LLM_SEARCH_RESULT, .content = &inner, .content_count = 1}, "inner.cache_control"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    struct llm_block block = rows[i].block;
    arena_init(&a);
    struct llm_request rq = of(&a, &block, 1);
    expect_refused(&a, &rq, ERR_UNSUPPORTED, rows[i].field);
    arena_done(&a);
  }
}

static void parameters_and_unknown_texts_have_a_format(void **state) {
  struct llm_block blocks[] = {{.kind = LLM_DOCUMENT,
                                .media = {.source = LLM_PLAIN,
                                          .media_type = TEXT("application/x-thing"),
                                          .data = TEXT("x"),
                                          .title = TEXT("t")}},
                               {.kind = LLM_DOCUMENT,
                                .media = {.source = LLM_BASE64,
                                          .media_type = TEXT("text/HTML; charset=utf-8"),
                                          .data = TEXT("AAAA"),
                                          .title = TEXT("u")}}};
  struct arena a;
  arena_init(&a);
  struct llm_request rq = of(&a, blocks, 2);
  expect_written(
      &a, &rq,
      "{'messages':[{'role':'user','content':[{'document':{'format':'txt','name':'t','source':{'text':'x'}}},"
      "{'document':{'format':'html','name':'u','source':{'bytes':'AAAA'}}}]}]}");
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_of_documents_are_made_valid_and_unlike),
      cmocka_unit_test(what_media_cannot_be_is_refused),
      cmocka_unit_test(parameters_and_unknown_texts_have_a_format),
  };
  return RUN_TESTS(tests);
}
