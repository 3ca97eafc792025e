/* What one HTTP/2 client may do that costs work and asks for nothing: resets, pings, settings, empty frames, window
 * updates, priorities, and header blocks in many pieces (RFC 9113 sections 6.10 and 10.5). Reads only the frames'
 * headers, beside the real parser. Pure: bytes and times in, a verdict out; it does not matter how the bytes were cut.
 *
 * Each kind of frame has a bucket that fills with every frame and drains at a steady rate; a full one is a flood. */
#ifndef NET_HTTP2_BUDGET_H
#define NET_HTTP2_BUDGET_H

#include "base/text.h"

#define HTTP2_PREFACE       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_PREFACE_BYTES 24

enum http2_budget_kind {
  HTTP2_BUDGET_RESETS, /* RST_STREAM of the client, and those its mistakes force on us */
  HTTP2_BUDGET_PINGS,
  HTTP2_BUDGET_SETTINGS,
  HTTP2_BUDGET_EMPTY,   /* DATA without data, HEADERS without fields, and what padding makes of them */
  HTTP2_BUDGET_WINDOWS, /* WINDOW_UPDATE; DATA we send pays for some */
  HTTP2_BUDGET_OTHERS,  /* PRIORITY, GOAWAY, and every type nobody here knows */
  HTTP2_BUDGET_KINDS
};

struct http2_budget {
  struct {
    int64_t level_micro, at_us; /* frames times a million; below 0: paid in advance */
  } buckets[HTTP2_BUDGET_KINDS];
  const char *passed;     /* which budget was passed, in words, NULL: none */
  int64_t begun_us;       /* when the head or frame under way began, see http2_budget_begun_us */
  size_t max_block_bytes; /* of a header block as it is sent */
  size_t block_bytes;
  uint32_t left; /* payload bytes still to come of this frame */
  uint8_t header[9], header_len;
  uint8_t preface_left;
  uint8_t continuations; /* of this block */
  bool in_block;         /* a CONTINUATION must follow */
};

/* The next bytes are the client's preface. */
void http2_budget_init(struct http2_budget *b, size_t max_block_bytes, int64_t now_us);
/* ERR_LIMIT once a budget has been passed, then and ever after. */
enum err http2_budget_feed(struct http2_budget *b, struct text bytes, int64_t now_us) MUST_CHECK;
/* One more of this kind that is not seen in the client's bytes; passed tells. */
void http2_budget_charge(struct http2_budget *b, enum http2_budget_kind kind, int64_t now_us);
/* A DATA frame was sent that the window did not cut short: the client may answer with window updates. */
void http2_budget_earn(struct http2_budget *b);
/* Since when the client owes the rest of its preface, of a header block or of a frame other than DATA; -1: nothing is
 * owed. */
int64_t http2_budget_begun_us(const struct http2_budget *b);

#endif
