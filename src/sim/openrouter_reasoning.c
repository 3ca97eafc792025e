/* A client may send reasoning back whole, or in the pieces in which it was streamed; both must be accepted, and nothing
 * that was altered. Called for every assistant message by openai_messages.c. */
#include "sim/openrouter_reasoning.h"

#include "sim/digest.h"

struct thought {
  struct text text; /* until a signature ends it */
  uint64_t index;
};

static enum err refuse(struct fault *f, struct text path, const char *why) {
  return fault_set(f, ERR_BAD_REQUEST, path.at, "%.*s: %s", TEXT_ARGS(path), why);
}

static enum err read_text(yyjson_val *detail, struct arena *a, struct thought *t, struct text path, struct fault *f) {
  struct text piece, signature;
  uint64_t index = 0;
  (void)json_get_u64(detail, "index", &index);
  if (index != t->index)
    *t = (struct thought){.index = index};
  if (json_get_text(detail, "text", &piece)) {
    const struct text parts[] = {t->text, piece};
    t->text = arena_join(a, parts, 2);
  }
  if (!json_get_text(detail, "signature", &signature))
    return ERR_OK;
  bool good = text_equal(signature, digest_signature(a, t->text));
  t->text = TEXT_NONE;
  return good ? ERR_OK : refuse(f, path, "Invalid `signature` in `thinking` block");
}

static enum err read_detail(yyjson_val *detail, struct arena *a, struct thought *t, struct text path, struct fault *f) {
  struct text type, data, plain;
  if (!json_get_text(detail, "type", &type))
    return refuse(f, path, "type is required");
  if (text_equal(type, TEXT("reasoning.text")))
    return read_text(detail, a, t, path, f);
  if (text_equal(type, TEXT("reasoning.summary")))
    return json_get_text(detail, "summary", &data) ? ERR_OK : refuse(f, path, "summary is required");
  if (!text_equal(type, TEXT("reasoning.encrypted")))
    return refuse(f, path, "type must be reasoning.text, reasoning.summary or reasoning.encrypted");
  if (!json_get_text(detail, "data", &data) || !digest_unseal(a, data, &plain))
    return refuse(f, path, "Invalid `data` in `redacted_thinking` block");
  return ERR_OK;
}

enum err openrouter_check_reasoning(yyjson_val *details, struct arena *a, struct text path, struct fault *f) {
  struct thought t = {0};
  size_t i, n;
  yyjson_val *detail;
  if (!details || yyjson_is_null(details))
    return ERR_OK;
  if (!yyjson_is_arr(details))
    return refuse(f, path, "must be an array");
  yyjson_arr_foreach (details, i, n, detail) {
    enum err e = read_detail(detail, a, &t, arena_format(a, "%.*s[%zu]", TEXT_ARGS(path), i), f);
    if (e)
      return e;
  }
  return ERR_OK;
}
