/* A ring of responses. Looking through all of them is fine: it happens for requests that name an earlier one, and
 * there are few. Filled by responses.c's dialect through calls.c, read by responses_request.c and responses_calls.c. */
#include "sim/responses_store.h"

#include "base/json.h"

struct responses_store {
  struct responses_kept ring[RESPONSES_KEPT_MAX];
  size_t next;
};

struct responses_store *responses_store_new(void) {
  struct responses_store *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  return s;
}

static void forget(struct responses_kept *k) {
  free((char *)(uintptr_t)k->id.at);
  *k = (struct responses_kept){0};
}

void responses_store_reset(struct responses_store *s) {
  for (size_t i = 0; i < RESPONSES_KEPT_MAX; i++)
    forget(&s->ring[i]);
  s->next = 0;
}

void responses_store_free(struct responses_store *s) {
  if (!s)
    return;
  responses_store_reset(s);
  free(s);
}

void responses_store_keep(struct responses_store *s, struct text id, struct text json, struct digest prompt) {
  if (json.len > RESPONSES_BYTES_MAX || id.len == 0)
    return;
  struct responses_kept *k = &s->ring[s->next];
  s->next = (s->next + 1) % RESPONSES_KEPT_MAX;
  forget(k);
  char *bytes = malloc(id.len + json.len);
  if (!bytes)
    abort();
  memcpy(bytes, id.at, id.len);
  memcpy(bytes + id.len, json.at, json.len);
  k->id.at = bytes;
  k->id.len = id.len;
  k->json = (struct text){bytes + id.len, json.len};
  k->prompt = prompt;
}

const struct responses_kept *responses_store_find(const struct responses_store *s, struct text id) {
  for (size_t i = 0; s && id.len > 0 && i < RESPONSES_KEPT_MAX; i++) {
    if (text_equal(s->ring[i].id, id))
      return &s->ring[i];
  }
  return NULL;
}

bool responses_store_drop(struct responses_store *s, struct text id) {
  const struct responses_kept *found = responses_store_find(s, id);
  if (found)
    forget(&s->ring[found - s->ring]);
  return found != NULL;
}

static bool find_item(const struct responses_kept *k, struct arena *a, struct text item_id, struct text *out) {
  struct json doc;
  bool found = false;
  size_t i, n;
  yyjson_val *item;
  if (text_find(k->json, item_id) < 0 || json_read(k->json, NULL, &doc, NULL) != ERR_OK)
    return false;
  yyjson_arr_foreach (json_get(doc.root, "output"), i, n, item) {
    size_t len = 0;
    char *raw = text_equal(json_text(json_get(item, "id")), item_id) ? yyjson_val_write(item, 0, &len) : NULL;
    if (!raw)
      continue;
    *out = arena_copy(a, (struct text){raw, len});
    free(raw);
    found = true;
  }
  json_done(&doc);
  return found;
}

bool responses_store_item(const struct responses_store *s, struct arena *a, struct text item_id, struct text *out) {
  for (size_t i = 0; s && item_id.len > 0 && i < RESPONSES_KEPT_MAX; i++) {
    if (s->ring[i].id.len > 0 && find_item(&s->ring[i], a, item_id, out))
      return true;
  }
  return false;
}
