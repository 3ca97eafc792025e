/* toolConfig of a Converse request. Bedrock wants it whenever tools appear in the conversation, and an input schema for
 * each tool. Called by converse_build.c. */
#include "wire/converse_build.h"

static enum err refuse(struct building *b, const struct llm_tool *tool, const char *member, const char *why) {
  return llm_refuse(b->rq, &tool->place, member, why, b->fault);
}

static bool has_tool_blocks(const struct llm_request *rq) {
  for (size_t i = 0; i < rq->message_count; i++)
    for (size_t k = 0; k < rq->messages[i].count; k++)
      if (rq->messages[i].blocks[k].kind == LLM_TOOL_USE || rq->messages[i].blocks[k].kind == LLM_TOOL_RESULT)
        return true;
  return false;
}

static void put_spec(struct json_writer *w, const struct llm_tool *tool) {
  json_object(w);
  json_name(w, "toolSpec");
  json_object(w);
  json_field_text(w, "name", tool->name);
  if (!text_is_empty(tool->description))
    json_field_text(w, "description", tool->description);
  json_name(w, "inputSchema");
  json_object(w);
  json_name(w, "json");
  json_put_raw(w, text_is_empty(tool->schema) ? TEXT("{\"type\":\"object\",\"properties\":{}}") : tool->schema);
  json_object_end(w);
  if (tool->strict != LLM_NOT_GIVEN)
    json_field_bool(w, "strict", tool->strict == LLM_YES);
  json_object_end(w);
  json_object_end(w);
}

static enum err put_tool(struct building *b, const struct llm_tool *tool) {
  if (tool->is_custom)
    return refuse(b, tool, "type", "Converse has no tools with free text");
  if (tool->defer_loading == LLM_YES) {
    enum err e = refuse(b, tool, "defer_loading", "Converse loads every tool at once");
    if (e)
      return e;
  }
  put_spec(b->w, tool);
  return converse_build_mark(b, tool->cache, &tool->place);
}

static enum err put_choice(struct building *b) {
  static const struct llm_place root = {""};
  const struct llm_request *rq = b->rq;
  if (rq->choice == LLM_CHOICE_NONE)
    return llm_refuse(b->rq, &root, rq->names->tool_choice, "Converse cannot forbid tools it is shown", b->fault);
  if (rq->choice == LLM_CHOICE_NOT_GIVEN || converse_build_is_single(b))
    return ERR_OK;
  json_name(b->w, "toolChoice");
  json_object(b->w);
  json_name(b->w, rq->choice == LLM_CHOICE_AUTO ? "auto" : rq->choice == LLM_CHOICE_ANY ? "any" : "tool");
  json_object(b->w);
  if (rq->choice == LLM_CHOICE_TOOL)
    json_field_text(b->w, "name", rq->choice_name);
  json_object_end(b->w);
  json_object_end(b->w);
  return ERR_OK;
}

enum err converse_build_tools(struct building *b) {
  static const struct llm_place root = {""};
  const struct llm_request *rq = b->rq;
  if (rq->tool_count == 0)
    return has_tool_blocks(rq)
               ? llm_refuse(b->rq, &root, "tools",
                            "Converse needs the definitions of tools whose calls are in the messages", b->fault)
               : ERR_OK;
  json_name(b->w, "toolConfig");
  json_object(b->w);
  json_name(b->w, "tools");
  json_array(b->w);
  for (size_t i = 0; i < rq->tool_count; i++) {
    enum err e = put_tool(b, &rq->tools[i]);
    if (e)
      return e;
  }
  json_array_end(b->w);
  enum err e = put_choice(b);
  json_object_end(b->w);
  return e;
}
