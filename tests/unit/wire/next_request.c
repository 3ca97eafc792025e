/* The request that follows an answer, in each client's dialect: for test_matrix_answers.c. */
#include "streams.h"

#include <string.h>

struct turn {
  const char *client;
  const char *tools, *tools_end;         /* around the definitions of tools, in front of all else */
  const char *tool, *tool_end;           /* around the name of one */
  const char *custom_tool, *custom_end;  /* of a tool with free text, where the client knows such */
  const char *before, *between, *after;  /* before the answer, between it and the results, and the user's word */
  const char *result, *result_end;       /* around the id of a call */
  const char *custom_result;             /* where that differs */
  yyjson_val *(*said)(yyjson_val *body); /* what of the body goes back */
};

static yyjson_val *content(yyjson_val *body) { return json_get(body, "content"); }
static yyjson_val *output(yyjson_val *body) { return json_get(body, "output"); }
static yyjson_val *output_message(yyjson_val *body) { return json_get(output(body), "message"); }
static yyjson_val *first_message(yyjson_val *body) {
  return json_get(yyjson_arr_get_first(json_get(body, "choices")), "message");
}

static const struct turn turns[] = {
    {.client = "anthropic",
     .tools = "\"tools\":[",
     .tools_end = "],",
     .tool = "{\"input_schema\":{\"type\":\"object\"},\"name\":\"",
     .tool_end = "\"}",
     .before =
         "\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":",
     .between = "},{\"role\":\"user\",\"content\":[",
     .after = "{\"type\":\"text\",\"text\":\"go on\"}]}]}",
     .result = "{\"type\":\"tool_result\",\"content\":\"done\",\"tool_use_id\":\"",
     .result_end = "\"},",
     .said = content},
    {.client = "openai_chat",
     .tools = "\"tools\":[",
     .tools_end = "],",
     .tool = "{\"type\":\"function\",\"function\":{\"name\":\"",
     .tool_end = "\"}}",
     .custom_tool = "{\"type\":\"custom\",\"custom\":{\"name\":\"",
     .custom_end = "\"}}",
     .before = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},",
     .between = ",",
     .after = "{\"role\":\"user\",\"content\":\"go on\"}]}",
     .result = "{\"role\":\"tool\",\"content\":\"done\",\"tool_call_id\":\"",
     .result_end = "\"},",
     .said = first_message},
    {.client = "openai_responses",
     .tools = "\"tools\":[",
     .tools_end = "],",
     .tool = "{\"type\":\"function\",\"strict\":false,\"parameters\":{\"type\":\"object\"},\"name\":\"",
     .tool_end = "\"}",
     .custom_tool = "{\"type\":\"custom\",\"name\":\"",
     .custom_end = "\"}",
     .before = "\"store\":false,\"input\":[{\"role\":\"user\",\"content\":\"hi\"},",
     .between = ",",
     .after = "{\"role\":\"user\",\"content\":\"go on\"}]}",
     .result = "{\"type\":\"function_call_output\",\"output\":\"done\",\"call_id\":\"",
     .result_end = "\"},",
     .custom_result = "{\"type\":\"custom_tool_call_output\",\"output\":\"done\",\"call_id\":\"",
     .said = output},
    {.client = "converse",
     .tools = "\"toolConfig\":{\"tools\":[",
     .tools_end = "]},",
     .tool = "{\"toolSpec\":{\"inputSchema\":{\"json\":{\"type\":\"object\"}},\"name\":\"",
     .tool_end = "\"}}",
     .before = "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]},",
     .between = ",{\"role\":\"user\",\"content\":[",
     .after = "{\"text\":\"go on\"}]}]}",
     .result = "{\"toolResult\":{\"content\":[{\"text\":\"done\"}],\"toolUseId\":\"",
     .result_end = "\"}},",
     .said = output_message},
};

static const struct turn *turn_of(const struct matrix_side *client) {
  const char *name = client->variant_of ? client->variant_of : client->name;
  const struct turn *turn = turns;
  while (strcmp(turn->client, name) != 0)
    turn++;
  return turn;
}

static void add_head(struct buf *out, const struct matrix_side *client) {
  if (client->dialect == &dialect_invoke)
    buf_add(out, TEXT("\"anthropic_version\":\"bedrock-2023-05-31\","));
  else if (client->dialect != &dialect_converse)
    buf_add(out, TEXT("\"model\":\"m\","));
}

static bool is_named_before(const struct llm_answer *answer, size_t at) {
  for (size_t i = 0; i < at; i++)
    if (answer->blocks[i].kind == LLM_TOOL_USE && text_equal(answer->blocks[i].name, answer->blocks[at].name))
      return true;
  return false;
}

/* The tools that the answer calls, each once. */
static void add_tools(struct buf *out, const struct turn *turn, const struct llm_answer *answer) {
  bool any = false;
  for (size_t i = 0; i < answer->block_count; i++) {
    const struct llm_block *b = &answer->blocks[i];
    if (b->kind != LLM_TOOL_USE || is_named_before(answer, i))
      continue;
    bool custom = b->is_custom && turn->custom_tool;
    buf_add(out, any ? TEXT(",") : text_of(turn->tools));
    buf_add(out, text_of(custom ? turn->custom_tool : turn->tool));
    json_escape(out, b->name);
    buf_add(out, text_of(custom ? turn->custom_end : turn->tool_end));
    any = true;
  }
  if (any)
    buf_add(out, text_of(turn->tools_end));
}

static void add_results(struct buf *out, const struct turn *turn, const struct llm_answer *answer) {
  for (size_t i = 0; i < answer->block_count; i++) {
    const struct llm_block *b = &answer->blocks[i];
    if (b->kind != LLM_TOOL_USE)
      continue;
    buf_add(out, text_of(b->is_custom && turn->custom_result ? turn->custom_result : turn->result));
    json_escape(out, b->id);
    buf_add(out, text_of(turn->result_end));
  }
}

struct text next_request(struct arena *a, const struct matrix_side *client, yyjson_val *body,
                         const struct llm_answer *answer) {
  const struct turn *turn = turn_of(client);
  struct text said = json_value_text(turn->said(body), a);
  if (client->dialect == &dialect_openai_responses) /* the items stand among the others */
    said = text_head(text_skip(said, 1), said.len - 2);
  struct buf out;
  buf_init(&out, STREAM_MAX_BYTES);
  buf_add_char(&out, '{');
  add_head(&out, client);
  add_tools(&out, turn, answer);
  buf_add(&out, text_of(turn->before));
  buf_add(&out, said);
  buf_add(&out, text_of(turn->between));
  add_results(&out, turn, answer);
  buf_add(&out, text_of(turn->after));
  assert_int_equal(buf_check(&out), ERR_OK);
  struct text request = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return request;
}
