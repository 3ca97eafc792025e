/* Content parts that chat completions and responses spell alike. What a part is called and where it may stand is each
 * dialect's own: openai_chat_*.c and openai_responses_*.c, the callers. */
#include "wire/openai_parts.h"

enum err openai_parts_check_base64(struct text data, const struct llm_place *at, const char *member, struct fault *f) {
  size_t bytes = 0;
  if (data.len / 4 * 3 > OPENAI_MEDIA_MAX_BYTES + 2)
    return llm_bad(at, member, "is larger than 20 MB", f);
  if (text_is_empty(data) || !text_base64_decode(data, NULL, &bytes))
    return llm_bad(at, member, "is not valid base64", f);
  return bytes > OPENAI_MEDIA_MAX_BYTES ? llm_bad(at, member, "is larger than 20 MB", f) : ERR_OK;
}

static bool has_scheme(struct text url, const char *scheme) {
  struct text s = text_of(scheme);
  return url.len > s.len && text_equal_nocase(text_head(url, s.len), s);
}

/* "image/png;charset=x;base64": the type without parameters. False unless base64 is the last of them. */
static bool read_media_type(struct text head, struct text *out) {
  struct text type = head, rest;
  if (!text_ends(head, TEXT(";base64")))
    return false;
  (void)text_cut(head, ';', &type, &rest);
  *out = type;
  return !text_is_empty(type);
}

enum err openai_parts_read_url(struct text url, const struct llm_place *at, const char *member, struct llm_media *out,
                               struct fault *f) {
  struct text head, data, type;
  if (has_scheme(url, "https://") || has_scheme(url, "http://")) {
    out->source = LLM_URL;
    out->data = url;
    return ERR_OK;
  }
  if (!has_scheme(url, "data:"))
    return llm_bad(at, member, "must be an http address or a data URL", f);
  if (!text_cut(text_skip(url, sizeof("data:") - 1), ',', &head, &data) || !read_media_type(head, &type))
    return llm_bad(at, member, "must be a data URL with a media type and base64", f);
  enum err e = openai_parts_check_base64(data, at, member, f);
  if (e != ERR_OK)
    return e;
  out->source = LLM_BASE64;
  out->media_type = type;
  out->data = data;
  return ERR_OK;
}

enum err openai_parts_check_image(const struct llm_media *m, const struct llm_place *at, const char *member,
                                  struct fault *f) {
  static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};
  if (m->source != LLM_BASE64)
    return ERR_OK;
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    if (text_equal(m->media_type, text_of(types[i])))
      return ERR_OK;
  return llm_bad(at, member, "must be of type image/png, image/jpeg, image/gif or image/webp", f);
}

void openai_parts_string(struct json_writer *w) { json_put_raw(w, TEXT("\"")); }

void openai_parts_piece(struct json_writer *w, struct text piece) { json_escape(w->out, piece); }

void openai_parts_string_end(struct json_writer *w) { buf_add_char(w->out, '"'); }

void openai_parts_put_url(struct json_writer *w, const struct llm_media *m) {
  openai_parts_string(w);
  if (m->source == LLM_BASE64) {
    buf_add(w->out, TEXT("data:"));
    openai_parts_piece(w, m->media_type);
    buf_add(w->out, TEXT(";base64,"));
    buf_add(w->out, m->data); /* checked when it was read: nothing in it needs an escape */
  } else if (m->source == LLM_PLAIN) {
    buf_add(w->out, TEXT("data:text/plain;base64,"));
    char *room = buf_reserve(w->out, (m->data.len + 2) / 3 * 4);
    if (room)
      buf_commit(w->out, text_base64(m->data.at, m->data.len, room));
  } else {
    openai_parts_piece(w, m->data);
  }
  openai_parts_string_end(w);
}

enum err openai_parts_read_cache(yyjson_val *breakpoint, const struct llm_place *at, enum llm_cache *out,
                                 struct fault *f) {
  size_t i, count;
  yyjson_val *name, *value;
  enum llm_cache cache = LLM_CACHE_DEFAULT;
  bool explicit = false;
  if (!yyjson_is_obj(breakpoint))
    return llm_bad(at, "prompt_cache_breakpoint", "must be an object", f);
  yyjson_obj_foreach (breakpoint, i, count, name, value) {
    struct text member = json_text(name), word = json_text(value);
    if (text_equal(member, TEXT("mode")) && text_equal(word, TEXT("explicit")))
      explicit = true;
    else if (text_equal(member, TEXT("ttl")) && text_equal(word, TEXT("30m")))
      cache = LLM_CACHE_30M;
    else if (text_equal(member, TEXT("ttl")) && text_equal(word, TEXT("12h")))
      cache = LLM_CACHE_12H;
    else if (!yyjson_is_null(value))
      return llm_bad(at, "prompt_cache_breakpoint", "must be mode \"explicit\" and a ttl of \"30m\" or \"12h\"", f);
  }
  if (!explicit)
    return llm_bad(at, "prompt_cache_breakpoint.mode", "must be \"explicit\"", f);
  *out = cache;
  return ERR_OK;
}

void openai_parts_write_cache(struct json_writer *w, enum llm_cache cache) {
  if (cache == LLM_CACHE_NONE)
    return;
  json_name(w, "prompt_cache_breakpoint");
  json_object(w);
  json_field_str(w, "mode", "explicit");
  if (cache == LLM_CACHE_5M || cache == LLM_CACHE_30M)
    json_field_str(w, "ttl", "30m");
  else if (cache == LLM_CACHE_1H || cache == LLM_CACHE_12H)
    json_field_str(w, "ttl", "12h");
  json_object_end(w);
}

struct text openai_parts_effort(uint64_t budget) {
  return budget < 4096 ? TEXT("low") : budget < 16384 ? TEXT("medium") : TEXT("high");
}

bool openai_parts_is_effort(struct text t) {
  static const char *const words[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (text_equal(t, text_of(words[i])))
      return true;
  return false;
}
