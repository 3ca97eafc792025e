/* The last stage: every attempt is closed in the ledger exactly once, with the provider's counts where it gave them and
 * with marked estimates where the answer was cut off before it did; and what admit took is given back with the true
 * cost. Never waits, so no ending can skip it. */
#include "gateway/exchange.h"

#include "gateway/answer.h"

static bool was_good(const struct attempt *a) { return a->upstream_status >= 200 && a->upstream_status < 300; }

/* A cut or abandoned answer has been paid for as far as it was made: the prompt, once the provider had accepted the
 * call, and the content that was seen. An error instead of an answer costs nothing. */
static void complete_usage(struct exchange *x, struct usage *u) {
  const struct attempt *a = &x->attempt;
  bool metered = !exchange_is_count(x) && x->route.operation != PROVIDER_RAW;
  bool failed = x->tap.failed || a->class != PROVIDER_OK;
  if (!metered || !a->head_arrived || !was_good(a))
    return;
  if (failed && !x->tap.has_content)
    *u = (struct usage){0};
  else
    usage_fill(u, x->tap.finished, x->request_bytes, x->tap.output_bytes);
}

/* A price of ours says what each class costs; without one the provider's own bill is taken, all of it as output. */
static void cost_of(const struct exchange *x, const struct usage *u, struct cost *out) {
  const struct price *price = &x->attempt.candidate->price;
  int64_t billed = x->tap.reported_cost_nano;
  if (exchange_is_count(x) || (usage_total(u) == 0 && billed <= 0)) {
    *out = (struct cost){.known = true};
    return;
  }
  if (price->version == 0 && billed >= 0)
    *out = (struct cost){.output = billed, .total = billed, .known = true};
  else
    price_cost(price->version ? price : NULL, u, out);
}

void exchange_settle_attempt(struct exchange *x, const char *outcome, const char *error) {
  struct attempt *a = &x->attempt;
  answer_end(x);
  http_reply_close(a->reply);
  a->reply = NULL;
  if (a->state != ATTEMPT_OPEN)
    return;
  a->state = ATTEMPT_SETTLED;
  struct ledger_row *row = &a->row;
  row->usage = x->tap.usage;
  complete_usage(x, &row->usage);
  cost_of(x, &row->usage, &row->cost);
  row->price_version = a->candidate->price.version;
  row->settled_us = loop_wall_us();
  row->outcome = text_of(outcome);
  row->error = text_of(error);
  row->status = x->status;
  row->upstream_status = a->upstream_status;
  row->upstream_request_id = x->upstream_request_id;
  row->first_token_us = x->first_token_us;
  row->duration_us = loop_clock_us() - a->started_us;
  row->overhead_us = exchange_overhead_us(x);
  ledger_settle(x->worker->gateway->ledger, x->worker->index, row);
  x->usage = row->usage;
  x->cost = row->cost;
  if (row->billable)
    x->settled_cost_nano += row->cost.total;
  x->settled_tokens += usage_total(&row->usage);
}

void exchange_settle(struct exchange *x) { allowance_give_back(&x->ticket, x->settled_tokens, x->settled_cost_nano); }
