/* First stage: what is asked, in which wire. The path picks the route; the body is read up to its limit, checked as
 * strict JSON, and only the few members that routing needs are taken from it. The raw bytes are kept: they are what
 * goes upstream. Bodies of raw vendor paths (files, batches) are carried without a look inside. */
#include "gateway/exchange.h"

#define UNSUPPORTED_MEDIA_TYPE 415

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

static enum err read_ask(struct exchange *x) {
  struct json_limits limits = {.max_depth = x->config->limits.json_depth};
  struct json doc;
  enum err e = json_read(x->body, &limits, &doc, &x->fault);
  if (e != ERR_OK)
    return e;
  e = x->route.wire->read_request(&doc, x->arena, &x->ask, &x->fault);
  json_done(&doc);
  x->has_ask = e == ERR_OK;
  return e;
}

static enum err read_body(struct exchange *x) {
  int64_t before_us = loop_clock_us();
  enum err e = http_request_body(x->rq, x->config->limits.body_bytes, &x->body, &x->fault);
  x->waited_us += loop_clock_us() - before_us;
  x->request_bytes = x->body.len;
  if (e == ERR_NETWORK)
    return fault_set(&x->fault, ERR_CANCELLED, NULL, "the client left before its request was complete");
  return e;
}

enum err exchange_intake(struct exchange *x) {
  enum err e = route_find(x->rq->head.method, x->rq->path, &x->rq->head.headers, &x->route, &x->fault);
  if (e != ERR_OK)
    return e;
  if (x->route.kind == ROUTE_MODELS || x->route.kind == ROUTE_MODEL)
    return ERR_OK;
  if (x->route.kind == ROUTE_RAW) {
    e = check_raw_path(x);
    if (e == ERR_OK && x->rq->head.has_body)
      e = read_body(x);
  } else {
    e = check_content_type(x);
    if (e == ERR_OK)
      e = check_content_encoding(x);
    if (e == ERR_OK)
      e = read_body(x);
    if (e == ERR_OK)
      e = read_ask(x);
  }
  if (e == ERR_OK)
    http_request_cancel_on_disconnect(x->rq, true);
  return e;
}
