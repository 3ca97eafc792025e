/* The settings of a Converse request. Members that only one vendor's models know go into additionalModelRequestFields,
 * and only for Anthropic's, whose shape is known; for others they are refused. Called by converse_build.c. */
#include "wire/converse_build.h"

#include "wire/converse.h"

#define PAIRS_MAX      16 /* of requestMetadata */
#define PAIR_MAX_BYTES 256

static enum err refuse(struct building *b, const char *member, const char *why) {
  static const struct llm_place root = {""};
  return llm_refuse(b->rq, &root, member, why, b->fault);
}

static bool is_above_one(struct text number) {
  char digits[64];
  struct text head = text_head(number, sizeof(digits) - 1);
  if (text_is_empty(head))
    return false;
  memcpy(digits, head.at, head.len);
  digits[head.len] = '\0';
  return strtod(digits, NULL) > 1;
}

static void put_number(struct json_writer *w, const char *name, struct text digits) {
  if (text_is_empty(digits))
    return;
  json_name(w, name);
  json_put_raw(w, digits);
}

/* An answer must have room behind the thinking; where nobody has said how much, there is the default behind it. */
static uint64_t max_tokens_of(const struct llm_request *rq, uint64_t budget) {
  if (rq->max_tokens > 0 || budget < rq->default_max_tokens || budget == 0)
    return rq->max_tokens > 0 || budget == 0 ? rq->max_tokens : rq->default_max_tokens;
  return budget + rq->default_max_tokens;
}

static enum err put_inference(struct building *b, uint64_t budget) {
  struct llm_request *rq = b->rq;
  uint64_t max_tokens = max_tokens_of(rq, budget);
  struct text temperature = rq->temperature;
  if (is_above_one(temperature)) {
    enum err e = refuse(b, rq->names->temperature, "Converse takes a temperature of 1 at most");
    if (e)
      return e;
    temperature = TEXT_NONE;
  }
  if (max_tokens == 0 && text_is_empty(temperature) && text_is_empty(rq->top_p) && rq->stop_count == 0)
    return ERR_OK;
  json_name(b->w, "inferenceConfig");
  json_object(b->w);
  if (max_tokens > 0)
    json_field_u64(b->w, "maxTokens", max_tokens);
  put_number(b->w, "temperature", temperature);
  put_number(b->w, "topP", rq->top_p);
  if (rq->stop_count > 0) {
    json_name(b->w, "stopSequences");
    json_array(b->w);
    for (size_t i = 0; i < rq->stop_count; i++)
      json_put_text(b->w, rq->stop[i]);
    json_array_end(b->w);
  }
  json_object_end(b->w);
  return ERR_OK;
}

/* Models that think within a budget and do not know effort. */
static bool thinks_by_budget(struct text model) {
  static const char *const marks[] = {"claude-3-7", "-4-0", "-4-1", "-4-2025", "-4-5", "claude-opus-4@", "sonnet-4-2"};
  for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
    if (text_find(model, text_of(marks[i])) >= 0)
      return true;
  return false;
}

static uint64_t budget_of_effort(struct text effort) {
  if (text_equal(effort, TEXT("minimal")) || text_equal(effort, TEXT("low")))
    return 2048;
  return text_is_empty(effort) || text_equal(effort, TEXT("medium")) ? 8192 : 24576;
}

struct thinking {
  const char *type; /* NULL: nothing is written */
  uint64_t budget;
  struct text effort;
};

static enum err choose_thinking(struct building *b, struct thinking *t) {
  const struct llm_request *rq = b->rq;
  *t = (struct thinking){.effort = rq->effort};
  if (rq->thinking == LLM_THINKING_NOT_GIVEN)
    return ERR_OK;
  if (!b->is_anthropic) /* an effort says it all */
    return rq->thinking == LLM_THINKING_ADAPTIVE && !text_is_empty(rq->effort)
               ? ERR_OK
               : refuse(b, rq->names->thinking, "how this model is told to think is not known");
  if (rq->thinking == LLM_THINKING_OFF) {
    t->type = "disabled";
  } else if (rq->thinking == LLM_THINKING_BUDGET || thinks_by_budget(rq->model)) {
    bool is_given = rq->thinking == LLM_THINKING_BUDGET;
    t->type = "enabled";
    t->budget = is_given ? rq->thinking_budget : budget_of_effort(rq->effort);
    t->effort = is_given ? rq->effort : TEXT_NONE;
  } else {
    t->type = "adaptive";
  }
  if (t->budget > 0 && rq->max_tokens > 0 && t->budget >= rq->max_tokens)
    return fault_set(b->fault, ERR_BAD_REQUEST, rq->names->max_tokens,
                     "%s: must be larger than the %llu tokens for thinking", rq->names->max_tokens,
                     (unsigned long long)t->budget);
  return ERR_OK;
}

static void put_thinking(struct building *b, const struct thinking *t) {
  bool is_on = t->type && strcmp(t->type, "disabled") != 0;
  json_name(b->w, "thinking");
  json_object(b->w);
  json_field_str(b->w, "type", t->type);
  if (t->budget > 0)
    json_field_u64(b->w, "budget_tokens", t->budget);
  if (is_on && b->rq->display != LLM_DISPLAY_NOT_GIVEN)
    json_field_str(b->w, "display", b->rq->display == LLM_DISPLAY_OMITTED ? "omitted" : "summarized");
  json_object_end(b->w);
}

static void put_single_call(struct building *b) {
  enum llm_choice choice = b->rq->choice;
  json_name(b->w, "tool_choice");
  json_object(b->w);
  json_field_str(b->w, "type", choice == LLM_CHOICE_TOOL ? "tool" : choice == LLM_CHOICE_ANY ? "any" : "auto");
  if (choice == LLM_CHOICE_TOOL)
    json_field_text(b->w, "name", b->rq->choice_name);
  json_field_bool(b->w, "disable_parallel_tool_use", true);
  json_object_end(b->w);
}

static void put_fields(struct building *b, const struct thinking *t) {
  if (text_is_empty(b->rq->top_k) && !t->type && !converse_build_is_single(b))
    return;
  json_name(b->w, "additionalModelRequestFields");
  json_object(b->w);
  put_number(b->w, "top_k", b->rq->top_k);
  if (t->type)
    put_thinking(b, t);
  if (converse_build_is_single(b))
    put_single_call(b);
  json_object_end(b->w);
}

/* Which sequence ended the answer stands only among the model's own fields, in either of two places. A path that leads
 * nowhere is ignored. */
static void put_answer_fields(struct building *b) {
  if (b->rq->stop_count == 0 || !b->is_anthropic)
    return;
  json_name(b->w, "additionalModelResponseFieldPaths");
  json_array(b->w);
  json_put_str(b->w, "/stop_sequence");
  json_put_str(b->w, "/delta/stop_sequence");
  json_array_end(b->w);
}

/* The schema is JSON inside a string. */
static void put_text_format(struct building *b) {
  const struct llm_request *rq = b->rq;
  json_name(b->w, "textFormat");
  json_object(b->w);
  json_field_str(b->w, "type", "json_schema");
  json_name(b->w, "structure");
  json_object(b->w);
  json_name(b->w, "jsonSchema");
  json_object(b->w);
  json_field_text(b->w, "schema", rq->output_schema);
  json_field_text(b->w, "name", text_is_empty(rq->output_name) ? TEXT("answer") : rq->output_name);
  if (!text_is_empty(rq->output_description))
    json_field_text(b->w, "description", rq->output_description);
  json_object_end(b->w);
  json_object_end(b->w);
  json_object_end(b->w);
}

static enum err put_output(struct building *b, struct text effort) {
  enum llm_output output = b->rq->output;
  if (output == LLM_OUTPUT_JSON) {
    enum err e = refuse(b, b->rq->names->output, "Converse needs a schema for JSON");
    if (e)
      return e;
  }
  if (output != LLM_OUTPUT_SCHEMA && text_is_empty(effort))
    return ERR_OK;
  json_name(b->w, "outputConfig");
  json_object(b->w);
  if (output == LLM_OUTPUT_SCHEMA)
    put_text_format(b);
  if (!text_is_empty(effort))
    json_field_text(b->w, "effort", text_equal(effort, TEXT("minimal")) ? TEXT("low") : effort);
  json_object_end(b->w);
  return ERR_OK;
}

static bool is_pair_text(struct text t) {
  if (t.len > PAIR_MAX_BYTES)
    return false;
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_word && text_find_char(TEXT(" \t\n\r\v\f:_@$#=/+,-."), c) < 0)
      return false;
  }
  return true;
}

/* Fills the pairs that can be said. */
static enum err choose_pairs(struct building *b, struct llm_pair out[PAIRS_MAX], size_t *count) {
  const struct llm_request *rq = b->rq;
  static const char *const why = "Converse takes 16 pairs of at most 256 letters, digits and :_@$#=/+,-. signs";
  enum err e = ERR_OK;
  *count = 0;
  if (!text_is_empty(rq->user_id) && is_pair_text(rq->user_id))
    out[(*count)++] = (struct llm_pair){TEXT("user_id"), rq->user_id};
  else if (!text_is_empty(rq->user_id))
    e = refuse(b, rq->names->user_id, why);
  for (size_t i = 0; !e && i < rq->metadata_count; i++) {
    const struct llm_pair *p = &rq->metadata[i];
    bool fits = *count < PAIRS_MAX && !text_is_empty(p->name) && is_pair_text(p->name) && is_pair_text(p->value);
    if (fits)
      out[(*count)++] = *p;
    else
      e = refuse(b, rq->names->metadata, why);
  }
  return e;
}

static enum err put_metadata(struct building *b) {
  struct llm_pair pairs[PAIRS_MAX];
  size_t count;
  enum err e = choose_pairs(b, pairs, &count);
  if (e || count == 0)
    return e;
  json_name(b->w, "requestMetadata");
  json_object(b->w);
  for (size_t i = 0; i < count; i++) {
    json_name_text(b->w, pairs[i].name);
    json_put_text(b->w, pairs[i].value);
  }
  json_object_end(b->w);
  return ERR_OK;
}

static enum err put_tier(struct building *b) {
  struct text tier = b->rq->service_tier;
  if (text_is_empty(tier) || text_equal(tier, TEXT("auto")))
    return ERR_OK;
  if (!text_equal(tier, TEXT("default")) && !text_equal(tier, TEXT("flex")) && !text_equal(tier, TEXT("priority")))
    return refuse(b, b->rq->names->service_tier, "Converse does not know this service tier");
  json_name(b->w, "serviceTier");
  json_object(b->w);
  json_field_text(b->w, "type", tier);
  json_object_end(b->w);
  return ERR_OK;
}

/* What has no counterpart at all. */
static enum err refuse_rest(struct building *b) {
  const struct llm_request *rq = b->rq;
  const struct {
    bool is_given;
    const char *member;
  } rows[] = {
      {!text_is_empty(rq->frequency_penalty), "frequency_penalty"},
      {!text_is_empty(rq->presence_penalty), "presence_penalty"},
      {!text_is_empty(rq->seed), "seed"},
      {!text_is_empty(rq->verbosity), "verbosity"},
      {!text_is_empty(rq->cache_key), "prompt_cache_key"},
      {rq->cache_explicit, "prompt_cache_options.mode"},
      {!text_is_empty(rq->cache_options_ttl), "prompt_cache_options.ttl"},
      {!text_is_empty(rq->cache_retention), "prompt_cache_retention"},
      {rq->store == LLM_YES, "store"},
      {rq->parallel_tools == LLM_NO && !b->is_anthropic, rq->names->parallel_tools},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    enum err e = rows[i].is_given ? refuse(b, rows[i].member, "Converse has no counterpart to this") : ERR_OK;
    if (e)
      return e;
  }
  return ERR_OK;
}

enum err converse_build_settings(struct building *b) {
  struct thinking thinking = {0};
  enum err e = refuse_rest(b);
  if (!e)
    e = choose_thinking(b, &thinking);
  if (!e)
    e = put_inference(b, thinking.budget);
  if (!e)
    e = put_output(b, thinking.effort);
  if (!e)
    e = put_metadata(b);
  if (!e)
    e = put_tier(b);
  if (e)
    return e;
  put_fields(b, &thinking);
  put_answer_fields(b);
  return ERR_OK;
}
