/* Decodes chunked bodies for http1.c. One byte decides one step, except inside data, which is moved as a whole.
 * It is written here and not left to llhttp because the limits have to be exact whatever the packet boundaries are, and
 * because the few bytes of state are all that a streaming connection keeps. The fuzz target fuzz_chunked.c checks that
 * llhttp (strict) agrees with everything accepted here. */
#include "net/chunked.h"

#include "net/http_headers.h"

#include <string.h>

enum state {
  STATE_SIZE,
  STATE_EXTENSION_NAME, /* behind ';' */
  STATE_EXTENSION_VALUE_START,
  STATE_EXTENSION_VALUE,
  STATE_QUOTED,
  STATE_QUOTED_PAIR,
  STATE_QUOTED_END,
  STATE_SIZE_LF,
  STATE_DATA,
  STATE_DATA_CR,
  STATE_DATA_LF,
  STATE_TRAILER_START,
  STATE_TRAILER_NAME,
  STATE_TRAILER_VALUE,
  STATE_TRAILER_LF,
  STATE_END_LF,
  STATE_DONE,
};

static enum err refuse(struct fault *f, const char *what) {
  return fault_set(f, ERR_PROTOCOL, "transfer-encoding", "the chunked body is malformed: %s", what);
}

static int hex_digit(unsigned char b) {
  if (b >= '0' && b <= '9')
    return b - '0';
  if (b >= 'a' && b <= 'f')
    return b - 'a' + 10;
  if (b >= 'A' && b <= 'F')
    return b - 'A' + 10;
  return -1;
}

/* Text that may stand in a field value or between quotes: HTAB, SP, visible ASCII, obs-text. */
static bool is_field_byte(unsigned char b) { return b == '\t' || (b >= 0x20 && b != 0x7f); }

static enum err size_step(struct chunked *c, unsigned char b, struct fault *f) {
  int digit = hex_digit(b);
  if (digit >= 0) {
    if (++c->digits > 16 || c->left > (uint64_t)INT64_MAX >> 4)
      return refuse(f, "a chunk size is too large");
    c->left = c->left << 4 | (uint64_t)digit;
    return ERR_OK;
  }
  if (c->digits == 0)
    return refuse(f, "a chunk size must be hexadecimal digits");
  if (b != '\r' && b != ';')
    return refuse(f, "unexpected byte behind a chunk size");
  c->state = b == '\r' ? STATE_SIZE_LF : STATE_EXTENSION_NAME;
  c->digits = 0;
  return ERR_OK;
}

/* chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ). The optional blanks of the grammar are refused: nobody
 * sends them and parsers differ over them. digits counts the bytes of the name or value being read, so that neither is
 * empty. */
static enum err extension_step(struct chunked *c, unsigned char b, struct fault *f) {
  static const char bad[] = "a chunk extension is not well formed";
  bool ends = b == '\r' || b == ';';
  if (b != '\r' && ++c->extension_bytes > CHUNKED_MAX_EXTENSION_BYTES)
    return refuse(f, "the chunk extensions are too long");
  switch ((enum state)c->state) {
  case STATE_QUOTED:
    if (b == '"' || b == '\\')
      c->state = b == '"' ? STATE_QUOTED_END : STATE_QUOTED_PAIR;
    else if (!is_field_byte(b))
      return refuse(f, bad);
    return ERR_OK;
  case STATE_QUOTED_PAIR:
    if (!is_field_byte(b))
      return refuse(f, bad);
    c->state = STATE_QUOTED;
    return ERR_OK;
  case STATE_EXTENSION_VALUE_START:
    if (b != '"' && !http_is_token_byte(b))
      return refuse(f, bad);
    c->state = b == '"' ? STATE_QUOTED : STATE_EXTENSION_VALUE;
    return ERR_OK;
  default: break;
  }
  bool in_name = c->state == STATE_EXTENSION_NAME;
  if (c->state != STATE_QUOTED_END && http_is_token_byte(b)) {
    if (in_name)
      c->digits = 1;
    return ERR_OK;
  }
  if (in_name && c->digits == 0)
    return refuse(f, bad);
  if (!ends && !(in_name && b == '='))
    return refuse(f, bad);
  c->state = b == '\r' ? STATE_SIZE_LF : b == ';' ? STATE_EXTENSION_NAME : STATE_EXTENSION_VALUE_START;
  c->digits = 0;
  return ERR_OK;
}

static enum err trailer_step(struct chunked *c, unsigned char b, struct fault *f) {
  if (++c->trailer_bytes > CHUNKED_MAX_TRAILER_BYTES)
    return refuse(f, "the trailers are too long");
  switch ((enum state)c->state) {
  case STATE_TRAILER_START:
    if (b != '\r' && !http_is_token_byte(b))
      return refuse(f, "a trailer has no name");
    c->state = b == '\r' ? STATE_END_LF : STATE_TRAILER_NAME;
    return ERR_OK;
  case STATE_TRAILER_NAME:
    if (b == ':')
      c->state = STATE_TRAILER_VALUE;
    else if (!http_is_token_byte(b))
      return refuse(f, "a trailer name is not a token");
    return ERR_OK;
  default:
    if (b == '\r')
      c->state = STATE_TRAILER_LF;
    else if (!is_field_byte(b))
      return refuse(f, "a control byte in a trailer");
    return ERR_OK;
  }
}

/* The second byte of a line end, and the first one behind data. */
static enum err line_end_step(struct chunked *c, unsigned char b, struct fault *f) {
  if (b != (c->state == STATE_DATA_CR ? '\r' : '\n'))
    return refuse(f, "CRLF expected");
  switch ((enum state)c->state) {
  case STATE_SIZE_LF: c->state = c->left ? STATE_DATA : STATE_TRAILER_START; break;
  case STATE_DATA_CR: c->state = STATE_DATA_LF; break;
  case STATE_DATA_LF: c->state = STATE_SIZE; break;
  case STATE_TRAILER_LF: c->state = STATE_TRAILER_START; break;
  default: c->state = STATE_DONE; break;
  }
  return ERR_OK;
}

static enum err step(struct chunked *c, unsigned char b, struct fault *f) {
  switch ((enum state)c->state) {
  case STATE_SIZE: return size_step(c, b, f);
  case STATE_EXTENSION_NAME:
  case STATE_EXTENSION_VALUE_START:
  case STATE_EXTENSION_VALUE:
  case STATE_QUOTED:
  case STATE_QUOTED_PAIR:
  case STATE_QUOTED_END: return extension_step(c, b, f);
  case STATE_TRAILER_START:
  case STATE_TRAILER_NAME:
  case STATE_TRAILER_VALUE: return trailer_step(c, b, f);
  default: return line_end_step(c, b, f);
  }
}

enum err chunked_feed(struct chunked *c, char *bytes, size_t len, size_t *out_used, size_t *out_body, bool *out_done,
                      struct fault *f) {
  size_t at = 0, body = 0;
  while (at < len && c->state != STATE_DONE) {
    if (c->state != STATE_DATA) {
      enum err e = step(c, (unsigned char)bytes[at++], f);
      if (e)
        return e;
      continue;
    }
    size_t n = len - at < c->left ? len - at : (size_t)c->left;
    memmove(bytes + body, bytes + at, n);
    body += n;
    at += n;
    c->left -= n;
    if (c->left == 0)
      c->state = STATE_DATA_CR;
  }
  *out_used = at;
  *out_body = body;
  *out_done = c->state == STATE_DONE;
  return ERR_OK;
}
