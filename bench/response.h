/* Reads HTTP/1.1 answers as they come: status, framing by length or chunks, and the number of server-sent events in the
 * body. Trusts the server more than a client should: this is the measuring side of a bench. */
#ifndef BENCH_RESPONSE_H
#define BENCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum response_at {
  RESPONSE_AT_HEAD,
  RESPONSE_AT_BODY,
  RESPONSE_AT_CHUNK_SIZE,
  RESPONSE_AT_CHUNK,
  RESPONSE_AT_CHUNK_END,
  RESPONSE_AT_TRAILER,
  RESPONSE_AT_END
};

/* One answer being read; all zero at its start. */
struct response {
  enum response_at at;
  int status;
  bool is_chunked, closes; /* closes: the server ends the connection behind this answer */
  bool after_newline;      /* the last byte of the body was a newline: a second one ends an event */
  uint64_t left;           /* of the body or the chunk */
  uint64_t events;         /* ended so far */
  size_t line_length;
  char line[256]; /* longer lines are cut: what matters in them is at their start */
};

/* Takes bytes up to the end of the answer; returns how many it took. After r->at is RESPONSE_AT_END nothing is taken.
 * False in out_good when the bytes are no HTTP answer. */
size_t response_feed(struct response *r, const char *bytes, size_t length, bool *out_good);

#endif
