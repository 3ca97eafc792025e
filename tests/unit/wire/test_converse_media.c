/* Images, documents, sounds and search results of Converse requests. */
#include "wire/converse_media.h"

#include "converse_test.h"

static void media_are_read(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q =
      ask_well(&a, with_block(&a, "{'image':{'format':'webp','source':{'bytes':'AAAA'}}},"
                                  "{'audio':{'format':'mp3','source':{'bytes':'AAAA'}}},"
                                  "{'document':{'format':'docx','name':'n','source':{'bytes':'AAAA'}}},"
                                  "{'document':{'name':'n','source':{'text':'plain'}}},"
                                  "{'document':{'format':'csv','name':'n','source':{'bytes':'YSxi'}}},"
                                  "{'document':{'format':'txt','name':'n','source':{'bytes':'/w=='}}},"
                                  "{'document':{'format':'txt','name':'n','source':{'content':[{'text':'one'}]}}},"
                                  "{'image':{'format':'png','source':{'s3Location':{'uri':'s3://b/k'}}}}"));
  const struct {
    enum llm_kind kind;
    enum llm_source source;
    const char *type, *data;
  } want[] = {
      {LLM_IMAGE, LLM_BASE64, "image/webp", "AAAA"},
      {LLM_AUDIO, LLM_BASE64, "audio/mpeg", "AAAA"},
      {LLM_DOCUMENT, LLM_BASE64, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "AAAA"},
      {LLM_DOCUMENT, LLM_PLAIN, "text/plain", "plain"},
      {LLM_DOCUMENT, LLM_PLAIN, "text/csv", "a,b"},
      {LLM_DOCUMENT, LLM_BASE64, "text/plain", "/w=="},
      {LLM_DOCUMENT, LLM_PLAIN, "text/plain", "one"},
      {LLM_IMAGE, LLM_S3, "image/png", "{\"uri\":\"s3://b/k\"}"}};
  for (size_t i = 0; i < COUNT_OF(want); i++) {
    const struct llm_block *b = &q.rq.messages[0].blocks[i];
    assert_int_equal(b->kind, want[i].kind);
    assert_int_equal(b->media.source, want[i].source);
    EXPECT_TEXT(b->media.media_type, text_of(want[i].type));
    EXPECT_TEXT(b->media.data, text_of(want[i].data));
  }
  arena_done(&a);
}

static void wrong_media_are_named(void **state) {
  struct arena a;
  arena_init(&a);
  const struct trouble rows[] = {
      {with_block(&a, "{'image':7}"), "messages[0].content[0].image"},
      {with_block(&a, "{'image':{'source':{'bytes':'AAAA'}}}"), "messages[0].content[0].image.format"},
      {with_block(&a, "{'image':{'format':'bmp','source':{'bytes':'AAAA'}}}"), "messages[0].content[0].image.format"},
      {with_block(&a, "{'image':{'format':'png'}}"), "messages[0].content[0].image.source"},
      {with_block(&a, "{'image':{'format':'png','source':{'bytes':'A'}}}"),
       "messages[0].content[0].image.source.bytes"},
      {with_block(&a, "{'image':{'format':'png','source':{'s3Location':{}}}}"),
       "messages[0].content[0].image.source.s3Location.uri"},
      {with_block(&a, "{'document':{'source':{'text':'x'}}}"), "messages[0].content[0].document.name"},
      {with_block(&a, "{'document':{'name':'n','source':{'bytes':'AAAA'}}}"), "messages[0].content[0].document.format"},
      {with_block(&a, "{'document':{'name':'n','source':{'text':'x','bytes':'AAAA'}}}"),
       "messages[0].content[0].document.source"},
      {with_block(&a, "{'document':{'name':'n','source':{'text':'x'},'citations':{'enabled':1}}}"),
       "messages[0].content[0].document.citations.enabled"},
      {with_block(&a, "{'searchResult':{'source':'s','title':'t','content':'x'}}"),
       "messages[0].content[0].searchResult.content"},
      {with_block(&a, "{'searchResult':{'source':'s','content':[]}}"), "messages[0].content[0].searchResult.title"},
      {with_block(&a, "{'audio':{'format':'png','source':{'bytes':'AAAA'}}}"), "messages[0].content[0].audio.format"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_BAD_REQUEST);
  arena_done(&a);
}

static void media_too_large_are_named(void **state) {
  size_t len = CONVERSE_MEDIA_MAX_BYTES / 3 * 4 + 8;
  struct arena a;
  arena_init(&a);
  char *data = arena_alloc(&a, len + 1);
  memset(data, 'A', len);
  data[len] = '\0';
  struct asked q =
      ask(&a, with_block(&a, arena_format(&a, "{'image':{'format':'png','source':{'bytes':'%s'}}}", data).at));
  assert_int_equal(q.err, ERR_BAD_REQUEST);
  assert_string_equal(q.fault.field, "messages[0].content[0].image.source.bytes");
  arena_done(&a);
}

static void what_cannot_be_carried_is_refused(void **state) {
  struct arena a;
  arena_init(&a);
  const struct trouble rows[] = {
      {with_block(&a, "{'document':{'name':'n','source':{'content':[{'text':'a'},{'text':'b'}]}}}"),
       "messages[0].content[0].document.source.content"},
      {with_block(&a, "{'image':{'format':'png','source':{'bytes':'AAAA'},'error':{'message':'m'}}}"),
       "messages[0].content[0].image.error"},
      {with_block(&a, "{'image':{'format':'png','source':{'url':'x'}}}"), "messages[0].content[0].image.source.url"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_UNSUPPORTED);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(media_are_read),
      cmocka_unit_test(wrong_media_are_named),
      cmocka_unit_test(media_too_large_are_named),
      cmocka_unit_test(what_cannot_be_carried_is_refused),
  };
  return RUN_TESTS(tests);
}
