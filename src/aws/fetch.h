/* One HTTP request and its answer on libcurl, for the few small answers that credentials come in. Blocks: offload pool
 * or a thread of one's own. Not for the request path. */
#ifndef AWS_FETCH_H
#define AWS_FETCH_H

#include "base/arena.h"

#define FETCH_MAX_HEADERS 6

struct fetch_header {
  struct text name, value;
};

struct fetch_request {
  const char *method; /* "GET" "PUT" "POST" */
  struct text url;    /* http or https */
  struct fetch_header headers[FETCH_MAX_HEADERS];
  size_t header_count;
  struct text body;    /* of a POST */
  struct text ca_file; /* PEM; empty: the system's */
  int64_t connect_ms, total_ms;
  size_t max_bytes; /* of the answer's body */
};

struct fetch_reply {
  int status;
  struct text body; /* in the arena; whoever reads secrets from it wipes it */
};

/* No proxy, no redirect (a 3xx is an answer), no signal, no cookie, no .netrc. ERR_NETWORK, ERR_TLS, ERR_TIMEOUT,
 * ERR_LIMIT (the answer is too long), ERR_BAD_REQUEST (an address or a header that cannot be sent); f says why and
 * never shows a header or the body. */
enum err fetch_run(const struct fetch_request *rq, struct arena *a, struct fetch_reply *out,
                   struct fault *f) MUST_CHECK;

#endif
