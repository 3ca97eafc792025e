/* Token counts for models whose targets cannot count: the request is understood as for a translation and estimated. The
 * answer has the shape of the caller's dialect and says in a header that it is an estimate, so that nobody takes it for
 * the provider's own. Nothing is sent and nothing is reserved. */
#include "gateway/exchange.h"

#include "llm/tokens.h"
#include "wire/dialect.h"

#define LEFT_OUT_TOKENS 600 /* what a vendor's own tool or block is taken to cost */

static enum err estimate(struct exchange *x, const struct dialect *dialect, const struct json *doc, uint64_t *out) {
  struct llm_request rq = {.arena = x->arena, .leave_out_anything = true};
  struct llm_echo unused = {0};
  enum err e = dialect->read_request(doc, &rq, &unused, &x->fault);
  if (e == ERR_OK)
    *out = llm_tokens_estimate(&rq) + LEFT_OUT_TOKENS * rq.left_out_count;
  return e;
}

/* {"input":{"invokeModel":{"body":BASE64}}} */
static enum err estimate_invoke(struct exchange *x, yyjson_val *invoke, uint64_t *out) {
  const struct json_limits limits = {.raw_numbers = true};
  struct text coded;
  struct json inner;
  size_t len = 0;
  if (!json_get_text(invoke, "body", &coded))
    return fault_set(&x->fault, ERR_BAD_REQUEST, "input.invokeModel.body", "input.invokeModel.body is missing");
  char *body = arena_alloc(x->arena, coded.len / 4 * 3 + 3);
  if (!text_base64_decode(coded, body, &len))
    return fault_set(&x->fault, ERR_BAD_REQUEST, "input.invokeModel.body", "input.invokeModel.body is not base64");
  enum err e = json_read((struct text){body, len}, &limits, &inner, &x->fault);
  if (e != ERR_OK)
    return e;
  e = estimate(x, &dialect_invoke, &inner, out);
  json_done(&inner);
  return e;
}

/* Bedrock's CountTokens holds the request of another operation. */
static enum err estimate_bedrock(struct exchange *x, const struct json *doc, uint64_t *out) {
  yyjson_val *input = json_get(doc->root, "input");
  yyjson_val *invoke = json_get(input, "invokeModel");
  struct json inner = *doc;
  inner.root = json_get(input, "converse");
  if (invoke)
    return estimate_invoke(x, invoke, out);
  if (!yyjson_is_obj(inner.root))
    return fault_set(&x->fault, ERR_BAD_REQUEST, "input", "input must hold converse or invokeModel");
  return estimate(x, &dialect_converse, &inner, out);
}

static enum err count(struct exchange *x, uint64_t *out) {
  const struct json_limits limits = {.max_depth = x->config->limits.json_depth, .raw_numbers = true};
  struct json doc;
  enum err e = json_read(x->body, &limits, &doc, &x->fault);
  if (e != ERR_OK)
    return e;
  e = x->route.operation == PROVIDER_COUNT_BEDROCK ? estimate_bedrock(x, &doc, out)
                                                   : estimate(x, x->route.wire->dialect, &doc, out);
  json_done(&doc);
  return e;
}

enum err exchange_count(struct exchange *x) {
  uint64_t tokens = 0;
  struct http_header headers[20];
  enum err e = count(x, &tokens);
  if (e != ERR_OK)
    return e;
  struct text body = arena_format(
      x->arena, x->route.operation == PROVIDER_COUNT_BEDROCK ? "{\"inputTokens\":%llu}" : "{\"input_tokens\":%llu}",
      (unsigned long long)tokens);
  size_t n = headers_own(x, headers, 16);
  headers[n++] = (struct http_header){TEXT("content-type"), TEXT("application/json")};
  headers[n++] = (struct http_header){TEXT("x-weir-token-count"), TEXT("estimate")};
  x->status = 200;
  x->outcome = "ok";
  x->response_bytes = body.len;
  return http_respond(x->rq, 200, headers, n, body) == ERR_OK ? ERR_OK : ERR_CANCELLED;
}
