/* Content parts and tool calls of chat completions requests. Every part is read by the table of all members any part
 * may have and then checked against its type, so a member that does not belong to the type is named. Called by
 * openai_chat_messages.c, and by openai_chat_answer.c for tool calls. */
#include "wire/openai_chat_parts.h"

#include "wire/openai_parts.h"

struct part {
  struct text type, text, refusal;
  yyjson_val *image_url, *input_audio, *file;
  enum llm_cache cache;
  struct llm_place at;
};

static enum err read_breakpoint(struct rules *r, const struct rule_member *m, void *to) {
  return openai_parts_read_cache(m->value, m->at, to, r->f);
}

enum err openai_chat_read_cache_control(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"type", rule_word, 0}, {"ttl", rule_word, sizeof(struct text)}};
  struct text read[2] = {TEXT_NONE, TEXT_NONE};
  enum err e = rules_read_member(r, m, RULES(rows), read);
  if (e != ERR_OK)
    return e;
  if (!text_equal(read[0], TEXT("ephemeral")))
    return rule_bad(r, m, "must be of type ephemeral");
  if (text_equal(read[1], TEXT("1h")))
    *(enum llm_cache *)to = LLM_CACHE_1H;
  else if (text_equal(read[1], TEXT("5m")))
    *(enum llm_cache *)to = LLM_CACHE_5M;
  else if (text_is_empty(read[1]))
    *(enum llm_cache *)to = LLM_CACHE_DEFAULT;
  else
    return rule_bad(r, m, "must have a ttl of \"5m\" or \"1h\"");
  return ERR_OK;
}

static const struct rule part_rows[] = {
    {"type", rule_word, offsetof(struct part, type)},
    {"text", rule_text, offsetof(struct part, text)},
    {"refusal", rule_text, offsetof(struct part, refusal)},
    {"image_url", rule_value, offsetof(struct part, image_url)},
    {"input_audio", rule_value, offsetof(struct part, input_audio)},
    {"file", rule_value, offsetof(struct part, file)},
    {"prompt_cache_breakpoint", read_breakpoint, offsetof(struct part, cache)},
    {"cache_control", openai_chat_read_cache_control, offsetof(struct part, cache)},
};

static enum err read_text(struct rules *r, const struct part *p, struct llm_block *out) {
  if (!p->text.at)
    return llm_bad(&p->at, "text", "is required", r->f);
  out->kind = LLM_TEXT;
  out->text = p->text;
  return ERR_OK;
}

static enum err read_refusal(struct rules *r, const struct part *p, struct llm_block *out) {
  if (!p->refusal.at)
    return llm_bad(&p->at, "refusal", "is required", r->f);
  out->kind = LLM_REFUSAL;
  out->text = p->refusal;
  return ERR_OK;
}

struct image {
  struct text url, detail;
};

static enum err read_image(struct rules *r, const struct part *p, struct llm_block *out) {
  static const struct rule rows[] = {{"url", rule_word, offsetof(struct image, url)},
                                     {"detail", rule_word, offsetof(struct image, detail)}};
  const struct rule_member m = {.at = &p->at, .name = "image_url", .value = p->image_url};
  struct image image = {0};
  if (!p->image_url)
    return llm_bad(&p->at, "image_url", "is required", r->f);
  enum err e = rules_read_member(r, &m, RULES(rows), &image);
  if (e == ERR_OK)
    e = openai_parts_read_url(image.url, &p->at, "image_url.url", &out->media, r->f);
  if (e == ERR_OK)
    e = openai_parts_check_image(&out->media, &p->at, "image_url.url", r->f);
  out->kind = LLM_IMAGE;
  out->media.detail = text_equal(image.detail, TEXT("auto")) ? TEXT_NONE : image.detail;
  return e;
}

struct sound {
  struct text data, format;
};

static enum err read_audio(struct rules *r, const struct part *p, struct llm_block *out) {
  static const struct rule rows[] = {{"data", rule_word, offsetof(struct sound, data)},
                                     {"format", rule_word, offsetof(struct sound, format)}};
  const struct rule_member m = {.at = &p->at, .name = "input_audio", .value = p->input_audio};
  struct sound sound = {0};
  if (!p->input_audio)
    return llm_bad(&p->at, "input_audio", "is required", r->f);
  enum err e = rules_read_member(r, &m, RULES(rows), &sound);
  if (e != ERR_OK)
    return e;
  bool is_wav = text_equal(sound.format, TEXT("wav"));
  if (!is_wav && !text_equal(sound.format, TEXT("mp3")))
    return llm_bad(&p->at, "input_audio.format", "must be wav or mp3", r->f);
  out->kind = LLM_AUDIO;
  out->media = (struct llm_media){
      .source = LLM_BASE64, .media_type = is_wav ? TEXT("audio/wav") : TEXT("audio/mpeg"), .data = sound.data};
  return openai_parts_check_base64(sound.data, &p->at, "input_audio.data", r->f);
}

struct file {
  struct text data, id, name;
};

/* Data without a media type is a PDF: the kind of file this dialect is for. */
static enum err read_file_data(struct rules *r, const struct part *p, struct text data, struct llm_media *out) {
  if (text_find_char(text_head(data, 8), ':') >= 0)
    return openai_parts_read_url(data, &p->at, "file.file_data", out, r->f);
  out->source = LLM_BASE64;
  out->media_type = TEXT("application/pdf");
  out->data = data;
  return openai_parts_check_base64(data, &p->at, "file.file_data", r->f);
}

static enum err read_file(struct rules *r, const struct part *p, struct llm_block *out) {
  static const struct rule rows[] = {{"file_data", rule_word, offsetof(struct file, data)},
                                     {"file_id", rule_word, offsetof(struct file, id)},
                                     {"filename", rule_text, offsetof(struct file, name)}};
  const struct rule_member m = {.at = &p->at, .name = "file", .value = p->file};
  struct file file = {0};
  if (!p->file)
    return llm_bad(&p->at, "file", "is required", r->f);
  enum err e = rules_read_member(r, &m, RULES(rows), &file);
  if (e == ERR_OK && text_is_empty(file.data) == text_is_empty(file.id))
    e = llm_bad(&p->at, "file", "must hold file_data or file_id", r->f);
  if (e != ERR_OK)
    return e;
  out->kind = LLM_DOCUMENT;
  if (text_is_empty(file.id))
    e = read_file_data(r, p, file.data, &out->media);
  else
    out->media = (struct llm_media){.source = LLM_FILE_ID, .data = file.id};
  out->media.title = file.name;
  return e;
}

static const struct part_type {
  const char *name;
  enum err (*read)(struct rules *r, const struct part *p, struct llm_block *out);
  const char *member;
  unsigned allowed; /* bits of enum openai_chat_parts */
} part_types[] = {
    {"text", read_text, "text", ~0u},
    {"refusal", read_refusal, "refusal", 1u << OPENAI_CHAT_TEXTS_AND_REFUSALS},
    {"image_url", read_image, "image_url", 1u << OPENAI_CHAT_ANY_PART | 1u << OPENAI_CHAT_RESULT_PARTS},
    {"input_audio", read_audio, "input_audio", 1u << OPENAI_CHAT_ANY_PART},
    {"file", read_file, "file", 1u << OPENAI_CHAT_ANY_PART | 1u << OPENAI_CHAT_RESULT_PARTS},
};

static bool has_member(const struct part *p, const char *name) {
  const struct {
    const char *name;
    bool is_there;
  } members[] = {{"text", p->text.at != NULL},
                 {"refusal", p->refusal.at != NULL},
                 {"image_url", p->image_url != NULL},
                 {"input_audio", p->input_audio != NULL},
                 {"file", p->file != NULL}};
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
    if (members[i].is_there && strcmp(members[i].name, name) == 0)
      return true;
  return false;
}

static enum err read_as(struct rules *r, const struct part *p, const struct part_type *type,
                        enum openai_chat_parts allowed, struct llm_block *out) {
  if (!(type->allowed & 1u << allowed))
    return llm_refuse(r->rq, &p->at, "type", "such a part cannot stand in a message of this role", r->f);
  for (size_t i = 0; i < sizeof(part_types) / sizeof(part_types[0]); i++)
    if (&part_types[i] != type && has_member(p, part_types[i].member))
      return llm_bad(&p->at, part_types[i].member, "does not belong to a part of this type", r->f);
  *out = (struct llm_block){.cache = p->cache, .place = p->at};
  return type->read(r, p, out);
}

/* *out_kept false: the operator lets the part be left out. */
static enum err read_part(struct rules *r, yyjson_val *value, const struct llm_place *at,
                          enum openai_chat_parts allowed, struct llm_block *out, bool *out_kept) {
  struct part p = {.at = *at};
  enum err e = ERR_OK;
  yyjson_val *type = json_get(value, "type");
  *out_kept = false;
  if (yyjson_is_obj(value) && !yyjson_is_str(type))
    return llm_bad(at, "type", "must be a string", r->f);
  for (size_t i = 0; i < sizeof(part_types) / sizeof(part_types[0]); i++) {
    if (!yyjson_equals_str(type, part_types[i].name))
      continue;
    e = rules_read(r, value, at, RULES(part_rows), &p);
    if (e != ERR_OK)
      return e;
    out->kind = LLM_TOOL_RESULT; /* no part is one: tells whether the part was read */
    e = read_as(r, &p, &part_types[i], allowed, out);
    *out_kept = out->kind != LLM_TOOL_RESULT;
    return e;
  }
  return yyjson_is_obj(value) ? llm_refuse(r->rq, at, "type", "this type of part cannot be translated", r->f)
                              : llm_bad(at, "", "must be an object", r->f);
}

size_t openai_chat_parts_most(yyjson_val *content) { return yyjson_is_arr(content) ? yyjson_arr_size(content) + 1 : 1; }

enum err openai_chat_read_content(struct rules *r, yyjson_val *content, const struct llm_place *message,
                                  enum openai_chat_parts allowed, struct llm_block *blocks, size_t *count) {
  size_t i, most;
  yyjson_val *part;
  if (yyjson_is_str(content)) {
    const struct llm_place at = {.form = "messages[#].content", .at = {message->at[0]}};
    blocks[(*count)++] = (struct llm_block){.kind = LLM_TEXT, .text = json_text(content), .place = at};
    return ERR_OK;
  }
  if (!yyjson_is_arr(content))
    return llm_bad(message, "content", "must be a string or an array of parts", r->f);
  yyjson_arr_foreach (content, i, most, part) {
    const struct llm_place at = {.form = "messages[#].content[#]", .at = {message->at[0], (uint32_t)i}};
    bool kept;
    enum err e = read_part(r, part, &at, allowed, &blocks[*count], &kept);
    if (e != ERR_OK)
      return e;
    *count += kept;
  }
  return ERR_OK;
}

bool openai_chat_read_arguments(struct text arguments, struct text *out) {
  const struct json_limits limits = {.lenient = true, .raw_numbers = true};
  struct json doc;
  if (text_is_empty(arguments)) {
    *out = TEXT("{}");
    return true;
  }
  if (json_read(arguments, &limits, &doc, NULL) != ERR_OK)
    return false;
  bool is_object = yyjson_is_obj(doc.root);
  json_done(&doc);
  *out = arguments;
  return is_object;
}

struct call {
  struct text type, id, name, arguments, input, index;
  yyjson_val *parsed; /* what OpenAI's own library has made of arguments; it sends that back too */
};

static enum err read_function(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"name", rule_word, offsetof(struct call, name)},
                                     {"arguments", rule_text, offsetof(struct call, arguments)},
                                     {"parsed_arguments", rule_value, offsetof(struct call, parsed)}};
  return rules_read_member(r, m, RULES(rows), to);
}

static enum err read_custom(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"name", rule_word, offsetof(struct call, name)},
                                     {"input", rule_text, offsetof(struct call, input)}};
  return rules_read_member(r, m, RULES(rows), to);
}

enum err openai_chat_read_call(struct rules *r, yyjson_val *value, const struct llm_place *at, struct llm_block *out) {
  static const struct rule rows[] = {{"type", rule_word, offsetof(struct call, type)},
                                     {"id", rule_word, offsetof(struct call, id)},
                                     {"function", read_function, 0},
                                     {"custom", read_custom, 0},
                                     {"index", rule_number, offsetof(struct call, index)}}; /* of a stream's pieces */
  struct call c = {0};
  struct text input;
  enum err e = rules_read(r, value, at, RULES(rows), &c);
  if (e != ERR_OK)
    return e;
  bool is_custom = text_equal(c.type, TEXT("custom"));
  if (!is_custom && c.type.at && !text_equal(c.type, TEXT("function")))
    return llm_bad(at, "type", "must be function or custom", r->f);
  if (text_is_empty(c.id))
    return llm_bad(at, "id", "is required", r->f);
  if (text_is_empty(c.name))
    return llm_bad(at, is_custom ? "custom.name" : "function.name", "is required", r->f);
  if (is_custom)
    input = c.input;
  else if (!openai_chat_read_arguments(c.arguments, &input))
    return llm_bad(at, "function.arguments", "must be a JSON object", r->f);
  *out = (struct llm_block){
      .kind = LLM_TOOL_USE, .id = c.id, .name = c.name, .input = input, .is_custom = is_custom, .place = *at};
  return ERR_OK;
}
