/* Members of Converse requests, one by one. It knows how objects, unions and lists are taken apart and how a place is
 * named; which members there are and what they mean stands in converse_request.c and converse_content.c, the callers.
 */
#include "wire/converse_member.h"

#define DEPTH_MAX 6

/* "image.source.bytes": the names down to s and below it, cut to fit. */
static void names_of(const struct spot *s, const char *last, char out[LLM_PLACE_BYTES]) {
  const char *names[DEPTH_MAX + 1];
  size_t count = 0, len = 0;
  if (last)
    names[count++] = last;
  for (; s && s->name && count < DEPTH_MAX; s = s->up)
    names[count++] = s->name;
  while (count > 0) {
    const char *name = names[--count];
    if (len > 0 && len < LLM_PLACE_BYTES - 1)
      out[len++] = '.';
    while (*name && len < LLM_PLACE_BYTES - 1)
      out[len++] = *name++;
  }
  out[len] = '\0';
}

enum err converse_bad_member(struct reading *r, const struct spot *s, const char *name, const char *why) {
  char member[LLM_PLACE_BYTES];
  names_of(s, name, member);
  return llm_bad(s->place, member, why, r->fault);
}

enum err converse_refuse_member(struct reading *r, const struct spot *s, const char *name, const char *why) {
  char member[LLM_PLACE_BYTES];
  names_of(s, name, member);
  return llm_refuse(r->rq, s->place, member, why, r->fault);
}

enum err converse_bad(struct reading *r, const struct spot *s, const char *why) {
  return converse_bad_member(r, s, NULL, why);
}

enum err converse_refuse(struct reading *r, const struct spot *s, const char *why) {
  return converse_refuse_member(r, s, NULL, why);
}

static size_t find(const char *const *names, size_t count, yyjson_val *key) {
  size_t i = 0;
  while (i < count && !yyjson_equals_str(key, names[i]))
    i++;
  return i;
}

static enum err unknown(struct reading *r, const struct spot *s, yyjson_val *key) {
  return converse_refuse_member(r, s, yyjson_get_str(key), "this cannot be carried to a provider of another kind");
}

enum err converse_members(struct reading *r, yyjson_val *object, const struct spot *s, const char *const *names,
                          size_t count, yyjson_val **out) {
  size_t i, n;
  yyjson_val *key, *value;
  for (i = 0; i < count; i++)
    out[i] = NULL;
  if (!yyjson_is_obj(object))
    return converse_bad(r, s, "must be an object");
  yyjson_obj_foreach (object, i, n, key, value) {
    size_t which = find(names, count, key);
    if (yyjson_is_null(value))
      continue;
    if (which < count) {
      out[which] = value;
      continue;
    }
    enum err e = unknown(r, s, key);
    if (e)
      return e;
  }
  return ERR_OK;
}

enum err converse_union(struct reading *r, yyjson_val *object, const struct spot *s, const char *const *names,
                        size_t count, size_t *out_which, yyjson_val **out) {
  size_t i, n;
  yyjson_val *key, *value, *only = NULL;
  if (!yyjson_is_obj(object))
    return converse_bad(r, s, "must be an object");
  yyjson_obj_foreach (object, i, n, key, value) {
    if (yyjson_is_null(value))
      continue;
    if (only)
      return converse_bad(r, s, "must have exactly one member");
    only = key;
    *out = value;
  }
  if (!only)
    return converse_bad(r, s, "must have exactly one member");
  *out_which = find(names, count, only);
  return *out_which < count ? ERR_OK : unknown(r, s, only);
}

enum err converse_list(struct reading *r, yyjson_val *list, const struct spot *s, const char *name, bool required,
                       size_t *out_count) {
  if (list ? !yyjson_is_arr(list) : required)
    return converse_bad_member(r, s, name, list ? "must be a list" : "is required");
  *out_count = yyjson_arr_size(list);
  return ERR_OK;
}

enum err converse_string(struct reading *r, yyjson_val *v, const struct spot *s, const char *name, bool required,
                         struct text *out) {
  if (!v)
    return required ? converse_bad_member(r, s, name, "is required") : ERR_OK;
  if (!yyjson_is_str(v))
    return converse_bad_member(r, s, name, "must be a string");
  if (required && yyjson_get_len(v) == 0)
    return converse_bad_member(r, s, name, "must not be empty");
  *out = json_text(v);
  return ERR_OK;
}

enum err converse_flag(struct reading *r, yyjson_val *v, const struct spot *s, const char *name, bool *out) {
  if (!v)
    return ERR_OK;
  if (!yyjson_is_bool(v))
    return converse_bad_member(r, s, name, "must be true or false");
  *out = yyjson_get_bool(v);
  return ERR_OK;
}

enum err converse_number(struct reading *r, yyjson_val *v, const struct spot *s, const char *name, struct text *out) {
  struct text digits = json_number(v);
  if (!v)
    return ERR_OK;
  if (text_is_empty(digits))
    return converse_bad_member(r, s, name, "must be a number");
  *out = digits;
  return ERR_OK;
}

enum err converse_base64(struct reading *r, yyjson_val *v, const struct spot *s, const char *name, struct text *out) {
  size_t bytes = 0;
  struct text t = TEXT_NONE;
  enum err e = converse_string(r, v, s, name, true, &t);
  if (e)
    return e;
  if (t.len / 4 * 3 > CONVERSE_MEDIA_MAX_BYTES + 3)
    return converse_bad_member(r, s, name, "is larger than 20 MB");
  if (!text_base64_decode(t, NULL, &bytes))
    return converse_bad_member(r, s, name, "is not base64");
  if (bytes > CONVERSE_MEDIA_MAX_BYTES)
    return converse_bad_member(r, s, name, "is larger than 20 MB");
  *out = t;
  return ERR_OK;
}
