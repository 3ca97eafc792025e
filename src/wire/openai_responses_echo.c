/* What a Responses answer repeats of its request: settings as they were given, or as OpenAI takes them when they were
 * not. Clients' types say that these members are always there. Called by openai_responses_request.c. */
#include "wire/openai_responses.h"

#define ECHO_MAX_BYTES ((size_t)64 * 1024 * 1024) /* more than any body may hold */

static const struct {
  const char *name;
  struct text otherwise; /* JSON */
} members[] = {
    {"background", {"false", 5}},
    {"instructions", {"null", 4}},
    {"max_output_tokens", {"null", 4}},
    {"max_tool_calls", {"null", 4}},
    {"metadata", {"{}", 2}},
    {"parallel_tool_calls", {"true", 4}},
    {"previous_response_id", {"null", 4}},
    {"prompt_cache_key", {"null", 4}},
    {"reasoning", {"{\"effort\":null,\"summary\":null}", 30}},
    {"safety_identifier", {"null", 4}},
    {"store", {"false", 5}},
    {"temperature", {"1.0", 3}},
    {"text", {"{\"format\":{\"type\":\"text\"}}", 26}},
    {"tool_choice", {"\"auto\"", 6}},
    {"tools", {"[]", 2}},
    {"top_logprobs", {"0", 1}},
    {"top_p", {"1.0", 3}},
    {"truncation", {"\"disabled\"", 10}},
    {"user", {"null", 4}},
};

struct text responses_echo_members(yyjson_val *root, struct arena *a) {
  struct buf b;
  buf_init(&b, ECHO_MAX_BYTES);
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
    yyjson_val *given = json_get(root, members[i].name);
    bool is_given = given && !yyjson_is_null(given);
    buf_add_format(&b, "%s\"%s\":", i > 0 ? "," : "", members[i].name);
    buf_add(&b, is_given ? json_value_text(given, a) : members[i].otherwise);
  }
  struct text text = arena_copy(a, buf_text(&b));
  buf_done(&b);
  return text;
}
