/* AWS Signature Version 4: signing our own requests and checking those of clients. Pure: the time is an argument.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * The canonical path of every service but S3 encodes each segment of the path as sent once more, so a ':' that travels
 * as %3A is signed as %253A, and one that travels raw is signed as %3A. */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include "aws/credentials.h"

#define SIGV4_HEADERS_MAX 96
#define SIGV4_SKEW_S      300 /* how far a signature's time may be from ours */

struct sigv4_header {
  struct text name, value; /* as they travel */
};

struct sigv4_request {
  struct text method, path, query;    /* path and query as they travel, query without '?' */
  const struct sigv4_header *headers; /* when signing: all of them are signed, host among them */
  size_t header_count;
  const struct text *body; /* pieces, one behind the other */
  size_t body_pieces;
};

struct sigv4_scope {
  struct text region, service; /* "us-east-1", "bedrock" */
  int64_t now_s;
};

/* What a signed request carries in addition. Texts live in the arena. */
struct sigv4_signature {
  struct text amz_date;       /* x-amz-date */
  struct text security_token; /* x-amz-security-token, empty without a session */
  struct text authorization;
};

/* Signs host, x-amz-date, x-amz-security-token and the given headers. ERR_LIMIT: more than SIGV4_HEADERS_MAX headers.
 */
enum err sigv4_sign(const struct sigv4_request *rq, const struct sigv4_scope *scope, const struct aws_credentials *c,
                    struct arena *a, struct sigv4_signature *out) MUST_CHECK;

/* An Authorization header of the scheme, taken apart. Slices of the header. */
struct sigv4_claim {
  struct text access_key_id, date, region, service; /* of the credential scope */
  struct text signed_headers;                       /* "content-type;host;x-amz-date" */
  struct text signature;
};
/* Is this the scheme at all? */
bool sigv4_is_claim(struct text authorization);
/* ERR_UNAUTHENTICATED (f says which part) when the header is malformed. */
enum err sigv4_read_claim(struct text authorization, struct sigv4_claim *out, struct fault *f) MUST_CHECK;
/* Does the request bear the signature that its access key's secret gives it? Refused with ERR_UNAUTHENTICATED, f says
 * why: host (HTTP/2: or :authority in its place) or a sent x-amz-* header not signed, a signed header missing, no
 * x-amz-date, date beyond SIGV4_SKEW_S or not the scope's, scope not ending in aws4_request, an x-amz-content-sha256
 * that is not the body's (UNSIGNED-PAYLOAD is refused), a wrong signature (compared in constant time). rq holds the
 * request as it arrived. */
enum err sigv4_check(const struct sigv4_request *rq, const struct sigv4_claim *claim, struct text secret_access_key,
                     int64_t now_s, struct arena *a, struct fault *f) MUST_CHECK;

#endif
