/* The operator's questions about routing: where a request would go, what has failed, what is slow; and setting a
 * breaker by hand. The answers are the gateway's; here they are carried. Rows of app/local.c's table. */
#include "app/local.h"

#include "app/state.h"
#include "base/log.h"
#include "base/random.h"
#include "gateway/explain.h"
#include "gateway/inspect.h"

#define BODY_MAX_BYTES   65536
#define ANSWER_MAX_BYTES ((size_t)64 * 1024 * 1024) /* a row for each caller's own breaker is some hundred bytes */

static enum err read_body(struct local_call *c, struct text *out, struct fault *f) {
  return http_request_body(c->rq, BODY_MAX_BYTES, out, f);
}

static void answer(struct local_call *c, enum err e, struct buf *body, const struct fault *f) {
  if (e == ERR_OK)
    e = buf_check(body);
  if (e == ERR_OK) {
    local_answer(c, 200, buf_text(body));
  } else {
    struct fault why = *f;
    if (why.err == ERR_OK)
      fault_set(&why, e, NULL, "%s", err_text(e));
    local_refuse(c, &why);
  }
  buf_done(body);
}

/* The snapshot of this worker is the newest; it is held, for reading the body waits. */
static struct gateway_snapshot *hold(const struct local_call *c) {
  struct gateway_snapshot *s = c->worker->snapshot;
  s->refs++;
  return s;
}

void local_explain(struct local_call *c) {
  struct gateway_snapshot *s = hold(c);
  struct explain_ask ask;
  struct fault f = {0};
  struct text body;
  struct buf out;
  buf_init(&out, ANSWER_MAX_BYTES);
  enum err e = read_body(c, &body, &f);
  if (e == ERR_OK)
    e = explain_read(body, c->rq->arena, &ask, &f);
  if (e == ERR_OK)
    e = explain(s->config, s->routes, &c->worker->gateway->state, true, &ask, random_fast(), loop_clock_us(), &out, &f);
  answer(c, e, &out, &f);
  gateway_snapshot_unref(s);
}

void local_breakers(struct local_call *c) {
  const struct fault none = {0};
  struct buf out;
  buf_init(&out, ANSWER_MAX_BYTES);
  inspect_breakers(c->worker->gateway, c->worker->snapshot->config, loop_clock_us(), &out);
  answer(c, ERR_OK, &out, &none);
}

void local_set_breaker(struct local_call *c) {
  struct gateway_snapshot *s = hold(c);
  struct fault f = {0};
  struct text body;
  struct buf out;
  buf_init(&out, ANSWER_MAX_BYTES);
  enum err e = read_body(c, &body, &f);
  if (e == ERR_OK)
    e = inspect_force(c->worker->gateway, s->config, body, loop_clock_us(), &out, &f);
  if (e == ERR_OK)
    LOG_INFO("breaker_set", log_text("ask", text_head(body, 200)));
  answer(c, e, &out, &f);
  gateway_snapshot_unref(s);
}

void local_targets(struct local_call *c) {
  const struct fault none = {0};
  struct buf out;
  buf_init(&out, ANSWER_MAX_BYTES);
  inspect_targets(c->worker->gateway, loop_clock_us(), &out);
  answer(c, ERR_OK, &out, &none);
}
