/* The input of Responses requests as messages: consecutive items of the assistant (words, calls, reasoning) become one
 * message, consecutive outputs of tools another. Items of OpenAI's own tools and of its store are refused by their
 * type. Content parts are read in openai_responses_parts.c. Called by openai_responses_request.c. */
#include "wire/openai_responses.h"

#include "base/map.h"
#include "wire/seal.h"

#define CALLS_MAX 100000

struct builder {
  struct rules *r;
  uint32_t index; /* of the item */
  size_t block_cap;
  bool is_results; /* the last message holds outputs of tools only */
  struct map *calls;
};

/* Everything that an item of any type may hold. */
struct item {
  struct text type, role, id, status, call_id, name, arguments, input;
  yyjson_val *content, *output, *ignored;
};

static struct llm_place place_of(const struct builder *b) { return (struct llm_place){"input[#]", {b->index}}; }

static struct llm_message *last_message(const struct builder *b) {
  struct llm_request *rq = b->r->rq;
  return &rq->messages[rq->message_count - 1];
}

static struct llm_message *add_message(struct builder *b, enum llm_role role) {
  struct llm_request *rq = b->r->rq;
  struct llm_message *m = &rq->messages[rq->message_count++];
  *m = (struct llm_message){.role = role, .place = place_of(b)};
  b->block_cap = 0;
  b->is_results = false;
  return m;
}

/* n cleared blocks at the end of the last message; doubled, so that many items cost no more than one each. */
static struct llm_block *add_blocks(struct builder *b, size_t n) {
  struct llm_message *m = last_message(b);
  if (m->count + n > b->block_cap) {
    size_t cap = b->block_cap * 2 > m->count + n ? b->block_cap * 2 : m->count + n;
    struct llm_block *grown = arena_zalloc(b->r->rq->arena, cap * sizeof(*grown));
    if (m->count > 0)
      memcpy(grown, m->blocks, m->count * sizeof(*grown));
    m->blocks = grown;
    b->block_cap = cap;
  }
  m->count += n;
  return &m->blocks[m->count - n];
}

static struct llm_block *add_block(struct builder *b, enum llm_kind kind) {
  struct llm_block *block = add_blocks(b, 1);
  block->kind = kind;
  block->place = place_of(b);
  return block;
}

static void need_assistant(struct builder *b) {
  if (b->r->rq->message_count == 0 || last_message(b)->role != LLM_ASSISTANT)
    (void)add_message(b, LLM_ASSISTANT);
}

static void need_results(struct builder *b) {
  if (b->is_results)
    return;
  (void)add_message(b, LLM_USER);
  b->is_results = true;
}

static enum err only_final(struct rules *r, const struct rule_member *m, void *to) {
  if (text_equal(json_text(m->value), TEXT("final_answer")))
    return ERR_OK;
  return rule_refuse(r, m, "other providers do not tell phases of an answer apart");
}

#define ITEM(member) offsetof(struct item, member)

static enum err read_content(struct builder *b, const struct item *it, enum responses_side side) {
  const struct llm_place at = place_of(b);
  struct llm_block *blocks = NULL;
  size_t count = 0;
  if (yyjson_is_str(it->content)) {
    blocks = add_block(b, LLM_TEXT);
    blocks->place.form = "input[#].content";
    blocks->text = json_text(it->content);
    return ERR_OK;
  }
  if (!yyjson_is_arr(it->content))
    return llm_bad(&at, "content", "must be a string or a list of content parts", b->r->f);
  enum err e = responses_read_parts(b->r, "input[#].content[#]", b->index, it->content, side, &blocks, &count);
  if (!e && count > 0)
    memcpy(add_blocks(b, count), blocks, count * sizeof(*blocks));
  return e;
}

static enum err read_message(struct builder *b, yyjson_val *value) {
  /* id and status tell which stored item this is a copy of: nothing that a model reads */
  static const struct rule rows[] = {{"type", rule_text, ITEM(type)},        {"role", rule_word, ITEM(role)},
                                     {"content", rule_value, ITEM(content)}, {"id", rule_text, ITEM(id)},
                                     {"status", rule_text, ITEM(status)},    {"phase", only_final, 0}};
  static const char *const roles[] = {"system", "developer", "user", "assistant"};
  const struct llm_place at = place_of(b);
  struct item it = {0};
  enum err e = rules_read(b->r, value, &at, RULES(rows), &it);
  if (e)
    return e;
  for (int role = LLM_SYSTEM; role <= LLM_ASSISTANT; role++)
    if (text_equal(it.role, text_of(roles[role]))) {
      if (role == LLM_ASSISTANT)
        need_assistant(b);
      else
        (void)add_message(b, (enum llm_role)role);
      return read_content(b, &it, role == LLM_ASSISTANT ? RESPONSES_SIDE_ASSISTANT : RESPONSES_SIDE_INPUT);
    }
  return llm_bad(&at, "role", "must be \"user\", \"assistant\", \"system\" or \"developer\"", b->r->f);
}

bool responses_read_arguments(struct text arguments, struct text *out) {
  const struct json_limits limits = {.lenient = true, .raw_numbers = true};
  struct json doc = {0};
  arguments = text_trim(arguments);
  if (text_is_empty(arguments)) {
    *out = TEXT("{}");
    return true;
  }
  if (json_read(arguments, &limits, &doc, NULL) != ERR_OK)
    return false;
  bool good = yyjson_is_obj(doc.root);
  json_done(&doc);
  if (good)
    *out = arguments;
  return good;
}

static char plain_call, custom_call; /* what the map of calls points at */

static enum err add_call(struct builder *b, const struct item *it, bool is_custom) {
  const struct llm_place at = place_of(b);
  if (text_is_empty(it->call_id) || text_is_empty(it->name))
    return llm_bad(&at, text_is_empty(it->name) ? "name" : "call_id", "is required", b->r->f);
  if (!b->calls)
    b->calls = map_new(CALLS_MAX);
  if (map_set(b->calls, it->call_id, is_custom ? &custom_call : &plain_call, NULL))
    return llm_bad(&at, "call_id", "there are too many calls", b->r->f);
  need_assistant(b);
  struct llm_block *block = add_block(b, LLM_TOOL_USE);
  block->id = it->call_id;
  block->name = it->name;
  block->is_custom = is_custom;
  block->input = it->input;
  return ERR_OK;
}

static enum err read_function_call(struct builder *b, yyjson_val *value) {
  static const struct rule rows[] = {{"type", rule_text, ITEM(type)},
                                     {"id", rule_text, ITEM(id)},
                                     {"call_id", rule_text, ITEM(call_id)},
                                     {"name", rule_text, ITEM(name)},
                                     {"arguments", rule_text, ITEM(arguments)},
                                     {"status", rule_text, ITEM(status)},
                                     {"async", responses_only_false, 0},
                                     {"caller", responses_only_direct, 0},
                                     {"namespace", rule_refused, 0}};
  const struct llm_place at = place_of(b);
  struct item it = {0};
  enum err e = rules_read(b->r, value, &at, RULES(rows), &it);
  if (!e && !responses_read_arguments(it.arguments, &it.input))
    return llm_bad(&at, "arguments", "must be the text of a JSON object", b->r->f);
  return e ? e : add_call(b, &it, false);
}

static enum err read_custom_call(struct builder *b, yyjson_val *value) {
  static const struct rule rows[] = {
      {"type", rule_text, ITEM(type)},    {"id", rule_text, ITEM(id)},          {"call_id", rule_text, ITEM(call_id)},
      {"name", rule_text, ITEM(name)},    {"input", rule_text, ITEM(input)},    {"status", rule_text, ITEM(status)},
      {"async", responses_only_false, 0}, {"caller", responses_only_direct, 0}, {"namespace", rule_refused, 0}};
  const struct llm_place at = place_of(b);
  struct item it = {0};
  enum err e = rules_read(b->r, value, &at, RULES(rows), &it);
  return e ? e : add_call(b, &it, true);
}

static enum err read_output(struct builder *b, yyjson_val *output, struct llm_block *block) {
  const struct llm_place at = place_of(b);
  if (yyjson_is_arr(output))
    return responses_read_parts(b->r, "input[#].output[#]", b->index, output, RESPONSES_SIDE_RESULT, &block->content,
                                &block->content_count);
  if (!yyjson_is_str(output))
    return llm_bad(&at, "output", "must be a string or a list of content parts", b->r->f);
  if (yyjson_get_len(output) == 0)
    return ERR_OK;
  block->content = ARENA_NEW(b->r->rq->arena, struct llm_block);
  block->content_count = 1;
  *block->content =
      (struct llm_block){.kind = LLM_TEXT, .place = {"input[#].output", {b->index}}, .text = json_text(output)};
  return ERR_OK;
}

static enum err read_result(struct builder *b, yyjson_val *value, bool is_custom) {
  static const struct rule rows[] = {{"type", rule_text, ITEM(type)},
                                     {"id", rule_text, ITEM(id)},
                                     {"call_id", rule_text, ITEM(call_id)},
                                     {"output", rule_value, ITEM(output)},
                                     {"status", rule_text, ITEM(status)},
                                     {"caller", responses_only_direct, 0},
                                     {"name", rule_refused, 0},
                                     {"namespace", rule_refused, 0}};
  const struct llm_place at = place_of(b);
  struct item it = {0};
  enum err e = rules_read(b->r, value, &at, RULES(rows), &it);
  if (e)
    return e;
  if (text_is_empty(it.call_id))
    return llm_bad(&at, "call_id", "is required", b->r->f);
  if (!b->calls || map_get(b->calls, it.call_id) != (is_custom ? &custom_call : &plain_call))
    return llm_bad(&at, "call_id", "no earlier item is a call with this id", b->r->f);
  need_results(b);
  struct llm_block *block = add_block(b, LLM_TOOL_RESULT);
  block->id = it.call_id;
  block->is_custom = is_custom;
  return read_output(b, it.output, block);
}

static enum err read_function_output(struct builder *b, yyjson_val *value) { return read_result(b, value, false); }

static enum err read_custom_output(struct builder *b, yyjson_val *value) { return read_result(b, value, true); }

static enum err read_reasoning(struct builder *b, yyjson_val *value) {
  static const struct rule rows[] = {
      {"type", rule_value, ITEM(ignored)},    {"id", rule_value, ITEM(ignored)},
      {"summary", rule_value, ITEM(ignored)}, {"content", rule_value, ITEM(ignored)},
      {"status", rule_value, ITEM(ignored)},  {"encrypted_content", rule_value, ITEM(ignored)}};
  const struct llm_place at = place_of(b), sealed = {"input[#].encrypted_content", {b->index}};
  struct item it = {0};
  struct llm_block read = {0};
  enum err e = rules_read(b->r, value, &at, RULES(rows), &it);
  if (!e)
    e = responses_read_reasoning(value, &at, b->r->rq->arena, &read, b->r->f);
  if (!e && seal_is(read.signature))
    e = seal_open(read.signature, &sealed, b->r->rq->arena, &read, b->r->f);
  if (e)
    return e;
  need_assistant(b);
  *add_block(b, read.kind) = read;
  return ERR_OK;
}

#define HOSTED "it belongs to a tool that runs at OpenAI"
#define LOCAL  "it belongs to a tool of OpenAI's own kind"
#define STORED "it names something kept at OpenAI, which no other provider can read"
static const struct {
  const char *type;
  enum err (*read)(struct builder *b, yyjson_val *value);
  const char *why;
} types[] = {
    {"message", read_message, NULL},
    {"function_call", read_function_call, NULL},
    {"function_call_output", read_function_output, NULL},
    {"custom_tool_call", read_custom_call, NULL},
    {"custom_tool_call_output", read_custom_output, NULL},
    {"reasoning", read_reasoning, NULL},
    {"item_reference", NULL, STORED ": send the item itself (store false)"},
    {"compaction", NULL, "only OpenAI can read its compacted conversation"},
    {"compaction_trigger", NULL, "only OpenAI compacts a conversation this way"},
    {"configuration_update", NULL, "settings cannot change in the middle of a conversation"},
    {"additional_tools", NULL, "tools cannot be added in the middle of a conversation"},
    {"web_search_call", NULL, HOSTED},
    {"file_search_call", NULL, HOSTED},
    {"code_interpreter_call", NULL, HOSTED},
    {"image_generation_call", NULL, HOSTED},
    {"mcp_list_tools", NULL, HOSTED},
    {"mcp_call", NULL, HOSTED},
    {"mcp_approval_request", NULL, HOSTED},
    {"mcp_approval_response", NULL, HOSTED},
    {"tool_search_call", NULL, HOSTED},
    {"tool_search_output", NULL, HOSTED},
    {"program", NULL, HOSTED},
    {"program_output", NULL, HOSTED},
    {"computer_call", NULL, LOCAL},
    {"computer_call_output", NULL, LOCAL},
    {"local_shell_call", NULL, LOCAL},
    {"local_shell_call_output", NULL, LOCAL},
    {"shell_call", NULL, LOCAL},
    {"shell_call_output", NULL, LOCAL},
    {"apply_patch_call", NULL, LOCAL},
    {"apply_patch_call_output", NULL, LOCAL},
};

/* Messages need not say their type, nor references. */
static struct text type_of(yyjson_val *item) {
  yyjson_val *type = json_get(item, "type");
  if (type && !yyjson_is_null(type))
    return json_text(type);
  if (json_get(item, "role"))
    return TEXT("message");
  return json_get(item, "id") ? TEXT("item_reference") : TEXT_NONE;
}

static enum err read_item(struct builder *b, yyjson_val *item) {
  const struct llm_place at = place_of(b);
  if (!yyjson_is_obj(item))
    return llm_bad(&at, "", "must be an object", b->r->f);
  struct text type = type_of(item);
  if (text_is_empty(type))
    return llm_bad(&at, "type", "is required", b->r->f);
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    if (text_equal(type, text_of(types[i].type)))
      return types[i].read ? types[i].read(b, item) : llm_refuse(b->r->rq, &at, "type", types[i].why, b->r->f);
  return llm_refuse(b->r->rq, &at, "type", "this type of item is not known here", b->r->f);
}

static enum err read_items(struct builder *b, yyjson_val *items) {
  size_t i, count;
  yyjson_val *item;
  yyjson_arr_foreach (items, i, count, item) {
    b->index = (uint32_t)i;
    enum err e = read_item(b, item);
    if (e)
      return e;
  }
  return ERR_OK;
}

static void make_room(struct llm_request *rq, size_t more) {
  struct llm_message *messages = arena_zalloc(rq->arena, (rq->message_count + more) * sizeof(*messages));
  if (rq->message_count > 0)
    memcpy(messages, rq->messages, rq->message_count * sizeof(*messages));
  rq->messages = messages;
}

enum err responses_read_input(struct rules *r, yyjson_val *input) {
  const struct llm_place at = {.form = "input"};
  struct builder b = {.r = r};
  if (yyjson_is_str(input)) {
    make_room(r->rq, 1);
    struct llm_message *m = add_message(&b, LLM_USER);
    struct llm_block *block = add_block(&b, LLM_TEXT);
    m->place = block->place = at;
    block->text = json_text(input);
    return ERR_OK;
  }
  if (!yyjson_is_arr(input) || yyjson_arr_size(input) == 0)
    return llm_bad(&at, "", "must be a string or a list of items that is not empty", r->f);
  make_room(r->rq, yyjson_arr_size(input));
  enum err e = read_items(&b, input);
  map_free(b.calls);
  return e;
}
