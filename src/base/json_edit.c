/* Places and edits: where a member's value stands in the source text, and replacements of byte ranges that leave every
 * other byte alone. This is what makes pass-through exact. It trusts that the text was accepted by json_read.
 * Called by intake and by the provider adapters. */
#include "base/json.h"

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static size_t skip_space(struct text s, size_t at) {
  while (at < s.len && is_space(s.at[at]))
    at++;
  return at;
}

/* at stands behind an opening quote; returns the place behind the closing one. */
static size_t skip_string(struct text s, size_t at) {
  while (at < s.len && s.at[at] != '"')
    at += s.at[at] == '\\' ? 2 : 1;
  return at < s.len ? at + 1 : s.len;
}

static size_t skip_container(struct text s, size_t at) {
  size_t depth = 0;
  while (at < s.len) {
    char c = s.at[at++];
    if (c == '"')
      at = skip_string(s, at);
    else if (c == '{' || c == '[')
      depth++;
    else if ((c == '}' || c == ']') && --depth == 0)
      break;
  }
  return at;
}

static size_t skip_value(struct text s, size_t at) {
  if (at < s.len && s.at[at] == '"')
    return skip_string(s, at + 1);
  if (at < s.len && (s.at[at] == '{' || s.at[at] == '['))
    return skip_container(s, at);
  while (at < s.len && !is_space(s.at[at]) && s.at[at] != ',' && s.at[at] != '}' && s.at[at] != ']')
    at++;
  return at;
}

/* Where name and value of a member stand. */
static bool find_member(const struct json *j, yyjson_val *object, const char *name, size_t *out_name_at,
                        struct text *out_value) {
  struct text wanted = text_of(name);
  size_t at_member, count;
  yyjson_val *key, *value;
  yyjson_obj_foreach (object, at_member, count, key, value) {
    if (!text_equal(json_text(key), wanted))
      continue;
    size_t name_at = (size_t)(yyjson_get_str(key) - j->copy);
    size_t at = skip_space(j->src, skip_string(j->src, name_at));
    if (at < j->src.len && j->src.at[at] == ':')
      at = skip_space(j->src, at + 1);
    size_t end = skip_value(j->src, at);
    *out_name_at = name_at - 1;
    *out_value = (struct text){j->src.at + at, end - at};
    return true;
  }
  return false;
}

bool json_place(const struct json *j, yyjson_val *object, const char *name, struct text *out_value) {
  size_t name_at;
  return find_member(j, object, name, &name_at, out_value);
}

bool json_place_member(const struct json *j, yyjson_val *object, const char *name, bool with_comma,
                       struct text *out_member) {
  struct text value;
  size_t from, to, before;
  if (!find_member(j, object, name, &from, &value))
    return false;
  to = (size_t)(value.at - j->src.at) + value.len;
  for (before = from; before > 0 && is_space(j->src.at[before - 1]);)
    before--;
  if (with_comma && before > 0 && j->src.at[before - 1] == ',') {
    from = before - 1;
  } else if (with_comma) {
    size_t behind = skip_space(j->src, to);
    if (behind < j->src.len && j->src.at[behind] == ',')
      to = behind + 1;
  }
  *out_member = (struct text){j->src.at + from, to - from};
  return true;
}

size_t json_insert_at(const struct json *j) { return skip_space(j->src, 0) + 1; }

/* An insertion may stand at either edge of a replaced range, never inside it. */
static bool overlaps(const struct json_edit *a, const struct json_edit *b) {
  if (a->remove == 0 || b->remove == 0) {
    const struct json_edit *range = a->remove > 0 ? a : b, *point = a->remove > 0 ? b : a;
    return range->at < point->at && point->at < range->at + range->remove;
  }
  return a->at < b->at + b->remove && b->at < a->at + a->remove;
}

static bool stands_before(const struct json_edit *a, const struct json_edit *b) {
  if (a->at != b->at)
    return a->at < b->at;
  return a->remove == 0 && b->remove > 0;
}

enum err json_edits_add(struct json_edits *e, size_t at, size_t remove, struct text put) {
  struct json_edit edit = {.at = at, .remove = remove, .put = put};
  size_t place = e->count, end;
  if (e->count == JSON_EDITS_MAX)
    return ERR_LIMIT;
  if (__builtin_add_overflow(at, remove, &end))
    return ERR_BAD_REQUEST;
  for (size_t i = 0; i < e->count; i++)
    if (overlaps(&e->edit[i], &edit))
      return ERR_BAD_REQUEST;
  while (place > 0 && stands_before(&edit, &e->edit[place - 1])) {
    e->edit[place] = e->edit[place - 1];
    place--;
  }
  e->edit[place] = edit;
  e->count++;
  return ERR_OK;
}

size_t json_edits_length(const struct json_edits *e, struct text src) {
  struct text pieces[2 * JSON_EDITS_MAX + 1];
  size_t count = json_edits_pieces(e, src, pieces), length = 0;
  for (size_t i = 0; i < count; i++)
    length += pieces[i].len;
  return length;
}

size_t json_edits_pieces(const struct json_edits *e, struct text src, struct text *out_pieces) {
  size_t count = 0, at = 0;
  for (size_t i = 0; i < e->count; i++) {
    const struct json_edit *edit = &e->edit[i];
    struct text kept = text_skip(text_head(src, edit->at), at);
    if (kept.len > 0)
      out_pieces[count++] = kept;
    if (edit->put.len > 0)
      out_pieces[count++] = edit->put;
    at = edit->at + edit->remove;
  }
  struct text rest = text_skip(src, at);
  if (rest.len > 0)
    out_pieces[count++] = rest;
  return count;
}
