/* Token counts. For models whose targets cannot count the request is understood as for a translation and estimated; the
 * answer says in a header that it is an estimate, so that nobody takes it for the provider's own, and nothing is sent
 * or reserved. Claude on Bedrock counts, but wants to be asked in another way. */
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

/* A body for InvokeModel names max_tokens, which a question for a count does not. */
static void write_invoke_body(const struct attempt *t, struct buf *out) {
  const struct outgoing *o = &t->outgoing;
  for (size_t i = 0; i < o->count; i++) {
    struct text piece = o->pieces[i];
    if (i == 0 && t->x->ask.max_output_tokens == 0) {
      buf_add(out, TEXT("{\"max_tokens\":1,"));
      ptrdiff_t brace = text_find_char(piece, '{');
      piece = text_skip(piece, (size_t)(brace + 1));
    }
    buf_add(out, piece);
  }
}

enum err count_wrap(struct attempt *t) {
  struct outgoing *o = &t->outgoing;
  struct buf body;
  size_t most = 2 * t->x->body.len + 4096;
  buf_init(&body, most);
  write_invoke_body(t, &body);
  buf_init(&o->body, 2 * most + 4096);
  buf_add(&o->body, TEXT("{\"input\":{\"invokeModel\":{\"body\":\""));
  char *room = buf_reserve(&o->body, (body.len + 2) / 3 * 4);
  if (room)
    buf_commit(&o->body, text_base64(body.at, body.len, room));
  buf_add(&o->body, TEXT("\"}}}"));
  bool failed = body.failed || buf_check(&o->body) != ERR_OK;
  buf_done(&body);
  attempt_send_whole(t, buf_text(&o->body));
  return failed ? fault_set(&t->fault, ERR_TOO_LARGE, NULL, "the request is too large to be counted") : ERR_OK;
}

enum err count_unwrap(struct attempt *t) {
  struct json doc;
  uint64_t tokens = 0;
  if (json_read(buf_text(&t->answer.held), &(struct json_limits){.lenient = true}, &doc, NULL) != ERR_OK)
    return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not JSON");
  bool found = json_get_u64(doc.root, "inputTokens", &tokens);
  json_done(&doc);
  if (!found)
    return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer holds no inputTokens");
  buf_add(&t->answer.out, TEXT("{\"input_tokens\":"));
  buf_add_u64(&t->answer.out, tokens);
  buf_add(&t->answer.out, TEXT("}"));
  t->tap.started = t->tap.finished = true;
  return ERR_OK;
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
