/* Any text the reader accepts can have its members replaced one by one, and stays a text the reader accepts. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replace_and_check(const struct json *j, yyjson_val *key) {
  struct text place, pieces[2 * JSON_EDITS_MAX + 1];
  struct json_edits edits = {0};
  struct json edited;
  struct buf b;
  /* A name with a zero byte inside cannot be asked for by a C string. */
  if (strlen(yyjson_get_str(key)) != yyjson_get_len(key))
    return;
  if (!json_place(j, j->root, yyjson_get_str(key), &place))
    abort();
  if (json_edits_add(&edits, (size_t)(place.at - j->src.at), place.len, TEXT("\"put\"")) != ERR_OK ||
      json_edits_add(&edits, json_insert_at(j), 0, TEXT(" ")) != ERR_OK)
    abort();
  buf_init(&b, j->src.len + 16);
  size_t count = json_edits_pieces(&edits, j->src, pieces);
  for (size_t i = 0; i < count; i++)
    buf_add(&b, pieces[i]);
  if (b.failed || b.len != json_edits_length(&edits, j->src) || json_read(buf_text(&b), NULL, &edited, NULL) != ERR_OK)
    abort();
  if (!text_equal(json_text(json_get(edited.root, yyjson_get_str(key))), TEXT("put")))
    abort();
  json_done(&edited);
  buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct json j;
  size_t at, count;
  yyjson_val *key, *value;
  if (json_read((struct text){(const char *)data, size}, NULL, &j, NULL) != ERR_OK)
    return 0;
  yyjson_obj_foreach (j.root, at, count, key, value) {
    if (at < 8)
      replace_and_check(&j, key);
  }
  json_done(&j);
  return 0;
}
