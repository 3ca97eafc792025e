/* Who is named in the answer, and what a page may send. A page that is not of the list hears nothing of either. Called
 * by front.c, auth.c, oauth.c and live_wire.c. house: tested-by tests/unit/control/test_front.c */
#include "control/sites.h"

bool sites_know(const struct config_control *c, const struct http_request *rq) {
  struct text origin = http_header_value(&rq->head.headers, TEXT("origin"));
  for (size_t i = 0; origin.len > 0 && i < c->cors_origin_count; i++) {
    if (text_equal(c->cors_origins[i], origin))
      return true;
  }
  return false;
}

/* A browser keeps answers from pages of other sites unless these headers name them. */
size_t sites_headers(const struct config_control *c, const struct http_request *rq,
                     struct http_header out[SITES_HEADERS]) {
  size_t n = 0;
  if (c->cors_origin_count > 0)
    out[n++] = (struct http_header){TEXT("vary"), TEXT("origin")};
  if (!sites_know(c, rq))
    return n;
  out[n++] =
      (struct http_header){TEXT("access-control-allow-origin"), http_header_value(&rq->head.headers, TEXT("origin"))};
  out[n++] = (struct http_header){TEXT("access-control-allow-credentials"), TEXT("true")};
  out[n++] = (struct http_header){TEXT("access-control-expose-headers"),
                                  TEXT("etag, location, retry-after, idempotent-replayed, x-request-id")};
  return n;
}

bool sites_is_preflight(const struct http_request *rq) {
  return text_equal(rq->head.method, TEXT("OPTIONS")) &&
         http_header_find(&rq->head.headers, TEXT("access-control-request-method"));
}

void sites_answer_preflight(const struct config_control *c, struct http_request *rq) {
  struct http_header headers[SITES_HEADERS + 3];
  size_t n = sites_headers(c, rq, headers);
  if (n > 1) {
    headers[n++] = (struct http_header){TEXT("access-control-allow-methods"), TEXT("GET, POST, PUT, PATCH, DELETE")};
    headers[n++] = (struct http_header){
        TEXT("access-control-allow-headers"),
        TEXT("authorization, content-type, if-match, if-none-match, idempotency-key, accept-version, x-weir-csrf")};
    headers[n++] = (struct http_header){TEXT("access-control-max-age"), TEXT("600")};
  }
  enum err ignored = http_respond(rq, 204, headers, n, TEXT_NONE);
  (void)ignored; /* whoever asked has gone */
}
