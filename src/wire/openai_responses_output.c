/* The response object around the items of an answer, and how failures are told. Items are made in
 * openai_responses_stream.c, for plain answers too. Called by it, by openai_responses_answer.c and openai_responses.c.
 */
#include "wire/openai_responses_output.h"

static void put_id(struct json_writer *w, struct text id, const struct llm_echo *echo) {
  json_name(w, "id");
  if (!text_is_empty(id)) {
    json_put_text(w, id);
    return;
  }
  json_put_raw(w, TEXT("\"resp_"));
  json_escape(w->out, echo->id);
  buf_add_char(w->out, '"');
}

void responses_make_head(struct text id, struct text model, int64_t created_s, const struct llm_echo *echo,
                         struct buf *out) {
  struct buf b;
  struct json_writer w;
  buf_init(&b, out->max);
  json_writer_init(&w, &b);
  json_object(&w);
  put_id(&w, id, echo);
  json_field_str(&w, "object", "response");
  json_field_i64(&w, "created_at", created_s ? created_s : echo->now_s);
  json_field_text(&w, "model", text_is_empty(model) ? echo->model : model);
  buf_add(out, text_skip(buf_text(&b), 1));
  out->failed |= b.failed;
  buf_done(&b);
}

static const char *reason_of(enum llm_stop stop) {
  return stop == LLM_STOP_LENGTH || stop == LLM_STOP_CONTEXT_FULL ? "max_output_tokens" : "content_filter";
}

enum responses_status responses_status_of(enum llm_stop stop, bool has_refusal) {
  switch (stop) {
  case LLM_STOP_LENGTH:
  case LLM_STOP_CONTEXT_FULL:
  case LLM_STOP_CONTENT_FILTER: return RESPONSES_INCOMPLETE;
  case LLM_STOP_REFUSAL: return has_refusal ? RESPONSES_COMPLETED : RESPONSES_INCOMPLETE;
  case LLM_STOP_END:
  case LLM_STOP_SEQUENCE:
  case LLM_STOP_TOOL_USE:
  case LLM_STOP_PAUSE: break;
  }
  return RESPONSES_COMPLETED;
}

const char *responses_error_code(const struct fault *f) {
  int status = fault_status(f);
  if (text_equal(text_of(err_openai_type(f->err)), TEXT("insufficient_quota")))
    return "insufficient_quota";
  if (status == 429)
    return "rate_limit_exceeded";
  return status >= 400 && status < 500 ? "invalid_prompt" : "server_error";
}

static void put_error(struct json_writer *w, const struct fault *f) {
  json_name(w, "error");
  if (!f) {
    json_put_null(w);
    return;
  }
  json_object(w);
  json_field_str(w, "code", responses_error_code(f));
  json_field_str(w, "message", fault_text(f));
  json_object_end(w);
}

static void put_usage(struct json_writer *w, const struct usage *u) {
  uint64_t written = u->cache_write_5m + u->cache_write_1h, input = u->input + u->cache_read + written;
  json_name(w, "usage");
  if (!u->known) {
    json_put_null(w);
    return;
  }
  json_object(w);
  json_field_u64(w, "input_tokens", input);
  json_name(w, "input_tokens_details");
  json_object(w);
  json_field_u64(w, "cached_tokens", u->cache_read);
  json_field_u64(w, "cache_write_tokens", written);
  json_object_end(w);
  json_field_u64(w, "output_tokens", u->output);
  json_name(w, "output_tokens_details");
  json_object(w);
  json_field_u64(w, "reasoning_tokens", u->reasoning);
  json_object_end(w);
  json_field_u64(w, "total_tokens", input + u->output);
  json_object_end(w);
}

void responses_put_object(struct json_writer *w, const struct responses_object *o, const struct llm_echo *echo) {
  static const char *const words[] = {"in_progress", "completed", "incomplete", "failed"};
  json_object(w);
  json_field_str(w, "status", words[o->status]);
  buf_add_char(w->out, ',');
  buf_add(w->out, o->head);
  put_error(w, o->status == RESPONSES_FAILED ? o->fault : NULL);
  json_name(w, "incomplete_details");
  if (o->status == RESPONSES_INCOMPLETE) {
    json_object(w);
    json_field_str(w, "reason", reason_of(o->stop));
    json_object_end(w);
  } else {
    json_put_null(w);
  }
  json_name(w, "output");
  json_array(w);
  buf_add(w->out, o->output);
  json_array_end(w);
  put_usage(w, &o->usage);
  json_name(w, "service_tier");
  if (text_is_empty(o->service_tier))
    json_put_null(w);
  else
    json_put_text(w, o->service_tier);
  if (!text_is_empty(echo->members)) {
    buf_add_char(w->out, ',');
    buf_add(w->out, echo->members);
  }
  json_object_end(w);
}

void responses_write_error_event(struct buf *out, const struct fault *f, uint64_t sequence) {
  struct json_writer w;
  buf_add(out, TEXT("event: error\ndata: "));
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "type", "error");
  json_field_u64(&w, "sequence_number", sequence);
  json_field_str(&w, "code", responses_error_code(f));
  json_field_str(&w, "message", fault_text(f));
  json_field_str(&w, "param", *f->field ? f->field : NULL);
  json_object_end(&w);
  buf_add(out, TEXT("\n\n"));
}
