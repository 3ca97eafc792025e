/* What signing and checking share: the canonical request, hashed as it is put together, and the signature of that hash.
 * For sigv4.c and sigv4_check.c only. Pure. */
#ifndef AWS_SIGV4_HASH_H
#define AWS_SIGV4_HASH_H

#include "aws/sigv4.h"

#define SIGV4_ALGORITHM      "AWS4-HMAC-SHA256"
#define SIGV4_TERMINATOR     "aws4_request"
#define SIGV4_HEX_BYTES      64 /* of a SHA-256 */
#define SIGV4_AMZ_DATE_BYTES 16 /* 20150830T123600Z */
#define SIGV4_DATE_BYTES     8

/* Of the headers that are signed: lower case, ascending, each once. */
struct sigv4_names {
  struct text at[SIGV4_HEADERS_MAX];
  size_t count;
};
struct sigv4_day { /* the credential scope */
  struct text date, region, service;
};

/* The header that a signed name stands for: over HTTP/2, where there may be no host header, AWS's own clients sign
 * ":authority", which arrives here as host. */
struct text sigv4_header_of(struct text signed_name);

/* Bytewise; a text comes before those it begins. */
int sigv4_compare(struct text a, struct text b);
/* The three below write SIGV4_HEX_BYTES lower-case digits. */
void sigv4_hash_body(const struct sigv4_request *rq, char *out);
/* The canonical request: path encoded once more, query decoded, encoded and sorted, the named headers with their white
 * space folded and their repetitions joined by commas. */
void sigv4_hash_request(const struct sigv4_request *rq, const struct sigv4_names *names, struct text body_hash,
                        struct arena *a, char *out);
void sigv4_signature_of(struct text request_hash, struct text amz_date, const struct sigv4_day *day,
                        struct text secret_access_key, struct arena *a, char *out);

#endif
