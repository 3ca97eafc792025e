/* Chunk frames, read and written. What stands in a chunk is the business of the model's dialect. Called by the dialect,
 * the tap and the reframing of InvokeModel. */
#include "wire/invoke_chunk.h"

#include "aws/eventstream.h"
#include "wire/member.h"

/* Amazon writes {"bytes":"...","p":"..."}: the base64 is found without parsing the rest. */
static bool find_plainly(struct text payload, struct text *out) {
  const struct text opening = TEXT("{\"bytes\":\"");
  struct text rest;
  return text_starts(payload, opening) && text_cut(text_skip(payload, opening.len), '"', out, &rest) &&
         text_find_char(*out, '\\') < 0;
}

static enum err decode(struct text coded, struct buf *scratch, struct text *out, struct fault *f) {
  size_t n = 0;
  buf_reset(scratch);
  char *room = buf_reserve(scratch, coded.len / 4 * 3 + 3);
  if (!room)
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "a chunk of the provider's stream is too long");
  if (text_is_empty(coded) || !text_base64_decode(coded, room, &n))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "bytes", "a chunk of the provider's stream is not base64");
  buf_commit(scratch, n);
  *out = buf_text(scratch);
  return ERR_OK;
}

enum err invoke_chunk_read(struct text payload, struct buf *scratch, struct text *out, struct fault *f) {
  struct json doc = {0};
  struct text coded;
  if (find_plainly(payload, &coded))
    return decode(coded, scratch, out, f);
  enum err e = member_read_answer(payload, &doc, f);
  if (e != ERR_OK)
    return e;
  e = decode(json_text(json_get(doc.root, "bytes")), scratch, out, f);
  json_done(&doc);
  return e;
}

struct invoke_chunk invoke_chunk_begin(struct buf *out) {
  struct invoke_chunk c = {.frame_at = eventstream_begin(out, TEXT("event"), TEXT("chunk"))};
  buf_add(out, TEXT("{\"bytes\":\""));
  c.event_at = out->len;
  return c;
}

/* In place: the event is moved to the end of the room that its base64 takes, then each group is written in front of
 * what is still to be read. */
static void encode(struct buf *out, size_t event_at) {
  size_t n = out->len - event_at, coded = (n + 2) / 3 * 4;
  if (!buf_reserve(out, coded - n))
    return;
  char *to = out->at + event_at, *from = to + coded - n;
  memmove(from, to, n);
  for (size_t i = 0; i < n; i += 3) {
    char group[3];
    size_t have = n - i < 3 ? n - i : 3;
    memcpy(group, from + i, have);
    to += text_base64(group, have, to);
  }
  buf_commit(out, coded - n);
}

void invoke_chunk_end(struct buf *out, struct invoke_chunk c) {
  if (!out->failed)
    encode(out, c.event_at);
  buf_add(out, TEXT("\"}"));
  if (!out->failed)
    eventstream_end(out, c.frame_at);
}
