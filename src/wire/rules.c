/* Reading an object of a request by a table of its members. It knows no dialect: the tables stand with their dialects,
 * which call it for every object they read. */
#include "wire/rules.h"

enum err rule_refuse(struct rules *r, const struct rule_member *m, const char *why) {
  return llm_refuse(r->rq, m->at, m->name, why, r->f);
}

enum err rule_bad(struct rules *r, const struct rule_member *m, const char *why) {
  return llm_bad(m->at, m->name, why, r->f);
}

static const struct rule *find(const struct rule *rows, size_t count, struct text name) {
  for (size_t i = 0; i < count; i++) /* names of yyjson end in a zero byte: there is always a first one */
    if (rows[i].name[0] == name.at[0] && text_equal(name, text_of(rows[i].name)))
      return &rows[i];
  return NULL;
}

enum err rules_read(struct rules *r, yyjson_val *object, const struct llm_place *at, const struct rule *rows,
                    size_t count, void *into) {
  size_t i, members;
  yyjson_val *name, *value;
  if (!yyjson_is_obj(object))
    return llm_bad(at, "", "must be an object", r->f);
  yyjson_obj_foreach (object, i, members, name, value) {
    if (yyjson_is_null(value))
      continue;
    const struct rule_member m = {.at = at, .name = yyjson_get_str(name), .value = value};
    const struct rule *row = find(rows, count, json_text(name));
    enum err e =
        row ? row->read(r, &m, (char *)into + row->offset) : rule_refuse(r, &m, "this member is not known here");
    if (e != ERR_OK)
      return e;
  }
  return ERR_OK;
}

enum err rules_read_member(struct rules *r, const struct rule_member *m, const struct rule *rows, size_t count,
                           void *into) {
  char where[LLM_PLACE_BYTES];
  llm_place_text(m->at, m->name, where);
  const struct llm_place place = {.form = arena_copy(r->rq->arena, text_of(where)).at};
  return rules_read(r, m->value, &place, rows, count, into);
}

enum err rule_text(struct rules *r, const struct rule_member *m, void *to) {
  if (!yyjson_is_str(m->value))
    return rule_bad(r, m, "must be a string");
  *(struct text *)to = json_text(m->value);
  return ERR_OK;
}

enum err rule_word(struct rules *r, const struct rule_member *m, void *to) {
  if (yyjson_get_len(m->value) == 0 || !yyjson_is_str(m->value))
    return rule_bad(r, m, "must be a non-empty string");
  *(struct text *)to = json_text(m->value);
  return ERR_OK;
}

enum err rule_flag(struct rules *r, const struct rule_member *m, void *to) {
  if (!yyjson_is_bool(m->value))
    return rule_bad(r, m, "must be true or false");
  *(enum llm_flag *)to = yyjson_get_bool(m->value) ? LLM_YES : LLM_NO;
  return ERR_OK;
}

enum err rule_bool(struct rules *r, const struct rule_member *m, void *to) {
  if (!yyjson_is_bool(m->value))
    return rule_bad(r, m, "must be true or false");
  *(bool *)to = yyjson_get_bool(m->value);
  return ERR_OK;
}

enum err rule_number(struct rules *r, const struct rule_member *m, void *to) {
  struct text digits = json_number(m->value);
  if (text_is_empty(digits))
    return rule_bad(r, m, "must be a number");
  *(struct text *)to = digits;
  return ERR_OK;
}

enum err rule_count(struct rules *r, const struct rule_member *m, void *to) {
  uint64_t n;
  if (!json_number_u64(m->value, &n) || n == 0)
    return rule_bad(r, m, "must be a whole number above 0");
  *(uint64_t *)to = n;
  return ERR_OK;
}

enum err rule_raw_object(struct rules *r, const struct rule_member *m, void *to) {
  if (!yyjson_is_obj(m->value))
    return rule_bad(r, m, "must be an object");
  *(struct text *)to = json_value_text(m->value, r->rq->arena);
  return ERR_OK;
}

enum err rule_value(struct rules *r, const struct rule_member *m, void *to) {
  (void)r;
  *(yyjson_val **)to = m->value;
  return ERR_OK;
}

enum err rule_refused(struct rules *r, const struct rule_member *m, void *to) {
  (void)to;
  return rule_refuse(r, m, "this has no counterpart at the provider");
}
