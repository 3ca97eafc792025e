/* A thin layer over zlib's deflate with a gzip header. Unpacking is net/inflate.c; this exists because a provider may
 * compress and a simulator must be able to. Called by play.c. */
#include "sim/gzip.h"

#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16)
#define GZIP_STEP_BYTES  4096

struct gzip {
  z_stream z;
};

struct gzip *gzip_new(void) {
  struct gzip *z = calloc(1, sizeof(*z));
  if (!z || deflateInit2(&z->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, 5, Z_DEFAULT_STRATEGY) != Z_OK)
    abort();
  return z;
}

void gzip_free(struct gzip *z) {
  if (!z)
    return;
  deflateEnd(&z->z);
  free(z);
}

void gzip_feed(struct gzip *z, struct text in, bool last, struct buf *out) {
  z->z.next_in = (Bytef *)(uintptr_t)in.at;
  z->z.avail_in = (uInt)in.len;
  do {
    char *room = buf_reserve(out, GZIP_STEP_BYTES);
    if (!room)
      return;
    z->z.next_out = (Bytef *)room;
    z->z.avail_out = GZIP_STEP_BYTES;
    (void)deflate(&z->z, last ? Z_FINISH : Z_SYNC_FLUSH);
    buf_commit(out, GZIP_STEP_BYTES - z->z.avail_out);
  } while (z->z.avail_out == 0);
}
