/* Checks that chat completions and responses share. Reading the requests themselves is in openai_request.c and
 * responses_request.c, which call these. */
#include "sim/openai_checks.h"

#define METADATA_PAIRS_MAX    16
#define METADATA_NAME_MAX     64
#define METADATA_VALUE_MAX    512
#define SCHEMA_DEPTH_MAX      10

#define REFUSE(f, field, ...) fault_set((f), ERR_BAD_REQUEST, (field), __VA_ARGS__)

const struct shape openai_breakpoint_shape = {
    .kind = SHAPE_OBJECT,
    .members = (const struct shape_member[]){
        {"mode", &(const struct shape){.kind = SHAPE_CHOICE, .choices = "explicit"}, true},
        {"ttl", &(const struct shape){.kind = SHAPE_CHOICE, .choices = "30m|12h"}},
        {0}}};

static const char *type_name(yyjson_val *v) {
  if (yyjson_is_str(v))
    return "a string";
  if (yyjson_is_obj(v))
    return "an object";
  if (yyjson_is_arr(v))
    return "an array";
  if (yyjson_is_bool(v))
    return "a boolean";
  return yyjson_is_null(v) ? "null" : "a number";
}

/* 'a', 'b', and 'c' of "a|b|c". */
static struct text quoted_choices(struct arena *a, struct text choices) {
  struct text all = TEXT_NONE, one, rest = choices;
  while (text_cut(rest, '|', &one, &rest))
    all = arena_format(a, "%.*s'%.*s', ", TEXT_ARGS(all), TEXT_ARGS(one));
  return arena_format(a, "%.*s%s'%.*s'", TEXT_ARGS(all), all.len > 0 ? "and " : "", TEXT_ARGS(rest));
}

/* The value at a path like "a.b[3].c" below v. */
static yyjson_val *value_at(yyjson_val *v, struct text path, struct text below) {
  path = text_skip(path, below.len);
  while (path.len > 0 && v) {
    size_t end = 1;
    while (end < path.len && path.at[end] != '.' && path.at[end] != '[')
      end++;
    struct text step = text_head(path, end);
    path = text_skip(path, end);
    uint64_t index = 0;
    if (step.at[0] == '[')
      v = text_to_u64(text_skip(text_head(step, step.len - 1), 1), &index) ? yyjson_arr_get(v, index) : NULL;
    else
      v = yyjson_obj_getn(v, step.at[0] == '.' ? step.at + 1 : step.at, step.len - (step.at[0] == '.'));
  }
  return v;
}

enum err openai_shape_check(const struct shape *s, yyjson_val *v, struct text path, struct arena *a, struct fault *f) {
  struct shape_refusal r;
  if (shape_fits(s, v, a, path, true, &r))
    return ERR_OK;
  const char *field = arena_copy(a, r.path).at;
  yyjson_val *at = value_at(v, r.path, path);
  switch (r.wrong) {
  case SHAPE_UNKNOWN: return REFUSE(f, field, "Unknown parameter: '%s'.", field);
  case SHAPE_MISSING: return REFUSE(f, field, "Missing required parameter: '%s'.", field);
  case SHAPE_RANGE: return REFUSE(f, field, "Invalid '%s': expected %.*s.", field, TEXT_ARGS(r.expected));
  case SHAPE_NOT_CHOSEN:
    return REFUSE(f, field, "Invalid value: '%.*s'. Supported values are: %.*s.",
                  TEXT_ARGS(text_head(json_text(at), 64)), TEXT_ARGS(quoted_choices(a, r.expected)));
  case SHAPE_NOT_ONE:
  case SHAPE_TYPE: break;
  }
  return REFUSE(f, field, "Invalid type for '%s': expected %.*s, but got %s instead.", field, TEXT_ARGS(r.expected),
                type_name(at));
}

bool openai_is_name(struct text name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.at[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
      return false;
  }
  return name.len > 0 && name.len <= 64;
}

static void attach(struct sim_ask *ask, const char *kind, struct text media_type, size_t bytes) {
  size_t slot = ask->attachment_count++;
  if (slot < SIM_ATTACHMENTS_MAX)
    ask->attachment[slot] = (struct sim_attachment){kind, media_type, bytes};
}

/* "data:TYPE;base64,DATA" in its parts; false when it is not that. Parameters of the type are left with it. */
static bool cut_data_url(struct text url, struct text *out_type, struct text *out_data) {
  struct text head;
  if (!text_starts(url, TEXT("data:")) || !text_cut(text_skip(url, 5), ',', &head, out_data) ||
      !text_ends(head, TEXT(";base64")))
    return false;
  *out_type = text_head(head, head.len - 7);
  return true;
}

enum err openai_check_image(struct sim_ask *ask, struct text url, struct text path, struct fault *f) {
  struct text type, data;
  size_t bytes = 0;
  const char *field = path.at;
  if (text_starts(url, TEXT("https://")) && url.len > 8) {
    attach(ask, "image", TEXT("url"), 0);
    return ERR_OK;
  }
  if (!text_starts(url, TEXT("data:")))
    return REFUSE(f, field, "Invalid '%.*s'. Expected a valid URL, but got a value with an invalid format.",
                  TEXT_ARGS(path));
  if (!cut_data_url(url, &type, &data))
    return REFUSE(f, field, "Invalid '%.*s'. Expected a base64-encoded data URL with an image MIME type.",
                  TEXT_ARGS(path));
  if (!text_equal(type, TEXT("image/png")) && !text_equal(type, TEXT("image/jpeg")) &&
      !text_equal(type, TEXT("image/gif")) && !text_equal(type, TEXT("image/webp")))
    return REFUSE(
        f, field,
        "Invalid '%.*s'. Expected a base64-encoded data URL with an image MIME type, but got unsupported MIME "
        "type '%.*s'.",
        TEXT_ARGS(path), TEXT_ARGS(text_head(type, 64)));
  if (data.len == 0 || !digest_base64_length(data, &bytes))
    return REFUSE(f, field, "Invalid base64 image_url: the data of '%.*s' is not valid base64.", TEXT_ARGS(path));
  attach(ask, "image", type, bytes);
  return ERR_OK;
}

enum err openai_check_file(struct sim_ask *ask, struct text data_url, struct text path, struct fault *f) {
  struct text type, data;
  size_t bytes = 0;
  if (!cut_data_url(data_url, &type, &data) || data.len == 0 || !digest_base64_length(data, &bytes))
    return REFUSE(f, path.at,
                  "Invalid '%.*s'. Expected a base64-encoded data URL (e.g. 'data:application/pdf;base64,JVBERi0=').",
                  TEXT_ARGS(path));
  attach(ask, "document", type, bytes);
  return ERR_OK;
}

enum err openai_check_metadata(yyjson_val *metadata, struct fault *f) {
  size_t i, n;
  yyjson_val *name, *value;
  if (!metadata || yyjson_is_null(metadata))
    return ERR_OK;
  if (!yyjson_is_obj(metadata))
    return REFUSE(f, "metadata", "Invalid type for 'metadata': expected an object, but got %s instead.",
                  type_name(metadata));
  if (yyjson_obj_size(metadata) > METADATA_PAIRS_MAX)
    return REFUSE(f, "metadata",
                  "Invalid 'metadata': too many properties. Expected an object with at most %d properties.",
                  METADATA_PAIRS_MAX);
  yyjson_obj_foreach (metadata, i, n, name, value) {
    if (!yyjson_is_str(value))
      return REFUSE(f, "metadata", "Invalid type for 'metadata.%.*s': expected a string, but got %s instead.",
                    TEXT_ARGS(text_head(json_text(name), 64)), type_name(value));
    if (yyjson_get_len(name) > METADATA_NAME_MAX || yyjson_get_len(value) > METADATA_VALUE_MAX)
      return REFUSE(f, "metadata", "Invalid 'metadata.%.*s': string too long.",
                    TEXT_ARGS(text_head(json_text(name), 64)));
  }
  return ERR_OK;
}

static bool is_listed(yyjson_val *list, yyjson_val *name) {
  size_t i, n;
  yyjson_val *one;
  yyjson_arr_foreach (list, i, n, one) {
    if (yyjson_equals(one, name))
      return true;
  }
  return false;
}

/* What is missing from the schema for it to be strict; NULL: nothing. */
static const char *not_strict(yyjson_val *schema, size_t depth) {
  yyjson_val *properties = json_get(schema, "properties"), *items = json_get(schema, "items"), *name, *value;
  size_t i, n;
  if (depth > SCHEMA_DEPTH_MAX)
    return "the schema is nested too deeply";
  if (yyjson_equals_str(json_get(schema, "type"), "object") &&
      !yyjson_is_false(json_get(schema, "additionalProperties")))
    return "'additionalProperties' is required to be supplied and to be false";
  yyjson_obj_foreach (properties, i, n, name, value) {
    if (!is_listed(json_get(schema, "required"), name))
      return "'required' is required to be supplied and to be an array including every key in properties";
    const char *why = not_strict(value, depth + 1);
    if (why)
      return why;
  }
  return items ? not_strict(items, depth + 1) : NULL;
}

enum err openai_check_strict(yyjson_val *schema, struct text what, struct text path, struct fault *f) {
  const char *why = not_strict(schema, 0);
  if (!yyjson_equals_str(json_get(schema, "type"), "object"))
    why = "schema must be a JSON Schema of 'type: \"object\"'";
  return why ? REFUSE(f, path.at, "Invalid schema for %.*s: In context=(), %s.", TEXT_ARGS(what), why) : ERR_OK;
}

enum err openai_cache_breakpoint(struct sim_ask *ask, const struct digest *so_far, yyjson_val *part, struct fault *f) {
  yyjson_val *mark = json_get(part, "prompt_cache_breakpoint");
  if (!mark || yyjson_is_null(mark))
    return ERR_OK;
  if (ask->breakpoint_count == PROMPT_CACHE_BREAKPOINTS_MAX)
    return REFUSE(f, "prompt_cache_breakpoint", "A maximum of %d prompt cache breakpoints may be given.",
                  PROMPT_CACHE_BREAKPOINTS_MAX);
  bool is_long = yyjson_equals_str(json_get(mark, "ttl"), "12h");
  ask->breakpoint[ask->breakpoint_count++] =
      (struct prompt_breakpoint){so_far->hash, digest_tokens(so_far->bytes), is_long};
  return ERR_OK;
}
