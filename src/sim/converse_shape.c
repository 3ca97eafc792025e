/* Converse, member by member. What ties members together (turns, tool results, documents beside text) is checked in
 * converse_request.c, which calls this first. */
#include "sim/converse_shape.h"

#define TEXT_SHAPE(...)   (&(const struct shape){.kind = SHAPE_TEXT, __VA_ARGS__})
#define CHOICE_SHAPE(all) (&(const struct shape){.kind = SHAPE_CHOICE, .choices = (all)})
#define LIST_OF(...)      (&(const struct shape){.kind = SHAPE_LIST, __VA_ARGS__})
#define OBJECT_OF(...)                                                                                                 \
  (&(const struct shape){.kind = SHAPE_OBJECT, .members = (const struct shape_member[]){__VA_ARGS__, {0}}})
#define UNION_OF(...)                                                                                                  \
  (&(const struct shape){.kind = SHAPE_UNION, .members = (const struct shape_member[]){__VA_ARGS__, {0}}})

static const struct shape any_text = {.kind = SHAPE_TEXT}, some_text = {.kind = SHAPE_TEXT, .min = 1},
                          free_object = {.kind = SHAPE_FREE}, any_bool = {.kind = SHAPE_BOOL};
static const struct shape tool_name = {.kind = SHAPE_TEXT, .min = 1, .max = 64};

#define S3_LOCATION OBJECT_OF({"uri", TEXT_SHAPE(.min = 1, .max = 1024), true}, {"bucketOwner", &some_text})
#define ERROR_BLOCK OBJECT_OF({"message", &any_text})
#define CITATIONS   OBJECT_OF({"enabled", &any_bool, true})

static const struct shape cache_point = {
    .kind = SHAPE_OBJECT,
    .members =
        (const struct shape_member[]){{"type", CHOICE_SHAPE("default"), true}, {"ttl", CHOICE_SHAPE("5m|1h")}, {0}}};

static const struct shape bytes = {.kind = SHAPE_BASE64, .min = 1};
static const struct shape_member bytes_or_s3[] = {{"bytes", &bytes}, {"s3Location", S3_LOCATION}, {0}};
static const struct shape binary_source = {.kind = SHAPE_UNION, .members = bytes_or_s3};

static const struct shape image = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){{"format", CHOICE_SHAPE("png|jpeg|gif|webp"), true},
                                             {"source", &binary_source, true},
                                             {"error", ERROR_BLOCK},
                                             {0}}};
static const struct shape video = {.kind = SHAPE_OBJECT,
                                   .members = (const struct shape_member[]){
                                       {"format", CHOICE_SHAPE("mkv|mov|mp4|webm|flv|mpeg|mpg|wmv|three_gp"), true},
                                       {"source", &binary_source, true},
                                       {0}}};
static const struct shape audio = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"format", CHOICE_SHAPE("aac|flac|m4a|mka|mkv|mp3|mp4|mpeg|mpga|ogg|opus|pcm|wav|webm|x-aac"), true},
        {"source", &binary_source, true},
        {"error", ERROR_BLOCK},
        {0}}};
static const struct shape document = {
    .kind = SHAPE_OBJECT,
    .members =
        (const struct shape_member[]){{"format", CHOICE_SHAPE("pdf|csv|doc|docx|xls|xlsx|html|txt|md")},
                                      {"name", TEXT_SHAPE(.min = 1, .max = 200), true},
                                      {"source",
                                       UNION_OF({"bytes", &bytes}, {"s3Location", S3_LOCATION}, {"text", &some_text},
                                                {"content", LIST_OF(.of = UNION_OF({"text", &some_text}), .min = 1)}),
                                       true},
                                      {"context", &some_text},
                                      {"citations", CITATIONS},
                                      {0}}};
static const struct shape search_result = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){{"source", &any_text, true},
                                             {"title", &any_text, true},
                                             {"content", LIST_OF(.of = OBJECT_OF({"text", &any_text, true})), true},
                                             {"citations", CITATIONS},
                                             {0}}};

static const struct shape tool_use = {.kind = SHAPE_OBJECT,
                                      .members =
                                          (const struct shape_member[]){{"toolUseId", &tool_name, true},
                                                                        {"name", &tool_name, true},
                                                                        {"input", NULL, true},
                                                                        {"type", CHOICE_SHAPE("server_tool_use")},
                                                                        {0}}};
static const struct shape tool_result = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"toolUseId", &tool_name, true},
        {"content",
         LIST_OF(.of = UNION_OF({"json", NULL}, {"text", &any_text}, {"image", &image}, {"document", &document},
                                {"video", &video}, {"searchResult", &search_result})),
         true},
        {"status", CHOICE_SHAPE("success|error")},
        {"type", &some_text},
        {0}}};
static const struct shape reasoning = {
    .kind = SHAPE_UNION,
    .members =
        (const struct shape_member[]){{"reasoningText", OBJECT_OF({"text", &any_text, true}, {"signature", &any_text})},
                                      {"redactedContent", &bytes},
                                      {0}}};
static const struct shape guard_content = {
    .kind = SHAPE_UNION,
    .members = (const struct shape_member[]){
        {"text", OBJECT_OF({"text", &any_text, true},
                           {"qualifiers", LIST_OF(.of = CHOICE_SHAPE("grounding_source|query|guard_content"))})},
        {"image", OBJECT_OF({"format", CHOICE_SHAPE("png|jpeg"), true}, {"source", UNION_OF({"bytes", &bytes}), true})},
        {0}}};
static const struct shape citations_content = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"content", LIST_OF(.of = UNION_OF({"text", &any_text}))}, {"citations", LIST_OF(.of = &free_object)}, {0}}};
static const struct shape tool_change = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"tool", OBJECT_OF({"type", &any_text}, {"name", &any_text}, {"serverName", &any_text}), true}, {0}}};

static const struct shape content_block = {.kind = SHAPE_UNION,
                                           .members =
                                               (const struct shape_member[]){{"text", &any_text},
                                                                             {"image", &image},
                                                                             {"document", &document},
                                                                             {"video", &video},
                                                                             {"audio", &audio},
                                                                             {"toolUse", &tool_use},
                                                                             {"toolResult", &tool_result},
                                                                             {"guardContent", &guard_content},
                                                                             {"cachePoint", &cache_point},
                                                                             {"reasoningContent", &reasoning},
                                                                             {"citationsContent", &citations_content},
                                                                             {"searchResult", &search_result},
                                                                             {"toolAddition", &tool_change},
                                                                             {"toolRemoval", &tool_change},
                                                                             {0}}};

static const struct shape contents = {.kind = SHAPE_LIST, .of = &content_block};
static const struct shape message = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"role", CHOICE_SHAPE("user|assistant|system"), true}, {"content", &contents, true}, {0}}};
static const struct shape messages = {.kind = SHAPE_LIST, .of = &message};
static const struct shape system_block = {
    .kind = SHAPE_UNION,
    .members = (const struct shape_member[]){
        {"text", &some_text}, {"guardContent", &guard_content}, {"cachePoint", &cache_point}, {0}}};
static const struct shape system_blocks = {.kind = SHAPE_LIST, .of = &system_block};

static const struct shape tool_spec = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){{"name", &tool_name, true},
                                             {"description", &some_text},
                                             {"inputSchema", UNION_OF({"json", &free_object}), true},
                                             {"strict", &any_bool},
                                             {0}}};
static const struct shape tool_config = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"tools",
         LIST_OF(.of = UNION_OF({"toolSpec", &tool_spec}, {"systemTool", OBJECT_OF({"name", &tool_name, true})},
                                {"cachePoint", &cache_point}),
                 .min = 1),
         true},
        {"toolChoice",
         UNION_OF({"auto", &free_object}, {"any", &free_object}, {"tool", OBJECT_OF({"name", &tool_name, true})})},
        {0}}};

static const struct shape inference_config = {
    .kind = SHAPE_OBJECT,
    .members =
        (const struct shape_member[]){{"maxTokens", &(const struct shape){.kind = SHAPE_WHOLE, .min = 1}},
                                      {"temperature", &(const struct shape){.kind = SHAPE_NUMBER, .min = 0, .max = 1}},
                                      {"topP", &(const struct shape){.kind = SHAPE_NUMBER, .min = 0, .max = 1}},
                                      {"stopSequences", LIST_OF(.of = &some_text, .min = 0, .max = 2500)},
                                      {0}}};
static const struct shape output_config = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"textFormat", OBJECT_OF({"type", CHOICE_SHAPE("json_schema"), true},
                                 {"structure",
                                  UNION_OF({"jsonSchema", OBJECT_OF({"schema", &some_text, true}, {"name", &any_text},
                                                                    {"description", &any_text})}),
                                  true})},
        {"effort", &some_text},
        {0}}};

static const struct shape guardrail_config = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){{"guardrailIdentifier", &any_text},
                                             {"guardrailVersion", &any_text},
                                             {"trace", CHOICE_SHAPE("enabled|disabled|enabled_full")},
                                             {"streamProcessingMode", CHOICE_SHAPE("sync|async")},
                                             {0}}};

const struct shape converse_shape = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"messages", &messages},
        {"system", &system_blocks},
        {"inferenceConfig", &inference_config},
        {"toolConfig", &tool_config},
        {"guardrailConfig", &guardrail_config},
        {"additionalModelRequestFields", &free_object},
        {"promptVariables", &free_object},
        {"additionalModelResponseFieldPaths", LIST_OF(.of = &some_text, .min = 0, .max = 10)},
        {"requestMetadata", &free_object},
        {"performanceConfig", OBJECT_OF({"latency", CHOICE_SHAPE("standard|optimized")})},
        {"serviceTier", OBJECT_OF({"type", CHOICE_SHAPE("priority|default|flex|reserved"), true})},
        {"outputConfig", &output_config},
        {0}}};

const struct shape converse_count_shape = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){{"messages", &messages},
                                             {"system", &system_blocks},
                                             {"toolConfig", &tool_config},
                                             {"additionalModelRequestFields", &free_object},
                                             {0}}};

enum err converse_shape_check(const struct shape *s, yyjson_val *v, struct text path, struct arena *a,
                              struct fault *f) {
  struct shape_refusal r;
  if (shape_fits(s, v, a, path, false, &r))
    return ERR_OK;
  if (r.wrong == SHAPE_UNKNOWN)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "%.*s: the member '%.*s' is not known", TEXT_ARGS(r.path),
                     TEXT_ARGS(r.name));
  const char *constraint = "Member must have";
  if (r.wrong == SHAPE_MISSING)
    constraint = "Member must not be null: expected";
  else if (r.wrong == SHAPE_NOT_CHOSEN)
    constraint = "Member must satisfy enum value set:";
  else if (r.wrong == SHAPE_TYPE)
    constraint = "Member must be";
  return fault_set(f, ERR_BAD_REQUEST, NULL,
                   "1 validation error detected: Value at '%.*s' failed to satisfy constraint: %s %.*s",
                   TEXT_ARGS(r.path.len > 0 ? r.path : TEXT("body")), constraint, TEXT_ARGS(r.expected));
}
