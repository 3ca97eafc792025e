/* The settings whose words and defaults OpenAI's two request formats share. Read through the tables of
 * openai_chat_request.c and openai_responses_request.c.
 * house: tested-by tests/unit/wire/test_openai_chat_request.c */
#include "wire/openai_settings.h"

enum err openai_rule_metadata(struct rules *r, const struct rule_member *m, void *to) {
  size_t i, count;
  yyjson_val *name, *value;
  if (!yyjson_is_obj(m->value))
    return rule_bad(r, m, "must be an object");
  struct llm_pair *pairs = arena_alloc(r->rq->arena, yyjson_obj_size(m->value) * sizeof(*pairs));
  yyjson_obj_foreach (m->value, i, count, name, value) {
    if (!yyjson_is_str(value))
      return llm_bad(&(struct llm_place){.form = "metadata"}, yyjson_get_str(name), "must be a string", r->f);
    pairs[i] = (struct llm_pair){json_text(name), json_text(value)};
  }
  r->rq->metadata = pairs;
  r->rq->metadata_count = yyjson_obj_size(m->value);
  return ERR_OK;
}

enum err openai_rule_service_tier(struct rules *r, const struct rule_member *m, void *to) {
  struct text tier = TEXT_NONE;
  enum err e = rule_word(r, m, &tier);
  if (e == ERR_OK && !text_equal(tier, TEXT("auto")))
    *(struct text *)to = text_equal(tier, TEXT("fast")) ? TEXT("priority") : tier;
  return e;
}

enum err openai_rule_cache_retention(struct rules *r, const struct rule_member *m, void *to) {
  return yyjson_equals_str(m->value, "in_memory") ? ERR_OK : rule_word(r, m, to);
}

enum err openai_rule_cache_ttl(struct rules *r, const struct rule_member *m, void *to) {
  if (yyjson_equals_str(m->value, "30m"))
    return ERR_OK;
  if (!yyjson_equals_str(m->value, "12h"))
    return rule_bad(r, m, "must be \"30m\" or \"12h\"");
  *(struct text *)to = json_text(m->value);
  return ERR_OK;
}
