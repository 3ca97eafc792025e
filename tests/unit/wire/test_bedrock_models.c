/* The lists of models in Bedrock's shape. */
#include "wire/wire.h"

#include "converse_test.h"

static struct text listed(struct arena *a,
                          void (*write)(struct buf *out, const struct wire_model *models, size_t count),
                          const struct wire_model *models, size_t count) {
  struct buf out;
  buf_init(&out, 1 << 16);
  write(&out, models, count);
  struct text t = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return t;
}

static const struct wire_model model = {.id = TEXT("us.anthropic.claude"),
                                        .display_name = TEXT("Claude"),
                                        .owned_by = TEXT("Anthropic"),
                                        .created_s = 86400};

static void profiles_name_their_model(void **state) {
  struct arena a;
  arena_init(&a);
  expect_json(
      listed(&a, wire_bedrock_write_profiles, &model, 1),
      quoted(&a, "{'inferenceProfileSummaries':[{'inferenceProfileId':'us.anthropic.claude','inferenceProfileName':"
                 "'Claude','inferenceProfileArn':'arn:aws:bedrock:::inference-profile/us.anthropic.claude','models':[{"
                 "'modelArn':'arn:aws:bedrock:::foundation-model/us.anthropic.claude'}],'status':'ACTIVE','type':"
                 "'SYSTEM_DEFINED','createdAt':'1970-01-02T00:00:00Z','updatedAt':'1970-01-02T00:00:00Z'}]}")
          .at);
  EXPECT_TEXT(listed(&a, wire_bedrock_write_profiles, NULL, 0), TEXT("{\"inferenceProfileSummaries\":[]}"));
  arena_done(&a);
}

static void foundation_models_have_what_clients_filter_by(void **state) {
  struct arena a;
  arena_init(&a);
  expect_json(listed(&a, wire_bedrock_write_models, &model, 1),
              quoted(&a,
                     "{'modelSummaries':[{'modelId':'us.anthropic.claude','modelName':'Claude','modelArn':"
                     "'arn:aws:bedrock:::foundation-model/us.anthropic.claude','providerName':'Anthropic',"
                     "'inputModalities':['TEXT','IMAGE'],'outputModalities':['TEXT'],'responseStreamingSupported':true,"
                     "'customizationsSupported':[],'inferenceTypesSupported':['ON_DEMAND'],'modelLifecycle':{'status':"
                     "'ACTIVE'}}]}")
                  .at);
  EXPECT_TEXT(listed(&a, wire_bedrock_write_models, NULL, 0), TEXT("{\"modelSummaries\":[]}"));
  arena_done(&a);
}

static void a_model_without_a_name_is_called_by_its_id(void **state) {
  const struct wire_model bare = {.id = TEXT("m\"1"), .created_s = -5};
  struct arena a;
  arena_init(&a);
  struct text t = listed(&a, wire_bedrock_write_profiles, &bare, 1);
  assert_true(text_find(t, TEXT("\"inferenceProfileName\":\"m\\\"1\"")) >= 0);
  assert_true(text_find(t, TEXT("1970-01-01T00:00:00Z")) >= 0);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(profiles_name_their_model),
      cmocka_unit_test(foundation_models_have_what_clients_filter_by),
      cmocka_unit_test(a_model_without_a_name_is_called_by_its_id),
  };
  return RUN_TESTS(tests);
}
