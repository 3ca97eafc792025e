/* Answers on their way from the provider's dialect to the caller's. The tap's questions (usage, first token, ending)
 * are answered from the events themselves, so nothing is parsed twice. Where only the envelope differs the tap reads
 * the event and its bytes are wrapped anew. */
#include "gateway/convert.h"

#include "wire/dialect.h"
#include "wire/reframe.h"

#define OUT_MAX_BYTES ((size_t)64 * 1024 * 1024) /* events of one read, translated */

static const struct pairing *pairing_of(const struct attempt *t) { return &t->candidate->pairing; }

void convert_begin(struct attempt *t) {
  struct answer *a = &t->answer;
  const struct pairing *p = pairing_of(t);
  a->converts =
      p->mode == PAIRING_TRANSLATE || (p->mode == PAIRING_REFRAME && (a->is_stream || exchange_is_count(t->x)));
  buf_init(&a->out, t->x->config->limits.response_bytes + OUT_MAX_BYTES);
  if (p->mode != PAIRING_TRANSLATE || !a->is_stream)
    return;
  a->reader = arena_zalloc(t->x->arena, p->wire->dialect->reader_bytes + 1);
  a->writer = arena_zalloc(t->x->arena, t->x->route.wire->dialect->writer_bytes + 1);
}

void convert_end(struct attempt *t) {
  struct answer *a = &t->answer;
  if (a->writer && t->x->route.wire->dialect->writer_done)
    t->x->route.wire->dialect->writer_done(a->writer);
  a->writer = NULL;
  buf_done(&a->out);
}

static bool is_content(enum llm_event_kind kind) {
  return kind == LLM_EVENT_TEXT || kind == LLM_EVENT_INPUT || kind == LLM_EVENT_SIGNATURE;
}

/* What the tap would have learned of this event. */
static void follow(struct wire_tap *t, const struct llm_event *e) {
  static const char *const stops[] = {
      [LLM_STOP_END] = "end",           [LLM_STOP_LENGTH] = "length",
      [LLM_STOP_SEQUENCE] = "sequence", [LLM_STOP_TOOL_USE] = "tool_use",
      [LLM_STOP_REFUSAL] = "refusal",   [LLM_STOP_CONTENT_FILTER] = "content_filter",
      [LLM_STOP_PAUSE] = "pause",       [LLM_STOP_CONTEXT_FULL] = "context_full",
  };
  if (e->kind == LLM_EVENT_ERROR) {
    struct fault *fault = wire_tap_fail(t);
    if (e->fault)
      *fault = *e->fault;
    return;
  }
  t->started |= e->kind != LLM_EVENT_PING;
  if (e->usage.known)
    t->usage = e->usage;
  if (e->cost_nano > 0)
    t->reported_cost_nano = e->cost_nano;
  if (is_content(e->kind)) {
    t->has_content = true;
    t->output_bytes += e->text.len;
  }
  t->has_content |= e->kind == LLM_EVENT_BLOCK_START && e->block->kind == LLM_TOOL_USE;
  if (e->kind == LLM_EVENT_STOP)
    (void)snprintf(t->stop_reason, sizeof(t->stop_reason), "%s", stops[e->stop]);
  if (e->kind == LLM_EVENT_END)
    t->finished = !t->failed;
}

static enum err take(void *ctx, const struct llm_event *e, struct fault *f) {
  struct attempt *t = ctx;
  struct answer *a = &t->answer;
  bool is_first = !t->tap.started && !t->tap.failed;
  follow(&t->tap, e);
  if (e->kind == LLM_EVENT_ERROR) {
    a->began_with_error |= is_first; /* what is written then goes to nobody when another target is tried */
    convert_failure(t, e->fault, t->x->rq->id, &a->out);
    return ERR_OK;
  }
  struct llm_event counted = *e;
  if (e->kind == LLM_EVENT_STOP && !e->usage.known) /* nobody will count it; an estimate that says so is more than 0 */
    usage_fill(&counted.usage, true, t->x->request_bytes, t->tap.output_bytes);
  t->x->route.wire->dialect->write_event(a->writer, &t->echo, &counted, &a->out);
  return buf_check(&a->out) == ERR_OK
             ? ERR_OK
             : fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "an event of the provider's stream grows too large");
}

static enum err reframe(struct attempt *t, struct text event, struct text data) {
  const struct wire *theirs = pairing_of(t)->wire;
  enum wire_verdict ignored;
  bool is_first = !t->tap.started && !t->tap.failed;
  if (text_is_empty(event) && text_is_empty(data))
    return ERR_OK;
  enum err e = theirs->tap_event(&t->tap, event, data, &ignored, &t->fault);
  if (e != ERR_OK)
    return e;
  t->answer.began_with_error |= is_first && t->tap.failed;
  if (theirs->framing == WIRE_EVENTSTREAM && text_ends(event, TEXT("Exception"))) {
    convert_failure(t, t->tap.fault, t->x->rq->id, &t->answer.out);
    return ERR_OK;
  }
  return theirs->framing == WIRE_EVENTSTREAM ? reframe_event_to_sse(event, data, &t->answer.out, &t->fault)
                                             : reframe_event_to_frame(event, data, &t->answer.out, &t->fault);
}

enum err convert_event(struct attempt *t, struct text event, struct text data) {
  const struct pairing *p = pairing_of(t);
  bool had_content = t->tap.has_content;
  enum err e;
  if (p->mode == PAIRING_REFRAME) {
    e = reframe(t, event, data);
  } else {
    struct llm_sink sink = {take, t};
    e = p->wire->dialect->read_event(t->answer.reader, event, data, &sink, &t->answer.notes, &t->fault);
  }
  if (!had_content && t->tap.has_content)
    t->first_token_at_us = loop_clock_us();
  return e;
}

static uint64_t content_bytes(const struct llm_answer *answer) {
  uint64_t n = 0;
  for (size_t i = 0; i < answer->block_count; i++)
    n += answer->blocks[i].text.len + answer->blocks[i].input.len;
  return n;
}

enum err convert_plain(struct attempt *t) {
  const struct json_limits limits = {.lenient = true, .raw_numbers = true};
  struct answer *a = &t->answer;
  struct llm_answer answer = {0};
  struct json doc;
  struct fault why = {0};
  if (exchange_is_count(t->x))
    return count_unwrap(t);
  if (json_read(buf_text(&a->held), &limits, &doc, &why) != ERR_OK)
    return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not JSON: %s", fault_text(&why));
  enum err e = pairing_of(t)->wire->dialect->read_answer(&doc, t->x->arena, &answer, &t->fault);
  if (e == ERR_OK) {
    t->tap.usage = answer.usage;
    if (!answer.usage.known)
      usage_fill(&answer.usage, true, t->x->request_bytes, content_bytes(&answer));
    t->x->route.wire->dialect->write_answer(&answer, &t->echo, &a->out);
    t->tap.reported_cost_nano = answer.cost_nano > 0 ? answer.cost_nano : -1;
    t->tap.started = t->tap.finished = true;
    t->tap.output_bytes = content_bytes(&answer);
    t->tap.has_content = t->tap.output_bytes > 0;
    a->notes = answer.notes;
    t->tap.wire->facts(doc.root, &t->tap.facts);
    if (buf_check(&a->out) != ERR_OK)
      e = fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer grows too large");
  }
  json_done(&doc);
  return e;
}

void convert_failure(struct attempt *t, const struct fault *f, struct text request_id, struct buf *out) {
  if (t->answer.writer)
    t->x->route.wire->dialect->write_failure(t->answer.writer, &t->echo, f, request_id, out);
  else
    t->x->route.wire->write_stream_error(out, f, request_id);
}

struct text attempt_not_carried(const struct attempt *t) {
  const struct llm_notes *notes = &t->answer.notes;
  struct text list = TEXT_NONE;
  for (size_t i = 0; i < notes->count; i++) {
    const struct text parts[] = {list, i > 0 ? TEXT(", ") : TEXT_NONE, text_of(notes->at[i])};
    list = arena_join(t->x->arena, parts, 3);
  }
  return list;
}
