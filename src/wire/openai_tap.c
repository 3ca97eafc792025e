/* The usage tap of the OpenAI dialects. A chunk is parsed only until content has been seen and when it may hold usage,
 * a finish reason or an error; the rest is measured. Called through wire_openai_chat and wire_openai_embeddings by
 * relay. */
#include "wire/openai_tap.h"

#include "wire/facts.h"
#include "wire/member.h"
#include "wire/openai_error.h"

#define CONTENT_ENVELOPE 14 /* "content":"" and braces inside a delta */
#define TOOL_ENVELOPE    60 /* "tool_calls":[{"index":0,"function":{"arguments":""}}] */

static uint64_t above(uint64_t n, uint64_t envelope) { return n > envelope ? n - envelope : 0; }

/* Some vendors leave reasoning out of completion_tokens; their total shows it. */
static uint64_t hidden_reasoning(yyjson_val *usage, uint64_t prompt, uint64_t completion, uint64_t reasoning) {
  uint64_t total = 0;
  (void)member_count(usage, "total_tokens", &total);
  return total == prompt + completion + reasoning ? reasoning : 0;
}

void openai_tap_usage(struct usage *u, yyjson_val *usage) {
  yyjson_val *prompt_details = json_get(usage, "prompt_tokens_details");
  uint64_t prompt = 0, completion = 0, cached = 0, written = 0, reasoning = 0;
  bool has_prompt = member_count(usage, "prompt_tokens", &prompt);
  if (!member_count(usage, "completion_tokens", &completion) && !has_prompt)
    return;
  (void)member_count(prompt_details, "cached_tokens", &cached);
  (void)member_count(prompt_details, "cache_write_tokens", &written);
  (void)member_count(json_get(usage, "completion_tokens_details"), "reasoning_tokens", &reasoning);
  cached = cached > prompt ? prompt : cached;
  written = written > prompt - cached ? prompt - cached : written;
  completion += hidden_reasoning(usage, prompt, completion, reasoning);
  completion = completion > USAGE_MAX_TOKENS ? USAGE_MAX_TOKENS : completion;
  *u = (struct usage){.input = prompt - cached - written,
                      .output = completion,
                      .cache_write_5m = written,
                      .cache_read = cached,
                      .reasoning = reasoning > completion ? completion : reasoning,
                      .known = true};
}

#define NANO_DIGITS 9
#define COST_MAX    (INT64_MAX / 10 - 1)

/* The number's parts: its digits as one whole number with `scale` of them behind the point. Zeros in front and more
 * digits than matter are not kept. */
static bool read_decimal(struct text usd, int64_t *out_digits, int64_t *out_scale) {
  int64_t digits = 0, scale = 0, exponent = 0;
  bool behind_point = false;
  size_t i = 0;
  for (; i < usd.len && usd.at[i] != 'e' && usd.at[i] != 'E'; i++) {
    char c = usd.at[i];
    if (c == '.' && !behind_point) {
      behind_point = true;
      continue;
    }
    if (c < '0' || c > '9')
      return false;
    if (digits <= COST_MAX / 10) {
      digits = digits * 10 + (c - '0');
      scale += behind_point;
    } else if (!behind_point) {
      scale--; /* a digit that is not kept */
    }
  }
  struct text rest = text_skip(usd, i + 1);
  if (text_starts(rest, TEXT("+")))
    rest = text_skip(rest, 1);
  if (i == 0 || (i < usd.len && (!text_to_i64(rest, &exponent) || exponent > 999 || exponent < -999)))
    return false;
  *out_digits = digits;
  *out_scale = scale - exponent;
  return true;
}

bool openai_tap_cost(struct text usd, int64_t *out) {
  int64_t nano, scale;
  if (!read_decimal(usd, &nano, &scale))
    return false;
  for (; scale < NANO_DIGITS && nano > 0; scale++) {
    if (nano > COST_MAX)
      return false;
    nano *= 10;
  }
  for (; scale > NANO_DIGITS + 1 && nano > 0; scale--)
    nano /= 10;
  if (scale == NANO_DIGITS + 1)
    nano = (nano + 5) / 10;
  *out = nano;
  return true;
}

void openai_tap_cost_of(const struct json *doc, yyjson_val *usage, int64_t *out) {
  struct text place;
  if (json_get(usage, "cost") && json_place(doc, usage, "cost", &place))
    (void)openai_tap_cost(place, out);
}

static void read_cost(struct wire_tap *t, const struct json *doc, yyjson_val *usage) {
  openai_tap_cost_of(doc, usage, &t->reported_cost_nano);
}

static enum err not_an_answer(const struct json *doc, const char *what, struct fault *f) {
  yyjson_val *error = json_get(doc->root, "error");
  if (error && !yyjson_is_null(error))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "error", "the provider sent an error with the status of a success");
  return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not %s", what);
}

static bool is_filled(yyjson_val *v) {
  return yyjson_get_len(v) > 0 && (yyjson_is_str(v) || yyjson_is_arr(v) || yyjson_is_obj(v));
}

static bool has_words(yyjson_val *message) {
  static const char *const members[] = {"content",       "tool_calls", "reasoning_content", "reasoning", "refusal",
                                        "function_call", "audio"};
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
    if (is_filled(json_get(message, members[i])))
      return true;
  return false;
}

static void read_choices(struct wire_tap *t, yyjson_val *choices, const char *message_name) {
  size_t i, count;
  yyjson_val *choice;
  yyjson_arr_foreach (choices, i, count, choice) {
    if (has_words(json_get(choice, message_name)))
      t->has_content = true;
    if (t->stop_reason[0] == 0)
      member_copy(choice, "finish_reason", t->stop_reason, sizeof(t->stop_reason));
  }
}

static enum err read_chat(struct wire_tap *t, const struct json *doc, struct fault *f) {
  yyjson_val *choices = json_get(doc->root, "choices");
  if (!yyjson_is_arr(choices))
    return not_an_answer(doc, "a chat completion", f);
  read_choices(t, choices, "message");
  openai_tap_usage(&t->usage, json_get(doc->root, "usage"));
  read_cost(t, doc, json_get(doc->root, "usage"));
  facts_of_openai(doc->root, &t->facts);
  t->output_bytes += member_bytes(choices);
  t->started = true;
  t->finished = true;
  return ERR_OK;
}

static enum err read_embeddings(struct wire_tap *t, const struct json *doc, struct fault *f) {
  yyjson_val *data = json_get(doc->root, "data");
  if (!yyjson_is_arr(data))
    return not_an_answer(doc, "a list of embeddings", f);
  openai_tap_usage(&t->usage, json_get(doc->root, "usage"));
  read_cost(t, doc, json_get(doc->root, "usage"));
  facts_of_openai(doc->root, &t->facts);
  t->has_content = yyjson_arr_size(data) > 0;
  t->started = true;
  t->finished = true;
  return ERR_OK;
}

static enum err read_plain(struct wire_tap *t, struct text body, struct fault *f,
                           enum err (*read)(struct wire_tap *, const struct json *, struct fault *)) {
  struct json doc = {0};
  enum err e = member_read_answer(body, &doc, f);
  if (e)
    return e;
  e = read(t, &doc, f);
  json_done(&doc);
  return e;
}

enum err openai_tap_chat(struct wire_tap *t, struct text body, struct fault *f) {
  return read_plain(t, body, f, read_chat);
}

enum err openai_tap_embeddings(struct wire_tap *t, struct text body, struct fault *f) {
  return read_plain(t, body, f, read_embeddings);
}

static uint64_t delta_bytes(struct text data) {
  ptrdiff_t at = text_find(data, TEXT("\"delta\""));
  if (at < 0)
    return 0;
  struct text rest = text_skip(data, (size_t)at + sizeof("\"delta\":{") - 1);
  const struct text neighbours[] = {TEXT("\"logprobs\""), TEXT("\"finish_reason\"")};
  for (size_t i = 0; i < 2; i++) {
    ptrdiff_t end = text_find(rest, neighbours[i]);
    rest = end < 0 ? rest : text_head(rest, (size_t)end);
  }
  return above(rest.len, text_find(rest, TEXT("\"tool_calls\"")) >= 0 ? TOOL_ENVELOPE : CONTENT_ENVELOPE);
}

static bool is_worth_parsing(const struct wire_tap *t, struct text event, struct text data) {
  return !t->has_content || text_equal(event, TEXT("error")) || member_hint(data, TEXT("\"usage\"")) == '{' ||
         (t->stop_reason[0] == 0 && member_hint(data, TEXT("\"finish_reason\"")) == '"') ||
         member_hint(data, TEXT("\"error\"")) != 0;
}

static void read_chunk(struct wire_tap *t, struct text event, const struct json *doc, enum wire_verdict *out) {
  yyjson_val *root = doc->root;
  yyjson_val *error = json_get(root, "error");
  yyjson_val *choices = json_get(root, "choices");
  yyjson_val *usage = json_get(root, "usage");
  *out = WIRE_PASS;
  if (yyjson_is_obj(error) || yyjson_is_str(error) || text_equal(event, TEXT("error"))) {
    openai_error_read(error ? error : root, wire_tap_fail(t));
  }
  read_choices(t, choices, "delta");
  facts_of_openai(root, &t->facts);
  t->may_end = t->stop_reason[0] != 0 && !t->failed;
  if (!yyjson_is_obj(usage))
    return;
  openai_tap_usage(&t->usage, usage);
  read_cost(t, doc, usage);
  if (t->drop_usage_event && !t->failed && !yyjson_is_true(choices) && yyjson_get_len(choices) == 0)
    *out = WIRE_DROP; /* some servers write null or nothing for the empty choices */
}

enum err openai_tap_chat_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                               struct fault *f) {
  enum wire_verdict verdict = WIRE_PASS;
  if (text_equal(text_trim(data), TEXT("[DONE]"))) {
    t->finished = !t->failed;
  } else if (is_worth_parsing(t, event, data)) {
    struct json doc = {0};
    enum err e = member_read_answer(data, &doc, f);
    if (e)
      return e;
    read_chunk(t, event, &doc, &verdict);
    json_done(&doc);
  }
  if (t->has_content) /* the first chunk carries the role only */
    t->output_bytes += delta_bytes(data);
  t->started = true;
  *out = verdict;
  return ERR_OK;
}
