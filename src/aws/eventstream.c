/* Frames of AWS event streams, read and written. This room knows the frame and its headers; what stands in a payload
 * and what an exception means is its callers': the Bedrock wires on both sides of the gateway, and the simulator.
 * Reading keeps nothing between calls: whoever holds the bytes of an incomplete frame calls again with more. */
#include "aws/eventstream.h"

#include <zlib.h>

#define PRELUDE_BYTES 12
#define LENGTHS_BYTES 8
#define CRC_BYTES     4

enum header_type {
  HEADER_TYPE_TRUE = 0,
  HEADER_TYPE_FALSE = 1,
  HEADER_TYPE_BYTE = 2,
  HEADER_TYPE_SHORT = 3,
  HEADER_TYPE_INTEGER = 4,
  HEADER_TYPE_LONG = 5,
  HEADER_TYPE_BYTES = 6,
  HEADER_TYPE_STRING = 7,
  HEADER_TYPE_TIMESTAMP = 8,
  HEADER_TYPE_UUID = 9,
  HEADER_TYPE_COUNT
};
#define HAS_LENGTH SIZE_MAX

static const size_t value_bytes[HEADER_TYPE_COUNT] = {
    [HEADER_TYPE_TRUE] = 0,           [HEADER_TYPE_FALSE] = 0,           [HEADER_TYPE_BYTE] = 1,
    [HEADER_TYPE_SHORT] = 2,          [HEADER_TYPE_INTEGER] = 4,         [HEADER_TYPE_LONG] = 8,
    [HEADER_TYPE_BYTES] = HAS_LENGTH, [HEADER_TYPE_STRING] = HAS_LENGTH, [HEADER_TYPE_TIMESTAMP] = 8,
    [HEADER_TYPE_UUID] = 16,
};

struct header {
  struct text name, value;
  uint8_t type;
};

static uint32_t read_u32(const char *at) {
  const unsigned char *b = (const unsigned char *)at;
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void write_u32(char *at, uint32_t n) {
  for (int i = 0; i < 4; i++)
    at[i] = (char)(n >> (24 - 8 * i));
}

static uint32_t crc_of(const char *at, size_t n) { return (uint32_t)crc32_z(0, (const Bytef *)at, n); }

static bool take(struct text *from, size_t n, struct text *out) {
  if (from->len < n)
    return false;
  *out = text_head(*from, n);
  *from = text_skip(*from, n);
  return true;
}

static bool take_number(struct text *from, size_t n, size_t *out) {
  struct text bytes;
  if (!take(from, n, &bytes))
    return false;
  *out = 0;
  for (size_t i = 0; i < n; i++)
    *out = *out << 8 | (unsigned char)bytes.at[i];
  return true;
}

static enum err cut_header(struct text *left, struct header *h, struct fault *f) {
  size_t name_len, type, len;
  if (!take_number(left, 1, &name_len) || name_len == 0 || !take(left, name_len, &h->name) ||
      !take_number(left, 1, &type))
    return fault_set(f, ERR_PROTOCOL, NULL, "a header of the event stream is malformed");
  if (type >= HEADER_TYPE_COUNT)
    return fault_set(f, ERR_PROTOCOL, NULL, "a header of the event stream has the unknown type %zu", type);
  len = value_bytes[type];
  if ((len == HAS_LENGTH && !take_number(left, 2, &len)) || !take(left, len, &h->value))
    return fault_set(f, ERR_PROTOCOL, NULL, "a header of the event stream is longer than its room");
  h->type = (uint8_t)type;
  return ERR_OK;
}

static struct text *place_for(struct eventstream_message *m, struct text name) {
  const struct {
    struct text name;
    struct text *place;
  } known[] = {
      {TEXT(":message-type"), &m->message_type},     {TEXT(":event-type"), &m->event_type},
      {TEXT(":exception-type"), &m->exception_type}, {TEXT(":error-code"), &m->error_code},
      {TEXT(":error-message"), &m->error_message},   {TEXT(":content-type"), &m->content_type},
  };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (text_equal(known[i].name, name))
      return known[i].place;
  return NULL;
}

static enum err read_headers(struct text left, struct eventstream_message *m, struct fault *f) {
  struct text seen[EVENTSTREAM_NAMES_MAX];
  size_t count = 0;
  while (left.len) {
    struct header h = {0};
    enum err e = cut_header(&left, &h, f);
    if (e)
      return e;
    if (count == EVENTSTREAM_NAMES_MAX)
      return fault_set(f, ERR_PROTOCOL, NULL, "a message of the event stream has more than %d headers",
                       EVENTSTREAM_NAMES_MAX);
    for (size_t i = 0; i < count; i++)
      if (text_equal(seen[i], h.name))
        return fault_set(f, ERR_PROTOCOL, NULL, "a header of the event stream is repeated");
    seen[count++] = h.name;
    struct text *place = place_for(m, h.name);
    if (place && h.type != HEADER_TYPE_STRING)
      return fault_set(f, ERR_PROTOCOL, NULL, "the header %.*s of the event stream is not a string", TEXT_ARGS(h.name));
    if (place)
      *place = h.value;
  }
  return ERR_OK;
}

/* The two lengths, once their CRC has been found right. */
static enum err check_prelude(const char *at, size_t max_bytes, size_t *total, size_t *headers, struct fault *f) {
  if (crc_of(at, LENGTHS_BYTES) != read_u32(at + LENGTHS_BYTES))
    return fault_set(f, ERR_PROTOCOL, NULL, "the CRC of a prelude of the event stream is wrong");
  *total = read_u32(at);
  *headers = read_u32(at + 4);
  if (*total < EVENTSTREAM_OVERHEAD || *headers > *total - EVENTSTREAM_OVERHEAD)
    return fault_set(f, ERR_PROTOCOL, NULL, "the lengths of a message of the event stream contradict each other");
  if (*headers > EVENTSTREAM_HEADERS_MAX)
    return fault_set(f, ERR_PROTOCOL, NULL, "a message of the event stream has %zu bytes of headers, more than %d",
                     *headers, EVENTSTREAM_HEADERS_MAX);
  if (*total > max_bytes)
    return fault_set(f, ERR_PROTOCOL, NULL, "a message of the event stream has %zu bytes, more than %zu", *total,
                     max_bytes);
  return ERR_OK;
}

bool eventstream_next(struct text *left, size_t max_bytes, struct eventstream_message *out, enum err *out_err,
                      struct fault *f) {
  size_t total = 0, headers = 0;
  *out_err = ERR_OK;
  if (left->len < PRELUDE_BYTES)
    return false;
  *out_err = check_prelude(left->at, max_bytes, &total, &headers, f);
  if (*out_err || left->len < total)
    return false;
  const char *at = left->at;
  if (crc_of(at, total - CRC_BYTES) != read_u32(at + total - CRC_BYTES)) {
    *out_err = fault_set(f, ERR_PROTOCOL, NULL, "the CRC of a message of the event stream is wrong");
    return false;
  }
  struct eventstream_message m = {
      .raw = {at, total},
      .payload = {at + PRELUDE_BYTES + headers, total - EVENTSTREAM_OVERHEAD - headers},
  };
  *out_err = read_headers((struct text){at + PRELUDE_BYTES, headers}, &m, f);
  if (*out_err)
    return false;
  *out = m;
  *left = text_skip(*left, total);
  return true;
}

static void add_header(struct buf *out, struct text name, struct text value) {
  if (name.len > UINT8_MAX || value.len > UINT16_MAX) {
    out->failed = true;
    return;
  }
  buf_add_char(out, (char)name.len);
  buf_add(out, name);
  buf_add_char(out, HEADER_TYPE_STRING);
  buf_add_char(out, (char)(value.len >> 8));
  buf_add_char(out, (char)(value.len & 0xff));
  buf_add(out, value);
}

size_t eventstream_begin(struct buf *out, struct text message_type, struct text event_or_exception_type) {
  size_t begun_at = out->len;
  char *prelude = buf_reserve(out, PRELUDE_BYTES);
  if (!prelude)
    return begun_at;
  memset(prelude, 0, PRELUDE_BYTES);
  buf_commit(out, PRELUDE_BYTES);
  struct text name = TEXT(":event-type");
  if (text_equal(message_type, TEXT("exception")))
    name = TEXT(":exception-type");
  else if (text_equal(message_type, TEXT("error")))
    name = TEXT(":error-code");
  add_header(out, name, event_or_exception_type);
  add_header(out, TEXT(":content-type"), TEXT("application/json"));
  add_header(out, TEXT(":message-type"), message_type);
  if (!out->failed)
    write_u32(out->at + begun_at + 4, (uint32_t)(out->len - begun_at - PRELUDE_BYTES));
  return begun_at;
}

void eventstream_end(struct buf *out, size_t begun_at) {
  char *last = buf_reserve(out, CRC_BYTES);
  if (!last)
    return;
  char *at = out->at + begun_at;
  size_t total = out->len - begun_at + CRC_BYTES;
  if (total > UINT32_MAX) {
    out->failed = true;
    return;
  }
  write_u32(at, (uint32_t)total);
  write_u32(at + LENGTHS_BYTES, crc_of(at, LENGTHS_BYTES));
  write_u32(last, crc_of(at, total - CRC_BYTES));
  buf_commit(out, CRC_BYTES);
}
