/* Content parts of Responses requests as blocks: texts, images, files, sounds, refusals, with their cache marks and
 * citations. Called by openai_responses_input.c for messages and for the outputs of tools. */
#include "wire/openai_responses.h"

#include "wire/openai_parts.h"

/* Everything that a part of any type may hold. */
struct part {
  struct text type, text, refusal, detail, image_url, file_id, file_data, file_url, filename, audio, format;
  yyjson_val *annotations;
  enum llm_cache cache;
  struct llm_block *block;
};

static enum err read_cache(struct rules *r, const struct rule_member *m, void *to) {
  return openai_parts_read_cache(m->value, m->at, to, r->f);
}

static enum err read_detail(struct rules *r, const struct rule_member *m, void *to) {
  static const char *const words[] = {"low", "high", "auto", "original"};
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (text_equal(json_text(m->value), text_of(words[i]))) {
      *(struct text *)to = json_text(m->value);
      return ERR_OK;
    }
  return rule_bad(r, m, "must be \"low\", \"high\", \"auto\" or \"original\"");
}

static enum err read_text(struct rules *r, struct part *p) {
  p->block->kind = LLM_TEXT;
  p->block->text = p->text;
  return p->text.at ? ERR_OK : llm_bad(&p->block->place, "text", "is required", r->f);
}

static enum err read_refusal(struct rules *r, struct part *p) {
  p->block->kind = LLM_REFUSAL;
  p->block->text = p->refusal;
  return p->refusal.at ? ERR_OK : llm_bad(&p->block->place, "refusal", "is required", r->f);
}

static enum err read_image(struct rules *r, struct part *p) {
  struct llm_block *b = p->block;
  b->kind = LLM_IMAGE;
  b->media.detail = p->detail;
  if (text_is_empty(p->image_url) == text_is_empty(p->file_id))
    return llm_bad(&b->place, "image_url", "either image_url or file_id is required", r->f);
  if (text_is_empty(p->image_url)) {
    b->media.source = LLM_FILE_ID;
    b->media.data = p->file_id;
    return ERR_OK;
  }
  enum err e = openai_parts_read_url(p->image_url, &b->place, "image_url", &b->media, r->f);
  return e ? e : openai_parts_check_image(&b->media, &b->place, "image_url", r->f);
}

/* Files that are not data: addresses say their type by their name only. */
static struct text type_of_name(struct text name) {
  static const struct {
    const char *end, *type;
  } types[] = {{".pdf", "application/pdf"}, {".txt", "text/plain"}, {".md", "text/markdown"},
               {".csv", "text/csv"},        {".html", "text/html"}, {".json", "application/json"}};
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    if (text_ends(name, text_of(types[i].end)))
      return text_of(types[i].type);
  return text_is_empty(name) ? TEXT("application/pdf") : TEXT_NONE;
}

static enum err read_file_data(struct rules *r, struct part *p, struct llm_block *b) {
  if (text_starts(p->file_data, TEXT("data:")))
    return openai_parts_read_url(p->file_data, &b->place, "file_data", &b->media, r->f);
  b->media.source = LLM_BASE64;
  b->media.media_type = type_of_name(p->filename);
  b->media.data = p->file_data;
  return openai_parts_check_base64(p->file_data, &b->place, "file_data", r->f);
}

static enum err read_file(struct rules *r, struct part *p) {
  struct llm_block *b = p->block;
  int sources = !text_is_empty(p->file_data) + !text_is_empty(p->file_url) + !text_is_empty(p->file_id);
  b->kind = LLM_DOCUMENT;
  b->media.title = p->filename;
  if (sources != 1)
    return llm_bad(&b->place, "file_data", "one of file_data, file_id and file_url is required", r->f);
  if (!text_is_empty(p->file_data))
    return read_file_data(r, p, b);
  if (text_starts(p->file_url, TEXT("data:")))
    return llm_bad(&b->place, "file_url", "must be an http address", r->f);
  if (!text_is_empty(p->file_url))
    return openai_parts_read_url(p->file_url, &b->place, "file_url", &b->media, r->f);
  b->media.source = LLM_FILE_ID;
  b->media.data = p->file_id;
  return ERR_OK;
}

static enum err read_sound(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"data", rule_word, offsetof(struct part, audio)},
                                     {"format", rule_word, offsetof(struct part, format)}};
  return rules_read_member(r, m, RULES(rows), to);
}

static enum err read_audio(struct rules *r, struct part *p) {
  struct llm_block *b = p->block;
  b->kind = LLM_AUDIO;
  b->media.source = LLM_BASE64;
  b->media.data = p->audio;
  if (text_equal(p->format, TEXT("wav")))
    b->media.media_type = TEXT("audio/wav");
  else if (text_equal(p->format, TEXT("mp3")))
    b->media.media_type = TEXT("audio/mpeg");
  else
    return llm_bad(&b->place, "input_audio.format", "must be \"wav\" or \"mp3\"", r->f);
  return openai_parts_check_base64(p->audio, &b->place, "input_audio.data", r->f);
}

static enum err read_position(struct rules *r, const struct rule_member *m, void *to) {
  return json_number_u64(m->value, to) ? ERR_OK : rule_bad(r, m, "must be a whole number");
}

static enum err read_citation(struct rules *r, yyjson_val *annotation, const struct llm_place *at,
                              struct llm_citation *out) {
  static const struct rule rows[] = {{"type", responses_pass_over, 0},
                                     {"url", rule_word, offsetof(struct llm_citation, url)},
                                     {"title", rule_text, offsetof(struct llm_citation, title)},
                                     {"content", rule_text, offsetof(struct llm_citation, cited_text)},
                                     {"start_index", read_position, offsetof(struct llm_citation, start)},
                                     {"end_index", read_position, offsetof(struct llm_citation, end)}};
  enum err e = rules_read(r, annotation, at, RULES(rows), out);
  return e || !text_is_empty(out->url) ? e : llm_bad(at, "url", "is required", r->f);
}

static enum err read_annotations(struct rules *r, struct part *p) {
  struct llm_block *b = p->block;
  size_t i, count = yyjson_arr_size(p->annotations);
  yyjson_val *annotation;
  if (p->annotations && !yyjson_is_arr(p->annotations))
    return llm_bad(&b->place, "annotations", "must be a list", r->f);
  if (count > 0)
    b->citations = arena_zalloc(r->rq->arena, count * sizeof(*b->citations));
  yyjson_arr_foreach (p->annotations, i, count, annotation) {
    const struct llm_place at = {"input[#].content[#].annotations[#]", {b->place.at[0], b->place.at[1], (uint32_t)i}};
    bool has_address = text_equal(json_text(json_get(annotation, "type")), TEXT("url_citation"));
    enum err e = has_address ? read_citation(r, annotation, &at, &b->citations[b->citation_count])
                             : llm_refuse(r->rq, &at, "type", "only citations of an address can be carried", r->f);
    if (e)
      return e;
    b->citation_count += has_address;
  }
  return ERR_OK;
}

static enum err read_output_text(struct rules *r, struct part *p) {
  enum err e = read_text(r, p);
  return e ? e : read_annotations(r, p);
}

#define PART(member) offsetof(struct part, member)
static const struct rule text_rows[] = {{"type", rule_text, PART(type)},
                                        {"text", rule_text, PART(text)},
                                        {"prompt_cache_breakpoint", read_cache, PART(cache)}};
static const struct rule image_rows[] = {{"type", rule_text, PART(type)},
                                         {"detail", read_detail, PART(detail)},
                                         {"image_url", rule_text, PART(image_url)},
                                         {"file_id", rule_text, PART(file_id)},
                                         {"prompt_cache_breakpoint", read_cache, PART(cache)}};
static const struct rule file_rows[] = {{"type", rule_text, PART(type)},
                                        {"detail", responses_only_auto, 0},
                                        {"file_data", rule_text, PART(file_data)},
                                        {"file_id", rule_text, PART(file_id)},
                                        {"file_url", rule_text, PART(file_url)},
                                        {"filename", rule_text, PART(filename)},
                                        {"prompt_cache_breakpoint", read_cache, PART(cache)}};
static const struct rule audio_rows[] = {{"type", rule_text, PART(type)},
                                         {"input_audio", read_sound, 0},
                                         {"prompt_cache_breakpoint", read_cache, PART(cache)}};
static const struct rule output_rows[] = {{"type", rule_text, PART(type)},
                                          {"text", rule_text, PART(text)},
                                          {"annotations", rule_value, PART(annotations)},
                                          {"logprobs", responses_only_empty, 0}};
static const struct rule refusal_rows[] = {{"type", rule_text, PART(type)}, {"refusal", rule_text, PART(refusal)}};

static const struct {
  const char *type;
  bool on[3]; /* by side */
  const struct rule *rows;
  size_t count;
  enum err (*read)(struct rules *r, struct part *p);
} kinds[] = {
    {"input_text", {true, true, true}, RULES(text_rows), read_text},
    {"input_image", {true, false, true}, RULES(image_rows), read_image},
    {"input_file", {true, false, true}, RULES(file_rows), read_file},
    {"input_audio", {true, false, false}, RULES(audio_rows), read_audio},
    {"output_text", {false, true, false}, RULES(output_rows), read_output_text},
    {"refusal", {false, true, false}, RULES(refusal_rows), read_refusal},
};

static enum err read_part(struct rules *r, yyjson_val *value, enum responses_side side, struct llm_block *b) {
  struct part p = {.block = b};
  struct text type = json_text(json_get(value, "type"));
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
    if (text_equal(type, text_of(kinds[i].type)) && kinds[i].on[side]) {
      enum err e = rules_read(r, value, &b->place, kinds[i].rows, kinds[i].count, &p);
      b->cache = p.cache;
      return e ? e : kinds[i].read(r, &p);
    }
  if (!yyjson_is_obj(value))
    return llm_bad(&b->place, "", "must be an object", r->f);
  return llm_bad(&b->place, "type", "is not a content part that may stand here", r->f);
}

enum err responses_read_parts(struct rules *r, const char *form, uint32_t item, yyjson_val *parts,
                              enum responses_side side, struct llm_block **out, size_t *out_count) {
  size_t i, count;
  yyjson_val *part;
  struct llm_block *blocks = arena_zalloc(r->rq->arena, yyjson_arr_size(parts) * sizeof(*blocks));
  yyjson_arr_foreach (parts, i, count, part) {
    blocks[i].place = (struct llm_place){form, {item, (uint32_t)i}};
    enum err e = read_part(r, part, side, &blocks[i]);
    if (e)
      return e;
  }
  *out = blocks;
  *out_count = yyjson_arr_size(parts);
  return ERR_OK;
}
