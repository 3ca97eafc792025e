/* Chat completions, member by member. What ties members together is checked in openai_messages.c and openai_request.c,
 * which look their shapes up here. */
#include "sim/chat_shape.h"

#include "sim/openai_checks.h"

#define CHOICE_OF(all) (&(const struct shape){.kind = SHAPE_CHOICE, .choices = (all)})
#define LIST_OF(...)   (&(const struct shape){.kind = SHAPE_LIST, __VA_ARGS__})
#define NUMBER_OF(...) (&(const struct shape){.kind = SHAPE_NUMBER, __VA_ARGS__})
#define WHOLE_OF(...)  (&(const struct shape){.kind = SHAPE_WHOLE, __VA_ARGS__})
#define OBJECT_OF(...)                                                                                                 \
  (&(const struct shape){.kind = SHAPE_OBJECT, .members = (const struct shape_member[]){__VA_ARGS__, {0}}})

static const struct shape text = {.kind = SHAPE_TEXT}, some_text = {.kind = SHAPE_TEXT, .min = 1},
                          free_object = {.kind = SHAPE_FREE}, boolean = {.kind = SHAPE_BOOL},
                          list = {.kind = SHAPE_LIST}, whole = {.kind = SHAPE_WHOLE};

static const struct shape response_format = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"type", CHOICE_OF("text|json_object|json_schema"), true},
        {"json_schema", OBJECT_OF({"name", &(const struct shape){.kind = SHAPE_TEXT, .min = 1, .max = 64}, true},
                                  {"description", &text}, {"schema", &free_object}, {"strict", &boolean})},
        {0}}};

const struct shape chat_root_shape = {
    .kind = SHAPE_OPEN,
    .members = (const struct shape_member[]){
        {"messages", LIST_OF(.min = 1), true},
        {"audio", &free_object},
        {"frequency_penalty", NUMBER_OF(.min = -2, .max = 2)},
        {"functions", LIST_OF(.min = 1, .max = 128)},
        {"logit_bias", &free_object},
        {"logprobs", &boolean},
        {"max_completion_tokens", WHOLE_OF(.min = 1)},
        {"max_tokens", WHOLE_OF(.min = 1)},
        {"modalities", LIST_OF(.of = CHOICE_OF("text|audio"))},
        {"moderation", &free_object},
        {"n", WHOLE_OF(.min = 1, .max = 128)},
        {"parallel_tool_calls", &boolean},
        {"prediction", &free_object},
        {"presence_penalty", NUMBER_OF(.min = -2, .max = 2)},
        {"prompt_cache_key", &text},
        {"prompt_cache_options", OBJECT_OF({"mode", CHOICE_OF("implicit|explicit")}, {"ttl", CHOICE_OF("30m|12h")})},
        {"prompt_cache_retention", CHOICE_OF("in_memory|in-memory|24h")},
        {"reasoning_effort", CHOICE_OF("none|minimal|low|medium|high|xhigh|max")},
        {"response_format", &response_format},
        {"safety_identifier", &text},
        {"seed", &whole},
        {"service_tier", CHOICE_OF("auto|default|flex|scale|priority|fast")},
        {"store", &boolean},
        {"stream", &boolean},
        {"stream_options", OBJECT_OF({"include_usage", &boolean}, {"include_obfuscation", &boolean})},
        {"temperature", NUMBER_OF(.min = 0, .max = 2)},
        {"tools", LIST_OF(.min = 0, .max = 128)},
        {"top_logprobs", WHOLE_OF(.min = 0, .max = 20)},
        {"top_p", NUMBER_OF(.min = 0, .max = 1)},
        {"user", &text},
        {"verbosity", CHOICE_OF("low|medium|high")},
        {"web_search_options", &free_object},
        {0}}};

static const struct shape call = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"id", &some_text, true},
        {"type", CHOICE_OF("function|custom"), true},
        {"function", OBJECT_OF({"name", &some_text, true}, {"arguments", &text, true}, {"parsed_arguments", NULL})},
        {"custom", OBJECT_OF({"name", &some_text, true}, {"input", &text, true})},
        {"index", &whole},
        {0}}};
const struct shape chat_calls_shape = {.kind = SHAPE_LIST, .of = &call, .min = 1, .max = 128};

struct row {
  const char *type;
  const struct shape *shape;
};

static const struct shape *find(const struct row *rows, struct text type) {
  for (; rows->type; rows++) {
    if (text_equal(text_of(rows->type), type))
      return rows->shape;
  }
  return NULL;
}

#define ROLE                                                                                                           \
  {"role", &text}, { "content", NULL }
#define NAMED                                                                                                          \
  { "name", &some_text }
#define CALL_BACK                                                                                                      \
  {"tool_calls", NULL}, { "function_call", &free_object }
static const struct row messages[] = {
    {"system", OBJECT_OF(ROLE, NAMED)},
    {"developer", OBJECT_OF(ROLE, NAMED)},
    {"user", OBJECT_OF(ROLE, NAMED)},
    {"assistant", OBJECT_OF(ROLE, NAMED, CALL_BACK, {"refusal", &text}, {"audio", &free_object}, {"annotations", &list},
                            {"reasoning_content", &text}, {"parsed", NULL})},
    {"tool", OBJECT_OF(ROLE, NAMED, {"tool_call_id", &some_text, true})},
    {"function", OBJECT_OF(ROLE, {"name", &some_text, true})},
    {0},
};

#define TYPE                                                                                                           \
  { "type", &text }
#define BREAKPOINT                                                                                                     \
  { "prompt_cache_breakpoint", &openai_breakpoint_shape }
static const struct row parts[] = {
    {"text", OBJECT_OF(TYPE, {"text", &text, true}, BREAKPOINT)},
    {"image_url",
     OBJECT_OF(
         TYPE,
         {"image_url", OBJECT_OF({"url", &some_text, true}, {"detail", CHOICE_OF("auto|low|high|original")}), true},
         BREAKPOINT)},
    {"input_audio", OBJECT_OF(TYPE,
                              {"input_audio",
                               OBJECT_OF({"data", &(const struct shape){.kind = SHAPE_BASE64, .min = 1}, true},
                                         {"format", CHOICE_OF("wav|mp3"), true}),
                               true},
                              BREAKPOINT)},
    {"file",
     OBJECT_OF(TYPE,
               {"file", OBJECT_OF({"file_data", &some_text}, {"file_id", &some_text}, {"filename", &some_text}), true},
               BREAKPOINT)},
    {"refusal", OBJECT_OF(TYPE, {"refusal", &text, true})},
    {0},
};

static const struct row tools[] = {
    {"function", OBJECT_OF(TYPE, {"function",
                                  OBJECT_OF({"name", &some_text, true}, {"description", &text},
                                            {"parameters", &free_object}, {"strict", &boolean}),
                                  true})},
    {"custom",
     OBJECT_OF(TYPE, {"custom", OBJECT_OF({"name", &some_text, true}, {"description", &text}, {"format", &free_object}),
                      true})},
    {0},
};

const struct shape *chat_message_shape(struct text role) { return find(messages, role); }
const struct shape *chat_part_shape(struct text type) { return find(parts, type); }
const struct shape *chat_tool_shape(struct text type) { return find(tools, type); }

bool chat_role_takes(struct text role, struct text part_type) {
  bool is_text = text_equal(part_type, TEXT("text")), is_refusal = text_equal(part_type, TEXT("refusal"));
  if (text_equal(role, TEXT("user")))
    return !is_refusal;
  return is_text || (is_refusal && text_equal(role, TEXT("assistant")));
}
