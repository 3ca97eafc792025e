/* Requests of the Converse dialect read into llm/: every member of ConverseRequest is looked at, and what no other
 * dialect can mean (guardrails, prompt variables, a model's own fields) is refused by name. The model and whether the
 * answer streams are said by the path. Blocks are read in converse_content.c, settings in converse_settings.c. Called
 * through dialect_converse. */
#include "wire/converse.h"

#include "wire/converse_content.h"
#include "wire/converse_settings.h"

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

static const struct llm_names names_here = {
    .max_tokens = "inferenceConfig.maxTokens",
    .temperature = "inferenceConfig.temperature",
    .top_p = "inferenceConfig.topP",
    .top_k = "additionalModelRequestFields.top_k",
    .stop = "inferenceConfig.stopSequences",
    .tool_choice = "toolConfig.toolChoice",
    .parallel_tools = "toolConfig.toolChoice",
    .thinking = "additionalModelRequestFields.thinking",
    .effort = "outputConfig.effort",
    .display = "additionalModelRequestFields.thinking.display",
    .output = "outputConfig.textFormat",
    .output_description = "outputConfig.textFormat.structure.jsonSchema.description",
    .user_id = "requestMetadata.user_id",
    .metadata = "requestMetadata",
    .service_tier = "serviceTier.type",
};

static enum err read_role(struct reading *r, yyjson_val *v, const struct spot *s, enum llm_role *out) {
  struct text role = TEXT_NONE;
  enum err e = converse_string(r, v, s, "role", true, &role);
  if (e)
    return e;
  if (text_equal(role, TEXT("user")))
    *out = LLM_USER;
  else if (text_equal(role, TEXT("assistant")))
    *out = LLM_ASSISTANT;
  else if (text_equal(role, TEXT("system")))
    *out = LLM_SYSTEM;
  else
    return converse_bad_member(r, s, "role", "must be \"user\", \"assistant\" or \"system\"");
  return ERR_OK;
}

static enum err read_message(struct reading *r, yyjson_val *v, uint32_t number, struct converse_names *calls,
                             struct llm_message *m) {
  static const char *const names[] = {"role", "content"};
  yyjson_val *members[COUNT(names)];
  size_t count;
  m->place = (struct llm_place){"messages[#]", {number}};
  const struct spot s = {&m->place, NULL, NULL};
  enum err e = converse_members(r, v, &s, names, COUNT(names), members);
  if (!e)
    e = read_role(r, members[0], &s, &m->role);
  if (!e)
    e = converse_list(r, members[1], &s, "content", true, &count);
  return e ? e : converse_read_content(r, members[1], number, m->role, calls, &m->blocks, &m->count);
}

static size_t count_blocks(yyjson_val *messages) {
  size_t i, n, count = 0;
  yyjson_val *message;
  yyjson_arr_foreach (messages, i, n, message) {
    count += yyjson_arr_size(json_get(message, "content"));
  }
  return count;
}

static enum err read_system(struct reading *r, yyjson_val *list) {
  static const struct llm_place root = {""};
  const struct spot top = {&root, NULL, NULL};
  struct llm_message *m = &r->rq->messages[0];
  size_t count;
  enum err e = converse_list(r, list, &top, "system", false, &count);
  if (e || count == 0)
    return e;
  *m = (struct llm_message){.role = LLM_SYSTEM, .place = {"system"}};
  e = converse_read_system(r, list, &m->blocks, &m->count);
  r->rq->message_count = m->count > 0;
  return e;
}

static enum err read_messages(struct reading *r, yyjson_val *system, yyjson_val *list) {
  static const struct llm_place root = {""};
  const struct spot top = {&root, NULL, NULL};
  struct converse_names calls;
  size_t i, n, count;
  yyjson_val *item;
  enum err e = converse_list(r, list, &top, "messages", true, &count);
  if (!e && count == 0)
    e = converse_bad_member(r, &top, "messages", "must hold at least one message");
  if (e)
    return e;
  r->rq->messages = arena_zalloc(r->arena, (count + 1) * sizeof(*r->rq->messages));
  r->rq->message_count = 0;
  converse_names_init(&calls, count_blocks(list), r->arena);
  e = read_system(r, system);
  if (e)
    return e;
  yyjson_arr_foreach (list, i, n, item) {
    e = read_message(r, item, (uint32_t)i, &calls, &r->rq->messages[r->rq->message_count]);
    if (e)
      return e;
    r->rq->message_count++;
  }
  return ERR_OK;
}

/* Members that mean something to Bedrock alone. An empty one means nothing. */
static enum err refuse(struct reading *r, yyjson_val *v, const char *name, const char *why) {
  static const struct llm_place root = {""};
  const struct spot top = {&root, NULL, NULL};
  if (!v || (yyjson_is_ctn(v) && yyjson_get_len(v) == 0))
    return ERR_OK;
  return converse_refuse_member(r, &top, name, why);
}

enum member {
  MEMBER_MESSAGES,
  MEMBER_SYSTEM,
  MEMBER_INFERENCE,
  MEMBER_TOOLS,
  MEMBER_FIELDS,
  MEMBER_METADATA,
  MEMBER_TIER,
  MEMBER_OUTPUT,
  MEMBER_PERFORMANCE,
  MEMBER_ANSWER_FIELDS,
  MEMBER_GUARDRAIL,
  MEMBER_VARIABLES,
  MEMBER_COUNT
};

static enum err read_settings(struct reading *r, yyjson_val *const *v, struct llm_echo *echo) {
  enum err e = converse_read_inference(r, v[MEMBER_INFERENCE]);
  if (!e)
    e = converse_read_tools(r, v[MEMBER_TOOLS]);
  if (!e)
    e = converse_read_output(r, v[MEMBER_OUTPUT]);
  if (!e)
    e = converse_read_fields(r, v[MEMBER_FIELDS]);
  if (!e)
    e = converse_read_metadata(r, v[MEMBER_METADATA]);
  if (!e)
    e = converse_read_tier(r, v[MEMBER_TIER]);
  if (!e)
    e = converse_read_performance(r, v[MEMBER_PERFORMANCE]);
  if (!e)
    e = converse_read_answer_fields(r, v[MEMBER_ANSWER_FIELDS], &echo->members);
  if (!e)
    e = refuse(r, v[MEMBER_GUARDRAIL], "guardrailConfig", "guardrails exist only at Bedrock");
  if (!e)
    e = refuse(r, v[MEMBER_VARIABLES], "promptVariables", "stored prompts exist only at Bedrock");
  return e;
}

enum err converse_read_request(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                               struct fault *f) {
  static const char *const names[MEMBER_COUNT] = {
      "messages",        "system",         "inferenceConfig", "toolConfig",        "additionalModelRequestFields",
      "requestMetadata", "serviceTier",    "outputConfig",    "performanceConfig", "additionalModelResponseFieldPaths",
      "guardrailConfig", "promptVariables"};
  static const struct llm_place root = {""};
  const struct spot top = {&root, NULL, NULL};
  struct reading r = {out, out->arena, f};
  yyjson_val *v[MEMBER_COUNT];
  out->names = &names_here;
  if (!yyjson_is_obj(doc->root))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the request body must be a JSON object");
  enum err e = converse_members(&r, doc->root, &top, names, MEMBER_COUNT, v);
  if (!e)
    e = read_messages(&r, v[MEMBER_SYSTEM], v[MEMBER_MESSAGES]);
  if (!e)
    e = read_settings(&r, v, echo);
  if (e)
    return e;
  echo->include_usage = true;
  echo->omit_thinking = out->display == LLM_DISPLAY_OMITTED;
  return ERR_OK;
}
