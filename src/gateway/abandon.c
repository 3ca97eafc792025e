/* Some providers bill an answer whether or not anybody reads it. There the call goes on for a bounded time after its
 * client has left, so that the ledger has the provider's own count in place of an estimate. The fiber, the connection
 * to the provider and the caller's admission are kept for so long; the client's connection is not. Called by relay.c.
 * house: tested-by tests/unit/gateway/test_disconnect.c */
#include "gateway/abandon.h"

#include "gateway/answer.h"
#include "gateway/exchange.h"

static void throw_away(struct attempt *t) {
  struct answer *a = &t->answer;
  buf_consume(&a->held, a->ready);
  a->ready = 0;
  buf_reset(&a->out);
}

/* One read's worth. */
static enum err step(struct attempt *t, size_t *in_all) {
  size_t before = t->answer.held.len;
  enum err e = answer_fill(t, t->x->config->limits.event_bytes);
  if (e != ERR_OK)
    return e;
  *in_all += t->answer.held.len - before;
  e = answer_scan_held(t);
  throw_away(t);
  return e;
}

void abandon_read_on(struct attempt *t) {
  const struct config_provider *p = t->candidate->provider;
  const struct config_timeouts *limits = t->candidate->target ? &t->candidate->target->timeouts : &p->timeouts;
  int64_t until_us = loop_clock_us() + limits->abandoned_ms * 1000;
  size_t in_all = 0;
  enum err e = ERR_OK;
  if (p->on_disconnect != CONFIG_DISCONNECT_DRAIN || !t->answer.is_stream || fiber_is_cancelled(fiber_self()))
    return;
  throw_away(t);
  while (e == ERR_OK && !t->tap.finished && !t->tap.failed && loop_clock_us() < until_us &&
         in_all <= t->x->config->limits.response_bytes)
    e = step(t, &in_all);
  if (e == ERR_END)
    answer_scan_rest(t, buf_text(&t->answer.held));
}
