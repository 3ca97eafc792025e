/* gzip and deflate bodies (RFC 1952, 1950; raw deflate tolerated) unpacked as they arrive, on zlib, with a bound on the
 * expansion. */
#ifndef NET_INFLATE_H
#define NET_INFLATE_H

#include "base/buf.h"

struct inflate;
/* coding: "gzip", "x-gzip" or "deflate" (any case); NULL result for any other. */
struct inflate *inflate_new(struct text coding);
void inflate_free(struct inflate *z);
/* Unpacks all of in, appending to out. ERR_UPSTREAM_PROTOCOL on bad data or bytes after the end, ERR_LIMIT when out's
 * maximum would be passed. */
enum err inflate_feed(struct inflate *z, struct text in, struct buf *out) MUST_CHECK;
/* After the last byte: ERR_OK when the stream was complete. */
enum err inflate_end(struct inflate *z) MUST_CHECK;

#endif
