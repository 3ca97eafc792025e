/* The usage tap of the Anthropic dialect. Content events are measured, not parsed: a stream of thousands of them costs
 * a few comparisons each. It changes no byte and drops no event. Called through wire_anthropic by relay. */
#include "wire/anthropic_tap.h"

#include "wire/anthropic_error.h"
#include "wire/facts.h"
#include "wire/member.h"

#define EVENT_ENVELOPE       64  /* bytes of an event that are not content, where they cannot be told apart */
#define BLOCK_START_ENVELOPE 104 /* of an empty thinking block; other kinds are near it */
#define BLOCK_START_MAX      512 /* larger ones hold results of the provider's own tools, which the model did not write */

static uint64_t above(uint64_t n, uint64_t envelope) { return n > envelope ? n - envelope : 0; }

static uint64_t sum(uint64_t a, uint64_t b) { return a + b > USAGE_MAX_TOKENS ? USAGE_MAX_TOKENS : a + b; }

/* cache_creation_input_tokens is the sum, cache_creation its split; the rest of the sum counts as five minutes. */
static bool read_cache_writes(struct usage *u, yyjson_val *usage) {
  yyjson_val *split = json_get(usage, "cache_creation");
  uint64_t total;
  bool has_total = member_count(usage, "cache_creation_input_tokens", &total);
  bool has_split = member_count(split, "ephemeral_5m_input_tokens", &u->cache_write_5m);
  if (member_count(split, "ephemeral_1h_input_tokens", &u->cache_write_1h))
    has_split = true;
  if (has_total && !has_split && u->cache_write_1h > total)
    u->cache_write_1h = 0;
  if (has_total && (!has_split || total > u->cache_write_5m + u->cache_write_1h))
    u->cache_write_5m = total > u->cache_write_1h ? total - u->cache_write_1h : 0;
  return has_total || has_split;
}

static bool read_counts(struct usage *u, yyjson_val *usage) {
  yyjson_val *details = json_get(usage, "output_tokens_details");
  bool any = member_count(usage, "input_tokens", &u->input);
  any |= member_count(usage, "output_tokens", &u->output);
  any |= member_count(usage, "cache_read_input_tokens", &u->cache_read);
  any |= read_cache_writes(u, usage);
  if (!member_count(details, "thinking_tokens", &u->reasoning))
    (void)member_count(details, "reasoning_tokens", &u->reasoning);
  if (u->reasoning > u->output)
    u->reasoning = u->output;
  return any;
}

static struct usage combine(const struct usage *a, const struct usage *b) {
  return (struct usage){.input = sum(a->input, b->input),
                        .output = sum(a->output, b->output),
                        .cache_write_5m = sum(a->cache_write_5m, b->cache_write_5m),
                        .cache_write_1h = sum(a->cache_write_1h, b->cache_write_1h),
                        .cache_read = sum(a->cache_read, b->cache_read),
                        .reasoning = sum(a->reasoning, b->reasoning),
                        .known = a->known};
}

static struct usage without(const struct usage *a, const struct usage *b) {
  return (struct usage){.input = above(a->input, b->input),
                        .output = above(a->output, b->output),
                        .cache_write_5m = above(a->cache_write_5m, b->cache_write_5m),
                        .cache_write_1h = above(a->cache_write_1h, b->cache_write_1h),
                        .cache_read = above(a->cache_read, b->cache_read),
                        .reasoning = above(a->reasoning, b->reasoning),
                        .known = a->known};
}

static struct usage compaction_steps(yyjson_val *iterations) {
  struct usage steps = {0};
  size_t i, count;
  yyjson_val *iteration;
  yyjson_arr_foreach (iterations, i, count, iteration) {
    struct usage one = {0};
    if (!text_equal(json_text(json_get(iteration, "type")), TEXT("compaction")))
      continue;
    (void)read_counts(&one, iteration);
    steps = combine(&steps, &one);
  }
  return steps;
}

void anthropic_tap_usage(struct wire_tap *t, yyjson_val *usage) {
  yyjson_val *iterations = json_get(usage, "iterations");
  struct usage totals = without(&t->usage, &t->steps);
  if (read_counts(&totals, usage))
    totals.known = true;
  if (yyjson_is_arr(iterations))
    t->steps = compaction_steps(iterations);
  t->usage = combine(&totals, &t->steps);
  facts_of_anthropic(usage, &t->facts);
}

static enum err read_message(struct wire_tap *t, const struct json *doc, struct fault *f) {
  yyjson_val *content = json_get(doc->root, "content");
  bool is_message = text_equal(json_text(json_get(doc->root, "type")), TEXT("message"));
  if (is_message && yyjson_is_arr(content)) {
    anthropic_tap_usage(t, json_get(doc->root, "usage"));
    member_copy(doc->root, "stop_reason", t->stop_reason, sizeof(t->stop_reason));
    t->has_content = yyjson_arr_size(content) > 0;
    t->output_bytes += member_bytes(content);
  } else if (is_message || json_get(doc->root, "type") || !yyjson_is_uint(json_get(doc->root, "input_tokens"))) {
    if (json_get(doc->root, "error"))
      return fault_set(f, ERR_UPSTREAM_PROTOCOL, "error", "the provider sent an error with the status of a success");
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not a message");
  }
  t->started = true;
  t->finished = true;
  return ERR_OK;
}

enum err anthropic_tap_plain(struct wire_tap *t, struct text body, struct fault *f) {
  struct json doc = {0};
  enum err e = member_read_answer(body, &doc, f);
  if (e)
    return e;
  e = read_message(t, &doc, f);
  json_done(&doc);
  return e;
}

/* The generated bytes of a content_block_delta: what stands behind the type of the delta, without the name of its
 * member. */
static uint64_t delta_bytes(struct text data) {
  struct text head = text_head(data, 112);
  ptrdiff_t delta = text_find(head, TEXT("\"delta\""));
  ptrdiff_t at = delta < 0 ? -1 : text_find(text_skip(head, (size_t)delta), TEXT("_delta\","));
  if (text_find(head, TEXT("\"signature_delta\"")) >= 0 || text_find(head, TEXT("\"citations_delta\"")) >= 0)
    return 0;
  if (at < 0)
    return above(data.len, EVENT_ENVELOPE);
  struct text rest = text_skip(data, (size_t)(delta + at) + 8);
  ptrdiff_t colon = text_find_char(text_head(rest, 32), ':');
  return colon < 0 ? above(data.len, EVENT_ENVELOPE) : above(rest.len, (uint64_t)colon + 5); /* :" and "}} */
}

static void fail(struct wire_tap *t, yyjson_val *root) {
  anthropic_error_read(json_get(root, "error"), wire_tap_fail(t));
}

static enum err read_event(struct wire_tap *t, struct text type, struct text data, struct fault *f) {
  struct json doc = {0};
  enum err e = member_read_answer(data, &doc, f);
  if (e)
    return e;
  if (text_equal(type, TEXT("message_start"))) {
    anthropic_tap_usage(t, json_get(json_get(doc.root, "message"), "usage"));
  } else if (text_equal(type, TEXT("message_delta"))) {
    anthropic_tap_usage(t, json_get(doc.root, "usage"));
    member_copy(json_get(doc.root, "delta"), "stop_reason", t->stop_reason, sizeof(t->stop_reason));
  } else {
    fail(t, doc.root);
  }
  json_done(&doc);
  return ERR_OK;
}

/* Bedrock adds to the last event how long it took. */
static enum err read_end(struct wire_tap *t, struct text data, struct fault *f) {
  struct json doc = {0};
  t->finished = !t->failed;
  if (member_hint(data, TEXT("\"" FACTS_INVOCATION_METRICS "\"")) != '{')
    return ERR_OK;
  enum err e = member_read_answer(data, &doc, f);
  if (e)
    return e;
  facts_of_invocation(doc.root, &t->facts);
  json_done(&doc);
  return ERR_OK;
}

/* The type of an event that came without a name. It nearly always stands first; only otherwise the data is parsed. */
static enum err type_of_data(struct text data, char out[64], struct fault *f) {
  const struct text opening = TEXT("{\"type\":\"");
  struct text type, rest;
  struct json doc = {0};
  out[0] = 0;
  if (text_starts(data, opening) && text_cut(text_skip(data, opening.len), '"', &type, &rest) && type.len < 64 &&
      text_find_char(type, '\\') < 0) {
    memcpy(out, type.at, type.len);
    out[type.len] = 0;
    return ERR_OK;
  }
  enum err e = member_read_answer(data, &doc, f);
  if (e)
    return e;
  member_copy(doc.root, "type", out, 64);
  json_done(&doc);
  return ERR_OK;
}

enum err anthropic_tap_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                             struct fault *f) {
  char found[64];
  enum err e = ERR_OK;
  if (text_is_empty(event)) {
    e = type_of_data(data, found, f);
    if (e)
      return e;
    event = text_of(found);
  }
  if (text_equal(event, TEXT("content_block_delta"))) {
    t->has_content = true;
    t->output_bytes += delta_bytes(data);
  } else if (text_equal(event, TEXT("content_block_start"))) {
    t->has_content = true;
    t->output_bytes += data.len < BLOCK_START_MAX ? above(data.len, BLOCK_START_ENVELOPE) : 0;
  } else if (text_equal(event, TEXT("message_start")) || text_equal(event, TEXT("message_delta")) ||
             text_equal(event, TEXT("error"))) {
    e = read_event(t, event, data, f);
  } else if (text_equal(event, TEXT("message_stop"))) {
    e = read_end(t, data, f);
  } else if (!text_equal(event, TEXT("ping")) && !text_equal(event, TEXT("content_block_stop"))) {
    t->output_bytes += above(data.len, EVENT_ENVELOPE);
  }
  if (e)
    return e;
  t->started |= !text_equal(event, TEXT("ping"));
  *out = WIRE_PASS;
  return ERR_OK;
}
