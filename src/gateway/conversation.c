/* Telling a conversation by its beginning. Prompt caches hold prefixes, so two requests that begin alike belong to the
 * same place; what is appended turn by turn must not change the answer. Called by intake.c while the body is parsed. */
#include "gateway/conversation.h"

#define LOOK_BYTES 4096 /* of all strings together */
#define LOOK_NODES 64

struct look {
  struct affinity_digest digest;
  size_t bytes, nodes;
};

static void take(struct look *l, struct text part) {
  part = text_head(part, LOOK_BYTES - l->bytes);
  l->bytes += part.len;
  affinity_digest(&l->digest, part);
}

/* Every string under the value, in order, within the bounds. */
static void look_at(struct look *l, yyjson_val *v, unsigned depth) {
  if (!v || depth > 8 || l->nodes >= LOOK_NODES || l->bytes >= LOOK_BYTES)
    return;
  l->nodes++;
  size_t i, most;
  yyjson_val *key, *item;
  if (yyjson_is_str(v))
    take(l, json_text(v));
  if (yyjson_is_arr(v))
    yyjson_arr_foreach (v, i, most, item)
      look_at(l, item, depth + 1);
  if (yyjson_is_obj(v))
    yyjson_obj_foreach (v, i, most, key, item)
      look_at(l, item, depth + 1);
}

static bool is_instruction(yyjson_val *message) {
  struct text role = json_text(json_get(message, "role"));
  return text_equal(role, TEXT("system")) || text_equal(role, TEXT("developer"));
}

/* Instructions that are messages, and the first that is none. */
static void look_at_opening(struct look *l, yyjson_val *messages) {
  if (!yyjson_is_arr(messages)) {
    look_at(l, messages, 0);
    return;
  }
  size_t i, most;
  yyjson_val *message;
  yyjson_arr_foreach (messages, i, most, message) {
    look_at(l, message, 0);
    if (!is_instruction(message))
      return;
  }
}

bool conversation_of(const struct json *body, int64_t principal_id, struct text model, uint64_t out[2]) {
  static const char *const names[] = {"prompt_cache_key", "system", "instructions"};
  static const char *const openings[] = {"messages", "input"};
  struct look l = {0};
  look_at(&l, json_get(json_get(body->root, "metadata"), "user_id"), 0);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    look_at(&l, json_get(body->root, names[i]), 0);
  for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++)
    look_at_opening(&l, json_get(body->root, openings[i]));
  if (l.bytes == 0)
    return false;
  affinity_digest(&l.digest, model);
  affinity_digest(&l.digest, (struct text){(const char *)&principal_id, sizeof(principal_id)});
  out[0] = l.digest.hash[0];
  out[1] = l.digest.hash[1];
  return true;
}
