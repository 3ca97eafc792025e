/* The endpoints of OpenRouter: completions, embeddings, the catalogue with its prices, and what a key may still spend.
 * Reached through the table of calls.c. */
#include "sim/calls.h"
#include "sim/models.h"
#include "sim/openai.h"
#include "sim/openrouter_price.h"

#define LIST_MAX_BYTES (256 * 1024)

static void put_price(struct json_writer *w, const char *name, uint64_t nano) {
  struct buf b;
  buf_init(&b, 64);
  openrouter_put_dollars(&b, nano);
  json_field_text(w, name, buf_text(&b));
  buf_done(&b);
}

static void put_pricing(struct json_writer *w) {
  json_name(w, "pricing");
  json_object(w);
  put_price(w, "prompt", OPENROUTER_PROMPT_NANO);
  put_price(w, "completion", OPENROUTER_COMPLETION_NANO);
  put_price(w, "request", 0);
  put_price(w, "image", 0);
  put_price(w, "web_search", 0);
  put_price(w, "internal_reasoning", 0);
  put_price(w, "input_cache_read", OPENROUTER_CACHE_READ_NANO);
  put_price(w, "input_cache_write", OPENROUTER_CACHE_WRITE_NANO);
  json_object_end(w);
}

static void put_words(struct json_writer *w, const char *name, const char *const *words) {
  json_name(w, name);
  json_array(w);
  for (; *words; words++)
    json_put_str(w, *words);
  json_array_end(w);
}

static void put_architecture(struct json_writer *w) {
  json_name(w, "architecture");
  json_object(w);
  json_field_str(w, "modality", "text+image->text");
  put_words(w, "input_modalities", (const char *const[]){"text", "image", "file", NULL});
  put_words(w, "output_modalities", (const char *const[]){"text", NULL});
  json_field_str(w, "tokenizer", "Claude");
  json_field_str(w, "instruct_type", NULL);
  json_object_end(w);
}

static void put_model(struct json_writer *w, struct text id) {
  static const char *const parameters[] = {
      "include_reasoning", "max_tokens",  "reasoning", "response_format", "stop",  "structured_outputs",
      "temperature",       "tool_choice", "tools",     "top_k",           "top_p", NULL};
  json_object(w);
  json_field_text(w, "id", id);
  json_field_text(w, "canonical_slug", id);
  json_field_text(w, "name", id);
  json_field_u64(w, "created", SIM_OPENAI_CREATED);
  json_field_str(w, "description", "A simulated model of weir-sim.");
  json_field_u64(w, "context_length", 200000);
  put_architecture(w);
  put_pricing(w);
  json_name(w, "top_provider");
  json_object(w);
  json_field_u64(w, "context_length", 200000);
  json_field_u64(w, "max_completion_tokens", 64000);
  json_field_bool(w, "is_moderated", false);
  json_object_end(w);
  json_field_str(w, "per_request_limits", NULL);
  put_words(w, "supported_parameters", parameters);
  json_object_end(w);
}

/* Every model under a vendor's name, and under its own. */
static void answer_models(struct sim_call *c) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, LIST_MAX_BYTES);
  json_writer_init(&w, &out);
  json_object(&w);
  json_name(&w, "data");
  json_array(&w);
  for (size_t i = 0; i < SIM_MODELS_COUNT; i++) {
    put_model(&w, arena_format(c->play.rq->arena, "anthropic/%s", sim_models[i]));
    put_model(&w, text_of(sim_models[i]));
  }
  json_array_end(&w);
  json_object_end(&w);
  play_json(&c->play, 200, buf_text(&out));
  buf_done(&out);
}

static void answer_key(struct sim_call *c) {
  play_json(&c->play, 200,
            TEXT("{\"data\":{\"label\":\"sk-or-v1-wei...sim\",\"limit\":100,\"usage\":1.5,\"usage_daily\":0.5,"
                 "\"usage_weekly\":1.5,\"usage_monthly\":1.5,\"limit_remaining\":98.5,\"limit_reset\":null,"
                 "\"is_free_tier\":false,\"is_provisioning_key\":false,\"rate_limit\":{\"requests\":-1,\"interval\":"
                 "\"10s\",\"note\":\"This field is deprecated and safe to ignore.\"}}}"));
}

static const struct sim_route routes[] = {
    {"POST", "/api/v1/chat/completions", &sim_openrouter, sim_call_answer, false, false},
    {"POST", "/api/v1/embeddings", &sim_openrouter, sim_call_embeddings, false, false},
    {"GET", "/api/v1/models", &sim_openrouter, answer_models, false, true},
    {"GET", "/api/v1/key", &sim_openrouter, answer_key, false, false},
};
const struct sim_route_table sim_openrouter_routes = {routes, sizeof(routes) / sizeof(routes[0])};
