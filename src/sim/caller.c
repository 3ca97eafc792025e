/* Credentials of a call, judged as the service of its dialect would. What a good caller may then do is not decided
 * here: everybody may do everything. Called by sim.c before an endpoint is reached. */
#include "sim/caller.h"

#include "sim/signature.h"

/* The key of a request: x-api-key, api-key (Azure), or what follows Bearer. Empty when there is none. */
static struct text key_of(const struct http_headers *headers) {
  struct text key = http_header_value(headers, TEXT("x-api-key"));
  struct text azure = http_header_value(headers, TEXT("api-key"));
  struct text authorization = http_header_value(headers, TEXT("authorization"));
  if (!text_is_empty(key))
    return key;
  if (!text_is_empty(azure))
    return azure;
  if (authorization.len > 7 && text_equal_nocase(text_head(authorization, 7), TEXT("Bearer "))) {
    return text_trim(text_skip(authorization, 7));
  }
  return TEXT_NONE;
}

static enum err check_aws(const struct http_request *rq, struct text body, int64_t now_s, struct fault *f) {
  const struct http_headers *headers = &rq->head.headers;
  struct text authorization = http_header_value(headers, TEXT("authorization"));
  if (signature_is_claimed(authorization)) {
    const struct signature_request signed_request = {rq->head.method, rq->path, rq->query, headers, body};
    return signature_check(&signed_request, now_s, rq->arena, f);
  }
  struct text key = key_of(headers);
  if (text_is_empty(authorization) || text_is_empty(key))
    return fault_set(f, ERR_FORBIDDEN, "MissingAuthenticationTokenException", "Missing Authentication Token");
  if (text_equal(key, TEXT("invalid"))) {
    return fault_set(f, ERR_FORBIDDEN, "AccessDeniedException",
                     "Authentication failed: Please make sure your API Key is valid.");
  }
  return ERR_OK;
}

static enum err check_key(const struct sim_dialect *dialect, const struct http_headers *headers, struct fault *f) {
  struct text key = key_of(headers);
  bool is_anthropic = dialect == &sim_anthropic;
  if (text_is_empty(key)) {
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "%s",
                     is_anthropic ? "x-api-key header is required"
                                  : "You didn't provide an API key. You need to provide your API key in an "
                                    "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).");
  }
  if (text_equal(key, TEXT("invalid"))) {
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "%s",
                     is_anthropic ? "invalid x-api-key" : "Incorrect API key provided: invalid.");
  }
  if (dialect->needs_version && text_is_empty(http_header_value(headers, TEXT("anthropic-version")))) {
    return fault_set(f, ERR_BAD_REQUEST, NULL, "anthropic-version: header is required");
  }
  return ERR_OK;
}

enum err caller_check(const struct sim_dialect *dialect, const struct http_request *rq, struct text body, int64_t now_s,
                      struct fault *f) {
  return dialect->auth == SIM_AUTH_AWS ? check_aws(rq, body, now_s, f) : check_key(dialect, &rq->head.headers, f);
}
