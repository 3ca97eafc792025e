/* AWS event-stream messages (application/vnd.amazon.eventstream): big-endian total and header lengths, a CRC-32 (IEEE
 * 802.3) over those two, headers, payload, a CRC-32 over everything before it. Used by the Bedrock wires on both
 * sides and by the simulator. Pure.
 * https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html describes the frame. */
#ifndef AWS_EVENTSTREAM_H
#define AWS_EVENTSTREAM_H

#include "base/buf.h"

#define EVENTSTREAM_OVERHEAD    16 /* prelude with its CRC, and the last CRC */
#define EVENTSTREAM_HEADERS_MAX (128 * 1024)
#define EVENTSTREAM_NAMES_MAX   16 /* headers of one message that are looked at; more are refused */

/* One message. Slices of the bytes it was read from. Only string headers (type 7) have a meaning here; the other nine
 * types are skipped over with their exact lengths. */
struct eventstream_message {
  struct text raw;                       /* the whole frame */
  struct text message_type;              /* :message-type: "event", "exception", "error" */
  struct text event_type;                /* :event-type */
  struct text exception_type;            /* :exception-type */
  struct text error_code, error_message; /* :error-code, :error-message, of the type "error" */
  struct text content_type;              /* :content-type */
  struct text payload;
};

/* Cuts the next whole message off *left. False: there is none yet (out untouched, *out_err ERR_OK) or the bytes break
 * the format (*out_err ERR_PROTOCOL, f says what: a length that cannot be, more than max_bytes, a wrong CRC of prelude
 * or message, a malformed, repeated or unknown header form). The prelude's CRC is checked as soon as its 12 bytes are
 * there, so that a wrong length is never waited for. */
bool eventstream_next(struct text *left, size_t max_bytes, struct eventstream_message *out, enum err *out_err,
                      struct fault *f);

/* Writing: begin, then the payload straight into out, then end, which fills in lengths and CRCs. Names and values of
 * headers are at most 255 and 65,535 bytes; :content-type is application/json. */
size_t eventstream_begin(struct buf *out, struct text message_type, struct text event_or_exception_type);
void eventstream_end(struct buf *out, size_t begun_at);

#endif
