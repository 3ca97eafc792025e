/* AWS credentials: what they are, how the files and answers that hold them are read. Pure; where they come from is
 * source.h. */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include "base/arena.h"

/* Either a bearer key or an access key. Texts belong to whoever filled this in. */
struct aws_credentials {
  struct text bearer; /* when not empty nothing else is used */
  struct text access_key_id, secret_access_key, session_token;
  int64_t expires_s; /* unix time; 0: never */
};

/* What an instance's metadata service or a container's credential address answers: JSON with AccessKeyId,
 * SecretAccessKey, Token, Expiration (RFC 3339) and, of an instance, Code. Texts are copied into the arena.
 * ERR_PROTOCOL: f says what is missing or wrong, never a value. */
enum err credentials_read_metadata(struct text answer, struct arena *a, struct aws_credentials *out,
                                   struct fault *f) MUST_CHECK;
/* What STS answers to AssumeRoleWithWebIdentity, as XML or as JSON. As above. */
enum err credentials_read_sts(struct text answer, struct arena *a, struct aws_credentials *out,
                              struct fault *f) MUST_CHECK;
/* The error code in an answer of STS, such as "ExpiredTokenException"; "" when there is none. A slice of the answer or
 * in the arena. */
struct text credentials_sts_error(struct text answer, struct arena *a);
/* Whether they can be used in headers and signatures: visible ASCII, at most 8 KiB each, an id with a secret.
 * ERR_PROTOCOL. */
enum err credentials_check(const struct aws_credentials *c, struct fault *f) MUST_CHECK;
/* A copy whose texts lie in the arena. */
struct aws_credentials credentials_copy(const struct aws_credentials *c, struct arena *a);
/* Overwrites the texts, which must be of credentials_copy. */
void credentials_wipe(struct aws_credentials *c);

#endif
