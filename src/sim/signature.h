/* Checks AWS Signature Version 4 on requests that reach the simulator. Written from the published description and from
 * nothing of the client side, so that the two can disagree. Pure: the time is an argument.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
#ifndef SIM_SIGNATURE_H
#define SIM_SIGNATURE_H

#include "base/arena.h"
#include "net/http1.h"

#define SIGNATURE_KEY_ID         "AKIASIMULATOR0000000"
#define SIGNATURE_SESSION_KEY_ID "ASIASIMULATOR0000000" /* only with SIGNATURE_SESSION_TOKEN */
#define SIGNATURE_SECRET         "sim-secret-access-key"
#define SIGNATURE_SESSION_TOKEN  "sim-session-token"
#define SIGNATURE_SKEW_S         300

struct signature_request {
  struct text method, path, query; /* as they travelled */
  const struct http_headers *headers;
  struct text body;
};

/* Is this Authorization of the scheme? */
bool signature_is_claimed(struct text authorization);
/* ERR_FORBIDDEN with the service's words in f->text and the exception's name in f->field
 * ("InvalidSignatureException"). Memory for the comparison comes from the arena. */
enum err signature_check(const struct signature_request *rq, int64_t now_s, struct arena *a,
                         struct fault *f) MUST_CHECK;

#endif
