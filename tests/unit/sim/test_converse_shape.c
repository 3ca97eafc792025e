/* Members of Converse requests: known ones pass, everything else is refused by its path. */
#include "sim/converse_shape.h"

#include "converse_test.h"

static void a_full_request_fits(void **state) {
  accepts("{'messages':[" HI "],'system':[{'text':'s'},{'cachePoint':{'type':'default','ttl':'1h'}}],"
          "'inferenceConfig':{'maxTokens':5,'temperature':0,'topP':1,'stopSequences':['x']}," TOOLS
          ",'guardrailConfig':{'guardrailIdentifier':'g','guardrailVersion':'1','trace':'enabled'},"
          "'additionalModelRequestFields':{'top_k':3},'additionalModelResponseFieldPaths':['/a'],"
          "'requestMetadata':{'team':'a b'},'performanceConfig':{'latency':'optimized'},'serviceTier':{'type':'flex'},"
          "'outputConfig':{'effort':'low'}}");
}

static void unknown_members_are_refused_at_any_depth(void **state) {
  refuses("{'messages':[" HI "],'model':'m'}", "model: the member 'model' is not known");
  refuses("{'messages':[" HI "],'stream':true}", "stream");
  refuses("{'messages':[{'role':'user','content':[{'text':'x','cache_control':{}}]}]}",
          "messages.0.content.0.cache_control");
  refuses("{'messages':[{'role':'user','content':[{'type':'text','text':'x'}]}]}", "messages.0.content.0.type");
  refuses("{'messages':[" HI "],'inferenceConfig':{'max_tokens':3}}", "inferenceConfig.max_tokens");
}

static void values_outside_their_sets_and_ranges_are_refused(void **state) {
  refuses("{'messages':[{'role':'robot','content':[{'text':'x'}]}]}", "'messages.0.role' failed to satisfy constraint");
  refuses("{'messages':[" HI "],'inferenceConfig':{'maxTokens':0}}", "'inferenceConfig.maxTokens'");
  refuses("{'messages':[" HI "],'inferenceConfig':{'temperature':1.1}}", "'inferenceConfig.temperature'");
  refuses("{'messages':[" HI "],'inferenceConfig':{'topP':'1'}}", "'inferenceConfig.topP'");
  refuses("{'messages':[" HI "],'serviceTier':{'type':'gold'}}", "'serviceTier.type'");
  refuses("{'messages':[" HI "],'performanceConfig':{'latency':'fast'}}", "'performanceConfig.latency'");
  refuses("{'messages':[" HI "],'system':[{'cachePoint':{'type':'ephemeral'}}]}", "'system.0.cachePoint.type'");
  refuses("{'messages':[" HI "],'system':[{'cachePoint':{'type':'default','ttl':'2h'}}]}", "'system.0.cachePoint.ttl'");
  refuses("{'messages':[{'role':'user','content':[{'image':{'format':'bmp','source':{'bytes':'AAAA'}}}]}]}",
          "image.format'");
  refuses("{'messages':[{'role':'user','content':[{'image':{'format':'png','source':{'bytes':'A'}}}]}]}",
          "Member must be base64");
  refuses("{'messages':[{'role':'user','content':[{'image':{'format':'png'}}]}]}", "image.source");
  refuses("{'messages':[" HI "],'toolConfig':{'tools':[]}}", "'toolConfig.tools'");
  refuses("{'messages':[{'role':'user'}]}", "'messages.0.content'");
  refuses("[]", "'body'");
}

static void a_block_is_exactly_one_kind(void **state) {
  refuses("{'messages':[{'role':'user','content':[{}]}]}", "exactly one member");
  refuses("{'messages':[{'role':'user','content':[{'text':'x','image':{'format':'png','source':{'bytes':'AAAA'}}}]}]}",
          "exactly one member");
}

static void counting_takes_fewer_members(void **state) {
  struct json doc = test_json(&arena, "{'messages':[],'inferenceConfig':{}}");
  assert_int_equal(converse_shape_check(&converse_count_shape, doc.root, TEXT("input.converse"), &arena, &fault),
                   ERR_BAD_REQUEST);
  EXPECT_INSIDE(text_of(fault.text), TEXT("input.converse.inferenceConfig"));
  json_done(&doc);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_full_request_fits),
      CASE(unknown_members_are_refused_at_any_depth),
      CASE(values_outside_their_sets_and_ranges_are_refused),
      CASE(a_block_is_exactly_one_kind),
      CASE(counting_takes_fewer_members),
  };
  return RUN_TESTS(tests);
}
