/* What the simulator needs of a dialect to play an answer in it. The dialects are tables of functions; all pure. */
#ifndef SIM_DIALECT_H
#define SIM_DIALECT_H

#include "base/json.h"
#include "net/http1.h"
#include "sim/answer.h"

#define SIM_HEADERS_MAX 24
struct sim_headers {
  struct http_header at[SIM_HEADERS_MAX];
  size_t count;
};
/* One more; values must outlive the answer. Beyond SIM_HEADERS_MAX it is left out. */
static inline void sim_headers_add(struct sim_headers *h, struct text name, struct text value) {
  if (h->count < SIM_HEADERS_MAX)
    h->at[h->count++] = (struct http_header){name, value};
}

struct responses_store;

/* A request for an answer. */
struct sim_input {
  const struct json *doc;
  struct arena *arena;
  struct text model;                  /* named by the path, decoded; empty where the body names it */
  bool stream;                        /* the path asks for a stream */
  const struct http_headers *headers; /* NULL: none */
  struct responses_store *responses;  /* what was answered before; NULL: nothing */
};

/* What the headers of an answer are made of. */
struct sim_outcome {
  int status;
  struct text request_id;
  const struct fault *fault;       /* NULL for an answer */
  const struct sim_answer *answer; /* NULL for a fault, and where there is none */
  struct arena *arena;             /* where values may be made */
};

enum sim_auth {
  SIM_AUTH_KEY, /* x-api-key, api-key or a bearer key */
  SIM_AUTH_AWS, /* a signature, or a bearer key */
};

struct sim_dialect {
  const char *name;
  enum sim_auth auth;
  bool needs_version;      /* the header anthropic-version */
  int usage_limit_status;  /* of an exhausted plan; 0 means 429 */
  const char *stream_type; /* content-type of a stream */
  /* Validates a request for an answer as strictly as the service does. The body is doc's source. Faults carry the
   * service's own words. */
  enum err (*read)(const struct sim_input *in, struct sim_ask *out, struct fault *f);
  /* The service's own headers. */
  void (*add_headers)(struct sim_headers *h, const struct sim_outcome *o);
  /* The error body for f (its status is fault_status). is_usage_limit: the plan is used up, not the rate. */
  void (*write_error)(struct buf *out, const struct fault *f, struct text request_id, bool is_usage_limit);
  void (*write_plain)(struct buf *out, const struct sim_answer *answer, struct arena *a);
  /* Appends the next event of the stream; false when there was none left. */
  bool (*write_event)(struct buf *out, const struct sim_answer *answer, struct sim_cursor *cursor);
  /* An error in the middle of a stream: by is BEHAVIOUR_BREAK_ERROR or one of those behind it. */
  void (*write_stream_error)(struct buf *out, const struct sim_answer *answer, struct sim_cursor *cursor,
                             enum behaviour_break by);
  /* Notes the answer for later requests; NULL where the service keeps nothing. */
  void (*keep)(struct responses_store *store, const struct sim_answer *answer, struct arena *a);
};

extern const struct sim_dialect sim_anthropic, sim_openai, sim_converse, sim_invoke, sim_responses, sim_openrouter,
    sim_azure;

#endif
