/* Amazon Bedrock's runtime: a model's id in the path, and either a bearer key or a Signature Version 4 over the whole
 * request. Where the credentials come from is aws/source.h; whoever calls brings them. Vendor paths other than the
 * operations below live on another host of AWS's and are not served. Reached through the provider table by send.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html */
#include "aws/sigv4.h"
#include "base/json.h"
#include "provider/address.h"
#include "provider/classify.h"
#include "provider/table.h"

#define OPENING(literal)                                                                                               \
  { (literal), sizeof(literal) - 1 }
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

/* A caller's own signature covers its own request and is worth nothing on ours; a bearer key is. */
static enum err authorise(const struct provider_call *c, struct arena *a, struct provider_target *t, struct fault *f) {
  struct text bearer = bearer_of(c);
  enum err e = address_check_key(bearer, f);
  if (e)
    return e;
  if (!text_is_empty(bearer))
    address_add(t, TEXT("authorization"), arena_join(a, (const struct text[]){TEXT("Bearer "), bearer}, 2));
  else if (c->aws)
    e = sign(c, a, t, f);
  else if (text_equal_nocase(text_head(c->own_authorization, 7), TEXT("Bearer ")))
    address_add(t, TEXT("authorization"), c->own_authorization);
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

static const struct {
  struct text name;
  enum provider_class class;
} exceptions[] = {
    {OPENING("ThrottlingException"), PROVIDER_RATE_LIMIT},
    {OPENING("ServiceQuotaExceededException"), PROVIDER_USAGE_LIMIT},
    {OPENING("ModelTimeoutException"), PROVIDER_SERVER_ERROR},
    {OPENING("ModelNotReadyException"), PROVIDER_SERVER_ERROR},
    {OPENING("ModelStreamErrorException"), PROVIDER_SERVER_ERROR},
    {OPENING("ModelErrorException"), PROVIDER_SERVER_ERROR},
    {OPENING("ServiceUnavailableException"), PROVIDER_SERVER_ERROR},
    {OPENING("InternalServerException"), PROVIDER_SERVER_ERROR},
    {OPENING("AccessDeniedException"), PROVIDER_AUTH_ERROR},
    {OPENING("UnrecognizedClientException"), PROVIDER_AUTH_ERROR},
    {OPENING("InvalidSignatureException"), PROVIDER_AUTH_ERROR},
    {OPENING("ExpiredTokenException"), PROVIDER_AUTH_ERROR},
    {OPENING("ValidationException"), PROVIDER_CLIENT_ERROR},
    {OPENING("ResourceNotFoundException"), PROVIDER_CLIENT_ERROR},
    {OPENING("ConflictException"), PROVIDER_CLIENT_ERROR},
};

/* "com.amazon.coral.service#ThrottlingException:http://..." holds the name between '#' and ':'. */
static bool class_named_in(struct text body, enum provider_class *out) {
  struct json doc = {0};
  struct text type, name, rest;
  bool found = false;
  if (json_read(body, NULL, &doc, NULL))
    return false;
  type = json_text(json_get(doc.root, "__type"));
  if (text_cut(type, '#', &name, &rest))
    type = rest;
  (void)text_cut(type, ':', &type, &rest);
  for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]) && !found; i++) {
    found = text_equal_nocase(type, exceptions[i].name);
    if (found)
      *out = exceptions[i].class;
  }
  json_done(&doc);
  return found;
}

/* Mostly the exception's name stands in a header that is not seen here; the status and the words tell the same. */
static enum provider_class class_by_status(int status, struct text body) {
  static const struct text not_ready[] = {OPENING("The model specified in the request is not ready"),
                                          OPENING("Model is not ready"), OPENING("Model is getting ready")};
  static const struct text quota[] = {OPENING("Your request exceeds the service quota")};
  switch (status) {
  case 400: return classify_message_starts(body, quota, 1) ? PROVIDER_USAGE_LIMIT : PROVIDER_CLIENT_ERROR;
  case 403: return PROVIDER_AUTH_ERROR;
  case 408:
  case 424: return PROVIDER_SERVER_ERROR;
  case 429:
    return classify_message_starts(body, not_ready, sizeof(not_ready) / sizeof(not_ready[0])) ? PROVIDER_SERVER_ERROR
                                                                                              : PROVIDER_RATE_LIMIT;
  default: return classify_common(status, body);
  }
}

/* A day's tokens that are used up are throttled too, but nothing comes of trying again. */
static enum provider_class classify(int status, struct text body) {
  static const struct text used_up[] = {OPENING("Too many tokens per day")};
  enum provider_class class = PROVIDER_OK;
  if (status >= 200 && status < 300)
    return PROVIDER_OK;
  if (!class_named_in(body, &class))
    class = class_by_status(status, body);
  if (class == PROVIDER_RATE_LIMIT && (classify_message_starts(body, used_up, 1) || classify_speaks_of_usage(body)))
    return PROVIDER_USAGE_LIMIT;
  return class;
}

const struct provider provider_bedrock = {
    .kind = "bedrock", .signs = true, .serves = serves, .address = address, .classify = classify};
