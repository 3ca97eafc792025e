/* The end of the second stage: may this key be used here? On this wire or mount, from this address, by pages of this
 * site. A key in a path that may not is 404, as a wrong one is. Browsers ask beforehand whether a page may send a key
 * at all (CORS): that is answered without knowing any, since the key is what the page has to bring. Called by
 * identify.c and gateway.c. */
#include "base/cidr.h"
#include "gateway/exchange.h"
#include "gateway/peer.h"

static bool has_line(struct text lines, struct text wanted) {
  struct text one;
  while (lines.len > 0) {
    if (!text_cut(lines, '\n', &one, &lines)) {
      one = lines;
      lines = TEXT_NONE;
    }
    if (text_equal(one, wanted))
      return true;
  }
  return false;
}

static struct text mount_name(enum route_mount m) {
  switch (m) {
  case ROUTE_ANTHROPIC: return TEXT("/anthropic");
  case ROUTE_OPENAI: return TEXT("/openai");
  case ROUTE_OPENROUTER: return TEXT("/openrouter");
  case ROUTE_BEDROCK: return TEXT("/bedrock");
  case ROUTE_PLAIN: break;
  }
  return TEXT_NONE;
}

/* Which models there are may be asked on every one. */
static bool is_on_route(const struct exchange *x, struct text routes) {
  const struct route *r = &x->route;
  return routes.len == 0 || r->kind == ROUTE_MODELS || r->kind == ROUTE_MODEL ||
         has_line(routes, text_of(r->wire->name)) ||
         (r->mount != ROUTE_PLAIN && has_line(routes, mount_name(r->mount)));
}

static enum err refuse(struct exchange *x, const char *what) {
  if (x->route.by_url_key)
    return fault_set(&x->fault, ERR_NOT_FOUND, NULL, "there is nothing at this address");
  return fault_set(&x->fault, ERR_FORBIDDEN, NULL, "the API key \"%.*s\" may not be used %s",
                   TEXT_ARGS(text_head(x->principal->name, 64)), what);
}

enum err exchange_confine(struct exchange *x) {
  const struct principal *p = x->principal;
  struct text origin = http_header_value(&x->rq->head.headers, TEXT("origin"));
  if (!is_on_route(x, p->routes))
    return refuse(x, "on this route");
  if (p->allow_ips.len > 0 && !cidr_lines_have(p->allow_ips, peer_address(x->rq, x->config)))
    return refuse(x, "from this address");
  if (origin.len == 0 || p->cors_origins.len == 0)
    return ERR_OK;
  if (!has_line(p->cors_origins, TEXT("*")) && !has_line(p->cors_origins, origin))
    return refuse(x, "by pages of this site");
  x->cors_origin = origin;
  return ERR_OK;
}

bool gateway_preflight(struct http_request *rq) {
  const struct http_headers *h = &rq->head.headers;
  struct text origin = http_header_value(h, TEXT("origin"));
  struct text method = http_header_value(h, TEXT("access-control-request-method"));
  struct text asked = http_header_value(h, TEXT("access-control-request-headers"));
  if (!text_equal(rq->head.method, TEXT("OPTIONS")) || origin.len == 0 || method.len == 0)
    return false;
  const struct http_header headers[] = {
      {TEXT("access-control-allow-origin"), origin},
      {TEXT("access-control-allow-methods"), TEXT("GET, POST, DELETE")},
      {TEXT("access-control-max-age"), TEXT("600")},
      {TEXT("vary"), TEXT("origin, access-control-request-headers")},
      {TEXT("x-request-id"), rq->id},
      {TEXT("access-control-allow-headers"), asked},
  };
  enum err ignored = http_respond(rq, 204, headers, asked.len > 0 ? 6 : 5, TEXT_NONE);
  (void)ignored;
  return true;
}
