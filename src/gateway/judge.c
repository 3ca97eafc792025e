/* Judging a reply before anything of it goes to the client: its class by status and body, and whether a good status
 * really brings what was asked for. Plain answers are read whole and must be of the dialect; a stream must begin with
 * an event that is not an error. Called by send.c for every attempt, so that what is wrong here can still go to the
 * next candidate. */
#include "gateway/judge.h"

#include "gateway/answer.h"
#include "gateway/convert.h"
#include "gateway/redact.h"

static enum err read_whole(struct exchange *x, size_t max_bytes) {
  enum err e;
  do {
    e = answer_fill(x, max_bytes);
  } while (e == ERR_OK);
  return e == ERR_END ? ERR_OK : e;
}

/* Whatever credential went with this attempt, covered in what the provider said about it. */
static void cover(const struct exchange *x, char *at, size_t len) {
  const struct config_credential *c = x->attempt.candidate->credential;
  struct text scheme, token;
  if (c)
    redact(at, len, secret_reveal(c->api_key));
  redact(at, len, x->own_x_api_key);
  if (text_cut(x->own_authorization, ' ', &scheme, &token))
    redact(at, len, text_trim(token));
}

static struct text error_type_of(const struct exchange *x) {
  const char *name = x->attempt.candidate->adapter->error_type_header;
  const struct http_header *h =
      name ? http_header_find(&http_reply_head(x->attempt.reply)->headers, text_of(name)) : NULL;
  return h ? h->value : TEXT_NONE;
}

/* The provider's own error. Its body may be anything; relay decides how it is shown. */
static enum err judge_error(struct exchange *x) {
  const struct provider *adapter = x->attempt.candidate->adapter;
  x->answer.is_stream = false;
  enum err e = read_whole(x, ERROR_BODY_MAX_BYTES);
  if (e == ERR_CANCELLED)
    return e;
  /* The status is known, so a broken error body changes nothing but the wording. */
  if (e != ERR_OK)
    buf_reset(&x->answer.held);
  x->fault = (struct fault){0};
  cover(x, x->answer.held.at, x->answer.held.len);
  x->attempt.class =
      provider_classify(adapter, x->attempt.upstream_status, buf_text(&x->answer.held), error_type_of(x));
  return ERR_OK;
}

static enum err judge_plain(struct exchange *x) {
  enum err e = read_whole(x, x->config->limits.response_bytes);
  if (e != ERR_OK)
    return e;
  e = x->answer.converts ? convert_plain(x) : x->tap.wire->tap_plain(&x->tap, buf_text(&x->answer.held), &x->fault);
  if (e == ERR_OK) {
    x->tap.finished = true;
    x->first_token_us = loop_clock_us() - x->rq->received_us;
  }
  return e;
}

static enum err judge_stream(struct exchange *x) {
  struct answer *a = &x->answer;
  while (!x->tap.started && !x->tap.failed && !x->tap.finished) {
    enum err e = answer_fill(x, x->config->limits.event_bytes);
    if (e == ERR_END)
      return fault_set(&x->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's stream ended before its first event");
    if (e == ERR_OK)
      e = answer_scan_held(x);
    if (e != ERR_OK)
      return e;
  }
  /* A mistake of the caller's would be one at every target, so it is passed on as the provider says it. */
  const struct fault *f = &x->tap.fault;
  if (!a->began_with_error)
    return ERR_OK;
  enum provider_class class = provider_classify_fault(x->attempt.candidate->adapter, f);
  if (!provider_class_falls_over(class))
    return ERR_OK;
  fault_set(&x->fault, provider_err_of_class(class), NULL, "the provider's stream began with an error: %s",
            fault_text(f));
  x->fault.status = f->status;
  x->fault_quotes = true;
  cover(x, x->fault.text, strlen(x->fault.text));
  return x->fault.err;
}

enum err judge_reply(struct exchange *x) {
  int status = x->attempt.upstream_status;
  enum err e = answer_begin(x);
  if (e != ERR_OK)
    return e;
  if (status < 200 || status > 299)
    return judge_error(x);
  x->attempt.class = PROVIDER_OK;
  if (x->route.kind == ROUTE_RAW)
    return ERR_OK;
  if (status != 200)
    return fault_set(&x->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider answered with status %d, not 200", status);
  if (x->answer.is_stream != x->ask.stream) {
    return fault_set(&x->fault, ERR_UPSTREAM_PROTOCOL, NULL,
                     x->ask.stream ? "the provider answered without a stream"
                                   : "the provider answered with a stream that was not asked for");
  }
  if (x->answer.is_stream && x->answer.framing != x->tap.wire->framing)
    return fault_set(&x->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider answered with another kind of stream");
  convert_begin(x);
  return x->answer.is_stream ? judge_stream(x) : judge_plain(x);
}
