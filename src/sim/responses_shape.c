/* Responses, member by member. What ties items together is checked in responses_input.c and responses_request.c, which
 * look their shapes up here. */
#include "sim/responses_shape.h"

#include "sim/openai_checks.h"

#define CHOICE_OF(all) (&(const struct shape){.kind = SHAPE_CHOICE, .choices = (all)})
#define LIST_OF(...)   (&(const struct shape){.kind = SHAPE_LIST, __VA_ARGS__})
#define NUMBER_OF(...) (&(const struct shape){.kind = SHAPE_NUMBER, __VA_ARGS__})
#define WHOLE_OF(...)  (&(const struct shape){.kind = SHAPE_WHOLE, __VA_ARGS__})
#define OBJECT_OF(...)                                                                                                 \
  (&(const struct shape){.kind = SHAPE_OBJECT, .members = (const struct shape_member[]){__VA_ARGS__, {0}}})
#define STATUS CHOICE_OF("in_progress|completed|incomplete")

static const struct shape text = {.kind = SHAPE_TEXT}, some_text = {.kind = SHAPE_TEXT, .min = 1},
                          free_object = {.kind = SHAPE_FREE}, boolean = {.kind = SHAPE_BOOL},
                          list = {.kind = SHAPE_LIST};
static const struct shape call_id = {.kind = SHAPE_TEXT, .min = 1, .max = 64};

static const struct shape text_config = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"format", OBJECT_OF({"type", CHOICE_OF("text|json_object|json_schema"), true},
                             {"name", &(const struct shape){.kind = SHAPE_TEXT, .min = 1, .max = 64}},
                             {"schema", &free_object}, {"description", &text}, {"strict", &boolean})},
        {"verbosity", CHOICE_OF("low|medium|high")},
        {0}}};
static const struct shape reasoning = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){{"effort", CHOICE_OF("none|minimal|low|medium|high|xhigh|max")},
                                             {"summary", CHOICE_OF("auto|concise|detailed")},
                                             {"generate_summary", CHOICE_OF("auto|concise|detailed")},
                                             {"context", CHOICE_OF("auto|current_turn|all_turns")},
                                             {"mode", &some_text},
                                             {0}}};
#define INCLUDES                                                                                                       \
  "file_search_call.results|web_search_call.results|web_search_call.action.sources|message.input_image.image_url|"     \
  "computer_call_output.output.image_url|code_interpreter_call.outputs|reasoning.encrypted_content|"                   \
  "message.output_text.logprobs"

const struct shape responses_root_shape = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"model", &(const struct shape){.kind = SHAPE_TEXT, .min = 1, .max = 256}, true},
        {"input", NULL},
        {"instructions", &text},
        {"background", &boolean},
        {"context_management", &list},
        {"conversation", NULL},
        {"include", LIST_OF(.of = CHOICE_OF(INCLUDES))},
        {"max_output_tokens", WHOLE_OF(.min = 16)},
        {"max_tool_calls", WHOLE_OF(.min = 1)},
        {"metadata", NULL},
        {"moderation", &free_object},
        {"parallel_tool_calls", &boolean},
        {"previous_response_id", &some_text},
        {"prompt", &free_object},
        {"prompt_cache_key", &text},
        {"prompt_cache_options", OBJECT_OF({"mode", CHOICE_OF("implicit|explicit")}, {"ttl", CHOICE_OF("30m|12h")})},
        {"prompt_cache_retention", CHOICE_OF("in_memory|in-memory|24h")},
        {"reasoning", &reasoning},
        {"safety_identifier", &text},
        {"service_tier", CHOICE_OF("auto|default|flex|scale|priority|fast")},
        {"store", &boolean},
        {"stream", &boolean},
        {"stream_options", OBJECT_OF({"include_obfuscation", &boolean})},
        {"temperature", NUMBER_OF(.min = 0, .max = 2)},
        {"text", &text_config},
        {"tool_choice", NULL},
        {"tools", &list},
        {"top_logprobs", WHOLE_OF(.min = 0, .max = 20)},
        {"top_p", NUMBER_OF(.min = 0, .max = 1)},
        {"truncation", CHOICE_OF("auto|disabled")},
        {"user", &text},
        {0}}};

const struct shape responses_count_shape = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){{"model", &some_text, true},
                                             {"input", NULL},
                                             {"instructions", &text},
                                             {"conversation", NULL},
                                             {"parallel_tool_calls", &boolean},
                                             {"previous_response_id", &some_text},
                                             {"reasoning", &reasoning},
                                             {"text", &text_config},
                                             {"tool_choice", NULL},
                                             {"tools", &list},
                                             {"truncation", CHOICE_OF("auto|disabled")},
                                             {0}}};

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

#define TYPE                                                                                                           \
  { "type", &some_text }
static const struct row items[] = {
    {"message", OBJECT_OF(TYPE, {"role", CHOICE_OF("user|assistant|system|developer"), true}, {"content", NULL, true},
                          {"id", &some_text}, {"status", STATUS}, {"phase", CHOICE_OF("commentary|final_answer")})},
    {"function_call", OBJECT_OF(TYPE, {"call_id", &call_id, true}, {"name", &some_text, true},
                                {"arguments", &text, true}, {"id", &some_text}, {"status", STATUS},
                                {"namespace", &text}, {"caller", &free_object}, {"async", &boolean})},
    {"function_call_output",
     OBJECT_OF(TYPE, {"call_id", &call_id, true}, {"output", NULL, true}, {"id", &some_text}, {"status", STATUS},
               {"name", &text}, {"namespace", &text}, {"caller", &free_object})},
    {"custom_tool_call", OBJECT_OF(TYPE, {"call_id", &call_id, true}, {"name", &some_text, true},
                                   {"input", &text, true}, {"id", &some_text}, {"status", STATUS}, {"namespace", &text},
                                   {"caller", &free_object}, {"async", &boolean})},
    {"custom_tool_call_output", OBJECT_OF(TYPE, {"call_id", &call_id, true}, {"output", NULL, true}, {"id", &some_text},
                                          {"status", STATUS}, {"caller", &free_object})},
    {"reasoning",
     OBJECT_OF(
         TYPE,
         {"id", &some_text},
         {"summary", LIST_OF(.of = OBJECT_OF({"type", CHOICE_OF("summary_text"), true}, {"text", &text, true})), true},
         {"content", LIST_OF(.of = OBJECT_OF({"type", CHOICE_OF("reasoning_text"), true}, {"text", &text, true}))},
         {"encrypted_content", &text}, {"status", STATUS})},
    {"item_reference", OBJECT_OF(TYPE, {"id", &some_text, true})},
    {"file_search_call", &free_object},
    {"computer_call", &free_object},
    {"computer_call_output", &free_object},
    {"web_search_call", &free_object},
    {"image_generation_call", &free_object},
    {"code_interpreter_call", &free_object},
    {"local_shell_call", &free_object},
    {"local_shell_call_output", &free_object},
    {"shell_call", &free_object},
    {"shell_call_output", &free_object},
    {"apply_patch_call", &free_object},
    {"apply_patch_call_output", &free_object},
    {"mcp_list_tools", &free_object},
    {"mcp_approval_request", &free_object},
    {"mcp_approval_response", &free_object},
    {"mcp_call", &free_object},
    {"tool_search_call", &free_object},
    {"tool_search_output", &free_object},
    {"additional_tools", &free_object},
    {"compaction", &free_object},
    {0},
};

#define BREAKPOINT                                                                                                     \
  { "prompt_cache_breakpoint", &openai_breakpoint_shape }
#define DETAIL                                                                                                         \
  { "detail", CHOICE_OF("low|high|auto|original") }
static const struct row parts[] = {
    {"input_text", OBJECT_OF(TYPE, {"text", &text, true}, BREAKPOINT)},
    {"input_image", OBJECT_OF(TYPE, {"image_url", &some_text}, {"file_id", &some_text}, DETAIL, BREAKPOINT)},
    {"input_file", OBJECT_OF(TYPE, {"file_data", &some_text}, {"file_id", &some_text}, {"file_url", &some_text},
                             {"filename", &some_text}, DETAIL, BREAKPOINT)},
    {"input_audio", OBJECT_OF(TYPE, {"input_audio", &free_object, true}, BREAKPOINT)},
    {"output_text", OBJECT_OF(TYPE, {"text", &text, true}, {"annotations", &list}, {"logprobs", &list})},
    {"refusal", OBJECT_OF(TYPE, {"refusal", &text, true})},
    {0},
};

#define CALLERS                                                                                                        \
  {"allowed_callers", &list}, {"async", &boolean}, { "defer_loading", &boolean }
static const struct row tools[] = {
    {"function", OBJECT_OF(TYPE, {"name", &some_text, true}, {"parameters", &free_object}, {"strict", &boolean},
                           {"description", &text}, {"output_schema", &free_object}, CALLERS)},
    {"custom", OBJECT_OF(TYPE, {"name", &some_text, true}, {"description", &text}, {"format", &free_object}, CALLERS)},
    {"file_search", &free_object},
    {"web_search", &free_object},
    {"web_search_preview", &free_object},
    {"computer_use_preview", &free_object},
    {"computer", &free_object},
    {"mcp", &free_object},
    {"code_interpreter", &free_object},
    {"image_generation", &free_object},
    {"local_shell", &free_object},
    {"shell", &free_object},
    {"apply_patch", &free_object},
    {"namespace", &free_object},
    {"tool_search", &free_object},
    {"programmatic_tool_calling", &free_object},
    {0},
};

const struct shape *responses_item_shape(struct text type) { return find(items, type); }
const struct shape *responses_part_shape(struct text type) { return find(parts, type); }
const struct shape *responses_tool_shape(struct text type) { return find(tools, type); }
