/* Frames of WebSocket, byte by byte or in bulk: a client's are judged strictly and put together to messages in place,
 * without memory of their own; a server's are a head and the bytes. No socket, no clock. Used by control/live.c. */
#include "net/websocket.h"

#include <openssl/evp.h>

#define KEY_BYTES 16
#define GUID      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

bool websocket_accept(struct text key, char out[WEBSOCKET_ACCEPT_BYTES]) {
  uint8_t raw[32], digest[EVP_MAX_MD_SIZE];
  char joined[24 + sizeof(GUID)];
  size_t n = 0;
  unsigned len = 0;
  if (key.len != 24 || !text_base64_decode(key, raw, &n) || n != KEY_BYTES)
    return false;
  int all = snprintf(joined, sizeof(joined), "%.*s%s", TEXT_ARGS(key), GUID);
  if (EVP_Digest(joined, (size_t)all, digest, &len, EVP_sha1(), NULL) != 1 || len != 20)
    return false;
  return text_base64(digest, len, out) == WEBSOCKET_ACCEPT_BYTES;
}

void websocket_reader_init(struct websocket_reader *r) { *r = (struct websocket_reader){0}; }

static enum err fail(struct websocket_reader *r, uint16_t code) {
  r->failed = code;
  return ERR_PROTOCOL;
}

static bool is_control(uint8_t opcode) { return opcode >= WEBSOCKET_CLOSE; }

/* The first two bytes. */
static enum err check_start(struct websocket_reader *r) {
  uint8_t opcode = r->head[0] & 0x0f;
  bool last = (r->head[0] & 0x80) != 0, known = opcode <= WEBSOCKET_BINARY || (opcode >= 8 && opcode <= 10);
  if ((r->head[0] & 0x70) != 0 || !known || (r->head[1] & 0x80) == 0)
    return fail(r, WEBSOCKET_CODE_PROTOCOL);
  if (is_control(opcode) && (!last || (r->head[1] & 0x7f) > WEBSOCKET_CONTROL_MAX))
    return fail(r, WEBSOCKET_CODE_PROTOCOL);
  if (!is_control(opcode) && (opcode == WEBSOCKET_CONTINUATION) != (r->message_of != 0))
    return fail(r, WEBSOCKET_CODE_PROTOCOL);
  r->opcode = opcode;
  r->is_last = last;
  return ERR_OK;
}

static size_t head_size(const struct websocket_reader *r) {
  unsigned n = r->head[1] & 0x7f;
  return 2 + (n == 126 ? 2 : n == 127 ? 8 : 0) + 4;
}

static enum err begin_payload(struct websocket_reader *r) {
  unsigned first = r->head[1] & 0x7f;
  size_t wide = first == 126 ? 2 : first == 127 ? 8 : 0;
  uint64_t n = first;
  for (size_t i = 0; i < wide; i++)
    n = (i == 0 ? 0 : n << 8) | r->head[2 + i];
  if ((wide == 2 && n < 126) || (wide == 8 && (n <= UINT16_MAX || n > INT64_MAX)))
    return fail(r, WEBSOCKET_CODE_PROTOCOL);
  if (!is_control(r->opcode) && n > WEBSOCKET_MESSAGE_MAX - r->message_len)
    return fail(r, WEBSOCKET_CODE_TOO_BIG);
  memcpy(r->mask, r->head + 2 + wide, 4);
  if (is_control(r->opcode))
    r->control_len = 0;
  else if (r->opcode != WEBSOCKET_CONTINUATION)
    r->message_of = r->opcode;
  r->left = n;
  r->frame_at = 0;
  r->in_payload = true;
  return ERR_OK;
}

/* Takes what there is of the head; *out_used of the bytes. */
static enum err feed_head(struct websocket_reader *r, struct text bytes, size_t *out_used) {
  size_t used = 0;
  while (used < bytes.len && (r->head_len < 2 || r->head_len < head_size(r))) {
    r->head[r->head_len++] = (uint8_t)bytes.at[used++];
    enum err e = r->head_len == 2 ? check_start(r) : ERR_OK;
    if (e)
      return e;
  }
  *out_used = used;
  return r->head_len >= 2 && r->head_len == head_size(r) ? begin_payload(r) : ERR_OK;
}

static size_t feed_payload(struct websocket_reader *r, struct text bytes) {
  size_t n = bytes.len < r->left ? bytes.len : (size_t)r->left;
  char *to = is_control(r->opcode) ? r->control + r->control_len : r->message + r->message_len;
  for (size_t i = 0; i < n; i++)
    to[i] = (char)((uint8_t)bytes.at[i] ^ r->mask[(r->frame_at + i) & 3]);
  if (is_control(r->opcode))
    r->control_len += n;
  else
    r->message_len += n;
  r->frame_at += n;
  r->left -= n;
  return n;
}

/* RFC 6455 section 7.4: those that are for the wire. */
static bool may_be_sent(uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static enum err end_control(struct websocket_reader *r, struct websocket_message *out) {
  struct text data = {r->control, r->control_len};
  *out = (struct websocket_message){(enum websocket_opcode)r->opcode, data, 0};
  if (r->opcode != WEBSOCKET_CLOSE)
    return ERR_OK;
  out->code = WEBSOCKET_CODE_NONE;
  if (data.len == 0)
    return ERR_OK;
  out->code = data.len < 2 ? 0 : (uint16_t)((uint8_t)data.at[0] << 8 | (uint8_t)data.at[1]);
  out->data = text_skip(data, 2);
  if (!may_be_sent(out->code))
    return fail(r, WEBSOCKET_CODE_PROTOCOL);
  return text_is_utf8(out->data) ? ERR_OK : fail(r, WEBSOCKET_CODE_NOT_TEXT);
}

static enum err end_frame(struct websocket_reader *r, bool *out_done, struct websocket_message *out) {
  r->in_payload = false;
  r->head_len = 0;
  if (is_control(r->opcode)) {
    *out_done = true;
    return end_control(r, out);
  }
  if (!r->is_last)
    return ERR_OK;
  *out = (struct websocket_message){(enum websocket_opcode)r->message_of, {r->message, r->message_len}, 0};
  *out_done = true;
  r->message_of = 0;
  r->message_len = 0;
  return out->opcode != WEBSOCKET_TEXT || text_is_utf8(out->data) ? ERR_OK : fail(r, WEBSOCKET_CODE_NOT_TEXT);
}

enum err websocket_feed(struct websocket_reader *r, struct text bytes, size_t *out_used, bool *out_done,
                        struct websocket_message *out) {
  size_t used = 0;
  bool done = false;
  enum err e = r->failed ? ERR_PROTOCOL : ERR_OK;
  while (!e && !done && (used < bytes.len || (r->in_payload && r->left == 0))) {
    size_t n = 0;
    if (!r->in_payload)
      e = feed_head(r, text_skip(bytes, used), &n);
    else
      n = feed_payload(r, text_skip(bytes, used));
    used += n;
    if (!e && r->in_payload && r->left == 0)
      e = end_frame(r, &done, out);
  }
  if (e)
    return e;
  *out_used = used;
  *out_done = done;
  return ERR_OK;
}

void websocket_put(struct buf *out, enum websocket_opcode opcode, struct text data) {
  buf_add_char(out, (char)(0x80 | opcode));
  if (data.len < 126) {
    buf_add_char(out, (char)data.len);
  } else {
    size_t wide = data.len <= UINT16_MAX ? 2 : 8;
    buf_add_char(out, (char)(wide == 2 ? 126 : 127));
    for (size_t i = wide; i-- > 0;)
      buf_add_char(out, (char)(data.len >> (8 * i)));
  }
  buf_add(out, data);
}

void websocket_put_close(struct buf *out, uint16_t code, struct text reason) {
  char data[WEBSOCKET_CONTROL_MAX] = {(char)(code >> 8), (char)code};
  size_t n = reason.len < sizeof(data) - 2 ? reason.len : sizeof(data) - 2;
  while (n > 0 && !text_is_utf8(text_head(reason, n)))
    n--;
  if (n > 0)
    memcpy(data + 2, reason.at, n);
  websocket_put(out, WEBSOCKET_CLOSE, (struct text){data, n + 2});
}
