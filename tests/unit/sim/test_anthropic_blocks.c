/* Content blocks of messages: what each kind needs and what is remembered of it. */
#include "sim/anthropic_blocks.h"

#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
static struct sim_walk walk;
static struct fault fault;

static int fresh(void **state) {
  arena_init(&arena);
  ask = (struct sim_ask){0};
  fault = (struct fault){0};
  walk = (struct sim_walk){.ask = &ask, .arena = &arena, .fault = &fault};
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  return 0;
}

static void free_document(void *data) { json_done(data); }

static enum err content(const char *quoted, bool is_user) {
  struct json *doc = ARENA_NEW(&arena, struct json);
  *doc = test_json(&arena, quoted);
  arena_defer(&arena, free_document, doc);
  return sim_anthropic_content(&walk, doc->root, is_user);
}

static void refuses(const char *quoted, bool is_user, const char *words) {
  if (content(quoted, is_user) != ERR_BAD_REQUEST)
    fail_msg("not refused: %s", quoted);
  if (text_find(text_of(fault.text), text_of(words)) < 0)
    fail_msg("%s: said \"%s\", expected \"%s\"", quoted, fault.text, words);
}

static void content_is_text_or_known_blocks(void **state) {
  refuses("''", true, "non-empty content");
  refuses("5", true, "valid string or a valid list");
  refuses("['x']", true, "messages.0.content.0: Input should be an object");
  refuses("[{'text':'x'}]", true, "messages.0.content.0.type: Field required");
  refuses("[{'type':'smell'}]", true, "Input tag 'smell'");
  refuses("[{'type':'text','text':'ok'},{'type':'text','text':''}]", true, "text content blocks must be non-empty");
  assert_int_equal(content("[{'type':'text','text':'ok'}]", true), ERR_OK);
}

static void blocks_stand_on_their_side(void **state) {
  refuses("[{'type':'tool_use','id':'a','name':'b','input':{}}]", true, "can only be in `assistant` messages");
  refuses("[{'type':'image','source':{}}]", false, "can only be in `user` messages");
}

static void pictures_are_measured(void **state) {
  refuses("[{'type':'image'}]", true, "image.source: Field required");
  refuses("[{'type':'image','source':{'type':'base64','media_type':'image/bmp','data':'AAAA'}}]", true,
          "media_type: Input should be");
  refuses("[{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AAA'}}]", true,
          "invalid base64 data");
  refuses("[{'type':'document','source':{'type':'base64','media_type':'image/png','data':'AAAA'}}]", true,
          "'application/pdf'");
  assert_int_equal(content("[{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AAAAAA=='}},"
                           "{'type':'image','source':{'type':'url','url':'https://x/y'}},"
                           "{'type':'document','source':{'type':'text','media_type':'text/plain','data':'12345'}}]",
                           true),
                   ERR_OK);
  assert_int_equal(ask.attachment_count, 3);
  assert_int_equal(ask.attachment[0].bytes, 4);
  EXPECT_TEXT(ask.attachment[1].media_type, TEXT("url"));
  assert_int_equal(ask.attachment[2].bytes, 5);
}

static void more_attachments_than_fit_are_counted(void **state) {
  for (int i = 0; i < 20; i++)
    assert_int_equal(content("[{'type':'image','source':{'type':'url','url':'u'}}]", true), ERR_OK);
  assert_int_equal(ask.attachment_count, 20);
}

static void results_belong_to_calls(void **state) {
  assert_int_equal(
      content(
          "[{'type':'tool_use','id':'a1','name':'n','input':{}},{'type':'tool_use','id':'a2','name':'n','input':{}}]",
          false),
      ERR_OK);
  assert_int_equal(walk.use_count, 2);
  refuses("[{'type':'tool_result','tool_use_id':'zz','content':'x'}]", true, "unexpected `tool_use_id`");
  assert_int_equal(content("[{'type':'tool_result','tool_use_id':'a2','content':[{'type':'text','text':'second'}]},"
                           "{'type':'tool_result','tool_use_id':'a1','content':'first'}]",
                           true),
                   ERR_OK);
  assert_int_equal(walk.use_count, 0);
  assert_true(ask.has_tool_result);
  EXPECT_TEXT(ask.tool_result, TEXT("first"));
}

static void calls_have_ids_names_and_inputs(void **state) {
  refuses("[{'type':'tool_use','id':'a b','name':'n','input':{}}]", false, "tool_use.id: String should match");
  refuses("[{'type':'tool_use','id':'a','input':{}}]", false, "tool_use.name: Field required");
  refuses("[{'type':'tool_use','id':'a','name':'n','input':'{}'}]", false, "valid dictionary");
}

static void thinking_needs_its_own_signature(void **state) {
  struct text signature = digest_signature(&arena, TEXT("deep"));
  struct text good =
      arena_format(&arena, "[{'type':'thinking','thinking':'deep','signature':'%.*s'}]", TEXT_ARGS(signature));
  struct text other =
      arena_format(&arena, "[{'type':'thinking','thinking':'deeq','signature':'%.*s'}]", TEXT_ARGS(signature));
  assert_int_equal(content(good.at, false), ERR_OK);
  refuses(other.at, false, "messages.0.content.0: Invalid `signature` in `thinking` block");
  refuses("[{'type':'thinking','thinking':'deep'}]", false, "signature: Field required");
}

static void cache_control_is_checked_and_noted(void **state) {
  refuses("[{'type':'text','text':'x','cache_control':{'type':'forever'}}]", true, "Input should be 'ephemeral'");
  refuses("[{'type':'text','text':'x','cache_control':{'type':'ephemeral','ttl':'2h'}}]", true, "'5m' or '1h'");
  assert_int_equal(content("[{'type':'text','text':'x','cache_control':null}]", true), ERR_OK);
  assert_int_equal(ask.breakpoint_count, 0);
  for (int i = 0; i < 6; i++)
    assert_int_equal(content("[{'type':'text','text':'x','cache_control':{'type':'ephemeral'}}]", true), ERR_OK);
  assert_int_equal(ask.breakpoint_count, PROMPT_CACHE_BREAKPOINTS_MAX);
  assert_int_equal(walk.breakpoints, 6);
}

static void redacted_thinking_must_be_the_simulators(void **state) {
  struct text sealed = digest_seal(&arena, TEXT("hidden"));
  struct text good = arena_format(&arena, "[{'type':'redacted_thinking','data':'%.*s'}]", TEXT_ARGS(sealed));
  assert_int_equal(content(good.at, false), ERR_OK);
  refuses("[{'type':'redacted_thinking','data':'AAAAAAAAAAAA'}]", false, "Invalid `data` in `redacted_thinking` block");
  refuses("[{'type':'redacted_thinking'}]", false, "data: Field required");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(content_is_text_or_known_blocks),
      CASE(blocks_stand_on_their_side),
      CASE(pictures_are_measured),
      CASE(more_attachments_than_fit_are_counted),
      CASE(results_belong_to_calls),
      CASE(calls_have_ids_names_and_inputs),
      CASE(thinking_needs_its_own_signature),
      CASE(redacted_thinking_must_be_the_simulators),
      CASE(cache_control_is_checked_and_noted),
  };
  return RUN_TESTS(tests);
}
