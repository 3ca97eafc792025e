/* Compresses an answer as it is made (RFC 1952), for the behaviour "gzip". */
#ifndef SIM_GZIP_H
#define SIM_GZIP_H

#include "base/buf.h"

struct gzip;

struct gzip *gzip_new(void);
void gzip_free(struct gzip *z); /* NULL is fine */
/* Compresses all of in and flushes, so that the reader can unpack it at once; last also ends the stream. Appends to
 * out, whose failure is sticky. */
void gzip_feed(struct gzip *z, struct text in, bool last, struct buf *out);

#endif
