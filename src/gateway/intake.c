/* First stage: what is asked, in which wire: the path picks the route. The third stage stands here too: once the caller
 * is known the body is read up to its limit, checked as strict JSON, and only the few members that routing needs are
 * taken from it. The raw bytes are kept: they are what goes upstream. Bodies of raw vendor paths (files, batches) are
 * carried without a look inside. */
#include "gateway/exchange.h"

#include "gateway/conversation.h"
#include "gateway/percent.h"

#define MODEL_MAX_BYTES        256
#define UNSUPPORTED_MEDIA_TYPE 415
#define DROPPED_BODY_MAX_BYTES 65536

/* Path and query go into our own request line, so they must not climb out of the vendor's API. */
static enum err check_raw_path(struct exchange *x) {
  struct text p = x->route.vendor_path;
  for (size_t i = 0; i < p.len; i++) {
    char c = p.at[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '_' ||
                 c == '-' || c == '.';
    if (!plain || (c == '.' && i > 0 && (p.at[i - 1] == '.' || p.at[i - 1] == '/'))) {
      return fault_set(&x->fault, ERR_NOT_FOUND, NULL, "there is nothing at this path");
    }
  }
  return ERR_OK;
}

static enum err check_content_type(struct exchange *x) {
  struct text type = http_header_value(&x->rq->head.headers, TEXT("content-type"));
  struct text media = type, rest;
  text_cut(type, ';', &media, &rest);
  media = text_trim(media);
  if (text_is_empty(media) || text_equal_nocase(media, TEXT("application/json")))
    return ERR_OK;
  fault_set(&x->fault, ERR_BAD_REQUEST, "content-type", "content-type must be application/json, not \"%.*s\"",
            TEXT_ARGS(text_head(media, 80)));
  x->fault.status = UNSUPPORTED_MEDIA_TYPE;
  return ERR_BAD_REQUEST;
}

static enum err check_content_encoding(struct exchange *x) {
  struct text coding = http_header_value(&x->rq->head.headers, TEXT("content-encoding"));
  if (text_is_empty(coding) || text_equal_nocase(coding, TEXT("identity")))
    return ERR_OK;
  fault_set(&x->fault, ERR_BAD_REQUEST, "content-encoding",
            "a request body must not be compressed; content-encoding is \"%.*s\"", TEXT_ARGS(text_head(coding, 40)));
  x->fault.status = UNSUPPORTED_MEDIA_TYPE;
  return ERR_BAD_REQUEST;
}

static enum err take_model_of_path(struct exchange *x) {
  if (!percent_decode(x->route.model_id, MODEL_MAX_BYTES, x->arena, &x->ask.model) || text_is_empty(x->ask.model))
    return fault_set(&x->fault, ERR_BAD_REQUEST, "modelId", "the model's name in the path is not valid");
  x->ask.stream = x->route.stream;
  return ERR_OK;
}

static enum err read_ask(struct exchange *x) {
  struct json_limits limits = {.max_depth = x->config->limits.json_depth};
  struct json doc;
  enum err e = json_read(x->body, &limits, &doc, &x->fault);
  if (e != ERR_OK)
    return e;
  if (x->route.operation == PROVIDER_COUNT_BEDROCK)
    x->ask.input_tokens_bound = usage_estimate_tokens(x->body.len); /* a body within a body; count.c looks inside */
  else
    e = x->route.wire->read_request(&doc, x->arena, &x->ask, &x->fault);
  if (e == ERR_OK && x->route.wire->model_in_path)
    e = take_model_of_path(x);
  if (e == ERR_OK && x->snapshot->remembers)
    x->has_conversation = conversation_of(&doc, x->principal->id, x->ask.model, x->conversation);
  json_done(&doc);
  x->has_ask = e == ERR_OK;
  return e;
}

enum err exchange_read_body(struct exchange *x) {
  if (x->body_was_read)
    return ERR_OK;
  x->body_was_read = true;
  int64_t before_us = loop_clock_us();
  enum err e = http_request_body(x->rq, x->config->limits.body_bytes, &x->body, &x->fault);
  x->waited_us += loop_clock_us() - before_us;
  x->request_bytes = x->body.len;
  if (e == ERR_END)
    return fault_set(&x->fault, ERR_BAD_REQUEST, "content-length", "the request ended before its body was complete");
  if (e == ERR_NETWORK)
    return fault_set(&x->fault, ERR_CANCELLED, NULL, "the client left before its request was complete");
  return e;
}

enum err exchange_intake(struct exchange *x) {
  enum err e = route_find(x->rq->head.method, x->rq->path, &x->rq->head.headers, &x->route, &x->fault);
  if (e != ERR_OK || x->route.kind == ROUTE_MODELS || x->route.kind == ROUTE_MODEL)
    return e;
  if (x->route.kind == ROUTE_RAW)
    return check_raw_path(x);
  e = check_content_type(x);
  return e == ERR_OK ? check_content_encoding(x) : e;
}

enum err exchange_receive(struct exchange *x) {
  enum err e = ERR_OK;
  if (x->route.kind == ROUTE_CALL || x->rq->head.has_body)
    e = exchange_read_body(x);
  if (e == ERR_OK && x->route.kind == ROUTE_CALL)
    e = read_ask(x);
  if (e == ERR_OK)
    http_request_cancel_on_disconnect(x->rq, true);
  return e;
}

/* A small body that nobody will use is read all the same: else its connection could not serve the next request. */
void exchange_drop_body(struct exchange *x) {
  struct fault ignored = {0};
  const struct http1_head *head = &x->rq->head;
  if (head->has_body && head->has_length && head->length <= DROPPED_BODY_MAX_BYTES && !head->expects_continue &&
      http_request_body(x->rq, DROPPED_BODY_MAX_BYTES, &x->body, &ignored) == ERR_OK)
    x->request_bytes = x->body.len;
}
