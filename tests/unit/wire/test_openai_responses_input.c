/* Items, content parts and reasoning of Responses requests. */
#include "responses_test.h"

#define PNG          "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
#define INPUT(items) "{\"model\":\"m\",\"input\":[" items "]}"
#define USER(parts)  "{\"role\":\"user\",\"content\":[" parts "]}"
#define CALL(id)     "{\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"n\",\"arguments\":\"{}\"}"
#define OUTPUT(id)   "{\"type\":\"function_call_output\",\"call_id\":\"" id "\",\"output\":\"o\"}"

static void consecutive_items_of_one_side_are_one_message(void **state) {
  struct asked x;
  ask_well(&x,
           INPUT("{\"role\":\"developer\",\"content\":\"d\"}," USER(
               "{\"type\":\"input_text\",\"text\":\"u\"}") ","
                                                           "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],"
                                                           "\"encrypted_content\":\"e\"},"
                                                           "{\"type\":\"message\",\"role\":\"assistant\",\"id\":\"msg_"
                                                           "1\",\"status\":\"completed\",\"content\":[{"
                                                           "\"type\":\"output_text\",\"text\":\"t\",\"annotations\":[]}"
                                                           "]}," CALL("c1") "," CALL("c2") "," OUTPUT("c1") "," OUTPUT(
                                                               "c2") ",{\"role\":\"user\",\"content\":\"v\"}"));
  const enum llm_role roles[] = {LLM_DEVELOPER, LLM_USER, LLM_ASSISTANT, LLM_USER, LLM_USER};
  const size_t counts[] = {1, 1, 4, 2, 1};
  assert_int_equal(x.rq.message_count, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(x.rq.messages[i].role, roles[i]);
    assert_int_equal(x.rq.messages[i].count, counts[i]);
  }
  const enum llm_kind kinds[] = {LLM_THINKING, LLM_TEXT, LLM_TOOL_USE, LLM_TOOL_USE};
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(x.rq.messages[2].blocks[i].kind, kinds[i]);
  assert_int_equal(x.rq.messages[2].blocks[3].place.at[0], 5);
  EXPECT_TEXT(x.rq.messages[3].blocks[1].id, TEXT("c2"));
  EXPECT_TEXT(x.rq.messages[3].blocks[1].content[0].text, TEXT("o"));
  asked_done(&x);
}

static void parts_are_read_with_their_media_and_marks(void **state) {
  struct asked x;
  ask_well(
      &x,
      INPUT(USER(
          "{\"type\":\"input_text\",\"text\":\"\",\"prompt_cache_breakpoint\":{\"mode\":\"explicit\",\"ttl\":\"12h\"}},"
          "{\"type\":\"input_image\",\"detail\":\"low\",\"image_url\":\"data:image/png;base64," PNG "\"},"
          "{\"type\":\"input_image\",\"image_url\":\"https://a/b.png\"},"
          "{\"type\":\"input_image\",\"file_id\":\"f1\"},"
          "{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":\"JVBERg==\"},"
          "{\"type\":\"input_file\",\"filename\":\"a.odd\",\"file_data\":\"JVBERg==\"},"
          "{\"type\":\"input_file\",\"file_data\":\"data:text/plain;charset=utf-8;base64,JVBERg==\"},"
          "{\"type\":\"input_file\",\"file_url\":\"http://a/b\"},"
          "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"JVBERg==\",\"format\":\"mp3\"}}")));
  const struct llm_block *b = x.rq.messages[0].blocks;
  assert_int_equal(x.rq.messages[0].count, 9);
  assert_int_equal(b[0].cache, LLM_CACHE_12H);
  EXPECT_TEXT(b[1].media.media_type, TEXT("image/png"));
  EXPECT_TEXT(b[1].media.data, TEXT(PNG));
  EXPECT_TEXT(b[1].media.detail, TEXT("low"));
  assert_int_equal(b[2].media.source, LLM_URL);
  assert_int_equal(b[3].media.source, LLM_FILE_ID);
  EXPECT_TEXT(b[4].media.media_type, TEXT("application/pdf"));
  EXPECT_TEXT(b[4].media.title, TEXT("a.pdf"));
  EXPECT_TEXT(b[5].media.media_type, TEXT_NONE);
  EXPECT_TEXT(b[6].media.media_type, TEXT("text/plain"));
  assert_int_equal(b[7].media.source, LLM_URL);
  assert_int_equal(b[8].kind, LLM_AUDIO);
  EXPECT_TEXT(b[8].media.media_type, TEXT("audio/mpeg"));
  asked_done(&x);
}

static void citations_come_back_with_what_they_quote(void **state) {
  struct asked x;
  ask_well(&x,
           INPUT("{\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"abc\",\"annotations\":[{"
                 "\"type\":\"url_citation\",\"url\":\"https://a\",\"title\":\"T\",\"start_index\":1,\"end_index\":3,"
                 "\"content\":\"q\"}],\"logprobs\":[]}]}"));
  const struct llm_block *b = x.rq.messages[0].blocks;
  assert_int_equal(b->citation_count, 1);
  EXPECT_TEXT(b->citations[0].url, TEXT("https://a"));
  EXPECT_TEXT(b->citations[0].cited_text, TEXT("q"));
  assert_int_equal(b->citations[0].start, 1);
  assert_int_equal(b->citations[0].end, 3);
  asked_done(&x);
}

static void reasoning_keeps_what_openai_wants_back(void **state) {
  struct asked x;
  ask_well(
      &x, INPUT("{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"a\"},{"
                "\"type\":\"summary_text\",\"text\":\"b\"}],\"content\":[{\"type\":\"reasoning_text\",\"text\":\"w\"}],"
                "\"encrypted_content\":\"enc\"},{\"type\":\"reasoning\",\"id\":\"rs_2\",\"summary\":[{\"type\":"
                "\"summary_text\",\"text\":\"one\"}],\"encrypted_content\":null}"));
  const struct llm_block *b = x.rq.messages[0].blocks;
  EXPECT_TEXT(b[0].text, TEXT("a\n\nb"));
  EXPECT_TEXT(b[0].format, TEXT(LLM_FORMAT_RESPONSES));
  EXPECT_TEXT(b[0].id, TEXT("rs_1"));
  EXPECT_TEXT(b[0].signature, TEXT("enc"));
  EXPECT_TEXT(
      b[0].details,
      TEXT("{\"summary\":[{\"type\":\"summary_text\",\"text\":\"a\"},{\"type\":\"summary_text\",\"text\":\"b\"}],"
           "\"content\":[{\"type\":\"reasoning_text\",\"text\":\"w\"}]}"));
  EXPECT_TEXT(b[1].text, TEXT("one"));
  EXPECT_TEXT(b[1].details, TEXT_NONE);
  EXPECT_TEXT(b[1].signature, TEXT_NONE);
  asked_done(&x);
}

static void empty_arguments_are_an_empty_object(void **state) {
  struct asked x;
  ask_well(&x, INPUT("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"n\",\"arguments\":\" \"},"
                     "{\"type\":\"custom_tool_call\",\"call_id\":\"d\",\"name\":\"n\",\"input\":\"\"},"
                     "{\"type\":\"custom_tool_call_output\",\"call_id\":\"d\",\"output\":\"\"}"));
  EXPECT_TEXT(x.rq.messages[0].blocks[0].input, TEXT("{}"));
  EXPECT_TEXT(x.rq.messages[0].blocks[1].input, TEXT_NONE);
  assert_true(x.rq.messages[0].blocks[1].is_custom && x.rq.messages[1].blocks[0].is_custom);
  assert_int_equal(x.rq.messages[1].blocks[0].content_count, 0);
  asked_done(&x);
}

static void wrong_types_are_named_wherever_they_stand(void **state) {
  static const struct refused cases[] = {
      {"{\"model\":\"m\",\"input\":7}", "input", ERR_BAD_REQUEST},
      {"{\"model\":\"m\",\"input\":[]}", "input", ERR_BAD_REQUEST},
      {INPUT("7"), "input[0]", ERR_BAD_REQUEST},
      {INPUT("{}"), "input[0].type", ERR_BAD_REQUEST},
      {INPUT("{\"role\":\"king\",\"content\":\"x\"}"), "input[0].role", ERR_BAD_REQUEST},
      {INPUT("{\"role\":\"user\"}"), "input[0].content", ERR_BAD_REQUEST},
      {INPUT("{\"role\":\"user\",\"content\":{}}"), "input[0].content", ERR_BAD_REQUEST},
      {INPUT(USER("1")), "input[0].content[0]", ERR_BAD_REQUEST},
      {INPUT(USER("{}")), "input[0].content[0].type", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"output_text\",\"text\":\"x\"}")), "input[0].content[0].type", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_text\"}")), "input[0].content[0].text", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_text\",\"text\":1}")), "input[0].content[0].text", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_text\",\"text\":\"x\",\"prompt_cache_breakpoint\":1}")),
       "input[0].content[0].prompt_cache_breakpoint", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_image\"}")), "input[0].content[0].image_url", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_image\",\"image_url\":\"ftp://x\"}")), "input[0].content[0].image_url",
       ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,@@\"}")),
       "input[0].content[0].image_url", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_image\",\"image_url\":\"data:image/bmp;base64,AAAA\"}")),
       "input[0].content[0].image_url", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_image\",\"detail\":\"x\",\"file_id\":\"f\"}")), "input[0].content[0].detail",
       ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_file\"}")), "input[0].content[0].file_data", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_file\",\"file_id\":\"a\",\"file_url\":\"http://a/b\"}")),
       "input[0].content[0].file_data", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_file\",\"file_data\":\"=\"}")), "input[0].content[0].file_data", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_file\",\"file_url\":\"data:a/b;base64,AAAA\"}")), "input[0].content[0].file_url",
       ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_audio\",\"input_audio\":7}")), "input[0].content[0].input_audio", ERR_BAD_REQUEST},
      {INPUT(USER("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"x\"}}")),
       "input[0].content[0].input_audio.format", ERR_BAD_REQUEST},
      {INPUT("{\"role\":\"assistant\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"f\"}]}"),
       "input[0].content[0].type", ERR_BAD_REQUEST},
      {INPUT("{\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\",\"annotations\":{}}]}"),
       "input[0].content[0].annotations", ERR_BAD_REQUEST},
      {INPUT("{\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\",\"annotations\":[{\"type\":"
             "\"url_citation\"}]}]}"),
       "input[0].content[0].annotations[0].url", ERR_BAD_REQUEST},
      {INPUT("{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\"}]}"), "input[0].content[0].refusal",
       ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"function_call\",\"name\":\"n\",\"arguments\":\"{}\"}"), "input[0].call_id", ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"function_call\",\"call_id\":\"c\",\"arguments\":\"{}\"}"), "input[0].name", ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"n\",\"arguments\":\"[]\"}"),
       "input[0].arguments", ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"n\",\"arguments\":{}}"), "input[0].arguments",
       ERR_BAD_REQUEST},
      {INPUT(CALL("c") ",{\"type\":\"function_call_output\",\"call_id\":\"c\"}"), "input[1].output", ERR_BAD_REQUEST},
      {INPUT(CALL("c") ",{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":[{\"type\":\"refusal\","
                       "\"refusal\":\"x\"}]}"),
       "input[1].output[0].type", ERR_BAD_REQUEST},
      {INPUT(CALL("c") ",{\"type\":\"function_call_output\",\"output\":\"x\"}"), "input[1].call_id", ERR_BAD_REQUEST},
      {INPUT(OUTPUT("c") "," CALL("c")), "input[0].call_id", ERR_BAD_REQUEST},
      {INPUT(CALL("c") ",{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"x\"}"),
       "input[1].call_id", ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"reasoning\",\"summary\":{}}"), "input[0].summary", ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"reasoning\",\"summary\":[{\"type\":\"reasoning_text\",\"text\":\"x\"}]}"), "input[0].summary",
       ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"reasoning\",\"id\":1,\"summary\":[]}"), "input[0].id", ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":1}"), "input[0].encrypted_content",
       ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"weir1.@\"}"), "input[0].encrypted_content",
       ERR_BAD_REQUEST},
      {INPUT("{\"type\":\"message\",\"role\":\"user\",\"content\":\"x\",\"zork\":1}"), "input[0].zork",
       ERR_UNSUPPORTED},
      {INPUT("{\"type\":\"reasoning\",\"summary\":[],\"zork\":1}"), "input[0].zork", ERR_UNSUPPORTED},
      {INPUT(USER("{\"type\":\"input_text\",\"text\":\"x\",\"zork\":1}")), "input[0].content[0].zork", ERR_UNSUPPORTED},
      {INPUT("{\"id\":\"msg_1\"}"), "input[0].type", ERR_UNSUPPORTED},
      {INPUT("{\"type\":\"item_reference\",\"id\":\"msg_1\"}"), "input[0].type", ERR_UNSUPPORTED},
      {INPUT("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"n\",\"caller\":{\"type\":\"program\",\"caller_"
             "id\":\"p\"}}"),
       "input[0].caller", ERR_UNSUPPORTED},
  };
  EXPECT_REFUSED(cases);
}

/* An image just above the maximum, which no test wants to spell out. */
static void media_above_the_maximum_is_refused(void **state) {
  static const char head[] =
      "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":"
      "\"data:image/png;base64,";
  size_t digits = (size_t)28 * 1024 * 1024;
  char *json = malloc(sizeof(head) + digits + 8);
  assert_non_null(json);
  memcpy(json, head, sizeof(head) - 1);
  memset(json + sizeof(head) - 1, 'A', digits);
  memcpy(json + sizeof(head) - 1 + digits, "\"}]}]}", 7);
  struct asked x;
  ask(&x, json);
  assert_int_equal(x.err, ERR_BAD_REQUEST);
  assert_string_equal(x.f.field, "input[0].content[0].image_url");
  asked_done(&x);
  free(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(consecutive_items_of_one_side_are_one_message),
      cmocka_unit_test(parts_are_read_with_their_media_and_marks),
      cmocka_unit_test(citations_come_back_with_what_they_quote),
      cmocka_unit_test(reasoning_keeps_what_openai_wants_back),
      cmocka_unit_test(empty_arguments_are_an_empty_object),
      cmocka_unit_test(wrong_types_are_named_wherever_they_stand),
      cmocka_unit_test(media_above_the_maximum_is_refused),
  };
  return RUN_TESTS(tests);
}
