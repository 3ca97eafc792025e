/* One call to one candidate: made of the request, reserved in the ledger, addressed, sent, and judged by the head of
 * its answer and, for streams, its first event. It does not know whether there are other candidates; send.c does. What
 * it cost and how it ended is settle.c's.
 * house: tested-by tests/unit/gateway/test_send.c */
#include "gateway/attempt.h"

#include "aws/credentials.h"
#include "base/log.h"
#include "gateway/access.h"
#include "gateway/exchange.h"
#include "gateway/judge.h"
#include "gateway/routes.h"

struct attempt *attempt_new(struct exchange *x) {
  struct attempt *t = ARENA_NEW(x->arena, struct attempt);
  t->x = x;
  return t;
}

bool candidate_is_billable(const struct candidate *c) { return !c->own && (!c->target || c->target->billable); }

static const struct config_timeouts *limits_of(const struct attempt *t) {
  const struct candidate *c = t->candidate;
  return c->target ? &c->target->timeouts : &c->provider->timeouts;
}

static int64_t deadline_of(const struct attempt *t) { return t->x->rq->received_us + limits_of(t)->total_ms * 1000; }

static enum err take_slot(struct attempt *t, bool wait) {
  struct exchange *x = t->x;
  const struct candidate *c = t->candidate;
  struct slots *slots = load_slots(c->load);
  /* Without a limit no place is needed; others may call the same model at the same provider within one. */
  if (!slots || !c->target || c->target->concurrency == 0)
    return ERR_OK;
  const struct slots_ask ask = {.limit = c->target->concurrency,
                                .queue_max = x->config->queue.size,
                                .key_id = x->principal->id,
                                .deadline_us = deadline_of(t),
                                .wait_us = x->config->queue.wait_ms * 1000};
  if (!wait)
    return slots_try(slots, &ask, &t->slot);
  int64_t before_us = loop_clock_us();
  enum err e = slots_wait(slots, &ask, &t->slot, &t->fault);
  attempt_waited(t, before_us);
  return e;
}

enum err attempt_enter(struct attempt *t, bool wait, int64_t now_us) {
  const struct breaker_rule rule = routes_breaker_rule(t->x->config);
  enum err e = now_us < deadline_of(t) ? take_slot(t, wait) : ERR_UNAVAILABLE;
  if (e != ERR_OK)
    return e;
  if (!breaker_enter(t->candidate->breaker, &rule, wait ? loop_clock_us() : now_us, &t->pass)) {
    slot_give_back(&t->slot);
    return ERR_UNAVAILABLE;
  }
  load_begin(t->candidate->load);
  t->counted = true;
  return ERR_OK;
}

/* The request's own end came while the provider had been silent for the lesser part of its time: it was asked late, or
 * was still speaking, maybe to a client that reads slowly. */
static bool has_run_out_of_time(const struct attempt *t, int64_t now_us) {
  return t->fault.err == ERR_UPSTREAM_TIMEOUT && now_us >= deadline_of(t) &&
         now_us - t->silent_since_us <= limits_of(t)->total_ms * 1000 / 2;
}

/* Whether the provider is well. A call that its client gave up, that was the caller's own mistake, that met a kept
 * connection just closed or ran out of the request's time says nothing about it. */
static enum breaker_verdict verdict_of(const struct attempt *t, int64_t now_us) {
  if (t->lost || t->fault.err == ERR_UPSTREAM_STALE || t->state == ATTEMPT_NEW || has_run_out_of_time(t, now_us))
    return BREAKER_NEUTRAL;
  if (provider_class_is_unhealthy(t->class))
    return BREAKER_FAILURE;
  return t->class == PROVIDER_OK && t->tap.finished && !t->tap.failed ? BREAKER_SUCCESS : BREAKER_NEUTRAL;
}

static struct text credential_name(const struct candidate *c) {
  return c->own ? TEXT("caller") : c->credential ? c->credential->name : TEXT_NONE;
}

static void tell_closed(const struct attempt *t) {
  const struct breaker_name *name = breaker_name_of(t->candidate->breaker);
  LOG_INFO("breaker_closed", log_text("provider", name->provider), log_text("credential", name->credential));
}

static void tell_opened(const struct attempt *t, const struct breaker_rule *rule) {
  const struct breaker_name *name = breaker_name_of(t->candidate->breaker);
  LOG_WARN("breaker_opened", log_text("provider", name->provider), log_text("credential", name->credential),
           log_str("class", provider_class_name(t->class)), log_i64("rests_ms", rule->open_us / 1000));
}

void attempt_leave(struct attempt *t, int64_t now_us) {
  const struct breaker_rule rule = routes_breaker_rule(t->x->config);
  enum breaker_verdict verdict = verdict_of(t, now_us);
  bool turned = breaker_leave(&t->pass, &rule, verdict, provider_class_name(t->class), now_us);
  if (turned && verdict == BREAKER_SUCCESS)
    tell_closed(t);
  else if (turned)
    tell_opened(t, &rule);
  slot_give_back(&t->slot);
  if (t->counted)
    load_end(t->candidate->load);
  t->counted = false;
}

void attempt_drop(struct attempt *t) {
  if (!t || t->state != ATTEMPT_NEW)
    return;
  attempt_leave(t, loop_clock_us());
  attempt_drop_outgoing(t);
}

void attempt_give_up(struct attempt *t) {
  const char *why = provider_class_name(t->class);
  LOG_WARN("attempt_failed", log_text("provider", t->candidate->provider->name),
           log_text("credential", credential_name(t->candidate)), log_text("model", t->candidate->upstream_model),
           log_str("class", why), log_u64("attempt", t->row.attempt), log_i64("upstream_status", t->upstream_status),
           log_str("detail", t->fault.err == ERR_OK ? err_text(ERR_UPSTREAM_STATUS)
                             : t->fault_quotes      ? err_text(t->fault.err)
                                                    : t->fault.text));
  t->x->failovers++;
  attempt_settle(t, "failed_over", why);
}

/* Of two that run at one time the race itself counts the waiting. */
void attempt_waited(struct attempt *t, int64_t before_us) {
  if (!t->races)
    t->x->waited_us += loop_clock_us() - before_us;
}

enum err attempt_wait_for_more(struct attempt *t) {
  t->silent_since_us = loop_clock_us();
  enum err e = http_reply_wait(t->reply, &t->fault);
  attempt_waited(t, t->silent_since_us);
  return e;
}

static struct http_timeouts timeouts_of(const struct attempt *t) {
  const struct config_timeouts *limit = limits_of(t);
  return (struct http_timeouts){
      .connect_us = limit->connect_ms * 1000,
      .first_byte_us = limit->first_byte_ms * 1000,
      .between_bytes_us = limit->between_bytes_ms * 1000,
      .total_deadline_us = deadline_of(t),
  };
}

static void fill_row(struct attempt *t) {
  const struct exchange *x = t->x;
  const struct candidate *c = t->candidate;
  t->row = (struct ledger_row){
      .request_id = x->rq->id,
      .attempt = x->attempts,
      .key_id = x->principal->id,
      .key_name = x->principal->name,
      .user = x->principal->user,
      .workspace = x->principal->workspace,
      .wire = text_of(x->route.wire->name),
      .operation = text_of(x->route.operation_name),
      .provider = c->provider->name,
      .credential = credential_name(c),
      .model = x->ask.model,
      .upstream_model = c->upstream_model,
      .streamed = x->ask.stream,
      .billable = candidate_is_billable(c) && !exchange_is_count(x),
      .reserved_nano = exchange_worst_cost(x, c),
      .price_version = c->price.version,
      .first_token_us = -1,
      .duration_us = -1,
      .overhead_us = -1,
  };
}

/* Opens the attempt in the ledger: from here on it must be settled. */
static enum err reserve(struct attempt *t) {
  struct exchange *x = t->x;
  x->attempts++;
  t->started_us = t->silent_since_us = loop_clock_us();
  t->tap = (struct wire_tap){.wire = t->candidate->pairing.wire ? t->candidate->pairing.wire : x->route.wire,
                             .arena = x->arena,
                             .facts = {.arena = x->arena},
                             .drop_usage_event = t->outgoing.usage_injected,
                             .reported_cost_nano = -1};
  t->answer.notes.facts.arena = x->arena;
  fill_row(t);
  enum err e = ledger_reserve(x->worker->gateway->ledger, x->worker->index, &t->row, &t->fault);
  if (e != ERR_OK) {
    exchange_hide_fault(&t->fault, e, "the ledger cannot take this request");
    return e;
  }
  t->state = ATTEMPT_OPEN;
  return ERR_OK;
}

static bool has_version(const struct attempt *t) {
  return t->candidate->pairing.mode == PAIRING_PASS
             ? http_header_find(&t->x->rq->head.headers, TEXT("anthropic-version")) != NULL
             : !text_is_empty(t->outgoing.version);
}

static enum err address(struct attempt *t, struct provider_target *out) {
  struct exchange *x = t->x;
  const struct candidate *c = t->candidate;
  struct provider_call call = {
      .operation = x->route.kind == ROUTE_RAW ? PROVIDER_RAW : c->pairing.operation,
      .base_path = x->snapshot->base_paths[c->provider->index],
      .raw_path = x->route.vendor_path,
      .query = c->pairing.mode == PAIRING_PASS ? x->rq->query : TEXT_NONE,
      .api_key = c->credential ? secret_reveal(c->credential->api_key) : TEXT_NONE,
      .own_x_api_key = c->own ? x->own_x_api_key : TEXT_NONE,
      .own_authorization = c->own ? x->own_authorization : TEXT_NONE,
      .has_version = has_version(t),
      .model = c->upstream_model,
      .stream = x->ask.stream,
      .api_version = c->provider->api_version,
      .referer = c->provider->referer,
      .title = c->provider->title,
  };
  struct aws_credentials aws = {0};
  if (c->adapter->signs) {
    enum err e = access_find(t, &aws);
    if (e != ERR_OK)
      return e;
    call.method = x->rq->head.method;
    call.host = http_origin_name(x->snapshot->origins[c->provider->index]);
    call.region = c->provider->region;
    call.now_s = loop_wall_us() / 1000000;
    call.body = t->outgoing.pieces;
    call.body_pieces = t->outgoing.count;
    call.aws = &aws;
  }
  return c->adapter->address(&call, x->arena, out, &t->fault);
}

static enum err call_upstream(struct attempt *t, bool fresh) {
  struct exchange *x = t->x;
  struct provider_target target = {0};
  enum err e = address(t, &target);
  if (e != ERR_OK)
    return e;
  struct http_header *headers = headers_scratch();
  struct http_client_request rq = {
      .method = x->rq->head.method,
      .target = target.path,
      .headers = headers,
      .header_count = headers_for_upstream(t, &target, headers, HEADERS_CAP),
      .body = t->outgoing.pieces,
      .body_pieces = t->outgoing.count,
      .timeouts = timeouts_of(t),
      .fresh = fresh,
  };
  int64_t before_us = loop_clock_us();
  e = http_client_send(x->worker->client, x->snapshot->origins[t->candidate->provider->index], &rq, x->arena, &t->reply,
                       &t->fault);
  attempt_waited(t, before_us);
  if (e != ERR_OK)
    return e;
  t->head_arrived = true;
  t->upstream_status = http_reply_head(t->reply)->status;
  return ERR_OK;
}

static bool is_the_providers_fault(enum err e) {
  return e == ERR_UPSTREAM_NETWORK || e == ERR_UPSTREAM_TIMEOUT || e == ERR_UPSTREAM_PROTOCOL ||
         e == ERR_UPSTREAM_SERVER || e == ERR_UPSTREAM_STALE || e == ERR_UPSTREAM_CUT || e == ERR_UPSTREAM_RATE ||
         e == ERR_UPSTREAM_USAGE || e == ERR_UPSTREAM_ADDRESS;
}

bool attempt_falls_over(const struct attempt *t, enum err result) {
  bool failed = result == ERR_OK ? t->class != PROVIDER_OK : is_the_providers_fault(result);
  return failed && provider_class_falls_over(t->class);
}

/* A client that leaves stops the call at once, or, where the provider is paid all the same, after it had time to end by
 * itself and say what it cost. Of two that race the one with more patience decides. */
void attempt_set_grace(struct attempt *t) {
  struct exchange *x = t->x;
  bool drains = t->candidate->provider->on_disconnect == CONFIG_DISCONNECT_DRAIN;
  int64_t us = drains ? limits_of(t)->abandoned_ms * 1000 : 0;
  x->grace_us = t->races && x->grace_us > us ? x->grace_us : us;
  http_request_cancel_after(x->rq, x->grace_us);
}

static void probe_answers(struct attempt *t) {
  if (breaker_probe_answers(&t->pass, loop_clock_us()))
    tell_closed(t);
}

static enum err run_once(struct attempt *t, bool fresh) {
  enum err e = reserve(t);
  if (e != ERR_OK)
    return e;
  attempt_set_grace(t);
  e = call_upstream(t, fresh);
  if (e == ERR_OK)
    e = judge_reply(t);
  if (is_the_providers_fault(e))
    t->class = provider_class_of_err(e);
  if (e == ERR_OK && t->class == PROVIDER_OK && t->pass.is_probe)
    probe_answers(t);
  return e;
}

/* The second one goes on with the place and the pass of the first. */
static struct attempt *again(struct attempt *t) {
  struct attempt *second = attempt_new(t->x);
  second->candidate = t->candidate;
  second->slot = t->slot;
  second->pass = t->pass;
  second->counted = t->counted;
  second->races = t->races;
  t->slot = (struct slot){0};
  t->pass = (struct breaker_pass){0};
  t->counted = false;
  return second;
}

enum err attempt_run(struct attempt **t) {
  enum err e = run_once(*t, false);
  if (e != ERR_UPSTREAM_STALE)
    return e;
  struct attempt *second = again(*t);
  attempt_give_up(*t);
  *t = second;
  e = attempt_build(second);
  return e == ERR_OK ? run_once(second, true) : e;
}
