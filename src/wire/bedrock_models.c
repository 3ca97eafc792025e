/* The lists a Bedrock client asks for before its first call: inference profiles and foundation models. Which models a
 * caller sees has been decided before. Names of resources are made of the model's id, for there is no account behind
 * them. Called by the gateway's model routes.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html and
 * .../API_ListFoundationModels.html */
#include "wire/wire.h"

#define YEAR_10000_S 253402300800LL
#define ARN          "arn:aws:bedrock:::"

static void put_time(struct json_writer *w, const char *name, int64_t time_s) {
  struct tm tm = {0};
  char text[32];
  time_t t = time_s < 0 || time_s >= YEAR_10000_S ? 0 : (time_t)time_s;
  (void)gmtime_r(&t, &tm);
  (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm); /* RFC 3339 section 5.6 */
  json_field_str(w, name, text);
}

/* "arn:aws:bedrock:::KIND/ID" as one JSON string. */
static void put_arn(struct json_writer *w, const char *name, const char *kind, struct text id) {
  struct buf b;
  buf_init(&b, id.len + 64);
  buf_add(&b, TEXT(ARN));
  buf_add(&b, text_of(kind));
  buf_add_char(&b, '/');
  buf_add(&b, id);
  json_field_text(w, name, buf_text(&b));
  buf_done(&b);
}

static struct text name_of(const struct wire_model *m) {
  return text_is_empty(m->display_name) ? m->id : m->display_name;
}

static void put_profile(struct json_writer *w, const struct wire_model *m) {
  json_object(w);
  json_field_text(w, "inferenceProfileId", m->id);
  json_field_text(w, "inferenceProfileName", name_of(m));
  put_arn(w, "inferenceProfileArn", "inference-profile", m->id);
  json_name(w, "models");
  json_array(w);
  json_object(w);
  put_arn(w, "modelArn", "foundation-model", m->id);
  json_object_end(w);
  json_array_end(w);
  json_field_str(w, "status", "ACTIVE");
  json_field_str(w, "type", "SYSTEM_DEFINED");
  put_time(w, "createdAt", m->created_s);
  put_time(w, "updatedAt", m->created_s);
  json_object_end(w);
}

void wire_bedrock_write_profiles(struct buf *out, const struct wire_model *models, size_t count) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "inferenceProfileSummaries");
  json_array(&w);
  for (size_t i = 0; i < count; i++)
    put_profile(&w, &models[i]);
  json_array_end(&w);
  json_object_end(&w);
}

static void put_words(struct json_writer *w, const char *name, const char *const *words, size_t count) {
  json_name(w, name);
  json_array(w);
  for (size_t i = 0; i < count; i++)
    json_put_str(w, words[i]);
  json_array_end(w);
}

static void put_model(struct json_writer *w, const struct wire_model *m) {
  static const char *const modalities[] = {"TEXT", "IMAGE"}, *const inference[] = {"ON_DEMAND"};
  json_object(w);
  json_field_text(w, "modelId", m->id);
  json_field_text(w, "modelName", name_of(m));
  put_arn(w, "modelArn", "foundation-model", m->id);
  if (!text_is_empty(m->owned_by))
    json_field_text(w, "providerName", m->owned_by);
  put_words(w, "inputModalities", modalities, 2);
  put_words(w, "outputModalities", modalities, 1);
  json_field_bool(w, "responseStreamingSupported", true);
  put_words(w, "customizationsSupported", NULL, 0);
  put_words(w, "inferenceTypesSupported", inference, 1);
  json_name(w, "modelLifecycle");
  json_object(w);
  json_field_str(w, "status", "ACTIVE");
  json_object_end(w);
  json_object_end(w);
}

void wire_bedrock_write_models(struct buf *out, const struct wire_model *models, size_t count) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "modelSummaries");
  json_array(&w);
  for (size_t i = 0; i < count; i++)
    put_model(&w, &models[i]);
  json_array_end(&w);
  json_object_end(&w);
}
