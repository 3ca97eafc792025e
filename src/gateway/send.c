/* Sixth stage: the call to a provider. Candidates are tried in their order; each try is built (build.c), reserved in
 * the ledger, sent, and judged by its answer's head and, for streams, its first event. A candidate that the request
 * cannot be said to is passed over; when that leaves none, the first one's reason is the answer. All fail-over rules
 * live here and end when the first byte goes to the client: what comes back is one reply to relay, or the last failure.
 */
#include "gateway/exchange.h"

#include "aws/credentials.h"
#include "base/log.h"
#include "gateway/access.h"
#include "gateway/judge.h"

static struct http_timeouts timeouts_of(const struct exchange *x, const struct candidate *c) {
  const struct config_timeouts *t = c->target ? &c->target->timeouts : &c->provider->timeouts;
  return (struct http_timeouts){
      .connect_us = t->connect_ms * 1000,
      .first_byte_us = t->first_byte_ms * 1000,
      .between_bytes_us = t->between_bytes_ms * 1000,
      .total_deadline_us = x->rq->received_us + t->total_ms * 1000,
  };
}

static void fill_row(struct exchange *x, const struct candidate *c) {
  struct ledger_row *row = &x->attempt.row;
  *row = (struct ledger_row){
      .request_id = x->rq->id,
      .attempt = x->attempts,
      .key_id = x->principal->id,
      .key_name = x->principal->name,
      .user = x->principal->user,
      .wire = text_of(x->route.wire->name),
      .operation = text_of(x->route.operation_name),
      .provider = c->provider->name,
      .credential = c->credential ? c->credential->name : TEXT("caller"),
      .model = x->ask.model,
      .upstream_model = c->upstream_model,
      .streamed = x->ask.stream,
      .billable = (!c->target || c->target->billable) && !exchange_is_count(x),
      .reserved_nano = exchange_worst_cost(x, c),
      .price_version = c->price.version,
      .first_token_us = -1,
      .duration_us = -1,
      .overhead_us = -1,
  };
}

/* Opens the attempt in the ledger: from here on it must be settled. */
static enum err reserve(struct exchange *x, const struct candidate *c) {
  x->attempts++;
  x->attempt = (struct attempt){.candidate = c, .started_us = loop_clock_us()};
  x->tap = (struct wire_tap){.wire = c->pairing.wire ? c->pairing.wire : x->route.wire, .reported_cost_nano = -1};
  fill_row(x, c);
  enum err e = ledger_reserve(x->worker->gateway->ledger, x->worker->index, &x->attempt.row, &x->fault);
  if (e != ERR_OK)
    return exchange_hide_fault(x, e, "the ledger cannot take this request");
  x->attempt.state = ATTEMPT_OPEN;
  return ERR_OK;
}

static bool has_version(const struct exchange *x, const struct candidate *c) {
  return c->pairing.mode == PAIRING_PASS ? http_header_find(&x->rq->head.headers, TEXT("anthropic-version")) != NULL
                                         : !text_is_empty(x->outgoing.version);
}

static enum err address(struct exchange *x, const struct candidate *c, struct provider_target *out) {
  struct provider_call call = {
      .operation = x->route.kind == ROUTE_RAW ? PROVIDER_RAW : c->pairing.operation,
      .base_path = x->snapshot->base_paths[c->provider->index],
      .raw_path = x->route.vendor_path,
      .query = c->pairing.mode == PAIRING_PASS ? x->rq->query : TEXT_NONE,
      .api_key = c->credential ? secret_reveal(c->credential->api_key) : TEXT_NONE,
      .own_x_api_key = x->own_x_api_key,
      .own_authorization = x->own_authorization,
      .has_version = has_version(x, c),
      .model = c->upstream_model,
      .stream = x->ask.stream,
      .api_version = c->provider->api_version,
      .referer = c->provider->referer,
      .title = c->provider->title,
  };
  if (c->credential)
    call.own_x_api_key = call.own_authorization = TEXT_NONE;
  struct aws_credentials aws = {0};
  if (c->adapter->signs) {
    enum err e = access_find(x, c, &aws);
    if (e != ERR_OK)
      return e;
    call.method = x->rq->head.method;
    call.host = http_origin_name(x->snapshot->origins[c->provider->index]);
    call.region = c->provider->region;
    call.now_s = loop_wall_us() / 1000000;
    call.body = x->outgoing.pieces;
    call.body_pieces = x->outgoing.count;
    call.aws = &aws;
  }
  return c->adapter->address(&call, x->arena, out, &x->fault);
}

static enum err call_upstream(struct exchange *x, const struct candidate *c, bool fresh) {
  struct provider_target target = {0};
  enum err e = address(x, c, &target);
  if (e != ERR_OK)
    return e;
  struct http_header *headers =
      arena_alloc(x->arena, (x->rq->head.headers.count + PROVIDER_MAX_HEADERS + 2) * sizeof(*headers));
  struct http_client_request rq = {
      .method = x->rq->head.method,
      .target = target.path,
      .headers = headers,
      .header_count = headers_for_upstream(x, &target, headers, x->rq->head.headers.count + PROVIDER_MAX_HEADERS + 2),
      .body = x->outgoing.pieces,
      .body_pieces = x->outgoing.count,
      .timeouts = timeouts_of(x, c),
      .fresh = fresh,
  };
  x->tap.drop_usage_event = x->outgoing.usage_injected;
  int64_t before_us = loop_clock_us();
  e = http_client_send(x->worker->client, x->snapshot->origins[c->provider->index], &rq, x->arena, &x->attempt.reply,
                       &x->fault);
  x->waited_us += loop_clock_us() - before_us;
  if (e != ERR_OK)
    return e;
  x->attempt.head_arrived = true;
  x->attempt.upstream_status = http_reply_head(x->attempt.reply)->status;
  return ERR_OK;
}

static bool is_the_providers_fault(enum err e) {
  return e == ERR_UPSTREAM_NETWORK || e == ERR_UPSTREAM_TIMEOUT || e == ERR_UPSTREAM_PROTOCOL ||
         e == ERR_UPSTREAM_SERVER || e == ERR_UPSTREAM_STALE || e == ERR_UPSTREAM_CUT || e == ERR_UPSTREAM_RATE ||
         e == ERR_UPSTREAM_USAGE;
}

/* One try. ERR_OK: x->attempt may be relayed, good or as the provider's own error. */
static enum err try_candidate(struct exchange *x, const struct candidate *c, bool fresh) {
  x->fault = (struct fault){0};
  enum err e = reserve(x, c);
  if (e != ERR_OK)
    return e;
  e = call_upstream(x, c, fresh);
  if (e == ERR_OK)
    e = judge_reply(x);
  if (e != ERR_OK && is_the_providers_fault(e))
    x->attempt.class = provider_class_of_err(e);
  return e;
}

static void give_up(struct exchange *x) {
  const char *why = provider_class_name(x->attempt.class);
  LOG_WARN("attempt_failed", log_text("provider", x->attempt.candidate->provider->name), log_str("class", why),
           log_u64("attempt", x->attempts), log_i64("upstream_status", x->attempt.upstream_status),
           log_str("detail", x->fault_quotes ? err_text(x->fault.err) : x->fault.text));
  exchange_settle_attempt(x, "failed_over", why);
}

/* The next candidate from *at on to which the request can be said, built. ERR_END: there is none; *refusal then holds
 * the first reason that was met. */
static enum err build_next(struct exchange *x, size_t *at, struct fault *refusal) {
  for (; *at < x->candidate_count; (*at)++) {
    struct fault before = x->fault;
    x->fault = (struct fault){0};
    enum err e = exchange_build(x, &x->candidates[*at]);
    if (e == ERR_OK)
      x->fault = before;
    if (e != ERR_UNSUPPORTED && e != ERR_BAD_REQUEST)
      return e;
    if (refusal->err == ERR_OK)
      *refusal = x->fault;
    x->fault = before;
  }
  return ERR_END;
}

static enum err try_twice(struct exchange *x, const struct candidate *c) {
  enum err e = try_candidate(x, c, false);
  if (e != ERR_UPSTREAM_STALE)
    return e;
  give_up(x); /* the one call that is made twice, and recorded twice */
  return try_candidate(x, c, true);
}

enum err exchange_send(struct exchange *x) {
  struct fault refusal = {0};
  size_t at = 0;
  enum err e = build_next(x, &at, &refusal);
  if (e == ERR_END) {
    x->fault = refusal;
    return refusal.err;
  }
  while (e == ERR_OK) {
    const struct candidate *c = &x->candidates[at++];
    enum err tried = try_twice(x, c);
    bool failed = tried == ERR_OK ? x->attempt.class != PROVIDER_OK : is_the_providers_fault(tried);
    if (!failed || !provider_class_falls_over(x->attempt.class))
      return tried;
    e = build_next(x, &at, &refusal); /* what failed stays as it is until there is something to take its place */
    if (e == ERR_END)
      return tried;
    give_up(x);
  }
  return e;
}
