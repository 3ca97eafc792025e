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

static bool starts_with_one_of(struct text name, const struct text *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (name.len >= list[i].len && text_equal_nocase(text_head(name, list[i].len), list[i]))
      return true;
  }
  return false;
}
#define STARTS_WITH_ONE_OF(name, list) starts_with_one_of((name), (list), sizeof(list) / sizeof((list)[0]))

/* A signature of the client's covers its own request; ours is made anew. */
static bool is_of_a_signature(struct text name) {
  static const struct text prefixes[] = {TEXT("x-amz-"), TEXT("amz-sdk-")};
  return STARTS_WITH_ONE_OF(name, prefixes);
}

/* Means something to the vendor whose dialect the client speaks, and nothing to another. */
static bool is_of_a_vendor(struct text name) {
  static const struct text prefixes[] = {
      TEXT("anthropic-"), TEXT("openai-"), TEXT("x-stainless-"), TEXT("x-amzn-"), TEXT("x-claude-code-"), TEXT("x-app"),
  };
  static const struct text framing[] = {TEXT("accept"), TEXT("content-type")};
  return IS_ONE_OF(name, framing) || STARTS_WITH_ONE_OF(name, prefixes);
}

static bool target_has(const struct provider_target *target, struct text name) {
  for (size_t i = 0; i < target->header_count; i++) {
    if (text_equal_nocase(target->headers[i].name, name))
      return true;
  }
  return false;
}

static size_t put(struct http_header *out, size_t n, size_t cap, struct text name, struct text value) {
  if (n < cap && !text_is_empty(value))
    out[n++] = (struct http_header){.name = name, .value = value};
  return n;
}

/* What a body that was written anew needs beside it. */
static size_t put_made(const struct attempt *t, const struct provider_target *target, struct http_header *out, size_t n,
                       size_t cap) {
  bool says_version = !target_has(target, TEXT("anthropic-version"));
  if (!target_has(target, TEXT("content-type")))
    n = put(out, n, cap, TEXT("content-type"), TEXT("application/json"));
  if (!target_has(target, TEXT("accept")))
    n = put(out, n, cap, TEXT("accept"), t->x->ask.stream ? TEXT("text/event-stream") : TEXT("application/json"));
  n = put(out, n, cap, TEXT("anthropic-beta"), t->outgoing.beta);
  return says_version ? put(out, n, cap, TEXT("anthropic-version"), t->outgoing.version) : n;
}

struct http_header *headers_scratch(void) {
  static _Thread_local struct http_header headers[HEADERS_CAP];
  return headers;
}

size_t headers_for_upstream(const struct attempt *t, const struct provider_target *target, struct http_header *out,
                            size_t cap) {
  const struct http_headers *h = &t->x->rq->head.headers;
  bool passes = t->candidate->pairing.mode == PAIRING_PASS;
  size_t n = 0;
  for (size_t i = 0; i < target->header_count && n < cap; i++) {
    out[n++] = (struct http_header){target->headers[i].name, target->headers[i].value};
  }
  /* The tap reads the answer; a compressed one would only have to be unpacked here. */
  if (n < cap)
    out[n++] = (struct http_header){TEXT("accept-encoding"), TEXT("identity")};
  if (!passes)
    n = put_made(t, target, out, n, cap);
  for (size_t i = 0; i < h->count && n < cap; i++) {
    struct text name = h->at[i].name;
    if (!stays_here(h, name) && !is_of_a_signature(name) && !target_has(target, name) &&
        (passes || !is_of_a_vendor(name)))
      out[n++] = h->at[i];
  }
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
  uint64_t us = (uint64_t)exchange_overhead_us(x, loop_clock_us()), thousandths = us % 1000;
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
  struct text theirs = text_of(x->route.wire->request_id_header);
  if (!text_equal(theirs, TEXT("x-request-id")))
    n = put(out, n, cap, theirs, x->rq->id);
  if (x->attempt) {
    const struct attempt *t = x->attempt;
    const struct candidate *c = t->candidate;
    n = put(out, n, cap, TEXT("x-weir-provider"), c->provider->name);
    if (!text_is_empty(c->upstream_model))
      n = put(out, n, cap, TEXT("x-weir-model"), c->upstream_model);
    n = put(out, n, cap, TEXT("x-weir-attempts"), attempts_text(x));
    n = put(out, n, cap, TEXT("x-weir-cache"), TEXT("bypass"));
    n = put(out, n, cap, TEXT("x-weir-left-out"), t->left_out);
    n = put(out, n, cap, TEXT("x-weir-not-carried"), attempt_not_carried(t));
  }
  if (!text_is_empty(x->cors_origin)) {
    n = put(out, n, cap, TEXT("access-control-allow-origin"), x->cors_origin);
    n = put(out, n, cap, TEXT("access-control-expose-headers"), TEXT("*"));
    n = put(out, n, cap, TEXT("vary"), TEXT("origin"));
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

/* Of the provider's own dialect, or of the bytes that were written anew. */
static bool is_dropped_when_converted(struct text name) {
  static const struct text prefixes[] = {TEXT("anthropic-"), TEXT("openai-"), TEXT("x-amzn-"), TEXT("x-ratelimit-")};
  return text_equal_nocase(name, TEXT("content-type")) || STARTS_WITH_ONE_OF(name, prefixes);
}

static struct text content_type(const struct attempt *t) {
  if (!t->answer.is_stream)
    return TEXT("application/json");
  return t->x->route.wire->framing == WIRE_SSE ? TEXT("text/event-stream; charset=utf-8")
                                               : TEXT("application/vnd.amazon.eventstream");
}

/* Weir's own headers, but the provider's id under the name of the caller's dialect where it has one. */
static size_t put_own(struct exchange *x, struct text their_name, struct text theirs, struct http_header *out,
                      size_t cap) {
  struct http_header own[16];
  size_t own_count = headers_own(x, own, 16), n = 0;
  for (size_t i = 0; i < own_count; i++) {
    bool is_id = text_equal(own[i].name, their_name) && !text_is_empty(theirs);
    n = put(out, n, cap, own[i].name, is_id ? theirs : own[i].value);
  }
  return n;
}

size_t headers_for_client(struct attempt *t, const struct http_headers *upstream, bool decoded, struct http_header *out,
                          size_t cap) {
  struct exchange *x = t->x;
  const struct wire *wire = x->route.wire, *spoken = t->candidate->pairing.wire;
  bool foreign = spoken && spoken != wire;
  struct text their_name = text_of(wire->request_id_header);
  struct text theirs = http_header_value(upstream, foreign ? text_of(spoken->request_id_header) : their_name);
  size_t n = put_own(x, their_name, theirs, out, cap);
  if (foreign && t->class == PROVIDER_OK)
    n = put(out, n, cap, TEXT("content-type"), content_type(t));
  for (size_t i = 0; i < upstream->count && n < cap; i++) {
    struct text name = upstream->at[i].name;
    if (is_dropped_for_client(upstream, name, decoded) || (foreign && is_dropped_when_converted(name)))
      continue;
    /* Both spellings of the id are set already. */
    if (text_equal_nocase(name, TEXT("x-request-id")) || text_equal_nocase(name, their_name) ||
        (foreign && text_equal_nocase(name, text_of(spoken->request_id_header))))
      continue;
    out[n++] = upstream->at[i];
  }
  t->upstream_request_id = theirs;
  /* A wrong provider key is ours to mend: clients that retry on 401 would do so for ever. */
  if (t->class == PROVIDER_AUTH_ERROR && !http_header_find(upstream, TEXT("x-should-retry"))) {
    n = put(out, n, cap, TEXT("x-should-retry"), TEXT("false"));
  }
  return n;
}

size_t headers_add_error_type(const struct wire *w, const struct fault *f, struct http_header *out, size_t n,
                              size_t cap) {
  if (!w->error_type_header)
    return n;
  return put(out, n, cap, text_of(w->error_type_header), text_of(w->error_type(f)));
}
