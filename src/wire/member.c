/* Members that several dialects share: the head of a request, counts and texts of answers.
 * It does not know any dialect: which member means what stands in anthropic*.c and openai*.c, the callers. */
#include "wire/member.h"

#include <stdlib.h>

static bool has_control(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if ((unsigned char)t.at[i] < 0x20 || t.at[i] == 0x7f)
      return true;
  return false;
}

enum err member_head(const struct json *doc, struct arena *a, struct wire_request *out, struct fault *f) {
  struct text model;
  if (!yyjson_is_obj(doc->root))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the request body must be a JSON object");
  if (!json_get(doc->root, "model"))
    return fault_set(f, ERR_BAD_REQUEST, "model", "model is required");
  if (!json_get_text(doc->root, "model", &model) || text_is_empty(model))
    return fault_set(f, ERR_BAD_REQUEST, "model", "model must be a non-empty string");
  if (model.len > MEMBER_MODEL_MAX_BYTES)
    return fault_set(f, ERR_BAD_REQUEST, "model", "model must be at most %d bytes long", MEMBER_MODEL_MAX_BYTES);
  if (has_control(model))
    return fault_set(f, ERR_BAD_REQUEST, "model", "model must not contain control characters");
  if (!json_place(doc, doc->root, "model", &out->model_place))
    return fault_set(f, ERR_INTERNAL, "model", "the place of the model could not be found");
  out->model = arena_copy(a, model);
  out->insert_at = json_insert_at(doc);
  out->input_tokens_bound = usage_estimate_tokens(doc->src.len);
  out->answers = 1;
  return ERR_OK;
}

static yyjson_val *present(const struct json *doc, const char *name, bool null_is_absent) {
  yyjson_val *v = json_get(doc->root, name);
  return null_is_absent && yyjson_is_null(v) ? NULL : v;
}

enum err member_bool(const struct json *doc, const char *name, bool null_is_absent, bool *out, struct fault *f) {
  yyjson_val *v = present(doc, name, null_is_absent);
  if (!v)
    return ERR_OK;
  if (!yyjson_is_bool(v))
    return fault_set(f, ERR_BAD_REQUEST, name, "%s must be true or false", name);
  *out = yyjson_get_bool(v);
  return ERR_OK;
}

/* The whole part of a number, cut to USAGE_MAX_TOKENS; false for anything negative or not a number. */
static bool whole_part(yyjson_val *v, uint64_t *out, bool *out_exact) {
  double real;
  *out_exact = true;
  if (yyjson_is_uint(v)) {
    uint64_t n = yyjson_get_uint(v);
    *out = n > USAGE_MAX_TOKENS ? USAGE_MAX_TOKENS : n;
    return true;
  }
  if (yyjson_is_raw(v)) /* of a document with raw numbers; yyjson ends it with a zero byte */
    real = strtod(yyjson_get_raw(v), NULL);
  else if (yyjson_is_real(v))
    real = yyjson_get_real(v);
  else
    return false;
  if (!(real >= 0))
    return false;
  *out = real > (double)USAGE_MAX_TOKENS ? USAGE_MAX_TOKENS : (uint64_t)real;
  *out_exact = real > (double)USAGE_MAX_TOKENS || (double)*out >= real;
  return true;
}

enum err member_positive(const struct json *doc, const char *name, bool null_is_absent, uint64_t *out,
                         struct fault *f) {
  yyjson_val *v = present(doc, name, null_is_absent);
  uint64_t n;
  bool exact;
  if (!v)
    return ERR_OK;
  if (!whole_part(v, &n, &exact) || !exact || n == 0)
    return fault_set(f, ERR_BAD_REQUEST, name, "%s must be a whole number above 0", name);
  *out = n;
  return ERR_OK;
}

enum err member_edit_model(const struct wire_request *rq, struct text body, struct text upstream_model, struct arena *a,
                           struct json_edits *edits) {
  struct buf b;
  struct text put;
  if (text_is_empty(upstream_model) || text_equal(upstream_model, rq->model))
    return ERR_OK;
  buf_init(&b, upstream_model.len * 6 + 2);
  buf_add_char(&b, '"');
  json_escape(&b, upstream_model);
  buf_add_char(&b, '"');
  put = arena_copy(a, buf_text(&b));
  enum err e = buf_check(&b);
  buf_done(&b);
  return e ? e : json_edits_add(edits, (size_t)(rq->model_place.at - body.at), rq->model_place.len, put);
}

bool member_count(yyjson_val *object, const char *name, uint64_t *out) {
  bool exact;
  return whole_part(json_get(object, name), out, &exact);
}

void member_copy(yyjson_val *object, const char *name, char *out, size_t size) {
  struct text t;
  if (!json_get_text(object, name, &t))
    return;
  t = text_head(t, size - 1);
  while (!text_is_utf8(t))
    t.len--;
  if (t.len > 0)
    memcpy(out, t.at, t.len);
  out[t.len] = 0;
}

uint64_t member_bytes(yyjson_val *v) {
  uint64_t bytes = 0;
  yyjson_val *end = v ? unsafe_yyjson_get_next(v) : NULL;
  for (; v != end; v++) /* yyjson keeps a value and everything inside it in one run, in reading order */
    if (yyjson_is_str(v))
      bytes += yyjson_get_len(v);
  return bytes;
}

char member_hint(struct text json, struct text quoted_name) {
  for (ptrdiff_t at = text_find(json, quoted_name); at >= 0; at = text_find(json, quoted_name)) {
    json = text_skip(json, (size_t)at + quoted_name.len);
    size_t i = 0;
    while (i < json.len &&
           (json.at[i] == ' ' || json.at[i] == '\t' || json.at[i] == '\r' || json.at[i] == '\n' || json.at[i] == ':'))
      i++;
    if (i > 0 && i < json.len && json.at[i] != 'n' && json.at[i] != ',' && json.at[i] != '}' && json.at[i] != ']')
      return json.at[i];
  }
  return 0;
}

enum err member_read_answer(struct text body, struct json *out, struct fault *f) {
  const struct json_limits limits = {.lenient = true};
  struct fault why = {0};
  struct json doc = {0};
  if (json_read(body, &limits, &doc, &why))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not valid JSON: %s", fault_text(&why));
  if (!yyjson_is_obj(doc.root)) {
    json_done(&doc);
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not a JSON object");
  }
  *out = doc;
  return ERR_OK;
}

struct text member_error_message(struct text body, struct arena *a) {
  static const char *const flat[] = {"error", "message", "detail"};
  struct json doc = {0};
  struct text found = TEXT_NONE;
  if (member_read_answer(body, &doc, NULL))
    return TEXT_NONE;
  if (!json_get_text(json_get(doc.root, "error"), "message", &found))
    for (size_t i = 0; i < sizeof(flat) / sizeof(flat[0]) && text_is_empty(found); i++)
      found = json_text(json_get(doc.root, flat[i]));
  if (!text_is_empty(found))
    found = arena_copy(a, found);
  json_done(&doc);
  return found;
}
