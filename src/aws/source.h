/* Where AWS credentials come from when they are not written in the configuration, and their renewal before they
 * expire. One source a configured credential, shared by all workers, safe for calls from several threads.
 * The order of `environment` is that of the vendor's own SDKs: AWS_BEARER_TOKEN_BEDROCK, access keys in the
 * environment, web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN), the shared files (AWS_PROFILE,
 * AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE; assume-role chains are refused by name), the container's address
 * (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, _FULL_URI with its token), the instance's metadata (IMDSv2,
 * AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_DISABLED). AWS_ENDPOINT_URL_STS overrides STS's address. */
#ifndef AWS_SOURCE_H
#define AWS_SOURCE_H

#include "aws/credentials.h"

enum aws_source_kind {
  AWS_SOURCE_STATIC,
  AWS_SOURCE_ENVIRONMENT, /* the whole chain */
  AWS_SOURCE_PROFILE,
  AWS_SOURCE_WEB_IDENTITY,
  AWS_SOURCE_CONTAINER,
  AWS_SOURCE_INSTANCE
};

struct aws_source_options {
  enum aws_source_kind kind;
  struct aws_credentials fixed; /* AWS_SOURCE_STATIC */
  struct text profile;          /* AWS_SOURCE_PROFILE: empty means AWS_PROFILE, else "default" */
  struct text region;           /* for STS; empty means AWS_REGION, AWS_DEFAULT_REGION, else STS's global address */
  /* Reads one environment variable (NULL when unset); must be safe from any thread. NULL: the process environment. */
  const char *(*lookup)(const char *name);
  struct text container_address; /* where relative URIs of a container lead; empty: http://169.254.170.2 */
};

/* Before the end of their life credentials are renewed: so long before, or at half of a life shorter than twice that.
 * Those of a file, which have no end, are read again after as long. */
#define AWS_SOURCE_RENEW_S 300
#define AWS_SOURCE_RETRY_S 5 /* after a failed fetch the next one is made at the earliest after this */

struct aws_source;
/* Copies what it needs. */
struct aws_source *aws_source_new(const struct aws_source_options *o);
void aws_source_free(struct aws_source *s);
/* The credentials in force, copied into the arena. Never waits: ERR_AGAIN when they have to be fetched first (none yet,
 * or expired); *out_stale tells that they are good but should be renewed in the background by one caller (it is true
 * for one caller only, until that one has called aws_source_fetch). */
enum err aws_source_get(struct aws_source *s, int64_t now_s, struct arena *a, struct aws_credentials *out,
                        bool *out_stale) MUST_CHECK;
/* Fetches and keeps new credentials; blocks (files, HTTP with short time limits), so call it from the offload pool.
 * Callers that come together share one fetch. After a failure the old credentials stay in force until they expire.
 * ERR_UNAVAILABLE: f says which places were tried and what each one lacked, never a secret. */
enum err aws_source_fetch(struct aws_source *s, int64_t now_s, struct fault *f) MUST_CHECK;

#endif
