/* Amazon Bedrock's runtime: a model's id in the path, and either a bearer key or a Signature Version 4 over the whole
 * request. Where the credentials come from is aws/source.h; whoever calls brings them. Vendor paths other than the
 * operations below live on another host of AWS's and are not served. Reached through the provider table by send.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html */
#include "aws/sigv4.h"
#include "provider/address.h"
#include "provider/classify.h"
#include "provider/table.h"

#define JSON_TYPE   TEXT("application/json")
#define STREAM_TYPE TEXT("application/vnd.amazon.eventstream")

static bool serves(enum provider_operation op) {
  return op == PROVIDER_INVOKE || op == PROVIDER_CONVERSE || op == PROVIDER_COUNT_BEDROCK;
}

static enum err action_of(const struct provider_call *c, struct text *out, struct fault *f) {
  switch (c->operation) {
  case PROVIDER_INVOKE: *out = c->stream ? TEXT("/invoke-with-response-stream") : TEXT("/invoke"); return ERR_OK;
  case PROVIDER_CONVERSE: *out = c->stream ? TEXT("/converse-stream") : TEXT("/converse"); return ERR_OK;
  case PROVIDER_COUNT_BEDROCK: *out = TEXT("/count-tokens"); return ERR_OK;
  default: break;
  }
  return fault_set(f, ERR_UNSUPPORTED, NULL, "a Bedrock provider serves invoke, converse and count-tokens only");
}

/* The client's query is not carried on: none of the operations has one. */
static enum err path_of(const struct provider_call *c, struct arena *a, struct text *out, struct fault *f) {
  struct text action, id;
  enum err e = action_of(c, &action, f);
  if (!e)
    e = address_segment(c->model, a, &id, f);
  if (!e)
    *out = arena_join(a, (const struct text[]){c->base_path, TEXT("/model/"), id, action}, 4);
  return e;
}

static enum err sign(const struct provider_call *c, struct arena *a, struct provider_target *t, struct fault *f) {
  const struct sigv4_header headers[] = {
      {TEXT("host"), c->host}, {TEXT("content-type"), JSON_TYPE}, {TEXT("accept"), t->headers[1].value}};
  const struct sigv4_request rq = {.method = text_is_empty(c->method) ? TEXT("POST") : c->method,
                                   .path = t->path,
                                   .headers = headers,
                                   .header_count = sizeof(headers) / sizeof(headers[0]),
                                   .body = c->body,
                                   .body_pieces = c->body_pieces};
  const struct sigv4_scope scope = {c->region, TEXT("bedrock"), c->now_s};
  struct sigv4_signature s;
  enum err e = sigv4_sign(&rq, &scope, c->aws, a, &s);
  if (e)
    return fault_set(f, ERR_INTERNAL, NULL, "the request to the provider cannot be signed");
  address_add(t, TEXT("x-amz-date"), s.amz_date);
  address_add(t, TEXT("x-amz-security-token"), s.security_token);
  address_add(t, TEXT("authorization"), s.authorization);
  return ERR_OK;
}

static struct text bearer_of(const struct provider_call *c) { return c->aws ? c->aws->bearer : c->api_key; }

static enum err authorise(const struct provider_call *c, struct arena *a, struct provider_target *t, struct fault *f) {
  struct text bearer = bearer_of(c);
  enum err e = address_check_key(bearer, f);
  if (e)
    return e;
  if (!text_is_empty(bearer))
    address_add(t, TEXT("authorization"), arena_join(a, (const struct text[]){TEXT("Bearer "), bearer}, 2));
  else if (c->aws)
    e = sign(c, a, t, f);
  return e;
}

static enum err address(const struct provider_call *c, struct arena *a, struct provider_target *out, struct fault *f) {
  struct provider_target t = {0};
  bool streams = c->stream && c->operation != PROVIDER_COUNT_BEDROCK;
  enum err e = path_of(c, a, &t.path, f);
  if (e)
    return e;
  address_add(&t, TEXT("content-type"), JSON_TYPE);
  address_add(&t, TEXT("accept"), streams ? STREAM_TYPE : JSON_TYPE);
  e = authorise(c, a, &t, f);
  if (!e)
    *out = t;
  return e;
}

/* The exception's name decides where it is known, then the status and the words. A day's tokens that are used up are
 * throttled too, but nothing comes of trying again. */
static const struct provider_failure failures[] = {
    {.name = "ThrottlingException", .opening = "Too many tokens per day", .class = PROVIDER_USAGE_LIMIT},
    {.name = "ThrottlingException", .used_up = true, .class = PROVIDER_USAGE_LIMIT},
    {.name = "ThrottlingException", .class = PROVIDER_RATE_LIMIT},
    {.name = "TooManyRequestsException", .class = PROVIDER_RATE_LIMIT},
    {.name = "ServiceQuotaExceededException", .class = PROVIDER_USAGE_LIMIT},
    {.name = "ModelTimeoutException", .class = PROVIDER_TIMEOUT},
    {.name = "ModelNotReadyException", .class = PROVIDER_SERVER_ERROR},
    {.name = "ModelErrorException", .class = PROVIDER_SERVER_ERROR},
    {.name = "ModelStreamErrorException", .class = PROVIDER_SERVER_ERROR},
    {.name = "ServiceUnavailableException", .class = PROVIDER_SERVER_ERROR},
    {.name = "InternalServerException", .class = PROVIDER_SERVER_ERROR},
    {.name = "InternalFailure", .class = PROVIDER_SERVER_ERROR},
    {.name = "AccessDeniedException", .class = PROVIDER_AUTH_ERROR},
    {.name = "UnrecognizedClientException", .class = PROVIDER_AUTH_ERROR},
    {.name = "InvalidClientTokenId", .class = PROVIDER_AUTH_ERROR},
    {.name = "InvalidSignatureException", .class = PROVIDER_AUTH_ERROR},
    {.name = "IncompleteSignatureException", .class = PROVIDER_AUTH_ERROR},
    {.name = "IncompleteSignature", .class = PROVIDER_AUTH_ERROR},
    {.name = "MissingAuthenticationTokenException", .class = PROVIDER_AUTH_ERROR},
    {.name = "ExpiredTokenException", .class = PROVIDER_AUTH_ERROR},
    {.name = "RequestExpired", .class = PROVIDER_AUTH_ERROR},
    {.name = "NotAuthorized", .class = PROVIDER_AUTH_ERROR},
    {.name = "ValidationException", .class = PROVIDER_CLIENT_ERROR},
    {.name = "ResourceNotFoundException", .class = PROVIDER_CLIENT_ERROR},
    {.name = "ConflictException", .class = PROVIDER_CLIENT_ERROR},
    {400, 400, .opening = "Your request exceeds the service quota", .class = PROVIDER_USAGE_LIMIT},
    {403, 403, .class = PROVIDER_AUTH_ERROR},
    {424, 424, .class = PROVIDER_SERVER_ERROR},
    {429, 429, .opening = "The model specified in the request is not ready", .class = PROVIDER_SERVER_ERROR},
    {429, 429, .opening = "Model is not ready", .class = PROVIDER_SERVER_ERROR},
    {429, 429, .opening = "Model is getting ready", .class = PROVIDER_SERVER_ERROR},
    {429, 429, .opening = "Too many tokens per day", .class = PROVIDER_USAGE_LIMIT},
};

const struct provider provider_bedrock = {.kind = "bedrock",
                                          .signs = true,
                                          .serves = serves,
                                          .address = address,
                                          FAILURES(failures),
                                          .error_type_header = "x-amzn-errortype"};
