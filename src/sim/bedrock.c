/* Bedrock around its models: exceptions, headers and frames, and the dialect of invocations, which are Anthropic
 * messages in Bedrock's envelope. Converse is in converse.c; endpoints are in bedrock_calls.c. */
#include "sim/bedrock.h"

#include "aws/eventstream.h"
#include "sim/anthropic_request.h"
#include "sim/converse_request.h"

#define EVENT_MAX_BYTES (128 * 1024)

const char *bedrock_error_name(const struct fault *f) {
  if (text_ends(text_of(f->field), TEXT("Exception")))
    return f->field;
  int status = fault_status(f);
  switch (status) {
  case 401:
  case 403: return "AccessDeniedException";
  case 404: return "ResourceNotFoundException";
  case 405: return "UnknownOperationException";
  case 408: return "ModelTimeoutException";
  case 409: return "ConflictException";
  case 424: return "ModelErrorException";
  case 429: return "ThrottlingException";
  case 503:
  case 529: return "ServiceUnavailableException";
  default: return status >= 500 ? "InternalServerException" : "ValidationException";
  }
}

void bedrock_write_error(struct buf *out, const struct fault *f, struct text request_id, bool is_usage_limit) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "message",
                 is_usage_limit ? "Too many tokens per day, please wait before trying again." : fault_text(f));
  json_object_end(&w);
}

static void add_number(struct sim_headers *h, const struct sim_outcome *o, struct text name, uint64_t n) {
  sim_headers_add(h, name, arena_format(o->arena, "%llu", (unsigned long long)n));
}

void bedrock_add_headers(struct sim_headers *h, const struct sim_outcome *o) {
  sim_headers_add(h, TEXT("x-amzn-requestid"), o->request_id);
  if (o->fault) {
    const char *name = bedrock_error_name(o->fault);
    sim_headers_add(h, TEXT("x-amzn-errortype"), arena_format(o->arena, "%s:http://internal.amazon.com/coral/", name));
  } else if (o->status >= 400) {
    sim_headers_add(h, TEXT("x-amzn-errortype"), TEXT("InternalServerException"));
  }
}

static void add_invoke_headers(struct sim_headers *h, const struct sim_outcome *o) {
  bedrock_add_headers(h, o);
  if (!o->answer)
    return;
  const struct sim_usage *u = &o->answer->usage;
  sim_headers_add(h, TEXT("x-amzn-bedrock-content-type"), TEXT("application/json"));
  if (o->answer->no_usage)
    return;
  add_number(h, o, TEXT("x-amzn-bedrock-input-token-count"), u->input);
  add_number(h, o, TEXT("x-amzn-bedrock-output-token-count"), u->output);
  add_number(h, o, TEXT("x-amzn-bedrock-cache-read-input-token-count"), u->cache_read);
  add_number(h, o, TEXT("x-amzn-bedrock-cache-write-input-token-count"), u->write_5m + u->write_1h);
  add_number(h, o, TEXT("x-amzn-bedrock-invocation-latency"), BEDROCK_LATENCY_MS);
}

void bedrock_write_stream_error(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                                enum behaviour_break by) {
  struct text name = TEXT("modelStreamErrorException");
  const char *more = ",\"originalStatusCode\":500,\"originalMessage\":\"simulated\"";
  if (by == BEHAVIOUR_BREAK_THROTTLE)
    name = TEXT("throttlingException");
  else if (by == BEHAVIOUR_BREAK_INTERNAL || by == BEHAVIOUR_BREAK_FAILED)
    name = TEXT("internalServerException");
  else if (by == BEHAVIOUR_BREAK_INVALID)
    name = TEXT("validationException");
  else if (by == BEHAVIOUR_BREAK_UNAVAILABLE)
    name = TEXT("serviceUnavailableException");
  size_t at = eventstream_begin(out, TEXT("exception"), name);
  buf_add_format(out, "{\"message\":\"The stream failed (simulated by weir-sim)\"%s}",
                 by == BEHAVIOUR_BREAK_ERROR ? more : "");
  eventstream_end(out, at);
}

void bedrock_put_padding(struct buf *out, const struct sim_answer *answer, const struct sim_cursor *c) {
  static const struct text letters = {"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 62};
  struct digest d = {.hash = answer->seed};
  digest_u64(&d, c->block * 1000003 + c->offset * 31 + c->step);
  buf_add(out, TEXT(",\"p\":\""));
  buf_add(out, text_head(letters, 1 + d.hash % letters.len));
  buf_add_char(out, '"');
}

static enum err read_invoke(const struct sim_input *in, struct sim_ask *out, struct fault *f) {
  if (text_find(in->model, TEXT("anthropic.")) < 0) {
    return fault_set(f, ERR_BAD_REQUEST, NULL,
                     "weir-sim invokes only models of anthropic; use Converse for the model '%.*s'",
                     TEXT_ARGS(text_head(in->model, 120)));
  }
  enum err e = sim_anthropic_read_invoke(in->doc, in->model, true, in->arena, out, f);
  if (!e)
    out->stream = in->stream;
  return e;
}

static void write_plain(struct buf *out, const struct sim_answer *answer, struct arena *a) {
  sim_anthropic.write_plain(out, answer, a);
}

/* Puts metrics into the JSON of the last event, before its closing brace. */
static void add_metrics(struct buf *json, const struct sim_answer *answer) {
  const struct sim_usage *u = &answer->usage;
  json->len--;
  buf_add_format(json,
                 ",\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":%llu,\"outputTokenCount\":%llu,"
                 "\"invocationLatency\":%d,\"firstByteLatency\":%d,\"cacheReadInputTokenCount\":%llu,"
                 "\"cacheWriteInputTokenCount\":%llu}}",
                 (unsigned long long)u->input, (unsigned long long)u->output, BEDROCK_LATENCY_MS, BEDROCK_LATENCY_MS,
                 (unsigned long long)u->cache_read, (unsigned long long)(u->write_5m + u->write_1h));
}

static void put_chunk(struct buf *out, const struct sim_answer *answer, const struct sim_cursor *c, struct text json) {
  size_t at = eventstream_begin(out, TEXT("event"), TEXT("chunk"));
  buf_add(out, TEXT("{\"bytes\":\""));
  char *room = buf_reserve(out, (json.len + 2) / 3 * 4);
  if (room)
    buf_commit(out, digest_base64(json.at, json.len, room));
  buf_add_char(out, '"');
  bedrock_put_padding(out, answer, c);
  buf_add_char(out, '}');
  eventstream_end(out, at);
}

/* An event of the Anthropic stream without its framing. Pings are for open connections and do not come here. */
static bool next_json(struct buf *event, const struct sim_answer *answer, struct sim_cursor *c, struct text *out) {
  struct text name;
  do {
    buf_reset(event);
    if (!sim_anthropic.write_event(event, answer, c) || !text_cut(buf_text(event), '\n', &name, out))
      return false;
  } while (text_equal(name, TEXT("event: ping")));
  *out = text_skip(*out, sizeof("data: ") - 1);
  *out = text_head(*out, out->len - 2);
  return true;
}

static bool write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  struct buf event, json;
  struct text found;
  buf_init(&event, EVENT_MAX_BYTES);
  buf_init(&json, EVENT_MAX_BYTES);
  bool more = next_json(&event, answer, c, &found);
  if (more) {
    buf_add(&json, found);
    if (text_ends(found, TEXT("\"message_stop\"}")) && !answer->no_usage)
      add_metrics(&json, answer);
    put_chunk(out, answer, c, buf_text(&json));
  }
  buf_done(&event);
  buf_done(&json);
  return more;
}

const struct sim_dialect sim_invoke = {
    .name = "invoke",
    .auth = SIM_AUTH_AWS,
    .stream_type = BEDROCK_STREAM_TYPE,
    .read = read_invoke,
    .add_headers = add_invoke_headers,
    .write_error = bedrock_write_error,
    .write_plain = write_plain,
    .write_event = write_event,
    .write_stream_error = bedrock_write_stream_error,
};
