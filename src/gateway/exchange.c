/* The request path, top to bottom: exchange_run calls the stages one after the other in one fiber, times each, answers
 * what was refused, and ends in exactly one settlement and one record whatever happened. No stage is called from
 * anywhere else. */
#include "gateway/exchange.h"

#include "base/log.h"
#include "gateway/redact.h"

/* What a client is told to wait when the store or the disk is the reason. */
#define STORE_RETRY_AFTER_S 5

static void stage_begin(const char *name) { log_context()->stage = name; }

static void stage_end(struct exchange *x, enum telemetry_stage stage) {
  int64_t now_us = loop_clock_us();
  x->stage_us[stage] = (x->stage_us[stage] > 0 ? x->stage_us[stage] : 0) + now_us - x->now_us;
  x->now_us = now_us;
}

int64_t exchange_first_token_us(const struct exchange *x) {
  return x->attempt && x->attempt->first_token_at_us ? x->attempt->first_token_at_us - x->rq->received_us : -1;
}

int64_t exchange_overhead_us(const struct exchange *x, int64_t now_us) {
  int64_t us = now_us - x->rq->received_us - x->waited_us;
  return us > 0 ? us : 0;
}

enum err exchange_hide_fault(struct fault *f, enum err e, const char *what) {
  LOG_ERROR("request_not_possible", log_str("error", err_name(e)), log_str("detail", fault_text(f)));
  fault_set(f, e, NULL, "%s: %s", what, err_text(e));
  f->retry_after_s = STORE_RETRY_AFTER_S;
  return e;
}

/* Runs the stages in order; the first refusal ends the walk. */
static enum err walk(struct exchange *x) {
  static const struct {
    const char *name;
    enum telemetry_stage stage;
    enum err (*run)(struct exchange *x);
  } stages[] = {
      {"intake", TELEMETRY_INTAKE, exchange_intake},   {"identify", TELEMETRY_IDENTIFY, exchange_identify},
      {"receive", TELEMETRY_INTAKE, exchange_receive}, {"choose", TELEMETRY_CHOOSE, exchange_choose},
      {"admit", TELEMETRY_ADMIT, exchange_admit},      {"send", TELEMETRY_SEND, exchange_send},
      {"relay", TELEMETRY_RELAY, exchange_relay},
  };
  x->now_us = x->rq->received_us;
  for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
    stage_begin(stages[i].name);
    enum err e = stages[i].run(x);
    stage_end(x, stages[i].stage);
    if (e != ERR_OK)
      return e;
    bool lists = x->route.kind == ROUTE_MODELS || x->route.kind == ROUTE_MODEL;
    if (lists && stages[i].stage == TELEMETRY_IDENTIFY)
      return exchange_models(x);
    if (x->counts_here && stages[i].stage == TELEMETRY_ADMIT)
      return exchange_count(x);
  }
  return ERR_OK;
}

/* Turns a refusal into an answer in the caller's wire. Once the answer has begun there is nothing to say but the end of
 * the connection. */
static void refuse(struct exchange *x) {
  if (http_respond_has_started(x->rq)) {
    http_respond_abort(x->rq);
    return;
  }
  if (x->fault.err == ERR_CANCELLED || http_request_client_is_gone(x->rq)) {
    http_respond_abort(x->rq);
    return;
  }
  struct buf body;
  buf_init(&body, 4096);
  exchange_drop_body(x);
  if (x->fault.err == ERR_OVERLOADED && x->route.wire->id != WIRE_ANTHROPIC)
    x->fault.status = 503; /* 529 is a word of Anthropic's */
  x->route.wire->write_error(&body, &x->fault, x->rq->id);
  struct http_header headers[20];
  size_t count = headers_own(x, headers, 15);
  headers[count++] = (struct http_header){TEXT("content-type"), TEXT("application/json")};
  count = headers_add_error_type(x->route.wire, &x->fault, headers, count, 18);
  if (x->route.allowed)
    headers[count++] = (struct http_header){TEXT("allow"), text_of(x->route.allowed)};
  if (x->fault.retry_after_s > 0) {
    headers[count++] = (struct http_header){TEXT("retry-after"), arena_format(x->arena, "%d", x->fault.retry_after_s)};
  }
  x->status = fault_status(&x->fault);
  x->response_bytes = body.len;
  enum err e = http_respond(x->rq, x->status, headers, count, buf_text(&body));
  if (e != ERR_OK)
    x->status = 0;
  buf_done(&body);
}

static void record(struct exchange *x) {
  const struct http_headers *h = &x->rq->head.headers;
  const struct attempt *t = x->attempt;
  struct text path = x->route.by_url_key ? x->route.vendor_path : x->rq->path;
  struct telemetry_exchange e = {
      .request_id = x->rq->id,
      .method = x->rq->head.method,
      .path = redact_path(path, arena_alloc(x->arena, path.len + 1)),
      .peer = x->rq->peer,
      .user_agent = http_header_value(h, TEXT("user-agent")),
      .wire = text_of(x->route.wire->name),
      .operation = text_of(x->route.operation_name),
      .model = x->ask.model,
      .outcome = x->outcome,
      .status = x->status,
      .attempts = x->attempts,
      .failovers = x->failovers,
      .rounds = x->rounds,
      .hedged = x->hedged,
      .hedge_won = x->hedge_won,
      .streamed = x->ask.stream,
      .request_bytes = x->request_bytes,
      .response_bytes = x->response_bytes,
      .usage = x->usage,
      .cost = x->cost,
      .first_token_us = exchange_first_token_us(x),
      .duration_us = x->now_us - x->rq->received_us,
      .overhead_us = exchange_overhead_us(x, x->now_us),
  };
  if (x->principal) {
    e.key_name = x->principal->name;
    e.user = x->principal->user;
  }
  if (t) {
    e.upstream_request_id = t->upstream_request_id;
    e.upstream_status = t->upstream_status;
    e.left_out = t->left_out;
    e.not_carried = t->not_carried;
    e.provider = t->candidate->provider->name;
    e.upstream_model = t->candidate->upstream_model;
  }
  if (x->fault.err != ERR_OK) {
    e.error = text_of(err_name(x->fault.err));
    e.detail = text_of(x->fault_quotes ? err_text(x->fault.err) : fault_text(&x->fault));
  }
  memcpy(e.stage_us, x->stage_us, sizeof(e.stage_us));
  struct telemetry *port = x->worker->gateway->telemetry;
  port->exchange_done(port, x->worker->index, &e);
}

static void exchange_run(struct exchange *x) {
  enum err e = walk(x);
  if (e != ERR_OK && x->fault.err == ERR_OK)
    fault_set(&x->fault, e, NULL, "%s", err_text(e));
  /* From here on nothing may be skipped, so a client that has gone no longer cancels us. */
  http_request_cancel_on_disconnect(x->rq, false);
  if (e == ERR_CANCELLED && fiber_is_cancelled(fiber_self()) && !http_request_client_is_gone(x->rq) &&
      !http_respond_has_started(x->rq)) {
    /* The program ends before the answer has begun. */
    fiber_clear_cancel();
    e = fault_set(&x->fault, ERR_DRAINING, NULL, "%s", err_text(ERR_DRAINING));
  }
  if (e == ERR_CANCELLED || http_request_client_is_gone(x->rq))
    x->outcome = e == ERR_OK ? x->outcome : "cancelled";
  if (!x->outcome)
    x->outcome = x->attempts > 0 ? "error" : "refused";
  if (e != ERR_OK && x->status == 0 && e != ERR_CANCELLED && !http_request_client_is_gone(x->rq))
    x->status = fault_status(&x->fault); /* what refuse is about to send, for the ledger's row */
  stage_begin("settle");
  if (x->attempt)
    attempt_settle(x->attempt, x->outcome, x->fault.err == ERR_OK ? "" : err_name(x->fault.err));
  exchange_settle(x);
  stage_end(x, TELEMETRY_SETTLE);
  if (e == ERR_OK)
    return;
  refuse(x);
  x->now_us = loop_clock_us();
}

void gateway_serve(struct gateway_worker *w, struct http_request *rq) {
  if (gateway_preflight(rq))
    return;
  struct exchange *x = ARENA_NEW(rq->arena, struct exchange); /* on the stack it would take a stream a second page */
  x->worker = w;
  x->rq = rq;
  x->arena = rq->arena;
  x->snapshot = w->snapshot;
  x->snapshot->refs++;
  x->config = x->snapshot->config;
  x->route.wire = route_wire(rq->path, &rq->head.headers);
  x->route.operation_name = "";
  for (size_t i = 0; i < TELEMETRY_STAGES; i++)
    x->stage_us[i] = -1;
  log_context()->request_id = rq->id;
  exchange_run(x);
  record(x);
  log_context()->request_id = TEXT_NONE;
  log_context()->stage = NULL;
  if (x->principal)
    w->gateway->identity->unref(x->principal);
  gateway_snapshot_unref(x->snapshot);
}
