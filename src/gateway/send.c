/* Sixth stage: the call to a provider. Candidates are tried in their order (attempt.c); one that the request cannot be
 * said to is passed over, and when that leaves none, the first one's reason is the answer. All fail-over rules live
 * here and end when the first byte goes to the client: what comes back is one reply to relay, or the last failure. */
#include "gateway/exchange.h"

#include "base/log.h"

static void give_up(struct attempt *t) {
  const char *why = provider_class_name(t->class);
  LOG_WARN("attempt_failed", log_text("provider", t->candidate->provider->name), log_str("class", why),
           log_u64("attempt", t->row.attempt), log_i64("upstream_status", t->upstream_status),
           log_str("detail", t->fault_quotes ? err_text(t->fault.err) : t->fault.text));
  attempt_settle(t, "failed_over", why);
}

/* The next candidate from *at on to which the request can be said, built. ERR_END: there is none; *refusal then holds
 * the first reason that was met. */
static enum err build_next(struct exchange *x, size_t *at, struct attempt **out, struct fault *refusal) {
  for (; *at < x->candidate_count; (*at)++) {
    struct fault why = {0};
    enum err e = attempt_new(x, &x->candidates[*at], out, &why);
    if (e != ERR_UNSUPPORTED && e != ERR_BAD_REQUEST) {
      if (e != ERR_OK)
        x->fault = why;
      return e;
    }
    if (refusal->err == ERR_OK)
      *refusal = why;
  }
  return ERR_END;
}

/* The attempt is the exchange's newest from here on: what happens to it is what the client hears of. */
static enum err run(struct exchange *x, struct attempt *t, bool fresh) {
  x->attempt = t;
  enum err e = attempt_run(t, fresh);
  x->fault = t->fault;
  x->fault_quotes = t->fault_quotes;
  return e;
}

/* A kept connection that its server had just closed: the one call that is made twice, and recorded twice. */
static enum err run_again_if_stale(struct exchange *x, struct attempt *t) {
  enum err e = run(x, t, false);
  struct attempt *again = NULL;
  if (e != ERR_UPSTREAM_STALE)
    return e;
  give_up(t);
  e = attempt_new(x, t->candidate, &again, &x->fault);
  return e == ERR_OK ? run(x, again, true) : e;
}

enum err exchange_send(struct exchange *x) {
  struct fault refusal = {0};
  struct attempt *t = NULL;
  size_t at = 0;
  enum err e = build_next(x, &at, &t, &refusal);
  if (e == ERR_END) {
    x->fault = refusal;
    return refusal.err;
  }
  while (e == ERR_OK) {
    at++;
    enum err tried = run_again_if_stale(x, t);
    const struct attempt *ran = x->attempt;
    bool failed = tried == ERR_OK ? ran->class != PROVIDER_OK : attempt_is_the_providers_fault(tried);
    if (!failed || !provider_class_falls_over(ran->class))
      return tried;
    struct fault before = x->fault;
    e = build_next(x, &at, &t, &refusal); /* what failed stays as it is until there is something to take its place */
    if (e == ERR_END) {
      x->fault = before;
      return tried;
    }
    give_up(x->attempt);
  }
  return e;
}
