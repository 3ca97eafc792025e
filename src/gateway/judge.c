/* Judging a reply before anything of it goes to the client: its class by status and body, and whether a good status
 * really brings what was asked for. Plain answers are read whole and must be of the dialect; a stream must begin with
 * an event that is not an error. Called by send.c for every attempt, so that what is wrong here can still go to the
 * next candidate. */
#include "gateway/judge.h"

#include "gateway/answer.h"
#include "gateway/convert.h"
#include "gateway/redact.h"

static enum err read_whole(struct attempt *t, size_t max_bytes) {
  enum err e;
  do {
    e = answer_fill(t, max_bytes);
  } while (e == ERR_OK);
  return e == ERR_END ? ERR_OK : e;
}

/* Whatever credential went with this attempt, covered in what the provider said about it. */
static void cover(const struct attempt *t, char *at, size_t len) {
  const struct config_credential *c = t->candidate->credential;
  struct text scheme, token;
  if (c) {
    redact(at, len, secret_reveal(c->api_key));
    redact(at, len, secret_reveal(c->bearer));
    redact(at, len, secret_reveal(c->secret_access_key));
  }
  redact(at, len, t->x->own_x_api_key);
  if (text_cut(t->x->own_authorization, ' ', &scheme, &token))
    redact(at, len, text_trim(token));
}

static struct text error_type_of(const struct attempt *t) {
  const char *name = t->candidate->adapter->error_type_header;
  const struct http_header *h = name ? http_header_find(&http_reply_head(t->reply)->headers, text_of(name)) : NULL;
  return h ? h->value : TEXT_NONE;
}

/* The provider's own error. Its body may be anything, also unreadable; relay decides how it is shown. */
static enum err judge_error(struct attempt *t, enum err e) {
  t->answer.is_stream = false;
  if (e == ERR_OK)
    e = read_whole(t, ERROR_BODY_MAX_BYTES);
  if (e == ERR_CANCELLED)
    return e;
  /* The status is known, so a broken error body changes nothing but the wording. */
  if (e != ERR_OK)
    buf_reset(&t->answer.held);
  t->fault = (struct fault){0};
  cover(t, t->answer.held.at, t->answer.held.len);
  t->class = provider_classify(t->candidate->adapter, t->upstream_status, buf_text(&t->answer.held), error_type_of(t));
  return ERR_OK;
}

static enum err judge_plain(struct attempt *t) {
  enum err e = read_whole(t, t->x->config->limits.response_bytes);
  if (e != ERR_OK)
    return e;
  e = t->answer.converts ? convert_plain(t) : t->tap.wire->tap_plain(&t->tap, buf_text(&t->answer.held), &t->fault);
  if (e == ERR_OK) {
    t->tap.finished = true;
    t->first_token_at_us = loop_clock_us();
  }
  return e;
}

/* Alone an attempt is good with its first event; in a race only the first token decides. */
static bool is_decided(const struct attempt *t) {
  return t->tap.failed || t->tap.finished || (t->races ? t->tap.has_content : t->tap.started);
}

static enum err judge_stream(struct attempt *t) {
  struct answer *a = &t->answer;
  while (!is_decided(t)) {
    enum err e = answer_fill(t, t->x->config->limits.event_bytes);
    if (e == ERR_END)
      return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's stream ended before its first event");
    if (e == ERR_OK)
      e = answer_scan_held(t);
    if (e != ERR_OK)
      return e;
  }
  /* A mistake of the caller's would be one at every target, so it is passed on as the provider says it. */
  const struct fault *f = t->tap.fault;
  if (!a->began_with_error && !(t->races && t->tap.failed && !t->tap.has_content))
    return ERR_OK;
  enum provider_class class = provider_classify_fault(t->candidate->adapter, f);
  if (!provider_class_falls_over(class))
    return ERR_OK;
  fault_set(&t->fault, provider_err_of_class(class), NULL, "the provider's stream began with an error: %s",
            fault_text(f));
  t->fault.status = f->status;
  t->fault_quotes = true;
  cover(t, t->fault.text, strlen(t->fault.text));
  return t->fault.err;
}

enum err judge_reply(struct attempt *t) {
  int status = t->upstream_status;
  enum err e = answer_begin(t);
  if ((status < 200 || status > 299) && (e == ERR_OK || t->x->route.kind != ROUTE_RAW))
    return judge_error(t, e);
  if (e != ERR_OK)
    return e;
  t->class = PROVIDER_OK;
  if (t->x->route.kind == ROUTE_RAW)
    return ERR_OK;
  if (status != 200)
    return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider answered with status %d, not 200", status);
  if (t->answer.is_stream != t->x->ask.stream) {
    return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL,
                     t->x->ask.stream ? "the provider answered without a stream"
                                      : "the provider answered with a stream that was not asked for");
  }
  if (t->answer.is_stream && t->answer.framing != t->tap.wire->framing)
    return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider answered with another kind of stream");
  convert_begin(t);
  return t->answer.is_stream ? judge_stream(t) : judge_plain(t);
}
