/* What travels and what stays. Upstream: everything the client sent, except hop-by-hop fields, credentials, cookies,
 * what frames or addresses our own request, what tells of the network in front of us, and Weir's own fields.
 * Downstream: everything the provider sent, except hop-by-hop fields, cookies, its CORS and transport policy, and what
 * frames its own answer. Request ids of the provider win over ours where they share a name, because that is the id its
 * support asks for; ours is always in x-weir-request-id. */
#include "gateway/exchange.h"

static bool is_one_of(struct text name, const struct text *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (text_equal_nocase(name, list[i]))
      return true;
  }
  return false;
}
#define IS_ONE_OF(name, list) is_one_of((name), (list), sizeof(list) / sizeof((list)[0]))

/* Weir's own fields, in any spelling. */
static bool is_ours(struct text name) { return text_equal_nocase(text_head(name, 7), TEXT("x-weir-")); }

static bool stays_here(const struct http_headers *h, struct text name) {
  static const struct text kept[] = {
      TEXT("host"),
      TEXT("content-length"),
      TEXT("authorization"),
      TEXT("x-api-key"),
      TEXT("api-key"),
      TEXT("cookie"),
      TEXT("accept-encoding"),
      TEXT("expect"),
      TEXT("forwarded"),
      TEXT("x-forwarded-for"),
      TEXT("x-forwarded-host"),
      TEXT("x-forwarded-proto"),
      TEXT("x-forwarded-port"),
      TEXT("x-real-ip"),
      TEXT("via"),
      TEXT("origin"),
      TEXT("referer"),
      TEXT("x-goog-api-key"),
  };
  return IS_ONE_OF(name, kept) || is_ours(name) || http_header_is_hop_by_hop(h, name);
}

size_t headers_for_upstream(const struct exchange *x, const struct provider_target *target, struct http_header *out,
                            size_t cap) {
  const struct http_headers *h = &x->rq->head.headers;
  size_t n = 0;
  for (size_t i = 0; i < target->header_count && n < cap; i++) {
    out[n++] = (struct http_header){target->headers[i].name, target->headers[i].value};
  }
  /* The tap reads the answer; a compressed one would only have to be unpacked here. */
  if (n < cap)
    out[n++] = (struct http_header){TEXT("accept-encoding"), TEXT("identity")};
  for (size_t i = 0; i < h->count && n < cap; i++) {
    if (!stays_here(h, h->at[i].name))
      out[n++] = h->at[i];
  }
  return n;
}

static size_t put(struct http_header *out, size_t n, size_t cap, struct text name, struct text value) {
  if (n < cap)
    out[n++] = (struct http_header){.name = name, .value = value};
  return n;
}

static size_t put_digits(char *out, uint64_t n) {
  char reversed[20];
  size_t count = 0;
  do {
    reversed[count++] = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  for (size_t i = 0; i < count; i++)
    out[i] = reversed[count - 1 - i];
  return count;
}

/* Milliseconds with three decimals. */
static struct text timing(struct exchange *x) {
  uint64_t us = (uint64_t)exchange_overhead_us(x), thousandths = us % 1000;
  char *at = arena_alloc(x->arena, 40);
  memcpy(at, "weir;dur=", 9);
  size_t n = 9 + put_digits(at + 9, us / 1000);
  at[n++] = '.';
  at[n++] = (char)('0' + thousandths / 100);
  at[n++] = (char)('0' + thousandths / 10 % 10);
  at[n++] = (char)('0' + thousandths % 10);
  return (struct text){at, n};
}

static struct text attempts_text(struct exchange *x) {
  char *at = arena_alloc(x->arena, 20);
  return (struct text){at, put_digits(at, x->attempts)};
}

size_t headers_own(struct exchange *x, struct http_header *out, size_t cap) {
  size_t n = 0;
  n = put(out, n, cap, TEXT("x-request-id"), x->rq->id);
  n = put(out, n, cap, TEXT("x-weir-request-id"), x->rq->id);
  if (x->route.wire->id == WIRE_ANTHROPIC)
    n = put(out, n, cap, TEXT("request-id"), x->rq->id);
  if (x->attempts > 0) {
    const struct candidate *c = x->attempt.candidate;
    n = put(out, n, cap, TEXT("x-weir-provider"), c->provider->name);
    if (!text_is_empty(c->upstream_model))
      n = put(out, n, cap, TEXT("x-weir-model"), c->upstream_model);
    n = put(out, n, cap, TEXT("x-weir-attempts"), attempts_text(x));
    n = put(out, n, cap, TEXT("x-weir-cache"), TEXT("bypass"));
  }
  return put(out, n, cap, TEXT("server-timing"), timing(x));
}

static bool is_dropped_for_client(const struct http_headers *h, struct text name, bool decoded) {
  static const struct text dropped[] = {
      TEXT("content-length"),
      TEXT("set-cookie"),
      TEXT("set-cookie2"),
      TEXT("alt-svc"),
      TEXT("date"),
      TEXT("server-timing"),
      TEXT("strict-transport-security"),
      TEXT("content-security-policy"),
      TEXT("nel"),
      TEXT("report-to"),
      TEXT("reporting-endpoints"),
      TEXT("authorization"),
      TEXT("x-api-key"),
      TEXT("www-authenticate"),
      TEXT("proxy-authenticate"),
  };
  if (IS_ONE_OF(name, dropped) || is_ours(name))
    return true;
  if (name.len > 15 && text_equal_nocase(text_head(name, 15), TEXT("access-control-")))
    return true;
  if (decoded && text_equal_nocase(name, TEXT("content-encoding")))
    return true;
  return http_header_is_hop_by_hop(h, name);
}

size_t headers_for_client(struct exchange *x, const struct http_headers *upstream, bool decoded,
                          struct http_header *out, size_t cap) {
  struct http_header own[12];
  size_t own_count = headers_own(x, own, 12), n = 0;
  bool anthropic = x->route.wire->id == WIRE_ANTHROPIC;
  struct text their_name = anthropic ? TEXT("request-id") : TEXT("x-request-id");
  struct text theirs = http_header_value(upstream, their_name);
  for (size_t i = 0; i < own_count; i++) {
    if (!text_is_empty(theirs) && text_equal(own[i].name, their_name))
      continue;
    if (n < cap)
      out[n++] = own[i];
  }
  for (size_t i = 0; i < upstream->count; i++) {
    struct text name = upstream->at[i].name;
    if (is_dropped_for_client(upstream, name, decoded))
      continue;
    /* The dialect's id header passes; the other spelling is ours already. */
    if (anthropic && text_equal_nocase(name, TEXT("x-request-id")))
      continue;
    if (n < cap)
      out[n++] = upstream->at[i];
  }
  x->upstream_request_id = theirs;
  /* A wrong provider key is ours to mend: clients that retry on 401 would do so for ever. */
  if (x->attempt.class == PROVIDER_AUTH_ERROR && !http_header_find(upstream, TEXT("x-should-retry"))) {
    n = put(out, n, cap, TEXT("x-should-retry"), TEXT("false"));
  }
  return n;
}
