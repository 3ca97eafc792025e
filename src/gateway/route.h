/* From a path to what is asked: the table of data paths, the /ak prefix and the vendors' mount points (/anthropic,
 * /openai, /openrouter, /bedrock), below which each vendor's own paths are served. Pure. */
#ifndef GATEWAY_ROUTE_H
#define GATEWAY_ROUTE_H

#include "net/http1.h"
#include "ports/provider.h"
#include "wire/wire.h"

enum route_kind { ROUTE_CALL, ROUTE_RAW, ROUTE_MODELS, ROUTE_MODEL };
enum route_mount { ROUTE_PLAIN, ROUTE_ANTHROPIC, ROUTE_OPENAI, ROUTE_OPENROUTER, ROUTE_BEDROCK };

struct route {
  enum route_kind kind;
  const struct wire *wire;           /* the dialect of the answer and of errors; never NULL */
  enum provider_operation operation; /* ROUTE_CALL and ROUTE_RAW */
  const char *operation_name;        /* "messages", "count_tokens", ... */
  struct text vendor_path;           /* the path in the vendor's own terms, from /v1 on */
  struct text model_id;              /* ROUTE_MODEL, and calls whose path names the model; still percent-encoded */
  bool stream;                       /* calls whose path says so */
  enum route_mount mount;            /* whose own paths these are */
  struct text url_key;               /* the key of /ak/{key}/..., else empty */
  bool by_url_key;
  const char *allowed; /* methods, when another one was used; else NULL */
};

/* The wire in which an error for this path is best said, known or not. headers may be NULL. */
const struct wire *route_wire(struct text path, const struct http_headers *headers);
/* ERR_NOT_FOUND for an unknown path, ERR_METHOD_NOT_ALLOWED (f names the methods allowed). out->wire is set in every
 * case. */
enum err route_find(struct text method, struct text path, const struct http_headers *headers, struct route *out,
                    struct fault *f) MUST_CHECK;

#endif
