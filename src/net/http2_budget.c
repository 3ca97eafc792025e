/* Counts the frames an HTTP/2 client sends by what they cost, before nghttp2 reads the same bytes. The verdict does not
 * depend on what nghttp2 itself guards against, which differs from version to version. Called by http2.c for every
 * read; it knows neither streams nor sockets. */
#include "net/http2_budget.h"

#include <string.h>

/* RFC 9113 section 6 */
enum frame_type {
  FRAME_DATA = 0,
  FRAME_HEADERS = 1,
  FRAME_RST_STREAM = 3,
  FRAME_SETTINGS = 4,
  FRAME_PUSH_PROMISE = 5,
  FRAME_PING = 6,
  FRAME_WINDOW_UPDATE = 8,
  FRAME_CONTINUATION = 9
};
#define FLAG_END_STREAM      0x01
#define FLAG_END_HEADERS     0x04
#define FLAG_PADDED          0x08

#define MICRO                1000000
#define CONTINUATIONS_MAX    8
#define PADDING_MAX_BYTES    256
#define WINDOWS_PER_DATA     3
#define WINDOWS_IN_ADVANCE   100000
#define FRAME_HEADER_BYTES   9
#define HEADERS_PREFIX_BYTES 6 /* padding length and priority, before the fields */

static const struct {
  const char *name;
  int64_t burst, per_second;
} rules[HTTP2_BUDGET_KINDS] = {
    [HTTP2_BUDGET_RESETS] = {"stream resets", 300, 30},
    [HTTP2_BUDGET_PINGS] = {"pings", 200, 50},
    [HTTP2_BUDGET_SETTINGS] = {"settings", 30, 1},
    [HTTP2_BUDGET_EMPTY] = {"empty frames", 100, 10},
    [HTTP2_BUDGET_WINDOWS] = {"window updates", 1000, 200},
    [HTTP2_BUDGET_OTHERS] = {"priorities and the like", 300, 50},
};

void http2_budget_init(struct http2_budget *b, size_t max_block_bytes, int64_t now_us) {
  *b = (struct http2_budget){
      .begun_us = now_us, .max_block_bytes = max_block_bytes, .preface_left = HTTP2_PREFACE_BYTES};
  for (size_t i = 0; i < HTTP2_BUDGET_KINDS; i++)
    b->buckets[i].at_us = now_us;
}

void http2_budget_charge(struct http2_budget *b, enum http2_budget_kind kind, int64_t now_us) {
  int64_t level = b->buckets[kind].level_micro;
  if (level > 0) {
    level -= (now_us - b->buckets[kind].at_us) * rules[kind].per_second;
    if (level < 0)
      level = 0;
  }
  b->buckets[kind].at_us = now_us;
  b->buckets[kind].level_micro = level + MICRO;
  if (b->buckets[kind].level_micro > rules[kind].burst * MICRO)
    b->passed = rules[kind].name;
}

void http2_budget_earn(struct http2_budget *b) {
  int64_t *level = &b->buckets[HTTP2_BUDGET_WINDOWS].level_micro;
  if (*level > -(int64_t)WINDOWS_IN_ADVANCE * MICRO)
    *level -= (int64_t)WINDOWS_PER_DATA * MICRO;
}

static uint8_t type_of(const struct http2_budget *b) { return b->header[3]; }

static bool has_flag(const struct http2_budget *b, uint8_t flag) { return (b->header[4] & flag) != 0; }

/* HEADERS or CONTINUATION: the pieces of a block, and the block. */
static void count_block(struct http2_budget *b) {
  if (type_of(b) == FRAME_HEADERS) {
    b->continuations = 0;
    b->block_bytes = 0;
  } else {
    b->continuations++;
  }
  b->block_bytes += b->left;
  b->in_block = !has_flag(b, FLAG_END_HEADERS);
  if (b->continuations > CONTINUATIONS_MAX)
    b->passed = "continuations";
  else if (b->block_bytes > b->max_block_bytes)
    b->passed = "bytes of a header block";
}

static void count_frame(struct http2_budget *b, int64_t now_us) {
  bool is_padded = has_flag(b, FLAG_PADDED);
  switch ((enum frame_type)type_of(b)) {
  case FRAME_DATA:
    if (!has_flag(b, FLAG_END_STREAM) && b->left <= (is_padded ? PADDING_MAX_BYTES : 0))
      http2_budget_charge(b, HTTP2_BUDGET_EMPTY, now_us);
    break;
  case FRAME_HEADERS:
    if (b->left <= (is_padded ? PADDING_MAX_BYTES + HEADERS_PREFIX_BYTES : 0))
      http2_budget_charge(b, HTTP2_BUDGET_EMPTY, now_us);
    count_block(b);
    break;
  case FRAME_CONTINUATION: count_block(b); break;
  case FRAME_RST_STREAM: http2_budget_charge(b, HTTP2_BUDGET_RESETS, now_us); break;
  case FRAME_SETTINGS: http2_budget_charge(b, HTTP2_BUDGET_SETTINGS, now_us); break;
  case FRAME_PING: http2_budget_charge(b, HTTP2_BUDGET_PINGS, now_us); break;
  case FRAME_WINDOW_UPDATE: http2_budget_charge(b, HTTP2_BUDGET_WINDOWS, now_us); break;
  case FRAME_PUSH_PROMISE:
  default: http2_budget_charge(b, HTTP2_BUDGET_OTHERS, now_us); break;
  }
  if (type_of(b) != FRAME_HEADERS && type_of(b) != FRAME_CONTINUATION)
    b->in_block = false;
}

/* Bytes of a frame's header. How many were taken. */
static size_t take_header(struct http2_budget *b, struct text bytes, int64_t now_us) {
  size_t n = FRAME_HEADER_BYTES - b->header_len;
  if (n > bytes.len)
    n = bytes.len;
  if (b->header_len == 0 && !b->in_block)
    b->begun_us = now_us;
  memcpy(b->header + b->header_len, bytes.at, n);
  b->header_len = (uint8_t)(b->header_len + n);
  if (b->header_len < FRAME_HEADER_BYTES)
    return n;
  b->left = (uint32_t)b->header[0] << 16 | (uint32_t)b->header[1] << 8 | b->header[2];
  count_frame(b, now_us);
  if (b->left == 0)
    b->header_len = 0;
  return n;
}

static size_t take_payload(struct http2_budget *b, size_t len) {
  size_t n = len < b->left ? len : b->left;
  b->left -= (uint32_t)n;
  if (b->left == 0)
    b->header_len = 0;
  return n;
}

enum err http2_budget_feed(struct http2_budget *b, struct text bytes, int64_t now_us) {
  size_t skip = bytes.len < b->preface_left ? bytes.len : b->preface_left;
  b->preface_left = (uint8_t)(b->preface_left - skip);
  bytes = text_skip(bytes, skip);
  while (bytes.len > 0 && !b->passed)
    bytes = text_skip(bytes, b->left > 0 ? take_payload(b, bytes.len) : take_header(b, bytes, now_us));
  return b->passed ? ERR_LIMIT : ERR_OK;
}

int64_t http2_budget_begun_us(const struct http2_budget *b) {
  bool is_mid_frame = b->header_len > 0 && !(b->left > 0 && type_of(b) == FRAME_DATA);
  return b->preface_left > 0 || b->in_block || is_mid_frame ? b->begun_us : -1;
}
