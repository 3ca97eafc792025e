/* The request that follows an answer, in each client's dialect: for test_matrix_answers.c. */
#include "streams.h"

#include <string.h>

struct turn {
  const char *client;
  const char *before, *between, *after;  /* before the answer, between it and the results, and the user's word */
  const char *result, *result_end;       /* around the id of a call */
  const char *custom_result;             /* of a tool with free text, where that differs */
  yyjson_val *(*said)(yyjson_val *body); /* what of the body goes back */
};

static yyjson_val *content(yyjson_val *body) { return json_get(body, "content"); }
static yyjson_val *output(yyjson_val *body) { return json_get(body, "output"); }
static yyjson_val *output_message(yyjson_val *body) { return json_get(output(body), "message"); }
static yyjson_val *first_message(yyjson_val *body) {
  return json_get(yyjson_arr_get_first(json_get(body, "choices")), "message");
}

#define ANTHROPIC_MESSAGES                                                                                             \
  "\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":"
#define ANTHROPIC_REST                                                                                                 \
  "},{\"role\":\"user\",\"content\":[", "{\"type\":\"text\",\"text\":\"go on\"}]}]}",                                  \
      "{\"type\":\"tool_result\",\"content\":\"done\",\"tool_use_id\":\"", "\"},", NULL, content

static const struct turn turns[] = {
    {"anthropic", "{\"model\":\"m\"," ANTHROPIC_MESSAGES, ANTHROPIC_REST},
    {"invoke", "{\"anthropic_version\":\"bedrock-2023-05-31\"," ANTHROPIC_MESSAGES, ANTHROPIC_REST},
    {"openai_chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},", ",",
     "{\"role\":\"user\",\"content\":\"go on\"}]}", "{\"role\":\"tool\",\"content\":\"done\",\"tool_call_id\":\"",
     "\"},", NULL, first_message},
    {"openai_responses", "{\"model\":\"m\",\"store\":false,\"input\":[{\"role\":\"user\",\"content\":\"hi\"},", ",",
     "{\"role\":\"user\",\"content\":\"go on\"}]}",
     "{\"type\":\"function_call_output\",\"output\":\"done\",\"call_id\":\"", "\"},",
     "{\"type\":\"custom_tool_call_output\",\"output\":\"done\",\"call_id\":\"", output},
    {"converse", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]},",
     ",{\"role\":\"user\",\"content\":[", "{\"text\":\"go on\"}]}]}",
     "{\"toolResult\":{\"content\":[{\"text\":\"done\"}],\"toolUseId\":\"", "\"}},", NULL, output_message},
};

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
  const struct turn *turn = turns;
  while (strcmp(turn->client, client->name) != 0)
    turn++;
  struct text said = json_value_text(turn->said(body), a);
  if (client->dialect == &dialect_openai_responses) /* the items stand among the others */
    said = text_head(text_skip(said, 1), said.len - 2);
  struct buf out;
  buf_init(&out, STREAM_MAX_BYTES);
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
