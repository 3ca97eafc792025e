/* The port of providers: how a call is addressed, authorised and how an answer is to be understood. Adapters in
 * provider/ are pure. */
#ifndef PORTS_PROVIDER_H
#define PORTS_PROVIDER_H

#include "base/arena.h"

struct aws_credentials;
struct llm_catalogue;

struct provider_header {
  struct text name, value;
};

enum provider_operation {
  PROVIDER_MESSAGES,
  PROVIDER_COUNT_TOKENS,
  PROVIDER_CHAT,
  PROVIDER_RESPONSES,
  PROVIDER_EMBEDDINGS,
  PROVIDER_INVOKE,        /* Bedrock InvokeModel, plain or streamed */
  PROVIDER_CONVERSE,      /* Bedrock Converse, plain or streamed */
  PROVIDER_COUNT_BEDROCK, /* Bedrock CountTokens */
  PROVIDER_RAW,           /* a vendor path passed through as it is: batches, files */
  PROVIDER_OPERATION_COUNT
};

/* What happened to an attempt (product.md R2). */
enum provider_class {
  PROVIDER_OK,
  PROVIDER_RATE_LIMIT,   /* 429 */
  PROVIDER_USAGE_LIMIT,  /* 429 (or 402/403 of some) whose body says that a quota or plan is used up */
  PROVIDER_SERVER_ERROR, /* 5xx, 529, or an answer that is not what it should be */
  PROVIDER_TIMEOUT,
  PROVIDER_NETWORK_ERROR,
  PROVIDER_AUTH_ERROR,  /* 401, 403: never retried, returned as it is */
  PROVIDER_CLIENT_ERROR /* other 4xx: returned as it is */
};
const char *provider_class_name(enum provider_class c); /* "rate_limit" */
bool provider_class_falls_over(enum provider_class c);
bool provider_class_is_retried(enum provider_class c);   /* may be over by the next round over the targets */
bool provider_class_is_unhealthy(enum provider_class c); /* counts for the breaker */
/* The class of an attempt that ended with this error of ours, and the error that a class is answered with. What is no
 * error of the provider's (see base/err.def, UPSTREAM_*) counts as one of the network's. */
enum provider_class provider_class_of_err(enum err e);
enum err provider_err_of_class(enum provider_class c);

struct provider_call {
  enum provider_operation operation;
  struct text base_path;                        /* of the base URL, no trailing slash */
  struct text raw_path;                         /* PROVIDER_RAW: the vendor's path, e.g. "/v1/messages/batches" */
  struct text query;                            /* the client's query string, carried on ("" for none) */
  struct text api_key;                          /* Weir's credential; empty when the caller's own is used */
  struct text own_x_api_key, own_authorization; /* the caller's own for Anthropic (only on /ak), else empty */
  bool has_version;                             /* the client sent anthropic-version */
  /* What some vendors put into the path. */
  struct text model;
  bool stream;
  struct text api_version; /* Azure: the provider's configured api_version, else empty */
  /* What a signature covers: set for providers with `signs`. */
  struct text method, host, region;
  int64_t now_s;
  const struct text *body; /* pieces, as they will be sent */
  size_t body_pieces;
  const struct aws_credentials *aws;
  /* Who calls, for vendors that want to be told: OpenRouter's HTTP-Referer and X-Title; empty: the client's own travel.
   */
  struct text referer, title;
};
#define PROVIDER_MAX_HEADERS 12
struct provider_target {
  struct text path; /* with query */
  struct provider_header
      headers[PROVIDER_MAX_HEADERS]; /* authorisation and what the vendor demands and the client did not send */
  size_t header_count;
};

struct provider_failure;
struct provider {
  const char *kind; /* as in the config */
  bool signs;       /* address needs the body, the time and aws credentials */
  bool (*serves)(enum provider_operation op);
  /* Texts live in the arena or in the call. ERR_UNSUPPORTED for an operation it does not serve. */
  enum err (*address)(const struct provider_call *c, struct arena *a, struct provider_target *out, struct fault *f);
  /* How its failures are told apart: provider/classify.h. */
  const struct provider_failure *failures;
  size_t failure_count;
  const char *error_type_header; /* names the kind of an error beside the body; NULL: none does */
  /* The vendor's list of models, where it publishes one with prices: its path behind the base URL, and its reader. */
  const char *catalogue_path; /* NULL: none */
  enum err (*read_catalogue)(struct text body, struct llm_catalogue **out, struct fault *f);
};

/* The class of an answer by its status, its body and what stands in error_type_header ("" for nothing). A body may be
 * anything; only the statuses 200 to 299 are PROVIDER_OK, and whether such an answer is what was asked for is not known
 * here. */
enum provider_class provider_classify(const struct provider *p, int status, struct text body, struct text error_type);
/* The class of an error event inside a stream, as the dialect read it (wire/fault_map.h): by the same rows, with the
 * status that the error would have had as an answer. Never PROVIDER_OK. */
enum provider_class provider_classify_fault(const struct provider *p, const struct fault *f);
/* How long to wait before the provider is asked again, by the headers of a failed answer; microseconds, one day at
 * most; -1 when they do not say. Read in this order: retry-after-ms; retry-after, in seconds or as an HTTP date (RFC
 * 9110 section 10.2.3); the longest of the rates (anthropic-ratelimit-*-reset, x-ratelimit-reset-*) that the headers
 * beside it call used up. What cannot be read counts as not there. */
int64_t provider_retry_after_us(const struct provider_header *headers, size_t count, int64_t wall_now_us);

#endif
