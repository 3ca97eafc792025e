/* WebSocket (RFC 6455), the server's side of its bytes: the answer to a handshake, frames from a client read into whole
 * messages, frames for it written. No extensions. Pure: who reads and writes the socket is http_server.h's upgrade. */
#ifndef NET_WEBSOCKET_H
#define NET_WEBSOCKET_H

#include "base/buf.h"

#define WEBSOCKET_MESSAGE_MAX  4096 /* of a client */
#define WEBSOCKET_CONTROL_MAX  125
#define WEBSOCKET_HEAD_MAX     14
#define WEBSOCKET_ACCEPT_BYTES 28

enum websocket_opcode {
  WEBSOCKET_CONTINUATION = 0,
  WEBSOCKET_TEXT = 1,
  WEBSOCKET_BINARY = 2,
  WEBSOCKET_CLOSE = 8,
  WEBSOCKET_PING = 9,
  WEBSOCKET_PONG = 10
};

/* RFC 6455 section 7.4.1 */
enum websocket_code {
  WEBSOCKET_CODE_NORMAL = 1000,
  WEBSOCKET_CODE_GOING_AWAY = 1001,
  WEBSOCKET_CODE_PROTOCOL = 1002,
  WEBSOCKET_CODE_NONE = 1005, /* never sent: a close frame that named none */
  WEBSOCKET_CODE_NOT_TEXT = 1007,
  WEBSOCKET_CODE_POLICY = 1008,
  WEBSOCKET_CODE_TOO_BIG = 1009
};

/* One message, or one control frame between its fragments. */
struct websocket_message {
  enum websocket_opcode opcode; /* not WEBSOCKET_CONTINUATION */
  struct text data;             /* in the reader, until the next feed; of a close without its code */
  uint16_t code;                /* of a close */
};

/* Embedded; owns nothing. */
struct websocket_reader {
  uint8_t head[WEBSOCKET_HEAD_MAX];
  size_t head_len;
  uint64_t left;   /* of the frame's payload */
  size_t frame_at; /* bytes of it that were read */
  uint8_t mask[4];
  bool in_payload;
  uint8_t opcode;     /* of the frame */
  bool is_last;       /* its FIN */
  uint8_t message_of; /* the opcode of the message that is being put together; 0: none */
  size_t message_len, control_len;
  char message[WEBSOCKET_MESSAGE_MAX], control[WEBSOCKET_CONTROL_MAX];
  uint16_t failed; /* what to close with; nothing can be read after it */
};

/* What answers Sec-WebSocket-Key. False: that is not sixteen bytes in base64. */
bool websocket_accept(struct text key, char out[WEBSOCKET_ACCEPT_BYTES]) MUST_CHECK;

void websocket_reader_init(struct websocket_reader *r);
/* Takes bytes up to the end of a message or control frame: *out_used of them, *out_done says whether there is one.
 * ERR_PROTOCOL: the connection has to be closed with r->failed (frames that are not masked, reserved bits, unknown or
 * misplaced opcodes, lengths not in their shortest form, fragmented or long control frames, texts and reasons that are
 * not UTF-8, codes nobody may send, messages above WEBSOCKET_MESSAGE_MAX). */
enum err websocket_feed(struct websocket_reader *r, struct text bytes, size_t *out_used, bool *out_done,
                        struct websocket_message *out) MUST_CHECK;

/* One whole frame, not masked, as a server sends it. */
void websocket_put(struct buf *out, enum websocket_opcode opcode, struct text data);
/* reason: UTF-8, cut to what fits. */
void websocket_put_close(struct buf *out, uint16_t code, struct text reason);

#endif
