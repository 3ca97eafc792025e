/* A signed request: the first line is the Authorization header, the second the query, the rest the body. What was read
 * must be slices of the header, and a check must never accept what nobody signed. */
#include "aws/sigv4.h"

#include <stdlib.h>

static bool is_inside(struct text t, struct text of) { return t.at >= of.at && t.at + t.len <= of.at + of.len; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text authorization, rest = {(const char *)data, size}, query, body;
  struct sigv4_claim claim;
  struct arena a = {0};
  struct fault f = {0};
  if (!text_cut(rest, '\n', &authorization, &rest) || !text_cut(rest, '\n', &query, &body))
    return 0;
  if (sigv4_read_claim(authorization, &claim, &f))
    return 0;
  if (!is_inside(claim.access_key_id, authorization) || !is_inside(claim.signature, authorization) ||
      !is_inside(claim.signed_headers, authorization) || claim.date.len != 8)
    abort();
  const struct sigv4_header headers[] = {{TEXT("Host"), TEXT("h")},
                                         {TEXT("X-Amz-Date"), TEXT("20150830T123600Z")},
                                         {TEXT("X-One"), text_head(body, 64)},
                                         {TEXT("x-one"), query}};
  struct sigv4_request rq = {TEXT("POST"), query, query, headers, 4, &body, 1};
  if (sigv4_check(&rq, &claim, TEXT("a secret"), 1440938160, &a, &f) == ERR_OK)
    abort();
  arena_done(&a);
  return 0;
}
