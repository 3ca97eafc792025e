/* The usage tap of the Responses dialect. Events are told apart by their names and only the last ones are parsed; words
 * are measured. Called through wire_openai_responses by relay. */
#include "wire/openai_responses_tap.h"

#include "wire/facts.h"
#include "wire/member.h"
#include "wire/openai_error.h"
#include "wire/openai_tap.h"

void responses_tap_usage(struct usage *u, yyjson_val *usage) {
  yyjson_val *details = json_get(usage, "input_tokens_details");
  uint64_t input = 0, output = 0, cached = 0, written = 0, written_long = 0, reasoning = 0;
  bool has_input = member_count(usage, "input_tokens", &input);
  if (!member_count(usage, "output_tokens", &output) && !has_input)
    return;
  (void)member_count(details, "cached_tokens", &cached);
  (void)member_count(details, "cache_write_tokens", &written);
  (void)member_count(json_get(details, "cache_write_tokens_details"), "ttl_12h_tokens", &written_long);
  (void)member_count(json_get(usage, "output_tokens_details"), "reasoning_tokens", &reasoning);
  cached = cached > input ? input : cached;
  written = written > input - cached ? input - cached : written;
  written_long = written_long > written ? written : written_long;
  *u = (struct usage){.input = input - cached - written,
                      .output = output,
                      .cache_write_5m = written - written_long,
                      .cache_write_1h = written_long,
                      .cache_read = cached,
                      .reasoning = reasoning > output ? output : reasoning,
                      .known = true};
}

void responses_tap_error(yyjson_val *root, struct fault *out) {
  yyjson_val *response = json_get(root, "response");
  yyjson_val *error = json_get(response ? response : root, "error");
  openai_error_read(error && !yyjson_is_null(error) ? error : root, out);
}

static bool is_word(yyjson_val *v, const char *word) { return text_equal(json_text(v), text_of(word)); }

static void read_stop(struct wire_tap *t, yyjson_val *response) {
  yyjson_val *incomplete = json_get(response, "incomplete_details");
  member_copy(response, "status", t->stop_reason, sizeof(t->stop_reason));
  member_copy(incomplete, "reason", t->stop_reason, sizeof(t->stop_reason));
}

static enum err read_response(struct wire_tap *t, const struct json *doc, struct fault *f) {
  yyjson_val *root = doc->root, *output = json_get(root, "output"), *error = json_get(root, "error");
  if (yyjson_is_obj(error) || is_word(json_get(root, "status"), "failed"))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "error", "the provider sent an error with the status of a success");
  if (!yyjson_is_arr(output))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not a response");
  read_stop(t, root);
  responses_tap_usage(&t->usage, json_get(root, "usage"));
  openai_tap_cost_of(doc, json_get(root, "usage"), &t->reported_cost_nano);
  facts_of_openai(root, &t->facts);
  t->output_bytes += member_bytes(output);
  t->has_content = yyjson_arr_size(output) > 0;
  t->started = true;
  t->finished = true;
  return ERR_OK;
}

enum err responses_tap_plain(struct wire_tap *t, struct text body, struct fault *f) {
  struct json doc = {0};
  enum err e = member_read_answer(body, &doc, f);
  if (e)
    return e;
  e = read_response(t, &doc, f);
  json_done(&doc);
  return e;
}

static uint64_t delta_bytes(struct text data) {
  static const struct text neighbours[] = {
      {"\",\"logprobs\"", 12}, {"\",\"sequence_number\"", 19}, {"\",\"obfuscation\"", 15}};
  ptrdiff_t at = text_find(data, TEXT("\"delta\":"));
  if (at < 0)
    return 0;
  struct text rest = text_skip(data, (size_t)at + sizeof("\"delta\":\"") - 1);
  for (size_t i = 0; i < sizeof(neighbours) / sizeof(neighbours[0]); i++) {
    ptrdiff_t end = text_find(rest, neighbours[i]);
    rest = end < 0 ? rest : text_head(rest, (size_t)end);
  }
  return rest.len;
}

static bool is_last(struct text event) {
  return text_equal(event, TEXT("response.completed")) || text_equal(event, TEXT("response.incomplete")) ||
         text_equal(event, TEXT("response.failed")) || text_equal(event, TEXT("error"));
}

static void read_last(struct wire_tap *t, struct text event, const struct json *doc) {
  yyjson_val *root = doc->root, *response = json_get(root, "response");
  if (text_equal(event, TEXT("error")) || text_equal(event, TEXT("response.failed"))) {
    bool was_told = t->failed; /* the event error, with more to say, comes before response.failed */
    struct fault *fault = wire_tap_fail(t);
    if (!was_told)
      responses_tap_error(root, fault);
  }
  t->finished = !t->failed;
  read_stop(t, response);
  responses_tap_usage(&t->usage, json_get(response, "usage"));
  openai_tap_cost_of(doc, json_get(response, "usage"), &t->reported_cost_nano);
  facts_of_openai(response, &t->facts);
}

enum err responses_tap_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                             struct fault *f) {
  struct json doc = {0};
  bool is_end_mark = text_equal(text_trim(data), TEXT("[DONE]")); /* of servers that know chat completions better */
  if (!is_end_mark && (text_is_empty(event) || is_last(event))) {
    enum err e = member_read_answer(data, &doc, f);
    if (e)
      return e;
    if (text_is_empty(event))
      event = json_text(json_get(doc.root, "type"));
    if (is_last(event))
      read_last(t, event, &doc);
  }
  if (text_ends(event, TEXT(".delta"))) {
    t->has_content = true;
    t->output_bytes += delta_bytes(data);
  }
  json_done(&doc);
  t->started |= !text_equal(event, TEXT("keepalive"));
  *out = WIRE_PASS;
  return ERR_OK;
}
