/* The last stage: every attempt is closed in the ledger exactly once, with the provider's counts where it gave them and
 * with marked estimates where the answer was cut off before it did; and what admit took is given back with the true
 * cost. Never waits, so no ending can skip it. */
#include "gateway/exchange.h"

#include "gateway/answer.h"

/* Vendors that cache without being asked do so from prompts of about this size on. */
#define CACHED_TOKENS_MIN 1024

static bool was_good(const struct attempt *t) { return t->upstream_status >= 200 && t->upstream_status < 300; }

/* The most tokens that the request lets an answer have; 0: it does not say. */
static uint64_t allowed_output(const struct exchange *x) {
  uint64_t all;
  return __builtin_mul_overflow(x->ask.max_output_tokens, x->ask.answers > 1 ? x->ask.answers : 1, &all) ? UINT64_MAX
                                                                                                         : all;
}

/* An estimate goes no further than what was allowed, and so reserved. */
static void estimate(const struct attempt *t, bool finished, struct usage *u) {
  uint64_t reported = u->known ? u->output : 0, allowed = allowed_output(t->x);
  usage_fill(u, finished, t->x->request_bytes, t->tap.output_bytes);
  if (u->estimated && allowed > 0 && u->output > allowed)
    u->output = allowed > reported ? allowed : reported;
}

/* The slower of two that raced was stopped before it said anything: it costs nothing, or, where the provider bills what
 * it had begun, the prompt. */
static void complete_lost(const struct attempt *t, bool metered, struct usage *u) {
  if (metered && t->candidate->provider->charges_cancelled)
    estimate(t, false, u);
  else
    *u = (struct usage){0};
}

/* A cut or abandoned answer has been paid for as far as it was made: the prompt, once the provider had accepted the
 * call, and the content that was seen. An error instead of an answer costs nothing. */
static void complete_usage(const struct attempt *t, struct usage *u) {
  const struct exchange *x = t->x;
  bool metered = !exchange_is_count(x) && x->route.operation != PROVIDER_RAW;
  bool failed = t->tap.failed || t->class != PROVIDER_OK;
  if (t->lost) {
    complete_lost(t, metered, u);
    return;
  }
  if (!metered || !t->head_arrived || !was_good(t))
    return;
  if (failed && !t->tap.has_content)
    *u = (struct usage){0};
  else
    estimate(t, t->tap.finished, u);
}

/* A price of ours says what each class costs; without one the provider's own bill is taken, all of it as output. */
static void cost_of(const struct attempt *t, const struct usage *u, struct cost *out) {
  const struct price *price = &t->candidate->price;
  int64_t billed = t->tap.reported_cost_nano;
  if (exchange_is_count(t->x) || (usage_total(u) == 0 && billed <= 0)) {
    *out = (struct cost){.known = true};
    return;
  }
  if (price->version == 0 && billed >= 0)
    *out = (struct cost){.output = billed, .total = billed, .known = true};
  else
    price_cost(price->version ? price : NULL, u, out);
}

struct text attempt_facts(const struct attempt *t) {
  struct text passed = llm_facts_object(&t->tap.facts);
  return passed.len > 0 ? passed : llm_facts_object(&t->answer.notes.facts);
}

static void fill_row(struct attempt *t, const char *outcome, const char *error, int64_t now_us) {
  const struct exchange *x = t->x;
  struct ledger_row *row = &t->row;
  row->usage = t->tap.usage;
  complete_usage(t, &row->usage);
  cost_of(t, &row->usage, &row->cost);
  row->settled_us = loop_wall_us();
  row->outcome = text_of(outcome);
  row->error = text_of(error);
  row->status = x->status;
  row->upstream_status = t->upstream_status;
  row->upstream_request_id = t->upstream_request_id;
  row->provider_metadata = attempt_facts(t);
  row->first_token_us = t->first_token_at_us ? t->first_token_at_us - x->rq->received_us : -1;
  row->duration_us = now_us - t->started_us;
  row->overhead_us = exchange_overhead_us(x, now_us);
}

/* What was learned of the target: how fast it began, and that it holds the prompt of this conversation. */
static void remember(const struct attempt *t, int64_t now_us) {
  const struct exchange *x = t->x;
  const struct usage *u = &t->row.usage;
  bool good = t->class == PROVIDER_OK && !t->lost && t->tap.has_content;
  if (good && t->first_token_at_us)
    load_note_first_token(t->candidate->load, x->ask.stream, t->first_token_at_us - t->started_us, now_us);
  bool is_cached = u->cache_read + u->cache_write_5m + u->cache_write_1h > 0 || u->input >= CACHED_TOKENS_MIN;
  if (good && is_cached && x->has_conversation && x->place_count > 1 && t->candidate->place_id)
    affinity_put(x->worker->gateway->affinity, x->conversation, t->candidate->place_id, now_us,
                 x->config->affinity.ttl_ms * 1000);
}

void attempt_settle(struct attempt *t, const char *outcome, const char *error) {
  struct exchange *x = t->x;
  int64_t now_us = loop_clock_us();
  attempt_leave(t, now_us);
  answer_end(t);
  attempt_drop_outgoing(t);
  http_reply_close(t->reply);
  t->reply = NULL;
  if (t->state != ATTEMPT_OPEN)
    return;
  t->state = ATTEMPT_SETTLED;
  fill_row(t, outcome, error, now_us);
  ledger_settle(x->worker->gateway->ledger, x->worker->index, &t->row);
  remember(t, now_us);
  x->usage = t->row.usage;
  x->cost = t->row.cost;
  if (t->row.billable)
    x->settled_cost_nano += t->row.cost.total;
  x->settled_tokens += usage_total(&t->row.usage);
}

void exchange_settle(struct exchange *x) {
  for (size_t i = 0; i < LIMITER_SUBJECT_COUNT; i++)
    allowance_give_back(&x->tickets[i], x->settled_tokens, i == 0 ? x->settled_cost_nano : 0);
  if (x->is_counted_stream)
    atomic_fetch_sub_explicit(&x->worker->gateway->streams, 1, memory_order_relaxed);
  x->is_counted_stream = false;
}
