/* What the kinds of load share: the gateway they drive, the requests they send, what they print. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "process.h"
#include "response.h"

#define DESCRIPTORS_MAX 20000

struct load_options {
  const char *model;
  uint64_t port, connections, body_bytes, warm_ms, measure_ms, requests, rate, spacing_ms;
  uint64_t status; /* that every answer shall have */
  struct processes gateway;
  const uint64_t *counts; /* two calls counters shared with count_malloc.c, or NULL */
};

/* A request ready to send, head and body. */
struct load_request {
  char *bytes;
  size_t length;
};

/* An Anthropic request for body_bytes of body, or as near above as the least body is. Freed by the program's end. */
struct load_request load_request_make(const struct load_options *o, uint64_t body_bytes, uint64_t streamed_events);

/* Requests as fast as they are answered, one at a time a connection; after the warm-up either for measure_ms or until
 * `requests` are answered. Prints one line of name=value. Returns the exit status: 0 without a failed request. */
int load_closed(const struct load_options *o);

/* Requests at a fixed rate whether or not earlier ones are answered; latency counts from the moment a request was due.
 * Prints and returns as load_closed. */
int load_open(const struct load_options *o);

/* `connections` streams open at one time; counts events and memory while all are open. Prints and returns likewise. */
int load_streams(const struct load_options *o);

#endif
