/* Server-sent events (WHATWG HTML, section 9.2): a reader that finds events in any packet framing and a writer that
 * cannot be made to write two events for one. Pure. */
#ifndef NET_SSE_H
#define NET_SSE_H

#include "base/buf.h"

struct sse_event {
  struct text event; /* "" when the field is absent */
  struct text data;  /* lines joined by \n */
  struct text id;
  struct text raw; /* the bytes of the event as they came, blank line included */
  bool is_comment; /* nothing but comment lines (": ping") and blank lines */
};

/* Takes the first complete event off *bytes (which must hold the stream from an event boundary on). False when there is
 * none yet. scan: where an earlier call stopped looking (0 at first; reset by a hit): makes repeated calls on a growing
 * buffer linear. CR, LF and CRLF end lines; a BOM at the start of the stream is the caller's to skip. Blank lines on
 * their own are comment events too. data of a multi-line event is joined into joined (reset first); otherwise it is a
 * slice of *bytes. */
bool sse_next(struct text *bytes, size_t *scan, struct buf *joined, struct sse_event *out);

/* Writes one event; event may be empty; newlines in data become further data lines; CR, LF or NUL in event make the
 * write fail (buf failure). */
void sse_write(struct buf *out, struct text event, struct text data);

#endif
