/* Second stage: whose call is this. A Weir key comes as x-api-key, as a bearer token, or in the path (/ak/{key}/...),
 * or its pair signs the request as AWS's SDKs do. With both headers present the one that is a Weir key counts. By path,
 * headers are the caller's own provider credentials and travel on, unless they hold a Weir key, which never leaves.
 * Whatever is wrong with a key in a path is 404, so that keys cannot be probed. */
#include "gateway/exchange.h"

#include "aws/sigv4.h"

static struct text bearer(struct text authorization) {
  struct text scheme, token;
  if (!text_cut(authorization, ' ', &scheme, &token) || !text_equal_nocase(scheme, TEXT("bearer")))
    return TEXT_NONE;
  return text_trim(token);
}

/* The credential headers may come once each: two of them could mean two things to two readers. */
static enum err single(struct exchange *x, struct text name, struct text *out) {
  const struct http_headers *h = &x->rq->head.headers;
  size_t seen = 0;
  for (size_t i = 0; i < h->count; i++) {
    if (!text_equal_nocase(h->at[i].name, name))
      continue;
    *out = h->at[i].value;
    seen++;
  }
  if (seen > 1)
    return fault_set(&x->fault, ERR_BAD_REQUEST, name.at, "the header %s may be sent only once", name.at);
  return ERR_OK;
}

/* Is any word of the value a Weir key, whatever scheme stands before it? */
static bool holds_our_key(struct identity *identity, struct text value) {
  size_t from = 0;
  for (size_t i = 0; i <= value.len; i++) {
    if (i < value.len && value.at[i] != ' ' && value.at[i] != '\t')
      continue;
    if (i > from && identity->is_ours(identity, (struct text){value.at + from, i - from}))
      return true;
    from = i + 1;
  }
  return false;
}

static enum err by_path(struct exchange *x, struct text api_key, struct text authorization, int64_t now_us) {
  struct identity *identity = x->worker->gateway->identity;
  enum err e = identity->find(identity, x->route.url_key, now_us, &x->principal, &x->fault);
  if (e == ERR_UNAUTHENTICATED || e == ERR_FORBIDDEN) {
    x->fault = (struct fault){0};
    return fault_set(&x->fault, ERR_NOT_FOUND, NULL, "there is nothing at this address");
  }
  if (e != ERR_OK)
    return e;
  if (!text_is_empty(api_key) && !holds_our_key(identity, api_key))
    x->own_x_api_key = api_key;
  if (!text_is_empty(authorization) && !sigv4_is_claim(authorization) && !holds_our_key(identity, authorization))
    x->own_authorization = authorization;
  return ERR_OK;
}

/* A signature covers the body, so the body has to be read before it is known whose it is; its limit is the same. */
static enum err by_signature(struct exchange *x, struct text authorization, int64_t now_us) {
  struct identity *identity = x->worker->gateway->identity;
  const struct http_headers *h = &x->rq->head.headers;
  struct sigv4_header *headers = arena_alloc(x->arena, (h->count + 1) * sizeof(*headers));
  enum err e = x->rq->head.has_body ? exchange_read_body(x) : ERR_OK;
  if (e != ERR_OK)
    return e;
  for (size_t i = 0; i < h->count; i++)
    headers[i] = (struct sigv4_header){h->at[i].name, h->at[i].value};
  const struct sigv4_request rq = {.method = x->rq->head.method,
                                   .path = x->rq->path,
                                   .query = x->rq->query,
                                   .headers = headers,
                                   .header_count = h->count,
                                   .body = &x->body,
                                   .body_pieces = 1};
  return identity->find_signed(identity, &rq, authorization, now_us, &x->principal, &x->fault);
}

static enum err by_header(struct exchange *x, struct text api_key, struct text authorization, int64_t now_us) {
  struct identity *identity = x->worker->gateway->identity;
  struct text token = bearer(authorization);
  if (text_is_empty(api_key) && sigv4_is_claim(authorization))
    return by_signature(x, authorization, now_us);
  if (text_is_empty(api_key) && text_is_empty(token)) {
    return fault_set(&x->fault, ERR_UNAUTHENTICATED, NULL,
                     "no API key was sent: use the header x-api-key, or authorization with a bearer token");
  }
  if (text_is_empty(api_key))
    return identity->find(identity, token, now_us, &x->principal, &x->fault);
  enum err e = identity->find(identity, api_key, now_us, &x->principal, &x->fault);
  if (e == ERR_UNAUTHENTICATED && !text_is_empty(token)) {
    struct fault second = {0};
    enum err e2 = identity->find(identity, token, now_us, &x->principal, &second);
    if (e2 == ERR_OK)
      x->fault = (struct fault){0};
    if (e2 != ERR_UNAUTHENTICATED)
      return e2 == ERR_OK ? ERR_OK : (x->fault = second, e2);
  }
  return e;
}

enum err exchange_identify(struct exchange *x) {
  struct text api_key = TEXT_NONE, authorization = TEXT_NONE;
  enum err e = single(x, TEXT("x-api-key"), &api_key);
  if (e == ERR_OK)
    e = single(x, TEXT("authorization"), &authorization);
  if (e != ERR_OK)
    return e;
  int64_t now_us = loop_wall_us();
  e = x->route.by_url_key ? by_path(x, api_key, authorization, now_us) : by_header(x, api_key, authorization, now_us);
  if (e == ERR_OK)
    e = exchange_confine(x);
  bool is_the_callers = e == ERR_OK || e == ERR_UNAUTHENTICATED || e == ERR_FORBIDDEN || e == ERR_NOT_FOUND;
  return is_the_callers || e == ERR_CANCELLED ? e : exchange_hide_fault(&x->fault, e, "the key cannot be checked");
}
