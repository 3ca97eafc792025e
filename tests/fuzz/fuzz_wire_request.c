/* Request bodies through reading and in-place editing of all dialects: what is accepted can be edited, stays valid
 * JSON, and then names the new model; a chat stream then asks for usage. The first byte chooses the dialect. */
#include "wire/wire.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds) {
  if (!holds)
    abort();
}

static struct text edited(struct arena *a, const struct json_edits *edits, struct text body) {
  struct text pieces[2 * JSON_EDITS_MAX + 1];
  size_t count = json_edits_pieces(edits, body, pieces), len = 0;
  char *at = arena_alloc(a, json_edits_length(edits, body));
  for (size_t i = 0; i < count; i++) {
    memcpy(at + len, pieces[i].at, pieces[i].len);
    len += pieces[i].len;
  }
  return (struct text){at, len};
}

static void check_edited(const struct wire *wire, struct arena *a, struct text body, struct text model, bool injected) {
  struct json doc = {0};
  struct wire_request rq = {0};
  enum err e = json_read(body, NULL, &doc, NULL);
  need(e == ERR_OK);
  e = wire->read_request(&doc, a, &rq, NULL);
  need(e == ERR_OK && text_equal(rq.model, wire->model_in_path ? TEXT_NONE : model));
  need(!injected || rq.wants_stream_usage);
  json_done(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const struct text model = TEXT("a \"model\"/\xc3\xa9");
  if (size < 1)
    return 0;
  const struct wire *wire = wire_get((enum wire_id)(data[0] % WIRE_COUNT));
  struct text body = {(const char *)data + 1, size - 1};
  struct json doc = {0};
  struct wire_request rq = {0};
  struct json_edits edits = {0};
  bool injected = false;
  struct arena a;
  if (json_read(body, NULL, &doc, NULL))
    return 0;
  arena_init(&a);
  if (wire->read_request(&doc, &a, &rq, NULL) == ERR_OK) {
    enum err e = wire->edit_request(&rq, body, model, &a, &edits, &injected);
    need(e == ERR_OK);
    check_edited(wire, &a, edited(&a, &edits, body), model, injected);
  }
  json_done(&doc);
  arena_done(&a);
  return 0;
}
