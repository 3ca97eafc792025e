/* Compressed bodies of upstream answers, unpacked as they arrive.
 *
 * Called by the usage tap and the HTTP client's users; the provider is not trusted, so the output is bounded by the
 * caller's buffer and a stream that is cut or followed by anything is an error. */
#include "net/inflate.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define STEP_BYTES (16 * 1024)

struct inflate {
  z_stream z;
  bool is_gzip, is_started, is_complete;
  enum err failed;        /* sticky */
  unsigned char first[2]; /* of a "deflate" body: they tell zlib's wrapping from raw data */
  size_t first_count;
};

struct inflate *inflate_new(struct text coding) {
  bool is_gzip = text_equal_nocase(coding, TEXT("gzip")) || text_equal_nocase(coding, TEXT("x-gzip"));
  if (!is_gzip && !text_equal_nocase(coding, TEXT("deflate")))
    return NULL;
  struct inflate *z = calloc(1, sizeof(*z));
  if (z == NULL)
    abort();
  z->is_gzip = is_gzip;
  return z;
}

void inflate_free(struct inflate *z) {
  if (z == NULL)
    return;
  if (z->is_started)
    (void)inflateEnd(&z->z);
  free(z);
}

static void start(struct inflate *z, int window_bits) {
  if (inflateInit2(&z->z, window_bits) != Z_OK)
    abort(); /* only memory can fail here */
  z->is_started = true;
}

/* RFC 1950 section 2.2: method 8, and the two bytes are a multiple of 31. Raw deflate, which some servers send as
 * "deflate", practically never looks so. */
static bool has_zlib_head(const unsigned char first[2]) {
  return (first[0] & 0x0f) == 8 && (first[0] * 256 + first[1]) % 31 == 0;
}

/* One call of zlib into the room that is left. When none is, a byte beside the buffer shows whether the data goes on.
 */
static enum err step(struct inflate *z, struct buf *out) {
  char beyond = 0;
  size_t room = out->max - out->len, n = room < STEP_BYTES ? room : STEP_BYTES;
  char *into = n > 0 ? buf_reserve(out, n) : &beyond;
  if (into == NULL)
    return ERR_LIMIT;
  size_t cap = n > 0 ? n : 1;
  z->z.next_out = (Bytef *)into;
  z->z.avail_out = (uInt)cap;
  int result = inflate(&z->z, Z_NO_FLUSH);
  size_t written = cap - z->z.avail_out;
  if (n > 0)
    buf_commit(out, written);
  else if (written > 0)
    return ERR_LIMIT;
  if (result == Z_STREAM_END)
    z->is_complete = true;
  else if (result == Z_MEM_ERROR)
    abort();
  else if (result != Z_OK && result != Z_BUF_ERROR)
    return ERR_UPSTREAM_PROTOCOL;
  return ERR_OK;
}

static enum err feed(struct inflate *z, struct text in, struct buf *out) {
  z->z.next_in = (Bytef *)in.at;
  z->z.avail_in = (uInt)in.len;
  for (;;) {
    if (z->is_complete) {
      if (z->z.avail_in == 0)
        return ERR_OK;
      if (!z->is_gzip || inflateReset(&z->z) != Z_OK) /* a gzip file is a series of members, RFC 1952 section 2.2 */
        return ERR_UPSTREAM_PROTOCOL;
      z->is_complete = false;
    }
    enum err e = step(z, out);
    if (e != ERR_OK)
      return e;
    if (!z->is_complete && z->z.avail_in == 0 && z->z.avail_out > 0)
      return ERR_OK;
  }
}

/* Keeps the first two bytes of a "deflate" body until both are there. */
static enum err feed_first(struct inflate *z, struct text *in, struct buf *out) {
  while (z->first_count < 2 && in->len > 0) {
    z->first[z->first_count++] = (unsigned char)in->at[0];
    *in = text_skip(*in, 1);
  }
  if (z->first_count < 2)
    return ERR_OK;
  start(z, has_zlib_head(z->first) ? MAX_WBITS : -MAX_WBITS);
  return feed(z, (struct text){(const char *)z->first, 2}, out);
}

enum err inflate_feed(struct inflate *z, struct text in, struct buf *out) {
  enum err e = z->failed;
  if (e == ERR_OK && !z->is_started && z->is_gzip)
    start(z, MAX_WBITS + 16);
  if (e == ERR_OK && !z->is_started)
    e = feed_first(z, &in, out);
  while (e == ERR_OK && in.len > 0) {
    struct text part = text_head(in, INT_MAX);
    e = feed(z, part, out);
    in = text_skip(in, part.len);
  }
  z->failed = e;
  return e;
}

enum err inflate_end(struct inflate *z) {
  if (z->failed != ERR_OK)
    return z->failed;
  return z->is_complete ? ERR_OK : ERR_UPSTREAM_PROTOCOL;
}
