/* Foreign reasoning in one opaque text: JSON in base64url behind a prefix of ours. Nothing is signed: it is the
 * client's own copy of what a provider told it, and that provider checks it again. Called by the dialects that have one
 * opaque member for reasoning. */
#include "wire/seal.h"

#include "base/json.h"

#define SEAL_MAX_BYTES ((size_t)16 * 1024 * 1024)

static void write_json(const struct llm_block *b, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "f", text_is_empty(b->format) ? TEXT(LLM_FORMAT_NONE) : b->format);
  if (!text_is_empty(b->id))
    json_field_text(&w, "i", b->id);
  if (!text_is_empty(b->signature))
    json_field_text(&w, "s", b->signature);
  if (!text_is_empty(b->details)) {
    json_name(&w, "d");
    json_put_raw(&w, b->details);
  }
  if (b->kind == LLM_REDACTED_THINKING)
    json_field_bool(&w, "r", true);
  json_object_end(&w);
}

void seal_write(const struct llm_block *thinking, struct buf *out) {
  struct buf json;
  buf_init(&json, SEAL_MAX_BYTES);
  write_json(thinking, &json);
  buf_add(out, TEXT(SEAL_PREFIX));
  char *room = buf_reserve(out, (json.len * 4 + 2) / 3);
  if (room)
    buf_commit(out, text_base64url(json.at, json.len, room));
  if (json.failed)
    out->failed = true;
  buf_done(&json);
}

struct text seal_make(const struct llm_block *thinking, struct arena *a) {
  struct buf out;
  buf_init(&out, 2 * SEAL_MAX_BYTES);
  seal_write(thinking, &out);
  struct text sealed = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return sealed;
}

bool seal_is(struct text sealed) { return text_starts(sealed, TEXT(SEAL_PREFIX)); }

static enum err read_json(struct text json, struct arena *a, struct llm_block *block) {
  const struct json_limits limits = {.raw_numbers = true};
  struct json doc;
  struct text format, t;
  if (json_read(json, &limits, &doc, NULL) != ERR_OK)
    return ERR_BAD_REQUEST;
  bool good = yyjson_is_obj(doc.root) && json_get_text(doc.root, "f", &format) && !text_is_empty(format);
  if (good) {
    block->format = arena_copy(a, format);
    block->id = json_get_text(doc.root, "i", &t) ? arena_copy(a, t) : TEXT_NONE;
    block->signature = json_get_text(doc.root, "s", &t) ? arena_copy(a, t) : TEXT_NONE;
    yyjson_val *details = json_get(doc.root, "d");
    block->details = details ? json_value_text(details, a) : TEXT_NONE;
    if (yyjson_is_true(json_get(doc.root, "r")))
      block->kind = LLM_REDACTED_THINKING;
  }
  json_done(&doc);
  return good ? ERR_OK : ERR_BAD_REQUEST;
}

enum err seal_open(struct text sealed, const struct llm_place *place, struct arena *a, struct llm_block *block,
                   struct fault *f) {
  struct text coded = text_skip(sealed, sizeof(SEAL_PREFIX) - 1);
  char *json = arena_alloc(a, coded.len / 4 * 3 + 3);
  size_t len;
  if (!seal_is(sealed) || !text_base64url_decode(coded, json, &len) ||
      read_json((struct text){json, len}, a, block) != ERR_OK)
    return llm_bad(place, "", "this is not the reasoning as it was given out", f);
  return ERR_OK;
}
