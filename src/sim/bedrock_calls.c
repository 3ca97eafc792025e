/* The endpoints of Bedrock: invocations, Converse, counts, and lists of models and profiles. Signatures have been
 * checked by then. */
#include "sim/bedrock.h"

#include "sim/anthropic_request.h"
#include "sim/calls.h"
#include "sim/converse_request.h"
#include "sim/models.h"

#define LIST_MAX_BYTES (256 * 1024)
#define ACCOUNT        "123456789012"

static void free_document(void *data) { json_done(data); }

static enum err read_document(struct arena *a, struct text src, struct json **out, struct fault *f) {
  struct json *doc = ARENA_NEW(a, struct json);
  enum err e = json_read(src, NULL, doc, f);
  if (e)
    return e;
  arena_defer(a, free_document, doc);
  *out = doc;
  return ERR_OK;
}

static enum err refuse(struct fault *f, const char *text) { return fault_set(f, ERR_BAD_REQUEST, NULL, "%s", text); }

/* input is one of invokeModel, whose body is the base64 of an invocation's, and converse. */
static enum err read_count(struct sim_call *c, yyjson_val *root, struct sim_ask *ask, struct fault *f) {
  struct arena *a = c->play.rq->arena;
  yyjson_val *input = json_get(root, "input"), *converse = json_get(input, "converse");
  struct text coded, body, model = sim_call_name(c);
  struct json *inner;
  if (yyjson_obj_size(input) != 1)
    return refuse(f, "input: exactly one of 'invokeModel' and 'converse' is required");
  if (converse)
    return sim_converse_read_count(converse, model, a, ask, f);
  if (!json_get_text(json_get(input, "invokeModel"), "body", &coded) || !digest_base64_decode(a, coded, &body))
    return refuse(f, "input.invokeModel.body must be the base64 of a request's body");
  enum err e = read_document(a, body, &inner, f);
  return e ? e : sim_anthropic_read_invoke(inner, model, false, a, ask, f);
}

static void answer_count(struct sim_call *c) {
  struct json *doc;
  struct sim_ask ask;
  struct fault f = {0};
  struct buf out;
  enum err e = read_document(c->play.rq->arena, c->body, &doc, &f);
  if (!e)
    e = read_count(c, doc->root, &ask, &f);
  if (e) {
    play_fault(&c->play, &f);
    return;
  }
  buf_init(&out, 1024);
  buf_add_format(&out, "{\"inputTokens\":%llu}", (unsigned long long)digest_tokens(ask.digest.bytes));
  sim_call_finish(c, &ask.behaviour, &out);
}

/* The metadata of an invocation is a header; it is checked like the member of Converse. */
static void answer_invoke(struct sim_call *c) {
  struct text metadata = http_header_value(&c->play.rq->head.headers, TEXT("x-amzn-bedrock-request-metadata"));
  struct json *doc;
  struct fault f = {0};
  enum err e = ERR_OK;
  if (metadata.len > 0) {
    e = read_document(c->play.rq->arena, metadata, &doc, &f);
    if (!e)
      e = sim_converse_metadata(doc->root, &f);
  }
  if (e)
    play_fault(&c->play, &f);
  else
    sim_call_answer(c);
}

static struct text parameter(struct text query, struct text name) {
  struct text pair, before, value;
  while (query.len > 0) {
    pair = query;
    if (!text_cut(query, '&', &pair, &query))
      query = TEXT_NONE;
    if (text_cut(pair, '=', &before, &value) && text_equal(before, name))
      return value;
  }
  return TEXT_NONE;
}

static void put_profile(struct json_writer *w, struct arena *a, const char *name) {
  struct text id = arena_format(a, "us.anthropic.%s-v1:0", name);
  json_object(w);
  json_field_text(w, "inferenceProfileId", id);
  json_field_text(w, "inferenceProfileName", arena_format(a, "US Anthropic %s", name));
  json_field_text(w, "inferenceProfileArn",
                  arena_format(a, "arn:aws:bedrock:us-east-1:" ACCOUNT ":inference-profile/%.*s", TEXT_ARGS(id)));
  json_field_str(w, "description", "A simulated profile of weir-sim.");
  json_field_str(w, "status", "ACTIVE");
  json_field_str(w, "type", "SYSTEM_DEFINED");
  json_field_str(w, "createdAt", "2026-01-01T00:00:00Z");
  json_field_str(w, "updatedAt", "2026-01-01T00:00:00Z");
  json_name(w, "models");
  json_array(w);
  json_object(w);
  json_field_text(w, "modelArn",
                  arena_format(a, "arn:aws:bedrock:us-east-1::foundation-model/anthropic.%s-v1:0", name));
  json_object_end(w);
  json_array_end(w);
  json_object_end(w);
}

static void put_words(struct json_writer *w, const char *name, const char *first, const char *second) {
  json_name(w, name);
  json_array(w);
  json_put_str(w, first);
  if (second)
    json_put_str(w, second);
  json_array_end(w);
}

static void put_model(struct json_writer *w, struct arena *a, const char *name) {
  struct text id = arena_format(a, "anthropic.%s-v1:0", name);
  json_object(w);
  json_field_text(w, "modelArn", arena_format(a, "arn:aws:bedrock:us-east-1::foundation-model/%.*s", TEXT_ARGS(id)));
  json_field_text(w, "modelId", id);
  json_field_str(w, "modelName", name);
  json_field_str(w, "providerName", "Anthropic");
  put_words(w, "inputModalities", "TEXT", "IMAGE");
  put_words(w, "outputModalities", "TEXT", NULL);
  json_field_bool(w, "responseStreamingSupported", true);
  json_name(w, "customizationsSupported");
  json_array(w);
  json_array_end(w);
  put_words(w, "inferenceTypesSupported", "ON_DEMAND", "INFERENCE_PROFILE");
  json_name(w, "modelLifecycle");
  json_object(w);
  json_field_str(w, "status", "ACTIVE");
  json_object_end(w);
  json_object_end(w);
}

static void answer_list(struct sim_call *c, const char *name,
                        void (*put)(struct json_writer *w, struct arena *a, const char *name), bool is_empty) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, LIST_MAX_BYTES);
  json_writer_init(&w, &out);
  json_object(&w);
  json_name(&w, name);
  json_array(&w);
  for (size_t i = 0; i < SIM_MODELS_COUNT && !is_empty; i++)
    put(&w, c->play.rq->arena, sim_models[i]);
  json_array_end(&w);
  json_object_end(&w);
  play_json(&c->play, 200, buf_text(&out));
  buf_done(&out);
}

static void answer_profiles(struct sim_call *c) {
  struct text type = parameter(c->play.rq->query, TEXT("type")),
              most = parameter(c->play.rq->query, TEXT("maxResults"));
  uint64_t n;
  struct fault f = {0};
  bool is_application = text_equal(type, TEXT("APPLICATION"));
  enum err e = ERR_OK;
  if (type.len > 0 && !is_application && !text_equal(type, TEXT("SYSTEM_DEFINED")))
    e = refuse(&f,
               "1 validation error detected: Value at 'typeEquals' failed to satisfy constraint: Member must satisfy "
               "enum value set: [SYSTEM_DEFINED, APPLICATION]");
  else if (most.len > 0 && (!text_to_u64(most, &n) || n < 1 || n > 1000))
    e = refuse(&f, "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: Member must be "
                   "between 1 and 1000");
  if (e)
    play_fault(&c->play, &f);
  else
    answer_list(c, "inferenceProfileSummaries", put_profile, is_application);
}

static void answer_models(struct sim_call *c) { answer_list(c, "modelSummaries", put_model, false); }

static const struct sim_route routes[] = {
    {"POST", "/model/*/invoke", &sim_invoke, answer_invoke, false},
    {"POST", "/model/*/invoke-with-response-stream", &sim_invoke, answer_invoke, true},
    {"POST", "/model/*/converse", &sim_converse, sim_call_answer, false},
    {"POST", "/model/*/converse-stream", &sim_converse, sim_call_answer, true},
    {"POST", "/model/*/count-tokens", &sim_converse, answer_count, false},
    {"GET", "/inference-profiles", &sim_converse, answer_profiles, false},
    {"GET", "/foundation-models", &sim_converse, answer_models, false},
};
const struct sim_route_table sim_bedrock_routes = {routes, sizeof(routes) / sizeof(routes[0])};
